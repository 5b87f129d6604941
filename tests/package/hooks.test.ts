/** Tests of `authenticate` and `beforePublish` on workerd, over all transports. */
import assert from "node:assert/strict";
import { before, describe, test } from "node:test";
import { Socket } from "../edge/client.ts";
import { EventStream } from "../edge/event-stream.ts";
import { tokenOf } from "../edge/room.ts";
import { Runtime } from "../edge/runtime.ts";
import { bundle, fileCleanup, project } from "./package.ts";

let runtime: Runtime;
const owner = fileCleanup();

before(async () => {
  const root = await bundle(await project(owner, "own"));
  runtime = await Runtime.start({ root, basePath: "/realtime" });
  owner.after(() => runtime.stop());
});

const RIGHTS = ["subscribe", "publish", "presence"];
const origin = (): string => new URL(runtime.url).origin;
const eventsOf = (room: string): string => `${runtime.url}/rooms/${room}/events`;

/** Headers of a request by a page of the worker's own origin. */
const page = (session: string) => ({ cookie: `session=${session}`, origin: origin() });

async function get(room: string, headers: Record<string, string>, query = ""): Promise<Answer> {
  return answerOf(await fetch(eventsOf(room) + query, { headers }));
}

async function post(path: string, session: string, body: unknown): Promise<Answer> {
  const headers = { authorization: `Bearer session-${session}` };
  const init = { method: "POST", headers, body: JSON.stringify(body) };
  return answerOf(await fetch(runtime.url + path, init));
}

interface Answer {
  status: number;
  body: any;
}

const answerOf = async (response: Response): Promise<Answer> => ({
  status: response.status,
  body: await response.json(),
});

/** Ways to authenticate a socket. Each returns the socket and its first frame. */
const sockets: Record<string, (url: string, session: string) => Promise<Socket>> = {
  "by a cookie": (url, session) => Socket.open(url, { headers: page(session) }),
  "by a header": (url, session) => Socket.open(url, { token: `session-${session}` }),
  "by a subprotocol": (url, session) =>
    Socket.open(url, { offers: ["roomcast.v1", `bearer.session-${session}`] }),
  "by the query": (url, session) => Socket.open(url, { query: `token=session-${session}` }),
  "by the first frame": async (url, session) => {
    const socket = await Socket.open(url);
    socket.send({ type: "auth", token: `session-${session}` });
    return socket;
  },
};

