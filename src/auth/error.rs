//! Why a token was refused.

use super::key::{Algorithm, Kid};
use crate::code::{Code, Refusal};
use crate::limits;

/// Every way for a token to be refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TokenError {
    /// There is none, in any place. Said by the edge; [`verify`](super::verify)
    /// always has one.
    Missing,
    TooLong,
    /// Not three parts of base64url.
    Malformed,
    /// The header is no JSON object with an `alg`, its `kid` is no [`Kid`], or
    /// a member that RFC 7515 defines is not of the type it must be.
    Header,
    /// The header's `cty` says that the claims are not JSON.
    ContentType,
    /// The header has `crit`: it asks for extensions, and we know none.
    Critical,
    /// The token names no key, and there is no `JWT_SECRET`.
    NoKid,
    /// No key has this `kid`. Where keys are fetched, the set may have changed
    /// since: ask [`Refetch`](super::Refetch), and verify once more.
    UnknownKey {
        kid: Kid,
    },
    /// The header names another algorithm than the key's.
    Algorithm {
        expected: Algorithm,
    },
    Signature,
    /// The payload is no JSON object, or has one of our claims twice.
    NoClaims,
    Subject,
    Expiry,
    NotBefore,
    IssuedAt,
    Issuer,
    Audience,
    Rooms,
    NotYetValid,
    Expired,
}

impl TokenError {
    /// What the client hears. Never anything out of the token: it ends up in
    /// logs. Short enough for the reason of a Close frame (123 bytes).
    pub fn refusal(&self) -> Refusal {
        Refusal::new(self.code(), self.message())
    }

    fn code(&self) -> Code {
        match self {
            Self::Expired => Code::TokenExpired,
            Self::Missing
            | Self::TooLong
            | Self::Malformed
            | Self::Header
            | Self::ContentType
            | Self::Critical
            | Self::NoKid
            | Self::UnknownKey { .. }
            | Self::Algorithm { .. }
            | Self::Signature
            | Self::NoClaims
            | Self::Subject
            | Self::Expiry
            | Self::NotBefore
            | Self::IssuedAt
            | Self::Issuer
            | Self::Audience
            | Self::Rooms
            | Self::NotYetValid => Code::Unauthorized,
        }
    }

    fn message(&self) -> String {
        let fixed = match self {
            Self::Missing => "there is no token; send one as `Authorization: Bearer <jwt>`",
            Self::TooLong => {
                return format!("the token is too long; at most {} bytes", limits::TOKEN_BYTES);
            }
            Self::Malformed => "the token is no JWT: three parts of base64url, without padding",
            Self::Header => {
                "the token's header must be JSON: a string `alg`, a `kid` of 1 to 256 characters \
                 or none"
            }
            Self::ContentType => "the token's `cty` must be `json` or absent: its claims are JSON",
            Self::Critical => {
                "the token's header must not have `crit`: no extensions are known here"
            }
            Self::NoKid => "the token's header must name its key with `kid`",
            Self::UnknownKey { .. } => "no key here has the token's `kid`",
            Self::Algorithm { expected } => {
                return format!("the token's `alg` must be its key's: {}", expected.as_str());
            }
            Self::Signature => "the token's signature is not its key's",
            Self::NoClaims => "the token's claims must be a JSON object, with none of them twice",
            Self::Subject => {
                return format!(
                    "the token must have a `sub`: a string of 1 to {} characters",
                    limits::USER
                );
            }
            Self::Expiry => "the token must have an `exp`: seconds since 1970, to the year 262142",
            Self::NotBefore => "the token's `nbf` must be seconds since 1970, to the year 262142",
            Self::IssuedAt => "the token's `iat` must be seconds since 1970, to the year 262142",
            Self::Issuer => "the token's `iss` must be the issuer that is trusted here",
            Self::Audience => "the token's `aud` must be, or list, the audience of this service",
            Self::Rooms => {
                r#"the token's `rooms` must be like {"<pattern>":["subscribe"]}, none twice"#
            }
            Self::NotYetValid => "the token is not valid yet: its `nbf` is in the future",
            Self::Expired => "the token has expired; get a new one",
        };
        fixed.to_owned()
    }
}
