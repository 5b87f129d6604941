//! A room's events as Server-Sent Events. [`crate::sse`] implements the rules.
//!
//! The reader requests one chunk at a time. Frames that arrive before it
//! requests the next chunk wait, and become one chunk. Each event of the room's
//! socket, each request of the reader and the timer call
//! [`EventStream::advance`], so a frame needs no task and no promise of its own.
//!
//! When the reader disconnects, the socket to the room is closed. If the reader
//! disconnects before it requests the first chunk, the runtime does not report
//! this. So a timer closes the socket.

use std::cell::{Cell, RefCell};
use std::rc::{Rc, Weak};

use futures_channel::oneshot;
use wasm_bindgen::prelude::{Closure, wasm_bindgen};
use worker::web_sys::Response as RawResponse;

use super::super::platform::{now, set_timeout};
use super::super::room_stubs::RoomStubs;
use super::super::timer::Timer;
use super::reader::{Reader, ReaderEvent};
use super::refusal;
use crate::auth::Identity;
use crate::code::{Code, Refusal};
use crate::limits;
use crate::protocol::{Begin, PING, Right, RoomName, StreamQuery};
use crate::session::Transport;
use crate::sse::{self, Stream, StreamStart};

#[wasm_bindgen(module = "/src/edge/bridge/body.js")]
extern "C" {
    type Body;

    #[wasm_bindgen(constructor)]
    fn new(on_reader: &Closure<dyn Fn(bool)>) -> Body;

    #[wasm_bindgen(method, getter)]
    fn response(this: &Body) -> RawResponse;

    #[wasm_bindgen(method)]
    fn write(this: &Body, bytes: &[u8]);

    #[wasm_bindgen(method)]
    fn end(this: &Body);
}

