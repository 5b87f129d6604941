//! The claims of a token, read after its signature has been verified.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, Visitor};
use serde_json::value::RawValue;

use super::error::TokenError;
use super::grant_rules::GrantRules;
use super::json::{self, present};
use super::rooms::Rooms;
use crate::limits;
use crate::protocol::{Grant, RoomName, User};
use crate::time::Millis;

/// The contents of a token: its user, its expiry, and its rights in rooms.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claims {
    pub user: User,
    /// The token's `exp`, without the leeway. The largest value is the end of
    /// the year 262142. In JavaScript, this time is still an exact number of
    /// milliseconds.
    pub expires_at: Millis,
    /// The token's `nbf`, without the leeway. 0 if the token has no `nbf`.
    not_before: Millis,
    rooms: Rooms,
}

/// The configured requirements for the claims of a token, and the rules that
/// derive rights from them. A requirement that is `None` is not checked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    /// `JWT_ISSUER`: the required value of `iss`.
    pub issuer: Option<String>,
    /// `JWT_AUDIENCE`: the required value of `aud`. If `aud` is a list, the
    /// list must contain this value.
    pub audience: Option<String>,
    /// `ROOM_GRANTS`: the rights of a token without the claim `rooms`.
    pub rules: GrantRules,
}

/// The claims as written in the token, not yet parsed. Each claim is parsed
/// separately, so that the error can name the invalid claim. Claims that have
/// no field in this struct are ignored.
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
    /// Parses and checks a token's payload. The dates are checked last, so that
    /// `token_expired` means that everything else in the token is valid. So if
    /// a client receives `token_expired`, a token with newer dates is
    /// sufficient.
    pub(super) fn read(payload: &[u8], policy: &Policy, now: Millis) -> Result<Self, TokenError> {
        let written: Written<'_> = json::object(payload).ok_or(TokenError::NoClaims)?;
        let user = required(written.sub, TokenError::Subject)?;
        let NumericDate(expires_at) = required(written.exp, TokenError::Expiry)?;
        let not_before = optional(written.nbf, TokenError::NotBefore)?;
        let not_before = not_before.map_or(Millis::new(0), |NumericDate(time)| time);
        let _unused: Option<NumericDate> = optional(written.iat, TokenError::IssuedAt)?;
        let rooms = match optional(written.rooms, TokenError::Rooms)? {
            Some(rooms) => rooms,
            None if policy.rules.is_empty() => Rooms::default(),
            None => policy.rules.rooms(json::object(payload).ok_or(TokenError::NoClaims)?)?,
        };
        check_policy(&written, policy)?;
        let claims = Self { user, expires_at, not_before, rooms };
        claims.check_time(now)?;
        Ok(claims)
    }

    /// Compares the dates with `now`. A token is expired from exactly `exp` plus
    /// the leeway (RFC 7519, section 4.1.4).
    pub(super) fn check_time(&self, now: Millis) -> Result<(), TokenError> {
        if self.not_before > now.plus(limits::LEEWAY_MS) {
            return Err(TokenError::NotYetValid);
        }
        if self.have_expired(now) { Err(TokenError::Expired) } else { Ok(()) }
    }

    /// Reads the claims that the operator's `authenticate` returned as JSON.
    /// Fails if a member is missing or has the wrong type.
    pub fn of_hook(json: &str) -> serde_json::Result<Self> {
        #[derive(serde::Deserialize)]
        struct Answer {
            user: User,
            rooms: Rooms,
            expires_at: Millis,
        }
        let Answer { user, rooms, expires_at } = serde_json::from_str(json)?;
        Ok(Self { user, expires_at, not_before: Millis::new(0), rooms })
    }

    /// Returns about how many bytes the claims take in memory.
    pub(super) fn size(&self) -> usize {
        size_of::<Self>().saturating_add(self.user.as_str().len()).saturating_add(self.rooms.size())
    }

    /// Returns whether the claims are expired, with the leeway of a token.
    pub fn have_expired(&self, now: Millis) -> bool {
        self.expires_at.plus(limits::LEEWAY_MS) <= now
    }

    /// Returns the rights that the token grants in a room: the rights of all
    /// patterns that match the room. If no pattern matches, the token grants no
    /// rights.
    pub fn grant(&self, room: &RoomName) -> Grant {
        self.rooms.grant(room)
    }

    /// Returns the rights that the token grants in every room whose name begins
    /// with the prefix.
    pub fn grant_under(&self, prefix: &str) -> Grant {
        self.rooms.grant_under(prefix)
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

/// A NumericDate (RFC 7519, section 2): seconds since the Unix epoch, with an
/// optional fraction. The parsed date is precise to the millisecond.
struct NumericDate(Millis);

impl NumericDate {
    /// The end of the year 262142. In JavaScript, this time is still an exact
    /// number of milliseconds.
    const MAX: Millis = Millis::new(8_210_266_876_799_999);

    fn of<E: Error>(ms: Option<u64>) -> Result<Self, E> {
        let time = ms.map(Millis::new).filter(|time| *time <= Self::MAX);
        time.map(Self).ok_or_else(|| E::custom("a time out of range"))
    }
}

impl<'de> Deserialize<'de> for NumericDate {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Number;
        impl Visitor<'_> for Number {
            type Value = NumericDate;

            fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str("a number of seconds, from 0 to the year 262142")
            }

            fn visit_u64<E: Error>(self, seconds: u64) -> Result<NumericDate, E> {
                NumericDate::of(seconds.checked_mul(1_000))
            }

            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "the number is not negative, and `as` saturates, so a large one is rejected"
            )]
            fn visit_f64<E: Error>(self, seconds: f64) -> Result<NumericDate, E> {
                NumericDate::of((seconds >= 0.0).then_some((seconds * 1_000.0) as u64))
            }
        }
        from.deserialize_any(Number)
    }
}

/// The claim `aud`: one name, or a list of names (RFC 7519, section 4.1.3).
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
