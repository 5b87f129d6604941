import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { newLife, type Life } from "../src/life.ts";
import { isGone, newPart, step, wakeAt, wishOf, type Part, type PartInput } from "../src/part.ts";
import type { Frame } from "../src/protocol.ts";
import { LifeStory } from "./life.ts";

const BACKOFF = { minMs: 1_000, maxMs: 30_000 };

/** A part in virtual time. Its wishes are sent at once, unless it is told otherwise, and remembered. */
class Story extends LifeStory<PartInput> {
  part: Part = newPart(BACKOFF, 1);
  held = false;
  #sent: string[] = [];

  protected take(input: PartInput): void {
    this.part = step(this.part, input, this.now);
    for (let wish = wishOf(this.part); wish && !this.held; wish = wishOf(this.part)) {
      this.#sent.push(wish);
      this.part = step(this.part, { type: "asked" }, this.now);
    }
  }

  protected wakeAt(): number {
    return wakeAt(this.part);
  }

  opened(): this {
    return this.is(carried("open"), "use", welcome);
  }

  get sent(): string[] {
    return this.#sent.splice(0);
  }

  get seen(): unknown[] {
    const { phase, status, reason } = this.part;
    return [phase, status, reason];
  }
}

const carried = (phase: Life["phase"], life: Partial<Life> = {}): PartInput => ({
  type: "carried",
  by: { ...newLife(BACKOFF, 1), phase, ...life },
});
const heard = (frame: Frame): PartInput => ({ type: "heard", frame });
const welcome = heard({
  type: "welcome",
  session: "s1",
  grant: [],
  epoch: "epoch001",
  seq: 0,
  expires_at: 0,
  ping_ms: 0,
});
const closed = (code: number): PartInput => heard({ type: "closed", code });
const refused = (code: "rate_limited" | "bad_request", ref?: string): PartInput =>
  heard({ type: "error", code, message: "No.", ...(ref && { ref }) });

describe("coming and going", () => {
  it("subscribes when it is used and its connection is open", () => {
    const story = new Story().is("use", carried("opening"));
    assert.deepEqual([story.sent, story.seen], [[], ["opening", "connecting", undefined]]);
    assert.deepEqual(story.is(carried("open")).sent, ["subscribe"]);
    assert.deepEqual(story.is(welcome).seen, ["open", "connected", undefined]);
  });

  it("stays while a user comes back within the grace", () => {
    const story = new Story().opened();
    story.sent;
    assert.deepEqual(story.is("leave").wait(2_999).is("use").wait(60_000).sent, []);
  });

  it("unsubscribes when the grace is over, and is gone once the room has said so", () => {
    const story = new Story().opened();
    story.sent;
    assert.deepEqual(story.is("leave").wait(3_000).sent, ["unsubscribe"]);
    assert.equal(isGone(story.part), false);
    assert.equal(isGone(story.is(closed(1000)).part), true);
    assert.deepEqual(story.wait(60_000).sent, []);
  });

  it("waits for the room to let it go before it comes again", () => {
    const story = new Story().opened().is("leave").wait(3_000);
    story.sent;
    assert.deepEqual(story.is("use").sent, []);
    assert.deepEqual(story.is(welcome).seen, ["opening", "connecting", undefined], "an old one");
    assert.deepEqual(story.is(closed(1000)).sent, ["subscribe"]);
    assert.equal(story.is(welcome).part.phase, "open");
  });

  it("takes a room that ended it meanwhile for one that has let it go", () => {
    const story = new Story().opened().is("leave").wait(3_000);
    story.sent;
    assert.equal(isGone(story.is(closed(4010)).part), true);
    // The answer to an `unsubscribe` that crossed it.
    assert.deepEqual(story.is("use", refused("bad_request")).sent, ["subscribe"]);
  });

  it("says nothing at all when it is left before it could say anything", () => {
    const story = new Story().is("use", carried("opening"), "leave").wait(3_000);
    assert.equal(isGone(story.part), true);
    assert.deepEqual(story.is(carried("open")).sent, []);
  });

  it("goes also before the room has answered", () => {
    const story = new Story().is("use", carried("open"), "leave").wait(3_000);
    assert.deepEqual(story.sent, ["subscribe", "unsubscribe"]);
    assert.equal(isGone(story.is(welcome, closed(1000)).part), true);
  });
});

it("is not open again to who has left, however late its `unsubscribe` may go out", () => {
  const story = new Story().is(carried("open"), "use");
  story.held = true;
  story.is("leave").wait(3_000).is(welcome);
  assert.deepEqual(story.seen, ["idle", "connecting", undefined]);
  story.held = false;
  story.sent;
  assert.deepEqual(story.is("leave").sent, ["unsubscribe"]);
});

