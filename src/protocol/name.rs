//! Room names and the other short texts of the protocol. Each kind of text has
//! its own type, and a value of the type is always valid. If deserialization
//! fails, the error names the invalid field.

use std::fmt;

use serde::de::{Deserializer, Error, Visitor};
use serde::{Deserialize, Serialize};

use crate::code::Refusal;
use crate::limits;

/// A room's name: 1 to 200 characters of `A-Z a-z 0-9 _ - = @ , . ; :`, in
/// non-empty segments separated by `:`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct RoomName(String);

impl RoomName {
    /// Parses a room's name. Fails with `bad_request` for an invalid name. The
    /// names `.` and `..` are invalid, since clients remove them from the path
    /// of a URL.
    pub fn parse(name: &str) -> Result<Self, Refusal> {
        let wrong = |why: &str| {
            Refusal::bad_request(format!(
                "the room name {why}; a room name is 1 to {} characters of A-Z a-z 0-9 _ - = @ , . ; : \
                 in non-empty segments separated by ':'",
                limits::ROOM_NAME
            ))
        };
        if name.is_empty() {
            return Err(wrong("is empty"));
        }
        if name.chars().count() > limits::ROOM_NAME {
            return Err(wrong("is too long"));
        }
        if !name.bytes().all(is_room_byte) {
            return Err(wrong("has a character that is not allowed"));
        }
        if name.split(':').any(str::is_empty) {
            return Err(wrong("has an empty segment"));
        }
        if matches!(name, "." | "..") {
            return Err(wrong("would be removed from a URL path"));
        }
        Ok(Self(name.to_owned()))
    }

    /// Returns whether the text can stand in one segment of a room's name.
    pub fn is_segment(text: &str) -> bool {
        (1..=limits::ROOM_NAME).contains(&text.len())
            && text.bytes().all(|byte| is_room_byte(byte) && byte != b':')
    }

    /// Returns whether a room's name can begin with the text.
    pub fn is_prefix(text: &str) -> bool {
        text.len() <= limits::ROOM_NAME && text.bytes().all(is_room_byte)
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn is_room_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"_-=@,.;:".contains(&byte)
}

impl fmt::Display for RoomName {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

/// Declares a type for a text of 1 to `$max` characters (Unicode code points).
macro_rules! bounded_text {
    ($(#[$doc:meta])* $name:ident, $field:literal, $max:expr) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            pub fn parse(text: &str) -> Result<Self, Refusal> {
                if text.is_empty() || text.chars().count() > $max {
                    return Err(Refusal::bad_request(Self::expected()));
                }
                Ok(Self(text.to_owned()))
            }

            pub fn as_str(&self) -> &str {
                &self.0
            }

            fn expected() -> String {
                format!("`{}` must be a string of 1 to {} characters", $field, $max)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                struct Text;
                impl Visitor<'_> for Text {
                    type Value = $name;

                    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                        out.write_str(&$name::expected())
                    }

                    fn visit_str<E: Error>(self, text: &str) -> Result<$name, E> {
                        $name::parse(text).map_err(|refusal| E::custom(refusal.message))
                    }
                }
                from.deserialize_str(Text)
            }
        }
    };
}

bounded_text!(
    /// The `name` of an event or a signal, which says what happened.
    EventName, "name", limits::NAME
);
bounded_text!(
    /// The key of an event. In the state, the event replaces the previous event
    /// with the same key.
    Key, "key", limits::KEY
);
bounded_text!(
    /// The id that a publisher gives to an event. While the event is retained,
    /// another event of the same user with the same id is not appended.
    EventId, "id", limits::ID
);
bounded_text!(
    /// The client that caused an event, for readers that ignore their own
    /// events.
    Origin, "origin", limits::ORIGIN
);
bounded_text!(
    /// The id that a client gives to a frame. The `ack` or the `error` that
    /// answers the frame repeats this id.
    Ref, "ref", limits::REF
);
bounded_text!(
    /// The user that a token was issued for: the token's `sub`.
    User, "sub", limits::USER
);
