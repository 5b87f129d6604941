/** The dialect of each peer. Threads of the load generator look up a dialect by its name here. */
import type { Dialect, DialectName } from "./dialect.ts";
import { partyserver } from "./partyserver/dialect.ts";
import { plain } from "./plain/dialect.ts";
import { pusher } from "./pusher/dialect.ts";
import { roomcast } from "./roomcast/dialect.ts";
import { socketio } from "./socketio/dialect.ts";
import { sockudo } from "./sockudo/dialect.ts";
import { ws } from "./ws/dialect.ts";

export const dialects: Readonly<Record<DialectName, Dialect>> = {
  roomcast,
  plain,
  partyserver,
  ws,
  socketio,
  sockudo,
  pusher,
};
