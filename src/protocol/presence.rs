//! Presence on the wire: the data that a session sends when it enters, and the
//! members and changes that other sessions receive.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::json::{check_levels, object};
use super::{RoomName, User};
use crate::code::Refusal;
use crate::limits;
use crate::time::Millis;

/// Parses an `enter` frame, and returns the unchanged text of its presence
/// data. If the frame has no data, returns `null`. Fails with `bad_request` if
/// the frame is invalid, and with `too_large` if the data exceeds
/// [`limits::PRESENCE_BYTES`].
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

/// A user who entered the room, with one entry for each of the user's sessions
/// that entered.
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

/// An entry together with its user, for use in a change.
#[derive(Debug, Serialize)]
pub struct UserEntry<'a> {
    pub user: &'a User,
    #[serde(flatten)]
    pub entry: Entry<'a>,
}

/// The combined effect of several changes of the members. An entry is in at
/// most one of the three lists.
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

/// The answer to `GET /rooms/{room}/members`: all members in one body, whose
/// size is not limited.
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

/// Returns the list of members as one or more frames. The members in one frame
/// have at most [`limits::MEMBERS_PAGE_BYTES`] in total. A larger member is
/// sent in a frame of its own. All frames except the last have `"more":true`.
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
