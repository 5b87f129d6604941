//! A socket of one room that has no token yet, as the worker runs it. When the
//! client sends a valid token, the room's own socket replaces the pending
//! socket.

use roomcast::close_reason::CloseReason;
use roomcast::code::Code;
use roomcast::pending::{PendingEffect, PendingInput, PendingSocket};
use roomcast::protocol::RoomName;

use super::ScenarioRunner;
use crate::tokens;

pub struct Pending {
    rules: PendingSocket,
    room: RoomName,
    query: String,
}

impl ScenarioRunner {
    pub(super) fn start_pending(&mut self, actor: &str, room: RoomName, query: &str) {
        let rules = PendingSocket::new(room.clone(), self.now());
        let pending = Pending { rules, room, query: query.to_owned() };
        self.pending.insert(actor.to_owned(), pending);
    }

    pub(super) fn tick_pending(&mut self) {
        for actor in self.pending.keys().cloned().collect::<Vec<_>>() {
            self.handle_pending(&actor, PendingInput::Tick);
        }
    }

    /// Passes an input to the pending socket, and performs the effects.
    pub(super) fn handle_pending(&mut self, actor: &str, input: PendingInput) {
        let now = self.now();
        let Some(pending) = self.pending.get_mut(actor) else { return };
        let room = pending.room.as_str().to_owned();
        for effect in pending.rules.handle(input, now) {
            match effect {
                PendingEffect::Send(text) => {
                    self.sim(&room).client(actor).frames.push(text.to_owned());
                }
                PendingEffect::Verify { token } => {
                    let verdict = tokens::claims(&token, now);
                    self.handle_pending(actor, PendingInput::Verified(verdict));
                }
                PendingEffect::Open(identity) => {
                    let query = self.pending[actor].query.clone();
                    self.sim(&room).connect(actor, &query, identity);
                    self.handle_pending(actor, PendingInput::Opened);
                    self.pending.remove(actor);
                }
                PendingEffect::Forward(text) => self.sim(&room).send(actor, &text),
                PendingEffect::End(close_reason) => {
                    self.pending.remove(actor);
                    let CloseReason::Closed { code, .. } = close_reason else { continue };
                    self.sim(&room).client(actor).closed = Code::from_close_code(code);
                }
            }
        }
    }
}
