//! Every limit, in one place (docs/limits.md; a test holds the
//! two to each other). Lengths are in characters (Unicode code points) unless
//! the name says bytes; times are in milliseconds.

pub const ROOM_NAME: usize = 164;
/// An `error` names the room as it was sent, valid or not, up to this.
pub const ECHOED_ROOM: usize = 200;
pub const NAME: usize = 128;
pub const KEY: usize = 256;
pub const ID: usize = 128;
pub const REF: usize = 128;
pub const USER: usize = 128;

/// An event's `data`, as it was written.
pub const DATA_BYTES: usize = 256 * KIB;
/// A frame to the room, or an HTTP body.
pub const BODY_BYTES: usize = MIB;
/// Arrays and objects within each other in `data`: other parsers end there or
/// fail. Every JSON parser that is in use takes so many.
pub const DATA_LEVELS: usize = 64;
pub const EVENTS_IN_A_PUBLISH: usize = 1_000;
pub const ROOMS_IN_A_PUBLISH: usize = 40;
/// A token is refused unread beyond this.
pub const TOKEN_BYTES: usize = 8 * KIB;

/// Events in one frame have at most this together (one larger event, alone).
pub const FRAME_EVENTS_BYTES: usize = 256 * KIB;
/// Sessions that a frame is sent to in a millisecond, at the least.
pub const SENDS_PER_MS: u64 = 30;
/// A signal's `data`.
pub const SIGNAL_BYTES: usize = 16 * KIB;
/// Signals of one name from one session are coalesced to the newest within
/// this, and changes of the members come as one.
pub const FLUSH_MS: u64 = 50;
/// Names of signals that one session may send within that time.
pub const SIGNAL_NAMES: usize = 16;
/// Signals and members are sent in so many copies within a window, of which a
/// text counts as one for each of these bytes that it begins. That takes about
/// as long as the window itself.
pub const WINDOW_COPIES: u64 = FLUSH_MS * SENDS_PER_MS;
pub const COPY_BYTES: usize = 16 * KIB;
/// Signals to one session within a window.
pub const WINDOW_BYTES: usize = 256 * KIB;
/// Signals that wait in a room for a window.
pub const SIGNALS_HELD: usize = 10_000;
pub const SIGNALS_HELD_BYTES: usize = 4 * MIB;
/// Where so much waits to be written to a session's socket, the session does
/// not read: it is sent no signals and no changes of the members, and no more
/// than as much of answers.
pub const UNSENT_BYTES: usize = MIB;
/// Rooms on one connection …
pub const ROOMS_ON_A_CONNECTION: usize = 100;
/// … what may wait there, while rooms open, for each of them …
pub const WAITING_FRAMES: usize = 100;
/// … and for all together …
pub const WAITING_BYTES: usize = MIB;
/// … how often its rooms may change, and its token …
pub const CHANGES_PER_SECOND: u64 = 50;
pub const CHANGES_BURST: u64 = 100;
/// … and how often it passes a ping on, which is a frame to each of its rooms.
pub const PINGS_PASSED_EVERY_MS: u64 = 1_000;
/// The flow control window of a reader whose frames the worker passes on: its
/// isolate serves many of them.
pub const BRIDGE_WINDOW_BYTES: u64 = 256 * KIB as u64;
/// What the client of a connection for many rooms may have unread before its
/// rooms are paused and signals are dropped …
pub const CONNECTION_WINDOW_BYTES: u64 = MIB as u64;
/// … and how often the connection looks whether the client has read on.
pub const UNREAD_CHECK_MS: u64 = 250;
/// Of what a reader of a stream has taken, the room is told at once when it is
/// so much …
pub const SEEN_AT_ONCE_BYTES: usize = 64 * KIB;
/// … and after this otherwise.
pub const SEEN_AFTER_MS: u64 = 1_000;
/// Where so much waits for a reader of a stream, of frames without flow
/// control, the next of them closes it.
pub const UNREAD_CHARACTERS: u32 = 1_000_000;
/// Presence data of a session.
pub const PRESENCE_BYTES: usize = 2 * KIB;
/// All members of a room.
pub const MEMBERS_BYTES: usize = 16 * MIB;
/// Members in one frame of their list have at most this together (one larger
/// member, alone).
pub const MEMBERS_PAGE_BYTES: usize = 256 * KIB;
/// A session that dropped is a member for this long.
pub const GRACE_MS: u64 = 10_000;
/// A session that entered is closed when it is not heard of for two pings …
pub const PING_TIMEOUT_MS: u64 = 2 * PING_MS;
/// … to which as much may come: so exactly it is known when a session was
/// heard of, and so rarely, at the most, the room looks.
pub const LIVENESS_RESOLUTION_MS: u64 = 2_500;
/// What a socket's attachment carries of members that lost their own. With the
/// rest it stays below 8 KiB, half of what the platform takes: to it, a text
/// with one letter beyond Latin-1 is twice as long.
pub const CARRIED_BYTES: usize = 4 * KIB;
/// How often a stream of Server-Sent Events has a comment, at the least.
pub const COMMENT_MS: u64 = 25_000;
/// How long a room may take to begin a reader's stream, and the reader to begin
/// to read it.
pub const STREAM_START_TIMEOUT_MS: u64 = 10_000;
/// How long the answer with a page may be held: `wait`.
pub const WAIT_MS: u64 = 30_000;
/// A page ends early rather than pass this.
pub const PAGE_BYTES: usize = MIB;
pub const PAGE_EVENTS: u64 = 1_000;
pub const PAGE_EVENTS_DEFAULT: u64 = 100;

