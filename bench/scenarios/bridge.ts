/**
 * Measures the cost of a frame that a bridge forwards, over a connection for many rooms or over an
 * event stream. Compares this cost with the cost of a frame on a socket for one room. The cost of
 * publishing alone is subtracted.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { TEXT, UPGRADE, frame, request } from "../../tests/edge/wire.ts";
import { Backend } from "../load/backend.ts";
import type { LoadGenerator } from "../load/generator.ts";
import { Reader } from "../load/reader.ts";
import { eventBatch } from "../load/events.ts";
import type { Peer } from "../peers/peer.ts";
import { token } from "../peers/roomcast/dialect.ts";
import {
  type Cost,
  EVENT_BYTES,
  type Scale,
  type Scenario,
  measureCost,
  loadFigures,
  untilIdle,
  withServer,
} from "./scenario.ts";

interface Size {
  rooms: number;
  readers: number;
  /** Number of events in each room. */
  events: number;
  /** Number of events in each room before the measurement. */
  warmUp: number;
}

const SIZES: Record<Scale, Size> = {
  full: { rooms: 100, readers: 20, events: 12, warmUp: 3 },
  quick: { rooms: 100, readers: 20, events: 5, warmUp: 5 },
  smoke: { rooms: 3, readers: 2, events: 2, warmUp: 1 },
};

/** Subscribes a reader to all rooms. Resolves when the reader has joined all of them. */
type Subscribe = (port: number, rooms: string[]) => Promise<Reader[]>;

const authorization = `Bearer ${token("reader")}`;
const path = (room: string): string => `/rooms/${room}/events`;

const ownSockets: Subscribe = (port, rooms) =>
  Promise.all(
    rooms.map(async (room) => {
      const headers = { ...UPGRADE, authorization };
      const reader = new Reader(port, request(port, { path: path(room), headers }));
      await reader.waitFor('"welcome"', 1);
      return reader;
    }),
  );

const oneConnection: Subscribe = async (port, rooms) => {
  const headers = { ...UPGRADE, authorization };
  const reader = new Reader(port, request(port, { path: "/events", headers }));
  await reader.waitFor('"connected"', 1);
  const welcome = reader.waitFor('"welcome"', rooms.length);
  for (const room of rooms) reader.send(frame(TEXT, JSON.stringify({ type: "subscribe", room })));
  await welcome;
  return [reader];
};

const streams: Subscribe = (port, rooms) =>
  Promise.all(
    rooms.map(async (room) => {
      const headers = { accept: "text/event-stream", authorization };
      const reader = new Reader(port, request(port, { path: path(room), headers }));
      await reader.waitFor("id: ", 1);
      return reader;
    }),
  );

const noReaders: Subscribe = async () => [];

export const bridge: Scenario = {
  name: "bridge",
  needs: ["bridge"],
  async run(peer, load, scale) {
    const size = SIZES[scale];
    const publishing = await measured(peer, load, noReaders, size);
    const own = await measured(peer, load, ownSockets, size);
    const connection = await measured(peer, load, oneConnection, size);
    const stream = await measured(peer, load, streams, size);
    const frames = size.rooms * size.readers * size.events;
    const each_us = (one: Cost): number => ((one.server_ms - publishing.server_ms) * 1000) / frames;
    return [
      {
        ...size,
        own_us_per_frame: each_us(own),
        connection_us_per_frame: each_us(connection),
        stream_us_per_frame: each_us(stream),
        ...loadFigures(busiest([publishing, own, connection, stream])),
      },
    ];
  },
};

const busiest = (all: Cost[]): Cost => all.reduce((a, b) => (b.busiest > a.busiest ? b : a));

const measured = (
  peer: Peer,
  load: LoadGenerator,
  subscribe: Subscribe,
  size: Size,
): Promise<Cost> =>
  withServer(peer, async (server) => {
    const { target } = server;
    const rooms = Array.from({ length: size.rooms }, (_, i) => `room-${i}`);
    const backend = new Backend(target);
    await publish(backend, rooms, 1);
    const all: Reader[] = [];
    for (let reader = 0; reader < size.readers; reader++) {
      all.push(...(await subscribe(target.port, rooms)));
    }
    const received = (): number => all.reduce((sum, { events }) => sum + events, 0);
    const deliver = async (events: number): Promise<void> => {
      const before = received();
      const frames = all.length === 0 ? 0 : size.rooms * size.readers * events;
      await publish(backend, rooms, events);
      while (received() < before + frames) await sleep(10);
    };
    await untilIdle(server);
    await deliver(size.warmUp);
    await untilIdle(server);
    const [, spent] = await measureCost(server, load, () => deliver(size.events));
    backend.close();
    for (const reader of all) reader.close();
    return spent;
  });

/**
 * Publishes `events` events to each room, in rounds. Each round publishes one event to each room.
 */
async function publish(backend: Backend, rooms: string[], events: number): Promise<void> {
  for (let n = 0; n < events; n++) {
    for (const room of rooms) {
      await backend.publish(room, eventBatch(n, 1, EVENT_BYTES));
    }
  }
}
