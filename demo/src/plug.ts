/**
 * The plug of the network, to be pulled by "Go offline". Roomcast isn't told: its connection goes,
 * and none that it tries holds, as in a tunnel.
 */
let cable = new AbortController();
const sockets = new Set<WebSocket>();

export class PluggedWebSocket extends WebSocket {
  constructor(url: string | URL, protocols?: string | string[]) {
    super(url, protocols);
    sockets.add(this);
    this.addEventListener("close", () => sockets.delete(this));
    if (cable.signal.aborted) this.close();
  }
}

/** Also what is being read of an answer ends. */
export const pluggedFetch: typeof fetch = (input, init) => {
  const signals = [cable.signal, ...(init?.signal ? [init.signal] : [])];
  return fetch(input, { ...init, signal: AbortSignal.any(signals) });
};

export function pull(): void {
  cable.abort();
  for (const socket of sockets) socket.close();
}

export function putBack(): void {
  cable = new AbortController();
}
