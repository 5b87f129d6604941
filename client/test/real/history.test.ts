/**
 * Scrolls back 500 events with `useHistory`, while further events are published and the network is
 * cut.
 */
import "../dom.ts";
import assert from "node:assert/strict";
import { after, before, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { createClient } from "../../src/index.ts";
import { RoomcastProvider, useHistory, useRoom, type History } from "../../src/react.ts";
import { createBackend } from "../../src/server.ts";
import { act, createElement as h, render, StrictMode } from "../dom.ts";
import { Proxy } from "./proxy.ts";
import { startRuntime, type Runtime } from "./runtime.ts";

const ROOM = `test:${crypto.randomUUID()}`;
const PAGE = 50;

let runtime: Runtime;
let proxy: Proxy;
before(async () => {
  runtime = await startRuntime();
  proxy = new Proxy(() => runtime.url);
});
after(async () => {
  await proxy.stop();
  await runtime.stop();
});

it("a list that scrolls back has each event once, through all faults", async (t) => {
  const client = createClient({
    url: await proxy.start(),
    token: () => runtime.token("alice", ["subscribe"], 60_000),
    backoff: { minMs: 10, maxMs: 100 },
    onError() {},
  });
  t.after(() => client.close());
  const backend = createBackend({
    url: runtime.url,
    token: () => runtime.token("backend", ["publish"], 60_000),
  });
  const event = { name: "n", data: 1 };
  let head = 0;
  const publish = async (count: number): Promise<void> => {
    const seqs = await backend.publishBatch(ROOM, Array(count).fill(event));
    head = seqs.at(-1)!;
  };

  let shown!: History<{ readonly seq: number }>;
  function List() {
    shown = useHistory(useRoom(ROOM), { page: PAGE });
    const { events } = shown;
    const [first, last] = [events[0]?.seq ?? 1, events.at(-1)?.seq ?? 0];
    assert.equal(last - first + 1, events.length, "the list has a hole or a repeat");
    return null;
  }
  const until = (condition: () => boolean): Promise<void> =>
    act(async () => {
      while (!condition()) await sleep(5);
    });
  const isRead = (): boolean => shown.events.length > 0 && !shown.isLoading;

  for (let n = 0; n < 10; n++) await publish(50);
  await render(h(StrictMode, null, h(RoomcastProvider, { client }, h(List))));
  await until(isRead);

  let isPublishing = true;
  const publishing = (async () => {
    while (isPublishing) {
      await publish(1);
      await sleep(2);
    }
  })();
  for (let loads = 0; shown.hasOlder; loads++) {
    assert.ok(loads < 50, "the end is never reached");
    await act(async () => shown.loadOlder());
    if (loads % 3 === 0) for (const link of proxy.links) link.cut();
    await until(isRead);
  }
  isPublishing = false;
  await publishing;
  await until(() => shown.events.at(-1)?.seq === head);
  assert.equal(shown.events.length, head);
});
