//! Tests of Pusher's protocol. The scenarios in tests/scenarios/pusher.json have
//! its ordinary course. These tests attack its signatures, and check the limits of
//! a socket.

mod attacks;
mod channels;
mod random;
mod socket;

use std::rc::Rc;

use roomcast::close_reason::CloseReason;
use roomcast::connection::{ConnectionEffect, ConnectionInput};
use roomcast::protocol::RoomName;
use roomcast::pusher::{App, Apps, PusherSocket, SocketId};
use roomcast::time::Millis;
use serde_json::{Value, json};

const START: Millis = Millis::new(1_795_000_000_000);
const APPS: &str = r#"[{"id":"1","key":"key","secret":"secret","client_events":true},
                       {"id":"2","key":"other","secret":"other-secret","prefix":"other:"}]"#;

fn apps() -> Apps {
    Apps::parse(APPS).unwrap()
}

/// A client's socket, whose id is `1.2`.
struct Harness {
    app: Rc<App>,
    socket: PusherSocket,
    now: Millis,
}

impl Harness {
    fn new() -> Self {
        let app = Rc::clone(apps().with_id("1").unwrap());
        let (socket, _) = PusherSocket::begin(Rc::clone(&app), SocketId::new(1, 2), START);
        Self { app, socket, now: START }
    }

    fn handle(&mut self, input: ConnectionInput) -> Vec<ConnectionEffect> {
        self.handle_unread(input, 0)
    }

    /// Handles an input while `unread` bytes wait for the client.
    fn handle_unread(&mut self, input: ConnectionInput, unread: u64) -> Vec<ConnectionEffect> {
        self.socket.handle(input, unread, self.now)
    }

    fn send(&mut self, frame: &Value) -> Vec<ConnectionEffect> {
        self.handle(ConnectionInput::Text(&frame.to_string()))
    }

    fn subscribe(&mut self, data: &Value) -> Vec<ConnectionEffect> {
        self.send(&json!({ "event": "pusher:subscribe", "data": data }))
    }

    /// Passes a frame of a room.
    fn receive(&mut self, name: &str, frame: &Value, unread: u64) -> Vec<ConnectionEffect> {
        self.socket.handle_room_frame(&room(name), &frame.to_string(), unread, self.now)
    }

    /// Subscribes to a public channel, whose room then sends nothing more.
    fn join(&mut self, channel: &str) {
        let effects = self.subscribe(&json!({ "channel": channel }));
        assert!(matches!(&effects[..], [ConnectionEffect::Open { .. }]), "{effects:?}");
        self.handle(ConnectionInput::Opened { room: room(channel) });
        let effects = self.receive(channel, &json!({ "type": "pong" }), 0);
        assert_eq!(sent(&effects)[0]["event"], "pusher_internal:subscription_succeeded");
    }
}

fn room(name: &str) -> RoomName {
    RoomName::parse(name).unwrap()
}

/// Returns the frames to the client.
fn sent(effects: &[ConnectionEffect]) -> Vec<Value> {
    let frames = effects.iter().filter_map(|effect| match effect {
        ConnectionEffect::Send(text) => Some(serde_json::from_str(text).unwrap()),
        _ => None,
    });
    frames.collect()
}

fn close_code(effects: &[ConnectionEffect]) -> Option<u16> {
    effects.iter().find_map(|effect| match effect {
        ConnectionEffect::End(CloseReason::Closed { code, .. }) => Some(*code),
        _ => None,
    })
}
