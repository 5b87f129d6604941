//! The subscriptions of a connection: subscribing, unsubscribing, and handling
//! frames for a room.

use std::collections::VecDeque;

use super::token::ClientState;
use super::{Connection, ConnectionEffect, UNREAD_BEFORE_SUBSCRIBE, too_many_waiting};
use crate::auth::{Claims, Identity};
use crate::close_reason::CloseReason;
use crate::code::{Code, Refusal};
use crate::guard::does_not_read;
use crate::limits;
use crate::protocol::{ConnectionFrame, ConnectionNotice, Right, RoomCommand, RoomName, Start};
use crate::time::Millis;

/// The subscription to a room. The subscription ends when the socket to the
/// room closes.
pub(super) struct Subscription {
    state: SubscriptionState,
    /// The client's frames that can't be handled yet. The queue is empty while
    /// the subscription is open.
    waiting: VecDeque<String>,
    /// Whether a change of members was dropped. After a drop, the client must
    /// be sent the whole list of members when it reads again.
    misses_members: bool,
}

enum SubscriptionState {
    /// The socket to the room is being opened. `outdated` is set if a newer
    /// token arrives before the socket is open. In that case, the room is sent
    /// the new rights as soon as the socket is open.
    Opening {
        outdated: bool,
    },
    Open,
    /// The client unsubscribed. The client may subscribe again after the room
    /// has sent its last frames and closed the socket.
    Leaving,
}

impl Connection {
    /// Handles a frame for a room, or queues the frame.
    ///
    /// A `subscribe` fails with `bad_request` if the client is already in the
    /// room or in the maximum number of rooms. Any other frame fails with
    /// `bad_request` if the client is not in the room. A frame fails with
    /// `rate_limited` if the frame must wait and the queue is full.
    pub(super) fn handle_room_frame(
        &mut self,
        room: RoomName,
        command: RoomCommand,
        text: &str,
    ) -> Result<(), Refusal> {
        let Some(subscription) = self.subscriptions.get_mut(&room) else {
            return match command {
                RoomCommand::Subscribe(start) => self.subscribe(room, start),
                RoomCommand::Unsubscribe | RoomCommand::Other => {
                    Err(Refusal::bad_request("not in this room; `subscribe` to it first"))
                }
            };
        };
        match (&subscription.state, command) {
            (SubscriptionState::Opening { .. } | SubscriptionState::Leaving, _) => {
                let bytes = self.waiting_bytes.saturating_add(text.len());
                if subscription.waiting.len() >= limits::WAITING_FRAMES
                    || bytes > limits::WAITING_BYTES
                {
                    return Err(too_many_waiting("this room to answer"));
                }
                self.waiting_bytes = bytes;
                subscription.waiting.push_back(text.to_owned());
            }
            (SubscriptionState::Open, RoomCommand::Subscribe(_)) => {
                return Err(Refusal::bad_request("in this room already; `unsubscribe` first"));
            }
            (SubscriptionState::Open, RoomCommand::Unsubscribe) => {
                subscription.state = SubscriptionState::Leaving;
                self.effects.push(ConnectionEffect::Leave { room });
            }
            (SubscriptionState::Open, RoomCommand::Other) => {
                self.effects.push(ConnectionEffect::Forward { room, text: text.to_owned() });
            }
        }
        Ok(())
    }

    fn subscribe(&mut self, room: RoomName, start: Start) -> Result<(), Refusal> {
        if self.unread > UNREAD_BEFORE_SUBSCRIBE {
            return Err(does_not_read());
        }
        if self.subscriptions.len() >= limits::ROOMS_ON_A_CONNECTION {
            let most = limits::ROOMS_ON_A_CONNECTION;
            return Err(Refusal::bad_request(format!(
                "a connection may be in at most {most} rooms; `unsubscribe` from one first"
            )));
        }
        let identity = self.client.identity(&self.public_rooms, &room);
        let identity = identity.ok_or_else(|| Identity::token_required(Right::Subscribe));
        match identity.and_then(|identity| identity.check(Right::Subscribe).map(|()| identity)) {
            // The client has no right to subscribe, so the room is not
            // contacted.
            Err(refusal) => self.close(room, CloseReason::refused(&refusal)),
            Ok(identity) => {
                self.ended.retain(|ended| *ended != room);
                let subscription = Subscription {
                    state: SubscriptionState::Opening { outdated: false },
                    waiting: VecDeque::new(),
                    misses_members: false,
                };
                self.subscriptions.insert(room.clone(), subscription);
                self.effects.push(ConnectionEffect::Open { room, identity, start });
            }
        }
        Ok(())
    }

