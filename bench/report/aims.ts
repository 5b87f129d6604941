/** Roomcast's performance aims, and the measurements that show whether they are met. */
import type { Figure, Spread, Table } from "./table.ts";

export interface Aim {
  what: string;
  bound: number;
  /** Whether the bound is a maximum or a minimum. */
  side: "at most" | "at least";
  unit: "×" | "rows";
  measured: Spread;
}

export const isMet = ({ bound, side, measured }: Aim): boolean =>
  side === "at most" ? measured.median <= bound : measured.median >= bound;

/** Returns the aims for which the results have measurements. */
export function aims(table: Table): Aim[] {
  const all: (Aim | undefined)[] = [];
  const compare = (
    what: string,
    scenario: string,
    at: string | undefined,
    [peer, other]: readonly [string, string],
    figure: Figure,
    side: Aim["side"],
    bound: number,
  ): void => {
    const measured = table.ratio(scenario, at, [peer, other], figure);
    all.push(measured && { what, bound, side, unit: "×", measured });
  };
  const perDelivery: Figure = ({ server_us_per_delivery }) => server_us_per_delivery!;
  for (const at of table.parts("paced")) {
    const what = `CPU per delivery, ${at}`;
    const compareWith = (other: string, bound: number, name: string): void =>
      compare(
        `${what}, relative to ${name}`,
        "paced",
        at,
        ["roomcast", other],
        perDelivery,
        "at most",
        bound,
      );
    compareWith("plain", 1, "the plain object");
    compareWith("partyserver", 0.8, "partyserver");
  }
  const delivered: Figure = ({ deliveries_per_s }) => deliveries_per_s!;
  for (const [other, name, bound] of [
    ["plain", "the plain object", 10],
    ["socketio", "Socket.IO", 3],
    ["ws", "ws", 3],
  ] as const) {
    const what = `burst: events delivered per second, relative to ${name}`;
    compare(what, "burst", undefined, ["roomcast", other], delivered, "at least", bound);
  }
  const storm = "reconnect storm: speedup over Socket.IO's recovery";
  const caughtUp: Figure = ({ caught_up_ms }) => caught_up_ms!;
  compare(storm, "storm", undefined, ["socketio", "roomcast"], caughtUp, "at least", 5);
  for (const [at, what, bound] of [
    ["single", "rows for a million single events", 1e6],
    ["batches of 100", "rows for a million events in batches of 100", 1e4],
  ] as const) {
    const rows: Figure = ({ rows_per_million_events }) => rows_per_million_events!;
    const measured = table.spread("rows", at, "roomcast", rows);
    all.push(measured && { what, bound, side: "at most", unit: "rows", measured });
  }
  const wake = (what: string, figure: Figure): void => {
    const title = `wake: ${what}, relative to the plain object`;
    compare(title, "wake", undefined, ["roomcast", "plain"], figure, "at most", 2);
  };
  wake("time to deliver an event to all sockets", ({ deliver_ms }) => deliver_ms!);
  wake("time to answer a read", ({ read_ms }) => read_ms!);
  return all.filter((aim) => aim !== undefined);
}
