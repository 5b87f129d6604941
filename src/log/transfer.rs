//! Export and import of a log. Both keep the epoch, the seqs and the texts of
//! the events, so that clients can resume from an imported log.

use super::ids::stored_hashes;
use super::text::{Budget, EventRange, Extended, split_events};
use super::{AppendError, Log};
use crate::limits;
use crate::protocol::{Epoch, ExportCursor, ExportPage, NewEvent, Seq, StoredEvent};
use crate::store::{KeyChange, Store, StoreError};
use crate::time::Millis;

/// The limits of the events of one append, which are split into lines later.
const APPEND: Budget = Budget { events: u64::MAX, bytes: usize::MAX };

impl<S: Store> Log<S> {
    /// Returns a page of an export, beginning with a cursor. Returns `None` if
    /// the log no longer has the next event.
    ///
    /// The state in the export has only the events that are older than the
    /// log's first event. If another publish changes one of these keys before
    /// the next page, the new event is part of the log.
    pub fn export(
        &mut self,
        from: Option<ExportCursor>,
        now: Millis,
    ) -> Result<Option<ExportPage>, StoreError> {
        let cursor = match from {
            Some(cursor) if cursor.epoch != self.epoch() => return Ok(None),
            Some(cursor) => cursor,
            None => {
                let (epoch, first) = (self.epoch(), self.first_exported(now)?);
                ExportCursor { epoch, first, after: Seq::ZERO }
            }
        };
        let ExportCursor { first, mut after, .. } = cursor;
        let mut page = ExportPage { first, state: Vec::new(), events: Vec::new(), next: None };
        let mut bytes_left = limits::EXPORT_BYTES;
        if after.plus(1) < first {
            let is_last = self.export_state(first, &mut after, &mut bytes_left, &mut page)?;
            if !is_last {
                page.next = Some(ExportCursor { after, ..cursor });
                return Ok(Some(page));
            }
            after = first.minus(1);
        }
        if !self.export_events(&mut after, &mut bytes_left, &mut page)? {
            return Ok(None);
        }
        page.next = (after < self.head()).then_some(ExportCursor { after, ..cursor });
        Ok(Some(page))
    }

    /// Returns the seq of the oldest retained event. If no event is retained,
    /// returns the first seq of the newest append, so that the export has the
    /// head.
    fn first_exported(&self, now: Millis) -> Result<Seq, StoreError> {
        let oldest = self.oldest(now)?;
        Ok(self.head.map_or(oldest, |head| oldest.min(head.first)))
    }

    /// Adds events of the state that are before `first`, and moves `after` to
    /// the last added event. Returns whether these were the last events.
    fn export_state(
        &self,
        first: Seq,
        after: &mut Seq,
        bytes_left: &mut usize,
        page: &mut ExportPage,
    ) -> Result<bool, StoreError> {
        let state = self.store.state()?;
        for event in split_events(&state) {
            let damaged = || StoreError("the state is damaged".into());
            let event = event.ok_or_else(damaged)?;
            let seq = seq_of(event).ok_or_else(damaged)?;
            if seq <= *after {
                continue;
            }
            if seq >= first {
                break;
            }
            if *bytes_left == 0 {
                return Ok(false);
            }
            match page.state.last_mut() {
                Some(line) if line.len().saturating_add(event.len()) < Budget::FRAME.bytes => {
                    line.push(',');
                    line.push_str(event);
                }
                _ => page.state.push(event.to_owned()),
            }
            *bytes_left = bytes_left.saturating_sub(event.len());
            *after = seq;
        }
        Ok(true)
    }

