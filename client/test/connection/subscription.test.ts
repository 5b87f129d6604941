import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { newLifecycle, type Lifecycle } from "../../src/connection/lifecycle.ts";
import {
  canRemove,
  newSubscription,
  nextRequest,
  step,
  wakeAt,
  type Subscription,
  type SubscriptionInput,
} from "../../src/connection/subscription.ts";
import type { Frame } from "../../src/connection/frame.ts";
import { LifecycleScenario } from "./lifecycle.ts";

const BACKOFF = { minMs: 1_000, maxMs: 30_000 };

/**
 * A subscription in virtual time. While `held` is `false`, its requests are sent immediately and
 * recorded.
 */
class Scenario extends LifecycleScenario<SubscriptionInput> {
  subscription: Subscription = newSubscription(BACKOFF, 1);
  held = false;
  #sent: string[] = [];

  protected apply(input: SubscriptionInput): void {
    this.subscription = step(this.subscription, input, this.now);
    for (
      let request = nextRequest(this.subscription);
      request && !this.held;
      request = nextRequest(this.subscription)
    ) {
      this.#sent.push(request);
      this.subscription = step(this.subscription, { type: "sent" }, this.now);
    }
  }

  protected wakeAt(): number {
    return wakeAt(this.subscription);
  }

  opened(): this {
    return this.dispatch(connectionIs("open"), "use", welcome);
  }

  get sent(): string[] {
    return this.#sent.splice(0);
  }

  get seen(): unknown[] {
    const { phase, status, reason } = this.subscription;
    return [phase, status, reason];
  }
}

const connectionIs = (
  phase: Lifecycle["phase"],
  life: Partial<Lifecycle> = {},
): SubscriptionInput => ({
  type: "connection",
  connection: { ...newLifecycle(BACKOFF, 1), phase, ...life },
});
const received = (frame: Frame): SubscriptionInput => ({ type: "frame", frame });
const welcome = received({
  type: "welcome",
  room: "a",
  session: "s1",
  user: "ann",
  grant: [],
  epoch: "epoch001",
  seq: 0,
  expires_at: 0,
  ping_ms: 0,
});
const closed = (code: number): SubscriptionInput => received({ type: "closed", room: "a", code });
const refused = (code: "rate_limited" | "bad_request", ref?: string): SubscriptionInput =>
  received({ type: "error", code, message: "No.", ...(ref && { ref }) });

describe("joining and leaving", () => {
  it("subscribes when it is used and its connection is open", () => {
    const scenario = new Scenario().dispatch("use", connectionIs("opening"));
    assert.deepEqual([scenario.sent, scenario.seen], [[], ["opening", "connecting", undefined]]);
    assert.deepEqual(scenario.dispatch(connectionIs("open")).sent, ["subscribe"]);
    assert.deepEqual(scenario.dispatch(welcome).seen, ["open", "connected", undefined]);
  });

  it("stays subscribed if a user returns within the grace", () => {
    const scenario = new Scenario().opened();
    scenario.sent;
    assert.deepEqual(scenario.dispatch("leave").wait(2_999).dispatch("use").wait(60_000).sent, []);
  });

  it("unsubscribes when the grace ends, and can be removed after `closed`", () => {
    const scenario = new Scenario().opened();
    scenario.sent;
    assert.deepEqual(scenario.dispatch("leave").wait(3_000).sent, ["unsubscribe"]);
    assert.equal(canRemove(scenario.subscription), false);
    assert.equal(canRemove(scenario.dispatch(closed(1000)).subscription), true);
    assert.deepEqual(scenario.wait(60_000).sent, []);
  });

  it("subscribes again only after `closed`", () => {
    const scenario = new Scenario().opened().dispatch("leave").wait(3_000);
    scenario.sent;
    assert.deepEqual(scenario.dispatch("use").sent, []);
    assert.deepEqual(
      scenario.dispatch(welcome).seen,
      ["opening", "connecting", undefined],
      "an outdated `welcome`",
    );
    assert.deepEqual(scenario.dispatch(closed(1000)).sent, ["subscribe"]);
    assert.equal(scenario.dispatch(welcome).subscription.phase, "open");
  });

  it("accepts another close code in place of the answer to `unsubscribe`", () => {
    const scenario = new Scenario().opened().dispatch("leave").wait(3_000);
    scenario.sent;
    assert.equal(canRemove(scenario.dispatch(closed(4010)).subscription), true);
    // This refusal answers an `unsubscribe` that was sent before the close was received.
    assert.deepEqual(scenario.dispatch("use", refused("bad_request")).sent, ["subscribe"]);
  });

  it("sends nothing if it is left before the connection is open", () => {
    const scenario = new Scenario().dispatch("use", connectionIs("opening"), "leave").wait(3_000);
    assert.equal(canRemove(scenario.subscription), true);
    assert.deepEqual(scenario.dispatch(connectionIs("open")).sent, []);
  });

  it("unsubscribes before `welcome` if it is left", () => {
    const scenario = new Scenario().dispatch("use", connectionIs("open"), "leave").wait(3_000);
    assert.deepEqual(scenario.sent, ["subscribe", "unsubscribe"]);
    assert.equal(canRemove(scenario.dispatch(welcome, closed(1000)).subscription), true);
  });
});

