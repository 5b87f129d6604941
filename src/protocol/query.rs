//! The query parameters of requests for events.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::json::check_levels;
use super::{Position, RoomName};
use crate::code::{Code, Refusal};
use crate::limits;

/// The position where a reader begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Begin {
    /// At the head: the reader's first event is the next event of the room.
    Head,
    /// `since`: after this position.
    Since(Position),
    /// `last`: at this number of events before the head.
    Last(u64),
}

/// The parameters that a client sends when it opens a socket to a room, or when
/// it subscribes to a room on a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Start {
    pub begin: Begin,
    /// Whether the room sends the `state` frame.
    pub state: bool,
    /// Whether flow control is on from the first frame. With flow control, the
    /// client sends `seen` frames.
    pub flow: bool,
    /// Whether the session is sent the number of sessions in the room.
    pub counts_sessions: bool,
}

/// The parameters of a request for a stream of Server-Sent Events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamQuery {
    pub start: Start,
    /// The presence data (JSON) with which the reader enters the room. If the
    /// data is `None`, the reader does not enter the room.
    pub enter: Option<String>,
}

/// The events that a request for a page selects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PageRange {
    /// The oldest events after the position where the page begins.
    From(Begin),
    /// `before`: the newest events up to this position.
    Before(Position),
}

/// The parameters of a request for a page of events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageQuery {
    pub range: PageRange,
    /// The maximum number of events, 1 to [`limits::PAGE_EVENTS`].
    pub limit: u64,
    /// The wait for events, if there are no events after `since` yet. The
    /// worker waits, not the room.
    pub wait: Option<Wait>,
}

/// The parameters of a request for the list of rooms.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoomsQuery {
    /// The beginning of the names. If it is empty, all rooms are listed.
    pub prefix: String,
    /// The last room of the previous page.
    pub after: Option<RoomName>,
    /// The maximum number of rooms, 1 to [`limits::LISTED_ROOMS`].
    pub limit: u64,
}

/// The worker delays the answer for at most `ms` milliseconds, until there is
/// an event after the position `since`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wait {
    pub since: Position,
    pub ms: u64,
}

impl Start {
    pub fn parse(query: &str) -> Result<Self, Refusal> {
        Ok(Self {
            begin: Begin::parse(query)?,
            state: flag(query, "state", true)?,
            flow: flag(query, "flow", false)?,
            counts_sessions: flag(query, "count", false)?,
        })
    }

    /// Returns these parameters as a query, which [`Start::parse`] parses.
    pub fn query(&self) -> String {
        let begin = match self.begin {
            Begin::Head => String::new(),
            Begin::Since(position) => format!("since={position}&"),
            Begin::Last(count) => format!("last={count}&"),
        };
        let count = if self.counts_sessions { "&count=1" } else { "" };
        format!("{begin}state={}&flow={}{count}", u8::from(self.state), u8::from(self.flow))
    }
}

impl StreamQuery {
    /// Parses the query of a stream. An `EventSource` that reconnects repeats
    /// its first query. The position that the `EventSource` has reached is in
    /// the header `Last-Event-ID`. Polyfills send this position as
    /// `lastEventId` in the query, since an additional header would cost a
    /// preflight request. The header takes precedence over `lastEventId`, and
    /// both take precedence over the position in the first query. An empty
    /// header or `lastEventId` counts as absent.
    pub fn parse(query: &str, last_event_id: Option<&str>) -> Result<Self, Refusal> {
        let mut start = Start::parse(query)?;
        let in_query = value(query, "lastEventId")?;
        let mut said = [last_event_id, in_query.as_deref()].into_iter().flatten();
        if let Some(position) = said.find(|id| !id.is_empty()) {
            start.begin = Begin::Since(position.parse()?);
        }
        let enter = value(query, "enter")?;
        enter.as_deref().map_or(Ok(()), check_presence)?;
        Ok(Self { start, enter })
    }
}

fn check_presence(json: &str) -> Result<(), Refusal> {
    if json.len() > limits::PRESENCE_BYTES {
        let most = limits::PRESENCE_BYTES;
        return Err(Refusal::new(
            Code::TooLarge,
            format!("`enter` is {} bytes; presence data may be at most {most} bytes", json.len()),
        ));
    }
    serde_json::from_str::<&RawValue>(json)
        .map_err(|wrong| Refusal::bad_request(format!("`enter` must be JSON: {wrong}")))?;
    check_levels("enter", json)
}

impl PageQuery {
    /// Parses the query of a page. If the query has neither `since`, `last` nor
    /// `before`, the page has the newest `limit` events.
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
        if let Some(before) = value(query, "before")? {
            let range = PageRange::Before(parse_before(query, &before)?);
            return Ok(Self { range, limit, wait: None });
        }
        let begin = match Begin::parse(query)? {
            Begin::Head => Begin::Last(limit),
            Begin::Since(position) => Begin::Since(position),
            Begin::Last(count) => Begin::Last(count),
        };
        Ok(Self { range: PageRange::From(begin), limit, wait: Wait::parse(query, begin)? })
    }
}

