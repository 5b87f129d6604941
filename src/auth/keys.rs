//! The configured keys, and which of them a token is held to.

use std::fmt;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::error::TokenError;
use super::json;
use super::jwk;
use super::key::{Key, KeyRejection, Kid};

/// The keys that may have signed a token: one secret for tokens without a
/// `kid`, and a set for those with one. Never the one for the other, so a token
/// can't choose to be held to a weaker key.
///
/// A set may hold keys that are of no use here, as public ones do: they are
/// passed over, and [`skipped`](Self::passed_over) says why.
#[derive(Debug, Default)]
pub struct Keys {
    secret: Option<Key>,
    set: Set,
    skipped: Vec<SkippedKey>,
}

impl Keys {
    /// A set longer than this is refused unread; real ones have a few KiB.
    pub const SET_BYTES_MAX: usize = 256 * 1_024;

    /// From the texts of `JWT_SECRET` and of a JSON Web Key Set.
    pub fn new(secret: Option<&str>, set: Option<&str>) -> Result<Self, KeyError> {
        let secret = secret
            .map(|secret| Key::hs256(secret.as_bytes()).map_err(|_| KeyError::ShortSecret))
            .transpose()?;
        let mut keys = Self { secret, ..Self::default() };
        if let Some(set) = set {
            keys.replace_set(set)?;
        }
        Ok(keys)
    }

    /// Takes the keys of this set in place of those of the last, which stay if
    /// it has none to offer.
    pub fn replace_set(&mut self, set: &str) -> Result<(), KeyError> {
        let (set, skipped) = read_set(set)?;
        self.set = set;
        self.skipped = skipped;
        Ok(())
    }

    /// Whether no token at all could be verified.
    pub fn is_empty(&self) -> bool {
        self.secret.is_none() && self.set.is_empty()
    }

    /// The keys of the set that were of no use, for the operator's log.
    pub fn skipped(&self) -> &[SkippedKey] {
        &self.skipped
    }

    pub(super) fn find(&self, kid: Option<Kid>) -> Result<&Key, TokenError> {
        match kid {
            None => self.secret.as_ref().ok_or(TokenError::NoKid),
            Some(kid) => match self.set.iter().find(|(named, _)| *named == kid) {
                Some((_, key)) => Ok(key),
                None => Err(TokenError::UnknownKey { kid }),
            },
        }
    }
}

type Set = Vec<(Kid, Key)>;

fn read_set(text: &str) -> Result<(Set, Vec<SkippedKey>), KeyError> {
    #[derive(Deserialize)]
    struct Written<'a> {
        #[serde(borrow)]
        keys: Vec<&'a RawValue>,
    }
    if text.len() > Keys::SET_BYTES_MAX {
        return Err(KeyError::LongSet);
    }
    let Written { keys } = json::object(text.as_bytes()).ok_or(KeyError::NotASet)?;

    let mut set = Set::new();
    let mut skipped = Vec::new();
    for (position, json) in (1..).zip(keys) {
        if let Err(why) = jwk::read(json.get()).and_then(|(kid, key)| add(&mut set, kid, key)) {
            skipped.push(SkippedKey { position, why });
        }
    }
    if set.is_empty() {
        return Err(KeyError::NoUsableKey { first: skipped.first().copied() });
    }
    Ok((set, skipped))
}

/// The first key of a `kid` keeps it: which key verifies a token must not
/// depend on what the token says.
fn add(set: &mut Set, kid: Kid, key: Key) -> Result<(), KeyRejection> {
    if set.iter().any(|(named, _)| *named == kid) {
        return Err(KeyRejection::SameKid);
    }
    set.push((kid, key));
    Ok(())
}

/// A key of a set that can't be used here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SkippedKey {
    /// Which key of the set, from 1.
    pub position: usize,
    pub why: KeyRejection,
}

impl fmt::Display for SkippedKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "key {} of the set is passed over: {}", self.position, self.why)
    }
}

/// What is wrong with the configured or fetched keys; never what is in them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyError {
    ShortSecret,
    LongSet,
    NotASet,
    NoUsableKey { first: Option<SkippedKey> },
}

impl fmt::Display for KeyError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ShortSecret => {
                write!(out, "JWT_SECRET must have at least {} bytes", Key::SECRET_BYTES_MIN)
            }
            Self::LongSet => {
                write!(out, "the JSON Web Key Set is longer than {} bytes", Keys::SET_BYTES_MAX)
            }
            Self::NotASet => {
                write!(out, r#"the JSON Web Key Set must be a JSON object like {{"keys":[…]}}"#)
            }
            Self::NoUsableKey { first: None } => write!(out, "the JSON Web Key Set has no keys"),
            Self::NoUsableKey { first: Some(why) } => {
                write!(out, "the JSON Web Key Set has no key that can be used; {why}")
            }
        }
    }
}

impl std::error::Error for KeyError {}
