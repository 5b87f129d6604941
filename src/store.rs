//! The storage interface that the log requires. It stores one row about the
//! room, a ring of slots with one append each, and one row per key of the
//! state.
//!
//! It is synchronous, like the SQLite of a Durable Object. The edge implements
//! it with SQL, the tests in memory with injected faults. It does not implement
//! order, retention or limits: [`crate::log`] does.

use std::fmt;
use std::ops::RangeInclusive;

use crate::protocol::{Epoch, Seq};
use crate::time::Millis;

/// A failure of the storage. The message is for the operator's log, never for
/// the client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreError(pub String);

impl StoreError {
    /// Returns the error for an append whose row is missing or damaged.
    pub fn damaged(append: u64) -> Self {
        Self(format!("append {append} in the log is damaged"))
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "storage: {}", self.0)
    }
}

/// The one row about the room. It is written when the room is created and when
/// its settings change, never for a publish.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogMeta {
    pub epoch: Epoch,
    pub at: Millis,
    /// The number of slots in the ring.
    pub capacity: u64,
    /// The age at which an idle room is erased. The alarm depends on it.
    pub retained_ms: u64,
}

/// One append: a run of events that became durable together. It contains
/// running totals, so that the newest append alone describes the end of the
/// log, and no counter row has to be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Append {
    /// 0, 1, 2 …; the slot is the number modulo the ring's capacity.
    pub number: u64,
    pub first: Seq,
    pub last: Seq,
    pub at: Millis,
    /// Byte offsets in the log of the start and the end of this append.
    pub start_offset: u64,
    pub end_offset: u64,
    /// The oldest append that is still complete after retention by bytes, and
    /// its start offset.
    pub floor: u64,
    pub floor_offset: u64,
}

/// An append to be written: its events, and its part of the index of ids.
#[derive(Clone, Copy)]
pub struct Row<'a> {
    pub append: &'a Append,
    pub events: &'a str,
    pub index: &'a [u8],
}

/// The change that an append makes to one key of the state.
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

/// The storage of one room. Every method fails if the storage fails. A
/// `create`, `resize` or `append` that fails has changed nothing.
pub trait Store {
    /// Returns the row about the room; `None` if nothing is stored yet.
    fn meta(&self) -> Result<Option<LogMeta>, StoreError>;

    /// Creates the tables and the row about the room.
    fn create(&mut self, meta: &LogMeta) -> Result<(), StoreError>;

    /// Rewrites the row about the room. If its capacity differs, moves the
    /// appends from `keep_from` on to a ring of that capacity, and renumbers
    /// them from 0. Reduces their `floor` by the same number, to at least 0.
    /// All or nothing.
    fn resize(&mut self, meta: &LogMeta, keep_from: u64) -> Result<(), StoreError>;

    /// Returns the append in a slot, without its events.
    fn append_in(&self, slot: u64) -> Result<Option<Append>, StoreError>;

    /// Returns the appends in consecutive slots with their events, in the order
    /// of the slots. Returns at least one, and stops once they have `bytes`
    /// bytes together.
    fn read(
        &self,
        slots: RangeInclusive<u64>,
        bytes: usize,
    ) -> Result<Vec<(Append, String)>, StoreError>;

    /// Reads pieces of the index of ids. A piece is given by its slot and its
    /// byte offset. Returns the number of the append in each slot, and at most
    /// `bytes` bytes of its index. An append that was written by a version
    /// without an index has no bytes. A slot without an append has no item in
    /// the result. So the result is shorter, or the following numbers differ.
    fn index_in(
        &self,
        pieces: &[(u64, u64)],
        bytes: usize,
    ) -> Result<Vec<(u64, Vec<u8>)>, StoreError>;

    /// Writes one append into its slot, changes the state, and clears the
    /// events and the index of the `emptied` slots. All or nothing.
    fn append(
        &mut self,
        slot: u64,
        row: Row,
        changes: &[KeyChange],
        emptied: &[u64],
    ) -> Result<(), StoreError>;

    /// Returns the latest event of every key, sorted by seq, as JSON joined by
    /// commas.
    fn state(&self) -> Result<String, StoreError>;

    /// Returns every key with the bytes of its latest event.
    fn state_sizes(&self) -> Result<Vec<(String, u64)>, StoreError>;

    /// Deletes everything, as if the room had never existed.
    fn erase(&mut self) -> Result<(), StoreError>;

    /// Returns how many rows were written so far, as the platform bills them.
    fn rows_written(&self) -> u64;
}
