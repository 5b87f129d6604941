//! The rules that decide when the keys of `JWKS_URL` may be fetched. The edge
//! performs the fetches.

use crate::time::Millis;

/// The pause after a fetch. During the pause, a token with an unknown `kid`
/// causes no further fetch. Otherwise anyone could invent `kid`s, and each
/// `kid` would cause a request to the issuer.
const AFTER_FETCH_MS: u64 = 60_000;
/// The pause after a failed fetch, if no earlier fetch returned keys. This
/// pause is shorter, since without keys no token of the issuer can be verified.
const AFTER_FAILURE_MS: u64 = 1_000;
/// The age at which keys are fetched again, whether or not a token has an
/// unknown `kid`. Without this fetch, a key that the issuer has withdrawn would
/// stay valid as long as the isolate lives.
const KEYS_OLD_MS: u64 = 600_000;

/// The state of the fetches of one `JWKS_URL`. Fetched keys stay in use until
/// newer keys arrive. A failed fetch does not remove them.
#[derive(Clone, Copy, Debug, Default)]
pub struct Refetch {
    /// Time at which the keys in use were fetched.
    fetched_at: Option<Millis>,
    /// Time at which the last fetch began or ended. The pause starts at this
    /// time.
    pause_started_at: Option<Millis>,
    /// Time at which the fetch that is in progress began.
    fetch_started_at: Option<Millis>,
}

impl Refetch {
    /// The maximum duration of a fetch. A fetch that takes longer counts as
    /// lost.
    pub const FETCH_TIMEOUT_MS: u64 = 5_000;

    /// Returns whether any fetch has returned keys. Without keys, a valid token
    /// can't be distinguished from an invalid token. If a token can't be
    /// verified for this reason, the error is a server error, not a client
    /// error.
    pub fn has_keys(&self) -> bool {
        self.fetched_at.is_some()
    }

    /// Returns whether a token with an unknown `kid` may cause a fetch now.
    pub fn may_fetch(&self, now: Millis) -> bool {
        let pause = match self.fetched_at {
            Some(_) => AFTER_FETCH_MS,
            None => AFTER_FAILURE_MS,
        };
        self.pause_started_at.is_none_or(|from| is_past(from, pause, now))
    }

    /// Returns whether the keys should be fetched before the next token is
    /// verified.
    pub fn should_fetch(&self, now: Millis) -> bool {
        self.fetched_at.is_none_or(|at| is_past(at, KEYS_OLD_MS, now)) && self.may_fetch(now)
    }

    /// Returns whether a fetch is in progress and has not timed out.
    pub fn is_fetching(&self, now: Millis) -> bool {
        self.fetch_started_at.is_some_and(|from| !is_past(from, Self::FETCH_TIMEOUT_MS, now))
    }

    /// Returns whether a token with an unknown `kid` should wait for a fetch,
    /// because this fetch may return the token's key. Another request may have
    /// started this fetch.
    pub fn should_wait(&self, now: Millis) -> bool {
        self.is_fetching(now) || self.may_fetch(now)
    }

    /// Records that a fetch starts. The pause starts together with the fetch,
    /// so that only one of many simultaneous requests fetches the keys.
    pub fn start(&mut self, now: Millis) {
        self.pause_started_at = Some(now);
        self.fetch_started_at = Some(now);
    }

    /// Records that a fetch returned keys.
    pub fn succeeded(&mut self, now: Millis) {
        self.fetched_at = Some(now);
        self.pause_started_at = Some(now);
        self.fetch_started_at = None;
    }

    /// Records that a fetch returned no usable keys.
    pub fn failed(&mut self, now: Millis) {
        self.pause_started_at = Some(now);
        self.fetch_started_at = None;
    }
}

/// Returns whether a pause that began at `from` is over. The clocks of requests
/// in one isolate may differ slightly, so `now` may be before `from`. If the
/// clock was set back by at least the length of the pause, the pause counts as
/// over. For example, if the clock is set back by 1 hour, a pause of 1 s must
/// not last 1 hour.
fn is_past(from: Millis, pause_ms: u64, now: Millis) -> bool {
    now.since(from).max(from.since(now)) >= pause_ms
}
