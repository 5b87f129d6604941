//! A Pusher socket whose client sends arbitrary frames, whose rooms open, send and
//! close at arbitrary times, and a backend that sends arbitrary requests.

use std::collections::BTreeMap;
use std::rc::Rc;

use roomcast::close_reason::CloseReason;
use roomcast::connection::{ConnectionEffect, ConnectionInput};
use roomcast::protocol::{Grant, RoomName};
use roomcast::pusher::{App, Apps, PusherSocket, Signed, SocketId, Trigger};
use roomcast::time::Millis;
use serde_json::{Value, json};

use super::split_letter;

const START: Millis = Millis::new(1_795_000_000_000);
const APPS: &str =
    r#"[{"id":"1","key":"k","secret":"s","client_events":true,"subscription_count":true}]"#;

pub fn run_script(script: &str) {
    let app = Rc::clone(Apps::parse(APPS).unwrap().with_id("1").unwrap());
    let (socket, effects) = PusherSocket::begin(Rc::clone(&app), SocketId::new(1, 2), START);
    let mut harness =
        Harness { app, socket, now: START, unread: 0, rooms: BTreeMap::new(), is_closed: false };
    harness.perform(effects);
    script.lines().for_each(|line| harness.run(line));
}

struct Harness {
    app: Rc<App>,
    socket: PusherSocket,
    now: Millis,
    /// Bytes that the client has not read.
    unread: u64,
    /// Sockets by room. The value is true if the socket is open.
    rooms: BTreeMap<RoomName, bool>,
    is_closed: bool,
}

impl Harness {
    fn run(&mut self, line: &str) {
        let (letter, rest) = split_letter(line);
        let room = |open: bool| {
            self.rooms.iter().find(|(_, is_open)| **is_open == open).map(|(room, _)| room.clone())
        };
        match (letter, room(true), room(false)) {
            ('s', ..) => self.handle(ConnectionInput::Text(rest)),
            ('b', ..) => self.handle(ConnectionInput::Binary),
            ('a', ..) => self.subscribe(rest),
            ('u', ..) => self.sign_in(rest),
            ('o', _, Some(room)) => {
                self.rooms.insert(room.clone(), true);
                self.handle(ConnectionInput::Opened { room });
            }
            ('r', Some(room), _) if !self.is_closed => {
                let effects = self.socket.handle_room_frame(&room, rest, 0, self.now);
                self.perform(effects);
            }
            ('e', Some(room), _) | ('f', _, Some(room)) => {
                self.rooms.remove(&room);
                let close_reason = CloseReason::of(rest.parse().unwrap_or(1_006), "it ends".into());
                self.handle(ConnectionInput::Ended { room, close_reason });
            }
            ('t', ..) => {
                self.now = self.now.plus(rest.parse().unwrap_or(1_000).min(4_000_000));
                self.unread = rest.parse().unwrap_or(0);
                self.handle(ConnectionInput::Tick);
            }
            ('x', ..) => self.handle(ConnectionInput::Exhausted),
            ('g', ..) => self.handle(ConnectionInput::Gone(CloseReason::of(
                rest.parse().unwrap_or(1_000),
                String::new(),
            ))),
            ('h', ..) => self.trigger(rest),
            ('q', ..) => {
                let signed =
                    Signed { method: "GET", path: "/apps/1/channels", query: rest, body: b"" };
                let apps = Apps::parse(APPS).unwrap();
                assert!(apps.verify("1", &signed, self.now).is_err(), "nobody has signed {rest}");
            }
            _ => {}
        }
    }

    /// Subscribes to a channel with the right signature.
    fn subscribe(&mut self, channel: &str) {
        let user = r#"{"user_id":"7","user_info":{"n":1}}"#;
        let mut data = json!({ "channel": channel });
        let signed = format!("1.2:{channel}");
        if channel.starts_with("presence-") {
            data["channel_data"] = user.into();
            data["auth"] = format!("k:{}", self.app.sign(&format!("{signed}:{user}"))).into();
        } else {
            data["auth"] = format!("k:{}", self.app.sign(&signed)).into();
        }
        let frame = json!({ "event": "pusher:subscribe", "data": data });
        self.handle(ConnectionInput::Text(&frame.to_string()));
    }

    fn sign_in(&mut self, user: &str) {
        let user = json!({ "id": user }).to_string();
        let auth = format!("k:{}", self.app.sign(&format!("1.2::user::{user}")));
        let data = json!({ "auth": auth, "user_data": user });
        let frame = json!({ "event": "pusher:signin", "data": data });
        self.handle(ConnectionInput::Text(&frame.to_string()));
    }

    fn trigger(&self, body: &str) {
        let batch = Trigger::parse_batch(body, &self.app).unwrap_or_default();
        for trigger in Trigger::parse(body, &self.app).into_iter().chain(batch) {
            let event: Value = serde_json::from_str(&trigger.event).expect("an event");
            assert!(event["name"].is_string() && event.get("data").is_some(), "{event}");
            assert!(!trigger.channels.is_empty());
        }
    }

    fn handle(&mut self, input: ConnectionInput) {
        if !self.is_closed {
            let effects = self.socket.handle(input, self.unread, self.now);
            self.perform(effects);
        }
    }

    fn perform(&mut self, effects: Vec<ConnectionEffect>) {
        for effect in effects {
            assert!(!self.is_closed, "{effect:?} after the close");
            match effect {
                ConnectionEffect::Send(text) => check_frame(&text),
                ConnectionEffect::Open { room, identity, .. } => {
                    assert_ne!(identity.grant, Grant::NONE, "{room} is not granted");
                    assert_eq!(self.rooms.insert(room, false), None, "a room has one socket");
                }
                ConnectionEffect::Forward { room, text } => {
                    assert_eq!(self.rooms.get(&room), Some(&true), "{room} is open");
                    let _: Value = serde_json::from_str(&text).expect("a frame for a room");
                }
                ConnectionEffect::Pause { room, .. } | ConnectionEffect::Leave { room } => {
                    assert_eq!(self.rooms.get(&room), Some(&true), "{room} is open");
                }
                ConnectionEffect::PingRooms => {}
                ConnectionEffect::Verify { .. } | ConnectionEffect::Renew { .. } => {
                    panic!("{effect:?}: a Pusher client has no token")
                }
                ConnectionEffect::End(_) => {
                    self.is_closed = true;
                    assert_eq!(self.socket.deadline(), None);
                }
            }
        }
    }
}

/// Checks that a frame has the form that pusher-js reads: its data is a string
/// with JSON.
fn check_frame(text: &str) {
    let frame: Value = serde_json::from_str(text).expect("a frame");
    assert!(frame["event"].is_string(), "{text:.300}");
    let data = frame["data"].as_str().unwrap_or_else(|| panic!("{text:.300}"));
    let _: Value = serde_json::from_str(data).unwrap_or_else(|_| panic!("{text:.300}"));
}
