//! The session of one open socket in one room: the user, the rights, and the
//! last seq that was sent to the socket. The parts that must survive
//! hibernation are encoded into the socket's attachment.

use std::fmt;

use litemap::LiteMap;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::auth::Identity;
use crate::flow::Flow;
use crate::guard::FrameGuard;
use crate::limits;
use crate::protocol::{Seq, User};
use crate::report::Report;
use crate::time::Millis;

/// Id of a session: a random number below 2^53, which the edge generates.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SessionId(pub u64);

/// A set of sessions.
pub type SessionSet = LiteMap<SessionId, ()>;

/// Returns a set of these sessions.
pub fn session_set(ids: &[SessionId]) -> SessionSet {
    let mut set = SessionSet::new();
    for id in ids {
        set.insert(*id, ());
    }
    set
}

impl fmt::Display for SessionId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{:016x}", self.0)
    }
}

/// The way in which a client's frames reach its session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Transport {
    /// A WebSocket of one room.
    #[default]
    Websocket,
    /// A WebSocket for many rooms.
    Connection,
    /// A stream of Server-Sent Events.
    Sse,
    /// A page that waits for events.
    Poll,
    /// A WebSocket with Pusher's protocol.
    Pusher,
}

impl Transport {
    pub const ALL: [Self; 5] =
        [Self::Websocket, Self::Connection, Self::Sse, Self::Poll, Self::Pusher];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Websocket => "websocket",
            Self::Connection => "connection",
            Self::Sse => "sse",
            Self::Poll => "poll",
            Self::Pusher => "pusher",
        }
    }

    /// Returns the transport with this name. An unknown name, and the missing
    /// name of an earlier version, stand for a WebSocket.
    pub fn named(name: &str) -> Self {
        Self::ALL.into_iter().find(|transport| transport.as_str() == name).unwrap_or_default()
    }

    fn is_websocket(&self) -> bool {
        *self == Self::Websocket
    }
}

/// A binary frame from a bridge to the room.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub enum BridgeFrame {
    /// The identity of the newest token.
    Identity(Identity),
    /// Whether the room must stop sending events, because the reader has not
    /// read the earlier events.
    Pause { paused: bool },
}

impl BridgeFrame {
    pub fn identity(identity: &Identity) -> Vec<u8> {
        identity.to_json().into_bytes()
    }

    pub fn pause(paused: bool) -> Vec<u8> {
        format!(r#"{{"paused":{paused}}}"#).into_bytes()
    }
}

/// The part of a session that survives hibernation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Joined {
    pub identity: Identity,
    /// Whether the session requested the `state` frame.
    pub state: bool,
    /// During a replay, the last seq that was sent to the session. `None` means
    /// that the session is live and receives new events as they are published.
    pub behind: Option<Seq>,
    /// The account of bytes in flight, if flow control is on.
    pub flow: Option<Flow>,
    /// Whether a bridge opened the socket. Only a bridge may send a
    /// [`BridgeFrame`].
    pub bridged: bool,
    /// Whether the bridge paused the session, because the bridge's reader is
    /// behind.
    #[serde(default)]
    pub paused: bool,
    #[serde(default, skip_serializing_if = "Transport::is_websocket")]
    pub transport: Transport,
    /// Whether the session is sent the number of sessions.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub counts_sessions: bool,
}

#[derive(Debug)]
pub struct Session {
    pub joined: Joined,
    pub guard: FrameGuard,
    /// Number of bytes of answers that were sent since the room last checked
    /// that the session reads its answers.
    unchecked_answer_bytes: usize,
    /// Presence data from the socket's attachment. [`crate::presence`] removes
    /// this data from the session when the sessions are restored.
    pub carried: Option<Box<RawValue>>,
    /// The room's report from the socket's attachment. The room removes it from
    /// the session when the sessions are restored.
    pub report: Option<Box<Report>>,
}

impl Session {
    pub fn new(joined: Joined) -> Self {
        Self {
            joined,
            guard: FrameGuard::default(),
            unchecked_answer_bytes: 0,
            carried: None,
            report: None,
        }
    }

    /// Counts the bytes of an answer. Returns whether the room must now check
    /// that the session reads its answers.
    pub fn count_answer(&mut self, bytes: usize) -> bool {
        self.unchecked_answer_bytes = self.unchecked_answer_bytes.saturating_add(bytes);
        let is_time = self.unchecked_answer_bytes >= limits::UNSENT_BYTES;
        if is_time {
            self.unchecked_answer_bytes = 0;
        }
        is_time
    }

