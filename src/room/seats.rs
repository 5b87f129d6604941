//! Taking a seat and leaving it: joining, and in-band tokens.

use super::{Effect, Room};
use crate::auth::Right;
use crate::code::{Code, Refusal};
use crate::flow::Flow;
use crate::limits;
use crate::presence::Leaves;
use crate::protocol::{Begin, ServerFrame, Start};
use crate::session::{Identity, Seat, Seated, Session, SessionId};
use crate::store::{Store, StoreError};
use crate::time::Millis;

/// Joining.
impl<S: Store> Room<S> {
    /// `bridge` is the window of the worker's inner socket, if this is one.
    pub(super) fn join(
        &mut self,
        id: SessionId,
        identity: Identity,
        start: Start,
        bridge: Option<u64>,
        now: Millis,
    ) {
        if let Err(refusal) = self.admits(Some(&identity)) {
            return self.close(id, refusal);
        }
        match self.welcome(id, identity, start, bridge, now) {
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
        bridge: Option<u64>,
        now: Millis,
    ) -> Result<(), StoreError> {
        self.send_unsent();
        let has_flow = start.flow || self.settings.flow_required;
        let window = bridge.or(has_flow.then_some(self.settings.flow_window_bytes));
        let (head, found) = (self.log.head(), self.log.find(start.begin, now)?);
        let after = found.unwrap_or(head);
        let recovered = matches!(start.begin, Begin::Since(_)).then_some(found.is_some());
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

        let seated = Seated {
            identity,
            state: start.state,
            behind: (after < head).then_some(after),
            flow: window.map(|window| Flow::new(window, after, self.log.ends())),
            bridged: bridge.is_some(),
        };
        let session = Session::new(Seat::Taken(seated));
        self.arm(session.deadline(), now);
        self.seat(id, session);
        match (start.begin, recovered) {
            (_, Some(false)) => self.send_gap(id, now),
            (Begin::Head, _) => self.send_state(id),
            (Begin::Last(_) | Begin::Since(_), _) => self.catch_up(id, now),
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
                self.remove(id, Leaves::AtOnce);
                self.join(id, identity, start, None, now);
            }
            (Ok(identity), Seat::Taken(_)) => self.renew(id, identity, now),
        }
        for frame in held.into_frames() {
            self.text(id, &frame, now);
        }
    }

    /// The newest token says what the session may do: more or less than before.
    fn renew(&mut self, id: SessionId, new: Identity, now: Millis) {
        let Some(session) = self.sessions.get_mut(&id) else { return };
        let Some(Seated { identity, .. }) = session.seated_mut() else { return };
        if new.user != identity.user {
            let message =
                "the new token is for another `sub`; open another socket for another user";
            return self.close(id, Refusal::new(Code::Unauthorized, message));
        }
        if let Err(refusal) = new.check(Right::Subscribe) {
            return self.close(id, refusal);
        }
        let (user, grant, expires_at) = (new.user.clone(), new.grant, new.expires_at);
        *identity = new;
        let deadline = session.deadline();
        self.arm(deadline, now);
        self.keep(id);
        self.send(id, ServerFrame::Authorized { room: &self.name, grant, expires_at }.text());
        if !grant.contains(Right::Presence) {
            self.leave_as(&user, id, now);
        }
    }
}

/// The table of sessions.
impl<S: Store> Room<S> {
    pub(super) fn seat(&mut self, id: SessionId, session: Session) {
        if session.seated().is_none() {
            self.waiting.insert(id);
        }
        self.sessions.insert(id, Box::new(session));
    }

    /// The session's socket is lost to the room.
    pub(super) fn remove(&mut self, id: SessionId, leaves: Leaves) {
        let removed = self.sessions.remove(&id);
        if let Some(Seat::Taken(seated)) = removed.map(|session| session.seat) {
            self.departed.push((seated.identity.user, id, leaves));
        }
        self.waiting.remove(&id);
        self.behind.retain(|behind| *behind != id);
    }

    pub(super) fn keep(&mut self, id: SessionId) {
        if let Some(session) = self.sessions.get(&id) {
            let user = session.seated().map(|seated| &seated.identity.user);
            let carried = user.and_then(|user| self.presence.carried_by(user, id));
            let attachment = session.encode(id, carried);
            self.effects.push(Effect::Keep { session: id, attachment });
        }
    }
}
