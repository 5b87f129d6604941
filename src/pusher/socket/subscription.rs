//! The subscriptions of a Pusher socket: subscribing and unsubscribing.

use super::frame::{self, Member, Subscribe};
use super::members::Users;
use super::{FrameError, PusherSocket, close};
use crate::auth::Identity;
use crate::close_reason::CloseReason;
use crate::code::{Code, Refusal};
use crate::connection::ConnectionEffect;
use crate::limits;
use crate::protocol::{Begin, Grant, Right, RoomName, Seq, Start, User};
use crate::pusher::channel::{Access, Channel};
use crate::pusher::room_frame::Listed;
use crate::sse::BARRIER;

/// The subscription to a channel. It ends when the socket to the room closes.
pub(super) struct Subscription {
    pub channel: Channel,
    /// The client's user in a presence channel.
    member: Option<Member>,
    pub stage: Stage,
    /// Head of the log when the session joined.
    pub head: Seq,
    /// Frames for the client that arrived before the subscription succeeded.
    pub held: Vec<String>,
    /// Whether a cache channel's last event is in `held`.
    pub has_cached: bool,
    /// Pages of a list of members that is not complete.
    pub pages: Vec<Listed>,
    pub users: Users,
    /// Whether a change of members was dropped, because the client did not read.
    pub misses_members: bool,
    /// Bytes of events since the last `seen`.
    pub unacknowledged: usize,
}

pub(super) enum Stage {
    /// The socket to the room is being opened.
    Opening,
    /// The room has not sent everything that belongs to the start. `has_begun` is
    /// set when the frames before the room's `pong` have arrived. `presence` is
    /// the list of members, which can arrive before or after.
    Starting {
        has_begun: bool,
        presence: Option<String>,
    },
    Live,
    /// The client unsubscribed. If it subscribes again, it does so after the
    /// room's socket has closed.
    Leaving {
        next: Option<(Channel, Option<Member>)>,
    },
}

impl Subscription {
    fn new(channel: Channel, member: Option<Member>) -> Self {
        Self {
            channel,
            member,
            stage: Stage::Opening,
            head: Seq::ZERO,
            held: Vec::new(),
            has_cached: false,
            pages: Vec::new(),
            users: Users::default(),
            misses_members: false,
            unacknowledged: 0,
        }
    }

    pub(super) fn is_member(&self) -> bool {
        self.member.is_some()
    }

    pub(super) fn is_live(&self) -> bool {
        matches!(self.stage, Stage::Live)
    }

    pub(super) fn is_leaving(&self) -> bool {
        matches!(self.stage, Stage::Leaving { .. })
    }

    /// Returns what the client may do in the room.
    fn identity(&self, socket_id: &str, has_client_events: bool) -> Result<Identity, Refusal> {
        let grant = Grant::NONE.with(Right::Subscribe);
        let (user, grant) = match (&self.channel.access, &self.member) {
            (Access::Public, _) => return Ok(Identity::anonymous()),
            (Access::Presence, Some(member)) => (member.user.clone(), grant.with(Right::Presence)),
            (Access::Private | Access::User, Some(member)) => (member.user.clone(), grant),
            (Access::Private | Access::Presence | Access::User, None) => {
                (User::parse(socket_id)?, grant)
            }
        };
        let may_signal = has_client_events && self.channel.has_client_events();
        let grant = if may_signal { grant.with(Right::Publish) } else { grant };
        Ok(Identity { user: Some(user), grant, expires_at: None })
    }
}

/// Subscribing and unsubscribing.
impl PusherSocket {
    pub(super) fn subscribe(&mut self, subscribe: &Subscribe) -> Result<(), FrameError> {
        let channel = Channel::parse(&subscribe.channel)?;
        if channel.access == Access::User {
            return self.subscribe_to_user(&channel);
        }
        let member = self.check_subscribe(subscribe, &channel)?;
        self.open(channel, member)
    }

    /// Verifies the signature of a `subscribe`. Returns the member of a presence
    /// channel.
    fn check_subscribe(
        &self,
        subscribe: &Subscribe,
        channel: &Channel,
    ) -> Result<Option<Member>, Refusal> {
        if !channel.access.needs_auth() {
            return Ok(None);
        }
        let mut signed = format!("{}:{}", self.id, channel.name);
        let channel_data = match channel.access {
            Access::Presence => Some(subscribe.channel_data.as_deref().ok_or_else(|| {
                Refusal::bad_request("a presence channel needs `channel_data` with a `user_id`")
            })?),
            Access::Public | Access::Private | Access::User => subscribe.channel_data.as_deref(),
        };
        if let Some(data) = channel_data {
            signed = format!("{signed}:{data}");
        }
        self.app.check_auth(subscribe.auth.as_deref(), &signed)?;
        match (channel.access, channel_data) {
            (Access::Presence, Some(data)) => Member::of_channel_data(data).map(Some),
            _ => Ok(None),
        }
    }

    /// Answers the subscription to the channel of the user who signed in. Its
    /// room is open since then.
    fn subscribe_to_user(&mut self, channel: &Channel) -> Result<(), FrameError> {
        let own = self.user.as_ref().map(Channel::of_user);
        if own.as_ref() != Some(channel) {
            let message = "this is the channel of a user who is not signed in on this socket";
            return Err(Refusal::new(Code::Unauthorized, message).into());
        }
        self.send(frame::subscription_succeeded(channel, "{}"));
        Ok(())
    }

