/**
 * Runs the scenarios of `tests/scenarios` on the real runtime. tests/scenarios/README.md describes
 * their format.
 */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { type Frame, Socket } from "./client.ts";
import { type Claims, type Grant, claims, seconds, sign } from "./jwt.ts";
import { type Bound, type Json, fill, hmac, match } from "./pattern.ts";
import { NO_WINDOWS, Runtime, SECRET } from "./runtime.ts";
import { recordReceived } from "./wire-types.ts";

export interface Scenario {
  name: string;
  /** Set to "simulator" for a scenario that needs a simulated clock. */
  only?: "simulator";
  /** Reason why the room must not hibernate between the steps. */
  stays_active?: string;
  settings?: Record<string, Record<string, number | boolean>>;
  /** Patterns of the public rooms, as in `PUBLIC_ROOMS`. */
  public_rooms?: string[];
  /** Apps of clients of Pusher, as in `PUSHER_APPS`. */
  pusher_apps?: PusherApp[];
  tokens?: Record<string, TokenOf>;
  steps: Step[];
}

interface PusherApp {
  id: string;
  key: string;
  secret: string;
}

interface TokenOf {
  sub?: string;
  can?: Grant[];
  rooms?: Record<string, Grant[]>;
  expires_in_s?: number;
}

/**
 * A step of a scenario. Besides the fields below, a step has one more key: the name of an actor.
 * The value of this key is the action.
 */
export interface Step {
  [actor: string]: unknown;
  to?: string | null;
  as?: string | null;
  query?: string;
  welcome?: Json;
  frame?: Json;
  events?: Json;
  text?: string;
  binary?: string;
  body?: Json;
  status?: number;
  answer?: Json;
  headers?: Record<string, Json>;
  contains?: string;
  code?: number;
  ms?: number;
  times?: number;
  room?: string;
  /** Whether a backend of Pusher does not sign the request. */
  unsigned?: boolean;
}

const DETAILS =
  "to as query welcome frame events text binary body status answer headers contains code ms times room unsigned".split(
    " ",
  );

const CAST: Record<string, TokenOf> = {
  alice: { can: ["subscribe", "publish"] },
  bob: { can: ["subscribe", "publish"] },
  reader: { can: ["subscribe"] },
  writer: { can: ["publish"] },
  admin: { can: ["subscribe", "publish", "presence", "admin"] },
};

const MAX_EVENTS_BYTES = 256 * 1024;
/** The runtime answers a ping with exactly this text. The room answers every other ping. */
const PING = '{"type":"ping"}';
const PING_THE_ROOM = '{"type": "ping"}';

const PUSHER_PING = '{"event":"pusher:ping"}';

/** An actor's socket, and the position that its next events must follow. */
interface Session {
  socket: Socket;
  /** Room of the socket, or `undefined` for a connection for many rooms. */
  room: string | undefined;
  /** Whether the actor is a client of Pusher. */
  isPusher: boolean;
  query: string;
  /** Seq of the last received event, or `undefined` until a frame contains a seq. */
  seq: number | undefined;
  epoch: string | undefined;
  /** Received events that no step has expected yet. */
  ahead: Json[];
}

/** Runs a scenario. With `hibernate`, all rooms of the scenario are evicted before each step. */
export async function runScenario(
  scenario: Scenario,
  { hibernate }: { hibernate: boolean },
): Promise<void> {
  const all = { ...(hibernate ? NO_WINDOWS["*"] : {}), ...scenario.settings?.["*"] };
  const { settings, public_rooms: publicRooms, pusher_apps: apps } = scenario;
  const vars = { JWT_SECRET: SECRET, ...(apps && { PUSHER_APPS: JSON.stringify(apps) }) };
  const runtime = await Runtime.start({ vars, settings: { ...settings, "*": all }, publicRooms });
  let current = "the end";
  try {
    const runner = new ScenarioRunner(runtime, scenario);
    for (const [i, step] of scenario.steps.entries()) {
      current = `step ${i + 1}, ${JSON.stringify(step).slice(0, 300)}`;
      if (hibernate) await runner.evictRooms();
      await runner.perform(step);
    }
    current = "the end";
    await runner.assertNothingPending();
  } catch (cause) {
    throw new Error(`${current}: ${(cause as Error).message}`, { cause });
  } finally {
    await runtime.stop();
  }
}

