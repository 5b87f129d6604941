import { useLayoutEffect, useRef, type RefObject } from "react";

/** Nearer to an end than this is at the end. */
const NEAR_PX = 40;

export interface Anchored {
  readonly ref: RefObject<HTMLDivElement | null>;
  onScroll(): void;
}

/** The list as it was last seen. */
interface View {
  /** How far it could be scrolled. */
  readonly range: number;
  /** The first item in sight, and where in the list it ended. */
  readonly item?: Element | undefined;
  readonly end: number;
}

/**
 * Keeps a list that scrolls where its reader is: at its end, or else at what is being read, whatever
 * comes or goes above it and below. Browsers do that too, but not each, and none at the very top.
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

  // A browser tells of scrolling a frame later. Where the reader is, the list says itself: to be
  // made up for is only what has moved in it.
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

/** Where it ends: the name above a message goes when one of the same person comes before it. */
function endOf(item: Element, list: Element): number {
  return item.getBoundingClientRect().bottom - list.getBoundingClientRect().top + list.scrollTop;
}
