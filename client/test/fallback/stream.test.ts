import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, it, mock } from "node:test";
import { advance, settle, startClock } from "../model/network.ts";
import { at, EPOCH, event, Story, streams, tokenOf, type Asked } from "./service.ts";

beforeEach(startClock);
afterEach(() => mock.reset());

const START = "rooms/r/events?flow=1";

/** Opens a stream at seq 0. */
async function begun(token?: string): Promise<{ story: Story; stream: Asked }> {
  const story = new Story(START, streams, token);
  const stream = story.takes("GET events");
  await stream.streams(`id: ${at(0)}\n\n`);
  assert.deepEqual(story.types, ["welcome"]);
  return { story, stream };
}

describe("the start of a stream", () => {
  it("is a welcome like that of a room", async () => {
    const rooms = { "*": ["subscribe"], "r:*": ["admin"], r: ["publish"], s: ["presence"] };
    const story = new Story(START, streams, tokenOf(1_800_000_000, rooms));
    await story.takes("GET events").streams(`id: ${at(7)}\n\n`);
    const [welcome] = story.hears();
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
    assert.deepEqual(story.tried, [true]);
  });

  it("contains the state before the answer to a ping", async () => {
    const story = new Story(START, streams);
    story.socket.onmessage = ({ data }) => {
      story.frames.push(JSON.parse(data));
      if (story.frames.length === 1) story.socket.send('{"type":"ping"}');
    };
    const state = `event: state\nid: ${at(7)}\ndata: {"type":"state","events":[]}\n\n`;
    await story.takes("GET events").streams(state);
    assert.deepEqual(story.types, ["welcome", "state", "pong"]);
  });

  it("reports the head if it resumes", async () => {
    const story = new Story(`${START}&since=${at(3)}`, streams);
    await story.takes(`GET events?since=${at(3)}`).streams(`id: ${at(3)}\n\n${event(4)}`);
    assert.deepEqual(story.hears(), []);
    await story.takes("GET ").answers({ head: 9 });
    const [welcome, events] = story.hears();
    assert.deepEqual([welcome.recovered, welcome.seq], [true, 9]);
    assert.deepEqual([events.prev, events.events.length], [3, 1]);
  });

  it("is a gap and a state, or neither", async () => {
    const story = new Story(`${START}&since=${at(3)}`, streams);
    const stream = story.takes(`GET events?since=${at(3)}`);
    await story.takes("GET ").answers({ head: 9 });
    await stream.streams(`event: gap\ndata: {"type":"gap"}\n\n`);
    assert.deepEqual(story.hears(), []);
    await stream.streams(`event: state\nid: other001:9\ndata: {"type":"state"}\n\n`);
    const [welcome, ...rest] = story.hears();
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
      const story = new Story(START, streams);
      await story.takes("GET events").refuses(status, code);
      assert.equal(story.code, closeCode);
      assert.deepEqual(story.tried, []);
    });
  }

  it("fails on a response of a proxy", async () => {
    for (const status of [200, 403, 404, 502]) {
      const story = new Story(START, streams);
      await story.takes("GET events").isIntercepted(status);
      assert.deepEqual([story.code, story.tried], [1006, [false]]);
    }
  });

  it("takes at most five seconds", async () => {
    const story = new Story(START, streams);
    const stream = story.takes("GET events");
    await stream.streams();
    await advance(4_900);
    assert.equal(story.code, undefined);
    await advance(200);
    assert.deepEqual([story.code, story.tried, stream.isAborted], [1006, [false], true]);
  });
});

