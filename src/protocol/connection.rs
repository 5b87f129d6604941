//! Frames of a connection for many rooms. This module decodes only the fields
//! of a client's frame that the connection needs. This module also creates the
//! frames that the connection itself sends. All other frames belong to a room
//! and are forwarded unchanged.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::json::{object, text};
use super::{Begin, Ref, RoomName, Seq, Start, User};
use crate::code::Refusal;
use crate::limits;
use crate::time::Millis;

#[derive(Debug)]
pub enum ConnectionFrame {
    Ping,
    /// A token for the connection as a whole. A `room` in the frame is ignored.
    Auth {
        token: String,
    },
    Room {
        room: RoomName,
        command: RoomCommand,
    },
}

/// The command of a frame to a room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RoomCommand {
    Subscribe(Start),
    Unsubscribe,
    /// Any other frame, which the room decodes.
    Other,
}

/// The room and the `ref` of the frame that an error is about.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct About {
    /// The room's name exactly as the client sent it. The name may be invalid.
    /// With this name, the client can match the error to its request. `None` if
    /// the name is missing or longer than [`limits::ECHOED_ROOM`].
    pub room: Option<String>,
    pub reference: Option<Ref>,
}

/// All fields that a frame to a connection can have, as the client wrote them.
#[derive(Deserialize)]
struct Fields<'a> {
    #[serde(borrow, rename = "type")]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    room: Option<&'a RawValue>,
    #[serde(borrow, rename = "ref")]
    reference: Option<&'a RawValue>,
    #[serde(borrow)]
    token: Option<&'a RawValue>,
    #[serde(borrow)]
    since: Option<&'a RawValue>,
    #[serde(borrow)]
    last: Option<&'a RawValue>,
    #[serde(borrow)]
    state: Option<&'a RawValue>,
    #[serde(borrow)]
    count: Option<&'a RawValue>,
}

impl ConnectionFrame {
    /// Decodes a frame. If the frame is not valid, its [`About`] has only the
    /// fields that could be read.
    pub fn decode(frame: &str) -> (About, Result<Self, Refusal>) {
        let fields: Fields = match object(frame) {
            Ok(fields) => fields,
            Err(refusal) => return (About::default(), Err(refusal)),
        };
        let room = fields.room();
        let about = About {
            room: fields.room_as_sent(),
            // An invalid `ref` is ignored here, because the room rejects the
            // frame.
            reference: read(fields.reference, "").ok().flatten(),
        };
        let in_room = |command| room.map(|room| Self::Room { room, command });
        let decoded = match &*fields.kind {
            "ping" => Ok(Self::Ping),
            "auth" => fields.token().map(|token| Self::Auth { token }),
            "subscribe" => fields.start().and_then(|start| in_room(RoomCommand::Subscribe(start))),
            "unsubscribe" => in_room(RoomCommand::Unsubscribe),
            _ => in_room(RoomCommand::Other),
        };
        (about, decoded)
    }
}

impl Fields<'_> {
    fn room(&self) -> Result<RoomName, Refusal> {
        let must = "`room` must be a string: the name of a room";
        let name: String = required(self.room, must)?;
        RoomName::parse(&name)
    }

    fn room_as_sent(&self) -> Option<String> {
        let room: Option<String> = read(self.room, "").ok().flatten();
        room.filter(|room| room.chars().count() <= limits::ECHOED_ROOM)
    }

    fn token(&self) -> Result<String, Refusal> {
        required(self.token, "`token` must be a string: a JWT")
    }

    fn start(&self) -> Result<Start, Refusal> {
        let since: Option<String> = read(self.since, "`since` must be a string: a position")?;
        let last: Option<Seq> = read(self.last, "`last` must be a whole number")?;
        let state: Option<bool> = read(self.state, "`state` must be true or false")?;
        let count: Option<bool> = read(self.count, "`count` must be true or false")?;
        let begin = match (since, last) {
            (None, None) => Begin::Head,
            (Some(since), None) => Begin::Since(since.parse()?),
            (None, Some(count)) => Begin::Last(count.get()),
            (Some(_), Some(_)) => return Err(Begin::both_given()),
        };
        let (state, flow) = (state.unwrap_or(true), true);
        Ok(Start { begin, state, flow, counts_sessions: count.unwrap_or_default() })
    }
}

fn required<'a, T: Deserialize<'a>>(json: Option<&'a RawValue>, must: &str) -> Result<T, Refusal> {
    read(json, must)?.ok_or_else(|| Refusal::bad_request(must))
}

/// Parses a field, if the field is present. `must` is the error message, which
/// says what the field must be.
fn read<'a, T: Deserialize<'a>>(
    json: Option<&'a RawValue>,
    must: &str,
) -> Result<Option<T>, Refusal> {
    json.map(|json| serde_json::from_str(json.get()))
        .transpose()
        .map_err(|_| Refusal::bad_request(must))
}

/// A frame that comes from the connection itself, not from a room.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum ConnectionNotice<'a> {
    Connected {
        /// The user, or `None` for an anonymous connection.
        user: Option<&'a User>,
        expires_at: Option<Millis>,
        ping_ms: u64,
    },
    Authorized {
        /// The user, if the connection was anonymous before.
        #[serde(skip_serializing_if = "Option::is_none")]
        user: Option<&'a User>,
        expires_at: Millis,
    },
    Closed {
        room: &'a RoomName,
        code: u16,
        #[serde(skip_serializing_if = "str::is_empty")]
        reason: &'a str,
    },
    Error {
        #[serde(skip_serializing_if = "Option::is_none")]
        room: Option<&'a str>,
        #[serde(rename = "ref", skip_serializing_if = "Option::is_none")]
        reference: Option<&'a Ref>,
        code: &'static str,
        message: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        retry_after_ms: Option<u64>,
    },
}

impl ConnectionNotice<'_> {
    /// Returns the first frame of a connection. `token` is the user and the
    /// expiry of the token, or `None` for an anonymous connection.
    pub fn connected(token: Option<(&User, Millis)>) -> String {
        let (user, expires_at) = token.unzip();
        text(&ConnectionNotice::Connected { user, expires_at, ping_ms: limits::PING_MS })
    }

    pub fn authorized(user: Option<&User>, expires_at: Millis) -> String {
        text(&ConnectionNotice::Authorized { user, expires_at })
    }

    pub fn closed(room: &RoomName, code: u16, reason: &str) -> String {
        text(&ConnectionNotice::Closed { room, code, reason })
    }

    pub fn error(about: &About, refusal: &Refusal) -> String {
        text(&ConnectionNotice::Error {
            room: about.room.as_deref(),
            reference: about.reference.as_ref(),
            code: refusal.code.as_str(),
            message: &refusal.message,
            retry_after_ms: refusal.retry_after_ms,
        })
    }
}
