import { useLayoutEffect, useRef, type RefObject } from "react";

/** Nearer to an end than this is at the end. */
const NEAR_PX = 40;

export interface Anchored {
  readonly ref: RefObject<HTMLDivElement | null>;
  onScroll(): void;
}

/**
 * Keeps a list that scrolls where its reader is: at its end, or else at what is being read, whatever
 * comes or goes above it and below. Browsers do that too, but not each, and none at the very top.
 */
export function useAnchor(reachedTop: () => void): Anchored {
  const ref = useRef<HTMLDivElement>(null);
  /** The first item that is seen, and where. None at the end. */
  const anchor = useRef<{ readonly item: Element; readonly y: number }>(undefined);

  function drop(list: HTMLDivElement): void {
    const atEnd = list.scrollHeight - list.clientHeight - list.scrollTop < NEAR_PX;
    const { top } = list.getBoundingClientRect();
    const item = atEnd ? undefined : [...list.querySelectorAll("li")].find((li) => yOf(li) > top);
    anchor.current = item && { item, y: yOf(item) };
  }

  useLayoutEffect(() => {
    const list = ref.current!;
    if (anchor.current === undefined) list.scrollTop = list.scrollHeight;
    else if (anchor.current.item.isConnected) {
      list.scrollTop += yOf(anchor.current.item) - anchor.current.y;
    }
    drop(list);
  });

  return {
    ref,
    onScroll() {
      const list = ref.current!;
      drop(list);
      if (list.scrollTop < NEAR_PX) reachedTop();
    },
  };
}

/** Where it ends: the name above a message goes when one of the same person comes before it. */
const yOf = (item: Element): number => item.getBoundingClientRect().bottom;
