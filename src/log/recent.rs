//! The newest appends in memory, as they are stored: what most who resume ask
//! for.

use std::collections::VecDeque;
use std::rc::Rc;

use crate::limits;
use crate::store::Append;

/// A run of appends up to the newest, within a bound.
#[derive(Default)]
pub struct Recent {
    appends: VecDeque<(Append, Rc<str>)>,
    bytes: usize,
}

impl Recent {
    pub fn oldest(&self) -> Option<&Append> {
        self.appends.front().map(|(append, _)| append)
    }

    pub fn get(&self, number: u64) -> Option<&Append> {
        self.appends.get(self.index(number)?).map(|(append, _)| append)
    }

    /// The appends from `number` on, as [`crate::store::Store::read`] has them;
    /// none where that one is not here.
    pub fn read(&self, number: u64, bytes: usize) -> Vec<(Append, Rc<str>)> {
        let Some(index) = self.index(number) else { return Vec::new() };
        let mut taken = 0_usize;
        let takes = |(_, events): &&(Append, Rc<str>)| {
            let takes = taken < bytes.max(1);
            taken = taken.saturating_add(events.len());
            takes
        };
        self.appends.iter().skip(index).take_while(takes).cloned().collect()
    }

    /// Takes what was just written. Older ones give way to it.
    pub fn push(&mut self, append: Append, events: &str) {
        self.bytes = self.bytes.saturating_add(cost(events));
        self.appends.push_back((append, events.into()));
        while self.bytes > limits::RECENT_BYTES
            && let Some((_, events)) = self.appends.pop_front()
        {
            self.bytes = self.bytes.saturating_sub(cost(&events));
        }
    }

    /// Takes of what was read as much as joins what is here; where nothing is,
    /// the newest append.
    pub fn keep(&mut self, read: &[(Append, Rc<str>)], newest: u64) {
        for (append, events) in read.iter().rev() {
            let next = self.oldest().map_or(Some(newest), |oldest| oldest.number.checked_sub(1));
            let bytes = self.bytes.saturating_add(cost(events));
            if Some(append.number) == next && bytes <= limits::RECENT_BYTES {
                self.bytes = bytes;
                self.appends.push_front((*append, Rc::clone(events)));
            }
        }
    }

    fn index(&self, number: u64) -> Option<usize> {
        usize::try_from(number.checked_sub(self.oldest()?.number)?).ok()
    }
}

fn cost(events: &str) -> usize {
    events.len().saturating_add(size_of::<(Append, Rc<str>)>())
}
