//! A socket without a token, whose client sends whatever it likes, and whose
//! verdict and room come, if they do, whenever they like.

use roomcast::auth::Claims;
use roomcast::close_reason::CloseReason;
use roomcast::code::{Code, Refusal};
use roomcast::pending::{PendingEffect, PendingInput, PendingSocket};
use roomcast::protocol::{PONG, Right, RoomName};
use roomcast::time::Millis;
use serde_json::json;

use super::parted;
use crate::tokens;

const START: Millis = Millis::new(1_795_000_000_000);

pub fn play(script: &str) {
    let room = RoomName::parse("r").unwrap();
    let mut desk = Desk {
        socket: PendingSocket::new(room, START),
        now: START,
        verdicts: 0,
        opens: 0,
        is_over: false,
    };
    script.lines().for_each(|line| desk.goes_on(line));
}

fn claims(pattern: &str) -> Claims {
    let exp = START.get() / 1_000 + 3_600;
    let rooms = json!({ pattern: ["subscribe"] });
    tokens::claims(&tokens::sign(&json!({ "sub": "alice", "exp": exp, "rooms": rooms })), START)
        .unwrap()
}

struct Desk {
    socket: PendingSocket,
    now: Millis,
    verdicts: usize,
    opens: usize,
    is_over: bool,
}

impl Desk {
    fn goes_on(&mut self, line: &str) {
        let (letter, rest) = parted(line);
        match letter {
            's' => self.takes(PendingInput::Text(rest), false),
            'b' => self.takes(PendingInput::Binary, false),
            'l' => self.takes(PendingInput::TooLarge, false),
            'v' => {
                let claims = claims(rest);
                let room = RoomName::parse("r").unwrap();
                let is_good = claims.grant(&room).contains(Right::Subscribe);
                self.takes(PendingInput::Verified(Ok(claims)), is_good);
            }
            'n' => {
                self.takes(
                    PendingInput::Verified(Err(Refusal::new(Code::Unauthorized, "no"))),
                    false,
                );
            }
            'o' => self.takes(PendingInput::Opened, false),
            'e' => {
                let close_reason = CloseReason::of(rest.parse().unwrap_or(1_006), "it ends".into());
                self.takes(PendingInput::Ended(close_reason), false);
            }
            'g' => {
                let close_reason = CloseReason::of(rest.parse().unwrap_or(1_006), String::new());
                self.takes(PendingInput::Gone(close_reason), false);
            }
            'c' => self.takes(PendingInput::TooManyWaiting, false),
            't' => {
                self.now = self.now.plus(rest.parse().unwrap_or(1_000).min(20_000));
                self.takes(PendingInput::Tick, false);
            }
            _ => {}
        }
    }

    /// `is_good`: a verdict that lets the client into the room.
    fn takes(&mut self, input: PendingInput, is_good: bool) {
        for effect in self.socket.handle(input, self.now) {
            assert!(!self.is_over, "{effect:?} after the end");
            match effect {
                PendingEffect::Send(text) => assert_eq!((text, self.opens), (PONG, 0)),
                PendingEffect::Verify { .. } => {
                    self.verdicts += 1;
                    assert_eq!(self.verdicts, 1, "one token before the room");
                }
                PendingEffect::Open(identity) => {
                    self.opens += 1;
                    assert!(is_good && self.opens == 1, "a room is opened for a good token, once");
                    assert!(identity.grant.contains(Right::Subscribe));
                }
                PendingEffect::Forward(_) => {
                    assert_eq!(self.opens, 1, "it reaches a room that is open")
                }
                PendingEffect::End(_) => {
                    self.is_over = true;
                    assert!(self.socket.is_closed() && self.socket.deadline().is_none());
                }
            }
        }
    }
}
