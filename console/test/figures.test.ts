import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { parseSample, pointBetween, quantileOf } from "../src/charts/metrics.ts";
import { INITIAL_VIEW, select, withRate, type RoomRow } from "../src/rooms/list.ts";

const text = (publishes: number, slow: number): string => `
# HELP roomcast_connections Open sessions.
# TYPE roomcast_connections gauge
roomcast_connections{transport="websocket"} 40
roomcast_connections{transport="sse"} 2
roomcast_messages_received_total{kind="publish"} ${publishes}
roomcast_messages_received_total{kind="page"} 9999
roomcast_messages_sent_total{kind="events"} ${publishes * 10}
roomcast_messages_sent_total{kind="welcome"} 42
roomcast_publish_duration_seconds_bucket{le="0.01"} ${publishes - slow}
roomcast_publish_duration_seconds_bucket{le="0.1"} ${publishes}
roomcast_publish_duration_seconds_bucket{le="+Inf"} ${publishes}
roomcast_rate_limited_total{limit="publishes"} 1
roomcast_auth_failures_total{reason="forbidden"} 2
roomcast_gaps_total 3
roomcast_webhook_backlog 7
`;

describe("the charts", () => {
  it("have the sums of the metrics, and the rates between two samples", () => {
    const [before, now] = [parseSample(text(100, 0), 0), parseSample(text(400, 30), 30_000)];
    assert.deepEqual(pointBetween(before, now), {
      at: 30_000,
      connections: 42,
      backlog: 7,
      publishes: 10,
      sent: 100,
      errors: 0,
      p50: (10 * 150) / 270,
      // 297 of 300 publishes: 27 of the 30 in the second bucket.
      p99: 10 + (90 * 27) / 30,
    });
  });

  it("have no rates for the first sample, and no times without a publish", () => {
    const sample = parseSample(text(100, 0), 0);
    const { publishes, p50 } = pointBetween(undefined, sample);
    assert.deepEqual([publishes, p50], [undefined, undefined]);
    const later = pointBetween(sample, { ...sample, at: 10_000 });
    assert.deepEqual([later.publishes, later.p50], [0, undefined]);
  });

  it("show the last bound for times beyond it", () => {
    const buckets = [
      [0.1, 0],
      [1, 0],
      [Infinity, 5],
    ] as const;
    assert.equal(quantileOf(buckets, 0.5), 1);
  });
});

describe("the list of rooms", () => {
  const room = (name: string, head: number, reported_at: number) => ({
    ...{ room: name, head, reported_at, sessions: 1, members: 0 },
  });

  it("has the rate between two reports, and 0 for a room that no longer reports", () => {
    const first = withRate(room("a", 10, 1_000), undefined, 1_500);
    assert.equal(first.rate, undefined);
    const second = withRate(room("a", 60, 11_000), first, 11_500);
    assert.equal(second.rate, 5);
    assert.equal(withRate(room("a", 60, 11_000), second, 16_000).rate, 5);
    assert.equal(withRate(room("a", 60, 11_000), second, 60_000).rate, 0);
    const erased = withRate(room("a", 2, 21_000), second, 21_500);
    assert.equal(erased.rate, 0);
  });

  it("is searched in any case, and sorted by name among equals", () => {
    const rows: RoomRow[] = ["b:Two", "a:two", "a:one"].map((name) => ({
      ...room(name, 1, 0),
      rate: 0,
    }));
    const names = (view: object) =>
      select(rows, { ...INITIAL_VIEW, ...view }).map(({ room }) => room);
    assert.deepEqual(names({ search: "TWO" }), ["a:two", "b:Two"]);
    assert.deepEqual(names({ column: "room", isDescending: true }), ["b:Two", "a:two", "a:one"]);
  });
});
