/** The load that the command line describes. */
import { parseArgs } from "node:util";

export const DAYS_A_MONTH = 30;

const TRANSPORTS = ["socket", "connection", "stream"] as const;
const PUBLISH_PATHS = ["http", "socket"] as const;

export interface Load {
  rooms: number;
  /** Clients that read each room. */
  readers: number;
  /** Sockets, connections or streams that are open at the same time. */
  sockets: number;
  transport: (typeof TRANSPORTS)[number];
  /** Publishes to each room, a second. */
  publishesPerSecond: number;
  publishPath: (typeof PUBLISH_PATHS)[number];
  /** Events in each publish. */
  batch: number;
  /** Keys that each publish sets. */
  keys: number;
  /** Bytes of each event. */
  bytes: number;
  /** Signals to each room over sockets, a second. */
  signalsPerSecond: number;
  /** Whether the readers are members of their rooms. */
  members: boolean;
  /** Hours a day in which the load exists. */
  hoursPerDay: number;
  /** How often each client connects, a day. */
  connectsPerDay: number;
  tokenSeconds: number;
  /** Publishes that each room retains: the setting `retained_appends`. */
  retained: number;
  /** Whether rooms report to the directory: the setting `directory`. */
  directory: boolean;
  /** Whether Cloudflare logs each request and each frame: `invocation_logs`. */
  invocationLogs: boolean;
  /** Bytes of such a log event. */
  logBytes: number;
}

export const USAGE = `make cost ARGS='--rooms 10 --readers 100 --events 1/s'

  --rooms 1              rooms
  --readers 100          clients that read each room
  --sockets <n>          clients at the same time; by default one for each reader of a room.
                         Fewer clients read several rooms each, over connections
  --over socket          how clients read: socket, connection (one for all rooms) or stream (SSE)
  --events 1/s           publishes to each room, in a second, minute, hour or day: 1/s, 30/min
  --by http              how events are published: http or socket
  --batch 1              events in each publish
  --keys 0               keys that each publish sets
  --bytes 200            bytes of each event
  --signals 0/s          signals to each room, over sockets
  --members              the readers are members (presence)
  --hours 24             hours a day in which all of this happens
  --connects 1           how often each client connects, a day
  --tokens 1h            lifetime of a token: 10s, 5min, 1h, 1day
  --retained 1000        publishes that each room retains
  --no-directory         the setting \`directory\` is off
  --invocation-logs      Cloudflare logs each request and frame
  --log-bytes 1000       bytes of such a log event: an assumption, Cloudflare names no size
  --measure              performs each action on workerd, and prints its billed units`;

const SECONDS: Record<string, number> = { s: 1, min: 60, h: 3_600, day: 86_400 };

/** Returns the load of a command line, or undefined for `--measure`. */
export function parseLoad(args: string[]): Load | undefined {
  const { values } = parseArgs({
    args,
    options: {
      rooms: { type: "string", default: "1" },
      readers: { type: "string", default: "100" },
      sockets: { type: "string" },
      over: { type: "string", default: "socket" },
      events: { type: "string", default: "1/s" },
      by: { type: "string", default: "http" },
      batch: { type: "string", default: "1" },
      keys: { type: "string", default: "0" },
      bytes: { type: "string", default: "200" },
      signals: { type: "string", default: "0/s" },
      members: { type: "boolean", default: false },
      hours: { type: "string", default: "24" },
      connects: { type: "string", default: "1" },
      tokens: { type: "string", default: "1h" },
      retained: { type: "string", default: "1000" },
      "no-directory": { type: "boolean", default: false },
      "invocation-logs": { type: "boolean", default: false },
      "log-bytes": { type: "string", default: "1000" },
      measure: { type: "boolean", default: false },
    },
  });
  if (values.measure) return undefined;
  const rooms = number("--rooms", values.rooms);
  const readers = number("--readers", values.readers);
  const load: Load = {
    rooms,
    readers,
    sockets: number("--sockets", values.sockets ?? String(rooms * readers)),
    transport: oneOf("--over", values.over, TRANSPORTS),
    publishesPerSecond: rate("--events", values.events),
    publishPath: oneOf("--by", values.by, PUBLISH_PATHS),
    batch: number("--batch", values.batch),
    keys: number("--keys", values.keys),
    bytes: number("--bytes", values.bytes),
    signalsPerSecond: rate("--signals", values.signals),
    members: values.members,
    hoursPerDay: number("--hours", values.hours),
    connectsPerDay: number("--connects", values.connects),
    tokenSeconds: duration("--tokens", values.tokens),
    retained: number("--retained", values.retained),
    directory: !values["no-directory"],
    invocationLogs: values["invocation-logs"],
    logBytes: number("--log-bytes", values["log-bytes"]),
  };
  if (load.sockets > rooms * readers)
    throw new Error(`--sockets ${load.sockets}: more than the ${rooms * readers} readers`);
  if (load.sockets < rooms * readers && load.transport !== "connection")
    throw new Error("--sockets: only clients of --over connection read several rooms each");
  if (load.hoursPerDay > 24) throw new Error("--hours: a day has 24 hours");
  if (load.batch < 1 || load.batch > 1_000) throw new Error("--batch: expected 1 to 1000 events");
  if (load.tokenSeconds === 0) throw new Error("--tokens: expected a lifetime above 0");
  return load;
}

function number(option: string, text: string): number {
  const value = Number(text.replaceAll(/[,_]/g, ""));
  if (text.trim() === "" || !(value >= 0 && Number.isFinite(value)))
    throw new Error(`${option} ${text}: expected a number`);
  return value;
}

function oneOf<T extends string>(option: string, text: string, values: readonly T[]): T {
  const value = values.find((value) => value === text);
  if (value === undefined) throw new Error(`${option} ${text}: expected ${values.join(" or ")}`);
  return value;
}

/** Parses `30/min` to 0.5 a second. */
function rate(option: string, text: string): number {
  const [count = "", unit = ""] = text.split("/");
  const seconds = SECONDS[unit];
  if (seconds === undefined) throw new Error(`${option} ${text}: expected, for example, 30/min`);
  return number(option, count) / seconds;
}

/** Parses `5min` to 300 seconds. */
function duration(option: string, text: string): number {
  const [, count, unit = ""] = /^([\d.]+)([a-z]+)$/.exec(text) ?? [];
  const seconds = SECONDS[unit];
  if (count === undefined || seconds === undefined)
    throw new Error(`${option} ${text}: expected, for example, 5min`);
  return number(option, count) * seconds;
}
