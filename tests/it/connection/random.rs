//! Random runs of a connection, with any inputs in any order. The rules of a
//! connection are checked after each input. The seed determines the run.

use std::collections::BTreeMap;

use super::*;
use crate::random::run_random;
use crate::test_rng::TestRng;

/// State of the edge's socket to a room.
#[derive(Clone, Copy, Debug, PartialEq)]
enum RoomSocket {
    Opening,
    Open,
    Leaving,
}

#[derive(Debug)]
struct Sent {
    room: String,
    /// Step in which the publish was sent.
    at: u64,
    /// True after the publish was forwarded, and also after it was answered
    /// with an error.
    is_resolved: bool,
}

/// The edge, the rooms and the client of a random run. The run simulates only
/// the order of their frames.
struct Run {
    seed: u64,
    rng: TestRng,
    harness: Harness,
    sockets: BTreeMap<String, RoomSocket>,
    /// Number of tokens that are being verified.
    verdicts: usize,
    /// Publishes, indexed by their `ref`.
    sent: Vec<Sent>,
    /// The last `ref` that was forwarded to each room.
    forwarded: BTreeMap<String, usize>,
    /// Step of the last `closed` frame of each room.
    closed_at: BTreeMap<String, u64>,
    step: u64,
    has_ended: bool,
}

const ROOMS: [&str; 4] = ["a", "b", "c", "denied"];

impl Run {
    fn new(seed: u64) -> Self {
        let mut rng = TestRng::new(seed);
        let rooms = json!({ "a": ["subscribe"], "b": ["subscribe"], "c": ["subscribe"] });
        let (claims, public_rooms) = match rng.one_in(3) {
            true => (None, public_rooms(r#"["a","b"]"#)),
            false => (Some(claims("alice", &rooms)), PublicRooms::default()),
        };
        let (connection, _) = Connection::begin(claims, public_rooms, START);
        Self {
            seed,
            rng,
            harness: Harness { connection, now: START },
            sockets: BTreeMap::new(),
            verdicts: 0,
            sent: Vec::new(),
            forwarded: BTreeMap::new(),
            closed_at: BTreeMap::new(),
            step: 0,
            has_ended: false,
        }
    }

    fn step_once(&mut self) {
        self.step += 1;
        self.harness.advance(self.rng.below(40));
        let name = *self.rng.choose(&ROOMS);
        let effects = match self.rng.below(12) {
            0..=3 => {
                let reference = self.sent.len();
                self.sent.push(Sent { room: name.into(), at: self.step, is_resolved: false });
                self.harness.send(&publish(name, reference))
            }
            4..=5 => self.harness.subscribe(name),
            6 => self.harness.send(&json!({ "type": "unsubscribe", "room": name })),
            7 => self.harness.handle(ConnectionInput::Text(r#"{"type":"ping"}"#)),
            8 if self.rng.one_in(4) => self.harness.send(&json!({ "type": "auth", "token": "t" })),
            8 => self.harness.handle(ConnectionInput::Tick),
            9 => self.verdict(),
            _ => self.step_socket(name),
        };
        self.perform(effects);
    }

    fn verdict(&mut self) -> Vec<ConnectionEffect> {
        if self.verdicts == 0 {
            return Vec::new();
        }
        self.verdicts -= 1;
        self.harness
            .handle(ConnectionInput::Verified(Ok(claims("alice", &json!({ "*": ["subscribe"] })))))
    }

    fn step_socket(&mut self, name: &str) -> Vec<ConnectionEffect> {
        match self.sockets.get(name) {
            Some(RoomSocket::Opening) if !self.rng.one_in(4) => {
                self.sockets.insert(name.into(), RoomSocket::Open);
                self.harness.room_opened(name)
            }
            Some(_) => {
                self.sockets.remove(name);
                let close_reason =
                    if self.rng.one_in(2) { CloseReason::Lost } else { closed(4010, "kicked") };
                self.harness.room_ended(name, close_reason)
            }
            None => Vec::new(),
        }
    }

    fn perform(&mut self, effects: Vec<ConnectionEffect>) {
        for effect in effects {
            assert!(!self.has_ended, "{self}");
            match effect {
                ConnectionEffect::Open { room, .. } => {
                    let before = self.sockets.insert(room.to_string(), RoomSocket::Opening);
                    assert_eq!(before, None, "one socket for a room at a time: {self}");
                }
                ConnectionEffect::Forward { room, text } => self.on_forwarded(room.as_str(), &text),
                ConnectionEffect::Leave { room } => {
                    let before = self.sockets.insert(room.to_string(), RoomSocket::Leaving);
                    assert_eq!(before, Some(RoomSocket::Open), "{self}");
                }
                ConnectionEffect::Renew { room, .. } | ConnectionEffect::Pause { room, .. } => {
                    assert_eq!(self.sockets.get(room.as_str()), Some(&RoomSocket::Open), "{self}");
                }
                ConnectionEffect::Verify { .. } => {
                    self.verdicts += 1;
                    assert_eq!(self.verdicts, 1, "one verdict at a time: {self}");
                }
                ConnectionEffect::Send(text) => {
                    self.on_frame(&serde_json::from_str(&text).unwrap())
                }
                ConnectionEffect::PingRooms => {}
                ConnectionEffect::End(_) => self.has_ended = true,
            }
        }
    }

    fn on_forwarded(&mut self, name: &str, text: &str) {
        assert_eq!(self.sockets.get(name), Some(&RoomSocket::Open), "{self}");
        let reference = reference(&serde_json::from_str(text).unwrap()).unwrap();
        let before = self.forwarded.insert(name.into(), reference);
        assert!(
            before.is_none_or(|before| before < reference),
            "frames are forwarded in order: {self}"
        );
        self.resolve(reference);
    }

    fn on_frame(&mut self, frame: &Value) {
        match frame["type"].as_str().unwrap() {
            "closed" => {
                let name = frame["room"].as_str().unwrap();
                assert_eq!(self.sockets.get(name), None, "a closed room has no socket: {self}");
                self.closed_at.insert(name.into(), self.step);
            }
            "error" => {
                if let Some(reference) = reference(frame) {
                    self.resolve(reference);
                }
            }
            "pong" | "authorized" => {}
            other => panic!("{other}: {self}"),
        }
    }

    fn resolve(&mut self, reference: usize) {
        let run = self.to_string();
        let sent = &mut self.sent[reference];
        assert!(
            !std::mem::replace(&mut sent.is_resolved, true),
            "ref {reference} is resolved twice: {run}"
        );
    }

    /// Delivers every verdict, and opens or closes every pending room. Then
    /// checks each frame that was neither forwarded nor rejected: its room must
    /// have been closed after the frame was sent.
    fn finish(&mut self) {
        while self.verdicts > 0 || self.sockets.values().any(|socket| *socket != RoomSocket::Open) {
            let effects = self.verdict();
            self.perform(effects);
            for name in ROOMS {
                if self.sockets.get(name).is_some_and(|socket| *socket != RoomSocket::Open) {
                    let effects = self.step_socket(name);
                    self.perform(effects);
                }
            }
        }
        for sent in self.sent.iter().filter(|sent| !sent.is_resolved && !self.has_ended) {
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
fn random_run_resolves_each_frame_once_and_in_order() {
    run_random(2_000, 200, |seed, steps| {
        let mut run = Run::new(seed);
        while !run.has_ended && run.step < steps {
            run.step_once();
        }
        run.finish();
        run.step
    });
}
