import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  newConnection,
  step,
  wakeAt,
  type Connection,
  type Effect,
  type Input,
} from "../../src/connection/connection.ts";
import type { Frame } from "../../src/connection/frame.ts";
import type { Right } from "../../src/protocol.ts";
import { LifecycleScenario } from "./lifecycle.ts";

const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;
const PERIOD = 24_000;

/** A connection in virtual time. Records the effects of its inputs. */
class Scenario extends LifecycleScenario<Input> {
  connection: Connection;
  effects: string[] = [];
  /**
   * Time by which the wall clock is ahead of virtual time, in ms. The server's times are wall-clock
   * times.
   */
  wallAhead = 0;

  constructor(seed = 1) {
    super();
    this.connection = newConnection({ minMs: 1_000, maxMs: 30_000 }, seed);
  }

  protected apply(input: Input): void {
    const [connection, effect] = step(this.connection, input, this.now, this.now + this.wallAhead);
    this.connection = connection;
    if (effect) this.effects.push(nameOf(effect));
  }

  protected wakeAt(): number {
    return wakeAt(this.connection);
  }

  opened(expiresInMs = 60 * MINUTE): this {
    const expiresAt = this.now + this.wallAhead + expiresInMs;
    const room = joined(["subscribe"]);
    const welcome = { ...room, expires_at: expiresAt, ping_ms: PERIOD };
    return this.dispatch("use", received({ type: "welcome", ...welcome }), pong);
  }

  /** Lets time pass on a socket that receives a frame every second. */
  live(ms: number): this {
    for (let passed = 0; passed < ms; passed += 1_000) this.wait(1_000).dispatch(pong);
    return this;
  }

  /** Lets time pass while no timer fires. */
  sleep(ms: number): this {
    this.now += ms;
    return this.dispatch("tick");
  }

  get done(): string[] {
    return this.effects.splice(0);
  }
}

const nameOf = (effect: Effect): string =>
  effect.type === "dial" ? (effect.newToken ? "dial with a new token" : "dial") : effect.type;

const received = (frame: Frame): Input => ({ type: "frame", frame });
/** Fields of a `welcome` that do not depend on the time. */
const joined = (grant: readonly Right[]) =>
  ({ room: "a", session: "s1", user: "ann", grant, epoch: "epoch001", seq: 0 }) as const;
const pong = received({ type: "pong" });
const closed = (closeCode: number): Input => ({ type: "closed", closeCode });

describe("opening and closing", () => {
  it("dials at the first use", () => {
    const scenario = new Scenario();
    assert.equal(scenario.connection.status, "connecting");
    assert.deepEqual(scenario.dispatch("use").done, ["dial"]);
    assert.equal(scenario.connection.status, "connecting");
  });

  it("is connected after `welcome`, and sends a ping immediately", () => {
    const scenario = new Scenario().opened();
    assert.deepEqual(scenario.done, ["dial", "ping"]);
    assert.equal(scenario.connection.status, "connected");
  });

  it("is connected after `connected`, and ignores the `welcome` of a room", () => {
    const scenario = new Scenario().dispatch("use");
    const expiresAt = scenario.now + 10 * MINUTE;
    scenario.dispatch(
      received({ type: "connected", user: "ann", expires_at: expiresAt, ping_ms: PERIOD }),
    );
    assert.equal(scenario.connection.status, "connected");
    const { renewAt } = scenario.connection;
    scenario.done;
    scenario.wait(1_000);
    const room = joined([]);
    const welcome = { ...room, expires_at: expiresAt, ping_ms: PERIOD };
    scenario.dispatch(received({ type: "welcome", ...welcome }));
    assert.deepEqual([scenario.done, scenario.connection.renewAt], [[], renewAt]);
  });

  it("retries if no welcome is received", () => {
    const scenario = new Scenario().dispatch("use").wait(10_000);
    assert.deepEqual(scenario.done, ["dial", "close"]);
    assert.equal(scenario.connection.reason, "timeout");
    assert.deepEqual(scenario.wait(1_000).done, ["dial"]);
  });

  it("stays open if a user returns within the grace", () => {
    const scenario = new Scenario().opened();
    scenario.done;
    assert.deepEqual(scenario.dispatch("leave").wait(2_999).dispatch("use").wait(5_000).done, []);
    assert.equal(scenario.connection.phase, "open");
  });

  it("closes when the grace ends", () => {
    const scenario = new Scenario().opened();
    scenario.done;
    assert.deepEqual(scenario.dispatch("leave").wait(3_000).done, ["close"]);
    assert.equal(scenario.connection.phase, "idle");
    assert.deepEqual(scenario.dispatch("use").done, ["dial"]);
  });
});

