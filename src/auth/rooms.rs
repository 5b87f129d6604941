//! The `rooms` claim: which rights in which rooms.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};

use super::grant::Grant;
use crate::protocol::RoomName;

/// Patterns and what each of them grants. The default grants nothing.
///
/// Patterns are kept as they were written. One of a form that the contract
/// does not know needs no check, because it can't match: `*` is no character
/// of a room name, so `ship*` is the name of no room, and the prefix of `a:*:*`
/// begins none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rooms(BTreeMap<String, Grant>);

impl Rooms {
    /// The rights of all patterns that match, together.
    pub fn grant(&self, room: &RoomName) -> Grant {
        self.0
            .iter()
            .filter(|(pattern, _)| matches(pattern, room))
            .fold(Grant::NONE, |sum, (_, grant)| sum.union(*grant))
    }
}

/// A pattern is a room's name, or a prefix that ends in `:*`, or `*`.
fn matches(pattern: &str, room: &RoomName) -> bool {
    match pattern.strip_suffix('*') {
        Some("") => true,
        // The `:` stays in the prefix: it ends a whole segment, and what
        // follows it in a room's name is at least one more, never an empty one.
        Some(prefix) => prefix.ends_with(':') && room.as_str().starts_with(prefix),
        None => pattern == room.as_str(),
    }
}

impl<'de> Deserialize<'de> for Rooms {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Patterns;
        impl<'de> Visitor<'de> for Patterns {
            type Value = Rooms;

            fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str("an object of patterns, each with a list of rights")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Rooms, A::Error> {
                let mut rooms = BTreeMap::new();
                while let Some((pattern, grant)) = members.next_entry::<String, Grant>()? {
                    // Readers of JSON disagree on which of two wins: nobody
                    // may get more than the issuer's reader saw.
                    if rooms.insert(pattern, grant).is_some() {
                        return Err(A::Error::custom("a pattern is there twice"));
                    }
                }
                Ok(Rooms(rooms))
            }
        }
        from.deserialize_map(Patterns)
    }
}
