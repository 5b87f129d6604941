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
}