describe("retries", () => {
  /** Returns the delays of consecutive retries. */
  function waits(seed: number, tries: number): number[] {
    const scenario = new Scenario(seed).dispatch("use");
    return Array.from({ length: tries }, () => {
      scenario.dispatch(closed(1006));
      const wait = scenario.connection.dueAt - scenario.now;
      scenario.wait(wait);
      return wait;
    });
  }

  it("waits a random time below a ceiling from 1 s to 30 s", () => {
    const ceilings = [1, 2, 4, 8, 16, 30, 30, 30].map((seconds) => seconds * 1_000);
    const highest = ceilings.map(() => 0);
    for (let seed = 0; seed < 500; seed++) {
      waits(seed * 7919, ceilings.length).forEach((wait, n) => {
        assert.ok(wait >= 0 && wait < ceilings[n]!, `try ${n} waited ${wait} ms`);
        highest[n] = Math.max(highest[n]!, wait);
      });
    }
    highest.forEach((wait, n) => assert.ok(wait > ceilings[n]! * 0.95, "full jitter"));
  });

  it("exposes the time of the next attempt", () => {
    const scenario = new Scenario().opened().dispatch(closed(1006));
    const { status, reason, dueAt } = scenario.connection;
    assert.deepEqual([status, reason], ["reconnecting", "offline"]);
    scenario.done;
    assert.deepEqual(scenario.wait(dueAt - scenario.now).done, ["dial"]);
  });

  it("resets the backoff after a connection that has lasted", () => {
    const scenario = new Scenario().dispatch("use");
    const fail = (): Scenario =>
      scenario.dispatch(closed(1006)).wait(scenario.connection.dueAt - scenario.now);
    for (let n = 0; n < 6; n++) fail();
    scenario.opened().wait(1_000);
    fail();
    assert.equal(scenario.connection.attempts, 7, "not after only one second");
    scenario
      .opened()
      .wait(PERIOD * 0.75)
      .dispatch(closed(1006));
    assert.equal(scenario.connection.attempts, 1);
  });

  it("retries if no socket could be created", () => {
    const scenario = new Scenario().dispatch("use", "dial_failed");
    assert.deepEqual(
      [scenario.connection.phase, scenario.connection.reason],
      ["waiting", "dial_failed"],
    );
  });

  it("dials immediately when the network is back or the page is visible", () => {
    const scenario = new Scenario().opened().dispatch(closed(1006));
    scenario.done;
    assert.deepEqual(scenario.dispatch("wake").done, ["dial"]);
  });

  it("is the same for the same inputs", () => assert.deepEqual(waits(42, 8), waits(42, 8)));

  for (const code of [1000, 1001, 1006, 1009, 1011, 1012, 1013, 4408, 4999]) {
    it(`retries after ${code}`, () => {
      const scenario = new Scenario().opened().dispatch(closed(code));
      assert.equal(scenario.connection.phase, "waiting");
    });
  }

  it("retries when a frame shows that an earlier frame is missing", () => {
    const scenario = new Scenario().opened();
    scenario.done;
    assert.deepEqual(scenario.dispatch("gap_detected").done, ["close"]);
    assert.deepEqual(scenario.wait(1_000).done, ["dial"]);
  });
});

