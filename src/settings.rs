//! The settings that an operator can configure for each room pattern
//! (docs/limits.md), and their defaults.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::auth::check_url;
use crate::limits;
use crate::protocol::{Pattern, RoomName};

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
        }
    }
}

/// The parsed `ROOM_SETTINGS`: the settings for each room pattern. If several
/// patterns match a room, a setting has the value from the most specific
/// pattern that contains this setting.
#[derive(Debug, Default)]
pub struct RoomSettings(
    /// The overrides, sorted by pattern from the least specific to the most
    /// specific.
    Vec<(Pattern, Overrides)>,
);

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Overrides {
    retained_appends: Option<u64>,
    retained_ms: Option<u64>,
    retained_bytes: Option<u64>,
    state_keys: Option<u64>,
    state_bytes: Option<u64>,
    sockets: Option<usize>,
    sessions_per_user: Option<usize>,
    anonymous_sessions: Option<usize>,
    /// A setting that no longer has an effect, because sockets without a token
    /// now wait in the worker. The setting is still parsed, so that older
    /// configurations stay valid.
    #[serde(rename = "pending_sockets")]
    _pending_sockets: Option<serde::de::IgnoredAny>,
    members: Option<usize>,
    frames_per_second: Option<u64>,
    frames_burst: Option<u64>,
    publishes_per_second: Option<u64>,
    reads_per_second: Option<u64>,
    frame_window_ms: Option<u64>,
    flow_required: Option<bool>,
    flow_window_bytes: Option<u64>,
    directory: Option<bool>,
    /// URL of the webhook. Empty if the room has none.
    webhook_url: Option<String>,
    webhook_events: Option<bool>,
}

impl RoomSettings {
    /// Parses `ROOM_SETTINGS`. Fails if the JSON, a pattern, a setting's name
    /// or a setting's value is invalid. The error is one line for the operator.
    pub fn parse(json: &str) -> Result<Self, String> {
        let by_text: BTreeMap<String, Overrides> = serde_json::from_str(json).map_err(|wrong| {
            format!(r#"ROOM_SETTINGS must be JSON such as {{"shipments:*":{{"retained_appends":5000}}}}: {wrong}"#)
        })?;
        let by_pattern = by_text.into_iter().map(|(text, overrides)| {
            let pattern = Pattern::parse(&text)
                .ok_or_else(|| format!("ROOM_SETTINGS: {text:?} must be {}", Pattern::FORM))?;
            overrides.check().map_err(|wrong| format!("ROOM_SETTINGS: {text:?}: {wrong}"))?;
            Ok((pattern, overrides))
        });
        let mut by_pattern = by_pattern.collect::<Result<Vec<_>, String>>()?;
        by_pattern.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
        Ok(Self(by_pattern))
    }

    /// Returns whether the worker reports its own counts: the setting
    /// `directory` of the pattern `*`.
    pub fn worker_reports(&self) -> bool {
        let every = self.0.iter().find(|(pattern, _)| *pattern == Pattern::Every);
        every.and_then(|(_, overrides)| overrides.directory).unwrap_or(true)
    }

    /// Returns the URL of a room's webhook, if the room has one.
    pub fn webhook_url(&self, room: &RoomName) -> Option<&str> {
        let matching = self.0.iter().rev().filter(|(pattern, _)| pattern.matches(room));
        let url = matching.filter_map(|(_, overrides)| overrides.webhook_url.as_deref()).next();
        url.filter(|url| !url.is_empty())
    }

    /// Returns whether any room has a webhook.
    pub fn have_webhooks(&self) -> bool {
        let mut urls = self.0.iter().filter_map(|(_, overrides)| overrides.webhook_url.as_ref());
        urls.any(|url| !url.is_empty())
    }

    /// Returns the settings of a room.
    pub fn of(&self, room: &RoomName) -> Settings {
        let matching = self.0.iter().filter(|(pattern, _)| pattern.matches(room));
        matching.fold(Settings::default(), |settings, (_, overrides)| overrides.over(settings))
    }
}

impl Overrides {
    fn check(&self) -> Result<(), String> {
        let count = |count: Option<usize>| count.map(|count| count as u64);
        let ranges = [
            ("retained_appends", self.retained_appends, 1..=limits::RETAINED_APPENDS_MAX),
            ("retained_ms", self.retained_ms, 1_000..=limits::RETAINED_MS_MAX),
            ("retained_bytes", self.retained_bytes, 1..=limits::RETAINED_BYTES_MAX),
            ("state_keys", self.state_keys, 0..=limits::STATE_KEYS_MAX),
            ("state_bytes", self.state_bytes, 0..=limits::STATE_BYTES_MAX),
            ("sockets", count(self.sockets), 1..=limits::SOCKETS as u64),
            ("sessions_per_user", count(self.sessions_per_user), 1..=limits::SOCKETS as u64),
            ("anonymous_sessions", count(self.anonymous_sessions), 0..=limits::SOCKETS as u64),
            ("members", count(self.members), 0..=limits::SOCKETS as u64),
            ("frames_per_second", self.frames_per_second, 1..=limits::RATE_MAX),
            ("frames_burst", self.frames_burst, 1..=limits::RATE_MAX),
            ("publishes_per_second", self.publishes_per_second, 1..=limits::RATE_MAX),
            ("reads_per_second", self.reads_per_second, 1..=limits::RATE_MAX),
            ("frame_window_ms", self.frame_window_ms, 0..=limits::FRAME_WINDOW_MS_MAX),
            (
                "flow_window_bytes",
                self.flow_window_bytes,
                limits::FLOW_WINDOW_BYTES_MIN..=limits::FLOW_WINDOW_BYTES_MAX,
            ),
        ];
        for (name, value, range) in ranges {
            if let Some(value) = value
                && !range.contains(&value)
            {
                return Err(format!(
                    "{name} is {value}; it must be {} to {}",
                    range.start(),
                    range.end()
                ));
            }
        }
        let url = self.webhook_url.as_deref().filter(|url| !url.is_empty());
        let risk = "anyone on the way could read the notifications";
        url.map_or(Ok(()), |url| check_url(url, risk))
            .map_err(|why| format!("webhook_url must be like `https://app.example/hook`: {why}"))
    }

