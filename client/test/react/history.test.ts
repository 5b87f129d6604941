import "../dom.ts";
import assert from "node:assert/strict";
import { beforeEach, describe, it, mock } from "node:test";
import { Activity, type ReactNode } from "react";
import { renderToString } from "react-dom/server";
import { RoomcastError, type Client, type Page, type Range } from "../../src/index.ts";
import { RoomcastProvider, useHistory, useRoom, type History } from "../../src/react.ts";
import { act, createElement as h, hydrate, render, StrictMode } from "../dom.ts";
import { fetchFrom } from "../model/http.ts";
import { tokenFor } from "../model/claims.ts";
import { advance } from "../model/network.ts";
import { clientOf, cutAll, HOUR, network, server } from "../fixture.ts";

let client: Client;
/** The result of the hook at the last render. */
let shown: History<{ readonly seq: number }>;
/** The lists of all renders. */
let lists: number[][];

/** A `fetch` whose answers take 20 ms. */
const slowFetch: typeof fetch = async (...request) => {
  await new Promise((resolve) => setTimeout(resolve, 20));
  return fetchFrom(server)(...request);
};

beforeEach(() => {
  client = clientOf({ fetch: slowFetch });
  lists = [];
});

const inPage = (...children: ReactNode[]) => h(RoomcastProvider, { client }, ...children);
const strict = (...children: ReactNode[]) => h(StrictMode, null, inPage(...children));
const wait = (ms = 100): Promise<void> => act(() => advance(ms));
const loadOlder = (): Promise<void> => act(async () => shown.loadOlder());

const publish = (count: number, room = "room"): void => {
  const events = Array.from({ length: count }, () => ({ name: "a", data: 1 }));
  server.room(room).append(events, "backend", Date.now());
};

function Events({ page = 3, name = "room" }) {
  shown = useHistory(useRoom(name), { page });
  const seqs = shown.events.map(({ seq }) => seq);
  lists.push(seqs);
  const { isLoading, hasOlder, error } = shown;
  return h(
    "p",
    null,
    `${seqs}${isLoading ? " loading" : ""}${hasOlder ? " older" : ""} ${error?.code ?? ""}`,
  );
}

/** Replaces `room.history`. Returns a function that sets the reply to the next requests. */
function mockReads(name = "room") {
  const room = client.room(name);
  const read = room.history;
  let reply: (range: Range) => Promise<Page> = read;
  const history = mock.method(room, "history", (range: Range) => reply(range));
  const ranges = (): Range[] => history.mock.calls.map((call) => call.arguments[0]);
  return { read, ranges, setReply: (next: typeof reply) => (reply = next) };
}

describe("the newest events of useHistory", () => {
  it("are loading until they are read", async () => {
    publish(5);
    const page = await render(strict(h(Events)));
    assert.equal(page.text, " loading ");
    await wait();
    assert.equal(page.text, "3,4,5 older ");
  });

  it("are retried after a failure, whose reason is shown", async () => {
    const read = fetchFrom(server);
    let isAllowed = false;
    // A browser fails in this way if the worker's ALLOWED_ORIGINS lack the page's origin.
    const fetch = mock.fn<typeof globalThis.fetch>(async (...request) => {
      if (!isAllowed) throw new TypeError("Failed to fetch");
      return read(...request);
    });
    client = clientOf({ fetch });
    const logged = mock.method(console, "error", () => {});
    publish(1);
    const page = await render(inPage(h(Events)));
    await wait();
    assert.equal(page.text, " loading offline");
    publish(1);
    await wait(60_000);
    assert.equal(page.text, "2 offline");
    assert.equal(logged.mock.callCount(), 1);
    const requests = fetch.mock.callCount();
    assert.ok(requests < 40, `${requests} requests in a minute`);
    await wait(30_000);
    assert.equal(fetch.mock.callCount(), requests);
    isAllowed = true;
    await wait(35_000);
    assert.equal(page.text, "1,2 ");
  });

  it("are read again immediately after a reconnect", async () => {
    publish(1);
    const { read, setReply } = mockReads();
    mock.method(console, "error", () => {});
    setReply(async () => {
      throw new RoomcastError("internal", "No.");
    });
    const page = await render(inPage(h(Events)));
    await wait(61_000);
    assert.equal(page.text, " internal");
    setReply(read);
    await act(async () => cutAll());
    await wait(3_000);
    assert.equal(page.text, "1 ");
  });

  it("are not loading if the room has ended", async () => {
    const page = await render(inPage(h(Events)));
    await act(async () => client.close());
    assert.equal(page.text, " ");
  });

  it("and the end of loading cause one render", async () => {
    publish(3);
    await render(inPage(h(Events)));
    await wait();
    assert.deepEqual(lists, [[], [1, 2, 3]]);
  });

  it("meet the live events exactly once, if an event is both read and received", async () => {
    client = clientOf({
      fetch: async (...request) => {
        publish(2);
        const response = await slowFetch(...request);
        publish(2);
        return response;
      },
    });
    const page = await render(strict(h(Events, { page: 100 })));
    await wait();
    publish(1);
    await wait();
    const seqs = Array.from({ length: server.room("room").head }, (_, n) => n + 1);
    assert.equal(page.text, `${seqs} `);
  });

  it("are not trimmed by live events, also if a frame has more events than a page", async () => {
    publish(5);
    const page = await render(strict(h(Events)));
    await wait();
    publish(5);
    await wait();
    assert.equal(page.text, "3,4,5,6,7,8,9,10 older ");
  });
});