describe("a better transport", () => {
  it("is switched to without a status change, and reconnected to if it fails", () => {
    const scenario = new Scenario().opened();
    scenario.done;
    scenario.dispatch("switch_transport");
    assert.deepEqual([scenario.done, scenario.connection.status], [["dial"], "connected"]);
    scenario.dispatch(closed(1006));
    assert.deepEqual([scenario.done, scenario.connection.status], [["close"], "reconnecting"]);
  });

  it("is dialled immediately while waiting for the next attempt", () => {
    const scenario = new Scenario().dispatch("use", closed(1006));
    scenario.done;
    assert.deepEqual(scenario.dispatch("switch_transport").done, ["dial"]);
  });
});

describe("final codes", () => {
  for (const [code, status, reason] of [
    [4003, "forbidden", "forbidden"],
    [4010, "closed", "kicked"],
    [4011, "closed", "erased"],
    [4400, "closed", "bad_request"],
    [4404, "closed", "not_found"],
    [4405, "closed", "method_not_allowed"],
  ] as const) {
    it(`ends with ${code}: ${status}, ${reason}`, () => {
      const scenario = new Scenario().opened().dispatch(closed(code));
      assert.deepEqual([scenario.connection.status, scenario.connection.reason], [status, reason]);
      scenario.done;
      const later = scenario.dispatch("leave").wait(MINUTE).dispatch("use", "wake").wait(MINUTE);
      assert.deepEqual(later.done, [], "no automatic reconnect");
      assert.equal(scenario.connection.status, status);
    });
  }

  it("retries after 4400 if the connection is multiplexed, because one room has caused it", () => {
    const scenario = new Scenario().dispatch("use");
    const connected = { expires_at: scenario.now + MINUTE, ping_ms: PERIOD };
    scenario.dispatch(received({ type: "connected", user: "ann", ...connected }), closed(4400));
    assert.deepEqual(
      [scenario.connection.phase, scenario.connection.reason],
      ["waiting", "bad_request"],
    );
  });

  it("reconnects on `restart`", () => {
    const scenario = new Scenario().opened().dispatch(closed(4010));
    scenario.done;
    assert.deepEqual(scenario.dispatch("restart").done, ["dial with a new token"]);
  });

  it("waits for the next user after `restart` if it has none", () => {
    for (const scenario of [
      new Scenario().opened().dispatch(closed(4010), "leave").wait(MINUTE),
      new Scenario().dispatch({ type: "end", status: "closed", reason: "disconnected" }),
    ]) {
      scenario.done;
      assert.deepEqual(scenario.dispatch("restart").wait(MINUTE).done, []);
      assert.deepEqual(
        [scenario.connection.phase, scenario.connection.status],
        ["idle", "connecting"],
      );
      assert.deepEqual(scenario.dispatch("use").done, ["dial with a new token"]);
    }
  });
});

describe("pings", () => {
  it("sends two pings in one and a half idle periods", () => {
    const scenario = new Scenario().opened();
    scenario.done;
    scenario
      .wait(PERIOD * 0.75)
      .dispatch(pong)
      .wait(PERIOD * 0.75)
      .dispatch(pong);
    assert.deepEqual(scenario.done, ["ping", "ping"]);
  });

  it("detects a dead socket within one ping period, and dials immediately", () => {
    for (let dies = 0; dies < PERIOD; dies += 500) {
      const scenario = new Scenario().opened();
      scenario.done;
      scenario.wait(Math.min(dies, PERIOD * 0.75 - 1));
      const dead = scenario.now;
      while (!scenario.done.includes("dial")) scenario.wait(10);
      assert.ok(scenario.now - dead <= PERIOD + 10, `after ${scenario.now - dead} ms`);
      assert.equal(scenario.connection.status, "reconnecting");
    }
  });

  it("accepts any frame as an answer", () => {
    const scenario = new Scenario()
      .opened()
      .wait(PERIOD * 0.75)
      .dispatch(pong)
      .wait(PERIOD * 0.25);
    assert.equal(scenario.connection.phase, "open");
  });

  it("keeps sending pings while events are received", () => {
    const scenario = new Scenario().opened();
    scenario.done;
    for (let i = 0; i < 30; i++) scenario.wait(1_000).dispatch(pong);
    assert.deepEqual(scenario.done, ["ping"]);
  });

  it("waits two seconds for a pong after a suspend", () => {
    const scenario = new Scenario()
      .opened(DAY)
      .wait(1_000)
      .sleep(60 * MINUTE);
    scenario.done;
    assert.equal(scenario.connection.phase, "open");
    assert.deepEqual(scenario.wait(2_000).done, ["dial"]);
  });

  it("dials immediately after a suspend with an unanswered ping", () => {
    const scenario = new Scenario().opened(DAY).wait(PERIOD * 0.75);
    scenario.done;
    assert.deepEqual(scenario.sleep(60 * MINUTE).done, ["dial"]);
  });

  it("stays connected in a page whose timers fire once a minute", () => {
    const scenario = new Scenario().opened(DAY);
    for (let n = 0; n < 60; n++) scenario.sleep(MINUTE).dispatch(pong);
    assert.equal(scenario.done.filter((effect) => effect === "dial").length, 1);
  });

  it("sends a ping when the page is visible again", () => {
    const scenario = new Scenario().opened();
    scenario.done;
    assert.deepEqual(scenario.dispatch("wake").done, ["ping"]);
    assert.deepEqual(scenario.wait(2_000).done, ["dial"]);
  });
});

