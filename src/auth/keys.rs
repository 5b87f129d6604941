//! The configured keys, and the lookup of the key that verifies a token.

use std::fmt;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::error::TokenError;
use super::json;
use super::jwk;
use super::key::{Key, KeyRejection, Kid};

/// The keys that verify tokens: a secret for tokens without a `kid`, and a key
/// set for tokens with a `kid`. The secret never verifies a token with a `kid`,
/// and the set never verifies a token without a `kid`. So a token can't select
/// a weaker key.
///
/// The key set of an issuer often contains keys that this service can't use.
/// These keys are skipped, and [`skipped`](Self::skipped) returns the reasons.
#[derive(Debug, Default)]
pub struct Keys {
    secret: Option<Key>,
    set: Set,
    skipped: Vec<SkippedKey>,
}

impl Keys {
    /// The maximum size of a key set in bytes. A larger set is rejected before
    /// it is parsed. A typical set has a few KiB.
    pub const SET_BYTES_MAX: usize = 256 * 1_024;

    /// Creates the keys from `JWT_SECRET` and the text of a JSON Web Key Set.
    /// Fails if the secret is too short, or if the set is invalid or has no
    /// usable key.
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

    /// Replaces the key set. Fails if the new set is invalid or has no usable
    /// key. In this case, the previous set stays in use.
    pub fn replace_set(&mut self, set: &str) -> Result<(), KeyError> {
        let (set, skipped) = read_set(set)?;
        self.set = set;
        self.skipped = skipped;
        Ok(())
    }

    /// Returns whether both the secret and the key set are missing. In this
    /// case, no token can be verified.
    pub fn is_empty(&self) -> bool {
        self.secret.is_none() && self.set.is_empty()
    }

    /// Returns the keys of the set that were skipped, for the operator's log.
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

/// Adds a key to a set. Fails if an earlier key has the same `kid`. If two keys
/// had the same `kid`, a token could influence which of the two keys verifies
/// it.
fn add(set: &mut Set, kid: Kid, key: Key) -> Result<(), KeyRejection> {
    if set.iter().any(|(named, _)| *named == kid) {
        return Err(KeyRejection::SameKid);
    }
    set.push((kid, key));
    Ok(())
}

/// A key of a set that can't be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SkippedKey {
    /// The position of the key in the set, counted from 1.
    pub position: usize,
    pub why: KeyRejection,
}

impl fmt::Display for SkippedKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "key {} of the set is skipped: {}", self.position, self.why)
    }
}

/// An error in the configured or fetched keys. The error messages must never
/// contain a part of a key.
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
                write!(out, "the JSON Web Key Set has no usable key; {why}")
            }
        }
    }
}

impl std::error::Error for KeyError {}
