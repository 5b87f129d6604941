//! The queue of notifications of one room.

use super::{Batch, Occurrence, retry_after_ms};
use crate::limits;
use crate::log::Log;
use crate::protocol::Seq;
use crate::store::{OpenItem, QueueChange, QueueMeta, QueueRow, Store, StoreError};
use crate::time::Millis;

/// Maximum size of one row of the queue. A longer list of notifications has
/// several rows.
const ROW_BYTES: usize = limits::WEBHOOK_BATCH_BYTES;

/// The state of the queue. The notifications themselves are only in the storage.
#[derive(Clone, Copy, Debug)]
pub struct Queue {
    meta: QueueMeta,
    /// Whether the tables of the queue exist.
    exists: bool,
    /// Whether `meta` is stored.
    is_stored: bool,
    /// Number of the newest notification.
    last: u64,
    start_offset: u64,
    end_offset: u64,
}

impl Queue {
    /// Reads the stored queue. Must be called before the log is opened: if a read
    /// failed after a new log was created, the room would have no alarm.
    pub fn read(store: &impl Store) -> Result<Option<Self>, StoreError> {
        let Some(meta) = store.queue()? else { return Ok(None) };
        let newest = store.newest_queue_row()?;
        let oldest = store.queue_rows(meta.done, 0)?;
        Ok(Some(Self {
            meta,
            exists: true,
            is_stored: true,
            last: newest.map_or(meta.done, |row| row.last),
            start_offset: oldest.first().map_or(0, |(row, _)| row.start_offset),
            end_offset: newest.map_or(0, |row| row.end_offset),
        }))
    }

    /// Creates the queue from the stored queue, if there is one. `has_events` says
    /// whether published events are notifications.
    pub fn new(stored: Option<Self>, has_events: bool, head: Seq) -> Self {
        let meta = QueueMeta {
            done: 0,
            done_seq: head,
            has_events,
            is_occupied: false,
            failures: 0,
            retry_at: Millis::new(0),
            batch_to: 0,
            batch_to_seq: Seq::ZERO,
            dropped: 0,
        };
        let (last, start_offset, end_offset) = (0, 0, 0);
        let empty = Self { meta, exists: false, is_stored: false, last, start_offset, end_offset };
        let mut queue = stored.unwrap_or(empty);
        if queue.meta.has_events != has_events {
            queue.meta.has_events = has_events;
            queue.meta.done_seq = head;
            queue.is_stored = false;
        }
        queue
    }

    /// Returns whether the room was occupied at the last notification about it.
    pub fn is_occupied(&self) -> bool {
        self.meta.is_occupied
    }

    /// Returns the open items. A room without a stored queue has none.
    pub fn open_items<S: Store>(&self, log: &Log<S>) -> Result<Vec<OpenItem>, StoreError> {
        if self.exists { log.store().open_items() } else { Ok(Vec::new()) }
    }

    /// Returns whether the queue must be stored although it has no new row. After
    /// a kill, the room would otherwise not know that an event is not delivered.
    pub fn must_be_stored(&self, head: Seq) -> bool {
        !self.is_stored && self.meta.has_events && head > self.meta.done_seq
    }

    /// Adds the notifications of one input, and changes the open items. If the
    /// queue becomes too large, drops its oldest notifications. Returns their
    /// number.
    pub fn add<S: Store>(
        &mut self,
        log: &mut Log<S>,
        happened: &[Occurrence],
        (opened, closed): (&[OpenItem], &[OpenItem]),
        is_occupied: bool,
        now: Millis,
    ) -> Result<u64, StoreError> {
        let mut next = *self;
        let rows = next.number(happened, log.head(), now);
        next.meta.is_occupied = is_occupied;
        let dropped = if next.bytes() > limits::WEBHOOK_QUEUE_BYTES && self.exists {
            let keep = limits::WEBHOOK_QUEUE_BYTES.div_euclid(4).saturating_mul(3);
            next.drop_rows(log, |next, _| next.bytes() > keep)?
        } else {
            0
        };
        let change = QueueChange { added: &rows, opened, closed, ..QueueChange::default() };
        self.commit(log, next, change)?;
        Ok(dropped)
    }

