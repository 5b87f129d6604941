//! Strict parsing of JSON from untrusted sources.
//!
//! Deserializers from serde's derive macro reject duplicate members. But they
//! accept a list instead of an object, and `null` instead of an absent member.
//! The functions in this module reject a list or a `null` in these places.

use serde::de::{Deserialize, Deserializer};

/// Parses a JSON object in UTF-8. Returns `None` for any other input.
pub fn object<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Option<T> {
    let text = std::str::from_utf8(bytes).ok()?;
    if !text.trim_ascii_start().starts_with('{') {
        return None;
    }
    serde_json::from_str(text).ok()
}

/// Deserializes an optional member that has the attribute `#[serde(default,
/// deserialize_with = "present")]`. The member is `None` only if it is absent.
/// `null` is parsed as a value of the member's type, and most types reject
/// `null`.
pub fn present<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    from: D,
) -> Result<Option<T>, D::Error> {
    T::deserialize(from).map(Some)
}
