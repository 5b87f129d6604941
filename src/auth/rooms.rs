//! The rights of a token for each room pattern, for example from its claim
//! `rooms`.

use std::fmt;
use std::rc::Rc;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};

use crate::protocol::{Grant, Pattern, RoomName};

/// The patterns of a token, each with its grant. The default value has no
/// patterns, so it grants no rights. Clones share the patterns, since the
/// claims of a cached token are cloned for each use.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rooms(Rc<[(Pattern, Grant)]>);

impl Rooms {
    /// Returns the combined rights of all patterns that match the room.
    pub fn grant(&self, room: &RoomName) -> Grant {
        self.0
            .iter()
            .filter(|(pattern, _)| pattern.matches(room))
            .fold(Grant::NONE, |sum, (_, grant)| sum.union(*grant))
    }

    /// Returns the rights in every room whose name begins with the prefix.
    pub fn grant_under(&self, prefix: &str) -> Grant {
        self.0
            .iter()
            .filter(|(pattern, _)| pattern.covers(prefix))
            .fold(Grant::NONE, |sum, (_, grant)| sum.union(*grant))
    }

    /// Returns about how many bytes the patterns take in memory.
    pub fn size(&self) -> usize {
        let size = |(pattern, _): &(Pattern, Grant)| {
            size_of::<(Pattern, Grant)>().saturating_add(pattern.text_bytes())
        };
        self.0.iter().map(size).sum()
    }
}

impl FromIterator<(Pattern, Grant)> for Rooms {
    fn from_iter<I: IntoIterator<Item = (Pattern, Grant)>>(patterns: I) -> Self {
        Self(patterns.into_iter().collect())
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
                let mut rooms: Vec<(Pattern, Grant)> = Vec::new();
                while let Some((text, grant)) = members.next_entry::<String, Grant>()? {
                    let Some(pattern) = Pattern::parse(&text) else { continue };
                    // If an object has two members with the same name, some
                    // JSON parsers use the first and others the last member. An
                    // object that lists a pattern twice is rejected. Otherwise a
                    // token could grant more rights here than the issuer's own
                    // parser reads from it.
                    if rooms.iter().any(|(there, _)| *there == pattern) {
                        return Err(A::Error::custom("a pattern is listed twice"));
                    }
                    rooms.push((pattern, grant));
                }
                Ok(Rooms(rooms.into()))
            }
        }
        from.deserialize_map(Patterns)
    }
}