    /// Continues after the head of the log, so that events up to it are not
    /// notifications.
    pub fn skip_events<S: Store>(&mut self, log: &mut Log<S>) -> Result<(), StoreError> {
        let mut next = *self;
        next.meta.done_seq = log.head();
        if self.exists {
            return self.commit(log, next, QueueChange::default());
        }
        *self = next;
        Ok(())
    }

    /// Counts notifications that could not be stored as dropped.
    pub fn count_lost(&mut self, count: u64) {
        self.meta.dropped = self.meta.dropped.saturating_add(count);
        self.is_stored = false;
    }

    /// Returns whether a notification is not delivered yet.
    pub fn is_pending(&self, head: Seq) -> bool {
        self.waiting(head) > 0
    }

    /// Returns the number of notifications that wait for a retry.
    pub fn backlog(&self, head: Seq) -> u64 {
        if self.meta.failures == 0 { 0 } else { self.waiting(head) }
    }

    fn waiting(&self, head: Seq) -> u64 {
        let events = head.get().saturating_sub(self.meta.done_seq.get());
        let events = if self.meta.has_events { events } else { 0 };
        self.last.saturating_sub(self.meta.done).saturating_add(events)
    }

    /// Returns the time before which no batch may be sent.
    pub fn retry_at(&self) -> Millis {
        self.meta.retry_at
    }

    /// Drops notifications that are too old, and returns their number with the
    /// next batch, if there is one.
    pub fn next_batch<S: Store>(
        &mut self,
        log: &mut Log<S>,
        now: Millis,
    ) -> Result<(u64, Option<Batch>), StoreError> {
        let dropped = self.drop_old(log, now)?;
        if !self.is_pending(log.head()) {
            return Ok((dropped, None));
        }
        let QueueMeta { done, done_seq, has_events, .. } = self.meta;
        let (mut to, mut to_seq) = (self.meta.batch_to, self.meta.batch_to_seq);
        if to <= done && to_seq <= done_seq {
            (to, to_seq) = (self.last, if has_events { log.head() } else { done_seq });
        }
        let mut batch = Batch::new(log.epoch(), done, done_seq, self.meta.dropped);
        batch.end_offset = self.start_offset;
        let rows = match to > done {
            true => log.store().queue_rows(done, limits::WEBHOOK_BATCH_BYTES)?,
            false => Vec::new(),
        };
        if rows.is_empty() && to > done {
            return Err(StoreError("the queue of webhooks is damaged".into()));
        }
        for (row, notifications) in rows.iter().filter(|(row, _)| row.last <= to) {
            let are_events_in = batch.push_events(log, row.head.min(to_seq), now)?;
            if !are_events_in || batch.is_full() {
                return Ok((dropped, batch.finish()));
            }
            batch.push(notifications);
            (batch.to, batch.end_offset) = (row.last, row.end_offset);
        }
        if batch.to >= to {
            batch.push_events(log, to_seq, now)?;
        }
        Ok((dropped, batch.finish()))
    }

    /// Removes a batch that was delivered.
    pub fn delivered<S: Store>(
        &mut self,
        log: &mut Log<S>,
        batch: &Batch,
    ) -> Result<(), StoreError> {
        let mut next = *self;
        next.meta.done = next.meta.done.max(batch.to);
        next.meta.done_seq = next.meta.done_seq.max(batch.to_seq);
        next.start_offset = next.start_offset.max(batch.end_offset);
        next.meta.dropped = next.meta.dropped.saturating_sub(batch.dropped);
        next.forget_failures();
        self.commit(log, next, QueueChange::default())
    }

    fn forget_failures(&mut self) {
        self.meta.failures = 0;
        self.meta.retry_at = Millis::new(0);
    }

    /// Records that a batch failed, and returns how many batches failed in a row.
    /// Until the batch is delivered, no other batch is sent.
    pub fn failed<S: Store>(
        &mut self,
        log: &mut Log<S>,
        batch: &Batch,
        spread: u64,
        now: Millis,
    ) -> Result<u64, StoreError> {
        let mut next = *self;
        next.meta.failures = next.meta.failures.saturating_add(1);
        next.meta.retry_at = now.plus(retry_after_ms(next.meta.failures, spread));
        (next.meta.batch_to, next.meta.batch_to_seq) = (batch.to, batch.to_seq);
        self.commit(log, next, QueueChange::default())?;
        Ok(next.meta.failures)
    }

