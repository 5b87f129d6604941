//! A socket that the worker holds itself: a client's, or its own to a room.

use wasm_bindgen::prelude::Closure;
use wasm_bindgen::{JsCast, JsValue};
use worker::web_sys::{self, CloseEvent, Event, MessageEvent};
use worker::{Result, WebSocket};

use super::platform;
use crate::ending::Ending;

/// However it is dropped, the socket is closed: a room keeps no session that
/// nobody reads.
pub struct Line {
    socket: WebSocket,
    message: Closure<dyn Fn(MessageEvent)>,
    close: Closure<dyn Fn(CloseEvent)>,
    error: Closure<dyn Fn(Event)>,
}

/// What comes over a line.
pub enum Said {
    /// A string, or bytes. It stays JavaScript's: most frames are passed on as
    /// they are.
    Frame(JsValue),
    Ended(Ending),
}

impl Line {
    /// `hear` is called for each frame and for the end; never once the line is
    /// dropped, which it may do itself.
    pub fn accept(socket: WebSocket, hear: impl Fn(Said) + Clone + 'static) -> Result<Self> {
        let [on_message, on_close, on_error] = [hear.clone(), hear.clone(), hear];
        let line = Self {
            message: Closure::new(move |event: MessageEvent| on_message(Said::Frame(event.data()))),
            close: Closure::new(move |event: CloseEvent| {
                on_close(Said::Ended(Ending::of(event.code(), event.reason())));
            }),
            error: Closure::new(move |_: Event| on_error(Said::Ended(Ending::Lost))),
            socket,
        };
        for (name, listener) in line.listeners() {
            line.raw().add_event_listener_with_callback(name, listener.unchecked_ref())?;
        }
        line.socket.accept()?;
        Ok(line)
    }

    /// What can't be sent any more is dropped: that it ended is heard, too.
    pub fn send(&self, text: &JsValue) {
        let _ = platform::send(&self.socket, text);
    }

    /// Says that this side has nothing more to say; the other's end is heard.
    pub fn close(&self, code: Option<u16>, reason: &str) {
        // It fails where the other side closed first.
        let _ = self.socket.close(code, Some(reason));
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

impl Drop for Line {
    fn drop(&mut self) {
        for (name, listener) in self.listeners() {
            let _ = self.raw().remove_event_listener_with_callback(name, listener.unchecked_ref());
        }
        // As a socket ends whose page went. One that was closed stays as it is.
        self.close(Some(1001), "");
    }
}
