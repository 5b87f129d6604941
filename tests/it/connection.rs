//! Tests of connections for many rooms (docs/protocol.md, section 6). The tests
//! check the rules for frames, and for rooms that open, answer late or close.

mod anonymous;
mod errors;
mod lifecycle;
mod order;
mod random;
mod reading;
mod rooms;
mod tokens_in_band;

use roomcast::auth::{Claims, Identity, PublicRooms};
use roomcast::close_reason::CloseReason;
use roomcast::code::{Code, Refusal};
use roomcast::connection::{Connection, ConnectionEffect, ConnectionInput};
use roomcast::limits;
use roomcast::protocol::{Begin, Grant, Right, RoomName};
use roomcast::time::Millis;
use serde_json::{Value, json};

use super::tokens;

/// A connection and the current time.
struct Harness {
    connection: Connection,
    now: Millis,
}

const START: Millis = Millis::new(1_795_000_000_000);

fn room(name: &str) -> RoomName {
    RoomName::parse(name).unwrap()
}

/// Returns the claims of a token that is valid for an hour.
fn claims(user: &str, rooms: &Value) -> Claims {
    let exp = START.get() / 1_000 + 3_600;
    let token = tokens::sign(&json!({ "sub": user, "exp": exp, "rooms": rooms }));
    tokens::claims(&token, START).unwrap()
}

fn public_rooms(json: &str) -> PublicRooms {
    PublicRooms::parse(json).unwrap()
}

fn alice() -> Claims {
    claims("alice", &json!({ "*": ["subscribe", "publish"] }))
}

fn closed(code: u16, reason: &str) -> CloseReason {
    CloseReason::Closed { code, reason: reason.to_owned() }
}

fn forward(name: &str, frame: &Value) -> ConnectionEffect {
    ConnectionEffect::Forward { room: room(name), text: frame.to_string() }
}

fn publish(name: &str, reference: usize) -> Value {
    json!({ "type": "publish", "room": name, "ref": reference.to_string(), "name": "n", "data": 1 })
}

impl Harness {
    fn authenticated() -> Self {
        let (connection, effects) = Connection::begin(Some(alice()), PublicRooms::default(), START);
        assert_eq!(
            sent_frames(&effects),
            [
                json!({ "type": "connected", "user": "alice", "expires_at": expires_at(), "ping_ms": 25_000 })
            ]
        );
        Self { connection, now: START }
    }

    fn unauthenticated() -> Self {
        let (connection, effects) = Connection::begin(None, PublicRooms::default(), START);
        assert_eq!(effects, []);
        Self { connection, now: START }
    }

    fn handle(&mut self, input: ConnectionInput) -> Vec<ConnectionEffect> {
        self.handle_unread(input, 0)
    }

    /// Handles an input while `unread` bytes wait for the client.
    fn handle_unread(&mut self, input: ConnectionInput, unread: u64) -> Vec<ConnectionEffect> {
        self.connection.handle(input, unread, self.now)
    }

    fn send(&mut self, frame: &Value) -> Vec<ConnectionEffect> {
        self.handle(ConnectionInput::Text(&frame.to_string()))
    }

    fn subscribe(&mut self, name: &str) -> Vec<ConnectionEffect> {
        self.send(&json!({ "type": "subscribe", "room": name }))
    }

    fn room_opened(&mut self, name: &str) -> Vec<ConnectionEffect> {
        self.handle(ConnectionInput::Opened { room: room(name) })
    }

    fn room_ended(&mut self, name: &str, close_reason: CloseReason) -> Vec<ConnectionEffect> {
        self.handle(ConnectionInput::Ended { room: room(name), close_reason })
    }

    fn join(&mut self, name: &str) {
        assert!(matches!(&self.subscribe(name)[..], [ConnectionEffect::Open { .. }]));
        assert_eq!(self.room_opened(name), []);
    }

    fn advance(&mut self, ms: u64) {
        self.now = self.now.plus(ms);
    }
}

fn expires_at() -> u64 {
    START.get() / 1_000 * 1_000 + 3_600_000
}

/// Returns the frames to the client, parsed. The effects must contain nothing
/// but frames to the client.
fn sent_frames(effects: &[ConnectionEffect]) -> Vec<Value> {
    let frames = effects.iter().map(|effect| match effect {
        ConnectionEffect::Send(text) => serde_json::from_str(text).unwrap(),
        other => panic!("{other:?}"),
    });
    frames.collect()
}

/// Returns the only frame, without its message. The frame must be an `error`.
fn sent_error(effects: &[ConnectionEffect]) -> Value {
    let [frame] = &mut sent_frames(effects)[..] else { panic!("{effects:?}") };
    assert_eq!(frame["type"], "error");
    let message = frame.as_object_mut().unwrap().remove("message");
    assert!(message.unwrap().as_str().unwrap().len() > 10);
    frame.take()
}

fn close_code(effects: &[ConnectionEffect]) -> u16 {
    match effects.last() {
        Some(ConnectionEffect::End(CloseReason::Closed { code, .. })) => *code,
        other => panic!("{other:?}"),
    }
}
