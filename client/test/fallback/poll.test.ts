import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, it, mock } from "node:test";
import { advance, startClock } from "../model/network.ts";
import { at, EPOCH, pollReader, HttpScenario } from "./http-scenario.ts";

beforeEach(startClock);
afterEach(() => mock.reset());

const START = "rooms/r/events?flow=1";
const LIMIT = "limit=1000";

const state = (seq: number, ...events: object[]) => ({ room: "r", epoch: EPOCH, seq, events });

const page = (prev: number, seqs: number[], head: number) => ({
  room: "r",
  epoch: EPOCH,
  prev,
  events: seqs.map((seq) => ({ seq, data: "x" })),
  head,
});

describe("long-polling", () => {
  it("starts with the state, and waits for later events", async () => {
    const scenario = new HttpScenario(START, pollReader);
    await scenario.nextRequest("GET state").respond(state(7, { seq: 5, key: "k" }));
    const [welcome, held] = scenario.readFrames();
    assert.deepEqual([welcome.type, welcome.seq, welcome.recovered], ["welcome", 7, undefined]);
    assert.deepEqual(held, { type: "state", ...state(7, { seq: 5, key: "k" }) });
    assert.deepEqual(scenario.dialResults, [true]);

    await scenario
      .nextRequest(`GET events?since=${at(7)}&${LIMIT}&wait=25`)
      .respond(page(7, [8, 9], 9));
    const [events] = scenario.readFrames();
    assert.deepEqual([events.room, events.prev, events.events.length], ["r", 7, 2]);
    await scenario
      .nextRequest(`GET events?since=${at(9)}&${LIMIT}&wait=25`)
      .respond(page(9, [], 9));
    assert.deepEqual(scenario.readFrames(), []);
    scenario.nextRequest(`GET events?since=${at(9)}&${LIMIT}&wait=25`);
  });

  it("sends no state if it is empty", async () => {
    const scenario = new HttpScenario(START, pollReader);
    await scenario.nextRequest("GET state").respond(state(0));
    assert.deepEqual(scenario.frameTypes, ["welcome"]);
  });

  it("resumes from a position, page by page, and waits only at the head", async () => {
    const scenario = new HttpScenario(`${START}&since=${at(1)}`, pollReader);
    await scenario.nextRequest(`GET events?since=${at(1)}&${LIMIT}`).respond(page(1, [2, 3], 4));
    const [welcome, events] = scenario.readFrames();
    assert.deepEqual([welcome.recovered, welcome.seq, events.prev], [true, 4, 1]);
    await scenario.nextRequest(`GET events?since=${at(3)}&${LIMIT}`).respond(page(3, [4], 4));
    assert.deepEqual(scenario.frameTypes, ["events"]);
    scenario.nextRequest(`GET events?since=${at(4)}&${LIMIT}&wait=25`);
  });

  it("receives a gap, immediately or later", async () => {
    const scenario = new HttpScenario(`${START}&since=${at(1)}`, pollReader);
    await scenario.nextRequest(`GET events?since=${at(1)}&${LIMIT}`).refuse(410, "position_lost");
    await scenario.nextRequest("GET state").respond(state(9, { seq: 9, key: "k" }));
    await scenario.nextRequest("GET ").respond({ oldest: 5 });
    const [welcome, gap, after] = scenario.readFrames();
    assert.equal(welcome.recovered, false);
    assert.deepEqual(gap, { type: "gap", room: "r", epoch: EPOCH, oldest: 5, seq: 9 });
    assert.equal(after.type, "state");

    const held = scenario.nextRequest(`GET events?since=${at(9)}&${LIMIT}&wait=25`);
    await held.refuse(410, "position_lost");
    await scenario.nextRequest("GET state").respond({ ...state(0), epoch: "other001" });
    await scenario.nextRequest("GET ").respond({ oldest: 1 });
    assert.deepEqual(scenario.frameTypes, ["gap"]);
    scenario.nextRequest(`GET events?since=other001:0&${LIMIT}&wait=25`);
  });

  it("closes with the code of a socket", async () => {
    const refused = new HttpScenario(START, pollReader);
    await refused.nextRequest("GET state").refuse(403, "forbidden");
    assert.equal(refused.code, 4003);
    const lost = new HttpScenario(START, pollReader);
    await lost.nextRequest("GET state").fail();
    assert.deepEqual([lost.code, lost.dialResults], [1006, [false]]);
  });

  it("is lost if no answer is received", async () => {
    const scenario = new HttpScenario(START, pollReader);
    await scenario.nextRequest("GET state").respond(state(0));
    const held = scenario.nextRequest(`GET events?since=${at(0)}&${LIMIT}&wait=25`);
    await advance(39_000);
    assert.equal(scenario.code, undefined);
    await advance(2_000);
    assert.deepEqual([scenario.code, held.isAborted], [1006, true]);
  });

  it("requests no further than the handlers have processed", async () => {
    const scenario = new HttpScenario(START, pollReader);
    await scenario.nextRequest("GET state").respond(state(0));
    const large = page(0, [1], 1);
    large.events[0]!.data = "x".repeat(600_000);
    await scenario.nextRequest(`GET events?since=${at(0)}&${LIMIT}&wait=25`).respond(large);
    await advance(60_000);
    assert.deepEqual([scenario.requests.length, scenario.code], [0, undefined]);
    await scenario.send({ type: "seen", room: "r", seq: 1 });
    scenario.nextRequest(`GET events?since=${at(1)}&${LIMIT}&wait=25`);
  });

  it("uses a new token from the next request on", async () => {
    const scenario = new HttpScenario(START, pollReader);
    await scenario.nextRequest("GET state").respond(state(0));
    const held = scenario.nextRequest(`GET events?since=${at(0)}&${LIMIT}&wait=25`);
    const token = `${held.token}y`;
    await scenario.send({ type: "auth", token });
    await held.respond(page(0, [], 0));
    assert.equal(scenario.nextRequest(`GET events?since=${at(0)}&${LIMIT}&wait=25`).token, token);
  });

  it("can't enter the room, but lists its members", async () => {
    const scenario = new HttpScenario(START, pollReader);
    await scenario.nextRequest("GET state").respond(state(0));
    scenario.nextRequest(`GET events?since=${at(0)}&${LIMIT}&wait=25`);
    scenario.readFrames();
    await scenario.send({ type: "enter", room: "r", data: 1 });
    await scenario.nextRequest("GET members").respond({ room: "r", members: [{ user: "bob" }] });
    assert.deepEqual(scenario.readFrames(), [
      { type: "members", room: "r", members: [{ user: "bob" }] },
    ]);
    await scenario.send({ type: "leave", room: "r" });
    assert.equal(scenario.requests.length, 0);
  });
});
