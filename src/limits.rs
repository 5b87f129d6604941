//! All limits. docs/limits.md lists the limits, and a test compares that list
//! with this file. Sizes are in bytes, lengths are in characters (Unicode code
//! points), and times are in milliseconds.

pub const ROOM_NAME: usize = 200;
/// Maximum length of a room's name that an `error` repeats. An invalid name is
/// also repeated, exactly as the client sent it.
pub const ECHOED_ROOM: usize = 200;
pub const NAME: usize = 200;
pub const KEY: usize = 256;
pub const ID: usize = 128;
pub const ORIGIN: usize = 128;
pub const REF: usize = 128;
pub const USER: usize = 128;

/// Maximum size of an event's `data`, as the publisher wrote it.
pub const DATA_BYTES: usize = 256 * KIB;
/// Maximum size of a frame to the room, or of an HTTP body.
pub const BODY_BYTES: usize = MIB;
/// Maximum number of levels of nested arrays and objects in `data`. Many JSON
/// parsers limit the depth, or crash at some depth. All common parsers support
/// this many levels.
pub const DATA_LEVELS: usize = 64;
pub const EVENTS_IN_A_PUBLISH: usize = 1_000;
pub const ROOMS_IN_A_PUBLISH: usize = 40;
/// Maximum size of a token. A longer token is rejected before it is parsed.
pub const TOKEN_BYTES: usize = 8 * KIB;
/// Maximum number of rules in `ROOM_GRANTS`. Each rule reads the claims of a
/// token, and adds patterns to the rights of the token.
pub const GRANT_RULES: usize = 50;
/// Maximum number of elements that a rule of `ROOM_GRANTS` reads from a list in
/// a token. The rule ignores further elements.
pub const CLAIM_ELEMENTS: usize = 100;

