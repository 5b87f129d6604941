//! Arbitrary requests: method, path, query, and headers that may contain a token.
//! A parsed value must be the same after it is formatted and parsed again.

use roomcast::auth::Origins;
use roomcast::auth::extract::{self, TokenSources};
use roomcast::limits;
use roomcast::protocol::{Pattern, Position, RoomName, RoomsQuery, Start};
use roomcast::route::{Call, ResponseKind, Route};
use roomcast::settings::RoomSettings;

use super::split_letter;

pub fn run_script(script: &str) {
    let (letter, rest) = split_letter(script);
    match letter {
        'o' => settings(rest),
        't' => token(rest),
        _ => request(rest),
    }
}

/// Parses a request line, and a second line with the value of `Last-Event-ID`.
fn request(text: &str) {
    let (line, last_event_id) = text.split_once('\n').unwrap_or((text, ""));
    let (method, target) = line.split_once(' ').unwrap_or(("GET", line));
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let stream = ResponseKind::Stream {
        last_event_id: (!last_event_id.is_empty()).then_some(last_event_id),
    };
    for kind in [ResponseKind::Body, ResponseKind::Socket, stream] {
        match Route::parse(method, path, query, kind) {
            Ok(Route::Room { room, call }) => {
                check_room(&room);
                if let Call::Connect(start) = call {
                    check_start(start);
                }
            }
            Ok(Route::Stream { room, query }) => {
                check_room(&room);
                check_start(query.start);
            }
            Ok(Route::Rooms(query)) => assert_eq!(RoomsQuery::parse(&query.query()), Ok(query)),
            Ok(
                Route::Health
                | Route::Metrics
                | Route::Console
                | Route::Connection
                | Route::PublishToRooms
                | Route::PusherSocket { .. }
                | Route::Pusher { .. },
            ) => {}
            Err(refusal) => {
                assert!(refusal.code.http_status().is_some() && refusal.message.len() < 2_000);
            }
        }
    }
    if let Ok(position) = last_event_id.parse::<Position>() {
        assert_eq!(position.to_string(), last_event_id);
    }
}

fn check_room(room: &RoomName) {
    let name = room.as_str();
    assert!((1..=limits::ROOM_NAME).contains(&name.len()), "{name}");
    assert!(name.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-=@,.;:".contains(&b)), "{name}");
    assert!(![".", ".."].contains(&name) && name.split(':').all(|part| !part.is_empty()), "{name}");
}

/// Checks that a bridge starts at the same position as its client.
fn check_start(start: Start) {
    assert_eq!(Start::parse(&start.query()).unwrap(), start);
}

/// Extracts a token from the headers of a request. The lines are the values of
/// `Authorization`, `Sec-WebSocket-Protocol`, the token in the query, `Cookie`,
/// `Origin` and `Sec-Fetch-Site`.
fn token(text: &str) {
    let mut headers = text.split('\n').map(|header| (!header.is_empty()).then_some(header));
    let mut next = || headers.next().flatten();
    let sources = TokenSources {
        authorization: next(),
        subprotocols: next(),
        query_token: next(),
        cookie: next(),
        origin: next(),
        own_origin: Some("https://rt.example"),
        fetch_site: next(),
    };
    let listed = Origins::parse("https://app.example, null").unwrap();
    let TokenSources { origin, fetch_site, .. } = sources;
    let by_cookie =
        TokenSources { authorization: None, subprotocols: None, query_token: None, ..sources };
    let own_page = match origin {
        Some(origin) => origin == "https://rt.example",
        None => fetch_site == Some("same-origin"),
    };
    if extract::token(&by_cookie, &listed).is_some() {
        assert!(own_page || origin == Some("https://app.example"));
    }
    if extract::token(&by_cookie, &Origins::parse("*").unwrap()).is_some() {
        assert!(own_page, "`*` accepts no cookie from another origin");
    }
    if let Some(token) = extract::token(&sources, &listed) {
        assert!(text.contains(token));
    }
}

fn settings(text: &str) {
    if let Ok(settings) = RoomSettings::parse(text) {
        for room in ["r", "r:s", "shipments:42"] {
            let settings = settings.of(&RoomName::parse(room).unwrap());
            assert!((1..=limits::RETAINED_APPENDS_MAX).contains(&settings.retained_appends));
            assert!((1..=limits::SOCKETS).contains(&settings.sockets));
        }
    }
    if let Some(pattern) = Pattern::parse(text) {
        assert!(
            !pattern.matches(&RoomName::parse("x:y:z:never").unwrap())
                || text.starts_with(['*', 'x'])
        );
    }
}
