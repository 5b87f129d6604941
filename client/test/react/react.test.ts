import "../dom.ts";
import assert from "node:assert/strict";
import { beforeEach, describe, it, mock } from "node:test";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { useEffect, type ReactNode } from "react";
import { renderToString } from "react-dom/server";
import {
  RoomcastError,
  type Client,
  type Range,
  type Room,
  type RoomEvent,
} from "../../src/index.ts";
import {
  RoomcastProvider,
  useEvent,
  useEvents,
  usePublish,
  useRoom,
  useRoomState,
  useStatus,
} from "../../src/react.ts";
import { stateStore } from "../../src/react/stores.ts";
import { act, createElement as h, hydrate, render, StrictMode } from "../dom.ts";
import { fetchFrom } from "../model/http.ts";
import { advance } from "../model/network.ts";
import { clientOf, countListeners, cutAll, network, server } from "../fixture.ts";

let client: Client;

beforeEach(() => {
  client = clientOf();
});

const inPage = (...children: ReactNode[]) => h(RoomcastProvider, { client }, ...children);
const strict = (...children: ReactNode[]) => h(StrictMode, null, inPage(...children));
const wait = (ms = 100): Promise<void> => act(() => advance(ms));

const publish = (...data: unknown[]): void => {
  server.room("room").append(
    data.map((each) => ({ name: "a", data: each, key: `k${String(each).at(-1)}` })),
    "backend",
    Date.now(),
  );
};

function Status() {
  return h("i", null, useStatus(useRoom("room")).status);
}

const sum = (total: number, event: RoomEvent): number => total + (event.data as number);

function Sum({ initial = 0 }) {
  return h("b", null, `sum ${useRoomState(useRoom("room"), sum as never, initial)}`);
}

function Events({ last = 3 }) {
  const events = useEvents(useRoom("room"), { last });
  return h("p", null, events.map(({ seq }) => seq).join());
}

describe("StrictMode", () => {
  it("uses one socket, and loses no handler", async () => {
    const handler = mock.fn();
    function Handler() {
      useEvent(useRoom("room"), "a", handler);
      return null;
    }
    await render(strict(h(Handler), h(Status), h(Sum), h(Events)));
    await wait();
    publish(1);
    await wait();
    assert.equal(network.dialled, 1);
    assert.equal(handler.mock.callCount(), 1);
  });

  it("uses one socket for all rooms while they mount and unmount", async () => {
    function Room({ name }: { name: string }) {
      return h("i", null, useStatus(useRoom(name)).status, " ");
    }
    const rooms = (...names: string[]) => strict(names.map((name) => h(Room, { key: name, name })));
    const page = await render(rooms("a", "b", "c"));
    await wait();
    await page.render(rooms("b", "d", "e"));
    await wait(5_000);
    assert.equal(page.text, "connected connected connected ");
    assert.equal(network.dialled, 1);
    assert.deepEqual(
      [...server.rooms].map(([name, { sessions }]) => [name, sessions.size]),
      Object.entries({ a: 0, b: 1, c: 0, d: 1, e: 1 }),
    );
  });

  it("reduces each event once", async () => {
    publish(1);
    const page = await render(strict(h(Sum)));
    await wait();
    publish(2);
    publish(3);
    await wait();
    assert.equal(page.text, "sum 6");
  });
});

describe("useEvent", () => {
  it("calls the newest handler, and never resubscribes", async () => {
    const calls: string[] = [];
    const room = client.room("room");
    const on = mock.method(room, "on");
    function Handler({ version }: { version: number }) {
      useEvent(useRoom("room"), "a", (data) => calls.push(`${version}: ${data}`));
      return null;
    }
    const page = await render(inPage(h(Handler, { version: 0 })));
    await wait();
    for (let version = 1; version <= 50; version++) {
      await page.render(inPage(h(Handler, { version })));
    }
    publish("x");
    await wait();
    assert.deepEqual(calls, ["50: x"]);
    assert.equal(on.mock.callCount(), 1);
  });

  it("switches to another room", async () => {
    const received: unknown[] = [];
    function Handler({ name }: { name: string }) {
      useEvent(useRoom(name), (_, event) => received.push([name, event.name]));
      return null;
    }
    const page = await render(inPage(h(Handler, { name: "room" })));
    await page.render(inPage(h(Handler, { name: "other" })));
    await wait();
    publish("x");
    server.room("other").append([{ name: "b", data: 1 }], "backend", 0);
    await wait();
    assert.deepEqual(received, [["other", "b"]]);
  });
});

