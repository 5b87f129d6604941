//! The room's log: the events, their retention, and the state. This module
//! implements order, retention and deduplication by id. The log does not depend
//! on sessions.
//!
//! The log is a ring of appends. Appends are numbered 0, 1, 2 …; the slot of an
//! append is its number modulo the ring's capacity. A newer append has a larger
//! number, larger seqs, and the same or a later time. So the retained appends
//! are a sorted array, and every position is found by bisection. Therefore
//! loading a log reads few rows: 13 if 1,000 appends are retained, and 22 if
//! 100,000 appends are retained.

mod bisect;
mod ids;
mod keys;
mod number;
mod read;
mod recent;
mod ring;
mod text;
mod transfer;

use crate::code::Refusal;
use crate::protocol::{Epoch, NewEvent, Seq, User};
use crate::settings::Settings;
use crate::store::{Append, LogMeta, Row, Store, StoreError};
use crate::time::Millis;
use ids::{Hash, Ids};
use keys::StateKeys;
use number::Numbered;
use recent::Recent;
use ring::{Rows, newest, oldest_in_ring};
pub use text::{Budget, EventRange};

/// The maximum size in bytes of one append. An append is stored as one row, and
/// a row may have at most 2 MB
/// (<https://developers.cloudflare.com/durable-objects/platform/limits/>).
const APPEND_BYTES: usize = 1_990_000;

pub struct Log<S> {
    store: S,
    meta: LogMeta,
    settings: Settings,
    head: Option<Append>,
    recent: Recent,
    /// A cache for [`Log::end_offset_at`]: the number of the append that was
    /// last looked up, and the end offset of each event in this append.
    event_end_offsets: Option<(u64, Vec<u64>)>,
    ids: Ids,
    /// The keys of the state, loaded from the store when they are first needed.
    keys: Option<StateKeys>,
}

/// The reason why an append failed. A failed append does not change the log.
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

/// The result of a publish.
#[derive(Debug)]
pub struct Appended {
    /// The seq of each event, in the order of the publish. An event that
    /// repeats an id has the seq of the first event with this id.
    pub seqs: Vec<Seq>,
    /// The new events, which must be broadcast; `None` if all events were
    /// repeats.
    pub fresh: Option<EventRange>,
}

/// The result of reading the events after a position.
#[derive(Debug, PartialEq, Eq)]
pub enum Replay {
    /// The events after the position. The range is empty if the position is the
    /// head.
    Events(EventRange),
    /// A reader can't resume from the position.
    Lost,
}

impl<S: Store> Log<S> {
    /// Opens the stored log. If no log is stored, creates a log whose epoch is
    /// computed from `random`. The returned `bool` is true if the room is new
    /// or its settings changed. In both cases, the row about the room was
    /// written.
    pub fn open(
        mut store: S,
        settings: Settings,
        now: Millis,
        random: u64,
    ) -> Result<(Self, bool), StoreError> {
        let stored = store.meta()?;
        let (epoch, at) = match stored {
            None => (Epoch::from_random(random), now),
            Some(stored) => (stored.epoch, stored.at),
        };
        let Settings { retained_appends: capacity, retained_ms, .. } = settings;
        let meta = LogMeta { epoch, at, capacity, retained_ms };
        let mut head = None;
        match stored {
            None => store.create(&meta)?,
            Some(stored) => {
                head = newest(&store, stored.capacity)?;
                if stored != meta {
                    let smaller = capacity.min(stored.capacity);
                    let keep_from = head.map_or(0, |head| oldest_in_ring(head.number, smaller));
                    store.resize(&meta, keep_from)?;
                    head = newest(&store, meta.capacity)?;
                }
            }
        }
        let written = stored != Some(meta);
        let recent = Recent::default();
        let rows = Rows { store: &store, capacity };
        let ids = Ids::open(head, &|pieces, bytes| rows.index(pieces, bytes))?;
        let log =
            Self { store, meta, settings, head, recent, event_end_offsets: None, ids, keys: None };
        Ok((log, written))
    }

    pub fn epoch(&self) -> Epoch {
        self.meta.epoch
    }

    /// Returns the seq of the newest event.
    pub fn head(&self) -> Seq {
        self.head.map_or(Seq::ZERO, |head| head.last)
    }

    /// Returns the end offset of the log. The end offset is the total bytes of
    /// all events up to the head, including events that are no longer retained.
    pub fn end_offset(&self) -> u64 {
        self.head.map_or(0, |head| head.end_offset)
    }

