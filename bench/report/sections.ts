/** Text and table columns of each scenario in the report. */
import type { Figure } from "./table.ts";

export interface Column {
  title: string;
  figure: Figure;
  /** Whether a lower or a higher figure is better. Set only if the column has a picture. */
  plot?: "less" | "more";
}

export interface Section {
  scenario: string;
  title: string;
  text: string;
  /**
   * Meaning of the rows of a table. By default, each part of the scenario has a table with a row
   * for each peer. With `parts`, one table has a row for each part: only Roomcast is shown.
   */
  rows?: "parts";
  columns: readonly Column[];
}

const verifying_us: Figure = ({ first_use_us_per_publish, again_us_per_publish }) =>
  first_use_us_per_publish! - again_us_per_publish!;

const cpu = (title: string, figure: Figure): Column => ({ title, figure, plot: "less" });

export const sections: readonly Section[] = [
  {
    scenario: "paced",
    title: "Paced fan-out",
    text: "One publisher in the room sends events of 120 bytes over its socket, one at a time, with a pause after each event. Before the measurement, 200 events are sent to the first 100 sockets, and then the other sockets join. The measurement begins when the joins have settled: the server's process has used no CPU for 200 ms. The time runs from the send until the last socket has received the event. CPU is the CPU time of the server for each event on each socket. Memory is the growth of the server's process for each socket beyond the first 100, also after the joins have settled.",
    columns: [
      { title: "p50, ms", figure: ({ p50_ms }) => p50_ms! },
      { title: "p95, ms", figure: ({ p95_ms }) => p95_ms! },
      { title: "p99, ms", figure: ({ p99_ms }) => p99_ms!, plot: "less" },
      cpu("CPU, µs per delivery", ({ server_us_per_delivery }) => server_us_per_delivery!),
      {
        title: "memory, kB per socket",
        figure: ({ memory_bytes_per_socket }) => memory_bytes_per_socket! / 1000,
      },
    ],
  },
  {
    scenario: "burst",
    title: "Burst fan-out",
    text: "The room has 500 sockets. The publisher writes 200 events to its socket in one burst, and waits until every socket has received them. There are four bursts, with a pause before each burst.",
    columns: [
      {
        title: "events delivered per second",
        figure: ({ deliveries_per_s }) => deliveries_per_s!,
        plot: "more",
      },
      cpu("CPU, µs per delivery", ({ server_us_per_delivery }) => server_us_per_delivery!),
      { title: "events per frame", figure: ({ events_per_frame }) => events_per_frame! },
    ],
  },
  {
    scenario: "publish",
    title: "Publishing over HTTP",
    text: "Each publisher has its own connection, and sends its next request when the previous one is answered. The room has no subscribers. Before the measurements with single events, 32 publishers send 3,000 requests, for at most 5 s. Before those with batches, they send 1,000 requests. So the JIT has compiled the code of every peer. Each measurement takes 2 s. Roomcast verifies a signed token for each request, and the token is the same each time. An answer from a peer without storage means only that the server has received the event.",
    columns: [
      {
        title: "publishes per second",
        figure: ({ publishes_per_s }) => publishes_per_s!,
        plot: "more",
      },
      { title: "events per second", figure: ({ events_per_s }) => events_per_s! },
      {
        title: "CPU, µs per publish",
        figure: ({ server_us_per_publish }) => server_us_per_publish!,
      },
    ],
  },
  {
    scenario: "token",
    title: "The cost of a token",
    text: "Eight publishers send single events over HTTP, as in the previous section. Each request of the first column has a token that the worker has never received, so the worker must verify the token. The requests of the second column all have one token, which the worker has verified before. The difference is the cost of verifying a token. Its share is relative to a publish with a new token. All tokens are signed before the measurement. The key of RS256 has 2,048 bits. Only Roomcast has tokens.",
    rows: "parts",
    columns: [
      {
        title: "first use, µs of CPU per publish",
        figure: ({ first_use_us_per_publish }) => first_use_us_per_publish!,
      },
      {
        title: "same token again, µs of CPU per publish",
        figure: ({ again_us_per_publish }) => again_us_per_publish!,
      },
      { title: "verifying, µs", figure: verifying_us },
      {
        title: "verifying, % of the first use",
        figure: (figures) => (verifying_us(figures) * 100) / figures.first_use_us_per_publish!,
      },
    ],
  },
  {
    scenario: "storm",
    title: "Reconnect storm",
    text: "2,000 clients join a room and disconnect. Then 100 events are published, and the clients reconnect at the same time. The time runs until the last client has received all 100 events. Peers without recovery are not measured.",
    columns: [
      {
        title: "until all have caught up, ms",
        figure: ({ caught_up_ms }) => caught_up_ms!,
        plot: "less",
      },
      cpu("CPU, µs per client", ({ server_us_per_client }) => server_us_per_client!),
    ],
  },
  {
    scenario: "join",
    title: "Join storm",
    text: "1,000 clients join and disconnect. When the server is idle again, 2,000 new clients connect at the same time. The time runs until the last client has joined the room. Roomcast verifies a signed token for each client. The token is the same each time.",
    columns: [
      { title: "until all have joined, ms", figure: ({ joined_ms }) => joined_ms!, plot: "less" },
      cpu("CPU, µs per client", ({ server_us_per_client }) => server_us_per_client!),
    ],
  },
  {
    scenario: "presence",
    title: "Presence",
    text: "300 members stay and are notified of every change, while 50 others enter and leave ten times. As set up here, only Roomcast has presence.",
    columns: [
      {
        title: "CPU, µs per change and member",
        figure: ({ server_us_per_notification }) => server_us_per_notification!,
      },
      {
        title: "bytes per change and member",
        figure: ({ bytes_per_notification }) => bytes_per_notification!,
      },
    ],
  },
  {
    scenario: "large",
    title: "Large rooms",
    rows: "parts",
    text: "The costs of a room by its number of sockets. First, events are published in bursts of 50. Each burst begins when every socket has received the previous burst. Then events are published one at a time, with a pause after each event. These single events are measured again while one client sends 50 signals a second, the default rate limit of a client. Finally, all clients enter at the same time. The table shows the CPU for each entry, and the kB sent to all members for each entry. A room may have at most 1,000 members by default.",
    columns: [
      { title: "events per second, in bursts", figure: ({ events_per_s }) => events_per_s! },
      { title: "CPU, ms per single event", figure: ({ event_cpu_ms }) => event_cpu_ms! },
      { title: "p50 of a single event, ms", figure: ({ event_p50_ms }) => event_p50_ms! },
      {
        title: "… while one client sends signals",
        figure: ({ event_p50_while_signalling_ms }) => event_p50_while_signalling_ms!,
      },
      { title: "CPU, ms per signal", figure: ({ signal_cpu_ms }) => signal_cpu_ms! },
      { title: "CPU, ms per entry", figure: ({ enter_cpu_ms }) => enter_cpu_ms! },
      { title: "kB sent per entry", figure: ({ enter_kb }) => enter_kb! },
    ],
  },
  {
    scenario: "bridge",
    title: "Bridges",
    text: "20 readers subscribe to 100 rooms each. Three kinds of readers are measured: with one socket for each room, with one connection for all rooms, and with one stream of Server-Sent Events for each room. Each reader receives 12 events from each room, after 3 events as a warm-up. The cost of publishing without readers is measured in the same way, and is subtracted.",
    columns: [
      { title: "own socket, µs per frame", figure: ({ own_us_per_frame }) => own_us_per_frame! },
      {
        title: "one connection, µs per frame",
        figure: ({ connection_us_per_frame }) => connection_us_per_frame!,
      },
      {
        title: "… relative to the own socket",
        figure: ({ connection_us_per_frame, own_us_per_frame }) =>
          connection_us_per_frame! / own_us_per_frame!,
      },
      { title: "stream, µs per frame", figure: ({ stream_us_per_frame }) => stream_us_per_frame! },
      {
        title: "… relative to the own socket",
        figure: ({ stream_us_per_frame, own_us_per_frame }) =>
          stream_us_per_frame! / own_us_per_frame!,
      },
    ],
  },
  {
    scenario: "pusher",
    title: "Pusher's clients",
    text: "Roomcast and Sockudo speak Pusher's protocol 7. A script of pusher-js and of Pusher's SDK for Node uses each kind of channel, client events, presence, refusals and the sign-in of users. It must receive the same from both, or the measurement fails. Then a backend triggers events of 120 bytes with one request each, on one private channel, with a pause after each event. The other conditions are those of the paced fan-out. Roomcast stores each event before it answers the request, and sends it twice: from the room to the worker, which translates it, and from there to the client. Sockudo stores none, and sends it once.",
    columns: [
      { title: "equal results of the script", figure: ({ script_results }) => script_results! },
      { title: "p50, ms", figure: ({ p50_ms }) => p50_ms! },
      { title: "p95, ms", figure: ({ p95_ms }) => p95_ms! },
      {
        title: "CPU, µs per delivery",
        figure: ({ server_us_per_delivery }) => server_us_per_delivery!,
      },
      {
        title: "memory, kB per socket",
        figure: ({ memory_bytes_per_socket }) => memory_bytes_per_socket! / 1000,
      },
    ],
  },
  {
    scenario: "wake",
    title: "Waking",
    text: "A hibernating room has 10,000 sockets, or fewer if the machine's limit on open files requires it. 100,000 events have been published to the room. Two kinds of requests that wake the room are measured: a read of a few bytes, and a publish that is delivered to every socket. The plain object retains only the newest 1,000 events.",
    columns: [
      { title: "sockets", figure: ({ sockets }) => sockets! },
      { title: "read, ms", figure: ({ read_ms }) => read_ms! },
      { title: "publish, ms", figure: ({ deliver_ms }) => deliver_ms!, plot: "less" },
      { title: "publish while active, ms", figure: ({ deliver_active_ms }) => deliver_active_ms! },
      { title: "CPU of read, ms", figure: ({ read_cpu_ms }) => read_cpu_ms! },
      { title: "CPU of publish, ms", figure: ({ deliver_cpu_ms }) => deliver_cpu_ms! },
    ],
  },
  {
    scenario: "slow",
    title: "Stalled readers",
    text: "20 readers stop reading while events of 1 kB are published in batches of 100. Roomcast's readers use flow control, as the client package does: 200 readers, 50,000 events. The other peers send a frame for each event, so they are measured with 24 readers and 10,000 events. Memory is the maximum growth of the process, compared with a run without stalled readers. The delay of the other readers is also compared with that run.",
    columns: [
      { title: "published, MB", figure: ({ bytes_published }) => bytes_published! / 1e6 },
      {
        title: "memory, MB per stalled reader",
        figure: ({ memory_bytes_per_stalled }) => memory_bytes_per_stalled! / 1e6,
      },
      { title: "delay of the others, p95, ms", figure: ({ p95_ms }) => p95_ms! },
      {
        title: "… relative to no stalled readers",
        figure: ({ p95_ms, p95_without_ms }) => p95_ms! / p95_without_ms!,
      },
    ],
  },
  {
    scenario: "rows",
    title: "Billed rows",
    text: "The benchmark publishes a few thousand events, counts the rows written, and scales them to a million events. Cloudflare bills $1.00 for a million rows.",
    columns: [
      { title: "events", figure: ({ events }) => events! },
      { title: "rows", figure: ({ rows }) => rows! },
      {
        title: "rows per million events",
        figure: ({ rows_per_million_events }) => rows_per_million_events!,
      },
    ],
  },
  {
    scenario: "idle",
    title: "Idle rooms",
    text: "A room has 1,000 sockets and no events. Its clients send the heartbeats of the peer's protocol. The figures per hour are scaled from the observed time. To count wakes, the benchmark makes the room hibernate, and checks once a second whether it is active again. Peers on Node and native peers never hibernate.",
    columns: [
      { title: "observed, s", figure: ({ observed_s }) => observed_s! },
      {
        title: "bytes per socket and hour",
        figure: ({ bytes_per_socket_and_hour }) => bytes_per_socket_and_hour!,
      },
      { title: "wakes", figure: ({ wakes }) => wakes! },
      { title: "CPU, s per hour", figure: ({ server_cpu_s_per_hour }) => server_cpu_s_per_hour! },
    ],
  },
  {
    scenario: "start",
    title: "Startup",
    text: "The time runs from the start of the process until its first publish is answered. On workerd, the difference from the plain object is the start of the worker itself.",
    columns: [
      { title: "ms", figure: ({ started_ms }) => started_ms! },
      { title: "CPU, ms", figure: ({ server_cpu_ms }) => server_cpu_ms! },
      { title: "memory, MB", figure: ({ memory_bytes }) => memory_bytes! / 1e6 },
    ],
  },
];
