//! From a token's text to its claims.

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::claims::{Claims, Policy};
use super::error::TokenError;
use super::json::{self, present};
use super::keys::{Keys, Kid};
use super::signature::base64url;
use crate::limits;
use crate::time::Millis;

/// The claims of a token that one of `keys` has signed and that `policy` lets
/// in at `now`.
pub fn verify(
    token: &str,
    keys: &Keys,
    policy: &Policy,
    now: Millis,
) -> Result<Claims, TokenError> {
    if token.len() > limits::TOKEN_BYTES {
        return Err(TokenError::TooLong);
    }
    let (signed, signature) = token.rsplit_once('.').ok_or(TokenError::Malformed)?;
    let (header, payload) = signed.split_once('.').ok_or(TokenError::Malformed)?;
    let [header, payload, signature] = [header, payload, signature].map(base64url);

    let header = Header::read(&header.ok_or(TokenError::Malformed)?)?;
    let payload = payload.ok_or(TokenError::Malformed)?;
    let signature = signature.ok_or(TokenError::Malformed)?;

    let key = keys.find(header.kid)?;
    if header.alg != key.algorithm().as_str() {
        return Err(TokenError::Algorithm { expected: key.algorithm() });
    }
    if !key.verifies(signed.as_bytes(), &signature) {
        return Err(TokenError::Signature);
    }
    Claims::read(&payload, policy, now)
}

/// All that is read of a header. In particular not `jku`, `jwk`, `x5u` and
/// `x5c`: a token does not bring its own key (RFC 8725, 3.10).
struct Header {
    alg: String,
    kid: Option<Kid>,
}

impl Header {
    fn read(bytes: &[u8]) -> Result<Self, TokenError> {
        #[derive(Deserialize)]
        struct Written {
            alg: String,
            #[serde(default, deserialize_with = "present")]
            kid: Option<String>,
            #[serde(default, deserialize_with = "present")]
            crit: Option<IgnoredAny>,
        }
        let Written { alg, kid, crit } = json::object(bytes).ok_or(TokenError::Header)?;
        // RFC 7515, 4.1.11: to be refused if any of it is not understood, and
        // a list of nothing is not allowed either.
        if crit.is_some() {
            return Err(TokenError::Critical);
        }
        let kid = kid.map(|kid| Kid::parse(&kid).ok_or(TokenError::Header)).transpose()?;
        Ok(Self { alg, kid })
    }
}