describe("authenticate", () => {
  for (const [how, open] of Object.entries(sockets)) {
    test(`accepts a socket of one room ${how}`, async () => {
      const socket = await open(eventsOf("a"), "ann");
      const { user, grant } = await socket.until("welcome");
      assert.deepEqual([user, grant], ["ann", RIGHTS]);
    });

    test(`accepts a connection for many rooms ${how}`, async () => {
      const socket = await open(`${runtime.url}/events`, "ann");
      assert.equal((await socket.until("connected")).user, "ann");
      socket.send({ type: "subscribe", room: "a" });
      assert.equal((await socket.until("welcome")).user, "ann");
    });

    test(`that waits for its own answer delays a socket ${how}`, async () => {
      const socket = await open(eventsOf("a"), "slow");
      assert.equal((await socket.until("welcome")).user, "slow");
    });

    for (const path of ["/rooms/a/events", "/events"]) {
      for (const [session, code] of [
        ["throws", 1011],
        ["wrong", 1011],
        ["seconds", 1011],
        ["expired", 4001],
      ] as const) {
        test(`that answers ${session} closes a socket of ${path} ${how}`, async () => {
          const socket = await open(runtime.url + path, session);
          assert.equal((await socket.closed()).code, code);
        });
      }
    }
  }

  test("accepts a page, a stream, a long poll and a publish", async () => {
    assert.equal((await get("b", page("ann"))).status, 200);
    assert.equal((await get("b", { authorization: "Bearer session-ann" })).status, 200);
    const stream = await EventStream.open(eventsOf("b"), { headers: page("ann") });
    const { epoch } = (await get("b", page("ann"))).body;
    const poll = get("b", page("ann"), `?since=${epoch}:0&wait=20`);
    assert.equal((await post("/rooms/b/events", "ann", { name: "said", data: 1 })).status, 201);
    assert.equal((await poll).body.events[0].from, "ann");
    assert.equal(JSON.parse((await stream.next())!.data).from, "ann");
    stream.drop();
  });

  test("that returns nothing leaves the request to its token", async () => {
    const token = tokenOf("bob", ["subscribe"]);
    const socket = await Socket.open(eventsOf("a"), { token });
    assert.equal((await socket.until("welcome")).user, "bob");
    assert.equal((await get("a", { authorization: "Bearer a.b.c" })).status, 401);
  });

  test("that returns null refuses a token, and lets a socket send one later", async () => {
    const refused = await get("a", { authorization: "Bearer session-nobody" });
    assert.deepEqual([refused.status, refused.body.error.code], [401, "unauthorized"]);
    const socket = await Socket.open(eventsOf("a"), { headers: page("nobody") });
    socket.send({ type: "auth", token: "session-ann" });
    assert.equal((await socket.until("welcome")).user, "ann");
    const stranger = await Socket.open(eventsOf("a"), { headers: page("nobody") });
    stranger.send({ type: "auth", token: "session-nobody" });
    assert.equal((await stranger.closed()).code, 4001);
  });

  test("receives no cookie from a page of another origin", async () => {
    const foreign = { ...page("ann"), origin: "https://evil.example" };
    assert.equal((await get("a", foreign)).status, 401);
    assert.equal((await get("a", { cookie: "session=ann" })).status, 401);
    const socket = await Socket.open(eventsOf("a"), { headers: foreign });
    socket.send({ type: "publish", name: "said", data: 1 });
    assert.equal((await socket.closed()).code, 4001);
  });

  for (const session of ["throws", "wrong", "seconds"]) {
    test(`that answers ${session} refuses a request with internal`, async () => {
      const { status, body } = await get("a", page(session));
      assert.deepEqual([status, body.error.code], [500, "internal"]);
      assert.doesNotMatch(body.error.message, /store|expiresAt/);
    });
  }

  test("is not called for a text that can't be a token", async () => {
    for (const token of ["session-ann\n", "session-\u0000", "x".repeat(10_000)]) {
      const query = `?token=${encodeURIComponent(token)}`;
      const { status, body } = await get("a", {}, query);
      assert.deepEqual([status, body.error.code], [401, "unauthorized"]);
      const socket = await Socket.open(eventsOf("a"));
      socket.send({ type: "auth", token });
      assert.equal((await socket.closed()).code, 4001);
    }
  });

  // Limits: AUTHENTICATE_MS.
  test("that hangs refuses a request and a socket after 10 s", async () => {
    const started = Date.now();
    const closes = ["by a cookie", "by the first frame"].map(async (how) => {
      const socket = await sockets[how]!(eventsOf("a"), "hangs");
      return (await socket.closed(40_000)).code;
    });
    const answer = await get("a", page("hangs"));
    assert.deepEqual([answer.status, await Promise.all(closes)], [500, [1011, 1011]]);
    assert(Date.now() - started >= 10_000);
    await runtime.waitForLog("no answer within 10s", 3, 10_000);
  });

  test("renews a session in-band, also after hibernation and a restart", async () => {
    const renew = async (socket: Socket, session: string) => {
      socket.send({ type: "auth", token: `session-${session}` });
      return socket.until("authorized");
    };
    let socket = await sockets["by a cookie"]!(eventsOf("renewed"), "ann");
    const welcome = await socket.until("welcome");
    assert.deepEqual((await renew(socket, "ann")).grant, RIGHTS);
    assert.equal(await runtime.evict("renewed"), true);
    assert((await renew(socket, "ann")).expires_at >= welcome.expires_at);
    await runtime.kill();
    await runtime.restart();
    socket = await sockets["by a cookie"]!(eventsOf("renewed"), "ann");
    assert.equal((await socket.until("welcome")).epoch, welcome.epoch);
    await renew(socket, "ann");
  });

  test("renews a connection and its rooms in-band", async () => {
    const socket = await sockets["by a cookie"]!(`${runtime.url}/events`, "ann");
    await socket.until("connected");
    socket.send({ type: "subscribe", room: "a" });
    await socket.until("welcome");
    socket.send({ type: "auth", token: "session-ann" });
    await socket.until("authorized", ({ room }) => room === undefined);
    await socket.until("authorized", ({ room }) => room === "a");
  });

  for (const [session, code] of [
    ["bob", 4001],
    ["nobody", 4001],
    ["throws", 1011],
  ] as const) {
    test(`that answers ${session} for a new token closes the session`, async () => {
      const socket = await sockets["by a header"]!(eventsOf("a"), "ann");
      await socket.until("welcome");
      socket.send({ type: "auth", token: `session-${session}` });
      assert.equal((await socket.closed()).code, code);
    });
  }

  test("holds later frames back until it answers", async () => {
    const socket = await Socket.open(eventsOf("held"));
    socket.send({ type: "auth", token: "session-slow" });
    socket.send({ type: "publish", name: "said", data: 1, ref: "1" });
    assert.equal((await socket.until("ack")).seq, 1);
  });
});

