//! The sockets of this isolate that wait for their tokens, and the anonymous
//! connections without a subscription.

use std::cell::{Cell, RefCell};

use super::super::platform::now;
use crate::limits;
use crate::pending::{Ticket, WaitingSockets};
use crate::time::Millis;

thread_local! {
    static SOCKETS: RefCell<WaitingSockets> = RefCell::default();
}

/// A socket's entry in the list of sockets that wait, if the socket waits. The
/// entry is removed when this value is dropped. A request can't use, and thus
/// can't close, the socket of another request. So each socket regularly checks
/// whether it must close.
#[derive(Default)]
pub struct Waiting(Cell<Option<Ticket>>);

impl Waiting {
    /// Adds the entry if the socket waits and has none. Removes the entry if
    /// the socket does not wait.
    pub fn set(&self, waits: bool) {
        match (waits, self.0.get()) {
            (true, None) => self.0.set(Some(SOCKETS.with_borrow_mut(WaitingSockets::enter))),
            (false, Some(ticket)) => {
                self.0.set(None);
                SOCKETS.with_borrow_mut(|sockets| sockets.leave(ticket));
            }
            (true, Some(_)) | (false, None) => {}
        }
    }

    pub fn must_close(&self) -> bool {
        self.0.get().is_some_and(|ticket| SOCKETS.with_borrow(|s| !s.is_waiting(ticket)))
    }

    /// Returns the time of the next check. This time is the deadline, or
    /// possibly an earlier time if the socket waits.
    pub fn next_check(&self, deadline: Millis) -> Millis {
        let look = self.0.get().map(|_| now().plus(limits::WAITING_CHECK_MS));
        look.map_or(deadline, |look| look.min(deadline))
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.set(false);
    }
}
