/** Pure functions that choose the transport of the next dial by the results of earlier dials. */
import type { Transport } from "../connection/transport.ts";

export interface TransportChoice {
  readonly transport: Transport;
  /** Number of dials in a row that failed although the server could be reached. */
  readonly failures: number;
  /**
   * Time of the next probe of better transports, and the interval before that probe. The interval
   * doubles at each probe.
   */
  readonly probeAt: number;
  readonly probeMs: number;
}

const BEST_FIRST: readonly Transport[] = ["websocket", "sse", "long-polling"];
const MAX_FAILURES = 2;
const MIN_PROBE_MS = 5 * 60_000;
const MAX_PROBE_MS = 60 * 60_000;

/** The initial choice: one WebSocket has already failed. */
export const INITIAL_CHOICE: TransportChoice = {
  transport: "websocket",
  failures: 1,
  probeAt: Infinity,
  probeMs: MIN_PROBE_MS,
};

export const betterThan = (transport: Transport): readonly Transport[] =>
  BEST_FIRST.slice(0, BEST_FIRST.indexOf(transport));

export const withSuccess = (choice: TransportChoice): TransportChoice => ({
  ...choice,
  failures: 0,
});

/**
 * Records a dial that failed although the server could be reached. Other failures are not caused by
 * the transport.
 */
export function withFailure(choice: TransportChoice, now: number): TransportChoice {
  const failures = choice.failures + 1;
  const next = BEST_FIRST[BEST_FIRST.indexOf(choice.transport) + 1];
  if (failures < MAX_FAILURES || next === undefined) return { ...choice, failures };
  return { ...choice, transport: next, failures: 0, probeAt: now + choice.probeMs };
}

/** Records that the better transports are probed now. */
export function withProbe(choice: TransportChoice, now: number): TransportChoice {
  const probeMs = Math.min(choice.probeMs * 2, MAX_PROBE_MS);
  return { ...choice, probeAt: now + probeMs, probeMs };
}

/** Records that a better transport is available. */
export const withTransport = (choice: TransportChoice, transport: Transport): TransportChoice => ({
  ...choice,
  transport,
  failures: 0,
  probeAt: transport === "websocket" ? Infinity : choice.probeAt,
});
