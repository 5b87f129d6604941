//! The window that bounds what signals and members may cost the room.
//!
//! To send a frame to everybody is what costs: in a room of n sessions, n
//! senders make n² copies. So what is sent is counted in copies. A window sends
//! so many, the rest waits for the next one, and the window is longer by the
//! time that its copies took. Signals and members therefore never take more
//! than about half of the room's time, and events are sent in between.
//!
//! Nor does flow control count them. So a session is offered them only while it
//! reads what it is sent.

use super::{Effect, Room};
use crate::code::{Code, Refusal};
use crate::limits;
use crate::session::SessionId;
use crate::store::Store;
use crate::time::Millis;

/// What becomes of a session that does not read what it is sent. Flow control
/// counts events alone, so nothing else would bound what waits for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Otherwise {
    /// It does without: a signal is of use only now.
    Drop,
    /// It is sent the whole list of members when it reads on.
    Relist,
    /// It is closed: it resumes, and publishes again what was not acknowledged.
    Close,
}

impl<S: Store> Room<S> {
    pub(super) fn schedule_flush(&mut self) {
        let after_ms = self.window.schedule();
        self.effects.extend(after_ms.map(|after_ms| Effect::ScheduleFlush { after_ms }));
    }

    pub(super) fn window_ends(&mut self, now: Millis) {
        self.window = Window::default();
        self.flush_members(now);
        self.flush_signals();
    }

    pub(super) fn withheld(&mut self, from: Vec<SessionId>, otherwise: Otherwise, now: Millis) {
        match otherwise {
            Otherwise::Drop => {}
            Otherwise::Relist => self.relist(from, now),
            Otherwise::Close => {
                for id in from {
                    let message = "too many answers were not read; connect again, and resume";
                    self.close(id, Refusal::new(Code::Restarting, message));
                }
            }
        }
    }
}

/// What signals and members have cost since the last window ended.
#[derive(Default)]
pub(super) struct Window {
    is_open: bool,
    /// Whether its end is scheduled.
    is_scheduled: bool,
    copies: u64,
    /// Bytes of signals that one receiver was sent.
    bytes: usize,
}

impl Window {
    pub(super) fn is_open(&self) -> bool {
        self.is_open
    }

    /// Opens the window; something waits for its end.
    pub(super) fn open(&mut self) {
        self.is_open = true;
    }

    /// Whether another text may be sent in this window. The last one may cost
    /// more than is left, so that a window sends at least one.
    pub(super) fn has_room(&self) -> bool {
        self.copies < limits::WINDOW_COPIES && self.bytes < limits::WINDOW_BYTES
    }

    /// To how many sessions a text of so many bytes may be sent.
    pub(super) fn room_for(&self, bytes: usize) -> usize {
        let left = limits::WINDOW_COPIES.saturating_sub(self.copies);
        let count = left.checked_div(copies(bytes)).unwrap_or_default();
        usize::try_from(count).unwrap_or(usize::MAX)
    }

    /// Counts a text that is sent to so many.
    pub(super) fn count(&mut self, receivers: usize, bytes: usize) {
        self.is_open = true;
        let copies = copies(bytes).saturating_mul(receivers as u64);
        self.copies = self.copies.saturating_add(copies);
    }

    /// Counts a signal, of which each receiver gets only so many bytes a
    /// window.
    pub(super) fn count_signal(&mut self, receivers: usize, bytes: usize) {
        self.count(receivers, bytes);
        self.bytes = self.bytes.saturating_add(bytes);
    }

    /// In how many milliseconds the window ends, if that is to be scheduled.
    pub(super) fn schedule(&mut self) -> Option<u64> {
        let is_due = self.is_open && !self.is_scheduled;
        self.is_scheduled = self.is_open;
        let sending_ms = self.copies.checked_div(limits::SENDS_PER_MS).unwrap_or_default();
        is_due.then(|| limits::FLUSH_MS.saturating_add(sending_ms))
    }
}

/// A large text costs as much as several small ones.
fn copies(bytes: usize) -> u64 {
    let more = bytes.checked_div(limits::COPY_BYTES).unwrap_or_default();
    (more as u64).saturating_add(1)
}
