//! A cache of the newest appends in memory, in their stored form. Most clients
//! that resume are only a few events behind, so their replay needs no read of
//! the storage.

use std::collections::VecDeque;
use std::rc::Rc;

use crate::limits;
use crate::store::Append;

/// The newest appends, without gaps between them. Their total size is at most
/// [`limits::RECENT_BYTES`].
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

    /// Returns consecutive appends, beginning with the append `number`. If
    /// `number` is not cached, returns no appends. Otherwise returns at least
    /// one append, and stops once the appends have `bytes` bytes in total, as
    /// [`crate::store::Store::read`] does.
    pub fn read(&self, number: u64, bytes: usize) -> Vec<(Append, Rc<str>)> {
        let Some(index) = self.index(number) else { return Vec::new() };
        let mut taken = 0_usize;
        let fits = |(_, events): &&(Append, Rc<str>)| {
            let fits = taken < bytes.max(1);
            taken = taken.saturating_add(events.len());
            fits
        };
        self.appends.iter().skip(index).take_while(fits).cloned().collect()
    }

    /// Adds an append that was just written. Then evicts the oldest appends
    /// until the cache is within its limit.
    pub fn push(&mut self, append: Append, events: &str) {
        self.bytes = self.bytes.saturating_add(cost(events));
        self.appends.push_back((append, events.into()));
        while self.bytes > limits::RECENT_BYTES
            && let Some((_, events)) = self.appends.pop_front()
        {
            self.bytes = self.bytes.saturating_sub(cost(&events));
        }
    }

    /// Caches appends that were read. Begins with the newest of these appends,
    /// and stops when the limit is reached. An append is cached only if it
    /// directly precedes the oldest cached append. If the cache is empty, only
    /// the newest append of the log can be cached.
    pub fn cache(&mut self, read: &[(Append, Rc<str>)], newest: u64) {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::Seq;
    use crate::time::Millis;

    fn append(number: u64) -> Append {
        let seq = Seq::new(number).unwrap();
        let (at, start_offset, end_offset) = (Millis::new(0), 0, 0);
        Append {
            number,
            first: seq,
            last: seq,
            at,
            start_offset,
            end_offset,
            floor: 0,
            floor_offset: 0,
        }
    }

    /// Limits: RECENT_BYTES.
    #[test]
    fn oldest_append_is_evicted_at_the_limit() {
        let half = "x".repeat(limits::RECENT_BYTES / 2 - cost(""));
        let mut recent = Recent::default();
        recent.push(append(0), &half);
        recent.push(append(1), &half);
        assert_eq!(recent.oldest().map(|oldest| oldest.number), Some(0));
        recent.push(append(2), "");
        assert_eq!(recent.oldest().map(|oldest| oldest.number), Some(1));
        assert!(recent.read(0, usize::MAX).is_empty());
        assert_eq!(recent.read(1, usize::MAX).len(), 2);
    }

    #[test]
    fn read_stops_at_the_byte_limit() {
        let mut recent = Recent::default();
        (0..3).for_each(|number| recent.push(append(number), "abc"));
        for (bytes, appends) in [(0, 1), (3, 1), (4, 2), (6, 2), (7, 3), (100, 3)] {
            assert_eq!(recent.read(0, bytes).len(), appends, "{bytes} bytes");
        }
    }
}
