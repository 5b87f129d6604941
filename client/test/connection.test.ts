import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  newConnection,
  step,
  wakeAt,
  type Connection,
  type Effect,
  type Input,
} from "../src/connection.ts";
import type { Frame } from "../src/protocol.ts";
import { LifeStory } from "./life.ts";

const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;
const PERIOD = 24_000;

/** A connection in virtual time, which remembers what it wanted done. */
class Story extends LifeStory<Input> {
  connection: Connection;
  effects: string[] = [];
  /** By how much the wall clock is ahead, which the server's times are in. */
  wallAhead = 0;

  constructor(seed = 1) {
    super();
    this.connection = newConnection({ minMs: 1_000, maxMs: 30_000 }, seed);
  }

  protected take(input: Input): void {
    const [connection, effect] = step(this.connection, input, this.now, this.now + this.wallAhead);
    this.connection = connection;
    if (effect) this.effects.push(nameOf(effect));
  }

  protected wakeAt(): number {
    return wakeAt(this.connection);
  }

  opened(expiresInMs = 60 * MINUTE): this {
    const expiresAt = this.now + this.wallAhead + expiresInMs;
    const place = { session: "s1", grant: ["subscribe"], epoch: "epoch001", seq: 0 };
    const welcome = { ...place, expires_at: expiresAt, ping_ms: PERIOD };
    return this.is("use", heard({ type: "welcome", ...welcome }), pong);
  }

  /** Time passes on a socket that is heard of. */
  live(ms: number): this {
    for (let passed = 0; passed < ms; passed += 1_000) this.wait(1_000).is(pong);
    return this;
  }

  /** Time passes while every timer stands still. */
  sleep(ms: number): this {
    this.now += ms;
    return this.is("tick");
  }

  get done(): string[] {
    return this.effects.splice(0);
  }
}

const nameOf = (effect: Effect): string =>
  effect.type === "dial" ? (effect.newToken ? "dial with a new token" : "dial") : effect.type;

const heard = (frame: Frame): Input => ({ type: "heard", frame });
const pong = heard({ type: "pong" });
const closed = (closeCode: number): Input => ({ type: "lost", closeCode });

describe("opening and leaving", () => {
  it("dials when it is first used", () => {
    const story = new Story();
    assert.equal(story.connection.status, "connecting");
    assert.deepEqual(story.is("use").done, ["dial"]);
    assert.equal(story.connection.status, "connecting");
  });

  it("is connected with the welcome, and pings at once", () => {
    const story = new Story().opened();
    assert.deepEqual(story.done, ["dial", "ping"]);
    assert.equal(story.connection.status, "connected");
  });

  it("is connected for many rooms with `connected`, and what their rooms say is theirs", () => {
    const story = new Story().is("use");
    const expiresAt = story.now + 10 * MINUTE;
    story.is(heard({ type: "connected", expires_at: expiresAt, ping_ms: PERIOD }));
    assert.equal(story.connection.status, "connected");
    const { renewAt } = story.connection;
    story.done;
    story.wait(1_000);
    const place = { session: "s1", grant: [], epoch: "epoch001", seq: 0 };
    const welcome = { ...place, expires_at: expiresAt, ping_ms: PERIOD };
    story.is(heard({ type: "welcome", room: "a", ...welcome }));
    assert.deepEqual([story.done, story.connection.renewAt], [[], renewAt]);
  });

  it("tries again when no welcome comes", () => {
    const story = new Story().is("use").wait(10_000);
    assert.deepEqual(story.done, ["dial", "hang_up"]);
    assert.equal(story.connection.reason, "timeout");
    assert.deepEqual(story.wait(1_000).done, ["dial"]);
  });

  it("stays when a user comes back within the grace", () => {
    const story = new Story().opened();
    story.done;
    assert.deepEqual(story.is("leave").wait(2_999).is("use").wait(5_000).done, []);
    assert.equal(story.connection.phase, "open");
  });

  it("hangs up when the grace is over", () => {
    const story = new Story().opened();
    story.done;
    assert.deepEqual(story.is("leave").wait(3_000).done, ["hang_up"]);
    assert.equal(story.connection.phase, "idle");
    assert.deepEqual(story.is("use").done, ["dial"]);
  });
});

