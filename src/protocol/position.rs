//! Positions in a room's log, written as `epoch:seq`.

use std::fmt;
use std::str::FromStr;

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::code::Refusal;
use crate::limits;

/// The number of an event in its room: 1, 2, 3 … without gaps. 0 is the
/// position before the first event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct Seq(u64);

impl Seq {
    pub const ZERO: Self = Self(0);

    /// Creates a seq. Returns `None` for a number above 2^53 − 1, which
    /// JavaScript can't always represent exactly.
    pub const fn new(seq: u64) -> Option<Self> {
        if seq <= limits::SAFE_INTEGER { Some(Self(seq)) } else { None }
    }

    pub const fn get(self) -> u64 {
        self.0
    }

    /// Returns the seq of the next event; `None` after the largest seq.
    pub const fn next(self) -> Option<Self> {
        Self::new(self.0.saturating_add(1))
    }

    /// Returns this seq plus `count`, but at most the largest seq.
    pub fn plus(self, count: u64) -> Self {
        Self(self.0.saturating_add(count).min(limits::SAFE_INTEGER))
    }

    /// Returns this seq minus `count`, but at least 0.
    pub const fn minus(self, count: u64) -> Self {
        Self(self.0.saturating_sub(count))
    }
}

impl<'de> Deserialize<'de> for Seq {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Self::new(u64::deserialize(from)?)
            .ok_or_else(|| D::Error::custom("a seq is at most 2^53 - 1"))
    }
}

impl fmt::Display for Seq {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(out)
    }
}

/// The identifier of one log of a room: 8 letters and digits. After an erase,
/// the room's new log has another epoch, so that a position in the erased log
/// is not valid in the new log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Epoch([u8; Self::LENGTH]);

impl Epoch {
    const LENGTH: usize = 8;
    const ALPHABET: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

    /// Creates an epoch from a random number. There are 62^8 possible epochs,
    /// which is about 2^48.
    pub fn from_random(mut random: u64) -> Self {
        Self(std::array::from_fn(|_| {
            let letter = usize::try_from(random % 62).unwrap_or_default();
            random /= 62;
            Self::ALPHABET.get(letter).copied().unwrap_or(b'0')
        }))
    }

    pub fn parse(text: &str) -> Option<Self> {
        let bytes: [u8; Self::LENGTH] = text.as_bytes().try_into().ok()?;
        bytes.iter().all(u8::is_ascii_alphanumeric).then_some(Self(bytes))
    }
}

impl fmt::Display for Epoch {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(out, "{}", char::from(*byte)))
    }
}

impl Serialize for Epoch {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

/// A position in a room's log. A reader's position identifies the last event
/// that the reader has received. A seq alone would be ambiguous: after an
/// erase, the same seq identifies an event of another log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    pub epoch: Epoch,
    pub seq: Seq,
}

impl FromStr for Position {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        let parsed = text.split_once(':').and_then(|(epoch, seq)| {
            let plain =
                seq == "0" || (!seq.starts_with('0') && seq.bytes().all(|b| b.is_ascii_digit()));
            Some(Self {
                epoch: Epoch::parse(epoch)?,
                seq: Seq::new(seq.parse().ok().filter(|_| plain)?)?,
            })
        });
        parsed.ok_or_else(|| {
            Refusal::bad_request("`since` must be a position that the room sent, `epoch:seq`: for example h7Qk2pXa:41")
        })
    }
}

impl fmt::Display for Position {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}:{}", self.epoch, self.seq)
    }
}

impl Serialize for Position {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Position {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        text.parse().map_err(|refusal: Refusal| D::Error::custom(refusal.message))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parsed_position_prints_as_the_same_text() {
        for text in ["h7Qk2pXa:41", "00000000:0", "zzzzzzzz:9007199254740991"] {
            assert_eq!(text.parse::<Position>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn damaged_position_is_refused() {
        let damaged = [
            "",
            ":",
            "h7Qk2pXa",
            "h7Qk2pXa:",
            "h7Qk2pXa:-1",
            "h7Qk2pXa:+1",
            "h7Qk2pXa:01",
            "h7Qk2pXa:1 ",
            "h7Qk2pX:1",
            "h7Qk2pXaa:1",
            "h7Qk2p:a:1",
            "h7Qk2pX!:1",
            "h7Qk2pXa:9007199254740992",
            "h7Qk2pXa:1e3",
            "h7Qk2pXa:1:2",
        ];
        for text in damaged {
            assert!(text.parse::<Position>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn epoch_from_any_random_number_is_valid() {
        for random in [0, 1, 61, 62, u64::MAX] {
            let epoch = Epoch::from_random(random);
            assert_eq!(Epoch::parse(&epoch.to_string()), Some(epoch));
        }
        assert_ne!(Epoch::from_random(1), Epoch::from_random(2));
        assert_ne!(Epoch::from_random(1), Epoch::from_random(1 + 62));
    }
}
