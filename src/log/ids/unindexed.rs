//! The ids of appends that were written by a version without an index. These
//! ids are read from the events until the index contains them or their appends
//! are no longer retained.

use std::borrow::Cow;
use std::collections::VecDeque;

use serde::Deserialize;

use super::super::text;
use super::{EventLocation, Hash};
use crate::limits;
use crate::protocol::Epoch;

/// The newest ids of the appends without an index. The number of these ids is
/// at most [`limits::UNINDEXED_IDS`].
pub struct Unindexed {
    /// Number of the oldest append whose ids are all in `ids`.
    pub from: u64,
    /// The hashes of the ids, sorted by append.
    pub ids: VecDeque<(Hash, EventLocation)>,
}

impl Unindexed {
    pub fn from(append: u64) -> Self {
        Self { from: append, ids: VecDeque::new() }
    }

    /// Adds the next id. If the limit is then exceeded, drops the oldest id.
    pub fn push(&mut self, hash: Hash, place: EventLocation) {
        self.ids.push_back((hash, place));
        if self.ids.len() > limits::UNINDEXED_IDS
            && let Some((_, oldest)) = self.ids.pop_front()
        {
            self.from = oldest.append.saturating_add(1);
        }
    }
}

/// Returns the hashes of the ids of a stored append; `None` if its events can't
/// be parsed.
pub fn stored_hashes(
    epoch: Epoch,
    append: u64,
    events: &str,
) -> Option<Vec<(Hash, EventLocation)>> {
    #[derive(Deserialize)]
    struct Identified<'a> {
        #[serde(borrow)]
        from: Cow<'a, str>,
        #[serde(borrow)]
        id: Option<Cow<'a, str>>,
    }
    let mut hashes = Vec::new();
    for (index, event) in (0_u16..).zip(text::split_events(events)) {
        let Identified { from, id } = serde_json::from_str(event?).ok()?;
        if let Some(id) = id {
            hashes.push((Hash::of(epoch, &from, &id), EventLocation { append, index }));
        }
    }
    Some(hashes)
}
