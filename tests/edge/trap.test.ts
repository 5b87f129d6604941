/**
 * Tests that a trap of the WebAssembly ends no room. The worker is the built one with a hook that
 * throws, because no input makes the worker itself trap. An exception that passes through the
 * WebAssembly leaves it in an unknown state, as a trap does.
 */
import assert from "node:assert/strict";
import { type TestContext, describe, test } from "node:test";
import { type Event, Socket } from "./client.ts";
import { Room, tokenOf } from "./room.ts";
import { Runtime } from "./runtime.ts";
import { wrappedWorker } from "./wrapped-worker.ts";

const token = tokenOf("alice", ["subscribe", "publish"]);

const WORKER = `
import Worker, { RoomObject as Room } from "./roomcast.js";

const faults = {
  trap() {
    throw new WebAssembly.RuntimeError("unreachable");
  },
  exception() {
    throw new RangeError("Maximum call stack size exceeded");
  },
  report() {
    const error = new WebAssembly.RuntimeError("unreachable");
    dispatchEvent(new ErrorEvent("error", { error }));
  },
};

const hooks = {
  basePath: "",
  checksEvents: true,
  beforePublish(room, user, event) {
    const fault = faults[JSON.parse(event).name];
    if (fault) console.log("injecting a fault");
    fault?.();
    return {};
  },
};
const withHooks = (env) => Object.create(env, { [Symbol.for("roomcast.hooks")]: { value: hooks } });

export class RoomObject extends Room {
  constructor(state, env) {
    super(state, withHooks(env));
  }
}
export default {
  fetch: (request, env, context) => Worker.fetch(request, withHooks(env), context),
};
`;

describe("all rooms go on with their events and their sockets", () => {
  for (const fault of ["trap", "exception"]) {
    test(`after a request to the worker that ends with a fault: ${fault}`, async (t) => {
      const rooms = await openRooms(t);
      await assert.rejects(rooms[0].room.publish({ name: fault, data: 1 }));
      await goOn(rooms);
    });
  }
  for (const fault of ["trap", "exception", "report"]) {
    test(`after a callback of a room that ends with a fault: ${fault}`, async (t) => {
      const rooms = await openRooms(t);
      const [{ room, socket }] = rooms;
      socket.send({ type: "publish", name: fault, data: 1 });
      await room.runtime.waitForLog("injecting a fault", 1, 30_000);
      await goOn(rooms);
    });
  }
  test("and every publish that waits for its answer is answered", async (t) => {
    const [{ room, socket }] = await openRooms(t);
    // Most of the publishes wait in the room's inbox behind the frame with the fault.
    const publishes = Array.from({ length: 200 }, (_, n) => {
      if (n % 20 === 10) socket.send({ type: "publish", name: "trap", data: 1 });
      return room.publish({ name: "n", data: n });
    });
    await room.runtime.waitForLog("injecting a fault", 1, 30_000);
    for (const publish of await Promise.allSettled(publishes)) {
      if (publish.status === "rejected") assert.match(String(publish.reason), /: 500 .*"internal"/);
    }
    await room.publish({ name: "after", data: 1 });
  });
});

interface OpenRoom {
  room: Room;
  socket: Socket;
}

/** Opens a socket to each of two rooms, and publishes an event in each. */
async function openRooms(t: TestContext): Promise<[OpenRoom, OpenRoom]> {
  const runtime = await Runtime.start({ root: await wrappedWorker(t, WORKER) });
  t.after(() => runtime.stop({ trapped: true }));
  const open = async (name: string): Promise<OpenRoom> => {
    const room = new Room(runtime, name);
    await room.publish({ name: "before", data: 1 });
    const socket = await Socket.open(`${room.url}/events`, { token });
    await socket.until("welcome");
    return { room, socket };
  };
  return [await open("a"), await open("b")];
}

/** Checks that each room receives an event from its socket, and still has its first event. */
async function goOn(rooms: OpenRoom[]): Promise<void> {
  for (const { room, socket } of rooms) {
    socket.send({ type: "publish", ref: "1", name: "after", data: 1 });
    await socket.until("ack");
    const { events } = await room.page("last=10");
    const names = events.map(({ name }: Event) => name);
    assert.deepEqual([names[0], names.at(-1)], ["before", "after"]);
  }
}
