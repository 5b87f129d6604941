//! All limits (docs/limits.md lists them; a test compares the two). Lengths are
//! in characters (Unicode code points) unless the name says bytes. Times are in
//! milliseconds.

pub const ROOM_NAME: usize = 164;
/// An `error` repeats the room's name as the client sent it, valid or not, up
/// to this length.
pub const ECHOED_ROOM: usize = 200;
pub const NAME: usize = 128;
pub const KEY: usize = 256;
pub const ID: usize = 128;
pub const REF: usize = 128;
pub const USER: usize = 128;

/// Bytes of an event's `data`, as the publisher wrote it.
pub const DATA_BYTES: usize = 256 * KIB;
/// Bytes of a frame to the room, or of an HTTP body.
pub const BODY_BYTES: usize = MIB;
/// Levels of nested arrays and objects in `data`. Many JSON parsers have a
/// limit, or crash at some depth. All parsers in common use support this many
/// levels.
pub const DATA_LEVELS: usize = 64;
pub const EVENTS_IN_A_PUBLISH: usize = 1_000;
pub const ROOMS_IN_A_PUBLISH: usize = 40;
/// Bytes of a token. A longer token is rejected before it is parsed.
pub const TOKEN_BYTES: usize = 8 * KIB;

/// Bytes of the events in one frame, together. A larger event is sent in a
/// frame of its own.
pub const FRAME_EVENTS_BYTES: usize = 256 * KIB;
/// The minimum number of sessions to which a room can send a frame within 1 ms.
/// The windows in which a room combines events (`frame_window_ms`) or signals
/// (`FLUSH_MS`) are longer by the time that sending takes. For example, after a
/// frame to 600 sessions, the window is 20 ms longer.
pub const SENDS_PER_MS: u64 = 30;
/// Bytes of a signal's `data`.
pub const SIGNAL_BYTES: usize = 16 * KIB;
/// Length of a flush window. Within it, signals of one name from one session
/// are reduced to the newest, and changes of the members are combined into one.
pub const FLUSH_MS: u64 = 50;
/// Different names of signals that one session may send within a flush window.
pub const SIGNAL_NAMES: usize = 16;
/// Copies of signals and of members that a room sends within a flush window. A
/// text counts as one copy per receiver, and as one more for each full
/// `COPY_BYTES` of its length. Sending this many copies takes about as long as
/// the window.
pub const WINDOW_COPIES: u64 = FLUSH_MS * SENDS_PER_MS;
pub const COPY_BYTES: usize = 16 * KIB;
/// Bytes of signals that one session is sent within a flush window.
pub const WINDOW_BYTES: usize = 256 * KIB;
/// Signals that wait in a room for a later flush window.
pub const SIGNALS_QUEUED: usize = 10_000;
pub const SIGNALS_QUEUED_BYTES: usize = 4 * MIB;
/// Bytes that may wait to be written to a session's socket. A session with more
/// does not read. The room sends it no signals and no changes of the members.
/// The room still sends it answers, but closes the session after this many
/// bytes of them.
pub const UNSENT_BYTES: usize = MIB;
/// Rooms on one connection.
pub const ROOMS_ON_A_CONNECTION: usize = 100;
/// Frames that may wait on a connection for one room that has not answered its
/// `subscribe`.
pub const WAITING_FRAMES: usize = 100;
/// Bytes of all frames that may wait on a connection, for all its rooms
/// together.
pub const WAITING_BYTES: usize = MIB;
/// Number of times per second that a connection may subscribe, unsubscribe or
/// send a token.
pub const CHANGES_PER_SECOND: u64 = 50;
/// Number of times that a connection may do this at once.
pub const CHANGES_BURST: u64 = 100;
/// The minimum time between two pings that a connection forwards to its rooms,
/// since a ping is one frame to each room.
pub const PINGS_FORWARDED_EVERY_MS: u64 = 1_000;
/// The flow control window of a bridge. It is smaller than that of a session's
/// own socket, since one isolate of the worker serves many bridges.
pub const BRIDGE_WINDOW_BYTES: u64 = 256 * KIB as u64;
/// Bytes that the client of a connection for many rooms may leave unread.
/// Beyond this, its rooms are paused and signals are dropped.
pub const CONNECTION_WINDOW_BYTES: u64 = MIB as u64;
/// How often a connection checks whether the client has read what was unread.
pub const UNREAD_CHECK_MS: u64 = 250;
/// Bytes that the reader of a stream must have read before the worker reports
/// them to the room at once.
pub const SEEN_AT_ONCE_BYTES: usize = 64 * KIB;
/// How long the worker waits before it reports fewer bytes.
pub const SEEN_AFTER_MS: u64 = 1_000;
/// Characters of frames without flow control (signals and changes of the
/// members) that may wait for the reader of a stream. If a frame arrives when
/// this limit is reached, the stream is closed.
pub const UNREAD_CHARACTERS: u32 = 1_000_000;
/// Bytes of the presence data of a session.
pub const PRESENCE_BYTES: usize = 2 * KIB;
/// Bytes of all members of a room, together.
pub const MEMBERS_BYTES: usize = 16 * MIB;
/// Bytes of the members in one frame of their list, together. A larger member
/// is sent in a frame of its own.
pub const MEMBERS_PAGE_BYTES: usize = 256 * KIB;
/// Grace period of a member whose session disconnected. The member is removed
/// after this time.
pub const GRACE_MS: u64 = 10_000;
/// Time without a frame or a ping after which a session that entered is closed:
/// two ping periods.
pub const PING_TIMEOUT_MS: u64 = 2 * PING_MS;
/// The precision of the ping timeout. A frame counts as if it had arrived up to
/// this much later. So the session's attachment is rewritten at most once in
/// this time. The room checks for sessions that timed out at most once in this
/// time, too.
pub const LIVENESS_RESOLUTION_MS: u64 = 2_500;
/// Bytes of members without a socket of their own that one socket's attachment
/// carries. The whole attachment stays below 8 KiB, half of the platform's
/// limit. If a text has one letter beyond Latin-1, the platform stores all its
/// letters with two bytes each.
pub const CARRIED_BYTES: usize = 4 * KIB;
/// The time between two comments of a stream of Server-Sent Events.
pub const COMMENT_MS: u64 = 25_000;
/// The time a room may take to send the start of a stream, and the reader to
/// begin reading it.
pub const STREAM_START_TIMEOUT_MS: u64 = 10_000;
/// The longest time that the worker delays the answer with a page (`wait`).
pub const WAIT_MS: u64 = 30_000;
/// Bytes of the events in a page. A page ends before it exceeds this, but has
/// at least one event.
pub const PAGE_BYTES: usize = MIB;
pub const PAGE_EVENTS: u64 = 1_000;
pub const PAGE_EVENTS_DEFAULT: u64 = 100;

