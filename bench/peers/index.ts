import type { Peer } from "./peer.ts";
import { peer as partyserver } from "./partyserver/peer.ts";
import { peer as plain } from "./plain/peer.ts";
import { peer as roomcast } from "./roomcast/peer.ts";
import { peer as socketio } from "./socketio/peer.ts";
import { isBuilt, peer as sockudo } from "./sockudo/peer.ts";
import { peer as ws } from "./ws/peer.ts";

export const peers: readonly Peer[] = [
  roomcast,
  plain,
  partyserver,
  ws,
  socketio,
  ...(isBuilt() ? [sockudo] : []),
];
