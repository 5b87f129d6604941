//! Bridges: the worker follows rooms over sockets of its own and passes their
//! frames on to readers of other kinds. The room knows nothing of them, and
//! sleeps while they are open.

mod connection;
mod pending;
mod reader;
mod stream;
mod wait;
mod waiting;

pub use connection::connect;
pub use pending::pending;
pub use stream::stream;
pub use wait::held_page;

use crate::close_reason::CloseReason;
use crate::code::{Code, Refusal};

/// What a room that ended its socket comes to for a request that waits for its
/// answer still.
fn refusal(close_reason: CloseReason) -> Refusal {
    let CloseReason::Closed { code, reason } = close_reason else {
        return Refusal::new(Code::Internal, "the room was lost on the way; try again");
    };
    match Code::of_close(code) {
        Some(Code::Kicked) => Refusal::new(Code::Forbidden, reason),
        Some(code) if code.http_status().is_some() => Refusal::new(code, reason),
        Some(_) | None => Refusal::new(Code::Internal, "the room went away; try again"),
    }
}