fn parse_before(query: &str, before: &str) -> Result<Position, Refusal> {
    for other in ["since", "last", "wait"] {
        if value(query, other)?.is_some() {
            return Err(Refusal::bad_request(format!(
                "`before` and `{other}` can't be combined: send only one of them"
            )));
        }
    }
    before.parse()
}

impl Wait {
    fn parse(query: &str, begin: Begin) -> Result<Option<Self>, Refusal> {
        let Some(seconds) = number(query, "wait")? else { return Ok(None) };
        let Begin::Since(since) = begin else {
            return Err(Refusal::bad_request(
                "`wait` needs `since`: the position after which to wait for events",
            ));
        };
        let ms = seconds.saturating_mul(1_000);
        if ms > limits::WAIT_MS {
            let most = limits::WAIT_MS / 1_000;
            return Err(Refusal::bad_request(format!("`wait` must be at most {most} seconds")));
        }
        Ok((ms > 0).then_some(Self { since, ms }))
    }
}

impl Begin {
    fn parse(query: &str) -> Result<Self, Refusal> {
        match (value(query, "since")?, number(query, "last")?) {
            (None, None) => Ok(Self::Head),
            (Some(since), None) => Ok(Self::Since(since.parse()?)),
            (None, Some(last)) => Ok(Self::Last(last)),
            (Some(_), Some(_)) => Err(Self::both_given()),
        }
    }

    pub(super) fn both_given() -> Refusal {
        Refusal::bad_request("`since` and `last` can't be combined: send only one of them")
    }
}

impl RoomsQuery {
    /// Parses the query of `GET /rooms`.
    pub fn parse(query: &str) -> Result<Self, Refusal> {
        let prefix = value(query, "prefix")?.unwrap_or_default();
        if !RoomName::is_prefix(&prefix) {
            return Err(Refusal::bad_request(format!(
                "`prefix` must be the beginning of a room name: at most {} characters of \
                 A-Z a-z 0-9 _ - = @ , . ; :",
                limits::ROOM_NAME
            )));
        }
        let after = value(query, "cursor")?;
        let after = after.map(|cursor| RoomName::parse(&cursor)).transpose().map_err(|_| {
            Refusal::bad_request("`cursor` must be the `cursor` of an earlier answer")
        })?;
        let limit = match number(query, "limit")? {
            None => limits::LISTED_ROOMS_DEFAULT,
            Some(limit) if (1..=limits::LISTED_ROOMS).contains(&limit) => limit,
            Some(_) => {
                let most = limits::LISTED_ROOMS;
                return Err(Refusal::bad_request(format!("`limit` must be 1 to {most}")));
            }
        };
        Ok(Self { prefix, after, limit })
    }

