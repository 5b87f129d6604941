/** Tests the calculator, and compares docs/costs.md with what it prints. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { describe, test } from "node:test";
import { alarmsPerHour, billOf } from "./cost/bill.ts";
import { parseLoad } from "./cost/load.ts";
import { type BilledUnit, CLOUDFLARE } from "./cost/prices.ts";
import { LABELS, actionTable, loadReport } from "./cost/report.ts";
import { offersFor } from "./cost/services.ts";
import { ACTIONS, type ActionName, LIMITS, TIMES_MS, type Units } from "./cost/units.ts";

const ROOT = resolve(import.meta.dirname, "..");
const read = (path: string): string => readFileSync(resolve(ROOT, path), "utf8");
const COSTS = read("docs/costs.md");

const loadOf = (options: string) => parseLoad(options.split(" "))!;

/** Returns the amount and the price of a billed unit. */
function lineOf(options: string, unit: BilledUnit): [number, number] {
  const { amount, dollars } = billOf(loadOf(options)).lines.find((line) => line.unit === unit)!;
  return [Math.round(amount), Number(dollars.toFixed(2))];
}

describe("docs/costs.md", () => {
  test("has the units of each action", () => {
    const names = Object.keys(ACTIONS) as ActionName[];
    const units = Object.fromEntries(names.map((name) => [name, ACTIONS[name].units]));
    const table = actionTable(units as Record<ActionName, Units>);
    assert(COSTS.includes(`\n${table}\n`), `the page does not have this table:\n${table}`);
  });

  test("has the output of each command that it shows", () => {
    const commands = [...COSTS.matchAll(/^make cost ARGS='(.*)'$/gm)];
    assert(commands.length > 0);
    for (const [, options] of commands) {
      const report = loadReport(loadOf(options!));
      assert(COSTS.includes(`\n\`\`\`\n\n${report}\n`), `the page does not have:\n${report}`);
    }
  });

  test("has the prices and the included amounts", () => {
    const million = (amount: number): string => `${(amount / 1e6).toLocaleString("en")} million`;
    for (const unit of Object.keys(CLOUDFLARE.units) as BilledUnit[]) {
      const { dollars, per, included } = CLOUDFLARE.units[unit];
      const price = `$${dollars < 0.01 ? dollars : dollars.toFixed(2)}`;
      const row =
        per === 1 ? `${price} each | ${included}` : `${price} a million | ${million(included)}`;
      assert(COSTS.includes(`\n| ${LABELS[unit]} | ${row} |\n`), `${LABELS[unit]} | ${row}`);
    }
  });

  test("has alarms of an idle room that the calculator covers, and their price", () => {
    const rows = [...COSTS.matchAll(/^\| tokens of (\d+) (\w+) \| (\d+) \| \$([\d.]+) \|$/gm)];
    assert.equal(rows.length, 5);
    const seconds: Record<string, number> = { day: 86_400, hour: 3_600, minutes: 60, minute: 60 };
    const { rowsWritten, requests } = CLOUDFLARE.units;
    const perAlarm = rowsWritten.dollars / rowsWritten.per + requests.dollars / requests.per;
    for (const [row, count, unit, counted, dollars] of rows) {
      const tokenSeconds = Number(count) * (seconds[unit!] ?? 1);
      const computed = alarmsPerHour({ tokenSeconds, members: false });
      assert(computed >= Number(counted) && computed <= Number(counted) * 1.4 + 1, row);
      assert.equal((Number(counted) * 720 * perAlarm).toFixed(2), Number(dollars).toFixed(2), row);
    }
  });
});

test("the times are those of docs/benchmark.md", () => {
  const page = read("docs/benchmark.md");
  /** Returns the numbers in the first row with this label, below a table with this head. */
  const row = (title: string, head: string, label: string): number[] => {
    const section = page.split(`\n## ${title}\n`)[1]!.split("\n## ")[0]!;
    const table = section.split(`\n| ${head} | `)[1]!;
    const line = table.split("\n").find((line) => line.startsWith(`| ${label} | `))!;
    const cells = line.split(" | ").slice(1);
    return cells.map((cell) => Number.parseFloat(cell.replaceAll(",", "")));
  };
  const large = row("Large rooms", "", "1000 sockets");
  const bridges = row("Bridges", "", "Roomcast");
  const measured = {
    publish: row("Publishing over HTTP", "1 publisher, single", "Roomcast")[2]! / 1e3,
    socket: row("Join storm", "", "Roomcast")[1]! / 1e3,
    token: row("The cost of a token", "", "HS256")[2]! / 1e3,
    delivery: large[1]! / 1e3,
    signal: large[4]! / 1e3,
    connectionFrame: (bridges[1]! - bridges[0]!) / 1e3,
    streamFrame: (bridges[3]! - bridges[0]!) / 1e3,
  };
  for (const [name, ms] of Object.entries(measured))
    assert.equal(TIMES_MS[name as keyof typeof TIMES_MS].toFixed(5), ms.toFixed(5), name);
});

test("the limits are those of the worker", () => {
  const source = read("src/limits.rs");
  const factors: Record<string, number> = { KIB: 1_024, HOUR_MS: 3_600_000 };
  for (const [name, value] of Object.entries(LIMITS)) {
    const [, product] = new RegExp(`^pub const ${name}: \\w+ = (.*);$`, "m").exec(source) ?? [];
    assert(product, name);
    const numbers = product.split(" * ").map((text) => factors[text] ?? +text.replaceAll("_", ""));
    assert.equal(
      value,
      numbers.reduce((a, b) => a * b),
      name,
    );
  }
});

