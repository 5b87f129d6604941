//! The method, the URL and the headers of a request, as far as the worker reads
//! them.

use crate::auth::extract::{self, TokenSources};
use crate::code::Refusal;
use crate::route::{ResponseKind, Route};

/// Returns the names of the headers that the worker reads for a method, in the
/// order in which [`RequestHead::parse`] expects their values. Each header costs
/// a call of the runtime, so a header without a meaning is not read.
pub fn headers(method: &str) -> Vec<&'static str> {
    let of_method: &[_] = match method {
        "GET" => &["upgrade", "accept", "last-event-id"],
        _ => &["content-length"],
    };
    let of_all = ["authorization", "sec-websocket-protocol", "cookie", "origin", "sec-fetch-site"];
    [of_method, &of_all].concat()
}

/// A header without a value is `None`, like a header that is missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestHead<'a> {
    pub method: &'a str,
    /// Path of the URL below the worker's base path. Empty if the URL is not
    /// below the base path.
    pub path: &'a str,
    pub query: &'a str,
    /// Scheme and host of the URL, such as `https://rt.example.com`.
    own_origin: &'a str,
    upgrade: Option<&'a str>,
    accept: Option<&'a str>,
    last_event_id: Option<&'a str>,
    pub content_length: Option<&'a str>,
    authorization: Option<&'a str>,
    pub subprotocols: Option<&'a str>,
    cookie: Option<&'a str>,
    pub origin: Option<&'a str>,
    fetch_site: Option<&'a str>,
}

impl<'a> RequestHead<'a> {
    /// Parses the text in which `entry.js` passes a request: the method, the URL
    /// and the values of the [`headers`], each on its own line. Only this one text
    /// is copied from JavaScript. Fails if the text has more or fewer lines,
    /// because then a value would belong to another header.
    pub fn parse(text: &'a str, base_path: &str) -> Option<Self> {
        let mut lines = text.split('\n');
        let (method, url) = (lines.next()?, lines.next()?);
        let (own_origin, path, query) = split_url(url);
        let mut header = || {
            let value = lines.next()?;
            Some(Some(value).filter(|value| !value.is_empty()))
        };
        let [upgrade, accept, last_event_id, content_length] = match method {
            "GET" => [header()?, header()?, header()?, None],
            _ => [None, None, None, header()?],
        };
        let head = Self {
            method,
            path: path.strip_prefix(base_path).unwrap_or_default(),
            query,
            own_origin,
            upgrade,
            accept,
            last_event_id,
            content_length,
            authorization: header()?,
            subprotocols: header()?,
            cookie: header()?,
            origin: header()?,
            fetch_site: header()?,
        };
        lines.next().is_none().then_some(head)
    }

    /// Finds the route of the request. Fails like [`Route::parse`].
    pub fn route(&self) -> Result<Route, Refusal> {
        let kind = if self.is_upgrade() {
            ResponseKind::Socket
        } else if self.accepts("text/event-stream") {
            ResponseKind::Stream { last_event_id: self.last_event_id }
        } else {
            ResponseKind::Body
        };
        Route::parse(self.method, self.path, self.query, kind)
    }

    fn accepts(&self, media_type: &str) -> bool {
        let mut ranges = self.accept.unwrap_or_default().split(',');
        ranges.any(|range| {
            let range = range.split(';').next().unwrap_or_default();
            range.trim().eq_ignore_ascii_case(media_type)
        })
    }

    /// Returns whether the request is a WebSocket upgrade.
    pub fn is_upgrade(&self) -> bool {
        self.upgrade.is_some_and(|to| to.eq_ignore_ascii_case("websocket"))
    }

    /// Returns the token in the header `Authorization`.
    pub fn bearer(&self) -> Option<&str> {
        self.authorization.and_then(extract::bearer)
    }

    pub fn is_preflight(&self) -> bool {
        self.method == "OPTIONS"
    }

    /// Returns the path and the query, as a request to the room has them.
    pub fn target(&self) -> String {
        format!("{}?{}", self.path, self.query)
    }

    /// Returns the percent-decoded token of the query.
    pub fn query_token(&self) -> Option<String> {
        let mut parameters = form_urlencoded::parse(self.query.as_bytes());
        parameters.find(|(key, _)| key == "token").map(|(_, value)| value.into_owned())
    }

