//! Maps requests to routes. A path must match exactly. Otherwise a damaged path
//! could match a shorter path with a more dangerous effect. For example,
//! `DELETE /rooms/a/` is `not_found` and does not erase the room `a`.

use crate::code::{Code, Refusal};
use crate::protocol::{
    ExportCursor, Grant, PageQuery, Right, RoomName, RoomsQuery, Start, StreamQuery, User,
};

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Route {
    Health,
    /// The operator's metrics.
    Metrics,
    /// The console's page, or one of its files.
    Console,
    /// The list of rooms in the directory.
    Rooms(RoomsQuery),
    /// `POST /events`: publishes to many rooms. The request requires the right
    /// to publish in each of these rooms.
    PublishToRooms,
    /// `GET /events` as a WebSocket: one connection for many rooms.
    Connection,
    /// A room's events as Server-Sent Events.
    Stream {
        room: RoomName,
        query: StreamQuery,
    },
    Room {
        room: RoomName,
        call: Call,
    },
    /// `GET /app/{key}` as a WebSocket: a client of Pusher's protocol.
    PusherSocket {
        key: String,
    },
    /// A request of a backend that uses Pusher's protocol.
    Pusher {
        app: String,
        call: PusherCall,
    },
}

/// A request under `/apps/{id}`. The parts of the path are decoded, but not
/// checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PusherCall {
    Trigger,
    TriggerBatch,
    Channels,
    Channel(String),
    Users { channel: String },
    Terminate { user: String },
}

/// The kind of response that a request's headers select: a body, a WebSocket,
/// or a stream of Server-Sent Events.
#[derive(Clone, Copy, Debug)]
pub enum ResponseKind<'a> {
    Body,
    Socket,
    Stream { last_event_id: Option<&'a str> },
}

/// A call to one room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Call {
    /// Opens a socket.
    Connect(Start),
    Request(Request),
}

/// A request that the room answers once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    Publish,
    Page(PageQuery),
    State,
    Signal,
    Members,
    Stats,
    Erase,
    /// Reads a page of an export, from a cursor or from the start.
    Export(Option<ExportCursor>),
    /// Stores a page of an export, with its epoch and seqs.
    Import,
    /// Closes all sessions of a user.
    Kick(User),
}

/// The kind of a [`Request`], for the metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestKind {
    Publish,
    Page,
    State,
    Signal,
    Members,
    Stats,
    Erase,
    Kick,
    Export,
    Import,
}

impl RequestKind {
    const ALL: [Self; 10] = [
        Self::Publish,
        Self::Page,
        Self::State,
        Self::Signal,
        Self::Members,
        Self::Stats,
        Self::Erase,
        Self::Kick,
        Self::Export,
        Self::Import,
    ];

    /// Returns the kind with this index in the order of declaration.
    pub fn of_index(index: u8) -> Self {
        Self::ALL.get(usize::from(index)).copied().unwrap_or(Self::Stats)
    }

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Publish => "publish",
            Self::Page => "page",
            Self::State => "state",
            Self::Signal => "signal",
            Self::Members => "members",
            Self::Stats => "stats",
            Self::Erase => "erase",
            Self::Kick => "kick",
            Self::Export => "export",
            Self::Import => "import",
        }
    }
}

