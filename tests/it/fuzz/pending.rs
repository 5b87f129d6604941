//! A socket that opens without a token. The client of the socket sends
//! arbitrary frames. The verdict on the token and the answer of the room arrive
//! at arbitrary times or never.

use roomcast::auth::Claims;
use roomcast::close_reason::CloseReason;
use roomcast::code::{Code, Refusal};
use roomcast::pending::{PendingEffect, PendingInput, PendingSocket};
use roomcast::protocol::{PONG, Right, RoomName};
use roomcast::time::Millis;
use serde_json::json;

use super::split_letter;
use crate::tokens;

const START: Millis = Millis::new(1_795_000_000_000);

pub fn run_script(script: &str) {
    let room = RoomName::parse("r").unwrap();
    let mut harness = Harness {
        socket: PendingSocket::new(room, START),
        now: START,
        verdicts: 0,
        opens: 0,
        is_closed: false,
    };
    script.lines().for_each(|line| harness.run(line));
}

fn claims(pattern: &str) -> Claims {
    let exp = START.get() / 1_000 + 3_600;
    let rooms = json!({ pattern: ["subscribe"] });
    tokens::claims(&tokens::sign(&json!({ "sub": "alice", "exp": exp, "rooms": rooms })), START)
        .unwrap()
}

struct Harness {
    socket: PendingSocket,
    now: Millis,
    verdicts: usize,
    opens: usize,
    is_closed: bool,
}

impl Harness {
    fn run(&mut self, line: &str) {
        let (letter, rest) = split_letter(line);
        match letter {
            's' => self.handle(PendingInput::Text(rest), false),
            'b' => self.handle(PendingInput::Binary, false),
            'l' => self.handle(PendingInput::TooLarge, false),
            'v' => {
                let claims = claims(rest);
                let room = RoomName::parse("r").unwrap();
                let is_granted = claims.grant(&room).contains(Right::Subscribe);
                self.handle(PendingInput::Verified(Ok(claims)), is_granted);
            }
            'n' => {
                self.handle(
                    PendingInput::Verified(Err(Refusal::new(Code::Unauthorized, "no"))),
                    false,
                );
            }
            'o' => self.handle(PendingInput::Opened, false),
            'e' => {
                let close_reason = CloseReason::of(rest.parse().unwrap_or(1_006), "it ends".into());
                self.handle(PendingInput::Ended(close_reason), false);
            }
            'g' => {
                let close_reason = CloseReason::of(rest.parse().unwrap_or(1_006), String::new());
                self.handle(PendingInput::Gone(close_reason), false);
            }
            'c' => self.handle(PendingInput::TooManyWaiting, false),
            't' => {
                self.now = self.now.plus(rest.parse().unwrap_or(1_000).min(20_000));
                self.handle(PendingInput::Tick, false);
            }
            _ => {}
        }
    }

    /// Passes an input to the socket, and checks the effects. `is_granted` is true for
    /// a valid token that grants access to the room.
    fn handle(&mut self, input: PendingInput, is_granted: bool) {
        for effect in self.socket.handle(input, self.now) {
            assert!(!self.is_closed, "{effect:?} after the close");
            match effect {
                PendingEffect::Send(text) => assert_eq!((text, self.opens), (PONG, 0)),
                PendingEffect::Verify { .. } => {
                    self.verdicts += 1;
                    assert_eq!(self.verdicts, 1, "only one token is verified");
                }
                PendingEffect::Open(identity) => {
                    self.opens += 1;
                    assert!(
                        is_granted && self.opens == 1,
                        "the room is opened once, for a token that grants access"
                    );
                    assert!(identity.grant.contains(Right::Subscribe));
                }
                PendingEffect::Forward(_) => {
                    assert_eq!(self.opens, 1, "frames are forwarded only to an open room")
                }
                PendingEffect::End(_) => {
                    self.is_closed = true;
                    assert!(self.socket.is_closed() && self.socket.deadline().is_none());
                }
            }
        }
    }
}
