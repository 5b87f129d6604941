import { act, render, type Page } from "./dom.ts";
import assert from "node:assert/strict";
import { beforeEach, it, mock } from "node:test";
import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { renderToString } from "react-dom/server";
import { Profiler, type ReactElement } from "react";
import { createClient, type Client, type Room } from "roomcast";
import { RoomcastProvider } from "roomcast/react";
import { Cursors } from "../recipes/cursors.tsx";
import { debouncedPublish } from "../recipes/debounce.ts";
import { Bell } from "../recipes/notifications.tsx";
import { Chat } from "../recipes/optimistic.tsx";
import type { Shipment, ShipmentEvents } from "../recipes/shipments.ts";
import { merge, update, type Versions } from "../recipes/stale.ts";
import { Composer } from "../recipes/typing.tsx";
import { useShipments } from "../recipes/tanstack-query.tsx";
import { followBoard, useBoard } from "../recipes/zustand.ts";
import { fetchFrom } from "./model/http.ts";
import { advance } from "./model/network.ts";
import { tokenFor } from "./model/claims.ts";
import { cutAll, HOUR, network, server } from "./fixture.ts";

let client: Client;

/** Like the recipes, this test imports the built package, and not its sources. */
const clientOf = (user: string): Client =>
  createClient({
    url: "https://model",
    token: () => tokenFor(user, Date.now() + HOUR),
    WebSocket: network.WebSocket,
    fetch: fetchFrom(server),
    publish: { timeoutMs: 5_000 },
  });

beforeEach(() => {
  client = clientOf("alice");
});

const wait = (ms = 200): Promise<void> => act(() => advance(ms));
const shipments = () => server.room("shipments:all");

function publish(id: string, progress: number | null): void {
  const data = progress === null ? null : { id, progress };
  shipments().append([{ name: "shipment:updated", data, key: id }], "backend", Date.now());
}

const stateOf = (): Shipment[] => shipments().snapshot.events.map(({ data }) => data as Shipment);

it("TanStack Query", async () => {
  publish("a", 1);
  publish("b", 2);
  let loadMs = 0;
  const load = mock.fn(async () => {
    const loaded = stateOf();
    await new Promise((resolve) => setTimeout(resolve, loadMs));
    return loaded;
  });
  function Shipments() {
    const { data = [] } = useShipments(load);
    return <p>{data.map(({ id, progress }) => `${id}=${progress}`).join()}</p>;
  }
  const page = await render(
    <QueryClientProvider client={new QueryClient()}>
      <RoomcastProvider client={client}>
        <Shipments />
      </RoomcastProvider>
    </QueryClientProvider>,
  );
  await wait();
  publish("a", 10);
  publish("b", null);
  publish("c", 3);
  await wait();
  assert.equal(page.text, "a=10,c=3");
  const loads = load.mock.callCount();
  server.settings.retained = 1;
  await act(async () => cutAll());
  publish("a", null);
  publish("d", 4);
  await wait(3_000);
  assert.equal(page.text, "c=3,d=4");
  assert.equal(load.mock.callCount(), loads + 1, "loaded again after the gap");

  loadMs = 500;
  await act(async () => cutAll());
  publish("d", 5);
  publish("e", 5);
  while (load.mock.callCount() === loads + 1) await wait(10);
  publish("d", 6);
  publish("c", null);
  await wait(1_000);
  assert.equal(page.text, "e=5,d=6", "the answer was older than what was received meanwhile");
});

it("Zustand", async () => {
  publish("a", 1);
  const stop = followBoard(client.room<ShipmentEvents>("shipments:all"));
  await advance(200);
  publish("b", 2);
  publish("a", null);
  await advance(200);
  assert.deepEqual(useBoard.getState().shipments, { b: { id: "b", progress: 2 } });
  assert.equal(useBoard.getState().connection?.status, "connected");
  stop();
});

it("Next.js", async () => {
  process.env.ROOMCAST_URL = process.env.NEXT_PUBLIC_ROOMCAST_URL = "https://model";
  process.env.ROOMCAST_TOKEN = tokenFor("next", Date.now() + HOUR, ["subscribe"]);
  mock.method(globalThis, "fetch", fetchFrom(server));
  publish("a", 1);
  const { default: Page } = await import("../recipes/next/page.tsx");
  const html = renderToString(await Page());
  assert.match(html, /aria-busy="true".*a.*1.*%/);

  // If the server never answers, the page is rendered without its data.
  mock.method(globalThis, "fetch", () => new Promise(() => {}));
  const logged = mock.method(console, "error", () => {});
  const page = Page();
  await advance(1_100);
  assert.match(renderToString(await page), /<ul aria-busy="true"><\/ul>/);
  assert.match(String(logged.mock.calls[0]?.arguments[1]), /No answer from https:\/\/model/);
});

it("debounced publishing", async () => {
  const save = debouncedPublish(
    client.room<ShipmentEvents>("shipments:all"),
    "shipment:updated",
    300,
  );
  for (let progress = 0; progress < 10; progress++) {
    save("a", { id: "a", progress });
    await advance(100);
  }
  save("b", { id: "b", progress: 1 });
  await advance(500);
  assert.deepEqual(stateOf(), [
    { id: "a", progress: 9 },
    { id: "b", progress: 1 },
  ]);
  assert.equal(shipments().head, 2);
});

