//! How a connection treats a client that does not read what it is sent.
//!
//! Each room bounds the events that are on their way in it; a hundred rooms
//! would hold a hundred windows. So a connection has one window for all of
//! them: when its client has that much unread, the rooms are paused until it
//! has read half of it. Other frames are not paced by the rooms. When the
//! client has a window unread, signals are dropped, and changes of the members
//! too, for which the whole list comes later; an answer can't be dropped, so
//! at twice the window the connection is closed.
//!
//! How much is unread is what the runtime holds for the client's socket.

use super::{Connection, ConnectionEffect};
use crate::code::{Code, Refusal};
use crate::limits;
use crate::protocol::RoomName;
use crate::time::Millis;

/// What a frame of a room is to a client that does not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A signal: the client may miss it.
    Signal,
    /// A change of the members: the whole list can take its place.
    MembersChanged,
    /// An `ack` or an `error`: it can't be dropped, and no window paces it.
    Answer,
    Other,
}

impl Kind {
    /// What a room's frame is that begins like this.
    pub fn read(head: &str) -> Self {
        match head.strip_prefix(r#"{"type":""#) {
            Some(kind) if kind.starts_with("signal\"") => Self::Signal,
            Some(kind) if kind.starts_with("members:changed\"") => Self::MembersChanged,
            Some(kind) if kind.starts_with("ack\"") || kind.starts_with("error\"") => Self::Answer,
            _ => Self::Other,
        }
    }

    /// Characters of a frame by which its kind can be read.
    pub const HEAD: u32 = 32;
}

impl Connection {
    /// Whether a frame of a room is passed on to the client, of whose socket so
    /// many bytes are unread.
    pub fn pass(
        &mut self,
        room: &RoomName,
        kind: Kind,
        unread: u64,
        now: Millis,
    ) -> (bool, Vec<ConnectionEffect>) {
        let is_full = unread > limits::CONNECTION_WINDOW_BYTES;
        let passes = match kind {
            Kind::Signal => !is_full,
            Kind::MembersChanged => {
                if is_full {
                    self.miss_members(room);
                }
                !is_full
            }
            Kind::Answer if unread > 2 * limits::CONNECTION_WINDOW_BYTES => {
                self.end_with(&Refusal::new(
                    Code::Restarting,
                    "the client does not read what it is sent; connect again",
                ));
                false
            }
            Kind::Answer | Kind::Other => true,
        };
        self.pace(unread, now);
        (passes, std::mem::take(&mut self.effects))
    }

    /// Whether the rooms are paused.
    pub(super) fn is_paused(&self) -> bool {
        self.next_check_at.is_some()
    }

    /// Pauses the rooms, or resumes them when the client has read on.
    pub(super) fn pace(&mut self, unread: u64, now: Millis) {
        let is_full = unread > limits::CONNECTION_WINDOW_BYTES;
        let has_read = unread <= limits::CONNECTION_WINDOW_BYTES / 2;
        match self.next_check_at {
            None if is_full => self.pause_rooms(true),
            Some(_) if has_read => {
                self.next_check_at = None;
                self.pause_rooms(false);
                return self.list_members();
            }
            None => return,
            Some(at) if now < at => return,
            Some(_) => {}
        }
        self.next_check_at = Some(now.plus(limits::UNREAD_CHECK_MS));
    }
}
