//! Verification of a token, and parsing of its claims.

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

/// Verifies a token with `keys`, and returns its claims if `policy` accepts
/// them at `now`. If the token breaks a rule, the error names the first broken
/// rule.
pub fn verify(
    token: &str,
    keys: &Keys,
    policy: &Policy,
    now: Millis,
) -> Result<Claims, TokenError> {
    check_form(token)?;
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

/// Checks that a text may be a token, before the text is parsed or passed on.
/// Fails if the text is too long, or has a character that may not stand in a
/// header.
pub fn check_form(token: &str) -> Result<(), TokenError> {
    if token.len() > limits::TOKEN_BYTES {
        return Err(TokenError::TooLong);
    }
    if !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(TokenError::Malformed);
    }
    Ok(())
}

impl From<ParseError> for TokenError {
    fn from(wrong: ParseError) -> Self {
        match wrong {
            ParseError::MalformedHeader(_) => Self::Header,
            ParseError::UnsupportedContentType(_) => Self::ContentType,
            // The token does not have three parts, or a part is not base64url.
            _ => Self::Malformed,
        }
    }
}

/// Returns the `kid` of the header. The header is parsed a second time, since
/// `jwt-compact` treats a `kid` of `null` as absent and ignores `crit`. Members
/// such as `jku` and `x5u` are not used, since a token must not provide its own
/// key (RFC 8725, 3.10).
fn kid(header: &[u8]) -> Result<Option<Kid>, TokenError> {
    #[derive(Deserialize)]
    struct Written {
        #[serde(default, deserialize_with = "present")]
        kid: Option<String>,
        #[serde(default, deserialize_with = "present")]
        crit: Option<IgnoredAny>,
    }
    let Written { kid, crit } = json::object(header).ok_or(TokenError::Header)?;
    // RFC 7515, 4.1.11 requires that a token is rejected if its `crit` lists an
    // unknown extension. The RFC does not allow an empty list either.
    if crit.is_some() {
        return Err(TokenError::Critical);
    }
    kid.map(|kid| Kid::parse(&kid).ok_or(TokenError::Header)).transpose()
}
