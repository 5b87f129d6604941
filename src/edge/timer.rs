//! Timers of the runtime.
//!
//! What belongs to a request that was cancelled is dropped by the garbage
//! collector, outside of any request or within another one. There the runtime
//! throws if a timer is touched, in the midst of that drop, or takes the timer
//! for one of the other's. So none is ever cleared, as `worker::Delay` does:
//! one that is not wanted any more rings for nobody.

use std::future::pending;
use std::rc::Rc;
use std::time::Duration;

use futures_channel::oneshot;

use super::platform::{now, set_timeout};
use crate::time::Millis;

/// It does not ring once it is dropped.
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

/// Lets so much time pass.
pub async fn sleep(time: Duration) {
    let (fire, fired) = oneshot::channel();
    let after_ms = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    set_timeout(after_ms, move || {
        // Nobody may wait any more.
        let _ = fire.send(());
    });
    // Its timer is gone, so its request is.
    if fired.await.is_err() {
        pending().await
    }
}
