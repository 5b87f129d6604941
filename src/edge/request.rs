//! The parts of a request that the router reads, and the requests that the
//! worker sends to a room.

use futures_util::StreamExt;
use js_sys::{decode_uri_component, encode_uri_component};
use wasm_bindgen::JsValue;
use worker::web_sys::{Request as RawRequest, RequestInit};
use worker::{ByteStream, Headers, Request, Result};

use crate::auth::Identity;
use crate::code::{Code, Refusal};
use crate::limits;
use crate::protocol::{RoomName, Start};
use crate::route::{ResponseKind, Route};

/// The header in which the worker sends the identity to the room. The worker
/// never copies this header from a client's request, so a client can't forge
/// the header.
const IDENTITY: &str = "roomcast-identity";

/// The origin of each request to a room. No URL of a client has this host, so a
/// room rejects a client's request that the operator's worker passes on by
/// mistake.
const ROOM_ORIGIN: &str = "https://room";

/// The method, the URL and the headers of a request.
pub struct RequestHead {
    method: String,
    path: String,
    query: String,
    /// Scheme and host of the URL, such as `https://rt.example.com`.
    origin: String,
    headers: Headers,
    /// Whether the request is a WebSocket upgrade. This value is cached,
    /// because it is needed several times and reading a header is slow.
    is_upgrade: bool,
}

impl RequestHead {
    /// Reads a request. The path of the result begins after `base_path`. If the
    /// request's path is not below `base_path`, the path of the result is empty.
    pub fn of(request: &Request, base_path: &str) -> Self {
        // `Request::url` is not used, because it parses the URL again, and its
        // parser adds 13 kB of code.
        let url = request.inner().url();
        let query = url.split_once('?').map(|(_, query)| query);
        let (method, headers) = (request.method().to_string(), request.headers().clone());
        let upgrade = if method == "GET" { headers.get("upgrade").ok().flatten() } else { None };
        Self {
            is_upgrade: upgrade.is_some_and(|to| to.eq_ignore_ascii_case("websocket")),
            method,
            path: request.path().strip_prefix(base_path).unwrap_or_default().to_owned(),
            origin: origin_of(&url).to_owned(),
            query: query.unwrap_or_default().to_owned(),
            headers,
        }
    }

    pub fn route(&self) -> std::result::Result<Route, Refusal> {
        let parse = |kind| Route::parse(&self.method, &self.path, &self.query, kind);
        if self.is_upgrade {
            parse(ResponseKind::Socket)
        } else if self.accepts("text/event-stream") {
            let last_event_id = self.header("last-event-id");
            parse(ResponseKind::Stream { last_event_id: last_event_id.as_deref() })
        } else {
            parse(ResponseKind::Body)
        }
    }

    fn accepts(&self, media_type: &str) -> bool {
        let accepted = self.header("accept").unwrap_or_default();
        accepted.split(',').any(|range| {
            range
                .split(';')
                .next()
                .is_some_and(|range| range.trim().eq_ignore_ascii_case(media_type))
        })
    }

    pub fn is_upgrade(&self) -> bool {
        self.is_upgrade
    }

    pub fn is_preflight(&self) -> bool {
        self.method == "OPTIONS"
    }

    /// Returns the origin of the request's own URL.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// Returns a header's value. If the header has several values, they are
    /// joined with commas.
    pub fn header(&self, name: &str) -> Option<String> {
        self.headers.get(name).ok().flatten()
    }

    /// Returns the percent-decoded value of a query parameter.
    pub fn parameter(&self, name: &str) -> Option<String> {
        let mut parameters = form_urlencoded::parse(self.query.as_bytes());
        parameters.find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
    }

    /// Creates the request to the room, with the path and the query of the
    /// client's request. The new request has only the headers that are set
    /// here.
    pub fn to_room(&self, identity: &Identity, body: Option<&str>) -> Result<RawRequest> {
        let headers = Headers::new();
        if self.is_upgrade {
            headers.set("upgrade", "websocket")?;
            self.header(SUBPROTOCOLS)
                .map_or(Ok(()), |offered| headers.set(SUBPROTOCOLS, &offered))?;
        }
        room_request(
            &self.method,
            &format!("{}?{}", self.path, self.query),
            headers,
            identity,
            body,
        )
    }

    /// Returns the flow control window of a bridge's request, in bytes.
    pub fn bridge_window_bytes(&self) -> Option<u64> {
        self.header(BRIDGE)?.parse().ok()
    }

