/**
 * The plug of the network, to be pulled by "Go offline". Roomcast isn't told: its connection goes,
 * and none that it tries holds, as in a tunnel.
 */
let plugged = true;
const sockets = new Set<WebSocket>();

export class PluggedWebSocket extends WebSocket {
  constructor(url: string | URL, protocols?: string | string[]) {
    super(url, protocols);
    sockets.add(this);
    this.addEventListener("close", () => sockets.delete(this));
    if (!plugged) this.close();
  }
}

export function pull(): void {
  plugged = false;
  for (const socket of sockets) socket.close();
}

export function putBack(): void {
  plugged = true;
}
