//! One client socket for many rooms. [`crate::connection`] implements the rules
//! of our protocol, and [`crate::pusher`] those of Pusher's. This module owns the
//! sockets. It forwards the rooms' frames unchanged, or in Pusher's form.

use std::cell::{OnceCell, RefCell};
use std::rc::{Rc, Weak};

use js_sys::JsString;
use litemap::LiteMap;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::spawn_local;
use worker::web_sys::Response;
use worker::{Result, WebSocket, WebSocketPair};

use super::super::answer::upgraded;
use super::super::config::Config;
use super::super::platform::{self, now};
use super::super::room_stubs::RoomStubs;
use super::super::timer::Timer;
use super::super::verifier;
use super::super::worker_socket::{Relay, SocketEvent, WorkerSocket, is_too_large};
use super::waiting::Waiting;
use crate::auth::{Claims, Identity};
use crate::close_reason::CloseReason;
use crate::code::{Code, Refusal};
use crate::connection::{Connection, ConnectionEffect, ConnectionInput, RoomFrameKind};
use crate::limits;
use crate::protocol::{PING, PONG, RoomName, Start};
use crate::pusher::{self, App, PusherSocket, SocketId};
use crate::room;
use crate::session::{BridgeFrame, Transport};
use crate::time::Millis;

/// The sockets of one connection. The listener of the client's socket owns this
/// value, so the value lives as long as that socket.
struct Bridge {
    config: Rc<Config>,
    rooms: RoomStubs,
    rules: RefCell<Rules>,
    client: RefCell<Option<WorkerSocket>>,
    /// Forwards the frames of rooms that need no change.
    relay: Option<Relay>,
    transport: Transport,
    room_sockets: RefCell<LiteMap<RoomName, WorkerSocket>>,
    /// The connection's entry in the list of sockets that wait.
    waiting: Waiting,
    timer: RefCell<Option<Timer>>,
    close_reason: OnceCell<CloseReason>,
}

/// The rules of a client's socket.
enum Rules {
    Connection(Connection),
    Pusher(PusherSocket),
}

impl Rules {
    fn handle(
        &mut self,
        input: ConnectionInput,
        unread: u64,
        now: Millis,
    ) -> Vec<ConnectionEffect> {
        match self {
            Self::Connection(rules) => rules.handle(input, unread, now),
            Self::Pusher(rules) => rules.handle(input, unread, now),
        }
    }

    fn deadline(&self) -> Option<Millis> {
        match self {
            Self::Connection(rules) => rules.deadline(),
            Self::Pusher(rules) => rules.deadline(),
        }
    }

    fn is_waiting(&self) -> bool {
        match self {
            Self::Connection(rules) => rules.is_waiting(),
            Self::Pusher(rules) => rules.is_waiting(),
        }
    }
}

/// Accepts a connection for many rooms.
pub fn connect(
    config: &Rc<Config>,
    rooms: &RoomStubs,
    claims: Option<Claims>,
    subprotocols: Option<&str>,
) -> Result<Response> {
    let sockets = WebSocketPair::new()?;
    let window_bytes = platform::number(limits::CONNECTION_WINDOW_BYTES);
    let relay = Relay::new(sockets.server.as_ref(), window_bytes, PONG);
    let (rules, effects) = Connection::begin(claims, config.public_rooms.clone(), now());
    let rules = Rules::Connection(rules);
    let client =
        Bridge::start(config, rooms, sockets, rules, Some(relay), Transport::Connection, effects)?;
    upgraded(&client, subprotocols)
}

/// Accepts the socket of a client of Pusher's protocol. If the client can't
/// connect, `app` is the reason, which the client receives in its first frame.
pub fn connect_pusher(
    config: &Rc<Config>,
    rooms: &RoomStubs,
    app: std::result::Result<Rc<App>, pusher::Rejection>,
) -> Result<Response> {
    let sockets = WebSocketPair::new()?;
    let (one, other) = (platform::random()?, platform::random()?);
    let (rules, effects) = match app {
        Ok(app) => PusherSocket::begin(app, SocketId::new(one, other), now()),
        Err(rejection) => return reject_pusher(sockets, &rejection),
    };
    let rules = Rules::Pusher(rules);
    let client = Bridge::start(config, rooms, sockets, rules, None, Transport::Pusher, effects)?;
    upgraded(&client, None)
}

fn reject_pusher(sockets: WebSocketPair, rejection: &pusher::Rejection) -> Result<Response> {
    let WebSocketPair { client, server } = sockets;
    server.accept()?;
    server.send_with_str(rejection.frame())?;
    server.close(Some(rejection.code), Some(rejection.message))?;
    upgraded(&client, None)
}

