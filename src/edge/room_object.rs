//! The Durable Object. Each callback of the runtime becomes an input of the
//! room, and the room's effects are performed before the callback returns.
//!
//! There is no `await` between an input and the last of its effects. So no
//! other callback runs in between, and no borrow spans an `await`.

mod effects;

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;

use js_sys::{Function, Uint8Array};
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;
use worker::web_sys::{Request, Response, WebSocket as RawSocket};
use worker::worker_sys::DurableObjectState;
use worker::{
    Env, Result, State, WebSocket, WebSocketIncomingMessage, WebSocketPair,
    WebSocketRequestResponsePair,
};

use super::config::{Config, config};
use super::inbox::{Answered, Flush, Inbox, QueuedInput, Reply};
use super::request::{ReceivedRequest, ReceivedUpgrade};
use super::sockets::Sockets;
use super::sql_store::SqlStore;
use super::{answer, log, platform};
use crate::code::{Code, Refusal};
use crate::limits;
use crate::protocol::{PING, PONG, RoomName};
use crate::room::{Answer, Effect, Input, Room};
use crate::route::Request as RoomRequest;
use crate::session::{Session, SessionId};
use crate::store::Store;

/// The object of one room. The methods are those of the class in `entry.js`,
/// without the promises that a callback does not need.
#[wasm_bindgen]
pub struct RoomObject(Rc<Object>);

struct Object {
    state: State,
    env: Env,
    loaded: RefCell<Option<LoadedRoom>>,
    inbox: Inbox,
}

/// The room and its sockets, which are in memory while the object is active.
struct LoadedRoom {
    config: Rc<Config>,
    name: RoomName,
    /// Whether the object is in the jurisdiction of the room.
    is_in_place: bool,
    room: Room<SqlStore>,
    sockets: Sockets,
}

/// The reason for which an object answers no request. Its alarm still erases it.
const MISPLACED: &str = "the object is not in the jurisdiction that ROOM_SETTINGS has";

/// The results of the performed effects.
#[derive(Default)]
struct Performed {
    inputs: VecDeque<Input<'static>>,
    answer: Option<Answer>,
    /// The report that the answer passes to the worker.
    report: Option<String>,
    unload: bool,
}

#[wasm_bindgen]
impl RoomObject {
    #[wasm_bindgen(constructor)]
    pub fn new(state: DurableObjectState, env: Env) -> Self {
        let state = State::from(state);
        // The runtime answers pings without loading the object.
        match WebSocketRequestResponsePair::new(PING, PONG) {
            Ok(pair) => state.set_websocket_auto_response(&pair),
            Err(cause) => log::error("pings_wake_rooms", &[("cause", &format!("{cause:?}"))]),
        }
        Self(Rc::new(Object { state, env, loaded: RefCell::new(None), inbox: Inbox::default() }))
    }

    /// Answers an upgrade of the worker. An exception would count as a trap, so
    /// an error of the platform is logged and answered.
    pub fn connect(&self, request: &Request) -> std::result::Result<Response, JsValue> {
        let upgrade = ReceivedUpgrade::of(request)
            .ok_or_else(|| "a request reached a room's object without passing the worker".into());
        let response = upgrade.and_then(|upgrade| self.0.connect(upgrade)).or_else(|cause| {
            log::error("platform_failed", &[("cause", &cause.to_string())]);
            answer::refused(&room_unavailable())
        });
        response.map_err(Into::into)
    }

    /// Handles a request of the worker. `call` is the text of a
    /// [`RoomCall`](super::request::RoomCall). The answer is passed to the
    /// function `answer`, with the room's report if the caller takes it.
    pub fn request(&self, call: &str, body: &JsValue, takes_report: bool, answer: Function) {
        let reply = Reply::new(answer);
        match ReceivedRequest::parse(call, body, takes_report) {
            Ok(request) => self.0.request(request, reply),
            Err(refusal) => reply.send(Answered::refused(refusal)),
        }
    }

