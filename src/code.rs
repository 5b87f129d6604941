//! All error codes, with their names on the wire, their HTTP statuses and their
//! WebSocket close codes (docs/codes.md).

/// An error code of the protocol. The client receives the code, but not the
/// cause of the error. The cause is written to the operator's log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    BadRequest,
    Unauthorized,
    TokenExpired,
    Forbidden,
    NotFound,
    MethodNotAllowed,
    PositionLost,
    TooLarge,
    RateLimited,
    PingTimeout,
    Kicked,
    Erased,
    RoomFull,
    Rejected,
    Internal,
    Restarting,
}

impl Code {
    pub const ALL: [Self; 16] = [
        Self::BadRequest,
        Self::Unauthorized,
        Self::TokenExpired,
        Self::Forbidden,
        Self::NotFound,
        Self::MethodNotAllowed,
        Self::PositionLost,
        Self::TooLarge,
        Self::RateLimited,
        Self::PingTimeout,
        Self::Kicked,
        Self::Erased,
        Self::RoomFull,
        Self::Rejected,
        Self::Internal,
        Self::Restarting,
    ];

    /// Returns the name of the code on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::BadRequest => "bad_request",
            Self::Unauthorized => "unauthorized",
            Self::TokenExpired => "token_expired",
            Self::Forbidden => "forbidden",
            Self::NotFound => "not_found",
            Self::MethodNotAllowed => "method_not_allowed",
            Self::PositionLost => "position_lost",
            Self::TooLarge => "too_large",
            Self::RateLimited => "rate_limited",
            Self::PingTimeout => "ping_timeout",
            Self::Kicked => "kicked",
            Self::Erased => "erased",
            Self::RoomFull => "room_full",
            Self::Rejected => "rejected",
            Self::Internal => "internal",
            Self::Restarting => "restarting",
        }
    }

    /// Returns the HTTP status of an answer with this code; `None` if the code
    /// is used only to close sockets.
    pub const fn http_status(self) -> Option<u16> {
        match self {
            Self::BadRequest => Some(400),
            Self::Unauthorized | Self::TokenExpired => Some(401),
            Self::Forbidden => Some(403),
            Self::NotFound => Some(404),
            Self::MethodNotAllowed => Some(405),
            Self::PositionLost => Some(410),
            Self::TooLarge => Some(413),
            Self::Rejected => Some(422),
            Self::RateLimited => Some(429),
            Self::RoomFull => Some(503),
            Self::Internal => Some(500),
            Self::PingTimeout | Self::Kicked | Self::Erased | Self::Restarting => None,
        }
    }

    /// Returns the WebSocket close code for this code; `None` if the client
    /// receives a frame instead of a Close frame: a `gap` for `position_lost`,
    /// and an `error` for `rejected`.
    pub const fn close_code(self) -> Option<u16> {
        match self {
            Self::BadRequest => Some(4400),
            Self::Unauthorized | Self::TokenExpired => Some(4001),
            Self::Forbidden => Some(4003),
            Self::NotFound => Some(4404),
            Self::MethodNotAllowed => Some(4405),
            Self::TooLarge => Some(1009),
            Self::PingTimeout => Some(4408),
            Self::RateLimited => Some(4429),
            Self::Kicked => Some(4010),
            Self::Erased => Some(4011),
            Self::RoomFull => Some(1013),
            Self::Internal => Some(1011),
            Self::Restarting => Some(1012),
            Self::PositionLost | Self::Rejected => None,
        }
    }

    /// Returns the code that has this WebSocket close code. If several codes
    /// have this close code, returns the first of them in [`Self::ALL`].
    pub fn from_close_code(close_code: u16) -> Option<Self> {
        Self::ALL.into_iter().find(|code| code.close_code() == Some(close_code))
    }

    /// Returns the code with this name on the wire.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|code| code.as_str() == name)
    }
}

/// An error for the client: a code, and a message that says what was wrong and
/// what would be correct. The message never contains a token, a secret or
/// another room's data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    pub code: Code,
    pub message: String,
    /// For `rate_limited`, the number of milliseconds after which a retry is
    /// accepted.
    pub retry_after_ms: Option<u64>,
    /// For `method_not_allowed`, the methods that the path supports.
    pub allowed_methods: &'static [&'static str],
}

impl Refusal {
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), retry_after_ms: None, allowed_methods: &[] }
    }

    /// Names the part of the request that the refusal is about.
    pub fn about(self, part: &str) -> Self {
        Self { message: format!("{part}: {}", self.message), ..self }
    }

    pub fn bad_request(message: impl Into<String>) -> Self {
        Self::new(Code::BadRequest, message)
    }

    pub fn method_not_allowed(allowed_methods: &'static [&'static str]) -> Self {
        let message = format!("this path supports {}", allowed_methods.join(" and "));
        Self { allowed_methods, ..Self::new(Code::MethodNotAllowed, message) }
    }

    pub fn too_large(message: impl Into<String>) -> Self {
        Self::new(Code::TooLarge, message)
    }

    pub fn rate_limited(message: impl Into<String>, retry_after_ms: u64) -> Self {
        Self { retry_after_ms: Some(retry_after_ms), ..Self::new(Code::RateLimited, message) }
    }
}
