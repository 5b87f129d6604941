//! The Durable Object. Each callback of the runtime becomes an input of the
//! room, and the room's effects are performed before the callback returns.
//!
//! There is no `await` between an input and the last of its effects. So no
//! other callback runs in between, and no borrow spans an `await`.

mod effects;

use std::cell::RefCell;
use std::rc::Rc;

use futures_channel::oneshot;
use worker::{
    DurableObject, Env, Request, Response, Result, State, WebSocket, WebSocketIncomingMessage,
    WebSocketPair, WebSocketRequestResponsePair, console_error, durable_object,
};

use super::config::{Config, config};
use super::inbox::{Flush, Inbox, QueuedInput};
use super::request::{RequestHead, SUBPROTOCOLS, body_too_large};
use super::sockets::Sockets;
use super::sql_store::SqlStore;
use super::{answer, platform};
use crate::auth::Identity;
use crate::code::{Code, Refusal};
use crate::limits;
use crate::protocol::{PING, PONG, RoomName, Start};
use crate::room::{Answer, Effect, Input, Room};
use crate::route::{Call, Request as RoomRequest, Route};
use crate::session::{Session, SessionId};
use crate::store::Store;

#[durable_object]
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
    room: Room<SqlStore>,
    sockets: Sockets,
}

impl DurableObject for RoomObject {
    fn new(state: State, env: Env) -> Self {
        // The runtime answers pings without loading the object.
        match WebSocketRequestResponsePair::new(PING, PONG) {
            Ok(pair) => state.set_websocket_auto_response(&pair),
            Err(cause) => console_error!("pings will wake the room: {cause:?}"),
        }
        Self(Rc::new(Object { state, env, loaded: RefCell::new(None), inbox: Inbox::default() }))
    }

    async fn fetch(&self, mut request: Request) -> Result<Response> {
        let head = RequestHead::of(&request, "");
        let (room, call) = match head.route() {
            Ok(Route::Room { room, call }) => (room, call),
            Ok(_) => {
                let message = "a room's object serves only that room";
                return answer::refused(&Refusal::new(Code::NotFound, message));
            }
            Err(refusal) => return answer::refused(&refusal),
        };
        let by = head.identity()?.ok_or("a request reached a room without an identity")?;
        match call {
            Call::Connect(start) => self.0.connect(&room, by, start, &head),
            Call::Request(request_of_room) => {
                let body = request.text().await?;
                // A worker of the operator may call the room without the checks of
                // the public route.
                if body.len() > limits::BODY_BYTES {
                    return answer::refused(&body_too_large());
                }
                answer::answer(self.0.request(room, by, request_of_room, body).await)
            }
        }
    }

    /// Handles the alarm. If the handling fails, sets the alarm again, because
    /// the runtime retries only six times within two minutes. If the alarm
    /// can't be set again, returns an error, so that the runtime retries.
    async fn alarm(&self) -> Result<Response> {
        let rung = self.0.handle_input(None, Input::Alarm);
        if rung.is_err_and(|refusal| refusal.code != Code::Erased) {
            let again = platform::now().plus(limits::ALARM_RETRY_MS);
            platform::set_alarm(&self.0.state.storage(), again)?;
        }
        Response::empty()
    }

    async fn websocket_message(
        &self,
        socket: WebSocket,
        message: WebSocketIncomingMessage,
    ) -> Result<()> {
        self.0.enqueue(QueuedInput::Frame { socket, message });
        Ok(())
    }

    async fn websocket_close(
        &self,
        socket: WebSocket,
        code: usize,
        _reason: String,
        _clean: bool,
    ) -> Result<()> {
        let code = u16::try_from(code).ok();
        self.0.handle_close(&socket, code);
        // The object must answer the peer's Close frame itself. Code 1005 means
        // that the Close frame had no code. Code 1006 means that no Close frame
        // arrived.
        let code = code.filter(|code| !matches!(code, 1005 | 1006));
        // This call fails if the room closed the socket first.
        let _ = socket.close(code, Some(""));
        Ok(())
    }

    async fn websocket_error(&self, socket: WebSocket, _error: worker::Error) -> Result<()> {
        self.0.handle_close(&socket, None);
        Ok(())
    }
}

