import { useLayoutEffect, useRef, type RefObject } from "react";

/** Maximum distance at which the list counts as scrolled to its start or its end. */
const NEAR_PX = 40;

export interface Anchored {
  readonly ref: RefObject<HTMLDivElement | null>;
  onScroll(): void;
}

/** Scroll position at the last measurement. */
interface View {
  /** Largest possible `scrollTop`. */
  readonly range: number;
  /** First visible item, and the offset of its end in the list. */
  readonly item?: Element | undefined;
  readonly end: number;
}

/**
 * Preserves the scroll position of a list when items above or below the visible items are added or
 * removed. A list that is scrolled to its end stays at its end. Otherwise the first visible item
 * does not move. Not all browsers support scroll anchoring, and no browser supports it at the top
 * of the list.
 */
export function useAnchor(onReachTop: () => void): Anchored {
  const ref = useRef<HTMLDivElement>(null);
  const view = useRef<View>({ range: 0, end: 0 });

  function measure(list: HTMLDivElement): void {
    const range = list.scrollHeight - list.clientHeight;
    const { top } = list.getBoundingClientRect();
    const items = [...list.querySelectorAll("li")];
    const item = items.find((li) => li.getBoundingClientRect().bottom > top);
    view.current = { range, item, end: item ? endOf(item, list) : 0 };
  }

  // The scroll event arrives one frame late. So this effect reads the current `scrollTop`, and
  // corrects it only by the distance that the first visible item has moved within the list.
  useLayoutEffect(() => {
    const list = ref.current!;
    const { range, item, end } = view.current;
    if (range - list.scrollTop < NEAR_PX) list.scrollTop = list.scrollHeight;
    else if (item?.isConnected) list.scrollTop += endOf(item, list) - end;
    measure(list);
  });

  return {
    ref,
    onScroll() {
      const list = ref.current!;
      measure(list);
      if (list.scrollTop < NEAR_PX) onReachTop();
    },
  };
}

/**
 * Returns the offset of the item's end in the list. The offset of the item's start is not stable:
 * the name above a message disappears when an earlier message of the same user is loaded.
 */
function endOf(item: Element, list: Element): number {
  return item.getBoundingClientRect().bottom - list.getBoundingClientRect().top + list.scrollTop;
}
