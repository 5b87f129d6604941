//! A connection whose client sends arbitrary frames, and whose rooms open and close
//! at arbitrary times.

use std::collections::BTreeMap;

use roomcast::auth::{Claims, PublicRooms};
use roomcast::close_reason::CloseReason;
use roomcast::code::{Code, Refusal};
use roomcast::connection::{Connection, ConnectionEffect, ConnectionInput};
use roomcast::protocol::{Grant, RoomName};
use roomcast::time::Millis;
use serde_json::{Value, json};

use super::split_letter;
use crate::tokens;

const START: Millis = Millis::new(1_795_000_000_000);

pub fn run_script(script: &str) {
    let (claims, public_rooms) = match script.chars().next() {
        Some('a') => (None, PublicRooms::default()),
        Some('p') => (None, PublicRooms::parse(r#"["a:*","b"]"#).unwrap()),
        Some(_) | None => (Some(claims("alice", "*")), PublicRooms::default()),
    };
    let (connection, effects) = Connection::begin(claims, public_rooms, START);
    let mut harness = Harness {
        connection,
        now: START,
        unread: 0,
        sockets: BTreeMap::new(),
        is_verifying: false,
        is_closed: false,
    };
    harness.perform(effects);
    script.lines().for_each(|line| harness.run(line));
}

fn claims(user: &str, pattern: &str) -> Claims {
    let exp = START.get() / 1_000 + 3_600;
    let rooms = json!({ pattern: ["subscribe"] });
    tokens::claims(&tokens::sign(&json!({ "sub": user, "exp": exp, "rooms": rooms })), START)
        .unwrap()
}

struct Harness {
    connection: Connection,
    now: Millis,
    /// Bytes that the client has not read.
    unread: u64,
    /// Sockets by room. The value is true if the socket is open.
    sockets: BTreeMap<RoomName, bool>,
    is_verifying: bool,
    is_closed: bool,
}

impl Harness {
    fn run(&mut self, line: &str) {
        let (letter, rest) = split_letter(line);
        let first = |sockets: &BTreeMap<RoomName, bool>, open: bool| {
            sockets.iter().find(|(_, is_open)| **is_open == open).map(|(room, _)| room.clone())
        };
        match letter {
            's' => self.handle(ConnectionInput::Text(rest)),
            'b' => self.handle(ConnectionInput::Binary),
            'o' => {
                if let Some(room) = first(&self.sockets, false) {
                    self.sockets.insert(room.clone(), true);
                    self.handle(ConnectionInput::Opened { room });
                }
            }
            'e' | 'f' => {
                if let Some(room) = first(&self.sockets, letter == 'e') {
                    self.sockets.remove(&room);
                    let close_reason =
                        CloseReason::of(rest.parse().unwrap_or(1_006), "it ends".into());
                    self.handle(ConnectionInput::Ended { room, close_reason });
                }
            }
            'v' | 'u' | 'n' if std::mem::take(&mut self.is_verifying) => {
                let refusal = Refusal::new(Code::Unauthorized, "no");
                self.handle(ConnectionInput::Verified(match letter {
                    'v' => Ok(claims("alice", rest)),
                    'u' => Ok(claims("ursula", rest)),
                    _ => Err(refusal),
                }));
            }
            't' => {
                self.now = self.now.plus(rest.parse().unwrap_or(1_000).min(4_000_000));
                self.unread = rest.parse().unwrap_or(0);
                self.handle(ConnectionInput::Tick);
            }
            'x' => self.handle(ConnectionInput::Exhausted),
            'g' => self.handle(ConnectionInput::Gone(CloseReason::of(
                rest.parse().unwrap_or(1_000),
                String::new(),
            ))),
            _ => {}
        }
    }

    fn handle(&mut self, input: ConnectionInput) {
        if !self.is_closed {
            let effects = self.connection.handle(input, self.unread, self.now);
            self.perform(effects);
        }
    }

    fn perform(&mut self, effects: Vec<ConnectionEffect>) {
        for effect in effects {
            assert!(!self.is_closed, "{effect:?} after the close");
            match effect {
                ConnectionEffect::Send(text) => {
                    let frame: Value = serde_json::from_str(&text).expect("a frame");
                    assert!(frame["type"].is_string() && text.len() < 4_000, "{text:.300}");
                }
                ConnectionEffect::Verify { .. } => {
                    assert!(
                        !std::mem::replace(&mut self.is_verifying, true),
                        "one token is verified at a time"
                    );
                }
                ConnectionEffect::Open { room, identity, .. } => {
                    assert_ne!(identity.grant, Grant::NONE, "{room} is not granted");
                    assert_eq!(self.sockets.insert(room, false), None, "a room has one socket");
                }
                ConnectionEffect::Forward { room, .. }
                | ConnectionEffect::Renew { room, .. }
                | ConnectionEffect::Pause { room, .. }
                | ConnectionEffect::Leave { room } => {
                    assert_eq!(
                        self.sockets.get(&room),
                        Some(&true),
                        "the socket to {room} is open"
                    );
                }
                ConnectionEffect::PingRooms => {}
                ConnectionEffect::End(_) => {
                    self.is_closed = true;
                    assert_eq!(self.connection.deadline(), None);
                }
            }
        }
    }
}
