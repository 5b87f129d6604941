/** Attacks with requests that cost the room more than other requests. */
import assert from "node:assert/strict";
import { type KeyObject, generateKeyPairSync } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { claims, sign } from "../../tests/edge/jwt.ts";
import { Room } from "../../tests/edge/room.ts";
import { TEXT, frame } from "../../tests/edge/wire.ts";
import type { Attack } from "../attack/attack.ts";
import { authorized, end, eventsOf, join } from "../attack/client.ts";
import { watchCpu } from "../attack/server.ts";
import { post } from "../http.ts";
import { runConcurrently } from "../run-concurrently.ts";

/**
 * Publishes batches of 1,000 events with keys. Sends each batch as soon as the previous batch is
 * answered.
 */
export const keyedEvents: Attack = async ({ context, runtime }) => {
  const room = new Room(runtime, "keyed");
  await room.publish({ name: "n", data: 1 });
  const events = Array.from({ length: 1_000 }, (_, i) => ({ name: "n", key: `k${i}`, data: i }));
  const durationMs = context.size(10_000, 3_000);
  const before = await room.stats();
  const startedAt = Date.now();
  let rejected = 0;
  const publish = async (): Promise<void> => {
    while (Date.now() < startedAt + durationMs) {
      const { status } = await post(room, events);
      if (status === 429) rejected += 1;
      // Ignores `retry_after_ms`. The short pause lets other clients send requests.
      if (status === 429) await sleep(5);
    }
  };
  await Promise.all(Array.from({ length: 4 }, publish));
  const seconds = (Date.now() - startedAt) / 1_000;
  const after = await room.stats();
  assert.equal(after.awake_since, before.awake_since);
  const rows = after.rows_written - before.rows_written;
  return {
    injected: { "s of batches of 1,000 keyed events with one token": seconds },
    observed: { "rows written a second": rows / seconds, "keyed batches rejected": rejected },
    // The limit is 500 rows a second. A burst may add as many rows as one second allows. Each
    // concurrent request may add one batch.
    atMost: { "rows written a second": 1.5 * 500 + 5_500 / seconds },
  };
};

/** Sends a `seen` for each seq, in order. The room must look up each seq in appends of 1 MB. */
export const floodOfSeen: Attack = async ({ context, runtime }) => {
  const room = new Room(runtime, "seen");
  const times = context.size(4_000, 1_000);
  const batch = Array.from({ length: 1_000 }, () => ({ name: "n", data: "x".repeat(900) }));
  for (let head = 0; head < times; head += 1_000)
    assert.equal((await post(room, batch)).status, 201);
  // This large event evicts the earlier events from memory.
  await post(room, [{ name: "n", data: "x".repeat(256_000) }]);
  const socket = await join(runtime, eventsOf("seen"), authorized("reader", ["subscribe"]));
  const frames = Array.from({ length: times }, (_, i) =>
    frame(TEXT, `{"type":"seen","seq":${i + 1}}`),
  );
  const ms = await watchCpu(runtime, async () => {
    socket.write(Buffer.concat([...frames, frame(TEXT, '{"type": "ping"}')]));
    // If the rate limit is exceeded, the answer to the ping is an error.
    await Promise.race([socket.until("pong"), socket.until("error"), socket.closed]);
  });
  end([socket]);
  return {
    injected: { "`seen` messages with old seqs": times },
    observed: { "ms of CPU for 1,000 `seen` messages": (ms * 1_000) / times },
    atMost: { "ms of CPU for 1,000 `seen` messages": 600 },
  };
};

