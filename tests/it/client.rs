//! A client that follows the contract (docs/protocol.md, section 5, "Applying
//! events"). The client has a position. The client applies and records the
//! events that follow its position.
//!
//! A real client ignores a frame that it can't apply. The test client fails the
//! test if it can't apply a frame. No frame is lost between the room and this
//! client. A repeated frame, or a frame that can't be applied, is therefore a
//! fault of the room.

use std::collections::BTreeMap;

use roomcast::code::Code;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

#[derive(Debug, Default)]
pub struct Client {
    pub epoch: Option<String>,
    /// Seq of the client's position. After a start with `last`, the seq is
    /// unknown until the first `events` frame.
    pub seq: Option<u64>,
    /// Events applied since the last `gap` frame.
    pub events: Vec<Event>,
    /// State built from the state frame and from every event with a key.
    pub state: BTreeMap<String, Event>,
    /// Number of `gap` frames received.
    pub gaps: u32,
    /// Code with which the room closed the socket, or `None` while the socket
    /// is open.
    pub closed: Option<Code>,
    /// Received frames that no test has read yet.
    pub frames: Vec<String>,
    /// Whether the client has stopped processing frames. While the client is
    /// paused, new frames wait in `unprocessed`. If the socket is lost, these
    /// frames are lost too.
    paused: bool,
    /// Unprocessed frames, each with the query of its socket.
    unprocessed: Vec<(String, String)>,
}

/// An event, and its exact text in the frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    pub seq: u64,
    pub text: String,
}

/// The fields of a frame that tests read. The events stay text, because a JSON
/// parser can't represent every number that an event may contain.
#[derive(Deserialize)]
pub struct Frame<'a> {
    pub r#type: String,
    epoch: Option<String>,
    pub seq: Option<u64>,
    prev: Option<u64>,
    pub recovered: Option<bool>,
    pub code: Option<String>,
    #[serde(borrow)]
    events: Option<Vec<&'a RawValue>>,
}

impl<'a> Frame<'a> {
    pub fn read(text: &'a str) -> Self {
        serde_json::from_str(text).unwrap_or_else(|wrong| panic!("{wrong}: {text:.300}"))
    }

    pub fn events(&self) -> Vec<Event> {
        let events = self.events.iter().flatten();
        events.map(|event| Event::read(event.get())).collect()
    }
}

impl Client {
    /// Returns a client that starts with this query.
    pub fn starting_with(query: &str) -> Self {
        let since = query.split('&').find_map(|part| part.strip_prefix("since="));
        let seq = since.and_then(|position| position.split_once(':')?.1.parse().ok());
        Self { seq, ..Self::default() }
    }

    /// Clears everything that belongs to the previous socket, but keeps the
    /// position.
    pub fn on_connect(&mut self) {
        self.closed = None;
        self.frames.clear();
        self.on_disconnect();
    }

    /// Handles the loss of the socket.
    pub fn on_disconnect(&mut self) {
        self.paused = false;
        self.unprocessed.clear();
    }

    pub fn pause_processing(&mut self) {
        self.paused = true;
    }

    /// Processes all waiting frames, and every later frame when it arrives.
    pub fn resume_processing(&mut self) {
        self.paused = false;
        for (text, query) in std::mem::take(&mut self.unprocessed) {
            self.on_frame(&text, &query);
        }
    }

    /// Whether the client has processed every frame that it received.
    pub fn is_processing(&self) -> bool {
        !self.paused
    }

    /// Receives a frame.
    pub fn receive(&mut self, text: &str, query: &str) {
        if self.paused {
            self.unprocessed.push((text.to_owned(), query.to_owned()));
        } else {
            self.on_frame(text, query);
        }
    }

    /// Handles a close by the room: processes the earlier frames, then the
    /// close.
    pub fn on_close(&mut self, code: Code) {
        self.resume_processing();
        self.closed = Some(code);
    }

    fn reset(&mut self) {
        self.events.clear();
        self.state.clear();
    }

