//! The frames of a room that only a Pusher socket decodes completely. A frame
//! of another form is `None`.

use std::borrow::Cow;

use crate::protocol::json::{Object, text_of};
use crate::protocol::{Seq, User};
use crate::time::Millis;

/// An event in a room's frame.
#[derive(Debug)]
pub(in crate::pusher) struct Event<'a> {
    pub seq: Seq,
    pub name: Cow<'a, str>,
    pub data: &'a str,
    pub at: Millis,
    pub origin: Option<Cow<'a, str>>,
}

impl<'a> Event<'a> {
    pub fn read(json: &'a str) -> Option<Self> {
        let event = Object::parse(json).ok()?;
        Some(Self {
            seq: Seq::new(event.number("seq")?)?,
            name: event.text("name").ok()??,
            data: event.json("data").unwrap_or("null"),
            at: Millis::new(event.number("at")?),
            origin: event.text("origin").ok()?,
        })
    }
}

#[derive(Debug)]
pub(in crate::pusher) struct Signal<'a> {
    pub name: Cow<'a, str>,
    pub data: &'a str,
    pub from: Cow<'a, str>,
}

impl<'a> Signal<'a> {
    pub fn read(json: &'a str) -> Option<Self> {
        let signal = Object::parse(json).ok()?;
        Some(Self {
            name: signal.text("name").ok()??,
            data: signal.json("data").unwrap_or("null"),
            from: signal.text("from").ok()??,
        })
    }
}

/// A member in a list.
#[derive(Debug)]
pub(in crate::pusher) struct Listed {
    pub user: User,
    /// The data of the user's first session, as JSON.
    pub info: String,
    pub sessions: usize,
}

/// Reads a list of members, or a page of it. Also returns whether another page
/// follows.
pub(in crate::pusher) fn read_members(json: &str) -> Option<(Vec<Listed>, bool)> {
    let frame = Object::parse(json).ok()?;
    let mut members = Vec::new();
    for member in frame.items("members").ok()?? {
        let member = Object::parse(member).ok()?;
        let sessions = member.items("sessions").ok()??;
        let first = Object::parse(sessions.first()?).ok()?;
        members.push(Listed {
            user: user_of(&member)?,
            info: first.json("data").unwrap_or("null").to_owned(),
            sessions: sessions.len(),
        });
    }
    Some((members, frame.json("more").is_some()))
}

/// The entry of a session that entered or left.
#[derive(Debug)]
pub(in crate::pusher) struct Entry<'a> {
    pub user: User,
    pub data: &'a str,
}

/// The sessions that entered, and those that left.
#[derive(Debug)]
pub(in crate::pusher) struct MembersChanged<'a> {
    pub entered: Vec<Entry<'a>>,
    pub left: Vec<Entry<'a>>,
}

impl<'a> MembersChanged<'a> {
    pub fn read(json: &'a str) -> Option<Self> {
        let frame = Object::parse(json).ok()?;
        Some(Self { entered: entries(&frame, "entered")?, left: entries(&frame, "left")? })
    }
}

fn entries<'a>(frame: &Object<'a>, name: &str) -> Option<Vec<Entry<'a>>> {
    let mut entries = Vec::new();
    for entry in frame.items(name).ok()?? {
        let entry = Object::parse(entry).ok()?;
        let (user, data) = (user_of(&entry)?, entry.json("data").unwrap_or("null"));
        entries.push(Entry { user, data });
    }
    Some(entries)
}

fn user_of(object: &Object) -> Option<User> {
    User::parse(&text_of(object.json("user")?, "user").ok()?).ok()
}