    /// Adds events of the log, and moves `after` to the last added event.
    /// Returns `false` if the next event is no longer stored. The age of the
    /// events does not matter here.
    fn export_events(
        &self,
        after: &mut Seq,
        bytes_left: &mut usize,
        page: &mut ExportPage,
    ) -> Result<bool, StoreError> {
        let Some(head) = self.head.filter(|head| *after < head.last) else {
            return Ok(*after == self.head());
        };
        let mut number = self.append_containing(after.plus(1), head.number)?;
        if self.append_at(number)?.first > after.plus(1) {
            return Ok(false);
        }
        while number <= head.number && *bytes_left > 0 {
            for (append, events) in self.stored(number, head.number, *bytes_left)? {
                let mut range = EventRange::at(*after, 0);
                if range.extend(&append, &events, APPEND) != Extended::Complete {
                    return Err(StoreError::damaged(number));
                }
                for line in range.frames() {
                    if *bytes_left == 0 {
                        return Ok(true);
                    }
                    *bytes_left = bytes_left.saturating_sub(line.events.len());
                    *after = line.last;
                    page.events.push(line.events);
                }
                number = number.saturating_add(1);
            }
        }
        Ok(true)
    }

    /// Returns whether the log has never had an event.
    pub fn is_empty(&self) -> bool {
        self.head.is_none()
    }

    /// Returns whether the state has a key.
    pub fn has_keys(&mut self) -> Result<bool, StoreError> {
        Ok(self.keys()?.bytes() > 0)
    }

    /// Returns whether the log has exactly these events. Returns `true` if the
    /// events are no longer retained.
    pub fn has(&mut self, events: &[StoredEvent], now: Millis) -> Result<bool, StoreError> {
        let Some(first) = events.first() else { return Ok(true) };
        let budget = Budget { events: events.len() as u64, bytes: usize::MAX };
        Ok(match self.read(first.seq.minus(1), budget, now)? {
            super::Replay::Events(range) => range.events == joined(events),
            super::Replay::Lost => first.seq < self.oldest(now)?,
        })
    }

    /// Starts the import of a log with this epoch into an empty log, and stores
    /// events of the state. Fails if the state would exceed its limits.
    pub fn import_state(
        &mut self,
        epoch: Epoch,
        events: &[StoredEvent],
    ) -> Result<(), AppendError> {
        let changes: Vec<KeyChange> = events
            .iter()
            .filter_map(|StoredEvent { seq, event, text, .. }| {
                let key = event.key.as_ref()?.as_str();
                Some(KeyChange::Set { key, seq: *seq, event: text })
            })
            .collect();
        let settings = self.settings;
        self.keys()?.check(&changes, &settings).map_err(AppendError::Refused)?;
        self.store.import_state(epoch, &changes)?;
        self.meta.epoch = epoch;
        if let Some(keys) = &mut self.keys {
            keys.apply(&changes);
        }
        Ok(())
    }

    /// Stores the events of one append with their seqs. The events must follow
    /// the head, or begin an empty log.
    pub fn import(&mut self, events: &[StoredEvent]) -> Result<Option<EventRange>, AppendError> {
        let (Some(first), Some(last)) = (events.first(), events.last()) else { return Ok(None) };
        let fresh: Vec<(Seq, &NewEvent)> =
            events.iter().map(|stored| (stored.seq, &stored.event)).collect();
        let texts: Vec<String> = events.iter().map(|stored| stored.text.to_owned()).collect();
        let ids = stored_hashes(self.epoch(), 0, &texts.join(","))
            .ok_or_else(|| StoreError("an imported event has no form".into()))?;
        let ids = ids.into_iter().map(|(hash, place)| (hash, place.index)).collect();
        let (start_offset, prev) = (self.end_offset(), first.seq.minus(1));
        let range = EventRange::of(prev, last.seq, start_offset, texts.join(","));
        self.store_events(range, first.at, &fresh, &texts, ids).map(Some)
    }
}

fn joined(events: &[StoredEvent]) -> String {
    let texts: Vec<&str> = events.iter().map(|stored| stored.text).collect();
    texts.join(",")
}

/// Returns the seq of a stored event, which is its first field.
fn seq_of(event: &str) -> Option<Seq> {
    let (seq, _) = event.strip_prefix(r#"{"seq":"#)?.split_once(',')?;
    Seq::new(seq.parse().ok()?)
}
