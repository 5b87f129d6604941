/** Tests that set the wall clock back and forward. No deadline depends on the wall clock. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { describe, it, mock } from "node:test";
import { now, StepDetector, wallTimeOf } from "../src/clock.ts";
import { createBackend } from "../src/server.ts";
import { fetchFrom } from "./model/http.ts";
import { advance, randomFrom, stepWallClock, trueTime } from "./model/network.ts";
import { tokenFor } from "./model/claims.ts";
import { clientOf, codeOf, describeBoth, HOUR, network, publish, server } from "./fixture.ts";

const STEPS = [
  ["back", -2 * HOUR],
  ["forward", 2 * HOUR],
] as const;

/** Returns a token that expires by the server's clock, `trueTime`. */
const aliceFor = (ms: number): string => tokenFor("alice", trueTime() + ms);
const token = (): string => aliceFor(HOUR);

for (const [direction, ms] of STEPS) {
  describeBoth(`a wall clock that is set ${direction} by two hours`, () => {
    it("delays no publish, signal or join", async () => {
      const client = clientOf({ token });
      const room = client.room("room");
      const received: unknown[] = [];
      client.room("room").on((data) => received.push(data));
      await advance(100);
      stepWallClock(ms);
      const sent = room.publish("a", 1);
      room.signal("b", 2);
      client.room("other").on(() => {});
      await advance(200);
      assert.deepEqual([await sent, received], [1, [1]]);
      assert.equal(client.room("other").status, "connected");
    });

    it("does not change the deadline of an ack", async () => {
      const room = clientOf({ token, publish: { timeoutMs: 5_000 } }).room("room");
      network.down = true;
      let code: unknown;
      void codeOf(room.publish("a", 1)).then((rejected) => (code = rejected));
      await advance(1_000);
      stepWallClock(ms);
      await advance(3_900);
      assert.equal(code, undefined);
      await advance(200);
      assert.equal(code, "timeout");
    });

    it("keeps the time of the next attempt, apart from its wall-clock value", async () => {
      const room = clientOf({ token, backoff: { minMs: 20_000 } }).room("room");
      room.on(() => {});
      await advance(100);
      network.down = true;
      network.connections.forEach((connection) => connection.cut());
      network.down = false;
      const { retryAt } = room.connection;
      const wait = retryAt! - Date.now();
      stepWallClock(ms);
      await advance(wait + 500);
      assert.equal(room.status, "connected");
    });

    it("detects a dead socket within one ping period", async () => {
      const room = clientOf({ token }).room("room");
      room.on(() => {});
      await advance(100);
      network.connections.forEach((connection) => connection.freeze());
      stepWallClock(ms);
      await advance(26_000);
      assert.deepEqual([room.status, network.dialled], ["connected", 2]);
    });

    it("checks the connection and renews the token at the next event", async () => {
      const getToken = mock.fn(token);
      const room = clientOf({ token: getToken }).room("room");
      room.on(() => {});
      await advance(5_000);
      stepWallClock(ms);
      publish("a", 1);
      await advance(100);
      assert.equal(getToken.mock.callCount(), 2);
      network.connections.forEach((connection) => connection.freeze());
      stepWallClock(-ms);
      // At the next ping, the client detects the step of the wall clock. After this step, the
      // client waits at most two seconds for the pong.
      await advance(25_000 * 0.75 + 2_500);
      assert.deepEqual([room.status, network.dialled], ["connected", 2]);
    });
  });
}

describeBoth("a wall clock that is set by hours again and again", () => {
  it("does not affect or delay delivery", async () => {
    const random = randomFrom(7);
    const room = clientOf({ token: () => aliceFor(120_000) }).room("room");
    const received: unknown[] = [];
    room.on((data) => received.push(data));
    await advance(100);
    for (let n = 0; n < 60; n++) {
      stepWallClock((random() - 0.5) * 10 * HOUR);
      if (random() < 0.3) network.connections.forEach((connection) => connection.cut());
      network.connections.forEach((connection) => connection.expire());
      const sent = room.publish("a", n);
      await advance(5_000);
      assert.equal(await sent, n + 1);
    }
    assert.deepEqual(received, [...Array(60).keys()]);
    assert.equal(room.status, "connected");
  });
});

describe("a backend whose wall clock is set", () => {
  for (const [direction, ms] of STEPS) {
    it(`retries until its timeout: ${direction}`, async () => {
      const works = fetchFrom(server);
      let isDown = true;
      const backend = createBackend({
        url: "https://model",
        token: aliceFor(HOUR),
        timeoutMs: 30_000,
        fetch: (...request) => (isDown ? Promise.reject(new Error("down")) : works(...request)),
      });
      const sent = backend.publish("room", "a", 1);
      await advance(1_000);
      stepWallClock(ms);
      await advance(14_000);
      isDown = false;
      await advance(15_000);
      assert.equal(await sent, 1);
      isDown = true;
      let code: unknown;
      void codeOf(backend.publish("room", "a", 2)).then((rejected) => (code = rejected));
      await advance(5_000);
      stepWallClock(-ms);
      await advance(26_000);
      assert.equal(code, "offline");
    });
  }
});

describe("wall clock and monotonic clock", () => {
  it("reports a step, but no drift", () => {
    const steps = new StepDetector();
    for (let n = 0; n < 100; n++) {
      stepWallClock(50);
      assert.equal(steps.hasStepped(), false);
    }
    for (const ms of [-HOUR, HOUR, 3_000]) {
      stepWallClock(ms);
      assert.deepEqual([steps.hasStepped(), steps.hasStepped()], [true, false]);
    }
    assert.equal(wallTimeOf(now() + 10), Date.now() + 10);
  });

  it("are read in one module", () => {
    const source = new URL("../src/", import.meta.url);
    const files = readdirSync(source, { recursive: true, encoding: "utf8" });
    const reading = files
      .filter((name) => name.endsWith(".ts"))
      .filter((name) => /\bDate\b/.test(readFileSync(new URL(name, source), "utf8")));
    // Tokens expire by wall-clock time. The socket passes this time to `connection.ts`. The code that
    // creates tokens and the worker's types run outside of the client.
    const others = ["connection/socket.ts", "token.ts", "worker/hooks.ts"];
    assert.deepEqual(reading.sort(), ["clock.ts", ...others]);
  });
});
