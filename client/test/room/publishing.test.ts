import assert from "node:assert/strict";
import { it } from "node:test";
import { advance } from "../model/network.ts";
import { tokenFor } from "../model/claims.ts";
import { clientOf, codeOf, cutAll, describeBoth, HOUR, network, server } from "../fixture.ts";

describeBoth("publishing", () => {
  it("resolves with the seq, and returns the id immediately", async () => {
    const room = clientOf().room("room");
    const sent = room.publish("a", 1, { key: "k" });
    assert.match(sent.id, /^\d+-\d+-\d+-\d+$/);
    await advance(100);
    assert.equal(await sent, 1);
    const [event] = server.room("room").events;
    assert.deepEqual([event!.id, event!.key, event!.from], [sent.id, "k", "alice"]);
  });

  it("connects only for the publish, and disconnects again", async () => {
    const room = clientOf().room("room");
    room.publish("a", 1);
    await advance(5_000);
    assert.equal(server.room("room").events.length, 1);
    assert.equal(server.room("room").sessions.size, 0);
  });

  it("waits while offline, and is stored once whichever frame was lost", async () => {
    const room = clientOf().room("room");
    room.on(() => {});
    await advance(100);
    const sent = room.publish("a", 1);
    await advance(7, 1); // The room has the publish, and the ack is in transit.
    assert.equal(server.room("room").events.length, 1);
    cutAll();
    network.down = true;
    const more = [2, 3].map((data) => room.publish("a", data));
    await advance(20_000);
    network.down = false;
    await advance(30_000);
    assert.deepEqual(await Promise.all([sent, ...more]), [1, 2, 3]);
    assert.deepEqual(
      server.room("room").events.map(({ data }) => data),
      [1, 2, 3],
    );
  });

  it("is rejected if too many publishes wait", async () => {
    network.down = true;
    const room = clientOf({ publish: { maxQueued: 2 } }).room("room");
    void room.publish("a", 1).catch(() => {});
    void room.publish("a", 2).catch(() => {});
    assert.equal(await codeOf(room.publish("a", 3)), "queue_full");
  });

  it("is rejected after its timeout", async () => {
    network.down = true;
    const room = clientOf({ publish: { timeoutMs: 5_000 } }).room("room");
    const code = codeOf(room.publish("a", 1));
    await advance(5_100);
    assert.equal(await code, "timeout");
    network.down = false;
    await advance(30_000);
    assert.equal(server.room("room").events.length, 0);
  });

  it("is rejected if it would close the socket", async () => {
    const room = clientOf().room("room");
    assert.equal(await codeOf(room.publish("a", "é".repeat(600_000))), "too_large");
  });

  it("is rejected by the room", async () => {
    const token = () => tokenFor("alice", Date.now() + HOUR, ["subscribe"]);
    const code = codeOf(clientOf({ token }).room("room").publish("a", 1));
    await advance(100);
    assert.equal(await code, "forbidden");
  });

  it("is rejected when the room ends, and after the end", async () => {
    const room = clientOf().room("room");
    room.on(() => {});
    await advance(100);
    network.delay = () => 1_000;
    const code = codeOf(room.publish("a", 1));
    cutAll(4010);
    assert.equal(await code, "kicked");
    assert.equal(await codeOf(room.publish("a", 1)), "kicked");
  });

  it("respects the rate limit and keeps the order", async () => {
    server.rateLimit = { perSecond: 50, burst: 100 };
    const room = clientOf().room("room");
    const sent = Array.from({ length: 400 }, (_, n) => room.publish("a", n));
    await advance(15_000);
    const seqs = await Promise.all(sent);
    assert.deepEqual(
      seqs,
      Array.from(sent, (_, n) => n + 1),
    );
  });
});