it("does not open after it was left, even if its `unsubscribe` is sent late", () => {
  const scenario = new Scenario().dispatch(connectionIs("open"), "use");
  scenario.held = true;
  scenario.dispatch("leave").wait(3_000).dispatch(welcome);
  assert.deepEqual(scenario.seen, ["idle", "connecting", undefined]);
  scenario.held = false;
  scenario.sent;
  assert.deepEqual(scenario.dispatch("leave").sent, ["unsubscribe"]);
});

describe("a room that ends the subscription", () => {
  for (const [code, reason] of [
    [1011, "internal"],
    [1012, "restarting"],
    [1013, "room_full"],
    [4408, "ping_timeout"],
    [4999, "offline"],
  ] as const) {
    it(`is retried after ${code}`, () => {
      const scenario = new Scenario().opened();
      scenario.sent;
      assert.deepEqual(scenario.dispatch(closed(code)).seen, ["waiting", "reconnecting", reason]);
      const { dueAt } = scenario.subscription;
      assert.deepEqual(scenario.wait(dueAt - scenario.now - 1).sent, []);
      assert.deepEqual(scenario.wait(1).sent, ["subscribe"]);
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
      const scenario = new Scenario().opened().dispatch(closed(code));
      scenario.sent;
      assert.deepEqual(scenario.seen, ["ended", status, reason]);
      scenario
        .dispatch("leave")
        .wait(60_000)
        .dispatch("use", connectionIs("opening"), connectionIs("open"))
        .wait(60_000);
      assert.deepEqual([scenario.sent, scenario.subscription.status], [[], status]);
      assert.deepEqual(scenario.dispatch("restart").sent, ["subscribe"], "only on `restart`");
    });
  }

  it("is retried with growing delays, until a subscription has lasted", () => {
    const scenario = new Scenario().opened();
    const fail = (): void =>
      void scenario.dispatch(closed(1013)).wait(scenario.subscription.dueAt - scenario.now);
    for (let n = 0; n < 4; n++) fail();
    scenario.dispatch(welcome).wait(1_000);
    fail();
    assert.equal(scenario.subscription.attempts, 5, "not after only one second");
    scenario.dispatch(welcome).wait(20_000);
    fail();
    assert.equal(scenario.subscription.attempts, 1);
    fail();
    assert.equal(scenario.dispatch("restart").subscription.attempts, 0, "reset by `restart`");
  });
});

