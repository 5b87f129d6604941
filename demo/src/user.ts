/** Who this window's visitor is: the `sub` of their token. Not known before there is one. */
import { decodeJwt } from "jose";
import { useSyncExternalStore } from "react";

let user: string | undefined;
const watchers = new Set<() => void>();

export function signIn(token: string): void {
  user = decodeJwt(token).sub;
  for (const watch of watchers) watch();
}

export const useUser = (): string | undefined =>
  useSyncExternalStore(
    subscribe,
    () => user,
    () => undefined,
  );

function subscribe(watch: () => void): () => void {
  watchers.add(watch);
  return () => watchers.delete(watch);
}
