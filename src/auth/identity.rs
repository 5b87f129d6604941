//! A client's user and rights in one room.

use serde::{Deserialize, Serialize};

use super::claims::Claims;
use crate::code::{Code, Refusal};
use crate::protocol::{Grant, Right, RoomName, User};
use crate::time::Millis;

/// A user, and the rights that the user's newest accepted token grants in one
/// room. In a public room, a client without a token has an anonymous identity.
/// The worker sends the identity to the room. The room never reads an identity
/// from data that a client sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// The user, or `None` for an anonymous client.
    pub user: Option<User>,
    pub grant: Grant,
    /// The token's `exp`, without the leeway. `None` for an anonymous client,
    /// whose session does not expire.
    pub expires_at: Option<Millis>,
}

impl Identity {
    /// Creates a user's identity in one room from the claims of a token.
    pub fn of(claims: &Claims, room: &RoomName) -> Self {
        let (user, expires_at) = (Some(claims.user.clone()), Some(claims.expires_at));
        Self { user, grant: claims.grant(room), expires_at }
    }

    /// Encodes the identity as JSON, in the form in which the room receives it.
    pub fn to_json(&self) -> String {
        // This serialization can't fail: the keys are strings, and the values
        // are strings or integers.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Returns the identity of a client without a token in a public room.
    pub fn anonymous() -> Self {
        Self { user: None, grant: Grant::NONE.with(Right::Subscribe), expires_at: None }
    }

    /// Fails with `forbidden` if the grant does not include the right.
    pub fn check(&self, right: Right) -> Result<(), Refusal> {
        match self.user {
            None if !self.grant.contains(right) => Err(Self::token_required(right)),
            Some(_) | None => self.grant.check(&[right]),
        }
    }

    /// Returns the user. Fails with `forbidden` if the client is anonymous, or
    /// if the grant does not include the right.
    pub fn user_with(&self, right: Right) -> Result<&User, Refusal> {
        self.check(right)?;
        self.user.as_ref().ok_or_else(|| Self::token_required(right))
    }

    /// Refusal of a client without a token that needs this right.
    pub fn token_required(right: Right) -> Refusal {
        let message = format!("a token that grants {} in this room is required", right.as_str());
        Refusal::new(Code::Forbidden, message)
    }
}
