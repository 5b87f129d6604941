/** The calls between a worker and its rooms, and a worker that records and answers them. */
import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { Socket } from "../edge/client.ts";
import { Runtime } from "../edge/runtime.ts";

/** A frame from the worker to a room: a text, or a binary frame with a text. */
type Frame = string | { binary: string };

/** A request or an upgrade that a worker sends to a room, and what the room answers. */
export interface Call {
  room: string;
  /** Method, target and identity of a request, each on its own line. */
  call?: string;
  body?: string;
  /** URL and headers of an upgrade. */
  url?: string;
  headers?: Record<string, string | number>;
  /** Frames of the worker over the socket of an upgrade. */
  frames?: Frame[];
  answer: Answer;
}

export interface Answer {
  status: number;
  body?: string;
  retryAfter?: number;
  /** Body of a rejected upgrade. */
  text?: string;
  subprotocol?: string | null;
  /** Frames of the room over the socket of an upgrade. */
  frames?: RoomFrame[];
}

interface RoomFrame {
  /** Number of the worker's frames that the room had received. */
  after: number;
  text: string;
}

/** An example, the calls that it causes, and what its client receives. */
export interface RecordedExample {
  name: string;
  calls: Call[];
  response: unknown;
}

export const SETTINGS = {
  slow: { publishes_per_second: 1 },
  "public:full": { anonymous_sessions: 0 },
};

/** Stands for the epoch of every room, which is random. */
export const EPOCH = "EpochXXX";

/**
 * Replaces the values that differ in each run: epochs, times, sessions and the time until a rate
 * limit ends. JSON that is quoted in other JSON has backslashes.
 */
export function normalized<T>(value: T): T {
  let text = JSON.stringify(value);
  for (const [, epoch] of text.matchAll(/\bepoch(?:\\*":\\*"| )([\w-]{8})\b/g))
    text = text.replaceAll(epoch!, EPOCH);
  text = text
    .replace(/("(?:at|awake_since|since)\\*":)\d+/g, "$11800000000000")
    .replace(/("rows_written\\*":)\d+/g, "$10")
    .replace(/("session\\*":\\*")[0-9a-f]{16}/g, "$10000000000000001")
    .replace(/("retry_after_ms\\*":)\d+/g, "$11000")
    .replace(/(possible in )\d+ ms/g, "$11 ms")
    .replace(/("retryAfter":"?)\d+/g, "$11");
  return JSON.parse(text);
}

/** A worker whose calls to rooms are recorded, and a client of that worker. */
export class Caller {
  readonly runtime: Runtime;
  /** Calls of the package's functions, which run in this process. */
  #ownCalls: Call[] = [];
  /** Answers of recorded rooms, if recorded rooms answer. */
  #answers: Answer[] | undefined;

  private constructor(runtime: Runtime) {
    this.runtime = runtime;
  }

  /** Starts the worker of `build/` inside `worker.js`. */
  static async start(owner: { after(stop: () => Promise<void>): void }): Promise<Caller> {
    const built = process.env.ROOMCAST_ROOT ?? resolve(import.meta.dirname, "../..");
    const root = await mkdtemp(join(tmpdir(), "roomcast-calls-"));
    await cp(join(built, "build"), root, { recursive: true });
    await cp(join(import.meta.dirname, "worker.js"), join(root, "worker.js"));
    const toml = await readFile(join(built, "wrangler.toml"), "utf8");
    await writeFile(join(root, "wrangler.toml"), toml.replace(/^main = .*/m, 'main = "worker.js"'));
    const runtime = await Runtime.start({ root, settings: SETTINGS, publicRooms: ["public:*"] });
    owner.after(async () => {
      await runtime.stop();
      await rm(root, { recursive: true, force: true });
    });
    return new Caller(runtime);
  }

  /**
   * Forgets the calls so far. With `answers`, the next calls are answered by these, in order, and
   * reach no room.
   */
  async play(answers?: Answer[]): Promise<void> {
    this.#ownCalls = [];
    this.#answers = answers && [...answers];
    await this.#post("play", answers ?? []);
  }

  /** Returns the calls since the last `play`. */
  async calls(): Promise<Call[]> {
    return [...(await this.#post("calls")), ...this.#ownCalls];
  }

  /** Returns the epoch of a room. Recorded rooms have the epoch `EPOCH`. */
  async epoch(room: string): Promise<string> {
    if (this.#answers) return EPOCH;
    const identity = { user: "test", grant: ["admin"], expires_at: null };
    const call = `GET\n/rooms/${encodeURIComponent(room)}\n${JSON.stringify(identity)}`;
    const { body } = await this.#post("send", { room, call });
    return JSON.parse(body).epoch;
  }

  /** Sends a recorded call to the current room, and returns the room's answer. */
  async send(recorded: Call): Promise<Answer> {
    const sent = JSON.stringify(recorded).replaceAll(EPOCH, await this.epoch(recorded.room));
    const { answer, headers, frames = [], ...call }: Call = JSON.parse(sent);
    if (answer.status !== 101) return this.#post("send", { ...call, headers });
    const query = new URLSearchParams({ call: JSON.stringify({ ...call, headers }) });
    const offers = String(headers!["sec-websocket-protocol"] ?? "")
      .split(/, */)
      .filter(Boolean);
    const socket = await Socket.open(`${this.runtime.url}/recorded/upgrade?${query}`, { offers });
    for (const frame of frames)
      socket.send(typeof frame === "string" ? frame : Buffer.from(frame.binary));
    const received: RoomFrame[] = [];
    for (const { after } of answer.frames!) {
      await socket.next();
      received.push({ after, text: socket.text });
    }
    socket.close();
    return { status: 101, subprotocol: socket.protocol || null, frames: received };
  }

  /** The binding `ROOMS` of the package's functions, which call a room without the worker. */
  get rooms(): object {
    const stub = (room: string) => ({
      request: async (call: string, body?: string): Promise<Answer> => {
        const sent = { room, call, ...(body !== undefined && { body }) };
        const answer: Answer = this.#answers?.shift() ?? (await this.#post("send", sent));
        this.#ownCalls.push({ ...sent, answer });
        return answer;
      },
    });
    return { getByName: stub };
  }

  async #post(path: string, body: unknown = null): Promise<any> {
    const init = { method: "POST", body: JSON.stringify(body) };
    return (await fetch(`${this.runtime.url}/recorded/${path}`, init)).json();
  }
}
