// node test/load.ts [minutes]
//
// Leaves the console open beside a busy worker, 10 minutes by default: 100 rooms with 500 sockets, and
// events in all of them. Prints the heap of the page after each minute, and fails if it grows by more
// than 20 % after minute 2. Takes the screenshots in docs/images/ in the first minute of the load.
import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import type { CDPSession, Page } from "playwright-core";
import type { Room } from "roomcast";
import { desktop, phone } from "../../demo/test/screens.ts";
import { ConsolePage, Environment, tokenFor } from "./environment.ts";

const ROOMS = 100;
const SOCKETS = 500;
/** Time between two batches, and number of rooms that each batch publishes to. */
const BATCH_MS = 250;
const ROOMS_IN_A_BATCH = 10;
const MAX_GROWTH = 1.2;
const MINUTE_MS = 60_000;
const BUSY = "orders:eu:040";

const minutes = Number(process.argv[2] ?? 10);
const images = fileURLToPath(new URL("../../docs/images/", import.meta.url));
const names = Array.from({ length: ROOMS }, (_, n) => nameOf(n));

const environment = await Environment.start();
try {
  await openSockets();
  const load = startLoad();
  const window = await environment.open({ ...desktop, token: tokenFor("ops") });
  await window.row(BUSY).waitFor();
  await screenshots();
  await window.openRoom(BUSY);
  await measure(window.page);
  console.log(`${await load.stop()} events were published`);
  assert.deepEqual(window.errors, []);
} finally {
  await environment.stop();
}

function nameOf(n: number): string {
  const kinds = ["orders:eu", "orders:us", "chat", "shipments", "scores"];
  return `${kinds[n % kinds.length]}:${String(n).padStart(3, "0")}`;
}

/** Opens the sockets: each of 100 users has one in the busy room, and four in other rooms. */
async function openSockets(): Promise<void> {
  const others = names.filter((name) => name !== BUSY);
  const opening: Promise<void>[] = [];
  for (let user = 0; user < ROOMS; user++) {
    const client = environment.client(`user-${user}`, "room");
    const perUser = SOCKETS / ROOMS;
    for (let n = 0; n < perUser; n++) {
      const other = others[(user * (perUser - 1) + n) % others.length]!;
      const room = client.room(n === 0 ? BUSY : other);
      room.on(() => {});
      if (user % 4 === 0) room.presence.enter({ user });
      opening.push(connected(room));
    }
  }
  await Promise.all(opening);
  console.log(`${opening.length} sockets are connected`);
}

function connected(room: Room): Promise<void> {
  return new Promise((resolve) => {
    const check = (): void => {
      if (room.status === "connected") resolve();
    };
    room.subscribe(check);
    check();
  });
}

/**
 * Publishes batches until the end. A batch begins when the one before is stored, so a busy machine
 * only publishes less. Returns a function that stops, and resolves with the number of events.
 */
function startLoad(): { stop(): Promise<number> } {
  let published = 0;
  let batches = 0;
  let isOver = false;
  const publishAll = async (): Promise<void> => {
    while (!isOver) {
      const rooms = Array.from({ length: ROOMS_IN_A_BATCH - 1 }, () => names[batches++ % ROOMS]!);
      const sent = [BUSY, ...rooms].map((room) => {
        const n = published++;
        const data = {
          order: n,
          status: ["placed", "paid", "sent"][n % 3],
          lines: [{ sku: n % 97 }],
        };
        return environment.publish(room, { name: "order:updated", key: `o-${n % 200}`, data });
      });
      await Promise.all([...sent, sleep(BATCH_MS)]);
    }
  };
  const publishing = publishAll();
  publishing.catch(() => {}); // `stop` rejects with the error.
  return {
    async stop() {
      isOver = true;
      await publishing;
      return published;
    },
  };
}

async function measure(page: Page): Promise<void> {
  const devtools = await page.context().newCDPSession(page);
  await devtools.send("Performance.enable");
  const heaps: number[] = [];
  console.log("| minute | heap after garbage collection, MB | DOM nodes | listeners |");
  console.log("| --- | --- | --- | --- |");
  for (let minute = 1; minute <= minutes; minute++) {
    await sleep(MINUTE_MS);
    const { heap, nodes, listeners } = await usage(devtools);
    heaps.push(heap);
    console.log(`| ${minute} | ${(heap / 1e6).toFixed(2)} | ${nodes} | ${listeners} |`);
  }
  const [from = 0, to = 0] = [heaps[1] ?? heaps[0], heaps.at(-1)];
  console.log(`growth since minute 2: ${((to / from - 1) * 100).toFixed(1)} %`);
  assert(to <= from * MAX_GROWTH, "the heap grows");
}

async function usage(devtools: CDPSession) {
  await devtools.send("HeapProfiler.collectGarbage");
  const { metrics } = await devtools.send("Performance.getMetrics");
  const value = (name: string): number => metrics.find((metric) => metric.name === name)!.value;
  return {
    heap: value("JSHeapUsedSize"),
    nodes: value("Nodes"),
    listeners: value("JSEventListeners"),
  };
}

/** Takes the screenshots of the overview and of a room, on two screens and in both colors. */
async function screenshots(): Promise<void> {
  const screens = Object.entries({ desktop, phone }).flatMap(([name, screen]) =>
    (["light", "dark"] as const).map((colorScheme) => ({ name, screen, colorScheme })),
  );
  const windows = await Promise.all(
    screens.map(async ({ name, screen, colorScheme }) => ({
      name: `${name}-${colorScheme}`,
      window: await environment.open({ ...screen, colorScheme, token: tokenFor("ops") }),
    })),
  );
  // The charts and the rates need some reports of the rooms.
  await sleep(MINUTE_MS);
  for (const { name, window } of windows) {
    await window.page.mouse.move(0, 0);
    await screenshot(window, `console-${name}`);
    await window.openRoom(BUSY);
    await window.page.getByText("have entered").waitFor();
    await window.event("order:updated").nth(50).waitFor();
    await window.button("Pause").click();
    await window.event("order:updated").nth(1).getByRole("button").first().click();
    await window.page.locator("h1").focus();
    await screenshot(window, `console-room-${name}`);
    await window.page.context().close();
  }
}

async function screenshot({ page }: ConsolePage, name: string): Promise<void> {
  const path = `${images}${name}.png`;
  await page.screenshot({ path, animations: "disabled" });
  console.log(path);
}
