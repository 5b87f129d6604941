//! Operations on the stored text of events. The operations collect events up to
//! a limit, and split a text into events.

use crate::limits;
use crate::protocol::Seq;
pub use crate::protocol::split_events;
use crate::store::Append;

/// The limits of one [`EventRange`]. A range exceeds a limit only if its first
/// event alone exceeds the limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    pub events: u64,
    pub bytes: usize,
}

impl Budget {
    /// The limits of a frame.
    pub const FRAME: Self = Self { events: u64::MAX, bytes: limits::FRAME_EVENTS_BYTES };
}

/// The outcome of [`EventRange::extend`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extended {
    /// The range now ends where the append ends.
    Complete,
    /// The budget was used up before the end of the append.
    Full,
    /// The append does not directly follow the range, or the text of the append
    /// can't be parsed.
    Damaged,
}

/// A range of consecutive events, as JSON joined by commas. Events are stored
/// and sent in this form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventRange {
    /// The seq before the first event.
    pub prev: Seq,
    /// The seq of the last event; `prev` if the range has no events.
    pub last: Seq,
    /// Byte offset in the log of the start of the first event.
    pub start_offset: u64,
    /// Byte offset in the log of the end of the last event.
    pub end_offset: u64,
    pub events: String,
}

impl EventRange {
    /// Creates an empty range that begins after `seq`, at the byte offset
    /// `end_offset`.
    pub fn at(seq: Seq, end_offset: u64) -> Self {
        Self { prev: seq, last: seq, start_offset: end_offset, end_offset, events: String::new() }
    }

    /// Creates the range of one append. `events` is the text of its events, and
    /// begins at the byte offset `start_offset`.
    pub fn of(prev: Seq, last: Seq, start_offset: u64, events: String) -> Self {
        let end_offset = start_offset.saturating_add(events.len() as u64);
        Self { prev, last, start_offset, end_offset, events }
    }

    /// Returns the size of the events in bytes. Commas between appends are
    /// counted neither in this size nor in the offsets of the log.
    pub fn bytes(&self) -> u64 {
        self.end_offset.saturating_sub(self.start_offset)
    }

    pub fn is_empty(&self) -> bool {
        self.prev == self.last
    }

    /// Splits the range into ranges that each fit into one frame. If the events
    /// don't fit into one frame, they must all come from the same append.
    pub fn frames(self) -> Vec<Self> {
        if self.is_empty() {
            return Vec::new();
        }
        if self.events.len() <= Budget::FRAME.bytes {
            return vec![self];
        }
        let mut frames = vec![Self::at(self.prev, self.start_offset)];
        let (mut seq, mut start_offset) = (self.prev, self.start_offset);
        for event in split_events(&self.events).map_while(|event| event) {
            let prev = seq;
            seq = seq.plus(1);
            if !frames
                .last_mut()
                .is_some_and(|frame| frame.push(seq, start_offset, event, Budget::FRAME))
            {
                let mut frame = Self::at(prev, start_offset);
                frame.push(seq, start_offset, event, Budget::FRAME);
                frames.push(frame);
            }
            start_offset = next_offset(start_offset, event);
        }
        frames
    }

    /// Adds the events of an append to the range, until the budget is used up.
    /// Events of the append that the range already contains are skipped.
    pub fn extend(&mut self, append: &Append, events: &str, budget: Budget) -> Extended {
        let next = self.last.plus(1);
        if append.first > next || append.last < next || events.is_empty() {
            return Extended::Damaged;
        }
        if append.first == next && self.fits(append.last, events, budget) {
            self.join(append.last, append.start_offset, events);
            return Extended::Complete;
        }
        let (mut seq, mut start_offset) = (append.first, append.start_offset);
        for event in split_events(events) {
            let Some(event) = event else { return Extended::Damaged };
            if seq > self.last && !self.push(seq, start_offset, event, budget) {
                return Extended::Full;
            }
            seq = seq.plus(1);
            start_offset = next_offset(start_offset, event);
        }
        if self.last == append.last { Extended::Complete } else { Extended::Damaged }
    }

