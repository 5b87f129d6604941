//! Flow control: how much is on its way to a session that it has not told us
//! it has seen.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use crate::protocol::Seq;

/// The account of one session. What it has seen survives sleep; what was sent
/// beyond that is read from the log again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Flow {
    /// Bytes of events that may be on their way.
    window: u64,
    seen: Seq,
    #[serde(skip)]
    unseen: u64,
    #[serde(skip)]
    marks: VecDeque<Mark>,
}

/// So many bytes were sent up to a seq. Neighbours are merged: a session costs
/// a few marks, however small its events are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Mark {
    last: Seq,
    bytes: u64,
}

impl Flow {
    /// Into so many marks a window is divided.
    pub const MARKS: u64 = 8;

    pub fn new(window: u64, seen: Seq) -> Self {
        Self { window, seen, unseen: 0, marks: VecDeque::new() }
    }

    pub fn seen(&self) -> Seq {
        self.seen
    }

    /// How many bytes may still be sent.
    pub fn left(&self) -> u64 {
        self.window.saturating_sub(self.unseen)
    }

    /// Whether a frame may be sent: it fits, or it is the only one.
    pub fn takes(&self, bytes: u64) -> bool {
        self.unseen == 0 || bytes <= self.left()
    }

    pub fn send(&mut self, last: Seq, bytes: u64) {
        self.unseen = self.unseen.saturating_add(bytes);
        let merged = self.window.checked_div(Self::MARKS).unwrap_or_default();
        match self.marks.back_mut() {
            Some(mark) if mark.bytes < merged => {
                mark.last = last;
                mark.bytes = mark.bytes.saturating_add(bytes);
            }
            _ => self.marks.push_back(Mark { last, bytes }),
        }
    }

    /// The session has seen everything up to `seq`. It never takes that back.
    pub fn see(&mut self, seq: Seq) {
        self.seen = self.seen.max(seq);
        while let Some(mark) = self.marks.front()
            && mark.last <= seq
        {
            self.unseen = self.unseen.saturating_sub(mark.bytes);
            self.marks.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seq(number: u64) -> Seq {
        Seq::new(number).unwrap()
    }

    #[test]
    fn a_window_is_filled_and_seen_empty_again() {
        let mut flow = Flow::new(800, Seq::ZERO);
        for number in 1..=8 {
            assert!(flow.takes(100));
            flow.send(seq(number), 100);
        }
        assert!(!flow.takes(1));
        flow.see(seq(3));
        assert_eq!(flow.left(), 300);
        flow.see(seq(8));
        assert_eq!(flow.left(), 800);
    }

    #[test]
    fn one_frame_beyond_the_window_is_taken_alone() {
        let mut flow = Flow::new(100, Seq::ZERO);
        assert!(flow.takes(5_000));
        flow.send(seq(1), 5_000);
        assert!(!flow.takes(1));
        flow.see(seq(1));
        assert!(flow.takes(5_000));
    }

    #[test]
    fn a_million_small_events_cost_a_few_marks_and_are_never_undercounted() {
        let mut flow = Flow::new(1_000_000, Seq::ZERO);
        for number in 1..=1_000_000 {
            flow.send(seq(number), 1);
        }
        assert!(flow.marks.len() as u64 <= Flow::MARKS + 1);
        flow.see(seq(600_000));
        assert!(flow.unseen >= 400_000);
        flow.see(seq(1_000_000));
        assert_eq!(flow.unseen, 0);
    }

    #[test]
    fn what_was_seen_once_stays_seen() {
        let mut flow = Flow::new(10, seq(7));
        flow.see(seq(3));
        assert_eq!(flow.seen(), seq(7));
    }
}
