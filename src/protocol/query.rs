//! What the query of a request for events says: where to begin.

use super::Position;
use crate::code::Refusal;
use crate::limits;
use serde::{Deserialize, Serialize};

/// Where a reader begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Begin {
    /// With what comes next.
    Head,
    /// After a position it was at: `since`.
    Since(Position),
    /// So many events back: `last`.
    Last(u64),
}

/// How a socket begins in a room.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Start {
    pub begin: Begin,
    /// Whether it wants the state frame.
    pub state: bool,
    /// Whether it tells what it has seen, from the first frame on.
    pub flow: bool,
}

/// Which page of events is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageQuery {
    pub begin: Begin,
    pub limit: u64,
}

impl Start {
    pub fn parse(query: &str) -> Result<Self, Refusal> {
        Ok(Self {
            begin: Begin::parse(query)?,
            state: flag(query, "state", true)?,
            flow: flag(query, "flow", false)?,
        })
    }
}

impl PageQuery {
    /// With neither `since` nor `last` it is the newest `limit` events.
    pub fn parse(query: &str) -> Result<Self, Refusal> {
        let limit = match number(query, "limit")? {
            None => limits::PAGE_EVENTS_DEFAULT,
            Some(limit) if (1..=limits::PAGE_EVENTS).contains(&limit) => limit,
            Some(_) => {
                return Err(Refusal::bad_request(format!(
                    "`limit` must be 1 to {}",
                    limits::PAGE_EVENTS
                )));
            }
        };
        let begin = match Begin::parse(query)? {
            Begin::Head => Begin::Last(limit),
            Begin::Since(position) => Begin::Since(position),
            Begin::Last(count) => Begin::Last(count),
        };
        Ok(Self { begin, limit })
    }
}

impl Begin {
    fn parse(query: &str) -> Result<Self, Refusal> {
        match (value(query, "since")?, number(query, "last")?) {
            (None, None) => Ok(Self::Head),
            (Some(since), None) => Ok(Self::Since(since.parse()?)),
            (None, Some(last)) => Ok(Self::Last(last)),
            (Some(_), Some(_)) => {
                Err(Refusal::bad_request("`since` and `last` exclude each other: give one of them"))
            }
        }
    }
}

fn flag(query: &str, name: &str, default: bool) -> Result<bool, Refusal> {
    match value(query, name)?.as_deref() {
        None => Ok(default),
        Some("0") => Ok(false),
        Some("1") => Ok(true),
        Some(_) => Err(Refusal::bad_request(format!("`{name}` must be 0 or 1"))),
    }
}

fn number(query: &str, name: &str) -> Result<Option<u64>, Refusal> {
    let Some(text) = value(query, name)? else { return Ok(None) };
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    match text.parse() {
        Ok(number) if digits && number <= limits::SAFE_INTEGER => Ok(Some(number)),
        _ => Err(Refusal::bad_request(format!(
            "`{name}` must be a whole number of at most 2^53 - 1"
        ))),
    }
}

/// The value of a parameter; twice the same one would leave it open which is
/// meant. Parameters that nobody asks for are passed over.
fn value(query: &str, name: &str) -> Result<Option<String>, Refusal> {
    let mut values = form_urlencoded::parse(query.as_bytes()).filter(|(key, _)| key == name);
    let value = values.next().map(|(_, value)| value.into_owned());
    match values.next() {
        None => Ok(value),
        Some(_) => Err(Refusal::bad_request(format!("`{name}` is given twice"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_a_socket_begins() {
        let position = "h7Qk2pXa:41".parse().unwrap();
        for (query, begin, state, flow) in [
            ("", Begin::Head, true, false),
            ("state=0", Begin::Head, false, false),
            ("since=h7Qk2pXa:41", Begin::Since(position), true, false),
            ("since=h7Qk2pXa%3A41&state=1", Begin::Since(position), true, false),
            ("token=x&last=0", Begin::Last(0), true, false),
            ("flow=1", Begin::Head, true, true),
        ] {
            assert_eq!(Start::parse(query), Ok(Start { begin, state, flow }), "{query}");
        }
    }

    #[test]
    fn a_query_that_leaves_a_doubt_is_refused() {
        for query in [
            "since=",
            "since=41",
            "last=-1",
            "last=1.5",
            "last=+1",
            "last=",
            "last=9007199254740992",
            "last=1&last=2",
            "since=h7Qk2pXa:41&last=1",
            "state=true",
            "state=",
            "limit=0",
            "limit=1001",
            "limit=x",
        ] {
            let refused = Start::parse(query).err().or(PageQuery::parse(query).err());
            assert!(refused.is_some(), "{query}");
        }
    }

    #[test]
    fn a_page_is_the_newest_events_unless_told_otherwise() {
        assert_eq!(PageQuery::parse(""), Ok(PageQuery { begin: Begin::Last(100), limit: 100 }));
        assert_eq!(PageQuery::parse("limit=7"), Ok(PageQuery { begin: Begin::Last(7), limit: 7 }));
        assert_eq!(
            PageQuery::parse("last=9&limit=7"),
            Ok(PageQuery { begin: Begin::Last(9), limit: 7 })
        );
    }
}
