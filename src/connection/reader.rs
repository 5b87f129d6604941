//! Limits the frames that wait for a client that doesn't read its frames.
//!
//! Each room may send one flow control window of events that the client has not
//! acknowledged. So 100 rooms could send 100 windows. A connection therefore
//! has a single window, which limits the unread bytes of all rooms together. If
//! more bytes are unread, the rooms are paused until the unread bytes are at
//! most half of the window.
//!
//! A paused room still sends frames other than events. If the unread bytes
//! exceed one window, signals are dropped. Changes of members are also dropped,
//! because the whole list of members replaces these changes later. An answer
//! can't be dropped, neither a room's nor the connection's own. If an answer must
//! be sent when the unread bytes exceed two windows, the connection is closed.
//! Only a ping is not answered then.
//!
//! Each new subscription may send a window, so a client could subscribe again
//! and again. If it does so when the windows of all its rooms are unread, the
//! connection is closed.
//!
//! The runtime counts the bytes that are unread on the client's socket.

use super::{Connection, ConnectionEffect};
use crate::guard::does_not_read;
use crate::limits;
use crate::protocol::RoomName;
use crate::time::Millis;

/// The kind of a room's frame. It determines how the frame is treated if the
/// client doesn't read its frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RoomFrameKind {
    /// A signal, which may be dropped.
    Signal,
    /// A change of the members, which the whole list of members can replace.
    MembersChanged,
    /// An `ack` or an `error`. This frame can't be dropped, and a paused room
    /// still sends it.
    Answer,
    Other,
}

impl RoomFrameKind {
    /// Returns the kind of a frame, given the first [`RoomFrameKind::HEAD`]
    /// characters of the frame.
    pub fn read(head: &str) -> Self {
        match head.strip_prefix(r#"{"type":""#) {
            Some(kind) if kind.starts_with("signal\"") => Self::Signal,
            Some(kind) if kind.starts_with("members:changed\"") => Self::MembersChanged,
            Some(kind) if kind.starts_with("ack\"") || kind.starts_with("error\"") => Self::Answer,
            _ => Self::Other,
        }
    }

    /// Number of characters that [`RoomFrameKind::read`] needs from the start
    /// of a frame.
    pub const HEAD: u32 = 32;
}

/// Pauses and resumes the rooms of a client, by the bytes that it has not read.
#[derive(Debug, Default)]
pub struct Pacer {
    /// Time at which the unread bytes are next checked. `None` if the rooms are
    /// not paused.
    next_check_at: Option<Millis>,
}

/// Decision of a [`Pacer`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    Unchanged,
    Pause,
    Resume,
}

impl Pacer {
    /// Pauses the rooms if the unread bytes exceed the window. Resumes them when
    /// the unread bytes are at most half of the window.
    pub fn update(&mut self, unread: u64, now: Millis) -> Pace {
        let is_full = unread > limits::CONNECTION_WINDOW_BYTES;
        let has_read = unread <= limits::CONNECTION_WINDOW_BYTES / 2;
        let pace = match self.next_check_at {
            None if is_full => Pace::Pause,
            Some(_) if has_read => {
                self.next_check_at = None;
                return Pace::Resume;
            }
            None => return Pace::Unchanged,
            Some(at) if now < at => return Pace::Unchanged,
            Some(_) => Pace::Unchanged,
        };
        self.next_check_at = Some(now.plus(limits::UNREAD_CHECK_MS));
        pace
    }

    pub fn is_paused(&self) -> bool {
        self.next_check_at.is_some()
    }

    /// Returns the time at which [`Pacer::update`] must be called, if any.
    pub fn next_check_at(&self) -> Option<Millis> {
        self.next_check_at
    }
}

/// Unread bytes above which a client can't be sent an answer.
pub const UNREAD_BEFORE_ANSWER: u64 = 2 * limits::CONNECTION_WINDOW_BYTES;

/// Unread bytes above which a client can't subscribe. All rooms of a connection
/// together may have this many bytes in flight.
pub const UNREAD_BEFORE_SUBSCRIBE: u64 =
    limits::ROOMS_ON_A_CONNECTION as u64 * limits::BRIDGE_WINDOW_BYTES;

impl Connection {
    /// Decides whether a room's frame is forwarded to the client, and returns
    /// the decision with the effects. `unread` is the number of unsent bytes on
    /// the client's socket.
    pub fn should_forward(
        &mut self,
        room: &RoomName,
        kind: RoomFrameKind,
        unread: u64,
        now: Millis,
    ) -> (bool, Vec<ConnectionEffect>) {
        let is_full = unread > limits::CONNECTION_WINDOW_BYTES;
        let passes = match kind {
            RoomFrameKind::Signal => !is_full,
            RoomFrameKind::MembersChanged => {
                if is_full {
                    self.miss_members(room);
                }
                !is_full
            }
            RoomFrameKind::Answer if unread > UNREAD_BEFORE_ANSWER => {
                self.end_with(&does_not_read());
                false
            }
            RoomFrameKind::Answer | RoomFrameKind::Other => true,
        };
        self.pace(unread, now);
        (passes, std::mem::take(&mut self.effects))
    }

    /// Returns whether the rooms are paused. If they are not paused, and at most
    /// one window is unread, [`Connection::should_forward`] forwards every frame
    /// and returns no effects. So the edge need not call it for such a frame.
    pub fn is_paused(&self) -> bool {
        self.pacer.is_paused()
    }

    pub(super) fn pace(&mut self, unread: u64, now: Millis) {
        match self.pacer.update(unread, now) {
            Pace::Unchanged => {}
            Pace::Pause => self.pause_rooms(true),
            Pace::Resume => {
                self.pause_rooms(false);
                self.list_members();
            }
        }
    }
}
