//! One client's connection to many rooms (docs/protocol.md, section 6). This
//! module manages the subscriptions and determines the order in which the
//! client's frames are handled.
//!
//! Like the room, this module performs no I/O and reads no clock. It receives a
//! [`ConnectionInput`] and the time, and returns [`ConnectionEffect`]s. The
//! edge must perform these effects in order before it handles the next input.
//! This module does not handle frames from the rooms: the edge forwards these
//! frames to the client unchanged.
//!
//! One rule determines the order. **A frame is handled only when all earlier
//! frames for the same room are handled and all earlier tokens have a
//! verdict**. Until then, the frame waits in a limited queue.

mod reader;
mod rooms;
mod token;

use litemap::LiteMap;

use crate::auth::{Claims, Identity, PublicRooms};
use crate::close_reason::CloseReason;
use crate::code::{Code, Refusal};
use crate::guard::{
    Admission, FrameGuard, FrameRates, does_not_read, frame_too_large, no_subscription_in_time,
    no_token_in_time, no_token_yet, not_text, ping_timeout, token_expired, too_many_wait,
};
use crate::limits;
use crate::protocol::{
    About, ConnectionFrame, ConnectionNotice, PING, PONG, RoomCommand, RoomName, Start,
};
use crate::rate::{Bucket, Rate};
use crate::time::Millis;
pub use reader::{Pace, Pacer, RoomFrameKind, UNREAD_BEFORE_ANSWER, UNREAD_BEFORE_SUBSCRIBE};
use rooms::Subscription;
use token::ClientState;

/// An input of a connection.
#[derive(Debug)]
pub enum ConnectionInput<'a> {
    /// The client sent a text frame.
    Text(&'a str),
    /// The client sent a binary frame.
    Binary,
    /// The client sent a frame that exceeds the size limit. The frame was not
    /// read.
    TooLarge,
    /// Too many sockets wait for their tokens, and the client's socket has
    /// waited longest.
    TooManyWaiting,
    /// The client's socket closed.
    Gone(CloseReason),
    /// The result of a [`ConnectionEffect::Verify`].
    Verified(Result<Claims, Refusal>),
    /// The socket of a [`ConnectionEffect::Open`] is open.
    Opened { room: RoomName },
    /// The socket to the room closed, or could not be opened.
    Ended { room: RoomName, close_reason: CloseReason },
    /// The platform does not allow this connection to open further sockets.
    Exhausted,
    /// The time that [`Connection::deadline`] returned is reached.
    Tick,
}

/// An action that the edge must perform.
#[derive(Debug, PartialEq, Eq)]
pub enum ConnectionEffect {
    /// Send a text to the client.
    Send(String),
    /// Verify this token, and return the result as
    /// [`ConnectionInput::Verified`].
    Verify { token: String },
    /// Open a socket to a room.
    Open { room: RoomName, identity: Identity, start: Start },
    /// Forward a text to a room.
    Forward { room: RoomName, text: String },
    /// Forward a ping to each room, and drop the pongs of the rooms.
    PingRooms,
    /// Pause or resume the events from a room.
    Pause { room: RoomName, paused: bool },
    /// Send the rights of the newest token to a room.
    Renew { room: RoomName, identity: Identity },
    /// Close the socket to a room with code 1000. The room may still send
    /// frames before it closes the socket. These frames are forwarded to the
    /// client.
    Leave { room: RoomName },
    /// Close the client's socket and the sockets to the rooms with this reason.
    /// After this effect, the connection is over.
    End(CloseReason),
}

pub struct Connection {
    client: ClientState,
    public_rooms: PublicRooms,
    subscriptions: LiteMap<RoomName, Subscription>,
    /// Bytes of all frames that wait for a room.
    waiting_bytes: usize,
    /// Rooms that ended the client's subscription. A client can send a frame to
    /// such a room before it receives the `closed` frame. Such a frame is
    /// therefore not counted as a bad request.
    ended: Vec<RoomName>,
    guard: FrameGuard,
    pacer: Pacer,
    changes: Bucket,
    active_at: Millis,
    pings_forwarded_at: Option<Millis>,
    /// Bytes that were unread on the client's socket at the last input.
    unread: u64,
    effects: Vec<ConnectionEffect>,
}

const RATES: FrameRates = FrameRates::of(Rate {
    per_second: limits::CONNECTION_FRAMES_PER_SECOND,
    burst: limits::CONNECTION_FRAMES_BURST,
});

const CHANGES: Rate = Rate { per_second: limits::CHANGES_PER_SECOND, burst: limits::CHANGES_BURST };

