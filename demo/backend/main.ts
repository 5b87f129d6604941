/**
 * node backend/main.ts
 *
 * Simulates a fleet of shipments and publishes its events. Notifies visitors of delays, and issues
 * the visitors' tokens. `ROOMCAST_URL` is the URL of the worker, and `PORT` is the port of this
 * server.
 */
import { existsSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { SignJWT } from "jose";
import { createBackend, type NewEvent } from "roomcast/server";
import { CHAT_ROOM } from "../shared/chat.ts";
import { userRoom } from "../shared/notifications.ts";
import { SHIPMENTS_ROOM, type Shipment } from "../shared/shipments.ts";
import { clearedEvent, eventOf, Fleet } from "./fleet.ts";
import { Notifier } from "./notifier.ts";
import { readRoutes } from "./routes.ts";
import { visitorsServer } from "./visitors.ts";

const devVars = fileURLToPath(new URL("../../.dev.vars", import.meta.url));
if (existsSync(devVars)) process.loadEnvFile(devVars); // Does not replace variables that are set.
const { ROOMCAST_URL = "http://localhost:8787", PORT = "8788", JWT_SECRET = "" } = process.env;

type Rooms = Record<string, ("subscribe" | "publish" | "presence")[]>;

const tokenFor = (user: string, rooms: Rooms): Promise<string> =>
  new SignJWT({ rooms })
    .setProtectedHeader({ alg: "HS256" })
    .setSubject(user)
    .setExpirationTime("15m")
    .sign(new TextEncoder().encode(JWT_SECRET));

const roomcast = createBackend({
  url: ROOMCAST_URL,
  token: () =>
    tokenFor("fleet", { "shipments:*": ["subscribe", "publish"], "user:*": ["publish"] }),
  timeoutMs: 600_000, // The worker may still be compiling.
});
const fleet = new Fleet(readRoutes(), 2026);
const notifier = new Notifier(roomcast);

/**
 * Replaces the shipments of an earlier run with the current shipments. The change is one batch, so
 * no subscriber receives only a part of it.
 */
async function replaceShipments(): Promise<void> {
  const { events } = await roomcast.state(SHIPMENTS_ROOM);
  const current = fleet.shipments.map((shipment) => eventOf("shipment:booked", shipment));
  const keys = new Set(current.map(({ key }) => key));
  const stale = events.flatMap(({ key }) => (key && !keys.has(key) ? [clearedEvent(key)] : []));
  await roomcast.publishBatch(SHIPMENTS_ROOM, [...stale, ...current]);
}

/** Advances the fleet by one minute every second, and publishes its events. */
async function runFleet(): Promise<never> {
  for (;;) {
    await sleep(1_000);
    const events: NewEvent[] = fleet.tick();
    if (events.length === 0) continue;
    await roomcast.publishBatch(SHIPMENTS_ROOM, events);
    const delays = events.filter(({ name }) => name === "shipment:delayed");
    await notifier.notifyAll(delays.map(({ data }) => data as Shipment));
  }
}

const visitors = visitorsServer({
  tokenFor(visitor) {
    notifier.addVisitor(visitor);
    return tokenFor(visitor, {
      [SHIPMENTS_ROOM]: ["subscribe"],
      [CHAT_ROOM]: ["subscribe", "publish", "presence"],
      [userRoom(visitor)]: ["subscribe"],
    });
  },
  onFirstVisit: (visitor) => notifier.notify(visitor, fleet.shipments),
  markRead: (visitor, shipments) => notifier.markRead(visitor, shipments),
});

visitors.listen(Number(PORT), "localhost");
await replaceShipments();
await runFleet();
