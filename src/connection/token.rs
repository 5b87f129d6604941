//! The token of a connection's client: its verification, and its renewal.

use super::{Connection, ConnectionEffect, RATES};
use crate::auth::{Claims, Identity, PublicRooms};
use crate::code::Refusal;
use crate::guard::another_user;
use crate::limits;
use crate::protocol::{ConnectionNotice, RoomName};
use crate::time::Millis;

/// The state of the client's authentication.
pub(super) enum ClientState {
    /// The client has no token yet. The client must send a token in its first
    /// frame.
    Unauthenticated {
        until: Millis,
    },
    /// The client has no token, and may subscribe to public rooms. The
    /// connection ends at `until` if it then has no subscription.
    Anonymous {
        until: Millis,
    },
    Authenticated(Claims),
    Closed,
}

impl Connection {
    pub(super) fn verify(&mut self, token: String, now: Millis) -> Result<(), Refusal> {
        self.guard.await_verdict(RATES, now)?;
        self.effects.push(ConnectionEffect::Verify { token });
        Ok(())
    }

    pub(super) fn verified(&mut self, verdict: Result<Claims, Refusal>, now: Millis) {
        let queued = self.guard.release();
        match (verdict, &self.client) {
            (_, ClientState::Closed) => return,
            (Err(refusal), _) => return self.end_with(&refusal),
            (Ok(claims), ClientState::Unauthenticated { .. }) => self.welcome(claims),
            (Ok(claims), ClientState::Anonymous { .. }) => self.renew(claims),
            (Ok(claims), ClientState::Authenticated(before)) if claims.user == before.user => {
                self.renew(claims);
            }
            (Ok(_), ClientState::Authenticated(_)) => {
                return self.end_with(&another_user());
            }
        }
        for text in queued {
            self.admitted(&text, now);
        }
    }

    pub(super) fn welcome(&mut self, claims: Claims) {
        self.send(ConnectionNotice::connected(Some((&claims.user, claims.expires_at))));
        self.client = ClientState::Authenticated(claims);
    }

    pub(super) fn welcome_anonymous(&mut self, now: Millis) {
        self.send(ConnectionNotice::connected(None));
        self.client = ClientState::anonymous(now);
    }

    fn renew(&mut self, claims: Claims) {
        let was_anonymous = matches!(self.client, ClientState::Anonymous { .. });
        let new_user = was_anonymous.then_some(&claims.user);
        self.send(ConnectionNotice::authorized(new_user, claims.expires_at));
        self.client = ClientState::Authenticated(claims);
        self.renew_rooms();
    }

    /// Restarts the time within which an anonymous client must subscribe, if
    /// its last subscription has ended.
    pub(super) fn await_subscription(&mut self, now: Millis) {
        if let ClientState::Anonymous { .. } = self.client
            && self.subscriptions.is_empty()
        {
            self.client = ClientState::anonymous(now);
        }
    }

    /// Returns whether the connection waits for the client's token or, if the
    /// client is anonymous, for a subscription.
    pub fn is_waiting(&self) -> bool {
        match self.client {
            ClientState::Unauthenticated { .. } => true,
            ClientState::Anonymous { .. } => self.subscriptions.is_empty(),
            ClientState::Authenticated(_) | ClientState::Closed => false,
        }
    }

    /// Returns the time at which the wait or the token ends, if any.
    pub(super) fn expires_at(&self) -> Option<Millis> {
        match &self.client {
            ClientState::Unauthenticated { until } | ClientState::Anonymous { until } => {
                self.is_waiting().then_some(*until)
            }
            ClientState::Authenticated(claims) => Some(claims.expires_at.plus(limits::LEEWAY_MS)),
            ClientState::Closed => None,
        }
    }

    pub(super) fn has_expired(&self, now: Millis) -> bool {
        self.expires_at().is_some_and(|end| end <= now)
    }
}

impl ClientState {
    fn anonymous(now: Millis) -> Self {
        Self::Anonymous { until: now.plus(limits::FIRST_FRAME_MS) }
    }

    /// Returns the client's identity in a room. Returns `None` if the client
    /// has no token and the room is not public.
    pub(super) fn identity(&self, public_rooms: &PublicRooms, room: &RoomName) -> Option<Identity> {
        match self {
            Self::Anonymous { .. } => public_rooms.identity(None, room),
            Self::Authenticated(claims) => public_rooms.identity(Some(claims), room),
            Self::Unauthenticated { .. } | Self::Closed => None,
        }
    }
}
