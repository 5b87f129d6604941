/**
 * The id of this window's visitor, which is the `sub` of the token. `undefined` until the first
 * token arrives.
 */
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