    /// Adds the next range if both ranges together fit into one frame. Returns
    /// whether the next range was added.
    pub fn append(&mut self, next: &Self) -> bool {
        self.push(next.last, next.start_offset, &next.events, Budget::FRAME)
    }

    fn push(&mut self, last: Seq, start_offset: u64, events: &str, budget: Budget) -> bool {
        let fits = self.is_empty() || self.fits(last, events, budget);
        if fits {
            self.join(last, start_offset, events);
        }
        fits
    }

    fn fits(&self, last: Seq, events: &str, budget: Budget) -> bool {
        let bytes = self.events.len().saturating_add(1).saturating_add(events.len());
        bytes <= budget.bytes && last.get().saturating_sub(self.prev.get()) <= budget.events
    }

    fn join(&mut self, last: Seq, start_offset: u64, events: &str) {
        if self.is_empty() {
            self.start_offset = start_offset;
        } else {
            self.events.push(',');
        }
        self.events.push_str(events);
        self.last = last;
        self.end_offset = start_offset.saturating_add(events.len() as u64);
    }
}

/// Returns the start offset of the event that follows this event in an append.
/// A comma separates the two events.
fn next_offset(start_offset: u64, event: &str) -> u64 {
    start_offset.saturating_add(event.len() as u64).saturating_add(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Millis;

    fn seq(seq: u64) -> Seq {
        Seq::new(seq).unwrap()
    }

    fn text(bytes: usize) -> String {
        format!("\"{}\"", "x".repeat(bytes.saturating_sub(2)))
    }

    fn append(first: u64, last: u64) -> Append {
        let at = Millis::new(0);
        let (first, last) = (seq(first), seq(last));
        Append {
            number: 0,
            first,
            last,
            at,
            start_offset: 0,
            end_offset: 0,
            floor: 0,
            floor_offset: 0,
        }
    }

    #[test]
    fn events_are_split_into_frames_at_the_byte_limit() {
        let half = Budget::FRAME.bytes / 2;
        let (full, over) = ([text(half), text(half - 1)], [text(half), text(half)]);
        let runs = |events: &[String]| -> Vec<(u64, u64)> {
            let last = seq(events.len() as u64);
            let mut range = EventRange::at(Seq::ZERO, 0);
            range.join(last, 0, &events.join(","));
            let frames = range.frames().into_iter();
            frames.map(|frame| (frame.prev.get(), frame.last.get())).collect()
        };
        assert_eq!(runs(&full), [(0, 2)]);
        assert_eq!(runs(&over), [(0, 1), (1, 2)]);
        assert_eq!(runs(&[full.to_vec(), full.to_vec()].concat()), [(0, 2), (2, 4)]);
        assert_eq!(runs(&[text(5 * half), text(9)]), [(0, 1), (1, 2)], "sent in its own frame");
    }

    #[test]
    fn append_that_does_not_follow_is_damaged() {
        for (held, append, events, taken) in [
            (1, append(2, 3), "2,3", Extended::Complete),
            (2, append(2, 3), "2,3", Extended::Complete),
            (1, append(3, 4), "3,4", Extended::Damaged),
            (3, append(2, 3), "2,3", Extended::Damaged),
            (1, append(2, 3), "", Extended::Damaged),
            (1, append(2, 3), "2", Extended::Complete),
            (2, append(2, 3), "2", Extended::Damaged),
            (2, append(2, 3), "2,", Extended::Damaged),
        ] {
            let mut range = EventRange::at(seq(held), 0);
            assert_eq!(range.extend(&append, events, Budget::FRAME), taken, "{held} {events}");
        }
        let mut range = EventRange::at(seq(1), 0);
        let one = Budget { events: 1, ..Budget::FRAME };
        assert_eq!(range.extend(&append(2, 3), "2,3", one), Extended::Full);
        assert_eq!((range.last, range.events.as_str()), (seq(2), "2"));
    }
}
