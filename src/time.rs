//! Points in time, and arithmetic on them. This module has no clock: the edge
//! reads the clock once per input and passes the time in, so that tests can
//! control it.

use serde::{Deserialize, Serialize};

/// Milliseconds since the Unix epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
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

    /// Returns the time `ms` later, at most [`Millis::MAX`].
    pub const fn plus(self, ms: u64) -> Self {
        Self(self.0.saturating_add(ms))
    }

    /// Returns the time `ms` earlier, at least the Unix epoch.
    pub const fn minus(self, ms: u64) -> Self {
        Self(self.0.saturating_sub(ms))
    }

    /// Returns the milliseconds since `earlier`; 0 if the clock went back.
    pub const fn since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}