/** After a room with a large log has hibernated, publishes the first event with an id. */
export const firstId: Attack = async ({ context, runtime }) => {
  const room = new Room(runtime, "ids");
  const batches = context.size(250, 60);
  await runConcurrently(batches, 4, async (batch) => {
    const events = Array.from({ length: 1_000 }, (_, i) => ({
      name: "n",
      id: `id-${batch}-${i}`,
      data: "x".repeat(900),
    }));
    assert.equal((await post(room, events)).status, 201);
  });
  await runtime.evict(room.name);
  // Loads the room with a read first, so that the cost of loading is not measured.
  await room.page("last=1");
  const beforeMb = await runtime.residentMb();
  const ms = await watchCpu(runtime, async () => {
    const { status } = await post(room, [{ name: "n", id: "id-0-0", data: 1 }]);
    assert.equal(status, 200, "the id of the oldest event counts once, also after hibernation");
  });
  const moreMb = (await runtime.residentMb()) - beforeMb;
  return {
    injected: { "MB of retained events with an id": batches },
    observed: {
      "ms of CPU for the first id after hibernation": ms,
      "MB more for the first id": moreMb,
    },
    atMost: { "ms of CPU for the first id after hibernation": 500, "MB more for the first id": 60 },
  };
};

/** Reads a state of 4 MB repeatedly. */
export const reads: Attack = async ({ context, runtime }) => {
  const room = new Room(runtime, "state");
  for (let from = 0; from < 1_000; from += 200) {
    const events = Array.from({ length: 200 }, (_, i) => ({
      name: "n",
      key: `k${from + i}`,
      data: "x".repeat(4_000),
    }));
    assert.equal((await post(room, events)).status, 201);
  }
  const durationMs = context.size(6_000, 2_000);
  const headers = authorized("reader", ["subscribe"]);
  const startedAt = Date.now();
  const statuses = new Map<number, number>();
  const read = async (): Promise<void> => {
    while (Date.now() < startedAt + durationMs) {
      const answer = await fetch(`${room.url}/state`, { headers });
      await answer.arrayBuffer();
      statuses.set(answer.status, (statuses.get(answer.status) ?? 0) + 1);
      if (answer.status === 429) await sleep(5);
    }
  };
  const ms = await watchCpu(runtime, () => Promise.all(Array.from({ length: 10 }, read)));
  const seconds = (Date.now() - startedAt) / 1_000;
  const answered = statuses.get(200) ?? 0;
  return {
    injected: { "s of reads of a 4 MB state with one token": seconds },
    observed: {
      "state reads answered a second": answered / seconds,
      "state reads rejected": statuses.get(429) ?? 0,
      "ms of CPU a second for state reads": ms / seconds,
    },
    // The limit is 100 units a second, and one read of this state costs 63 units. `4 / seconds`
    // allows for the burst.
    atMost: { "state reads answered a second": 2 * (100 / 63) + 4 / seconds },
  };
};

let keys: { publicKey: KeyObject; privateKey: KeyObject } | undefined;
/**
 * Returns a pair of RSA keys with 4,096 bits, which are the slowest keys that a key set may have.
 * The pair is generated on first use.
 */
const keyPair = (): NonNullable<typeof keys> =>
  (keys ??= generateKeyPairSync("rsa", { modulusLength: 4096 }));
export const signingKey = (): KeyObject => keyPair().publicKey;

/** Sends `auth` messages with new tokens, at the rate limit for frames. */
export const tokensInBand: Attack = async ({ context, runtime }) => {
  const token = (n: number): string => {
    const all = { ...claims("reader", ["subscribe"]), n };
    return sign(all, keyPair().privateKey, { kid: "rsa" }, "RS256");
  };
  const socket = await join(runtime, eventsOf("tokens"), { authorization: `Bearer ${token(0)}` });
  const seconds = context.size(6, 2);
  let isOver = false;
  void socket.closed.then(() => (isOver = true));
  const tokens = Array.from({ length: 5 }, (_, n) => token(n));
  const startedAt = Date.now();
  for (let i = 0; !isOver && Date.now() < startedAt + seconds * 1_000; i++) {
    socket.send(JSON.stringify({ type: "auth", token: tokens[i % 5] }));
    await sleep(20);
  }
  await sleep(500);
  const verified = socket.received.get("authorized") ?? 0;
  end([socket]);
  return {
    injected: { "s of `auth` messages with a new token, 50 a second": seconds },
    observed: { "new tokens verified": verified },
    atMost: { "new tokens verified": 10 + 2 * (seconds + 2) },
  };
};
