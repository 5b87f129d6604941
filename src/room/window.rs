//! The flush window, which limits the cost of signals and members.
//!
//! Most of this cost comes from sending frames. If each of the n sessions in a
//! room sends a signal, the room sends n² copies. So the window counts copies.
//! After 1,500 copies, further signals and members wait for the next window. A
//! window lasts 50 ms plus the time in which its copies are sent. So signals
//! and members use at most about half of the room's time, and events are sent
//! in the remaining time.
//!
//! Flow control does not count signals and members. Signals and members are
//! offered to a session only while the session reads its frames.

use super::{Effect, Room};
use crate::code::{Code, Refusal};
use crate::limits;
use crate::session::SessionId;
use crate::store::Store;
use crate::time::Millis;

/// The treatment of a session that doesn't read its frames. Flow control counts
/// only events, so only this treatment limits the other frames that wait for
/// the session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IfUnread {
    /// The text is dropped, because an old signal is useless.
    Drop,
    /// The session is sent the whole list of members when it reads again.
    Relist,
    /// The session is closed. Its client resumes, and publishes the
    /// unacknowledged events again.
    Close,
}

impl<S: Store> Room<S> {
    pub(super) fn schedule_flush(&mut self) {
        let after_ms = self.window.schedule();
        self.effects.extend(after_ms.map(|after_ms| Effect::ScheduleFlush { after_ms }));
    }

    pub(super) fn end_window(&mut self, now: Millis) {
        self.window = Window::default();
        self.flush_members(now);
        self.flush_signals();
    }

    pub(super) fn withheld(&mut self, from: Vec<SessionId>, if_unread: IfUnread, now: Millis) {
        match if_unread {
            IfUnread::Drop => {}
            IfUnread::Relist => self.await_list(from, now),
            IfUnread::Close => {
                for id in from {
                    let message = "too many answers were not read; connect again, and resume";
                    self.close(id, Refusal::new(Code::Restarting, message));
                }
            }
        }
    }
}

/// The cost of signals and members since the last window ended.
#[derive(Default)]
pub(super) struct Window {
    is_open: bool,
    /// Whether an [`super::Input::Flush`] is scheduled.
    is_scheduled: bool,
    copies: u64,
    /// Total bytes of the signals that each receiver was sent in this window.
    bytes: usize,
}

impl Window {
    pub(super) fn is_open(&self) -> bool {
        self.is_open
    }

    /// Opens the window. [`Self::schedule`] then returns the time until the
    /// window ends.
    pub(super) fn open(&mut self) {
        self.is_open = true;
    }

    /// Returns whether another text may be sent in this window. The last text
    /// may exceed the limit, so that every window can send at least one text.
    pub(super) fn has_room(&self) -> bool {
        self.copies < limits::WINDOW_COPIES && self.bytes < limits::WINDOW_BYTES
    }

    /// Returns the number of sessions to which a text of this size may still be
    /// sent in this window.
    pub(super) fn room_for(&self, bytes: usize) -> usize {
        let left = limits::WINDOW_COPIES.saturating_sub(self.copies);
        let count = left.checked_div(copies(bytes)).unwrap_or_default();
        usize::try_from(count).unwrap_or(usize::MAX)
    }

    /// Counts a text that is sent to `receivers` sessions.
    pub(super) fn count(&mut self, receivers: usize, bytes: usize) {
        self.is_open = true;
        let copies = copies(bytes).saturating_mul(receivers as u64);
        self.copies = self.copies.saturating_add(copies);
    }

    /// Counts a signal. Each receiver is sent at most [`limits::WINDOW_BYTES`]
    /// of signals in a window.
    pub(super) fn count_signal(&mut self, receivers: usize, bytes: usize) {
        self.count(receivers, bytes);
        self.bytes = self.bytes.saturating_add(bytes);
    }

    /// Returns the number of milliseconds after which the window ends, or
    /// `None` if the end need not be scheduled now.
    pub(super) fn schedule(&mut self) -> Option<u64> {
        let is_due = self.is_open && !self.is_scheduled;
        self.is_scheduled = self.is_open;
        let sending_ms = self.copies.checked_div(limits::SENDS_PER_MS).unwrap_or_default();
        is_due.then(|| limits::FLUSH_MS.saturating_add(sending_ms))
    }
}

/// Returns the cost of a text in copies: one copy, plus one copy for every
/// [`limits::COPY_BYTES`].
fn copies(bytes: usize) -> u64 {
    let more = bytes.checked_div(limits::COPY_BYTES).unwrap_or_default();
    (more as u64).saturating_add(1)
}
