//! A client that enters a room, and builds a list of members from the frames
//! that it receives.

use std::collections::BTreeSet;

use roomcast::auth::Identity;
use roomcast::limits;
use roomcast::session::SessionId;
use roomcast::time::Millis;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::model::List;
use crate::client::Frame;

pub struct PresenceClient {
    pub name: &'static str,
    pub connection: Option<Connection>,
    /// The list built from received frames.
    pub list: List,
    /// Whether the next frame must be another page of the list.
    has_more: bool,
}

pub struct Connection {
    pub session: SessionId,
    pub identity: Identity,
    /// Time of the last frame or ping that the client sent.
    pub active_at: Millis,
    pub not_reading: bool,
}

impl Connection {
    /// Whether the client's token has expired.
    pub fn is_expired(&self, now: Millis) -> bool {
        self.identity.expires_at.is_some_and(|end| end.plus(limits::LEEWAY_MS) <= now)
    }
}

impl PresenceClient {
    pub fn new(name: &'static str) -> Self {
        Self { name, connection: None, list: List::new(), has_more: false }
    }

    /// Applies a frame to the list. A frame that can't be applied fails the
    /// test.
    pub fn on_frame(&mut self, text: &str, session: &str) {
        let kind = Frame::read(text).r#type;
        assert!(!self.has_more || kind == "members", "another page must follow: {text}");
        match kind.as_str() {
            "welcome" => self.list.clear(),
            "members" => {
                let page = listed(text);
                if !std::mem::replace(&mut self.has_more, text.ends_with(r#","more":true}"#)) {
                    self.list.clear();
                }
                self.list.extend(page);
            }
            "members:changed" => {
                let [entered, updated, left] =
                    ["entered", "updated", "left"].map(|list| entries(text, list));
                let sessions = entered.iter().chain(&updated).chain(&left).map(|(key, _)| key);
                let count = sessions.clone().count();
                assert!(count > 0 && count == sessions.collect::<BTreeSet<_>>().len(), "{text}");
                for ((user, entered), entry) in entered {
                    assert_ne!(entered, session, "a session is not sent its own entry");
                    assert_eq!(self.list.insert((user, entered), entry), None, "{text}");
                }
                for (key, entry) in updated {
                    assert!(self.list.insert(key, entry).is_some(), "{text}");
                }
                for (key, _) in left {
                    assert!(self.list.remove(&key).is_some(), "{text}");
                }
            }
            _ => {}
        }
    }
}

#[derive(Deserialize)]
struct Listed<'a> {
    #[serde(borrow)]
    members: Vec<Member<'a>>,
}

#[derive(Deserialize)]
struct Member<'a> {
    user: String,
    #[serde(borrow)]
    sessions: Vec<Session<'a>>,
}

#[derive(Deserialize)]
struct Session<'a> {
    session: String,
    #[serde(borrow)]
    data: &'a RawValue,
    since: u64,
}

/// Parses the member list in a `members` frame or in an HTTP answer.
pub fn listed(text: &str) -> List {
    let Listed { members } = serde_json::from_str(text).unwrap_or_else(|e| panic!("{e}: {text}"));
    let mut list = List::new();
    for Member { user, sessions } in members {
        assert!(!sessions.is_empty(), "{text}");
        for Session { session, data, since } in sessions {
            let key = (user.clone(), session);
            assert_eq!(list.insert(key, (data.get().to_owned(), since)), None, "{text}");
        }
    }
    list
}

/// Returns the entries of one list in a `members:changed` frame.
fn entries(text: &str, list: &str) -> Vec<((String, String), (String, u64))> {
    #[derive(Deserialize)]
    struct Entry<'a> {
        user: String,
        session: String,
        #[serde(borrow)]
        data: &'a RawValue,
        since: u64,
    }
    #[derive(Deserialize)]
    struct Changed<'a> {
        #[serde(borrow)]
        entered: Vec<Entry<'a>>,
        #[serde(borrow)]
        updated: Vec<Entry<'a>>,
        #[serde(borrow)]
        left: Vec<Entry<'a>>,
    }
    let changed: Changed = serde_json::from_str(text).unwrap_or_else(|e| panic!("{e}: {text}"));
    let list = match list {
        "entered" => changed.entered,
        "updated" => changed.updated,
        _ => changed.left,
    };
    let shown =
        |entry: Entry| ((entry.user, entry.session), (entry.data.get().to_owned(), entry.since));
    list.into_iter().map(shown).collect()
}
