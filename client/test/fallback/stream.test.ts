import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, it, mock } from "node:test";
import { advance, settle, startClock } from "../model/network.ts";
import {
  at,
  EPOCH,
  event,
  HttpScenario,
  streamReader,
  tokenOf,
  type PendingRequest,
} from "./http-scenario.ts";

beforeEach(startClock);
afterEach(() => mock.reset());

const START = "rooms/r/events?flow=1";

/** Opens a stream at seq 0. */
async function openStream(
  token?: string,
): Promise<{ scenario: HttpScenario; stream: PendingRequest }> {
  const scenario = new HttpScenario(START, streamReader, token);
  const stream = scenario.nextRequest("GET events");
  await stream.write(`id: ${at(0)}\n\n`);
  assert.deepEqual(scenario.frameTypes, ["welcome"]);
  return { scenario, stream };
}

describe("the start of a stream", () => {
  it("is a welcome like that of a room", async () => {
    const rooms = { "*": ["subscribe"], "r:*": ["admin"], r: ["publish"], s: ["presence"] };
    const scenario = new HttpScenario(START, streamReader, tokenOf(1_800_000_000, rooms));
    await scenario.nextRequest("GET events").write(`id: ${at(7)}\n\n`);
    const [welcome] = scenario.readFrames();
    assert.deepEqual(welcome, {
      type: "welcome",
      room: "r",
      session: "",
      epoch: EPOCH,
      seq: 7,
      grant: ["subscribe", "publish"],
      expires_at: 1_800_000_000_000,
      ping_ms: 25_000,
    });
    assert.deepEqual(scenario.dialResults, [true]);
  });

  it("has all rights that the client uses if the token has no rooms", async () => {
    const claims = Buffer.from('{"sub":"ann","exp":1800000000}').toString("base64url");
    const scenario = new HttpScenario(START, streamReader, `e30.${claims}.x`);
    await scenario.nextRequest("GET events").write(`id: ${at(7)}\n\n`);
    const [{ grant, expires_at }] = scenario.readFrames();
    assert.deepEqual(grant, ["subscribe", "publish", "presence"]);
    assert.equal(expires_at, 1_800_000_000_000);
  });

  it("contains the state before the answer to a ping", async () => {
    const scenario = new HttpScenario(START, streamReader);
    scenario.socket.onmessage = ({ data }) => {
      scenario.frames.push(JSON.parse(data));
      if (scenario.frames.length === 1) scenario.socket.send('{"type":"ping"}');
    };
    const state = `event: state\nid: ${at(7)}\ndata: {"type":"state","events":[]}\n\n`;
    await scenario.nextRequest("GET events").write(state);
    assert.deepEqual(scenario.frameTypes, ["welcome", "state", "pong"]);
  });

  it("reports the head if it resumes", async () => {
    const scenario = new HttpScenario(`${START}&since=${at(3)}`, streamReader);
    await scenario.nextRequest(`GET events?since=${at(3)}`).write(`id: ${at(3)}\n\n${event(4)}`);
    assert.deepEqual(scenario.readFrames(), []);
    await scenario.nextRequest("GET ").respond({ head: 9 });
    const [welcome, events] = scenario.readFrames();
    assert.deepEqual([welcome.recovered, welcome.seq], [true, 9]);
    assert.deepEqual([events.prev, events.events.length], [3, 1]);
  });

  it("is a gap and a state, or neither", async () => {
    const scenario = new HttpScenario(`${START}&since=${at(3)}`, streamReader);
    const stream = scenario.nextRequest(`GET events?since=${at(3)}`);
    await scenario.nextRequest("GET ").respond({ head: 9 });
    await stream.write(`event: gap\ndata: {"type":"gap"}\n\n`);
    assert.deepEqual(scenario.readFrames(), []);
    await stream.write(`event: state\nid: other001:9\ndata: {"type":"state"}\n\n`);
    const [welcome, ...rest] = scenario.readFrames();
    assert.deepEqual([welcome.recovered, welcome.epoch, welcome.seq], [false, "other001", 9]);
    assert.deepEqual(rest, [{ type: "gap" }, { type: "state" }]);
  });

  const refusals: [number, string, number][] = [
    [400, "bad_request", 4400],
    [401, "unauthorized", 4001],
    [401, "token_expired", 4001],
    [403, "forbidden", 4003],
    [404, "not_found", 4404],
    [429, "rate_limited", 1013],
    [503, "room_full", 1013],
    [500, "internal", 1011],
  ];
  for (const [status, code, closeCode] of refusals) {
    it(`is refused with ${closeCode} if the server responds with ${code}`, async () => {
      const scenario = new HttpScenario(START, streamReader);
      await scenario.nextRequest("GET events").refuse(status, code);
      assert.equal(scenario.code, closeCode);
      assert.deepEqual(scenario.dialResults, []);
    });
  }

  it("fails on a response of a proxy", async () => {
    for (const status of [200, 403, 404, 502]) {
      const scenario = new HttpScenario(START, streamReader);
      await scenario.nextRequest("GET events").respondAsProxy(status);
      assert.deepEqual([scenario.code, scenario.dialResults], [1006, [false]]);
    }
  });

  it("takes at most five seconds", async () => {
    const scenario = new HttpScenario(START, streamReader);
    const stream = scenario.nextRequest("GET events");
    await stream.write();
    await advance(4_900);
    assert.equal(scenario.code, undefined);
    await advance(200);
    assert.deepEqual(
      [scenario.code, scenario.dialResults, stream.isAborted],
      [1006, [false], true],
    );
  });
});

