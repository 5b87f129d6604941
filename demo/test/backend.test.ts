import assert from "node:assert/strict";
import { once } from "node:events";
import { describe, it } from "node:test";
import type { AddressInfo } from "node:net";
import { Fleet } from "../backend/fleet.ts";
import { readRoutes } from "../backend/routes.ts";
import { visitorsServer } from "../backend/visitors.ts";
import { LINES, type Shipment } from "../shared/shipments.ts";
import { emptyBoard, place, type ShipmentEvent } from "../src/board.ts";
import { pathOf } from "../src/projection.ts";

const routes = readRoutes();
const HOURS_MINUTES = 12 * 60;

describe("the fleet", () => {
  it("flies real routes that are all on the map", () => {
    assert.ok(routes.length > 400);
    for (const { from, to } of routes) assert.match(pathOf(from, to), /^M[\d.,]+Q[-\d.,]+$/);
  });

  it("flies the same flights for the same seed", () => {
    const [one, other] = [new Fleet(routes, 1), new Fleet(routes, 1)];
    for (let minute = 0; minute < HOURS_MINUTES; minute++) {
      assert.deepEqual(one.pass(), other.pass());
    }
    assert.notDeepEqual(new Fleet(routes, 2).shipments, new Fleet(routes, 1).shipments);
  });

  it("tells of all that it does: who applies its events has its shipments", () => {
    const fleet = new Fleet(routes, 1);
    let board: readonly (Shipment | undefined)[] = fleet.shipments;
    let events = 0;
    for (let minute = 0; minute < HOURS_MINUTES; minute++) {
      for (const event of fleet.pass()) {
        board = place(board, event as ShipmentEvent);
        events++;
      }
      assert.deepEqual(board, fleet.shipments);
    }
    assert.equal(board.length, emptyBoard.length);
    assert.ok(events / HOURS_MINUTES > 2 && events / HOURS_MINUTES < 6, "a few events a second");
  });

  it("takes each shipment from loading to delivered, and never back", () => {
    const fleet = new Fleet(routes, 1);
    const before = new Map<string, Shipment>();
    const delivered = new Set<string>();
    for (let minute = 0; minute < HOURS_MINUTES; minute++) {
      for (const { key, data } of fleet.pass()) {
        const shipment = data as Shipment | null;
        if (shipment === null) continue;
        assert.ok(shipment.progress >= (before.get(key!)?.progress ?? 0));
        assert.equal(shipment.status === "delivered", shipment.progress === 1);
        if (shipment.status === "delivered") delivered.add(shipment.id);
        before.set(key!, shipment);
      }
    }
    assert.ok(delivered.size > LINES);
  });
});

describe("GET /api/token", () => {
  async function ask(headers: Record<string, string> = {}): Promise<Response> {
    const server = visitorsServer(async (visitor) => `token of ${visitor}`).listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    try {
      return await fetch(`http://127.0.0.1:${port}/api/token`, { headers });
    } finally {
      server.close();
    }
  }

  it("knows a visitor again, so that a renewed token is the same visitor's", async () => {
    const first = await ask();
    const token = await first.text();
    assert.match(token, /^token of visitor-[0-9a-f]{8}$/);

    const cookie = first.headers.get("set-cookie")!;
    assert.match(cookie, /HttpOnly; SameSite=Lax/);
    const second = await ask({ cookie: cookie.split(";")[0]! });
    assert.equal(await second.text(), token);
  });

  it("lets pages of its own host read the answer, and no others", async () => {
    for (const [origin, allowed] of [
      ["http://127.0.0.1:8787", "http://127.0.0.1:8787"],
      ["https://elsewhere.example", null],
      ["null", null],
    ] as const) {
      const { headers } = await ask({ origin });
      assert.equal(headers.get("access-control-allow-origin"), allowed);
    }
  });
});
