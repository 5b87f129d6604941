//! A room's frames as Server-Sent Events (docs/protocol.md, section 7).
//!
//! It knows what a reader is to be written and when it has been heard of, not
//! how anything is written. The format is that of the HTML standard, 9.2.6.

use std::fmt::Write;

use serde::Serialize;

use crate::code::Refusal;
use crate::limits;
use crate::protocol::{Begin, Position, RoomFrame, Seq};
use crate::time::Millis;

/// A line that means nothing, so that a proxy does not take the stream for
/// dead, and a reader that is gone is noticed.
pub const COMMENT: &str = ":\n\n";

/// Sent behind what a stream begins with. The room answers frames in their
/// order, so its `pong` says that nothing more belongs to the beginning.
/// Written like this, it is the room that answers, not the runtime.
pub const BARRIER: &str = r#"{"type": "ping"}"#;

/// What the room sends before its answer to [`BARRIER`]. Only together it
/// tells where the stream starts.
pub struct StreamStart {
    begin: Begin,
    /// Where the stream starts if neither a `gap` nor a `state` says it.
    start: Option<Position>,
    /// How many of those there are.
    resets: usize,
    /// All of it, the `welcome` first.
    frames: Vec<String>,
}

impl StreamStart {
    pub fn new(begin: Begin) -> Self {
        Self { begin, start: None, resets: 0, frames: Vec::new() }
    }

    /// Whether that was the last of it. An error stands in the way of the
    /// stream: something that the reader's request asked for can't be had.
    pub fn push(&mut self, frame: String) -> Result<bool, Refusal> {
        match (RoomFrame::read(&frame), self.begin) {
            (Some(RoomFrame::Pong), _) => return Ok(true),
            (Some(RoomFrame::Error(refusal)), _) => return Err(refusal),
            (Some(RoomFrame::Welcome { .. }), Begin::Since(since)) => self.start = Some(since),
            (Some(RoomFrame::Welcome { at: head }), Begin::Head | Begin::Last(_)) => {
                self.start = Some(head);
            }
            (Some(RoomFrame::Events { epoch, prev, .. }), Begin::Last(_))
                if self.frames.len() == 1 =>
            {
                self.start = Some(Position { epoch, seq: prev });
            }
            (Some(RoomFrame::Gap { .. } | RoomFrame::State { .. }), _) => {
                self.resets = self.resets.saturating_add(1);
            }
            (Some(RoomFrame::Events { .. } | RoomFrame::Other { .. }) | None, _) => {}
        }
        self.frames.push(frame);
        Ok(false)
    }
}

/// One reader of a stream.
pub struct Stream {
    /// Whether it entered the room, which hears of it by pings.
    entered: bool,
    comment_at: Millis,
    /// The newest event that was written, as long as nobody knows that the
    /// reader took it.
    written: Option<Seq>,
    unreported: Unreported,
}

/// What the reader took and the room has not been told.
#[derive(Default)]
struct Unreported {
    seq: Option<Seq>,
    bytes: usize,
    report_at: Option<Millis>,
}

/// What waits for the reader although flow control does not hold it back, in
/// characters: signals, and changes of the members.
#[derive(Default)]
pub struct UnpacedBuffer(u32);

impl UnpacedBuffer {
    /// `false` where it is too much: a reader that stands still is let go then,
    /// comes back, and goes on where it was. What has no place by itself, such
    /// as a change of thousands of members, still comes to who reads on.
    pub fn push(&mut self, characters: u32) -> bool {
        let fits = characters == 0 || self.0 < limits::UNREAD_CHARACTERS;
        if fits {
            self.0 = self.0.saturating_add(characters);
        }
        fits
    }

    pub fn release(&mut self, characters: u32) {
        self.0 = self.0.saturating_sub(characters);
    }
}

/// What is to be done of itself.
#[derive(Debug, PartialEq, Eq)]
pub enum Due {
    /// Tell the room in this frame what the reader has taken.
    Seen(String),
    /// Write a [`COMMENT`], and ping the room if the reader entered it.
    Comment { ping: bool },
}

