//! The token of a connection's client: its verification, and its renewal.

use super::{Connection, ConnectionEffect, RATES};
use crate::auth::Claims;
use crate::code::Refusal;
use crate::guard::another_user;
use crate::limits;
use crate::protocol::ConnectionNotice;
use crate::time::Millis;

/// The state of the client's authentication.
pub(super) enum ClientState {
    /// The client has no token yet. The client must send a token in its first
    /// frame.
    Unauthenticated {
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
        self.send(ConnectionNotice::connected(&claims.user, claims.expires_at));
        self.client = ClientState::Authenticated(claims);
    }

    fn renew(&mut self, claims: Claims) {
        self.send(ConnectionNotice::authorized(claims.expires_at));
        self.renew_rooms(&claims);
        self.client = ClientState::Authenticated(claims);
    }
}

impl ClientState {
    pub(super) fn ends_at(&self) -> Option<Millis> {
        match self {
            Self::Unauthenticated { until } => Some(*until),
            Self::Authenticated(claims) => Some(claims.expires_at.plus(limits::LEEWAY_MS)),
            Self::Closed => None,
        }
    }

    pub(super) fn has_ended(&self, now: Millis) -> bool {
        self.ends_at().is_some_and(|end| end <= now)
    }
}