/// Opens a stream. The response starts after the room has sent all frames that
/// belong to the start of the stream. So if the room refuses the stream, the
/// response has the HTTP status of the refusal.
pub async fn stream(
    rooms: RoomStubs,
    room: RoomName,
    identity: Identity,
    query: StreamQuery,
) -> Result<RawResponse, Refusal> {
    let StreamQuery { start, enter } = query;
    identity.check(Right::Subscribe)?;
    if enter.is_some() {
        identity.check(Right::Presence)?;
    }
    let window = limits::BRIDGE_WINDOW_BYTES;
    let reader = Reader::open(&rooms, &room, &identity, start, Transport::Sse, window).await?;
    if let Some(data) = &enter {
        reader.send(&format!(r#"{{"type":"enter","data":{data}}}"#));
    }
    reader.send(sse::BARRIER);
    let stream_start = stream_start(&reader, start.begin).await?;
    let (stream, first) = Stream::begin(&stream_start, enter.is_some(), now());
    Ok(EventStream::open(&rooms, reader, stream, first))
}

async fn stream_start(reader: &Reader, begin: Begin) -> Result<StreamStart, Refusal> {
    let mut stream_start = StreamStart::new(begin);
    let until = now().plus(limits::STREAM_START_TIMEOUT_MS);
    loop {
        match reader.next_until(until).await {
            Some(ReaderEvent::Frame(frame)) => {
                if stream_start.push(frame)? {
                    return Ok(stream_start);
                }
            }
            Some(ReaderEvent::Ended(close_reason)) => return Err(refusal(close_reason)),
            None => {
                return Err(Refusal::new(
                    Code::Internal,
                    "the room did not answer in time; try again",
                ));
            }
        }
    }
}

/// An open stream. The invocation owns this value until the stream is over.
/// When the value is dropped, so is the socket to the room.
struct EventStream {
    reader: Reader,
    stream: RefCell<Stream>,
    body: Body,
    state: Cell<State>,
    /// Text of the start of the stream, until it is written.
    first: RefCell<String>,
    timer: RefCell<Option<Timer>>,
    over: Cell<Option<oneshot::Sender<()>>>,
    _on_reader: Closure<dyn Fn(bool)>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// The reader has not requested a chunk yet.
    Unread,
    /// The reader is reading a chunk.
    Reading,
    /// The reader has read everything and requests a chunk.
    Requested,
    Over,
}

impl EventStream {
    fn open(rooms: &RoomStubs, reader: Reader, stream: Stream, first: String) -> RawResponse {
        let (over, is_over) = oneshot::channel();
        let this = Rc::new_cyclic(|this: &Weak<Self>| {
            let on_reader = Closure::new(on(this.clone(), Self::on_reader));
            Self {
                reader,
                stream: RefCell::new(stream),
                body: Body::new(&on_reader),
                state: Cell::new(State::Unread),
                first: RefCell::new(first),
                timer: RefCell::default(),
                over: Cell::new(Some(over)),
                _on_reader: on_reader,
            }
        });
        let on_event = on(Rc::downgrade(&this), |this, ()| this.advance());
        this.reader.notify(Rc::new(move || on_event(())));
        let give_up = on(Rc::downgrade(&this), |this, ()| {
            if this.state.get() == State::Unread {
                this.body.end();
                this.finish();
            }
        });
        set_timeout(limits::STREAM_START_TIMEOUT_MS, move || give_up(()));
        let response = this.body.response();
        // The invocation ends when the socket is closed, not when the reader
        // disconnects.
        rooms.wait_until(async move {
            // This fails only if the sender was dropped, and `this` owns it.
            let _ = is_over.await;
            drop(this);
        });
        response
    }

    /// Handles a request for a chunk, or the disconnect of the reader.
    fn on_reader(self: &Rc<Self>, requests_chunk: bool) {
        if !requests_chunk {
            return self.finish();
        }
        if self.state.replace(State::Requested) == State::Reading {
            let seen = self.stream.borrow_mut().record_read();
            seen.iter().for_each(|seen| self.reader.send(seen));
        }
        self.advance();
    }

    /// Answers the reader's request for a chunk. If nothing waits for the
    /// reader, sets the timer for the next comment.
    fn advance(self: &Rc<Self>) {
        if self.state.get() != State::Requested {
            return;
        }
        let (text, is_last) = self.chunk();
        if text.is_empty() {
            return self.arm();
        }
        self.state.set(State::Reading);
        self.body.write(text.as_bytes());
        if is_last {
            self.body.end();
            self.finish();
        }
    }

    /// Returns the text that waits for the reader, and whether this text is the
    /// last.
    fn chunk(&self) -> (String, bool) {
        let mut text = self.first.take();
        let mut stream = self.stream.borrow_mut();
        if let Some(comment) = stream.due(now()) {
            if comment.ping {
                self.reader.send(PING);
            }
            text.push_str(sse::COMMENT);
        }
        while text.len() < limits::SEEN_BYTES {
            match self.reader.next() {
                Some(ReaderEvent::Frame(frame)) => stream.append(&mut text, &frame),
                Some(ReaderEvent::Ended(close_reason)) => {
                    let (code, reason) = close_reason.code_and_reason();
                    text.push_str(&sse::closed(code, &reason));
                    return (text, true);
                }
                None => break,
            }
        }
        (text, false)
    }

    fn arm(self: &Rc<Self>) {
        let at = self.stream.borrow().next_due();
        let mut timer = self.timer.borrow_mut();
        if timer.as_ref().is_none_or(|timer| at != timer.at()) {
            let fire = on(Rc::downgrade(self), |this, ()| {
                // If the timer fires too early, it is set again.
                this.timer.replace(None);
                this.advance();
            });
            *timer = Some(Timer::set(at, move || fire(())));
        }
    }

    /// Lets the invocation drop this value.
    fn finish(&self) {
        self.state.set(State::Over);
        if let Some(over) = self.over.take() {
            // This fails only if the receiver was dropped with the invocation.
            let _ = over.send(());
        }
    }
}

/// Returns a callback of a stream. The callback has only a weak reference to
/// the stream, because the stream owns the sources of its callbacks.
fn on<T>(
    stream: Weak<EventStream>,
    act: impl Fn(&Rc<EventStream>, T) + 'static,
) -> impl Fn(T) + 'static {
    move |input| {
        if let Some(stream) = stream.upgrade() {
            act(&stream, input);
        }
    }
}
