/** What the report says of each scenario, and which figures it shows. */
import type { Figure } from "./table.ts";

export interface Column {
  title: string;
  figure: Figure;
  /** Whether it is drawn, and on which side of the plain object is better. */
  plot?: "less" | "more";
}

export interface Section {
  scenario: string;
  title: string;
  text: string;
  columns: readonly Column[];
}

const cpu = (title: string, figure: Figure): Column => ({ title, figure, plot: "less" });

export const sections: readonly Section[] = [
  {
    scenario: "paced",
    title: "Paced fan-out",
    text: "One publisher in the room sends events of 120 bytes over its socket, one at a time with pauses between. The time is from there to the last socket that gets the event; the CPU is the server's, for each event on each socket; the memory is what the process grew by as the sockets came (of those beyond the first 100).",
    columns: [
      { title: "p50, ms", figure: ({ p50_ms }) => p50_ms! },
      { title: "p95, ms", figure: ({ p95_ms }) => p95_ms! },
      { title: "p99, ms", figure: ({ p99_ms }) => p99_ms!, plot: "less" },
      cpu("CPU, µs a delivery", ({ server_us_per_delivery }) => server_us_per_delivery!),
      {
        title: "memory, kB a socket",
        figure: ({ memory_bytes_per_socket }) => memory_bytes_per_socket! / 1000,
      },
    ],
  },
  {
    scenario: "burst",
    title: "Burst fan-out",
    text: "500 sockets; the publisher writes 200 events to its socket at once, and waits until everybody has them; six times, each after a pause.",
    columns: [
      {
        title: "events delivered a second",
        figure: ({ deliveries_per_s }) => deliveries_per_s!,
        plot: "more",
      },
      cpu("CPU, µs a delivery", ({ server_us_per_delivery }) => server_us_per_delivery!),
      { title: "events a frame", figure: ({ events_per_frame }) => events_per_frame! },
    ],
  },
  {
    scenario: "publish",
    title: "Publishing over HTTP",
    text: "Publishers with a connection each send their next request when the last is answered; nobody follows. Where a peer promises no storage, its answer says only that the event was taken.",
    columns: [
      {
        title: "publishes a second",
        figure: ({ publishes_per_s }) => publishes_per_s!,
        plot: "more",
      },
      { title: "events a second", figure: ({ events_per_s }) => events_per_s! },
      { title: "CPU, µs a publish", figure: ({ server_us_per_publish }) => server_us_per_publish! },
    ],
  },
  {
    scenario: "storm",
    title: "Reconnect storm",
    text: "2,000 clients were there, went, and come back at once, each 100 events behind: the time until the last of them has all 100. Whoever has no recovery is not in it.",
    columns: [
      { title: "until all are whole, ms", figure: ({ whole_ms }) => whole_ms!, plot: "less" },
      cpu("CPU, µs a client", ({ server_us_per_client }) => server_us_per_client!),
    ],
  },
  {
    scenario: "join",
    title: "Join storm",
    text: "2,000 clients come at once, new to the room: until the last is in it. Roomcast checks a signed token for each.",
    columns: [
      { title: "until all are in, ms", figure: ({ joined_ms }) => joined_ms!, plot: "less" },
      cpu("CPU, µs a client", ({ server_us_per_client }) => server_us_per_client!),
    ],
  },
  {
    scenario: "presence",
    title: "Presence",
    text: "300 members stay and hear of everybody, 50 come and go ten times. Of the peers as they are set up here, only Roomcast tells who is there.",
    columns: [
      {
        title: "CPU, µs a change and member",
        figure: ({ server_us_per_change_heard }) => server_us_per_change_heard!,
      },
      {
        title: "bytes a change and member",
        figure: ({ bytes_per_change_heard }) => bytes_per_change_heard!,
      },
    ],
  },
  {
    scenario: "large",
    title: "Large rooms",
    text: "What a room takes by its size. Events a second are those of bursts of 50, each of which begins when everybody has the last. Then events come one at a time, with pauses between; then the same while one client sends 50 signals a second, as many as a client may by default. At last everybody enters at once: what each entry costs, and what is sent for it to all together (up to 1,000 members, the default limit).",
    columns: [
      { title: "events a second, in bursts", figure: ({ events_per_s }) => events_per_s! },
      { title: "CPU, ms an event alone", figure: ({ event_cpu_ms }) => event_cpu_ms! },
      { title: "its p50, ms", figure: ({ event_p50_ms }) => event_p50_ms! },
      {
        title: "… while one client signals",
        figure: ({ event_p50_while_signalling_ms }) => event_p50_while_signalling_ms!,
      },
      { title: "CPU, ms a signal", figure: ({ signal_cpu_ms }) => signal_cpu_ms! },
      { title: "CPU, ms a member who enters", figure: ({ enter_cpu_ms }) => enter_cpu_ms! },
      { title: "kB sent for it", figure: ({ enter_kb }) => enter_kb! },
    ],
  },
  {
    scenario: "bridge",
    title: "Bridges",
    text: "20 readers follow 100 rooms each: over a socket for each room, over one connection for all, and over a stream of Server-Sent Events for each. What publishing costs without any reader is taken off.",
    columns: [
      { title: "own socket, µs a frame", figure: ({ own_us_per_frame }) => own_us_per_frame! },
      {
        title: "one connection, µs",
        figure: ({ connection_us_per_frame }) => connection_us_per_frame!,
      },
      {
        title: "… against the own socket",
        figure: ({ connection_us_per_frame, own_us_per_frame }) =>
          connection_us_per_frame! / own_us_per_frame!,
      },
      { title: "stream, µs", figure: ({ stream_us_per_frame }) => stream_us_per_frame! },
      {
        title: "… against the own socket",
        figure: ({ stream_us_per_frame, own_us_per_frame }) =>
          stream_us_per_frame! / own_us_per_frame!,
      },
    ],
  },
  {
    scenario: "wake",
    title: "Waking",
    text: "A room that has slept, with as many sockets as the machine's limit on open files allows (10,000 at most) and 100,000 events published into it, is asked for a few bytes, and to deliver an event to everybody. The plain object keeps the newest 1,000 of them.",
    columns: [
      { title: "sockets", figure: ({ sockets }) => sockets! },
      { title: "read, ms", figure: ({ read_ms }) => read_ms! },
      { title: "publish, ms", figure: ({ deliver_ms }) => deliver_ms!, plot: "less" },
      { title: "the same awake, ms", figure: ({ deliver_awake_ms }) => deliver_awake_ms! },
      { title: "CPU of read, ms", figure: ({ read_cpu_ms }) => read_cpu_ms! },
      { title: "CPU of publish, ms", figure: ({ deliver_cpu_ms }) => deliver_cpu_ms! },
    ],
  },
  {
    scenario: "slow",
    title: "Readers that stand still",
    text: "20 readers stand still while events of 1 kB are published in batches of 100. Roomcast's readers use flow control, as the client package does: 200 readers, 50,000 events. To the others, each event is a frame, so they have 24 readers and 20,000 events. Memory is the most that the process grew by, against a run in which nobody stands still; and the others' delay is compared with that run's.",
    columns: [
      { title: "published, MB", figure: ({ bytes_published }) => bytes_published! / 1e6 },
      {
        title: "memory, MB for each that stands still",
        figure: ({ memory_bytes_per_still }) => memory_bytes_per_still! / 1e6,
      },
      { title: "delay of the others, p95, ms", figure: ({ p95_ms }) => p95_ms! },
      {
        title: "… against nobody standing still",
        figure: ({ p95_ms, p95_without_ms }) => p95_ms! / p95_without_ms!,
      },
    ],
  },
  {
    scenario: "rows",
    title: "Rows that are billed",
    text: "Rows that were written for some thousand events, reckoned up to a million. Cloudflare bills $1.00 for a million rows.",
    columns: [
      { title: "events", figure: ({ events }) => events! },
      { title: "rows", figure: ({ rows }) => rows! },
      {
        title: "rows for a million events",
        figure: ({ rows_per_million_events }) => rows_per_million_events!,
      },
    ],
  },
  {
    scenario: "idle",
    title: "Idling",
    text: "1,000 sockets in a room in which nothing happens, with the heartbeats that each peer's clients have; reckoned up from the time observed. Wakes are those of a room that was put to sleep before: it was looked at once a second. A process on Node or of its own never sleeps.",
    columns: [
      { title: "observed, s", figure: ({ observed_s }) => observed_s! },
      {
        title: "bytes a socket and hour",
        figure: ({ bytes_per_socket_and_hour }) => bytes_per_socket_and_hour!,
      },
      { title: "wakes", figure: ({ wakes }) => wakes! },
      { title: "CPU, s an hour", figure: ({ server_cpu_s_per_hour }) => server_cpu_s_per_hour! },
    ],
  },
  {
    scenario: "start",
    title: "Starting",
    text: "From the start of the process to the answer to its first publish. On workerd, what is above the plain object is the worker's own start.",
    columns: [
      { title: "ms", figure: ({ started_ms }) => started_ms! },
      { title: "CPU, ms", figure: ({ server_cpu_ms }) => server_cpu_ms! },
      { title: "memory, MB", figure: ({ memory_bytes }) => memory_bytes! / 1e6 },
    ],
  },
];
