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
        let forgotten = self.by_append.partition_point(|(append, _)| *append < lowest);
        for (_, id) in self.by_append.drain(..forgotten) {
            // The id may have been published again since.
            if self.by_id.get(&id).is_some_and(|place| place.append < lowest) {
                self.by_id.remove(&id);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_held_as_long_as_its_newest_append() {
        let place = |seq, append| Place { seq: Seq::new(seq).unwrap(), append };
        let mut ids = Ids::default();
        ids.insert("a", place(1, 0));
        ids.insert("b", place(2, 1));
        ids.insert("a", place(3, 2));
        ids.forget_below(2);
        assert_eq!((ids.get("a"), ids.get("b")), (Some(place(3, 2)), None));
        assert_eq!((ids.by_id.len(), ids.by_append.len()), (1, 1));
        ids.forget_below(3);
        assert_eq!((ids.by_id.len(), ids.by_append.len()), (0, 0));
    }
}
