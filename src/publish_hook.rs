//! The operator's check of the events that clients publish, before the events
//! are stored. A worker of its own passes such a check as `beforePublish`.
//!
//! The check of an event from a socket runs in the room. The check of a publish
//! over HTTP runs in the worker ([`check_body`]), so that a slow check of a
//! large batch does not delay the room.

use crate::code::{Code, Refusal};
use crate::protocol::{NewEvent, RoomName, User, parse_publish};

/// An operator's check. It is synchronous, since a room handles its inputs one
/// after the other and without a pause.
pub trait PublishHook {
    /// Checks an event that a user publishes to a room.
    fn check(&self, room: &RoomName, user: &User, event: &NewEvent) -> Verdict;
}

/// The result of a check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    Accepted,
    /// The event is published with this JSON as its `data`.
    Changed {
        data: String,
    },
    /// The message is for the client.
    Rejected {
        message: String,
    },
}

/// Checks the events of a publish over HTTP. Returns the body of a publish with
/// the accepted events. Fails with the code `rejected` if any event is
/// rejected, and with the usual code if the body is invalid.
pub fn check_body(
    hook: &dyn PublishHook,
    room: &RoomName,
    user: &User,
    body: &str,
) -> Result<String, Refusal> {
    let events = parse_publish(body)?;
    let mut accepted = Vec::with_capacity(events.len());
    for (index, event) in events.iter().enumerate() {
        let checked = checked(hook, room, user, event, |event| event.json());
        accepted.push(checked.map_err(|refusal| match events.len() {
            1 => refusal,
            _ => refusal.about(&format!("events[{index}]")),
        })?);
    }
    Ok(format!(r#"{{"events":[{}]}}"#, accepted.join(",")))
}

/// Checks an event, and passes the event to `publish` with the data that the
/// check returned. Fails with the code `rejected` if the event is rejected, or
/// if the returned data is invalid.
pub fn checked<T>(
    hook: &dyn PublishHook,
    room: &RoomName,
    user: &User,
    event: &NewEvent,
    publish: impl FnOnce(&NewEvent) -> T,
) -> Result<T, Refusal> {
    match hook.check(room, user, event) {
        Verdict::Accepted => Ok(publish(event)),
        Verdict::Changed { data } => match event.with_data(&data) {
            Ok(changed) => Ok(publish(&changed)),
            // The client did not send this data, so the error is not its own.
            Err(refusal) => Err(Refusal::new(Code::Rejected, refusal.message)),
        },
        Verdict::Rejected { message } => Err(Refusal::new(Code::Rejected, message)),
    }
}