describe("useStatus", () => {
  it("returns each change", async () => {
    const page = await render(inPage(h(Status)));
    assert.equal(page.text, "connecting");
    await wait();
    assert.equal(page.text, "connected");
    await act(async () => cutAll());
    assert.equal(page.text, "reconnecting");
    await act(async () => client.close());
    assert.equal(page.text, "closed");
  });

  it("does not render for events", async () => {
    const renders = mock.fn();
    function Counting() {
      renders();
      return h(Status);
    }
    await render(inPage(h(Counting)));
    await wait();
    renders.mock.resetCalls();
    publish(1, 2, 3);
    await wait();
    assert.equal(renders.mock.callCount(), 0);
  });
});

describe("usePublish", () => {
  it("returns a stable function, and the id immediately", async () => {
    const seen = new Set<unknown>();
    let id = "";
    function Button() {
      const publish = usePublish(useRoom("room"));
      seen.add(publish);
      useEffect(() => {
        id = publish("a", 1).id;
      }, [publish]);
      return null;
    }
    const page = await render(inPage(h(Button)));
    await page.render(inPage(h(Button)));
    await wait();
    assert.equal(seen.size, 1);
    assert.equal(server.room("room").events[0]!.id, id);
  });
});

describe("useRoomState", () => {
  it("renders once for a burst of events in one frame", async () => {
    const renders = mock.fn();
    function Counting() {
      renders();
      const room = useRoom("room");
      const total = useRoomState(room, sum as never, 0);
      const events = useEvents(room, { last: 5 });
      return h("b", null, `${total} of ${events.length}`);
    }
    const page = await render(inPage(h(Counting)));
    await wait();
    renders.mock.resetCalls();
    publish(...Array.from({ length: 100 }, (_, n) => n));
    await wait();
    assert.equal(page.text, "4950 of 5");
    assert.equal(renders.mock.callCount(), 1);
  });

  it("returns the room's state if it mounts late", async () => {
    publish(5, 6);
    await render(inPage(h(Status)));
    await wait();
    publish(7);
    await wait();
    const page = await render(inPage(h(Sum)));
    assert.equal(page.text, "sum 18");
    publish(8);
    await wait();
    assert.equal(page.text, "sum 26");
  });

  it("keeps the reduced state if it resubscribes and has missed nothing", async () => {
    const room = client.room("room");
    room.on(() => {});
    const { subscribe, getSnapshot: get } = stateStore(room, sum as never, 0, undefined);
    const stop = subscribe(() => {});
    await wait();
    server.room("room").append([{ name: "a", data: 5 }], "backend", 0); // The event has no key.
    await wait();
    stop();
    subscribe(() => {});
    assert.equal(get(), 5);
  });

  it("starts again after a gap, without an empty state in between", async () => {
    server.settings.retained = 1;
    const shown: string[] = [];
    function Shown() {
      const total = useRoomState(useRoom("room"), sum as never, 0);
      shown.push(`${total}`);
      return null;
    }
    publish(1);
    await render(inPage(h(Shown)));
    await wait();
    await act(async () => cutAll());
    publish(11);
    publish(12);
    publish(13);
    await wait(3_000);
    assert.deepEqual(shown, ["0", "1", "36"]);
  });

  it("starts from the server's snapshot, until the room's own state is known", async () => {
    publish(1, 2);
    const snapshot = server.room("room").snapshot as never;
    publish(3);
    const shown: number[] = [];
    function Shown() {
      shown.push(useRoomState(useRoom("room"), sum as never, 100, snapshot));
      return null;
    }
    await render(inPage(h(Shown)));
    await wait();
    assert.deepEqual(shown, [103, 106]);
  });
});

