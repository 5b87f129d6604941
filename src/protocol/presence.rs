//! Presence on the wire: the data with which a session enters, and the members
//! and their changes as other sessions receive them.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::json::{check_levels, object};
use super::{RoomName, User};
use crate::code::Refusal;
use crate::limits;
use crate::time::Millis;

/// Parses the presence data of an `enter` frame, and returns its text
/// unchanged; `null` if the frame has none. Fails with `bad_request`, or with
/// `too_large` if the data is over [`limits::PRESENCE_BYTES`].
pub(super) fn parse_enter(json: &str) -> Result<&RawValue, Refusal> {
    #[derive(Deserialize)]
    struct Enter<'a> {
        #[serde(borrow)]
        data: Option<&'a RawValue>,
    }
    let Enter { data } = object(json)?;
    let data = data.unwrap_or(RawValue::NULL);
    let (bytes, most) = (data.get().len(), limits::PRESENCE_BYTES);
    if bytes > most {
        return Err(Refusal::too_large(format!(
            "`data` is {bytes} bytes; presence data may be at most {most} bytes"
        )));
    }
    check_levels("data", data.get())?;
    Ok(data)
}

/// A user who entered the room, with an entry for each session of the user that
/// entered.
#[derive(Debug, Serialize)]
pub struct Member<'a> {
    pub user: &'a User,
    pub sessions: Vec<Entry<'a>>,
}

#[derive(Debug, Serialize)]
pub struct Entry<'a> {
    pub session: String,
    pub data: &'a RawValue,
    /// Time at which the session entered.
    pub since: Millis,
}

/// An entry together with its user, as in a change.
#[derive(Debug, Serialize)]
pub struct UserEntry<'a> {
    pub user: &'a User,
    #[serde(flatten)]
    pub entry: Entry<'a>,
}

/// The net effect of several changes. An entry is in at most one of the lists.
#[derive(Debug, Default, Serialize)]
pub struct Change<'a> {
    pub entered: Vec<UserEntry<'a>>,
    pub updated: Vec<UserEntry<'a>>,
    pub left: Vec<UserEntry<'a>>,
}

impl Change<'_> {
    pub fn is_empty(&self) -> bool {
        self.entered.is_empty() && self.updated.is_empty() && self.left.is_empty()
    }
}

/// The answer to `GET /rooms/{room}/members`: all members in one body of any
/// size.
#[derive(Serialize)]
pub struct Members<'a> {
    pub room: &'a RoomName,
    pub members: &'a [Member<'a>],
}

impl Members<'_> {
    pub fn text(&self) -> String {
        super::json::text(self)
    }
}

/// Returns the list of members as frames. A frame has members of at most
/// [`limits::MEMBERS_PAGE_BYTES`] together, or one larger member. All frames
/// except the last have `"more":true`.
pub fn members_pages(room: &RoomName, members: &[Member]) -> Vec<String> {
    let mut pages = Vec::new();
    let mut page = String::new();
    for member in members {
        let member = super::json::text(member);
        let bytes = page.len().saturating_add(member.len());
        if !page.is_empty() && bytes >= limits::MEMBERS_PAGE_BYTES {
            pages.push(members_page(room, &std::mem::take(&mut page), true));
        }
        if !page.is_empty() {
            page.push(',');
        }
        page.push_str(&member);
    }
    pages.push(members_page(room, &page, false));
    pages
}

fn members_page(room: &RoomName, members: &str, has_more: bool) -> String {
    let more = if has_more { r#","more":true"# } else { "" };
    format!(r#"{{"type":"members","room":"{room}","members":[{members}]{more}}}"#)
}