describe("a room that ends it", () => {
  for (const [code, reason] of [
    [1011, "internal"],
    [1012, "restarting"],
    [1013, "room_full"],
    [4408, "silent"],
    [4999, "offline"],
  ] as const) {
    it(`is tried again after ${code}`, () => {
      const story = new Story().opened();
      story.sent;
      assert.deepEqual(story.is(closed(code)).seen, ["waiting", "reconnecting", reason]);
      const { dueAt } = story.part;
      assert.deepEqual(story.wait(dueAt - story.now - 1).sent, []);
      assert.deepEqual(story.wait(1).sent, ["subscribe"]);
    });
  }

  for (const [code, status, reason] of [
    [4003, "forbidden", "forbidden"],
    [4010, "closed", "kicked"],
    [4011, "closed", "erased"],
    [4400, "closed", "bad_request"],
    [4404, "closed", "not_found"],
  ] as const) {
    it(`is final with ${code}: ${status}, ${reason}`, () => {
      const story = new Story().opened().is(closed(code));
      story.sent;
      assert.deepEqual(story.seen, ["ended", status, reason]);
      story.is("leave").wait(60_000).is("use", carried("opening"), carried("open")).wait(60_000);
      assert.deepEqual([story.sent, story.part.status], [[], status]);
      assert.deepEqual(story.is("restart").sent, ["subscribe"], "unless the app asks for it");
    });
  }

  it("is tried at longer and longer waits, until it has held", () => {
    const story = new Story().opened();
    const fail = (): void => void story.is(closed(1013)).wait(story.part.dueAt - story.now);
    for (let n = 0; n < 4; n++) fail();
    story.is(welcome).wait(1_000);
    fail();
    assert.equal(story.part.attempts, 5, "one second proves nothing");
    story.is(welcome).wait(20_000);
    fail();
    assert.equal(story.part.attempts, 1);
    fail();
    assert.equal(story.is("restart").part.attempts, 0, "or the app begins afresh");
  });
});

describe("the connection", () => {
  it("goes, and with it what was asked and what was had", () => {
    for (const story of [new Story().opened(), new Story().is(carried("open"), "use")]) {
      story.sent;
      story.is(carried("waiting", { reason: "offline", dueAt: story.now + 700 }));
      const { phase, reason, dueAt } = story.part;
      assert.deepEqual([phase, reason, dueAt], ["waiting", "offline", story.now + 700]);
      assert.deepEqual(story.wait(60_000).sent, [], "the connection is tried, not the room");
      assert.deepEqual(story.is(carried("opening"), carried("open")).sent, ["subscribe"]);
    }
  });

  it("goes over to a better transport without a word", () => {
    const story = new Story().opened();
    story.sent;
    story.is(carried("opening", { status: "connected" }));
    assert.deepEqual(story.seen, ["opening", "connected", undefined]);
    story.is(carried("open", { status: "connected" }));
    assert.deepEqual(
      [story.sent, story.seen],
      [["subscribe"], ["opening", "connected", undefined]],
    );
    assert.deepEqual(story.is(welcome).seen, ["open", "connected", undefined]);
    story.is(carried("opening", { status: "connected" }), carried("waiting"));
    assert.deepEqual(story.seen, ["waiting", "reconnecting", undefined]);
  });

  it("that ends, ends it alike", () => {
    const by = { status: "unauthorized", reason: "token_expired" } as const;
    const story = new Story().opened().is(carried("ended", by));
    assert.deepEqual(story.seen, ["ended", "unauthorized", "token_expired"]);
  });

  it("that comes back brings no room back that had ended", () => {
    const story = new Story().opened().is(closed(4010));
    story.sent;
    assert.deepEqual(story.is(carried("waiting"), carried("open")).sent, []);
    assert.deepEqual(story.seen, ["ended", "closed", "kicked"]);
  });

  it("that comes back is soon enough for a room that was to be tried later", () => {
    const story = new Story().opened().is(closed(1013));
    story.sent;
    assert.deepEqual(story.is(carried("opening"), carried("open")).sent, ["subscribe"]);
  });
});