class ScenarioRunner {
  readonly #runtime: Runtime;
  readonly #bound: Bound = new Map();
  readonly #sessions = new Map<string, Session>();
  readonly #rooms = new Set<string>();

  constructor(runtime: Runtime, { tokens, pusher_apps: [app] = [] }: Scenario) {
    this.#runtime = runtime;
    if (app) this.#bound.set("app", app as object as Json);
    for (const [name, token] of Object.entries({ ...CAST, ...tokens }))
      this.#bound.set(name, mint(name, token));
  }

  async evictRooms(): Promise<void> {
    await Promise.all([...this.#rooms].map((room) => this.#runtime.evict(room)));
  }

  async perform(step: Step): Promise<void> {
    const actors = Object.keys(step).filter((key) => !DETAILS.includes(key));
    const actor = actors[0];
    assert(
      actor !== undefined && actors.length === 1,
      `one actor, not ${actors.join(" and ") || "none"}`,
    );
    const verb = String(step[actor]);
    for (let i = 1; i <= (step.times ?? 1); i++) {
      this.#bound.set("i", i);
      if (actor === "time") await sleep(step.ms);
      else if (actor === "the room") await this.#performRoom(verb, step.room ?? "r");
      else if (/^[A-Z]+ \//.test(verb)) await this.#request(actor, verb, step);
      else await this.#performActor(actor, verb, step);
    }
  }

  /** Checks that every frame was answered, and that no actor has received an unexpected frame. */
  async assertNothingPending(): Promise<void> {
    for (const room of this.#rooms) {
      const answer = await this.#fetch("GET", `/rooms/${room}`, String(this.#bound.get("admin")));
      assert.equal(answer.status, 200);
    }
    for (const actor of this.#sessions.keys()) await this.#ping(actor, PING);
  }

  async #performRoom(verb: string, room: string): Promise<void> {
    switch (verb) {
      case "hibernates":
        await this.#runtime.evict(room);
        return;
      case "is restarted":
        return this.#runtime.evictAndClose(room);
      case "crashes":
        await this.#runtime.kill();
        await this.#runtime.restart();
        this.#sessions.clear();
        return;
      default:
        throw new Error(`unknown action of the room: ${verb}`);
    }
  }

  async #request(actor: string, verb: string, step: Step): Promise<void> {
    const [method = "", target = ""] = this.#filled(verb).split(" ");
    const room = target.match(/^\/rooms\/([^/?]+)/)?.[1];
    const token = step.as === null ? undefined : String(this.#bound.get(step.as ?? actor));
    const body =
      step.text ??
      (step.body === undefined ? undefined : JSON.stringify(fill(step.body, this.#bound)));
    const isSigned = target.startsWith("/apps/") && step.unsigned !== true;
    const signed = isSigned ? this.#signed(method, target, body) : target;
    const answer = await this.#fetch(method, signed, token, body);
    if (room && answer.ok) this.#rooms.add(decodeURIComponent(room));
    const text = await answer.text();
    const type = answerType(method, target, answer.status);
    if (type) recordReceived(type, text);
    assert.equal(
      answer.status,
      step.status,
      `${answer.status} ${text.slice(0, 300)}, not ${step.status}`,
    );
    for (const [name, pattern] of Object.entries(step.headers ?? {})) {
      match(pattern, answer.headers.get(name), this.#bound, name);
    }
    if (step.answer !== undefined) match(step.answer, JSON.parse(text), this.#bound, "answer");
    if (step.contains !== undefined)
      assert(text.includes(step.contains), `${text.slice(0, 300)} contains no ${step.contains}`);
  }

  /** Adds the signature of the scenario's app to the target of a request. */
  #signed(method: string, target: string, body: string | undefined): string {
    const { key, secret } = this.#bound.get("app") as object as PusherApp;
    const { pathname, searchParams } = new URL(target, "http://localhost");
    searchParams.set("auth_key", key);
    searchParams.set("auth_timestamp", String(Math.floor(Date.now() / 1000)));
    searchParams.set("auth_version", "1.0");
    if (body) searchParams.set("body_md5", createHash("md5").update(body).digest("hex"));
    searchParams.sort();
    const query = [...searchParams].map(([name, value]) => `${name}=${value}`).join("&");
    searchParams.set("auth_signature", hmac(secret, `${method}\n${pathname}\n${query}`));
    return `${pathname}?${searchParams}`;
  }

  #fetch(method: string, target: string, token?: string, body?: string): Promise<Response> {
    const headers: Record<string, string> =
      token === undefined ? {} : { authorization: `Bearer ${token}` };
    return fetch(this.#runtime.url + target, {
      method,
      headers,
      ...(body === undefined ? {} : { body }),
    });
  }

  async #performActor(actor: string, verb: string, step: Step): Promise<void> {
    switch (verb) {
      case "connects":
        return this.#connect(actor, step);
      case "joins":
        await this.#connect(actor, step);
        return this.#receive(actor, {
          ...step,
          frame: { type: "welcome", "...": "$any", ...(step.welcome as object) },
        });
      case "is refused":
        await this.#connect(actor, step);
        return this.#expectClose(actor, step);
      case "is closed":
        return this.#expectClose(actor, step);
      case "closes":
        return this.#disconnect(actor, (socket) => socket.close(step.code));
      case "disconnects":
        return this.#disconnect(actor, (socket) => socket.drop());
      case "sends":
        return this.#send(actor, step);
      case "receives":
        return this.#receive(actor, step);
      case "pings":
        return this.#ping(actor, PING);
      case "receives nothing":
        return this.#ping(actor, PING_THE_ROOM);
      default:
        throw new Error(`unknown action of a client: ${verb}`);
    }
  }

  async #connect(actor: string, step: Step): Promise<void> {
    const { to = "r" } = step;
    const [room, path] =
      to === null || to.startsWith("/")
        ? [undefined, to ?? "/events"]
        : [to, `/rooms/${to}/events`];
    if (room !== undefined) this.#rooms.add(room);
    this.#sessions.get(actor)?.socket.drop();
    const token = step.as === null ? undefined : String(this.#bound.get(step.as ?? actor));
    const query = this.#filled(step.query ?? "");
    const isPusher = path.startsWith("/app/");
    const how = isPusher ? { query, offers: [], pings: false } : { token, query };
    const socket = await Socket.open(this.#runtime.url + path, how);
    assert.equal(socket.protocol, isPusher ? "" : "roomcast.v1");
    const [seq, epoch] = [undefined, undefined];
    this.#sessions.set(actor, { socket, room, isPusher, query, seq, epoch, ahead: [] });
  }

  async #expectClose(actor: string, { code }: Step): Promise<void> {
    const closing = await this.#session(actor).socket.closed();
    assert.equal(closing.code, code, `closed with ${closing.code} ${closing.reason}, not ${code}`);
    this.#sessions.delete(actor);
  }

  async #disconnect(actor: string, end: (socket: Socket) => void): Promise<void> {
    const { socket } = this.#session(actor);
    end(socket);
    await socket.closed();
    this.#sessions.delete(actor);
  }

  #send(actor: string, step: Step): void {
    const { socket } = this.#session(actor);
    if (step.binary !== undefined) socket.send(Buffer.from(step.binary));
    else socket.send(step.text ?? JSON.stringify(fill(step.frame ?? null, this.#bound)));
  }

  async #ping(actor: string, ping: string): Promise<void> {
    const { socket, ahead, isPusher } = this.#session(actor);
    assert.deepEqual(ahead, [], `${actor} has received more events than expected`);
    socket.send(isPusher ? PUSHER_PING : ping);
    const pong = isPusher ? { event: "pusher:pong", data: "{}" } : { type: "pong" };
    assert.deepEqual(await socket.next(), pong);
  }

  /**
   * Receives one frame, some events, or both in either order. The room may split the
   * events into any number of frames, but it must not lose, repeat or reorder events.
   */
  async #receive(actor: string, { frame, events = [], contains }: Step): Promise<void> {
    const session = this.#session(actor);
    const expected = fill(events, this.#bound) as Json[];
    let awaitsFrame = frame !== undefined;
    let text = "";
    while (awaitsFrame || session.ahead.length < expected.length) {
      const received = await this.#next(session);
      text += session.socket.text;
      if (received.type === "events" && expected.length > 0) {
        session.ahead.push(...received.events);
      } else {
        assert(awaitsFrame, `not expected: ${session.socket.text.slice(0, 300)}`);
        match(frame as Json, received, this.#bound, String(received.type));
        awaitsFrame = false;
      }
    }
    match(expected, session.ahead.splice(0, expected.length), this.#bound, "events");
    if (contains !== undefined)
      assert(text.includes(contains), `${text.slice(0, 300)} contains no ${contains}`);
  }

  /**
   * Returns the next frame. If the socket is for one room, the frame is checked against the rules
   * that apply to every frame of a room, and `room` is removed from it.
   */
  async #next(session: Session): Promise<Frame> {
    const received = await session.socket.next();
    const { text } = session.socket;
    if (session.isPusher) return this.#pusherFrame(received);
    recordReceived(session.room === undefined ? "ConnectionServerFrame" : "ServerFrame", text);
    if (session.room === undefined) {
      if (received.type === "welcome") this.#rooms.add(received.room);
      return received;
    }
    const { room, ...frame } = received;
    assert.equal(room, session.room, `the room of ${session.socket.text.slice(0, 300)}`);
    if (frame.type === "welcome") {
      session.epoch = frame.epoch;
      const since = /since=\w+:(\d+)/.exec(session.query)?.[1];
      session.seq = since === undefined ? frame.seq : Number(since);
      if (session.query.includes("last=")) session.seq = undefined;
    }
    if (frame.type === "gap") session.seq = frame.seq;
    if (frame.epoch !== undefined)
      assert.equal(frame.epoch, session.epoch, `the epoch of a ${frame.type}`);
    if (frame.type === "events") applyEvents(session, frame);
    return frame as Frame;
  }

  /** Returns a frame with its data decoded, and records its room. */
  #pusherFrame(frame: Frame): Frame {
    const { channel = "", data } = frame;
    if (channel !== "") this.#rooms.add(channel.replace("#server-to-user-", "server-to-user:"));
    try {
      return { ...frame, data: JSON.parse(data) };
    } catch {
      return frame;
    }
  }

  #session(actor: string): Session {
    const session = this.#sessions.get(actor);
    assert(session, `${actor} is not connected`);
    return session;
  }

  #filled(text: string): string {
    return text.replace(/\$[a-z]\w*/g, (variable) => String(fill(variable, this.#bound)));
  }
}

/** Returns the type of an answer's body, or `undefined` if the body is empty or no JSON. */
function answerType(method: string, target: string, status: number): string | undefined {
  if (status >= 400) return "ErrorAnswer";
  if (target.startsWith("/apps/")) return undefined;
  const [, room, leaf = ""] = /^(?:\/rooms\/([^/?]+))?(?:\/(\w+))?/.exec(target)!;
  switch (`${method} ${leaf}`) {
    case "POST events":
      return room === undefined ? "PublishResults" : "PublishAnswer";
    case "GET events":
      return "PageAnswer";
    case "GET state":
      return "StateAnswer";
    case "GET members":
      return "MembersAnswer";
    case "GET ":
      return "StatsAnswer";
    default:
      return undefined;
  }
}

/**
 * Applies events as section 5 of the protocol says. A client must ignore a repeated event. Here, a
 * repeated event is an error, because a room never sends an event twice.
 */
function applyEvents(
  session: Session,
  { type, epoch, prev, events, ...more }: Record<string, unknown>,
): void {
  assert(
    typeof epoch === "string" && Array.isArray(events) && events.length > 0,
    "events of an epoch",
  );
  assert.deepEqual(more, {}, `a frame of ${type} has nothing else`);
  session.seq ??= prev as number;
  assert.equal(prev, session.seq, "the prev of a frame is the seq of the last event received");
  for (const { seq } of events) assert.equal(seq, ++session.seq, "seq has no holes");
  const { text } = session.socket;
  const bytes = Buffer.byteLength(text.slice(text.indexOf("[") + 1, text.lastIndexOf("]")));
  assert(
    events.length === 1 || bytes <= MAX_EVENTS_BYTES,
    `${events.length} events of ${bytes} bytes in one frame`,
  );
}

function mint(name: string, { sub = name, can = [], rooms, expires_in_s = 3600 }: TokenOf): string {
  const token: Claims = { ...claims(sub, can), exp: seconds(expires_in_s) };
  return sign(rooms ? { ...token, rooms } : token, SECRET);
}
