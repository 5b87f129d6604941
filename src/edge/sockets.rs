//! The open sockets of a room, and which session each of them is.

use std::collections::BTreeMap;
use std::rc::Rc;

use js_sys::Map;
use wasm_bindgen::JsValue;
use worker::{State, WebSocket};

use super::{answer, platform};
use crate::code::{Code, Refusal};
use crate::limits;
use crate::session::{Session, SessionId};
use crate::time::Millis;

#[derive(Default)]
pub struct Sockets {
    by_session: BTreeMap<SessionId, WebSocket>,
    /// The other way round: the runtime names a socket by its object.
    sessions: Map,
    /// What the room keeps to send it again, and the one JavaScript string of
    /// it: who comes back with many others is sent the same replay as they.
    last_text: Option<(Rc<str>, JsValue)>,
}

impl Sockets {
    /// The sockets that slept, with the sessions they kept. One whose peer has
    /// closed it is among them: that is what wakes the room, and the session
    /// has yet to leave.
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
                // Written by another version of the program, in another way.
                None if platform::is_open(&socket) => answer::close(
                    &socket,
                    &Refusal::new(Code::Restarting, "the room was updated; connect again"),
                ),
                None => {}
            }
        }
        (sockets, sessions)
    }

    pub fn insert(&mut self, id: SessionId, socket: WebSocket) {
        self.sessions.set(socket.as_ref().as_ref(), &JsValue::from_f64(platform::number(id.0)));
        self.by_session.insert(id, socket);
    }

    pub fn session(&self, socket: &WebSocket) -> Option<SessionId> {
        self.sessions
            .get(socket.as_ref().as_ref())
            .as_f64()
            .map(|id| SessionId(platform::integer(id)))
    }

    /// Forgets a socket; whatever it was to be sent is dropped. The runtime may
    /// go on listing it for a while, so it is emptied of its session.
    pub fn remove(&mut self, id: SessionId) -> Option<WebSocket> {
        let socket = self.by_session.remove(&id)?;
        let _ = platform::attach(&socket, "");
        self.sessions.delete(socket.as_ref().as_ref());
        Some(socket)
    }

    /// Sends one text to many, and returns those that turned out to be dead.
    pub fn send(&mut self, to: &[SessionId], text: Rc<str>) -> Vec<SessionId> {
        let last_text =
            self.last_text.as_ref().filter(|(last_text, _)| Rc::ptr_eq(last_text, &text));
        let string =
            last_text.map_or_else(|| JsValue::from_str(&text), |(_, string)| string.clone());
        // Behind a welcome of its own, everybody is sent it.
        if Rc::strong_count(&text) > 1 {
            self.last_text = Some((text, string.clone()));
        }
        let is_dead = |id: &&SessionId| {
            self.by_session.get(*id).is_none_or(|socket| platform::send(socket, &string).is_err())
        };
        to.iter().filter(is_dead).copied().collect()
    }

    /// Those of these that read what they are sent, and those that do not.
    pub fn reading(&self, of: Vec<SessionId>) -> (Vec<SessionId>, Vec<SessionId>) {
        of.into_iter().partition(|id| {
            let socket = self.by_session.get(id);
            socket
                .is_none_or(|socket| platform::buffered_bytes(socket) < limits::UNSENT_BYTES as u64)
        })
    }

    /// When the runtime last answered pings of these.
    pub fn pinged(&self, state: &State, of: &[SessionId]) -> Vec<(SessionId, Millis)> {
        let at = |id: &SessionId| Some((*id, platform::pinged(state, self.by_session.get(id)?)?));
        of.iter().filter_map(at).collect()
    }

    pub fn save_attachment(&self, id: SessionId, attachment: &str) -> Result<(), JsValue> {
        self.by_session.get(&id).map_or(Ok(()), |socket| platform::attach(socket, attachment))
    }

    pub fn close(&mut self, id: SessionId, refusal: &Refusal) {
        if let Some(socket) = self.remove(id) {
            answer::close(&socket, refusal);
        }
    }
}
