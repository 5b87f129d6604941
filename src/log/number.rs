//! Numbering of the events of a publish. New events get the next seqs. An event
//! that repeats an earlier event gets the seq of the earlier event.

use litemap::LiteMap;

use super::ids::{EventLocation, Hash, Pointer, Unindexed, Written, stored_hashes};
use super::ring::Rows;
use super::{APPEND_BYTES, Log};
use crate::limits;
use crate::protocol::{NewEvent, Seq, User};
use crate::store::{Append, Store, StoreError};
use crate::time::Millis;

/// The events of a publish with their seqs.
pub struct Numbered<'e, 'a> {
    /// The seq of each event: a new event has the next seq, and a repeat has
    /// the seq of the retained event.
    pub seqs: Vec<Seq>,
    /// The new events.
    pub fresh: Vec<(Seq, &'e NewEvent<'a>)>,
    /// The ids of the new events, each with its index among the new events.
    pub ids: Vec<(Hash, u16)>,
}

/// Maps the hash of each id in a publish to the seq of the event with this id;
/// `None` if there is no such event yet.
type Ids = LiteMap<Hash, Option<Seq>>;

impl<S: Store> Log<S> {
    /// Assigns a seq to each event. Fails if the storage fails, or if the room
    /// has no seqs left.
    pub(super) fn number<'e, 'a>(
        &mut self,
        events: &'e [NewEvent<'a>],
        from: &User,
        now: Millis,
    ) -> Result<Numbered<'e, 'a>, StoreError> {
        let epoch = self.epoch();
        let hash = |event: &NewEvent| event.id.as_ref().map(|id| Hash::new(epoch, from, id));
        let hashes: Vec<Option<Hash>> = events.iter().map(hash).collect();
        let mut ids = Ids::new();
        for hash in hashes.iter().flatten() {
            ids.insert(*hash, None);
        }
        self.look_up(&mut ids, now)?;

        let mut numbered = Numbered { seqs: Vec::new(), fresh: Vec::new(), ids: Vec::new() };
        let (mut last, mut index) = (self.head(), 0_u16);
        for (event, hash) in events.iter().zip(hashes) {
            let first = hash.and_then(|hash| ids.get_mut(&hash));
            if let Some(Some(seq)) = first {
                numbered.seqs.push(*seq);
                continue;
            }
            last = last.next().ok_or_else(|| StoreError("the room has no seqs left".into()))?;
            numbered.seqs.push(last);
            numbered.fresh.push((last, event));
            numbered.ids.extend(hash.map(|hash| (hash, index)));
            if let Some(first) = first {
                *first = Some(last);
            }
            index = index.saturating_add(1);
        }
        Ok(numbered)
    }

    /// Finds the retained events that have these ids, and adds their seqs to
    /// `ids`.
    fn look_up(&mut self, ids: &mut Ids, now: Millis) -> Result<(), StoreError> {
        if ids.is_empty() {
            return Ok(());
        }
        // Nodes are evicted before the lookup, not after it, since
        // `write_index` needs the nodes of this lookup again.
        self.ids.shrink();
        let lowest = self.lowest();
        let rows = Rows { store: &self.store, capacity: self.meta.capacity };
        let read = |pieces: &[Pointer], bytes| rows.index(pieces, bytes);
        let mut places = self.ids.find(ids.keys().copied(), lowest, &read)?;
        if self.ids.complete_from() > lowest {
            // The older events come first. So if an id occurs twice, the newest
            // event overwrites the older event in `ids`.
            let mut older = self.unindexed_places(ids, lowest)?;
            older.append(&mut places);
            places = older;
        }
        let oldest_at = now.minus(self.settings.retained_ms);
        // The append that was read last. A client usually repeats a whole
        // publish, so one append usually has all ids of the publish.
        let mut read: Option<Append> = None;
        for (EventLocation { append, index }, hash) in places {
            let append = match read.filter(|read| read.number == append) {
                Some(append) => append,
                None => *read.insert(self.append_at(append)?),
            };
            if append.at >= oldest_at {
                ids.insert(hash, Some(append.first.plus(u64::from(index))));
            }
        }
        Ok(())
    }

    /// Finds ids in the appends that have no index. The first call reads all of
    /// these appends. Later calls use the cached ids, if the cache contains all
    /// ids.
    fn unindexed_places(
        &mut self,
        ids: &Ids,
        lowest: u64,
    ) -> Result<Vec<(EventLocation, Hash)>, StoreError> {
        let mut places = Vec::new();
        let mut found = |hash: Hash, place: EventLocation| {
            if ids.contains_key(&hash) && place.append >= lowest {
                places.push((place, hash));
            }
        };
        match &self.ids.unindexed {
            Some(known) if known.from <= lowest => {
                known.ids.iter().for_each(|(hash, place)| found(*hash, *place));
            }
            _ => self.ids.unindexed = Some(self.read_unindexed(lowest, found)?),
        }
        Ok(places)
    }

    fn read_unindexed(
        &self,
        lowest: u64,
        mut found: impl FnMut(Hash, EventLocation),
    ) -> Result<Unindexed, StoreError> {
        let mut newest = Unindexed::from(lowest);
        let (mut number, end) = (lowest, self.ids.complete_from());
        while number < end {
            for (append, events) in self.stored(number, end.saturating_sub(1), limits::MIB)? {
                let hashes = stored_hashes(self.epoch(), append.number, &events)
                    .ok_or_else(|| StoreError::damaged(number))?;
                for (hash, place) in hashes {
                    found(hash, place);
                    newest.push(hash, place);
                }
                number = number.saturating_add(1);
            }
        }
        Ok(newest)
    }

    /// Builds the index that is stored with an append, from the ids of the
    /// append.
    pub(super) fn write_index(
        &mut self,
        append: &Append,
        ids: Vec<(Hash, u16)>,
    ) -> Result<Written, StoreError> {
        let number = append.number;
        let lowest = append.floor.max(super::oldest_in_ring(number, self.meta.capacity));
        // If the events leave too little space in the row for the ids of older
        // appends, a later append stores these older ids.
        let events = append.end_offset.saturating_sub(append.start_offset);
        let catches_up = !ids.is_empty() && events < APPEND_BYTES as u64 / 2;
        let place = |(hash, index)| (hash, EventLocation { append: number, index });
        let ids: Vec<(Hash, EventLocation)> = ids.into_iter().map(place).collect();
        let rows = Rows { store: &self.store, capacity: self.meta.capacity };
        let read = |pieces: &[Pointer], bytes| rows.index(pieces, bytes);
        self.ids.write((number, append.first), ids, lowest, catches_up, &read)
    }
}