describe("a stream", () => {
  it("passes on events of one chunk in one frame, as they were written", async () => {
    const { story, stream } = await begun();
    const texts: string[] = [];
    story.socket.onmessage = ({ data }) => texts.push(data);
    await stream.streams(`id: ${at(1)}\ndata: {"seq":1,\ndata: "data":1.0}\n\n${event(2)}`);
    await stream.streams(event(3));
    assert.deepEqual(texts, [
      `{"type":"events","room":"r","epoch":"${EPOCH}","prev":0,"events":[{"seq":1,\n"data":1.0},{"seq":2,"data":2}]}`,
      `{"type":"events","room":"r","epoch":"${EPOCH}","prev":2,"events":[{"seq":3,"data":3}]}`,
    ]);
  });

  it("passes on other frames", async () => {
    const { story, stream } = await begun();
    for (const type of ["signal", "members", "members:changed"]) {
      await stream.streams(`event: ${type}\ndata: {"type":"${type}"}\n\n`);
    }
    assert.deepEqual(story.types, ["signal", "members", "members:changed"]);
  });

  it("ends with the room's close code", async () => {
    const { story, stream } = await begun();
    await stream.streams('event: closed\ndata: {"code":4010,"reason":"kicked"}\n\n');
    assert.deepEqual([story.code, stream.isAborted], [4010, true]);
  });

  it("is lost when it breaks", async () => {
    const { story, stream } = await begun();
    await stream.breaks();
    assert.deepEqual([story.code, story.tried], [1006, [true]]);
  });

  it("is lost if nothing is received, not even a comment", async () => {
    const { story, stream } = await begun();
    for (let n = 0; n < 4; n++) {
      await advance(25_000);
      await stream.streams(":\n\n");
    }
    assert.equal(story.code, undefined);
    await advance(30_100);
    assert.deepEqual([story.code, stream.isAborted], [1006, true]);
  });

  it("is read no faster than the handlers process it", async () => {
    const { story, stream } = await begun();
    const data = "x".repeat(200_000);
    for (let seq = 1; seq <= 5; seq++) await stream.streams(event(seq, data));
    assert.equal(story.hears().length, 3);
    await advance(60_000);
    assert.equal(story.code, undefined, "no timeout while reading is paused");
    await story.send({ type: "seen", room: "r", seq: 1 });
    assert.equal(story.hears().length, 1);
    await story.send({ type: "seen", room: "r", seq: 4 });
    assert.equal(story.hears().length, 1);
    await advance(30_100);
    assert.equal(story.code, 1006);
  });

  it("is not read after a close", async () => {
    const { story, stream } = await begun();
    story.socket.close();
    await advance(60_000);
    assert.deepEqual([stream.isAborted, story.code, story.hears()], [true, undefined, []]);
  });
});

describe("a token", () => {
  const newer = tokenOf(1_900_000_000, { r: ["subscribe", "presence"] });

  it("is renewed without an interruption: the stream continues with it when the old one expires", async () => {
    const { story, stream } = await begun();
    await story.send({ type: "auth", token: newer });
    assert.deepEqual(story.hears(), [
      {
        type: "authorized",
        room: "r",
        grant: ["subscribe", "presence"],
        expires_at: 1_900_000_000_000,
      },
    ]);
    await stream.streams(event(1) + 'event: closed\ndata: {"code":4001,"reason":"expired"}\n\n');
    const next = story.takes(`GET events?since=${at(1)}`);
    assert.equal(next.token, newer);
    await next.streams(`id: ${at(1)}\n\n${event(2)}`);
    assert.deepEqual(story.types, ["events", "events"]);
    await next.streams('event: closed\ndata: {"code":4001,"reason":"expired"}\n\n');
    assert.equal(story.code, 4001);
  });

  it("with a wrong format is rejected by the server", async () => {
    const { story, stream } = await begun();
    await story.send({ type: "auth", token: "<h1>Sorry</h1>" });
    await stream.streams('event: closed\ndata: {"code":4001,"reason":"expired"}\n\n');
    await story.takes(`GET events?since=${at(0)}`).refuses(401, "unauthorized");
    assert.equal(story.code, 4001);
  });

  it("may be a cookie", async () => {
    const story = new Story(START, streams, "");
    const asked = story.takes("GET events");
    assert.equal(asked.init.credentials, "include");
    assert.equal(asked.token, undefined);
  });
});

