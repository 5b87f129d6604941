//! A socket for one room whose upgrade had no token (docs/protocol.md, section
//! 4).
//!
//! The worker accepts the socket, and connects to the room's object only after
//! the socket's token was verified. So a client without a token can't create a
//! room, load a room, or use up a room's limit of sockets.
//!
//! This module performs no I/O and reads no clock. The module receives a
//! [`PendingInput`] and the time, and returns [`PendingEffect`]s. Once the
//! socket to the room is open, frames are forwarded in both directions, and
//! only the room's rules apply.
//!
//! [`WaitingSockets`] limits the number of sockets without a token in an
//! isolate.

use litemap::LiteMap;

use crate::auth::{Claims, Identity};
use crate::close_reason::CloseReason;
use crate::code::Refusal;
use crate::guard::{
    Admission, FrameGuard, FrameRates, frame_too_large, no_token_in_time, no_token_yet,
    too_many_wait,
};
use crate::limits;
use crate::protocol::{ClientFrame, PONG, Right, RoomName};
use crate::rate::Rate;
use crate::time::Millis;

/// An input of a pending socket.
#[derive(Debug)]
pub enum PendingInput<'a> {
    /// The client sent a text frame.
    Text(&'a str),
    /// The client sent a binary frame.
    Binary,
    /// The client sent a frame that exceeds the size limit. The frame was not
    /// read.
    TooLarge,
    /// The client's socket closed.
    Gone(CloseReason),
    /// The verdict on the token that [`PendingEffect::Verify`] contained.
    Verified(Result<Claims, Refusal>),
    /// The socket that [`PendingEffect::Open`] requested is open.
    Opened,
    /// The socket to the room closed, or could not be opened.
    Ended(CloseReason),
    /// Too many sockets wait, and this socket has waited longest.
    TooManyWaiting,
    /// The time that [`PendingSocket::deadline`] returned is reached.
    Tick,
}

/// An action that the edge must perform.
#[derive(Debug, PartialEq, Eq)]
pub enum PendingEffect {
    /// Send a text to the client.
    Send(&'static str),
    /// Verify this token, and return the result as [`PendingInput::Verified`].
    Verify { token: String },
    /// Open a socket to the room for this identity.
    Open(Identity),
    /// Forward a text to the room.
    Forward(String),
    /// Close the client's socket and the socket to the room.
    End(CloseReason),
}

pub struct PendingSocket {
    room: RoomName,
    state: State,
    guard: FrameGuard,
}

enum State {
    AwaitingToken {
        until: Millis,
    },
    /// The token is being verified. Until the socket to the room is open,
    /// further frames wait in the guard.
    Verifying,
    Opening,
    /// The socket to the room is open. The edge forwards frames without calling
    /// this module.
    Open,
    Closed,
}

/// The rates of frames that apply until the socket to the room is open. After
/// that, the room's own rates apply.
const RATES: FrameRates =
    FrameRates::of(Rate { per_second: limits::FRAMES_PER_SECOND, burst: limits::FRAMES_BURST });

impl PendingSocket {
    pub fn new(room: RoomName, now: Millis) -> Self {
        let until = now.plus(limits::FIRST_FRAME_MS);
        Self { room, state: State::AwaitingToken { until }, guard: FrameGuard::default() }
    }

    /// Handles one input. The edge must perform the returned effects in their
    /// order.
    pub fn handle(&mut self, input: PendingInput, now: Millis) -> Vec<PendingEffect> {
        match (input, &self.state) {
            (_, State::Closed) | (PendingInput::Text(_) | PendingInput::Binary, State::Open) => {
                Vec::new()
            }
            (PendingInput::Text(text), _) => self.text(text, now),
            (PendingInput::Binary, _) => self.close(&no_token_yet()),
            (PendingInput::TooLarge, _) => self.close(&frame_too_large()),
            // The client disconnected without a Close frame.
            (PendingInput::Gone(CloseReason::Lost), _) => {
                self.end(CloseReason::Closed { code: 1001, reason: String::new() })
            }
            (PendingInput::Gone(close_reason), _) => self.end(close_reason),
            (PendingInput::Verified(verdict), State::Verifying) => self.verified(verdict),
            (PendingInput::Opened, State::Opening) => {
                self.state = State::Open;
                self.guard.release().into_iter().map(PendingEffect::Forward).collect()
            }
            (PendingInput::Ended(close_reason), _) => {
                let (code, reason) = close_reason.code_and_reason();
                self.end(CloseReason::Closed { code, reason })
            }
            (PendingInput::TooManyWaiting, State::AwaitingToken { .. }) => {
                self.close(&too_many_wait())
            }
            (PendingInput::Tick, State::AwaitingToken { until }) if *until <= now => {
                self.close(&no_token_in_time())
            }
            (
                PendingInput::Verified(_)
                | PendingInput::Opened
                | PendingInput::TooManyWaiting
                | PendingInput::Tick,
                _,
            ) => Vec::new(),
        }
    }

