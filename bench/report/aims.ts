/** What Roomcast set out to reach, held against what was measured. */
import type { Figure, Spread, Table } from "./table.ts";

export interface Aim {
  what: string;
  /** The bound, and on which side of it the aim lies. */
  bound: number;
  side: "at most" | "at least";
  unit: "×" | "rows";
  measured: Spread;
}

export const isMet = ({ bound, side, measured }: Aim): boolean =>
  side === "at most" ? measured.median <= bound : measured.median >= bound;

/** Those that can be told from what was measured. */
export function aims(table: Table): Aim[] {
  const all: (Aim | undefined)[] = [];
  const against = (
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
    const what = `CPU of a delivery, ${at}`;
    const of = (other: string, bound: number, name: string): void =>
      against(
        `${what}, against ${name}`,
        "paced",
        at,
        ["roomcast", other],
        perDelivery,
        "at most",
        bound,
      );
    of("plain", 1, "the plain object");
    of("partyserver", 0.8, "partyserver");
  }
  const delivered: Figure = ({ deliveries_per_s }) => deliveries_per_s!;
  for (const [other, name, bound] of [
    ["plain", "the plain object", 10],
    ["socketio", "Socket.IO", 3],
    ["ws", "ws", 3],
  ] as const) {
    const what = `burst, events delivered a second, against ${name}`;
    against(what, "burst", undefined, ["roomcast", other], delivered, "at least", bound);
  }
  const storm = "reconnect storm, quicker than Socket.IO's recovery";
  const whole: Figure = ({ whole_ms }) => whole_ms!;
  against(storm, "storm", undefined, ["socketio", "roomcast"], whole, "at least", 5);
  for (const [at, what, bound] of [
    ["single", "rows for a million single events", 1e6],
    ["batches of 100", "rows for a million events in batches of 100", 1e4],
  ] as const) {
    const rows: Figure = ({ rows_per_million_events }) => rows_per_million_events!;
    const measured = table.spread("rows", at, "roomcast", rows);
    all.push(measured && { what, bound, side: "at most", unit: "rows", measured });
  }
  const waking = "a wake, against the plain object";
  const wake = (what: string, figure: Figure): void =>
    against(`${waking}: ${what}`, "wake", undefined, ["roomcast", "plain"], figure, "at most", 2);
  wake("to deliver an event to all", ({ deliver_ms }) => deliver_ms!);
  wake("to answer a read", ({ read_ms }) => read_ms!);
  return all.filter((aim) => aim !== undefined);
}
