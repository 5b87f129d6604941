//! A socket that the worker holds itself: a client's, or its own to a room.

use std::rc::Rc;

use js_sys::{JsString, Reflect};
use wasm_bindgen::prelude::Closure;
use wasm_bindgen::{JsCast, JsValue};
use worker::web_sys::{self, CloseEvent, Event, MessageEvent};
use worker::{Result, WebSocket};

use super::{answer, platform};
use crate::close_reason::CloseReason;
use crate::limits;

/// However it is dropped, the socket is closed, as that of a page that went: a
/// room keeps no session that nobody reads.
pub struct WorkerSocket {
    socket: WebSocket,
    message: Closure<dyn Fn(MessageEvent)>,
    close: Closure<dyn Fn(CloseEvent)>,
    error: Closure<dyn Fn(Event)>,
}

/// What comes over a line.
pub enum SocketEvent {
    /// A string, or bytes. It stays JavaScript's: most frames are passed on as
    /// they are.
    Frame(JsValue),
    Ended(CloseReason),
}

/// Whether a client's frame is over the limit, which is asked before it is
/// copied: a stranger may send 32 MiB, several of which fill an isolate.
pub fn is_too_large(frame: &JsValue) -> bool {
    let length = match frame.dyn_ref::<JsString>() {
        // Characters: a text has as many bytes, or more.
        Some(text) => Some(f64::from(text.length())),
        // Bytes come as a Blob.
        None => Reflect::get(frame, &"size".into()).ok().and_then(|size| size.as_f64()),
    };
    platform::integer(length.unwrap_or_default()) > limits::BODY_BYTES as u64
}

impl WorkerSocket {
    /// `on_event` is called for each frame and for the end; never once the line is
    /// dropped, which it may do itself.
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

    /// What can't be sent any more is dropped: that it ended is heard, too.
    pub fn send(&self, text: &JsValue) {
        let _ = platform::send(&self.socket, text);
    }

    pub fn send_bytes(&self, bytes: &[u8]) {
        let _ = self.socket.send_with_bytes(bytes);
    }

    /// Bytes that were sent and that the other side has yet to read.
    pub fn unread(&self) -> u64 {
        platform::buffered_bytes(&self.socket)
    }

    /// Says that this side has nothing more to say. What the other says before
    /// it ends, too, is still heard.
    pub fn close(&self, close_reason: &CloseReason) {
        // It fails where the other side closed first.
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
        // One that was closed stays as it is.
        self.close(&CloseReason::Lost);
    }
}
