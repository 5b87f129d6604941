/** Tests of reads over HTTP, and of resuming after a reload. */
import assert from "node:assert/strict";
import { it, mock } from "node:test";
import { createClient, type Client } from "../../src/index.ts";
import { fetchFrom } from "../model/http.ts";
import { advance } from "../model/network.ts";
import { tokenFor } from "../model/claims.ts";
import { clientOf, codeOf, describeBoth, HOUR, network, publish, server } from "../fixture.ts";

describeBoth("reloading the page", () => {
  class Storage extends Map<string, string> {
    getItem = (key: string): string | null => this.get(key) ?? null;
    setItem = (key: string, value: string): void => void this.set(key, value);
  }

  it("resumes from its position, and reads the state", async () => {
    const resume = new Storage();
    const before = clientOf({ resume });
    before.room("room").on(() => {});
    await advance(100);
    publish("a", 1, "x");
    await advance(100);
    before.close();
    publish("a", 2, "y");
    publish("b", 3);
    const room = clientOf({ resume }).room("room");
    const received: unknown[] = [];
    room.on((data) => received.push(data));
    room.listen({ state: () => received.push("state") });
    await advance(100);
    assert.deepEqual(received, [2, 3, "state"]);
    assert.deepEqual([...room.state!.keys()], ["x", "y"]);
  });

  it("is not necessary to resume in a room that was left", async () => {
    const room = clientOf({ resume: new Storage() }).room("room");
    const stop = room.on(() => {});
    await advance(100);
    stop();
    await advance(5_000);
    publish("a", 1);
    const received: unknown[] = [];
    room.on((data) => received.push(data));
    await advance(100);
    assert.deepEqual(received, [1]);
  });

  /**
   * Creates a client that resumes from the room's start. `meanwhile` runs while the client reads
   * the state.
   */
  async function resumed(meanwhile: (read: typeof fetch) => Promise<Response>) {
    const { epoch } = server.room("room");
    publish("a", 1, "x");
    const read = fetchFrom(server);
    const room = clientOf({
      resume: new Storage([["roomcast:https://model/rooms/room/events", `${epoch}:0`]]),
      fetch: (...request) => meanwhile(() => read(...request)),
    }).room("room");
    const settled: unknown[] = [];
    room.listen({ state: () => settled.push([room.position, ...room.state!.keys()]) });
    await advance(200);
    return { epoch, settled };
  }

  it("reads no state before its first use, and then reads the current state", async () => {
    const { epoch } = server.room("room");
    publish("a", 1, "x");
    const fetch = mock.fn(fetchFrom(server));
    const resume = new Storage([["roomcast:https://model/rooms/room/events", `${epoch}:0`]]);
    const room = clientOf({ resume, fetch }).room("room");
    room.on(() => {});
    await advance(60_000);
    assert.equal(fetch.mock.callCount(), 0);
    publish("a", 2, "y");
    await advance(100);
    const states: unknown[] = [];
    room.listen({ state: () => states.push([...room.state!.keys()]) });
    await advance(100);
    assert.deepEqual(states, [["x", "y"]]);
    assert.equal(fetch.mock.callCount(), 1);
  });

  it("applies a state that is ahead after it has caught up", async () => {
    const { epoch, settled } = await resumed(async (read) => {
      publish("a", 2, "y");
      publish("a", null, "x");
      return read("");
    });
    assert.deepEqual(settled, [[`${epoch}:3`, "y"]]);
  });

  it("does not apply a state from before a gap", async () => {
    const { epoch, settled } = await resumed(async (read) => {
      const response = await read("");
      const { epoch, sessions } = server.room("room");
      const { peer } = [...sessions][0]!;
      // A room sends the pong after the state, but the model would send the pong first. So the pong
      // is dropped.
      network.copies = (frame) => ((frame as { type: string }).type === "pong" ? 0 : 1);
      peer.send({ type: "gap", room: "room", epoch, oldest: 5, seq: 7 });
      await new Promise((resolve) => setTimeout(resolve, 50));
      const events = [{ seq: 7, name: "a", data: 1, at: 0, from: "b", key: "z" }];
      peer.send({ type: "state", room: "room", epoch, seq: 7, events });
      return response;
    });
    assert.deepEqual(settled, [[`${epoch}:7`, "z"]]);
  });

  it("accepts a storage that is broken", async () => {
    const resume = {
      getItem: () => "nonsense",
      setItem(): void {
        throw new Error("full");
      },
    };
    const room = clientOf({ resume }).room("room");
    room.on(() => {});
    await advance(100);
    assert.equal(room.status, "connected");
  });
});

