//! A user and the user's rights in one room.

use serde::{Deserialize, Serialize};

use super::claims::Claims;
use crate::code::Refusal;
use crate::protocol::{Grant, Right, RoomName, User};
use crate::time::Millis;

/// A user, and the rights that the user's newest accepted token grants in one
/// room. The worker sends the identity to the room. The room never reads an
/// identity from data that a client sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    pub user: User,
    pub grant: Grant,
    /// The token's `exp`, without the leeway.
    pub expires_at: Millis,
}

impl Identity {
    /// Creates a user's identity in one room from the claims of a token.
    pub fn of(claims: &Claims, room: &RoomName) -> Self {
        Self { user: claims.user.clone(), grant: claims.grant(room), expires_at: claims.expires_at }
    }

    /// Fails with `forbidden` if the grant does not include the right.
    pub fn check(&self, right: Right) -> Result<(), Refusal> {
        self.grant.check(&[right])
    }
}
