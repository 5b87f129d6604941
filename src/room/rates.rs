//! Rate limits for users: one bucket for each user, one bucket for all anonymous
//! clients together, and a limit on the number of users.

use litemap::LiteMap;

use crate::code::Refusal;
use crate::limits;
use crate::protocol::User;
use crate::rate::{Bucket, Rate};
use crate::time::Millis;

/// The buckets of all users for one kind of request. The key `None` is the
/// bucket of the anonymous clients.
#[derive(Default)]
pub struct UserBuckets(LiteMap<Option<User>, Bucket>);

impl UserBuckets {
    /// Removes one unit from the user's bucket. Fails with `rate_limited` if no
    /// unit is available or if too many users already have a bucket. The error
    /// contains the time after which the client can try again. `what` is the
    /// verb in the error message, such as "publish".
    pub fn try_acquire(
        &mut self,
        user: Option<&User>,
        per_second: u64,
        what: &str,
        now: Millis,
    ) -> Result<(), Refusal> {
        let rate = Rate { per_second, burst: per_second };
        let user = user.cloned();
        if self.0.len() >= limits::USERS_COUNTED {
            // A full bucket has the same effect as no bucket, so full buckets
            // are removed.
            self.0.retain(|_, bucket| !bucket.clone().is_full(rate, now));
        }
        if self.0.len() >= limits::USERS_COUNTED && !self.0.contains_key(&user) {
            let message = format!("too many users {what} in this room at once");
            return Err(Refusal::rate_limited(message, 1_000));
        }
        let who = if user.is_some() { "a user" } else { "all clients without a token together" };
        let bucket = self.0.entry(user).or_insert_with(|| Bucket::full(rate, now));
        bucket.try_acquire(rate, now).map_err(|retry_after_ms| {
            let message = format!(
                "{who} may {what} {per_second} units a second in this room; \
                 the next is possible in {retry_after_ms} ms"
            );
            Refusal::rate_limited(message, retry_after_ms)
        })
    }

    /// Charges a user additional units for a request that was just admitted.
    pub fn charge(&mut self, user: Option<&User>, units: u64) {
        if let Some(bucket) = self.0.get_mut(&user.cloned()) {
            bucket.charge(units);
        }
    }
}