impl Route {
    /// Parses a request. `path` is the raw path of the URL, and `query` is the
    /// raw query of the URL without the `?`. Fails with `not_found` or
    /// `method_not_allowed`. Fails with `bad_request` if the room name or the
    /// query is invalid.
    pub fn parse(
        method: &str,
        path: &str,
        query: &str,
        kind: ResponseKind,
    ) -> Result<Self, Refusal> {
        let segments: Vec<&str> =
            path.strip_prefix('/').ok_or_else(not_found)?.split('/').collect();
        if let ["console", ..] = segments.as_slice() {
            return Self::console(method, kind);
        }
        let here = match segments.as_slice() {
            ["healthz"] => PathKind::Health,
            ["metrics"] => PathKind::Metrics,
            ["rooms"] => PathKind::Rooms,
            ["events"] => PathKind::Events,
            // An empty segment comes from a trailing or doubled slash, and is
            // not the name of a room.
            [_, "", ..] => return Err(not_found()),
            ["rooms", _] => PathKind::Room,
            ["rooms", _, "events"] => PathKind::RoomEvents,
            ["rooms", _, "state"] => PathKind::RoomState,
            ["rooms", _, "signals"] => PathKind::RoomSignals,
            ["rooms", _, "members"] => PathKind::RoomMembers,
            ["rooms", _, "export"] => PathKind::RoomExport,
            ["rooms", _, "import"] => PathKind::RoomImport,
            ["app", key] => return Self::pusher_socket(key, kind),
            ["apps", app, call @ ..] => return Self::pusher(method, app, call),
            _ => return Err(not_found()),
        };
        let room = match segments.get(1) {
            Some(segment) => Some(room_name(segment)?),
            None => None,
        };
        let call = |call| room.clone().map(|room| Self::Room { room, call }).ok_or_else(not_found);
        let request = |request| call(Call::Request(request));
        let not_allowed = || Refusal::method_not_allowed(here.methods());
        if let ResponseKind::Socket = kind {
            return match here {
                PathKind::Events => Ok(Self::Connection),
                PathKind::RoomEvents => call(Call::Connect(Start::parse(query)?)),
                // An upgrade is a GET request, and these paths don't support GET.
                PathKind::RoomSignals | PathKind::RoomImport => Err(not_allowed()),
                PathKind::Health
                | PathKind::Metrics
                | PathKind::Rooms
                | PathKind::Room
                | PathKind::RoomState
                | PathKind::RoomMembers
                | PathKind::RoomExport => Err(Refusal::new(
                    Code::NotFound,
                    "there is no WebSocket at this path; connect to /events or /rooms/{room}/events",
                )),
            };
        }
        if let (ResponseKind::Stream { last_event_id }, PathKind::RoomEvents, "GET") =
            (kind, here, method)
        {
            let query = StreamQuery::parse(query, last_event_id)?;
            return room.map(|room| Self::Stream { room, query }).ok_or_else(not_found);
        }
        match (here, method) {
            (PathKind::Health, "GET") => Ok(Self::Health),
            (PathKind::Metrics, "GET") => Ok(Self::Metrics),
            (PathKind::Rooms, "GET") => Ok(Self::Rooms(RoomsQuery::parse(query)?)),
            (PathKind::Events, "POST") => Ok(Self::PublishToRooms),
            (PathKind::Room, "GET") => request(Request::Stats),
            (PathKind::Room, "DELETE") => request(Request::Erase),
            (PathKind::RoomEvents, "GET") => request(Request::Page(PageQuery::parse(query)?)),
            (PathKind::RoomEvents, "POST") => request(Request::Publish),
            (PathKind::RoomState, "GET") => request(Request::State),
            (PathKind::RoomSignals, "POST") => request(Request::Signal),
            (PathKind::RoomMembers, "GET") => request(Request::Members),
            (PathKind::RoomExport, "GET") => request(Request::Export(ExportCursor::parse(query)?)),
            (PathKind::RoomImport, "POST") => request(Request::Import),
            (PathKind::RoomMembers, "DELETE") => request(Request::Kick(required_user(query)?)),
            _ => Err(not_allowed()),
        }
    }

    /// Returns the route of a path of the console. Its files have any name.
    fn console(method: &str, kind: ResponseKind) -> Result<Self, Refusal> {
        match (kind, method) {
            (ResponseKind::Socket, _) => Err(not_found()),
            (_, "GET") => Ok(Self::Console),
            _ => Err(Refusal::method_not_allowed(&["GET"])),
        }
    }
}

/// Paths of Pusher's protocol.
impl Route {
    /// Returns whether a path belongs to Pusher's protocol.
    pub fn is_of_pusher(path: &str) -> bool {
        path.starts_with("/app/") || path.starts_with("/apps/")
    }

    fn pusher_socket(key: &str, kind: ResponseKind) -> Result<Self, Refusal> {
        match kind {
            ResponseKind::Socket => Ok(Self::PusherSocket { key: decoded(key)? }),
            ResponseKind::Body | ResponseKind::Stream { .. } => {
                Err(Refusal::new(Code::NotFound, "connect to this path with a WebSocket"))
            }
        }
    }

