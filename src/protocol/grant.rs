//! The rights of a session in one room.

use std::fmt;

use serde::de::{Deserialize, Deserializer, SeqAccess, Visitor};
use serde::ser::{Serialize, Serializer};

use crate::code::{Code, Refusal};

/// One right that a token can grant in a room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Right {
    Subscribe,
    Publish,
    Presence,
    Admin,
}

impl Right {
    /// All rights, in the order in which a grant lists them.
    pub const ALL: [Self; 4] = [Self::Subscribe, Self::Publish, Self::Presence, Self::Admin];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Subscribe => "subscribe",
            Self::Publish => "publish",
            Self::Presence => "presence",
            Self::Admin => "admin",
        }
    }

    /// Returns the right with exactly this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|right| right.as_str() == name)
    }

    const fn bit(self) -> u8 {
        match self {
            Self::Subscribe => 1,
            Self::Publish => 1 << 1,
            Self::Presence => 1 << 2,
            Self::Admin => 1 << 3,
        }
    }
}

/// A set of rights. No right implies another right. For example, `admin` alone
/// does not allow a publish.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Grant(u8);

impl Grant {
    pub const NONE: Self = Self(0);

    pub const fn contains(self, right: Right) -> bool {
        self.0 & right.bit() != 0
    }

    #[must_use]
    pub const fn with(self, right: Right) -> Self {
        Self(self.0 | right.bit())
    }

    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Fails with `forbidden` if the grant has none of the `needed` rights.
    pub fn check(self, needed: &[Right]) -> Result<(), Refusal> {
        if needed.iter().any(|right| self.contains(*right)) {
            return Ok(());
        }
        let names: Vec<&str> = needed.iter().map(|right| right.as_str()).collect();
        let message = format!("the token does not grant {} in this room", names.join(" or "));
        Err(Refusal::new(Code::Forbidden, message))
    }

    pub fn iter(self) -> impl Iterator<Item = Right> {
        Right::ALL.into_iter().filter(move |right| self.contains(*right))
    }
}

impl FromIterator<Right> for Grant {
    fn from_iter<I: IntoIterator<Item = Right>>(rights: I) -> Self {
        rights.into_iter().fold(Self::NONE, Self::with)
    }
}

impl fmt::Debug for Grant {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_set().entries(self.iter()).finish()
    }
}

impl Serialize for Grant {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq(self.iter().map(Right::as_str))
    }
}

/// Parses a list of names of rights. Unknown names are ignored, so that a token
/// for a later version still grants the rights that this version knows.
impl<'de> Deserialize<'de> for Grant {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Names;
        impl<'de> Visitor<'de> for Names {
            type Value = Grant;

            fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str("a list of rights")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut names: A) -> Result<Grant, A::Error> {
                let mut grant = Grant::NONE;
                while let Some(name) = names.next_element::<String>()? {
                    grant = Right::named(&name).map_or(grant, |right| grant.with(right));
                }
                Ok(grant)
            }
        }
        from.deserialize_seq(Names)
    }
}
