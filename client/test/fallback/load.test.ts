/** Tests of loading the fallback, a separate module that may fail to load. */
import assert from "node:assert/strict";
import { registerHooks } from "node:module";
import { afterEach, beforeEach, it, mock } from "node:test";
import { TransportSelector } from "../../src/connection/transport-selector.ts";
import { settle, startClock } from "../model/network.ts";

/** Addresses from which the module was requested. */
const requested: string[] = [];
let isServed = false;

// As in a browser, a module that failed to load is not requested again from the same address.
const failed = new Set<string>();
registerHooks({
  load(url, context, nextLoad) {
    if (!url.includes("/src/fallback/index.ts")) return nextLoad(url, context);
    if (!failed.has(url)) requested.push(url);
    if (isServed && !failed.has(url)) return nextLoad(url, context);
    failed.add(url);
    throw new TypeError(`Failed to fetch dynamically imported module: ${url}`);
  },
});

beforeEach(startClock);
afterEach(() => mock.reset());

it("requests the fallback from another address after a failure, and reports the failure once", async () => {
  const codes: string[] = [];
  const selector = new TransportSelector({
    url: "https://rt",
    WebSocket: undefined,
    fetch: async () => new Response("ok"),
    report: ({ code }) => codes.push(code),
  });
  const dispatch = mock.fn();
  selector.setActive({ dispatch }, true);

  /** Lets a dial fail and waits for the effects. Loading a module takes real time. */
  async function failDial(): Promise<void> {
    selector.recordDial(false);
    for (let n = 0; n < 50; n++) await settle();
    mock.timers.tick(1_000);
  }

  await failDial();
  await failDial();
  assert.equal(selector.transport, "websocket");
  const [first, ...later] = requested;
  assert.match(first!, /index\.ts$/);
  assert.equal(later.length, 2);
  for (const url of later) assert.match(url, /index\.ts\?again=[\d.]+$/);
  assert.notEqual(later[0], later[1]);
  assert.deepEqual(codes, ["load_failed"]);

  isServed = true;
  await failDial();
  await failDial();
  assert.deepEqual([selector.transport, dispatch.mock.callCount()], ["sse", 1]);
  assert.equal(requested.length, 4);
});
