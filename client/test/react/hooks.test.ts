/** Tests of the hooks for presence and signals. */
import { act, createElement as h, hydrate, render, StrictMode } from "../dom.ts";
import assert from "node:assert/strict";
import { beforeEach, describe, it, mock } from "node:test";
import { startTransition, Suspense, use, useState, type ReactNode } from "react";
import { renderToString } from "react-dom/server";
import type { Client, Room, RoomcastError, Signal } from "../../src/index.ts";
import {
  RoomcastProvider,
  useGrant,
  useMembers,
  useOnlineCount,
  usePresence,
  useRoom,
  useSignal,
} from "../../src/react.ts";
import { fetchFrom } from "../model/http.ts";
import { advance } from "../model/network.ts";
import { tokenFor } from "../model/claims.ts";
import { clientOf, countListeners, cutAll, HOUR, network, server } from "../fixture.ts";

let client: Client;
let bob: Room;
/** Members as bob receives them, after each change. */
let membersAtBob: string[];

const usersOf = ({ presence }: Room): string =>
  presence.members?.map(({ user }) => user).join() ?? "unknown";

beforeEach(async () => {
  client = clientOf();
  bob = clientOf({ token: () => tokenFor("bob", Date.now() + HOUR) }).room("room");
  membersAtBob = [];
  bob.presence.subscribe(() => membersAtBob.push(usersOf(bob)));
  bob.presence.enter("b");
  await advance(100);
});

const inPage = (...children: ReactNode[]) => h(RoomcastProvider, { client }, ...children);
const strict = (...children: ReactNode[]) => h(StrictMode, null, inPage(...children));
const wait = (ms = 100): Promise<void> => act(() => advance(ms));
const framesOf = () => mock.method(server.room("room").presence, "enter");

const list = (members: ReturnType<typeof useMembers>): string =>
  members
    ?.map(({ user, sessions }) => `${user}=${sessions.map(({ data }) => JSON.stringify(data))}`)
    .join(" ") ?? "unknown";

function Here({ data }: { data?: unknown }) {
  return h("p", null, list(usePresence(useRoom("room"), data)));
}

function Members() {
  return h("p", null, list(useMembers(useRoom("room"))));
}

function Count() {
  return h("b", null, `${useOnlineCount(useRoom("room"))}`);
}

