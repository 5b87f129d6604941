/** The wall clock goes back and forth, and nothing waits for it. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { describe, it, mock } from "node:test";
import { now, StepDetector, wallTimeOf } from "../src/clock.ts";
import { createBackend } from "../src/server.ts";
import { fetchFrom } from "./model/http.ts";
import { advance, randomFrom, stepWallClock, trueTime } from "./model/network.ts";
import { tokenFor } from "./model/claims.ts";
import { clientOf, codeOf, describeBoth, HOUR, network, publish, server } from "./story.ts";

const STEPS = [
  ["back", -2 * HOUR],
  ["forward", 2 * HOUR],
] as const;

/** Of true time, as the server sees it. */
const aliceFor = (ms: number): string => tokenFor("alice", trueTime() + ms);
const token = (): string => aliceFor(HOUR);

for (const [direction, ms] of STEPS) {
  describeBoth(`a wall clock that is set ${direction} by two hours`, () => {
    it("holds back no publish, signal or join", async () => {
      const client = clientOf({ token });
      const room = client.room("room");
      const heard: unknown[] = [];
      client.room("room").on((data) => heard.push(data));
      await advance(100);
      stepWallClock(ms);
      const sent = room.publish("a", 1);
      room.signal("b", 2);
      client.room("other").on(() => {});
      await advance(200);
      assert.deepEqual([await sent, heard], [1, [1]]);
      assert.equal(client.room("other").status, "connected");
    });

    it("ends a wait for an ack no earlier and no later", async () => {
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

    it("leaves the time of the next try as it is, but for what it is called", async () => {
      const room = clientOf({ token, backoff: { minMs: 20_000 } }).room("room");
      room.on(() => {});
      await advance(100);
      network.down = true;
      network.wires.forEach((wire) => wire.cut());
      network.down = false;
      const { retryAt } = room.connection;
      const wait = retryAt! - Date.now();
      stepWallClock(ms);
      await advance(wait + 500);
      assert.equal(room.status, "connected");
    });

    it("hides no dead socket for longer than a ping period", async () => {
      const room = clientOf({ token }).room("room");
      room.on(() => {});
      await advance(100);
      network.wires.forEach((wire) => wire.freeze());
      stepWallClock(ms);
      await advance(26_000);
      assert.deepEqual([room.status, network.dialled], ["connected", 2]);
    });

    it("has the connection looked at, and the token renewed, at the next event", async () => {
      const asked = mock.fn(token);
      const room = clientOf({ token: asked }).room("room");
      room.on(() => {});
      await advance(5_000);
      stepWallClock(ms);
      publish("a", 1);
      await advance(100);
      assert.equal(asked.mock.callCount(), 2);
      network.wires.forEach((wire) => wire.freeze());
      stepWallClock(-ms);
      // The next ping is what finds out, whose answer is waited for no longer than two seconds.
      await advance(25_000 * 0.75 + 2_500);
      assert.deepEqual([room.status, network.dialled], ["connected", 2]);
    });
  });
}

describeBoth("a wall clock that is set by hours again and again", () => {
  it("changes nothing of what is delivered, nor of how soon", async () => {
    const random = randomFrom(7);
    const room = clientOf({ token: () => aliceFor(120_000) }).room("room");
    const heard: unknown[] = [];
    room.on((data) => heard.push(data));
    await advance(100);
    for (let n = 0; n < 60; n++) {
      stepWallClock((random() - 0.5) * 10 * HOUR);
      if (random() < 0.3) network.wires.forEach((wire) => wire.cut());
      network.wires.forEach((wire) => wire.expire());
      const sent = room.publish("a", n);
      await advance(5_000);
      assert.equal(await sent, n + 1);
    }
    assert.deepEqual(heard, [...Array(60).keys()]);
    assert.equal(room.status, "connected");
  });
});

describe("a backend whose wall clock is set", () => {
  for (const [direction, ms] of STEPS) {
    it(`tries again until its time is up: ${direction}`, async () => {
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

describe("the two clocks", () => {
  it("are told apart by steps, not by drifting", () => {
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

  it("are read in one place", () => {
    const source = new URL("../src/", import.meta.url);
    const files = readdirSync(source, { recursive: true, encoding: "utf8" });
    const reading = files
      .filter((name) => name.endsWith(".ts"))
      .filter((name) => /\bDate\b/.test(readFileSync(new URL(name, source), "utf8")));
    // The socket hands on what the wall clock says, for the token's end is in its time.
    assert.deepEqual(reading.sort(), ["clock.ts", "connection/socket.ts"]);
  });
});
