//! Flow control: the limit of the events in flight to a session. An event is in
//! flight if it was sent, but the client has not yet reported it as seen.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use crate::log::EventRange;
use crate::protocol::Seq;

/// The flow control account of one session. The account contains byte offsets
/// in the log. With these offsets, the number of bytes in flight is known after
/// hibernation without reading the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Flow {
    /// Maximum number of bytes in flight.
    window: u64,
    seen: Seq,
    /// The offset up to which the session has seen the log. A frame counts as
    /// seen once the client has reported the frame's first event. The reason is
    /// that a client sends `seen` only occasionally, and may never report the
    /// last event of a frame. For example, if events 1 to 10 are in one frame,
    /// a `seen` of 1 counts for all 10 events.
    seen_to: u64,
    sent_to: u64,
    /// The frames that were sent since the room was loaded.
    #[serde(skip)]
    sent_ranges: VecDeque<SentRange>,
}

/// A range of consecutive frames that were sent. Small frames are merged into
/// one range of at most an eighth of the window. So a session with many small
/// frames also has few ranges.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct SentRange {
    prev: Seq,
    start_offset: u64,
    end_offset: u64,
}

impl Flow {
    /// Creates the account of a session that has seen events up to `seen`. If
    /// the session's first frame begins before the offset `sent_to`,
    /// [`Flow::send`] moves the account back to the beginning of that frame.
    pub fn new(window: u64, seen: Seq, sent_to: u64) -> Self {
        Self { window, seen, seen_to: sent_to, sent_to, sent_ranges: VecDeque::new() }
    }

    /// Restores the account after hibernation. `sent_to` is the offset up to
    /// which the room had sent the log to the session.
    pub fn restore(&mut self, sent_to: u64) {
        self.sent_to = sent_to;
    }

    /// Moves the account to the offset `to` when a `gap` is sent. The events
    /// between the last sent frame and this offset are never sent. The number
    /// of bytes in flight does not change.
    pub fn skip(&mut self, to: u64) {
        self.seen_to = to.saturating_sub(self.in_flight());
        self.sent_to = to;
        self.sent_ranges.clear();
    }

    /// Returns the number of bytes that still fit into the window.
    pub fn available(&self) -> u64 {
        self.window.saturating_sub(self.in_flight())
    }

    /// Returns whether a frame of this size may be sent. A frame may be sent if
    /// it fits into the window, or if at most a quarter of the window is in
    /// flight. In the second case, the client does not have to send another
    /// `seen`, so waiting for a `seen` could block the session forever. For
    /// example, with a window of 256 KiB and 64 KiB in flight, a frame of 256
    /// KiB may be sent.
    pub fn accepts(&self, bytes: u64) -> bool {
        bytes <= self.available() || !self.expects_seen()
    }

    /// Returns whether more than a quarter of the window is in flight. In this
    /// case, the client must send another `seen` (docs/protocol.md, "Flow
    /// control").
    pub fn expects_seen(&self) -> bool {
        self.in_flight() > self.fraction(4)
    }

    /// Records that a frame was sent.
    pub fn send(&mut self, frame: &EventRange) {
        self.seen_to = self.seen_to.min(frame.start_offset);
        self.sent_to = frame.end_offset;
        let merged = self.fraction(8);
        match self.sent_ranges.back_mut() {
            Some(sent_range)
                if frame.end_offset.saturating_sub(sent_range.start_offset) <= merged =>
            {
                sent_range.end_offset = frame.end_offset;
            }
            _ => self.sent_ranges.push_back(SentRange {
                prev: frame.prev,
                start_offset: frame.start_offset,
                end_offset: frame.end_offset,
            }),
        }
    }

