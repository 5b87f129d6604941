//! The reasons why a token is rejected, and their error messages.

use super::key::{Algorithm, Kid};
use crate::code::{Code, Refusal};
use crate::limits;

/// A reason why a token is rejected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TokenError {
    /// The request has no token in any of the places that
    /// [`extract`](super::extract) searches. The edge creates this error
    /// itself, because it calls [`verify`](super::verify) only if there is a
    /// token.
    Missing,
    TooLong,
    /// The token does not consist of three parts in base64url.
    Malformed,
    /// The header is not a JSON object with an `alg`, or its `kid` is not a
    /// valid [`Kid`]. This error is also returned if a header member that RFC
    /// 7515 defines has the wrong type.
    Header,
    /// The header's `cty` says that the claims are not JSON.
    ContentType,
    /// The header has `crit`, which lists required extensions. This service
    /// supports no extensions.
    Critical,
    /// The header has no `kid`, and `JWT_SECRET` is not configured.
    NoKid,
    /// No key has this `kid`. If the keys come from `JWKS_URL`, the issuer may
    /// have added the key since the last fetch. If [`Refetch`](super::Refetch)
    /// allows a fetch, the caller fetches the keys and verifies the token
    /// again.
    UnknownKey {
        kid: Kid,
    },
    /// The header's `alg` is not the algorithm of the key.
    Algorithm {
        expected: Algorithm,
    },
    Signature,
    /// The payload is not a JSON object, or a claim that this service or a rule
    /// of [`GrantRules`](super::GrantRules) reads occurs twice.
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
    /// The operator's `authenticate` found no user for the token.
    NotAccepted,
}

impl TokenError {
    /// Returns the error that the client receives. The message must never
    /// contain a part of the token, because messages are written to logs. The
    /// message must fit into the reason of a Close frame (123 bytes).
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
            | Self::NotYetValid
            | Self::NotAccepted => Code::Unauthorized,
        }
    }

    fn message(&self) -> String {
        let fixed = match self {
            Self::Missing => "there is no token; send one as `Authorization: Bearer <jwt>`",
            Self::TooLong => {
                return format!("a token may be at most {} bytes", limits::TOKEN_BYTES);
            }
            Self::Malformed => "the token must be a JWT: three parts of base64url, unpadded",
            Self::Header => {
                "the token's header must be a JSON object: `alg` a string, `kid` absent or 1 to 256 \
                 characters"
            }
            Self::ContentType => "the token's `cty` must be `json` or absent: its claims are JSON",
            Self::Critical => {
                "the token's header must not have `crit`: extensions are not supported"
            }
            Self::NoKid => "the token's header must name its key with `kid`",
            Self::UnknownKey { .. } => "no configured key has the token's `kid`",
            Self::Algorithm { expected } => {
                return format!("the token's `alg` must match its key: {}", expected.as_str());
            }
            Self::Signature => "the token's signature does not match its key",
            Self::NoClaims => "the token's claims must be a JSON object without duplicates",
            Self::Subject => {
                return format!(
                    "the token must have a `sub`: a string of 1 to {} characters",
                    limits::USER
                );
            }
            Self::Expiry => "the token must have `exp`: seconds since 1970, up to year 262142",
            Self::NotBefore => "the token's `nbf` must be seconds since 1970, up to year 262142",
            Self::IssuedAt => "the token's `iat` must be seconds since 1970, up to year 262142",
            Self::Issuer => "the token's `iss` must be the issuer that this service trusts",
            Self::Audience => "the token's `aud` must be or contain the audience of this service",
            Self::Rooms => {
                r#"the token's `rooms` must be like {"<pattern>":["subscribe"]}, each pattern once"#
            }
            Self::NotYetValid => "the token is not valid yet: its `nbf` is in the future",
            Self::Expired => "the token has expired; get a new one",
            Self::NotAccepted => "the token belongs to no user who is signed in; get a new one",
        };
        fixed.to_owned()
    }
}