describe("the connection", () => {
  it("resets pending and open subscriptions when it is lost", () => {
    for (const scenario of [
      new Scenario().opened(),
      new Scenario().dispatch(connectionIs("open"), "use"),
    ]) {
      scenario.sent;
      scenario.dispatch(connectionIs("waiting", { reason: "offline", dueAt: scenario.now + 700 }));
      const { phase, reason, dueAt } = scenario.subscription;
      assert.deepEqual([phase, reason, dueAt], ["waiting", "offline", scenario.now + 700]);
      assert.deepEqual(scenario.wait(60_000).sent, [], "only the connection retries");
      assert.deepEqual(scenario.dispatch(connectionIs("opening"), connectionIs("open")).sent, [
        "subscribe",
      ]);
    }
  });

  it("switches to a better transport without a status change", () => {
    const scenario = new Scenario().opened();
    scenario.sent;
    scenario.dispatch(connectionIs("opening", { status: "connected" }));
    assert.deepEqual(scenario.seen, ["opening", "connected", undefined]);
    scenario.dispatch(connectionIs("open", { status: "connected" }));
    assert.deepEqual(
      [scenario.sent, scenario.seen],
      [["subscribe"], ["opening", "connected", undefined]],
    );
    assert.deepEqual(scenario.dispatch(welcome).seen, ["open", "connected", undefined]);
    scenario.dispatch(connectionIs("opening", { status: "connected" }), connectionIs("waiting"));
    assert.deepEqual(scenario.seen, ["waiting", "reconnecting", undefined]);
  });

  it("ends its subscriptions when it ends", () => {
    const by = { status: "unauthorized", reason: "token_expired" } as const;
    const scenario = new Scenario().opened().dispatch(connectionIs("ended", by));
    assert.deepEqual(scenario.seen, ["ended", "unauthorized", "token_expired"]);
  });

  it("does not reopen an ended room after a reconnect", () => {
    const scenario = new Scenario().opened().dispatch(closed(4010));
    scenario.sent;
    assert.deepEqual(scenario.dispatch(connectionIs("waiting"), connectionIs("open")).sent, []);
    assert.deepEqual(scenario.seen, ["ended", "closed", "kicked"]);
  });

  it("subscribes immediately after a reconnect, even if the room's retry was scheduled for later", () => {
    const scenario = new Scenario().opened().dispatch(closed(1013));
    scenario.sent;
    assert.deepEqual(scenario.dispatch(connectionIs("opening"), connectionIs("open")).sent, [
      "subscribe",
    ]);
  });
});

describe("answers", () => {
  it("that time out make the room unsubscribe and retry", () => {
    const scenario = new Scenario().dispatch(connectionIs("open"), "use");
    scenario.sent;
    scenario.wait(9_999);
    assert.deepEqual(scenario.sent, []);
    scenario.wait(1);
    assert.deepEqual(scenario.subscription.reason, "timeout");
    assert.deepEqual(scenario.sent, ["unsubscribe"]);
    assert.deepEqual(scenario.wait(5_000).sent, [], "not before `closed`");
    assert.deepEqual(scenario.dispatch(closed(1000)).sent, ["subscribe"]);
  });

  it("that report a missing subscription make the room subscribe", () => {
    const scenario = new Scenario().dispatch(connectionIs("open"), "use").wait(15_000);
    assert.deepEqual(scenario.sent, ["subscribe", "unsubscribe"]);
    assert.deepEqual(scenario.dispatch(refused("bad_request")).sent, ["subscribe"]);
  });

  it("with `rate_limited` make the room send its request again", () => {
    const scenario = new Scenario().dispatch(connectionIs("open"), "use", refused("rate_limited"));
    assert.deepEqual(scenario.sent, ["subscribe", "subscribe"]);
    scenario.dispatch(welcome, "leave").wait(3_000).dispatch(refused("rate_limited"));
    assert.deepEqual(scenario.sent, ["unsubscribe"], "retried later");
    assert.deepEqual(scenario.wait(10_000).sent, ["unsubscribe"]);
  });

  it("that permanently reject a `subscribe` end the room, until `restart`", () => {
    const scenario = new Scenario().dispatch(
      connectionIs("open"),
      "use",
      refused("bad_request", "subscribe"),
    );
    assert.deepEqual(scenario.seen, ["ended", "closed", "bad_request"]);
    assert.deepEqual(scenario.sent, ["subscribe"]);
    scenario.wait(60_000).dispatch(connectionIs("waiting"), connectionIs("open")).wait(60_000);
    assert.deepEqual(scenario.sent, []);
    assert.deepEqual(scenario.dispatch("restart").sent, ["subscribe"]);
  });

  it("to an earlier request do not apply to the current one", () => {
    const scenario = new Scenario()
      .opened()
      .dispatch("leave")
      .wait(3_000)
      .dispatch(closed(4010), "use");
    scenario.sent;
    scenario.dispatch(refused("bad_request", "unsubscribe"), welcome);
    assert.deepEqual([scenario.subscription.phase, scenario.sent], ["open", []]);
  });

  it("that name their request have the same effect as answers that don't", () => {
    const scenario = new Scenario().dispatch(
      connectionIs("open"),
      "use",
      refused("rate_limited", "subscribe"),
    );
    assert.deepEqual(scenario.sent, ["subscribe", "subscribe"]);
    scenario.dispatch(welcome, "leave").wait(3_000).dispatch(refused("bad_request", "unsubscribe"));
    assert.equal(canRemove(scenario.subscription), true);
  });

  it("to a publish have no effect", () => {
    const scenario = new Scenario().dispatch(connectionIs("open"), "use");
    const before = scenario.subscription;
    scenario.dispatch(refused("rate_limited", "7"), refused("bad_request", "8"));
    assert.equal(scenario.subscription, before);
  });
});