    /// Returns whether the socket still waits for its token.
    pub fn awaits_token(&self) -> bool {
        matches!(self.state, State::AwaitingToken { .. })
    }

    /// Returns whether the socket to the room is open, so that frames are
    /// forwarded.
    pub fn is_open(&self) -> bool {
        matches!(self.state, State::Open)
    }

    /// Returns whether the socket is closed.
    pub fn is_closed(&self) -> bool {
        matches!(self.state, State::Closed)
    }

    /// Returns the time at which the edge must send [`PendingInput::Tick`];
    /// `None` if the token has arrived.
    pub fn deadline(&self) -> Option<Millis> {
        match self.state {
            State::AwaitingToken { until } => Some(until),
            State::Verifying | State::Opening | State::Open | State::Closed => None,
        }
    }

    fn text(&mut self, text: &str, now: Millis) -> Vec<PendingEffect> {
        match self.guard.admit(text.len(), RATES, now) {
            Admission::Admitted => {}
            // Until the token is verified, a refusal always closes the socket,
            // and no `error` frame is sent.
            Admission::OverRate(refusal) | Admission::Close(refusal) => {
                return self.close(&refusal);
            }
        }
        match self.guard.queue_if_verifying(text) {
            None => {}
            Some(Ok(())) => return Vec::new(),
            Some(Err(refusal)) => return self.close(&refusal),
        }
        match ClientFrame::decode(text).frame {
            Ok(ClientFrame::Ping) => vec![PendingEffect::Send(PONG)],
            Ok(ClientFrame::Auth { token }) => match self.guard.await_verdict(RATES, now) {
                Ok(()) => {
                    self.state = State::Verifying;
                    vec![PendingEffect::Verify { token: token.into_owned() }]
                }
                Err(refusal) => self.close(&refusal),
            },
            Ok(_) | Err(_) => self.close(&no_token_yet()),
        }
    }

    fn verified(&mut self, verdict: Result<Claims, Refusal>) -> Vec<PendingEffect> {
        let granted = verdict.and_then(|claims| {
            let identity = Identity::of(&claims, &self.room);
            identity.check(Right::Subscribe).map(|()| identity)
        });
        match granted {
            Ok(identity) => {
                self.state = State::Opening;
                vec![PendingEffect::Open(identity)]
            }
            Err(refusal) => self.close(&refusal),
        }
    }

    fn close(&mut self, refusal: &Refusal) -> Vec<PendingEffect> {
        self.end(CloseReason::refused(refusal))
    }

    fn end(&mut self, close_reason: CloseReason) -> Vec<PendingEffect> {
        self.state = State::Closed;
        vec![PendingEffect::End(close_reason)]
    }
}

/// The sockets of one isolate that wait for their token. If the limit is
/// exceeded, the socket that has waited longest is closed. A client that sends
/// its token in the first frame waits only for one round trip. So idle sockets
/// can't prevent this client from connecting.
#[derive(Default)]
pub struct WaitingSockets {
    next: u64,
    waiting: LiteMap<u64, ()>,
}

/// Identifier of a waiting socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ticket(u64);

impl WaitingSockets {
    /// Adds a socket. If the limit is then exceeded, removes the socket that
    /// has waited longest.
    pub fn enter(&mut self) -> Ticket {
        let ticket = self.next;
        self.next = ticket.saturating_add(1);
        self.waiting.insert(ticket, ());
        let longest = self.waiting.first().map(|(ticket, ())| *ticket);
        if let Some(longest) = longest.filter(|_| self.waiting.len() > limits::WAITING_SOCKETS) {
            self.waiting.remove(&longest);
        }
        Ticket(ticket)
    }

    /// Returns `false` if the socket must be closed in favor of newer sockets.
    pub fn is_waiting(&self, Ticket(ticket): Ticket) -> bool {
        self.waiting.contains_key(&ticket)
    }

    pub fn leave(&mut self, Ticket(ticket): Ticket) {
        self.waiting.remove(&ticket);
    }
}
