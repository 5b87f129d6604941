//! The values of the settings, and their defaults.

use crate::limits;

/// The jurisdictions of Cloudflare. The object of a room in a jurisdiction runs
/// and stores its data only there.
pub const JURISDICTIONS: &[&str] = &["eu", "us", "fedramp"];

/// The regions of Cloudflare in which an object can be created.
pub const LOCATION_HINTS: &[&str] =
    &["wnam", "enam", "sam", "weur", "eeur", "apac", "apac-ne", "apac-se", "oc", "afr", "me"];

/// The settings of one room. Times are in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Maximum number of appends that are retained. The newest appends are
    /// retained, if they are also within the two limits below.
    pub retained_appends: u64,
    /// Maximum age of an append that is retained.
    pub retained_ms: u64,
    /// Maximum total bytes of the events that are retained. The newest events
    /// are retained.
    pub retained_bytes: u64,
    /// Maximum number of keys in the state.
    pub state_keys: u64,
    /// Maximum size of the state: the total bytes of the latest events of all
    /// keys.
    pub state_bytes: u64,
    /// Maximum number of sessions in the room.
    pub sockets: usize,
    /// Maximum number of sessions that one user can have in the room.
    pub sessions_per_user: usize,
    /// Maximum number of anonymous sessions in the room. At 0, the room is
    /// closed to clients without a token.
    pub anonymous_sessions: usize,
    /// Maximum number of users who can be members at the same time.
    pub members: usize,
    /// Maximum number of frames that a session may send per second.
    pub frames_per_second: u64,
    /// Maximum number of frames that a session may send in one burst.
    pub frames_burst: u64,
    /// Maximum number of units that the publishes of one `sub` may cost per
    /// second.
    pub publishes_per_second: u64,
    /// Maximum number of units that the HTTP reads of one `sub` may cost per
    /// second.
    pub reads_per_second: u64,
    /// Time for which the room collects published events after a frame. These
    /// events are sent together as the next frame.
    pub frame_window_ms: u64,
    /// Whether flow control is on for all sessions, including sessions that did
    /// not request it.
    pub flow_required: bool,
    /// Maximum number of bytes in flight to a session that has flow control and
    /// its own socket.
    pub flow_window_bytes: u64,
    /// Whether the room reports to the directory and the metrics.
    pub directory: bool,
    /// Whether the room sends notifications to a webhook.
    /// [`RoomSettings::webhook_url`] returns its URL.
    pub webhook_url: bool,
    /// Whether published events are notifications too.
    pub webhook_events: bool,
    /// Whether the webhook has Pusher's form.
    pub webhook_pusher: bool,
    /// The jurisdiction of the room's object, one of [`JURISDICTIONS`].
    pub jurisdiction: Option<&'static str>,
    /// The region in which the room's object is created, one of
    /// [`LOCATION_HINTS`].
    pub location_hint: Option<&'static str>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            retained_appends: limits::RETAINED_APPENDS,
            retained_ms: limits::RETAINED_MS,
            retained_bytes: limits::RETAINED_BYTES,
            state_keys: limits::STATE_KEYS,
            state_bytes: limits::STATE_BYTES,
            sockets: limits::SOCKETS,
            sessions_per_user: limits::SESSIONS_PER_USER,
            anonymous_sessions: limits::ANONYMOUS_SESSIONS,
            members: limits::MEMBERS,
            frames_per_second: limits::FRAMES_PER_SECOND,
            frames_burst: limits::FRAMES_BURST,
            publishes_per_second: limits::PUBLISHES_PER_SECOND,
            reads_per_second: limits::READS_PER_SECOND,
            frame_window_ms: limits::FRAME_WINDOW_MS,
            flow_required: false,
            flow_window_bytes: limits::FLOW_WINDOW_BYTES,
            directory: true,
            webhook_url: false,
            webhook_events: false,
            webhook_pusher: false,
            jurisdiction: None,
            location_hint: None,
        }
    }
}
