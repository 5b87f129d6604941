//! Verification of tokens with all keys of an isolate, and with a cache.
//!
//! A backend sends the same token with every publish, and a verification costs
//! more than the rest of a publish. So verified tokens are cached. **With the
//! cache, every answer is the answer that [`verify`] would give:**
//!
//! - Only a token whose signature and claims were accepted is cached. A rejected
//!   token is verified each time.
//! - `exp` and `nbf` are compared with the time at each use.
//! - The policy and the configured keys never change. When the fetched keys are
//!   replaced, all tokens are dropped, so a withdrawn key verifies no token.
//! - When the fetched keys are too old, a token that they have verified must
//!   wait for a fetch, like a token that is not cached.

use super::claims::{Claims, Policy};
use super::error::TokenError;
use super::keys::{KeyError, Keys, SkippedKey};
use super::refetch::Refetch;
use super::token::verify;
use super::verified_tokens::{VerifiedToken, VerifiedTokens};
use crate::time::Millis;

/// The keys of an isolate, and the tokens that they have verified.
pub struct Verifier {
    configured: Keys,
    /// The keys from `JWKS_URL`.
    fetched: Keys,
    pub refetch: Refetch,
    policy: Policy,
    verified: VerifiedTokens,
}

impl Verifier {
    pub fn new(configured: Keys, policy: Policy) -> Self {
        let (fetched, refetch) = (Keys::default(), Refetch::default());
        Self { configured, fetched, refetch, policy, verified: VerifiedTokens::default() }
    }

    /// Verifies a token. The configured keys are tried first, so that a token
    /// with the id of a configured key causes no fetch. If the fetched keys are
    /// missing or too old, a token that needs them fails with
    /// [`TokenError::UnknownKey`].
    pub fn verify(&mut self, token: &str, now: Millis) -> Result<Claims, TokenError> {
        let may_use_fetched = !self.refetch.should_fetch(now);
        if let Some(cached) = self.verified.get(token)
            && (may_use_fetched || !cached.is_by_fetched_key)
        {
            cached.claims.check_time(now)?;
            return Ok(cached.claims.clone());
        }
        let (claims, is_by_fetched_key) = match verify(token, &self.configured, &self.policy, now) {
            Err(TokenError::UnknownKey { .. }) if may_use_fetched => {
                (verify(token, &self.fetched, &self.policy, now)?, true)
            }
            checked => (checked?, false),
        };
        self.verified.insert(token, VerifiedToken { claims: claims.clone(), is_by_fetched_key });
        Ok(claims)
    }

    /// Replaces the fetched keys, and returns the keys that were skipped. Fails
    /// if the new set is invalid or has no usable key. In this case, the
    /// previous keys stay in use.
    pub fn replace_fetched_keys(
        &mut self,
        set: &str,
        now: Millis,
    ) -> Result<&[SkippedKey], KeyError> {
        self.fetched.replace_set(set)?;
        self.verified = VerifiedTokens::default();
        self.refetch.succeeded(now);
        Ok(self.fetched.skipped())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn verified_token_is_cached_until_the_fetched_keys_are_replaced() {
        let secret = "a secret of thirty-two bytes, ok";
        let keys = || Keys::new(Some(secret), None).unwrap();
        let mut verifier = Verifier::new(keys(), Policy::default());
        // The claims are `{"sub":"a","exp":9999999999}`.
        let token = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhIiwiZXhwIjo5OTk5OTk5OTk5fQ.7iwZg-9wGOIkTtgt_K2AjnLUCxy3D4Hpv61Eptxhf1c";
        let now = Millis::new(0);
        let claims = verifier.verify(token, now).unwrap();

        // Without a key, only the cache can accept the token.
        verifier.configured = Keys::default();
        assert_eq!(verifier.verify(token, now), Ok(claims));
        let (signed, _) = token.rsplit_once('.').unwrap();
        assert_eq!(verifier.verify(&format!("{signed}.AAAA"), now), Err(TokenError::NoKid));
        assert_eq!(verifier.verify(token, Millis::new(u64::MAX)), Err(TokenError::Expired));

        let set = r#"{"keys":[{"kid":"k","kty":"oct","k":"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T"}]}"#;
        assert!(verifier.replace_fetched_keys("no set", now).is_err());
        assert!(verifier.verify(token, now).is_ok());
        assert!(verifier.replace_fetched_keys(set, now).is_ok());
        assert_eq!(verifier.verify(token, now), Err(TokenError::NoKid));
    }
}
