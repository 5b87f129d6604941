//! Timers of the runtime.
//!
//! When the garbage collector drops the objects of a cancelled request, either
//! no request or another request is running. If a timer is cleared at that
//! time, the runtime throws an error or clears a timer of the other request. So
//! timers are never cleared, unlike in `worker::Delay`. A timer that is no
//! longer needed fires without an effect.

use std::future::pending;
use std::rc::Rc;
use std::time::Duration;

use futures_channel::oneshot;

use super::platform::{now, set_timeout};
use crate::time::Millis;

/// A timer that has no effect after it was dropped.
pub struct Timer {
    at: Millis,
    _wanted: Rc<()>,
}

impl Timer {
    pub fn set(at: Millis, fire: impl FnOnce() + 'static) -> Self {
        let wanted = Rc::new(());
        let is_wanted = Rc::downgrade(&wanted);
        set_timeout(at.since(now()), move || {
            if is_wanted.strong_count() > 0 {
                fire();
            }
        });
        Self { at, _wanted: wanted }
    }

    pub fn at(&self) -> Millis {
        self.at
    }
}

/// Waits for the given time.
pub async fn sleep(time: Duration) {
    sleep_ms(u64::try_from(time.as_millis()).unwrap_or(u64::MAX)).await;
}

/// Waits for the given number of milliseconds.
pub async fn sleep_ms(after_ms: u64) {
    let (fire, fired) = oneshot::channel();
    set_timeout(after_ms, move || {
        // The receiver may already have been dropped.
        let _ = fire.send(());
    });
    // If the timer was dropped with its request, the sleep never ends.
    if fired.await.is_err() {
        pending().await
    }
}