    pub(super) fn opened(&mut self, room: &RoomName, now: Millis) {
        let is_paused = self.is_paused();
        let Some(subscription) = self.subscriptions.get_mut(room) else { return };
        if let SubscriptionState::Opening { outdated: true } = subscription.state
            && let Some(identity) = self.client.identity(&self.public_rooms, room)
        {
            self.effects.push(ConnectionEffect::Renew { room: room.clone(), identity });
        }
        subscription.state = SubscriptionState::Open;
        if is_paused {
            self.effects.push(ConnectionEffect::Pause { room: room.clone(), paused: true });
        }
        while let Some(text) = self.next_waiting(room) {
            self.handle_waiting(&text, now);
        }
    }

    /// Removes and returns the first waiting frame, if the subscription is
    /// open.
    fn next_waiting(&mut self, room: &RoomName) -> Option<String> {
        let subscription = self.subscriptions.get_mut(room)?;
        let SubscriptionState::Open = subscription.state else { return None };
        let text = subscription.waiting.pop_front()?;
        self.waiting_bytes = self.waiting_bytes.saturating_sub(text.len());
        Some(text)
    }

    /// Handles a frame that was already counted against the rate limits when it
    /// arrived. An earlier waiting frame may have closed the connection.
    fn handle_waiting(&mut self, text: &str, now: Millis) {
        if let ClientState::Closed = self.client {
            return;
        }
        let (about, frame) = ConnectionFrame::decode(text);
        let result = frame.and_then(|frame| self.perform(frame, text, now));
        self.respond(&about, result);
    }

    pub(super) fn ended(&mut self, room: &RoomName, close_reason: CloseReason, now: Millis) {
        let Some(Subscription { state, waiting, .. }) = self.subscriptions.remove(room) else {
            return;
        };
        let bytes = waiting.iter().map(String::len).sum();
        self.waiting_bytes = self.waiting_bytes.saturating_sub(bytes);

        // The room may detect the expiry of the token before this module does.
        let has_expired = |claims: &Claims| claims.expires_at <= now;
        if close_reason.code() == Some(Code::Unauthorized)
            && matches!(&self.client, ClientState::Authenticated(claims) if has_expired(claims))
        {
            return self.expire();
        }
        match state {
            SubscriptionState::Leaving => {
                let (code, reason) = match close_reason {
                    CloseReason::NoCode | CloseReason::Lost => (1000, String::new()),
                    CloseReason::Closed { code, reason } => (code, reason),
                };
                self.send(ConnectionNotice::closed(room, code, &reason));
                waiting.iter().for_each(|text| self.handle_waiting(text, now));
            }
            SubscriptionState::Opening { .. } | SubscriptionState::Open => {
                self.close(room.clone(), close_reason);
                // The `closed` frame already answers the waiting frames that
                // precede the next `subscribe`.
                let from = waiting.iter().skip_while(|text| !is_subscribe(text));
                from.for_each(|text| self.handle_waiting(text, now));
            }
        }
        self.await_subscription(now);
    }

    /// Notifies the client that the room ended its subscription.
    fn close(&mut self, room: RoomName, close_reason: CloseReason) {
        let (code, reason) = close_reason.code_and_reason();
        self.send(ConnectionNotice::closed(&room, code, &reason));
        if self.ended.len() < limits::ROOMS_ON_A_CONNECTION && !self.ended.contains(&room) {
            self.ended.push(room);
        }
    }

    pub(super) fn pause_rooms(&mut self, paused: bool) {
        for (room, subscription) in self.subscriptions.iter_mut() {
            if let SubscriptionState::Open = subscription.state {
                self.effects.push(ConnectionEffect::Pause { room: room.clone(), paused });
            }
        }
    }

    pub(super) fn miss_members(&mut self, room: &RoomName) {
        if let Some(subscription) = self.subscriptions.get_mut(room) {
            subscription.misses_members = true;
        }
    }

    /// Requests the list of members from each room whose change of members was
    /// dropped.
    pub(super) fn list_members(&mut self) {
        for (room, subscription) in self.subscriptions.iter_mut() {
            if matches!(subscription.state, SubscriptionState::Open)
                && std::mem::take(&mut subscription.misses_members)
            {
                let text = r#"{"type":"members"}"#.to_owned();
                self.effects.push(ConnectionEffect::Forward { room: room.clone(), text });
            }
        }
    }

    /// Sends the rights of a new token to the rooms. Each room decides what
    /// happens to its session.
    pub(super) fn renew_rooms(&mut self) {
        for (room, subscription) in self.subscriptions.iter_mut() {
            match &mut subscription.state {
                SubscriptionState::Opening { outdated } => *outdated = true,
                SubscriptionState::Open => {
                    let identity = self.client.identity(&self.public_rooms, room);
                    let renew = |identity| ConnectionEffect::Renew { room: room.clone(), identity };
                    self.effects.extend(identity.map(renew));
                }
                SubscriptionState::Leaving => {}
            }
        }
    }
}

fn is_subscribe(text: &str) -> bool {
    let (_, frame) = ConnectionFrame::decode(text);
    matches!(frame, Ok(ConnectionFrame::Room { command: RoomCommand::Subscribe(_), .. }))
}