/// The time a socket may take to send a token in its first frame.
pub const FIRST_FRAME_MS: u64 = 10_000;
/// Leeway for clocks that differ: a token is accepted until this long after
/// `exp`, and from this long before `nbf`.
pub const LEEWAY_MS: u64 = 30_000;
/// The interval of a client's pings.
pub const PING_MS: u64 = 25_000;
/// Consecutive `bad_request` frames that close a socket.
pub const BAD_REQUESTS_IN_A_ROW: u32 = 20;

/// Bytes of frames that a client's socket may send per second.
pub const FRAME_BYTES_PER_SECOND: u64 = MIB as u64;
/// Bytes of frames that a client's socket may send at once.
pub const FRAME_BYTES_BURST: u64 = 8 * MIB as u64;
/// The number of bursts of rejected frames after which a socket that exceeds
/// its rates is closed. For example, with a burst of 100 frames, the socket is
/// closed after 1,000 rejected frames at once.
pub const REFUSED_BURST_FACTOR: u64 = 10;
/// Tokens that a socket may send in `auth` frames per second, since verifying
/// one can take milliseconds of CPU.
pub const TOKENS_PER_SECOND: u64 = 1;
/// Tokens that a socket may send in `auth` frames at once.
pub const TOKENS_BURST: u64 = 10;
/// The bytes that a `seen` must report so that it is not counted as a frame.
/// The protocol requires such a `seen` about every 64 KiB.
pub const SEEN_UNCOUNTED_BYTES: u64 = 32 * KIB as u64;
/// Frames that a connection may send to all of its rooms per second.
pub const CONNECTION_FRAMES_PER_SECOND: u64 = 1_000;
/// Frames that a connection may send to all of its rooms at once.
pub const CONNECTION_FRAMES_BURST: u64 = 2_000;
/// Sockets without a token in one isolate of the worker. If more connect, the
/// sockets that have waited longest are closed.
pub const WAITING_SOCKETS: usize = 1_000;
/// The interval at which a socket without a token checks whether it was closed
/// for a newer one.
pub const WAITING_CHECK_MS: u64 = 1_000;