describe("trying again", () => {
  /** How long each of the tries in a row waited. */
  function waits(seed: number, tries: number): number[] {
    const story = new Story(seed).is("use");
    return Array.from({ length: tries }, () => {
      story.is(closed(1006));
      const wait = story.connection.dueAt - story.now;
      story.wait(wait);
      return wait;
    });
  }

  it("waits at random below a ceiling from 1 s to 30 s", () => {
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

  it("tells the time of the next try", () => {
    const story = new Story().opened().is(closed(1006));
    const { status, reason, dueAt } = story.connection;
    assert.deepEqual([status, reason], ["reconnecting", "offline"]);
    story.done;
    assert.deepEqual(story.wait(dueAt - story.now).done, ["dial"]);
  });

  it("starts over at the shortest wait after a connection that held", () => {
    const story = new Story().is("use");
    const fail = (): Story => story.is(closed(1006)).wait(story.connection.dueAt - story.now);
    for (let n = 0; n < 6; n++) fail();
    story.opened().wait(1_000);
    fail();
    assert.equal(story.connection.attempts, 7, "one second proves nothing");
    story
      .opened()
      .wait(PERIOD * 0.75)
      .is(closed(1006));
    assert.equal(story.connection.attempts, 1);
  });

  it("tries again when no socket could be made", () => {
    const story = new Story().is("use", "dial_failed");
    assert.deepEqual([story.connection.phase, story.connection.reason], ["waiting", "dial_failed"]);
  });

  it("dials at once when the network comes back or the page is shown", () => {
    const story = new Story().opened().is(closed(1006));
    story.done;
    assert.deepEqual(story.is("wake").done, ["dial"]);
  });

  it("is the same for the same inputs", () => assert.deepEqual(waits(42, 8), waits(42, 8)));

  for (const code of [1000, 1001, 1006, 1009, 1011, 1012, 1013, 4408, 4999]) {
    it(`tries again after ${code}`, () => {
      const story = new Story().opened().is(closed(code));
      assert.equal(story.connection.phase, "waiting");
    });
  }

  it("tries again when a frame shows that one was missed", () => {
    const story = new Story().opened();
    story.done;
    assert.deepEqual(story.is("missed").done, ["hang_up"]);
    assert.deepEqual(story.wait(1_000).done, ["dial"]);
  });
});

describe("a better transport", () => {
  it("is gone over to without a word, and reconnected to if it fails after all", () => {
    const story = new Story().opened();
    story.done;
    story.is("switch");
    assert.deepEqual([story.done, story.connection.status], [["dial"], "connected"]);
    story.is(closed(1006));
    assert.deepEqual([story.done, story.connection.status], [["hang_up"], "reconnecting"]);
  });

  it("is tried at once by who waits for the next try", () => {
    const story = new Story().is("use", closed(1006));
    story.done;
    assert.deepEqual(story.is("switch").done, ["dial"]);
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
      const story = new Story().opened().is(closed(code));
      assert.deepEqual([story.connection.status, story.connection.reason], [status, reason]);
      story.done;
      const later = story.is("leave").wait(MINUTE).is("use", "wake").wait(MINUTE);
      assert.deepEqual(later.done, [], "nothing brings it back by itself");
      assert.equal(story.connection.status, status);
    });
  }

  it("tries again after 4400 where it carries many rooms: one of them is to blame", () => {
    const story = new Story().is("use");
    const connected = { expires_at: story.now + MINUTE, ping_ms: PERIOD };
    story.is(heard({ type: "connected", ...connected }), closed(4400));
    assert.deepEqual([story.connection.phase, story.connection.reason], ["waiting", "bad_request"]);
  });

  it("begins afresh when the app asks for it", () => {
    const story = new Story().opened().is(closed(4010));
    story.done;
    assert.deepEqual(story.is("restart").done, ["dial with a new token"]);
  });

  it("waits for the next user when it is begun afresh and nobody uses it", () => {
    for (const story of [
      new Story().opened().is(closed(4010), "leave").wait(MINUTE),
      new Story().is({ type: "end", status: "closed", reason: "disconnected" }),
    ]) {
      story.done;
      assert.deepEqual(story.is("restart").wait(MINUTE).done, []);
      assert.deepEqual([story.connection.phase, story.connection.status], ["idle", "connecting"]);
      assert.deepEqual(story.is("use").done, ["dial with a new token"]);
    }
  });
});

describe("pings", () => {
  it("pings three times in four periods of silence, each answered", () => {
    const story = new Story().opened();
    story.done;
    story
      .wait(PERIOD * 0.75)
      .is(pong)
      .wait(PERIOD * 0.75)
      .is(pong);
    assert.deepEqual(story.done, ["ping", "ping"]);
  });

  it("notices a dead socket within one ping period, and dials at once", () => {
    for (let dies = 0; dies < PERIOD; dies += 500) {
      const story = new Story().opened();
      story.done;
      story.wait(Math.min(dies, PERIOD * 0.75 - 1));
      const dead = story.now;
      while (!story.done.includes("dial")) story.wait(10);
      assert.ok(story.now - dead <= PERIOD + 10, `after ${story.now - dead} ms`);
      assert.equal(story.connection.status, "reconnecting");
    }
  });

  it("takes any frame for an answer", () => {
    const story = new Story()
      .opened()
      .wait(PERIOD * 0.75)
      .is(pong)
      .wait(PERIOD * 0.25);
    assert.equal(story.connection.phase, "open");
  });

  it("goes on pinging while it hears events", () => {
    const story = new Story().opened();
    story.done;
    for (let i = 0; i < 30; i++) story.wait(1_000).is(pong);
    assert.deepEqual(story.done, ["ping"]);
  });

  it("gives a connection of unknown health two seconds after a sleep", () => {
    const story = new Story()
      .opened(DAY)
      .wait(1_000)
      .sleep(60 * MINUTE);
    story.done;
    assert.equal(story.connection.phase, "open");
    assert.deepEqual(story.wait(2_000).done, ["dial"]);
  });

  it("dials at once after a sleep with an unanswered ping", () => {
    const story = new Story().opened(DAY).wait(PERIOD * 0.75);
    story.done;
    assert.deepEqual(story.sleep(60 * MINUTE).done, ["dial"]);
  });

  it("stays connected in a page whose timers ring once a minute", () => {
    const story = new Story().opened(DAY);
    for (let n = 0; n < 60; n++) story.sleep(MINUTE).is(pong);
    assert.equal(story.done.filter((effect) => effect === "dial").length, 1);
  });

  it("probes when the page is shown again", () => {
    const story = new Story().opened();
    story.done;
    assert.deepEqual(story.is("wake").done, ["ping"]);
    assert.deepEqual(story.wait(2_000).done, ["dial"]);
  });
});

describe("tokens", () => {
  it("renews in-band when a tenth of its life is left", () => {
    const story = new Story().opened(10 * MINUTE);
    assert.ok(!story.live(9 * MINUTE - 1_000).done.includes("renew"));
    assert.ok(story.live(1_000).done.includes("renew"));
    story.is(heard({ type: "authorized", grant: [], expires_at: story.now + 10 * MINUTE }));
    assert.ok(!story.live(9 * MINUTE - 1_000).done.includes("renew"));
    assert.ok(story.live(1_000).done.includes("renew"));
  });

  it("asks again later when the callback fails", () => {
    const story = new Story().opened(MINUTE).live(54_000).is("token_failed");
    story.done;
    assert.ok(story.live(10_000).done.includes("renew"));
  });

  it("asks again where nothing was authorized: the frame may have been one too many", () => {
    const story = new Story().opened(10 * MINUTE).live(9 * MINUTE);
    assert.equal(story.done.at(-1), "renew");
    assert.ok(story.live(10_000).done.includes("renew"));
  });

  it("is not driven to hurry by a clock that is far off", () => {
    const story = new Story().opened(-5 * MINUTE);
    assert.ok(!story.live(MINUTE).done.includes("renew"));
  });

  it("tries one new token after 4001", () => {
    const story = new Story().opened().is(closed(4001));
    assert.deepEqual(story.done.at(-1), "dial with a new token");
    assert.equal(story.connection.status, "reconnecting");
    story.is(closed(4001));
    assert.equal(story.connection.status, "unauthorized");
    assert.deepEqual(story.done, ["hang_up"]);
  });

  it("may try one again after each welcome", () => {
    const story = new Story();
    for (let n = 0; n < 3; n++) story.opened().is(closed(4001));
    assert.equal(story.connection.phase, "opening");
  });

  it("is not out of tries because the network failed in between", () => {
    const story = new Story().is("use", closed(4001), closed(1006)).wait(1_000);
    assert.equal(story.connection.phase, "opening");
    story.is(closed(4001));
    assert.equal(story.connection.status, "unauthorized");
  });

  it("asks for a new one where that of the last try may have ended meanwhile", () => {
    const story = new Story().opened().is(closed(4001), closed(1006));
    story.done;
    const dials: string[] = [];
    for (let n = 0; n < 20; n++) {
      story.wait(story.connection.dueAt - story.now);
      dials.push(...story.done.filter((effect) => effect.startsWith("dial")));
      const isNew = dials.at(-1) === "dial with a new token";
      if (isNew && story.now > 1_200_000) break;
      story.is(closed(1006));
    }
    const asked = dials.filter((dial) => dial === "dial with a new token").length;
    assert.ok(asked > 2 && asked < dials.length, `${asked} of ${dials.length}`);
    story.is(closed(4001));
    assert.equal(story.connection.status, "unauthorized", "the newest was refused, too");
  });

  it("is given up where the first room refuses it, as the connection could not", () => {
    const place = { session: "s1", grant: ["subscribe"], epoch: "epoch001", seq: 0 };
    const connected = (story: Story): Input => {
      const times = { expires_at: story.now + MINUTE, ping_ms: PERIOD };
      return heard({ type: "connected", unverified: true, ...times });
    };
    const story = new Story().is("use");
    story.is(connected(story), closed(4001)).is(connected(story), closed(4001));
    assert.equal(story.connection.status, "unauthorized");

    const other = new Story().is("use");
    other.is(connected(other), closed(4001)).is(connected(other));
    const times = { expires_at: other.now + MINUTE, ping_ms: PERIOD };
    other.is(heard({ type: "welcome", room: "a", ...place, ...times }), closed(4001));
    assert.equal(other.connection.phase, "opening", "a welcome shows that it was taken");
  });

  it("is unauthorized at once where the server waits for a token, and there is none", () => {
    const story = new Story().is("use", pong);
    assert.equal(story.connection.status, "unauthorized");
    assert.deepEqual(story.done, ["dial", "hang_up"]);
    assert.deepEqual(story.is("connect").done, ["dial with a new token"]);
  });

  it("takes a new token to reconnect with if the old one is about to expire", () => {
    const story = new Story().opened(MINUTE).is(closed(1006)).sleep(55_000);
    assert.equal(story.done.at(-1), "dial with a new token");
  });

  it("tries again when the callback fails", () => {
    const story = new Story().is("use", "token_failed");
    assert.equal(story.connection.reason, "token_failed");
    story.done;
    assert.deepEqual(story.wait(1_000).done, ["dial"]);
  });

  it("is new after `restart`, also of a connection that nobody used then", () => {
    const story = new Story().is("restart");
    assert.deepEqual([story.done, story.is("use").done], [[], ["dial with a new token"]]);
  });

  it("is unauthorized at once when nobody is signed in", () => {
    const story = new Story().is("use", "signed_out");
    assert.equal(story.connection.status, "unauthorized");
  });
});

describe("the timer", () => {
  it("is asked for exactly when a tick would do something", () => {
    const story = new Story().opened(MINUTE).is("leave");
    for (let n = 0; n < 20 && wakeAt(story.connection) < Infinity; n++) {
      const at = wakeAt(story.connection);
      assert.deepEqual(step(story.connection, { type: "tick" }, at - 1, 0), [story.connection]);
      story.now = at;
      assert.ok(step(story.connection, { type: "tick" }, at, 0)[1]);
      story.is("tick");
    }
  });
});
