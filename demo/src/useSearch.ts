import { useSyncExternalStore } from "react";

/** Returns the URL's query, so that links keep the `?guest` of this window. */
export const useSearch = (): string =>
  useSyncExternalStore(
    () => () => {},
    () => location.search,
    () => "",
  );