/// Maximum total size of the events in one frame. A larger event is sent in a
/// frame of its own.
pub const FRAME_EVENTS_BYTES: usize = 256 * KIB;
/// A room can send a frame to at least this number of sessions within 1 ms. A
/// room combines events for `frame_window_ms`, and signals for `FLUSH_MS`.
/// These windows are extended by the time that sending takes. For example,
/// after a frame to 600 sessions, the window is 20 ms longer.
pub const SENDS_PER_MS: u64 = 30;
/// Maximum size of a signal's `data`.
pub const SIGNAL_BYTES: usize = 16 * KIB;
/// Duration of a flush window. The first signal that a session sends under a name
/// is sent immediately. Later signals with this name in the same window replace
/// each other, and the newest is sent at the end of the window. Changes of the
/// members that wait for the end of a window are combined into one change.
pub const FLUSH_MS: u64 = 50;
/// Maximum number of different signal names that one session may use within a
/// flush window.
pub const SIGNAL_NAMES: usize = 16;
/// Maximum number of copies that a room sends within a flush window. Copies of
/// signals and copies of frames about members count together. For each
/// receiver, a text counts as one copy. Each full `COPY_BYTES` of the text's
/// length counts as one more copy. Sending this many copies takes about as long
/// as the window.
pub const WINDOW_COPIES: u64 = FLUSH_MS * SENDS_PER_MS;
pub const COPY_BYTES: usize = 16 * KIB;
/// Maximum total size of the signals that one session receives within a flush
/// window.
pub const WINDOW_BYTES: usize = 256 * KIB;
/// Maximum number of signals that wait in a room for a later flush window.
pub const SIGNALS_QUEUED: usize = 10_000;
pub const SIGNALS_QUEUED_BYTES: usize = 4 * MIB;
/// Maximum number of bytes that may wait to be written to a session's socket. A
/// session with this many waiting bytes or more counts as a session that does not
/// read. The
/// room sends this session no signals and no changes of the members. The room
/// still sends answers, but it closes the session after this many bytes of
/// answers.
pub const UNSENT_BYTES: usize = MIB;
/// Maximum number of rooms on one connection.
pub const ROOMS_ON_A_CONNECTION: usize = 100;
/// Maximum number of frames for one room that may wait on a connection until
/// the room answers the `subscribe`.
pub const WAITING_FRAMES: usize = 100;
/// Maximum total size of all frames that wait on a connection, for all of its
/// rooms together.
pub const WAITING_BYTES: usize = MIB;
/// Maximum number of times per second that a connection may subscribe,
/// unsubscribe or send a token.
pub const CHANGES_PER_SECOND: u64 = 50;
/// Maximum number of times that a connection may subscribe, unsubscribe or send
/// a token in one burst.
pub const CHANGES_BURST: u64 = 100;
/// The minimum time between two pings that a connection forwards to its rooms.
/// Pings are limited, since a forwarded ping is one frame to each room.
pub const PINGS_FORWARDED_EVERY_MS: u64 = 1_000;
/// The flow control window of a bridge. This window is smaller than the window
/// of a session's own socket, since one isolate of the worker serves many
/// bridges.
pub const BRIDGE_WINDOW_BYTES: u64 = 256 * KIB as u64;
/// Maximum number of bytes that the client of a connection for many rooms may
/// leave unread. Beyond this number, the connection pauses its rooms and drops
/// signals.
pub const CONNECTION_WINDOW_BYTES: u64 = MIB as u64;
/// The interval at which a connection checks how many bytes the client has not
/// read yet.
pub const UNREAD_CHECK_MS: u64 = 250;
/// Each time the reader of a stream has read this many bytes, the worker reports
/// them to the room. A client with a socket of its own does the same: it reports
/// a quarter of the window. Frames that wait for the reader are combined into
/// one chunk until the chunk has this size.
pub const SEEN_BYTES: usize = 64 * KIB;
/// Maximum number of characters in frames without flow control that may wait
/// for the reader of a stream. These frames are signals and changes of the
/// members. If a frame arrives when this limit is reached, the stream is
/// closed.
pub const UNREAD_CHARACTERS: u32 = 1_000_000;
/// Maximum size of the presence data of a session.
pub const PRESENCE_BYTES: usize = 2 * KIB;
/// Maximum total size of all members of a room.
pub const MEMBERS_BYTES: usize = 16 * MIB;
/// Maximum total size of the members in one frame of the list of members. A
/// larger member is sent in a frame of its own.
pub const MEMBERS_PAGE_BYTES: usize = 256 * KIB;
/// Grace period of a member whose session disconnected. After this time, the
/// member is removed.
pub const GRACE_MS: u64 = 10_000;
/// A session that entered is closed if no frame and no ping arrives for this
/// time: two ping periods.
pub const PING_TIMEOUT_MS: u64 = 2 * PING_MS;
/// The precision of the ping timeout. The record of a frame counts as activity
/// for this long. So
/// frames rewrite the session's attachment at most once in this time. A check for
/// timeouts postpones the timeouts of the other sessions to at least this long
/// from now. So the room checks at most once in this time.
pub const LIVENESS_RESOLUTION_MS: u64 = 2_500;
/// Maximum total size of the members that one socket's attachment can carry for
/// sessions that lost their sockets. The whole attachment stays below 8 KiB,
/// which is half of the platform's limit. If one letter of a text is not in
/// Latin-1, the platform stores every letter of this text with two bytes.
pub const CARRIED_BYTES: usize = 3 * KIB;
/// The interval between two comments in a stream of Server-Sent Events.
pub const COMMENT_MS: u64 = 25_000;
/// Maximum time for a room to send the start of a stream. The same maximum
/// applies to the time until the reader begins to read the stream.
pub const STREAM_START_TIMEOUT_MS: u64 = 10_000;
/// Maximum time that the worker waits for events before it answers with a page
/// (`wait`).
pub const WAIT_MS: u64 = 30_000;
/// Maximum total size of the events in a page. A page ends before it exceeds
/// this size, but has at least one event.
pub const PAGE_BYTES: usize = MIB;
pub const PAGE_EVENTS: u64 = 1_000;
pub const PAGE_EVENTS_DEFAULT: u64 = 100;

/// Maximum time that a socket may take to send a token in its first frame.
pub const FIRST_FRAME_MS: u64 = 10_000;
/// Leeway for clocks that differ. A token is accepted from this time before
/// `nbf` until this time after `exp`.
pub const LEEWAY_MS: u64 = 30_000;
/// The interval of a client's pings.
pub const PING_MS: u64 = 25_000;
/// Time within which the operator's `authenticate` must answer.
pub const AUTHENTICATE_MS: u64 = 10_000;
/// Number of consecutive `bad_request` frames after which a socket is closed.
pub const BAD_REQUESTS_IN_A_ROW: u32 = 20;

/// Maximum total size of the frames that a client's socket may send per second.
pub const FRAME_BYTES_PER_SECOND: u64 = MIB as u64;
/// Maximum total size of the frames that a client's socket may send in one
/// burst.
pub const FRAME_BYTES_BURST: u64 = 8 * MIB as u64;
/// A socket is closed after this number of bursts of refused frames. For
/// example, if a socket may send 100 frames in one burst, it is closed after a
/// burst of 1,000 refused frames.
pub const REFUSED_BURST_FACTOR: u64 = 10;
/// Maximum number of tokens that a socket may send in `auth` frames per second.
/// Tokens are limited, since verifying a token can take milliseconds of CPU
/// time.
pub const TOKENS_PER_SECOND: u64 = 1;
/// Maximum number of tokens that a socket may send in `auth` frames in one
/// burst.
pub const TOKENS_BURST: u64 = 10;
/// A `seen` is not counted as a frame if it reports at least this number of
/// bytes. The protocol requires a `seen` about every 64 KiB.
pub const SEEN_UNCOUNTED_BYTES: u64 = 32 * KIB as u64;
/// Maximum number of frames that a connection may send per second to all of its
/// rooms together.
pub const CONNECTION_FRAMES_PER_SECOND: u64 = 1_000;
/// Maximum number of frames that a connection may send in one burst to all of
/// its rooms together.
pub const CONNECTION_FRAMES_BURST: u64 = 2_000;
/// Maximum number of sockets without a token in one isolate of the worker. If
/// more sockets connect, the sockets that have waited longest are closed.
pub const WAITING_SOCKETS: usize = 1_000;
/// The interval at which a socket without a token checks whether it must be
/// closed in favor of newer sockets.
pub const WAITING_CHECK_MS: u64 = 1_000;

