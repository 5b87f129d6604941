import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, it, mock } from "node:test";
import { createBackend, RoomcastError, type BackendOptions } from "../src/server.ts";
import { fetchFrom } from "./model/http.ts";
import { advance, startClock } from "./model/network.ts";
import { ModelServer, tokenFor } from "./model/server.ts";

let server: ModelServer;

beforeEach(() => {
  startClock();
  server = new ModelServer(Date.now);
});
afterEach(() => mock.reset());

const backendOf = (options: Partial<BackendOptions> = {}) =>
  createBackend({
    url: "https://model/",
    token: tokenFor("backend", Date.now() + 3_600_000),
    fetch: fetchFrom(server),
    ...options,
  });

type Fault = "no answer" | "answer lost" | "answer cut off" | Response;

/** A `fetch` that fails as listed, then works. Remembers when it was called. */
function failing(...faults: Fault[]) {
  const calls: number[] = [];
  const works = fetchFrom(server);
  const fetch: typeof globalThis.fetch = async (...request) => {
    calls.push(Date.now());
    const fault = faults.shift();
    if (fault === "no answer") throw new TypeError("fetch failed");
    const response = fault instanceof Response ? fault : await works(...request);
    if (fault === "answer lost") throw new TypeError("fetch failed");
    if (fault === "answer cut off") return new Response('{"seqs":[');
    return response;
  };
  return { fetch, calls };
}

const refusal = (status: number, code: string, headers = {}): Response =>
  Response.json({ error: { code, message: "No." } }, { status, headers });

const errorOf = (promise: Promise<unknown>): Promise<RoomcastError> =>
  promise.then(
    () => assert.fail("no error"),
    (error: RoomcastError) => error,
  );

describe("publish", () => {
  it("resolves with the seq", async () => {
    const backend = backendOf();
    assert.equal(await backend.publish("room", "a", { n: 1 }, { key: "k" }), 1);
    assert.equal(await backend.publish("room", "a", null, { key: "k", id: "mine" }), 2);
    const [first, second] = server.room("room").events;
    assert.deepEqual(
      [first!.name, first!.data, first!.key, first!.from],
      ["a", { n: 1 }, "k", "backend"],
    );
    assert.equal(second!.id, "mine");
  });

  it("tries again with the same id, so that it counts once", async () => {
    const { fetch, calls } = failing("answer lost", "no answer", "answer cut off");
    const seq = backendOf({ fetch }).publish("room", "a", 1);
    await advance(5_000);
    assert.equal(await seq, 1);
    assert.equal(server.room("room").events.length, 1);
    assert.equal(calls.length, 4);
  });

  it("waits as long as it is told to", async () => {
    const { fetch, calls } = failing(refusal(429, "rate_limited", { "retry-after": "3" }));
    const seq = backendOf({ fetch }).publish("room", "a", 1);
    await advance(5_000);
    assert.equal(await seq, 1);
    assert.ok(calls[1]! - calls[0]! >= 3_000);
  });

  it("tries again where a proxy answers with a page of its own", async () => {
    const { fetch } = failing(new Response("<h1>Bad gateway</h1>", { status: 502 }));
    const seq = backendOf({ fetch }).publish("room", "a", 1);
    await advance(1_000);
    assert.equal(await seq, 1);
  });

  it("gives up when the time is up", async () => {
    const faults = Array.from({ length: 100 }, (): Fault => "no answer");
    const { fetch } = failing(...faults);
    const error = errorOf(backendOf({ fetch, timeoutMs: 5_000 }).publish("room", "a", 1));
    await advance(5_000);
    assert.equal((await error).code, "offline");
  });

  for (const [status, code] of [
    [400, "bad_request"],
    [403, "forbidden"],
    [413, "too_large"],
  ] as const) {
    it(`does not try ${code} again`, async () => {
      const { fetch, calls } = failing(refusal(status, code));
      const error = await errorOf(backendOf({ fetch }).publish("room", "a", 1));
      assert.ok(error instanceof RoomcastError);
      assert.deepEqual([error.code, error.message, calls.length], [code, "No.", 1]);
    });
  }

  it("asks for a token each time", async () => {
    const token = mock.fn(async () => tokenFor("backend", Date.now() + 1_000));
    const backend = backendOf({ token });
    await backend.publish("room", "a", 1);
    await backend.publish("room", "a", 2);
    assert.equal(token.mock.callCount(), 2);
  });
});

describe("publishBatch", () => {
  it("counts once, whole", async () => {
    const { fetch } = failing("answer lost");
    const events = Array.from({ length: 1_000 }, (_, n) => ({ name: "a", data: n }));
    const seqs = backendOf({ fetch }).publishBatch("room", events);
    await advance(1_000);
    assert.deepEqual(
      await seqs,
      Array.from(events, (_, n) => n + 1),
    );
    assert.equal(server.room("room").head, 1_000);
  });
});

describe("reading", () => {
  it("has the state and the history", async () => {
    const backend = backendOf();
    await backend.publishBatch("room", [
      { name: "a", data: 1, key: "x" },
      { name: "a", data: 2, key: "x" },
    ]);
    const state = await backend.state("room");
    assert.deepEqual([state.seq, state.events.map(({ data }) => data)], [2, [2]]);
    assert.equal((await backend.history("room", { last: 1 })).events[0]!.seq, 2);
    const lost = await errorOf(backend.history("room", { since: "lost0000:7" }));
    assert.equal(lost.code, "position_lost");
  });
});
