/** Tables in Markdown, for the terminal and for docs/costs.md. */
import { type Bill, type Line, billOf } from "./bill.ts";
import type { Load } from "./load.ts";
import { type BilledUnit, CLOUDFLARE } from "./prices.ts";
import { type Offer, offersFor } from "./services.ts";
import { ACTIONS, type ActionName, type Units } from "./units.ts";

export const LABELS: Record<BilledUnit, string> = {
  rowsWritten: "rows written",
  rowsRead: "rows read",
  requests: "requests of rooms",
  gigabyteSeconds: "duration of rooms, GB-s",
  workerRequests: "requests of the worker",
  cpuMs: "CPU of the worker, ms",
  storedGigabytes: "stored data, GB",
  logGigabytes: "logs, GB",
  storedLogGigabytes: "stored logs, GB",
};

const UNIT_LABELS: Record<keyof Units, string> = {
  rowsWritten: "rows written",
  rowsRead: "rows read",
  alarms: "alarms",
  requests: "requests of the room",
  frames: "frames to the room",
  workerRequests: "requests of the worker",
};

/** Returns the table of the units that each action costs. */
export function actionTable(units: Record<ActionName, Units>): string {
  const columns = Object.keys(UNIT_LABELS) as (keyof Units)[];
  const names = Object.keys(ACTIONS) as ActionName[];
  return table([
    ["", ...columns.map((unit) => UNIT_LABELS[unit])],
    ...names.map((name) => [
      ACTIONS[name].what,
      ...columns.map((unit) => String(units[name][unit])),
    ]),
  ]);
}

/** Returns what a load costs on Cloudflare, and by the list prices of other services. */
export function loadReport(load: Load): string {
  const bill = billOf(load);
  const blocks = [billTable(bill), offerTable(bill, offersFor(load))];
  if (bill.roomBusy > 1)
    blocks.unshift("A single room can't take this load: it would be busy more than all the time.");
  return blocks.join("\n\n");
}

function billTable({ lines, dollars }: Bill): string {
  return table([
    ["a month of 30 days", "amount", "included", "beyond it", "for"],
    ...lines.map((line) => [
      LABELS[line.unit],
      amountOf(line.amount),
      amountOf(line.included),
      price(line.dollars),
      partsOf(line),
    ]),
    ["paid plan", "", "", price(CLOUDFLARE.dollarsPerMonth), ""],
    ["together", "", "", `**${price(dollars)}**`, ""],
  ]);
}

/** Names the largest parts. A part below 1 % is left out. */
function partsOf({ amount, parts }: Line): string {
  const shown = parts.filter((part) => part.amount >= amount / 100);
  if (shown.length === 1) return shown[0]!.part;
  return shown.map((part) => `${part.part} ${amountOf(part.amount)}`).join(", ");
}

function offerTable({ dollars, fitsFreePlan }: Bill, offers: Offer[]): string {
  const own = [
    "Roomcast, on Cloudflare",
    price(fitsFreePlan ? 0 : dollars),
    fitsFreePlan ? "free plan: the load is below its limits" : "paid plan: the table above",
    CLOUDFLARE.date,
  ];
  return table([
    ["the same load", "dollars a month", "how", "prices as of"],
    own,
    ...offers.map(({ service, how, dollars, date }) => [service, range(dollars), how, date]),
  ]);
}

function range(dollars: Offer["dollars"]): string {
  if (dollars === undefined) return "on request";
  const { lowest, list } = dollars;
  return lowest === list ? price(list) : `${price(list)} (by volume, at least ${price(lowest)})`;
}

const price = (dollars: number): string =>
  `$${dollars.toLocaleString("en", { minimumFractionDigits: 2, maximumFractionDigits: 2 })}`;

const amountOf = (amount: number): string =>
  amount.toLocaleString(
    "en",
    amount >= 100 ? { maximumFractionDigits: 0 } : { maximumSignificantDigits: 3 },
  );

function table(rows: string[][]): string {
  const [head = [], ...body] = rows;
  const lines = [head, head.map(() => "---"), ...body];
  const cell = (text: string): string => (text === "" ? " " : ` ${text} `);
  return lines.map((cells) => `|${cells.map(cell).join("|")}|`).join("\n");
}
