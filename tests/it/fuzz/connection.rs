//! A connection whose client sends whatever it likes, and whose rooms open and
//! end whenever they like.

use std::collections::BTreeMap;

use roomcast::auth::Claims;
use roomcast::close_reason::CloseReason;
use roomcast::code::{Code, Refusal};
use roomcast::connection::{Connection, ConnectionEffect, ConnectionInput};
use roomcast::protocol::{Grant, RoomName};
use roomcast::time::Millis;
use serde_json::{Value, json};

use super::parted;
use crate::tokens;

const START: Millis = Millis::new(1_795_000_000_000);

pub fn play(script: &str) {
    let claims = (!script.starts_with('a')).then(|| claims("alice", "*"));
    let (connection, effects) = Connection::begin(claims, START);
    let mut desk = Desk {
        connection,
        now: START,
        lines: BTreeMap::new(),
        awaits_verdict: false,
        is_over: false,
    };
    desk.perform(effects);
    script.lines().for_each(|line| desk.goes_on(line));
}

fn claims(user: &str, pattern: &str) -> Claims {
    let exp = START.get() / 1_000 + 3_600;
    let rooms = json!({ pattern: ["subscribe"] });
    tokens::claims(&tokens::sign(&json!({ "sub": user, "exp": exp, "rooms": rooms })), START)
        .unwrap()
}

struct Desk {
    connection: Connection,
    now: Millis,
    /// The sockets to rooms, and whether each is open yet.
    lines: BTreeMap<RoomName, bool>,
    awaits_verdict: bool,
    is_over: bool,
}

impl Desk {
    fn goes_on(&mut self, line: &str) {
        let (letter, rest) = parted(line);
        let first = |lines: &BTreeMap<RoomName, bool>, open: bool| {
            lines.iter().find(|(_, is_open)| **is_open == open).map(|(room, _)| room.clone())
        };
        match letter {
            's' => self.takes(ConnectionInput::Text(rest)),
            'b' => self.takes(ConnectionInput::Binary),
            'o' => {
                if let Some(room) = first(&self.lines, false) {
                    self.lines.insert(room.clone(), true);
                    self.takes(ConnectionInput::Opened { room });
                }
            }
            'e' | 'f' => {
                if let Some(room) = first(&self.lines, letter == 'e') {
                    self.lines.remove(&room);
                    let close_reason =
                        CloseReason::of(rest.parse().unwrap_or(1_006), "it ends".into());
                    self.takes(ConnectionInput::Ended { room, close_reason });
                }
            }
            'v' | 'u' | 'n' if std::mem::take(&mut self.awaits_verdict) => {
                let refused = Refusal::new(Code::Unauthorized, "no");
                self.takes(ConnectionInput::Verified(match letter {
                    'v' => Ok(claims("alice", rest)),
                    'u' => Ok(claims("ursula", rest)),
                    _ => Err(refused),
                }));
            }
            't' => {
                self.now = self.now.plus(rest.parse().unwrap_or(1_000).min(4_000_000));
                self.takes(ConnectionInput::Tick { unread: rest.parse().unwrap_or(0) });
            }
            'x' => self.takes(ConnectionInput::Exhausted),
            'g' => self.takes(ConnectionInput::Gone(CloseReason::of(
                rest.parse().unwrap_or(1_000),
                String::new(),
            ))),
            _ => {}
        }
    }

    fn takes(&mut self, input: ConnectionInput) {
        if !self.is_over {
            let effects = self.connection.handle(input, self.now);
            self.perform(effects);
        }
    }

    fn perform(&mut self, effects: Vec<ConnectionEffect>) {
        for effect in effects {
            assert!(!self.is_over, "{effect:?} after the end");
            match effect {
                ConnectionEffect::Send(text) => {
                    let frame: Value = serde_json::from_str(&text).expect("a frame");
                    assert!(frame["type"].is_string() && text.len() < 4_000, "{text:.300}");
                }
                ConnectionEffect::Verify { .. } => {
                    assert!(!std::mem::replace(&mut self.awaits_verdict, true), "one at a time");
                }
                ConnectionEffect::Open { room, identity, .. } => {
                    assert_ne!(identity.grant, Grant::NONE, "{room} is not granted");
                    assert_eq!(self.lines.insert(room, false), None, "a room has one socket");
                }
                ConnectionEffect::Forward { room, .. }
                | ConnectionEffect::Renew { room, .. }
                | ConnectionEffect::Pause { room, .. }
                | ConnectionEffect::Leave { room } => {
                    assert_eq!(self.lines.get(&room), Some(&true), "{room} is open");
                }
                ConnectionEffect::PingRooms => {}
                ConnectionEffect::End(_) => {
                    self.is_over = true;
                    assert_eq!(self.connection.deadline(), None);
                }
            }
        }
    }
}
