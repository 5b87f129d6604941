/**
 * Works like the room of the plain object, but uses partyserver, as partyserver's documentation
 * recommends.
 */
import { Server, routePartykitRequest } from "partyserver";

const RETAINED = 1000;

export class Room extends Server {
  static options = { hibernate: true };

  onStart() {
    this.sql`CREATE TABLE IF NOT EXISTS events (slot INTEGER PRIMARY KEY, seq INTEGER, data TEXT)`;
    this.head = this.sql`SELECT max(seq) AS head FROM events`[0].head ?? 0;
  }

  onConnect(connection, { request }) {
    const since = new URL(request.url).searchParams.get("since");
    if (since === null) return;
    const missed = this.sql`SELECT seq, data FROM events WHERE seq > ${Number(since)} ORDER BY seq`;
    for (const { seq, data } of missed) connection.send(text(seq, data));
  }

  async onRequest(request) {
    for (const data of await request.json()) this.publish(JSON.stringify(data));
    return Response.json({ head: this.head });
  }

  onMessage(_, data) {
    this.publish(data);
  }

  publish(data) {
    const seq = (this.head += 1);
    const slot = seq % RETAINED;
    this.sql`INSERT OR REPLACE INTO events (slot, seq, data) VALUES (${slot}, ${seq}, ${data})`;
    this.broadcast(text(seq, data));
  }
}

const text = (seq, data) => `{"seq":${seq},"data":${data}}`;

export default {
  fetch: async (request, env) =>
    (await routePartykitRequest(request, env)) ?? new Response(null, { status: 404 }),
};
