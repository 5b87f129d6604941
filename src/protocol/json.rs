//! Parsing and serialization of JSON, for all modules of the protocol.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserializer, Error, MapAccess, Visitor};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::code::Refusal;
use crate::limits;

/// Parses a JSON object. Fails with `bad_request` if the text is not a valid
/// object. The first character must be `{`, because serde would also accept an
/// array with one item for each field of the struct.
pub fn object<'a, T: Deserialize<'a>>(json: &'a str) -> Result<T, Refusal> {
    if !json.trim_start().starts_with('{') {
        return Err(Refusal::bad_request("not a JSON object such as {\"name\":\"…\",\"data\":…}"));
    }
    serde_json::from_str(json).map_err(|wrong| Refusal::bad_request(in_short(&wrong)))
}

/// Maximum number of members of an [`Object`]. Each member is compared with all
/// others, so a client could keep the worker busy with an object of many members.
const MAX_MEMBERS: usize = 64;

/// The members of a JSON object, with the texts of their values. Each struct
/// that derives `Deserialize` adds about 2 kB of code, and this type reads them
/// all. A member that is there twice is an error.
#[derive(Debug)]
pub struct Object<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'a> Object<'a> {
    /// Parses an object. Fails with `bad_request` like [`object`].
    pub fn parse(json: &'a str) -> Result<Self, Refusal> {
        object(json)
    }

    /// Returns the names of the members.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(name, _)| name.as_ref())
    }

    /// Returns the JSON of a member. A member that is `null` counts as absent.
    pub fn json(&self, name: &str) -> Option<&'a str> {
        let (_, value) = self.0.iter().find(|(member, _)| member == name)?;
        Some(value.get()).filter(|json| *json != "null")
    }

    /// Returns a member that is a string. Fails with `bad_request` for any other
    /// value.
    pub fn text(&self, name: &str) -> Result<Option<Cow<'a, str>>, Refusal> {
        self.json(name).map(|json| text_of(json, name)).transpose()
    }

    /// Returns a member that must be there and be a string.
    pub fn required_text(&self, name: &str) -> Result<Cow<'a, str>, Refusal> {
        self.text(name)?.ok_or_else(|| Refusal::bad_request(format!("missing field `{name}`")))
    }

    /// Returns a member that is a whole number.
    pub fn number(&self, name: &str) -> Option<u64> {
        self.json(name)?.parse().ok()
    }

    /// Returns the JSON of the items of a member. Fails with `bad_request` if the
    /// member is not an array.
    pub fn items(&self, name: &str) -> Result<Option<Vec<&'a str>>, Refusal> {
        let Some(json) = self.json(name) else { return Ok(None) };
        let items: Vec<&RawValue> = serde_json::from_str(json)
            .map_err(|_| Refusal::bad_request(format!("`{name}` must be an array")))?;
        Ok(Some(items.into_iter().map(RawValue::get).collect()))
    }
}

/// Parses a JSON string. Fails with `bad_request`, and names the field.
pub fn text_of<'a>(json: &'a str, name: &str) -> Result<Cow<'a, str>, Refusal> {
    let text: Result<Text, _> = serde_json::from_str(json);
    text.map(|Text(text)| text)
        .map_err(|_| Refusal::bad_request(format!("`{name}` must be a string")))
}

/// A JSON string, which is copied only if it has escapes.
struct Text<'a>(Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct OfText;
        impl<'de> Visitor<'de> for OfText {
            type Value = Text<'de>;

            fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str("a string")
            }

            fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Borrowed(text)))
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Owned(text.to_owned())))
            }
        }
        from.deserialize_str(OfText)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Object<'a> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct OfMembers;
        impl<'de> Visitor<'de> for OfMembers {
            type Value = Object<'de>;

            fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Object<'de>, A::Error> {
                let mut members: Vec<(Cow<str>, &RawValue)> = Vec::new();
                while let Some(Text(name)) = map.next_key()? {
                    if members.iter().any(|(member, _)| *member == name) {
                        return Err(Error::custom(format!("duplicate field `{name}`")));
                    }
                    if members.len() >= MAX_MEMBERS {
                        return Err(Error::custom(format!("more than {MAX_MEMBERS} fields")));
                    }
                    members.push((name, map.next_value()?));
                }
                Ok(Object(members))
            }
        }
        from.deserialize_map(OfMembers)
    }
}

/// Fails with `bad_request` if arrays and objects are nested deeper than
/// [`limits::DATA_LEVELS`], since some JSON parsers can't read deeper JSON.
/// `field` is the field's name in the error message.
pub fn check_levels(field: &str, json: &str) -> Result<(), Refusal> {
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
pub fn string(text: &str) -> String {
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

    #[test]
    fn object_has_each_member_once_and_not_too_many() {
        let object = |count: usize| {
            let members = (0..count).map(|i| format!(r#""m{i}":{i}"#));
            format!("{{{}}}", members.collect::<Vec<_>>().join(","))
        };
        let parse = |json: &str| Object::parse(json).map(drop).map_err(|refusal| refusal.message);
        assert_eq!(parse(&object(MAX_MEMBERS)), Ok(()));
        for (json, named) in [
            (object(MAX_MEMBERS + 1), "more than 64 fields"),
            (object(100_000), "more than 64 fields"),
            (r#"{"a":1,"b":2,"\u0061":3}"#.to_owned(), "duplicate field `a`"),
        ] {
            let wrong = parse(&json).unwrap_err();
            assert!(wrong.contains(named), "{json:.80}: {wrong}");
        }
    }

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