describe("useEvents", () => {
  it("reads the newest events, then appends live events", async () => {
    publish(1, 2, 3, 4, 5);
    const page = await render(strict(h(Events)));
    await wait();
    assert.equal(page.text, "3,4,5");
    publish(6);
    await wait();
    assert.equal(page.text, "4,5,6");
  });

  it("has no missing and no duplicate event, however late the history is", async () => {
    publish(1);
    const slow = clientOf({
      fetch: async (...request) => {
        await new Promise((resolve) => setTimeout(resolve, 500));
        return fetchFrom(server)(...request);
      },
    });
    const page = await render(h(RoomcastProvider, { client: slow }, h(Events, { last: 10 })));
    for (let n = 2; n < 12; n++) {
      await wait();
      publish(n);
    }
    await wait();
    assert.equal(page.text, "2,3,4,5,6,7,8,9,10,11");
  });

  it("shows an event once if it is both read and received", async () => {
    const read = fetchFrom(server);
    const ahead = clientOf({
      fetch: async (...request) => {
        publish(1, 2);
        return read(...request);
      },
    });
    const page = await render(h(RoomcastProvider, { client: ahead }, h(Events)));
    await wait();
    assert.equal(page.text, "1,2");
  });

  it("reads nothing before the room is connected, so that it can't miss an event in between", async () => {
    const read = mock.fn(fetchFrom(server));
    network.down = true;
    const offline = clientOf({
      fetch: read,
    });
    await render(h(RoomcastProvider, { client: offline }, h(Events)));
    await wait(5_000);
    const urls = read.mock.calls.map(({ arguments: [url] }) => String(url));
    assert.ok(urls.every((url) => url.endsWith("/healthz")));
  });

  it("reads again after a gap", async () => {
    server.settings.retained = 2;
    publish(1);
    const page = await render(inPage(h(Events)));
    await wait();
    await act(async () => cutAll());
    publish(2);
    publish(3);
    publish(4);
    publish(5);
    await wait(3_000);
    assert.equal(page.text, "4,5");
  });

  it("shows the old events after a gap until the new events are read, or reading fails", async () => {
    server.settings.retained = 3;
    publish(1);
    const page = await render(inPage(h(Events)));
    await wait();
    const room = client.room("room");
    const { history } = room;
    const logged = mock.method(console, "error", () => {});
    for (const [read, shown] of [
      [history, ["1", "6,7,8"]],
      [() => assert.fail(), ["6,7,8", "14,15"]],
    ] as const) {
      mock.method(room, "history", async (range: Range) => {
        await new Promise((resolve) => setTimeout(resolve, 500));
        return read(range);
      });
      await act(async () => cutAll());
      publish(0, 0, 0, 0, 0);
      while (room.status !== "connected") await wait(10);
      const seen = new Set<string>();
      for (let n = 0; n < 10; n++) {
        if (n === 2 || n === 4) publish(n);
        seen.add(page.text);
        await wait();
      }
      assert.deepEqual([...seen], shown);
    }
    assert.equal(logged.mock.callCount(), 1);
  });

  it("keeps the old events while it is disconnected", async () => {
    server.settings.retained = 1;
    publish(1);
    const page = await render(inPage(h(Events)));
    await wait();
    const logged = mock.method(console, "error", () => {});
    mock.method(client.room("room"), "history", async () => {
      network.down = true;
      cutAll();
      throw new RoomcastError("offline", "No answer.");
    });
    await act(async () => cutAll());
    publish(2, 3, 4);
    await wait(70_000);
    assert.deepEqual([page.text, logged.mock.callCount()], ["1", 1]);
    mock.restoreAll();
    network.down = false;
    await wait(40_000);
    assert.equal(page.text, "4");
  });
});

