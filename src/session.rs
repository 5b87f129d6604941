//! One live socket in one room: who it speaks for, what it may do, how far it
//! has got. What must survive a sleep is encoded into the socket's attachment.

use std::collections::VecDeque;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::auth::{Claims, Grant, Right};
use crate::code::{Code, Refusal};
use crate::limits;
use crate::protocol::{RoomName, Seq, Start, User};
use crate::rate::{Bucket, Rate};
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

/// Who somebody is, and what the newest token that was accepted for them
/// allows in this room. The worker hands it to the room; nothing a client
/// sends is ever read as one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    pub user: User,
    pub grant: Grant,
    /// The token's `exp`, without the leeway.
    pub expires_at: Millis,
}

impl Identity {
    /// What a token's claims come to in one room.
    pub fn of(claims: &Claims, room: &RoomName) -> Self {
        Self { user: claims.user.clone(), grant: claims.grant(room), expires_at: claims.expires_at }
    }

    /// Refuses who lacks a right.
    pub fn check(&self, right: Right) -> Result<(), Refusal> {
        if self.grant.contains(right) {
            return Ok(());
        }
        let message = format!("the token does not grant {} in this room", right.as_str());
        Err(Refusal::new(Code::Forbidden, message))
    }
}

/// Where a socket stands in the room.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Seat {
    /// It has yet to bring a token in its first frame.
    Waiting { start: Start, until: Millis },
    /// It is a session of the room.
    Taken {
        identity: Identity,
        /// Whether it wants the state frame.
        state: bool,
        /// The seq it has been sent up to, while it is being caught up from
        /// the log; a session that is caught up is sent what is live.
        behind: Option<Seq>,
    },
}

#[derive(Debug)]
pub struct Session {
    pub seat: Seat,
    /// Refused frames since the last good one.
    pub bad_requests: u32,
    /// How many frames it may send; there is none before its first.
    pub frames: Option<Bucket>,
    /// What came behind an `auth` whose verdict is still out.
    pub held: Option<Held>,
}

impl Session {
    pub fn new(seat: Seat) -> Self {
        Self { seat, bad_requests: 0, frames: None, held: None }
    }

    /// Counts a frame against the rate, or says after how many milliseconds
    /// it may come.
    pub fn take_frame(&mut self, rate: Rate, now: Millis) -> Result<(), u64> {
        self.frames.get_or_insert_with(|| Bucket::full(rate, now)).take(rate, now)
    }

    /// When the room closes it, unless something else happens before.
    pub fn deadline(&self) -> Millis {
        match &self.seat {
            Seat::Waiting { until, .. } => *until,
            Seat::Taken { identity, .. } => identity.expires_at.plus(limits::LEEWAY_MS),
        }
    }

    /// Whether it is sent what is live.
    pub fn is_live(&self) -> bool {
        matches!(self.seat, Seat::Taken { behind: None, .. })
    }

    pub fn is_seated(&self) -> bool {
        matches!(self.seat, Seat::Taken { .. })
    }

    pub fn behind(&self) -> Option<Seq> {
        match self.seat {
            Seat::Waiting { .. } => None,
            Seat::Taken { behind, .. } => behind,
        }
    }
}

/// A session as it sleeps in its socket's attachment: far below the 16,384
/// bytes that one may have.
#[derive(Serialize, Deserialize)]
struct Kept {
    id: SessionId,
    seat: Seat,
    bad_requests: u32,
}

impl Session {
    pub fn encode(&self, id: SessionId) -> String {
        let kept = Kept { id, seat: self.seat.clone(), bad_requests: self.bad_requests };
        // Strings and integers under string keys: there is nothing to fail.
        serde_json::to_string(&kept).unwrap_or_default()
    }

    /// `None` where another version of the program wrote it in another way.
    pub fn decode(attachment: &str) -> Option<(SessionId, Self)> {
        let Kept { id, seat, bad_requests } = serde_json::from_str(attachment).ok()?;
        Some((id, Self { bad_requests, ..Self::new(seat) }))
    }
}

/// Frames that wait for a verdict, in order, within a bound.
#[derive(Debug, Default)]
pub struct Held {
    frames: VecDeque<String>,
    bytes: usize,
}

impl Held {
    /// `false` where there is no room for it.
    pub fn push(&mut self, frame: &str) -> bool {
        let bytes = self.bytes.saturating_add(frame.len());
        let fits = self.frames.len() < limits::HELD_FRAMES && bytes <= limits::HELD_BYTES;
        if fits {
            self.bytes = bytes;
            self.frames.push_back(frame.to_owned());
        }
        fits
    }

    pub fn into_frames(self) -> VecDeque<String> {
        self.frames
    }
}
