//! The upgrades and requests from the worker to a room, and the bodies of
//! requests.

use js_sys::{Promise, Uint8Array};
use wasm_bindgen::JsValue;
use wasm_bindgen_futures::JsFuture;
use worker::Env;
use worker::web_sys::{ReadableStream, Request};

use super::platform;
use crate::auth::Identity;
use crate::code::{Code, Refusal};
use crate::limits;
use crate::protocol::{RoomName, Start};
use crate::request_head::split_url;
use crate::room::Bridge;
use crate::route::{Call, Request as RoomRequest, ResponseKind, Route};
use crate::session::Transport;

/// The origin of each upgrade that the worker sends to a room. No URL of a
/// client has this host, so a room rejects a client's request that the
/// operator's worker passes on by mistake.
const ROOM_ORIGIN: &str = "https://room";

/// An upgrade that the worker sends to a room.
pub struct RoomUpgrade<'a> {
    pub room: &'a RoomName,
    pub identity: &'a Identity,
    pub start: Start,
    pub bridge: Bridge,
    /// The subprotocols that the client offers.
    pub subprotocols: Option<&'a str>,
}

impl RoomUpgrade<'_> {
    /// Sends the upgrade. The promise resolves to the room's response, or rejects
    /// with the text of the room's refusal. `address` is that of the room.
    pub fn send(&self, env: &Env, address: &str) -> Promise {
        let Self { room, identity, start, bridge, subprotocols } = *self;
        let url = format!("{ROOM_ORIGIN}/rooms/{room}/events?{}", start.query());
        let identity = identity.to_json();
        let window = bridge.window_bytes.map(platform::number);
        let transport = Some(bridge.transport).filter(|of| *of != Transport::Websocket);
        let transport = transport.map(Transport::as_str);
        platform::upgrade(env, address, &url, &identity, transport, window, subprotocols)
    }
}

/// An upgrade as the room receives it.
pub struct ReceivedUpgrade {
    pub room: RoomName,
    pub identity: Identity,
    pub start: Start,
    pub bridge: Bridge,
    pub subprotocols: String,
}

impl ReceivedUpgrade {
    /// Returns `None` if the request is not an upgrade from the worker.
    pub fn of(request: &Request) -> Option<Self> {
        let parts = platform::parts_of(request).ok()?;
        let mut parts = parts.split('\n');
        let (origin, path, query) = split_url(parts.next()?);
        let call = Route::parse("GET", path, query, ResponseKind::Socket);
        let (ROOM_ORIGIN, Ok(Route::Room { room, call: Call::Connect(start) })) = (origin, call)
        else {
            return None;
        };
        let identity = serde_json::from_str(parts.next()?).ok()?;
        if parts.next()? != "websocket" {
            return None;
        }
        let window_bytes = parts.next()?.parse().ok();
        let subprotocols = parts.next()?.to_owned();
        let bridge = Bridge { window_bytes, transport: Transport::named(parts.next()?) };
        Some(Self { room, identity, start, bridge, subprotocols })
    }
}

/// A request that the worker sends to a room. `method` and `target` (the path
/// and the query) are those of the wire contract.
pub struct RoomCall<'a> {
    pub method: &'a str,
    pub target: &'a str,
    pub identity: &'a Identity,
}

impl RoomCall<'_> {
    /// Returns the text that [`ReceivedRequest::parse`] parses, with each part on
    /// its own line. A single text is copied to JavaScript and back.
    pub fn text(&self) -> String {
        format!("{}\n{}\n{}", self.method, self.target, self.identity.to_json())
    }
}

/// A request as the room receives it.
pub struct ReceivedRequest {
    pub room: RoomName,
    pub by: Identity,
    pub request: RoomRequest,
    pub body: String,
    /// Whether the caller delivers the room's report.
    pub takes_report: bool,
}

impl ReceivedRequest {
    /// Parses a request, which comes from this worker or from a worker of the
    /// operator. So the checks of the public route are repeated here.
    pub fn parse(call: &str, body: &JsValue, takes_report: bool) -> Result<Self, Refusal> {
        let mut parts = call.splitn(3, '\n');
        let mut part = || parts.next().unwrap_or_default();
        let (method, target, identity) = (part(), part(), part());
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let Route::Room { room, call: Call::Request(request) } =
            Route::parse(method, path, query, ResponseKind::Body)?
        else {
            return Err(Refusal::new(Code::NotFound, "a room's object serves only that room"));
        };
        let by = serde_json::from_str(identity)
            .map_err(|_| Refusal::bad_request("the identity is invalid"))?;
        Ok(Self { room, by, request, body: text(body)?, takes_report })
    }
}

/// Returns the body of a request for the room: an `ArrayBuffer`, or a promise of
/// one. The promise rejects if the body can't be read to its end. Fails with
/// `too_large` if the body exceeds [`limits::BODY_BYTES`].
pub async fn body(request: &Request, content_length: Option<&str>) -> Result<JsValue, Refusal> {
    let unreadable = |_| body_unreadable();
    match content_length.and_then(|length| length.parse::<usize>().ok()) {
        Some(length) if length > limits::BODY_BYTES => Err(body_too_large()),
        Some(_) => request.array_buffer().map(JsValue::from).map_err(unreadable),
        None => match request.body() {
            Some(stream) => {
                let body = read(stream, limits::BODY_BYTES).await.map_err(unreadable)?;
                body.ok_or_else(body_too_large)
            }
            None => Ok(JsValue::UNDEFINED),
        },
    }
}

/// Reads the body of a request as text. Fails like [`body`] and [`text`], and
/// with `bad_request` if the body can't be read to its end.
pub async fn body_text(request: &Request, content_length: Option<&str>) -> Result<String, Refusal> {
    let bytes = Promise::resolve(&body(request, content_length).await?);
    text(&JsFuture::from(bytes).await.map_err(|_| body_unreadable())?)
}

/// Returns the text of a body, which is a string, an `ArrayBuffer` or
/// `undefined`. Fails with `too_large` if the body exceeds
/// [`limits::BODY_BYTES`], and with `bad_request` if it is not UTF-8.
fn text(body: &JsValue) -> Result<String, Refusal> {
    if body.is_undefined() {
        return Ok(String::new());
    }
    if let Some(text) = body.as_string() {
        return if text.len() > limits::BODY_BYTES { Err(body_too_large()) } else { Ok(text) };
    }
    let bytes = Uint8Array::new(body);
    if bytes.length() as usize > limits::BODY_BYTES {
        return Err(body_too_large());
    }
    String::from_utf8(bytes.to_vec()).map_err(|_| Refusal::bad_request("the body must be UTF-8"))
}

pub fn body_unreadable() -> Refusal {
    Refusal::bad_request("the body could not be read to its end")
}

fn body_too_large() -> Refusal {
    Refusal::too_large(format!("a body may be at most {} bytes", limits::BODY_BYTES))
}

/// Reads a stream to its end, and returns an `ArrayBuffer`. If the stream has
/// more than `bytes_max` bytes, stops reading and returns `None`.
pub async fn read(stream: ReadableStream, bytes_max: usize) -> Result<Option<JsValue>, JsValue> {
    let bytes = JsFuture::from(platform::read_stream(&stream, bytes_max)).await?;
    Ok(Some(bytes).filter(|bytes| !bytes.is_null()))
}
