//! A room's frames as Server-Sent Events (docs/protocol.md, section 7).
//!
//! This module decides which text the reader of a stream receives, and when a
//! `seen` frame is due. The module performs no I/O. The HTML standard, section
//! 9.2.6, defines the format.

use std::fmt::Write;

use serde::Serialize;

use crate::code::Refusal;
use crate::limits;
use crate::protocol::{Begin, Position, RoomFrame, Seq};
use crate::time::Millis;

/// A comment line, which readers ignore. A comment prevents proxies from
/// closing an idle stream. Writing a comment also detects a reader that has
/// disconnected.
pub const COMMENT: &str = ":\n\n";

/// The last frame that the worker sends when a stream starts. The room answers
/// frames in order, so its `pong` follows all frames that belong to the start.
/// The text contains a space, so that the frame is answered by the room, not by
/// the runtime. The runtime answers only the exact text of
/// [`crate::protocol::PING`].
pub const BARRIER: &str = r#"{"type": "ping"}"#;

/// The frames that the room sends before its answer to [`BARRIER`]. The
/// stream's start position is known only after all of these frames have
/// arrived, since a `gap` or a `state` changes the position.
pub struct StreamStart {
    begin: Begin,
    /// The position where the stream starts. The position of a `gap` or `state`
    /// frame replaces this position.
    start: Option<Position>,
    /// The number of `gap` and `state` frames.
    resets: usize,
    /// All frames, beginning with `welcome`.
    frames: Vec<String>,
}

impl StreamStart {
    pub fn new(begin: Begin) -> Self {
        Self { begin, start: None, resets: 0, frames: Vec::new() }
    }

    /// Adds a frame. Returns whether this frame was the last frame of the
    /// start. Fails for an `error` frame, which means that the room rejected a
    /// part of the request.
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

/// The state of the stream of one reader.
pub struct Stream {
    /// Whether the reader entered the room. If the reader entered, the worker
    /// must send pings, since the room otherwise closes the session.
    entered: bool,
    comment_at: Millis,
    /// Seq of the newest event that was written, until it is reported. The
    /// reader may not have read this event yet.
    written: Option<Seq>,
    /// Number of bytes of the frames that were written since the last `seen`.
    unreported_bytes: usize,
}

/// Number of characters in frames without flow control that wait for the
/// reader. These frames are signals and changes of the members.
#[derive(Default)]
pub struct UnpacedBuffer(u32);

impl UnpacedBuffer {
    /// Adds a frame. Returns `false` if the buffer is already full. In this
    /// case, the stream is closed. If the reader is still running, it
    /// reconnects and resumes. The size of the new frame does not count in this
    /// check. So a reader that keeps up also receives a single frame that
    /// exceeds the limit. An example is a change of thousands of members.
    pub fn push(&mut self, characters: u32) -> bool {
        let fits = characters == 0 || self.0 < limits::UNREAD_CHARACTERS;
        if fits {
            self.0 = self.0.saturating_add(characters);
        }
        fits
    }

    /// Removes a frame of this size after the reader has read the frame.
    pub fn release(&mut self, characters: u32) {
        self.0 = self.0.saturating_sub(characters);
    }
}

/// An action that is due: write a [`COMMENT`].
#[derive(Debug, PartialEq, Eq)]
pub struct CommentDue {
    /// Whether to send a ping to the room too, since the reader entered.
    pub ping: bool,
}

impl Stream {
    /// Creates a stream, and returns the stream together with its first text.
    pub fn begin(stream_start: &StreamStart, entered: bool, now: Millis) -> (Self, String) {
        let comment_at = now.plus(limits::COMMENT_MS);
        let mut stream = Self { entered, comment_at, written: None, unreported_bytes: 0 };
        let mut text = String::new();
        if stream_start.resets == 0 {
            block(&mut text, stream_start.start, None, None);
        }
        for frame in &stream_start.frames {
            stream.write(&mut text, frame, stream_start.resets == 1);
        }
        (stream, text)
    }

    /// Appends the text that the stream must write for a frame. Appends nothing
    /// if readers of a stream don't receive this kind of frame.
    pub fn append(&mut self, text: &mut String, frame: &str) {
        self.write(text, frame, false);
    }

    /// Writes a frame. A `gap` has an `id` only if no `state` follows the
    /// `gap`. So if the connection breaks between a `gap` and its `state`, the
    /// reader resumes before the `gap` and receives both frames again.
    fn write(&mut self, text: &mut String, frame: &str, gap_is_alone: bool) {
        match RoomFrame::read(frame) {
            Some(RoomFrame::Events { epoch, prev, events }) => {
                let mut seq = prev;
                for event in events {
                    seq = seq.plus(1);
                    block(text, Some(Position { epoch, seq }), None, Some(event));
                }
                self.written = Some(seq);
                self.unreported_bytes = self.unreported_bytes.saturating_add(frame.len());
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

    /// Records that the reader has read the text that was written. Returns the
    /// `seen` frame that the worker must send to the room, if any.
    ///
    /// Without a `seen`, at most [`limits::SEEN_BYTES`] are in flight. This is a
    /// quarter of the window, so the room still sends the next frame, whatever
    /// its size is. A `seen` for each event would cost as much as the event.
    pub fn record_read(&mut self) -> Option<String> {
        if self.unreported_bytes < limits::SEEN_BYTES {
            return None;
        }
        self.unreported_bytes = 0;
        self.written.take().map(|seq| format!(r#"{{"type":"seen","seq":{seq}}}"#))
    }

    /// Returns the comment that is due at this time, if any.
    pub fn due(&mut self, now: Millis) -> Option<CommentDue> {
        if now < self.comment_at {
            return None;
        }
        self.comment_at = now.plus(limits::COMMENT_MS);
        Some(CommentDue { ping: self.entered })
    }

    /// Returns the time at which the next comment is due. At that time, the
    /// edge calls [`Stream::due`].
    pub fn next_due(&self) -> Millis {
        self.comment_at
    }
}

/// Returns the block that is written last when the room ends a stream. The
/// block is an event `closed` with the close code and the reason.
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

/// Writes a block, which is one event of the stream. The data is split at `\n`
/// and at `\r`, since each of these characters ends a line of the stream. The
/// split does not change the meaning of the data: JSON contains line breaks
/// only between tokens, where any line break is allowed.
fn block(text: &mut String, id: Option<Position>, event: Option<&str>, data: Option<&str>) {
    // Writing to a String never fails.
    let _ = event.map_or(Ok(()), |event| writeln!(text, "event: {event}"));
    let _ = id.map_or(Ok(()), |id| writeln!(text, "id: {id}"));
    for line in data.into_iter().flat_map(|data| data.split(['\r', '\n'])) {
        let _ = writeln!(text, "data: {line}");
    }
    text.push('\n');
}
