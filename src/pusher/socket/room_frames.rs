//! The frames of the rooms, and what the client is sent for them.

use super::frame;
use super::members::Change;
use super::subscription::{Stage, Subscription};
use super::{FrameError, PusherSocket, close};
use crate::code::Refusal;
use crate::connection::{ConnectionEffect, UNREAD_BEFORE_ANSWER};
use crate::guard::does_not_read;
use crate::limits;
use crate::protocol::json::Object;
use crate::protocol::{RoomFrame, RoomName, Seq};
use crate::pusher::channel::Access;
use crate::pusher::room_frame::{Event, MembersChanged, Signal, read_members};
use crate::time::Millis;

impl PusherSocket {
    pub(super) fn room_frame(&mut self, room: &RoomName, frame: &str, is_full: bool, now: Millis) {
        let Some(subscription) = self.subscriptions.get_mut(room) else { return };
        if subscription.is_leaving() {
            return;
        }
        let mut texts = Vec::new();
        match RoomFrame::read(frame) {
            Some(RoomFrame::Welcome { at }) => subscription.head = at.seq,
            Some(RoomFrame::Events { prev, events, .. }) => {
                let last = prev.plus(events.len() as u64);
                subscription.events(&events, self.id.as_str(), now, &mut texts);
                if let Some(text) = subscription.acknowledge(frame.len(), last) {
                    self.effects.push(ConnectionEffect::Forward { room: room.clone(), text });
                }
            }
            Some(RoomFrame::Pong) => subscription.pong(&mut texts),
            Some(RoomFrame::Error(refusal)) => return self.room_refused(room, &refusal),
            Some(RoomFrame::Other { kind }) => subscription.other(kind, frame, is_full, &mut texts),
            // The protocol has no gaps. A page that connects again loads its data again.
            Some(RoomFrame::Gap { .. }) => {
                let reason = "the client read too slowly, and misses events: connect again";
                self.end(close::RECONNECT, reason.to_owned());
            }
            Some(RoomFrame::State { .. }) | None => {}
        }
        for text in texts {
            self.send(text);
        }
    }

    /// Handles an error of a room: about the entry into a presence channel, or
    /// about a client event.
    fn room_refused(&mut self, room: &RoomName, refusal: &Refusal) {
        if self.unread > UNREAD_BEFORE_ANSWER {
            return self.close_for(&does_not_read());
        }
        let Some(subscription) = self.subscriptions.get_mut(room) else { return };
        if subscription.is_live() {
            let FrameError::Error(code, refusal) = FrameError::from(refusal.clone()) else {
                return;
            };
            return self.send(frame::error(code, &refusal.message));
        }
        subscription.stage = Stage::Leaving { next: None };
        let name = subscription.channel.name.clone();
        self.effects.push(ConnectionEffect::Leave { room: room.clone() });
        self.refuse_subscription(&name, refusal);
    }
}

impl Subscription {
    /// Adds a frame for the client. Before the subscription succeeds, the frame is
    /// held.
    fn pass(&mut self, text: String, texts: &mut Vec<String>) {
        match self.stage {
            Stage::Live => texts.push(text),
            Stage::Opening | Stage::Starting { .. } | Stage::Leaving { .. } => self.held.push(text),
        }
    }

    fn events(&mut self, events: &[&str], socket_id: &str, now: Millis, texts: &mut Vec<String>) {
        for event in events {
            let Some(event) = Event::read(event) else { continue };
            // Only a cache channel is sent an event of the time before.
            let is_cached = event.seq <= self.head;
            if is_cached {
                if now.since(event.at) > limits::PUSHER_CACHE_MS {
                    continue;
                }
                self.has_cached = true;
            }
            if !is_cached && event.origin.as_deref() == Some(socket_id) {
                continue;
            }
            let text = frame::channel_frame(&event.name, &self.channel, event.data);
            self.pass(text, texts);
        }
    }

