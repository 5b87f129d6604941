//! Frames of Pusher's protocol, version 7: decoding those of the client, and
//! encoding those to it. The `data` of each frame to the client is a JSON string
//! that contains JSON.

use std::borrow::Cow;

use crate::code::Refusal;
use crate::protocol::User;
use crate::protocol::json::{Object, check_levels, string, text_of};
use crate::pusher::channel::Channel;

/// A frame from the client.
#[derive(Debug)]
pub(super) enum ClientFrame<'a> {
    Subscribe(Subscribe<'a>),
    Unsubscribe(Cow<'a, str>),
    SignIn(SignIn<'a>),
    /// An event that the client sends to the other subscribers of a channel.
    Event {
        name: Cow<'a, str>,
        channel: Cow<'a, str>,
        data: &'a str,
    },
    Ping,
    Pong,
}

#[derive(Debug)]
pub(super) struct Subscribe<'a> {
    pub channel: Cow<'a, str>,
    pub auth: Option<Cow<'a, str>>,
    /// The user of a presence channel, as JSON. The signature contains this text.
    pub channel_data: Option<Cow<'a, str>>,
}

#[derive(Debug)]
pub(super) struct SignIn<'a> {
    pub auth: Option<Cow<'a, str>>,
    /// The user, as JSON. The signature contains this text.
    pub user_data: Cow<'a, str>,
}

impl<'a> ClientFrame<'a> {
    /// Decodes a frame. Fails with `bad_request` if it is invalid. A field that is
    /// there twice is invalid, since readers disagree on which of them counts.
    pub(super) fn decode(text: &'a str) -> Result<Self, Refusal> {
        let frame = Object::parse(text)?;
        let event = frame.required_text("event")?;
        let json = frame.json("data").unwrap_or("null");
        let data = || Object::parse(json).map_err(|refusal| refusal.about("`data`"));
        match &*event {
            "pusher:subscribe" => {
                let data = data()?;
                Ok(Self::Subscribe(Subscribe {
                    channel: data.required_text("channel")?,
                    auth: data.text("auth")?,
                    channel_data: data.text("channel_data")?,
                }))
            }
            "pusher:unsubscribe" => Ok(Self::Unsubscribe(data()?.required_text("channel")?)),
            "pusher:signin" => {
                let data = data()?;
                let user_data = data.required_text("user_data")?;
                Ok(Self::SignIn(SignIn { auth: data.text("auth")?, user_data }))
            }
            "pusher:ping" => Ok(Self::Ping),
            "pusher:pong" => Ok(Self::Pong),
            name if name.starts_with("client-") => {
                let channel = frame.required_text("channel")?;
                Ok(Self::Event { name: event, channel, data: json })
            }
            _ => Err(Refusal::bad_request(
                "`event` must be pusher:subscribe, pusher:unsubscribe, pusher:signin, pusher:ping, \
                 pusher:pong, or begin with client-",
            )),
        }
    }
}

/// The user of a presence channel, or of a client that signed in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Member {
    pub user: User,
    /// Data of the backend about the user, as JSON.
    pub info: String,
}

impl Member {
    /// Parses the `channel_data` of a presence channel. Fails with `bad_request`.
    pub(super) fn of_channel_data(json: &str) -> Result<Self, Refusal> {
        let data = Object::parse(json).map_err(|refusal| refusal.about("`channel_data`"))?;
        let info = data.json("user_info").unwrap_or("null").to_owned();
        check_levels("user_info", &info)?;
        Ok(Self { user: user_of(&data, "user_id")?, info })
    }

    /// Parses the `user_data` of a sign-in. Fails with `bad_request`.
    pub(super) fn of_user_data(json: &str) -> Result<Self, Refusal> {
        let data = Object::parse(json).map_err(|refusal| refusal.about("`user_data`"))?;
        Ok(Self { user: user_of(&data, "id")?, info: "null".into() })
    }
}

/// Returns the id of a user: a string of 1 to 128 characters, or an integer.
fn user_of(data: &Object, field: &str) -> Result<User, Refusal> {
    let wrong =
        || Refusal::bad_request(format!("`{field}` must be a string of 1 to 128 characters"));
    let id = match data.json(field) {
        Some(number) if is_integer(number) => Cow::Borrowed(number),
        Some(json) => text_of(json, field).map_err(|_| wrong())?,
        None => return Err(wrong()),
    };
    User::parse(&id).map_err(|_| wrong())
}

fn is_integer(json: &str) -> bool {
    json.strip_prefix('-').unwrap_or(json).bytes().all(|byte| byte.is_ascii_digit())
}

/// Returns a frame without a channel. `data` is JSON.
pub(super) fn frame(event: &str, data: &str) -> String {
    format!(r#"{{"event":"{event}","data":{}}}"#, string(data))
}

/// Returns a frame of a channel. `data` is JSON.
pub(super) fn channel_frame(event: &str, channel: &Channel, data: &str) -> String {
    let (event, channel) = (string(event), string(&channel.name));
    format!(r#"{{"event":{event},"channel":{channel},"data":{}}}"#, string(data))
}

pub(super) fn subscription_succeeded(channel: &Channel, data: &str) -> String {
    channel_frame("pusher_internal:subscription_succeeded", channel, data)
}

/// Returns the frame of a client's event. On a presence channel, it names the
/// user who sent it.
pub(super) fn client_event(
    name: &str,
    channel: &Channel,
    data: &str,
    user: Option<&str>,
) -> String {
    let frame = channel_frame(name, channel, data);
    match (user, frame.strip_suffix('}')) {
        (Some(user), Some(open)) => format!(r#"{open},"user_id":{}}}"#, string(user)),
        (Some(_) | None, _) => frame,
    }
}

pub(super) fn connection_established(socket_id: &str, activity_timeout_s: u64) -> String {
    let data = format!(r#"{{"socket_id":"{socket_id}","activity_timeout":{activity_timeout_s}}}"#);
    frame("pusher:connection_established", &data)
}

pub(super) fn error(code: u16, message: &str) -> String {
    frame("pusher:error", &format!(r#"{{"code":{code},"message":{}}}"#, string(message)))
}

/// Returns the frame that ends the attempt to subscribe to a channel. pusher-js
/// passes its data to the handlers of `pusher:subscription_error`.
pub(super) fn subscription_error(channel: &str, kind: &str, status: u16, message: &str) -> String {
    let data = format!(r#"{{"type":"{kind}","error":{},"status":{status}}}"#, string(message));
    let (channel, data) = (string(channel), string(&data));
    format!(r#"{{"event":"pusher:subscription_error","channel":{channel},"data":{data}}}"#)
}

/// Returns the data of `subscription_succeeded` of a presence channel.
pub(super) fn presence_data<'a>(members: impl Iterator<Item = (&'a User, &'a str)>) -> String {
    let (mut ids, mut hash, mut count) = (String::new(), String::new(), 0_usize);
    for (user, info) in members {
        let separator = if count == 0 { "" } else { "," };
        let id = string(user.as_str());
        ids.push_str(&format!("{separator}{id}"));
        hash.push_str(&format!("{separator}{id}:{info}"));
        count = count.saturating_add(1);
    }
    format!(r#"{{"presence":{{"count":{count},"ids":[{ids}],"hash":{{{hash}}}}}}}"#)
}

/// Returns the data of `member_added` and `member_removed`.
pub(super) fn member_data(user: &User, info: Option<&str>) -> String {
    let id = string(user.as_str());
    let info = info.map_or_else(String::new, |info| format!(r#","user_info":{info}"#));
    format!(r#"{{"user_id":{id}{info}}}"#)
}