    /// Returns these parameters as a query, which [`RoomsQuery::parse`] parses.
    pub fn query(&self) -> String {
        let cursor = self.after.iter().map(|room| ("cursor", room.as_str()));
        form_urlencoded::Serializer::new(format!("limit={}", self.limit))
            .append_pair("prefix", &self.prefix)
            .extend_pairs(cursor)
            .finish()
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

/// Returns the value of a parameter. A repeated parameter is rejected, since
/// its value would be ambiguous. Unknown parameters are ignored.
pub(super) fn value(query: &str, name: &str) -> Result<Option<String>, Refusal> {
    let mut values = form_urlencoded::parse(query.as_bytes()).filter(|(key, _)| key == name);
    let value = values.next().map(|(_, value)| value.into_owned());
    match values.next() {
        None => Ok(value),
        Some(_) => Err(Refusal::bad_request(format!("`{name}` is given twice; give it once"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn socket_query_is_parsed_into_its_start() {
        let position = "h7Qk2pXa:41".parse().unwrap();
        for (query, begin, state, flow) in [
            ("", Begin::Head, true, false),
            ("state=0", Begin::Head, false, false),
            ("since=h7Qk2pXa:41", Begin::Since(position), true, false),
            ("since=h7Qk2pXa%3A41&state=1", Begin::Since(position), true, false),
            ("token=x&last=0", Begin::Last(0), true, false),
            ("flow=1", Begin::Head, true, true),
        ] {
            assert_eq!(
                Start::parse(query),
                Ok(Start { begin, state, flow, counts_sessions: false }),
                "{query}"
            );
        }
    }

    #[test]
    fn query_of_a_start_parses_to_the_same_start() {
        for query in ["", "state=0", "since=h7Qk2pXa:41", "last=3&state=0", "flow=1"] {
            let start = Start::parse(query).unwrap();
            assert_eq!(Start::parse(&start.query()), Ok(start), "{query}");
        }
    }

    #[test]
    fn last_event_id_replaces_since_and_last() {
        let begin = |query, last_event_id| {
            StreamQuery::parse(query, last_event_id).map(|query| query.start.begin)
        };
        let [first, newest] = ["h7Qk2pXa:41", "h7Qk2pXa:57"];
        let since = |position: &str| Ok(Begin::Since(position.parse().unwrap()));
        assert_eq!(begin("since=h7Qk2pXa:41", None), since(first));
        assert_eq!(begin("since=h7Qk2pXa:41", Some(newest)), since(newest));
        assert_eq!(begin("last=10", Some(newest)), since(newest));
        assert_eq!(begin("last=10", None), Ok(Begin::Last(10)));
        assert!(begin("", Some("41")).is_err());
    }

    #[test]
    fn last_event_id_in_the_query_is_used_without_the_header() {
        let begin = |query, header| {
            StreamQuery::parse(query, header).map(|query| query.start.begin).map_err(|it| it.code)
        };
        let since = |position: &str| Ok(Begin::Since(position.parse().unwrap()));
        let [first, newest] = ["h7Qk2pXa:41", "h7Qk2pXa:57"];
        assert_eq!(begin("lastEventId=h7Qk2pXa%3A41", None), since(first));
        assert_eq!(begin("last=10&lastEventId=h7Qk2pXa:41", None), since(first));
        assert_eq!(begin("since=h7Qk2pXa:1&lastEventId=h7Qk2pXa:41", None), since(first));
        assert_eq!(
            begin("lastEventId=h7Qk2pXa:41", Some(newest)),
            since(newest),
            "the header wins"
        );
        assert_eq!(begin("lastEventId=41", Some(newest)), since(newest));
        // An empty header or `lastEventId` counts as absent.
        assert_eq!(begin("lastEventId=&last=10", None), Ok(Begin::Last(10)));
        assert_eq!(begin("lastEventId=h7Qk2pXa:41", Some("")), since(first));
        assert_eq!(begin("lastEventId=", Some("")), Ok(Begin::Head));
        for query in ["lastEventId=41", "lastEventId=h7Qk2pXa:41&lastEventId=h7Qk2pXa:41"] {
            assert_eq!(begin(query, None), Err(Code::BadRequest), "{query}");
        }
    }

    #[test]
    fn presence_data_that_is_too_large_or_not_json_is_refused() {
        let enter = |json: &str| {
            let json: String = form_urlencoded::byte_serialize(json.as_bytes()).collect();
            StreamQuery::parse(&format!("enter={json}"), None)
                .map(|query| query.enter)
                .map_err(|refusal| refusal.code)
        };
        assert_eq!(enter(r#"{"a": "+ ü"}"#), Ok(Some(r#"{"a": "+ ü"}"#.to_owned())));
        let at_limit = format!("\"{}\"", "x".repeat(limits::PRESENCE_BYTES - 2));
        assert_eq!(enter(&at_limit), Ok(Some(at_limit.clone())));
        assert_eq!(enter(&format!("{at_limit} ")), Err(Code::TooLarge));
        for json in ["", "{", "1 2", "nul"] {
            assert_eq!(enter(json), Err(Code::BadRequest), "{json}");
        }
    }

    #[test]
    fn invalid_or_ambiguous_query_is_refused() {
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
            "wait=1",
            "wait=1&last=1",
            "wait=31&since=h7Qk2pXa:41",
            "wait=1.5&since=h7Qk2pXa:41",
            "before=",
            "before=41",
            "before=h7Qk2pXa:41&before=h7Qk2pXa:41",
            "before=h7Qk2pXa:41&limit=0",
        ] {
            let refused = Start::parse(query).err().or(PageQuery::parse(query).err());
            assert!(refused.is_some(), "{query}");
        }
    }

    #[test]
    fn page_without_since_has_the_newest_events() {
        for (query, begin, limit) in [
            ("", Begin::Last(100), 100),
            ("limit=7", Begin::Last(7), 7),
            ("last=9&limit=7", Begin::Last(9), 7),
        ] {
            let range = PageRange::From(begin);
            assert_eq!(
                PageQuery::parse(query),
                Ok(PageQuery { range, limit, wait: None }),
                "{query}"
            );
        }
    }

    #[test]
    fn before_is_refused_with_any_other_place_to_read_from() {
        let before = PageRange::Before("h7Qk2pXa:41".parse().unwrap());
        assert_eq!(
            PageQuery::parse("before=h7Qk2pXa%3A41&limit=7"),
            Ok(PageQuery { range: before, limit: 7, wait: None })
        );
        for (name, other) in [("since", "h7Qk2pXa:40"), ("last", "1"), ("wait", "0")] {
            let refused = PageQuery::parse(&format!("before=h7Qk2pXa:41&{name}={other}"));
            let message = format!("`before` and `{name}` can't be combined: send only one of them");
            assert_eq!(refused, Err(Refusal::bad_request(message)));
        }
    }

    /// Limits: WAIT_MS.
    #[test]
    fn wait_beyond_the_limit_is_refused() {
        let wait = |seconds: u64| {
            let query = PageQuery::parse(&format!("since=h7Qk2pXa:41&wait={seconds}"));
            query.map(|query| query.wait.map(|wait| wait.ms)).map_err(|refusal| refusal.message)
        };
        assert_eq!([wait(0), wait(1), wait(30)], [Ok(None), Ok(Some(1_000)), Ok(Some(30_000))]);
        assert!(wait(31).unwrap_err().contains("at most 30 seconds"));
    }
}
