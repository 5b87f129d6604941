/**
 * Runs the whole client against the model in virtual time, over a network that cuts, freezes,
 * delays, repeats and loses frames. A failure prints the seed that reproduces it.
 */
import assert from "node:assert/strict";
import { afterEach, beforeEach, it, mock } from "node:test";
import {
  createClient,
  type Client,
  type ClientOptions,
  type Gap,
  type Room,
  type RoomEvent,
} from "../../src/index.ts";
import { fetchFrom } from "../model/http.ts";
import {
  advance,
  Network,
  randomFrom,
  startClock,
  stepWallClock,
  trueTime,
} from "../model/network.ts";
import { tokenFor } from "../model/claims.ts";
import { ModelServer } from "../model/server.ts";

const SEEDS = Number(process.env.SEEDS ?? 60);
const FIRST_SEED = Number(process.env.SEED ?? 1);
const STEPS = 150;
const KINDS = ["shared", "room"] as const;
/** Number of rooms that clients join and leave, besides the main room. */
const SIDE_ROOMS = 4;

beforeEach(startClock);
afterEach(() => mock.reset());

/** Events that a handler received since the last gap. */
interface Received {
  events: RoomEvent[];
  gaps: Gap[];
}

function listen(room: Room): Received {
  const received: Received = { events: [], gaps: [] };
  room.on((_, event) => received.events.push(event));
  room.listen({
    gap(gap) {
      received.gaps.push(gap);
      received.events = [];
    },
  });
  return received;
}

/** A client that joins and leaves side rooms. Each visit must receive events without a gap. */
class Visitor {
  /** Events that did not follow the previous event or gap. */
  readonly wrong: string[] = [];
  readonly #client: Client;
  readonly #visits = new Map<string, () => void>();

  constructor(client: Client) {
    this.#client = client;
  }

  toggleVisit(name: string): void {
    const leave = this.#visits.get(name);
    if (leave) {
      this.#visits.delete(name);
      return leave();
    }
    let last: number | undefined;
    const stop = this.#client.room(name).listen({
      events: (events) => {
        for (const { seq } of events) {
          if (last !== undefined && seq !== last + 1) this.wrong.push(`${name}: ${last}, ${seq}`);
          last = seq;
        }
      },
      gap: ({ seq }) => (last = seq),
    });
    this.#visits.set(name, stop);
  }

  leaveAll(): void {
    for (const leave of this.#visits.values()) leave();
    this.#visits.clear();
  }
}

class RandomRun {
  readonly #sockets: ClientOptions["sockets"];
  readonly random: () => number;
  readonly server: ModelServer;
  readonly network: Network;
  readonly acknowledged = new Map<string, number>();
  readonly failures: unknown[] = [];
  published = 0;

  constructor(seed: number, retained: number, sockets: ClientOptions["sockets"]) {
    this.#sockets = sockets!;
    this.random = randomFrom(seed);
    this.server = new ModelServer(trueTime, { retained, eventsPerFrame: 1 + this.below(5) });
    this.network = new Network(this.server);
    this.network.delay = () => this.random() ** 3 * 400;
    this.server.lag = () => this.random() ** 3 * 400;
    // TCP neither loses nor repeats a single frame, so these faults simulate a faulty server.
    this.network.copies = (frame) => {
      if ((frame as { type: string }).type !== "events") return 1;
      const chance = this.random();
      return chance < 0.02 ? 0 : chance < 0.06 ? 2 : 1;
    };
  }

  below(bound: number): number {
    return Math.floor(this.random() * bound);
  }

  client(name: string, token = () => tokenFor(name, trueTime() + 120_000)) {
    const publish = { timeoutMs: 3_600_000 };
    const { WebSocket } = this.network;
    const fetch = fetchFrom(this.server);
    const sockets = this.#sockets!;
    return createClient({ url: "https://model", token, publish, WebSocket, fetch, sockets });
  }

  publish(room: Room): void {
    const id = `id-${++this.published}`;
    const key = this.random() < 0.3 ? `key-${this.below(5)}` : undefined;
    const data = this.random() < 0.1 ? null : this.published;
    room.publish("event", data, key ? { id, key } : { id }).then(
      (seq) => this.acknowledged.set(id, seq),
      (error) => this.failures.push(error),
    );
  }

  injectFault(): void {
    const chance = this.random();
    const connections = [...this.network.connections];
    const connection = connections[this.below(connections.length)];
    if (chance < 0.15) connection?.cut(this.random() < 0.5 ? 1006 : 1012);
    else if (chance < 0.2) connection?.freeze();
    else if (chance < 0.22) for (const each of connections) each.cut(1006);
    else if (chance < 0.24) this.network.down = !this.network.down;
    else if (chance < 0.28) this.endSession();
    else if (chance < 0.31) stepWallClock((this.random() - 0.5) * 10 * 3_600_000);
    for (const each of connections) each.expire();
  }