describe("a stream", () => {
  it("forwards the events of one chunk in one frame, as they were written", async () => {
    const { scenario, stream } = await openStream();
    const texts: string[] = [];
    scenario.socket.onmessage = ({ data }) => texts.push(data);
    await stream.write(`id: ${at(1)}\ndata: {"seq":1,\ndata: "data":1.0}\n\n${event(2)}`);
    await stream.write(event(3));
    assert.deepEqual(texts, [
      `{"type":"events","room":"r","epoch":"${EPOCH}","prev":0,"events":[{"seq":1,\n"data":1.0},{"seq":2,"data":2}]}`,
      `{"type":"events","room":"r","epoch":"${EPOCH}","prev":2,"events":[{"seq":3,"data":3}]}`,
    ]);
  });

  it("forwards other frames", async () => {
    const { scenario, stream } = await openStream();
    for (const type of ["signal", "members", "members:changed"]) {
      await stream.write(`event: ${type}\ndata: {"type":"${type}"}\n\n`);
    }
    assert.deepEqual(scenario.frameTypes, ["signal", "members", "members:changed"]);
  });

  it("ends with the room's close code", async () => {
    const { scenario, stream } = await openStream();
    await stream.write('event: closed\ndata: {"code":4010,"reason":"kicked"}\n\n');
    assert.deepEqual([scenario.code, stream.isAborted], [4010, true]);
  });

  it("is lost when it breaks", async () => {
    const { scenario, stream } = await openStream();
    await stream.fail();
    assert.deepEqual([scenario.code, scenario.dialResults], [1006, [true]]);
  });

  it("is lost if nothing is received, not even a comment", async () => {
    const { scenario, stream } = await openStream();
    for (let n = 0; n < 4; n++) {
      await advance(25_000);
      await stream.write(":\n\n");
    }
    assert.equal(scenario.code, undefined);
    await advance(30_100);
    assert.deepEqual([scenario.code, stream.isAborted], [1006, true]);
  });

  it("is read no faster than the handlers process it", async () => {
    const { scenario, stream } = await openStream();
    const data = "x".repeat(200_000);
    for (let seq = 1; seq <= 5; seq++) await stream.write(event(seq, data));
    assert.equal(scenario.readFrames().length, 3);
    await advance(60_000);
    assert.equal(scenario.code, undefined, "no timeout while reading is paused");
    await scenario.send({ type: "seen", room: "r", seq: 1 });
    assert.equal(scenario.readFrames().length, 1);
    await scenario.send({ type: "seen", room: "r", seq: 4 });
    assert.equal(scenario.readFrames().length, 1);
    await advance(30_100);
    assert.equal(scenario.code, 1006);
  });

  it("is not read after a close", async () => {
    const { scenario, stream } = await openStream();
    scenario.socket.close();
    await advance(60_000);
    assert.deepEqual(
      [stream.isAborted, scenario.code, scenario.readFrames()],
      [true, undefined, []],
    );
  });
});

