//! Frames from the room, and the bodies of its HTTP answers, as text.
//!
//! The functions [`events`] and [`state`] insert stored text without changes.
//! So events are not parsed or serialized again between the log and the wire.

use serde::{Deserialize, Serialize};

use super::json::text;
use super::{Epoch, Grant, Ref, RoomName, Seq, User, UserEntry};
use crate::code::{Code, Refusal};
use crate::time::Millis;

/// The exact text of a ping that the runtime answers without loading the room.
pub const PING: &str = r#"{"type":"ping"}"#;
/// The runtime's answer to [`PING`].
pub const PONG: &str = r#"{"type":"pong"}"#;

/// A frame that the room serializes. The functions [`events`] and [`state`]
/// create the frames that contain stored events.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum ServerFrame<'a> {
    Welcome {
        room: &'a RoomName,
        session: String,
        /// The user, or `None` for an anonymous session.
        user: Option<&'a User>,
        epoch: Epoch,
        seq: Seq,
        #[serde(skip_serializing_if = "Option::is_none")]
        recovered: Option<bool>,
        grant: Grant,
        expires_at: Option<Millis>,
        ping_ms: u64,
    },
    Gap {
        room: &'a RoomName,
        epoch: Epoch,
        oldest: Seq,
        seq: Seq,
    },
    #[serde(rename = "members:changed")]
    MembersChanged {
        room: &'a RoomName,
        entered: &'a [UserEntry<'a>],
        updated: &'a [UserEntry<'a>],
        left: &'a [UserEntry<'a>],
    },
    /// The number of sessions in the room.
    Sessions {
        room: &'a RoomName,
        count: usize,
    },
    Ack {
        room: &'a RoomName,
        #[serde(rename = "ref")]
        reference: &'a Ref,
        seq: Seq,
    },
    Authorized {
        room: &'a RoomName,
        /// The user, if the session was anonymous before.
        #[serde(skip_serializing_if = "Option::is_none")]
        user: Option<&'a User>,
        grant: Grant,
        expires_at: Option<Millis>,
    },
    Error {
        room: &'a RoomName,
        #[serde(rename = "ref", skip_serializing_if = "Option::is_none")]
        reference: Option<&'a Ref>,
        code: &'static str,
        message: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        retry_after_ms: Option<u64>,
    },
}

impl ServerFrame<'_> {
    pub fn text(&self) -> String {
        text(self)
    }
}

/// Returns an `events` frame, for live events and for a replay. `events` is the
/// stored text of the events, and `prev` is the seq before the first event.
pub fn events(room: &RoomName, epoch: Epoch, prev: Seq, events: &str) -> String {
    format!(
        r#"{{"type":"events","room":"{room}","epoch":"{epoch}","prev":{prev},"events":[{events}]}}"#
    )
}

/// Returns a `state` frame: the latest event of every key, as of `seq`.
pub fn state(room: &RoomName, epoch: Epoch, seq: Seq, events: &str) -> String {
    format!(
        r#"{{"type":"state","room":"{room}","epoch":"{epoch}","seq":{seq},"events":[{events}]}}"#
    )
}

/// Returns the body of `GET /rooms/{room}/state`.
pub fn state_body(room: &RoomName, epoch: Epoch, seq: Seq, events: &str) -> String {
    format!(r#"{{"room":"{room}","epoch":"{epoch}","seq":{seq},"events":[{events}]}}"#)
}

/// Returns the body of `GET /rooms/{room}/events`.
pub fn page_body(room: &RoomName, epoch: Epoch, prev: Seq, events: &str, head: Seq) -> String {
    format!(
        r#"{{"room":"{room}","epoch":"{epoch}","prev":{prev},"events":[{events}],"head":{head}}}"#
    )
}

/// The body of the answer to a publish to one room. The answer to a publish to
/// several rooms contains one of these bodies for each room.
#[derive(Serialize)]
pub struct Published<'a> {
    pub room: &'a RoomName,
    pub epoch: Epoch,
    pub seqs: &'a [Seq],
}

/// The answer to `GET /rooms/{room}`: the room stats.
#[derive(Serialize)]
pub struct RoomStats<'a> {
    pub room: &'a RoomName,
    pub epoch: Epoch,
    pub head: Seq,
    pub oldest: Seq,
    pub sessions: usize,
    pub members: usize,
    pub bytes: u64,
    /// Time at which the room's object was last loaded into memory. Before that
    /// time, the room hibernated or did not exist.
    pub awake_since: Millis,
    /// Number of rows that the platform bills for the writes since
    /// `awake_since`. Rows for alarms are not counted.
    pub rows_written: u64,
}

impl Published<'_> {
    pub fn text(&self) -> String {
        text(self)
    }
}

impl RoomStats<'_> {
    pub fn text(&self) -> String {
        text(self)
    }
}

/// Parses the body of the answer to a rejected request. Returns `None` if the
/// body has another form.
pub fn read_error(body: &str) -> Option<Refusal> {
    #[derive(Deserialize)]
    struct Body<'a> {
        #[serde(borrow)]
        error: Error<'a>,
    }
    #[derive(Deserialize)]
    struct Error<'a> {
        code: &'a str,
        message: String,
        retry_after_ms: Option<u64>,
    }
    let Body { error: Error { code, message, retry_after_ms } } =
        serde_json::from_str(body).ok()?;
    Some(Refusal { retry_after_ms, ..Refusal::new(Code::from_name(code)?, message) })
}

/// Returns the body of the answer to a rejected HTTP request.
pub fn error_body(refusal: &Refusal) -> String {
    #[derive(Serialize)]
    struct Body<'a> {
        error: Error<'a>,
    }
    #[derive(Serialize)]
    struct Error<'a> {
        code: &'static str,
        message: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        retry_after_ms: Option<u64>,
    }
    let Refusal { code, message, retry_after_ms, .. } = refusal;
    text(&Body { error: Error { code: code.as_str(), message, retry_after_ms: *retry_after_ms } })
}
