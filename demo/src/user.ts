/** Who this window's visitor is: the `sub` of their token. Not known before there is one. */
import { decodeJwt } from "jose";
import { useSyncExternalStore } from "react";

let user: string | undefined;
const listeners = new Set<() => void>();

export function signIn(token: string): void {
  user = decodeJwt(token).sub;
  for (const listener of listeners) listener();
}

export const useUser = (): string | undefined =>
  useSyncExternalStore(
    subscribe,
    () => user,
    () => undefined,
  );

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}
