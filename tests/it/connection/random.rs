//! Everything that can happen to a connection, in any order, and what must be
//! true of it then. A run follows from its seed.

use std::collections::BTreeMap;

use super::*;
use crate::random::run_random;
use crate::test_rng::TestRng;

/// How far the edge is with the socket to a room.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Line {
    Opening,
    Open,
    Leaving,
}

#[derive(Debug)]
struct Sent {
    room: String,
    at: u64,
    is_settled: bool,
}

/// The edge, the rooms and the client, as far as order goes.
struct Run {
    seed: u64,
    rng: TestRng,
    desk: Desk,
    lines: BTreeMap<String, Line>,
    verdicts: usize,
    /// Publishes by `ref`, which counts up.
    sent: Vec<Sent>,
    /// The newest `ref` that was passed on to each room.
    passed: BTreeMap<String, usize>,
    /// When each room was last told as closed.
    closed_at: BTreeMap<String, u64>,
    step: u64,
    is_over: bool,
}

const ROOMS: [&str; 4] = ["a", "b", "c", "denied"];

impl Run {
    fn begin(seed: u64) -> Self {
        let rooms = json!({ "a": ["subscribe"], "b": ["subscribe"], "c": ["subscribe"] });
        let (connection, _) = Connection::begin(Some(claims("alice", &rooms)), START);
        Self {
            seed,
            rng: TestRng::new(seed),
            desk: Desk { connection, now: START },
            lines: BTreeMap::new(),
            verdicts: 0,
            sent: Vec::new(),
            passed: BTreeMap::new(),
            closed_at: BTreeMap::new(),
            step: 0,
            is_over: false,
        }
    }

    fn goes_on(&mut self) {
        self.step += 1;
        self.desk.passes(self.rng.below(40));
        let name = *self.rng.choose(&ROOMS);
        let effects = match self.rng.below(12) {
            0..=3 => {
                let reference = self.sent.len();
                self.sent.push(Sent { room: name.into(), at: self.step, is_settled: false });
                self.desk.sends(&publish(name, reference))
            }
            4..=5 => self.desk.subscribes(name),
            6 => self.desk.sends(&json!({ "type": "unsubscribe", "room": name })),
            7 => self.desk.takes(ConnectionInput::Text(r#"{"type":"ping"}"#)),
            8 if self.rng.one_in(4) => self.desk.sends(&json!({ "type": "auth", "token": "t" })),
            8 => self.desk.takes(ConnectionInput::Tick { unread: 0 }),
            9 => self.verdict(),
            _ => self.line_goes_on(name),
        };
        self.perform(effects);
    }

    fn verdict(&mut self) -> Vec<ConnectionEffect> {
        if self.verdicts == 0 {
            return Vec::new();
        }
        self.verdicts -= 1;
        self.desk
            .takes(ConnectionInput::Verified(Ok(claims("alice", &json!({ "*": ["subscribe"] })))))
    }

    fn line_goes_on(&mut self, name: &str) -> Vec<ConnectionEffect> {
        match self.lines.get(name) {
            Some(Line::Opening) if !self.rng.one_in(4) => {
                self.lines.insert(name.into(), Line::Open);
                self.desk.opens(name)
            }
            Some(_) => {
                self.lines.remove(name);
                let close_reason =
                    if self.rng.one_in(2) { CloseReason::Lost } else { closed(4010, "kicked") };
                self.desk.ends(name, close_reason)
            }
            None => Vec::new(),
        }
    }

    fn perform(&mut self, effects: Vec<ConnectionEffect>) {
        for effect in effects {
            assert!(!self.is_over, "{self}");
            match effect {
                ConnectionEffect::Open { room, .. } => {
                    let before = self.lines.insert(room.to_string(), Line::Opening);
                    assert_eq!(before, None, "one socket for a room at a time: {self}");
                }
                ConnectionEffect::Pass { room, text } => self.passes_on(room.as_str(), &text),
                ConnectionEffect::Leave { room } => {
                    let before = self.lines.insert(room.to_string(), Line::Leaving);
                    assert_eq!(before, Some(Line::Open), "{self}");
                }
                ConnectionEffect::Renew { room, .. } | ConnectionEffect::Pause { room, .. } => {
                    assert_eq!(self.lines.get(room.as_str()), Some(&Line::Open), "{self}");
                }
                ConnectionEffect::Verify { .. } => {
                    self.verdicts += 1;
                    assert_eq!(self.verdicts, 1, "one verdict at a time: {self}");
                }
                ConnectionEffect::Send(text) => self.hears(&serde_json::from_str(&text).unwrap()),
                ConnectionEffect::PingRooms => {}
                ConnectionEffect::End(_) => self.is_over = true,
            }
        }
    }

    fn passes_on(&mut self, name: &str, text: &str) {
        assert_eq!(self.lines.get(name), Some(&Line::Open), "{self}");
        let reference = reference(&serde_json::from_str(text).unwrap()).unwrap();
        let before = self.passed.insert(name.into(), reference);
        assert!(before.is_none_or(|before| before < reference), "in order: {self}");
        self.settles(reference);
    }

    fn hears(&mut self, frame: &Value) {
        match frame["type"].as_str().unwrap() {
            "closed" => {
                let name = frame["room"].as_str().unwrap();
                assert_eq!(self.lines.get(name), None, "what is closed is over: {self}");
                self.closed_at.insert(name.into(), self.step);
            }
            "error" => {
                if let Some(reference) = reference(frame) {
                    self.settles(reference);
                }
            }
            "pong" | "authorized" => {}
            other => panic!("{other}: {self}"),
        }
    }

    fn settles(&mut self, reference: usize) {
        let run = self.to_string();
        let sent = &mut self.sent[reference];
        assert!(!std::mem::replace(&mut sent.is_settled, true), "{reference} twice: {run}");
    }

    /// Everybody answers: then every frame has come to something, and whoever
    /// got no answer has heard of the end of its room since.
    fn ends(&mut self) {
        while self.verdicts > 0 || self.lines.values().any(|line| *line != Line::Open) {
            let effects = self.verdict();
            self.perform(effects);
            for name in ROOMS {
                if self.lines.get(name).is_some_and(|line| *line != Line::Open) {
                    let effects = self.line_goes_on(name);
                    self.perform(effects);
                }
            }
        }
        for sent in self.sent.iter().filter(|sent| !sent.is_settled && !self.is_over) {
            let closed_at = self.closed_at.get(&sent.room).copied();
            assert!(closed_at.is_some_and(|closed_at| closed_at >= sent.at), "{sent:?}: {self}");
        }
    }
}

fn reference(frame: &Value) -> Option<usize> {
    frame["ref"].as_str().map(|reference| reference.parse().unwrap())
}

impl std::fmt::Display for Run {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "ROOMCAST_SEED={}, step {}", self.seed, self.step)
    }
}

#[test]
fn every_frame_comes_to_something_once_and_in_order() {
    run_random(2_000, 200, |seed, steps| {
        let mut run = Run::begin(seed);
        while !run.is_over && run.step < steps {
            run.goes_on();
        }
        run.ends();
        run.step
    });
}