describe("presence", () => {
  const enter = (data: unknown) => ({ type: "enter", room: "r", data });

  it("is entered with another stream, and no event is lost or duplicated meanwhile", async () => {
    const { story, stream } = await begun();
    await stream.streams(event(1));
    await story.send(enter({ at: "desk" }));
    await advance(10);
    const entered = story.takes(`GET events?since=${at(1)}&enter={"at":"desk"}`);
    await stream.streams(event(2));
    assert.equal(stream.isAborted, false);
    await entered.streams(`id: ${at(1)}\n\n${event(2)}${event(3)}`);
    assert.equal(stream.isAborted, true);
    const events = story.hears().flatMap(({ events }) => events);
    assert.deepEqual(
      events.map(({ seq }) => seq),
      [1, 2, 3],
    );
  });

  it("is updated every five seconds, with the newest data", async () => {
    const { story } = await begun();
    await story.send(enter(0));
    await advance(10);
    await story.takes(`GET events?since=${at(0)}&enter=0`).streams(`id: ${at(0)}\n\n`);
    for (let n = 1; n <= 40; n++) {
      await story.send(enter(n));
      await advance(100);
    }
    assert.equal(story.requests.length, 0);
    await advance(1_100);
    await story.takes(`GET events?since=${at(0)}&enter=40`).streams(`id: ${at(0)}\n\n`);
    await story.send(enter(41));
    await story.send({ type: "leave", room: "r" });
    await story.send(enter(40));
    await advance(10_000);
    assert.equal(story.requests.length, 0, "the data is already sent");
    await story.send({ type: "leave", room: "r" });
    await advance(10);
    story.takes(`GET events?since=${at(0)}`);
  });

  it("is left even while the enter is pending", async () => {
    const { story } = await begun();
    await story.send(enter(1));
    await advance(10);
    const entered = story.takes(`GET events?since=${at(0)}&enter=1`);
    await story.send({ type: "leave", room: "r" });
    await advance(6_000);
    await entered.streams(`id: ${at(0)}\n\n`);
    await advance(10);
    await story.takes(`GET events?since=${at(0)}`).streams(`id: ${at(0)}\n\n`);
    assert.equal(entered.isAborted, true);
  });

  it("that changes while reading is paused leaves no stream that waits forever", async () => {
    const { story, stream } = await begun();
    for (let seq = 1; seq <= 3; seq++) await stream.streams(event(seq, "x".repeat(200_000)));
    await story.send(enter(1));
    await advance(10);
    const entered = story.takes(`GET events?since=${at(3)}&enter=1`);
    await entered.streams();
    await story.send({ type: "seen", room: "r", seq: 3 });
    await advance(30_100);
    assert.deepEqual([story.code, entered.isAborted], [1006, true]);
  });

  it("that changes when the token expires is sent only with the next stream", async () => {
    const { story, stream } = await begun();
    await story.send({ type: "auth", token: tokenOf(1_900_000_000) });
    await story.send(enter(1));
    await advance(10);
    const entered = story.takes(`GET events?since=${at(0)}&enter=1`);
    void entered.streams(`id: ${at(0)}\n\n`);
    await stream.streams('event: closed\ndata: {"code":4001,"reason":"expired"}\n\n');
    const next = story.takes(`GET events?since=${at(0)}&enter=1`);
    story.socket.close();
    assert.equal(next.isAborted, true);
  });

  it("that is refused is an error, and the stream continues", async () => {
    const { story, stream } = await begun();
    await story.send(enter("everything"));
    await advance(10);
    await story.takes(`GET events?since=${at(0)}&enter="everything"`).refuses(413, "too_large");
    const [error] = story.hears();
    assert.deepEqual([error.type, error.room, error.code], ["error", "r", "too_large"]);
    await stream.streams(event(1));
    assert.deepEqual([story.types, story.code], [["events"], undefined]);
    await story.send({ type: "auth", token: tokenOf(1_900_000_000) });
    await stream.streams('event: closed\ndata: {"code":4001,"reason":"expired"}\n\n');
    story.takes(`GET events?since=${at(1)}`);
  });

  it("that exceeds the room's limit of members is an error, and the stream continues", async () => {
    const { story, stream } = await begun();
    await story.send(enter(1));
    await advance(10);
    await story.takes(`GET events?since=${at(0)}&enter=1`).refuses(503, "room_full");
    assert.equal(story.hears()[0].code, "room_full");
    await stream.streams(event(1));
    assert.deepEqual([story.types, story.code], [["events"], undefined]);
    await story.send(enter(1));
    await advance(10_000);
    story.takes(`GET events?since=${at(1)}&enter=1`);
  });

  it("is received as one list of at most 16 MiB", async () => {
    const { story, stream } = await begun();
    const sessions = [{ session: "s", data: "x".repeat(2_000), since: 0 }];
    const members = Array.from({ length: 8_000 }, (_, n) => ({ user: `user-${n}`, sessions }));
    const list = JSON.stringify({ type: "members", room: "r", members });
    const text = `event: members\ndata: ${list}\n\n`;
    for (let n = 0; n < text.length; n += 65_536) await stream.streams(text.slice(n, n + 65_536));
    assert.deepEqual(story.hears(), [{ type: "members", room: "r", members }]);
    await stream.streams(event(1));
    assert.deepEqual(story.types, ["events"]);
  });

  it("is requested over HTTP", async () => {
    const { story } = await begun();
    await story.send({ type: "members", room: "r" });
    await story.takes("GET members").answers({ room: "r", members: [] });
    assert.deepEqual(story.hears(), [{ type: "members", room: "r", members: [] }]);
  });
});

