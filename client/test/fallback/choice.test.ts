import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  betterThan,
  INITIAL_CHOICE,
  withFailure,
  withProbe,
  withSuccess,
  withTransport,
  type TransportChoice,
} from "../../src/fallback/choice.ts";

const MINUTE = 60_000;

const failing = (choice: TransportChoice, ...times: number[]): TransportChoice =>
  times.reduce(withFailure, choice);

describe("the choice of a transport", () => {
  it("falls back after two failures in a row", () => {
    assert.equal(failing(INITIAL_CHOICE, 0).transport, "sse");
    assert.equal(failing(withSuccess(INITIAL_CHOICE), 0).transport, "websocket");
    assert.equal(failing(withSuccess(INITIAL_CHOICE), 0, 0).transport, "sse");
    const streams = failing(INITIAL_CHOICE, 0);
    assert.equal(failing(streams, 0).transport, "sse");
    assert.equal(failing(withSuccess(failing(streams, 0)), 0).transport, "sse");
    assert.equal(failing(streams, 0, 0).transport, "long-polling");
  });

  it("stays at the last transport", () => {
    assert.equal(failing(INITIAL_CHOICE, 0, 0, 0, 0, 0, 0).transport, "long-polling");
  });

  it("probes all better transports", () => {
    assert.deepEqual(betterThan("websocket"), []);
    assert.deepEqual(betterThan("sse"), ["websocket"]);
    assert.deepEqual(betterThan("long-polling"), ["websocket", "sse"]);
  });

  it("probes after five minutes, then twice as long each time, up to an hour", () => {
    let choice = failing(INITIAL_CHOICE, 0);
    const waits: number[] = [];
    for (let now = 0; waits.length < 6; now = choice.probeAt) {
      if (now > 0) choice = withProbe(choice, now);
      waits.push((choice.probeAt - now) / MINUTE);
    }
    assert.deepEqual(waits, [5, 10, 20, 40, 60, 60]);
  });

  it("never probes if it has the best transport", () => {
    assert.equal(INITIAL_CHOICE.probeAt, Infinity);
    const polling = failing(INITIAL_CHOICE, 0, 0, 0);
    assert.equal(withTransport(polling, "websocket").probeAt, Infinity);
    const better = withTransport(polling, "sse");
    assert.deepEqual([better.transport, better.probeAt], ["sse", 5 * MINUTE]);
  });

  it("waits longer if a better transport was found and then failed", () => {
    const again = failing(
      withTransport(withProbe(failing(INITIAL_CHOICE, 0), 0), "websocket"),
      0,
      0,
    );
    assert.deepEqual([again.transport, again.probeAt], ["sse", 10 * MINUTE]);
  });
});