    /// Handles the alarm. If the handling fails, sets the alarm again, because
    /// the runtime retries only six times within two minutes. If the alarm
    /// can't be set again, fails, so that the runtime retries.
    pub async fn alarm(&self) -> std::result::Result<(), JsValue> {
        let rung = self.0.perform_input(None, Input::Alarm);
        if rung.is_err_and(|refusal| refusal.code != Code::Erased) {
            let again = platform::now().plus(limits::ALARM_RETRY_MS);
            platform::set_alarm(&self.0.state.storage(), again)?;
        }
        Ok(())
    }

    #[wasm_bindgen(js_name = webSocketMessage)]
    pub fn websocket_message(&self, socket: RawSocket, message: &JsValue) {
        let message = match message.as_string() {
            Some(text) => WebSocketIncomingMessage::String(text),
            None => WebSocketIncomingMessage::Binary(Uint8Array::new(message).to_vec()),
        };
        self.0.enqueue(QueuedInput::Frame { socket: socket.into(), message });
    }

    #[wasm_bindgen(js_name = webSocketClose)]
    pub fn websocket_close(&self, socket: RawSocket, code: u16) {
        let socket = WebSocket::from(socket);
        self.0.handle_close(&socket, Some(code));
        // The object must answer the peer's Close frame itself. Code 1005 means
        // that the Close frame had no code. Code 1006 means that no Close frame
        // arrived. The call fails if the room closed the socket first.
        let code = (!matches!(code, 1005 | 1006)).then_some(code);
        let _ = socket.close(code, Some(""));
    }

    #[wasm_bindgen(js_name = webSocketError)]
    pub fn websocket_error(&self, socket: RawSocket) {
        self.0.handle_close(&socket.into(), None);
    }
}

impl Object {
    /// Adds a session for a new socket, and accepts the socket unless the room
    /// refuses the session. A refused socket is not accepted, because an
    /// accepted socket would keep the object active until the peer answers the
    /// Close frame. A malicious client may never answer that frame.
    fn connect(self: &Rc<Self>, upgrade: ReceivedUpgrade) -> Result<Response> {
        let ReceivedUpgrade { room, identity, start, bridge, subprotocols } = upgrade;
        let WebSocketPair { client, server } = WebSocketPair::new()?;
        let session = SessionId(platform::random()?);
        let join = Input::Join { session, identity, start, bridge };
        let joined = self.with_sessions(Some(&room), |loaded| {
            let effects = loaded.room.handle(join, platform::now());
            let accepted = match refusal_in(&effects, session) {
                Some(refusal) => Err(refusal),
                None => self.accept(loaded, session, server),
            };
            // If the socket was not accepted, performing the effects also
            // removes the session, because the session has no socket.
            self.perform_all(loaded, effects);
            accepted
        });
        match joined {
            Ok(()) => answer::upgraded(&client, Some(&subprotocols)),
            Err(refusal) => answer::refused(&refusal),
        }
    }

    fn accept(
        self: &Rc<Self>,
        loaded: &mut LoadedRoom,
        session: SessionId,
        socket: WebSocket,
    ) -> std::result::Result<(), Refusal> {
        platform::accept(&self.state, &socket).map_err(|cause| {
            log::room_failed(loaded.name.as_str(), &format!("{cause:?}"));
            Refusal::new(Code::RoomFull, "the room can't accept another socket")
        })?;
        if loaded.sockets.open(session, socket) {
            self.later(0, |object| object.send_first_frames());
        }
        Ok(())
    }

    fn request(self: &Rc<Self>, request: ReceivedRequest, reply: Reply) {
        match request.request {
            RoomRequest::Publish => self.enqueue(QueuedInput::Publish { request, reply }),
            RoomRequest::Erase => {
                let room = request.room.clone();
                let erased = self.answer(request);
                reply.send(match erased.answer {
                    Answer::Refused(_) => Answered::new(self.erase_unloaded(&room)),
                    _ => erased,
                });
            }
            _ => reply.send(self.answer(request)),
        }
    }

