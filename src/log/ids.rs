//! The ids of retained events, by which an event counts once.

use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;

use serde::Deserialize;

use crate::protocol::Seq;

/// Where each id is. It is bounded by what the log retains.
#[derive(Default)]
pub struct Ids {
    /// A tree, not a hash map: strangers choose the ids.
    by_id: BTreeMap<Rc<str>, Place>,
    by_append: VecDeque<(u64, Rc<str>)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    pub seq: Seq,
    /// The number of the append it came with.
    pub append: u64,
}

impl Ids {
    pub fn get(&self, id: &str) -> Option<Place> {
        self.by_id.get(id).copied()
    }

    pub fn insert(&mut self, id: &str, place: Place) {
        let id: Rc<str> = id.into();
        self.by_append.push_back((place.append, Rc::clone(&id)));
        self.by_id.insert(id, place);
    }

    /// Inserts the ids of an append as it is stored; `None` if it can't be
    /// read.
    pub fn insert_stored(&mut self, append: u64, first: Seq, events: &str) -> Option<()> {
        #[derive(Deserialize)]
        struct Identified {
            id: Option<String>,
        }
        let mut seq = first;
        for event in super::text::each(events) {
            let Identified { id } = serde_json::from_str(event?).ok()?;
            if let Some(id) = id {
                self.insert(&id, Place { seq, append });
            }
            seq = seq.plus(1);
        }
        Some(())
    }

    /// Forgets what came with appends before `lowest`.
    pub fn forget_below(&mut self, lowest: u64) {
        while let Some((append, id)) = self.by_append.pop_front() {
            if append >= lowest {
                self.by_append.push_front((append, id));
                return;
            }
            // The id may have been published again since.
            if self.by_id.get(&id).is_some_and(|place| place.append < lowest) {
                self.by_id.remove(&id);
            }
        }
    }
}
