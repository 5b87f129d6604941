/** Sockets to a room that a stranger opens, well and badly. */
import { once } from "node:events";
import { type Socket as Tcp, connect } from "node:net";
import { WebSocket } from "ws";
import { type Room, tokenOf } from "../../tests/edge/room.ts";

const headers = { authorization: `Bearer ${tokenOf("stranger", ["subscribe"])}` };

export async function opens(
  { url }: Room,
  by: Record<string, string> = headers,
): Promise<WebSocket> {
  const socket = new WebSocket(`${url.replace(/^http/, "ws")}/events`, "roomcast.v1", {
    headers: by,
    perMessageDeflate: false,
  });
  socket.on("error", () => {}); // A close follows.
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
  const { host, pathname } = new URL(url);
  return (
    `GET ${pathname}/events HTTP/1.1\r\nhost: ${host}\r\nauthorization: ${headers.authorization}\r\n` +
    "upgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-version: 13\r\n" +
    "sec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
  );
}
