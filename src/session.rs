//! One live socket in one room: who it speaks for, what it may do, how far it
//! has got. What must survive a sleep is encoded into the socket's attachment.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::auth::Identity;
use crate::flow::Flow;
use crate::guard::FrameGuard;
use crate::limits;
use crate::protocol::Seq;
use crate::time::Millis;

/// A session's name, drawn at random by the edge.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SessionId(pub u64);

impl fmt::Display for SessionId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{:016x}", self.0)
    }
}

/// What the worker says to a room in a binary frame, on a socket of its own.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub enum BridgeFrame {
    /// Whom the socket speaks for from here on.
    Identity(Identity),
    /// Whether the room must send no events, since the reader has enough.
    Pause { paused: bool },
}

impl BridgeFrame {
    pub fn identity(identity: &Identity) -> Vec<u8> {
        // Strings and integers under string keys: nothing to fail.
        serde_json::to_vec(identity).unwrap_or_default()
    }

    pub fn pause(paused: bool) -> Vec<u8> {
        format!(r#"{{"paused":{paused}}}"#).into_bytes()
    }
}

/// What the room knows of a session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Joined {
    pub identity: Identity,
    /// Whether it wants the state frame.
    pub state: bool,
    /// The seq it has been sent up to, while it is being caught up from the
    /// log; a session that is caught up is sent what is live.
    pub behind: Option<Seq>,
    /// With flow control, how much is on its way.
    pub flow: Option<Flow>,
    /// Whether it is the worker's inner socket. Only there a binary frame is
    /// taken, as a [`BridgeFrame`].
    pub bridged: bool,
    /// Whether its reader has enough for now.
    #[serde(default)]
    pub paused: bool,
}

#[derive(Debug)]
pub struct Session {
    pub joined: Joined,
    pub guard: FrameGuard,
    /// Bytes of answers since it was last looked at whether it reads them.
    answered: usize,
    /// What its socket carried of [`crate::presence`] through sleep, until the
    /// room takes it.
    pub carried: Option<Box<RawValue>>,
}

impl Session {
    pub fn new(joined: Joined) -> Self {
        Self { joined, guard: FrameGuard::default(), answered: 0, carried: None }
    }

    /// Counts an answer. `true` says that it is time to look whether the session
    /// reads them.
    pub fn counts_answer(&mut self, bytes: usize) -> bool {
        self.answered = self.answered.saturating_add(bytes);
        let is_time = self.answered >= limits::UNSENT_BYTES;
        if is_time {
            self.answered = 0;
        }
        is_time
    }

    /// When the room closes it, unless something else happens before.
    pub fn deadline(&self) -> Millis {
        self.joined.identity.expires_at.plus(limits::LEEWAY_MS)
    }

    /// Whether it is sent what is live.
    pub fn is_live(&self) -> bool {
        self.joined.behind.is_none()
    }
}

impl Joined {
    /// Whether it may be sent more of the log now; one that may not comes
    /// again with its next `seen`.
    pub fn can_receive(&self) -> bool {
        !self.paused && self.flow.as_ref().is_none_or(|flow| flow.accepts(1))
    }
}

/// A session as it sleeps in its socket's attachment: below the 16,384 bytes
/// that one may have.
#[derive(Serialize, Deserialize)]
struct Attachment<S> {
    id: SessionId,
    #[serde(rename = "seat")]
    joined: S,
    bad_requests: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    carried: Option<Box<RawValue>>,
}

/// The seat as an attachment has it. Version 0.0 knew another one, of sockets
/// that had shown no token; they connect again.
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
        // Strings and integers under string keys: there is nothing to fail.
        serde_json::to_string(&attachment).unwrap_or_default()
    }

    /// `None` where another version of the program wrote it in another way.
    pub fn decode(attachment: &str) -> Option<(SessionId, Self)> {
        let Attachment { id, joined: StoredJoined::Joined(joined), bad_requests, carried } =
            serde_json::from_str(attachment).ok()?;
        Some((id, Self { guard: FrameGuard::restore(bad_requests), carried, ..Self::new(joined) }))
    }

    /// Whether a socket with this attachment carries members: its own, or
    /// others that have none any more.
    pub fn has_members(attachment: &str) -> bool {
        Self::decode(attachment).is_some_and(|(_, session)| session.carried.is_some())
    }
}
