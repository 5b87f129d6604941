import { useSyncExternalStore } from "react";

/** The `?guest` of the address, for links to stay with this window's visitor. */
export const useSearch = (): string =>
  useSyncExternalStore(
    () => () => {},
    () => location.search,
    () => "",
  );
