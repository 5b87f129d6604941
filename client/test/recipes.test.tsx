import { act, render, type Page } from "./dom.ts";
import assert from "node:assert/strict";
import { registerHooks } from "node:module";
import { beforeEach, it, mock } from "node:test";
import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { jwtVerify } from "jose";
import { renderToString } from "react-dom/server";
import { Profiler, type ReactElement } from "react";
import { createClient, type Client, type PositionStore, type Room } from "roomcast";
import { RoomcastProvider } from "roomcast/react";
import { createBackend } from "roomcast/server";
import { Chat } from "../recipes/chat/chat.tsx";
import { Cursors } from "../recipes/cursors.tsx";
import { publishShipments, removeShipment } from "../recipes/dashboard/backend.ts";
import { Dashboard } from "../recipes/dashboard/dashboard.tsx";
import { merge, update, type Versions } from "../recipes/dashboard/stale.ts";
import { Feed } from "../recipes/gap/feed.tsx";
import { follow } from "../recipes/gap/follow.ts";
import { useLive } from "../recipes/gap/query.ts";
import { Bell } from "../recipes/notifications/bell.tsx";
import { markRead, notify } from "../recipes/notifications/notify.ts";
import { debouncedPublish } from "../recipes/optimistic/debounce.ts";
import { useOptimisticBoard } from "../recipes/optimistic/use-optimistic-board.ts";
import { OnlineCount, PresenceList } from "../recipes/presence-list.tsx";
import type { Shipment, ShipmentEvents } from "../recipes/shipments.ts";
import { useShipments } from "../recipes/tanstack-query.tsx";
import { connectStore, useStore } from "../recipes/zustand.ts";
import { fetchFrom } from "./model/http.ts";
import { advance } from "./model/network.ts";
import { tokenFor } from "./model/claims.ts";
import { cutAll, HOUR, network, server } from "./fixture.ts";

let client: Client;

/** Like the recipes, this test imports the built package, and not its sources. */
const clientOf = (user: string, resume?: PositionStore): Client =>
  createClient({
    resume,
    url: "https://model",
    token: () => tokenFor(user, Date.now() + HOUR),
    WebSocket: network.WebSocket,
    fetch: fetchFrom(server),
    publish: { timeoutMs: 5_000 },
  });

