//! The storage under a room, as the log needs it: one row about the room, a
//! ring of slots with an append in each, and a row for every key of the state.
//!
//! It is synchronous, as Durable Object SQLite is. The edge implements it on
//! SQL, the tests in memory with faults on demand. It knows nothing of order,
//! retention or limits: [`crate::log`] does.

use std::fmt;
use std::ops::RangeInclusive;

use crate::protocol::{Epoch, Seq};
use crate::time::Millis;

/// The storage said no. What it said is for the operator's log, not the wire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreError(pub String);

impl StoreError {
    /// The error for an append whose row is missing, or not as it was written.
    pub fn damaged(append: u64) -> Self {
        Self(format!("append {append} is not as it was written"))
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "storage: {}", self.0)
    }
}

/// The one row about the room. It is written when the room is first met and
/// when its settings change, never for a publish.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogMeta {
    pub epoch: Epoch,
    pub at: Millis,
    /// Slots in the ring.
    pub capacity: u64,
    /// The age at which an idle room is erased; the alarm is set by it.
    pub retained_ms: u64,
}

/// One append: a run of events that became durable together. The running
/// totals ride along in it, so that the newest append alone tells where the
/// log stands, and no counter has to be written beside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Append {
    /// 0, 1, 2 …; its slot is this modulo the ring's capacity.
    pub number: u64,
    pub first: Seq,
    pub last: Seq,
    pub at: Millis,
    /// Bytes of all events before this append, and with it.
    pub start_offset: u64,
    pub end_offset: u64,
    /// The oldest append that retention by bytes left whole, and where it
    /// starts.
    pub floor: u64,
    pub floor_offset: u64,
}

/// An append as it is written: its events, and its part of the index of ids.
#[derive(Clone, Copy)]
pub struct Row<'a> {
    pub append: &'a Append,
    pub events: &'a str,
    pub index: &'a [u8],
}

/// What an append does to one key of the state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyChange<'a> {
    Set { key: &'a str, seq: Seq, event: &'a str },
    Remove { key: &'a str },
}

impl KeyChange<'_> {
    pub fn key(&self) -> &str {
        match self {
            Self::Set { key, .. } | Self::Remove { key } => key,
        }
    }
}

pub trait Store {
    /// The row about the room; `None` where nothing is stored yet.
    fn meta(&self) -> Result<Option<LogMeta>, StoreError>;

    /// Makes the tables and the row about the room.
    fn create(&mut self, meta: &LogMeta) -> Result<(), StoreError>;

    /// Rewrites the row about the room. Where its capacity differs, the
    /// appends from `keep_from` on move to a ring of that capacity, numbered
    /// anew from 0 (their `floor` too, at the least 0). All or nothing.
    fn resize(&mut self, meta: &LogMeta, keep_from: u64) -> Result<(), StoreError>;

    /// The append in a slot, without its events.
    fn append_in(&self, slot: u64) -> Result<Option<Append>, StoreError>;

    /// The appends in consecutive slots with their events, in the order of the
    /// slots: one at the least, and no further one once they have `bytes`.
    fn read(
        &self,
        slots: RangeInclusive<u64>,
        bytes: usize,
    ) -> Result<Vec<(Append, String)>, StoreError>;

    /// Reads pieces of the index of ids, each in a slot and from a byte on: the
    /// number of the append there, and at most so many bytes. They are none
    /// where a version wrote the append that knows no index, and the answer
    /// ends early, or has another number, where a slot holds no append.
    fn index_in(
        &self,
        pieces: &[(u64, u64)],
        bytes: usize,
    ) -> Result<Vec<(u64, Vec<u8>)>, StoreError>;

    /// Writes one append into its slot, changes the state, and empties the
    /// events and the index of `emptied` slots. All or nothing.
    fn append(
        &mut self,
        slot: u64,
        row: Row,
        changes: &[KeyChange],
        emptied: &[u64],
    ) -> Result<(), StoreError>;

    /// The latest event of every key, by seq, as JSON joined by commas.
    fn state(&self) -> Result<String, StoreError>;

    /// Every key with the bytes of its latest event.
    fn state_sizes(&self) -> Result<Vec<(String, u64)>, StoreError>;

    /// Leaves nothing behind, as if the room had never been.
    fn erase(&mut self) -> Result<(), StoreError>;

    /// Rows written so far, as the platform bills them.
    fn rows_written(&self) -> u64;
}