describe("useEvents whose `last` changes", () => {
  it("shows its events until it has more, and never an empty list", async () => {
    publish(1, 2, 3, 4, 5);
    const shown: string[] = [];
    function Shown({ last }: { last: number }) {
      const events = useEvents(useRoom("room"), { last });
      shown.push(events.map(({ seq }) => seq).join());
      return null;
    }
    const page = await render(inPage(h(Shown, { last: 2 })));
    await wait();
    for (const [last, expected] of [
      [4, ["4,5", "2,3,4,5"]],
      [1, ["5"]],
      [3, ["3,4,5"]],
    ] as const) {
      shown.length = 0;
      await page.render(inPage(h(Shown, { last })));
      await wait();
      // The component may render twice with the same events.
      assert.deepEqual([...new Set(shown)], expected);
    }
    publish(6);
    await wait();
    assert.equal(shown.at(-1), "4,5,6");
  });

  it("uses the newest `last`, however slow an earlier read is", async () => {
    publish(1, 2, 3, 4, 5);
    const read = fetchFrom(server);
    const slow = clientOf({
      fetch: async (url, init) => {
        const ms = String(url).includes("last=5") ? 50 : 500;
        await new Promise((resolve) => setTimeout(resolve, ms));
        return read(url, init);
      },
    });
    const inSlow = (last: number) =>
      h(RoomcastProvider, { client: slow }, h(Events, { key: "one", last }));
    const page = await render(inSlow(2));
    await wait(50);
    await page.render(inSlow(5));
    await wait(1_000);
    assert.equal(page.text, "1,2,3,4,5");
  });

  it("to 0 is empty and sends no request", async () => {
    const fetch = mock.fn(fetchFrom(server));
    client = clientOf({ fetch });
    publish(1, 2);
    const page = await render(inPage(h(Events, { last: 0 })));
    await wait();
    publish(3);
    await wait();
    assert.deepEqual([page.text, fetch.mock.callCount()], ["", 0]);
    await page.render(inPage(h(Events, { last: 2 })));
    await wait();
    assert.deepEqual([page.text, fetch.mock.callCount()], ["2,3", 1]);
    await page.render(inPage(h(Events, { last: 0 })));
    assert.equal(page.text, "");
  });

  for (const last of [-1, 1.5, NaN, Infinity]) {
    it(`to ${last} throws an error with the reason`, () => {
      assert.throws(() => renderToString(inPage(h(Events, { last }))), {
        message: `\`last\` must be a whole number, 0 or more; it is ${last}.`,
      });
    });
  }
});

describe("on the server", () => {
  function Whole() {
    const room = useRoom<Record<string, number>>("room");
    const snapshot = { epoch: "epoch000", seq: 2, events: [event(1), event(2)] };
    const total = useRoomState(room, sum as never, 0, snapshot);
    const events = useEvents(room, { last: 5, initial: [event(1), event(2)] });
    return h("p", null, `${useStatus(room).status} ${total} ${events.length}`);
  }
  const event = (seq: number) => ({ seq, name: "a", data: seq, at: 0, from: "b", key: `${seq}` });

  it("renders the server's data, and does not connect", async () => {
    assert.equal(renderToString(inPage(h(Whole))), "<p>connecting 3 2</p>");
    await advance(1_000);
    assert.equal(network.dialled, 0);
  });

  it("hydrates without a mismatch, even if the room is already known", async () => {
    const html = renderToString(inPage(h(Whole)));
    publish(1, 2, 3);
    await render(inPage(h(Status), h(Sum)));
    await wait();
    const page = await hydrate(html, inPage(h(Whole)));
    await wait();
    assert.equal(page.text, "connected 6 3");
  });
});

describe("mounting and unmounting", () => {
  it("a thousand times leaves one socket and no listener", async () => {
    const room: Room = client.room("room");
    const { counted, listening } = countListeners();
    Object.assign(room, {
      on: counted(room.on.bind(room) as never),
      listen: counted(room.listen),
      subscribe: counted(room.subscribe),
    });
    function Three() {
      useEvent(useRoom("room"), "a", () => {});
      return h("p", null, h(Status), h(Sum));
    }
    function Toggle({ shown }: { shown: boolean }) {
      return shown ? h(Three) : null;
    }
    const page = await render(strict(h(Toggle, { shown: true })));
    await wait();
    const before = heapInUse();
    for (let n = 0; n < 1_000; n++) {
      await page.render(strict(h(Toggle, { shown: n % 2 === 1 })));
      if (n % 50 === 0) await wait(5);
    }
    await page.render(strict(h(Toggle, { shown: false })));
    assert.equal(listening(), 0);
    assert.equal(network.dialled, 1);
    const grown = (heapInUse() - before) / 2 ** 20;
    assert.ok(grown < 2, `${grown} MiB more than at the start`);
    await wait(4_000);
    assert.equal(server.room("room").sessions.size, 0);
  });
});

function heapInUse(): number {
  setFlagsFromString("--expose-gc");
  runInNewContext("gc")();
  return process.memoryUsage().heapUsed;
}

describe("a missing provider", () => {
  it("is named in the error", () => {
    assert.throws(() => renderToString(h(Status)), /RoomcastProvider/);
  });
});
