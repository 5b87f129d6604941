/** Examples that together cause every kind of call between a worker and a room. */
import { registerHooks } from "node:module";
import { Socket } from "../edge/client.ts";
import { EventStream } from "../edge/event-stream.ts";
import { type Grant, sign } from "../edge/jwt.ts";
import { SECRET } from "../edge/runtime.ts";
import { Caller, type RecordedExample, normalized } from "./calls.ts";

// The built worker runs only on workerd. Its rule for the object of a room is tested in
// `tests/edge/place.test.ts`. Here, the package's call goes to the room of the recording.
const BUILT = `export const RoomObject = {
  callRoom: (rooms, room, call, body) => rooms.getByName(room).request(call, body),
};`;
registerHooks({
  resolve: (specifier, context, next) =>
    specifier === "./roomcast.js"
      ? { url: `data:text/javascript,${encodeURIComponent(BUILT)}`, shortCircuit: true }
      : next(specifier, context),
});

// The path is not a literal, because the types of the package need its own tsconfig.json.
const PACKAGE: string = "../../client/src/worker/rooms.ts";
const { closeUser, erase, publish, readEvents, readState } = await import(PACKAGE);

export interface Example {
  name: string;
  /** Causes the calls. Returns what the client receives. */
  run(caller: Caller): Promise<unknown>;
}

/** Time in 2100: the identity of a recorded call must not expire. */
const NEVER = 4_102_444_800;
const ALL: readonly Grant[] = ["subscribe", "publish", "presence", "admin"];

function tokenOf(user: string, can: readonly Grant[] = ALL): string {
  return sign({ sub: user, exp: NEVER, rooms: { "*": can } }, SECRET);
}

/** Sends a request to the worker. Returns the parts of the response that a room determines. */
async function http(
  { runtime }: Caller,
  method: string,
  path: string,
  { body, token = tokenOf("ünal") }: { body?: unknown; token?: string | null } = {},
): Promise<object> {
  const headers = { ...(token !== null && { authorization: `Bearer ${token}` }) };
  const init = { method, headers, ...(body !== undefined && { body: JSON.stringify(body) }) };
  const answer = await fetch(runtime.url + path, init);
  const [type, retryAfter] = ["content-type", "retry-after"].map((name) =>
    answer.headers.get(name),
  );
  return { status: answer.status, type, retryAfter, body: await answer.text() };
}

/**
 * Opens a socket, and waits for a frame of the type `first`. Then sends each frame, and waits for
 * answers of the given types. Returns all received frames.
 */
async function exchange(
  { runtime }: Caller,
  path: string,
  token: string | undefined,
  first: string,
  ...steps: [frame: object, ...answers: string[]][]
): Promise<object> {
  const socket = await Socket.open(runtime.url + path, { token });
  const received: string[] = [];
  const receive = async (type: string): Promise<void> => {
    for (let last; last !== type; received.push(socket.text)) last = (await socket.next()).type;
  };
  if (first) await receive(first);
  for (const [frame, ...answers] of steps) {
    socket.send(frame);
    for (const answer of answers) await receive(answer);
  }
  socket.close();
  return { protocol: socket.protocol, received };
}

const EVENTS = "/rooms/calls/events";
const event = { name: "said", data: { text: "grüezi" }, id: "a", key: "k" };

