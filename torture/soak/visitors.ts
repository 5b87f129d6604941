/** The kinds of visitors that a service has all day. Each checks that it misses nothing. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { get } from "node:http";
import { dial } from "../../tests/edge/client.ts";
import { endsIn } from "../../tests/edge/jwt.ts";
import { tokenOf } from "../../tests/edge/room.ts";

export interface World {
  url: string;
  random: () => number;
  /** A room's name. */
  room(): string;
  /** Somebody heard an event so many ms after it was published. */
  took(ms: number): void;
  /** Somebody heard what can't be. */
  wrong(cause: unknown): void;
}

export interface Visitor {
  /** What a client does every now and then. */
  ping(): void;
  /** What it does when it is in the mood: publishes, signals, updates. */
  act(): void;
  leave(): void;
  /** Resolves with the close code. */
  gone: Promise<number>;
}

type Kind = (world: World) => Promise<Visitor>;

/** Follows one room; every third enters it. */
const follower: Kind = async (world) => {
  const name = world.room();
  const enters = world.random() < 1 / 3;
  const token = tokenOf(`u${world.random()}`, ["subscribe", "publish", "presence"]);
  return opens(world, `/rooms/${name}/events?flow=1`, token, (send) => {
    if (enters) send({ type: "enter", data: 1 });
    return () => {
      const dice = world.random();
      if (dice < 0.4) send({ type: "publish", name: "n", data: Date.now(), key: "k" });
      else if (dice < 0.8) send({ type: "signal", name: "typing", data: 1 });
      else if (enters) send({ type: "enter", data: dice });
    };
  });
};

/** Its token ends within a minute, and it with that. */
const guest: Kind = (world) => {
  const exp = endsIn(5 + Math.floor(world.random() * 40));
  const token = tokenOf("guest", ["subscribe"], { exp });
  return opens(world, `/rooms/${world.room()}/events?flow=1`, token, () => () => {});
};

/** Follows five rooms over one socket, now these and now those. */
const connection: Kind = (world) =>
  opens(world, "/events", tokenOf("many", ["subscribe", "publish"]), (send) => {
    const rooms = new Set(Array.from({ length: 5 }, () => world.room()));
    for (const room of rooms) send({ type: "subscribe", room });
    return () => {
      const [room = ""] = rooms;
      rooms.delete(room);
      send({ type: "unsubscribe", room });
      const next = world.room();
      if (!rooms.has(next) && next !== room) {
        rooms.add(next);
        send({ type: "subscribe", room: next });
      }
    };
  });

/** Reads a stream. */
const stream: Kind = async (world) => {
  const headers = {
    accept: "text/event-stream",
    authorization: `Bearer ${tokenOf("reader", ["subscribe"])}`,
  };
  const request = get(`${world.url}/rooms/${world.room()}/events`, { agent: false, headers });
  const [response] = await once(request, "response");
  let [seq, rest] = [-1, ""];
  response.on("data", (bytes: Buffer) => {
    const lines = (rest + String(bytes)).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) {
      const id = /^id: ?\w+:(\d+)$/.exec(line)?.[1];
      if (id === undefined) continue;
      if (seq >= 0 && Number(id) !== seq + 1) world.wrong(`a stream at ${seq} got ${id}`);
      seq = Number(id);
    }
  });
  response.on("error", () => {}); // The end follows.
  const gone = new Promise<number>((resolve) => response.on("close", () => resolve(1000)));
  return { ping() {}, act() {}, leave: () => response.destroy(), gone };
};

const KINDS: Kind[] = [follower, follower, follower, follower, guest, connection, stream];

export function visit(world: World): Promise<Visitor> {
  return (KINDS[Math.floor(world.random() * KINDS.length)] ?? follower)(world);
}

type Send = (frame: object) => void;

/** A socket that applies events of any room, and says what it has seen. */
async function opens(
  world: World,
  path: string,
  token: string,
  begins: (send: Send) => () => void,
): Promise<Visitor> {
  const socket = dial(world.url + path, { token });
  const gone = new Promise<number>((resolve) => socket.on("close", resolve));
  const send: Send = (frame) => socket.send(JSON.stringify(frame), () => {});
  const seqs = new Map<string, number>();
  socket.on("message", (text) => {
    const frame = JSON.parse(String(text));
    const { type, room } = frame;
    if (type === "welcome") seqs.set(room, frame.seq);
    if (type !== "events") return;
    try {
      assert.equal(frame.prev, seqs.get(room), "no hole, and nothing twice");
    } catch (cause) {
      world.wrong(cause);
    }
    const last = frame.events.at(-1);
    seqs.set(room, last.seq);
    send({ type: "seen", room, seq: last.seq });
    world.took(Date.now() - last.data);
  });
  await once(socket, "open");
  const act = begins(send);
  return {
    ping: () => send({ type: "ping" }),
    act,
    leave: () => (world.random() < 0.5 ? socket.close(1000) : socket.terminate()),
    gone,
  };
}
