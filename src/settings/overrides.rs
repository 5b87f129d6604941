//! The settings of one room pattern, as the operator writes them.

use litemap::LiteMap;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::values::{JURISDICTIONS, LOCATION_HINTS, Settings};
use crate::auth::check_url;
use crate::limits;

/// The settings of one pattern. A setting that is `None` comes from a less
/// specific pattern.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Overrides {
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
    pub directory: Option<bool>,
    /// URL of the webhook. Empty if the room has none.
    pub webhook_url: Option<String>,
    webhook_events: Option<bool>,
    pub webhook_pusher: Option<bool>,
    pub jurisdiction: Option<String>,
    pub location_hint: Option<String>,
}

impl Overrides {
    /// Parses the settings of one pattern. Fails with an error for each wrong
    /// setting.
    pub fn parse(json: &RawValue) -> Result<Self, Vec<String>> {
        let parsed: Self =
            serde_json::from_str(json.get()).map_err(|wrong| misread(json, &wrong))?;
        let errors = parsed.errors();
        if errors.is_empty() { Ok(parsed) } else { Err(errors) }
    }

    fn errors(&self) -> Vec<String> {
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
        let out_of_range = ranges.into_iter().filter_map(|(name, value, range)| {
            let value = value.filter(|value| !range.contains(value))?;
            Some(format!("{name} is {value}; it must be {} to {}", range.start(), range.end()))
        });
        let names = [
            ("jurisdiction", &self.jurisdiction, JURISDICTIONS),
            ("location_hint", &self.location_hint, LOCATION_HINTS),
        ];
        let unknown = names.into_iter().filter_map(|(name, value, known)| {
            let value = value.as_deref().filter(|value| !known.contains(value))?;
            Some(format!("{name} is {value:?}; it must be one of {}", known.join(", ")))
        });
        let url = self.webhook_url.as_deref().filter(|url| !url.is_empty());
        let risk = "anyone on the way could read the notifications";
        let url = url.and_then(|url| check_url(url, risk).err());
        let url =
            url.map(|why| format!("webhook_url must be like `https://app.example/hook`: {why}"));
        out_of_range.chain(unknown).chain(url).collect()
    }

    /// Returns the settings with these overrides over those of a less specific
    /// pattern.
    pub fn over(&self, under: Settings) -> Settings {
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
            webhook_pusher: self.webhook_pusher.unwrap_or(under.webhook_pusher),
            jurisdiction: known(JURISDICTIONS, &self.jurisdiction).or(under.jurisdiction),
            location_hint: known(LOCATION_HINTS, &self.location_hint).or(under.location_hint),
        }
    }
}

fn known(names: &[&'static str], value: &Option<String>) -> Option<&'static str> {
    names.iter().find(|name| value.as_deref() == Some(**name)).copied()
}

/// Returns an error for each wrong setting of a pattern that can't be parsed.
/// The parser itself names only the first value.
fn misread(json: &RawValue, wrong: &serde_json::Error) -> Vec<String> {
    let settings: LiteMap<String, &RawValue> = serde_json::from_str(json.get()).unwrap_or_default();
    let errors = settings.into_iter().flat_map(|(name, value)| {
        let alone = serde_json::from_str::<Overrides>(&format!("{{{name:?}:{value}}}"));
        let misread = |wrong| vec![format!("{name}: {}", in_plain_words(&wrong))];
        alone.map_or_else(misread, |alone| alone.errors())
    });
    let errors: Vec<_> = errors.collect();
    if errors.is_empty() { vec![in_plain_words(wrong)] } else { errors }
}

/// Returns an error without its position, which is not that in the operator's
/// file, and without the names of Rust's types.
fn in_plain_words(wrong: &serde_json::Error) -> String {
    let text = wrong.to_string();
    let what = text.rsplit_once(" at line ").map_or(text.as_str(), |(what, _)| what);
    what.replace("usize", "u64").replace("expected u64", "expected a number of 0 or more")
}