describe("a multiplexed connection", () => {
  async function connected(token?: string): Promise<Story> {
    const story = new Story("events", streams, token);
    await settle();
    assert.deepEqual(story.requests, [], "no request before the first room");
    return story;
  }

  it("consists of streams", async () => {
    const story = await connected(tokenOf(1_800_000_000));
    assert.deepEqual(story.hears(), [
      { type: "connected", expires_at: 1_800_000_000_000, ping_ms: 25_000, unverified: true },
    ]);
    await story.send({ type: "subscribe", room: "a" });
    await story.send({ type: "subscribe", room: "b", since: at(1) });
    const [a, b] = [story.takes("GET events"), story.takes(`GET events?since=${at(1)}`)];
    assert.deepEqual([a.url.pathname, b.url.pathname], ["/rooms/a/events", "/rooms/b/events"]);
    await story.takes("GET ").answers({ head: 1 });
    await a.streams(`id: ${at(0)}\n\n`);
    await b.streams(`id: ${at(1)}\n\n`);
    assert.deepEqual(
      story.hears().map(({ type, room }) => [type, room]),
      [
        ["welcome", "a"],
        ["welcome", "b"],
      ],
    );

    await a.streams('event: closed\ndata: {"code":4011,"reason":"erased"}\n\n');
    assert.deepEqual(story.hears(), [{ type: "closed", room: "a", code: 4011, reason: "erased" }]);
    assert.equal(story.code, undefined);
    await story.send({ type: "unsubscribe", room: "b" });
    assert.deepEqual(story.hears(), [{ type: "closed", room: "b", code: 1000, reason: "" }]);
    assert.equal(b.isAborted, true);
  });

  it("ignores responses to an ended session", async () => {
    const story = await connected();
    await story.send({ type: "subscribe", room: "a" });
    const left = story.takes("GET events");
    await left.streams(`id: ${at(0)}\n\n`);
    await story.send({ type: "signal", room: "a", name: "s", data: 1 });
    await story.send({ type: "members", room: "a" });
    const [signal, members] = [story.takes("POST signals"), story.takes("GET members")];
    await story.send({ type: "unsubscribe", room: "a" });
    await story.send({ type: "subscribe", room: "a" });
    story.hears();
    await signal.refuses(429, "rate_limited");
    await members.answers({ room: "a", members: [] });
    assert.deepEqual(story.types, []);
  });

  it("renews its token for all rooms", async () => {
    const story = await connected();
    await story.send({ type: "subscribe", room: "a" });
    story.hears();
    await story.send({ type: "auth", token: tokenOf(1_900_000_000) });
    assert.deepEqual(
      story.hears().map(({ type, room, expires_at }) => [type, room, expires_at]),
      [
        ["authorized", undefined, 1_900_000_000_000],
        ["authorized", "a", 1_900_000_000_000],
      ],
    );
  });

  it("is lost with the first of its streams", async () => {
    for (const [happens, code] of [
      [(stream: Asked) => stream.breaks(), 1006],
      [(stream: Asked) => stream.refuses(401, "unauthorized"), 4001],
    ] as const) {
      const story = await connected();
      await story.send({ type: "subscribe", room: "a" });
      await story.send({ type: "subscribe", room: "b" });
      const [a, b] = [story.takes("GET events"), story.takes("GET events")];
      await happens(a);
      assert.deepEqual([story.code, b.isAborted, story.types], [code, true, ["connected"]]);
    }
  });
});
