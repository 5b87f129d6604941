import assert from "node:assert/strict";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, describe, it, mock, type TestContext } from "node:test";
import { createClient } from "../src/index.ts";
import { createBackend, RoomcastError, type BackendOptions } from "../src/server.ts";
import { fetchFrom } from "./model/http.ts";
import { advance, startClock, stopClock } from "./model/network.ts";
import { tokenFor } from "./model/claims.ts";
import { ModelServer } from "./model/server.ts";

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

/**
 * Returns a `fetch` that fails with each of the faults in turn, and succeeds afterwards. Records
 * the times of its calls.
 */
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

  it("retries with the same id, so that the event is stored once", async () => {
    const { fetch, calls } = failing("answer lost", "no answer", "answer cut off");
    const seq = backendOf({ fetch }).publish("room", "a", 1);
    await advance(5_000);
    assert.equal(await seq, 1);
    assert.equal(server.room("room").events.length, 1);
    assert.equal(calls.length, 4);
  });

  it("waits for the server's retry time", async () => {
    const { fetch, calls } = failing(refusal(429, "rate_limited", { "retry-after": "3" }));
    const seq = backendOf({ fetch }).publish("room", "a", 1);
    await advance(5_000);
    assert.equal(await seq, 1);
    assert.ok(calls[1]! - calls[0]! >= 3_000);
  });

  it("retries if a proxy responds with its own page", async () => {
    const { fetch } = failing(new Response("<h1>Bad gateway</h1>", { status: 502 }));
    const seq = backendOf({ fetch }).publish("room", "a", 1);
    await advance(1_000);
    assert.equal(await seq, 1);
  });

  it("gives up after its timeout", async () => {
    // The waits are random. A wait that ended in the last millisecond would leave it open whether
    // the timeout or the last attempt ends the call.
    mock.method(Math, "random", () => 0.5);
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
    it(`does not retry ${code}`, async () => {
      const { fetch, calls } = failing(refusal(status, code));
      const error = await errorOf(backendOf({ fetch }).publish("room", "a", 1));
      assert.ok(error instanceof RoomcastError);
      assert.deepEqual([error.code, error.message, calls.length], [code, "No.", 1]);
    });
  }

  it("requests a token each time", async () => {
    const token = mock.fn(async () => tokenFor("backend", Date.now() + 1_000));
    const backend = backendOf({ token });
    await backend.publish("room", "a", 1);
    await backend.publish("room", "a", 2);
    assert.equal(token.mock.callCount(), 2);
  });
});

