/**
 * Tests presence over two kinds of bridge: streams of Server-Sent Events, and connections for many
 * rooms.
 */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { Socket } from "./client.ts";
import { setUp, subscribe } from "./connection.ts";
import { type SseEvent, EventStream } from "./event-stream.ts";
import { Room, tokenOf } from "./room.ts";
import { GONE_WITHIN_MS } from "./runtime.ts";

const alice = tokenOf("alice", ["subscribe", "presence"]);
const bob = tokenOf("bob", ["subscribe", "presence"]);

const entering = (data: unknown): string =>
  `enter=${encodeURIComponent(typeof data === "string" ? data : JSON.stringify(data))}`;

describe("presence over a bridge", { concurrency: true }, () => {
  describe("a stream that enters", { concurrency: true }, () => {
    test("is a member, receives changes of others, and leaves after the grace period when it disconnects", async (t) => {
      const room = await Room.of(t);
      const stream = await EventStream.open(`${room.url}/events`, {
        token: alice,
        query: entering({ name: "Älice + 1" }),
      });
      const members = await stream.next();
      assert.deepEqual(
        [members?.event, members?.lastEventId],
        ["members", await stream.waitForPosition()],
      );
      const [member] = JSON.parse(members?.data ?? "").members;
      assert.equal(member.user, "alice");
      assert.deepEqual(member.sessions[0].data, { name: "Älice + 1" });

      const other = await EventStream.open(`${room.url}/events`, {
        token: bob,
        query: entering(7),
      });
      t.after(() => other.drop());
      const entered = await stream.next();
      assert.equal(entered?.event, "members:changed");
      assert.deepEqual(
        JSON.parse(entered.data).entered.map(({ user, data }: any) => [user, data]),
        [["bob", 7]],
      );
      assert.deepEqual(await room.members(), ["alice", "bob"]);
      assert.equal((await other.next())?.event, "members");
      stream.drop();
      await room.publish({ name: "n", data: 1 });
      await room.publish({ name: "n", data: 2 });
      assert.deepEqual(
        await room.members(),
        ["alice", "bob"],
        "alice may reconnect within the grace period",
      );
      for (const seq of [1, 2]) assert.equal((await other.nextJson()).seq, seq);
      const left = await other.next();
      assert.equal(left?.event, "members:changed");
      assert.deepEqual(
        JSON.parse(left.data).left.map(({ user }: any) => user),
        ["alice"],
      );
      assert.deepEqual(await room.members(), ["bob"]);
    });

    test("stays a member as long as it reads, and leaves when it stalls", async (t) => {
      const room = await Room.of(t);
      const open = (token: string) =>
        EventStream.open(`${room.url}/events`, { token, query: entering(1) });
      const [reading, stalled] = [await open(alice), await open(bob)];
      t.after(() => [reading, stalled].forEach((stream) => stream.drop()));
      assert.equal((await reading.next())?.event, "members");
      stalled.response.pause();
      // The published events need more space than the operating system's buffers have.
      const event = { name: "n", data: "x".repeat(60_000) };
      for (let i = 0; i < 20; i++) await room.publish({ events: Array(16).fill(event) });
      assert.deepEqual(await room.members(), ["alice", "bob"]);
      const hasLeft = ({ event, data }: SseEvent): boolean =>
        event === "members:changed" && JSON.parse(data).left.length > 0;
      while (!hasLeft((await reading.next(GONE_WITHIN_MS))!));
      assert.deepEqual(await room.members(), ["alice"]);
      await reading.waitForComments(2, 30_000);
    });

    test("is rejected without the right to presence, or with invalid data", async (t) => {
      const room = await Room.of(t);
      const rejected = async (
        token: string,
        data: unknown,
      ): Promise<[number | undefined, string]> => {
        const options = { token, query: entering(data) };
        const stream = await EventStream.open(`${room.url}/events`, options);
        await stream.waitForEnd();
        return [stream.status, stream.errorBody.error.code];
      };
      assert.deepEqual(await rejected(alice, "{nonsense"), [400, "bad_request"]);
      assert.deepEqual(await rejected(alice, "1} {2"), [400, "bad_request"]);
      assert.deepEqual(await rejected(alice, ""), [400, "bad_request"]);
      assert.deepEqual(await rejected(alice, "x".repeat(3_000)), [413, "too_large"]);
      assert.deepEqual(await rejected(tokenOf("eve", ["subscribe"]), 1), [403, "forbidden"]);
      assert.deepEqual(await room.members(), []);
      await room.waitForSessions(0);
    });
  });

  describe("a connection that enters rooms", { concurrency: true }, () => {
    test("is a member of each room as long as it pings", async (t) => {
      const { room, runtime, connect } = await setUp(t);
      const socket = await connect(alice);
      for (const name of ["a", "b"]) {
        socket.send({ type: "subscribe", room: name });
        socket.send({ type: "enter", room: name, data: { in: name } });
        const { members } = await socket.until("members", (frame) => frame.room === name);
        assert.deepEqual(members[0].sessions[0].data, { in: name });
      }
      for (let i = 0; i < 3; i++) {
        await sleep(20_000);
        for (const name of ["a", "b"]) await runtime.evict(name);
        socket.send({ type: "ping" });
        assert.deepEqual(await socket.next(), { type: "pong" });
      }
      for (const name of ["a", "b"]) assert.deepEqual(await room(name).members(), ["alice"]);
      socket.send({ type: "leave", room: "a" });
      socket.send({ type: "members", room: "a" });
      assert.deepEqual((await socket.next()).members, []);
    });

    const ends: [string, (socket: Socket) => void, string[]][] = [
      ["closes with 1000", (socket) => socket.close(1000), []],
      ["closes with no code", (socket) => socket.closeWithoutCode(), []],
      [
        "closes with 1001, as a page does when the user leaves it",
        (socket) => socket.close(1001),
        ["alice"],
      ],
      ["closes with a code of the application", (socket) => socket.close(4321), ["alice"]],
      ["is disconnected", (socket) => socket.drop(), ["alice"]],
      ["unsubscribes", (socket) => socket.send({ type: "unsubscribe", room: "r" }), []],
    ];
    for (const [how, end, members] of ends) {
      test(`leaves ${members.length > 0 ? "after the grace period" : "immediately"} when it ${how}`, async (t) => {
        const { room, connect } = await setUp(t);
        const socket = await connect(alice);
        await subscribe(socket, "r");
        socket.send({ type: "enter", room: "r" });
        await socket.until("members");
        end(socket);
        await room("r").waitForSessions(0);
        assert.deepEqual(await room("r").members(), members);
        if (members.length === 0) return;
        await room("r").waitForMembers();
      });
    }

    test("stays a member if it reconnects within the grace period", async (t) => {
      const { room, connect } = await setUp(t);
      const watcher = await connect(bob);
      await subscribe(watcher, "r");
      watcher.send({ type: "enter", room: "r" });
      await watcher.until("members");
      let socket = await connect(alice);
      for (let i = 0; i < 3; i++) {
        await subscribe(socket, "r");
        socket.send({ type: "enter", room: "r" });
        const changed = await watcher.until("members:changed");
        assert.deepEqual(
          changed.entered.map(({ user }: any) => user),
          ["alice"],
        );
        assert.deepEqual(
          changed.left.map(({ user }: any) => user),
          i === 0 ? [] : ["alice"],
        );
        assert.deepEqual(await room("r").members(), ["alice", "bob"]);
        socket.drop();
        await room("r").waitForSessions(1);
        socket = await connect(alice);
      }
    });
  });
});
