//! A connection for many rooms, as the worker serves it: the rules, and a
//! socket of its own to each room.

use std::collections::{BTreeSet, VecDeque};

use roomcast::close_reason::CloseReason;
use roomcast::code::Refusal;
use roomcast::connection::{Connection, ConnectionEffect, ConnectionInput, Kind};
use roomcast::limits;
use roomcast::protocol::{PONG, RoomName};
use roomcast::session::BridgeFrame;

use super::Stage;
use crate::client::Client;
use crate::tokens;

pub struct Bridge {
    rules: Connection,
    /// To which a socket is open.
    rooms: BTreeSet<RoomName>,
    /// What the client heard and no step has taken yet.
    pub frames: Vec<String>,
    /// How the connection ended, if it did.
    pub closed: Option<u16>,
}

/// The client of the world that has the socket.
fn line(actor: &str) -> String {
    format!("{actor}'s line")
}

impl Stage {
    /// As far as the worker lets it.
    pub(super) fn comes_to_the_bridge(
        &mut self,
        actor: &str,
        token: Option<String>,
    ) -> Result<(), Refusal> {
        self.is_set_up()?;
        let claims = token.map(|token| tokens::claims(&token, self.now())).transpose()?;
        let (rules, effects) = Connection::begin(claims, self.now());
        let bridge = Bridge { rules, rooms: BTreeSet::new(), frames: Vec::new(), closed: None };
        self.bridges.insert(actor.to_owned(), bridge);
        self.performs(actor, effects);
        Ok(())
    }

    /// Gives the rules an input, and performs what comes of it.
    pub(super) fn gives(&mut self, actor: &str, input: ConnectionInput) {
        let now = self.now();
        let effects = self.bridge(actor).rules.handle(input, now);
        self.performs(actor, effects);
    }

    /// What the rooms have said, and how they have ended.
    pub(super) fn bridges_hear(&mut self) {
        for actor in self.bridges.keys().cloned().collect::<Vec<_>>() {
            for room in self.bridge(&actor).rooms.clone() {
                let (sim, line) = (self.sim(room.as_str()), line(&actor));
                let is_open = sim.session(&line).is_some();
                let client = sim.client(&line);
                let (frames, closed) = (std::mem::take(&mut client.frames), client.closed);
                for frame in frames.into_iter().filter(|frame| frame != PONG) {
                    self.passes(&actor, &room, frame);
                }
                let bridge = self.bridge(&actor);
                if !is_open {
                    bridge.rooms.remove(&room);
                    let refused = |code| CloseReason::refused(&Refusal::new(code, "it ends"));
                    let close_reason = closed.map_or(CloseReason::Lost, refused);
                    self.gives(&actor, ConnectionInput::Ended { room, close_reason });
                }
            }
        }
    }

    /// A room's frame comes to the client, if it has not too much unread.
    fn passes(&mut self, actor: &str, room: &RoomName, frame: String) {
        let now = self.now();
        let bridge = self.bridge(actor);
        // A scenario's people read everything at once.
        let (passes, effects) = bridge.rules.pass(room, Kind::read(&frame), 0, now);
        assert!(passes && effects.is_empty());
        bridge.frames.push(frame);
    }

    fn bridge(&mut self, actor: &str) -> &mut Bridge {
        self.bridges.get_mut(actor).unwrap()
    }

    fn performs(&mut self, actor: &str, effects: Vec<ConnectionEffect>) {
        let line = line(actor);
        let mut inputs = VecDeque::new();
        for effect in effects {
            match effect {
                ConnectionEffect::Send(text) => self.bridge(actor).frames.push(text),
                ConnectionEffect::Verify { token } => {
                    inputs.push_back(ConnectionInput::Verified(tokens::claims(&token, self.now())));
                }
                ConnectionEffect::Open { room, identity, start } => {
                    let (query, sim) = (start.query(), self.sim(room.as_str()));
                    sim.clients.insert(line.clone(), Client::beginning(&query));
                    sim.connect_bridge(&line, &query, identity, limits::BRIDGE_WINDOW_BYTES);
                    self.bridge(actor).rooms.insert(room.clone());
                    inputs.push_back(ConnectionInput::Opened { room });
                }
                ConnectionEffect::Pass { room, text } => self.sim(room.as_str()).send(&line, &text),
                ConnectionEffect::PingRooms => {
                    for room in self.bridge(actor).rooms.clone() {
                        self.sim(room.as_str()).ping(&line);
                    }
                }
                ConnectionEffect::Renew { room, identity } => {
                    let identity = BridgeFrame::identity(&identity);
                    self.sim(room.as_str()).send_bytes(&line, &identity);
                }
                ConnectionEffect::Pause { room, paused } => {
                    self.sim(room.as_str()).send_bytes(&line, &BridgeFrame::pause(paused));
                }
                ConnectionEffect::Leave { room } => {
                    self.bridges_hear();
                    self.sim(room.as_str()).close(&line, 1_000);
                    self.bridge(actor).rooms.remove(&room);
                    let close_reason = CloseReason::Closed { code: 1_000, reason: String::new() };
                    inputs.push_back(ConnectionInput::Ended { room, close_reason });
                }
                ConnectionEffect::End(close_reason) => self.ends(actor, &close_reason),
            }
        }
        self.bridges_hear();
        inputs.into_iter().for_each(|input| self.gives(actor, input));
    }

    fn ends(&mut self, actor: &str, close_reason: &CloseReason) {
        let code = match close_reason {
            CloseReason::Closed { code, .. } => Some(*code),
            CloseReason::NoCode | CloseReason::Lost => None,
        };
        let bridge = self.bridge(actor);
        bridge.closed = code;
        for room in std::mem::take(&mut bridge.rooms) {
            self.sim(room.as_str()).close(&line(actor), code.unwrap_or(1_005));
        }
    }
}