/// How long a socket has to bring a token in its first frame.
pub const FIRST_FRAME_MS: u64 = 10_000;
/// How long after `exp`, and before `nbf`, a token is still taken.
pub const LEEWAY_MS: u64 = 30_000;
/// How often a client should ping.
pub const PING_MS: u64 = 25_000;
/// Refused frames in a row that close a socket.
pub const BAD_REQUESTS_IN_A_ROW: u32 = 20;

/// Bytes of the frames that any socket of a client may send …
pub const FRAME_BYTES_PER_SECOND: u64 = MIB as u64;
/// … and how many of them at once.
pub const FRAME_BYTES_BURST: u64 = 8 * MIB as u64;
/// A socket that sends beyond its rates is refused so many times the burst
/// before it is closed.
pub const REFUSED_BURST_FACTOR: u64 = 10;
/// Tokens that a socket may send in `auth` frames: to verify one can take
/// milliseconds of CPU …
pub const TOKENS_PER_SECOND: u64 = 1;
/// … and how many of them at once.
pub const TOKENS_BURST: u64 = 10;
/// A `seen` that tells of so many bytes or more is not counted as a frame: it
/// comes no more often than the contract asks for.
pub const SEEN_UNCOUNTED_BYTES: u64 = 32 * KIB as u64;
/// Frames that a connection for many rooms may send, to all of them …
pub const CONNECTION_FRAMES_PER_SECOND: u64 = 1_000;
/// … and how many of them at once.
pub const CONNECTION_FRAMES_BURST: u64 = 2_000;
/// Sockets without a token that one isolate of the worker holds: when more
/// wait, those that have waited longest are closed.
pub const WAITING_SOCKETS: usize = 1_000;
/// How often such a socket finds out whether it was closed.
pub const WAITING_CHECK_MS: u64 = 1_000;

/// What may wait behind an `auth` frame for its verdict.
pub const HELD_FRAMES: usize = 100;
pub const HELD_BYTES: usize = MIB;
/// Of the newest events, so much stays in memory for those who resume.
pub const RECENT_BYTES: usize = 256 * KIB;
/// Of the index of ids, so much stays in memory.
pub const IDS_CACHED_BYTES: usize = MIB;
/// Ids of appends without an index that are remembered at a time, and put into
/// the index with one append.
pub const UNINDEXED_IDS: usize = 20_000;
/// Frames of replay that a joining session is sent at once; a longer replay
/// goes on in turns, between which the room does its other work.
pub const REPLAY_FRAMES_AT_ONCE: usize = 4;
/// What was to go on in a turn or at the end of a window goes on after this
/// where that was lost with the object.
pub const REPLAY_RESTART_MS: u64 = 5_000;
/// Users whose publishes a room counts at a time, and users whose reads.
pub const PUBLISHERS_COUNTED: usize = 10_000;
/// A publish and a read cost a unit of their user's rate each. A publish costs
/// one more for each event with a key, which is a row, for so many events, for
/// so many events with an id, each of which is looked up …
pub const EVENTS_IN_A_UNIT: usize = 100;
pub const IDS_IN_A_UNIT: usize = 50;
/// … and both cost one more for so many bytes, of the body or of the answer.
pub const BYTES_IN_A_UNIT: usize = 64 * KIB;
/// An alarm is set no further ahead than this: JavaScript's dates end before
/// a token's `exp` may.
pub const ALARM_AHEAD_MS: u64 = 365 * 24 * HOUR_MS;

/// An alarm that found a room which can't wake, or can't be erased, is set again
/// to so much later.
pub const ALARM_RETRY_MS: u64 = 60_000;

/// What a room's settings are where the operator has set nothing.
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
/// What may be on its way to a session with flow control, beyond what it has
/// seen: so many bytes of events, or a quarter of that and one frame.
pub const FLOW_WINDOW_BYTES: u64 = MIB as u64;
/// And the most that can be set, or the least. The platform's own end is 10 GB
/// for a room and 32,768 sockets, of which those that are closing need some;
/// the state is sent as one frame, and frames end at 32 MiB.
pub const RETAINED_APPENDS_MAX: u64 = 1_000_000;
pub const RETAINED_MS_MAX: u64 = 365 * 24 * HOUR_MS;
pub const RETAINED_BYTES_MAX: u64 = 1_024 * MIB as u64;
pub const STATE_KEYS_MAX: u64 = 100_000;
pub const STATE_BYTES_MAX: u64 = 16 * MIB as u64;
pub const RATE_MAX: u64 = 1_000_000;
pub const FRAME_WINDOW_MS_MAX: u64 = 1_000;
/// Clients say what they have seen once a quarter of this has come.
pub const FLOW_WINDOW_BYTES_MIN: u64 = 256 * KIB as u64;
pub const FLOW_WINDOW_BYTES_MAX: u64 = 16 * MIB as u64;

/// Numbers on the wire stay exact in JavaScript below this.
pub const SAFE_INTEGER: u64 = (1 << 53) - 1;

pub const HOUR_MS: u64 = 60 * 60 * 1_000;
pub const KIB: usize = 1_024;
pub const MIB: usize = 1_024 * KIB;
