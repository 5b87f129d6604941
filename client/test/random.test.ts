/**
 * The whole client in virtual time against the naive model, over a network that cuts, freezes,
 * delays, repeats and loses. A failure prints the seed that leads to it again.
 */
import assert from "node:assert/strict";
import { afterEach, beforeEach, it, mock } from "node:test";
import { createClient, type Gap, type Room, type RoomEvent } from "../src/index.ts";
import { fetchFrom } from "./model/http.ts";
import { advance, Network, randomFrom, startClock } from "./model/network.ts";
import { ModelServer, tokenFor } from "./model/server.ts";

const SEEDS = Number(process.env.SEEDS ?? 60);
const FIRST_SEED = Number(process.env.SEED ?? 1);
const STEPS = 150;

beforeEach(startClock);
afterEach(() => mock.reset());

/** What a handler was given since the last gap. */
interface Heard {
  events: RoomEvent[];
  gaps: Gap[];
}

function listen(room: Room): Heard {
  const heard: Heard = { events: [], gaps: [] };
  room.on((_, event) => heard.events.push(event));
  room.listen({
    gap(gap) {
      heard.gaps.push(gap);
      heard.events = [];
    },
  });
  return heard;
}

class World {
  readonly random: () => number;
  readonly server: ModelServer;
  readonly network: Network;
  readonly acknowledged = new Map<string, number>();
  readonly failures: unknown[] = [];
  published = 0;

  constructor(seed: number, retained: number) {
    this.random = randomFrom(seed);
    this.server = new ModelServer(Date.now, { retained, eventsAFrame: 1 + this.below(5) });
    this.network = new Network(this.server);
    this.network.delay = () => this.random() ** 3 * 400;
    // A frame that is lost alone, or comes twice, is no TCP: it stands for a server that errs.
    this.network.copies = (frame) => {
      if ((frame as { type: string }).type !== "events") return 1;
      const chance = this.random();
      return chance < 0.02 ? 0 : chance < 0.06 ? 2 : 1;
    };
  }

  below(bound: number): number {
    return Math.floor(this.random() * bound);
  }

  client(name: string, token = () => tokenFor(name, Date.now() + 120_000)) {
    const publish = { timeoutMs: 3_600_000 };
    const { WebSocket } = this.network;
    const fetch = fetchFrom(this.server);
    return createClient({ url: "https://model", token, publish, WebSocket, fetch });
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

  breakSomething(): void {
    const chance = this.random();
    const wires = [...this.network.wires];
    const wire = wires[this.below(wires.length)];
    if (chance < 0.15) wire?.cut(this.random() < 0.5 ? 1006 : 1012);
    else if (chance < 0.2) wire?.freeze();
    else if (chance < 0.22) for (const each of wires) each.cut(1006);
    else if (chance < 0.24) this.network.down = !this.network.down;
    for (const each of wires) each.expire();
  }

  async heal(): Promise<void> {
    this.network.down = false;
    this.network.copies = () => 1;
    await advance(120_000, 500);
  }
}

/** The state as the model's, and as the client's. */
const stateOf = (events: Iterable<RoomEvent>): [string | undefined, number][] =>
  Array.from(events, (event) => [event.key, event.seq]);

async function run(seed: number, retained: number): Promise<World & { heard: Heard[] }> {
  const world = new World(seed, retained);
  mock.method(Math, "random", world.random);
  const rooms = ["alice", "bob", "carol"].map((name) => world.client(name).room("room"));
  const heard = rooms.map(listen);
  await advance(2_000);
  for (let n = 0; n < STEPS; n++) {
    if (world.random() < 0.7) world.publish(rooms[world.below(rooms.length)]!);
    world.breakSomething();
    await advance(world.below(2_000), 100);
  }
  await world.heal();
  // A frame that was lost as the last one shows only when another comes.
  world.publish(rooms[0]!);
  await advance(5_000, 100);
  const { snapshot, head } = world.server.room("room");
  rooms.forEach((room, n) => {
    assert.equal(room.status, "connected");
    assert.equal(room.position, `${snapshot.epoch}:${head}`);
    assert.deepEqual(stateOf(room.state!.values()), stateOf(snapshot.events));
    const { events, gaps } = heard[n]!;
    const start = gaps.at(-1)?.seq ?? (events[0]?.seq ?? head + 1) - 1;
    const wanted = Array.from({ length: head - start }, (_, i) => start + 1 + i);
    assert.deepEqual(
      events.map(({ seq }) => seq),
      wanted,
      "once, in order, without a hole",
    );
  });
  return Object.assign(world, { heard });
}

for (let seed = FIRST_SEED; seed < FIRST_SEED + SEEDS; seed++) {
  it(`each handler sees each event exactly once in order (SEED=${seed} SEEDS=1)`, async () => {
    const { server, heard, acknowledged, failures, published } = await run(seed, Infinity);
    const { events } = server.room("room");
    assert.deepEqual(failures, []);
    assert.equal(events.length, published, "each publish counts once");
    for (const event of events) assert.equal(acknowledged.get(event.id!), event.seq);
    for (const { events: seen, gaps } of heard) {
      assert.deepEqual(gaps, []);
      assert.deepEqual(seen, events.slice(-seen.length));
      assert.equal(seen[0]!.seq, heard[0]!.events[0]!.seq);
    }
  });

  it(`or hears of a gap where the log is short (SEED=${seed} SEEDS=1)`, async () => {
    const { server, heard } = await run(seed, 3);
    for (const { events: seen } of heard) {
      const tail = seen.slice(-3);
      assert.deepEqual(tail, server.room("room").events.slice(-tail.length || Infinity));
    }
  });
}
