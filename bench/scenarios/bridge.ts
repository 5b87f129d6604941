/**
 * What a frame costs that comes through the worker (many rooms on one connection, a stream of
 * events) against one on a room's own socket. What publishing alone costs is taken off.
 */
import { setTimeout as passes } from "node:timers/promises";
import { TEXT, UPGRADE, frame, request } from "../../tests/edge/wire.ts";
import { Backend } from "../load/backend.ts";
import type { Effort, Load } from "../load/load.ts";
import { Reader } from "../load/reader.ts";
import { batch } from "../load/tally.ts";
import type { Peer } from "../peers/peer.ts";
import { token } from "../peers/roomcast/dialect.ts";
import {
  EVENT_BYTES,
  type Scale,
  type Scenario,
  cost,
  loadOf,
  settled,
  withServer,
} from "./scenario.ts";

interface Size {
  rooms: number;
  readers: number;
  events: number;
}

const SIZES: Record<Scale, Size> = {
  full: { rooms: 100, readers: 20, events: 10 },
  quick: { rooms: 100, readers: 20, events: 5 },
  smoke: { rooms: 3, readers: 2, events: 2 },
};

/** How a reader follows all the rooms; resolves when it does. */
type Way = (port: number, rooms: string[]) => Promise<Reader[]>;

const authorization = `Bearer ${token("reader")}`;
const path = (room: string): string => `/rooms/${room}/events`;

const ownSockets: Way = (port, rooms) =>
  Promise.all(
    rooms.map(async (room) => {
      const headers = { ...UPGRADE, authorization };
      const reader = new Reader(port, request(port, { path: path(room), headers }));
      await reader.heard('"welcome"', 1);
      return reader;
    }),
  );

const oneConnection: Way = async (port, rooms) => {
  const headers = { ...UPGRADE, authorization };
  const reader = new Reader(port, request(port, { path: "/events", headers }));
  await reader.heard('"connected"', 1);
  const welcome = reader.heard('"welcome"', rooms.length);
  for (const room of rooms) reader.send(frame(TEXT, JSON.stringify({ type: "subscribe", room })));
  await welcome;
  return [reader];
};

const streams: Way = (port, rooms) =>
  Promise.all(
    rooms.map(async (room) => {
      const headers = { accept: "text/event-stream", authorization };
      const reader = new Reader(port, request(port, { path: path(room), headers }));
      await reader.heard("id: ", 1);
      return reader;
    }),
  );

const nobody: Way = async () => [];

export const bridge: Scenario = {
  name: "bridge",
  needs: ["bridge"],
  async run(peer, load, scale) {
    const size = SIZES[scale];
    const publishing = await measured(peer, load, nobody, size);
    const own = await measured(peer, load, ownSockets, size);
    const connection = await measured(peer, load, oneConnection, size);
    const stream = await measured(peer, load, streams, size);
    const frames = size.rooms * size.readers * size.events;
    const each_us = (one: Spent): number =>
      ((one.server_ms - publishing.server_ms) * 1000) / frames;
    return [
      {
        ...size,
        own_us_per_frame: each_us(own),
        connection_us_per_frame: each_us(connection),
        stream_us_per_frame: each_us(stream),
        ...loadOf(stream),
      },
    ];
  },
};

type Spent = Effort & { server_ms: number };

const measured = (peer: Peer, load: Load, way: Way, size: Size): Promise<Spent> =>
  withServer(peer, async (server) => {
    const { target } = server;
    const rooms = Array.from({ length: size.rooms }, (_, i) => `room-${i}`);
    const backend = new Backend(target);
    await publish(backend, rooms, 1);
    const all: Reader[] = [];
    for (let reader = 0; reader < size.readers; reader++) {
      all.push(...(await way(target.port, rooms)));
    }
    await settled(server);
    const expected = all.length === 0 ? 0 : size.rooms * size.readers * size.events;
    const [, spent] = await cost(server, load, async () => {
      await publish(backend, rooms, size.events);
      while (all.reduce((sum, { events }) => sum + events, 0) < expected) await passes(10);
    });
    backend.end();
    for (const reader of all) reader.drop();
    return spent;
  });

/** So many events into each of the rooms, each room's next one when all have had one. */
async function publish(backend: Backend, rooms: string[], events: number): Promise<void> {
  for (let n = 0; n < events; n++) {
    for (const room of rooms) {
      await backend.publish(room, batch(n, 1, EVENT_BYTES));
    }
  }
}
