import assert from "node:assert/strict";
import { once } from "node:events";
import { describe, it } from "node:test";
import type { AddressInfo } from "node:net";
import type { Backend, NewEvent } from "roomcast/server";
import { Fleet } from "../backend/fleet.ts";
import { Notifier } from "../backend/notifier.ts";
import { readRoutes } from "../backend/routes.ts";
import { visitorsServer } from "../backend/visitors.ts";
import { hueOf, initialsOf, nameOf } from "../shared/names.ts";
import { ROWS, type Shipment } from "../shared/shipments.ts";
import { emptyBoard, applyEvent, type ShipmentEvent } from "../src/board.ts";
import { pathOf } from "../src/projection.ts";

const routes = readRoutes();
const MINUTES = 12 * 60;

describe("the fleet", () => {
  it("uses real routes that are all on the map", () => {
    assert.ok(routes.length > 400);
    for (const { from, to } of routes) assert.match(pathOf(from, to), /^M[\d.,]+Q[-\d.,]+$/);
  });

  it("produces the same events for the same seed", () => {
    const [one, other] = [new Fleet(routes, 1), new Fleet(routes, 1)];
    for (let minute = 0; minute < MINUTES; minute++) {
      assert.deepEqual(one.tick(), other.tick());
    }
    assert.notDeepEqual(new Fleet(routes, 2).shipments, new Fleet(routes, 1).shipments);
  });

  it("publishes every change: a board that applies its events equals the fleet's shipments", () => {
    const fleet = new Fleet(routes, 1);
    let board: readonly (Shipment | undefined)[] = fleet.shipments;
    let events = 0;
    for (let minute = 0; minute < MINUTES; minute++) {
      for (const event of fleet.tick()) {
        board = applyEvent(board, event as ShipmentEvent);
        events++;
      }
      assert.deepEqual(board, fleet.shipments);
    }
    assert.equal(board.length, emptyBoard.length);
    assert.ok(events / MINUTES > 2 && events / MINUTES < 6, "2 to 6 events per second");
  });

  it("moves each shipment from loading to delivered, and never back", () => {
    const fleet = new Fleet(routes, 1);
    const before = new Map<string, Shipment>();
    const delivered = new Set<string>();
    for (let minute = 0; minute < MINUTES; minute++) {
      for (const { key, data } of fleet.tick()) {
        const shipment = data as Shipment | null;
        if (shipment === null) continue;
        assert.ok(shipment.progress >= (before.get(key!)?.progress ?? 0));
        assert.equal(shipment.status === "delivered", shipment.progress === 1);
        if (shipment.status === "delivered") delivered.add(shipment.id);
        before.set(key!, shipment);
      }
    }
    assert.ok(delivered.size > ROWS);
  });
});

