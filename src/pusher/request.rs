//! Requests of the HTTP API under `/apps/{id}`: their signatures, and their
//! bodies.

use std::borrow::Cow;

use form_urlencoded::parse;
use litemap::LiteMap;
use md5::{Digest, Md5};
use percent_encoding::percent_decode_str;
use serde_json::value::RawValue;
use subtle::ConstantTimeEq;

use super::app::{App, Apps};
use super::channel::{Access, Channel};
use super::signature::hex;
use super::socket::SocketId;
use crate::code::{Code, Refusal};
use crate::limits;
use crate::protocol::json::{Object, string, text_of};
use crate::protocol::{EventName, RoomName, User};
use crate::time::Millis;

/// The parts of a request that its signature contains.
#[derive(Clone, Copy, Debug)]
pub struct Signed<'a> {
    pub method: &'a str,
    /// The path as it was sent.
    pub path: &'a str,
    /// The query as it was sent, without the `?`.
    pub query: &'a str,
    pub body: &'a [u8],
}

/// The parameters of a request, sorted by their names.
#[derive(Debug)]
pub struct Parameters<'a>(LiteMap<Cow<'a, str>, Cow<'a, str>>);

/// Maximum number of parameters. No library sends more than ten.
const MAX_PARAMETERS: usize = 30;

impl Apps {
    /// Verifies the signature of a request for an app. Fails with `not_found` for
    /// an unknown app, and with `unauthorized` for a wrong or old signature.
    pub fn verify<'a>(
        &self,
        id: &str,
        signed: &Signed<'a>,
        now: Millis,
    ) -> Result<(&App, Parameters<'a>), Refusal> {
        let app = self.with_id(id);
        let app =
            app.ok_or_else(|| Refusal::new(Code::NotFound, "there is no app with this id"))?;
        let parameters = app.verify(signed, now)?;
        Ok((app, parameters))
    }
}

impl App {
    fn verify<'a>(&self, signed: &Signed<'a>, now: Millis) -> Result<Parameters<'a>, Refusal> {
        let Signed { method, path, query, body } = *signed;
        let parameters = Parameters::parse(query)?;
        let required = |name: &str| {
            parameters.get(name).ok_or_else(|| unauthorized(&format!("`{name}` is missing")))
        };
        if required("auth_key")? != self.key {
            return Err(unauthorized("`auth_key` is not the key of this app"));
        }
        if required("auth_version")? != "1.0" {
            return Err(unauthorized("`auth_version` must be 1.0"));
        }
        check_time(required("auth_timestamp")?, now)?;
        check_body(&parameters, body)?;
        let signature = required("auth_signature")?;
        let mut in_query = String::new();
        for (key, value) in parameters.0.iter().filter(|(key, _)| *key != "auth_signature") {
            let separator = if in_query.is_empty() { "" } else { "&" };
            in_query.push_str(&format!("{separator}{key}={value}"));
        }
        // Some libraries sign the path before they encode it.
        let decoded = percent_decode_str(path).decode_utf8_lossy();
        let is_signed = [path, &decoded]
            .into_iter()
            .any(|path| self.is_signed(&format!("{method}\n{path}\n{in_query}"), signature));
        if is_signed { Ok(parameters) } else { Err(unauthorized("`auth_signature` is wrong")) }
    }
}

fn unauthorized(message: &str) -> Refusal {
    Refusal::new(Code::Unauthorized, message)
}

fn check_time(timestamp: &str, now: Millis) -> Result<(), Refusal> {
    let seconds: Option<u64> = timestamp.parse().ok();
    let is_recent = seconds.is_some_and(|seconds| {
        let at = Millis::new(seconds.saturating_mul(1_000));
        at.since(now).max(now.since(at)) <= limits::PUSHER_REQUEST_MS
    });
    if is_recent {
        return Ok(());
    }
    let most = limits::PUSHER_REQUEST_MS.div_euclid(1_000);
    Err(unauthorized(&format!(
        "`auth_timestamp` must be within {most} s of the time of this server, in seconds"
    )))
}

fn check_body(parameters: &Parameters, body: &[u8]) -> Result<(), Refusal> {
    let is_right = match parameters.get("body_md5") {
        Some(md5) => hex(&Md5::digest(body)).as_bytes().ct_eq(md5.as_bytes()).into(),
        None => body.is_empty(),
    };
    if is_right {
        Ok(())
    } else {
        Err(unauthorized("`body_md5` must be the MD5 of the body in hex"))
    }
}

impl<'a> Parameters<'a> {
    /// Parses a query. Fails if a parameter is there twice, since readers disagree
    /// on which of them counts.
    fn parse(query: &'a str) -> Result<Self, Refusal> {
        let mut parameters = LiteMap::new();
        for (name, value) in parse(query.as_bytes()) {
            if parameters.insert(name, value).is_some() {
                return Err(unauthorized("a parameter is there twice"));
            }
            if parameters.len() > MAX_PARAMETERS {
                return Err(unauthorized("there are too many parameters"));
            }
        }
        Ok(Self(parameters))
    }

    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(Cow::as_ref)
    }

    /// Returns the attributes that `info` requests. Fails with `bad_request` for an
    /// unknown attribute.
    pub fn info(&self) -> Result<Info, Refusal> {
        Info::parse(self.get("info").unwrap_or_default())
    }
}

