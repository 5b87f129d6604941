//! Joining and removal of sessions, and renewal of their tokens.

use super::{Bridge, Effect, Room, check_limit};
use crate::auth::Identity;
use crate::code::Refusal;
use crate::flow::Flow;
use crate::guard::another_user;
use crate::limits;
use crate::metrics;
use crate::presence::LeaveMode;
use crate::protocol::{Begin, Right, ServerFrame, Start, User};
use crate::session::{Joined, Session, SessionId};
use crate::store::{Store, StoreError};
use crate::time::Millis;

impl<S: Store> Room<S> {
    /// Adds a session to the room, or refuses the session and closes it.
    pub(super) fn join(
        &mut self,
        id: SessionId,
        identity: Identity,
        start: Start,
        bridge: Bridge,
        now: Millis,
    ) {
        if let Err(refusal) = self.check_capacity(&identity) {
            return self.close(id, refusal);
        }
        match self.welcome(id, identity, start, bridge, now) {
            Ok(()) => {
                self.note_joined(id);
                self.save_attachment(id);
            }
            Err(cause) => {
                let refusal = self.storage_failed(&cause);
                self.close(id, refusal);
            }
        }
    }

    /// Fails with `forbidden` if the client has no right to subscribe. Fails
    /// with `room_full` if the room or the user already has the maximum number
    /// of sessions.
    fn check_capacity(&self, identity: &Identity) -> Result<(), Refusal> {
        identity.check(Right::Subscribe)?;
        self.check_anonymous(identity)?;
        check_limit(self.sessions.len(), self.settings.sockets, "sessions are in this room")?;
        self.check_sessions_of(&identity.user)
    }

    /// Fails with `forbidden` if the client is anonymous, and the settings close
    /// the room to such clients.
    pub(super) fn check_anonymous(&self, identity: &Identity) -> Result<(), Refusal> {
        match identity.user {
            None if self.settings.anonymous_sessions == 0 => {
                Err(Identity::token_required(Right::Subscribe))
            }
            Some(_) | None => Ok(()),
        }
    }

    /// Fails with `room_full` if the user already has the maximum number of
    /// sessions. All anonymous sessions together have their own maximum.
    fn check_sessions_of(&self, user: &Option<User>) -> Result<(), Refusal> {
        let (limit, what) = match user {
            Some(_) => (self.settings.sessions_per_user, "sessions of this user are in this room"),
            None => (self.settings.anonymous_sessions, "anonymous sessions are in this room"),
        };
        check_limit(self.sessions_by_user.get(user).copied().unwrap_or_default(), limit, what)
    }

    /// Sends the frames that start a session, and then makes the session live
    /// or starts its replay.
    fn welcome(
        &mut self,
        id: SessionId,
        identity: Identity,
        start: Start,
        bridge: Bridge,
        now: Millis,
    ) -> Result<(), StoreError> {
        self.flush_broadcast();
        let has_flow = start.flow || self.settings.flow_required;
        let window = bridge.window_bytes.or(has_flow.then_some(self.settings.flow_window_bytes));
        let (head, found) = (self.log.head(), self.log.find(start.begin, now)?);
        let after = found.unwrap_or(head);
        let recovered = matches!(start.begin, Begin::Since(_)).then_some(found.is_some());
        self.count_join(recovered);
        let welcome = ServerFrame::Welcome {
            room: &self.name,
            session: id.to_string(),
            user: identity.user.as_ref(),
            epoch: self.log.epoch(),
            seq: head,
            recovered,
            grant: identity.grant,
            expires_at: identity.expires_at,
            ping_ms: limits::PING_MS,
        };
        self.send(id, welcome.text());

        let joined = Joined {
            identity,
            state: start.state,
            behind: (after < head).then_some(after),
            flow: window.map(|window| Flow::new(window, after, self.log.end_offset())),
            bridged: bridge.window_bytes.is_some(),
            paused: false,
            transport: bridge.transport,
            counts_sessions: start.counts_sessions,
        };
        let session = Session::new(joined);
        self.arm(session.deadline(), now);
        self.insert_session(id, session);
        match (start.begin, recovered) {
            (_, Some(false)) => self.send_gap(id, now),
            (Begin::Head, _) => self.send_state(id),
            (Begin::Last(_) | Begin::Since(_), _) => self.catch_up(id, now),
        }
    }
}

