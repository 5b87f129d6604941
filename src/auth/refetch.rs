//! When the keys of `JWKS_URL` may be fetched. The edge fetches; this counts.

use crate::time::Millis;

/// After a fetch, an unknown `kid` is believed for this long: strangers make
/// up as many as they like, and each must not cost the issuer a request.
const AFTER_FETCH_MS: u64 = 60_000;
/// Without any keys nobody gets in, so a failed first fetch is tried again
/// sooner.
const AFTER_FAILURE_MS: u64 = 1_000;
/// Keys older than this are fetched again even if every `kid` is known: a key
/// that its issuer has withdrawn must not live as long as the isolate.
const KEYS_OLD_MS: u64 = 600_000;

/// What is known of the fetches of one `JWKS_URL`. Keys that were fetched stay
/// in use until newer ones come, also where a fetch fails.
#[derive(Clone, Copy, Debug, Default)]
pub struct Refetch {
    /// When the keys in use were fetched.
    fetched_at: Option<Millis>,
    /// When the last fetch began or failed.
    waits_from: Option<Millis>,
    /// When the fetch began that has not ended.
    under_way_from: Option<Millis>,
}

impl Refetch {
    /// A fetch that has not ended by then never will.
    pub const LASTS_MS: u64 = 5_000;

    /// Whether there have ever been keys. While there have not, a token can't
    /// be told from a bad one, and to refuse it would be the server's error.
    pub fn has_keys(&self) -> bool {
        self.fetched_at.is_some()
    }

    /// Whether a token with an unknown `kid` may cause a fetch now.
    pub fn may_fetch(&self, now: Millis) -> bool {
        let pause = match self.fetched_at {
            Some(_) => AFTER_FETCH_MS,
            None => AFTER_FAILURE_MS,
        };
        self.waits_from.is_none_or(|from| is_past(from, pause, now))
    }

    /// Whether the keys should be fetched before the next token is looked at.
    pub fn should_fetch(&self, now: Millis) -> bool {
        self.fetched_at.is_none_or(|at| is_past(at, KEYS_OLD_MS, now)) && self.may_fetch(now)
    }

    /// Whether a fetch has begun that may still bring keys.
    pub fn is_under_way(&self, now: Millis) -> bool {
        self.under_way_from.is_some_and(|from| !is_past(from, Self::LASTS_MS, now))
    }

    /// Whether a token with an unknown `kid` may be known after a fetch, be it
    /// one that another request has begun.
    pub fn is_worth_waiting(&self, now: Millis) -> bool {
        self.is_under_way(now) || self.may_fetch(now)
    }

    /// A fetch begins. It counts from here, so that of many requests at once
    /// only one fetches.
    pub fn begins(&mut self, now: Millis) {
        self.waits_from = Some(now);
        self.under_way_from = Some(now);
    }

    /// A fetch has brought keys.
    pub fn succeeded(&mut self, now: Millis) {
        self.fetched_at = Some(now);
        self.waits_from = Some(now);
        self.under_way_from = None;
    }

    /// A fetch has brought none that can be used.
    pub fn failed(&mut self, now: Millis) {
        self.waits_from = Some(now);
        self.under_way_from = None;
    }
}

/// Whether the time is up. Requests of one isolate may differ a little in what
/// time it is; a clock that went back by more must not make it wait for longer.
fn is_past(from: Millis, pause_ms: u64, now: Millis) -> bool {
    now.since(from).max(from.since(now)) >= pause_ms
}