describe("loadOlder", () => {
  it("puts pages in front until the first event, and does nothing at the end", async () => {
    publish(7);
    const { ranges } = mockReads();
    const page = await render(strict(h(Events)));
    await wait();
    const requests = ranges().length;
    assert.equal(page.text, "5,6,7 older ");
    await loadOlder();
    assert.equal(page.text, "5,6,7 loading older ");
    await wait();
    assert.equal(page.text, "2,3,4,5,6,7 older ");
    publish(1);
    await wait();
    await loadOlder();
    await wait();
    assert.equal(page.text, "1,2,3,4,5,6,7,8 ");
    await loadOlder();
    const { epoch } = server.room("room");
    assert.deepEqual(ranges().slice(requests), [
      { before: `${epoch}:4`, limit: 3 },
      { before: `${epoch}:1`, limit: 3 },
    ]);
  });

  it("does nothing while it is loading", async () => {
    publish(9);
    const { ranges } = mockReads();
    const page = await render(strict(h(Events)));
    await loadOlder();
    await wait();
    const requests = ranges().length;
    await act(async () => {
      shown.loadOlder();
      shown.loadOlder();
    });
    await wait();
    assert.equal(page.text, "4,5,6,7,8,9 older ");
    assert.equal(ranges().length, requests + 1);
  });

  it("scrolls back 500 events, each once and in order, while events arrive and sockets are lost", async () => {
    publish(500);
    client = clientOf({
      fetch: async (...request) => {
        publish(1);
        const response = await slowFetch(...request);
        publish(1);
        await new Promise((resolve) => setTimeout(resolve, 40));
        return response;
      },
    });
    await render(strict(h(Events, { page: 50 })));
    while (shown.isLoading) await wait(10);
    for (let loads = 0; shown.hasOlder; loads++) {
      assert.ok(loads < 20);
      await loadOlder();
      if (loads % 3 === 1) await act(async () => cutAll());
      while (shown.isLoading) await wait(10);
    }
    await wait(5_000);
    const { head } = server.room("room");
    assert.ok(head > 510);
    assert.deepEqual(
      lists.at(-1),
      Array.from({ length: head }, (_, n) => n + 1),
    );
    for (const list of lists.filter(({ length }) => length > 0)) {
      assert.equal(list.at(-1)! - list[0]! + 1, list.length, "a list has no hole and no repeat");
    }
  });

  it("leaves the list as it was if it fails, and the next call tries again", async () => {
    publish(5);
    const reported = mock.fn();
    client = clientOf({ fetch: slowFetch, onError: reported });
    const { read, setReply } = mockReads();
    const page = await render(strict(h(Events)));
    await wait();
    const { events } = shown;
    setReply(async () => {
      throw new RoomcastError("timeout", "No answer.");
    });
    await loadOlder();
    assert.equal(page.text, "3,4,5 older timeout");
    assert.equal(shown.events, events);
    assert.equal(reported.mock.callCount(), 1);
    setReply(read);
    await loadOlder();
    assert.equal(page.text, "3,4,5 loading older ");
    await wait();
    assert.equal(page.text, "1,2,3,4,5 ");
  });

  it("finds the end if older events are no longer retained", async () => {
    server.settings.retained = 4;
    publish(9);
    const { ranges } = mockReads();
    const page = await render(strict(h(Events, { page: 2 })));
    await wait();
    await loadOlder();
    await wait();
    assert.equal(page.text, "6,7,8,9 older ");
    await loadOlder();
    await wait();
    assert.equal(page.text, "6,7,8,9 ");
    const requests = ranges().length;
    publish(1);
    await wait();
    await loadOlder();
    assert.equal(page.text, "6,7,8,9,10 ");
    assert.equal(ranges().length, requests);
  });

  it("finds the end at `position_lost`, and the list starts again when the room is joined", async () => {
    publish(5);
    client = clientOf({ fetch: slowFetch, onError() {} });
    const page = await render(strict(h(Events)));
    await wait();
    network.down = true;
    await act(async () => cutAll());
    server.room("room").erase();
    publish(4);
    await loadOlder();
    await wait();
    assert.equal(page.text, "3,4,5 position_lost");
    network.down = false;
    await wait(40_000);
    assert.equal(page.text, "2,3,4 older ");
  });

  it("is ignored if the list starts again before the page arrives", async () => {
    publish(5);
    const { read, setReply } = mockReads();
    const page = await render(strict(h(Events)));
    await wait();
    let answer: (() => void) | undefined;
    setReply(async (range) => {
      const older = await read(range);
      if (range.before !== undefined) await new Promise<void>((resolve) => (answer = resolve));
      return older;
    });
    await loadOlder();
    await wait();
    await act(async () => server.room("room").erase());
    publish(4);
    await wait();
    assert.equal(page.text, "3,4,5 loading older ");
    await act(async () => client.connect());
    await wait(3_000);
    assert.equal(page.text, "2,3,4 older ");
    await act(async () => answer!());
    assert.equal(page.text, "2,3,4 older ");
  });
});

