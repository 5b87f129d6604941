//! Points in time, and arithmetic on them. This module reads no clock. The edge
//! reads the clock once per input and passes the time as a parameter, so that
//! tests can control the time.

use serde::{Deserialize, Serialize};

/// Milliseconds since the Unix epoch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Millis(u64);

impl Millis {
    /// The largest time.
    pub const MAX: Self = Self(u64::MAX);

    pub const fn new(ms: u64) -> Self {
        Self(ms)
    }

    pub const fn get(self) -> u64 {
        self.0
    }

    /// Returns this time plus `ms`, but at most [`Millis::MAX`].
    pub const fn plus(self, ms: u64) -> Self {
        Self(self.0.saturating_add(ms))
    }

    /// Returns this time minus `ms`, but at least the Unix epoch.
    pub const fn minus(self, ms: u64) -> Self {
        Self(self.0.saturating_sub(ms))
    }

    /// Returns the number of milliseconds since `earlier`. If `earlier` is
    /// after this time because the clock went back, returns 0.
    pub const fn since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }

    /// Returns the time in UTC in the format of ISO 8601:
    /// `2026-11-30T09:05:00.123Z`.
    pub fn iso(self) -> String {
        let (seconds, ms) = (self.0.div_euclid(1_000), self.0.rem_euclid(1_000));
        let (days, second) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
        let (year, month, day) = date_of(days);
        let (hour, minute) = (second.div_euclid(3_600), second.div_euclid(60).rem_euclid(60));
        let second = second.rem_euclid(60);
        format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{ms:03}Z")
    }
}

/// Returns the year, month and day of the day with this number. Day 0 is
/// 1970-01-01. In the computation, a year begins in March, so a leap day is the
/// last day of its year.
#[expect(clippy::arithmetic_side_effects, reason = "a number of days is far below 2^63")]
fn date_of(days: u64) -> (u64, u64, u64) {
    const DAYS_IN_400_YEARS: u64 = 146_097;
    let since_march_0000 = days + 719_468;
    let (era, day) = (since_march_0000 / DAYS_IN_400_YEARS, since_march_0000 % DAYS_IN_400_YEARS);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day_of_year = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let is_next_year = month >= 10;
    let month = if is_next_year { month - 9 } else { month + 3 };
    (era * 400 + year + u64::from(is_next_year), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn iso_is_the_date_in_utc() {
        for (ms, iso) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_400_000, "2000-02-29T00:00:00.000Z"),
            (951_868_799_999, "2000-02-29T23:59:59.999Z"),
            (1_704_067_199_999, "2023-12-31T23:59:59.999Z"),
            (1_795_297_884_686, "2026-11-21T21:51:24.686Z"),
            (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
        ] {
            assert_eq!(Millis::new(ms).iso(), iso);
        }
    }
}
