//! The sockets of this isolate that wait for their token.

use std::cell::RefCell;

use super::super::platform::now;
use crate::limits;
use crate::pending::{Ticket, WaitingSockets};
use crate::time::Millis;

thread_local! {
    static SOCKETS: RefCell<WaitingSockets> = RefCell::default();
}

/// A socket's place among those that wait, until it is dropped. One request
/// can't touch the socket of another, so each looks for itself whether it had
/// to make way.
pub struct Waiting(Ticket);

impl Waiting {
    pub fn enter() -> Self {
        Self(SOCKETS.with_borrow_mut(WaitingSockets::enter))
    }

    pub fn may_go_on(&self) -> bool {
        SOCKETS.with_borrow(|sockets| sockets.may_wait(self.0))
    }

    /// When to look next.
    pub fn next_look(&self, deadline: Millis) -> Millis {
        deadline.min(now().plus(limits::WAITING_CHECK_MS))
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        SOCKETS.with_borrow_mut(|sockets| sockets.leave(self.0));
    }
}
