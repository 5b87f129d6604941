//! One live socket in one room: who it speaks for, what it may do, how far it
//! has got. What must survive a sleep is encoded into the socket's attachment.

use std::collections::VecDeque;
use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::auth::{Claims, Grant, Right};
use crate::code::Refusal;
use crate::flow::Flow;
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
        self.grant.check(&[right])
    }
}

/// Where a socket stands in the room.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Seat {
    /// It has yet to bring a token in its first frame.
    Waiting { start: Start, until: Millis },
    /// It is a session of the room.
    Taken(Seated),
}

/// What the room knows of a session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seated {
    pub identity: Identity,
    /// Whether it wants the state frame.
    pub state: bool,
    /// The seq it has been sent up to, while it is being caught up from the
    /// log; a session that is caught up is sent what is live.
    pub behind: Option<Seq>,
    /// With flow control, how much is on its way.
    pub flow: Option<Flow>,
    /// Whether it is the worker's inner socket. Only there a binary frame is
    /// taken, as what the worker says of the session's identity.
    pub bridged: bool,
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
    /// What its socket carried of [`crate::presence`] through sleep, until the
    /// room takes it.
    pub carried: Option<Box<RawValue>>,
}

impl Session {
    pub fn new(seat: Seat) -> Self {
        Self { seat, bad_requests: 0, frames: None, held: None, carried: None }
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
            Seat::Taken(seated) => seated.identity.expires_at.plus(limits::LEEWAY_MS),
        }
    }

    pub fn seated(&self) -> Option<&Seated> {
        match &self.seat {
            Seat::Waiting { .. } => None,
            Seat::Taken(seated) => Some(seated),
        }
    }

    pub fn seated_mut(&mut self) -> Option<&mut Seated> {
        match &mut self.seat {
            Seat::Waiting { .. } => None,
            Seat::Taken(seated) => Some(seated),
        }
    }

    /// Whether it is sent what is live.
    pub fn is_live(&self) -> bool {
        self.seated().is_some_and(|seated| seated.behind.is_none())
    }
}

impl Seated {
    /// Whether it may be sent more of the log now; one that may not comes
    /// again with its next `seen`.
    pub fn takes_more(&self) -> bool {
        self.flow.as_ref().is_none_or(|flow| flow.takes(1))
    }
}

/// A session as it sleeps in its socket's attachment: below the 16,384 bytes
/// that one may have.
#[derive(Serialize, Deserialize)]
struct Kept<S> {
    id: SessionId,
    seat: S,
    bad_requests: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    carried: Option<Box<RawValue>>,
}

impl Session {
    pub fn encode(&self, id: SessionId, carried: Option<Box<RawValue>>) -> String {
        let kept = Kept { id, seat: &self.seat, bad_requests: self.bad_requests, carried };
        // Strings and integers under string keys: there is nothing to fail.
        serde_json::to_string(&kept).unwrap_or_default()
    }

    /// `None` where another version of the program wrote it in another way.
    pub fn decode(attachment: &str) -> Option<(SessionId, Self)> {
        let Kept::<Seat> { id, seat, bad_requests, carried } =
            serde_json::from_str(attachment).ok()?;
        Some((id, Self { bad_requests, carried, ..Self::new(seat) }))
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
