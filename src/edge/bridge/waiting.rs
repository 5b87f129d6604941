//! The sockets of this isolate that wait for their tokens.

use std::cell::{Cell, RefCell};

use super::super::platform::now;
use crate::limits;
use crate::pending::{Ticket, WaitingSockets};
use crate::time::Millis;

thread_local! {
    static SOCKETS: RefCell<WaitingSockets> = RefCell::default();
}

/// A socket's entry in the list of sockets that wait for their tokens. The
/// entry is removed when the token arrives, or when this value is dropped. A
/// request can't use, and thus can't close, the socket of another request. So
/// each socket regularly checks whether it must close.
pub struct Waiting(Cell<Option<Ticket>>);

impl Waiting {
    pub fn enter() -> Self {
        Self(Cell::new(Some(SOCKETS.with_borrow_mut(WaitingSockets::enter))))
    }

    /// Returns a value without an entry, for a socket whose upgrade had a
    /// token.
    pub fn none() -> Self {
        Self(Cell::new(None))
    }

    pub fn leave(&self) {
        if let Some(ticket) = self.0.take() {
            SOCKETS.with_borrow_mut(|sockets| sockets.leave(ticket));
        }
    }

    pub fn must_close(&self) -> bool {
        self.0.get().is_some_and(|ticket| SOCKETS.with_borrow(|s| !s.is_waiting(ticket)))
    }

    /// Returns the time of the next check. This time is the deadline, or
    /// possibly an earlier time if the socket still waits for its token.
    pub fn next_check(&self, deadline: Millis) -> Millis {
        let look = self.0.get().map(|_| now().plus(limits::WAITING_CHECK_MS));
        look.map_or(deadline, |look| look.min(deadline))
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.leave();
    }
}