impl Bridge {
    /// Accepts the client's socket, and returns the client's end of it.
    fn start(
        config: &Rc<Config>,
        rooms: &RoomStubs,
        WebSocketPair { client, server }: WebSocketPair,
        rules: Rules,
        relay: Option<Relay>,
        transport: Transport,
        effects: Vec<ConnectionEffect>,
    ) -> Result<WebSocket> {
        let bridge = Rc::new(Self {
            config: Rc::clone(config),
            rooms: rooms.clone(),
            rules: RefCell::new(rules),
            client: RefCell::default(),
            relay,
            transport,
            room_sockets: RefCell::default(),
            waiting: Waiting::default(),
            timer: RefCell::default(),
            close_reason: OnceCell::new(),
        });
        let listener = Rc::clone(&bridge);
        let on_event = Rc::new(move |event| listener.on_client_event(event));
        bridge.client.replace(Some(WorkerSocket::accept(server, on_event, None)?));
        bridge.perform(effects);
        Ok(client)
    }

    fn on_client_event(self: &Rc<Self>, event: SocketEvent) {
        match event {
            SocketEvent::Frame(frame) if is_too_large(&frame) => {
                self.handle(ConnectionInput::TooLarge)
            }
            SocketEvent::Frame(frame) => match frame.as_string() {
                Some(text) => self.handle(ConnectionInput::Text(&text)),
                None => self.handle(ConnectionInput::Binary),
            },
            SocketEvent::Ended(close_reason) => self.handle(ConnectionInput::Gone(close_reason)),
        }
    }

    fn on_room_event(self: &Rc<Self>, room: &RoomName, event: SocketEvent) {
        match event {
            SocketEvent::Frame(frame) => self.forward(room, &frame),
            SocketEvent::Ended(close_reason) => {
                let socket = self.room_sockets.borrow_mut().remove(room);
                drop(socket);
                self.handle(ConnectionInput::Ended { room: room.clone(), close_reason });
            }
        }
    }

    fn forward(self: &Rc<Self>, room: &RoomName, frame: &JsValue) {
        let unread = self.unread();
        let (passes, effects) = match &mut *self.rules.borrow_mut() {
            Rules::Connection(rules) => self.relayed(rules, room, frame, unread),
            Rules::Pusher(rules) => {
                let frame = frame.as_string().unwrap_or_default();
                (false, rules.handle_room_frame(room, &frame, unread, now()))
            }
        };
        if passes {
            self.send(frame);
        }
        if !effects.is_empty() {
            self.perform(effects);
        }
    }

    /// Decides whether a room's frame is forwarded unchanged. Only the first
    /// characters of the frame are read. While the client reads its frames, the
    /// relay forwards them instead.
    fn relayed(
        &self,
        rules: &mut Connection,
        room: &RoomName,
        frame: &JsValue,
        unread: u64,
    ) -> (bool, Vec<ConnectionEffect>) {
        let head: String =
            frame.unchecked_ref::<JsString>().substring(0, RoomFrameKind::HEAD).into();
        let decision = rules.should_forward(room, RoomFrameKind::read(&head), unread, now());
        if let Some(relay) = &self.relay {
            relay.set_paused(rules.is_paused());
        }
        decision
    }

    /// Returns the number of bytes that the client has not read.
    fn unread(&self) -> u64 {
        self.client.borrow().as_ref().map_or(0, WorkerSocket::unread)
    }

    fn handle(self: &Rc<Self>, input: ConnectionInput) {
        let effects = self.rules.borrow_mut().handle(input, self.unread(), now());
        self.perform(effects);
    }

    fn perform(self: &Rc<Self>, effects: Vec<ConnectionEffect>) {
        let mut verdict = None;
        for effect in effects {
            match effect {
                ConnectionEffect::Send(text) => self.send(&JsValue::from_str(&text)),
                ConnectionEffect::Verify { token } => verdict = self.verify(token),
                ConnectionEffect::Open { room, identity, start } => {
                    self.open(room, identity, start)
                }
                ConnectionEffect::Forward { room, text } => {
                    self.with_room_socket(&room, |socket| socket.send(&JsValue::from_str(&text)));
                }
                ConnectionEffect::PingRooms => {
                    let ping = JsValue::from_str(PING);
                    self.room_sockets.borrow().values().for_each(|socket| socket.send(&ping));
                }
                ConnectionEffect::Renew { room, identity } => {
                    let identity = BridgeFrame::identity(&identity);
                    self.with_room_socket(&room, |socket| socket.send_bytes(&identity));
                }
                ConnectionEffect::Pause { room, paused } => {
                    let pause = BridgeFrame::pause(paused);
                    self.with_room_socket(&room, |socket| socket.send_bytes(&pause));
                }
                ConnectionEffect::Leave { room } => {
                    let enough = CloseReason::Closed { code: 1000, reason: String::new() };
                    self.with_room_socket(&room, |socket| socket.close(&enough));
                }
                ConnectionEffect::End(close_reason) => self.end(close_reason),
            }
        }
        self.arm();
        if let Some(verdict) = verdict {
            self.handle_verdict(verdict);
        }
    }