impl Connection {
    /// Starts a connection. `claims` is `None` if the upgrade had no token. If
    /// there are public rooms, the connection is then anonymous. Otherwise it
    /// waits for a token.
    pub fn begin(
        claims: Option<Claims>,
        public_rooms: PublicRooms,
        now: Millis,
    ) -> (Self, Vec<ConnectionEffect>) {
        let mut connection = Self {
            client: ClientState::Unauthenticated { until: now.plus(limits::FIRST_FRAME_MS) },
            public_rooms,
            subscriptions: LiteMap::new(),
            waiting_bytes: 0,
            ended: Vec::new(),
            guard: FrameGuard::default(),
            pacer: Pacer::default(),
            changes: Bucket::full(CHANGES, now),
            active_at: now,
            pings_forwarded_at: None,
            unread: 0,
            effects: Vec::new(),
        };
        match claims {
            Some(claims) => connection.welcome(claims),
            None if connection.public_rooms.is_empty() => {}
            None => connection.welcome_anonymous(now),
        }
        let effects = std::mem::take(&mut connection.effects);
        (connection, effects)
    }

    /// Handles one input. `unread` is the number of unsent bytes on the client's
    /// socket. The edge must perform the effects in the order of the list.
    pub fn handle(
        &mut self,
        input: ConnectionInput,
        unread: u64,
        now: Millis,
    ) -> Vec<ConnectionEffect> {
        self.unread = unread;
        match input {
            ConnectionInput::Text(text) => self.text(text, now),
            ConnectionInput::Binary => {
                self.active_at = now;
                self.binary(now);
            }
            ConnectionInput::TooLarge => self.end_with(&frame_too_large()),
            ConnectionInput::TooManyWaiting => self.close_if_waiting(),
            // The socket was lost without a Close frame. The rooms must handle
            // this case as if the user had left the page (code 1001).
            ConnectionInput::Gone(CloseReason::Lost) => {
                self.end(CloseReason::Closed { code: 1001, reason: String::new() });
            }
            ConnectionInput::Gone(close_reason) => self.end(close_reason),
            ConnectionInput::Verified(verdict) => self.verified(verdict, now),
            ConnectionInput::Opened { room } => self.opened(&room, now),
            ConnectionInput::Ended { room, close_reason } => self.ended(&room, close_reason, now),
            ConnectionInput::Exhausted => self.end_with(&Refusal::new(
                Code::Restarting,
                "this connection may open no more rooms; connect again",
            )),
            ConnectionInput::Tick => self.tick(unread, now),
        }
        std::mem::take(&mut self.effects)
    }

    /// Returns the time at which the edge must send [`ConnectionInput::Tick`],
    /// or `None` once the connection is over.
    pub fn deadline(&self) -> Option<Millis> {
        let end = self.ends_at()?;
        Some(self.pacer.next_check_at().map_or(end, |at| at.min(end)))
    }

    /// Returns the time at which the connection ends if no further input
    /// arrives.
    fn ends_at(&self) -> Option<Millis> {
        let ping_timeout_at = self.active_at.plus(limits::PING_TIMEOUT_MS);
        match self.client {
            ClientState::Unauthenticated { .. } => self.expires_at(),
            ClientState::Anonymous { .. } | ClientState::Authenticated(_) => {
                Some(self.expires_at().map_or(ping_timeout_at, |end| end.min(ping_timeout_at)))
            }
            ClientState::Closed => None,
        }
    }

    fn tick(&mut self, unread: u64, now: Millis) {
        self.pace(unread, now);
        if self.ends_at().is_none_or(|deadline| now < deadline) {
            return;
        }
        if self.has_expired(now) {
            return self.expire();
        }
        self.end_with(&ping_timeout());
    }

    fn expire(&mut self) {
        self.end_with(&match self.client {
            ClientState::Unauthenticated { .. } => no_token_in_time(),
            ClientState::Anonymous { .. } => no_subscription_in_time(),
            ClientState::Authenticated(_) | ClientState::Closed => token_expired(),
        });
    }

    fn close_if_waiting(&mut self) {
        if self.is_waiting() {
            self.end_with(&too_many_wait());
        }
    }

    fn end_with(&mut self, refusal: &Refusal) {
        self.end(CloseReason::refused(refusal));
    }

    fn end(&mut self, close_reason: CloseReason) {
        if let ClientState::Closed = self.client {
            return;
        }
        self.client = ClientState::Closed;
        self.subscriptions = LiteMap::new();
        self.guard.release();
        self.effects.push(ConnectionEffect::End(close_reason));
    }

    fn send(&mut self, text: String) {
        self.effects.push(ConnectionEffect::Send(text));
    }
}

/// Handling of the client's frames.
impl Connection {
    fn text(&mut self, text: &str, now: Millis) {
        match self.client {
            ClientState::Closed => return,
            // The expiry is also checked here, because the timer may fire late.
            _ if self.has_expired(now) => return self.expire(),
            ClientState::Unauthenticated { .. }
            | ClientState::Anonymous { .. }
            | ClientState::Authenticated(_) => self.active_at = now,
        }
        match self.guard.admit(text.len(), RATES, now) {
            Admission::Admitted if text == PING => self.ping(now),
            Admission::Admitted => self.admitted(text, now),
            Admission::OverRate(refusal) => self.over_rate(text, &refusal),
            Admission::Close(refusal) => self.end_with(&refusal),
        }
    }

