//! Strict parsing of JSON from untrusted sources.
//!
//! Deserializers from serde's derive macro reject duplicate members. But they
//! accept a list instead of an object, and `null` instead of an absent member.
//! The functions in this module reject a list or a `null` in these places.

use std::fmt;

use serde::de::{
    Deserialize, DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, Visitor,
};
use serde_json::value::RawValue;

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

/// Returns the member of an object with this name. Returns `None` if there is
/// no such member, or if the value is not an object. Fails if the object has
/// the member twice. Other members are not parsed, and may occur twice.
pub fn member<'a>(
    value: &'a RawValue,
    name: &str,
) -> Result<Option<&'a RawValue>, serde_json::Error> {
    struct Member<'n>(&'n str);
    impl<'de> DeserializeSeed<'de> for Member<'_> {
        type Value = Option<&'de RawValue>;

        fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Self::Value, D::Error> {
            from.deserialize_map(self)
        }
    }
    impl<'de> Visitor<'de> for Member<'_> {
        type Value = Option<&'de RawValue>;

        fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
            out.write_str("an object")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Self::Value, A::Error> {
            let mut found = None;
            while let Some(name) = members.next_key::<String>()? {
                if name != self.0 {
                    members.next_value::<IgnoredAny>()?;
                } else if found.replace(members.next_value()?).is_some() {
                    return Err(A::Error::custom("the member is listed twice"));
                }
            }
            Ok(found)
        }
    }
    if !value.get().starts_with('{') {
        return Ok(None);
    }
    Member(name).deserialize(&mut serde_json::Deserializer::from_str(value.get()))
}

/// Returns the elements of a list. Returns none if the value is not a list.
pub fn elements(value: &RawValue) -> Vec<&RawValue> {
    serde_json::from_str(value.get()).unwrap_or_default()
}