    fn over(&self, under: Settings) -> Settings {
        Settings {
            retained_appends: self.retained_appends.unwrap_or(under.retained_appends),
            retained_ms: self.retained_ms.unwrap_or(under.retained_ms),
            retained_bytes: self.retained_bytes.unwrap_or(under.retained_bytes),
            state_keys: self.state_keys.unwrap_or(under.state_keys),
            state_bytes: self.state_bytes.unwrap_or(under.state_bytes),
            sockets: self.sockets.unwrap_or(under.sockets),
            sessions_per_user: self.sessions_per_user.unwrap_or(under.sessions_per_user),
            anonymous_sessions: self.anonymous_sessions.unwrap_or(under.anonymous_sessions),
            members: self.members.unwrap_or(under.members),
            frames_per_second: self.frames_per_second.unwrap_or(under.frames_per_second),
            frames_burst: self.frames_burst.unwrap_or(under.frames_burst),
            publishes_per_second: self.publishes_per_second.unwrap_or(under.publishes_per_second),
            reads_per_second: self.reads_per_second.unwrap_or(under.reads_per_second),
            frame_window_ms: self.frame_window_ms.unwrap_or(under.frame_window_ms),
            flow_required: self.flow_required.unwrap_or(under.flow_required),
            flow_window_bytes: self.flow_window_bytes.unwrap_or(under.flow_window_bytes),
            directory: self.directory.unwrap_or(under.directory),
            webhook_url: self.webhook_url.as_ref().map_or(under.webhook_url, |url| !url.is_empty()),
            webhook_events: self.webhook_events.unwrap_or(under.webhook_events),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(json: &str, room: &str) -> Settings {
        RoomSettings::parse(json).unwrap().of(&RoomName::parse(room).unwrap())
    }

    #[test]
    fn each_setting_comes_from_the_most_specific_pattern_that_sets_it() {
        let json = r#"{"a:b":{"sockets":3},"a:*":{"sockets":2,"state_keys":7},"*":{"sockets":1,"retained_appends":9}}"#;
        let defaults = Settings::default();
        assert_eq!(
            of(json, "a:b"),
            Settings { sockets: 3, state_keys: 7, retained_appends: 9, ..defaults }
        );
        assert_eq!(
            of(json, "a:c"),
            Settings { sockets: 2, state_keys: 7, retained_appends: 9, ..defaults }
        );
        assert_eq!(of(json, "z"), Settings { sockets: 1, retained_appends: 9, ..defaults });
        assert_eq!(of("{}", "z"), defaults);
    }

    #[test]
    fn webhook_url_comes_from_the_most_specific_pattern_and_may_be_empty() {
        let json = r#"{"a:*":{"webhook_url":"https://a.example/"},"a:b":{"webhook_url":""},
                       "*":{"webhook_url":"http://localhost:1/","webhook_events":true}}"#;
        let settings = RoomSettings::parse(json).unwrap();
        for (room, url) in
            [("a:c", Some("https://a.example/")), ("a:b", None), ("z", Some("http://localhost:1/"))]
        {
            let name = RoomName::parse(room).unwrap();
            assert_eq!(settings.webhook_url(&name), url, "{room}");
            assert_eq!(settings.of(&name).webhook_url, url.is_some(), "{room}");
        }
        assert!(settings.have_webhooks() && !RoomSettings::default().have_webhooks());
    }

    #[test]
    fn invalid_setting_is_named_in_the_error() {
        for (json, named) in [
            ("", "ROOM_SETTINGS"),
            (r#"{"a*":{}}"#, "a*"),
            (r#"{"a":{"socket":1}}"#, "socket"),
            (r#"{"a":{"sockets":0}}"#, "sockets is 0"),
            (r#"{"a":{"sockets":32001}}"#, "1 to 32000"),
            (r#"{"a":{"retained_ms":-1}}"#, "-1"),
            (r#"{"a":{"webhook_url":"http://app.example/"}}"#, "webhook_url"),
            (r#"{"a":{"webhook_url":"app.example"}}"#, "no scheme"),
        ] {
            let wrong = RoomSettings::parse(json).unwrap_err();
            assert!(wrong.contains(named), "{json}: {wrong}");
        }
    }
}
