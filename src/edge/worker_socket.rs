//! A socket in the worker: a client's socket, or a socket to a room.

use std::rc::Rc;

use js_sys::{JsString, Reflect};
use wasm_bindgen::prelude::Closure;
use wasm_bindgen::{JsCast, JsValue};
use worker::web_sys::{self, CloseEvent, Event, MessageEvent};
use worker::{Result, WebSocket};

use super::{answer, platform};
use crate::close_reason::CloseReason;
use crate::limits;

/// A socket that closes when it is dropped. The close code is 1001, as for the
/// socket of a page that the user left. So a room never has a session that
/// nothing reads.
pub struct WorkerSocket {
    socket: WebSocket,
    message: Closure<dyn Fn(MessageEvent)>,
    close: Closure<dyn Fn(CloseEvent)>,
    error: Closure<dyn Fn(Event)>,
}

/// An event of a socket.
pub enum SocketEvent {
    /// A text frame (a string) or a binary frame (a Blob). The frame stays a
    /// JavaScript value, because most frames are forwarded unchanged.
    Frame(JsValue),
    Ended(CloseReason),
}

/// Returns whether a client's frame exceeds [`limits::BODY_BYTES`]. The size is
/// checked before the frame is copied. A frame can have up to 32 MiB, and a few
/// frames of this size fill the memory of an isolate.
pub fn is_too_large(frame: &JsValue) -> bool {
    let length = match frame.dyn_ref::<JsString>() {
        // The length is a number of UTF-16 units. The text has at least this
        // number of bytes.
        Some(text) => Some(f64::from(text.length())),
        // Binary frames arrive as a Blob.
        None => Reflect::get(frame, &"size".into()).ok().and_then(|size| size.as_f64()),
    };
    platform::integer(length.unwrap_or_default()) > limits::BODY_BYTES as u64
}

impl WorkerSocket {
    /// Accepts a socket. `on_event` is called for each frame and for the end of
    /// the socket. `on_event` may drop the socket itself, and is never called
    /// after the socket was dropped.
    pub fn accept(socket: WebSocket, on_event: Rc<dyn Fn(SocketEvent)>) -> Result<Self> {
        let [on_message, on_close, on_error] =
            [Rc::clone(&on_event), Rc::clone(&on_event), on_event];
        let socket = Self {
            message: Closure::new(move |event: MessageEvent| {
                on_message(SocketEvent::Frame(event.data()))
            }),
            close: Closure::new(move |event: CloseEvent| {
                on_close(SocketEvent::Ended(CloseReason::of(event.code(), event.reason())));
            }),
            error: Closure::new(move |_: Event| on_error(SocketEvent::Ended(CloseReason::Lost))),
            socket,
        };
        for (name, listener) in socket.listeners() {
            socket.raw().add_event_listener_with_callback(name, listener.unchecked_ref())?;
        }
        socket.socket.accept()?;
        Ok(socket)
    }

    /// Sends a text. If the socket is closed, the text is dropped without an
    /// error. The close itself is reported as an event.
    pub fn send(&self, text: &JsValue) {
        let _ = platform::send(&self.socket, text);
    }

    pub fn send_bytes(&self, bytes: &[u8]) {
        let _ = self.socket.send_with_bytes(bytes);
    }

    /// Returns the number of bytes that were sent but that the peer has not
    /// read.
    pub fn unread(&self) -> u64 {
        platform::buffered_bytes(&self.socket)
    }

    /// Starts the close handshake. Frames that the peer sends before its own
    /// Close frame are still received.
    pub fn close(&self, close_reason: &CloseReason) {
        // This call fails if the peer closed the socket first.
        let _ = match close_reason {
            CloseReason::Closed { code, reason } => {
                self.socket.close(Some(*code), Some(answer::reason(reason)))
            }
            CloseReason::NoCode => self.socket.close(None, None::<&str>),
            CloseReason::Lost => self.socket.close(Some(1001), Some("")),
        };
    }

    fn raw(&self) -> &web_sys::WebSocket {
        self.socket.as_ref()
    }

    fn listeners(&self) -> [(&'static str, &JsValue); 3] {
        [
            ("message", self.message.as_ref()),
            ("close", self.close.as_ref()),
            ("error", self.error.as_ref()),
        ]
    }
}

impl Drop for WorkerSocket {
    fn drop(&mut self) {
        for (name, listener) in self.listeners() {
            let _ = self.raw().remove_event_listener_with_callback(name, listener.unchecked_ref());
        }
        // This call has no effect on a closed socket.
        self.close(&CloseReason::Lost);
    }
}
