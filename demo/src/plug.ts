/**
 * The plug of the network, to be pulled by "Go offline". Roomcast isn't told: its connection goes,
 * and none that it tries holds, as in a tunnel.
 */
let cut = new AbortController();

export class PluggedWebSocket extends WebSocket {
  constructor(url: string | URL, protocols?: string | string[]) {
    super(url, protocols);
    const { signal } = cut;
    const close = (): void => this.close();
    if (signal.aborted) close();
    signal.addEventListener("abort", close);
    this.addEventListener("close", () => signal.removeEventListener("abort", close));
  }
}

export const pluggedFetch: typeof fetch = (input, init) => {
  const signals = init?.signal ? [cut.signal, init.signal] : [cut.signal];
  return fetch(input, { ...init, signal: AbortSignal.any(signals) });
};

export function pull(): void {
  cut.abort();
}

export function putBack(): void {
  cut = new AbortController();
}
