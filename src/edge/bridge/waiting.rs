//! The sockets of this isolate that wait for their token.

use std::cell::{Cell, RefCell};

use super::super::platform::now;
use crate::limits;
use crate::pending::{Ticket, WaitingSockets};
use crate::time::Millis;

thread_local! {
    static SOCKETS: RefCell<WaitingSockets> = RefCell::default();
}

/// A socket's place among those that wait, which it leaves when its token has
/// come, or when this is dropped. One request can't touch the socket of
/// another, so each looks for itself whether it had to make way.
pub struct Waiting(Cell<Option<Ticket>>);

impl Waiting {
    pub fn enter() -> Self {
        Self(Cell::new(Some(SOCKETS.with_borrow_mut(WaitingSockets::enter))))
    }

    /// For a socket that showed its token with its upgrade.
    pub fn none() -> Self {
        Self(Cell::new(None))
    }

    pub fn leave(&self) {
        if let Some(ticket) = self.0.take() {
            SOCKETS.with_borrow_mut(|sockets| sockets.leave(ticket));
        }
    }

    pub fn has_made_way(&self) -> bool {
        self.0.get().is_some_and(|ticket| SOCKETS.with_borrow(|s| !s.may_wait(ticket)))
    }

    /// When to look next: at the deadline, and while it waits before that.
    pub fn next_look(&self, deadline: Millis) -> Millis {
        let look = self.0.get().map(|_| now().plus(limits::WAITING_CHECK_MS));
        look.map_or(deadline, |look| look.min(deadline))
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.leave();
    }
}
