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
mod number;
mod read;
mod recent;
mod ring;
mod text;

use crate::code::Refusal;
use crate::protocol::{Epoch, NewEvent, Seq, User};
use crate::settings::Settings;
use crate::store::{Append, LogMeta, Row, Store, StoreError};
use crate::time::Millis;
use ids::Ids;
use keys::StateKeys;
use number::Numbered;
use recent::Recent;
use ring::{Rows, newest, oldest_in_ring};
pub use text::{Budget, EventRange};

/// A row holds an append, and a row is at most 2 MB
/// (<https://developers.cloudflare.com/durable-objects/platform/limits/>).
const APPEND_BYTES: usize = 1_990_000;

pub struct Log<S> {
    store: S,
    meta: LogMeta,
    settings: Settings,
    head: Option<Append>,
    recent: Recent,
    /// Of the append that was asked for last: its number, and where each of its
    /// events ends.
    event_end_offsets: Option<(u64, Vec<u64>)>,
    ids: Ids,
    /// Read from the state when the first event with a key comes.
    keys: Option<StateKeys>,
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
    pub fresh: Option<EventRange>,
}

/// What a reader gets who was at a position.
#[derive(Debug, PartialEq, Eq)]
pub enum Replay {
    /// The next events, or none for a reader at the head.
    Events(EventRange),
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

    /// The newest event's seq.
    pub fn head(&self) -> Seq {
        self.head.map_or(Seq::ZERO, |head| head.last)
    }

    /// Bytes of all events up to the head, retained or not.
    pub fn end_offset(&self) -> u64 {
        self.head.map_or(0, |head| head.end_offset)
    }

    /// When something last became durable here.
    pub fn last_write(&self) -> Millis {
        self.head.map_or(self.meta.at, |head| head.at)
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
            (Some(head), Some(oldest)) => head.end_offset.saturating_sub(oldest.start_offset),
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
        let Numbered { seqs, fresh, ids } = self.number(events, from, now)?;
        let Some((last, _)) = fresh.last() else { return Ok(Appended { seqs, fresh: None }) };

        // `at` never goes back, so that retention by age can bisect.
        let at = now.max(self.last_write());
        let texts: Vec<String> =
            fresh.iter().map(|(seq, event)| event.text(*seq, at, from)).collect();
        let (start_offset, events) = (self.end_offset(), texts.join(","));
        let end_offset = start_offset.saturating_add(events.len() as u64);
        let range = EventRange { prev: self.head(), last: *last, start_offset, end_offset, events };
        let append = self.next_append(&range, at)?;
        let index = self.write_index(&append, ids)?;
        let bytes = range.events.len().saturating_add(index.bytes.len());
        if bytes > APPEND_BYTES {
            return Err(AppendError::Refused(Refusal::too_large(format!(
                "the events are {bytes} bytes as stored; one publish may be {APPEND_BYTES}: publish them in two",
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

        let emptied = self.emptied_by(&append);
        let row = Row { append: &append, events: &range.events, index: &index.bytes };
        self.store.append(self.slot(append.number), row, &changes, &emptied)?;

        // Durable: from here on nothing may fail.
        self.head = Some(append);
        self.recent.push(append, &range.events);
        if let Some(keys) = &mut self.keys {
            keys.apply(&changes);
        }
        self.ids.commit(index);
        Ok(Appended { seqs, fresh: Some(range) })
    }

    fn keys(&mut self) -> Result<&StateKeys, StoreError> {
        if self.keys.is_none() {
            self.keys = Some(StateKeys::new(self.store.state_sizes()?));
        }
        Ok(self.keys.get_or_insert_default())
    }
}