describe("a token", () => {
  const newer = tokenOf(1_900_000_000, { r: ["subscribe", "presence"] });

  it("is renewed without an interruption: the stream continues when the old token expires", async () => {
    const { scenario, stream } = await openStream();
    await scenario.send({ type: "auth", token: newer });
    assert.deepEqual(scenario.readFrames(), [
      {
        type: "authorized",
        room: "r",
        grant: ["subscribe", "presence"],
        expires_at: 1_900_000_000_000,
      },
    ]);
    await stream.write(event(1) + 'event: closed\ndata: {"code":4001,"reason":"expired"}\n\n');
    const next = scenario.nextRequest(`GET events?since=${at(1)}`);
    assert.equal(next.token, newer);
    await next.write(`id: ${at(1)}\n\n${event(2)}`);
    assert.deepEqual(scenario.frameTypes, ["events", "events"]);
    await next.write('event: closed\ndata: {"code":4001,"reason":"expired"}\n\n');
    assert.equal(scenario.code, 4001);
  });

  it("with a wrong format is rejected by the server", async () => {
    const { scenario, stream } = await openStream();
    await scenario.send({ type: "auth", token: "<h1>Sorry</h1>" });
    await stream.write('event: closed\ndata: {"code":4001,"reason":"expired"}\n\n');
    await scenario.nextRequest(`GET events?since=${at(0)}`).refuse(401, "unauthorized");
    assert.equal(scenario.code, 4001);
  });

  it("may be a cookie", async () => {
    const scenario = new HttpScenario(START, streamReader, "");
    const request = scenario.nextRequest("GET events");
    assert.equal(request.init.credentials, "include");
    assert.equal(request.token, undefined);
  });
});

