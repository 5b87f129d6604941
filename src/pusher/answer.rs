//! Bodies of the answers of the HTTP API.

use super::app::App;
use super::channel::{Access, Channel};
use super::request::{Info, Parameters};
use super::room_frame::{Event, read_members};
use crate::code::Refusal;
use crate::limits;
use crate::protocol::RoomName;
use crate::protocol::json::{Object, string};
use crate::time::Millis;

/// A channel, and the attributes that a request names.
#[derive(Debug)]
pub struct ChannelStats {
    channel: Channel,
    info: Info,
    /// Whether the answer says that the channel is occupied.
    has_occupied: bool,
    sessions: u64,
    members: u64,
    /// The data of the last event of a cache channel, and the seconds for which
    /// it stays there.
    cached: Option<(String, u64)>,
}

impl ChannelStats {
    pub fn new(channel: Channel, info: Info) -> Self {
        Self { channel, info, has_occupied: false, sessions: 0, members: 0, cached: None }
    }

    /// Adds whether the channel is occupied.
    pub fn with_occupied(self) -> Self {
        Self { has_occupied: true, ..self }
    }

    /// Returns whether the stats of the room are needed.
    pub fn needs_room(&self) -> bool {
        self.has_occupied || self.info.user_count || self.info.subscription_count
    }

    /// Returns whether the last event of the room is needed.
    pub fn needs_event(&self) -> bool {
        self.info.cache && self.channel.is_cache
    }

    /// Reads the stats of the room. Returns `None` if they have another form.
    pub fn read_room(&mut self, stats: &str) -> Option<()> {
        let stats = Object::parse(stats).ok()?;
        let (sessions, members) = (stats.number("sessions")?, stats.number("members")?);
        (self.sessions, self.members) = (sessions, members);
        Some(())
    }

    /// Reads a page with the last event of the room. Returns `None` if it has
    /// another form.
    pub fn read_page(&mut self, page: &str, now: Millis) -> Option<()> {
        let events = Object::parse(page).ok()?.items("events").ok()??;
        let Some(event) = events.last() else { return Some(()) };
        let event = Event::read(event)?;
        let left_ms = limits::PUSHER_CACHE_MS.checked_sub(now.since(event.at));
        self.cached = left_ms.map(|ms| (event.data.to_owned(), ms.div_euclid(1_000)));
        Some(())
    }

