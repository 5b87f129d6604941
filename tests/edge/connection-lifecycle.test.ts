import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { Socket } from "./client.ts";
import { setUp, subscribe } from "./connection.ts";
import { seeded } from "./random.ts";
import { GONE_WITHIN_MS, NO_WINDOWS } from "./runtime.ts";

describe("a connection", { concurrency: true }, () => {
  test("that ends also ends its sessions", async (t) => {
    const { room, connect } = await setUp(t);
    for (const ends of [(socket: Socket) => socket.close(), (socket: Socket) => socket.drop()]) {
      const socket = await connect();
      for (const name of ["a", "b"]) await subscribe(socket, name);
      socket.send({ type: "subscribe", room: "c" });
      ends(socket);
      for (const name of ["a", "b", "c"]) await room(name).waitForSessions(0);
    }
  });

  test("without a ping is closed after two ping periods", async (t) => {
    const { room, connect } = await setUp(t);
    const socket = await connect();
    const since = Date.now();
    await subscribe(socket, "r");
    assert.equal((await socket.closed(80_000)).code, 4408);
    const after = Date.now() - since;
    assert(after > 49_900, `${after} ms`);
    await room("r").waitForSessions(0);
  });

  test("leaves no session behind when hundreds of connections are lost at once", async (t) => {
    const { room, connect } = await setUp(t);
    const names = ["a", "b", "c", "d"];
    const sockets: Socket[] = [];
    while (sockets.length < 250)
      sockets.push(...(await Promise.all(Array.from({ length: 50 }, () => connect()))));
    await Promise.all(
      sockets.map(async (socket) => {
        for (const name of names) await subscribe(socket, name);
      }),
    );
    for (const name of names) await room(name).waitForSessions(250);
    for (const socket of sockets) socket.drop();
    // Another 25 sockets disconnect while their sessions are still joining.
    for (let i = 0; i < 25; i++) {
      const socket = await connect();
      for (const name of names) socket.send({ type: "subscribe", room: name });
      socket.drop();
    }
    for (const name of names) await room(name).waitForSessions(0, GONE_WITHIN_MS);
  });
});

describe("the rooms of a connection", { concurrency: true }, () => {
  test("hibernate, are not woken by its pings, and deliver events when they wake", async (t) => {
    const { room, runtime, connect } = await setUp(t);
    const names = Array.from({ length: 100 }, (_, i) => `r:${i}`);
    const socket = await connect();
    for (const name of names) await subscribe(socket, name);
    socket.send({ type: "subscribe", room: "one too many" });
    assert.equal((await socket.until("error")).code, "bad_request");
    const before = await room("r:7").stats();
    await sleep(14_000); // The runtime evicts an object that has been idle for ten seconds.
    socket.send({ type: "ping" });
    assert.deepEqual(
      await socket.next(),
      { type: "pong" },
      "the bridge does not forward the rooms' pongs",
    );
    for (const name of names)
      assert.equal(await runtime.evict(name), false, `${name} was in memory`);
    for (const name of names) {
      await room(name).publish({ name: "n", data: name });
      const { room: from, events } = await socket.next();
      assert.deepEqual([from, events[0].data], [name, name]);
    }
    assert(
      (await room("r:7").stats()).awake_since > before.awake_since,
      "the object was created again",
    );
  });

  // Limits: BRIDGE_WINDOW_BYTES.
  test("each send at most one window of events, and more after a `seen`", async (t) => {
    const { room, connect } = await setUp(t);
    const socket = await connect();
    await subscribe(socket, "a");
    await subscribe(socket, "b");
    const event = { name: "n", data: "x".repeat(10_000) };
    for (let i = 0; i < 100; i++) await room("a").publish(event);
    await room("b").publish({ name: "n", data: "another room is not delayed" });
    // The answer to this frame arrives after all events that the flow window allows.
    socket.send({ type: "members", room: "a" });
    let [bytes, seq, answers, others] = [0, 0, 0, 0];
    while (answers + others < 2) {
      const { type, room, events } = await socket.next();
      if (room === "b") others += 1;
      else if (type === "error") answers += 1;
      else {
        bytes += socket.text.length;
        seq = events.at(-1).seq;
      }
    }
    assert(bytes > 200_000 && bytes < 300_000, `${bytes} bytes`);
    while (seq < 100) {
      socket.send({ type: "seen", room: "a", seq });
      const frame = await socket.next();
      assert.deepEqual([frame.room, frame.prev], ["a", seq]);
      seq = frame.events.at(-1).seq;
    }
  });

  test("deliver every event once and in order, however often the connection is lost", async (t) => {
    const random = seeded(t);
    const { room, runtime, connect } = await setUp(t, { settings: NO_WINDOWS });
    const names = Array.from({ length: 20 }, (_, i) => `r${i}`);
    const events = 50;
    const epochs = new Map<string, string>();
    const seqs = new Map(names.map((name) => [name, 0]));
    for (const name of names) epochs.set(name, (await room(name).stats()).epoch);
    let cuts = 0;
    const isDone = () => [...seqs.values()].every((seq) => seq === events);
    const reading = (async () => {
      while (!isDone()) {
        const socket = await connect();
        for (const name of names)
          socket.send({
            type: "subscribe",
            room: name,
            since: `${epochs.get(name)}:${seqs.get(name)}`,
          });
        const cut = setTimeout(() => socket.drop(), 50 + random() * 300);
        try {
          while (!isDone()) {
            const frame = await socket.next();
            if (frame.type !== "events") {
              assert.deepEqual([frame.type, frame.recovered], ["welcome", true]);
              continue;
            }
            assert.equal(frame.prev, seqs.get(frame.room), "no event is lost or repeated");
            for (const { seq, data } of frame.events) assert.equal(seq, data);
            seqs.set(frame.room, frame.events.at(-1).seq);
          }
        } catch (cut) {
          assert.match(String(cut), /closed with 1006/);
        }
        clearTimeout(cut);
        cuts += 1;
      }
    })();
    for (let data = 1; data <= events; data++) {
      await Promise.all(names.map((name) => room(name).publish({ name: "n", data })));
      if (random() < 0.3) await runtime.evict(`r${Math.floor(random() * 20)}`);
    }
    await reading;
    assert(cuts > 3, `${cuts} cuts`);
  });
});