describe("presence", () => {
  const enter = (data: unknown) => ({ type: "enter", room: "r", data });

  it("is entered with another stream, and no event is lost or duplicated meanwhile", async () => {
    const { scenario, stream } = await openStream();
    await stream.write(event(1));
    await scenario.send(enter({ at: "desk" }));
    await advance(10);
    const entered = scenario.nextRequest(`GET events?since=${at(1)}&enter={"at":"desk"}`);
    await stream.write(event(2));
    assert.equal(stream.isAborted, false);
    await entered.write(`id: ${at(1)}\n\n${event(2)}${event(3)}`);
    assert.equal(stream.isAborted, true);
    const events = scenario.readFrames().flatMap(({ events }) => events);
    assert.deepEqual(
      events.map(({ seq }) => seq),
      [1, 2, 3],
    );
  });

  it("is updated every five seconds, with the newest data", async () => {
    const { scenario } = await openStream();
    await scenario.send(enter(0));
    await advance(10);
    await scenario.nextRequest(`GET events?since=${at(0)}&enter=0`).write(`id: ${at(0)}\n\n`);
    for (let n = 1; n <= 40; n++) {
      await scenario.send(enter(n));
      await advance(100);
    }
    assert.equal(scenario.requests.length, 0);
    await advance(1_100);
    await scenario.nextRequest(`GET events?since=${at(0)}&enter=40`).write(`id: ${at(0)}\n\n`);
    await scenario.send(enter(41));
    await scenario.send({ type: "leave", room: "r" });
    await scenario.send(enter(40));
    await advance(10_000);
    assert.equal(scenario.requests.length, 0, "the data is already sent");
    await scenario.send({ type: "leave", room: "r" });
    await advance(10);
    scenario.nextRequest(`GET events?since=${at(0)}`);
  });

  it("is left even while the enter is pending", async () => {
    const { scenario } = await openStream();
    await scenario.send(enter(1));
    await advance(10);
    const entered = scenario.nextRequest(`GET events?since=${at(0)}&enter=1`);
    await scenario.send({ type: "leave", room: "r" });
    await advance(6_000);
    await entered.write(`id: ${at(0)}\n\n`);
    await advance(10);
    await scenario.nextRequest(`GET events?since=${at(0)}`).write(`id: ${at(0)}\n\n`);
    assert.equal(entered.isAborted, true);
  });

  it("that changes while reading is paused leaves no stream that waits forever", async () => {
    const { scenario, stream } = await openStream();
    for (let seq = 1; seq <= 3; seq++) await stream.write(event(seq, "x".repeat(200_000)));
    await scenario.send(enter(1));
    await advance(10);
    const entered = scenario.nextRequest(`GET events?since=${at(3)}&enter=1`);
    await entered.write();
    await scenario.send({ type: "seen", room: "r", seq: 3 });
    await advance(30_100);
    assert.deepEqual([scenario.code, entered.isAborted], [1006, true]);
  });

  it("that changes when the token expires is sent only with the next stream", async () => {
    const { scenario, stream } = await openStream();
    await scenario.send({ type: "auth", token: tokenOf(1_900_000_000) });
    await scenario.send(enter(1));
    await advance(10);
    const entered = scenario.nextRequest(`GET events?since=${at(0)}&enter=1`);
    void entered.write(`id: ${at(0)}\n\n`);
    await stream.write('event: closed\ndata: {"code":4001,"reason":"expired"}\n\n');
    const next = scenario.nextRequest(`GET events?since=${at(0)}&enter=1`);
    scenario.socket.close();
    assert.equal(next.isAborted, true);
  });

  it("that is refused is an error, and the stream continues", async () => {
    const { scenario, stream } = await openStream();
    await scenario.send(enter("everything"));
    await advance(10);
    await scenario
      .nextRequest(`GET events?since=${at(0)}&enter="everything"`)
      .refuse(413, "too_large");
    const [error] = scenario.readFrames();
    assert.deepEqual([error.type, error.room, error.code], ["error", "r", "too_large"]);
    await stream.write(event(1));
    assert.deepEqual([scenario.frameTypes, scenario.code], [["events"], undefined]);
    await scenario.send({ type: "auth", token: tokenOf(1_900_000_000) });
    await stream.write('event: closed\ndata: {"code":4001,"reason":"expired"}\n\n');
    scenario.nextRequest(`GET events?since=${at(1)}`);
  });

  it("that exceeds the room's limit of members is an error, and the stream continues", async () => {
    const { scenario, stream } = await openStream();
    await scenario.send(enter(1));
    await advance(10);
    await scenario.nextRequest(`GET events?since=${at(0)}&enter=1`).refuse(503, "room_full");
    assert.equal(scenario.readFrames()[0].code, "room_full");
    await stream.write(event(1));
    assert.deepEqual([scenario.frameTypes, scenario.code], [["events"], undefined]);
    await scenario.send(enter(1));
    await advance(10_000);
    scenario.nextRequest(`GET events?since=${at(1)}&enter=1`);
  });

  it("is received as one list of at most 16 MiB", async () => {
    const { scenario, stream } = await openStream();
    const sessions = [{ session: "s", data: "x".repeat(2_000), since: 0 }];
    const members = Array.from({ length: 8_000 }, (_, n) => ({ user: `user-${n}`, sessions }));
    const list = JSON.stringify({ type: "members", room: "r", members });
    const text = `event: members\ndata: ${list}\n\n`;
    for (let n = 0; n < text.length; n += 65_536) await stream.write(text.slice(n, n + 65_536));
    assert.deepEqual(scenario.readFrames(), [{ type: "members", room: "r", members }]);
    await stream.write(event(1));
    assert.deepEqual(scenario.frameTypes, ["events"]);
  });

  it("is requested over HTTP", async () => {
    const { scenario } = await openStream();
    await scenario.send({ type: "members", room: "r" });
    await scenario.nextRequest("GET members").respond({ room: "r", members: [] });
    assert.deepEqual(scenario.readFrames(), [{ type: "members", room: "r", members: [] }]);
  });
});

