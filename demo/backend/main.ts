/**
 * node backend/main.ts
 *
 * Flies a fleet of shipments, publishes what happens into the room, and gives visitors their
 * tokens. `ROOMCAST_URL` says where the worker answers, `PORT` where this does.
 */
import { existsSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { SignJWT } from "jose";
import { createBackend, type NewEvent } from "roomcast/server";
import { ROOM } from "../shared/shipments.ts";
import { cleared, eventOf, Fleet } from "./fleet.ts";
import { readRoutes } from "./routes.ts";
import { visitorsServer } from "./visitors.ts";

const devVars = fileURLToPath(new URL("../../.dev.vars", import.meta.url));
if (existsSync(devVars)) process.loadEnvFile(devVars); // the environment's own values win
const { ROOMCAST_URL = "http://localhost:8787", PORT = "8788", JWT_SECRET = "" } = process.env;

const tokenFor = (user: string, ...can: string[]): Promise<string> =>
  new SignJWT({ rooms: { "shipments:*": can } })
    .setProtectedHeader({ alg: "HS256" })
    .setSubject(user)
    .setExpirationTime("15m")
    .sign(new TextEncoder().encode(JWT_SECRET));

const roomcast = createBackend({
  url: ROOMCAST_URL,
  token: () => tokenFor("fleet", "subscribe", "publish"),
  timeoutMs: 600_000, // the worker may be compiling
});
const fleet = new Fleet(readRoutes(), 2026);

/** The shipments of an earlier run give way to today's, all in one batch: no one sees it half done. */
async function takeOver(): Promise<void> {
  const { events } = await roomcast.state(ROOM);
  const today = fleet.shipments.map((shipment) => eventOf("shipment:booked", shipment));
  const keys = new Set(today.map(({ key }) => key));
  const earlier = events.flatMap(({ key }) => (key && !keys.has(key) ? [cleared(key)] : []));
  await roomcast.publishBatch(ROOM, [...earlier, ...today]);
}

/** A second for a minute. */
async function fly(): Promise<never> {
  for (;;) {
    await sleep(1_000);
    const events: NewEvent[] = fleet.pass();
    if (events.length > 0) await roomcast.publishBatch(ROOM, events);
  }
}

visitorsServer((visitor) => tokenFor(visitor, "subscribe")).listen(Number(PORT), "localhost");
await takeOver();
await fly();
