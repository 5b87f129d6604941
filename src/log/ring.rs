//! The ring of appends: the slot of an append, the newest append, and the
//! oldest complete append.

use std::ops::RangeInclusive;
use std::rc::Rc;

use super::Log;
use super::bisect::first_where;
use super::ids::Pointer;
use super::text::EventRange;
use crate::store::{Append, Store, StoreError};
use crate::time::Millis;

/// The rows of a ring, which can be read without the other fields of the log.
pub(super) struct Rows<'a, S> {
    pub store: &'a S,
    pub capacity: u64,
}

impl<S: Store> Rows<'_, S> {
    fn slot(&self, number: u64) -> u64 {
        number.checked_rem(self.capacity).unwrap_or_default()
    }

    /// Reads pieces of the index of ids. A piece has at most `bytes` bytes.
    /// Fails if the row of a piece is missing or contains another append.
    pub fn index(&self, pieces: &[Pointer], bytes: usize) -> Result<Vec<Vec<u8>>, StoreError> {
        let place = |piece: &Pointer| (self.slot(piece.append), piece.offset);
        let stored = self.store.index_in(&pieces.iter().map(place).collect::<Vec<_>>(), bytes)?;
        if let Some((piece, _)) = pieces.iter().zip(&stored).find(|(p, s)| p.append != s.0) {
            return Err(StoreError::damaged(piece.append));
        }
        match pieces.get(stored.len()) {
            None => Ok(stored.into_iter().map(|(_, bytes)| bytes).collect()),
            Some(missing) => Err(StoreError::damaged(missing.append)),
        }
    }
}

impl<S: Store> Log<S> {
    pub(super) fn slot(&self, number: u64) -> u64 {
        number.checked_rem(self.meta.capacity).unwrap_or_default()
    }

    /// Returns the slots of the appends from `number` to `last`. If the appends
    /// continue at slot 0, the range ends at the last slot of the ring.
    pub(super) fn slots_from(&self, number: u64, last: u64) -> RangeInclusive<u64> {
        let slot = self.slot(number);
        let end = slot.saturating_add(last.saturating_sub(number));
        slot..=end.min(self.meta.capacity.saturating_sub(1))
    }

    /// Returns the append with this number. Fails if the append's row is
    /// missing or contains another append.
    pub(super) fn append_at(&self, number: u64) -> Result<Append, StoreError> {
        if let Some(append) = self.recent.get(number) {
            return Ok(*append);
        }
        let append = self.store.append_in(self.slot(number))?;
        append.filter(|append| append.number == number).ok_or_else(|| StoreError::damaged(number))
    }

    /// Reads one or more consecutive appends with their events, beginning with
    /// the append `number`. Fails if an append is missing or damaged.
    pub(super) fn stored(
        &self,
        number: u64,
        last: u64,
        bytes: usize,
    ) -> Result<Vec<(Append, Rc<str>)>, StoreError> {
        let appends = self.store.read(self.slots_from(number, last), bytes)?;
        let is_whole = |(number, (append, events)): (u64, &(Append, String))| {
            append.number == number
                && append.end_offset.checked_sub(append.start_offset) == Some(events.len() as u64)
        };
        if appends.is_empty() || !(number..).zip(&appends).all(is_whole) {
            return Err(StoreError::damaged(number));
        }
        Ok(appends.into_iter().map(|(append, events)| (append, events.into())).collect())
    }

    /// Returns the number of the oldest complete append, regardless of its age.
    pub(super) fn lowest(&self) -> u64 {
        self.head.map_or(0, |head| head.floor.max(oldest_in_ring(head.number, self.meta.capacity)))
    }

    /// Returns the oldest retained append, if any append is retained. A
    /// retained append is complete and not older than `retained_ms`.
    pub(super) fn oldest_append(&self, now: Millis) -> Result<Option<Append>, StoreError> {
        self.oldest_append_since(now.minus(self.settings.retained_ms))
    }