    /// Returns the session's user, or `None` for an anonymous session.
    pub fn user(&self) -> Option<&User> {
        self.joined.identity.user.as_ref()
    }

    /// Returns the time at which the room closes the session: the expiry of the
    /// session's token plus the leeway. An anonymous session has no such time.
    pub fn deadline(&self) -> Millis {
        let expires_at = self.joined.identity.expires_at;
        expires_at.map_or(Millis::MAX, |expires_at| expires_at.plus(limits::LEEWAY_MS))
    }

    /// Returns whether the session receives new events as they are published.
    pub fn is_live(&self) -> bool {
        self.joined.behind.is_none()
    }
}

impl Joined {
    /// Returns whether this number of bytes of events may now be sent to the
    /// session. If not, the session's next `seen`, or the end of its pause,
    /// continues with a replay.
    pub fn accepts(&self, bytes: u64) -> bool {
        !self.paused && self.flow.as_ref().is_none_or(|flow| flow.accepts(bytes))
    }
}

/// The content of a socket's attachment, which the platform limits to 16,384
/// bytes.
#[derive(Serialize, Deserialize)]
struct Attachment<S> {
    id: SessionId,
    #[serde(rename = "seat")]
    joined: S,
    bad_requests: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    carried: Option<Box<RawValue>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    report: Option<String>,
}

/// The session in an attachment. Version 0.0 had another variant, for sockets
/// without a token. The room closes a socket with the old variant, and the
/// client connects again.
#[derive(Serialize, Deserialize)]
enum StoredJoined<S> {
    #[serde(rename = "taken")]
    Joined(S),
}

impl Session {
    /// Encodes the session as the text of the socket's attachment.
    pub fn encode(
        &self,
        id: SessionId,
        carried: Option<Box<RawValue>>,
        report: Option<String>,
    ) -> String {
        let joined = StoredJoined::Joined(&self.joined);
        let attachment =
            Attachment { id, joined, bad_requests: self.guard.bad_requests(), carried, report };
        // This serialization can't fail: the keys are strings, and the values
        // are strings or integers.
        serde_json::to_string(&attachment).unwrap_or_default()
    }

    /// Decodes a socket's attachment. Returns `None` if an incompatible version
    /// wrote the attachment.
    pub fn decode(attachment: &str) -> Option<(SessionId, Self)> {
        let Attachment { id, joined: StoredJoined::Joined(joined), bad_requests, carried, report } =
            serde_json::from_str(attachment).ok()?;
        let guard = FrameGuard::restore(bad_requests);
        let report = report.and_then(|text| Report::parse(&text)).map(Box::new);
        Some((id, Self { guard, carried, report, ..Self::new(joined) }))
    }

    /// Returns whether the attachment carries members: the session's own
    /// member, or members of disconnected sessions.
    pub fn has_members(attachment: &str) -> bool {
        Self::decode(attachment).is_some_and(|(_, session)| session.carried.is_some())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The stored names differ from the names in the code. After a deploy, a
    /// socket that hibernated has an attachment that an earlier version wrote.
    #[test]
    fn attachment_of_an_earlier_version_is_restored_and_saved_unchanged() {
        let identity = r#"{"user":"ann","grant":["subscribe","publish"],"expires_at":9}"#;
        let flow = r#"{"window":1000,"seen":3,"seen_to":30,"sent_to":50}"#;
        let attachment = format!(
            r#"{{"id":7,"seat":{{"taken":{{"identity":{identity},"state":true,"behind":4,"flow":{flow},"bridged":false,"paused":false}}}},"bad_requests":2}}"#
        );
        let (id, session) = Session::decode(&attachment).unwrap();
        assert_eq!((id, session.joined.behind), (SessionId(7), Seq::new(4)));
        assert_eq!(session.encode(id, None, None), attachment);
    }

    #[test]
    fn anonymous_session_is_restored_without_a_user_and_an_end() {
        let identity = Identity::anonymous();
        let joined = Joined {
            identity: identity.clone(),
            state: true,
            behind: None,
            flow: None,
            bridged: false,
            paused: false,
            transport: Transport::Sse,
            counts_sessions: false,
        };
        let attachment = Session::new(joined).encode(SessionId(7), None, None);
        let (_, session) = Session::decode(&attachment).unwrap();
        assert_eq!(session.joined.identity, identity);
        assert_eq!(session.deadline(), Millis::MAX);
    }
}
