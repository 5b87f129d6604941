//! Reading of the log, and computation of the byte offsets of events. A reader
//! begins at a position or at a number of events before the head. A reader can
//! also read backwards from a position.

use std::rc::Rc;

use super::bisect::first_where;
use super::text::{Budget, EventRange, Extended, split_events};
use super::{Log, Replay};
use crate::protocol::{Begin, Position, Seq};
use crate::store::{Append, Store, StoreError};
use crate::time::Millis;

impl<S: Store> Log<S> {
    /// Returns the seq after which a reader begins; `None` if the reader can't
    /// resume from its position.
    pub fn find(&self, begin: Begin, now: Millis) -> Result<Option<Seq>, StoreError> {
        let if_retained = |seq| Ok::<_, StoreError>(self.append_after(seq, now)?.map(|_| seq));
        match begin {
            Begin::Head => Ok(Some(self.head())),
            Begin::Last(count) => match if_retained(self.head().minus(count))? {
                // Fewer than `count` events are retained, so the reader begins
                // with the oldest event.
                None => Ok(Some(self.oldest(now)?.minus(1))),
                found => Ok(found),
            },
            Begin::Since(Position { epoch, .. }) if epoch != self.epoch() => Ok(None),
            Begin::Since(Position { seq, .. }) => if_retained(seq),
        }
    }

    /// Returns as many events after a seq of this log as the budget allows. If
    /// there are events, returns at least one event. The first event may exceed
    /// the budget.
    pub fn read(&mut self, after: Seq, budget: Budget, now: Millis) -> Result<Replay, StoreError> {
        let Some(mut number) = self.append_after(after, now)? else { return Ok(Replay::Lost) };
        let mut range = EventRange::at(after, 0);
        while let Some(head) = self.head.filter(|head| number <= head.number) {
            for (append, events) in self.read_some(number, head.number, budget.bytes)? {
                match range.extend(&append, &events, budget) {
                    Extended::Complete => {}
                    Extended::Full => return Ok(Replay::Events(range)),
                    Extended::Damaged => return Err(StoreError::damaged(number)),
                }
                number = number.saturating_add(1);
            }
        }
        Ok(Replay::Events(range))
    }

    /// Returns the newest events up to a position, as many as the budget allows.
    /// If any of these events is retained, returns at least one event. The last
    /// event may exceed the budget. Returns no events if all are too old.
    pub fn read_before(
        &mut self,
        position: Position,
        budget: Budget,
        now: Millis,
    ) -> Result<Replay, StoreError> {
        let last = position.seq;
        if position.epoch != self.epoch() || last > self.head() {
            return Ok(Replay::Lost);
        }
        let oldest = self.oldest(now)?;
        if oldest > last {
            return Ok(Replay::Events(EventRange::at(last, 0)));
        }
        let first = oldest.max(last.minus(budget.events).plus(1));
        let after = self.first_within(first, last, budget)?.minus(1);
        let events = last.get().saturating_sub(after.get());
        self.read(after, Budget { events, ..budget }, now)
    }

    /// Returns the first seq from which the events up to `last` are within the
    /// bytes of a budget. The result is at least `first` and at most `last`.
    fn first_within(&mut self, first: Seq, last: Seq, budget: Budget) -> Result<Seq, StoreError> {
        // The offsets of the log don't count the commas between appends. There
        // is at most one such comma for each event.
        let bytes = (budget.bytes as u64).saturating_sub(budget.events);
        let end_offset = self.end_offset_at(last)?;
        let fits = |start_offset| end_offset.saturating_sub(start_offset) <= bytes;

        let newest = self.head.map_or(0, |head| head.number);
        let newest = self.append_containing(last, newest)?;
        let oldest = self.append_containing(first, newest)?;
        let number =
            first_where(oldest, newest, |number| Ok(fits(self.append_at(number)?.end_offset)))?;
        let append = self.append_at(number)?;
        if fits(append.start_offset) {
            return Ok(first.max(append.first));
        }
        let end_offsets = self.event_end_offsets(&append)?;
        let too_old = end_offsets.partition_point(|end_offset| !fits(*end_offset)) as u64;
        Ok(append.first.plus(too_old.saturating_add(1)).max(first).min(last))
    }