/// Frames that may wait behind an `auth` frame for the result of its
/// verification, and their bytes.
pub const QUEUED_FRAMES: usize = 100;
pub const QUEUED_BYTES: usize = MIB;
/// Bytes of the newest events that a room caches in memory for clients that
/// resume.
pub const RECENT_BYTES: usize = 256 * KIB;
/// Bytes of nodes of the index of ids that a room caches in memory.
pub const IDS_CACHED_BYTES: usize = MIB;
/// Ids of appends without an index that a room caches at a time, and adds to
/// the index with one append.
pub const UNINDEXED_IDS: usize = 20_000;
/// Frames of a replay that a session is sent at once. A longer replay continues
/// later, so that the room can do other work in between.
pub const REPLAY_FRAMES_AT_ONCE: usize = 4;
/// The time after which the alarm continues a replay or a change of the
/// members, if the object is lost while one is in progress.
pub const REPLAY_RESTART_MS: u64 = 5_000;
/// Users whose publishes a room counts at a time, and users whose reads it
/// counts.
pub const USERS_COUNTED: usize = 10_000;
/// Events of a publish that cost one unit. A publish and a read each cost one
/// unit of their user's rate. A publish costs one more unit for each event with
/// a key, since that is one more row. It costs one more for each
/// `EVENTS_IN_A_UNIT` events. It also costs one more for each `IDS_IN_A_UNIT`
/// events with an id, since each id is looked up.
pub const EVENTS_IN_A_UNIT: usize = 100;
pub const IDS_IN_A_UNIT: usize = 50;
/// Bytes that cost one more unit: of a publish's body, or of a read's answer.
pub const BYTES_IN_A_UNIT: usize = 64 * KIB;
/// The longest time ahead to which an alarm is set: a token's `exp` may be
/// later than the last date of JavaScript.
pub const ALARM_AHEAD_MS: u64 = 365 * 24 * HOUR_MS;

/// The time after which the alarm fires again if a room can't be loaded or
/// erased.
pub const ALARM_RETRY_MS: u64 = 60_000;

/// Defaults of the room settings ([`crate::settings::Settings`] has their
/// meaning).
pub const RETAINED_APPENDS: u64 = 1_000;
pub const RETAINED_MS: u64 = 72 * HOUR_MS;
pub const RETAINED_BYTES: u64 = 32 * MIB as u64;
pub const STATE_KEYS: u64 = 1_000;
pub const STATE_BYTES: u64 = 4 * MIB as u64;
pub const SOCKETS: usize = 32_000;
/// Sessions of one user.
pub const SESSIONS_PER_USER: usize = 1_000;
pub const MEMBERS: usize = 1_000;
pub const FRAMES_PER_SECOND: u64 = 50;
pub const FRAMES_BURST: u64 = 100;
pub const PUBLISHES_PER_SECOND: u64 = 500;
pub const READS_PER_SECOND: u64 = 100;
pub const FRAME_WINDOW_MS: u64 = 10;
/// Bytes of events that may be in flight to a session with flow control. While
/// at most a quarter of this is in flight, one more frame of any size may be
/// sent.
pub const FLOW_WINDOW_BYTES: u64 = MIB as u64;
/// The largest or smallest values of the room settings. The platform's limits
/// are 10 GB per room and 32,768 sockets, some of which may still be closing.
/// The state is sent as one frame, and a frame may be at most 32 MiB.
pub const RETAINED_APPENDS_MAX: u64 = 1_000_000;
pub const RETAINED_MS_MAX: u64 = 365 * 24 * HOUR_MS;
pub const RETAINED_BYTES_MAX: u64 = 1_024 * MIB as u64;
pub const STATE_KEYS_MAX: u64 = 100_000;
pub const STATE_BYTES_MAX: u64 = 16 * MIB as u64;
pub const RATE_MAX: u64 = 1_000_000;
pub const FRAME_WINDOW_MS_MAX: u64 = 1_000;
/// Clients send `seen` once they have received a quarter of this.
pub const FLOW_WINDOW_BYTES_MIN: u64 = 256 * KIB as u64;
pub const FLOW_WINDOW_BYTES_MAX: u64 = 16 * MIB as u64;

/// The largest integer up to which all integers are exact in JavaScript.
pub const SAFE_INTEGER: u64 = (1 << 53) - 1;

pub const HOUR_MS: u64 = 60 * 60 * 1_000;
pub const KIB: usize = 1_024;
pub const MIB: usize = 1_024 * KIB;