impl Stream {
    /// The stream, and the text that it begins with.
    pub fn begin(stream_start: &StreamStart, entered: bool, now: Millis) -> (Self, String) {
        let comment_at = now.plus(limits::COMMENT_MS);
        let mut stream =
            Self { entered, comment_at, written: None, unreported: Unreported::default() };
        let mut text = String::new();
        if stream_start.resets == 0 {
            block(&mut text, stream_start.start, None, None);
        }
        for frame in &stream_start.frames {
            stream.write(&mut text, frame, stream_start.resets == 1);
        }
        (stream, text)
    }

    /// What is written for a frame; empty where it is nothing to the reader.
    pub fn frame(&mut self, frame: &str) -> String {
        let mut text = String::new();
        self.write(&mut text, frame, false);
        text
    }

    /// A `gap` has a position only where it is known that no `state` follows.
    /// A reader that was cut off between the two goes on from before the gap,
    /// and so hears of both again.
    fn write(&mut self, text: &mut String, frame: &str, gap_is_alone: bool) {
        match RoomFrame::read(frame) {
            Some(RoomFrame::Events { epoch, prev, events }) => {
                let mut seq = prev;
                for event in events {
                    seq = seq.plus(1);
                    block(text, Some(Position { epoch, seq }), None, Some(event));
                }
                self.written = Some(seq);
                self.unreported.bytes = self.unreported.bytes.saturating_add(frame.len());
            }
            Some(RoomFrame::Gap { at }) => {
                block(text, gap_is_alone.then_some(at), Some("gap"), Some(frame));
            }
            Some(RoomFrame::State { at }) => {
                block(text, Some(at), Some("state"), Some(frame));
            }
            Some(RoomFrame::Other { kind: kind @ ("signal" | "members" | "members:changed") }) => {
                block(text, None, Some(kind), Some(frame));
            }
            Some(
                RoomFrame::Welcome { .. }
                | RoomFrame::Error(_)
                | RoomFrame::Pong
                | RoomFrame::Other { .. },
            )
            | None => {}
        }
    }

    /// The reader took what was written.
    pub fn record_read(&mut self, now: Millis) {
        let Some(seq) = self.written.take() else { return };
        self.unreported.seq = Some(seq);
        // A frame to the room for each event would cost as much as the event.
        let later = match self.unreported.bytes < limits::SEEN_AT_ONCE_BYTES {
            true => now.plus(limits::SEEN_AFTER_MS),
            false => now,
        };
        self.unreported.report_at =
            Some(self.unreported.report_at.map_or(later, |at| at.min(later)));
    }

    pub fn due(&mut self, now: Millis) -> Option<Due> {
        if self.unreported.report_at.is_some_and(|at| at <= now) {
            let taken = std::mem::take(&mut self.unreported);
            return taken.seq.map(|seq| Due::Seen(format!(r#"{{"type":"seen","seq":{seq}}}"#)));
        }
        if self.comment_at <= now {
            self.comment_at = now.plus(limits::COMMENT_MS);
            return Some(Due::Comment { ping: self.entered });
        }
        None
    }

    /// When something will be due.
    pub fn next_due(&self) -> Millis {
        self.unreported.report_at.map_or(self.comment_at, |at| at.min(self.comment_at))
    }
}

/// The last block of a stream that the room ends.
pub fn closed(code: u16, reason: &str) -> String {
    #[derive(Serialize)]
    struct Closed<'a> {
        code: u16,
        reason: &'a str,
    }
    let mut text = String::new();
    let closed = serde_json::to_string(&Closed { code, reason }).unwrap_or_default();
    block(&mut text, None, Some("closed"), Some(&closed));
    text
}

/// JSON has line breaks between its tokens only, and there they may be of any
/// kind; a carriage return would end a line of the stream too.
fn block(text: &mut String, id: Option<Position>, event: Option<&str>, data: Option<&str>) {
    // To a String, writing never fails.
    let _ = event.map_or(Ok(()), |event| writeln!(text, "event: {event}"));
    let _ = id.map_or(Ok(()), |id| writeln!(text, "id: {id}"));
    for line in data.into_iter().flat_map(|data| data.split(['\r', '\n'])) {
        let _ = writeln!(text, "data: {line}");
    }
    text.push('\n');
}
