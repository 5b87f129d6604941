import assert from "node:assert/strict";
import { type TestContext, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { Webhook } from "standardwebhooks";
import { Socket } from "./client.ts";
import { HookReceiver } from "./hook-receiver.ts";
import { claims, sign } from "./jwt.ts";
import { Room } from "./room.ts";
import { Runtime, SECRET } from "./runtime.ts";

const token = sign(claims("alice", ["subscribe", "publish", "presence"]), SECRET);
const failures = "webhook_failed";

describe("webhooks", { concurrency: true }, () => {
  test("1,000 notifications reach a receiver that fails in every way, while the runtime is killed", async (t) => {
    const { runtime, room, receiver } = await start(t);
    let published = 0;
    let fails = 0;
    const act = async (): Promise<void> => {
      const socket = await join(room);
      for (let n = 0; n < 20; n++) await room.publish({ name: "n", data: (published += 1) });
      socket.close();
    };
    const recover = async (): Promise<void> => {
      await runtime.waitForLog(failures, (fails += 1), 30_000);
      await act();
      receiver.mode = "ok";
      await receiver.until("recovery", () => receiver.seq === published);
    };

    for (const mode of ["error", "drop", "hang", "redirect"] as const) {
      receiver.mode = mode;
      await act();
      await recover();
    }
    await receiver.close();
    await act();
    await runtime.waitForLog(failures, fails + 1, 30_000);
    await receiver.listen();
    await recover();

    // Each kill interrupts a delivery that the receiver has read.
    for (const mode of ["hang", "drop", "hang", "drop", "hang"] as const) {
      receiver.mode = mode;
      const before = receiver.requests;
      const socket = await join(room);
      await act();
      await receiver.until("a delivery", () => receiver.requests > before);
      await runtime.kill();
      socket.drop();
      receiver.mode = "ok";
      await runtime.restart();
      await act();
    }
    while (published + receiver.notifications.length < 1_000) await act();
    const { head } = await room.stats();
    await receiver.until("all events", () => receiver.seq === head);
    await receiver.until(
      "the last end",
      () => receiver.notifications.at(-1)!.type === "room.vacated",
    );
    assert.equal(head, published);
    assert.equal(receiver.dropped, 0);
    assert(receiver.repeats > 0, "some were delivered twice");
    const types = receiver.notifications.map(({ type, code }) => `${type} ${code ?? ""}`);
    const count = (type: string): number => types.filter((one) => one === type).length;
    assert.equal(count("room.occupied "), count("room.vacated "));
    assert(count("session.closed 1006") >= 5, "the kills lost sessions");
  });

  // Limits: WEBHOOK_TIMEOUT_MS.
  test("a receiver that does not answer within five seconds has failed", async (t) => {
    const { runtime, room, receiver } = await start(t);
    receiver.mode = "hang";
    const before = Date.now();
    await room.publish({ name: "n", data: 1 });
    await runtime.waitForLog("no answer within 5000 ms", 1, 30_000);
    const tookMs = Date.now() - before;
    assert(tookMs >= 5_000 && tookMs < 9_000, `${tookMs} ms`);
    receiver.mode = "ok";
    await receiver.until("the retry", () => receiver.seq === 1);
    assert.deepEqual([receiver.requests, receiver.ids.size], [2, 1]);
  });

  test("members and sessions that a kill loses are notified", async (t) => {
    const { runtime, room, receiver } = await start(t);
    const alice = await join(room);
    alice.send({ type: "enter" });
    await receiver.until("the member", () => receiver.notifications.length === 2);
    await runtime.kill();
    alice.drop();
    await runtime.restart();
    await room.publish({ name: "n", data: 1 });
    await receiver.until("the ends", () => receiver.notifications.length === 5);
    const got = receiver.notifications.map(({ type, user, code }) => ({ type, user, code }));
    const [, , ...ends] = got;
    assert.deepEqual(
      new Set(ends.map(({ type }) => type)),
      new Set(["session.closed", "member.left", "room.vacated"]),
    );
    assert.equal(ends.find(({ type }) => type === "session.closed")!.code, 1006);
    assert.equal(ends.find(({ type }) => type === "member.left")!.user, "alice");
  });

  test("a session costs four rows, and its delivery one", async (t) => {
    const { room, receiver } = await start(t);
    const alice = await join(room);
    await receiver.until("occupied", () => receiver.notifications.length === 1);
    const delivered = async (): Promise<number> => {
      // An answer of the room follows the delivery that the receiver has accepted.
      for (;;) {
        const { rows_written: rows } = await room.stats();
        await sleep(200);
        if ((await room.stats()).rows_written === rows) return rows;
      }
    };
    const before = await delivered();
    (await join(room)).close();
    await receiver.until("closed", () => receiver.notifications.length === 2);
    assert.equal((await delivered()) - before, 4 + 1);
    alice.drop();
  });

  test("both secrets sign while there are two", async (t) => {
    const other = `whsec_${Buffer.alloc(24, "other").toString("base64")}`;
    const { room, receiver } = await start(t, (secret) => `${other} ${secret}`);
    await room.publish({ name: "n", data: 1 });
    await receiver.until("the event", () => receiver.seq === 1);
    assert.throws(() => new Webhook(other).verify("{}", {}));
  });

  test("a room with webhooks hibernates while it is idle and while a retry waits", async (t) => {
    const { runtime, room, receiver } = await start(t);
    const alice = await join(room);
    await receiver.until("the delivery", () => receiver.notifications.length === 1);
    // After a delivery, the alarm rings once more: at most 30 s later.
    await sleep(45_000);
    assert.equal(await runtime.evict("r"), false, "the room is no longer in memory");
    const requests = receiver.requests;

    receiver.mode = "error";
    for (let n = 0; n < 3; n++) await room.publish({ name: "n", data: n });
    // The fourth attempt is after two minutes.
    await receiver.until("three attempts", () => receiver.requests === requests + 3, 60_000);
    await sleep(13_000); // The runtime evicts an object that has been idle for ten seconds.
    assert.equal(await runtime.evict("r"), false, "the room hibernates until the retry");
    assert.equal(receiver.requests, requests + 3);
    alice.drop();
  });

  test("a webhook_url without a secret is a configuration error", async (t) => {
    const settings = { "*": { webhook_url: "https://app.example/hook" } };
    const runtime = await Runtime.start({ settings });
    t.after(() => runtime.stop());
    assert.equal((await fetch(`${runtime.url}/healthz`)).status, 500);
    await runtime.waitForLog("WEBHOOK_SECRETS", 1, 10_000);
  });
});

interface Started {
  runtime: Runtime;
  room: Room;
  receiver: HookReceiver;
}

async function start(t: TestContext, secrets = (secret: string) => secret): Promise<Started> {
  const receiver = await HookReceiver.of(t);
  const { vars, settings } = receiver.options;
  const WEBHOOK_SECRETS = secrets(receiver.secret);
  const runtime = await Runtime.start({ vars: { ...vars, WEBHOOK_SECRETS }, settings });
  t.after(() => runtime.stop());
  return { runtime, room: new Room(runtime, "r"), receiver };
}

async function join(room: Room): Promise<Socket> {
  const socket = await Socket.open(`${room.url}/events`, { token });
  await socket.until("welcome");
  return socket;
}