impl Object {
    /// Adds a session for a new socket, and accepts the socket unless the room
    /// refuses the session. A refused socket is not accepted, because an
    /// accepted socket would keep the object active until the peer answers the
    /// Close frame. A malicious client may never answer that frame.
    fn connect(
        self: &Rc<Self>,
        room: &RoomName,
        identity: Identity,
        start: Start,
        head: &RequestHead,
    ) -> Result<Response> {
        let WebSocketPair { client, server } = WebSocketPair::new()?;
        let session = SessionId(platform::random()?);
        let join = Input::Join {
            session,
            identity,
            start,
            bridge_window_bytes: head.bridge_window_bytes(),
        };
        let joined = self.with_sessions(Some(room), |loaded| {
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
            Ok(()) => answer::upgraded(client, head.header(SUBPROTOCOLS).as_deref()),
            Err(refusal) => answer::refused(&refusal),
        }
    }

    fn accept(
        &self,
        loaded: &mut LoadedRoom,
        session: SessionId,
        socket: WebSocket,
    ) -> std::result::Result<(), Refusal> {
        platform::accept(&self.state, &socket).map_err(|cause| {
            console_error!("room {}: {cause:?}", loaded.name);
            Refusal::new(Code::RoomFull, "the room can't accept another socket")
        })?;
        loaded.sockets.insert(session, socket);
        Ok(())
    }

    async fn request(
        self: &Rc<Self>,
        room: RoomName,
        by: Identity,
        request: RoomRequest,
        body: String,
    ) -> Answer {
        let answer = match request {
            RoomRequest::Publish => {
                let (sender, answer) = oneshot::channel();
                self.enqueue(QueuedInput::Publish { room, by, body, answer: sender });
                answer.await.unwrap_or_else(|_| Err(room_unavailable()))
            }
            RoomRequest::Erase => {
                let input = Input::Request { by, request, body: &body };
                self.handle_input(Some(&room), input).or_else(|_| self.erase_unloaded(&room))
            }
            request => self.handle_input(Some(&room), Input::Request { by, request, body: &body }),
        };
        answer.unwrap_or_else(Answer::Refused)
    }

    fn enqueue(self: &Rc<Self>, input: QueuedInput) {
        match self.inbox.enqueue(input) {
            Flush::Schedule => self.later(0, |object| object.flush_inbox()),
            Flush::Scheduled => {}
            Flush::Now => self.flush_inbox(),
        }
    }

    fn flush_inbox(self: &Rc<Self>) {
        for input in self.inbox.drain() {
            match input {
                QueuedInput::Frame { socket, message } => self.handle_frame(&socket, &message),
                QueuedInput::Publish { room, by, body, answer } => {
                    let input = Input::Request { by, request: RoomRequest::Publish, body: &body };
                    // This call fails if the request was cancelled.
                    let _ = answer.send(self.handle_input(Some(&room), input));
                }
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
    /// the close.
    fn handle_close(self: &Rc<Self>, socket: &WebSocket, code: Option<u16>) {
        self.flush_inbox();
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
        let _ = self.handle_input(None, input);
    }

    /// Handles an input and performs its effects. `name` is the room's name, or
    /// `None` if the callback did not receive the name.
    fn handle_input(
        self: &Rc<Self>,
        name: Option<&RoomName>,
        input: Input,
    ) -> std::result::Result<Answer, Refusal> {
        self.with_room(name, |loaded| {
            if loaded.room.needs_sessions(&input) {
                self.restore_sessions(loaded);
            }
            let effects = loaded.room.handle(input, platform::now());
            Ok(self.perform_all(loaded, effects))
        })
        .map(|performed| {
            if performed.unload {
                *self.loaded.borrow_mut() = None;
            }
            performed.answer.unwrap_or(Answer::NoContent)
        })
    }

    /// Erases a room that can't be loaded, for example because a row is
    /// damaged. No other operation can repair such a room.
    fn erase_unloaded(&self, name: &RoomName) -> std::result::Result<Answer, Refusal> {
        SqlStore::new(&self.state, name.clone()).erase().map_err(|cause| {
            console_error!("room {name}: {cause}");
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
        match &mut *slot {
            Some(loaded) => act(loaded),
            None => match self.load(name.cloned()) {
                Ok(Some(loaded)) => act(slot.insert(loaded)),
                // The room was erased before this callback, which is for a
                // close, an alarm or a timer.
                Ok(None) => Err(Refusal::new(Code::Erased, "the room was erased")),
                Err(cause) => {
                    console_error!("a room can't be loaded: {cause}");
                    Err(room_unavailable())
                }
            },
        }
    }

    /// Loads the room. Returns `None` if no name is given and no name is
    /// stored.
    fn load(&self, name: Option<RoomName>) -> std::result::Result<Option<LoadedRoom>, String> {
        let stored = || SqlStore::stored_name(&self.state).map_err(|cause| cause.to_string());
        let Some(name) = name.map_or_else(stored, |name| Ok(Some(name)))? else { return Ok(None) };
        let config = config(&self.env)?;
        let settings = config.settings.of(&name);
        let store = SqlStore::new(&self.state, name.clone());
        let random = platform::random().map_err(|cause| format!("{cause:?}"))?;
        let room = Room::load(name.clone(), settings, store, platform::now(), random)
            .map_err(|cause| format!("{name}: {cause}"))?
            .with_publish_hook(config.hooks.publish_hook());
        Ok(Some(LoadedRoom { config, name, room, sockets: Sockets::default() }))
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
