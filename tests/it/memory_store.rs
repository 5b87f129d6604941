//! Storage for the tests: the three tables in memory, behind a handle that
//! outlives the room. The storage fails on demand, and counts rows as the
//! platform bills them. As in SQLite, each operation takes effect completely or
//! not at all.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;
use std::rc::Rc;

use roomcast::protocol::{Epoch, Seq};
use roomcast::store::{
    Append, KeyChange, LogMeta, OpenItem, QueueChange, QueueMeta, QueueRow, Row, Store, StoreError,
};

/// A handle to one room's storage. The storage stays when the room is dropped.
#[derive(Clone, Default)]
pub struct MemoryStore(Rc<Disk>);

#[derive(Default)]
struct Disk {
    tables: RefCell<Tables>,
    head: Cell<u64>,
    rows_written: Cell<u64>,
    rows_drained: Cell<u64>,
    reads: Cell<u64>,
    largest_read: Cell<usize>,
    writes_fail: Cell<bool>,
    /// Number of further reads that succeed before all reads fail. `None` means
    /// no limit.
    reads_left: Cell<Option<u64>>,
}

/// The stored rows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tables {
    pub meta: Option<LogMeta>,
    /// Each append, with its events and its part of the index of ids.
    pub slots: BTreeMap<u64, (Append, String, Vec<u8>)>,
    pub state: BTreeMap<String, (Seq, String)>,
    pub queue_meta: Option<QueueMeta>,
    /// The rows of the queue, by the number of their last notification.
    pub queue: BTreeMap<u64, (QueueRow, String)>,
    pub open_items: BTreeSet<OpenItem>,
}

impl Tables {
    fn change(&mut self, changes: &[KeyChange]) {
        for change in changes {
            match *change {
                KeyChange::Set { key, seq, event } => {
                    self.state.insert(key.to_owned(), (seq, event.to_owned()));
                }
                KeyChange::Remove { key } => {
                    self.state.remove(key);
                }
            }
        }
    }
}

/// Functions with which tests cause faults and inspect the rows.
impl MemoryStore {
    pub fn tables(&self) -> Tables {
        self.0.tables.borrow().clone()
    }

    /// Restores an earlier state, as if a crash had lost all later writes.
    pub fn restore(&self, tables: Tables) {
        let head = tables.slots.values().map(|(append, ..)| append.last.get()).max();
        self.0.head.set(head.unwrap_or_default());
        *self.0.tables.borrow_mut() = tables;
    }

    /// Changes the stored rows without notifying the room.
    pub fn damage(&self, how: impl FnOnce(&mut Tables)) {
        how(&mut self.0.tables.borrow_mut());
    }

    pub fn is_empty(&self) -> bool {
        *self.0.tables.borrow() == Tables::default()
    }

    /// Returns the newest stored seq.
    pub fn head(&self) -> u64 {
        self.0.head.get()
    }

    /// Makes every further write fail. A failed write changes nothing.
    pub fn fail_writes(&self) {
        self.0.writes_fail.set(true);
    }

    /// Lets `reads` further reads succeed, and makes all later reads fail.
    pub fn fail_reads_after(&self, reads: u64) {
        self.0.reads_left.set(Some(reads));
    }

    pub fn clear_faults(&self) {
        self.0.writes_fail.set(false);
        self.0.reads_left.set(None);
    }

    /// Returns the number of rows written since the last call, as the platform
    /// bills them.
    pub fn drain_rows_written(&self) -> u64 {
        let written = self.0.rows_written.get();
        written - self.0.rows_drained.replace(written)
    }

    /// Returns the largest number of bytes that the events of one read had.
    pub fn largest_read(&self) -> usize {
        self.0.largest_read.get()
    }

    /// Returns the number of reads since the last call.
    pub fn drain_reads(&self) -> u64 {
        self.0.reads.take()
    }

    fn tables_for_read(&self) -> Result<std::cell::Ref<'_, Tables>, StoreError> {
        self.0.reads.set(self.0.reads.get() + 1);
        match self.0.reads_left.get() {
            Some(0) => return Err(StoreError("it can't be read".into())),
            left => self.0.reads_left.set(left.map(|left| left - 1)),
        }
        Ok(self.0.tables.borrow())
    }

    fn tables_for_write(&self, rows: usize) -> Result<std::cell::RefMut<'_, Tables>, StoreError> {
        if self.0.writes_fail.get() {
            return Err(StoreError("it can't be written".into()));
        }
        self.0.rows_written.set(self.0.rows_written.get() + rows as u64);
        Ok(self.0.tables.borrow_mut())
    }
}

impl Store for MemoryStore {
    fn meta(&self) -> Result<Option<LogMeta>, StoreError> {
        Ok(self.tables_for_read()?.meta)
    }

    fn create(&mut self, meta: &LogMeta) -> Result<(), StoreError> {
        self.tables_for_write(1)?.meta = Some(*meta);
        Ok(())
    }

