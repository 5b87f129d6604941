/**
 * The units that each action costs. This table is the only place with these figures: the calculator
 * uses it, and docs/costs.md shows it.
 */

/** The units that Cloudflare bills for an action, apart from times and storage. */
export interface Units {
  rowsWritten: number;
  rowsRead: number;
  /** Alarms that are set. Each costs one written row, and one request when it fires. */
  alarms: number;
  /** Requests of the room. */
  requests: number;
  /** Frames to the room. 20 frames cost one request of the room. */
  frames: number;
  workerRequests: number;
}

export interface Action {
  what: string;
  units: Units;
}

/** Returns units that are 0, except for the given ones. */
export const units = (given: Partial<Units>): Units => ({
  rowsWritten: 0,
  rowsRead: 0,
  alarms: 0,
  requests: 0,
  frames: 0,
  workerRequests: 0,
  ...given,
});

const overHttp = (more: Partial<Units> = {}): Units =>
  units({ requests: 1, workerRequests: 1, ...more });

/**
 * The actions, in the order of the docs. `tests/edge/cost.test.ts` performs each of them on workerd
 * and compares the counts with this table. The comments name the tests that hold the same figure in
 * the simulator.
 */
export const ACTIONS = {
  // billing.rs: room_stats_count_rows_written
  firstAccess: {
    what: "the first access to a room",
    units: overHttp({ rowsWritten: 3, rowsRead: 4, alarms: 1 }),
  },
  // billing.rs: publish_writes_one_row_and_one_more_for_a_key. The same test has a batch, an id, a
  // repeated id and a key.
  publish: {
    what: "a publish over HTTP of one event",
    units: overHttp({ rowsWritten: 1, rowsRead: 1 }),
  },
  batch: { what: "… of 1,000 events", units: overHttp({ rowsWritten: 1, rowsRead: 1 }) },
  publishWithId: {
    what: "… of one event with an id",
    units: overHttp({ rowsWritten: 1, rowsRead: 1 }),
  },
  repeatedId: { what: "… of an id that is already in the log", units: overHttp() },
  publishWithKey: {
    what: "… of one event with a key",
    units: overHttp({ rowsWritten: 2, rowsRead: 1 }),
  },
  delivery: {
    what: "… of one event, delivered to 10 sockets",
    units: overHttp({ rowsWritten: 1, rowsRead: 1 }),
  },
  publishes: {
    what: "20 publishes over a socket",
    units: units({ rowsWritten: 20, rowsRead: 20, frames: 20 }),
  },
  signal: { what: "a signal over HTTP", units: overHttp() },
  signals: { what: "20 signals over a socket", units: units({ frames: 20 }) },
  firstSocket: { what: "the first socket of a room", units: overHttp({ rowsRead: 2, alarms: 1 }) },
  // billing.rs: reading_joining_and_leaving_write_no_row
  socket: { what: "each further socket", units: overHttp() },
  connection: { what: "a connection, without its rooms", units: units({ workerRequests: 1 }) },
  subscription: { what: "a room of a connection", units: units({ requests: 1 }) },
  stream: { what: "a stream (SSE)", units: overHttp({ frames: 1 }) },
  // billing.rs: idle_room_sets_alarms_only_for_token_renewals_and_members
  renewal: { what: "a renewed token of a socket", units: units({ frames: 1 }) },
  pings: { what: "20 pings to a room that hibernates", units: units({}) },
  // billing.rs: load_reads_few_rows_and_none_per_session
  wake: {
    what: "a request that wakes a room with 100 publishes",
    units: overHttp({ rowsRead: 25 }),
  },
  resume: {
    what: "a socket that wakes the room, and resumes 100 publishes",
    units: overHttp({ rowsRead: 138 }),
  },
  // reporting.rs: active_room_reports_at_most_once_in_ten_seconds
  report: {
    what: "a report to the directory, at most one in 10 s",
    units: units({ rowsWritten: 1, rowsRead: 1, requests: 1 }),
  },
  // webhooks.rs: notifications_cost_the_documented_rows
  webhookSession: {
    what: "a session that joins and ends, with a webhook and its delivery",
    units: overHttp({ rowsWritten: 5, rowsRead: 5 }),
  },
  webhookEvent: {
    what: "a publish over HTTP of one event, with `webhook_events` and its delivery",
    units: overHttp({ rowsWritten: 2, rowsRead: 2 }),
  },
} as const satisfies Record<string, Action>;

export type ActionName = keyof typeof ACTIONS;

/**
 * Times in milliseconds, measured by `make bench`. `tools/cost.test.ts` compares them with
 * docs/benchmark.md.
 */
export const TIMES_MS = {
  /** CPU of the worker and the room together for a publish. Section "Publishing over HTTP". */
  publish: 1.158,
  /** CPU of the worker and the room together for a socket. Section "Join storm". */
  socket: 0.66,
  /** CPU to verify a token with HS256. Section "The cost of a token". */
  token: 0.1,
  /** Time of a room to deliver an event to one of its sockets. Section "Large rooms". */
  delivery: 0.0475,
  /** Time of a room to deliver a signal to one of its sockets. Section "Large rooms". */
  signal: 0.00929,
  /** CPU of the worker to forward a frame to a connection. Section "Bridges". */
  connectionFrame: 0.0656,
  /** CPU of the worker to forward a frame to a stream. Section "Bridges". */
  streamFrame: 0.1556,
};

/** Constants of `src/limits.rs`, by their names there. `tools/cost.test.ts` compares them. */
export const LIMITS = {
  /** A session ends no earlier than this after the `exp` of its token. */
  LEEWAY_MS: 30_000,
  /** A room with members sets an alarm about this often. */
  PING_MS: 25_000,
  /** A reader acknowledges this many bytes with one `seen`. */
  SEEN_BYTES: 65_536,
  /** Events within this time, and the time that sending takes, share a frame. */
  FRAME_WINDOW_MS: 10,
  SENDS_PER_MS: 30,
  /** A room that is active reports to the directory once in this time. */
  REPORT_MS: 10_000,
  RETAINED_MS: 259_200_000,
};
