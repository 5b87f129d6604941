//! The room's log: which events there are, which of them can still be read,
//! and what the state is. It owns order, retention and "an id counts once";
//! it refuses to know who is connected.
//!
//! The log is a ring of appends. Appends are numbered 0, 1, 2 …, an append's
//! slot is its number modulo the capacity, and seq and time grow with the
//! number: so the retained appends are a sorted array, and everything about a
//! position is found by bisection. A wake reads a handful of rows, however
//! many are retained.

mod bisect;
mod ids;
mod keys;
mod text;

use std::collections::BTreeMap;

use crate::code::Refusal;
use crate::limits;
use crate::protocol::{Epoch, EventId, NewEvent, Position, Seq, User};
use crate::settings::Settings;
use crate::store::{Append, Birth, Store, StoreError};
use crate::time::Millis;
use bisect::first_where;
use ids::{Ids, Place};
use keys::Keys;
pub use text::{Budget, Slice};

/// A row holds an append, and a row is at most 2 MB
/// (<https://developers.cloudflare.com/durable-objects/platform/limits/>).
const APPEND_BYTES: usize = 1_990_000;

pub struct Log<S> {
    store: S,
    birth: Birth,
    settings: Settings,
    head: Option<Append>,
    /// Read from the log when the first event with an id comes.
    ids: Option<Ids>,
    /// Read from the state when the first event with a key comes.
    keys: Option<Keys>,
}

/// Why an append did not happen. Nothing changed.
#[derive(Debug)]
pub enum AppendError {
    Refused(Refusal),
    Store(StoreError),
}

impl From<StoreError> for AppendError {
    fn from(cause: StoreError) -> Self {
        Self::Store(cause)
    }
}

/// What a publish came to.
#[derive(Debug)]
pub struct Appended {
    /// A seq for each event, in order; a repeat has that of the first.
    pub seqs: Vec<Seq>,
    /// What is new, to be broadcast; `None` where all were repeats.
    pub fresh: Option<Slice>,
}

/// What a reader gets who was at a position.
#[derive(Debug, PartialEq, Eq)]
pub enum Replay {
    /// The next events, or none for a reader at the head.
    Events(Slice),
    /// The position can't be resumed from.
    Lost,
}

impl<S: Store> Log<S> {
    /// Opens what is stored, or begins a log whose epoch is made of `random`.
    /// `true` says that the room's row was written: it is new, or its settings
    /// changed.
    pub fn open(
        mut store: S,
        settings: Settings,
        now: Millis,
        random: u64,
    ) -> Result<(Self, bool), StoreError> {
        let wanted = |epoch, at| Birth {
            epoch,
            at,
            capacity: settings.retained_appends,
            retained_ms: settings.retained_ms,
        };
        let stored = store.birth()?;
        let birth = match stored {
            None => wanted(Epoch::from_random(random), now),
            Some(birth) => wanted(birth.epoch, birth.at),
        };
        let mut head = None;
        match stored {
            None => store.create(&birth)?,
            Some(stored) => {
                head = newest(&store, stored.capacity)?;
                if stored != birth {
                    let keep = head.map_or(0, |head| {
                        head.number.saturating_add(1).saturating_sub(birth.capacity)
                    });
                    let held = head.map_or(0, |head| {
                        head.number.saturating_add(1).saturating_sub(stored.capacity)
                    });
                    store.resize(&birth, keep.max(held))?;
                    head = newest(&store, birth.capacity)?;
                }
            }
        }
        let written = stored != Some(birth);
        Ok((Self { store, birth, settings, head, ids: None, keys: None }, written))
    }

    pub fn epoch(&self) -> Epoch {
        self.birth.epoch
    }

    /// The newest event's seq.
    pub fn head(&self) -> Seq {
        self.head.map_or(Seq::ZERO, |head| head.last)
    }

    /// When something last became durable here.
    pub fn last_write(&self) -> Millis {
        self.head.map_or(self.birth.at, |head| head.at)
    }

    /// The oldest seq that can be read; `head` + 1 if there is none.
    pub fn oldest(&self, now: Millis) -> Result<Seq, StoreError> {
        Ok(match self.oldest_append(now)? {
            Some(append) => append.first,
            None => self.head().plus(1),
        })
    }

    /// Bytes of the events that can be read, and of the state.
    pub fn bytes(&mut self, now: Millis) -> Result<u64, StoreError> {
        let events = match (self.head, self.oldest_append(now)?) {
            (Some(head), Some(oldest)) => head.ends.saturating_sub(oldest.starts),
            _ => 0,
        };
        Ok(events.saturating_add(self.keys()?.bytes()))
    }

    /// Rows written since the log was opened, as the platform bills them.
    pub fn rows_written(&self) -> u64 {
        self.store.rows_written()
    }

