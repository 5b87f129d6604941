//! The HTTP API of Pusher. [`crate::pusher`] verifies and parses the requests, and
//! writes the answers. This module calls the rooms.

use worker::web_sys::Response;

use super::answer::{json, platform_error};
use super::platform::now;
use super::request::RoomCall;
use super::room_stubs::RoomStubs;
use crate::auth::Identity;
use crate::code::Refusal;
use crate::directory;
use crate::limits;
use crate::protocol::{Grant, Right, RoomName, RoomsQuery, User};
use crate::pusher::{
    App, Channel, ChannelStats, ChannelsQuery, Parameters, Trigger, answer, check_presence,
    room_of_user,
};
use crate::route::{PusherCall, RequestKind};

/// A request of an app's backend, whose signature is valid.
pub struct PusherRequest<'a> {
    pub rooms: &'a RoomStubs,
    pub app: &'a App,
    pub parameters: &'a Parameters<'a>,
    pub body: &'a str,
}

impl PusherRequest<'_> {
    pub async fn answer(&self, call: &PusherCall) -> Result<Response, Refusal> {
        let body = match call {
            PusherCall::Trigger => {
                let trigger = Trigger::parse(self.body, self.app)?;
                answer::triggered(&self.trigger(&[trigger]).await?)
            }
            PusherCall::TriggerBatch => {
                let batch = Trigger::parse_batch(self.body, self.app)?;
                answer::batch_triggered(&self.trigger(&batch).await?)
            }
            PusherCall::Channels => self.channels().await?,
            PusherCall::Channel(name) => {
                let channel = Channel::parse(name)?;
                let info = self.parameters.info()?;
                info.check(&channel)?;
                let room = channel.room(self.app)?;
                let stats = vec![ChannelStats::new(channel, info).with_occupied()];
                answer::channel(&self.read(stats, &[&room]).await?)
            }
            PusherCall::Users { channel } => {
                let channel = Channel::parse(channel)?;
                check_presence(&channel)?;
                let room = channel.room(self.app)?;
                let members = self.call(RequestKind::Members, "GET", "/members", &[&room]).await?;
                members.first().and_then(|members| answer::users(members)).ok_or_else(unexpected)?
            }
            PusherCall::Terminate { user } => {
                let room = room_of_user(&User::parse(user)?, self.app)?;
                let query = form_urlencoded::Serializer::new(String::new())
                    .append_pair("user", user)
                    .finish();
                let path = format!("/members?{query}");
                self.call(RequestKind::Kick, "DELETE", &path, &[&room]).await?;
                "{}".to_owned()
            }
        };
        json(body).map_err(platform_error)
    }

    /// Publishes events to their channels. The events of one room are appended
    /// together, in their order. Returns the channels with the attributes that the
    /// request names.
    async fn trigger(&self, triggers: &[Trigger]) -> Result<Vec<ChannelStats>, Refusal> {
        let publishes = Trigger::publishes(triggers);
        let rooms: Vec<&RoomName> = publishes.iter().map(|(room, _)| *room).collect();
        let bodies = publishes.iter().map(|(_, body)| body.clone()).collect();
        self.call_with(RequestKind::Publish, "POST", "/events", &rooms, bodies).await?;
        let (mut stats, mut rooms) = (Vec::new(), Vec::new());
        for Trigger { channels, info, .. } in triggers {
            for (channel, room) in channels {
                stats.push(ChannelStats::new(channel.clone(), *info));
                rooms.push(room);
            }
        }
        self.read(stats, &rooms).await
    }

    /// Reads the attributes of channels from their rooms. Without any attribute, the
    /// rooms are not called.
    async fn read(
        &self,
        mut all: Vec<ChannelStats>,
        rooms: &[&RoomName],
    ) -> Result<Vec<ChannelStats>, Refusal> {
        if all.iter().any(ChannelStats::needs_room) {
            let answers = self.call(RequestKind::Stats, "GET", "", rooms).await?;
            for (stats, answer) in all.iter_mut().zip(&answers) {
                stats.read_room(answer).ok_or_else(unexpected)?;
            }
        }
        if all.iter().any(ChannelStats::needs_event) {
            let answers = self.call(RequestKind::Page, "GET", "/events?limit=1", rooms).await?;
            for (stats, answer) in all.iter_mut().zip(&answers) {
                stats.read_page(answer, now()).ok_or_else(unexpected)?;
            }
        }
        Ok(all)
    }

    /// Lists the occupied channels, which the directory knows. The rooms of a short
    /// list are called for their counts.
    async fn channels(&self) -> Result<String, Refusal> {
        let query = ChannelsQuery::parse(self.parameters)?;
        let mut list = answer::Channels::new(self.app, query.info);
        let mut after = None;
        loop {
            let query = RoomsQuery {
                prefix: query.room_prefix(self.app),
                after,
                limit: limits::LISTED_ROOMS,
            };
            let shards = self.rooms.read_directory(Some(&query)).await.map_err(platform_error)?;
            after = list.push(&directory::merge(&shards, &query)).ok_or_else(unexpected)?;
            if after.is_none() {
                break;
            }
        }
        let (channels, rooms) = list.finish();
        let rooms: Vec<&RoomName> = rooms.iter().collect();
        Ok(answer::channels(&self.read(channels, &rooms).await?))
    }

    async fn call(
        &self,
        kind: RequestKind,
        method: &str,
        path: &str,
        rooms: &[&RoomName],
    ) -> Result<Vec<String>, Refusal> {
        self.call_with(kind, method, path, rooms, Vec::new()).await
    }

    /// Calls rooms with the path below that of the room, and with a body for each.
    async fn call_with(
        &self,
        kind: RequestKind,
        method: &str,
        path: &str,
        rooms: &[&RoomName],
        bodies: Vec<String>,
    ) -> Result<Vec<String>, Refusal> {
        let identity = &backend()?;
        let mut calls = Vec::new();
        for room in rooms {
            let target = format!("/rooms/{room}{path}");
            calls.push(RoomCall { method, target: &target, identity }.text());
        }
        self.rooms.call_all(kind, rooms, calls, bodies).await
    }
}

/// Returns the identity of a backend, whose signature grants everything in the
/// rooms of its app.
fn backend() -> Result<Identity, Refusal> {
    let grant = Grant::NONE.with(Right::Subscribe).with(Right::Publish);
    let grant = grant.with(Right::Presence).with(Right::Admin);
    Ok(Identity { user: Some(User::parse("server")?), grant, expires_at: None })
}

fn unexpected() -> Refusal {
    platform_error("a room's answer has another form".into())
}