    /// Opens a channel. Fails if the client has too many channels, or has this
    /// one already.
    pub(super) fn open(
        &mut self,
        channel: Channel,
        member: Option<Member>,
    ) -> Result<(), FrameError> {
        let room = channel.room(&self.app)?;
        match self.subscriptions.get_mut(&room).map(|subscription| &mut subscription.stage) {
            Some(Stage::Leaving { next }) => {
                *next = Some((channel, member));
                return Ok(());
            }
            Some(Stage::Opening | Stage::Starting { .. } | Stage::Live) => {
                return Err(Refusal::bad_request("already subscribed to this channel").into());
            }
            None => {}
        }
        if self.subscriptions.len() >= limits::ROOMS_ON_A_CONNECTION {
            let most = limits::ROOMS_ON_A_CONNECTION;
            let message = format!("a socket may have at most {most} channels");
            return Err(Refusal::new(Code::RoomFull, message).into());
        }
        let subscription = Subscription::new(channel, member);
        let identity = subscription.identity(self.id.as_str(), self.app.client_events)?;
        let begin = if subscription.channel.is_cache { Begin::Last(1) } else { Begin::Head };
        let counts_sessions = self.app.subscription_count && has_count(&subscription.channel);
        let start = Start { begin, state: false, flow: true, counts_sessions };
        self.subscriptions.insert(room.clone(), subscription);
        self.effects.push(ConnectionEffect::Open { room, identity, start });
        Ok(())
    }

    pub(super) fn unsubscribe(&mut self, channel: &str) {
        let room = Channel::parse(channel).and_then(|channel| channel.room(&self.app));
        let Some(room) = room.ok() else { return };
        let Some(subscription) = self.subscriptions.get_mut(&room) else { return };
        // The room of the user's channel stays open, since it terminates the
        // user's connections.
        if subscription.channel.access == Access::User {
            return;
        }
        match &mut subscription.stage {
            Stage::Leaving { next } => *next = None,
            Stage::Opening => subscription.stage = Stage::Leaving { next: None },
            Stage::Starting { .. } | Stage::Live => {
                subscription.stage = Stage::Leaving { next: None };
                self.effects.push(ConnectionEffect::Leave { room });
            }
        }
    }

    pub(super) fn opened(&mut self, room: &RoomName) {
        let is_paused = self.is_paused();
        let Some(subscription) = self.subscriptions.get_mut(room) else { return };
        let room = || room.clone();
        if subscription.is_leaving() {
            return self.effects.push(ConnectionEffect::Leave { room: room() });
        }
        subscription.stage = Stage::Starting { has_begun: false, presence: None };
        if let (Access::Presence, Some(Member { info, .. })) =
            (subscription.channel.access, &subscription.member)
        {
            let text = format!(r#"{{"type":"enter","data":{info}}}"#);
            self.effects.push(ConnectionEffect::Forward { room: room(), text });
        }
        let text = BARRIER.to_owned();
        self.effects.push(ConnectionEffect::Forward { room: room(), text });
        if is_paused {
            self.effects.push(ConnectionEffect::Pause { room: room(), paused: true });
        }
    }

    pub(super) fn pause_rooms(&mut self, paused: bool) {
        let members = r#"{"type":"members"}"#;
        for (room, subscription) in self.subscriptions.iter_mut() {
            if let Stage::Starting { .. } | Stage::Live = subscription.stage {
                self.effects.push(ConnectionEffect::Pause { room: room.clone(), paused });
                if !paused && std::mem::take(&mut subscription.misses_members) {
                    let text = members.to_owned();
                    self.effects.push(ConnectionEffect::Forward { room: room.clone(), text });
                }
            }
        }
    }

    pub(super) fn room_ended(&mut self, room: &RoomName, close_reason: &CloseReason) {
        let Some(subscription) = self.subscriptions.remove(room) else { return };
        let Subscription { channel, stage, .. } = subscription;
        if let Stage::Leaving { next } = stage {
            if let Some((channel, member)) = next {
                let name = channel.name.clone();
                if let Err(FrameError::Error(_, refusal)) = self.open(channel, member) {
                    self.refuse_subscription(&name, &refusal);
                }
            }
            return;
        }
        let message = match close_reason {
            CloseReason::Closed { reason, .. } => reason.clone(),
            CloseReason::NoCode | CloseReason::Lost => "the room disconnected".to_owned(),
        };
        match close_reason.code() {
            Some(Code::Kicked) if channel.access == Access::User => {
                self.end(close::UNAUTHORIZED, "the user's connections were terminated".to_owned());
            }
            Some(code @ (Code::Kicked | Code::RoomFull | Code::Forbidden)) => {
                self.refuse_subscription(&channel.name, &Refusal::new(code, message));
            }
            Some(Code::Internal | Code::RateLimited | Code::BadRequest) => {
                self.end(close::OVER_CAPACITY, message);
            }
            Some(_) | None => self.end(close::RECONNECT, message),
        }
    }
}

/// Returns whether clients are sent the number of subscriptions. A presence
/// channel lists its members instead.
fn has_count(channel: &Channel) -> bool {
    matches!(channel.access, Access::Public | Access::Private)
}