it("discarding outdated data", () => {
  const at = (progress: number): Shipment => ({ id: "a", progress });
  let versions: Versions = new Map();
  versions = update(versions, "a", 7, at(70));
  versions = update(versions, "a", 6, at(60));
  assert.equal(versions.get("a")!.shipment!.progress, 70);
  const answer = { epoch: "epoch001", seq: 6, events: [] };
  assert.equal(merge(versions, answer), versions, "an outdated response changes nothing");
  versions = merge(versions, { ...answer, seq: 8 });
  assert.equal(versions.get("a")!.shipment, null, "removed in the meantime");
  assert.equal(update(versions, "a", 7, at(70)), versions, "not restored");
});

async function renderChat() {
  /** Text of the page after each commit. */
  const shown: string[] = [];
  let page: Page | undefined;
  page = await render(
    <RoomcastProvider client={client}>
      <Profiler id="chat" onRender={() => page && shown.push(page.text)}>
        <Chat />
      </Profiler>
    </RoomcastProvider>,
  );
  const click = (): Promise<void> =>
    act(async () => page.container.querySelector("button")!.click());
  await wait();
  return { page, click, shown };
}

for (const first of ["ack", "events"]) {
  it(`an optimistic update is shown exactly once, with the ${first} first`, async () => {
    const { page, click, shown } = await renderChat();
    let held = true;
    network.copies = (frame) => {
      const { type } = frame as { type: string };
      return held && type !== first && ["ack", "events"].includes(type) ? 0 : 1;
    };
    shown.length = 0;
    await click();
    await wait();
    assert.match(page.text, first === "ack" ? /^Hello …Say/ : /^HelloSay/);
    // The other frame was lost. After a reconnect, the client receives it.
    held = false;
    await act(async () => cutAll());
    await wait(3_000);
    assert.match(page.text, /^HelloSay/);
    for (const text of shown) assert.match(text, /^Hello( …)?Say/);
    assert.equal(server.room("chat:lobby").head, 1);
  });
}

it("optimistic updates with roll-back", async () => {
  const { page, click } = await renderChat();
  await click();
  assert.match(page.text, /^Hello …/);
  await wait();
  assert.match(page.text, /^HelloSay/);
  network.down = true;
  await act(async () => cutAll());
  await click();
  await wait(6_000);
  assert.match(page.text, /^HelloHello \(not sent: timeout\)Say/);
});

/** Renders a page, and enters the page's room as bob. */
async function withBob(name: string, element: ReactElement): Promise<[Page, Room]> {
  const bob = clientOf("bob").room(name);
  bob.presence.enter();
  const page = await render(<RoomcastProvider client={client}>{element}</RoomcastProvider>);
  await wait();
  return [page, bob];
}

it("typing indicator", async () => {
  const [page, bob] = await withBob("chat:lobby", <Composer />);
  const received = mock.fn();
  bob.onSignal("typing", received);
  await act(async () => {
    const key = new window.KeyboardEvent("keydown", { key: "a", bubbles: true });
    page.container.querySelector("input")!.dispatchEvent(key);
  });
  bob.signal("typing", null);
  await wait();
  assert.equal(received.mock.callCount(), 1);
  assert.equal(page.text, "bob …");
  await wait(2_000);
  bob.signal("typing", null);
  await wait(2_000);
  assert.equal(page.text, "bob …");
  await wait(2_000);
  assert.equal(page.text, "");
});

it("live cursors", async () => {
  const [page, bob] = await withBob("board:plan", <Cursors />);
  const points: unknown[] = [];
  bob.onSignal("cursor", (point) => points.push(point));
  await act(async () => {
    const move = new window.PointerEvent("pointermove", { clientX: 3, clientY: 4, bubbles: true });
    page.container.querySelector("main")!.dispatchEvent(move);
  });
  bob.signal("cursor", { x: 30, y: 40 });
  await wait();
  assert.deepEqual(points, [{ x: 3, y: 4 }]);
  assert.equal(page.text, "bob");
  assert.equal(page.container.querySelector("i")!.style.left, "30px");
  bob.presence.leave();
  await wait();
  assert.equal(page.text, "");
});

it("notifications", async () => {
  const shown: string[] = [];
  class Notification {
    static permission = "default";
    static readonly requestPermission = mock.fn(async () => {
      Notification.permission = "granted";
    });
    constructor(text: string) {
      shown.push(text);
    }
  }
  Object.assign(globalThis, { Notification });
  mock.getter(document, "hidden", () => true);

  const room = server.room("user:alice");
  const publish = (name: string, key: string, data: object | null): void =>
    void room.append([{ name, key, data }], "backend", Date.now());
  const markRead = (id: string): void => publish("read", id, null);
  publish("notified", "n-1", { text: "One" });
  publish("notified", "n-2", { text: "Two" });
  markRead("n-1");

  const open = () =>
    render(
      <RoomcastProvider client={clientOf("alice")}>
        <Bell user="alice" markRead={markRead} />
      </RoomcastProvider>,
    );
  const here = await open();
  const there = await open();
  const click = (label: string): Promise<void> =>
    act(async () => {
      const buttons = [...here.container.querySelectorAll("button")];
      buttons.find(({ textContent }) => textContent === label)!.click();
    });
  await wait();
  const before = "1 unreadTwoMark as readOneNotify me";
  assert.deepEqual([here.text, there.text], [before, before]);

  publish("notified", "n-3", { text: "Three" });
  await wait();
  assert.match(here.text, /^2 unreadThreeMark as readTwoMark as readOne/);
  assert.equal(Notification.requestPermission.mock.callCount(), 0);
  assert.deepEqual(shown, []);

  await click("Notify me");
  await click("Mark as read");
  publish("notified", "n-4", { text: "Four" });
  await wait();
  const after = "2 unreadFourMark as readThreeTwoMark as readOneNotify me";
  assert.deepEqual([here.text, there.text], [after, after]);
  assert.deepEqual(shown, ["Four", "Four"], "both with the same tag");
});
