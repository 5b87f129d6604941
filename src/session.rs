//! One open socket in one room: its user and rights, and the seq it was sent up
//! to. The parts that must survive hibernation are encoded into the socket's
//! attachment.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::auth::Identity;
use crate::flow::Flow;
use crate::guard::FrameGuard;
use crate::limits;
use crate::protocol::Seq;
use crate::time::Millis;

/// Id of a session, a random number that the edge draws.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SessionId(pub u64);

impl fmt::Display for SessionId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{:016x}", self.0)
    }
}

/// A binary frame from a bridge to the room.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub enum BridgeFrame {
    /// The identity of the newest token.
    Identity(Identity),
    /// Whether the room must send no events, because the reader is behind.
    Pause { paused: bool },
}

impl BridgeFrame {
    pub fn identity(identity: &Identity) -> Vec<u8> {
        // Can't fail: the keys are strings, the values strings and integers.
        serde_json::to_vec(identity).unwrap_or_default()
    }

    pub fn pause(paused: bool) -> Vec<u8> {
        format!(r#"{{"paused":{paused}}}"#).into_bytes()
    }
}

/// The part of a session that survives hibernation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Joined {
    pub identity: Identity,
    /// Whether the session wants the `state` frame.
    pub state: bool,
    /// The last seq it was sent, while it is being replayed. A session with
    /// `None` is live: it is sent new events.
    pub behind: Option<Seq>,
    /// The account of unseen bytes, if flow control is on.
    pub flow: Option<Flow>,
    /// Whether a bridge opened the socket. Only such a socket may send a
    /// [`BridgeFrame`].
    pub bridged: bool,
    /// Whether its reader paused it.
    #[serde(default)]
    pub paused: bool,
}

#[derive(Debug)]
pub struct Session {
    pub joined: Joined,
    pub guard: FrameGuard,
    /// Bytes of answers since the last check that the session reads them.
    answered: usize,
    /// Presence that the socket's attachment held. [`crate::presence`] takes it
    /// when the sessions are restored.
    pub carried: Option<Box<RawValue>>,
}

impl Session {
    pub fn new(joined: Joined) -> Self {
        Self { joined, guard: FrameGuard::default(), answered: 0, carried: None }
    }

    /// Counts an answer. Returns whether it is time to check that the session
    /// reads its answers.
    pub fn counts_answer(&mut self, bytes: usize) -> bool {
        self.answered = self.answered.saturating_add(bytes);
        let is_time = self.answered >= limits::UNSENT_BYTES;
        if is_time {
            self.answered = 0;
        }
        is_time
    }

    /// Returns when its token expires, with the leeway.
    pub fn deadline(&self) -> Millis {
        self.joined.identity.expires_at.plus(limits::LEEWAY_MS)
    }

    /// Whether it is sent new events as they are published.
    pub fn is_live(&self) -> bool {
        self.joined.behind.is_none()
    }
}

impl Joined {
    /// Whether a replay may send it more now. If not, its next `seen` continues
    /// the replay.
    pub fn can_receive(&self) -> bool {
        !self.paused && self.flow.as_ref().is_none_or(|flow| flow.accepts(1))
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
}

/// The session in an attachment. Version 0.0 had another variant, for sockets
/// without a token; those connect again.
#[derive(Serialize, Deserialize)]
enum StoredJoined<S> {
    #[serde(rename = "taken")]
    Joined(S),
}

impl Session {
    pub fn encode(&self, id: SessionId, carried: Option<Box<RawValue>>) -> String {
        let joined = StoredJoined::Joined(&self.joined);
        let attachment =
            Attachment { id, joined, bad_requests: self.guard.bad_requests(), carried };
        // Can't fail: the keys are strings, the values strings and integers.
        serde_json::to_string(&attachment).unwrap_or_default()
    }

    /// Returns `None` for an attachment of an incompatible version.
    pub fn decode(attachment: &str) -> Option<(SessionId, Self)> {
        let Attachment { id, joined: StoredJoined::Joined(joined), bad_requests, carried } =
            serde_json::from_str(attachment).ok()?;
        Some((id, Self { guard: FrameGuard::restore(bad_requests), carried, ..Self::new(joined) }))
    }

    /// Whether the attachment carries members: the session's own, or those of
    /// disconnected sessions.
    pub fn has_members(attachment: &str) -> bool {
        Self::decode(attachment).is_some_and(|(_, session)| session.carried.is_some())
    }
}
