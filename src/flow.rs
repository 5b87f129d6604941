//! Flow control: how much is on its way to a session that it has not told us
//! it has seen.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use crate::log::EventRange;
use crate::protocol::Seq;

/// The account of one session, in bytes of the log: positions in it, so that
/// nothing has to be read to know after a sleep how much is on its way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Flow {
    /// Bytes of events that may be on their way.
    window: u64,
    seen: Seq,
    /// How far the log was seen. A frame counts as seen with its first event:
    /// clients say now and then what they have seen, and may never say it of
    /// the rest.
    seen_to: u64,
    sent_to: u64,
    /// What was sent since the room woke.
    #[serde(skip)]
    marks: VecDeque<Mark>,
}

/// Events that were sent together, or close to one another: a session costs a
/// few marks, however small its frames are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Mark {
    prev: Seq,
    start_offset: u64,
    end_offset: u64,
}

impl Flow {
    /// For a session that has seen up to a seq. It is at `sent_to`, or begins
    /// before it.
    pub fn new(window: u64, seen: Seq, sent_to: u64) -> Self {
        Self { window, seen, seen_to: sent_to, sent_to, marks: VecDeque::new() }
    }

    /// After a sleep, for a session that was sent up to there.
    pub fn restore(&mut self, sent_to: u64) {
        self.sent_to = sent_to;
    }

    /// What comes before `to` and was not sent never will be.
    pub fn skip(&mut self, to: u64) {
        self.seen_to = to.saturating_sub(self.unseen());
        self.sent_to = to;
        self.marks.clear();
    }

    /// How many bytes may still be sent.
    pub fn left(&self) -> u64 {
        self.window.saturating_sub(self.unseen())
    }

    /// Whether a frame may be sent: it fits, or nothing more would be heard of
    /// the session until it is.
    pub fn accepts(&self, bytes: u64) -> bool {
        bytes <= self.left() || !self.expects_seen()
    }

    /// Whether so much is on its way that the session will say when it has seen
    /// more (docs/protocol.md, "Flow control").
    pub fn expects_seen(&self) -> bool {
        self.unseen() > self.part(4)
    }

    pub fn send(&mut self, frame: &EventRange) {
        self.seen_to = self.seen_to.min(frame.start_offset);
        self.sent_to = frame.end_offset;
        let merged = self.part(8);
        match self.marks.back_mut() {
            Some(mark) if frame.end_offset.saturating_sub(mark.start_offset) <= merged => {
                mark.end_offset = frame.end_offset;
            }
            _ => self.marks.push_back(Mark {
                prev: frame.prev,
                start_offset: frame.start_offset,
                end_offset: frame.end_offset,
            }),
        }
    }

    /// The session has seen everything up to `seq`, and never takes that back.
    /// `false` says that it was sent before the room slept: [`Flow::acknowledge_to`] then
    /// says how far it is.
    pub fn acknowledge(&mut self, seq: Seq) -> bool {
        if seq <= self.seen {
            return true;
        }
        self.seen = seq;
        let mut is_known = false;
        while let Some(mark) = self.marks.front().filter(|mark| mark.prev < seq) {
            self.seen_to = mark.end_offset;
            self.marks.pop_front();
            is_known = true;
        }
        is_known
    }

    /// It has seen the log up to there, or what it was sent of that.
    pub fn acknowledge_to(&mut self, end_offset: u64) {
        self.seen_to = self.seen_to.max(end_offset.min(self.sent_to));
    }

    /// How many bytes are on their way.
    pub fn unseen(&self) -> u64 {
        self.sent_to.saturating_sub(self.seen_to)
    }

    fn part(&self, of: u64) -> u64 {
        self.window.checked_div(of).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A session of which flow control asks that no more than so much is on its
    /// way, and what has come to it.
    struct Reader {
        flow: Flow,
        sent: u64,
    }

    impl Reader {
        fn new(window: u64) -> Self {
            Self { flow: Flow::new(window, Seq::ZERO, 0), sent: 0 }
        }

        /// Whether the next event was sent to it.
        fn is_sent(&mut self, bytes: u64) -> bool {
            let is_sent = self.flow.accepts(bytes);
            if is_sent {
                let mut frame = EventRange::at(seq(self.sent), self.flow.sent_to);
                frame.end_offset = frame.end_offset.saturating_add(bytes);
                self.flow.send(&frame);
                self.sent = self.sent.saturating_add(1);
            }
            is_sent
        }
    }

    fn seq(number: u64) -> Seq {
        Seq::new(number).unwrap()
    }

    #[test]
    fn a_window_is_filled_and_seen_empty_again() {
        let mut reader = Reader::new(800);
        (1..=8).for_each(|_| assert!(reader.is_sent(100)));
        assert!(!reader.is_sent(1));
        assert!(reader.flow.acknowledge(seq(3)));
        assert_eq!(reader.flow.left(), 300);
        assert!(reader.flow.acknowledge(seq(8)));
        assert_eq!(reader.flow.left(), 800);
    }

    #[test]
    fn one_frame_is_taken_beyond_the_window_while_a_quarter_or_less_is_on_its_way() {
        let mut reader = Reader::new(100);
        assert!(reader.is_sent(25));
        assert!(reader.is_sent(5_000));
        assert!(!reader.is_sent(1));
        reader.flow.acknowledge(seq(2));
        assert!(reader.is_sent(26));
        assert!(!reader.is_sent(75));
        assert!(reader.is_sent(74));
    }

    #[test]
    fn a_frame_of_which_anything_was_seen_counts_as_seen() {
        let mut reader = Reader::new(100);
        let mut frame = EventRange::at(Seq::ZERO, 0);
        (frame.last, frame.end_offset) = (seq(10), 90);
        reader.flow.send(&frame);
        assert!(!reader.flow.accepts(11));
        assert!(reader.flow.acknowledge(seq(1)));
        assert!(reader.flow.accepts(100));
    }

    #[test]
    fn a_million_small_events_cost_a_few_marks_and_a_mark_is_a_small_part() {
        let mut reader = Reader::new(1_000_000);
        (1..=1_000_000).for_each(|_| assert!(reader.is_sent(1)));
        assert!(reader.flow.marks.len() <= 9);
        reader.flow.acknowledge(seq(600_000));
        assert!(reader.flow.unseen() <= 400_000);
        assert!(reader.flow.unseen() > 400_000 - 125_000);
        reader.flow.acknowledge(seq(1_000_000));
        assert_eq!(reader.flow.unseen(), 0);
    }

    #[test]
    fn what_was_seen_once_stays_seen() {
        let mut reader = Reader::new(10);
        assert!(reader.is_sent(10));
        assert!(reader.flow.acknowledge(seq(1)));
        assert!(reader.flow.acknowledge(Seq::ZERO));
        assert_eq!(reader.flow.left(), 10);
    }

    #[test]
    fn after_a_sleep_as_much_is_on_its_way_as_before() {
        let mut reader = Reader::new(100);
        assert!(reader.is_sent(10));
        let kept = serde_json::to_string(&reader.flow).unwrap();
        assert!(reader.is_sent(70));
        reader.flow = serde_json::from_str(&kept).unwrap();
        reader.flow.restore(80);
        assert_eq!(reader.flow.left(), 20);
        assert!(!reader.flow.acknowledge(seq(1)), "nobody remembers what came in which frame");
        reader.flow.acknowledge_to(10);
        assert_eq!(reader.flow.left(), 30);
    }
}