describe("usePresence", () => {
  it("enters once while it is mounted, also under StrictMode", async () => {
    const enter = framesOf();
    const page = await render(strict(h(Here, { data: 1 })));
    assert.equal(page.text, "unknown");
    await wait();
    assert.equal(page.text, 'alice=1 bob="b"');
    await wait(60_000);
    assert.equal(enter.mock.callCount(), 1);
    assert.deepEqual(membersAtBob, ["bob", "alice,bob"]);
    await page.render(strict());
    await wait(2_000);
    assert.deepEqual(membersAtBob.slice(2), ["bob"]);
  });

  it("remains entered when the route changes", async () => {
    const enter = framesOf();
    const page = await render(inPage(h(Here, { key: "one" })));
    await wait();
    for (const key of ["two", "three"]) {
      await page.render(inPage(h(Here, { key })));
      await wait();
    }
    await page.render(inPage());
    await wait(500); // The next page is loading.
    await page.render(inPage(h(Here)));
    await wait(5_000);
    assert.equal(enter.mock.callCount(), 1);
    assert.deepEqual(membersAtBob, ["bob", "alice,bob"]);
  });

  it("enters once for several components, and leaves after the last", async () => {
    const page = await render(inPage(h(Here, { data: 1 }), h(Here), h(Members)));
    await wait();
    assert.equal(page.text, 'alice=1 bob="b"'.repeat(3));
    await page.render(inPage(h(Here, { data: 1 })));
    await wait(5_000);
    assert.equal(page.text, 'alice=1 bob="b"');
    await page.render(inPage(h(Members)));
    await wait(5_000);
    assert.equal(page.text, "unknown");
    assert.deepEqual(membersAtBob, ["bob", "alice,bob", "bob"]);
  });

  it("enters for the next user, at once after a sign-out or later", async () => {
    const page = await render(inPage(h(Here)));
    await wait();
    for (const pause of [0, 500, 2_000, 5_000]) {
      act(() => client.signOut());
      await page.render(inPage());
      await wait(pause);
      client.connect();
      await page.render(inPage(h(Here)));
      await wait();
      assert.equal(page.text, 'alice=null bob="b"');
    }
  });

  it("updates when the data changes, but not for an equal object", async () => {
    const page = await render(strict(h(Here, { data: { at: 0 } })));
    await wait();
    const enter = framesOf();
    for (const at of [0, 0, 0, 7, 7]) {
      await page.render(strict(h(Here, { data: { at } })));
      await wait();
    }
    assert.equal(page.text, 'alice={"at":7} bob="b"');
    assert.deepEqual(
      enter.mock.calls.map(({ arguments: [, data] }) => data),
      [{ at: 7 }],
    );
  });

  it("reports data that is too large, and keeps the previous data", async () => {
    const page = await render(inPage(h(Here, { data: 1 })));
    await wait();
    const codes: unknown[] = [];
    mock.method(console, "error", ({ code }: RoomcastError) => codes.push(code));
    await page.render(inPage(h(Here, { data: "x".repeat(3_000) })));
    await wait();
    assert.deepEqual(codes, ["too_large"]);
    assert.equal(page.text, 'alice=1 bob="b"');
  });

  it("works without the grant and without an error, and enters after a token grants it", async () => {
    const logged = mock.method(console, "error", () => {});
    const grants = ["subscribe"];
    client = clientOf({ token: () => tokenFor("alice", Date.now() + 100_000, grants) });
    function Grant() {
      return h("b", null, ` ${useGrant(useRoom("room"))}`);
    }
    const tree = inPage(h(Here, { data: 1 }), h(Grant));
    const page = await render(tree);
    assert.equal(page.text, "unknown undefined");
    await wait();
    assert.equal(page.text, "unknown subscribe");
    await act(async () => cutAll());
    await wait(5_000);
    assert.equal(client.room("room").status, "connected");
    grants.push("presence");
    await wait(100_000);
    assert.equal(page.text, 'alice=1 bob="b" subscribe,presence');
    grants.pop();
    await wait(100_000);
    assert.equal(page.text, "unknown subscribe");
    await page.render(inPage());
    await wait(5_000);
    assert.equal(logged.mock.callCount(), 0);
  });

  it("does not enter for a discarded render", async () => {
    let go!: () => void;
    const ready = new Promise<void>((resolve) => (go = resolve));
    let show!: (shown: boolean) => void;
    function Late() {
      const members = usePresence(useRoom("room"));
      use(ready);
      return h("i", null, list(members));
    }
    function Page() {
      const [shown, setShown] = useState(false);
      show = setShown;
      return shown ? h(Late) : h("i", null, "before");
    }
    const page = await render(inPage(h(Suspense, null, h(Page))));
    await act(async () => startTransition(() => show(true)));
    await wait(1_000);
    assert.equal(page.text, "before");
    assert.deepEqual(membersAtBob, ["bob"]);
    go();
    await wait();
    await wait();
    assert.equal(page.text, 'alice=null bob="b"');
  });
});

describe("useMembers", () => {
  it("renders once for a burst of changes, and not for events", async () => {
    const renders = mock.fn();
    function Counting() {
      renders();
      return h("p", null, `${usePresence(useRoom("room"), 0)?.length}`);
    }
    const page = await render(inPage(h(Counting)));
    await wait();
    renders.mock.resetCalls();
    const users = Array.from({ length: 100 }, (_, n) => ({ user: `user-${n}`, session: `x${n}` }));
    const entered = users.map((each) => ({ ...each, data: null, since: 0 }));
    for (const { user, peer } of server.room("room").sessions) {
      if (user !== "alice") continue;
      peer.send({ type: "members:changed", room: "room", entered, updated: [], left: [] });
    }
    server.room("room").append([{ name: "a", data: 1 }], "backend", 0);
    await wait();
    assert.equal(page.text, "102");
    assert.equal(renders.mock.callCount(), 1);
  });

  it("shows no flicker when the connection is lost", async () => {
    const shown = new Set<string>();
    function Shown() {
      shown.add(list(usePresence(useRoom("room"), 0)));
      return null;
    }
    await render(inPage(h(Shown)));
    await wait();
    shown.clear();
    await act(async () => cutAll());
    await wait(20_000);
    assert.deepEqual([...shown], ['alice=0 bob="b"']);
  });
});

