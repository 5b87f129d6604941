//! The operator's log. Each entry is a line of JSON, which Workers Logs can
//! search by its fields. No entry contains a token or the data of an event.

use std::cell::Cell;

use wasm_bindgen::prelude::wasm_bindgen;

#[wasm_bindgen(module = "/src/edge/log.js")]
extern "C" {
    #[wasm_bindgen(js_name = writeLine)]
    fn write_line(level: &str, line: &str);
}

/// The level of an entry. The variable `LOG_LEVEL` selects the entries that are
/// written: those of its level and of all levels before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// A failure of the configuration, the code or the platform.
    Error,
    /// A request or a session that was refused.
    Warn,
    /// Every other request and session.
    Info,
}

thread_local! {
    static LEVEL: Cell<Level> = const { Cell::new(Level::Error) };
}

impl Level {
    /// Parses `LOG_LEVEL`. Fails with an error for the operator.
    pub fn parse(text: &str) -> Result<Self, String> {
        match text {
            "error" => Ok(Self::Error),
            "warn" => Ok(Self::Warn),
            "info" => Ok(Self::Info),
            _ => Err(format!("LOG_LEVEL is {text:?}; it must be error, warn or info")),
        }
    }

    const fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
        }
    }

    /// Returns the lowest status of the answers that are logged at this level.
    pub const fn min_status(self) -> u16 {
        match self {
            Self::Error => 500,
            Self::Warn => 400,
            Self::Info => 0,
        }
    }
}

pub fn set_level(level: Level) {
    LEVEL.set(level);
}

pub fn level() -> Level {
    LEVEL.get()
}

/// Writes an entry of the level `error`.
pub fn error(event: &str, fields: &[(&str, &str)]) {
    write(Level::Error, event, fields);
}

/// Writes an entry, if `LOG_LEVEL` selects its level.
pub fn write(level: Level, event: &str, fields: &[(&str, &str)]) {
    if level > self::level() {
        return;
    }
    let fields: String = fields
        .iter()
        // The serialization of a string can't fail.
        .map(|(name, value)| (name, serde_json::to_string(value).unwrap_or_default()))
        .map(|(name, value)| format!(r#","{name}":{value}"#))
        .collect();
    let level = level.as_str();
    write_line(level, &format!(r#"{{"level":"{level}","event":"{event}"{fields}}}"#));
}

/// Writes that the storage or the platform failed in a room.
pub fn room_failed(room: &str, cause: &str) {
    error("room_failed", &[("room", room), ("cause", cause)]);
}