    /// Returns the oldest complete append that is not older than `oldest_at`.
    pub(super) fn oldest_append_since(
        &self,
        oldest_at: Millis,
    ) -> Result<Option<Append>, StoreError> {
        let Some(head) = self.head else { return Ok(None) };
        if head.at < oldest_at {
            return Ok(None);
        }
        let lowest = self.append_at(self.lowest())?;
        if lowest.at >= oldest_at {
            return Ok(Some(lowest));
        }
        let number = first_where(lowest.number, head.number, |number| {
            Ok(self.append_at(number)?.at >= oldest_at)
        })?;
        self.append_at(number).map(Some)
    }

    /// Builds the next append, with its running totals.
    pub(super) fn next_append(&self, range: &EventRange, at: Millis) -> Result<Append, StoreError> {
        let number = self.head.map_or(0, |head| head.number.saturating_add(1));
        let EventRange { start_offset, end_offset, last, .. } = *range;
        let first = range.prev.plus(1);
        let mut next = Append {
            number,
            first,
            last,
            at,
            start_offset,
            end_offset,
            floor: number,
            floor_offset: start_offset,
        };
        let Some(head) = self.head else { return Ok(next) };

        let fits = |start_offset: u64| {
            end_offset.saturating_sub(start_offset) <= self.settings.retained_bytes
        };
        if fits(head.floor_offset) {
            (next.floor, next.floor_offset) = (head.floor, head.floor_offset);
            return Ok(next);
        }
        let lowest = head.floor.max(oldest_in_ring(number, self.meta.capacity));
        let floor =
            first_where(lowest, number, |number| Ok(fits(self.append_at(number)?.start_offset)))?;
        if floor < number {
            (next.floor, next.floor_offset) = (floor, self.append_at(floor)?.start_offset);
        }
        Ok(next)
    }

    /// Returns the slots that must be cleared when `next` is appended, so that
    /// the retained events stay within `retained_bytes`. Clearing a slot writes
    /// one more row. A slot is cleared only if the average append is larger
    /// than `retained_bytes / retained_appends`. For example, with 32 MiB and
    /// 1,000 appends, the average append must be larger than 33 KB.
    pub(super) fn slots_to_clear(&self, next: &Append) -> Vec<u64> {
        let Some(head) = self.head else { return Vec::new() };
        let from = head.floor.max(oldest_in_ring(next.number, self.meta.capacity));
        (from..next.floor).map(|number| self.slot(number)).collect()
    }
}

/// Returns the number of the oldest append in a ring whose newest append is
/// `newest`.
pub(super) fn oldest_in_ring(newest: u64, capacity: u64) -> u64 {
    newest.saturating_add(1).saturating_sub(capacity)
}

/// Returns the newest append of a ring. From slot 0 to the newest append, the
/// number of the append increases by one per slot. The slots after the newest
/// append contain older appends, or no appends.
pub(super) fn newest(store: &impl Store, capacity: u64) -> Result<Option<Append>, StoreError> {
    let Some(first) = store.append_in(0)? else {
        return if store.append_in(1)?.is_none() { Ok(None) } else { Err(StoreError::damaged(0)) };
    };
    let past = first_where(1, capacity, |slot| {
        let follows = first.number.saturating_add(slot);
        Ok(store.append_in(slot)?.is_none_or(|append| append.number != follows))
    })?;
    // A missing or damaged row in the middle of the ring looks like the end of
    // the log. If this row were accepted as the end of the log, the seqs of the
    // later appends would be assigned a second time. So the next two slots are
    // checked: they must contain the oldest appends, or no appends.
    for slot in [past, past.saturating_add(1)].into_iter().filter(|slot| *slot < capacity) {
        let older = first.number.saturating_add(slot).checked_sub(capacity);
        if store.append_in(slot)?.map(|append| append.number) != older {
            return Err(StoreError::damaged(first.number.saturating_add(slot)));
        }
    }
    store.append_in(past.saturating_sub(1))
}
