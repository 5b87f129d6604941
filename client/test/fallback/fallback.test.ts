import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, it, mock } from "node:test";
import { Fallback } from "../../src/fallback/index.ts";
import { TransportSelector } from "../../src/connection/transport-selector.ts";
import type { TransportOptions, TransportUser } from "../../src/connection/transport.ts";
import { advance, settle, startClock } from "../model/network.ts";

const MINUTE = 60_000;

/** Result of a WebSocket that a probe opens. */
type Outcome = "pong" | "nothing" | "no WebSocket" | number;

let outcome: Outcome;
/** Response to `GET /healthz`. `undefined` while the server is unreachable. */
let health: string | undefined;
let checks: number;
let probes: string[];

class ProbedSocket {
  onopen: (() => void) | undefined;
  onmessage: (() => void) | undefined;
  onclose: ((close: { code: number }) => void) | undefined;

  constructor(url: string) {
    probes.push(url);
    if (outcome === "no WebSocket") throw new DOMException("not here", "SecurityError");
    queueMicrotask(() => {
      if (typeof outcome === "number") this.onclose?.({ code: outcome });
      else this.onopen?.();
    });
  }

  send(text: string): void {
    assert.equal(text, '{"type":"ping"}');
    if (outcome === "pong") this.onmessage?.();
  }

  close(): void {}
}

const options: TransportOptions = {
  url: "https://rt/base/",
  WebSocket: ProbedSocket as unknown as typeof WebSocket,
  fetch: async (url) => {
    assert.equal(String(url), "https://rt/base/healthz");
    checks++;
    if (health === undefined) throw new TypeError("fetch failed");
    return new Response(health);
  },
  report: (error) => assert.fail(error),
};

class RecordingUser implements TransportUser {
  readonly inputs: string[] = [];

  dispatch({ type }: { type: "wake" | "switch_transport" }): void {
    this.inputs.push(type);
  }
}

let user: RecordingUser;
let users: Set<TransportUser>;
let fallback: Fallback;

async function failDial(transport: "websocket" | "sse" | "long-polling"): Promise<void> {
  fallback.recordDial(transport, false);
  await settle();
}

beforeEach(() => {
  startClock();
  outcome = 1006;
  health = "ok";
  checks = 0;
  probes = [];
  user = new RecordingUser();
  users = new Set([user]);
  fallback = new Fallback(options, users);
});
afterEach(() => mock.reset());

describe("the fallback", () => {
  it("is used after one more failed WebSocket, and long-polling after two failed streams", async () => {
    await failDial("websocket");
    assert.deepEqual([fallback.transport, user.inputs], ["sse", ["wake"]]);
    await failDial("sse");
    await failDial("websocket");
    assert.equal(fallback.transport, "sse", "no WebSocket was dialled");
    await failDial("sse");
    assert.deepEqual([fallback.transport, user.inputs], ["long-polling", ["wake", "wake"]]);
  });

  it("is not used after simultaneous failures, or after one failure that follows an answered dial", async () => {
    fallback.recordDial("websocket", true);
    for (let n = 0; n < 5; n++) fallback.recordDial("websocket", false);
    await settle();
    assert.deepEqual([fallback.transport, checks], ["websocket", 1]);
    fallback.recordDial("websocket", true);
    await failDial("websocket");
    assert.equal(fallback.transport, "websocket");
  });

  it("is not used if only a proxy's page is reachable, not the server", async () => {
    for (health of [undefined, "<h1>Please pay.</h1>"]) {
      for (let n = 0; n < 5; n++) await failDial("websocket");
      assert.equal(fallback.transport, "websocket");
    }
  });
});

describe("a better transport", () => {
  beforeEach(() => failDial("websocket"));

  it("is probed after five minutes, then twice as long each time", async () => {
    const at: number[] = [];
    for (let minutes = 1; minutes <= 40; minutes++) {
      await advance(MINUTE, 1_000);
      if (probes.length > at.length) at.push(minutes);
    }
    assert.deepEqual(at, [5, 15, 35]);
    assert.deepEqual(probes, Array(3).fill("wss://rt/base/events"));
    assert.deepEqual(user.inputs, ["wake"]);

    outcome = "pong";
    await advance(60 * MINUTE, 10_000);
    assert.deepEqual(
      [fallback.transport, user.inputs],
      ["websocket", ["wake", "switch_transport"]],
    );
    await advance(120 * MINUTE, 10_000);
    assert.equal(probes.length, 4);
  });

  const outcomes: [Outcome, "websocket" | "sse"][] = [
    ["pong", "websocket"],
    [4001, "websocket"],
    [1013, "websocket"],
    [1006, "sse"],
    [1002, "sse"],
    ["nothing", "sse"],
    ["no WebSocket", "sse"],
  ];
  for (const [what, transport] of outcomes) {
    it(`is ${transport} if a probe ends with ${what}`, async () => {
      outcome = what;
      await advance(5 * MINUTE + 15_000, 1_000);
      assert.deepEqual([fallback.transport, probes.length], [transport, 1]);
    });
  }

  it("is probed again after a probe without a result", async () => {
    outcome = "nothing";
    await advance(5 * MINUTE, 1_000);
    outcome = "pong";
    await advance(10 * MINUTE, 1_000);
    assert.deepEqual([fallback.transport, probes.length], ["websocket", 2]);
  });

  it("is probed only while there are users", async () => {
    users.clear();
    fallback.scheduleProbe();
    await advance(60 * MINUTE, 10_000);
    assert.deepEqual(probes, []);
    users.add(user);
    fallback.scheduleProbe();
    await advance(10);
    assert.equal(probes.length, 1);
  });
});

describe("the transport selector", () => {
  let selector: TransportSelector;

  /** Waits until a module is loaded, which takes real time. */
  async function waitForLoad(): Promise<void> {
    for (let n = 0; n < 20; n++) await settle();
  }

  beforeEach(() => {
    selector = new TransportSelector(options);
    selector.setActive(user, true);
  });

  it("sends no request while dials are answered", async () => {
    selector.recordDial(true);
    await waitForLoad();
    assert.equal(checks, 0);
  });

  it("loads the fallback after two dials fail although the server is reachable", async () => {
    health = undefined;
    for (let n = 0; n < 5; n++) {
      selector.recordDial(false);
      await waitForLoad();
    }
    health = "ok";
    selector.recordDial(false);
    await waitForLoad();
    assert.equal(selector.transport, "websocket");
    selector.recordDial(false);
    await waitForLoad();
    assert.deepEqual([selector.transport, user.inputs], ["sse", ["wake"]]);
  });

  it("dials with the transport that was chosen when the dial began", async () => {
    const websocket = selector.dial("websocket", "wss://rt/base/events", []);
    assert.ok(websocket instanceof ProbedSocket);
    for (let n = 0; n < 2; n++) {
      selector.recordDial(false);
      await waitForLoad();
    }
    const late = selector.dial("websocket", "wss://rt/base/events", []);
    assert.ok(late instanceof ProbedSocket);
  });
});