const backend = () =>
  createBackend({
    url: "https://model",
    token: tokenFor("backend", Date.now() + HOUR, ["publish"]),
    fetch: fetchFrom(server),
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
  const stop = connectStore(client.room<ShipmentEvents>("shipments:all"));
  await advance(200);
  publish("b", 2);
  publish("a", null);
  await advance(200);
  assert.deepEqual([...useStore.getState().board.values()], [{ id: "b", progress: 2 }]);
  assert.equal(useStore.getState().connection?.status, "connected");
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

it("Next.js creates tokens for users who are signed in", async () => {
  process.env.JWT_SECRET = "0123456789abcdef0123456789abcdef";
  const request = new Request("https://app.example/api/token");
  const signedOut = await import("../recipes/next/route.ts");
  assert.equal((await signedOut.GET(request)).status, 401);

  const session = "data:text/javascript,export const userOf = async () => 'alice'";
  const hooks = registerHooks({
    resolve: (specifier, context, next) =>
      specifier === "./session.ts"
        ? { url: session, shortCircuit: true }
        : next(specifier, context),
  });
  const signedIn: typeof signedOut = await import(`../recipes/next/route.ts?${"signed-in"}`);
  hooks.deregister();
  const token = await (await signedIn.GET(request)).text();
  const secret = new TextEncoder().encode(process.env.JWT_SECRET);
  const { payload } = await jwtVerify(token, secret, { currentDate: new Date(Date.now()) });
  assert.deepEqual([payload.sub, payload.rooms], ["alice", { "shipments:*": ["subscribe"] }]);
});

it("live dashboard", async () => {
  const page = await render(
    <RoomcastProvider client={client}>
      <Dashboard />
    </RoomcastProvider>,
  );
  await wait();
  await publishShipments(backend(), [
    { id: "a", progress: 1 },
    { id: "b", progress: 2 },
  ]);
  await removeShipment(backend(), "a");
  await wait();
  assert.equal(page.text, "b2 %");
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
        <Chat name="chat:lobby" />
      </Profiler>
    </RoomcastProvider>,
  );
  await wait();
  return { page, shown };
}

const buttonOf = ({ container }: Page, label: string): HTMLButtonElement =>
  [...container.querySelectorAll("button")].find(({ textContent }) => textContent === label)!;
const click = (page: Page, label: string): Promise<void> =>
  act(async () => buttonOf(page, label).click());

const type = ({ container }: Page, text: string): Promise<void> =>
  act(async () => {
    const input = container.querySelector("input")!;
    // React ignores a value that was set through its own property.
    Object.getOwnPropertyDescriptor(window.HTMLInputElement.prototype, "value")!.set!.call(
      input,
      text,
    );
    input.dispatchEvent(new window.Event("input", { bubbles: true }));
  });

const submit = ({ container }: Page): Promise<void> =>
  act(async () => {
    const event = new window.Event("submit", { bubbles: true, cancelable: true });
    container.querySelector("form")!.dispatchEvent(event);
  });

const isBusy = ({ container }: Page): boolean =>
  container.querySelector("[aria-busy=true]") !== null;

for (const first of ["ack", "events"]) {
  it(`chat: a message is shown exactly once, with the ${first} first`, async () => {
    const { page, shown } = await renderChat();
    let held = true;
    network.copies = (frame) => {
      const { type } = frame as { type: string };
      return held && type !== first && ["ack", "events"].includes(type) ? 0 : 1;
    };
    await type(page, "Hello");
    shown.length = 0;
    await submit(page);
    await wait();
    assert.equal(isBusy(page), first === "ack");
    // The other frame was lost. After a reconnect, the client receives it.
    held = false;
    await act(async () => cutAll());
    await wait(3_000);
    assert.equal(page.text, "alice HelloSend");
    for (const text of shown) assert.match(text, /^(alice )?HelloSend$/);
    assert.equal(server.room("chat:lobby").head, 1);
  });
}

it("chat: a message that was not sent can be sent again", async () => {
  const { page } = await renderChat();
  network.down = true;
  await act(async () => cutAll());
  await type(page, "Hello");
  await submit(page);
  assert.equal(page.text, "HelloSend");
  await wait(6_000);
  assert.equal(page.text, "Hello Not sent: timeout. Send againSend");
  network.down = false;
  await wait(40_000);
  await click(page, "Send again");
  await wait();
  assert.equal(page.text, "alice HelloSend");
  assert.equal(server.room("chat:lobby").head, 1);
});

it("chat: older messages are loaded by a click", async () => {
  const room = server.room("chat:lobby");
  const texts = Array.from({ length: 120 }, (_, n) => `${n + 1}`);
  room.append(
    texts.map((text) => ({ name: "message", data: { text } })),
    "bob",
    Date.now(),
  );
  const { page } = await renderChat();
  const count = (): number => page.container.querySelectorAll("li").length;
  assert.equal(count(), 50);
  await click(page, "Older messages");
  await wait();
  assert.equal(count(), 100);
  await click(page, "Older messages");
  await wait();
  assert.equal(count(), 120);
  assert.equal(buttonOf(page, "Older messages"), undefined);
});

it("optimistic updates", async () => {
  publish("a", 1);
  const rejected = mock.fn();
  function Boards() {
    const { board, save } = useOptimisticBoard(({ id }, { code }) => rejected(id, code));
    const shown = [...board.values()].map(({ id, progress }) => `${id}=${progress}`).join();
    return <button onClick={() => save({ id: "a", progress: 50 })}>{shown}</button>;
  }
  const page = await render(
    <RoomcastProvider client={client}>
      <Boards />
    </RoomcastProvider>,
  );
  const save = (): Promise<void> =>
    act(async () => page.container.querySelector("button")!.click());
  await wait();

  await save();
  assert.equal(page.text, "a=50", "shown before the ack");
  await wait();
  publish("a", 60);
  await wait();
  assert.equal(page.text, "a=60", "the change of another user is shown");

  network.down = true;
  await act(async () => cutAll());
  await save();
  assert.equal(page.text, "a=50");
  await wait(6_000);
  assert.equal(page.text, "a=60", "rolled back");
  assert.deepEqual(rejected.mock.calls[0]?.arguments, ["a", "timeout"]);

  // The ack arrives, but the event does not, because of a gap.
  network.down = false;
  await wait(40_000);
  const saveWithoutEvent = async () => {
    network.copies = (frame) => ((frame as { type: string }).type === "events" ? 0 : 1);
    await save();
    await wait();
    network.copies = () => 1;
    assert.equal(page.text.slice(0, 4), "a=50");
  };
  await saveWithoutEvent();
  server.settings.retained = 1;
  publish("a", 70);
  publish("b", 1);
  await act(async () => cutAll());
  await wait(3_000);
  assert.equal(page.text, "a=70,b=1");

  await saveWithoutEvent();
  await act(async () => shipments().erase());
  publish("c", 1);
  await wait();
  client.connect();
  await wait(3_000);
  assert.equal(page.text, "c=1", "seqs of the erased log say nothing about the new one");
});

/** Renders a page, and enters the page's room as bob. */
async function withBob(name: string, element: ReactElement): Promise<[Page, Room]> {
  const bob = clientOf("bob").room(name);
  bob.presence.enter();
  const page = await render(<RoomcastProvider client={client}>{element}</RoomcastProvider>);
  await wait();
  return [page, bob];
}

it("chat: a user is shown as typing for three seconds", async () => {
  const [page, bob] = await withBob("chat:lobby", <Chat name="chat:lobby" />);
  const received = mock.fn();
  bob.onSignal("typing", received);
  await type(page, "H");
  bob.signal("typing", null);
  await wait();
  assert.equal(received.mock.callCount(), 1);
  assert.equal(page.text, "bob …Send");
  await wait(2_000);
  bob.signal("typing", null);
  await wait(2_000);
  assert.equal(page.text, "bob …Send");
  await wait(2_000);
  assert.equal(page.text, "Send");
});

it("presence list", async () => {
  const visibility = mock.getter(document, "hidden", () => false);
  const [page, bob] = await withBob(
    "chat:lobby",
    <>
      <PresenceList room="chat:lobby" me="Alice" />
      <OnlineCount room="chat:lobby" />
    </>,
  );
  assert.equal(page.text, "Alicebob2 online");
  bob.presence.update({ name: "Bob", away: true });
  await wait();
  assert.equal(page.text, "AliceBob (away)2 online");
  visibility.mock.mockImplementation(() => true);
  await act(async () => void document.dispatchEvent(new window.Event("visibilitychange")));
  await wait();
  assert.equal(page.text, "Alice (away)Bob (away)2 online");
  bob.presence.leave();
  await wait();
  assert.equal(page.text, "Alice (away)1 online");
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

  const add = (id: string, text: string) => notify(backend(), "alice", id, text);
  const read = (id: string) => markRead(backend(), "alice", id);
  await add("n-1", "One");
  await add("n-2", "Two");
  await read("n-1");

  const open = () =>
    render(
      <RoomcastProvider client={clientOf("alice")}>
        <Bell user="alice" markRead={read} />
      </RoomcastProvider>,
    );
  const here = await open();
  const there = await open();
  await wait();
  const before = "1 unreadTwoMark as readOneNotify me";
  assert.deepEqual([here.text, there.text], [before, before]);

  await add("n-3", "Three");
  await add("n-3", "Three");
  await wait();
  assert.match(here.text, /^2 unreadThreeMark as readTwoMark as readOne/);
  assert.equal(Notification.requestPermission.mock.callCount(), 0);
  assert.deepEqual(shown, []);

  await click(here, "Notify me");
  await click(here, "Mark as read");
  await add("n-4", "Four");
  await wait();
  const after = "2 unreadFourMark as readThreeTwoMark as readOneNotify me";
  assert.deepEqual([here.text, there.text], [after, after]);
  assert.deepEqual(shown, ["Four", "Four"], "both with the same tag");
});

it("a feed after a gap says that events are missing, and shows the newest events", async () => {
  const page = await render(
    <RoomcastProvider client={client}>
      <Feed />
    </RoomcastProvider>,
  );
  publish("a", 1);
  await wait();
  assert.equal(page.text, "shipment:updated");
  server.settings.retained = 1;
  await act(async () => cutAll());
  publish("a", 2);
  publish("a", 3);
  await wait(3_000);
  assert.match(page.text, /^You were away for long.*shown\.shipment:updated$/);
});

it("values that an app builds are unknown at a gap, and then built from the state", async () => {
  const shown: unknown[] = [];
  publish("a", 1);
  const stop = follow(client.room("shipments:all"), (values) => {
    shown.push(values && [...values].map(([key, data]) => [key, (data as Shipment).progress]));
  });
  await advance(200);
  publish("b", 2);
  await advance(200);
  server.settings.retained = 1;
  cutAll();
  publish("a", null);
  publish("b", 3);
  await advance(3_000);
  const two = [
    ["a", 1],
    ["b", 2],
  ];
  assert.deepEqual(shown, [two.slice(0, 1), two, undefined, [["b", 3]]]);
  stop();
});

it("values that an app builds begin with the state of a room that is in use", async () => {
  const shown: unknown[] = [];
  const room = client.room("shipments:all");
  const leave = room.listen({ state() {} });
  publish("a", 1);
  await advance(200);
  const stop = follow(room, (values) => shown.push(values && [...values.keys()]));
  publish("b", 2);
  await advance(200);
  assert.deepEqual(shown, [["a"], ["a", "b"]]);
  stop();
  leave();
});

it("values that an app builds are not shown before the state is known", async () => {
  const saved = new Map<string, string>();
  const resume = {
    getItem: (key: string) => saved.get(key) ?? null,
    setItem: (key: string, value: string) => void saved.set(key, value),
  };
  publish("a", 1);
  const before = clientOf("alice", resume);
  before.room("shipments:all").on(() => {});
  await advance(200);
  before.close();
  publish("b", 2);

  const shown: unknown[] = [];
  const stop = follow(clientOf("alice", resume).room("shipments:all"), (values) =>
    shown.push(values && [...values.keys()]),
  );
  await advance(200);
  assert.deepEqual(shown, [["a", "b"]]);
  stop();
});

it("data of an API is loaded again after each event and each gap", async () => {
  const load = mock.fn(async () => server.room("shipments:all").head);
  function Live() {
    const { data } = useLive("shipments:all", load);
    return <p>{data}</p>;
  }
  const page = await render(
    <QueryClientProvider client={new QueryClient()}>
      <RoomcastProvider client={client}>
        <Live />
      </RoomcastProvider>
    </QueryClientProvider>,
  );
  await wait();
  publish("a", 1);
  await wait();
  assert.equal(page.text, "1");
  server.settings.retained = 1;
  await act(async () => cutAll());
  publish("a", 2);
  publish("a", 3);
  await wait(3_000);
  assert.equal(page.text, "3");
});

it("data of an API is loaded again if an event was published while no component was mounted", async () => {
  const load = mock.fn(async () => stateOf());
  function Live() {
    const { data = [] } = useLive("shipments:all", load);
    return <p>{data.map(({ id }) => id).join()}</p>;
  }
  function Shipments() {
    const { data = [] } = useShipments(load);
    return <p>{data.map(({ id }) => id).join()}</p>;
  }
  const queries = new QueryClient();
  const withClient = (element: ReactElement): ReactElement => (
    <QueryClientProvider client={queries}>
      <RoomcastProvider client={client}>{element}</RoomcastProvider>
    </QueryClientProvider>
  );
  const page = await render(withClient(<></>));
  for (const [n, element] of [<Live />, <Shipments />].entries()) {
    await page.render(withClient(element));
    await wait();
    await page.render(withClient(<></>));
    publish(`missed-${n}`, 1);
    await wait();
    await page.render(withClient(element));
    await wait();
    assert.match(page.text, new RegExp(`missed-${n}$`));
  }
});