    /// Returns the position from which the client would resume.
    pub fn position(&self) -> String {
        let (epoch, seq) = (self.epoch.as_deref(), self.seq);
        format!(
            "{}:{}",
            epoch.expect("the client has received a `welcome`"),
            seq.expect("the client has a seq")
        )
    }

    fn on_frame(&mut self, text: &str, query: &str) {
        self.frames.push(text.to_owned());
        let frame = Frame::read(text);
        match frame.r#type.as_str() {
            "welcome" => self.on_welcome(&frame, query),
            "gap" => {
                self.reset();
                self.gaps += 1;
                self.seq = frame.seq;
            }
            "state" => {
                assert_eq!(frame.seq, self.seq, "a state belongs to the client's seq");
                self.state = keyed(&frame.events()).collect();
            }
            "events" => self.on_events(&frame, text),
            _ => {}
        }
        if let (Some(epoch), Some(expected)) = (frame.epoch, &self.epoch) {
            assert_eq!(&epoch, expected, "the epoch of {text}");
        }
    }

    fn on_welcome(&mut self, frame: &Frame, query: &str) {
        let since = query.contains("since=");
        assert_eq!(
            frame.recovered.is_some(),
            since,
            "`recovered` is set exactly if `since` was given"
        );
        self.epoch.clone_from(&frame.epoch);
        if query.contains("last=") {
            self.seq = None;
        } else if frame.recovered != Some(true) {
            self.seq = frame.seq;
        }
    }

    fn on_events(&mut self, frame: &Frame, text: &str) {
        let seq = *self.seq.get_or_insert(frame.prev.unwrap());
        assert_eq!(frame.prev, Some(seq), "the client is at {seq} and receives {text:.200}");
        let events = frame.events();
        assert!(!events.is_empty(), "an `events` frame without events: {text}");
        for (event, expected) in events.iter().zip(seq + 1..) {
            assert_eq!(event.seq, expected, "seqs are consecutive");
        }
        self.seq = events.last().map(|event| event.seq);
        for (key, event) in keyed(&events) {
            match event.data() {
                "null" => self.state.remove(&key),
                _ => self.state.insert(key, event),
            };
        }
        self.events.extend(events);
    }

    /// Returns the last `ack`, `error` or `authorized` frame.
    pub fn last_answer(&self) -> Option<Frame<'_>> {
        let mut frames = self.frames.iter().rev().map(|text| Frame::read(text));
        frames.find(|frame| matches!(frame.r#type.as_str(), "ack" | "error" | "authorized"))
    }

    /// Returns the `data` of every applied event.
    pub fn data(&self) -> Vec<&str> {
        self.events.iter().map(Event::data).collect()
    }

    pub fn seqs(&self) -> Vec<u64> {
        self.events.iter().map(|event| event.seq).collect()
    }

    /// Returns the frames received since the last call, parsed.
    pub fn drain_frames(&mut self) -> Vec<Value> {
        let read = |text: String| serde_json::from_str(&text).unwrap();
        std::mem::take(&mut self.frames).into_iter().map(read).collect()
    }

    /// Returns the types of the frames received since the last call.
    pub fn drain_frame_types(&mut self) -> Vec<String> {
        self.drain_frames().iter().map(|frame| frame["type"].as_str().unwrap().to_owned()).collect()
    }
}

/// Yields the events that have a key, each with its key.
fn keyed(events: &[Event]) -> impl Iterator<Item = (String, Event)> {
    events.iter().filter_map(|event| Some((event.key()?, event.clone())))
}

#[derive(Deserialize)]
struct Fields<'a> {
    seq: u64,
    #[serde(borrow)]
    data: &'a RawValue,
    key: Option<String>,
}

impl Event {
    fn read(text: &str) -> Self {
        Self { seq: Self::fields(text).seq, text: text.to_owned() }
    }

    fn fields(text: &str) -> Fields<'_> {
        serde_json::from_str(text).unwrap_or_else(|e| panic!("{e}: {text}"))
    }

    pub fn data(&self) -> &str {
        Self::fields(&self.text).data.get()
    }

    fn key(&self) -> Option<String> {
        Self::fields(&self.text).key
    }
}
