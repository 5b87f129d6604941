/**
 * Simulates a lost network for "Go offline". The Roomcast client is not notified of the simulation.
 * While the window is offline, its current connection and each new connection are closed.
 */

/** Aborted while the window is offline. */
let controller = new AbortController();

export class SwitchableWebSocket extends WebSocket {
  constructor(url: string | URL, protocols?: string | string[]) {
    super(url, protocols);
    const { signal } = controller;
    const close = (): void => this.close();
    if (signal.aborted) close();
    signal.addEventListener("abort", close);
    this.addEventListener("close", () => signal.removeEventListener("abort", close));
  }
}

export const switchableFetch: typeof fetch = (input, init) => {
  const signals = init?.signal ? [controller.signal, init.signal] : [controller.signal];
  return fetch(input, { ...init, signal: AbortSignal.any(signals) });
};

export function goOffline(): void {
  controller.abort();
}

export function goOnline(): void {
  controller = new AbortController();
}