    /// Waits after an error of the storage. The wait is not stored.
    pub fn wait_until(&mut self, at: Millis) {
        self.meta.retry_at = at;
        self.is_stored = false;
    }

    fn bytes(&self) -> u64 {
        self.end_offset.saturating_sub(self.start_offset)
    }

    /// Assigns numbers to notifications, and returns their rows.
    fn number(
        &mut self,
        happened: &[Occurrence],
        head: Seq,
        at: Millis,
    ) -> Vec<(QueueRow, String)> {
        let mut rows: Vec<(QueueRow, String)> = Vec::new();
        for occurrence in happened {
            self.last = self.last.saturating_add(1);
            let notification = occurrence.text(self.last, at);
            let start_offset = self.end_offset;
            self.end_offset = start_offset.saturating_add(notification.len() as u64);
            let (last, end_offset) = (self.last, self.end_offset);
            match rows.last_mut().filter(|(_, text)| text.len() < ROW_BYTES) {
                Some((row, text)) => {
                    (row.last, row.end_offset) = (last, end_offset);
                    text.push(',');
                    text.push_str(&notification);
                }
                None => {
                    let row = QueueRow { last, at, head, start_offset, end_offset };
                    rows.push((row, notification));
                }
            }
        }
        rows
    }

    /// Drops notifications and events that are older than a day if their delivery
    /// failed, and events that the log no longer retains.
    fn drop_old<S: Store>(&mut self, log: &mut Log<S>, now: Millis) -> Result<u64, StoreError> {
        let mut next = *self;
        let mut dropped = 0_u64;
        let has_failed = self.meta.failures > 0;
        let too_old = now.minus(limits::WEBHOOK_RETRY_MS);
        if has_failed && self.last > self.meta.done {
            dropped = next.drop_rows(log, |_, row| row.at <= too_old)?;
        }
        if self.meta.has_events && log.head() > self.meta.done_seq {
            let retained = log.oldest(now)?;
            let recent = if has_failed { log.oldest_since(too_old.plus(1))? } else { retained };
            let lost_to = retained.max(recent).minus(1);
            let lost = lost_to.get().saturating_sub(next.meta.done_seq.get());
            next.meta.done_seq = next.meta.done_seq.plus(lost);
            next.meta.dropped = next.meta.dropped.saturating_add(lost);
            dropped = dropped.saturating_add(lost);
        }
        if dropped > 0 {
            if !next.is_pending(log.head()) {
                next.forget_failures();
            }
            self.commit(log, next, QueueChange::default())?;
        }
        Ok(dropped)
    }

    /// Drops the oldest rows while a condition holds. Returns the number of their
    /// notifications. The rows are removed by the next commit.
    fn drop_rows<S: Store>(
        &mut self,
        log: &Log<S>,
        must_drop: impl Fn(&Self, &QueueRow) -> bool,
    ) -> Result<u64, StoreError> {
        let mut dropped = 0_u64;
        loop {
            let rows = log.store().queue_rows(self.meta.done, ROW_BYTES)?;
            for (row, _) in &rows {
                if !must_drop(self, row) {
                    return Ok(dropped);
                }
                let count = row.last.saturating_sub(self.meta.done);
                dropped = dropped.saturating_add(count);
                self.meta.dropped = self.meta.dropped.saturating_add(count);
                self.meta.done = row.last;
                self.start_offset = row.end_offset;
            }
            if rows.is_empty() {
                return Ok(dropped);
            }
        }
    }

    /// Stores the next state of the queue, and removes the rows that are done.
    /// If this fails, the queue does not change.
    fn commit<S: Store>(
        &mut self,
        log: &mut Log<S>,
        next: Self,
        change: QueueChange,
    ) -> Result<(), StoreError> {
        let is_new = next.meta != self.meta || !self.is_stored;
        let meta = is_new.then_some(&next.meta);
        let remove_to = (next.meta.done > self.meta.done).then_some(next.meta.done);
        log.store_mut().write_queue(QueueChange { meta, remove_to, ..change })?;
        *self = Self { exists: true, is_stored: true, ..next };
        Ok(())
    }
}