describe("a multiplexed connection", () => {
  async function connected(token?: string): Promise<HttpScenario> {
    const scenario = new HttpScenario("events", streamReader, token);
    await settle();
    assert.deepEqual(scenario.requests, [], "no request before the first room");
    return scenario;
  }

  it("consists of streams", async () => {
    const scenario = await connected(tokenOf(1_800_000_000));
    assert.deepEqual(scenario.readFrames(), [
      { type: "connected", expires_at: 1_800_000_000_000, ping_ms: 25_000, unverified: true },
    ]);
    await scenario.send({ type: "subscribe", room: "a" });
    await scenario.send({ type: "subscribe", room: "b", since: at(1) });
    const [a, b] = [
      scenario.nextRequest("GET events"),
      scenario.nextRequest(`GET events?since=${at(1)}`),
    ];
    assert.deepEqual([a.url.pathname, b.url.pathname], ["/rooms/a/events", "/rooms/b/events"]);
    await scenario.nextRequest("GET ").respond({ head: 1 });
    await a.write(`id: ${at(0)}\n\n`);
    await b.write(`id: ${at(1)}\n\n`);
    assert.deepEqual(
      scenario.readFrames().map(({ type, room }) => [type, room]),
      [
        ["welcome", "a"],
        ["welcome", "b"],
      ],
    );

    await a.write('event: closed\ndata: {"code":4011,"reason":"erased"}\n\n');
    assert.deepEqual(scenario.readFrames(), [
      { type: "closed", room: "a", code: 4011, reason: "erased" },
    ]);
    assert.equal(scenario.code, undefined);
    await scenario.send({ type: "unsubscribe", room: "b" });
    assert.deepEqual(scenario.readFrames(), [
      { type: "closed", room: "b", code: 1000, reason: "" },
    ]);
    assert.equal(b.isAborted, true);
  });

  it("ignores responses to an ended session", async () => {
    const scenario = await connected();
    await scenario.send({ type: "subscribe", room: "a" });
    const left = scenario.nextRequest("GET events");
    await left.write(`id: ${at(0)}\n\n`);
    await scenario.send({ type: "signal", room: "a", name: "s", data: 1 });
    await scenario.send({ type: "members", room: "a" });
    const [signal, members] = [
      scenario.nextRequest("POST signals"),
      scenario.nextRequest("GET members"),
    ];
    await scenario.send({ type: "unsubscribe", room: "a" });
    await scenario.send({ type: "subscribe", room: "a" });
    scenario.readFrames();
    await signal.refuse(429, "rate_limited");
    await members.respond({ room: "a", members: [] });
    assert.deepEqual(scenario.frameTypes, []);
  });

  it("renews its token for all rooms", async () => {
    const scenario = await connected();
    await scenario.send({ type: "subscribe", room: "a" });
    scenario.readFrames();
    await scenario.send({ type: "auth", token: tokenOf(1_900_000_000) });
    assert.deepEqual(
      scenario.readFrames().map(({ type, room, expires_at }) => [type, room, expires_at]),
      [
        ["authorized", undefined, 1_900_000_000_000],
        ["authorized", "a", 1_900_000_000_000],
      ],
    );
  });

  it("is lost with the first of its streams", async () => {
    for (const [happens, code] of [
      [(stream: PendingRequest) => stream.fail(), 1006],
      [(stream: PendingRequest) => stream.refuse(401, "unauthorized"), 4001],
    ] as const) {
      const scenario = await connected();
      await scenario.send({ type: "subscribe", room: "a" });
      await scenario.send({ type: "subscribe", room: "b" });
      const [a, b] = [scenario.nextRequest("GET events"), scenario.nextRequest("GET events")];
      await happens(a);
      assert.deepEqual(
        [scenario.code, b.isAborted, scenario.frameTypes],
        [code, true, ["connected"]],
      );
    }
  });
});
