//! A client's socket: its frames, its pings and its end.

mod frame;
mod handshake;
mod members;
mod room_frames;
mod subscription;

use std::rc::Rc;

use litemap::LiteMap;

use super::app::App;
use super::channel::Channel;
use crate::close_reason::CloseReason;
use crate::code::{Code, Refusal};
use crate::connection::{
    ConnectionEffect, ConnectionInput, Pace, Pacer, UNREAD_BEFORE_ANSWER, UNREAD_BEFORE_SUBSCRIBE,
};
use crate::guard::{
    Admission, FrameGuard, FrameRates, does_not_read, frame_too_large, not_text, too_many_wait,
};
use crate::limits;
use crate::protocol::{RoomName, User};
use crate::rate::{Bucket, Rate};
use crate::time::Millis;
use frame::{ClientFrame, Member, SignIn};
pub use handshake::{Rejection, SocketId};
use subscription::Subscription;

/// The close codes of Pusher's protocol. From 4000 on, a client does not connect
/// again. From 4100 on, it connects again after a pause. From 4200 on, it
/// connects again at once.
mod close {
    pub const UNAUTHORIZED: u16 = 4009;
    pub const OVER_CAPACITY: u16 = 4100;
    pub const RECONNECT: u16 = 4200;
    pub const NO_PONG: u16 = 4201;
}

/// The code of an error frame about a client event.
mod error_code {
    /// The event exceeds a rate.
    pub const RATE: u16 = 4301;
    pub const OTHER: u16 = 4300;
}

/// Why a client's frame had no effect.
enum FrameError {
    /// An error frame.
    Error(u16, Refusal),
    /// A frame that ends the attempt to subscribe to a channel.
    Subscription { channel: String, refusal: Refusal },
    /// The socket must be closed.
    Close(u16, Refusal),
}

impl From<Refusal> for FrameError {
    fn from(refusal: Refusal) -> Self {
        let code = match refusal.code {
            Code::RateLimited => error_code::RATE,
            _ => error_code::OTHER,
        };
        Self::Error(code, refusal)
    }
}

pub struct PusherSocket {
    app: Rc<App>,
    id: SocketId,
    /// The user who signed in.
    user: Option<User>,
    subscriptions: LiteMap<RoomName, Subscription>,
    effects: Vec<ConnectionEffect>,
    guard: FrameGuard,
    changes: Bucket,
    pacer: Pacer,
    active_at: Millis,
    /// Time at which the server sent a ping that is not answered yet.
    pinged_at: Option<Millis>,
    pings_forwarded_at: Option<Millis>,
    /// Bytes that were unread on the client's socket at the last input.
    unread: u64,
    is_over: bool,
}

const RATES: FrameRates = FrameRates::of(Rate {
    per_second: limits::CONNECTION_FRAMES_PER_SECOND,
    burst: limits::CONNECTION_FRAMES_BURST,
});

const CHANGES: Rate = Rate { per_second: limits::CHANGES_PER_SECOND, burst: limits::CHANGES_BURST };

