import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  answered,
  betterThan,
  DOUBTFUL,
  failed,
  found,
  probing,
  type Choice,
} from "../../src/fallback/choice.ts";

const MINUTE = 60_000;

const failing = (choice: Choice, ...times: number[]): Choice => times.reduce(failed, choice);

describe("the choice of a transport", () => {
  it("goes down after two failures in a row", () => {
    assert.equal(failing(DOUBTFUL, 0).transport, "sse");
    assert.equal(failing(answered(DOUBTFUL), 0).transport, "websocket");
    assert.equal(failing(answered(DOUBTFUL), 0, 0).transport, "sse");
    const streams = failing(DOUBTFUL, 0);
    assert.equal(failing(streams, 0).transport, "sse");
    assert.equal(failing(answered(failing(streams, 0)), 0).transport, "sse");
    assert.equal(failing(streams, 0, 0).transport, "long-polling");
  });

  it("goes no further than there is a way", () => {
    assert.equal(failing(DOUBTFUL, 0, 0, 0, 0, 0, 0).transport, "long-polling");
  });

  it("tries all that are better", () => {
    assert.deepEqual(betterThan("websocket"), []);
    assert.deepEqual(betterThan("sse"), ["websocket"]);
    assert.deepEqual(betterThan("long-polling"), ["websocket", "sse"]);
  });

  it("tries them after five minutes, then after twice as long each time, up to an hour", () => {
    let choice = failing(DOUBTFUL, 0);
    const waits: number[] = [];
    for (let now = 0; waits.length < 6; now = choice.probeAt) {
      if (now > 0) choice = probing(choice, now);
      waits.push((choice.probeAt - now) / MINUTE);
    }
    assert.deepEqual(waits, [5, 10, 20, 40, 60, 60]);
  });

  it("has nothing better to find where it has the best", () => {
    assert.equal(DOUBTFUL.probeAt, Infinity);
    const polling = failing(DOUBTFUL, 0, 0, 0);
    assert.equal(found(polling, "websocket").probeAt, Infinity);
    const better = found(polling, "sse");
    assert.deepEqual([better.transport, better.probeAt], ["sse", 5 * MINUTE]);
  });

  it("waits longer where a better one was found and did no good", () => {
    const again = failing(found(probing(failing(DOUBTFUL, 0), 0), "websocket"), 0, 0);
    assert.deepEqual([again.transport, again.probeAt], ["sse", 10 * MINUTE]);
  });
});
