import { Alarm } from "./alarm.ts";
import { now } from "./clock.ts";
import type { Presence } from "./presence.ts";
import { guard } from "./report.ts";

/** A change of route, or of the data, takes one user away and brings another. */
const GRACE_MS = 1_000;

const stays = new WeakMap<Presence, { users: number; readonly leaving: Alarm }>();

/**
 * Enters for one of several users, and leaves when all of them have gone. The newest data counts;
 * who has none leaves it as it is.
 */
export function stay(presence: Presence, data: unknown): () => void {
  const stay = stays.get(presence) ?? { users: 0, leaving: new Alarm(() => presence.leave()) };
  stays.set(presence, stay);
  if (data !== undefined || stay.users === 0) guard(() => presence.enter(data));
  stay.users++;
  stay.leaving.set(Infinity);
  return () => {
    if (--stay.users === 0) stay.leaving.set(now() + GRACE_MS);
  };
}