    /// Gives the events their seqs and makes them durable, all or none. An
    /// event whose id is retained is a repeat: it is not appended again.
    pub fn append(
        &mut self,
        events: &[NewEvent],
        from: &User,
        now: Millis,
    ) -> Result<Appended, AppendError> {
        let Numbered { seqs, fresh } = self.number(events, now)?;
        let Some((last, _)) = fresh.last() else { return Ok(Appended { seqs, fresh: None }) };

        // `at` never goes back, so that retention by age can bisect.
        let at = now.max(self.last_write());
        let texts: Vec<String> =
            fresh.iter().map(|(seq, event)| event.text(*seq, at, from)).collect();
        let slice = Slice { prev: self.head(), last: *last, events: texts.join(",") };
        if slice.events.len() > APPEND_BYTES {
            return Err(AppendError::Refused(Refusal::too_large(format!(
                "the events are {} bytes as stored; one publish may be {APPEND_BYTES}: publish them in two",
                slice.events.len()
            ))));
        }
        let changes = if fresh.iter().any(|(_, event)| event.key.is_some()) {
            let settings = self.settings;
            let keys = self.keys()?;
            let changes = keys.changes(&fresh, &texts);
            keys.check(&changes, &settings).map_err(AppendError::Refused)?;
            changes
        } else {
            Vec::new()
        };

        let append = self.next_append(&slice, at)?;
        let emptied = self.emptied_by(&append);
        self.store.append(self.slot(append.number), &append, &slice.events, &changes, &emptied)?;

        // Durable: from here on nothing may fail.
        self.head = Some(append);
        if let Some(keys) = &mut self.keys {
            keys.apply(&changes);
        }
        let lowest = self.lowest();
        if let Some(ids) = &mut self.ids {
            let identified =
                fresh.iter().filter_map(|(seq, event)| Some((seq, event.id.as_ref()?)));
            identified.for_each(|(seq, id)| {
                ids.insert(id.as_str(), Place { seq: *seq, append: append.number })
            });
            ids.forget_below(lowest);
        }
        Ok(Appended { seqs, fresh: Some(slice) })
    }
}