    /// Counts the bytes of events. Returns the `seen` frame for the room, if it is
    /// due.
    fn acknowledge(&mut self, bytes: usize, last: Seq) -> Option<String> {
        self.unacknowledged = self.unacknowledged.saturating_add(bytes);
        if self.unacknowledged < limits::SEEN_BYTES {
            return None;
        }
        self.unacknowledged = 0;
        Some(format!(r#"{{"type":"seen","seq":{last}}}"#))
    }

    fn pong(&mut self, texts: &mut Vec<String>) {
        if let Stage::Starting { has_begun, .. } = &mut self.stage {
            *has_begun = true;
        }
        self.succeed(texts);
    }

    fn other(&mut self, kind: &str, frame: &str, is_full: bool, texts: &mut Vec<String>) {
        match kind {
            "signal" if !is_full => self.signal(frame, texts),
            "members" => self.members(frame, texts),
            "members:changed" if is_full => self.misses_members = true,
            "members:changed" => {
                let Some(changed) = MembersChanged::read(frame) else { return };
                let changes = self.users.apply(&changed);
                self.pass_changes(changes, texts);
            }
            "sessions" => {
                let count = Object::parse(frame).ok().and_then(|frame| frame.number("count"));
                let Some(count) = count else { return };
                let data = format!(r#"{{"subscription_count":{count}}}"#);
                let event = "pusher_internal:subscription_count";
                self.pass(frame::channel_frame(event, &self.channel, &data), texts);
            }
            _ => {}
        }
    }

    /// Passes on the event of another client. A signal of another name would look
    /// like an event of the backend.
    fn signal(&mut self, frame: &str, texts: &mut Vec<String>) {
        let Some(signal) = Signal::read(frame) else { return };
        if !signal.name.starts_with("client-") || !self.is_live() {
            return;
        }
        let user = (self.channel.access == Access::Presence).then_some(&*signal.from);
        let text = frame::client_event(&signal.name, &self.channel, signal.data, user);
        texts.push(text);
    }

    fn members(&mut self, frame: &str, texts: &mut Vec<String>) {
        let Some((page, has_more)) = read_members(frame) else { return };
        self.pages.extend(page);
        if has_more {
            return;
        }
        let list = std::mem::take(&mut self.pages);
        let changes = self.users.replace(&list);
        match &mut self.stage {
            Stage::Starting { presence: presence @ None, .. } => {
                let members = list.iter().map(|listed| (&listed.user, listed.info.as_str()));
                *presence = Some(frame::presence_data(members));
                self.succeed(texts);
            }
            Stage::Opening | Stage::Starting { .. } | Stage::Live | Stage::Leaving { .. } => {
                self.pass_changes(changes, texts);
            }
        }
    }

    fn pass_changes(&mut self, changes: Vec<Change>, texts: &mut Vec<String>) {
        for change in changes {
            let (event, data) = match &change {
                Change::Added { user, info } => {
                    ("pusher_internal:member_added", frame::member_data(user, Some(info)))
                }
                Change::Removed(user) => {
                    ("pusher_internal:member_removed", frame::member_data(user, None))
                }
            };
            self.pass(frame::channel_frame(event, &self.channel, &data), texts);
        }
    }

    /// If the start is complete, notifies the client that its subscription
    /// succeeded, and passes on the frames that were held.
    fn succeed(&mut self, texts: &mut Vec<String>) {
        let data = match (&mut self.stage, self.channel.access) {
            (Stage::Starting { has_begun: true, presence }, Access::Presence) => presence.take(),
            (Stage::Starting { has_begun: true, .. }, _) => Some("{}".to_owned()),
            (_, _) => None,
        };
        let Some(data) = data else { return };
        self.stage = Stage::Live;
        if self.channel.access != Access::User {
            texts.push(frame::subscription_succeeded(&self.channel, &data));
        }
        if self.channel.is_cache && !self.has_cached {
            texts.push(frame::channel_frame("pusher:cache_miss", &self.channel, "{}"));
        }
        texts.append(&mut self.held);
    }
}
