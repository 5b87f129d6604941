//! A connection for many rooms, as the worker runs it: the connection's rules,
//! and one socket to each room.

use std::collections::{BTreeSet, VecDeque};

use roomcast::close_reason::CloseReason;
use roomcast::code::Refusal;
use roomcast::connection::{Connection, ConnectionEffect, ConnectionInput, RoomFrameKind};
use roomcast::limits;
use roomcast::protocol::{PONG, RoomName};
use roomcast::pusher::PusherSocket;
use roomcast::session::BridgeFrame;
use roomcast::time::Millis;

use super::ScenarioRunner;
use crate::client::Client;
use crate::tokens;

pub struct Bridge {
    pub(super) rules: Rules,
    /// Rooms with an open socket.
    rooms: BTreeSet<RoomName>,
    /// Frames that the client received but no step has read yet.
    pub frames: Vec<String>,
    /// Close code of the connection, or `None` while it is open.
    pub closed: Option<u16>,
}

/// The rules of the client's socket.
pub(super) enum Rules {
    Connection(Connection),
    Pusher(PusherSocket),
}

impl Rules {
    /// Actors read every frame immediately.
    fn handle(&mut self, input: ConnectionInput, now: Millis) -> Vec<ConnectionEffect> {
        match self {
            Self::Connection(rules) => rules.handle(input, 0, now),
            Self::Pusher(rules) => rules.handle(input, 0, now),
        }
    }
}

/// Returns the name of the simulator's client that has the socket to a room.
fn room_socket(actor: &str) -> String {
    format!("{actor}'s socket")
}

impl ScenarioRunner {
    /// Performs the worker's steps before the connection gets an input.
    pub(super) fn open_connection(
        &mut self,
        actor: &str,
        token: Option<String>,
    ) -> Result<(), Refusal> {
        let public_rooms = self.config()?.public_rooms.clone();
        let claims = token.map(|token| tokens::claims(&token, self.now())).transpose()?;
        let (rules, effects) = Connection::begin(claims, public_rooms, self.now());
        self.start_bridge(actor, Rules::Connection(rules), effects);
        Ok(())
    }

    pub(super) fn start_bridge(
        &mut self,
        actor: &str,
        rules: Rules,
        effects: Vec<ConnectionEffect>,
    ) {
        let bridge = Bridge { rules, rooms: BTreeSet::new(), frames: Vec::new(), closed: None };
        self.bridges.insert(actor.to_owned(), bridge);
        self.perform(actor, effects);
    }

    /// Passes an input to the connection, and performs the effects.
    pub(super) fn handle_on_bridge(&mut self, actor: &str, input: ConnectionInput) {
        let now = self.now();
        let effects = self.bridge(actor).rules.handle(input, now);
        self.perform(actor, effects);
    }

    /// Forwards the frames and the closes of the rooms to the connections.
    pub(super) fn forward_to_bridges(&mut self) {
        for actor in self.bridges.keys().cloned().collect::<Vec<_>>() {
            for room in self.bridge(&actor).rooms.clone() {
                let (sim, socket) = (self.sim(room.as_str()), room_socket(&actor));
                let is_open = sim.session(&socket).is_some();
                let client = sim.client(&socket);
                let (frames, closed) = (std::mem::take(&mut client.frames), client.closed);
                for frame in frames {
                    self.forward_frame(&actor, &room, frame);
                }
                let bridge = self.bridge(&actor);
                if !is_open {
                    bridge.rooms.remove(&room);
                    let refused = |code| CloseReason::refused(&Refusal::new(code, "it ends"));
                    let close_reason = closed.map_or(CloseReason::Lost, refused);
                    self.handle_on_bridge(&actor, ConnectionInput::Ended { room, close_reason });
                }
            }
        }
    }

    /// Forwards a room's frame to the client.
    fn forward_frame(&mut self, actor: &str, room: &RoomName, frame: String) {
        let now = self.now();
        let bridge = self.bridge(actor);
        // Actors read every frame immediately, so no frame is withheld.
        match &mut bridge.rules {
            Rules::Connection(_) if frame == PONG => {}
            Rules::Connection(rules) => {
                let kind = RoomFrameKind::read(&frame);
                let (passes, effects) = rules.should_forward(room, kind, 0, now);
                assert!(passes && effects.is_empty());
                bridge.frames.push(frame);
            }
            Rules::Pusher(rules) => {
                let effects = rules.handle_room_frame(room, &frame, 0, now);
                self.perform(actor, effects);
            }
        }
    }

    fn bridge(&mut self, actor: &str) -> &mut Bridge {
        self.bridges.get_mut(actor).unwrap()
    }

    fn perform(&mut self, actor: &str, effects: Vec<ConnectionEffect>) {
        let socket = room_socket(actor);
        let mut inputs = VecDeque::new();
        for effect in effects {
            match effect {
                ConnectionEffect::Send(text) => self.bridge(actor).frames.push(text),
                ConnectionEffect::Verify { token } => {
                    inputs.push_back(ConnectionInput::Verified(tokens::claims(&token, self.now())));
                }
                ConnectionEffect::Open { room, identity, start } => {
                    let (query, sim) = (start.query(), self.sim(room.as_str()));
                    sim.clients.insert(socket.clone(), Client::starting_with(&query));
                    sim.connect_bridge(&socket, &query, identity, limits::BRIDGE_WINDOW_BYTES);
                    self.bridge(actor).rooms.insert(room.clone());
                    inputs.push_back(ConnectionInput::Opened { room });
                }
                ConnectionEffect::Forward { room, text } => {
                    self.sim(room.as_str()).send(&socket, &text)
                }
                ConnectionEffect::PingRooms => {
                    for room in self.bridge(actor).rooms.clone() {
                        self.sim(room.as_str()).ping(&socket);
                    }
                }
                ConnectionEffect::Renew { room, identity } => {
                    let identity = BridgeFrame::identity(&identity);
                    self.sim(room.as_str()).send_bytes(&socket, &identity);
                }
                ConnectionEffect::Pause { room, paused } => {
                    self.sim(room.as_str()).send_bytes(&socket, &BridgeFrame::pause(paused));
                }
                ConnectionEffect::Leave { room } => {
                    self.forward_to_bridges();
                    self.sim(room.as_str()).close(&socket, 1_000);
                    self.bridge(actor).rooms.remove(&room);
                    let close_reason = CloseReason::Closed { code: 1_000, reason: String::new() };
                    inputs.push_back(ConnectionInput::Ended { room, close_reason });
                }
                ConnectionEffect::End(close_reason) => self.end_connection(actor, &close_reason),
            }
        }
        self.forward_to_bridges();
        inputs.into_iter().for_each(|input| self.handle_on_bridge(actor, input));
    }

    fn end_connection(&mut self, actor: &str, close_reason: &CloseReason) {
        let code = match close_reason {
            CloseReason::Closed { code, .. } => Some(*code),
            CloseReason::NoCode | CloseReason::Lost => None,
        };
        let bridge = self.bridge(actor);
        bridge.closed = code;
        for room in std::mem::take(&mut bridge.rooms) {
            self.sim(room.as_str()).close(&room_socket(actor), code.unwrap_or(1_005));
        }
    }
}