/// Reading.
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

    /// About how many bytes of events there are after one seq up to another:
    /// no fewer than there are, and more by one append at each end at the most.
    pub fn bytes_between(&self, after: Seq, to: Seq) -> Result<u64, StoreError> {
        let Some(head) = self.head else { return Ok(0) };
        let after = self.at(self.with(after.plus(1), head.number)?)?;
        let to = self.at(self.with(to, head.number)?)?;
        Ok(to.ends.saturating_sub(after.starts))
    }

    /// The append that holds a seq, or the oldest there is.
    fn with(&self, seq: Seq, newest: u64) -> Result<u64, StoreError> {
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

/// The ring.
impl<S: Store> Log<S> {
    fn slot(&self, number: u64) -> u64 {
        number.checked_rem(self.birth.capacity).unwrap_or_default()
    }

    /// The slots of `number` and those behind it, up to `last` or to where the
    /// ring begins anew.
    fn slots_from(&self, number: u64, last: u64) -> std::ops::RangeInclusive<u64> {
        let slot = self.slot(number);
        let end = slot.saturating_add(last.saturating_sub(number));
        slot..=end.min(self.birth.capacity.saturating_sub(1))
    }

    fn at(&self, number: u64) -> Result<Append, StoreError> {
        let append = self.store.append_in(self.slot(number))?;
        append.filter(|append| append.number == number).ok_or_else(|| damaged(number))
    }

    /// The appends from `number` on with their events, one at the least, each
    /// as it was written.
    fn stored(
        &self,
        number: u64,
        last: u64,
        bytes: usize,
    ) -> Result<Vec<(Append, String)>, StoreError> {
        let appends = self.store.read(self.slots_from(number, last), bytes)?;
        let is_whole = |(number, (append, events)): (u64, &(Append, String))| {
            append.number == number
                && append.ends.checked_sub(append.starts) == Some(events.len() as u64)
        };
        if appends.is_empty() || !(number..).zip(&appends).all(is_whole) {
            return Err(damaged(number));
        }
        Ok(appends)
    }

    /// The oldest append that is whole, whatever its age.
    fn lowest(&self) -> u64 {
        self.head.map_or(0, |head| head.floor.max(oldest_in_ring(head.number, self.birth.capacity)))
    }

    fn oldest_append(&self, now: Millis) -> Result<Option<Append>, StoreError> {
        let Some(head) = self.head else { return Ok(None) };
        let oldest_at = now.minus(self.settings.retained_ms);
        if head.at < oldest_at {
            return Ok(None);
        }
        let number =
            first_where(self.lowest(), head.number, |number| Ok(self.at(number)?.at >= oldest_at))?;
        self.at(number).map(Some)
    }

    /// The append that comes next, with its running totals.
    fn next_append(&self, slice: &Slice, at: Millis) -> Result<Append, StoreError> {
        let number = self.head.map_or(0, |head| head.number.saturating_add(1));
        let starts = self.head.map_or(0, |head| head.ends);
        let ends = starts.saturating_add(slice.events.len() as u64);
        let (first, last) = (slice.prev.plus(1), slice.last);
        let mut next =
            Append { number, first, last, at, starts, ends, floor: number, floor_starts: starts };
        let Some(head) = self.head else { return Ok(next) };

        let fits = |starts: u64| ends.saturating_sub(starts) <= self.settings.retained_bytes;
        if fits(head.floor_starts) {
            (next.floor, next.floor_starts) = (head.floor, head.floor_starts);
            return Ok(next);
        }
        let lowest = head.floor.max(oldest_in_ring(number, self.birth.capacity));
        let floor = first_where(lowest, number, |number| Ok(fits(self.at(number)?.starts)))?;
        if floor < number {
            (next.floor, next.floor_starts) = (floor, self.at(floor)?.starts);
        }
        Ok(next)
    }

    /// The slots whose events an append pushes out of retention by bytes. To
    /// give their space back costs a row more; it happens only where appends
    /// are larger, on average, than the bytes for each slot.
    fn emptied_by(&self, next: &Append) -> Vec<u64> {
        let Some(head) = self.head else { return Vec::new() };
        let from = head.floor.max(oldest_in_ring(next.number, self.birth.capacity));
        (from..next.floor).map(|number| self.slot(number)).collect()
    }
}

/// Ids and keys.
impl<S: Store> Log<S> {
    /// A seq for each event: the next one, or that of the event it repeats.
    fn number<'e, 'a>(
        &mut self,
        events: &'e [NewEvent<'a>],
        now: Millis,
    ) -> Result<Numbered<'e, 'a>, AppendError> {
        let mut numbered = Numbered { seqs: Vec::with_capacity(events.len()), fresh: Vec::new() };
        let mut ids_here: BTreeMap<&str, Seq> = BTreeMap::new();
        let mut next = self.head();
        for event in events {
            let id = event.id.as_ref().map(EventId::as_str);
            let first = match id {
                Some(id) => ids_here.get(id).copied().or(self.seq_of(id, now)?),
                None => None,
            };
            if let Some(seq) = first {
                numbered.seqs.push(seq);
                continue;
            }
            next = next.next().ok_or_else(|| StoreError("the room has used up its seqs".into()))?;
            numbered.seqs.push(next);
            numbered.fresh.push((next, event));
            id.and_then(|id| ids_here.insert(id, next));
        }
        Ok(numbered)
    }

    /// The seq of the retained event with this id.
    fn seq_of(&mut self, id: &str, now: Millis) -> Result<Option<Seq>, StoreError> {
        let Some(place) = self.ids()?.get(id) else { return Ok(None) };
        let retained = place.append >= self.lowest()
            && self.at(place.append)?.at >= now.minus(self.settings.retained_ms);
        Ok(retained.then_some(place.seq))
    }

    fn ids(&mut self) -> Result<&mut Ids, StoreError> {
        if self.ids.is_none() {
            self.ids = Some(self.stored_ids()?);
        }
        Ok(self.ids.get_or_insert_default())
    }

    fn stored_ids(&self) -> Result<Ids, StoreError> {
        let mut ids = Ids::default();
        let Some(head) = self.head else { return Ok(ids) };
        let mut number = self.lowest();
        while number <= head.number {
            for (append, events) in self.stored(number, head.number, limits::MIB)? {
                ids.insert_stored(append.number, append.first, &events)
                    .ok_or_else(|| damaged(number))?;
                number = number.saturating_add(1);
            }
        }
        Ok(ids)
    }

    fn keys(&mut self) -> Result<&Keys, StoreError> {
        if self.keys.is_none() {
            self.keys = Some(Keys::new(self.store.state_sizes()?));
        }
        Ok(self.keys.get_or_insert_default())
    }
}

/// The events of a publish, numbered.
struct Numbered<'e, 'a> {
    seqs: Vec<Seq>,
    fresh: Vec<(Seq, &'e NewEvent<'a>)>,
}

fn oldest_in_ring(newest: u64, capacity: u64) -> u64 {
    newest.saturating_add(1).saturating_sub(capacity)
}

fn damaged(number: u64) -> StoreError {
    StoreError(format!("append {number} is not as it was written"))
}

/// The newest append of a ring. Numbers grow by one from slot 0 up to it, and
/// behind it stand older ones, or none.
fn newest(store: &impl Store, capacity: u64) -> Result<Option<Append>, StoreError> {
    let Some(first) = store.append_in(0)? else {
        return if store.append_in(1)?.is_none() { Ok(None) } else { Err(damaged(0)) };
    };
    let past = first_where(1, capacity, |slot| {
        let follows = first.number.saturating_add(slot);
        Ok(store.append_in(slot)?.is_none_or(|append| append.number != follows))
    })?;
    // A row that is missing or damaged in the middle of the ring would pass
    // for its end, and seqs would be given twice: so look behind it.
    for slot in [past, past.saturating_add(1)].into_iter().filter(|slot| *slot < capacity) {
        let older = first.number.saturating_add(slot).checked_sub(capacity);
        if store.append_in(slot)?.map(|append| append.number) != older {
            return Err(damaged(first.number.saturating_add(slot)));
        }
    }
    store.append_in(past.saturating_sub(1))
}