    fn pusher(method: &str, app: &str, call: &[&str]) -> Result<Self, Refusal> {
        let (allowed, call): (&'static [&'static str], _) = match call {
            ["events"] => (&["POST"], PusherCall::Trigger),
            ["batch_events"] => (&["POST"], PusherCall::TriggerBatch),
            ["channels"] => (&["GET"], PusherCall::Channels),
            ["channels", channel] => (&["GET"], PusherCall::Channel(decoded(channel)?)),
            ["channels", channel, "users"] => {
                (&["GET"], PusherCall::Users { channel: decoded(channel)? })
            }
            ["users", user, "terminate_connections"] => {
                (&["POST"], PusherCall::Terminate { user: decoded(user)? })
            }
            _ => {
                let message = "there is nothing at this path; paths are exact";
                return Err(Refusal::new(Code::NotFound, message));
            }
        };
        if !allowed.contains(&method) {
            return Err(Refusal::method_not_allowed(allowed));
        }
        Ok(Self::Pusher { app: decoded(app)?, call })
    }
}

fn decoded(segment: &str) -> Result<String, Refusal> {
    let decoded = percent_encoding::percent_decode_str(segment).decode_utf8();
    let decoded = decoded
        .map_err(|_| Refusal::bad_request("a part of the path must be percent-encoded UTF-8"))?;
    Ok(decoded.into_owned())
}

/// The kind of a path, regardless of the method.
#[derive(Clone, Copy)]
enum PathKind {
    Health,
    Metrics,
    Rooms,
    Events,
    Room,
    RoomEvents,
    RoomState,
    RoomSignals,
    RoomMembers,
    RoomExport,
    RoomImport,
}

impl PathKind {
    const fn methods(self) -> &'static [&'static str] {
        match self {
            Self::Health | Self::Metrics | Self::Rooms | Self::RoomState | Self::RoomExport => {
                &["GET"]
            }
            Self::Events | Self::RoomSignals | Self::RoomImport => &["POST"],
            Self::Room | Self::RoomMembers => &["GET", "DELETE"],
            Self::RoomEvents => &["GET", "POST"],
        }
    }
}

impl Call {
    /// Fails with `forbidden` if the grant has none of the rights that allow
    /// the call.
    pub fn check(&self, grant: Grant) -> Result<(), Refusal> {
        match self {
            Self::Connect(_) => grant.check(&[Right::Subscribe]),
            Self::Request(request) => request.check(grant),
        }
    }
}

impl Request {
    pub const fn kind(&self) -> RequestKind {
        match self {
            Self::Publish => RequestKind::Publish,
            Self::Page(_) => RequestKind::Page,
            Self::State => RequestKind::State,
            Self::Signal => RequestKind::Signal,
            Self::Members => RequestKind::Members,
            Self::Stats => RequestKind::Stats,
            Self::Erase => RequestKind::Erase,
            Self::Kick(_) => RequestKind::Kick,
            Self::Export(_) => RequestKind::Export,
            Self::Import => RequestKind::Import,
        }
    }

    /// Fails with `forbidden` if the grant has none of the rights that allow
    /// the request.
    pub fn check(&self, grant: Grant) -> Result<(), Refusal> {
        grant.check(match self {
            Self::Page(_) | Self::State => &[Right::Subscribe],
            Self::Publish | Self::Signal => &[Right::Publish],
            Self::Members => &[Right::Presence, Right::Admin],
            Self::Stats => &[Right::Subscribe, Right::Admin],
            Self::Erase | Self::Kick(_) | Self::Export(_) | Self::Import => &[Right::Admin],
        })
    }
}

fn not_found() -> Refusal {
    Refusal::new(Code::NotFound, "there is nothing at this path; paths are exact")
}

fn required_user(query: &str) -> Result<User, Refusal> {
    let mut users = form_urlencoded::parse(query.as_bytes()).filter(|(key, _)| key == "user");
    match (users.next(), users.next()) {
        (Some((_, user)), None) => User::parse(&user),
        _ => Err(Refusal::bad_request("`user` must be given once: the user to disconnect")),
    }
}

