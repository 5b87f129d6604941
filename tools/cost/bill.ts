/** Computes the units that a load costs on Cloudflare, and their price. */
import { DAYS_A_MONTH, type Load } from "./load.ts";
import {
  type BilledUnit,
  CLOUDFLARE,
  FRAMES_PER_REQUEST,
  FREE_PLAN,
  LOG_RETENTION,
  ROOM_GIGABYTES,
  type UnitPrice,
} from "./prices.ts";
import { ACTIONS, LIMITS, TIMES_MS, type Units } from "./units.ts";

/** An amount of a unit in a month, and the part of the load that it is for. */
interface Usage {
  /** Frames are billed as requests. */
  unit: BilledUnit | "frames";
  part: string;
  amount: number;
}

export interface Line {
  unit: BilledUnit;
  amount: number;
  included: number;
  dollars: number;
  /** The amounts of the parts, the largest first. */
  parts: { part: string; amount: number }[];
}

export interface Bill {
  lines: Line[];
  /** Dollars a month, with the price of the plan. */
  dollars: number;
  /** Whether the load is within the limits of the free plan. */
  fitsFreePlan: boolean;
  /** Share of the time in which a room is busy. A room can't do more than 1. */
  roomBusy: number;
}

const HOUR_S = 3_600;
/** Time after which an idle room hibernates. */
const HIBERNATES_AFTER_S = 10;
/** A client renews its token after this share of the token's lifetime, but not within 10 s. */
const RENEWED_AFTER = 0.9;
const RENEWED_AFTER_AT_LEAST_S = 10;
/** Bytes of a room without events: an empty SQLite database. */
const EMPTY_ROOM_BYTES = 12_000;

/** The numbers of a month that several units depend on. */
export interface Month {
  /** Seconds of the month in which the load exists. */
  seconds: number;
  publishes: number;
  signals: number;
  /** How often a client connects. */
  connects: number;
  /** Readers of all rooms. A client that reads two rooms counts twice. */
  readers: number;
}

export function monthOf(load: Load): Month {
  const seconds = DAYS_A_MONTH * load.hoursPerDay * HOUR_S;
  return {
    seconds,
    publishes: load.rooms * load.publishesPerSecond * seconds,
    signals: load.rooms * load.signalsPerSecond * seconds,
    connects: load.sockets * load.connectsPerDay * DAYS_A_MONTH,
    readers: load.rooms * load.readers,
  };
}

export function billOf(load: Load): Bill {
  const month = monthOf(load);
  const activeMs = roomTime(load, month);
  const roomBusy = month.seconds === 0 ? 0 : activeMs / 1_000 / month.seconds / load.rooms;
  const usage: Usage[] = [
    ...actions(load, month),
    ...alarms(load, month),
    ...workerTime(load, month),
    { unit: "gigabyteSeconds", part: "active rooms", amount: (activeMs / 1_000) * ROOM_GIGABYTES },
    { unit: "storedGigabytes", part: "events and rooms", amount: storedGigabytes(load) },
  ];
  const billed = [
    ...usage.map(billedUsage),
    ...(load.invocationLogs ? usage.flatMap((each) => logsOf(each, load.logBytes)) : []),
  ];
  const lines = (Object.keys(CLOUDFLARE.units) as BilledUnit[]).map((unit) => lineOf(unit, billed));
  const dollars = lines.reduce<number>(
    (sum, line) => sum + line.dollars,
    CLOUDFLARE.dollarsPerMonth,
  );
  // An invocation may use 10 ms of CPU on the free plan, which a connection or a stream soon exceeds.
  const fitsFreePlan = load.transport === "socket" && lines.every(isWithinFreePlan);
  return { lines, dollars, fitsFreePlan, roomBusy };
}

function isWithinFreePlan({ unit, amount }: Line): boolean {
  const limit = FREE_PLAN[unit];
  if (limit === undefined) return true;
  return "total" in limit ? amount <= limit.total : amount / DAYS_A_MONTH <= limit.perDay;
}

function billedUsage(usage: Usage): Usage {
  if (usage.unit !== "frames") return usage;
  return { ...usage, unit: "requests", amount: usage.amount / FRAMES_PER_REQUEST };
}

/** With `invocation_logs`, Cloudflare logs each request and each frame. */
function logsOf(usage: Usage, bytes: number): Usage[] {
  if (!["requests", "frames", "workerRequests"].includes(usage.unit)) return [];
  const gigabytes = (usage.amount * bytes) / 1e9;
  return [
    { ...usage, unit: "logGigabytes", amount: gigabytes },
    { ...usage, unit: "storedLogGigabytes", amount: gigabytes * LOG_RETENTION },
  ];
}

function lineOf(unit: BilledUnit, usage: Usage[]): Line {
  const { dollars, per, included }: UnitPrice = CLOUDFLARE.units[unit];
  const byPart = new Map<string, number>();
  for (const each of usage)
    if (each.unit === unit && each.amount > 0)
      byPart.set(each.part, (byPart.get(each.part) ?? 0) + each.amount);
  const parts = [...byPart].map(([part, amount]) => ({ part, amount }));
  parts.sort((a, b) => b.amount - a.amount);
  const amount = parts.reduce((sum, part) => sum + part.amount, 0);
  return {
    unit,
    amount,
    included,
    parts,
    dollars: (Math.max(0, amount - included) / per) * dollars,
  };
}