impl PusherSocket {
    /// Starts the socket of a client of an app.
    pub fn begin(app: Rc<App>, id: SocketId, now: Millis) -> (Self, Vec<ConnectionEffect>) {
        let established = frame::connection_established(
            id.as_str(),
            limits::PUSHER_ACTIVITY_TIMEOUT_MS.div_euclid(1_000),
        );
        let socket = Self {
            app,
            id,
            user: None,
            subscriptions: LiteMap::new(),
            effects: Vec::new(),
            guard: FrameGuard::default(),
            changes: Bucket::full(CHANGES, now),
            pacer: Pacer::default(),
            active_at: now,
            pinged_at: None,
            pings_forwarded_at: None,
            unread: 0,
            is_over: false,
        };
        (socket, vec![ConnectionEffect::Send(established)])
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
            _ if self.is_over => {}
            ConnectionInput::Text(text) => self.text(text, now),
            ConnectionInput::Binary => {
                self.active_at = now;
                let refusal = not_text();
                self.respond(Err(refusal.into()));
            }
            ConnectionInput::TooLarge => self.close_for(&frame_too_large()),
            // The rooms must handle a lost socket as if the user had left the page.
            ConnectionInput::Gone(CloseReason::Lost) => self.end(1001, String::new()),
            ConnectionInput::Gone(close_reason) => self.end_with(close_reason),
            ConnectionInput::Opened { room } => self.opened(&room),
            ConnectionInput::Ended { room, close_reason } => self.room_ended(&room, &close_reason),
            ConnectionInput::Exhausted => {
                self.end(close::RECONNECT, "connect again".to_owned());
            }
            ConnectionInput::Tick => self.tick(unread, now),
            ConnectionInput::TooManyWaiting => {
                if self.is_waiting() {
                    self.close_for(&too_many_wait());
                }
            }
            // A Pusher client has no token.
            ConnectionInput::Verified(_) => {}
        }
        std::mem::take(&mut self.effects)
    }

    /// Handles a frame of a room. `unread` is the number of unsent bytes on the
    /// client's socket.
    pub fn handle_room_frame(
        &mut self,
        room: &RoomName,
        frame: &str,
        unread: u64,
        now: Millis,
    ) -> Vec<ConnectionEffect> {
        self.unread = unread;
        if !self.is_over {
            self.room_frame(room, frame, unread > limits::CONNECTION_WINDOW_BYTES, now);
            self.pace(unread, now);
        }
        std::mem::take(&mut self.effects)
    }

    /// Returns whether the socket has no channel. Anybody who knows the app's key
    /// can open such sockets, so an isolate has only a limited number of them.
    pub fn is_waiting(&self) -> bool {
        !self.is_over && self.subscriptions.is_empty()
    }

    /// Returns the time at which the edge must send [`ConnectionInput::Tick`],
    /// or `None` once the socket is over.
    pub fn deadline(&self) -> Option<Millis> {
        if self.is_over {
            return None;
        }
        let next = self.next_ping_or_end();
        Some(self.pacer.next_check_at().map_or(next, |at| at.min(next)))
    }

    /// Returns the time of the next ping, or of the end if a ping is unanswered.
    fn next_ping_or_end(&self) -> Millis {
        self.pinged_at.unwrap_or(self.active_at).plus(limits::PUSHER_PING_MS)
    }

    fn tick(&mut self, unread: u64, now: Millis) {
        self.pace(unread, now);
        if now < self.next_ping_or_end() {
            return;
        }
        if self.pinged_at.is_some() {
            return self.end(close::NO_PONG, "no pong arrived in time".to_owned());
        }
        self.pinged_at = Some(now);
        self.send(frame::frame("pusher:ping", "{}"));
    }

    fn pace(&mut self, unread: u64, now: Millis) {
        let paused = match self.pacer.update(unread, now) {
            Pace::Unchanged => return,
            Pace::Pause => true,
            Pace::Resume => false,
        };
        self.pause_rooms(paused);
    }

    fn is_paused(&self) -> bool {
        self.pacer.is_paused()
    }

    fn close_for(&mut self, refusal: &Refusal) {
        self.end(close::OVER_CAPACITY, refusal.message.clone());
    }

    /// Sends the client the reason, and closes its socket.
    fn end(&mut self, code: u16, reason: String) {
        if code >= 4_000 {
            self.send(frame::error(code, &reason));
        }
        self.end_with(CloseReason::Closed { code, reason });
    }

    fn end_with(&mut self, close_reason: CloseReason) {
        self.is_over = true;
        self.subscriptions = LiteMap::new();
        self.effects.push(ConnectionEffect::End(close_reason));
    }

    fn send(&mut self, text: String) {
        self.effects.push(ConnectionEffect::Send(text));
    }
}

/// Handling of the client's frames.
impl PusherSocket {
    fn text(&mut self, text: &str, now: Millis) {
        self.active_at = now;
        self.pinged_at = None;
        match self.guard.admit(text.len(), RATES, now) {
            Admission::Admitted => {}
            Admission::OverRate(refusal) => return self.respond(Err(refusal.into())),
            Admission::Close(refusal) => return self.close_for(&refusal),
        }
        self.forward_ping(now);
        let result = ClientFrame::decode(text)
            .map_err(FrameError::from)
            .and_then(|frame| self.perform(frame, now));
        self.respond(result);
    }

    /// Forwards the client's sign of life to the rooms. The worker must not send
    /// pings to the rooms on its own. If it did, the client's sessions would
    /// stay in the rooms after the client is gone.
    fn forward_ping(&mut self, now: Millis) {
        let is_due = |at: Millis| now.since(at) >= limits::PUSHER_PINGS_FORWARDED_EVERY_MS;
        let has_member = self.subscriptions.values().any(Subscription::is_member);
        if has_member && self.pings_forwarded_at.is_none_or(is_due) {
            self.pings_forwarded_at = Some(now);
            self.effects.push(ConnectionEffect::PingRooms);
        }
    }

