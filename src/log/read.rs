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
        let mut slice = Slice::at(after);
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

    /// What there is after one seq up to another, in about `count` runs of whole
    /// appends: the seq each goes up to, and its bytes. `None` where the log
    /// does not reach back that far.
    pub fn runs_between(
        &self,
        after: Seq,
        to: Seq,
        count: u64,
    ) -> Result<Option<Vec<(Seq, u64)>>, StoreError> {
        let Some(head) = self.head else { return Ok(None) };
        if after.plus(1) < self.at(self.lowest())?.first {
            return Ok(None);
        }
        let mut number = self.with(after.plus(1), head.number)?;
        let newest = self.with(to, head.number)?;
        let appends = newest.saturating_sub(number).saturating_add(1);
        let further = appends.checked_div(count).unwrap_or_default();
        let mut starts = self.at(number)?.starts;
        let mut runs = Vec::new();
        while number <= newest {
            let append = self.at(number.saturating_add(further).min(newest))?;
            runs.push((append.last.min(to), append.ends.saturating_sub(starts)));
            starts = append.ends;
            number = append.number.saturating_add(1);
        }
        Ok(Some(runs))
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
