//! The two things every part of the protocol does with JSON.

use serde::{Deserialize, Serialize};

use crate::code::Refusal;

/// Reads a JSON object. The check before is needed: to serde an array of the
/// right length would do as well.
pub(super) fn object<'a, T: Deserialize<'a>>(json: &'a str) -> Result<T, Refusal> {
    if !json.trim_start().starts_with('{') {
        return Err(Refusal::bad_request("not a JSON object, as in {\"name\":\"…\",\"data\":…}"));
    }
    serde_json::from_str(json).map_err(|wrong| Refusal::bad_request(in_short(&wrong)))
}

/// serde quotes a text that it did not expect, whole. One that is long is told
/// by its place: nobody is sent back a mebibyte of their own.
fn in_short(wrong: &serde_json::Error) -> String {
    let message = wrong.to_string();
    if message.len() <= 300 {
        return message;
    }
    format!("a field is of another type than it must be, at column {}", wrong.column())
}

/// A text as a JSON string, quotes included.
pub(super) fn string(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// What we write ourselves, as JSON. It has no maps but structs, and no
/// numbers but integers, so there is nothing in it that could fail.
pub(super) fn text<T: Serialize>(value: &T) -> String {
    serde_json::to_string(value).unwrap_or_default()
}
