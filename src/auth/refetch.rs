//! Limits on how often the keys of `JWKS_URL` are fetched. The edge fetches
//! them.

use crate::time::Millis;

/// After a fetch, a token with an unknown `kid` causes no further fetch for
/// this long. Anyone can invent any number of `kid`s, and each would cost the
/// issuer a request.
const AFTER_FETCH_MS: u64 = 60_000;
/// Without keys no token of the issuer can be verified, so a failed first fetch
/// is retried sooner.
const AFTER_FAILURE_MS: u64 = 1_000;
/// Keys older than this are fetched again even if every `kid` is known.
/// Otherwise a key that its issuer has withdrawn would be valid as long as the
/// isolate lives.
const KEYS_OLD_MS: u64 = 600_000;

/// The state of the fetches of one `JWKS_URL`. Fetched keys stay in use until
/// newer ones arrive, even if a fetch fails.
#[derive(Clone, Copy, Debug, Default)]
pub struct Refetch {
    /// When the keys in use were fetched.
    fetched_at: Option<Millis>,
    /// When the last fetch began, succeeded or failed.
    waits_from: Option<Millis>,
    /// When the fetch began that is in progress.
    under_way_from: Option<Millis>,
}

impl Refetch {
    /// A fetch that has not ended after this time counts as lost.
    pub const LASTS_MS: u64 = 5_000;

    /// Returns whether keys were ever fetched. Before that, a good token can't
    /// be distinguished from a bad one, so rejecting it would be an error of
    /// the server.
    pub fn has_keys(&self) -> bool {
        self.fetched_at.is_some()
    }

    /// Returns whether a token with an unknown `kid` may cause a fetch now.
    pub fn may_fetch(&self, now: Millis) -> bool {
        let pause = match self.fetched_at {
            Some(_) => AFTER_FETCH_MS,
            None => AFTER_FAILURE_MS,
        };
        self.waits_from.is_none_or(|from| is_past(from, pause, now))
    }

    /// Returns whether the keys should be fetched before the next token is
    /// verified.
    pub fn should_fetch(&self, now: Millis) -> bool {
        self.fetched_at.is_none_or(|at| is_past(at, KEYS_OLD_MS, now)) && self.may_fetch(now)
    }

    /// Returns whether a fetch is in progress that may still return keys.
    pub fn is_under_way(&self, now: Millis) -> bool {
        self.under_way_from.is_some_and(|from| !is_past(from, Self::LASTS_MS, now))
    }

    /// Returns whether a fetch may make an unknown `kid` known. It may be a
    /// fetch that another request has begun.
    pub fn is_worth_waiting(&self, now: Millis) -> bool {
        self.is_under_way(now) || self.may_fetch(now)
    }

    /// Records that a fetch begins. The pause counts from here, so that only
    /// one of many simultaneous requests fetches.
    pub fn begins(&mut self, now: Millis) {
        self.waits_from = Some(now);
        self.under_way_from = Some(now);
    }

    /// Records that a fetch returned keys.
    pub fn succeeded(&mut self, now: Millis) {
        self.fetched_at = Some(now);
        self.waits_from = Some(now);
        self.under_way_from = None;
    }

    /// Records that a fetch returned no usable keys.
    pub fn failed(&mut self, now: Millis) {
        self.waits_from = Some(now);
        self.under_way_from = None;
    }
}

/// Returns whether the pause is over. The clocks of requests in one isolate may
/// differ slightly, so `now` may be before `from`. If the clock went back by
/// more than the pause, the pause is over too. For example, after a jump back
/// by 1 hour a pause of 1 s must not last 1 hour.
fn is_past(from: Millis, pause_ms: u64, now: Millis) -> bool {
    now.since(from).max(from.since(now)) >= pause_ms
}