describe("the list of useHistory", () => {
  it("starts again after a gap, and shows the old list until the new one is read", async () => {
    server.settings.retained = 6;
    publish(6);
    const page = await render(strict(h(Events)));
    await wait();
    await loadOlder();
    await wait();
    assert.equal(page.text, "1,2,3,4,5,6 ");
    const renders = lists.length;
    await act(async () => cutAll());
    for (let n = 0; n < 10; n++) publish(1);
    await wait(3_000);
    assert.equal(page.text, "14,15,16 older ");
    const later = new Set(lists.slice(renders).map(String));
    assert.deepEqual([...later], ["1,2,3,4,5,6", "14,15,16"]);
    await loadOlder();
    await wait();
    assert.equal(page.text, "11,12,13,14,15,16 older ");
  });

  it("keeps its older pages over a resume", async () => {
    publish(6);
    const { ranges } = mockReads();
    const page = await render(strict(h(Events)));
    await wait();
    await loadOlder();
    await wait();
    const requests = ranges().length;
    await act(async () => cutAll());
    publish(2);
    await wait(3_000);
    assert.equal(page.text, "1,2,3,4,5,6,7,8 ");
    assert.equal(ranges().length, requests);
  });

  it("keeps its older pages while it is hidden, unless it has missed more than a page", async () => {
    publish(6);
    const at = (mode: "visible" | "hidden") => strict(h(Activity, { mode, children: h(Events) }));
    const page = await render(at("visible"));
    await wait();
    await loadOlder();
    await wait();
    for (const [missed, text] of [
      [2, "1,2,3,4,5,6,7,8 "],
      [4, "10,11,12 older "],
    ] as const) {
      await page.render(at("hidden"));
      await wait(10_000);
      publish(missed);
      await page.render(at("visible"));
      await wait();
      assert.equal(page.text, text);
    }
  });

  it("is the list of the new room when the room changes", async () => {
    publish(6);
    publish(2, "other");
    const page = await render(strict(h(Events)));
    await wait();
    await loadOlder();
    await page.render(strict(h(Events, { name: "other" })));
    await wait();
    assert.equal(page.text, "1,2 ");
    await page.render(strict(h(Events)));
    await wait();
    assert.equal(page.text, "4,5,6 older ");
  });

  it("starts again when another user signs in", async () => {
    let user = "alice";
    client = clientOf({ fetch: slowFetch, token: () => tokenFor(user, Date.now() + HOUR) });
    publish(6);
    const page = await render(strict(h(Events)));
    await wait();
    await loadOlder();
    await wait();
    assert.equal(page.text, "1,2,3,4,5,6 ");
    await act(async () => client.signOut());
    user = "bob";
    await act(async () => client.connect());
    await wait();
    assert.equal(page.text, "4,5,6 older ");
  });

  it("is the same array, and `loadOlder` the same function, until something changes", async () => {
    publish(5);
    const page = await render(strict(h(Events)));
    await wait();
    const before = shown;
    await page.render(strict(h(Events)));
    assert.equal(shown, before);
    await loadOlder();
    assert.equal(shown.events, before.events);
    await wait();
    assert.notEqual(shown.events, before.events);
    assert.equal(shown.loadOlder, before.loadOlder);
  });

  it("is the server's list until the events are read, and hydrates without a mismatch", async () => {
    const event = (seq: number) => ({ seq, name: "a", data: 1, at: 0, from: "b" });
    function Snapshot() {
      const room = useRoom("room");
      shown = useHistory(room, { page: 3, initial: [event(1), event(2)] });
      return h("p", null, shown.events.map(({ seq }) => seq).join(), shown.hasOlder && " older");
    }
    const html = renderToString(inPage(h(Snapshot)));
    assert.equal(html, "<p>1,2</p>");
    await advance(1_000);
    assert.equal(network.dialled, 0);
    publish(5);
    const page = await hydrate(html, inPage(h(Snapshot)));
    assert.equal(page.text, "1,2");
    await wait();
    assert.equal(page.text, "3,4,5 older");
  });

  for (const size of [0, -1, 1.5, NaN, 1_001]) {
    it(`with a page of ${size} events throws an error with the reason`, () => {
      const message = `\`page\` must be a whole number from 1 to 1,000; it is ${size}.`;
      assert.throws(() => renderToString(inPage(h(Events, { page: size }))), { message });
    });
  }
});
