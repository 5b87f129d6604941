//! A socket in the worker: a client's socket, or a socket to a room.

use std::rc::Rc;

use js_sys::{Function, JsString, Reflect};
use wasm_bindgen::prelude::{Closure, wasm_bindgen};
use wasm_bindgen::{JsCast, JsValue};
use worker::web_sys::{self, CloseEvent, Event, MessageEvent};
use worker::{Result, WebSocket};

use super::{answer, platform};
use crate::close_reason::CloseReason;
use crate::limits;

#[wasm_bindgen(module = "/src/edge/relay.js")]
extern "C" {
    /// Forwards the frames of rooms to a client. While the client reads its
    /// frames, they don't enter the WebAssembly.
    #[derive(Clone)]
    pub type Relay;

    /// Creates a relay. If the client has more than `window_bytes` unread, the
    /// listener of the room's socket receives the frame. Frames with the text
    /// `dropped` are dropped.
    #[wasm_bindgen(constructor)]
    pub fn new(client: &web_sys::WebSocket, window_bytes: f64, dropped: &str) -> Relay;

    /// Sets whether the rooms are paused. If they are, the listeners of the
    /// rooms' sockets receive all frames.
    #[wasm_bindgen(method, setter, js_name = isPaused)]
    pub fn set_paused(this: &Relay, is_paused: bool);

    #[wasm_bindgen(method)]
    fn listener(this: &Relay, on_message: &Function) -> Function;
}

/// A socket that closes when it is dropped. The close code is 1001, as for the
/// socket of a page that the user left. So a room never has a session that
/// nothing reads.
pub struct WorkerSocket {
    socket: WebSocket,
    listeners: [(&'static str, Function); 3],
    // The listeners call these functions.
    _message: Closure<dyn Fn(MessageEvent)>,
    _close: Closure<dyn Fn(CloseEvent)>,
    _error: Closure<dyn Fn(Event)>,
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
    /// after the socket was dropped. If there is a `relay`, the relay forwards
    /// the frames, and `on_event` is called only for the others.
    pub fn accept(
        socket: WebSocket,
        on_event: Rc<dyn Fn(SocketEvent)>,
        relay: Option<&Relay>,
    ) -> Result<Self> {
        let [on_message, on_close, on_error] =
            [Rc::clone(&on_event), Rc::clone(&on_event), on_event];
        let message = Closure::<dyn Fn(MessageEvent)>::new(move |event: MessageEvent| {
            on_message(SocketEvent::Frame(event.data()));
        });
        let close = Closure::<dyn Fn(CloseEvent)>::new(move |event: CloseEvent| {
            on_close(SocketEvent::Ended(CloseReason::of(event.code(), event.reason())));
        });
        let error = Closure::<dyn Fn(Event)>::new(move |_: Event| {
            on_error(SocketEvent::Ended(CloseReason::Lost));
        });
        let on_message = function(&message);
        let listeners = [
            ("message", relay.map_or(on_message.clone(), |relay| relay.listener(&on_message))),
            ("close", function(&close)),
            ("error", function(&error)),
        ];
        let socket = Self { socket, listeners, _message: message, _close: close, _error: error };
        for (name, listener) in &socket.listeners {
            socket.raw().add_event_listener_with_callback(name, listener)?;
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
}

impl Drop for WorkerSocket {
    fn drop(&mut self) {
        for (name, listener) in &self.listeners {
            let _ = self.raw().remove_event_listener_with_callback(name, listener);
        }
        // This call has no effect on a closed socket.
        self.close(&CloseReason::Lost);
    }
}

fn function<T: ?Sized>(closure: &Closure<T>) -> Function {
    closure.as_ref().unchecked_ref::<Function>().clone()
}