  /** Ends one session of a room. */
  endSession(): void {
    const room = this.server.room(this.random() < 0.5 ? "room" : this.sideRoom());
    const [...sessions] = room.sessions;
    const session = sessions[this.below(sessions.length)];
    if (session) room.end(session, [1011, 1012, 1013][this.below(3)]!);
  }

  sideRoom(): string {
    return `side-${this.below(SIDE_ROOMS)}`;
  }

  async endFaults(): Promise<void> {
    this.network.down = false;
    this.network.copies = () => 1;
    await advance(120_000, 500);
  }
}

/**
 * Returns the keys and seqs of a state, because only the keys and seqs are equal in the model and
 * the client.
 */
const stateOf = (events: Iterable<RoomEvent>): [string | undefined, number][] =>
  Array.from(events, (event) => [event.key, event.seq]);

async function runRandom(
  seed: number,
  retained: number,
  sockets: (typeof KINDS)[number],
): Promise<RandomRun & { received: Received[] }> {
  const run = new RandomRun(seed, retained, sockets);
  mock.method(Math, "random", run.random);
  const clients = ["alice", "bob", "carol"].map((name) => run.client(name));
  const visitors = clients.map((client) => new Visitor(client));
  const rooms = clients.map((client) => client.room("room"));
  const received = rooms.map(listen);
  // The other clients use the state only at the end.
  rooms[0]!.listen({ state() {} });
  await advance(2_000);
  for (let n = 0; n < STEPS; n++) {
    if (run.random() < 0.7) run.publish(rooms[run.below(rooms.length)]!);
    if (run.random() < 0.3) visitors[run.below(3)]!.toggleVisit(run.sideRoom());
    const side = run.server.room(run.sideRoom());
    side.append([{ name: "aside", data: n }], "backend", Date.now());
    run.injectFault();
    await advance(run.below(2_000), 100);
  }
  for (const visitor of visitors) visitor.leaveAll();
  await run.endFaults();
  // If the last frame was lost, the client detects the loss only with the next frame.
  run.publish(rooms[0]!);
  for (const room of rooms) room.listen({ state() {} });
  await advance(5_000, 100);
  for (const { wrong } of visitors) assert.deepEqual(wrong, []);
  const { snapshot, head } = run.server.room("room");
  assert.equal(run.network.connections.size, rooms.length, "a socket for each client");
  for (const { name, sessions } of run.server.rooms.values()) {
    assert.equal(sessions.size, name === "room" ? rooms.length : 0, `sessions in ${name}`);
  }
  rooms.forEach((room, n) => {
    assert.equal(room.status, "connected");
    assert.equal(room.position, `${snapshot.epoch}:${head}`);
    assert.deepEqual(stateOf(room.state!.values()), stateOf(snapshot.events));
    const { events, gaps } = received[n]!;
    const start = gaps.at(-1)?.seq ?? (events[0]?.seq ?? head + 1) - 1;
    const wanted = Array.from({ length: head - start }, (_, i) => start + 1 + i);
    assert.deepEqual(
      events.map(({ seq }) => seq),
      wanted,
      "exactly once, in order, without a gap",
    );
  });
  return Object.assign(run, { received });
}

for (const [seed, sockets] of cases()) {
  const hint = `sockets: "${sockets}", SEED=${seed} SEEDS=1`;

  it(`each handler receives each event exactly once in order (${hint})`, async () => {
    const { server, received, acknowledged, failures, published } = await runRandom(
      seed,
      Infinity,
      sockets,
    );
    const { events } = server.room("room");
    assert.deepEqual(failures, []);
    assert.equal(events.length, published, "each publish is stored once");
    for (const event of events) assert.equal(acknowledged.get(event.id!), event.seq);
    for (const { events: seen, gaps } of received) {
      assert.deepEqual(gaps, []);
      assert.deepEqual(seen, events.slice(-seen.length));
      assert.equal(seen[0]!.seq, received[0]!.events[0]!.seq);
    }
  });

  it(`each handler receives a gap if the log is short (${hint})`, async () => {
    const { server, received } = await runRandom(seed, 3, sockets);
    for (const { events: seen } of received) {
      const tail = seen.slice(-3);
      assert.deepEqual(tail, server.room("room").events.slice(-tail.length || Infinity));
    }
  });
}

function* cases(): Generator<[number, (typeof KINDS)[number]]> {
  for (let seed = FIRST_SEED; seed < FIRST_SEED + SEEDS; seed++) {
    for (const sockets of KINDS) yield [seed, sockets];
  }
}
