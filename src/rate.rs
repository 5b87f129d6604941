//! A token bucket with integer arithmetic. A new bucket is full, and a bucket
//! is full again after hibernation. This is correct, since a room hibernates
//! only after ten idle seconds, and the bucket would be refilled in this time
//! anyway.
//!
//! The cost of a request is sometimes known only after the request. So a bucket
//! grants a request if the bucket has at least one unit. The cost of the
//! request may then leave a debt. The bucket must earn the debt back before it
//! grants another request. For example, if a bucket with 100 units is charged
//! 1,000 units, it grants the next unit after it has earned 901 units.

use crate::time::Millis;

/// A rate limit: the units per second, and the units in one burst.
#[derive(Clone, Copy, Debug)]
pub struct Rate {
    pub per_second: u64,
    pub burst: u64,
}

#[derive(Clone, Copy, Debug)]
pub struct Bucket {
    /// The number of units, in thousandths. A rate of n units per second adds n
    /// thousandths per millisecond. A negative level is a debt.
    level: i64,
    at: Millis,
}

const ONE: u64 = 1_000;

impl Bucket {
    /// Creates a full bucket.
    pub fn full(rate: Rate, now: Millis) -> Self {
        Self { level: thousandths(rate.burst), at: now }
    }

    /// Removes one unit. If the bucket has no unit, fails with the number of
    /// milliseconds until the bucket has a unit.
    pub fn try_acquire(&mut self, rate: Rate, now: Millis) -> Result<(), u64> {
        self.check(rate, now)?;
        self.charge(1);
        Ok(())
    }

    /// Checks that the bucket has one unit. If the bucket has no unit, fails
    /// with the number of milliseconds until the bucket has a unit.
    pub fn check(&mut self, rate: Rate, now: Millis) -> Result<(), u64> {
        self.refill(rate, now);
        match thousandths(1).saturating_sub(self.level) {
            missing if missing > 0 => Err(missing.unsigned_abs().div_ceil(rate.per_second.max(1))),
            _ => Ok(()),
        }
    }

    /// Removes units. The resulting debt is not limited.
    pub fn charge(&mut self, units: u64) {
        self.level = self.level.saturating_sub(thousandths(units));
    }

    /// Adds one unit back to the bucket, if the bucket is not full.
    pub fn refund(&mut self, rate: Rate) {
        self.level = self.level.saturating_add(thousandths(1)).min(thousandths(rate.burst));
    }

    /// Returns whether the bucket is full.
    pub fn is_full(&mut self, rate: Rate, now: Millis) -> bool {
        self.refill(rate, now);
        self.level >= thousandths(rate.burst)
    }

    fn refill(&mut self, rate: Rate, now: Millis) {
        let gained = now.since(self.at).saturating_mul(rate.per_second);
        let gained = i64::try_from(gained).unwrap_or(i64::MAX);
        self.level = self.level.saturating_add(gained).min(thousandths(rate.burst));
        self.at = now;
    }
}

fn thousandths(units: u64) -> i64 {
    i64::try_from(units.saturating_mul(ONE)).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: Rate = Rate { per_second: 50, burst: 100 };

    #[test]
    fn full_bucket_grants_a_burst_and_then_the_rate() {
        let mut bucket = Bucket::full(RATE, Millis::new(0));
        for _ in 0..100 {
            assert_eq!(bucket.try_acquire(RATE, Millis::new(0)), Ok(()));
        }
        assert_eq!(bucket.try_acquire(RATE, Millis::new(0)), Err(20));
        assert_eq!(bucket.try_acquire(RATE, Millis::new(19)), Err(1));
        assert_eq!(bucket.try_acquire(RATE, Millis::new(20)), Ok(()));
        assert_eq!(bucket.try_acquire(RATE, Millis::new(20)), Err(20));
    }

    #[test]
    fn acquire_succeeds_after_the_returned_wait() {
        for per_second in [1, 3, 7, 999, 5_000] {
            let rate = Rate { per_second, burst: 2 };
            let mut bucket = Bucket::full(rate, Millis::new(5));
            let mut now = Millis::new(1_000_000);
            let mut taken = 0;
            while taken < 20 {
                match bucket.try_acquire(rate, now) {
                    Ok(()) => taken += 1,
                    Err(wait) => {
                        assert!(taken >= 2 && wait > 0);
                        now = now.plus(wait);
                        assert_eq!(bucket.try_acquire(rate, now), Ok(()));
                        taken += 1;
                    }
                }
            }
        }
    }

    #[test]
    fn bucket_in_debt_grants_no_unit_until_the_debt_is_earned() {
        let mut bucket = Bucket::full(RATE, Millis::new(0));
        assert_eq!(bucket.try_acquire(RATE, Millis::new(0)), Ok(()));
        bucket.charge(1_000);
        // The bucket must earn 902 units at 50 units per second: 901 units of
        // debt, and the unit to acquire.
        assert_eq!(bucket.try_acquire(RATE, Millis::new(0)), Err(18_040));
        assert!(!bucket.is_full(RATE, Millis::new(18_000)));
        assert_eq!(bucket.try_acquire(RATE, Millis::new(18_039)), Err(1));
        assert_eq!(bucket.try_acquire(RATE, Millis::new(18_040)), Ok(()));
        assert_eq!(bucket.try_acquire(RATE, Millis::new(18_040)), Err(20));
        bucket.charge(u64::MAX);
        assert!(bucket.try_acquire(RATE, Millis::new(20_000)).is_err());
    }

    #[test]
    fn clock_that_goes_back_adds_no_units() {
        let mut bucket = Bucket::full(Rate { per_second: 1, burst: 1 }, Millis::new(9_000));
        assert_eq!(bucket.try_acquire(RATE_ONE, Millis::new(9_000)), Ok(()));
        assert_eq!(bucket.try_acquire(RATE_ONE, Millis::new(1_000)), Err(1_000));
        assert_eq!(bucket.try_acquire(RATE_ONE, Millis::new(2_000)), Ok(()));
    }

    const RATE_ONE: Rate = Rate { per_second: 1, burst: 1 };
}