    fn answer(self: &Rc<Self>, request: ReceivedRequest) -> Answered {
        let ReceivedRequest { room, by, request, body, takes_report } = request;
        let input = Input::Request { by, request, body: &body, takes_report };
        match self.perform_input(Some(&room), input) {
            Ok(Performed { answer, report, .. }) => {
                Answered { answer: answer.unwrap_or(Answer::NoContent), report }
            }
            Err(refusal) => Answered::refused(refusal),
        }
    }

    fn enqueue(self: &Rc<Self>, input: QueuedInput) {
        match self.inbox.enqueue(input, platform::now()) {
            Flush::Schedule => self.later(0, |object| object.flush_inbox()),
            Flush::Scheduled => {}
            Flush::Now => self.flush_inbox(),
        }
    }

    fn flush_inbox(self: &Rc<Self>) {
        for input in self.inbox.drain() {
            match input {
                QueuedInput::Frame { socket, message } => self.handle_frame(&socket, &message),
                QueuedInput::Publish { request, reply } => reply.send(self.answer(request)),
            }
        }
    }

    fn handle_frame(self: &Rc<Self>, socket: &WebSocket, message: &WebSocketIncomingMessage) {
        let session = match self.with_sessions(None, |loaded| Ok(loaded.sockets.session(socket))) {
            Ok(Some(session)) => session,
            Ok(None) => return,
            // The frame is lost. The socket is closed, so that the client
            // resumes.
            Err(refusal) => return answer::close(socket, &refusal),
        };
        self.handle_event(match message {
            WebSocketIncomingMessage::String(text) => Input::Text { session, text },
            WebSocketIncomingMessage::Binary(bytes) => Input::Binary { session, bytes },
        });
    }

    /// Handles the frames that arrived before a socket closed, and then handles
    /// the close. A socket that closes right after it opened is first sent its
    /// first frames.
    fn handle_close(self: &Rc<Self>, socket: &WebSocket, code: Option<u16>) {
        self.flush_inbox();
        self.send_first_frames();
        let removed = self.with_sessions(None, |loaded| {
            let session = loaded.sockets.session(socket);
            session.map(|session| loaded.sockets.remove(session));
            Ok(session)
        });
        match removed {
            Ok(Some(session)) => self.handle_event(Input::Gone { session, code }),
            Ok(None) => {}
            Err(_) => self.handle_close_unloaded(socket),
        }
    }

    /// Handles the close of a socket whose room can't be loaded. If the
    /// socket's session was a member, the room can't report that the member
    /// left. So all sessions of the room are closed. When the clients
    /// reconnect, they receive the list of members.
    fn handle_close_unloaded(&self, socket: &WebSocket) {
        let attachment = platform::attachment(socket);
        if attachment.is_some_and(|attachment| Session::has_members(&attachment)) {
            self.close_unloaded(&Refusal::new(
                Code::Restarting,
                "a member was lost; connect again",
            ));
        }
    }

    /// Handles an input that has no answer.
    fn handle_event(self: &Rc<Self>, input: Input) {
        // The error has already been written to the operator's log.
        let _ = self.perform_input(None, input);
    }

    /// Handles an input and performs its effects. `name` is the room's name, or
    /// `None` if the callback did not receive the name.
    fn perform_input(
        self: &Rc<Self>,
        name: Option<&RoomName>,
        input: Input,
    ) -> std::result::Result<Performed, Refusal> {
        let performed = self.with_room(name, |loaded| {
            if loaded.room.needs_sessions(&input) {
                self.restore_sessions(loaded);
            }
            let effects = loaded.room.handle(input, platform::now());
            Ok(self.perform_all(loaded, effects))
        })?;
        if performed.unload {
            *self.loaded.borrow_mut() = None;
        }
        Ok(performed)
    }

    /// Erases a room that can't be loaded, for example because a row is
    /// damaged. No other operation can repair such a room.
    fn erase_unloaded(&self, name: &RoomName) -> std::result::Result<Answer, Refusal> {
        SqlStore::new(&self.state, name.clone()).erase().map_err(|cause| {
            log::room_failed(name.as_str(), &cause.to_string());
            room_unavailable()
        })?;
        self.close_unloaded(&Refusal::new(Code::Erased, "the room was erased"));
        Ok(Answer::NoContent)
    }

