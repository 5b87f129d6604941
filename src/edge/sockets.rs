//! The open sockets of a room, and the session of each socket.

use std::rc::Rc;

use js_sys::Map;
use litemap::LiteMap;
use wasm_bindgen::JsValue;
use worker::{State, WebSocket};

use super::{answer, platform};
use crate::code::{Code, Refusal};
use crate::limits;
use crate::session::{Session, SessionId};
use crate::time::Millis;

#[derive(Default)]
pub struct Sockets {
    by_session: LiteMap<SessionId, WebSocket>,
    /// The reverse index, from a socket to its session. The runtime identifies
    /// a socket by its JavaScript object.
    sessions: Map,
    /// The last text that was sent from a cache of the room, with the
    /// JavaScript string of that text. Sessions that reconnect at the same time
    /// are sent the same replay frame.
    last_text: Option<(Rc<str>, JsValue)>,
    /// The frames of sockets that opened in this turn of the event loop
    /// ([`Sockets::open`]). These frames are not sent yet.
    opening: LiteMap<SessionId, Vec<JsValue>>,
}

impl Sockets {
    /// Restores the open sockets and their sessions after hibernation. The
    /// result also contains a socket that its peer has just closed. The close
    /// of that socket loaded the room, and the session of that socket has not
    /// been removed yet.
    pub fn restore(state: &State) -> (Self, Vec<(SessionId, Session)>) {
        let mut sockets = Self::default();
        let mut sessions = Vec::new();
        for socket in state.get_websockets() {
            match platform::attachment(&socket).and_then(|attachment| Session::decode(&attachment))
            {
                Some((id, session)) => {
                    sockets.insert(id, socket);
                    sessions.push((id, session));
                }
                // An incompatible version of the code wrote the attachment.
                None if platform::is_open(&socket) => answer::close(
                    &socket,
                    &Refusal::new(Code::Restarting, "the room was updated; connect again"),
                ),
                None => {}
            }
        }
        (sockets, sessions)
    }

    /// Adds a new socket, whose frames wait until [`Sockets::send_first_frames`].
    /// Returns whether no other socket's frames wait.
    ///
    /// If a frame is sent before the object has returned its response, the frame
    /// waits in the pipe to the client. Such a socket uses 8 kB more memory, for
    /// as long as it is open. If the WebAssembly traps before the frames are
    /// sent, the client connects again after its timeout for `welcome`.
    pub fn open(&mut self, id: SessionId, socket: WebSocket) -> bool {
        self.insert(id, socket);
        let is_first = self.opening.is_empty();
        self.opening.insert(id, Vec::new());
        is_first
    }

    /// Sends the first frames of new sockets. Removes the sockets that are dead,
    /// and returns their sessions.
    pub fn send_first_frames(&mut self) -> Vec<SessionId> {
        let mut dead = Vec::new();
        for (id, frames) in std::mem::take(&mut self.opening) {
            if !frames.iter().all(|frame| self.send_frame(id, frame)) {
                self.remove(id);
                dead.push(id);
            }
        }
        dead
    }

    fn insert(&mut self, id: SessionId, socket: WebSocket) {
        self.sessions.set(socket.as_ref().as_ref(), &JsValue::from_f64(platform::number(id.0)));
        self.by_session.insert(id, socket);
    }

    pub fn session(&self, socket: &WebSocket) -> Option<SessionId> {
        self.sessions
            .get(socket.as_ref().as_ref())
            .as_f64()
            .map(|id| SessionId(platform::integer(id)))
    }

    /// Removes a socket. Later texts to its session are dropped. The runtime
    /// may still list the socket for a while, so its attachment is cleared.
    pub fn remove(&mut self, id: SessionId) -> Option<WebSocket> {
        self.opening.remove(&id);
        let socket = self.by_session.remove(&id)?;
        let _ = platform::attach(&socket, "");
        self.sessions.delete(socket.as_ref().as_ref());
        Some(socket)
    }

    /// Sends one text to many sessions. Returns the sessions whose sockets are
    /// dead.
    pub fn send(&mut self, to: &[SessionId], text: Rc<str>) -> Vec<SessionId> {
        let last_text =
            self.last_text.as_ref().filter(|(last_text, _)| Rc::ptr_eq(last_text, &text));
        let string =
            last_text.map_or_else(|| JsValue::from_str(&text), |(_, string)| string.clone());
        // If the text has a second owner, this owner is a cache of the room,
        // and the room may send the text again.
        if Rc::strong_count(&text) > 1 {
            self.last_text = Some((text, string.clone()));
        }
        to.iter().copied().filter(|id| !self.deliver(*id, &string)).collect()
    }

    /// Sends a frame, or adds it to the first frames of a socket that is
    /// opening. Returns whether the session has a socket that is not dead.
    fn deliver(&mut self, id: SessionId, frame: &JsValue) -> bool {
        match self.opening.get_mut(&id) {
            Some(frames) => {
                frames.push(frame.clone());
                true
            }
            None => self.send_frame(id, frame),
        }
    }

    fn send_frame(&self, id: SessionId, frame: &JsValue) -> bool {
        self.by_session.get(&id).is_some_and(|socket| platform::send(socket, frame).is_ok())
    }

    /// Splits sessions into two lists: sessions that read their frames, and
    /// sessions that don't. A session doesn't read its frames if its socket has
    /// [`limits::UNSENT_BYTES`] or more unsent bytes.
    pub fn split_readers(&self, of: Vec<SessionId>) -> (Vec<SessionId>, Vec<SessionId>) {
        of.into_iter().partition(|id| {
            let socket = self.by_session.get(id);
            socket
                .is_none_or(|socket| platform::buffered_bytes(socket) < limits::UNSENT_BYTES as u64)
        })
    }

    /// Returns each session with the time at which the runtime last answered a
    /// ping of that session. Sessions that never sent a ping are omitted.
    pub fn pinged(&self, state: &State, of: &[SessionId]) -> Vec<(SessionId, Millis)> {
        let at = |id: &SessionId| Some((*id, platform::pinged(state, self.by_session.get(id)?)?));
        of.iter().filter_map(at).collect()
    }

    pub fn save_attachment(&self, id: SessionId, attachment: &str) -> Result<(), JsValue> {
        self.by_session.get(&id).map_or(Ok(()), |socket| platform::attach(socket, attachment))
    }

    pub fn close(&mut self, id: SessionId, refusal: &Refusal) {
        for frame in self.opening.remove(&id).unwrap_or_default() {
            self.send_frame(id, &frame);
        }
        if let Some(socket) = self.remove(id) {
            answer::close(&socket, refusal);
        }
    }
}
