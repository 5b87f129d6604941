/** Sockets to a room that a stranger opens, well and badly. */
import { once } from "node:events";
import { type Socket as Tcp, connect } from "node:net";
import type { WebSocket } from "ws";
import { type Connection, dial } from "../../tests/edge/client.ts";
import { type Room, tokenOf } from "../../tests/edge/room.ts";
import { UPGRADE, request } from "../../tests/edge/wire.ts";

const token = tokenOf("stranger", ["subscribe"]);

export async function opens({ url }: Room, how: Connection = { token }): Promise<WebSocket> {
  const socket = dial(`${url}/events`, how);
  await once(socket, "open");
  // Until it has sent something, the runtime does not end a socket that the room has closed.
  socket.send('{"type":"ping"}', () => {});
  return socket;
}

export async function raw({ url }: Room): Promise<Tcp> {
  const { hostname, port } = new URL(url);
  const tcp = connect(Number(port), hostname);
  tcp.on("error", () => {});
  await once(tcp, "connect");
  return tcp;
}

/** What asks for a WebSocket. */
export function upgrade({ url }: Room): string {
  const { port, pathname } = new URL(url);
  const headers = { ...UPGRADE, authorization: `Bearer ${token}` };
  return request(Number(port), { path: `${pathname}/events`, headers });
}
