//! HTTP responses, CORS headers, and the closing of refused sockets.

use wasm_bindgen::JsValue;
use worker::web_sys::Response;
use worker::{Error, Result, WebSocket, WebSocketPair};

use super::{log, platform};
use crate::auth::Origins;
use crate::code::{Code, Refusal};
use crate::protocol::error_body;
use crate::room::Answer;

/// The WebSocket subprotocol that names the wire protocol. If a client offers
/// subprotocols and the response selects none of them, the client fails the
/// WebSocket connection.
pub const SUBPROTOCOL: &str = "roomcast.v1";

/// The parts of an answer to an HTTP request, as the room passes them to the
/// worker.
pub struct AnswerParts {
    pub status: u16,
    pub body: Option<String>,
    /// Value of the header `Retry-After`, in seconds.
    pub retry_after_s: Option<u32>,
}

impl From<Answer> for AnswerParts {
    fn from(answer: Answer) -> Self {
        let (status, body) = match answer {
            Answer::Ok { body } => (200, Some(body)),
            Answer::Created { body } => (201, Some(body)),
            Answer::Accepted => (202, None),
            Answer::NoContent => (204, None),
            Answer::Refused(refusal) => return (&refusal).into(),
        };
        Self { status, body, retry_after_s: None }
    }
}

impl From<&Refusal> for AnswerParts {
    fn from(refusal: &Refusal) -> Self {
        let seconds = |ms: u64| u32::try_from(ms.div_ceil(1_000)).unwrap_or(u32::MAX);
        Self {
            status: refusal.code.http_status().unwrap_or(500),
            body: Some(error_body(refusal)),
            retry_after_s: refusal.retry_after_ms.map(seconds),
        }
    }
}

impl AnswerParts {
    pub fn response(&self) -> Result<Response> {
        Ok(platform::response(self.status, self.body.as_deref(), self.retry_after_s)?)
    }
}

pub fn json(body: String) -> Result<Response> {
    AnswerParts::from(Answer::Ok { body }).response()
}

/// Returns a response with a text.
pub fn plain_text(body: &str, content_type: &str) -> Result<Response> {
    let response = Response::new_with_opt_str(Some(body))?;
    response.headers().set("content-type", content_type)?;
    response.headers().set("cache-control", "no-store")?;
    Ok(response)
}

pub fn refused(refusal: &Refusal) -> Result<Response> {
    let response = AnswerParts::from(refusal).response()?;
    // RFC 9110 requires this header in an answer with status 405.
    if !refusal.allowed_methods.is_empty() {
        response.headers().set("allow", &refusal.allowed_methods.join(", "))?;
    }
    Ok(response)
}

/// Reports an error of the platform, and returns the error for the client. The
/// cause is written to the operator's log. The client receives only the code
/// `internal`, which says that the client did not cause the error.
pub fn platform_error(cause: Error) -> Refusal {
    log::error("platform_failed", &[("cause", &cause.to_string())]);
    internal_error()
}

pub fn internal_error() -> Refusal {
    Refusal::new(Code::Internal, "an internal error occurred; try again")
}

/// Returns the response to a refused upgrade. A browser can't read the status
/// of a failed upgrade. So the socket is accepted, and then closed with the
/// refusal's code.
pub fn refused_upgrade(refusal: &Refusal, subprotocols: Option<&str>) -> Result<Response> {
    let WebSocketPair { client, server } = WebSocketPair::new()?;
    server.accept()?;
    close(&server, refusal);
    upgraded(&client, subprotocols)
}

pub fn upgraded(client: &WebSocket, subprotocols: Option<&str>) -> Result<Response> {
    let mut offered = subprotocols.unwrap_or_default().split(',').map(str::trim);
    let selected = offered.find(|name| *name == SUBPROTOCOL);
    Ok(platform::upgrade_response(client, selected)?)
}

/// Closes a socket with the refusal's code and message.
pub fn close(socket: &WebSocket, refusal: &Refusal) {
    let code = refusal.code.close_code().or(Code::Internal.close_code());
    // This call fails if the socket is already closed. In that case, no close
    // is needed.
    let _ = socket.close(code, Some(reason(&refusal.message)));
}

/// Cuts a message to 123 bytes, the maximum length of the reason in a Close
/// frame (RFC 6455, 5.5).
pub fn reason(message: &str) -> &str {
    message.get(..message.floor_char_boundary(123)).unwrap_or_default()
}

/// Adds the headers that allow pages of the configured origins to read a
/// response. `responding` is a response or a promise of one.
pub fn with_cors(responding: JsValue, origins: &Origins, origin: Option<&str>) -> JsValue {
    match origin {
        Some(origin) if origins.allows(origin) => {
            platform::add_cors(&responding, origin, origins.allows_credentials(origin)).into()
        }
        Some(_) | None => responding,
    }
}

/// Returns the response to a CORS preflight request.
pub fn preflight(origins: &Origins, origin: Option<&str>) -> Result<JsValue> {
    let response = AnswerParts::from(Answer::NoContent).response()?;
    let headers = response.headers();
    headers.set("access-control-allow-methods", "GET, POST, DELETE")?;
    headers.set("access-control-allow-headers", "authorization, content-type, last-event-id")?;
    headers.set("access-control-max-age", "86400")?;
    Ok(with_cors(response.into(), origins, origin))
}