/// The attributes of a channel in an answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Info {
    pub user_count: bool,
    pub subscription_count: bool,
    pub cache: bool,
}

impl Info {
    fn parse(text: &str) -> Result<Self, Refusal> {
        let mut info = Self::default();
        for attribute in text.split(',').filter(|attribute| !attribute.is_empty()) {
            match attribute {
                "user_count" => info.user_count = true,
                "subscription_count" => info.subscription_count = true,
                "cache" => info.cache = true,
                // It is in each answer.
                "occupied" => {}
                _ => {
                    return Err(Refusal::bad_request(
                        "`info` must be a list of user_count, subscription_count, cache and occupied",
                    ));
                }
            }
        }
        Ok(info)
    }

    pub fn is_empty(self) -> bool {
        self == Self::default()
    }
}

/// An event of a backend, for one or several channels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trigger {
    pub channels: Vec<(Channel, RoomName)>,
    /// The event, as it is published to each of the rooms.
    pub event: String,
    pub info: Info,
}

impl Trigger {
    /// Parses the body of `POST events`. Fails with `bad_request` or `too_large`.
    pub fn parse(body: &str, app: &App) -> Result<Self, Refusal> {
        let fields = Object::parse(body)?;
        let socket_id = fields.text("socket_id")?;
        if socket_id.as_ref().is_some_and(|id| !SocketId::is_valid(id)) {
            return Err(Refusal::bad_request("`socket_id` must be like 123.456"));
        }
        let names = match (fields.json("channel"), fields.items("channels")?) {
            (Some(channel), None) => vec![channel],
            (None, Some(channels)) => channels,
            (Some(_), Some(_)) | (None, None) => {
                return Err(Refusal::bad_request("an event has either `channel` or `channels`"));
            }
        };
        if names.is_empty() || names.len() > limits::PUSHER_CHANNELS {
            let most = limits::PUSHER_CHANNELS;
            let message = format!("an event is for 1 to {most} channels, not for {}", names.len());
            return Err(Refusal::bad_request(message));
        }
        let mut channels = Vec::new();
        for name in &names {
            let channel = Channel::parse(&text_of(name, "channel")?)?;
            if channel.is_encrypted && names.len() > 1 {
                let message = "an event for an encrypted channel is for this channel alone";
                return Err(Refusal::bad_request(message));
            }
            let room = channel.room(app)?;
            channels.push((channel, room));
        }
        let name = EventName::parse(&fields.required_text("name")?)?;
        let origin = socket_id
            .map_or_else(String::new, |socket_id| format!(r#","origin":{}"#, string(&socket_id)));
        let (name, data) =
            (string(name.as_str()), stored_data(&fields.required_text("data")?).into_owned());
        let event = format!(r#"{{"name":{name},"data":{data}{origin}}}"#);
        let info = fields.text("info")?.unwrap_or_default();
        Ok(Self { channels, event, info: Info::parse(&info)? })
    }

    /// Returns each room with the body of its publish. Two events for the same
    /// room are in one body, so that they are appended together or not at all.
    pub fn publishes(triggers: &[Self]) -> Vec<(&RoomName, String)> {
        let mut publishes: Vec<(&RoomName, String)> = Vec::new();
        for Self { channels, event, .. } in triggers {
            for (_, room) in channels {
                match publishes.iter_mut().find(|(known, _)| *known == room) {
                    Some((_, events)) => {
                        events.push(',');
                        events.push_str(event);
                    }
                    None => publishes.push((room, event.clone())),
                }
            }
        }
        for (_, events) in &mut publishes {
            *events = format!(r#"{{"events":[{events}]}}"#);
        }
        publishes
    }

    /// Parses the body of `POST batch_events`. Fails with `bad_request` or
    /// `too_large`.
    pub fn parse_batch(body: &str, app: &App) -> Result<Vec<Self>, Refusal> {
        let batch = Object::parse(body)?.items("batch")?.unwrap_or_default();
        if batch.is_empty() || batch.len() > limits::PUSHER_BATCH {
            let most = limits::PUSHER_BATCH;
            let message = format!("a batch has 1 to {most} events, not {}", batch.len());
            return Err(Refusal::bad_request(message));
        }
        let mut events = Vec::new();
        for (index, event) in batch.iter().enumerate() {
            let parsed = Self::parse(event, app);
            events.push(parsed.map_err(|refusal| refusal.about(&format!("batch[{index}]")))?);
        }
        Ok(events)
    }
}

/// Returns the data of an event as JSON. A text that is JSON is stored unchanged,
/// and any other text as a JSON string.
fn stored_data(text: &str) -> Cow<'_, str> {
    match serde_json::from_str::<&RawValue>(text) {
        Ok(json) => Cow::Borrowed(json.get()),
        Err(_) => Cow::Owned(string(text)),
    }
}

/// Returns the room of a user, whose sessions `terminate_connections` closes.
pub fn room_of_user(user: &User, app: &App) -> Result<RoomName, Refusal> {
    Channel::of_user(user).room(app)
}

/// Fails with `bad_request` unless the channel has users.
pub fn check_presence(channel: &Channel) -> Result<(), Refusal> {
    if channel.access == Access::Presence {
        return Ok(());
    }
    Err(Refusal::bad_request("only presence channels have users"))
}
