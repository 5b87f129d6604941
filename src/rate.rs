//! A token bucket on integers. It starts full, and so it is full again after
//! a sleep: a room that had ten idle seconds would have refilled it anyway.

use crate::time::Millis;

/// So many a second, and so many at once.
#[derive(Clone, Copy, Debug)]
pub struct Rate {
    pub per_second: u64,
    pub burst: u64,
}

#[derive(Clone, Copy, Debug)]
pub struct Bucket {
    /// In thousandths: a rate a second is as many thousandths a millisecond.
    level: u64,
    at: Millis,
}

const ONE: u64 = 1_000;

impl Bucket {
    pub fn full(rate: Rate, now: Millis) -> Self {
        Self { level: rate.burst.saturating_mul(ONE), at: now }
    }

    /// Takes one, or says after how many milliseconds there will be one.
    pub fn take(&mut self, rate: Rate, now: Millis) -> Result<(), u64> {
        self.take_many(1, rate, now)
    }

    /// Takes so many, all or none.
    pub fn take_many(&mut self, count: u64, rate: Rate, now: Millis) -> Result<(), u64> {
        self.check(count, rate, now)?;
        self.level = self.level.saturating_sub(count.saturating_mul(ONE));
        Ok(())
    }

    /// Whether so many are there, or after how many milliseconds they will be.
    pub fn check(&mut self, count: u64, rate: Rate, now: Millis) -> Result<(), u64> {
        self.refill(rate, now);
        match count.saturating_mul(ONE).saturating_sub(self.level) {
            0 => Ok(()),
            missing => Err(missing.div_ceil(rate.per_second.max(1))),
        }
    }

    /// Gives one back.
    pub fn put_back(&mut self, rate: Rate) {
        self.level = self.level.saturating_add(ONE).min(rate.burst.saturating_mul(ONE));
    }

    pub fn is_full(&mut self, rate: Rate, now: Millis) -> bool {
        self.refill(rate, now);
        self.level >= rate.burst.saturating_mul(ONE)
    }

    fn refill(&mut self, rate: Rate, now: Millis) {
        let gained = now.since(self.at).saturating_mul(rate.per_second);
        self.level = self.level.saturating_add(gained).min(rate.burst.saturating_mul(ONE));
        self.at = now;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: Rate = Rate { per_second: 50, burst: 100 };

    #[test]
    fn a_burst_then_the_rate() {
        let mut bucket = Bucket::full(RATE, Millis::new(0));
        for _ in 0..100 {
            assert_eq!(bucket.take(RATE, Millis::new(0)), Ok(()));
        }
        assert_eq!(bucket.take(RATE, Millis::new(0)), Err(20));
        assert_eq!(bucket.take(RATE, Millis::new(19)), Err(1));
        assert_eq!(bucket.take(RATE, Millis::new(20)), Ok(()));
        assert_eq!(bucket.take(RATE, Millis::new(20)), Err(20));
    }

    #[test]
    fn waiting_as_long_as_it_said_is_enough_and_never_more_than_a_burst() {
        for per_second in [1, 3, 7, 999, 5_000] {
            let rate = Rate { per_second, burst: 2 };
            let mut bucket = Bucket::full(rate, Millis::new(5));
            let mut now = Millis::new(1_000_000);
            let mut taken = 0;
            while taken < 20 {
                match bucket.take(rate, now) {
                    Ok(()) => taken += 1,
                    Err(wait) => {
                        assert!(taken >= 2 && wait > 0);
                        now = now.plus(wait);
                        assert_eq!(bucket.take(rate, now), Ok(()));
                        taken += 1;
                    }
                }
            }
        }
    }

    #[test]
    fn a_clock_that_goes_back_gives_nothing() {
        let mut bucket = Bucket::full(Rate { per_second: 1, burst: 1 }, Millis::new(9_000));
        assert_eq!(bucket.take(RATE_ONE, Millis::new(9_000)), Ok(()));
        assert_eq!(bucket.take(RATE_ONE, Millis::new(1_000)), Err(1_000));
        assert_eq!(bucket.take(RATE_ONE, Millis::new(2_000)), Ok(()));
    }

    const RATE_ONE: Rate = Rate { per_second: 1, burst: 1 };
}
