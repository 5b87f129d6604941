//! Strict parsing of JSON from untrusted sources.
//!
//! Derived deserializers reject a duplicate member. But they accept a list in
//! place of an object, and `null` in place of an absent member. The functions
//! in this module reject both.

use serde::de::{Deserialize, Deserializer};

/// Parses a JSON object in UTF-8; returns `None` for anything else.
pub fn object<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Option<T> {
    let text = std::str::from_utf8(bytes).ok()?;
    if !text.trim_ascii_start().starts_with('{') {
        return None;
    }
    serde_json::from_str(text).ok()
}

/// A deserializer for `#[serde(default, deserialize_with = "present")]`. The
/// result is `None` only if the member is absent. A `null` is a value of the
/// wrong type.
pub fn present<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    from: D,
) -> Result<Option<T>, D::Error> {
    T::deserialize(from).map(Some)
}
