//! A user and what they may do in one room.

use serde::{Deserialize, Serialize};

use super::claims::Claims;
use crate::code::Refusal;
use crate::protocol::{Grant, Right, RoomName, User};
use crate::time::Millis;

/// Who somebody is, and what the newest token that was accepted for them
/// allows in this room. The worker hands it to the room; nothing a client
/// sends is ever read as one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    pub user: User,
    pub grant: Grant,
    /// The token's `exp`, without the leeway.
    pub expires_at: Millis,
}

impl Identity {
    /// What a token's claims come to in one room.
    pub fn of(claims: &Claims, room: &RoomName) -> Self {
        Self { user: claims.user.clone(), grant: claims.grant(room), expires_at: claims.expires_at }
    }

    /// Refuses who lacks a right.
    pub fn check(&self, right: Right) -> Result<(), Refusal> {
        self.grant.check(&[right])
    }
}
