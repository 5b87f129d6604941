//! How a socket ended, as the side that heard of it knows.

use crate::code::{Code, Refusal};

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CloseReason {
    /// With a Close frame.
    Closed { code: u16, reason: String },
    /// With a Close frame that has no code.
    NoCode,
    /// Without a Close frame.
    Lost,
}

impl CloseReason {
    /// From what the runtime reports. 1005 and 1006 stand for what is not
    /// there (RFC 6455, section 7.4.1).
    pub fn of(code: u16, reason: String) -> Self {
        match code {
            1005 => Self::NoCode,
            1006 => Self::Lost,
            code => Self::Closed { code, reason },
        }
    }

    /// As a refusal ends a socket.
    pub fn refused(refusal: &Refusal) -> Self {
        let code = refusal.code.close_code().unwrap_or(1011);
        Self::Closed { code, reason: refusal.message.clone() }
    }

    /// What the side that closed meant.
    pub fn code(&self) -> Option<Code> {
        match self {
            Self::Closed { code, .. } => Code::of_close(*code),
            Self::NoCode | Self::Lost => None,
        }
    }

    /// What a reader is told of a room that ended its part. One that was lost
    /// comes back, as after a restart.
    pub fn code_and_reason(self) -> (u16, String) {
        match self {
            Self::Closed { code, reason } => (code, reason),
            Self::NoCode | Self::Lost => (1012, "the room was lost; connect again".to_owned()),
        }
    }
}