describe("beforePublish", () => {
  const event = (name: string) => ({ name, data: { n: 1 }, id: `${name}-1` });
  const changed = { by: "ann", was: { n: 1 } };
  const REFUSED = [
    "refused",
    "throws",
    "overflows",
    "promise",
    "nonsense",
    "nothing",
    "no-text",
    "false",
  ];

  /** Publishes an event in each way. Returns the error's code, or the data that was stored. */
  const ways: Record<string, (room: string, name: string) => Promise<unknown>> = {
    "over a room's socket": async (room, name) => {
      const socket = await Socket.open(eventsOf(room), { token: "session-ann" });
      await socket.until("welcome");
      return published(socket, name);
    },
    "over a room's socket after hibernation": async (room, name) => {
      const socket = await Socket.open(eventsOf(room), { token: "session-ann" });
      await socket.until("welcome");
      assert.equal(await runtime.evict(room), true);
      return published(socket, name);
    },
    "over a connection": async (room, name) => {
      const socket = await Socket.open(`${runtime.url}/events`, { token: "session-ann" });
      await socket.until("connected");
      socket.send({ type: "subscribe", room });
      await socket.until("welcome");
      return published(socket, name, { room });
    },
    "over HTTP": async (room, name) =>
      stored(room, await post(`/rooms/${room}/events`, "ann", event(name))),
    "over HTTP in a batch": async (room, name) => {
      const events = [event("said"), event(name)];
      return stored(room, await post(`/rooms/${room}/events`, "ann", { events }));
    },
    "over HTTP to several rooms": async (room, name) => {
      const { body } = await post("/events", "ann", { events: [{ room, ...event(name) }] });
      return stored(room, { status: 200, body: body.rooms[0] });
    },
  };

  async function published(socket: Socket, name: string, more: object = {}): Promise<unknown> {
    socket.send({ type: "publish", ref: "1", ...more, ...event(name) });
    for (;;) {
      const frame = await socket.next();
      if (frame.type === "error") return frame.code;
      if (frame.type === "events") return frame.events.at(-1).data;
    }
  }

  async function stored(room: string, { body }: Answer): Promise<unknown> {
    if (body.error) return body.error.code;
    return (await get(room, page("ann"))).body.events.at(-1).data;
  }

  for (const [way, publish] of Object.entries(ways)) {
    const room = way.replaceAll(/\W/g, "-");
    test(`accepts, changes and refuses events ${way}`, async () => {
      assert.deepEqual(await publish(room, "fine"), { n: 1 });
      assert.deepEqual(await publish(room, "changed"), changed);
      for (const name of REFUSED) assert.equal(await publish(room, name), "rejected", name);
      const { events } = (await get(room, page("ann"))).body;
      const names = new Set(events.map(({ name }: { name: string }) => name));
      assert.deepEqual(
        [...names].sort(),
        way.includes("batch") ? ["changed", "fine", "said"] : ["changed", "fine"],
      );
    });
  }

  test("gives the client its own message, and never that of an error", async () => {
    const refused = await post("/rooms/m/events", "ann", event("refused"));
    assert.deepEqual(refused, {
      status: 422,
      body: { error: { code: "rejected", message: "ann may not publish this in m" } },
    });
    const { body } = await post("/rooms/m/events", "ann", event("throws"));
    assert.doesNotMatch(body.error.message, /schema/);
    await runtime.waitForLog("the schema is broken", 1, 10_000);
  });

  test("does not end the room if it throws again and again", async () => {
    const socket = await Socket.open(eventsOf("calm"), { token: "session-ann" });
    await socket.until("welcome");
    for (let ref = 0; ref < 60; ref++) {
      socket.send({ type: "publish", ...event("throws"), ref: `${ref}` });
      assert.equal((await socket.until("error")).code, "rejected");
    }
    assert.deepEqual(await published(socket, "fine"), { n: 1 });
  });
});