    /// Returns the time of the newest append. If there is no append, returns
    /// the time at which the room was created.
    pub fn last_write(&self) -> Millis {
        self.head.map_or(self.meta.at, |head| head.at)
    }

    /// Returns the seq of the oldest retained event; `head` + 1 if no event is
    /// retained.
    pub fn oldest(&self, now: Millis) -> Result<Seq, StoreError> {
        self.oldest_since(now.minus(self.settings.retained_ms))
    }

    /// Returns the seq of the oldest stored event of this time or later; `head`
    /// + 1 if there is no such event.
    pub fn oldest_since(&self, at: Millis) -> Result<Seq, StoreError> {
        Ok(self.oldest_append_since(at)?.map_or(self.head().plus(1), |append| append.first))
    }

    /// Returns the total bytes of the retained events and of the state.
    pub fn bytes(&mut self, now: Millis) -> Result<u64, StoreError> {
        let events = match (self.head, self.oldest_append(now)?) {
            (Some(head), Some(oldest)) => head.end_offset.saturating_sub(oldest.start_offset),
            _ => 0,
        };
        Ok(events.saturating_add(self.keys()?.bytes()))
    }

    /// Returns the room's storage, for the data besides the log.
    pub fn store(&self) -> &S {
        &self.store
    }

    pub fn store_mut(&mut self) -> &mut S {
        &mut self.store
    }

    /// Returns the number of rows that the platform bills for the writes since
    /// the log was opened.
    pub fn rows_written(&self) -> u64 {
        self.store.rows_written()
    }

    /// Assigns seqs to the events, and stores either all of the events or none.
    /// An event with the id of a retained event is a repeat and is not
    /// appended. Fails if the append would exceed the maximum size of a row, if
    /// the state would exceed its limits, or if the storage fails.
    pub fn append(
        &mut self,
        events: &[NewEvent],
        from: &User,
        now: Millis,
    ) -> Result<Appended, AppendError> {
        let Numbered { seqs, fresh, ids } = self.number(events, from, now)?;
        let Some((last, _)) = fresh.last() else { return Ok(Appended { seqs, fresh: None }) };

        // `at` must never decrease from one append to the next, because
        // retention by age bisects the appends by their times. For example, if
        // the clock goes back by 5 s, the next append has the same time as the
        // previous append.
        let at = now.max(self.last_write());
        let texts: Vec<String> =
            fresh.iter().map(|(seq, event)| event.text(*seq, at, from)).collect();
        let range = EventRange::of(self.head(), *last, self.end_offset(), texts.join(","));
        let range = self.store_events(range, at, &fresh, &texts, ids)?;
        Ok(Appended { seqs, fresh: Some(range) })
    }

    /// Stores the events of one append, which are in `fresh`, with their texts
    /// and ids.
    fn store_events(
        &mut self,
        range: EventRange,
        at: Millis,
        fresh: &[(Seq, &NewEvent)],
        texts: &[String],
        ids: Vec<(Hash, u16)>,
    ) -> Result<EventRange, AppendError> {
        let append = self.next_append(&range, at)?;
        let index = self.write_index(&append, ids)?;
        let bytes = range.events.len().saturating_add(index.bytes.len());
        if bytes > APPEND_BYTES {
            return Err(AppendError::Refused(Refusal::too_large(format!(
                "the events are {bytes} bytes as stored; one publish may store at most {APPEND_BYTES} bytes: split it into two",
            ))));
        }
        let changes = if fresh.iter().any(|(_, event)| event.key.is_some()) {
            let settings = self.settings;
            let keys = self.keys()?;
            let changes = keys.changes(fresh, texts);
            keys.check(&changes, &settings).map_err(AppendError::Refused)?;
            changes
        } else {
            Vec::new()
        };

        let cleared_slots = self.slots_to_clear(&append);
        let row = Row { append: &append, events: &range.events, index: &index.bytes };
        self.store.append(self.slot(append.number), row, &changes, &cleared_slots)?;

        // The events are durable now, so no later step may fail.
        self.head = Some(append);
        self.recent.push(append, &range.events);
        if let Some(keys) = &mut self.keys {
            keys.apply(&changes);
        }
        self.ids.commit(index);
        Ok(range)
    }

    fn keys(&mut self) -> Result<&StateKeys, StoreError> {
        if self.keys.is_none() {
            self.keys = Some(StateKeys::new(self.store.state_sizes()?));
        }
        Ok(self.keys.get_or_insert_default())
    }
}