/// Handling of the tokens in `auth` frames.
impl<S: Store> Room<S> {
    pub(super) fn verified(
        &mut self,
        id: SessionId,
        verdict: Result<Identity, Refusal>,
        now: Millis,
    ) {
        let Some(session) = self.sessions.get_mut(&id) else { return };
        let queued = session.guard.release();
        match verdict {
            Ok(identity) => self.renew(id, identity, now),
            Err(refusal) => {
                self.count(&metrics::AUTH_FAILURES, refusal.code.as_str(), 1);
                self.close(id, refusal);
            }
        }
        for frame in queued {
            self.handle_admitted(id, &frame, now);
        }
    }

    /// Replaces the session's identity with that of its newest token. The new
    /// token may grant more or fewer rights. An anonymous session becomes a
    /// session of the token's user.
    fn renew(&mut self, id: SessionId, new: Identity, now: Millis) {
        if let Err(refusal) = self.check_renewal(id, &new) {
            return self.close(id, refusal);
        }
        let Some(session) = self.sessions.get_mut(&id) else { return };
        let Identity { user, grant, expires_at } = new.clone();
        let before = std::mem::replace(&mut session.joined.identity, new).user;
        let deadline = session.deadline();
        self.count_out(&before);
        self.count_in(&user);
        self.note_renewed(id, &before);
        self.next_expiry = self.next_expiry.min(deadline);
        self.arm(deadline, now);
        self.save_attachment(id);
        let new_user = user.as_ref().filter(|_| before.is_none());
        let authorized =
            ServerFrame::Authorized { room: &self.name, user: new_user, grant, expires_at };
        self.send(id, authorized.text());
        if let Some(user) = user.filter(|_| !grant.contains(Right::Presence)) {
            self.leave_as(&user, id, now);
        }
    }

    /// Fails if a new token must close its session. The token may belong to
    /// another user, or grant no `subscribe`. A user who signs in on an
    /// anonymous session may already have the maximum number of sessions.
    fn check_renewal(&self, id: SessionId, new: &Identity) -> Result<(), Refusal> {
        let before = self.sessions.get(&id).and_then(|session| session.user());
        match (before, &new.user) {
            (before, user) if before == user.as_ref() => {}
            (None, user) => self.check_sessions_of(user)?,
            (Some(_), _) => return Err(another_user()),
        }
        new.check(Right::Subscribe)
    }
}

/// The table of sessions.
impl<S: Store> Room<S> {
    pub(super) fn insert_session(&mut self, id: SessionId, session: Session) {
        self.count_in(&session.joined.identity.user);
        self.reporting.count_in(session.joined.transport);
        self.next_expiry = self.next_expiry.min(session.deadline());
        self.sessions.insert(id, Box::new(session));
    }

    /// Removes a session whose socket is closed or is being closed. `code` is
    /// the close code, or `None` if there is no Close frame.
    pub(super) fn remove(&mut self, id: SessionId, mode: LeaveMode, code: Option<u16>) {
        let Some(session) = self.sessions.remove(&id) else { return };
        self.count(&metrics::DISCONNECTS, metrics::close_code(code.unwrap_or(1006)), 1);
        self.reporting.count_out(session.joined.transport);
        let user = session.joined.identity.user;
        self.count_out(&user);
        self.note_closed(id, user.as_ref(), code.unwrap_or(1006));
        self.disconnected.push((user, id, mode));
        self.replayer.remove(id);
    }

    fn count_in(&mut self, user: &Option<User>) {
        let of_user = self.sessions_by_user.entry(user.clone()).or_default();
        *of_user = of_user.saturating_add(1);
    }

    fn count_out(&mut self, user: &Option<User>) {
        match self.sessions_by_user.get_mut(user) {
            Some(of_user) if *of_user > 1 => *of_user = of_user.saturating_sub(1),
            _ => drop(self.sessions_by_user.remove(user)),
        }
    }

    pub(super) fn save_attachment(&mut self, id: SessionId) {
        if let Some(session) = self.sessions.get(&id) {
            let carried = self.presence.carried_by(session.user(), id);
            let attachment = session.encode(id, carried, self.reporting.saved_by(id));
            self.effects.push(Effect::SaveAttachment { session: id, attachment });
        }
    }
}
