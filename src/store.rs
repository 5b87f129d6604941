//! The storage interface that the log requires. A store has one row about the
//! room, a ring of slots with one append each, and one row per key of the
//! state. A room with webhooks also has a queue of notifications.
//!
//! The interface is synchronous, like the SQLite database of a Durable Object.
//! The edge implements the interface with SQL. The tests implement it in memory
//! with injected faults. Order, retention and limits are not implemented by a
//! store, but by [`crate::log`].

use std::fmt;
use std::ops::RangeInclusive;

use crate::protocol::{Epoch, Seq, User};
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

/// The row about the room. The row is written when the room is created and when
/// the room's settings change, but never for a publish.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogMeta {
    pub epoch: Epoch,
    pub at: Millis,
    /// The number of slots in the ring.
    pub capacity: u64,
    /// The age at which an idle room is erased. The time of the alarm depends
    /// on this age.
    pub retained_ms: u64,
}

/// One append: consecutive events that became durable together. An append
/// contains running totals, so that the newest append alone describes the end
/// of the log. So no row of counters has to be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Append {
    /// Number of the append: 0, 1, 2 …. The append's slot is this number modulo
    /// the ring's capacity.
    pub number: u64,
    pub first: Seq,
    pub last: Seq,
    pub at: Millis,
    /// Byte offset in the log of the start of this append.
    pub start_offset: u64,
    /// Byte offset in the log of the end of this append.
    pub end_offset: u64,
    /// Number of the oldest append that is still complete after retention by
    /// bytes.
    pub floor: u64,
    /// Start offset of the append `floor`.
    pub floor_offset: u64,
}

/// The row of a new append: the append, its events, and its part of the index
/// of ids.
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

/// The row about the queue of webhook notifications ([`crate::webhooks`]).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueueMeta {
    /// Number of the last notification that was delivered or dropped.
    pub done: u64,
    /// Seq of the last event that was delivered or dropped.
    pub done_seq: Seq,
    /// Whether published events are notifications too.
    pub has_events: bool,
    /// Whether the last notification about it says that the room is occupied.
    pub is_occupied: bool,
    /// Number of times in a row that a batch failed.
    pub failures: u64,
    /// Time at which the failed batch is sent again.
    pub retry_at: Millis,
    /// Number of the last notification of the failed batch.
    pub batch_to: u64,
    /// Seq of the last event of the failed batch.
    pub batch_to_seq: Seq,
    /// Number of notifications that were dropped since the last delivery.
    pub dropped: u64,
}

/// A row of the queue without its text: the notifications that one input caused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueueRow {
    /// Number of the last notification in the row.
    pub last: u64,
    pub at: Millis,
    /// Head of the log when the row was written.
    pub head: Seq,
    /// Byte offset in the queue of the start of this row.
    pub start_offset: u64,
    /// Byte offset in the queue of the end of this row.
    pub end_offset: u64,
}

/// A session or a member whose end will be a notification. If the process dies,
/// the sockets and the members are lost. Then this row is their only record.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct OpenItem {
    /// Id of the session. `None` for a member.
    pub session: Option<u64>,
    /// `None` for an anonymous session.
    pub user: Option<User>,
}

/// A change of the queue.
#[derive(Clone, Copy, Default)]
pub struct QueueChange<'a> {
    pub meta: Option<&'a QueueMeta>,
    pub added: &'a [(QueueRow, String)],
    /// Number up to which rows are removed.
    pub remove_to: Option<u64>,
    pub opened: &'a [OpenItem],
    pub closed: &'a [OpenItem],
}

/// The storage of one room. Every method fails if the storage fails. If
/// `create`, `resize` or `append` fails, the storage has not changed.
pub trait Store {
    /// Returns the row about the room; `None` if nothing is stored yet.
    fn meta(&self) -> Result<Option<LogMeta>, StoreError>;

    /// Creates the tables and the row about the room.
    fn create(&mut self, meta: &LogMeta) -> Result<(), StoreError>;

    /// Rewrites the row about the room. If the capacity changes, moves the
    /// append `keep_from` and all newer appends to a ring of the new capacity.
    /// Renumbers these appends from 0, and reduces each `floor` by the same
    /// difference. A `floor` that would become negative is set to 0. Either all
    /// of these changes are stored or none.
    fn resize(&mut self, meta: &LogMeta, keep_from: u64) -> Result<(), StoreError>;

    /// Returns the append in a slot, without its events.
    fn append_in(&self, slot: u64) -> Result<Option<Append>, StoreError>;

    /// Returns the appends in consecutive slots with their events, in the order
    /// of the slots. Returns at least one append, and stops once the appends
    /// have `bytes` bytes in total.
    fn read(
        &self,
        slots: RangeInclusive<u64>,
        bytes: usize,
    ) -> Result<Vec<(Append, String)>, StoreError>;

    /// Reads pieces of the index of ids. A slot and a byte offset identify a
    /// piece. For each piece, returns the number of the append in the slot, and
    /// at most `bytes` bytes of the append's index. If a version without an
    /// index wrote the append, the result has no bytes for the piece. If the
    /// slot has no append, the result has no item for the piece. The caller
    /// then finds that the result is shorter, or that the numbers of the
    /// following items don't match.
    fn index_in(
        &self,
        pieces: &[(u64, u64)],
        bytes: usize,
    ) -> Result<Vec<(u64, Vec<u8>)>, StoreError>;

    /// Writes one append into its slot, changes the state, and clears the
    /// events and the index of the `emptied` slots. Either all of these changes
    /// are stored or none.
    fn append(
        &mut self,
        slot: u64,
        row: Row,
        changes: &[KeyChange],
        emptied: &[u64],
    ) -> Result<(), StoreError>;

    /// Changes the epoch of a store without appends, and changes the state.
    /// Either all of these changes are stored or none.
    fn import_state(&mut self, epoch: Epoch, changes: &[KeyChange]) -> Result<(), StoreError>;

    /// Returns the latest events of all keys as JSON, sorted by seq and joined
    /// by commas.
    fn state(&self) -> Result<String, StoreError>;

    /// Returns every key with the size of its latest event in bytes.
    fn state_sizes(&self) -> Result<Vec<(String, u64)>, StoreError>;

    /// Returns the row about the queue. `None` if the room never had a
    /// notification.
    fn queue(&self) -> Result<Option<QueueMeta>, StoreError>;

    /// Returns the rows of the queue after the notification `after`, in their
    /// order. If there are any, returns at least one row, and stops once the rows
    /// have `bytes` bytes in total. Called only if [`Store::queue`] is stored.
    fn queue_rows(&self, after: u64, bytes: usize) -> Result<Vec<(QueueRow, String)>, StoreError>;

    /// Returns the newest row of the queue. Called only if [`Store::queue`] is
    /// stored.
    fn newest_queue_row(&self) -> Result<Option<QueueRow>, StoreError>;

    /// Returns all open items. Called only if [`Store::queue`] is stored.
    fn open_items(&self) -> Result<Vec<OpenItem>, StoreError>;

    /// Changes the queue. Creates its tables if they don't exist. Either all of
    /// these changes are stored or none.
    fn write_queue(&mut self, change: QueueChange) -> Result<(), StoreError>;

    /// Deletes everything, as if the room had never existed.
    fn erase(&mut self) -> Result<(), StoreError>;

    /// Returns the number of rows that the platform bills for all writes so
    /// far.
    fn rows_written(&self) -> u64;
}