    /// Returns the places in which the request may have a token.
    pub fn token_sources(&self, query_token: Option<&'a str>) -> TokenSources<'a> {
        TokenSources {
            authorization: self.authorization,
            subprotocols: self.subprotocols,
            query_token,
            cookie: self.cookie,
            origin: self.origin,
            own_origin: Some(self.own_origin),
            fetch_site: self.fetch_site,
        }
    }
}

/// Splits an absolute URL into origin, path and query. The fragment is dropped.
pub fn split_url(url: &str) -> (&str, &str, &str) {
    let url = url.split_once('#').map_or(url, |(url, _)| url);
    let (address, query) = url.split_once('?').unwrap_or((url, ""));
    let path_start = address.match_indices('/').nth(2).map_or(address.len(), |(start, _)| start);
    let (origin, path) = address.split_at(path_start);
    (origin, path, query)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::{PageQuery, RoomName};
    use crate::route::{Call, Request};

    fn text(method: &str, url: &str, given: &[(&str, &str)]) -> String {
        let value = |name| given.iter().find(|(named, _)| *named == name).map_or("", |(_, it)| it);
        let lines = [method, url].into_iter().chain(headers(method).into_iter().map(value));
        lines.collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn parts_of_the_url_are_found() {
        for (url, parts) in [
            ("https://rt.example.com/rooms/a?x=1", ("https://rt.example.com", "/rooms/a", "x=1")),
            ("http://localhost:8787/", ("http://localhost:8787", "/", "")),
            ("http://localhost", ("http://localhost", "", "")),
            ("http://h?x=/a/b", ("http://h", "", "x=/a/b")),
            ("http://h/a?b=1?c#d?e", ("http://h", "/a", "b=1?c")),
            ("http://h/a#b?c=1", ("http://h", "/a", "")),
        ] {
            assert_eq!(split_url(url), parts, "{url}");
        }
    }

    #[test]
    fn each_header_has_its_own_line() {
        let named = |method, url| {
            let values: Vec<_> = headers(method).into_iter().map(|name| (name, name)).collect();
            text(method, url, &values)
        };
        let get = named("GET", "http://h/realtime/events?token=a%20b");
        let head = RequestHead::parse(&get, "/realtime").unwrap();
        assert_eq!((head.path, head.target().as_str()), ("/events", "/events?token=a%20b"));
        assert_eq!(head.query_token().as_deref(), Some("a b"));
        assert_eq!(
            [head.upgrade, head.accept, head.last_event_id, head.content_length],
            [Some("upgrade"), Some("accept"), Some("last-event-id"), None]
        );
        let post = named("POST", "http://h/events");
        let head = RequestHead::parse(&post, "").unwrap();
        assert_eq!(
            [head.upgrade, head.accept, head.last_event_id, head.content_length],
            [None, None, None, Some("content-length")]
        );
        assert_eq!(head.origin, Some("origin"));
        let expected = TokenSources {
            authorization: Some("authorization"),
            subprotocols: Some("sec-websocket-protocol"),
            query_token: None,
            cookie: Some("cookie"),
            origin: Some("origin"),
            own_origin: Some("http://h"),
            fetch_site: Some("sec-fetch-site"),
        };
        assert_eq!(head.token_sources(None), expected);
    }

    #[test]
    fn text_with_another_number_of_lines_is_rejected() {
        let whole = text("GET", "http://h/events", &[("cookie", "a=1")]);
        assert!(RequestHead::parse(&whole, "").is_some());
        assert_eq!(RequestHead::parse(&format!("{whole}\n"), ""), None);
        assert_eq!(RequestHead::parse(&whole.replace("a=1", "a=1\norigin"), ""), None);
        assert_eq!(RequestHead::parse(&whole.replacen('\n', "", 1), ""), None);
        assert_eq!(RequestHead::parse("", ""), None);
    }

    #[test]
    fn path_outside_of_the_base_path_has_no_route() {
        for url in ["http://h/healthz", "http://h/x/../realtime/healthz"] {
            let text = text("GET", url, &[]);
            let head = RequestHead::parse(&text, "/realtime").unwrap();
            assert_eq!(head.path, "");
            assert!(head.route().is_err());
        }
    }

    #[test]
    fn headers_select_the_kind_of_the_response() {
        let route = |method, headers: &[_]| {
            let text = text(method, "http://h/rooms/a/events", headers);
            RequestHead::parse(&text, "").unwrap().route().unwrap()
        };
        assert!(matches!(
            route("GET", &[("accept", "*/*, Text/Event-Stream;q=1")]),
            Route::Stream { .. }
        ));
        let upgrade = &[("upgrade", "WebSocket"), ("accept", "text/event-stream")];
        assert!(matches!(route("GET", upgrade), Route::Room { call: Call::Connect(_), .. }));
        let room = RoomName::parse("a").unwrap();
        let page = Call::Request(Request::Page(PageQuery::parse("").unwrap()));
        assert_eq!(
            route("GET", &[("accept", "text/event-streams")]),
            Route::Room { room: room.clone(), call: page }
        );
        let publish = Call::Request(Request::Publish);
        assert_eq!(route("POST", &[("upgrade", "websocket")]), Route::Room { room, call: publish });
    }
}