describe("useOnlineCount", () => {
  /** Number of requests for the room's stats. */
  let reads: number;

  beforeEach(() => {
    reads = 0;
    const answer = fetchFrom(server);
    client = clientOf({
      fetch: (input, init) => {
        if (String(input).endsWith("/rooms/room")) reads++;
        return answer(input, init);
      },
    });
  });

  it("reads the count when connected, and every 30 s while the page is visible", async () => {
    const page = await render(inPage(h(Count)));
    assert.equal(page.text, "undefined");
    await wait();
    assert.equal(page.text, "1");
    assert.equal(reads, 1);
    const carol = clientOf({ token: () => tokenFor("carol", Date.now() + HOUR) }).room("room");
    carol.presence.enter();
    await wait(30_000);
    assert.equal(page.text, "2");
    assert.equal(reads, 2);

    const visibility = mock.getter(document, "visibilityState", () => "hidden" as const);
    carol.presence.leave();
    await wait(300_000);
    assert.equal(reads, 2);
    visibility.mock.restore();
    document.dispatchEvent(new window.Event("visibilitychange"));
    await wait();
    assert.equal(page.text, "1");

    reads = 0;
    await act(async () => cutAll());
    await wait(5_000);
    assert.equal(reads, 1, "also after a reconnect");
    await page.render(inPage());
    await wait(300_000);
    assert.equal(reads, 1);
  });

  it("is the length of the list if this client has entered", async () => {
    const page = await render(inPage(h(Count), h(Here)));
    await wait();
    assert.equal(page.text, '2alice=null bob="b"');
    bob.presence.leave();
    await wait();
    assert.equal(page.text, "1alice=null");
    reads = 0;
    await wait(100_000);
    assert.equal(reads, 0);
    await page.render(inPage(h(Count)));
    await wait(3_000);
    assert.equal(page.text, "0");
  });
});

describe("useSignal", () => {
  it("calls the newest handler, never resubscribes, and returns a stable function to send", async () => {
    const received: unknown[] = [];
    const senders = new Set<(data: unknown) => void>();
    const onSignal = mock.method(client.room("room"), "onSignal");
    const signals: Signal[] = [];
    bob.onSignal((_, signal) => signals.push(signal));
    function Cursor({ version }: { version: number }) {
      const send = useSignal(useRoom("room"), "cursor", (data, { from }) =>
        received.push([version, data, from]),
      );
      senders.add(send);
      return null;
    }
    const page = await render(strict(h(Cursor, { version: 0 })));
    await wait();
    const subscribed = onSignal.mock.callCount();
    for (let version = 1; version <= 20; version++) {
      await page.render(strict(h(Cursor, { version })));
    }
    bob.signal("cursor", 1);
    bob.signal("other", 2);
    const [send] = senders;
    send!(3);
    await wait();
    assert.deepEqual(received, [[20, 1, "bob"]]);
    assert.deepEqual(signals, [{ name: "cursor", data: 3, from: "alice" }]);
    assert.equal(senders.size, 1);
    assert.equal(onSignal.mock.callCount(), subscribed);
  });

  it("only sends if it has no handler", async () => {
    const onSignal = mock.method(client.room("room"), "onSignal");
    function Typing() {
      useSignal(useRoom("room"), "typing");
      return null;
    }
    await render(inPage(h(Typing)));
    await wait();
    assert.equal(onSignal.mock.callCount(), 0);
    assert.equal(network.dialled, 1, "bob's socket");
  });
});

describe("on the server", () => {
  const tree = () => inPage(h(Here, { data: 1 }), h(Members), h(Count));

  it("has no members, and hydrates without a mismatch", async () => {
    const html = renderToString(tree());
    assert.equal(html, "<p>unknown</p><p>unknown</p><b>undefined</b>");
    await advance(1_000);
    assert.equal(network.dialled, 1, "bob's socket");
    await render(inPage(h(Here, { data: 1 })));
    await wait();
    const page = await hydrate(html, tree());
    assert.equal(page.text, 'alice=1 bob="b"alice=1 bob="b"2');
  });
});

it("leaves no listener behind", async () => {
  const room = client.room("room");
  const { counted, listening } = countListeners();
  Object.assign(room, { onSignal: counted(room.onSignal.bind(room) as never) });
  Object.assign(room, { subscribe: counted(room.subscribe) });
  Object.assign(room.presence, { subscribe: counted(room.presence.subscribe) });
  function All() {
    useSignal(useRoom("room"), "a", () => {});
    return h("div", null, h(Here), h(Count));
  }
  const page = await render(strict(h(All)));
  await wait();
  for (let n = 0; n < 100; n++) await page.render(strict(n % 2 === 0 ? null : h(All)));
  await page.render(strict());
  await wait(5_000);
  assert.equal(listening(), 0);
  assert.equal(network.dialled, 2);
  assert.equal(server.room("room").sessions.size, 1);
});
