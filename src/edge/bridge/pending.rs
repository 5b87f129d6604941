//! A client's socket that was opened for one room without a token.
//! [`crate::pending`] implements the rules. This module owns the sockets. Once
//! the socket to the room is open, this module forwards frames unchanged in
//! both directions.

use std::cell::RefCell;
use std::rc::{Rc, Weak};

use wasm_bindgen::JsValue;
use wasm_bindgen_futures::spawn_local;
use worker::web_sys::Response;
use worker::{Result, WebSocketPair};

use super::super::answer::upgraded;
use super::super::config::Config;
use super::super::platform::now;
use super::super::room_stubs::RoomStubs;
use super::super::timer::Timer;
use super::super::verifier;
use super::super::worker_socket::{SocketEvent, WorkerSocket, is_too_large};
use super::waiting::Waiting;
use crate::auth::Identity;
use crate::close_reason::CloseReason;
use crate::pending::{PendingEffect, PendingInput, PendingSocket};
use crate::protocol::{RoomName, Start};
use crate::room::Bridge;

/// The client's socket and the socket to the room. The listener of the client's
/// socket owns this value, so the value lives as long as that socket.
struct Pending {
    config: Rc<Config>,
    rooms: RoomStubs,
    room: RoomName,
    start: Start,
    rules: RefCell<PendingSocket>,
    client: RefCell<Option<WorkerSocket>>,
    room_socket: RefCell<Option<WorkerSocket>>,
    waiting: Waiting,
    timer: RefCell<Option<Timer>>,
}

/// Accepts a socket whose token must arrive in its first frame.
pub fn pending(
    config: &Rc<Config>,
    rooms: &RoomStubs,
    room: RoomName,
    start: Start,
    subprotocols: Option<&str>,
) -> Result<Response> {
    let WebSocketPair { client, server } = WebSocketPair::new()?;
    let pending = Rc::new(Pending {
        config: Rc::clone(config),
        rooms: rooms.clone(),
        rules: RefCell::new(PendingSocket::new(room.clone(), now())),
        room,
        start,
        client: RefCell::default(),
        room_socket: RefCell::default(),
        waiting: Waiting::default(),
        timer: RefCell::default(),
    });
    let listener = Rc::clone(&pending);
    let socket =
        WorkerSocket::accept(server, Rc::new(move |event| listener.on_client_event(event)), None)?;
    pending.client.replace(Some(socket));
    pending.arm();
    upgraded(&client, subprotocols)
}

impl Pending {
    fn on_client_event(self: &Rc<Self>, event: SocketEvent) {
        let frame = match event {
            SocketEvent::Frame(frame) => frame,
            SocketEvent::Ended(close_reason) => {
                return self.handle(PendingInput::Gone(close_reason));
            }
        };
        if is_too_large(&frame) {
            return self.handle(PendingInput::TooLarge);
        }
        if self.rules.borrow().is_open() {
            return self.forward(&frame);
        }
        match frame.as_string() {
            Some(text) => self.handle(PendingInput::Text(&text)),
            None => self.handle(PendingInput::Binary),
        }
    }

    fn on_room_event(self: &Rc<Self>, event: SocketEvent) {
        match event {
            SocketEvent::Frame(frame) => self.send(&frame),
            SocketEvent::Ended(close_reason) => self.handle(PendingInput::Ended(close_reason)),
        }
    }

    fn handle(self: &Rc<Self>, input: PendingInput) {
        let effects = self.rules.borrow_mut().handle(input, now());
        for effect in effects {
            match effect {
                PendingEffect::Send(text) => self.send(&JsValue::from_str(text)),
                PendingEffect::Verify { token } => self.verify(token),
                PendingEffect::Open(identity) => self.open(identity),
                PendingEffect::Forward(text) => self.forward(&JsValue::from_str(&text)),
                PendingEffect::End(close_reason) => self.end(&close_reason),
            }
        }
        self.arm();
    }

    fn send(&self, frame: &JsValue) {
        if let Some(client) = &*self.client.borrow() {
            client.send(frame);
        }
    }

    fn forward(&self, frame: &JsValue) {
        if let Some(socket) = &*self.room_socket.borrow() {
            socket.send(frame);
        }
    }

    fn verify(self: &Rc<Self>, token: String) {
        let pending = Rc::clone(self);
        spawn_local(async move {
            let verdict = verifier::claims(&pending.config, &token).await;
            if let Err(refusal) = &verdict {
                pending.rooms.count_refusal(refusal);
            }
            pending.handle(PendingInput::Verified(verdict));
        });
    }

    fn open(self: &Rc<Self>, identity: Identity) {
        let pending = Rc::clone(self);
        self.rooms.wait_until(async move {
            let weak = Rc::downgrade(&pending);
            let on_event = Rc::new(move |event| on_room_event(&weak, event));
            let opened = pending
                .rooms
                .connect(&pending.room, &identity, pending.start, Bridge::default(), on_event, None)
                .await;
            match opened {
                Ok(socket) => {
                    pending.room_socket.replace(Some(socket));
                    pending.handle(PendingInput::Opened);
                }
                Err(refusal) => pending.handle(PendingInput::Ended(CloseReason::refused(&refusal))),
            }
            // The client may have disconnected while the socket to the room was
            // being opened.
            if pending.rules.borrow().is_closed() {
                pending.room_socket.replace(None);
            }
        });
    }

    fn end(&self, close_reason: &CloseReason) {
        let room_sockets = [self.client.take(), self.room_socket.take()];
        room_sockets.iter().flatten().for_each(|socket| socket.close(close_reason));
    }

    /// Sets the timer if the token has not arrived yet. The timer fires at the
    /// deadline. It also fires regularly before the deadline, to check whether
    /// too many sockets wait.
    fn arm(self: &Rc<Self>) {
        self.waiting.set(self.rules.borrow().awaits_token());
        let deadline = self.rules.borrow().deadline();
        let at = deadline.map(|deadline| self.waiting.next_check(deadline));
        self.timer.replace(at.map(|at| {
            let pending = Rc::downgrade(self);
            Timer::set(at, move || fire(&pending))
        }));
    }
}

/// Handles an event of the room's socket. The listener of that socket has only
/// a weak reference to `Pending`, because `Pending` owns the socket.
fn on_room_event(pending: &Weak<Pending>, event: SocketEvent) {
    if let Some(pending) = pending.upgrade() {
        pending.on_room_event(event);
    }
}

fn fire(pending: &Weak<Pending>) {
    let Some(pending) = pending.upgrade() else { return };
    let must_close = pending.waiting.must_close();
    pending.handle(if must_close { PendingInput::TooManyWaiting } else { PendingInput::Tick });
}