describe("answers", () => {
  it("that are overdue: it leaves, and tries again", () => {
    const story = new Story().is(carried("open"), "use");
    story.sent;
    story.wait(9_999);
    assert.deepEqual(story.sent, []);
    story.wait(1);
    assert.deepEqual(story.part.reason, "timeout");
    assert.deepEqual(story.sent, ["unsubscribe"]);
    assert.deepEqual(story.wait(5_000).sent, [], "not before it is out");
    assert.deepEqual(story.is(closed(1000)).sent, ["subscribe"]);
  });

  it("that say it was not in the room: then it may come", () => {
    const story = new Story().is(carried("open"), "use").wait(15_000);
    assert.deepEqual(story.sent, ["subscribe", "unsubscribe"]);
    assert.deepEqual(story.is(refused("bad_request")).sent, ["subscribe"]);
  });

  it("that come to a `subscribe` and an `unsubscribe` one too many: it is sent again", () => {
    const story = new Story().is(carried("open"), "use", refused("rate_limited"));
    assert.deepEqual(story.sent, ["subscribe", "subscribe"]);
    story.is(welcome, "leave").wait(3_000).is(refused("rate_limited"));
    assert.deepEqual(story.sent, ["unsubscribe"], "which is in no hurry");
    assert.deepEqual(story.wait(10_000).sent, ["unsubscribe"]);
  });

  it("that refuse its `subscribe` for good end it, until the app begins afresh", () => {
    const story = new Story().is(carried("open"), "use", refused("bad_request", "subscribe"));
    assert.deepEqual(story.seen, ["ended", "closed", "bad_request"]);
    assert.deepEqual(story.sent, ["subscribe"]);
    story.wait(60_000).is(carried("waiting"), carried("open")).wait(60_000);
    assert.deepEqual(story.sent, []);
    assert.deepEqual(story.is("restart").sent, ["subscribe"]);
  });

  it("to an earlier wish are not taken for those to the one that is out", () => {
    const story = new Story().opened().is("leave").wait(3_000).is(closed(4010), "use");
    story.sent;
    story.is(refused("bad_request", "unsubscribe"), welcome);
    assert.deepEqual([story.part.phase, story.sent], ["open", []]);
  });

  it("that name their wish are taken as those that don't", () => {
    const story = new Story().is(carried("open"), "use", refused("rate_limited", "subscribe"));
    assert.deepEqual(story.sent, ["subscribe", "subscribe"]);
    story.is(welcome, "leave").wait(3_000).is(refused("bad_request", "unsubscribe"));
    assert.equal(isGone(story.part), true);
  });

  it("about a publish are none of its business", () => {
    const story = new Story().is(carried("open"), "use");
    const before = story.part;
    story.is(refused("rate_limited", "7"), refused("bad_request", "8"));
    assert.equal(story.part, before);
  });
});

describe("a hole", () => {
  it("costs the room its session, not the connection", () => {
    const story = new Story().opened();
    story.sent;
    assert.deepEqual(story.is("missed").sent, ["unsubscribe"]);
    assert.equal(story.part.phase, "waiting");
    assert.deepEqual(story.is(closed(1000)).wait(1_000).sent, ["subscribe"]);
    assert.deepEqual(story.is(welcome).seen, ["open", "connected", undefined]);
  });

  it("is no trouble of those that a room had long before", () => {
    const story = new Story().opened();
    for (let n = 0; n < 5; n++) {
      story.is("missed", closed(1000));
      story.wait(story.part.dueAt - story.now).is(welcome);
    }
    assert.equal(story.part.attempts, 5);
    story.wait(20_000).is("missed");
    assert.equal(story.part.attempts, 1);
  });

  it("that the room was kicked for in between stays final", () => {
    const story = new Story().opened().is("missed", closed(4010));
    assert.deepEqual(story.seen, ["ended", "closed", "kicked"]);
  });
});

describe("any order of what can happen", () => {
  const inputs: PartInput[] = [
    ...(["use", "leave", "missed", "restart", "tick"] as const).map((type) => ({ type })),
    ...(["opening", "open", "waiting"] as const).map((phase) => carried(phase)),
    ...[1000, 1012, 4010].map(closed),
    welcome,
    refused("rate_limited"),
    refused("bad_request"),
  ];

  it("ends with an open part once it is used, and the server answers", () => {
    let random = 1;
    const below = (bound: number): number => {
      random = (Math.imul(random, 48271) >>> 0) % 2147483647;
      return random % bound;
    };
    for (let n = 0; n < 2_000; n++) {
      const story = new Story();
      for (let i = 0; i < 30; i++) {
        story.held = below(3) === 0;
        story.is(inputs[below(inputs.length)]!).wait(below(4_000));
      }
      story.held = false;
      story.is("use", carried("opening"), "restart", carried("open"));
      assert.equal(story.sent.at(-1), "subscribe");
      assert.equal(story.is(welcome).part.phase, "open");
      assert.equal(wakeAt(story.part), Infinity);
    }
  });
});