/// Maximum number of frames that may wait behind an `auth` frame until the
/// token in the `auth` frame is verified.
pub const QUEUED_FRAMES: usize = 100;
/// Maximum total size of the frames that wait behind an `auth` frame.
pub const QUEUED_BYTES: usize = MIB;
/// Maximum total size of the newest events that a room caches in memory for
/// clients that resume.
pub const RECENT_BYTES: usize = 256 * KIB;
/// Maximum total size of the nodes of the index of ids that a room caches in
/// memory.
pub const IDS_CACHED_BYTES: usize = MIB;
/// Maximum number of ids that a room caches at the same time for appends
/// without an index. One append adds all of the cached ids to the index.
pub const UNINDEXED_IDS: usize = 20_000;
/// Maximum number of frames of a replay that a room sends to a session in one
/// step. A longer replay continues in later steps, so that the room can do
/// other work in between.
pub const REPLAY_FRAMES_AT_ONCE: usize = 4;
/// If the object is lost during a replay or a change of the members, the alarm
/// continues this work after this time.
pub const REPLAY_RESTART_MS: u64 = 5_000;
/// Maximum number of verified tokens that an isolate caches.
pub const CACHED_TOKENS: usize = 1_000;
/// Maximum total size of the cached tokens and their claims.
pub const CACHED_TOKENS_BYTES: usize = MIB;
/// Maximum number of users whose publishes a room counts at the same time. The
/// same maximum applies to users whose reads a room counts.
pub const USERS_COUNTED: usize = 10_000;
/// Number of events for which a publish costs one more unit. A publish and a
/// read each cost one unit of the user's rate. A publish costs one more unit
/// for each event with a key, since this event writes one more row. A publish
/// costs one more unit for each `EVENTS_IN_A_UNIT` events. A publish also costs
/// one more unit for each `IDS_IN_A_UNIT` events with an id, since each id is
/// looked up.
pub const EVENTS_IN_A_UNIT: usize = 100;
pub const IDS_IN_A_UNIT: usize = 50;
/// Number of bytes after which a page of an export ends. A page may exceed this
/// number by one line, and must fit into [`BODY_BYTES`], because it is also the
/// body of an import.
pub const EXPORT_BYTES: usize = 512 * KIB;
/// Number of bytes for which a publish or a read costs one more unit. For a
/// publish, the bytes of the body are counted. For a read, the bytes of the
/// answer are counted.
pub const BYTES_IN_A_UNIT: usize = 64 * KIB;
/// Maximum time from now to an alarm. This maximum is needed, since a token's
/// `exp` may be later than the last date that JavaScript supports.
pub const ALARM_AHEAD_MS: u64 = 365 * 24 * HOUR_MS;

/// If a room can't be loaded or erased, the alarm fires again after this time.
pub const ALARM_RETRY_MS: u64 = 60_000;

/// The interval at which an active room reports to the directory. Isolates of
/// the worker report at the same interval.
pub const REPORT_MS: u64 = 10_000;
/// The interval at which a room reports that its first session joined or its
/// last session ended.
pub const EDGE_REPORT_MS: u64 = 1_000;
/// The interval at which an active room saves its report in an attachment.
pub const REPORT_SAVE_MS: u64 = 20;

/// A room is listed in the directory for this time after its last report if it
/// has no sessions.
pub const EMPTY_ROOM_LISTED_MS: u64 = HOUR_MS;
/// A room with sessions is listed for this time after its last report. Such a
/// room may hibernate for days without a report.
pub const ROOM_LISTED_MS: u64 = 30 * 24 * HOUR_MS;
/// The interval at which a shard of the directory removes old reports.
pub const REPORTS_PRUNE_MS: u64 = 10 * 60 * 1_000;
/// If nothing was counted for this time, a reporter starts a new period. The
/// time is shorter than `EMPTY_ROOM_LISTED_MS`, after which the directory forgets
/// the period.
pub const REPORT_PERIOD_MS: u64 = 30 * 60 * 1_000;
/// Maximum number of rooms in an answer to `GET /rooms`.
pub const LISTED_ROOMS: u64 = 1_000;
pub const LISTED_ROOMS_DEFAULT: u64 = 100;