    /// Closes every socket of a room that can't be loaded.
    fn close_unloaded(&self, refusal: &Refusal) {
        let (mut sockets, sessions) = Sockets::restore(&self.state);
        sessions.iter().for_each(|(session, _)| sockets.close(*session, refusal));
    }

    /// Restores the sessions and sockets of the room, and then calls a function
    /// with the room.
    fn with_sessions<T>(
        self: &Rc<Self>,
        name: Option<&RoomName>,
        act: impl FnOnce(&mut LoadedRoom) -> std::result::Result<T, Refusal>,
    ) -> std::result::Result<T, Refusal> {
        self.with_room(name, |loaded| {
            self.restore_sessions(loaded);
            act(loaded)
        })
    }

    /// Restores the sessions of the open sockets if these sessions are not
    /// restored yet.
    fn restore_sessions(self: &Rc<Self>, loaded: &mut LoadedRoom) {
        if !loaded.room.sessions_restored() {
            let (sockets, sessions) = Sockets::restore(&self.state);
            loaded.sockets = sockets;
            let effects = loaded.room.restore_sessions(sessions, platform::now());
            self.perform_all(loaded, effects);
        }
    }

    /// Loads the room if it is not loaded, and then calls a function with the
    /// room. Only a request contains the room's name. Other callbacks use the
    /// stored name.
    fn with_room<T>(
        &self,
        name: Option<&RoomName>,
        act: impl FnOnce(&mut LoadedRoom) -> std::result::Result<T, Refusal>,
    ) -> std::result::Result<T, Refusal> {
        let mut slot = self.loaded.borrow_mut();
        let loaded = match &mut *slot {
            Some(loaded) => loaded,
            None => match self.load(name.cloned()) {
                Ok(Some(loaded)) => slot.insert(loaded),
                // The room was erased before this callback, which is for a
                // close, an alarm or a timer.
                Ok(None) => return Err(Refusal::new(Code::Erased, "the room was erased")),
                Err(cause) => {
                    log::error("room_unloadable", &[("cause", &cause)]);
                    return Err(room_unavailable());
                }
            },
        };
        if name.is_some() && !loaded.is_in_place {
            log::room_failed(loaded.name.as_str(), MISPLACED);
            return Err(room_unavailable());
        }
        act(loaded)
    }

    /// Loads the room. Returns `None` if no name is given and no name is
    /// stored. For a request, fails before anything is stored if the object is
    /// not in the jurisdiction of the room.
    fn load(&self, name: Option<RoomName>) -> std::result::Result<Option<LoadedRoom>, String> {
        let is_request = name.is_some();
        let stored = || SqlStore::stored_name(&self.state).map_err(|cause| cause.to_string());
        let Some(name) = name.map_or_else(stored, |name| Ok(Some(name)))? else { return Ok(None) };
        let config = config(&self.env)?;
        let settings = config.settings.of(&name);
        let is_in_place =
            platform::is_in_jurisdiction(&self.env, &self.state, settings.jurisdiction)
                .map_err(|cause| format!("{name}: {cause:?}"))?;
        if is_request && !is_in_place {
            return Err(format!("{name}: {MISPLACED}"));
        }
        let store = SqlStore::new(&self.state, name.clone());
        let random = platform::random().map_err(|cause| format!("{cause:?}"))?;
        let room = Room::load(name.clone(), settings, store, platform::now(), random)
            .map_err(|cause| format!("{name}: {cause}"))?
            .with_publish_hook(config.hooks.publish_hook())
            .with_reports(settings.directory);
        Ok(Some(LoadedRoom { config, name, is_in_place, room, sockets: Sockets::default() }))
    }
}

/// Returns the refusal with which the room closes the joining session. Returns
/// `None` if the room does not close that session.
fn refusal_in(effects: &[Effect], joining: SessionId) -> Option<Refusal> {
    effects.iter().find_map(|effect| match effect {
        Effect::Close { session, refusal } if *session == joining => Some(refusal.clone()),
        _ => None,
    })
}

fn room_unavailable() -> Refusal {
    Refusal::new(Code::Internal, "the room is unavailable; try again")
}