describe("a missing event", () => {
  it("ends the room's session, but not the connection", () => {
    const scenario = new Scenario().opened();
    scenario.sent;
    assert.deepEqual(scenario.dispatch("gap_detected").sent, ["unsubscribe"]);
    assert.equal(scenario.subscription.phase, "waiting");
    assert.deepEqual(scenario.dispatch(closed(1000)).wait(1_000).sent, ["subscribe"]);
    assert.deepEqual(scenario.dispatch(welcome).seen, ["open", "connected", undefined]);
  });

  it("does not increase the delay long after earlier ones", () => {
    const scenario = new Scenario().opened();
    for (let n = 0; n < 5; n++) {
      scenario.dispatch("gap_detected", closed(1000));
      scenario.wait(scenario.subscription.dueAt - scenario.now).dispatch(welcome);
    }
    assert.equal(scenario.subscription.attempts, 5);
    scenario.wait(20_000).dispatch("gap_detected");
    assert.equal(scenario.subscription.attempts, 1);
  });

  it("after which the room ends with `kicked` stays final", () => {
    const scenario = new Scenario().opened().dispatch("gap_detected", closed(4010));
    assert.deepEqual(scenario.seen, ["ended", "closed", "kicked"]);
  });
});

describe("any order of inputs", () => {
  const inputs: SubscriptionInput[] = [
    ...(["use", "leave", "gap_detected", "restart", "tick"] as const).map((type) => ({ type })),
    ...(["opening", "open", "waiting"] as const).map((phase) => connectionIs(phase)),
    ...[1000, 1012, 4010].map(closed),
    welcome,
    refused("rate_limited"),
    refused("bad_request"),
  ];

  it("leads to an open subscription once it is used and the server answers", () => {
    let random = 1;
    const below = (bound: number): number => {
      random = (Math.imul(random, 48271) >>> 0) % 2147483647;
      return random % bound;
    };
    for (let n = 0; n < 2_000; n++) {
      const scenario = new Scenario();
      for (let i = 0; i < 30; i++) {
        scenario.held = below(3) === 0;
        scenario.dispatch(inputs[below(inputs.length)]!).wait(below(4_000));
      }
      scenario.held = false;
      scenario.dispatch("use", connectionIs("opening"), "restart", connectionIs("open"));
      assert.equal(scenario.sent.at(-1), "subscribe");
      assert.equal(scenario.dispatch(welcome).subscription.phase, "open");
      assert.equal(wakeAt(scenario.subscription), Infinity);
    }
  });
});