/// Maximum total size of the webhook notifications that wait in a room. If they
/// exceed it, the oldest quarter is dropped. Published events are not counted,
/// since they are in the log.
pub const WEBHOOK_QUEUE_BYTES: u64 = 4 * MIB as u64;
/// A batch of webhook notifications ends when it has this size. A larger event is
/// sent alone.
pub const WEBHOOK_BATCH_BYTES: usize = 256 * KIB;
/// Time within which the receiver of a webhook must answer.
pub const WEBHOOK_TIMEOUT_MS: u64 = 5_000;
/// A webhook notification that is older than this time, and whose delivery
/// failed, is dropped.
pub const WEBHOOK_RETRY_MS: u64 = 24 * HOUR_MS;
/// If the object is lost during the delivery of a webhook, the alarm continues
/// the delivery after this time.
pub const WEBHOOK_RESTART_MS: u64 = 30_000;

/// Time without traffic after which a client of Pusher's protocol sends a ping.
pub const PUSHER_ACTIVITY_TIMEOUT_MS: u64 = 30_000;
/// If a client of Pusher's protocol sends nothing for this time, the worker sends
/// a ping. If nothing arrives for this time again, the socket is closed.
pub const PUSHER_PING_MS: u64 = 25_000;
/// A Pusher socket forwards its client's signs of life to the rooms once in this
/// time.
pub const PUSHER_PINGS_FORWARDED_EVERY_MS: u64 = 10_000;
/// Age up to which a cache channel's last event is sent to a new subscriber.
pub const PUSHER_CACHE_MS: u64 = 30 * 60 * 1_000;
/// Maximum age of a signed request to the HTTP API of Pusher.
pub const PUSHER_REQUEST_MS: u64 = 600_000;
/// Maximum number of channels of one event, and of events in a batch. A list of more
/// channels has counts of the directory, not of the rooms.
pub const PUSHER_CHANNELS: usize = 100;
pub const PUSHER_BATCH: usize = 10;

/// Default values of the room settings. [`crate::settings::Settings`] describes
/// the settings.
pub const RETAINED_APPENDS: u64 = 1_000;
pub const RETAINED_MS: u64 = 72 * HOUR_MS;
pub const RETAINED_BYTES: u64 = 32 * MIB as u64;
pub const STATE_KEYS: u64 = 1_000;
pub const STATE_BYTES: u64 = 4 * MIB as u64;
pub const SOCKETS: usize = 32_000;
/// Maximum number of sessions that one user can have in a room.
pub const SESSIONS_PER_USER: usize = 1_000;
/// Maximum number of anonymous sessions in a room.
pub const ANONYMOUS_SESSIONS: usize = 1_000;
pub const MEMBERS: usize = 1_000;
pub const FRAMES_PER_SECOND: u64 = 50;
pub const FRAMES_BURST: u64 = 100;
pub const PUBLISHES_PER_SECOND: u64 = 500;
pub const READS_PER_SECOND: u64 = 100;
pub const FRAME_WINDOW_MS: u64 = 10;
/// Maximum number of bytes in flight to a session with flow control. If at most
/// a quarter of this number is in flight, one more frame of any size may be
/// sent.
pub const FLOW_WINDOW_BYTES: u64 = MIB as u64;
/// The largest and smallest allowed values of the room settings. The platform
/// allows 10 GB per room. The platform allows 32,768 sockets per room,
/// including sockets that are still closing. The state is sent as one frame,
/// and the platform allows a frame of at most 32 MiB.
pub const RETAINED_APPENDS_MAX: u64 = 1_000_000;
pub const RETAINED_MS_MAX: u64 = 365 * 24 * HOUR_MS;
pub const RETAINED_BYTES_MAX: u64 = 1_024 * MIB as u64;
pub const STATE_KEYS_MAX: u64 = 100_000;
pub const STATE_BYTES_MAX: u64 = 16 * MIB as u64;
pub const RATE_MAX: u64 = 1_000_000;
pub const FRAME_WINDOW_MS_MAX: u64 = 1_000;
/// The smallest flow control window. A client that does not know
/// its window sends a `seen` once it has received a quarter of this size (64 KiB).
pub const FLOW_WINDOW_BYTES_MIN: u64 = 256 * KIB as u64;
pub const FLOW_WINDOW_BYTES_MAX: u64 = 16 * MIB as u64;

/// The largest safe integer: JavaScript represents every integer up to this
/// number exactly.
pub const SAFE_INTEGER: u64 = (1 << 53) - 1;

pub const HOUR_MS: u64 = 60 * 60 * 1_000;
pub const KIB: usize = 1_024;
pub const MIB: usize = 1_024 * KIB;