describe("the visitors' server", () => {
  async function request(path: string, init: RequestInit = {}) {
    const calls: string[] = [];
    const server = visitorsServer({
      tokenFor: async (visitor) => `token of ${visitor}`,
      onFirstVisit: async (visitor) => void calls.push(`${visitor} is new`),
      markRead: async (visitor, shipments) => void calls.push(`${visitor} read ${shipments}`),
    }).listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    try {
      const response = await fetch(`http://127.0.0.1:${port}${path}`, init);
      const cookie = response.headers.get("set-cookie")?.split(";")[0] ?? "";
      return {
        status: response.status,
        headers: response.headers,
        cookie,
        text: await response.text(),
        calls,
      };
    } finally {
      server.close();
    }
  }

  it("identifies a visitor by a cookie, so that a renewed token is for the same visitor", async () => {
    const { text, headers, cookie, calls } = await request("/api/token");
    assert.match(text, /^token of [a-z]+-[a-z]+-[0-9a-f]{4}$/);
    assert.match(headers.get("set-cookie")!, /HttpOnly; SameSite=Lax/);
    assert.deepEqual(calls, [text.replace("token of ", "") + " is new"]);

    const again = await request("/api/token", { headers: { cookie } });
    assert.equal(again.text, text);
    assert.deepEqual(again.calls, []);
  });

  it("distinguishes a guest from the visitor in the same browser", async () => {
    const visitor = await request("/api/token");
    const guest = await request("/api/token?guest", { headers: { cookie: visitor.cookie } });
    assert.notEqual(guest.text, visitor.text);

    const cookie = `${visitor.cookie}; ${guest.cookie}`;
    assert.equal((await request("/api/token", { headers: { cookie } })).text, visitor.text);
    assert.equal((await request("/api/token?guest", { headers: { cookie } })).text, guest.text);
  });

  it("ignores a cookie that contains a visitor's name", async () => {
    const { text, cookie } = await request("/api/token");
    const name = text.replace("token of ", "");
    assert.ok(!cookie.includes(name));
    const forged = await request("/api/token", { headers: { cookie: `visitor=${name}` } });
    assert.notEqual(forged.text, text);
  });

  it("marks notifications as read for a known visitor, and returns 401 to an unknown one", async () => {
    const { text, cookie } = await request("/api/token");
    const path = "/api/read?shipment=S-1&shipment=S-2";
    const known = await request(path, { method: "POST", headers: { cookie } });
    assert.equal(known.status, 204);
    assert.deepEqual(known.calls, [`${text.replace("token of ", "")} read S-1,S-2`]);

    const unknown = await request(path, { method: "POST" });
    assert.equal(unknown.status, 401);
    assert.deepEqual(unknown.calls, []);
  });

  it("allows cross-origin requests only from pages of its own host", async () => {
    for (const [origin, allowed] of [
      ["http://127.0.0.1:8787", "http://127.0.0.1:8787"],
      ["https://elsewhere.example", null],
      ["null", null],
    ] as const) {
      const { headers } = await request("/api/token", { headers: { origin } });
      assert.equal(headers.get("access-control-allow-origin"), allowed);
    }
  });
});

describe("the notifier", () => {
  const [shipment] = new Fleet(routes, 1).shipments;
  const delayed: Shipment = { ...shipment!, status: "delayed" };

  /** Returns a notifier and a list of its published events. The room `full` rejects events. */
  function newNotifier(full?: string): [Notifier, string[]] {
    const published: string[] = [];
    const roomcast = {
      async publishBatch(room: string, events: readonly NewEvent[]) {
        if (room === full) throw new Error("too_large");
        published.push(...events.map(({ name, key }) => `${room} ${name} ${key}`));
        return [];
      },
    } as Partial<Backend> as Backend;
    return [new Notifier(roomcast), published];
  }

  it("notifies every visitor of delayed shipments only", async () => {
    const [notifier, published] = newNotifier();
    notifier.addVisitor("ada");
    notifier.addVisitor("bruno");
    await notifier.notifyAll([delayed, { ...delayed, id: "S-2", status: "in flight" }]);
    assert.deepEqual(published, [
      `user:ada delayed ${delayed.id}`,
      `user:bruno delayed ${delayed.id}`,
    ]);
  });

  it("stops notifying a visitor whose room rejects an event, and continues for the others", async (test) => {
    const logged = test.mock.method(console, "error", () => {});
    const [notifier, published] = newNotifier("user:ada");
    notifier.addVisitor("ada");
    notifier.addVisitor("bruno");
    await notifier.notifyAll([delayed]);
    await notifier.notifyAll([delayed]);
    assert.equal(published.length, 2);
    assert.equal(logged.mock.callCount(), 1);
  });

  it("notifies only the last 100 visitors", async () => {
    const [notifier, published] = newNotifier();
    for (let n = 0; n <= 100; n++) notifier.addVisitor(`visitor-${n}`);
    await notifier.notifyAll([delayed]);
    assert.equal(published.length, 100);
    assert.ok(!published.some((line) => line.startsWith("user:visitor-0 ")));
  });
});

describe("a visitor's name", () => {
  it("is derived from the id, as are the initials and the hue", () => {
    assert.equal(nameOf("ada-moreno-3f2a"), "Ada Moreno");
    assert.equal(initialsOf("ada-moreno-3f2a"), "AM");
    assert.equal(nameOf("alice"), "Alice");
    assert.notEqual(hueOf("ada-moreno-3f2a"), hueOf("ada-moreno-3f2b"));
  });
});
