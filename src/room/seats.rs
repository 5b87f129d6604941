//! Taking a seat and leaving it: joining, in-band tokens, and catching up
//! with the log before what is live.

use super::{Effect, Room};
use crate::auth::Right;
use crate::code::{Code, Refusal};
use crate::limits;
use crate::log::{Budget, Replay};
use crate::protocol::{self, Begin, ServerFrame, Start};
use crate::session::{Identity, Seat, Session, SessionId};
use crate::store::{Store, StoreError};
use crate::time::Millis;

/// Joining.
impl<S: Store> Room<S> {
    pub(super) fn join(&mut self, id: SessionId, identity: Identity, start: Start, now: Millis) {
        if let Err(refusal) = self.admits(Some(&identity)) {
            return self.close(id, refusal);
        }
        match self.welcome(id, identity, start, now) {
            Ok(()) => self.keep(id),
            Err(cause) => {
                let refusal = self.broken(&cause);
                self.close(id, refusal);
            }
        }
    }

    pub(super) fn wait_for_token(&mut self, id: SessionId, start: Start, now: Millis) {
        if let Err(refusal) = self.admits(None) {
            return self.close(id, refusal);
        }
        let until = now.plus(limits::FIRST_FRAME_MS);
        self.seat(id, Session::new(Seat::Waiting { start, until }));
        self.keep(id);
        self.arm(until, now);
    }

    /// The frames that every session begins with, and its way to what is live.
    fn welcome(
        &mut self,
        id: SessionId,
        identity: Identity,
        start: Start,
        now: Millis,
    ) -> Result<(), StoreError> {
        let head = self.log.head();
        let (after, recovered) = match start.begin {
            Begin::Head => (head, None),
            Begin::Last(count) => (self.log.back(count, now)?, None),
            Begin::Since(position) => match self.log.holds(position, now)? {
                true => (position.seq, Some(true)),
                false => (head, Some(false)),
            },
        };
        let welcome = ServerFrame::Welcome {
            room: &self.name,
            session: id.to_string(),
            user: identity.user.as_str(),
            epoch: self.log.epoch(),
            seq: head,
            recovered,
            grant: identity.grant,
            expires_at: identity.expires_at,
            ping_ms: limits::PING_MS,
        };
        self.send(id, welcome.text());

        let behind = (after < head).then_some(after);
        let session = Session::new(Seat::Taken { identity, state: start.state, behind });
        self.arm(session.deadline(), now);
        self.seat(id, session);
        match (start.begin, recovered) {
            (_, Some(false)) => self.send_gap(id, start.state, now),
            (Begin::Head, _) => self.send_state(id, start.state),
            (Begin::Last(_) | Begin::Since(_), _) => self.catch_up(id, now),
        }
    }

    fn send_gap(&mut self, id: SessionId, state: bool, now: Millis) -> Result<(), StoreError> {
        let gap = ServerFrame::Gap {
            room: &self.name,
            epoch: self.log.epoch(),
            oldest: self.log.oldest(now)?,
            seq: self.log.head(),
        };
        self.send(id, gap.text());
        self.send_state(id, state)
    }

    fn send_state(&mut self, id: SessionId, wanted: bool) -> Result<(), StoreError> {
        let state = if wanted { self.log.state()? } else { String::new() };
        if !state.is_empty() {
            self.send(id, protocol::state(&self.name, self.log.epoch(), self.log.head(), &state));
        }
        Ok(())
    }
}

/// Catching up.
impl<S: Store> Room<S> {
    /// Sends a session that is behind some of the log. Until it has all of it,
    /// nothing live is sent to it: so order holds, and a replay of any length
    /// is never in memory but for a few frames.
    fn catch_up(&mut self, id: SessionId, now: Millis) -> Result<(), StoreError> {
        for _ in 0..limits::REPLAY_FRAMES_AT_ONCE {
            let Some(Session { seat: Seat::Taken { behind, state, .. }, .. }) =
                self.sessions.get_mut(&id)
            else {
                break;
            };
            let (Some(after), state) = (*behind, *state) else { return Ok(()) };
            match self.log.read(after, Budget::FRAME, now)? {
                Replay::Events(slice) => {
                    *behind = (slice.last < self.log.head()).then_some(slice.last);
                    let text =
                        protocol::events(&self.name, self.log.epoch(), slice.prev, &slice.events);
                    self.send(id, text);
                }
                // The ring came round while it was being caught up.
                Replay::Lost => {
                    *behind = None;
                    self.send_gap(id, state, now)?;
                }
            }
        }
        if self.sessions.get(&id).is_some_and(|session| !session.is_live()) {
            self.behind.push_back(id);
            self.ask_for_turn();
            self.arm(now.plus(limits::REPLAY_REVIVED_AFTER_MS), now);
        }
        Ok(())
    }

    /// One session's turn. The sessions that are behind take them in order.
    pub(super) fn turn(&mut self, now: Millis) {
        self.turn_asked = false;
        let Some(id) = self.behind.pop_front() else { return };
        match self.catch_up(id, now) {
            Ok(()) => self.keep(id),
            Err(cause) => {
                let refusal = self.broken(&cause);
                self.close(id, refusal);
            }
        }
        self.ask_for_turn();
    }

    pub(super) fn ask_for_turn(&mut self) {
        if !self.behind.is_empty() && !self.turn_asked {
            self.turn_asked = true;
            self.effects.push(Effect::Turn);
        }
    }
}

/// In-band tokens.
impl<S: Store> Room<S> {
    pub(super) fn verified(
        &mut self,
        id: SessionId,
        verdict: Result<Identity, Refusal>,
        now: Millis,
    ) {
        let Some(session) = self.sessions.get_mut(&id) else { return };
        let held = session.held.take().unwrap_or_default();
        match (verdict, &session.seat) {
            (Err(refusal), _) => self.close(id, refusal),
            (Ok(identity), Seat::Waiting { start, .. }) => {
                let start = *start;
                self.remove(id);
                self.join(id, identity, start, now);
            }
            (Ok(identity), Seat::Taken { .. }) => self.renew(id, identity, now),
        }
        for frame in held.into_frames() {
            self.text(id, &frame, now);
        }
    }

    /// The newest token says what the session may do: more or less than before.
    fn renew(&mut self, id: SessionId, new: Identity, now: Millis) {
        let Some(session) = self.sessions.get_mut(&id) else { return };
        let Seat::Taken { identity, .. } = &mut session.seat else { return };
        if new.user != identity.user {
            let message =
                "the new token is for another `sub`; open another socket for another user";
            return self.close(id, Refusal::new(Code::Unauthorized, message));
        }
        if let Err(refusal) = new.check(Right::Subscribe) {
            return self.close(id, refusal);
        }
        let (grant, expires_at) = (new.grant, new.expires_at);
        *identity = new;
        let deadline = session.deadline();
        self.arm(deadline, now);
        self.keep(id);
        self.send(id, ServerFrame::Authorized { room: &self.name, grant, expires_at }.text());
    }
}

/// The table of sessions.
impl<S: Store> Room<S> {
    pub(super) fn seat(&mut self, id: SessionId, session: Session) {
        if !session.is_seated() {
            self.waiting.insert(id);
        }
        self.sessions.insert(id, session);
    }

    pub(super) fn remove(&mut self, id: SessionId) {
        self.sessions.remove(&id);
        self.waiting.remove(&id);
        self.behind.retain(|behind| *behind != id);
    }

    pub(super) fn keep(&mut self, id: SessionId) {
        if let Some(session) = self.sessions.get(&id) {
            self.effects.push(Effect::Keep { session: id, attachment: session.encode(id) });
        }
    }
}
