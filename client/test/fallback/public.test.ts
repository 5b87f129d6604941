/** Tests of clients without a token over HTTP, in public rooms and in other rooms. */
import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, it, mock } from "node:test";
import { startClock } from "../model/network.ts";
import { at, event, HttpScenario, streamReader } from "./http-scenario.ts";

beforeEach(startClock);
afterEach(() => mock.reset());

const subscribe = (room: string) => ({ type: "subscribe", room });

describe("a multiplexed connection without a token", () => {
  /** Opens a connection that has requested the rooms `public` and `private`. */
  async function openBoth() {
    const scenario = new HttpScenario("events", streamReader, "");
    await scenario.send(subscribe("public"));
    await scenario.send(subscribe("private"));
    assert.deepEqual(scenario.frameTypes, ["connected"]);
    const [publicRoom, privateRoom] = scenario.requests.splice(0);
    return { scenario, publicRoom: publicRoom!, privateRoom: privateRoom! };
  }

  const closed = {
    type: "closed",
    room: "private",
    code: 4003,
    reason: "No: unauthorized.",
  };

  it("closes a refused room after a public room was read", async () => {
    const { scenario, publicRoom, privateRoom } = await openBoth();
    await publicRoom.write(`id: ${at(0)}\n\n`);
    assert.deepEqual(scenario.frameTypes, ["welcome"]);
    await privateRoom.refuse(401, "unauthorized");
    assert.deepEqual(scenario.readFrames(), [closed]);
    await publicRoom.write(event(1));
    assert.deepEqual(scenario.frameTypes, ["events"]);
  });

  it("closes a refused room when a public room is read later", async () => {
    const { scenario, publicRoom, privateRoom } = await openBoth();
    await privateRoom.refuse(401, "unauthorized");
    assert.deepEqual([scenario.frameTypes, scenario.code], [[], undefined]);
    await publicRoom.write(`id: ${at(0)}\n\n`);
    const [first, second] = scenario.readFrames();
    assert.deepEqual([first, second.type], [closed, "welcome"]);
  });

  it("ends with 4001 after all rooms were refused", async () => {
    const { scenario, publicRoom, privateRoom } = await openBoth();
    await privateRoom.refuse(401, "unauthorized");
    await publicRoom.refuse(401, "unauthorized");
    assert.deepEqual([scenario.frameTypes, scenario.code], [[], 4001]);
  });

  it("ends with 4001 if the client leaves the only room without an answer", async () => {
    const { scenario, privateRoom } = await openBoth();
    await privateRoom.refuse(401, "unauthorized");
    await scenario.send({ type: "unsubscribe", room: "public" });
    assert.deepEqual([scenario.frameTypes, scenario.code], [["closed"], 4001]);
  });

  it("ends with 4001 if a room that was read needs a token later", async () => {
    const { scenario, publicRoom } = await openBoth();
    await publicRoom.write(`id: ${at(0)}\n\n`);
    await publicRoom.write('event: closed\ndata: {"code":4001,"reason":"expired"}\n\n');
    assert.equal(scenario.code, 4001);
  });
});

it("a publish without a token is forbidden, and the room stays open", async () => {
  const scenario = new HttpScenario("rooms/r/events?flow=1", streamReader, "");
  const stream = scenario.nextRequest("GET events");
  await stream.write(`id: ${at(0)}\n\n`);
  assert.deepEqual(scenario.frameTypes, ["welcome"]);
  await scenario.send({ type: "publish", room: "r", ref: "1", name: "n", data: 1 });
  await scenario.nextRequest("POST events").refuse(401, "unauthorized");
  const [error] = scenario.readFrames();
  assert.deepEqual([error.type, error.ref, error.code], ["error", "1", "forbidden"]);
  await stream.write(event(1));
  assert.deepEqual([scenario.frameTypes, scenario.code], [["events"], undefined]);
});
