//! Reading JSON that somebody else wrote, without ambiguity.
//!
//! Derived readers refuse a member that is there twice, but they also take a
//! list for an object and `null` for absent; here both are what they are.

use serde::de::{Deserialize, Deserializer};

/// The JSON object in `bytes`, as UTF-8; `None` if it is anything else.
pub fn object<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Option<T> {
    let text = std::str::from_utf8(bytes).ok()?;
    if !text.trim_ascii_start().starts_with('{') {
        return None;
    }
    serde_json::from_str(text).ok()
}

/// For `#[serde(default, deserialize_with = "present")]`: `None` only where
/// the member is not there; a `null` is of the wrong type.
pub fn present<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    from: D,
) -> Result<Option<T>, D::Error> {
    T::deserialize(from).map(Some)
}
