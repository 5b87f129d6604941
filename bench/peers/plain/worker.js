/**
 * A simple room that is as cheap as the platform allows. It has no tokens and no validation. It
 * stores each event as a row in a ring of 1,000 rows, and sends each event to each socket in a
 * separate frame.
 */
import { DurableObject } from "cloudflare:workers";

const RETAINED = 1000;

export class Room extends DurableObject {
  constructor(state, env) {
    super(state, env);
    this.sql = state.storage.sql;
    this.sql.exec(
      "CREATE TABLE IF NOT EXISTS events (slot INTEGER PRIMARY KEY, seq INTEGER, data TEXT)",
    );
    const [{ head }] = this.sql.exec("SELECT max(seq) AS head FROM events").toArray();
    this.head = head ?? 0;
    this.rowsWritten = 0;
  }

  async fetch(request) {
    if (request.headers.get("upgrade") === "websocket") return this.subscribe(new URL(request.url));
    if (request.method === "GET") return Response.json({ rows_written: this.rowsWritten });
    for (const data of await request.json()) this.publish(JSON.stringify(data));
    return Response.json({ head: this.head });
  }

  subscribe(url) {
    const { 0: client, 1: server } = new WebSocketPair();
    this.ctx.acceptWebSocket(server);
    const since = url.searchParams.get("since");
    if (since !== null) {
      const missed = "SELECT seq, data FROM events WHERE seq > ? ORDER BY seq";
      for (const { seq, data } of this.sql.exec(missed, Number(since)))
        server.send(text(seq, data));
    }
    return new Response(null, { status: 101, webSocket: client });
  }

  webSocketMessage(_, data) {
    this.publish(data);
  }

  webSocketClose(socket) {
    socket.close();
  }

  publish(data) {
    const seq = (this.head += 1);
    const upsert = "INSERT OR REPLACE INTO events (slot, seq, data) VALUES (?, ?, ?)";
    this.rowsWritten += this.sql.exec(upsert, seq % RETAINED, seq, data).rowsWritten;
    const event = text(seq, data);
    for (const socket of this.ctx.getWebSockets()) socket.send(event);
  }
}

const text = (seq, data) => `{"seq":${seq},"data":${data}}`;

export default {
  fetch: (request, { ROOMS }) =>
    ROOMS.getByName(new URL(request.url).pathname.slice(1)).fetch(request),
};
