//! A user and what they may do in one room.

use serde::{Deserialize, Serialize};

use super::claims::Claims;
use crate::code::Refusal;
use crate::protocol::{Grant, Right, RoomName, User};
use crate::time::Millis;

/// A user, and what their newest accepted token allows in one room. The worker
/// sends it to the room. It is never read from anything that a client sends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    pub user: User,
    pub grant: Grant,
    /// The token's `exp`, without the leeway.
    pub expires_at: Millis,
}

impl Identity {
    /// Returns the identity that a token's claims give in one room.
    pub fn of(claims: &Claims, room: &RoomName) -> Self {
        Self { user: claims.user.clone(), grant: claims.grant(room), expires_at: claims.expires_at }
    }

    /// Fails with `forbidden` if the grant does not include the right.
    pub fn check(&self, right: Right) -> Result<(), Refusal> {
        self.grant.check(&[right])
    }
}