    fn resize(&mut self, meta: &LogMeta, keep_from: u64) -> Result<(), StoreError> {
        let kept: BTreeMap<u64, (Append, String, Vec<u8>)> = self
            .tables()
            .slots
            .into_values()
            .filter(|(append, ..)| append.number >= keep_from)
            .map(|(mut append, events, index)| {
                append.number -= keep_from;
                append.floor = append.floor.saturating_sub(keep_from);
                (append.number, (append, events, index))
            })
            .collect();
        let mut tables = self.tables_for_write(1 + kept.len())?;
        tables.meta = Some(*meta);
        tables.slots = kept;
        Ok(())
    }

    fn append_in(&self, slot: u64) -> Result<Option<Append>, StoreError> {
        Ok(self.tables_for_read()?.slots.get(&slot).map(|(append, ..)| *append))
    }

    /// Skips empty slots, as SQL skips rows that don't exist.
    fn read(
        &self,
        slots: RangeInclusive<u64>,
        bytes: usize,
    ) -> Result<Vec<(Append, String)>, StoreError> {
        let mut read_bytes = 0;
        let mut appends = Vec::new();
        for (_, (append, events, _)) in self.tables_for_read()?.slots.range(slots) {
            read_bytes += events.len();
            appends.push((*append, events.clone()));
            if read_bytes >= bytes {
                break;
            }
        }
        self.0.largest_read.set(self.0.largest_read.get().max(read_bytes));
        Ok(appends)
    }

    fn index_in(
        &self,
        pieces: &[(u64, u64)],
        bytes: usize,
    ) -> Result<Vec<(u64, Vec<u8>)>, StoreError> {
        let mut read = Vec::new();
        for (slot, from) in pieces {
            let tables = self.tables_for_read()?;
            let Some((append, _, index)) = tables.slots.get(slot) else { continue };
            let index = index.iter().skip(usize::try_from(*from).unwrap()).take(bytes);
            read.push((append.number, index.copied().collect()));
        }
        Ok(read)
    }

    fn append(
        &mut self,
        slot: u64,
        Row { append, events, index }: Row,
        changes: &[KeyChange],
        emptied: &[u64],
    ) -> Result<(), StoreError> {
        let mut tables = self.tables_for_write(1 + changes.len() + emptied.len())?;
        self.0.head.set(append.last.get());
        tables.slots.insert(slot, (*append, events.to_owned(), index.to_owned()));
        tables.change(changes);
        for slot in emptied {
            if let Some((_, events, index)) = tables.slots.get_mut(slot) {
                events.clear();
                index.clear();
            }
        }
        Ok(())
    }

    fn import_state(&mut self, epoch: Epoch, changes: &[KeyChange]) -> Result<(), StoreError> {
        let mut tables = self.tables_for_write(1 + changes.len())?;
        tables.meta = tables.meta.map(|meta| LogMeta { epoch, ..meta });
        tables.change(changes);
        Ok(())
    }

    fn state(&self) -> Result<String, StoreError> {
        let mut by_seq: Vec<(Seq, String)> =
            self.tables_for_read()?.state.values().cloned().collect();
        by_seq.sort();
        let events: Vec<String> = by_seq.into_iter().map(|(_, event)| event).collect();
        Ok(events.join(","))
    }

    fn state_sizes(&self) -> Result<Vec<(String, u64)>, StoreError> {
        let sizes =
            |(key, (_, event)): (&String, &(Seq, String))| (key.clone(), event.len() as u64);
        Ok(self.tables_for_read()?.state.iter().map(sizes).collect())
    }

    fn queue(&self) -> Result<Option<QueueMeta>, StoreError> {
        Ok(self.tables_for_read()?.queue_meta)
    }

    fn queue_rows(&self, after: u64, bytes: usize) -> Result<Vec<(QueueRow, String)>, StoreError> {
        let mut read_bytes = 0;
        let mut rows = Vec::new();
        for (_, row) in self.tables_for_read()?.queue.range(after + 1..) {
            read_bytes += row.1.len();
            rows.push(row.clone());
            if read_bytes >= bytes {
                break;
            }
        }
        Ok(rows)
    }

    fn newest_queue_row(&self) -> Result<Option<QueueRow>, StoreError> {
        Ok(self.tables_for_read()?.queue.values().next_back().map(|(row, _)| *row))
    }

    fn open_items(&self) -> Result<Vec<OpenItem>, StoreError> {
        Ok(self.tables_for_read()?.open_items.iter().cloned().collect())
    }

    fn write_queue(&mut self, change: QueueChange) -> Result<(), StoreError> {
        let QueueChange { meta, added, remove_to, opened, closed } = change;
        let remove_to = remove_to.unwrap_or_default();
        let removed = self.tables_for_read()?.queue.range(..=remove_to).count();
        let items = opened.len() + closed.len();
        let mut tables =
            self.tables_for_write(usize::from(meta.is_some()) + added.len() + removed + items)?;
        tables.queue_meta = meta.copied().or(tables.queue_meta);
        tables.queue.retain(|last, _| *last > remove_to);
        tables.queue.extend(added.iter().map(|row| (row.0.last, row.clone())));
        tables.open_items.retain(|item| !closed.contains(item));
        tables.open_items.extend(opened.iter().cloned());
        Ok(())
    }

    fn erase(&mut self) -> Result<(), StoreError> {
        *self.tables_for_write(0)? = Tables::default();
        self.0.head.set(0);
        Ok(())
    }

    fn rows_written(&self) -> u64 {
        self.0.rows_written.get()
    }
}
