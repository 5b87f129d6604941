//! A room's events as Server-Sent Events. [`crate::sse`] implements the rules.
//!
//! The reader pulls the response body: the next frame from the room is read
//! only after the reader has read the previous chunk. When a reader
//! disconnects, the body and the socket to the room are dropped. If the reader
//! disconnects before it reads the first chunk, the runtime leaves the body to
//! the garbage collector, which can't close the socket. So a timer of the
//! request drops the body before the garbage collector does.

use std::cell::Cell;
use std::rc::Rc;

use futures_util::stream::unfold;
use worker::web_sys::Response as RawResponse;
use worker::{Error, Response};

use super::super::answer::platform_error;
use super::super::platform::{now, set_timeout};
use super::super::room_stubs::RoomStubs;
use super::reader::{Reader, ReaderEvent};
use super::refusal;
use crate::auth::Identity;
use crate::code::{Code, Refusal};
use crate::limits;
use crate::protocol::{Begin, PING, Right, RoomName, StreamQuery};
use crate::sse::{self, Due, Stream, StreamStart};

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
    let reader = Reader::open(&rooms, &room, &identity, start, window).await?;
    if let Some(data) = &enter {
        reader.send(&format!(r#"{{"type":"enter","data":{data}}}"#));
    }
    reader.send(sse::BARRIER);
    let stream_start = stream_start(&reader, start.begin).await?;
    let (stream, first) = Stream::begin(&stream_start, enter.is_some(), now());

    let body = SseBody { reader, stream, first: Some(first), is_over: false };
    let unread = Rc::new(Cell::new(Some(body)));
    let given_up = Rc::clone(&unread);
    set_timeout(limits::STREAM_START_TIMEOUT_MS, move || drop(given_up.take()));
    let chunks = unfold(None, move |body: Option<SseBody>| {
        let unread = Rc::clone(&unread);
        async move {
            let mut body = body.or_else(|| unread.take())?;
            let text = body.next().await?;
            Some((Ok::<_, Error>(text), Some(body)))
        }
    });
    let response = Response::from_stream(chunks).map_err(platform_error)?;
    let headers = response.headers();
    headers.set("content-type", "text/event-stream").map_err(platform_error)?;
    headers.set("cache-control", "no-store").map_err(platform_error)?;
    // Without the header `x-accel-buffering`, nginx buffers the stream and
    // delays its events.
    headers.set("x-accel-buffering", "no").map_err(platform_error)?;
    Ok(response.into())
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

struct SseBody {
    reader: Reader,
    stream: Stream,
    /// The first chunk, or `None` after this chunk was written.
    first: Option<String>,
    is_over: bool,
}

impl SseBody {
    /// Returns the next chunk. The runtime calls this method when the reader
    /// has read the previous chunk.
    async fn next(&mut self) -> Option<String> {
        if self.is_over || self.first.is_some() {
            return self.first.take();
        }
        self.stream.record_read(now());
        loop {
            match self.stream.due(now()) {
                Some(Due::Seen(frame)) => self.reader.send(&frame),
                Some(Due::Comment { ping }) => {
                    if ping {
                        self.reader.send(PING);
                    }
                    return Some(sse::COMMENT.to_owned());
                }
                None => {}
            }
            match self.reader.next_until(self.stream.next_due()).await {
                Some(ReaderEvent::Frame(frame)) => {
                    let text = self.stream.frame(&frame);
                    if !text.is_empty() {
                        return Some(text);
                    }
                }
                Some(ReaderEvent::Ended(close_reason)) => {
                    self.is_over = true;
                    let (code, reason) = close_reason.code_and_reason();
                    return Some(sse::closed(code, &reason));
                }
                None => {}
            }
        }
    }
}
