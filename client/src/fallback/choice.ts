/** Which transport the next dial uses, by what became of those before, as pure functions. */
import type { Transport } from "../transport.ts";

export interface Choice {
  readonly transport: Transport;
  /** Dials in a row that came to nothing, though the server could be reached. */
  readonly failures: number;
  /** When the better ones are tried, and how long it is from then to the next time. */
  readonly probeAt: number;
  readonly probeMs: number;
}

const BEST_FIRST: readonly Transport[] = ["websocket", "sse", "long-polling"];
const MAX_FAILURES = 2;
const MIN_PROBE_MS = 5 * 60_000;
const MAX_PROBE_MS = 60 * 60_000;

/** Where it begins: one WebSocket could not be had. */
export const DOUBTFUL: Choice = {
  transport: "websocket",
  failures: 1,
  probeAt: Infinity,
  probeMs: MIN_PROBE_MS,
};

export const betterThan = (transport: Transport): readonly Transport[] =>
  BEST_FIRST.slice(0, BEST_FIRST.indexOf(transport));

export const answered = (choice: Choice): Choice => ({ ...choice, failures: 0 });

/** Nothing came of a dial, though the server could be reached: or it is no fault of the transport. */
export function failed(choice: Choice, now: number): Choice {
  const failures = choice.failures + 1;
  const next = BEST_FIRST[BEST_FIRST.indexOf(choice.transport) + 1];
  if (failures < MAX_FAILURES || next === undefined) return { ...choice, failures };
  return { ...choice, transport: next, failures: 0, probeAt: now + choice.probeMs };
}

/** The better ones are tried now. */
export function probing(choice: Choice, now: number): Choice {
  const probeMs = Math.min(choice.probeMs * 2, MAX_PROBE_MS);
  return { ...choice, probeAt: now + probeMs, probeMs };
}

/** One of them gets through. */
export const found = (choice: Choice, transport: Transport): Choice => ({
  ...choice,
  transport,
  failures: 0,
  probeAt: transport === "websocket" ? Infinity : choice.probeAt,
});