describe("the calculator", () => {
  test("counts rows for publishes and keys, for any number of events and readers", () => {
    const perDay = 30 * 86_400;
    const rest = lineOf("--events 0/s", "rowsWritten")[0];
    const rows = (options: string) => lineOf(`${options} --no-directory`, "rowsWritten")[0];
    assert.equal(rows("--events 1/s --keys 2"), 3 * perDay + rest);
    assert.equal(rows("--events 1/s --batch 100"), perDay + rest);
    assert.equal(rows("--events 1/s --readers 5000"), perDay + rest);
  });

  test("counts a report in 10 s while a room is active", () => {
    for (const [events, reports] of [
      ["10/s", 259_200],
      ["1/s", 259_200],
      ["1/min", 43_200],
      ["0/s", 0],
    ] as const) {
      for (const unit of ["rowsWritten", "requests"] as const) {
        const [without] = lineOf(`--events ${events} --no-directory`, unit);
        assert.equal(lineOf(`--events ${events}`, unit)[0] - without, reports, events);
      }
    }
  });

  test("bills only units beyond the included amount", () => {
    const [rows, dollars] = lineOf("--readers 0 --events 20/s --no-directory", "rowsWritten");
    assert.deepEqual([rows, dollars], [51_840_004, 1.84]);
    assert.equal(lineOf("--readers 0 --events 19/s --no-directory", "rowsWritten")[1], 0);
  });

  test("counts 20 frames of a socket as one request, and each as a line of the log", () => {
    const options = "--readers 0 --events 20/s --by socket --no-directory";
    assert.equal(lineOf(options, "requests")[0], 51_840_000 / 20 + 2);
    assert.equal(lineOf(options, "workerRequests")[0], 1);
    assert.equal(lineOf(options, "logGigabytes")[0], 0);
    const logged = `${options} --invocation-logs --log-bytes 2000`;
    assert.deepEqual(lineOf(logged, "logGigabytes"), [104, 13.42]);
  });

  test("counts one request of the worker and many of rooms for a connection", () => {
    const options = "--rooms 10 --readers 10 --sockets 20 --over connection --events 0/s";
    assert.equal(lineOf(options, "workerRequests")[0], 20 * 30 + 10);
    const sockets = "--rooms 10 --readers 10 --events 0/s";
    assert.equal(lineOf(sockets, "workerRequests")[0], 100 * 30 + 10);
    assert.equal(lineOf(options, "requests")[0], lineOf(sockets, "requests")[0]);
  });

  test("says that a room is too busy", () => {
    assert.match(loadReport(loadOf("--readers 10000 --events 10/s")), /A single room can't/);
    assert.doesNotMatch(loadReport(loadOf("--readers 1000 --events 1/s")), /A single room can't/);
  });

  test("rejects a load that it can't read", () => {
    for (const [options, message] of [
      ["--events 5", /--events 5: expected, for example, 30\/min/],
      ["--rooms x", /--rooms x: expected a number/],
      ["--over udp", /expected socket or connection or stream/],
      ["--rooms 2 --readers 2 --sockets 5", /more than the 4 readers/],
      ["--rooms 2 --readers 2 --sockets 3 --over stream", /only clients of --over connection/],
      ["--tokens 1", /expected, for example, 5min/],
    ] as const)
      assert.throws(() => parseLoad(options.split(" ")), message);
  });
});

describe("other services", () => {
  const offers = (options: string) =>
    offersFor(loadOf(options)).map(({ dollars }) => dollars?.list);

  test("Pusher's plan has enough messages and connections", () => {
    assert.equal(offers("--readers 100 --events 1900/day")[0], 0);
    assert.equal(offers("--readers 100 --events 2000/day")[0], 49);
    assert.equal(offers("--readers 501 --events 1/day")[0], 99);
    assert.equal(offers("--readers 30001 --events 1/day")[0], undefined);
  });

  test("a load within the limits of a free plan costs nothing", () => {
    assert.deepEqual(offers("--readers 10 --events 100/day"), [0, 0, 0]);
    assert.deepEqual(offers("--readers 201 --events 100/day"), [
      49,
      29 + 2.5 + 10,
      29 + 201 * 0.05 + 9,
    ]);
    assert.equal(billOf(loadOf("--readers 10 --events 1/s")).fitsFreePlan, true);
    assert.equal(billOf(loadOf("--readers 10 --events 2/s")).fitsFreePlan, false);
    assert.equal(billOf(loadOf("--readers 10 --over stream")).fitsFreePlan, false);
  });

  // https://ably.com/docs/platform/pricing/examples/realtime-dashboard: 100 patients, whose devices
  // publish 6 times a minute to 5 coordinators, 8 hours a day. Its 22 days are 5.87 hours of 30 days.
  test("Ably's price agrees with an example in Ably's docs", () => {
    const hours = (8 * 22) / 30;
    const [, byMessage] = offers(
      `--rooms 100 --readers 5 --sockets 5 --over connection --events 6/min --hours ${hours}`,
    );
    assert.equal(byMessage, 29 + 39 * 2.5 + 1 + 2);
  });
});
