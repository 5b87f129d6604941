//! A cache of verified tokens, bounded in number and in bytes.
//!
//! The cache has two generations. A token is added to the young generation.
//! When this generation is full, it becomes the old generation, and the tokens
//! of the previous old generation are dropped. So a flood of tokens costs each
//! token only its own insertion. A lookup changes nothing, so a token that is
//! used all the time is dropped too, and is then verified again. At least 500
//! newer tokens or 512 KiB of them are added before a token is dropped.
//!
//! The whole token is compared, but not all at once. The map is ordered by the
//! signed part of a token, which is no secret: anyone can write the header and
//! the claims. The signature is compared in constant time, like an HMAC, so that
//! the duration reveals no part of it.

use litemap::LiteMap;
use subtle::ConstantTimeEq;

use super::claims::Claims;
use crate::limits;

/// The maximum number of tokens in one generation.
const TOKENS: usize = limits::CACHED_TOKENS / 2;
/// The maximum size of one generation.
const BYTES: usize = limits::CACHED_TOKENS_BYTES / 2;

#[derive(Default)]
pub struct VerifiedTokens {
    young: Generation,
    old: Generation,
}

#[derive(Default)]
struct Generation {
    by_signed_part: LiteMap<Box<str>, Entry>,
    /// The size of all tokens that were added.
    bytes: usize,
}

struct Entry {
    signature: Box<str>,
    verified: VerifiedToken,
}

/// The result of a successful verification. At another time, the dates of the
/// claims must be compared again.
pub struct VerifiedToken {
    pub claims: Claims,
    /// Whether a key from `JWKS_URL` verified the token.
    pub is_by_fetched_key: bool,
}

impl VerifiedTokens {
    /// Returns the result for exactly this token.
    pub fn get(&self, token: &str) -> Option<&VerifiedToken> {
        let (signed, signature) = token.rsplit_once('.')?;
        [&self.young, &self.old].into_iter().find_map(|generation| {
            let there = generation.by_signed_part.get(signed)?;
            let is_same: bool = there.signature.as_bytes().ct_eq(signature.as_bytes()).into();
            is_same.then_some(&there.verified)
        })
    }

    /// Adds a token. A token that alone exceeds the size of a generation is not
    /// added: rules of `ROOM_GRANTS` can derive thousands of patterns from its
    /// claims.
    pub fn insert(&mut self, token: &str, verified: VerifiedToken) {
        let Some((signed, signature)) = token.rsplit_once('.') else { return };
        let bytes = token.len().saturating_add(verified.claims.size());
        if bytes > BYTES {
            return;
        }
        if self.young.by_signed_part.len() >= TOKENS
            || self.young.bytes.saturating_add(bytes) > BYTES
        {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.bytes = self.young.bytes.saturating_add(bytes);
        let entry = Entry { signature: signature.into(), verified };
        self.young.by_signed_part.insert(signed.into(), entry);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claims(patterns: usize) -> Claims {
        let rooms: Vec<_> = (0..patterns).map(|n| format!(r#""room:{n}":[]"#)).collect();
        let json = format!(r#"{{"user":"a","expires_at":1,"rooms":{{{}}}}}"#, rooms.join(","));
        Claims::of_hook(&json).unwrap()
    }

    fn verified() -> VerifiedToken {
        VerifiedToken { claims: claims(1), is_by_fetched_key: false }
    }

    fn entries(cache: &VerifiedTokens) -> impl Iterator<Item = (&str, &Entry)> {
        let all = cache.young.by_signed_part.iter().chain(&cache.old.by_signed_part);
        all.map(|(signed, entry)| (&**signed, entry))
    }

    /// Returns the size of the cached tokens, computed from all of them.
    fn bytes(cache: &VerifiedTokens) -> usize {
        let size = |(signed, entry): (&str, &Entry)| {
            [signed.len(), ".".len(), entry.signature.len(), entry.verified.claims.size()]
        };
        entries(cache).flat_map(size).sum()
    }

    /// Limits: CACHED_TOKENS, CACHED_TOKENS_BYTES.
    #[test]
    fn flood_of_tokens_stays_within_the_limits() {
        let large = "x".repeat(8_000);
        let (mut most_tokens, mut most_bytes) = (0, 0);
        for payload in ["", &large] {
            let mut cache = VerifiedTokens::default();
            for n in 0..100_000 {
                let token = format!("h.{payload}{n}.s{n}");
                cache.insert(&token, verified());
                assert!(cache.get(&token).is_some());
                if n % 97 == 0 {
                    most_tokens = most_tokens.max(entries(&cache).count());
                    most_bytes = most_bytes.max(bytes(&cache));
                }
            }
        }
        assert_eq!(most_tokens, 1_000);
        assert!((900_000..=1_024 * 1_024).contains(&most_bytes), "{most_bytes}");
    }

    #[test]
    fn token_is_cached_until_five_hundred_newer_ones_at_least() {
        let mut cache = VerifiedTokens::default();
        cache.insert("h.first.s", verified());
        for n in 0..999 {
            assert!(cache.get("h.first.s").is_some(), "{n}");
            cache.insert(&format!("h.{n}.s"), verified());
        }
        cache.insert("h.last.s", verified());
        assert!(cache.get("h.first.s").is_none());
        assert!(cache.get("h.499.s").is_some());
        assert_eq!(entries(&cache).count(), 501);
    }

    #[test]
    fn token_with_very_many_patterns_is_not_cached() {
        let mut cache = VerifiedTokens::default();
        cache.insert("h.small.s", verified());
        let large = VerifiedToken { claims: claims(20_000), ..verified() };
        cache.insert("h.large.s", large);
        assert!(cache.get("h.large.s").is_none());
        assert!(cache.get("h.small.s").is_some());
    }

    #[test]
    fn tokens_that_differ_in_the_signature_are_different() {
        let mut cache = VerifiedTokens::default();
        cache.insert("h.c.abc", verified());
        for other in ["h.c.abd", "h.c.ab", "h.c.abcd", "h.c.", "h.c", "h.b.abc", "h.abc", ""] {
            assert!(cache.get(other).is_none(), "{other}");
        }
        cache.insert("h.c.xyz", VerifiedToken { is_by_fetched_key: true, ..verified() });
        assert!(cache.get("h.c.xyz").unwrap().is_by_fetched_key);
        assert!(cache.get("h.c.abc").is_none(), "replaced");
    }
}