    fn perform(&mut self, frame: ClientFrame, now: Millis) -> Result<(), FrameError> {
        match frame {
            ClientFrame::Ping if self.unread <= UNREAD_BEFORE_ANSWER => {
                self.send(frame::frame("pusher:pong", "{}"));
                Ok(())
            }
            ClientFrame::Ping | ClientFrame::Pong => Ok(()),
            ClientFrame::Subscribe(subscribe) => {
                self.check_rate(now)?;
                self.subscribe(&subscribe).map_err(|error| match error {
                    FrameError::Error(_, refusal) => FrameError::Subscription {
                        channel: subscribe.channel.chars().take(limits::ROOM_NAME).collect(),
                        refusal,
                    },
                    other => other,
                })
            }
            ClientFrame::Unsubscribe(channel) => {
                self.check_rate(now)?;
                self.unsubscribe(&channel);
                Ok(())
            }
            ClientFrame::SignIn(sign_in) => {
                self.check_rate(now)?;
                self.sign_in(&sign_in)
            }
            ClientFrame::Event { name, channel, data } => {
                self.send_client_event(&name, &channel, data)
            }
        }
    }

    /// Fails if the client sends too many such frames, or does not read what
    /// they start.
    fn check_rate(&mut self, now: Millis) -> Result<(), Refusal> {
        if self.unread > UNREAD_BEFORE_SUBSCRIBE {
            return Err(does_not_read());
        }
        self.changes.try_acquire(CHANGES, now).map_err(|retry_after_ms| {
            let message = format!(
                "a socket may subscribe, unsubscribe and sign in at most {} times a second",
                CHANGES.per_second
            );
            Refusal::rate_limited(message, retry_after_ms)
        })
    }

    /// Signs the client in, and opens the user's own channel. Its room kicks the
    /// user if the backend terminates the user's connections.
    fn sign_in(&mut self, sign_in: &SignIn) -> Result<(), FrameError> {
        let close = |refusal| FrameError::Close(close::UNAUTHORIZED, refusal);
        let SignIn { auth, user_data } = sign_in;
        let signed = format!("{}::user::{user_data}", self.id);
        self.app.check_auth(auth.as_deref(), &signed).map_err(close)?;
        let member = Member::of_user_data(user_data).map_err(close)?;
        let user = member.user.clone();
        if self.user.as_ref().is_some_and(|before| *before != user) {
            let message = "this socket is signed in as another user";
            return Err(close(Refusal::new(Code::Unauthorized, message)));
        }
        if self.user.is_none() {
            self.open(Channel::of_user(&user), Some(member))?;
        }
        self.user = Some(user);
        let data = format!(r#"{{"user_data":{}}}"#, crate::protocol::json::string(user_data));
        self.send(frame::frame("pusher:signin_success", &data));
        Ok(())
    }

    fn send_client_event(
        &mut self,
        name: &str,
        channel: &str,
        data: &str,
    ) -> Result<(), FrameError> {
        let refused = |message: &str| Refusal::bad_request(message).into();
        if !self.app.client_events {
            return Err(refused("this app does not allow client events"));
        }
        let channel = Channel::parse(channel)?;
        if !channel.has_client_events() {
            return Err(refused("client events are for private and presence channels"));
        }
        let room = channel.room(&self.app)?;
        if !self.subscriptions.get(&room).is_some_and(Subscription::is_live) {
            return Err(refused("subscribe to the channel first"));
        }
        let name = crate::protocol::json::string(name);
        let text = format!(r#"{{"type":"signal","name":{name},"data":{data}}}"#);
        self.effects.push(ConnectionEffect::Forward { room, text });
        Ok(())
    }

    fn respond(&mut self, result: Result<(), FrameError>) {
        let code = match result {
            Ok(()) => return self.guard.accept(),
            Err(_) if self.unread > UNREAD_BEFORE_ANSWER => {
                return self.close_for(&does_not_read());
            }
            Err(FrameError::Error(code, refusal)) => {
                self.send(frame::error(code, &refusal.message));
                refusal.code
            }
            Err(FrameError::Subscription { channel, refusal }) => {
                self.refuse_subscription(&channel, &refusal);
                refusal.code
            }
            Err(FrameError::Close(code, refusal)) => return self.end(code, refusal.message),
        };
        if let Err(refusal) = self.guard.refuse(code) {
            self.close_for(&refusal);
        }
    }

    /// Notifies the client that its subscription failed or ended.
    fn refuse_subscription(&mut self, channel: &str, refusal: &Refusal) {
        let kind = match refusal.code {
            Code::Unauthorized | Code::Forbidden => "AuthError",
            Code::RoomFull | Code::RateLimited => "LimitReached",
            _ => "SubscriptionError",
        };
        let status = refusal.code.http_status().unwrap_or(403);
        self.send(frame::subscription_error(channel, kind, status, &refusal.message));
    }
}