    fn handle_verdict(self: &Rc<Self>, verdict: std::result::Result<Claims, Refusal>) {
        if let Err(refusal) = &verdict {
            self.rooms.count_refusal(refusal);
        }
        self.handle(ConnectionInput::Verified(verdict));
    }

    fn send(&self, text: &JsValue) {
        if let Some(client) = &*self.client.borrow() {
            client.send(text);
        }
    }

    fn with_room_socket(&self, room: &RoomName, act: impl FnOnce(&WorkerSocket)) {
        if let Some(socket) = self.room_sockets.borrow().get(room) {
            act(socket);
        }
    }

    fn verify(self: &Rc<Self>, token: String) -> Option<std::result::Result<Claims, Refusal>> {
        let verdict = verifier::claims_without_wait(&self.config, &token);
        if verdict.is_none() {
            let bridge = Rc::clone(self);
            spawn_local(async move {
                let verdict = verifier::claims(&bridge.config, &token).await;
                bridge.handle_verdict(verdict);
            });
        }
        verdict
    }

    fn open(self: &Rc<Self>, room: RoomName, identity: Identity, start: Start) {
        let bridge = Rc::clone(self);
        self.rooms.wait_until(async move {
            let via = room::Bridge {
                transport: bridge.transport,
                window_bytes: Some(limits::BRIDGE_WINDOW_BYTES),
            };
            let on_event = Rc::new(on_room_event(Rc::downgrade(&bridge), room.clone()));
            match bridge
                .rooms
                .connect(&room, &identity, start, via, on_event, bridge.relay.as_ref())
                .await
            {
                Ok(socket) => match bridge.close_reason.get() {
                    Some(close_reason) => socket.close(close_reason),
                    None => {
                        bridge.room_sockets.borrow_mut().insert(room.clone(), socket);
                        bridge.handle(ConnectionInput::Opened { room });
                    }
                },
                Err(Refusal { code: Code::Restarting, .. }) => {
                    bridge.handle(ConnectionInput::Exhausted)
                }
                Err(refusal) => {
                    let close_reason = CloseReason::refused(&refusal);
                    bridge.handle(ConnectionInput::Ended { room, close_reason });
                }
            }
        });
    }

    fn end(&self, close_reason: CloseReason) {
        let client = self.client.take();
        let room_sockets = self.room_sockets.take();
        client.iter().chain(room_sockets.values()).for_each(|socket| socket.close(&close_reason));
        let _ = self.close_reason.set(close_reason);
    }

    /// Sets the timer for the next deadline. If the timer fires too early, it
    /// is set again.
    fn arm(self: &Rc<Self>) {
        self.waiting.set(self.rules.borrow().is_waiting());
        let deadline = self.rules.borrow().deadline();
        let deadline = deadline.map(|deadline| self.waiting.next_check(deadline));
        let mut timer = self.timer.borrow_mut();
        match (deadline, &*timer) {
            (None, _) => *timer = None,
            (Some(deadline), Some(timer)) if timer.at() <= deadline => {}
            (Some(deadline), _) => {
                let bridge = Rc::downgrade(self);
                *timer = Some(Timer::set(deadline, move || fire(&bridge)));
            }
        }
    }
}

/// Returns the listener of a room's socket. The listener has only a weak
/// reference to the bridge, because the bridge owns the socket.
fn on_room_event(bridge: Weak<Bridge>, room: RoomName) -> impl Fn(SocketEvent) {
    move |event| {
        if let Some(bridge) = bridge.upgrade() {
            bridge.on_room_event(&room, event);
        }
    }
}

fn fire(bridge: &Weak<Bridge>) {
    if let Some(bridge) = bridge.upgrade() {
        bridge.timer.replace(None);
        let must_close = bridge.waiting.must_close();
        bridge.handle(if must_close {
            ConnectionInput::TooManyWaiting
        } else {
            ConnectionInput::Tick
        });
    }
}
