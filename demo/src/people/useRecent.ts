import { useEffect, useState } from "react";
import { useSignal } from "roomcast/react";
import type { ChatSignals } from "../../shared/chat.ts";
import type { ChatRoom } from "../chat/room.ts";

/** What a user has signalled last. */
export interface Recent<Data> {
  readonly data: Data;
  readonly until: number;
  /** It is over, and has a moment to go. */
  readonly fading: boolean;
}

const FADE_MS = 1_000;
const SWEEP_MS = 250;

/**
 * What each user has signalled by that name lately. It holds for a while only, since that it is
 * over may never be heard. Others may send anything: `parse` knows what it is, and answers
 * `undefined` for what ends it.
 */
export function useRecent<Data>(
  room: ChatRoom,
  name: keyof ChatSignals,
  freshMs: number,
  parse: (data: unknown) => Data | undefined,
): ReadonlyMap<string, Recent<Data>> {
  const [recent, setRecent] = useState<ReadonlyMap<string, Recent<Data>>>(new Map());

  useSignal(room, name, (signal, { from }) => {
    const heard = parse(signal);
    const fading = heard === undefined;
    const until = Date.now() + (fading ? 0 : freshMs);
    setRecent((all) => {
      const data = heard ?? all.get(from)?.data;
      return data === undefined ? all : new Map(all).set(from, { data, until, fading });
    });
  });

  const isEmpty = recent.size === 0;
  useEffect(() => {
    if (isEmpty) return;
    const timer = setInterval(() => setRecent(sweep), SWEEP_MS);
    return () => clearInterval(timer);
  }, [isEmpty]);

  return recent;
}

function sweep<Data>(all: ReadonlyMap<string, Recent<Data>>): ReadonlyMap<string, Recent<Data>> {
  const now = Date.now();
  const left = [...all].filter(([, { until }]) => now < until + FADE_MS);
  return new Map(left.map(([user, one]) => [user, { ...one, fading: now >= one.until }]));
}
