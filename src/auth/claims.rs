//! What a token says, once its signature has been verified.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, Visitor};
use serde_json::value::RawValue;

use super::error::TokenError;
use super::grant::Grant;
use super::json::{self, present};
use super::rooms::Rooms;
use crate::limits;
use crate::protocol::{RoomName, User};
use crate::time::Millis;

/// Whom a token speaks for, until when, and what it allows where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claims {
    pub user: User,
    /// The token's `exp`, without leeway; at most what JavaScript counts
    /// exactly in milliseconds (the year 287396).
    pub expires_at: Millis,
    rooms: Rooms,
}

/// What the configuration asks of a token besides its signature.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    /// `JWT_ISSUER`: what `iss` must be.
    pub issuer: Option<String>,
    /// `JWT_AUDIENCE`: what `aud` must be or list.
    pub audience: Option<String>,
}

/// The claims as they were written: each is read on its own, so that an error
/// can say which of them is wrong. Others are nobody's business here.
#[derive(serde::Deserialize)]
struct Written<'a> {
    #[serde(borrow, default, deserialize_with = "present")]
    sub: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    exp: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    nbf: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    iat: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    iss: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    aud: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    rooms: Option<&'a RawValue>,
}

impl Claims {
    /// Reads a token's payload. What time can mend comes last, so that
    /// `token_expired` is said only of a token that is otherwise good: then,
    /// and only then, a new one of the same kind would do.
    pub(super) fn read(payload: &[u8], policy: &Policy, now: Millis) -> Result<Self, TokenError> {
        let written: Written<'_> = json::object(payload).ok_or(TokenError::NoClaims)?;
        let user = required(written.sub, TokenError::Subject)?;
        let Seconds(expires_at) = required(written.exp, TokenError::Expiry)?;
        let not_before: Option<Seconds> = optional(written.nbf, TokenError::NotBefore)?;
        let _unused: Option<Seconds> = optional(written.iat, TokenError::IssuedAt)?;
        let rooms: Option<Rooms> = optional(written.rooms, TokenError::Rooms)?;
        check_policy(&written, policy)?;

        if not_before.is_some_and(|Seconds(start)| now < start.minus(limits::LEEWAY_MS)) {
            return Err(TokenError::NotYetValid);
        }
        // RFC 7519, 4.1.4: not to be accepted on or after `exp`.
        if now >= expires_at.plus(limits::LEEWAY_MS) {
            return Err(TokenError::Expired);
        }
        let expires_at = expires_at.min(Millis::new(limits::SAFE_INTEGER));
        Ok(Self { user, expires_at, rooms: rooms.unwrap_or_default() })
    }

    /// What the token allows in this room: the rights of all its patterns that
    /// match, and nothing where none does.
    pub fn grant(&self, room: &RoomName) -> Grant {
        self.rooms.grant(room)
    }
}

fn check_policy(written: &Written<'_>, policy: &Policy) -> Result<(), TokenError> {
    if let Some(issuer) = &policy.issuer {
        let named: String = required(written.iss, TokenError::Issuer)?;
        if named != *issuer {
            return Err(TokenError::Issuer);
        }
    }
    if let Some(audience) = &policy.audience {
        let Audience(named) = required(written.aud, TokenError::Audience)?;
        if !named.contains(audience) {
            return Err(TokenError::Audience);
        }
    }
    Ok(())
}

fn optional<'a, T: Deserialize<'a>>(
    claim: Option<&'a RawValue>,
    wrong: TokenError,
) -> Result<Option<T>, TokenError> {
    claim.map(|json| serde_json::from_str(json.get())).transpose().map_err(|_| wrong)
}

fn required<'a, T: Deserialize<'a>>(
    claim: Option<&'a RawValue>,
    wrong: TokenError,
) -> Result<T, TokenError> {
    claim.and_then(|json| serde_json::from_str(json.get()).ok()).ok_or(wrong)
}

/// A NumericDate (RFC 7519, section 2): seconds since the Unix epoch, where a
/// fraction is allowed. It counts to the millisecond.
struct Seconds(Millis);

/// Where the contract's numbers end: 2^53, itself not allowed.
const SECONDS_END: u64 = 1 << 53;

impl<'de> Deserialize<'de> for Seconds {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Number;
        impl Visitor<'_> for Number {
            type Value = Seconds;

            fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str("a number of seconds, from 0 to below 2^53")
            }

            fn visit_u64<E: Error>(self, seconds: u64) -> Result<Seconds, E> {
                if seconds >= SECONDS_END {
                    return Err(E::custom("a time past 2^53"));
                }
                Ok(Seconds(Millis::new(seconds.saturating_mul(1_000))))
            }

            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_precision_loss,
                clippy::cast_sign_loss,
                reason = "2^53 is exact as a float; below it, a time in ms fits"
            )]
            fn visit_f64<E: Error>(self, seconds: f64) -> Result<Seconds, E> {
                if !(0.0..SECONDS_END as f64).contains(&seconds) {
                    return Err(E::custom("a time before 0 or past 2^53"));
                }
                Ok(Seconds(Millis::new((seconds * 1_000.0) as u64)))
            }
        }
        from.deserialize_any(Number)
    }
}

/// `aud`: one name, or a list of them (RFC 7519, section 4.1.3).
struct Audience(Vec<String>);

impl<'de> Deserialize<'de> for Audience {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        #[derive(serde::Deserialize)]
        #[serde(untagged)]
        enum OneOrMany {
            One(String),
            Many(Vec<String>),
        }
        Ok(Self(match OneOrMany::deserialize(from)? {
            OneOrMany::One(name) => vec![name],
            OneOrMany::Many(names) => names,
        }))
    }
}
