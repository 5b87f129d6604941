//! Verification of a token, and the reading of its claims.

use jwt_compact::{ParseError, UntrustedToken};
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::claims::{Claims, Policy};
use super::error::TokenError;
use super::json::{self, present};
use super::key::{Kid, base64url};
use super::keys::Keys;
use crate::limits;
use crate::time::Millis;

/// Returns the claims of a token that one of `keys` has signed and that
/// `policy` accepts at `now`. Otherwise fails with the first rule that the
/// token breaks.
pub fn verify(
    token: &str,
    keys: &Keys,
    policy: &Policy,
    now: Millis,
) -> Result<Claims, TokenError> {
    if token.len() > limits::TOKEN_BYTES {
        return Err(TokenError::TooLong);
    }
    let parsed = UntrustedToken::new(token)?;
    let (signed, _) = token.rsplit_once('.').ok_or(TokenError::Malformed)?;
    let (header, payload) = signed.split_once('.').ok_or(TokenError::Malformed)?;

    let key = keys.find(kid(&base64url(header).ok_or(TokenError::Malformed)?)?)?;
    if parsed.algorithm() != key.algorithm().as_str() {
        return Err(TokenError::Algorithm { expected: key.algorithm() });
    }
    if !key.verifies(signed.as_bytes(), parsed.signature_bytes()) {
        return Err(TokenError::Signature);
    }
    Claims::read(&base64url(payload).ok_or(TokenError::Malformed)?, policy, now)
}

impl From<ParseError> for TokenError {
    fn from(wrong: ParseError) -> Self {
        match wrong {
            ParseError::MalformedHeader(_) => Self::Header,
            ParseError::UnsupportedContentType(_) => Self::ContentType,
            // Not three parts, or not base64url.
            _ => Self::Malformed,
        }
    }
}

/// Returns the `kid` of the header. The library has parsed the header already,
/// but it reads a `kid` of `null` as absent, and ignores `crit`. `jku`, `x5u`
/// and similar members are not used: a token must not bring its own key (RFC
/// 8725, 3.10).
fn kid(header: &[u8]) -> Result<Option<Kid>, TokenError> {
    #[derive(Deserialize)]
    struct Written {
        #[serde(default, deserialize_with = "present")]
        kid: Option<String>,
        #[serde(default, deserialize_with = "present")]
        crit: Option<IgnoredAny>,
    }
    let Written { kid, crit } = json::object(header).ok_or(TokenError::Header)?;
    // RFC 7515, 4.1.11: a token with a `crit` that is not understood must be
    // rejected. An empty list is not allowed either.
    if crit.is_some() {
        return Err(TokenError::Critical);
    }
    kid.map(|kid| Kid::parse(&kid).ok_or(TokenError::Header)).transpose()
}
