import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, it, mock } from "node:test";
import { advance, startClock } from "../model/network.ts";
import { at, EPOCH, polls, Story } from "./service.ts";

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
    const story = new Story(START, polls);
    await story.takes("GET state").answers(state(7, { seq: 5, key: "k" }));
    const [welcome, held] = story.hears();
    assert.deepEqual([welcome.type, welcome.seq, welcome.recovered], ["welcome", 7, undefined]);
    assert.deepEqual(held, { type: "state", ...state(7, { seq: 5, key: "k" }) });
    assert.deepEqual(story.tried, [true]);

    await story.takes(`GET events?since=${at(7)}&${LIMIT}&wait=25`).answers(page(7, [8, 9], 9));
    const [events] = story.hears();
    assert.deepEqual([events.room, events.prev, events.events.length], ["r", 7, 2]);
    await story.takes(`GET events?since=${at(9)}&${LIMIT}&wait=25`).answers(page(9, [], 9));
    assert.deepEqual(story.hears(), []);
    story.takes(`GET events?since=${at(9)}&${LIMIT}&wait=25`);
  });

  it("sends no state if it is empty", async () => {
    const story = new Story(START, polls);
    await story.takes("GET state").answers(state(0));
    assert.deepEqual(story.types, ["welcome"]);
  });

  it("resumes from a position, page by page, and waits only at the head", async () => {
    const story = new Story(`${START}&since=${at(1)}`, polls);
    await story.takes(`GET events?since=${at(1)}&${LIMIT}`).answers(page(1, [2, 3], 4));
    const [welcome, events] = story.hears();
    assert.deepEqual([welcome.recovered, welcome.seq, events.prev], [true, 4, 1]);
    await story.takes(`GET events?since=${at(3)}&${LIMIT}`).answers(page(3, [4], 4));
    assert.deepEqual(story.types, ["events"]);
    story.takes(`GET events?since=${at(4)}&${LIMIT}&wait=25`);
  });

  it("receives a gap, at once or later", async () => {
    const story = new Story(`${START}&since=${at(1)}`, polls);
    await story.takes(`GET events?since=${at(1)}&${LIMIT}`).refuses(410, "position_lost");
    await story.takes("GET state").answers(state(9, { seq: 9, key: "k" }));
    await story.takes("GET ").answers({ oldest: 5 });
    const [welcome, gap, after] = story.hears();
    assert.equal(welcome.recovered, false);
    assert.deepEqual(gap, { type: "gap", room: "r", epoch: EPOCH, oldest: 5, seq: 9 });
    assert.equal(after.type, "state");

    const held = story.takes(`GET events?since=${at(9)}&${LIMIT}&wait=25`);
    await held.refuses(410, "position_lost");
    await story.takes("GET state").answers({ ...state(0), epoch: "other001" });
    await story.takes("GET ").answers({ oldest: 1 });
    assert.deepEqual(story.types, ["gap"]);
    story.takes(`GET events?since=other001:0&${LIMIT}&wait=25`);
  });

  it("closes with the code of a socket", async () => {
    const refused = new Story(START, polls);
    await refused.takes("GET state").refuses(403, "forbidden");
    assert.equal(refused.code, 4003);
    const lost = new Story(START, polls);
    await lost.takes("GET state").breaks();
    assert.deepEqual([lost.code, lost.tried], [1006, [false]]);
  });

  it("is lost if no answer is received", async () => {
    const story = new Story(START, polls);
    await story.takes("GET state").answers(state(0));
    const held = story.takes(`GET events?since=${at(0)}&${LIMIT}&wait=25`);
    await advance(39_000);
    assert.equal(story.code, undefined);
    await advance(2_000);
    assert.deepEqual([story.code, held.isAborted], [1006, true]);
  });

  it("requests no further than the handlers have processed", async () => {
    const story = new Story(START, polls);
    await story.takes("GET state").answers(state(0));
    const large = page(0, [1], 1);
    large.events[0]!.data = "x".repeat(600_000);
    await story.takes(`GET events?since=${at(0)}&${LIMIT}&wait=25`).answers(large);
    await advance(60_000);
    assert.deepEqual([story.requests.length, story.code], [0, undefined]);
    await story.send({ type: "seen", room: "r", seq: 1 });
    story.takes(`GET events?since=${at(1)}&${LIMIT}&wait=25`);
  });

  it("uses a new token from the next request on", async () => {
    const story = new Story(START, polls);
    await story.takes("GET state").answers(state(0));
    const held = story.takes(`GET events?since=${at(0)}&${LIMIT}&wait=25`);
    const token = `${held.token}y`;
    await story.send({ type: "auth", token });
    await held.answers(page(0, [], 0));
    assert.equal(story.takes(`GET events?since=${at(0)}&${LIMIT}&wait=25`).token, token);
  });

  it("can't enter the room, but lists its members", async () => {
    const story = new Story(START, polls);
    await story.takes("GET state").answers(state(0));
    story.takes(`GET events?since=${at(0)}&${LIMIT}&wait=25`);
    story.hears();
    await story.send({ type: "enter", room: "r", data: 1 });
    await story.takes("GET members").answers({ room: "r", members: [{ user: "bob" }] });
    assert.deepEqual(story.hears(), [{ type: "members", room: "r", members: [{ user: "bob" }] }]);
    await story.send({ type: "leave", room: "r" });
    assert.equal(story.requests.length, 0);
  });
});
