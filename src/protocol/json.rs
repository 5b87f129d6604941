//! Parsing and serialization of JSON, for all modules of the protocol.

use serde::{Deserialize, Serialize};

use crate::code::Refusal;
use crate::limits;

/// Parses a JSON object. Fails with `bad_request` if the text is not a valid
/// object. The first character must be `{`, because serde would also accept an
/// array with one item for each field of the struct.
pub(super) fn object<'a, T: Deserialize<'a>>(json: &'a str) -> Result<T, Refusal> {
    if !json.trim_start().starts_with('{') {
        return Err(Refusal::bad_request("not a JSON object such as {\"name\":\"…\",\"data\":…}"));
    }
    serde_json::from_str(json).map_err(|wrong| Refusal::bad_request(in_short(&wrong)))
}

/// Fails with `bad_request` if arrays and objects are nested deeper than
/// [`limits::DATA_LEVELS`], since some JSON parsers can't read deeper JSON.
/// `field` is the field's name in the error message.
pub(super) fn check_levels(field: &str, json: &str) -> Result<(), Refusal> {
    let (mut levels, mut most) = (0_usize, 0_usize);
    let (mut in_string, mut escaped) = (false, false);
    for byte in json.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = in_string,
            b'"' => in_string = !in_string,
            b'[' | b'{' if !in_string => {
                levels = levels.saturating_add(1);
                most = most.max(levels);
            }
            b']' | b'}' if !in_string => levels = levels.saturating_sub(1),
            _ => {}
        }
    }
    if most > limits::DATA_LEVELS {
        let message = format!("`{field}` nests deeper than {} levels", limits::DATA_LEVELS);
        return Err(Refusal::bad_request(message));
    }
    Ok(())
}

/// Returns the message of a serde error. A message of more than 300 bytes is
/// replaced by a short message with the column of the error. This is necessary
/// because serde can quote the whole invalid text, and a client can send 1 MiB.
fn in_short(wrong: &serde_json::Error) -> String {
    let message = wrong.to_string();
    if message.len() <= 300 {
        return message;
    }
    format!("a field has the wrong type, at column {}", wrong.column())
}

/// Returns a text as a JSON string in quotes.
pub(super) fn string(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// Serializes a frame or body that the server writes. Serialization can't fail,
/// because all objects are structs and all numbers are integers.
pub(super) fn text<T: Serialize>(value: &T) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nested(levels: usize) -> String {
        let (open, close) = (r#"{"a":["#, "]}");
        let odd = levels % 2;
        let inner = ["1", "[]"][odd];
        open.repeat(levels / 2) + inner + &close.repeat(levels / 2)
    }

    /// Limits: DATA_LEVELS.
    #[test]
    fn data_beyond_the_level_limit_is_refused() {
        for (json, is_good) in [
            (nested(limits::DATA_LEVELS), true),
            (nested(limits::DATA_LEVELS + 1), false),
            (nested(1_000_000), false),
            ("[],".repeat(1_000), true),
            (format!("\"{}\"", "[".repeat(1_000)), true),
            (format!(r#""\"{}""#, "[".repeat(1_000)), true),
            (format!(r#"["\\",{}]"#, nested(limits::DATA_LEVELS)), false),
            (format!(r#"["\\",{}]"#, nested(limits::DATA_LEVELS - 1)), true),
        ] {
            let checked = check_levels("data", &json);
            assert_eq!(checked.is_ok(), is_good, "{json:.80}");
            if let Err(refusal) = checked {
                assert_eq!(refusal, Refusal::bad_request("`data` nests deeper than 64 levels"));
            }
        }
    }
}