    fn admitted(&mut self, text: &str, now: Millis) {
        if let ClientState::Closed = self.client {
            return;
        }
        match self.guard.queue_if_verifying(text) {
            None => {}
            Some(Ok(())) => return,
            Some(Err(refusal)) => return self.over_rate(text, &refusal),
        }
        let (about, frame) = ConnectionFrame::decode(text);
        match (&self.client, frame) {
            (_, Ok(ConnectionFrame::Ping)) => self.ping(now),
            (ClientState::Unauthenticated { .. }, Ok(ConnectionFrame::Auth { token })) => {
                let result = self.verify(token, now);
                self.respond(&about, result);
            }
            (ClientState::Unauthenticated { .. }, _) => self.end_with(&no_token_yet()),
            (ClientState::Anonymous { .. } | ClientState::Authenticated(_), frame) => {
                let result = frame.and_then(|frame| {
                    self.check_rate(&frame, now)?;
                    self.perform(frame, text, now)
                });
                self.respond(&about, result);
            }
            (ClientState::Closed, _) => {}
        }
    }

    /// Refuses a frame that exceeds a rate limit. The frame is decoded only to
    /// read its `room` and `ref`.
    fn over_rate(&mut self, text: &str, refusal: &Refusal) {
        let (about, _) = ConnectionFrame::decode(text);
        self.refuse(&about, refusal);
    }

    fn binary(&mut self, now: Millis) {
        let refusal = match self.guard.admit(0, RATES, now) {
            Admission::Admitted => not_text(),
            Admission::OverRate(refusal) => refusal,
            Admission::Close(refusal) => return self.end_with(&refusal),
        };
        self.refuse(&About::default(), &refusal);
    }

    /// Answers a ping, and forwards it to the rooms. The worker must not send
    /// pings to the rooms on its own. If it did, the client's sessions would
    /// stay in the rooms after the client is gone.
    fn ping(&mut self, now: Millis) {
        if self.unread <= UNREAD_BEFORE_ANSWER {
            self.send(PONG.to_owned());
        }
        let is_due = |at: Millis| now.since(at) >= limits::PINGS_FORWARDED_EVERY_MS;
        if self.pings_forwarded_at.is_none_or(is_due) && !self.subscriptions.is_empty() {
            self.pings_forwarded_at = Some(now);
            self.effects.push(ConnectionEffect::PingRooms);
        }
    }

    fn check_rate(&mut self, frame: &ConnectionFrame, now: Millis) -> Result<(), Refusal> {
        if let ConnectionFrame::Ping | ConnectionFrame::Room { command: RoomCommand::Other, .. } =
            frame
        {
            return Ok(()); // The room counts these frames.
        }
        self.changes.try_acquire(CHANGES, now).map_err(|retry_after_ms| {
            let message = format!(
                "a connection may subscribe, unsubscribe and authorize at most {} times a second",
                CHANGES.per_second
            );
            Refusal::rate_limited(message, retry_after_ms)
        })
    }

    fn perform(&mut self, frame: ConnectionFrame, text: &str, now: Millis) -> Result<(), Refusal> {
        match frame {
            ConnectionFrame::Ping => Ok(()),
            ConnectionFrame::Auth { token } => self.verify(token, now),
            ConnectionFrame::Room { room, command } => self.handle_room_frame(room, command, text),
        }
    }

    fn respond(&mut self, about: &About, result: Result<(), Refusal>) {
        match result {
            Ok(()) => self.guard.accept(),
            Err(refusal) => self.refuse(about, &refusal),
        }
    }

    /// Sends the client an error about its frame. A client that does not read is
    /// closed instead.
    fn refuse(&mut self, about: &About, refusal: &Refusal) {
        match self.client {
            ClientState::Unauthenticated { .. } => return self.end_with(&no_token_yet()),
            ClientState::Closed => return,
            _ if self.unread > UNREAD_BEFORE_ANSWER => return self.end_with(&does_not_read()),
            ClientState::Anonymous { .. } | ClientState::Authenticated(_) => {}
        }
        self.send(ConnectionNotice::error(about, refusal));
        let is_late = self.ended.iter().any(|ended| about.room.as_deref() == Some(ended.as_str()));
        if refusal.code == Code::BadRequest && is_late {
            return;
        }
        if let Err(refusal) = self.guard.refuse(refusal.code) {
            self.end_with(&refusal);
        }
    }
}

fn too_many_waiting(wait_for: &str) -> Refusal {
    Refusal::rate_limited(format!("too many frames wait for {wait_for}"), 1_000)
}
