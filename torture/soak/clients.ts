/** The kinds of clients of a typical service. Each client asserts that it misses no event. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { get } from "node:http";
import { dial } from "../../tests/edge/client.ts";
import { endsIn } from "../../tests/edge/jwt.ts";
import { tokenOf } from "../../tests/edge/room.ts";

export interface Load {
  url: string;
  random: () => number;
  /** Returns the name of a random room. */
  room(): string;
  /** Reports that a client received an event `ms` after the event was published. */
  received(ms: number): void;
  /** Reports an error, which fails the suite. */
  fail(cause: unknown): void;
}

export interface Client {
  ping(): void;
  /** Performs a random action: a publish, a signal, a presence update, or nothing. */
  act(): void;
  close(): void;
  /** Resolves with the close code. */
  closed: Promise<number>;
}

type Kind = (load: Load) => Promise<Client>;

/** Subscribes to one room. One client in three also enters the room. */
const subscriber: Kind = async (load) => {
  const name = load.room();
  const enters = load.random() < 1 / 3;
  const token = tokenOf(`u${load.random()}`, ["subscribe", "publish", "presence"]);
  return open(load, `/rooms/${name}/events?flow=1`, token, (send) => {
    if (enters) send({ type: "enter", data: 1 });
    return () => {
      const choice = load.random();
      if (choice < 0.4) send({ type: "publish", name: "n", data: Date.now(), key: "k" });
      else if (choice < 0.8) send({ type: "signal", name: "typing", data: 1 });
      else if (enters) send({ type: "enter", data: choice });
    };
  });
};

/**
 * Subscribes to one room with a token that expires within a minute. The worker closes the socket
 * when the token expires.
 */
const guest: Kind = (load) => {
  const exp = endsIn(5 + Math.floor(load.random() * 40));
  const token = tokenOf("guest", ["subscribe"], { exp });
  return open(load, `/rooms/${load.room()}/events?flow=1`, token, () => () => {});
};

/** Subscribes to five rooms over one socket, and replaces one room with another at each action. */
const connection: Kind = (load) =>
  open(load, "/events", tokenOf("many", ["subscribe", "publish"]), (send) => {
    const rooms = new Set(Array.from({ length: 5 }, () => load.room()));
    for (const room of rooms) send({ type: "subscribe", room });
    return () => {
      const [room = ""] = rooms;
      rooms.delete(room);
      send({ type: "unsubscribe", room });
      const next = load.room();
      if (!rooms.has(next) && next !== room) {
        rooms.add(next);
        send({ type: "subscribe", room: next });
      }
    };
  });

/** Reads Server-Sent Events. */
const stream: Kind = async (load) => {
  const headers = {
    accept: "text/event-stream",
    authorization: `Bearer ${tokenOf("reader", ["subscribe"])}`,
  };
  const request = get(`${load.url}/rooms/${load.room()}/events`, { agent: false, headers });
  const [response] = await once(request, "response");
  let [seq, rest] = [-1, ""];
  response.on("data", (bytes: Buffer) => {
    const lines = (rest + String(bytes)).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) {
      const id = /^id: ?\w+:(\d+)$/.exec(line)?.[1];
      if (id === undefined) continue;
      if (seq >= 0 && Number(id) !== seq + 1) load.fail(`a stream at ${seq} received ${id}`);
      seq = Number(id);
    }
  });
  response.on("error", () => {}); // A "close" follows.
  const closed = new Promise<number>((resolve) => response.on("close", () => resolve(1000)));
  return { ping() {}, act() {}, close: () => response.destroy(), closed };
};

const KINDS: Kind[] = [subscriber, subscriber, subscriber, subscriber, guest, connection, stream];

/** Opens a client of a random kind. */
export function openClient(load: Load): Promise<Client> {
  return (KINDS[Math.floor(load.random() * KINDS.length)] ?? subscriber)(load);
}

type Send = (frame: object) => void;

/** Opens a socket that checks the order of events in every room, and acknowledges with `seen`. */
async function open(
  load: Load,
  path: string,
  token: string,
  start: (send: Send) => () => void,
): Promise<Client> {
  const socket = dial(load.url + path, { token });
  const closed = new Promise<number>((resolve) => socket.on("close", resolve));
  const send: Send = (frame) => socket.send(JSON.stringify(frame), () => {});
  const seqs = new Map<string, number>();
  socket.on("message", (text) => {
    const frame = JSON.parse(String(text));
    const { type, room } = frame;
    if (type === "welcome") seqs.set(room, frame.seq);
    if (type !== "events") return;
    try {
      assert.equal(frame.prev, seqs.get(room), "no gap and no repeat");
    } catch (cause) {
      load.fail(cause);
    }
    const last = frame.events.at(-1);
    seqs.set(room, last.seq);
    send({ type: "seen", room, seq: last.seq });
    load.received(Date.now() - last.data);
  });
  await once(socket, "open");
  const act = start(send);
  return {
    ping: () => send({ type: "ping" }),
    act,
    close: () => (load.random() < 0.5 ? socket.close(1000) : socket.terminate()),
    closed,
  };
}
