//! Bridges. For streams, long polling, and connections for many rooms, the
//! worker opens a socket to the room and forwards the room's frames to the
//! client. The room treats a bridge like any other session, and can hibernate
//! while the bridge is open.

mod connection;
mod pending;
mod reader;
mod stream;
mod wait;
mod waiting;

pub use connection::{connect, connect_pusher};
pub use pending::pending;
pub use stream::stream;
pub use wait::long_poll;

use crate::close_reason::CloseReason;
use crate::code::{Code, Refusal};

/// Returns the refusal for a request whose room closed the socket before the
/// request was answered.
fn refusal(close_reason: CloseReason) -> Refusal {
    let CloseReason::Closed { code, reason } = close_reason else {
        return Refusal::new(Code::Internal, "the room disconnected; try again");
    };
    match Code::from_close_code(code) {
        Some(Code::Kicked) => Refusal::new(Code::Forbidden, reason),
        Some(code) if code.http_status().is_some() => Refusal::new(code, reason),
        Some(_) | None => Refusal::new(Code::Internal, "the room disconnected; try again"),
    }
}
