//! Reading the log: from a position, from so many events back, and how much
//! there is.

use super::bisect::first_where;
use super::ring::damaged;
use super::text::{Budget, Slice};
use super::{Log, Replay};
use crate::protocol::{Position, Seq};
use crate::store::{Store, StoreError};
use crate::time::Millis;

impl<S: Store> Log<S> {
    /// Whether a reader at `position` can go on from there.
    pub fn holds(&self, position: Position, now: Millis) -> Result<bool, StoreError> {
        let Position { epoch, seq } = position;
        Ok(epoch == self.epoch() && seq <= self.head() && seq.plus(1) >= self.oldest(now)?)
    }

    /// The seq from which a reader gets the newest `count` events, or as many
    /// of them as are retained.
    pub fn back(&self, count: u64, now: Millis) -> Result<Seq, StoreError> {
        Ok(self.head().minus(count).max(self.oldest(now)?.minus(1)))
    }

    /// The events after a seq of this log, as many as the budget takes and one
    /// at the least.
    pub fn read(&self, after: Seq, budget: Budget, now: Millis) -> Result<Replay, StoreError> {
        let mut slice = Slice::at(after, 0);
        let Some(head) = self.head.filter(|head| after != head.last) else {
            return Ok(if after == self.head() { Replay::Events(slice) } else { Replay::Lost });
        };
        if after > head.last || after.plus(1) < self.oldest(now)? {
            return Ok(Replay::Lost);
        }
        let mut number = self.with(after.plus(1), head.number)?;
        while number <= head.number {
            for (append, events) in self.stored(number, head.number, budget.bytes)? {
                if !slice.take(&append, &events, budget).ok_or_else(|| damaged(number))? {
                    return Ok(Replay::Events(slice));
                }
                number = number.saturating_add(1);
            }
        }
        Ok(Replay::Events(slice))
    }

    /// Bytes of all events up to a seq; up to the oldest there is, where that
    /// comes behind it.
    pub fn ends_at(&self, seq: Seq) -> Result<u64, StoreError> {
        let Some(head) = self.head else { return Ok(0) };
        let number = self.with(seq, head.number)?;
        let append = self.at(number)?;
        if seq < append.first {
            return Ok(append.starts);
        }
        if seq == append.last {
            return Ok(append.ends);
        }
        let mut slice = Slice::at(append.first.minus(1), append.starts);
        let events = seq.get().saturating_sub(slice.prev.get());
        for (append, stored) in self.stored(number, number, 0)? {
            let budget = Budget { events, bytes: usize::MAX };
            slice.take(&append, &stored, budget).ok_or_else(|| damaged(number))?;
        }
        Ok(slice.ends)
    }

    /// The append that holds a seq, or the oldest there is.
    pub(super) fn with(&self, seq: Seq, newest: u64) -> Result<u64, StoreError> {
        first_where(self.lowest(), newest, |number| Ok(self.at(number)?.last >= seq))
    }

    /// The latest event of every key, joined by commas; empty if there is none.
    pub fn state(&self) -> Result<String, StoreError> {
        self.store.state()
    }

    /// Leaves nothing behind. The log is of no use after it.
    pub fn erase(&mut self) -> Result<(), StoreError> {
        self.store.erase()
    }
}