export const EXAMPLES: Example[] = [
  { name: "a publish of one event", run: (c) => http(c, "POST", EVENTS, { body: event }) },
  {
    name: "a publish of a batch with a repeated id",
    run: (c) => http(c, "POST", EVENTS, { body: { events: [event, { name: "n", data: [1.5] }] } }),
  },
  { name: "a publish that the room refuses", run: (c) => http(c, "POST", EVENTS, { body: {} }) },
  {
    name: "a publish above a rate limit",
    async run(c) {
      const body = { events: ["a", "b", "c", "d"].map((key) => ({ name: "n", data: 1, key })) };
      await http(c, "POST", "/rooms/slow/events", { body });
      return http(c, "POST", "/rooms/slow/events", { body });
    },
  },
  {
    name: "a publish to two rooms",
    run: (c) =>
      http(c, "POST", "/events", {
        body: {
          events: [
            { room: "calls:1", ...event },
            { room: "calls:2", name: "n", data: 1 },
          ],
        },
      }),
  },
  {
    name: "a page after a position",
    run: async (c) => http(c, "GET", `${EVENTS}?since=${await c.epoch("calls")}:0&limit=1`),
  },
  {
    name: "a page before a position",
    run: async (c) => http(c, "GET", `${EVENTS}?before=${await c.epoch("calls")}:2`),
  },
  { name: "a page of the newest events", run: (c) => http(c, "GET", `${EVENTS}?last=1`) },
  {
    name: "a page after a lost position",
    run: (c) => http(c, "GET", `${EVENTS}?since=AAAAAAAA:1`),
  },
  {
    name: "a long poll that receives an event",
    run: async (c) => http(c, "GET", `${EVENTS}?since=${await c.epoch("calls")}:1&wait=30`),
  },
  { name: "the state", run: (c) => http(c, "GET", "/rooms/calls/state") },
  {
    name: "the state of a public room, without a token",
    run: (c) => http(c, "GET", "/rooms/public%3A1/state", { token: null }),
  },
  {
    name: "a signal",
    run: (c) => http(c, "POST", "/rooms/calls/signals", { body: { name: "typing", data: true } }),
  },
  { name: "the members", run: (c) => http(c, "GET", "/rooms/calls/members") },
  { name: "the room stats", run: (c) => http(c, "GET", "/rooms/calls") },
  {
    name: "closing the sessions of a user",
    run: (c) => http(c, "DELETE", "/rooms/calls/members?user=%C3%BCnal%26x"),
  },
  {
    name: "a socket at the head, with a frame",
    run: (c) =>
      exchange(c, `${EVENTS}?state=0`, tokenOf("ünal"), "welcome", [
        { type: "members" },
        "members",
      ]),
  },
  {
    name: "a socket that resumes with flow control",
    run: async (c) =>
      exchange(c, `${EVENTS}?since=${await c.epoch("calls")}:0&flow=1`, tokenOf("ann"), "events"),
  },
  {
    name: "a socket that the room refuses",
    async run({ runtime }) {
      const socket = await Socket.open(`${runtime.url}/rooms/public:full/events`);
      return socket.closed();
    },
  },
  {
    name: "a socket without a token, which sends its token",
    run: (c) =>
      exchange(c, `${EVENTS}?last=1&state=0`, undefined, "", [
        { type: "auth", token: tokenOf("ann", ["subscribe"]) },
        "events",
      ]),
  },
  {
    name: "a stream that enters",
    async run({ runtime }) {
      const query = new URLSearchParams({ enter: '{"é":1}', last: "1" });
      const token = tokenOf("ann", ["subscribe", "presence"]);
      const stream = await EventStream.open(runtime.url + EVENTS, { token, query: `${query}` });
      const events = [];
      for (let event; event?.event !== "message";) events.push((event = await stream.next()));
      stream.drop();
      return events;
    },
  },
  {
    name: "a connection whose session gets further rights and publishes",
    run: (c) =>
      exchange(
        c,
        "/events",
        tokenOf("ann", ["subscribe"]),
        "connected",
        [{ type: "subscribe", room: "calls", state: false }, "welcome"],
        [
          { type: "auth", token: tokenOf("ann", ["subscribe", "publish"]) },
          "authorized",
          "authorized",
        ],
        [{ type: "publish", room: "calls", ref: "1", name: "n", data: "connection" }, "ack"],
      ),
  },
  {
    name: "the package publishes",
    run: ({ rooms }) => publish(rooms, "calls:package", [event, event], { user: "bücher" }),
  },
  {
    name: "the package reads events",
    run: (c) => readEvents(c.rooms, "calls:package", { last: 1, limit: 7 }),
  },
  { name: "the package reads the state", run: (c) => readState(c.rooms, "calls:package") },
  { name: "the package closes a user", run: (c) => closeUser(c.rooms, "calls:package", "a&b") },
  { name: "the package erases a room", run: (c) => erase(c.rooms, "calls:package") },
  { name: "erasing a room", run: (c) => http(c, "DELETE", "/rooms/calls") },
];

/** Records the examples with the worker and the rooms of `build/`. */
export async function recordCalls(): Promise<RecordedExample[]> {
  const cleanups: (() => Promise<void>)[] = [];
  const caller = await Caller.start({ after: (stop) => void cleanups.push(stop) });
  const examples: RecordedExample[] = [];
  for (const { name, run } of EXAMPLES) {
    await caller.play();
    const response = await run(caller);
    examples.push(normalized({ name, calls: await caller.calls(), response }));
  }
  for (const stop of cleanups) await stop();
  return examples;
}
