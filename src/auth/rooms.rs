//! The `rooms` claim: the rights per room pattern.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};

use crate::protocol::{Grant, Pattern, RoomName};

/// The patterns of the claim, and the grant of each. The default grants
/// nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rooms(Vec<(Pattern, Grant)>);

impl Rooms {
    /// Returns the rights of all patterns that match, together.
    pub fn grant(&self, room: &RoomName) -> Grant {
        self.0
            .iter()
            .filter(|(pattern, _)| pattern.matches(room))
            .fold(Grant::NONE, |sum, (_, grant)| sum.union(*grant))
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
                    // JSON parsers disagree on which of two equal members
                    // counts. Reject them, so that no token grants more here
                    // than the issuer's parser would read.
                    if rooms.iter().any(|(there, _)| *there == pattern) {
                        return Err(A::Error::custom("a pattern is listed twice"));
                    }
                    rooms.push((pattern, grant));
                }
                Ok(Rooms(rooms))
            }
        }
        from.deserialize_map(Patterns)
    }
}