    /// Returns one or more consecutive appends, beginning with the append
    /// `number`. Cached appends are returned from memory.
    fn read_some(
        &mut self,
        number: u64,
        newest: u64,
        bytes: usize,
    ) -> Result<Vec<(Append, Rc<str>)>, StoreError> {
        let recent = self.recent.read(number, bytes);
        if !recent.is_empty() {
            return Ok(recent);
        }
        let stored = self.stored(number, newest, bytes)?;
        self.recent.cache(&stored, newest);
        Ok(stored)
    }

    /// Returns the number of the append that contains the event after a seq.
    /// Returns `None` if a reader can't resume from this seq.
    fn append_after(&self, after: Seq, now: Millis) -> Result<Option<u64>, StoreError> {
        let Some(head) = self.head.filter(|head| after < head.last) else {
            let next = self.head.map_or(0, |head| head.number.saturating_add(1));
            return Ok((after == self.head()).then_some(next));
        };
        let number = self.append_containing(after.plus(1), head.number)?;
        let append = self.append_at(number)?;
        let is_retained =
            append.first <= after.plus(1) && append.at >= now.minus(self.settings.retained_ms);
        Ok(is_retained.then_some(number))
    }

    /// Returns the end offset of the event with this seq: the total bytes of
    /// all events up to the seq. If the seq is before the oldest stored append,
    /// returns the start offset of that append.
    pub fn end_offset_at(&mut self, seq: Seq) -> Result<u64, StoreError> {
        let Some(head) = self.head else { return Ok(0) };
        let append = self.append_at(self.append_containing(seq, head.number)?)?;
        if seq < append.first {
            return Ok(append.start_offset);
        }
        if seq == append.last {
            return Ok(append.end_offset);
        }
        let index = usize::try_from(seq.get().saturating_sub(append.first.get()));
        let end_offset = self.event_end_offsets(&append)?.get(index.unwrap_or(usize::MAX)).copied();
        end_offset.ok_or_else(|| StoreError::damaged(append.number))
    }

    /// Returns the end offset of each event of an append. Readers usually
    /// advance event by event, so the offsets of the append that was last
    /// looked up are cached.
    fn event_end_offsets(&mut self, append: &Append) -> Result<&[u64], StoreError> {
        if self.event_end_offsets.as_ref().is_none_or(|(number, _)| *number != append.number) {
            let mut end_offset = Vec::new();
            for (_, events) in self.stored(append.number, append.number, 0)? {
                let mut start_offset = append.start_offset;
                for event in split_events(&events) {
                    let end = start_offset.saturating_add(event.map_or(0, str::len) as u64);
                    end_offset.push(end);
                    start_offset = end.saturating_add(1);
                }
            }
            self.event_end_offsets = Some((append.number, end_offset));
        }
        Ok(self.event_end_offsets.as_ref().map_or(&[], |(_, end_offset)| end_offset))
    }

    /// Returns the number of the append that contains a seq. If the seq is
    /// before the oldest complete append, returns the number of that append.
    pub(super) fn append_containing(&self, seq: Seq, newest: u64) -> Result<u64, StoreError> {
        let recent = self.recent.oldest().filter(|oldest| oldest.first <= seq);
        let from = recent.map_or(0, |oldest| oldest.number).max(self.lowest());
        first_where(from, newest, |number| Ok(self.append_at(number)?.last >= seq))
    }

    /// Returns the latest events of all keys, joined by commas. The text is
    /// empty if the state has no keys.
    pub fn state(&self) -> Result<String, StoreError> {
        self.store.state()
    }

    /// Deletes everything that is stored. The log must not be used afterwards.
    pub fn erase(&mut self) -> Result<(), StoreError> {
        self.store.erase()
    }
}
