/** Helpers for the tests of connections for many rooms. */
import assert from "node:assert/strict";
import type { TestContext } from "node:test";
import { type Frame, Socket } from "./client.ts";
import { Room, tokenOf } from "./room.ts";
import { type Options, Runtime } from "./runtime.ts";

export const token = tokenOf("alice", ["subscribe", "publish"]);

export interface Setup {
  runtime: Runtime;
  room(name: string): Room;
  connect(by?: string): Promise<Socket>;
}

export async function setUp(t: TestContext, options?: Options): Promise<Setup> {
  const runtime = await Runtime.start(options);
  t.after(() => runtime.stop());
  return {
    runtime,
    room: (name) => new Room(runtime, name),
    connect: async (by = token) => {
      const socket = await Socket.open(`${runtime.url}/events`, { token: by });
      await socket.until("connected");
      return socket;
    },
  };
}

/** Subscribes to a room, and returns its `welcome` frame. */
export async function subscribe(socket: Socket, room: string, more: object = {}): Promise<Frame> {
  socket.send({ type: "subscribe", room, ...more });
  const welcome = await socket.next();
  assert.deepEqual([welcome.type, welcome.room], ["welcome", room], socket.text);
  return welcome;
}
