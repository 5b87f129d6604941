//! How the entry of a disconnected session is removed: from the code that
//! closed its socket.

use crate::code::Code;

/// The way in which the entry of a disconnected session is removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LeaveMode {
    Immediate,
    /// The entry is removed after [`crate::limits::GRACE_MS`], since the session may
    /// reconnect soon.
    AfterGrace,
}

impl LeaveMode {
    /// Returns the leave mode that belongs to the code of the peer's Close
    /// frame. Codes 1000 and 1005 (no code) mean that the client has finished.
    /// A page sends code 1001 if the user leaves the page, but also if the user
    /// reloads the page.
    pub fn by_close_code(code: Option<u16>) -> Self {
        match code {
            Some(1000 | 1005) => Self::Immediate,
            _ => Self::AfterGrace,
        }
    }

    /// Returns the leave mode for a session that the room closes with this
    /// error code.
    pub fn by_refusal(code: Code) -> Self {
        match code {
            Code::Kicked | Code::Erased => Self::Immediate,
            Code::BadRequest
            | Code::Unauthorized
            | Code::TokenExpired
            | Code::Forbidden
            | Code::NotFound
            | Code::MethodNotAllowed
            | Code::PositionLost
            | Code::TooLarge
            | Code::RateLimited
            | Code::PingTimeout
            | Code::RoomFull
            | Code::Rejected
            | Code::Internal
            | Code::Restarting => Self::AfterGrace,
        }
    }
}