fn room_name(segment: &str) -> Result<RoomName, Refusal> {
    let name = percent_encoding::percent_decode_str(segment)
        .decode_utf8()
        .map_err(|_| Refusal::bad_request("the room name must be percent-encoded UTF-8"))?;
    RoomName::parse(&name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(method: &str, path: &str) -> Option<Code> {
        Route::parse(method, path, "", ResponseKind::Body).err().map(|refusal| refusal.code)
    }

    #[test]
    fn path_that_is_not_exact_is_not_found() {
        for path in [
            "",
            "/",
            "//",
            "/healthz/",
            "/Healthz",
            "/metrics/",
            "/rooms/a/",
            "/rooms/",
            "/rooms//events",
            "/rooms/a/events/",
            "/rooms/a//events",
            "//rooms/a/events",
            "/rooms/a/b/events",
            "/rooms/a/event",
            "/rooms/a/events%20",
            "/events/",
            "/rooms/a/State",
        ] {
            assert_eq!(code("GET", path), Some(Code::NotFound), "{path}");
        }
    }

    #[test]
    fn console_is_a_page_and_every_path_below_it() {
        for path in ["/console", "/console/", "/console/index-1a2b.js", "/console/a/%2e%2e"] {
            let route = |kind| Route::parse("GET", path, "", kind).map_err(|refusal| refusal.code);
            assert_eq!(route(ResponseKind::Body), Ok(Route::Console), "{path}");
            assert_eq!(route(ResponseKind::Socket), Err(Code::NotFound), "{path}");
        }
        for path in ["/consoles", "/console.html", "/Console", "//console", "/rooms/a/console"] {
            assert_eq!(code("GET", path), Some(Code::NotFound), "{path}");
        }
    }

    #[test]
    fn room_name_is_decoded_once_and_then_validated() {
        let named = |path| match Route::parse("GET", path, "", ResponseKind::Body) {
            Ok(Route::Room { room, .. }) => room.as_str().to_owned(),
            other => panic!("{path}: {other:?}"),
        };
        assert_eq!(named("/rooms/a%3Ab%40c/state"), "a:b@c");
        assert_eq!(named("/rooms/a:b@c"), "a:b@c");
        for path in [
            "/rooms/%2F",
            "/rooms/a%2Fstate",
            "/rooms/%00",
            "/rooms/%5C",
            "/rooms/%ZZ",
            "/rooms/%",
            "/rooms/%ff",
            "/rooms/%253A",
            "/rooms/%2e%2e",
            "/rooms/..",
            "/rooms/.",
            "/rooms/a%3A",
            "/rooms/é",
        ] {
            assert_eq!(code("GET", path), Some(Code::BadRequest), "{path}");
        }
    }

    #[test]
    fn wrong_method_on_a_known_path_names_the_supported_methods() {
        for (path, methods) in [
            ("/healthz", &["GET"] as &[_]),
            ("/metrics", &["GET"]),
            ("/console", &["GET"]),
            ("/console/page.js", &["GET"]),
            ("/rooms", &["GET"]),
            ("/events", &["POST"]),
            ("/rooms/a", &["GET", "DELETE"]),
            ("/rooms/a/events", &["GET", "POST"]),
            ("/rooms/a/state", &["GET"]),
            ("/rooms/a/signals", &["POST"]),
            ("/rooms/a/export", &["GET"]),
            ("/rooms/a/import", &["POST"]),
            ("/rooms/a/members", &["GET", "DELETE"]),
        ] {
            for method in ["GET", "HEAD", "POST", "PUT", "DELETE"] {
                match Route::parse(method, path, "user=alice", ResponseKind::Body) {
                    Ok(_) => assert!(methods.contains(&method), "{method} {path}"),
                    Err(refusal) => {
                        assert!(!methods.contains(&method), "{method} {path}");
                        assert_eq!(refusal, Refusal::method_not_allowed(methods));
                        let message = format!("this path supports {}", methods.join(" and "));
                        assert_eq!(refusal.message, message);
                    }
                }
            }
        }
    }
}
