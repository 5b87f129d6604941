//! The rules for webhooks: the room sends notifications to a URL of the
//! operator.
//!
//! A notification says what happened in a room ([`Occurrence`]). It has a number:
//! 1, 2, 3 … in its room. The notifications that one input causes are a row of
//! the room's queue, which is stored in the same commit. Published events are
//! already in the log, so they need no row. Each row has the head of the log, so
//! events and other notifications have one order.
//!
//! The room sends the oldest notifications as a batch, and the next batch after
//! that one was delivered. So the order holds for each room. A batch that failed
//! is sent again with the same content, at the times of [`retry_after_ms`]. After
//! a day, its notifications are dropped. The next batch that is delivered has
//! their number, so the loss is never silent.
//!
//! [`Queue`] is the state of the queue, and [`Secrets`] signs the batches in the
//! way of Standard Webhooks (<https://www.standardwebhooks.com>).

mod batch;
mod queue;
mod secrets;

pub use batch::Batch;
pub use queue::Queue;
pub use secrets::Secrets;

use crate::limits;
use crate::protocol::User;
use crate::session::SessionId;
use crate::store::OpenItem;
use crate::time::Millis;

/// Something that happened in a room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Occurrence {
    /// The first session joined.
    Occupied,
    /// The last session ended.
    Vacated,
    /// A user became a member.
    Entered(User),
    /// A user is no longer a member.
    Left(User),
    /// A session ended. The code is 1006 if there was no Close frame.
    Closed { session: SessionId, user: Option<User>, code: u16 },
}

impl Occurrence {
    /// Returns the notification as JSON.
    pub fn text(&self, number: u64, at: Millis) -> String {
        let user_text = |user: &User| serde_json::to_string(user).unwrap_or_default();
        let (kind, fields) = match self {
            Self::Occupied => ("room.occupied", String::new()),
            Self::Vacated => ("room.vacated", String::new()),
            Self::Entered(user) => ("member.entered", format!(r#","user":{}"#, user_text(user))),
            Self::Left(user) => ("member.left", format!(r#","user":{}"#, user_text(user))),
            Self::Closed { session, user, code } => {
                let user = user.as_ref().map_or("null".into(), user_text);
                let fields = format!(r#","session":"{session}","user":{user},"code":{code}"#);
                ("session.closed", fields)
            }
        };
        format!(r#"{{"type":"{kind}","number":{number},"at":{}{fields}}}"#, at.get())
    }
}

/// Returns the notification that an item is over, because it was lost.
pub fn lost(item: &OpenItem) -> Option<Occurrence> {
    match (item.session, item.user.clone()) {
        (Some(id), user) => Some(Occurrence::Closed { session: SessionId(id), user, code: 1006 }),
        (None, user) => user.map(Occurrence::Left),
    }
}

/// Returns the time until a batch that has failed this number of times is sent
/// again. `spread` is a number of the room, which distributes the retries of many
/// rooms over time.
pub fn retry_after_ms(failures: u64, spread: u64) -> u64 {
    const SECOND_MS: u64 = 1_000;
    const MINUTE_MS: u64 = 60 * SECOND_MS;
    let after_ms = match failures {
        0 | 1 => 5 * SECOND_MS,
        2 => 30 * SECOND_MS,
        3 => 2 * MINUTE_MS,
        4 => 10 * MINUTE_MS,
        5 => limits::HOUR_MS,
        6 => limits::HOUR_MS.saturating_mul(3),
        _ => limits::HOUR_MS.saturating_mul(6),
    };
    let percent = spread.rem_euclid(21);
    after_ms.saturating_add(after_ms.div_euclid(100).saturating_mul(percent))
}