    /// Records that the session has seen all events up to `seq`. A `seq` that
    /// is not larger than the previous `seq` changes nothing. Returns `false`
    /// if no range contains the event, for example because the event was sent
    /// before the room hibernated. In this case, the caller must call
    /// [`Flow::acknowledge_to`] with the event's end offset.
    pub fn acknowledge(&mut self, seq: Seq) -> bool {
        if seq <= self.seen {
            return true;
        }
        self.seen = seq;
        let mut is_known = false;
        while let Some(sent_range) =
            self.sent_ranges.front().filter(|sent_range| sent_range.prev < seq)
        {
            self.seen_to = sent_range.end_offset;
            self.sent_ranges.pop_front();
            is_known = true;
        }
        is_known
    }

    /// Records that the session has seen the log up to this offset. An offset
    /// after the last sent frame counts as the end of that frame.
    pub fn acknowledge_to(&mut self, end_offset: u64) {
        self.seen_to = self.seen_to.max(end_offset.min(self.sent_to));
    }

    /// Returns how many bytes are in flight.
    pub fn in_flight(&self) -> u64 {
        self.sent_to.saturating_sub(self.seen_to)
    }

    fn fraction(&self, of: u64) -> u64 {
        self.window.checked_div(of).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A session with flow control, and the number of events that were sent to
    /// this session.
    struct Reader {
        flow: Flow,
        sent: u64,
    }

    impl Reader {
        fn new(window: u64) -> Self {
            Self { flow: Flow::new(window, Seq::ZERO, 0), sent: 0 }
        }

        /// Sends the next event if flow control allows it. Returns whether the
        /// event was sent.
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
    fn window_is_full_after_sends_and_empty_after_acknowledgment() {
        let mut reader = Reader::new(800);
        (1..=8).for_each(|_| assert!(reader.is_sent(100)));
        assert!(!reader.is_sent(1));
        assert!(reader.flow.acknowledge(seq(3)));
        assert_eq!(reader.flow.available(), 300);
        assert!(reader.flow.acknowledge(seq(8)));
        assert_eq!(reader.flow.available(), 800);
    }

    #[test]
    fn one_frame_of_any_size_is_accepted_while_at_most_a_quarter_is_in_flight() {
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
    fn frame_counts_as_seen_once_its_first_event_is_seen() {
        let mut reader = Reader::new(100);
        let mut frame = EventRange::at(Seq::ZERO, 0);
        (frame.last, frame.end_offset) = (seq(10), 90);
        reader.flow.send(&frame);
        assert!(!reader.flow.accepts(11));
        assert!(reader.flow.acknowledge(seq(1)));
        assert!(reader.flow.accepts(100));
    }

    #[test]
    fn million_small_events_need_at_most_nine_marks() {
        let mut reader = Reader::new(1_000_000);
        (1..=1_000_000).for_each(|_| assert!(reader.is_sent(1)));
        assert!(reader.flow.sent_ranges.len() <= 9);
        reader.flow.acknowledge(seq(600_000));
        assert!(reader.flow.in_flight() <= 400_000);
        assert!(reader.flow.in_flight() > 400_000 - 125_000);
        reader.flow.acknowledge(seq(1_000_000));
        assert_eq!(reader.flow.in_flight(), 0);
    }

    #[test]
    fn smaller_seq_does_not_undo_an_acknowledgment() {
        let mut reader = Reader::new(10);
        assert!(reader.is_sent(10));
        assert!(reader.flow.acknowledge(seq(1)));
        assert!(reader.flow.acknowledge(Seq::ZERO));
        assert_eq!(reader.flow.available(), 10);
    }

    #[test]
    fn bytes_in_flight_are_the_same_after_hibernation() {
        let mut reader = Reader::new(100);
        assert!(reader.is_sent(10));
        let kept = serde_json::to_string(&reader.flow).unwrap();
        assert!(reader.is_sent(70));
        reader.flow = serde_json::from_str(&kept).unwrap();
        reader.flow.restore(80);
        assert_eq!(reader.flow.available(), 20);
        assert!(!reader.flow.acknowledge(seq(1)), "the sent_ranges are lost in hibernation");
        reader.flow.acknowledge_to(10);
        assert_eq!(reader.flow.available(), 30);
    }
}
