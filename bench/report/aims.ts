/** Roomcast's performance aims, and the measurements that show whether they are met. */
import type { Results } from "../results.ts";
import type { Figure, Spread, Table } from "./table.ts";

interface Bound {
  what: string;
  bound: number;
  /** Whether the bound is a maximum or a minimum. */
  side: "at most" | "at least";
  unit: "×" | "rows" | "kB";
}

export interface Aim extends Bound {
  measured: Spread;
}

export const isMet = ({ bound, side, measured }: Aim): boolean =>
  side === "at most" ? measured.median <= bound : measured.median >= bound;

/** Returns the aims for which the results have measurements. */
export const aims = (table: Table, worker: Results["worker"]): Aim[] =>
  AIMS.flatMap(({ measure, ...bound }) => {
    const measured = measure(table, worker);
    return measured ? [{ ...bound, measured }] : [];
  });

type Measure = (table: Table, worker: Results["worker"]) => Spread | undefined;

const toPlain =
  (scenario: string, figure: Figure, at?: string): Measure =>
  (table) =>
    table.ratio(scenario, at, ["roomcast", "plain"], figure);

const own =
  (scenario: string, figure: Figure, at?: string): Measure =>
  (table) =>
    table.spread(scenario, at, "roomcast", figure);

const PLAIN = "relative to the plain object";

const atMost = (bound: number, what: string, measure: Measure, unit: Bound["unit"] = "×") => {
  return { what, bound, side: "at most", unit, measure } as const;
};
const atLeast = (bound: number, what: string, measure: Measure) => {
  return { what, bound, side: "at least", unit: "×", measure } as const;
};

const perPublish: Figure = ({ server_us_per_publish }) => server_us_per_publish!;
const perDelivery: Figure = ({ server_us_per_delivery }) => server_us_per_delivery!;
const perMillion: Figure = ({ rows_per_million_events }) => rows_per_million_events!;

const AIMS: readonly (Bound & { measure: Measure })[] = [
  ...[["1 publisher", 1.25] as const, ["32 publishers", 1.1] as const].map(([at, bound]) =>
    atMost(
      bound,
      `CPU per HTTP publish, ${at}, ${PLAIN}`,
      toPlain("publish", perPublish, `${at}, single`),
    ),
  ),
  atMost(
    1.35,
    `CPU per join, ${PLAIN}`,
    toPlain("join", ({ server_us_per_client }) => server_us_per_client!),
  ),
  atLeast(3.5, "reconnect storm: speedup over Socket.IO's recovery", (table) =>
    table.ratio("storm", undefined, ["socketio", "roomcast"], ({ caught_up_ms }) => caught_up_ms!),
  ),
  atMost(
    1.08,
    `memory per socket, 5,000 sockets, ${PLAIN}`,
    toPlain("paced", ({ memory_bytes_per_socket }) => memory_bytes_per_socket!, "5000 sockets"),
  ),
  atMost(
    2,
    "CPU per frame over a connection for many rooms, relative to the room's own socket",
    own("bridge", (figures) => figures.connection_us_per_frame! / figures.own_us_per_frame!),
  ),
  atMost(
    3,
    "CPU per frame over a stream, relative to the room's own socket",
    own("bridge", (figures) => figures.stream_us_per_frame! / figures.own_us_per_frame!),
  ),
  ...[100, 1000, 5000].map((sockets) =>
    atMost(
      1.05,
      `CPU per delivery, ${sockets.toLocaleString("en")} sockets, ${PLAIN}`,
      toPlain("paced", perDelivery, `${sockets} sockets`),
    ),
  ),
  atLeast(
    40,
    `burst: events delivered per second, ${PLAIN}`,
    toPlain("burst", ({ deliveries_per_s }) => deliveries_per_s!),
  ),
  atMost(
    340,
    "upload of a deploy, gzipped",
    (_, worker) => {
      const kb = worker?.gzipped_kb;
      return kb === undefined ? undefined : { median: kb, min: kb, max: kb };
    },
    "kB",
  ),
  atMost(1e6, "rows for a million single events", own("rows", perMillion, "single"), "rows"),
  atMost(
    1e4,
    "rows for a million events in batches of 100",
    own("rows", perMillion, "batches of 100"),
    "rows",
  ),
  atMost(
    2,
    `wake: time to deliver an event to all sockets, ${PLAIN}`,
    toPlain("wake", ({ deliver_ms }) => deliver_ms!),
  ),
  atMost(
    2,
    `wake: time to answer a read, ${PLAIN}`,
    toPlain("wake", ({ read_ms }) => read_ms!),
  ),
];
