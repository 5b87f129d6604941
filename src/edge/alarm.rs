//! A timer of the worker's, that is gone when it is dropped.

use std::time::Duration;

use futures_util::future::{AbortHandle, abortable};
use wasm_bindgen_futures::spawn_local;
use worker::Delay;

use super::platform::now;
use crate::time::Millis;

pub struct Alarm {
    at: Millis,
    timer: AbortHandle,
}

impl Alarm {
    pub fn set(at: Millis, ring: impl FnOnce() + 'static) -> Self {
        let (ringing, timer) = abortable(async move {
            Delay::from(Duration::from_millis(at.since(now()))).await;
            ring();
        });
        spawn_local(async move {
            let _ = ringing.await;
        });
        Self { at, timer }
    }

    pub fn at(&self) -> Millis {
        self.at
    }
}

impl Drop for Alarm {
    fn drop(&mut self) {
        self.timer.abort();
    }
}