    /// Returns the identity that the worker set, or `None` if the request does
    /// not come from the worker. Fails if the header can't be decoded.
    pub fn identity(&self) -> Result<Option<Identity>> {
        let encoded = self.header(IDENTITY).filter(|_| self.origin == ROOM_ORIGIN);
        encoded.map(|encoded| decode(&encoded)).transpose()
    }
}

/// Returns the scheme and the host of an absolute URL.
fn origin_of(url: &str) -> &str {
    let end = url.match_indices('/').nth(2).map_or(url.len(), |(end, _)| end);
    url.get(..end).unwrap_or(url)
}

/// Creates a request that publishes to a room.
pub fn publish_request(room: &RoomName, identity: &Identity, body: &str) -> Result<RawRequest> {
    let target = format!("/rooms/{room}/events");
    room_request("POST", &target, Headers::new(), identity, Some(body))
}

/// Creates the request that opens a socket from the worker to a room. `window`
/// is the flow control window of a bridge's socket, and `None` for a pending
/// socket. A pending socket forwards the client's own frames.
pub fn connect_request(
    room: &RoomName,
    identity: &Identity,
    start: Start,
    window: Option<u64>,
) -> Result<RawRequest> {
    let headers = Headers::new();
    headers.set("upgrade", "websocket")?;
    if let Some(window) = window {
        headers.set(BRIDGE, &window.to_string())?;
    }
    let target = format!("/rooms/{room}/events?{}", start.query());
    room_request("GET", &target, headers, identity, None)
}

fn room_request(
    method: &str,
    target: &str,
    headers: Headers,
    identity: &Identity,
    body: Option<&str>,
) -> Result<RawRequest> {
    headers.set(IDENTITY, &encode(identity)?)?;
    // The type of the `worker` crate is not used, since that type includes all
    // of Cloudflare's image options.
    let init = RequestInit::new();
    init.set_method(method);
    init.set_headers(headers.0.as_ref());
    init.set_body(&body.map_or(JsValue::UNDEFINED, JsValue::from_str));
    Ok(RawRequest::new_with_str_and_init(&format!("{ROOM_ORIGIN}{target}"), &init)?)
}

/// The header that marks the request for a bridge's socket. The value of the
/// header is the bridge's flow control window in bytes.
pub const BRIDGE: &str = "roomcast-bridge";

pub const SUBPROTOCOLS: &str = "sec-websocket-protocol";

// A header can contain only Latin-1, but a user id can contain any character.
// So the identity is percent-encoded.
fn encode(identity: &Identity) -> Result<String> {
    Ok(encode_uri_component(&serde_json::to_string(identity)?).into())
}

fn decode(encoded: &str) -> Result<Identity> {
    let json: String = decode_uri_component(encoded)?.into();
    Ok(serde_json::from_str(&json)?)
}

/// Reads the body of a request as text. Fails with `too_large` if the body
/// exceeds [`limits::BODY_BYTES`]. Fails with `bad_request` if the body is not
/// UTF-8 or can't be read to its end.
pub async fn body(mut request: Request) -> std::result::Result<String, Refusal> {
    let platform_error = |_| Refusal::bad_request("the body could not be read to its end");
    let length = request.headers().get("content-length").ok().flatten();
    let bytes = match length.and_then(|length| length.parse::<usize>().ok()) {
        Some(length) if length > limits::BODY_BYTES => return Err(body_too_large()),
        // Reading the body in one call saves about 60 µs compared with reading
        // a stream of one chunk.
        Some(_) => request.bytes().await.map_err(platform_error)?,
        None => {
            // A request without a body has no stream.
            let Ok(stream) = request.stream() else { return Ok(String::new()) };
            let bytes = read(stream, limits::BODY_BYTES).await.map_err(platform_error)?;
            bytes.ok_or_else(body_too_large)?
        }
    };
    String::from_utf8(bytes).map_err(|_| Refusal::new(Code::BadRequest, "the body must be UTF-8"))
}

pub fn body_too_large() -> Refusal {
    Refusal::too_large(format!("a body may be at most {} bytes", limits::BODY_BYTES))
}

/// Reads a stream to its end. If the stream has more than `bytes_max` bytes,
/// stops reading and returns `None`.
pub async fn read(mut stream: ByteStream, bytes_max: usize) -> Result<Option<Vec<u8>>> {
    let mut bytes = Vec::new();
    while let Some(chunk) = stream.next().await {
        bytes.extend(chunk?);
        if bytes.len() > bytes_max {
            return Ok(None);
        }
    }
    Ok(Some(bytes))
}
