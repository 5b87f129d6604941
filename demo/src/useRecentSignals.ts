import { useEffect, useState } from "react";
import { useSignal } from "roomcast/react";
import type { ChatSignals } from "../shared/chat.ts";
import type { ChatRoom } from "./chatRoom.ts";

/** Last signal of a user. */
export interface RecentSignal<Data> {
  readonly data: Data;
  /** Time in ms since 1970 when the signal expires. */
  readonly until: number;
  /** Whether the signal has expired. An expired signal is removed after `FADE_MS`. */
  readonly fading: boolean;
}

const FADE_MS = 1_000;
const SWEEP_INTERVAL_MS = 250;

/**
 * Returns the last signal of this name from each user. `parse` validates the data, because users
 * may send any data. `parse` returns `undefined` for a signal that ends the user's previous signal.
 * The ending signal may be lost, so every signal expires after `ttlMs`.
 */
export function useRecentSignals<Data>(
  room: ChatRoom,
  name: keyof ChatSignals,
  ttlMs: number,
  parse: (data: unknown) => Data | undefined,
): ReadonlyMap<string, RecentSignal<Data>> {
  const [recent, setRecent] = useState<ReadonlyMap<string, RecentSignal<Data>>>(new Map());

  useSignal(room, name, (signal, { from }) => {
    const parsed = parse(signal);
    const fading = parsed === undefined;
    const until = Date.now() + (fading ? 0 : ttlMs);
    setRecent((all) => {
      const data = parsed ?? all.get(from)?.data;
      return data === undefined ? all : new Map(all).set(from, { data, until, fading });
    });
  });

  const isEmpty = recent.size === 0;
  useEffect(() => {
    if (isEmpty) return;
    const timer = setInterval(() => setRecent(removeExpired), SWEEP_INTERVAL_MS);
    return () => clearInterval(timer);
  }, [isEmpty]);

  return recent;
}

function removeExpired<Data>(
  all: ReadonlyMap<string, RecentSignal<Data>>,
): ReadonlyMap<string, RecentSignal<Data>> {
  const now = Date.now();
  const left = [...all].filter(([, { until }]) => now < until + FADE_MS);
  return new Map(left.map(([user, one]) => [user, { ...one, fading: now >= one.until }]));
}