describeBoth("history", () => {
  it("reads all pages up to the head", async () => {
    for (let n = 0; n < 2_500; n++) publish("a", n);
    const room = clientOf().room("room");
    const { events, head } = await room.history({ since: `${server.room("room").epoch}:0` });
    assert.deepEqual([events.length, events.at(-1)!.seq, head], [2_500, 2_500, 2_500]);
    assert.equal((await room.history({ last: 3 })).events.length, 3);
  });

  it("reads one page before a position, which pages after the position continue", async () => {
    for (let n = 0; n < 300; n++) publish("a", n);
    const { epoch } = server.room("room");
    const fetch = mock.fn(fetchFrom(server));
    const room = clientOf({ fetch }).room("room");
    const { prev, events } = await room.history({ before: `${epoch}:250`, limit: 20 });
    assert.deepEqual([prev, events[0]!.seq, events.at(-1)!.seq], [230, 231, 250]);
    const byDefault = await room.history({ before: `${epoch}:${prev}` });
    assert.deepEqual([byDefault.prev, byDefault.events.length], [130, 100]);
    const none = await room.history({ before: `${epoch}:0`, limit: 20 });
    assert.deepEqual([none.prev, none.events], [0, []]);
    assert.equal(fetch.mock.callCount(), 3);
  });

  it("fails with `position_lost` if the position is lost", async () => {
    const room = clientOf().room("room");
    assert.equal(await codeOf(room.history({ since: "gone0000:4" })), "position_lost");
    assert.equal(await codeOf(room.history({ before: "gone0000:4" })), "position_lost");
  });

  it("names the possible cause for a page of another origin", async (t) => {
    const fetch = async () => {
      throw new TypeError("Failed to fetch");
    };
    const messageOf = () =>
      clientOf({ fetch })
        .room("room")
        .history({ last: 1 })
        .catch(({ message }: Error) => message);
    assert.equal(await messageOf(), "No answer from model.");
    t.after(() => Reflect.deleteProperty(globalThis, "location"));
    Object.assign(globalThis, { location: new URL("https://app.example/board") });
    assert.match(String(await messageOf()), /ALLOWED_ORIGINS.*https:\/\/app\.example/);
    Object.assign(globalThis, { location: new URL("https://model/board") });
    assert.equal(await messageOf(), "No answer from model.");
  });

  it("sends the cookie if there is no token", async () => {
    const fetch = mock.fn(fetchFrom(server));
    const credentialsOf = async (client: Client): Promise<unknown> => {
      fetch.mock.resetCalls();
      await codeOf(client.room("room").history({ last: 1 }));
      return fetch.mock.calls[0]!.arguments[1]!.credentials;
    };
    assert.equal(await credentialsOf(clientOf({ fetch })), "same-origin");
    const byCookie = createClient({ url: "https://model", WebSocket: network.WebSocket, fetch });
    assert.equal(await credentialsOf(byCookie), "include");
  });

  it("requests a new token if the old one is rejected", async () => {
    const token = mock.fn(() => tokenFor("alice", Date.now() + HOUR + token.mock.callCount()));
    const client = clientOf({ token });
    await client.room("room").history({ last: 1 });
    server.revoked.add(token.mock.calls[0]!.result!);
    await client.room("room").history({ last: 1 });
    assert.equal(token.mock.callCount(), 2);
    server.claimsOf = () => undefined;
    assert.equal(await codeOf(client.room("room").history({ last: 1 })), "unauthorized");
  });
});