describe("publishBatch", () => {
  it("is stored once, completely", async () => {
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
  it("returns the state and the history", async () => {
    const backend = backendOf();
    await backend.publishBatch("room", [
      { name: "a", data: 1, key: "x" },
      { name: "a", data: 2, key: "x" },
    ]);
    const state = await backend.state("room");
    assert.deepEqual([state.seq, state.events.map(({ data }) => data)], [2, [2]]);
    const { epoch, events } = await backend.history("room", { last: 1 });
    assert.equal(events[0]!.seq, 2);
    const older = await backend.history("room", { before: `${epoch}:1`, limit: 5 });
    assert.deepEqual(
      older.events.map(({ seq }) => seq),
      [1],
    );
    const lost = await errorOf(backend.history("room", { since: "lost0000:7" }));
    assert.equal(lost.code, "position_lost");
  });
});

describe("a time limit", () => {
  /** Requests to a local server, and a promise that resolves when the first request has ended. */
  interface UnresponsiveServer {
    readonly url: string;
    readonly requests: string[];
    readonly firstClosed: Promise<unknown>;
  }

  /** Starts a server that calls `act` for each request. By default, the server never responds. */
  async function startUnresponsiveServer(
    t: TestContext,
    act: (response: ServerResponse, request: IncomingMessage) => void = () => {},
  ): Promise<UnresponsiveServer> {
    const requests: string[] = [];
    let onClose!: (value?: unknown) => void;
    const firstClosed = new Promise((resolve) => (onClose = resolve));
    const http = createServer((request, response) => {
      requests.push(`${request.method} ${request.url}`);
      response.on("close", onClose);
      act(response, request);
    });
    await new Promise<void>((resolve) => http.listen(0, "127.0.0.1", resolve));
    t.after(() => {
      http.closeAllConnections();
      http.close();
    });
    return {
      url: `http://127.0.0.1:${(http.address() as AddressInfo).port}`,
      requests,
      firstClosed,
    };
  }

  // These tests use a real server in real time.
  beforeEach(stopClock);

  const token = "a.b.c";
  const TIMEOUT_MS = 300;

  /**
   * Returns the code of the call's error. Appends the duration if the call exceeds the limit by
   * far.
   */
  async function errorCodeOf(call: Promise<unknown>): Promise<string> {
    const began = performance.now();
    const { code } = await errorOf(call);
    const tookMs = performance.now() - began;
    return tookMs < TIMEOUT_MS + 3_000 ? code : `${code} after ${tookMs} ms`;
  }

  it("ends each call to a server that never responds", async (t) => {
    const { url, requests } = await startUnresponsiveServer(t);
    const own = createBackend({ url, token, timeoutMs: TIMEOUT_MS });
    const general = createBackend({ url, token });
    const options = { timeoutMs: TIMEOUT_MS };
    const calls = [
      own.publish("room", "a", 1),
      general.publish("room", "a", 1, { key: "k", ...options }),
      general.publishBatch("room", [{ name: "a", data: 1 }], options),
      general.state("room", options),
      general.history("room", { last: 1 }, options),
    ];
    const ends = await Promise.all(calls.map(errorCodeOf));
    assert.deepEqual(ends, Array(calls.length).fill("timeout"));
    assert.ok(requests.length >= calls.length);
  });

  it("ends an incomplete response, and a token callback that never resolves", async (t) => {
    const { url } = await startUnresponsiveServer(t, (response) =>
      response.writeHead(200).write('{"seqs":['),
    );
    const options = { timeoutMs: TIMEOUT_MS };
    const backend = createBackend({ url, token });
    assert.equal(await errorCodeOf(backend.publish("room", "a", 1, options)), "timeout");
    const waiting = createBackend({ url, token: () => new Promise<never>(() => {}) });
    assert.equal(await errorCodeOf(waiting.state("room", options)), "timeout");
  });

  it("is 10 s by default", async () => {
    startClock();
    const backend = createBackend({ url: "https://rt", token, fetch: () => new Promise(() => {}) });
    let code: string | undefined;
    void errorOf(backend.publish("room", "a", 1)).then((error) => (code = error.code));
    await advance(9_900);
    assert.equal(code, undefined);
    await advance(200);
    assert.equal(code, "timeout");
  });

  it("does not delay the abort of a call by its signal", async (t) => {
    const { url, requests, firstClosed } = await startUnresponsiveServer(t);
    const backend = createBackend({ url, token });
    const left = new AbortController();
    const call = backend.publish("room", "a", 1, { signal: left.signal });
    call.catch(() => {});
    while (requests.length === 0) await new Promise((resolve) => setImmediate(resolve));
    const began = performance.now();
    left.abort("left");
    assert.equal(await call.catch((reason: unknown) => reason), "left");
    await firstClosed;
    assert.ok(performance.now() - began < 3_000, "earlier than the timeout of the attempt");
    assert.deepEqual(requests, ["POST /rooms/room/events"]);
    // The signal is aborted before this call begins.
    const late = backend.state("room", { signal: left.signal });
    assert.equal(await late.catch((reason: unknown) => reason), "left");
    assert.equal(requests.length, 1);
  });

  it("does not delay an abort between two attempts, and no attempt follows", async () => {
    mock.timers.enable({ apis: ["setTimeout", "Date"] });
    const { fetch, calls } = failing(refusal(429, "rate_limited", { "retry-after": "5" }));
    const backend = createBackend({ url: "https://rt", token, fetch });
    const left = new AbortController();
    const call = backend.publish("room", "a", 1, { signal: left.signal });
    call.catch(() => {});
    await advance(1_000);
    left.abort("left");
    assert.equal(await call.catch((reason: unknown) => reason), "left");
    await advance(10_000);
    assert.equal(calls.length, 1);
  });
});

describe("an address", () => {
  it("may be that of the WebSocket", async () => {
    const urls: string[] = [];
    const fetch = async (url: unknown) => {
      urls.push(String(url));
      return Response.json({ seqs: [1] });
    };
    for (const url of ["ws://rt:1/base/", "WSS://rt", new URL("https://rt/base")]) {
      await createBackend({ url, token: "a.b.c", fetch }).publish("room", "a", 1);
    }
    assert.deepEqual(urls, [
      "http://rt:1/base/rooms/room/events",
      "https://rt/rooms/room/events",
      "https://rt/base/rooms/room/events",
    ]);
  });

  for (const url of [
    undefined,
    "",
    "rt.example.com",
    "localhost:8787",
    "/rt",
    "ftp://rt",
    "https://",
    "https://rt?a=1",
  ]) {
    it(`is rejected if it is ${url}`, () => {
      for (const create of [createBackend, createClient]) {
        assert.throws(() => create({ url: url as string, token: async () => "a.b.c" }), {
          name: "TypeError",
          message: new RegExp(
            `^\`url\` must be .* not ${JSON.stringify(url)?.replace("?", "\\?")}\\.$`,
          ),
        });
      }
    });
  }
});
