/**
 * Runs clients that enter, update and leave at random, over a network that cuts, freezes and delays
 * frames. After the last fault, each member must show the model's members. A failure prints its
 * seed.
 */
import assert from "node:assert/strict";
import { afterEach, beforeEach, it, mock } from "node:test";
import { createClient, type Room } from "../../src/index.ts";
import { fetchFrom } from "../model/http.ts";
import { advance, Network, randomFrom, startClock } from "../model/network.ts";
import { tokenFor } from "../model/claims.ts";
import { ModelServer } from "../model/server.ts";

const SEEDS = Number(process.env.SEEDS ?? 60);
const FIRST_SEED = Number(process.env.SEED ?? 1);
const STEPS = 150;
/** Users of the tabs. Two of the users have a second tab. */
const USERS = ["alice", "bob", "carol", "dave", "alice", "bob"];

beforeEach(startClock);
afterEach(() => mock.reset());

/** A tab with its wanted entry and its shown members. */
class Tab {
  readonly room: Room;
  readonly #user: string;
  wanted: { data: number } | undefined;
  /**
   * `true` if the tab has shown the list since it entered. From then on, the list must never be
   * missing.
   */
  #listed = false;

  constructor(room: Room, user: string) {
    this.room = room;
    this.#user = user;
    room.presence.subscribe(() => this.#check());
  }

  enter(data: number): void {
    this.wanted = { data };
    this.room.presence.enter(data);
  }

  leave(): void {
    this.wanted = undefined;
    this.#listed = false;
    this.room.presence.leave();
  }

  #check(): void {
    const { members } = this.room.presence;
    if (!this.wanted) return assert.equal(members, undefined);
    this.#listed ||= members !== undefined;
    if (!this.#listed) return;
    const own = members!.find(({ user }) => user === this.#user)!;
    const data = own.sessions.map((entry) => entry.data);
    assert.ok(data.includes(this.wanted.data), `shows ${data}, not ${this.wanted.data}`);
  }
}

for (let seed = FIRST_SEED; seed < FIRST_SEED + SEEDS; seed++) {
  const sockets = seed % 2 === 0 ? "shared" : "room";
  it(`each member shows the model's members (SEED=${seed} SEEDS=1, ${sockets})`, async () => {
    const random = randomFrom(seed);
    const below = (bound: number): number => Math.floor(random() * bound);
    mock.method(Math, "random", random);
    const errors: Error[] = [];
    // Node also logs its own warnings with `console.error`.
    mock.method(console, "error", (what: unknown) => what instanceof Error && errors.push(what));
    const server = new ModelServer(Date.now);
    server.lag = () => random() * 50;
    server.rateLimit = { perSecond: 50, burst: 100 };
    const network = new Network(server);
    network.delay = () => random() ** 3 * 400;
    const tabs = USERS.map((user) => {
      const client = createClient({
        url: "https://model",
        token: () => tokenFor(user, Date.now() + 120_000),
        WebSocket: network.WebSocket,
        fetch: fetchFrom(server),
        sockets,
      });
      return new Tab(client.room("room"), user);
    });
    for (let n = 0; n < STEPS; n++) {
      const tab = tabs[below(tabs.length)]!;
      const connections = [...network.connections];
      const connection = connections[below(connections.length)];
      const chance = random();
      if (chance < 0.5) tab.enter(n);
      else if (chance < 0.65) tab.leave();
      else if (chance < 0.8) connection?.cut(random() < 0.5 ? 1006 : 1012);
      else if (chance < 0.84) connection?.freeze();
      else if (chance < 0.86) for (const each of connections) each.cut(1006);
      else if (chance < 0.88) network.down = !network.down;
      for (const each of connections) each.expire();
      await advance(random() < 0.5 ? below(100) : below(4_000), 20);
    }
    network.down = false;
    await advance(120_000, 500);
    const { members } = server.room("room").presence;
    const present = tabs.filter(({ wanted }) => wanted);
    assert.deepEqual(
      members.flatMap(({ user, sessions }) => sessions.map(({ data }) => [user, data])).sort(),
      tabs.flatMap(({ wanted }, n) => (wanted ? [[USERS[n], wanted.data]] : [])).sort(),
    );
    for (const { room } of present) assert.deepEqual(room.presence.members, members);
    assert.deepEqual(errors, []);
  });
}
