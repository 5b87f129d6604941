//! Exports of a room as lines of JSON (NDJSON). Each page of an export is also
//! the body of an import: a header, the older events of the state, the events
//! of the log, and the place where the next page begins.

use std::fmt;
use std::str::FromStr;

use serde::Deserialize;

use super::json::object;
use super::query::value;
use super::{Epoch, NewEvent, RoomName, Seq, User, split_events};
use crate::code::Refusal;
use crate::time::Millis;

/// The version of the format, which is in the header.
const VERSION: &str = "1";

/// The place in a room where a page of an export begins, written as
/// `epoch:first:after`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExportCursor {
    pub epoch: Epoch,
    /// The first event of the log in this export. The state in the export has
    /// only older events.
    pub first: Seq,
    /// The last event in the pages so far: an event of the state if it is
    /// before `first`, or else an event of the log.
    pub after: Seq,
}

impl ExportCursor {
    /// Parses the query of an export: `after`, or nothing for the first page.
    pub fn parse(query: &str) -> Result<Option<Self>, Refusal> {
        value(query, "after")?.map(|after| after.parse()).transpose()
    }
}

impl FromStr for ExportCursor {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        let seq = |text: &str| Seq::new(text.parse().ok()?);
        let parsed = match text.split(':').collect::<Vec<_>>().as_slice() {
            [epoch, first, after] => Epoch::parse(epoch).zip(seq(first)).zip(seq(after)),
            _ => None,
        };
        parsed.map(|((epoch, first), after)| Self { epoch, first, after }).ok_or_else(|| {
            Refusal::bad_request(
                "`after` must be the `next` of an export: for example h7Qk2pXa:1:57",
            )
        })
    }
}

impl fmt::Display for ExportCursor {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}:{}:{}", self.epoch, self.first, self.after)
    }
}

/// The lines of one page of an export.
#[derive(Debug, PartialEq, Eq)]
pub struct ExportPage {
    /// The first event of the log in the export.
    pub first: Seq,
    /// Latest events of keys, joined by commas, one text for each line.
    pub state: Vec<String>,
    /// Events of the log, joined by commas, one text for each line. The events
    /// of a line were appended together.
    pub events: Vec<String>,
    /// The cursor of the next page. `None` after the last page.
    pub next: Option<ExportCursor>,
}

impl ExportPage {
    /// Returns the body of the page. `head` is the seq of the newest event.
    pub fn text(&self, room: &RoomName, epoch: Epoch, head: Seq) -> String {
        let first = self.first;
        let mut text = format!(
            "{{\"roomcast\":{VERSION},\"room\":\"{room}\",\"epoch\":\"{epoch}\",\"first\":{first}}}\n"
        );
        for (field, lines) in [("state", &self.state), ("events", &self.events)] {
            for events in lines {
                text.push_str(&format!("{{\"{field}\":[{events}]}}\n"));
            }
        }
        match self.next {
            Some(next) => text.push_str(&format!("{{\"next\":\"{next}\"}}\n")),
            None => text.push_str(&format!("{{\"end\":{head}}}\n")),
        }
        text
    }
}

/// An event in the form that is stored, with its parts.
#[derive(Debug)]
pub struct StoredEvent<'a> {
    pub seq: Seq,
    pub at: Millis,
    pub event: NewEvent<'a>,
    pub text: &'a str,
}

impl<'a> StoredEvent<'a> {
    /// Parses an event. Fails with `bad_request` if the text differs from the
    /// text that a room stores for this event.
    fn parse(text: &'a str) -> Result<Self, Refusal> {
        #[derive(Deserialize)]
        struct Assigned {
            seq: Seq,
            at: Millis,
            from: User,
        }
        let Assigned { seq, at, from } = object(text)?;
        let event = NewEvent::parse(text)?;
        if event.text(seq, at, &from) != text {
            let message = format!("the event {seq} does not have the form of an export");
            return Err(Refusal::bad_request(message));
        }
        Ok(Self { seq, at, event, text })
    }
}