    fn attributes(&self) -> String {
        let mut fields = Vec::new();
        if self.has_occupied {
            fields.push(format!(r#""occupied":{}"#, self.sessions > 0));
        }
        if self.info.user_count {
            fields.push(format!(r#""user_count":{}"#, self.members));
        }
        if self.info.subscription_count {
            fields.push(format!(r#""subscription_count":{}"#, self.sessions));
        }
        if let Some((data, ttl)) = &self.cached {
            fields.push(format!(r#""cache":{{"data":{},"ttl":{ttl}}}"#, string(data)));
        }
        format!("{{{}}}", fields.join(","))
    }
}

/// Returns the answer to a trigger. It is empty unless the request names
/// attributes.
pub fn triggered(channels: &[ChannelStats]) -> String {
    if channels.iter().all(|stats| stats.info.is_empty()) {
        return "{}".to_owned();
    }
    named(channels.iter())
}

/// Returns the answer to a batch. It is empty unless an event names attributes.
pub fn batch_triggered(channels: &[ChannelStats]) -> String {
    if channels.iter().all(|stats| stats.info.is_empty()) {
        return "{}".to_owned();
    }
    let mut attributes = Vec::new();
    for stats in channels {
        attributes.push(stats.attributes());
    }
    format!(r#"{{"batch":[{}]}}"#, attributes.join(","))
}

/// Returns the answer about one channel.
pub fn channel(channels: &[ChannelStats]) -> String {
    channels.first().map(ChannelStats::attributes).unwrap_or_default()
}

/// Returns the answer about the users of a presence channel, from the members of
/// the room.
pub fn users(members: &str) -> Option<String> {
    let (members, _) = read_members(members)?;
    let mut users = Vec::new();
    for member in &members {
        users.push(format!(r#"{{"id":{}}}"#, string(member.user.as_str())));
    }
    Some(format!(r#"{{"users":[{}]}}"#, users.join(",")))
}

/// The parameters of a request for the list of channels.
#[derive(Debug)]
pub struct ChannelsQuery {
    pub info: Info,
    prefix: String,
}

impl ChannelsQuery {
    /// Parses the parameters. Fails with `bad_request` if they are invalid. Only
    /// presence channels have a number of users.
    pub fn parse(parameters: &Parameters) -> Result<Self, Refusal> {
        let prefix = parameters.get("filter_by_prefix").unwrap_or_default().to_owned();
        let info = parameters.info()?;
        if info.user_count && !prefix.starts_with("presence-") {
            return Err(Refusal::bad_request(
                "`info=user_count` needs a `filter_by_prefix` that begins with presence-",
            ));
        }
        if !prefix.is_empty() && !RoomName::is_segment(&prefix) {
            return Err(Refusal::bad_request("`filter_by_prefix` can't begin a channel's name"));
        }
        Ok(Self { info, prefix })
    }

    /// Returns the beginning of the names of the rooms.
    pub fn room_prefix(&self, app: &App) -> String {
        format!("{}{}", app.prefix, self.prefix)
    }
}

/// The list of the occupied channels of an app.
#[derive(Debug)]
pub struct Channels<'a> {
    app: &'a App,
    info: Info,
    rooms: Vec<RoomName>,
    channels: Vec<ChannelStats>,
}

impl<'a> Channels<'a> {
    pub fn new(app: &'a App, info: Info) -> Self {
        let info = Info { cache: false, ..info };
        Self { app, info, rooms: Vec::new(), channels: Vec::new() }
    }

    /// Adds a page of the directory. Returns the room after which the next page
    /// begins, if there is one, and `None` if the page has another form.
    pub fn push(&mut self, page: &str) -> Option<Option<RoomName>> {
        let page = Object::parse(page).ok()?;
        for listed in page.items("rooms").ok()?? {
            let listed = Object::parse(listed).ok()?;
            let (sessions, members) = (listed.number("sessions")?, listed.number("members")?);
            let Ok(room) = RoomName::parse(&listed.text("room").ok()??) else { continue };
            let channel = Channel::of_room(&room, self.app);
            let Some(channel) = channel.filter(|_| sessions > 0) else { continue };
            let stats = ChannelStats { sessions, members, ..ChannelStats::new(channel, self.info) };
            self.rooms.push(room);
            self.channels.push(stats);
        }
        let cursor = page.text("cursor").ok()?;
        Some(cursor.and_then(|cursor| RoomName::parse(&cursor).ok()))
    }

    /// Returns the channels with the counts of the directory, and the rooms whose
    /// own counts must be read, because those of the directory can be some seconds
    /// old. A long list has no such rooms, since each costs a request.
    pub fn finish(self) -> (Vec<ChannelStats>, Vec<RoomName>) {
        let is_short = self.rooms.len() <= limits::PUSHER_CHANNELS;
        (self.channels, if is_short { self.rooms } else { Vec::new() })
    }
}

/// Returns the answer with a list of channels. A channel whose last subscription
/// has just ended is left out.
pub fn channels(channels: &[ChannelStats]) -> String {
    named(channels.iter().filter(|stats| stats.sessions > 0))
}

fn named<'a>(channels: impl Iterator<Item = &'a ChannelStats>) -> String {
    let channels =
        channels.map(|stats| format!("{}:{}", string(&stats.channel.name), stats.attributes()));
    format!(r#"{{"channels":{{{}}}}}"#, channels.collect::<Vec<_>>().join(","))
}

impl Info {
    /// Fails with `bad_request` if the channel has no such attribute.
    pub fn check(self, channel: &Channel) -> Result<(), Refusal> {
        if self.user_count && channel.access != Access::Presence {
            return Err(Refusal::bad_request("only presence channels have a `user_count`"));
        }
        if self.cache && !channel.is_cache {
            return Err(Refusal::bad_request("only cache channels have a `cache`"));
        }
        Ok(())
    }
}
