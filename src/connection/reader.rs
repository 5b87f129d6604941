//! How much of what was sent to a client it has yet to read, over all rooms of
//! its connection.
//!
//! Each room bounds the events that are on their way in it; a hundred rooms
//! would hold a hundred windows. So a connection has one window for all of
//! them: when more events than that are unread, the rooms are paused until half
//! of them are read. Everything else that rooms send is not paced by `seen`; it
//! is counted too, and proven read by a later `seen` or ping, since a socket
//! delivers in order.

use std::collections::VecDeque;

use crate::limits;
use crate::protocol::{RoomName, Seq};

/// Counts in UTF-16 code units, as JavaScript does: the texts are not read.
#[derive(Default)]
pub struct Unread {
    /// Frames of events, in the order they were sent.
    events: VecDeque<EventsFrame>,
    events_units: u64,
    /// Frames of other kinds since the last proof that the client reads.
    other_units: u64,
    is_paused: bool,
}

struct EventsFrame {
    room: RoomName,
    /// The seq before its first event: a frame counts as read with that one.
    prev: Seq,
    units: u64,
}

/// What a frame of a room is to the client's window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Events behind this seq.
    Events {
        prev: Seq,
    },
    /// A signal: the client may miss it.
    Signal,
    /// A change of the members: the whole list can take its place.
    MembersChanged,
    Other,
}

/// What becomes of a frame of a room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Passing {
    Passed,
    Dropped,
    /// The client stands still, and this can't be dropped.
    Full,
}

impl Unread {
    /// Counts a frame on its way to the client.
    pub fn pass(&mut self, room: &RoomName, kind: Kind, units: u64) -> Passing {
        if let Kind::Events { prev } = kind {
            self.events_units = self.events_units.saturating_add(units);
            match self.events.back_mut() {
                Some(last) if last.room == *room && last.units < limits::KIB as u64 * 16 => {
                    last.units = last.units.saturating_add(units);
                }
                _ => self.events.push_back(EventsFrame { room: room.clone(), prev, units }),
            }
            return Passing::Passed;
        }
        let is_over = |limit: u64| self.other_units.saturating_add(units) > limit;
        // One frame of any size reaches a client that reads.
        if self.other_units > 0 && is_over(limits::UNPACED_UNITS) {
            match kind {
                Kind::Signal | Kind::MembersChanged => return Passing::Dropped,
                Kind::Events { .. } | Kind::Other if is_over(2 * limits::UNPACED_UNITS) => {
                    return Passing::Full;
                }
                Kind::Events { .. } | Kind::Other => {}
            }
        }
        self.other_units = self.other_units.saturating_add(units);
        Passing::Passed
    }

    /// The client has seen a room's events up to a seq, and so everything that
    /// was sent before.
    pub fn see(&mut self, room: &RoomName, seq: Seq) {
        let seen = |frame: &EventsFrame| frame.room == *room && frame.prev < seq;
        let Some(last) = self.events.iter().rposition(seen) else { return };
        for frame in self.events.drain(..=last) {
            self.events_units = self.events_units.saturating_sub(frame.units);
        }
        self.other_units = 0;
    }

    /// The client pinged: it runs, and reads what is not paced.
    pub fn pinged(&mut self) {
        self.other_units = 0;
    }

    /// What a room that ended has sent will not be said to be seen.
    pub fn forget(&mut self, room: &RoomName) {
        self.events.retain(|frame| frame.room != *room);
        self.events_units = self.events.iter().map(|frame| frame.units).sum();
    }

    /// Whether the rooms must be paused (`true`) or resumed now.
    pub fn turn(&mut self, rooms: usize) -> Option<bool> {
        // A client says what it has seen once 64 KiB have come in a room. So
        // of more than that for each room it will say some.
        let unsaid = (rooms as u64).saturating_mul(limits::SEEN_AT_ONCE_BYTES as u64);
        let window = match self.is_paused {
            false => limits::CONNECTION_WINDOW_UNITS,
            true => limits::CONNECTION_WINDOW_UNITS / 2,
        };
        let is_paused = self.events_units > unsaid.saturating_add(window);
        (is_paused != self.is_paused).then(|| {
            self.is_paused = is_paused;
            is_paused
        })
    }

    pub fn is_paused(&self) -> bool {
        self.is_paused
    }
}

impl Kind {
    /// What begins like this, from a room.
    pub fn read(head: &str) -> Self {
        let Some(kind) = head.strip_prefix(r#"{"type":""#) else { return Self::Other };
        if kind.starts_with("signal\"") {
            return Self::Signal;
        }
        if kind.starts_with("members:changed\"") {
            return Self::MembersChanged;
        }
        let prev = kind.starts_with("events\"").then(|| kind.split_once(r#","prev":"#)).flatten();
        let digits = prev.and_then(|(_, rest)| rest.split_once(','));
        let seq = digits.and_then(|(digits, _)| Seq::new(digits.parse().ok()?));
        seq.map_or(Self::Other, |prev| Self::Events { prev })
    }

    /// Characters of a frame that suffice to read its kind: those before the
    /// room's name, the name, and those up to `prev`.
    pub const HEAD: u32 = 80 + limits::ROOM_NAME as u32;
}