/** Returns the units of everything that clients and backends do. */
function actions(load: Load, month: Month): Usage[] {
  const { publishes, signals, readers } = month;
  const published = load.publishPath === "http" ? ACTIONS.publish.units : ACTIONS.publishes.units;
  const perPublish = load.publishPath === "http" ? 1 : 1 / ACTIONS.publishes.units.frames;
  const keyRows = ACTIONS.publishWithKey.units.rowsWritten - ACTIONS.publish.units.rowsWritten;
  const wakes = load.publishesPerSecond < 1 / HIBERNATES_AFTER_S ? publishes : 0;
  const renewals = (readers * month.seconds) / renewedAfter(load);
  const seen = (publishes * load.batch * load.readers * load.bytes) / LIMITS.SEEN_BYTES;
  return [
    ...usageOf("publishes", published, publishes * perPublish),
    { unit: "rowsWritten", part: "keys", amount: publishes * load.keys * keyRows },
    { unit: "rowsRead", part: "wakes", amount: wakes * ACTIONS.wake.units.rowsRead },
    ...usageOf("first accesses", ACTIONS.firstAccess.units, load.rooms),
    ...connects(load, month),
    ...usageOf("renewed tokens", ACTIONS.renewal.units, renewals),
    { unit: "frames", part: "`seen`", amount: seen },
    ...usageOf("signals", ACTIONS.signals.units, signals / ACTIONS.signals.units.frames),
    ...usageOf("reports", ACTIONS.report.units, reports(load, month)),
  ];
}

/** Returns the reports of rooms to the directory, without those of first and last sessions. */
function reports(load: Load, month: Month): number {
  if (!load.directory) return 0;
  const inputsPerSecond = load.publishesPerSecond + load.signalsPerSecond;
  const perSecond = Math.min(inputsPerSecond, 1_000 / LIMITS.REPORT_MS);
  return load.rooms * month.seconds * perSecond;
}

function connects(load: Load, month: Month): Usage[] {
  if (load.transport === "stream") return usageOf("streams", ACTIONS.stream.units, month.connects);
  if (load.transport === "socket") return usageOf("sockets", ACTIONS.socket.units, month.connects);
  const roomsPerClient = load.sockets === 0 ? 0 : month.readers / load.sockets;
  return [
    ...usageOf("connections", ACTIONS.connection.units, month.connects),
    ...usageOf("subscriptions", ACTIONS.subscription.units, month.connects * roomsPerClient),
  ];
}

function usageOf(part: string, units: Units, times: number): Usage[] {
  const { rowsWritten, rowsRead, alarms, requests, frames, workerRequests } = units;
  return [
    { unit: "rowsWritten", part, amount: (rowsWritten + alarms) * times },
    { unit: "rowsRead", part, amount: rowsRead * times },
    { unit: "requests", part, amount: (requests + alarms) * times },
    { unit: "frames", part, amount: frames * times },
    { unit: "workerRequests", part, amount: workerRequests * times },
  ];
}

/**
 * Returns the alarms that a room with open sockets sets in an hour. When an alarm fires, the oldest
 * token is at most `renewedAfter` old. So the next alarm fires when the rest of that token's
 * lifetime and the leeway have passed, or later. Example: with tokens of one hour, alarms are at
 * least 6.5 minutes apart. `tests/it/billing.rs` counts the real alarms.
 */
export function alarmsPerHour(load: Pick<Load, "tokenSeconds" | "members">): number {
  const secondsApart = load.tokenSeconds - renewedAfter(load) + LIMITS.LEEWAY_MS / 1_000;
  const ofMembers = load.members ? HOUR_S / (LIMITS.PING_MS / 1_000) : 0;
  return HOUR_S / secondsApart + ofMembers;
}

function renewedAfter({ tokenSeconds }: Pick<Load, "tokenSeconds">): number {
  return Math.min(tokenSeconds, Math.max(tokenSeconds * RENEWED_AFTER, RENEWED_AFTER_AT_LEAST_S));
}

function alarms(load: Load, month: Month): Usage[] {
  if (month.readers === 0) return [];
  const amount = load.rooms * (month.seconds / HOUR_S) * alarmsPerHour(load);
  return [
    { unit: "rowsWritten", part: "alarms", amount },
    { unit: "requests", part: "alarms", amount },
  ];
}

/** Returns the time in milliseconds in which rooms are active. */
function roomTime(load: Load, month: Month): number {
  return (
    month.publishes * TIMES_MS.publish +
    month.connects * TIMES_MS.socket +
    deliveredFrames(load, month) * TIMES_MS.delivery +
    month.signals * load.readers * TIMES_MS.signal
  );
}

/** Returns the frames with events to all readers. Events within a short time share a frame. */
function deliveredFrames(load: Load, month: Month): number {
  const windowMs = LIMITS.FRAME_WINDOW_MS + load.readers / LIMITS.SENDS_PER_MS;
  const framesPerSecond = Math.min(load.publishesPerSecond, 1_000 / windowMs);
  return framesPerSecond * month.seconds * month.readers;
}

function workerTime(load: Load, month: Month): Usage[] {
  const perFrame = {
    socket: 0,
    connection: TIMES_MS.connectionFrame,
    stream: TIMES_MS.streamFrame,
  }[load.transport];
  const publishes = load.publishPath === "http" ? month.publishes : 0;
  const frames = deliveredFrames(load, month) + month.signals * load.readers;
  return [
    { unit: "cpuMs", part: "publishes", amount: publishes * TIMES_MS.publish },
    {
      unit: "cpuMs",
      part: "connects",
      amount: month.connects * (TIMES_MS.socket + TIMES_MS.token),
    },
    { unit: "cpuMs", part: "forwarded frames", amount: frames * perFrame },
  ];
}

function storedGigabytes(load: Load): number {
  const publishes = Math.min(load.retained, load.publishesPerSecond * (LIMITS.RETAINED_MS / 1_000));
  return (load.rooms * (EMPTY_ROOM_BYTES + publishes * load.batch * load.bytes)) / 1e9;
}