describe("tokens", () => {
  it("are renewed in-band when a tenth of their lifetime is left", () => {
    const scenario = new Scenario().opened(10 * MINUTE);
    assert.ok(!scenario.live(9 * MINUTE - 1_000).done.includes("renew"));
    assert.ok(scenario.live(1_000).done.includes("renew"));
    scenario.dispatch(
      received({ type: "authorized", grant: [], expires_at: scenario.now + 10 * MINUTE }),
    );
    assert.ok(!scenario.live(9 * MINUTE - 1_000).done.includes("renew"));
    assert.ok(scenario.live(1_000).done.includes("renew"));
  });

  it("are requested again later if the callback fails", () => {
    const scenario = new Scenario().opened(MINUTE).live(54_000).dispatch("token_failed");
    scenario.done;
    assert.ok(scenario.live(10_000).done.includes("renew"));
  });

  it("are requested again without `authorized`, because the frame may have exceeded the rate limit", () => {
    const scenario = new Scenario().opened(10 * MINUTE).live(9 * MINUTE);
    assert.equal(scenario.done.at(-1), "renew");
    assert.ok(scenario.live(10_000).done.includes("renew"));
  });

  it("are not renewed early because of a wrong clock", () => {
    const scenario = new Scenario().opened(-5 * MINUTE);
    assert.ok(!scenario.live(MINUTE).done.includes("renew"));
  });

  it("are not renewed on a connection without a token", () => {
    const connected = { type: "connected", user: null, expires_at: null, ping_ms: PERIOD } as const;
    const scenario = new Scenario().dispatch("use", received(connected), pong);
    assert.equal(scenario.connection.status, "connected");
    assert.ok(!scenario.live(MINUTE).done.includes("renew"));
  });

  it("are replaced once after 4001", () => {
    const scenario = new Scenario().opened().dispatch(closed(4001));
    assert.deepEqual(scenario.done.at(-1), "dial with a new token");
    assert.equal(scenario.connection.status, "reconnecting");
    scenario.dispatch(closed(4001));
    assert.equal(scenario.connection.status, "unauthorized");
    assert.deepEqual(scenario.done, ["close"]);
  });

  it("may be replaced again after each welcome", () => {
    const scenario = new Scenario();
    for (let n = 0; n < 3; n++) scenario.opened().dispatch(closed(4001));
    assert.equal(scenario.connection.phase, "opening");
  });

  it("may still be replaced if the network failed in between", () => {
    const scenario = new Scenario().dispatch("use", closed(4001), closed(1006)).wait(1_000);
    assert.equal(scenario.connection.phase, "opening");
    scenario.dispatch(closed(4001));
    assert.equal(scenario.connection.status, "unauthorized");
  });

  it("are requested again if the last token may have expired meanwhile", () => {
    const scenario = new Scenario().opened().dispatch(closed(4001), closed(1006));
    scenario.done;
    const dials: string[] = [];
    for (let n = 0; n < 20; n++) {
      scenario.wait(scenario.connection.dueAt - scenario.now);
      dials.push(...scenario.done.filter((effect) => effect.startsWith("dial")));
      const isNew = dials.at(-1) === "dial with a new token";
      if (isNew && scenario.now > 1_200_000) break;
      scenario.dispatch(closed(1006));
    }
    const requested = dials.filter((dial) => dial === "dial with a new token").length;
    assert.ok(requested > 2 && requested < dials.length, `${requested} of ${dials.length}`);
    scenario.dispatch(closed(4001));
    assert.equal(
      scenario.connection.status,
      "unauthorized",
      "the newest token was rejected as well",
    );
  });

  it("count as rejected if the first room rejects them after `connected`", () => {
    const room = joined(["subscribe"]);
    const connected = (scenario: Scenario): Input => {
      const times = { expires_at: scenario.now + MINUTE, ping_ms: PERIOD };
      return received({ type: "connected", unverified: true, ...times });
    };
    const scenario = new Scenario().dispatch("use");
    scenario
      .dispatch(connected(scenario), closed(4001))
      .dispatch(connected(scenario), closed(4001));
    assert.equal(scenario.connection.status, "unauthorized");

    const other = new Scenario().dispatch("use");
    other.dispatch(connected(other), closed(4001)).dispatch(connected(other));
    const times = { expires_at: other.now + MINUTE, ping_ms: PERIOD };
    other.dispatch(received({ type: "welcome", ...room, ...times }), closed(4001));
    assert.equal(
      other.connection.phase,
      "opening",
      "a `welcome` shows that the token was accepted",
    );
  });

  it("are missing if the server waits for a token and the client has none: unauthorized", () => {
    const scenario = new Scenario().dispatch("use", pong).wait(999);
    assert.equal(scenario.connection.status, "connecting");
    scenario.wait(1);
    assert.equal(scenario.connection.status, "unauthorized");
    assert.deepEqual(scenario.done, ["dial", "close"]);
    assert.deepEqual(scenario.dispatch("connect").done, ["dial with a new token"]);
  });

  it("are not missing if a room's `welcome` follows the pong", () => {
    const scenario = new Scenario().dispatch("use", pong).wait(900).opened().live(2_000);
    assert.equal(scenario.connection.status, "connected");
    scenario.dispatch(closed(1006)).wait(scenario.connection.dueAt - scenario.now);
    assert.equal(scenario.connection.phase, "opening", "an earlier pong does not count");
  });

  it("are renewed for a reconnect if the old token is about to expire", () => {
    const scenario = new Scenario().opened(MINUTE).dispatch(closed(1006)).sleep(55_000);
    assert.equal(scenario.done.at(-1), "dial with a new token");
  });

  it("lead to a retry if the callback fails", () => {
    const scenario = new Scenario().dispatch("use", "token_failed");
    assert.equal(scenario.connection.reason, "token_failed");
    scenario.done;
    assert.deepEqual(scenario.wait(1_000).done, ["dial"]);
  });

  it("are renewed after `restart`, even if the connection was unused", () => {
    const scenario = new Scenario().dispatch("restart");
    assert.deepEqual(
      [scenario.done, scenario.dispatch("use").done],
      [[], ["dial with a new token"]],
    );
  });

  it("are missing if no user is signed in: unauthorized immediately", () => {
    const scenario = new Scenario().dispatch("use", "signed_out");
    assert.equal(scenario.connection.status, "unauthorized");
  });
});

describe("the timer", () => {
  it("is set to exactly the time when a tick has an effect", () => {
    const scenario = new Scenario().opened(MINUTE).dispatch("leave");
    for (let n = 0; n < 20 && wakeAt(scenario.connection) < Infinity; n++) {
      const at = wakeAt(scenario.connection);
      assert.deepEqual(step(scenario.connection, { type: "tick" }, at - 1, 0), [
        scenario.connection,
      ]);
      scenario.now = at;
      assert.ok(step(scenario.connection, { type: "tick" }, at, 0)[1]);
      scenario.dispatch("tick");
    }
  });
});
