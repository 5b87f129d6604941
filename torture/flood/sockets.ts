/** Opens WebSockets and bare TCP connections to a room. */
import { once } from "node:events";
import { type Socket as Tcp, connect } from "node:net";
import type { WebSocket } from "ws";
import { type Connection, dial } from "../../tests/edge/client.ts";
import { type Room, tokenOf } from "../../tests/edge/room.ts";
import { UPGRADE, request } from "../../tests/edge/wire.ts";

const token = tokenOf("stranger", ["subscribe"]);

export async function openSocket({ url }: Room, how: Connection = { token }): Promise<WebSocket> {
  const socket = dial(`${url}/events`, how);
  await once(socket, "open");
  // If the room closes a socket, the runtime ends the connection only after the client has sent
  // something.
  socket.send('{"type":"ping"}', () => {});
  return socket;
}

export async function openTcp({ url }: Room): Promise<Tcp> {
  const { hostname, port } = new URL(url);
  const tcp = connect(Number(port), hostname);
  tcp.on("error", () => {});
  await once(tcp, "connect");
  return tcp;
}

/** Returns the text of a WebSocket upgrade request to the room. */
export function upgrade({ url }: Room): string {
  const { port, pathname } = new URL(url);
  const headers = { ...UPGRADE, authorization: `Bearer ${token}` };
  return request(Number(port), { path: `${pathname}/events`, headers });
}
