//! Webhooks in Pusher's form, from the notifications of a room.

use super::app::{App, Apps};
use super::channel::Channel;
use crate::protocol::RoomName;
use crate::protocol::json::{Object, string};
use crate::time::Millis;

/// A webhook for the backend of an app.
#[derive(Debug, PartialEq, Eq)]
pub struct Webhook {
    /// Value of the header `x-pusher-key`.
    pub key: String,
    /// Value of the header `x-pusher-signature`.
    pub signature: String,
    pub body: String,
}

impl Apps {
    /// Translates the body of a room's webhook into Pusher's form. Returns
    /// `Ok(None)` if the body has nothing that Pusher's webhooks have. Fails if the
    /// room is no channel of an app.
    pub fn webhook(
        &self,
        room: &RoomName,
        body: &str,
        now: Millis,
    ) -> Result<Option<Webhook>, &'static str> {
        let of_room = |app: &&App| Channel::of_room(room, app).is_some();
        let app = self.iter().find(of_room).ok_or("the room is no channel of PUSHER_APPS")?;
        let channel = Channel::of_room(room, app).ok_or("the room is no channel")?;
        let events = events_of(body, &channel).ok_or("the notifications have another form")?;
        if events.is_empty() {
            return Ok(None);
        }
        let time = now.get();
        let body = format!(r#"{{"time_ms":{time},"events":[{}]}}"#, events.join(","));
        Ok(Some(Webhook { key: app.key.clone(), signature: app.sign(&body), body }))
    }
}

/// Returns the events of Pusher's webhook for the notifications.
fn events_of(body: &str, channel: &Channel) -> Option<Vec<String>> {
    let body = Object::parse(body).ok()?;
    let data = Object::parse(body.json("data")?).ok()?;
    let channel = string(&channel.name);
    let mut events = Vec::new();
    for notification in data.items("notifications").ok()?? {
        let notification = Object::parse(notification).ok()?;
        let user = notification.json("user").unwrap_or("null");
        let (name, user) = match &*notification.required_text("type").ok()? {
            "room.occupied" => ("channel_occupied", None),
            "room.vacated" => ("channel_vacated", None),
            "member.entered" => ("member_added", Some(user)),
            "member.left" => ("member_removed", Some(user)),
            _ => continue,
        };
        let user = user.map_or_else(String::new, |user| format!(r#","user_id":{user}"#));
        events.push(format!(r#"{{"name":"{name}","channel":{channel}{user}}}"#));
    }
    Some(events)
}

#[cfg(test)]
mod tests {
    use super::*;

    const APPS: &str = r#"[{"id":"1","key":"k","secret":"s","prefix":"shop:"}]"#;

    fn webhook(room: &str, notifications: &str) -> Result<Option<Webhook>, &'static str> {
        let body = format!(
            r#"{{"type":"room.notifications","data":{{"notifications":[{notifications}]}}}}"#
        );
        let room = RoomName::parse(room).unwrap();
        Apps::parse(APPS).unwrap().webhook(&room, &body, Millis::new(7))
    }

    #[test]
    fn notifications_become_the_events_of_pushers_webhook() {
        let notifications = r#"{"type":"room.occupied","number":1,"at":1},
            {"type":"member.entered","number":2,"at":1,"user":"ann"},
            {"type":"events.published","prev":0,"events":[]},
            {"type":"session.closed","number":3,"at":1,"session":"1","user":null,"code":1000},
            {"type":"member.left","number":4,"at":1,"user":"ann"},
            {"type":"room.vacated","number":5,"at":1}"#;
        let sent = webhook("shop:presence-a", notifications).unwrap().unwrap();
        let events = r#"{"time_ms":7,"events":[{"name":"channel_occupied","channel":"presence-a"},{"name":"member_added","channel":"presence-a","user_id":"ann"},{"name":"member_removed","channel":"presence-a","user_id":"ann"},{"name":"channel_vacated","channel":"presence-a"}]}"#;
        assert_eq!((sent.key.as_str(), sent.body.as_str()), ("k", events));
        let app = Apps::parse(APPS).unwrap();
        assert_eq!(sent.signature, app.with_id("1").unwrap().sign(events));
    }

    #[test]
    fn room_without_a_channel_fails_and_other_notifications_send_nothing() {
        let published = r#"{"type":"events.published","prev":0,"events":[]}"#;
        assert_eq!(webhook("shop:a", published), Ok(None));
        for room in ["a", "other:a", "shop:server-to-user:7"] {
            assert!(webhook(room, published).is_err(), "{room}");
        }
    }
}
