//! The reason why a socket closed, from the view of the side that did not close
//! it.

use crate::code::{Code, Refusal};

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CloseReason {
    /// The peer sent a Close frame.
    Closed { code: u16, reason: String },
    /// The peer sent a Close frame without a code.
    NoCode,
    /// The socket was lost without a Close frame.
    Lost,
}

impl CloseReason {
    /// Converts the close code that the runtime reports. Code 1005 means a
    /// Close frame without a code, and code 1006 means that there was no Close
    /// frame (RFC 6455, section 7.4.1).
    pub fn of(code: u16, reason: String) -> Self {
        match code {
            1005 => Self::NoCode,
            1006 => Self::Lost,
            code => Self::Closed { code, reason },
        }
    }

    /// Returns the close reason for a socket that is closed because of a
    /// refusal. If the refusal has no close code, the code is 1011.
    pub fn refused(refusal: &Refusal) -> Self {
        let code = refusal.code.close_code().unwrap_or(1011);
        Self::Closed { code, reason: refusal.message.clone() }
    }

    /// Returns the error code that belongs to the close code, if there is one.
    pub fn code(&self) -> Option<Code> {
        match self {
            Self::Closed { code, .. } => Code::from_close_code(*code),
            Self::NoCode | Self::Lost => None,
        }
    }

    /// Returns the close code and reason that a reader receives when a room
    /// ends the reader's subscription. If the room sent no close code, the
    /// connection to the room was lost. In this case, the code is 1012, so that
    /// the reader reconnects as after a restart.
    pub fn code_and_reason(self) -> (u16, String) {
        match self {
            Self::Closed { code, reason } => (code, reason),
            Self::NoCode | Self::Lost => (1012, "the room disconnected; connect again".to_owned()),
        }
    }
}