/// A line of an import.
#[derive(Debug)]
pub enum ImportLine<'a> {
    State(Vec<StoredEvent<'a>>),
    /// Consecutive events of one append.
    Events(Vec<StoredEvent<'a>>),
    /// The seq of the newest event, after the last page of an export.
    End(Seq),
}

/// The body of an import. Each line has its number, which begins with 1.
#[derive(Debug)]
pub struct Import<'a> {
    pub epoch: Epoch,
    /// The first event of the log in the export.
    pub first: Seq,
    pub lines: Vec<(usize, ImportLine<'a>)>,
}

impl<'a> Import<'a> {
    /// Parses the body of an import. Fails with `bad_request` if a line is
    /// damaged or belongs to another room. The message names the line.
    pub fn parse(room: &RoomName, body: &'a str) -> Result<Self, Refusal> {
        let mut lines = (1_usize..).zip(body.lines());
        let header = lines.next().map_or("", |(_, line)| line);
        let (epoch, first) =
            parse_header(room, header).map_err(|refusal| refusal.about("line 1"))?;
        let mut parsed = Vec::new();
        for (number, line) in lines.filter(|(_, line)| !line.is_empty()) {
            let line = ImportLine::parse(line)
                .map_err(|refusal| refusal.about(&format!("line {number}")))?;
            parsed.extend(line.map(|line| (number, line)));
        }
        Ok(Self { epoch, first, lines: parsed })
    }
}

fn parse_header(room: &RoomName, line: &str) -> Result<(Epoch, Seq), Refusal> {
    let parts = || {
        let (version, rest) = line.strip_prefix(r#"{"roomcast":"#)?.split_once(r#","room":""#)?;
        let (of, rest) = rest.split_once(r#"","epoch":""#)?;
        let (epoch, first) = rest.strip_suffix('}')?.split_once(r#"","first":"#)?;
        Some((version, of, Epoch::parse(epoch)?, Seq::new(first.parse().ok()?)?))
    };
    let Some((version, of, epoch, first)) = parts() else {
        let header = r#"{"roomcast":1,"room":"…","epoch":"…","first":…}"#;
        return Err(Refusal::bad_request(format!("an export begins with {header}")));
    };
    if version != VERSION {
        let message =
            format!("the export has the version {version:.9}; this version reads {VERSION}");
        return Err(Refusal::bad_request(message));
    }
    if of != room.as_str() {
        let message = format!("the export is of the room {of:.128}, not of {room}");
        return Err(Refusal::bad_request(message));
    }
    Ok((epoch, first))
}

impl<'a> ImportLine<'a> {
    /// Parses a line. Returns `None` for a line with the cursor of the next
    /// page, which an import does not need.
    fn parse(line: &'a str) -> Result<Option<Self>, Refusal> {
        let inner = |before: &str, after: &str| line.strip_prefix(before)?.strip_suffix(after);
        if let Some(texts) = inner(r#"{"events":["#, "]}") {
            let events = parse_events(texts)?;
            let follows = |a: &StoredEvent, b: &StoredEvent| b.seq == a.seq.plus(1) && b.at == a.at;
            if events.is_empty() || !events.is_sorted_by(follows) {
                let message = "`events` must have consecutive events with one `at`";
                return Err(Refusal::bad_request(message));
            }
            return Ok(Some(Self::Events(events)));
        }
        if let Some(texts) = inner(r#"{"state":["#, "]}") {
            let state = parse_events(texts)?;
            let is_valid = |stored: &StoredEvent| {
                stored.event.key.is_some() && !stored.event.removes_its_key()
            };
            if !state.iter().all(is_valid) || !state.is_sorted_by(|a, b| a.seq < b.seq) {
                let message = "`state` must have events with keys, sorted by seq";
                return Err(Refusal::bad_request(message));
            }
            return Ok(Some(Self::State(state)));
        }
        if inner(r#"{"next":""#, "\"}").is_some() {
            return Ok(None);
        }
        let end = inner(r#"{"end":"#, "}").and_then(|end| Seq::new(end.parse().ok()?));
        end.map(|end| Some(Self::End(end)))
            .ok_or_else(|| Refusal::bad_request("this is no line of an export, or it is damaged"))
    }
}

fn parse_events(texts: &str) -> Result<Vec<StoredEvent<'_>>, Refusal> {
    let damaged = || Refusal::bad_request("the events are not valid JSON");
    let mut events = Vec::new();
    let mut bytes_left = texts.len();
    for text in split_events(texts) {
        let text = text.ok_or_else(damaged)?;
        // One comma is between two events, and nothing else.
        let comma = usize::from(!events.is_empty());
        bytes_left = bytes_left.saturating_sub(text.len().saturating_add(comma));
        events.push(StoredEvent::parse(text)?);
    }
    if bytes_left > 0 { Err(damaged()) } else { Ok(events) }
}

/// Returns the answer to an import.
pub fn import_body(room: &RoomName, epoch: Epoch, head: Seq) -> String {
    format!(r#"{{"room":"{room}","epoch":"{epoch}","head":{head}}}"#)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parsed_cursor_prints_as_the_same_text() {
        for text in ["h7Qk2pXa:1:0", "00000000:7:9007199254740991"] {
            assert_eq!(text.parse::<ExportCursor>().unwrap().to_string(), text);
        }
        for text in ["", "h7Qk2pXa:1", "h7Qk2pXa:1:-1", "h7Qk2pX:1:1", "h7Qk2pXa:1:1:1", "::"] {
            assert!(text.parse::<ExportCursor>().is_err(), "{text}");
        }
    }
}
