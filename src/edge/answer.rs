//! Refusals and answers as HTTP responses, CORS, and the socket that is
//! closed at once.

use worker::web_sys::Response as RawResponse;
use worker::{Error, Headers, Response, Result, WebSocket, WebSocketPair, console_error};

use crate::auth::Origins;
use crate::code::{Code, Refusal};
use crate::protocol::error_body;
use crate::room::Answer;

/// The subprotocol of the contract. Where a client offers any, it fails if
/// none is selected.
pub const SUBPROTOCOL: &str = "roomcast.v1";

pub fn answer(answer: Answer) -> Result<Response> {
    match answer {
        Answer::Ok { body } => json(body, 200),
        Answer::Created { body } => json(body, 201),
        Answer::Accepted => Ok(Response::empty()?.with_status(202)),
        Answer::NoContent => Ok(Response::empty()?.with_status(204)),
        Answer::Refused(refusal) => refused(&refusal),
    }
}

pub fn json(body: String, status: u16) -> Result<Response> {
    let response = Response::ok(body)?.with_status(status);
    response.headers().set("content-type", "application/json")?;
    response.headers().set("cache-control", "no-store")?;
    Ok(response)
}

pub fn refused(refusal: &Refusal) -> Result<Response> {
    let response = json(error_body(refusal), refusal.code.http_status().unwrap_or(500))?;
    if let Some(retry_after_ms) = refusal.retry_after_ms {
        response.headers().set("retry-after", &retry_after_ms.div_ceil(1_000).to_string())?;
    }
    Ok(response)
}

/// The platform failed: the operator hears the cause, the client that it was
/// not its fault.
pub fn broken(cause: Error) -> Refusal {
    console_error!("{cause}");
    Refusal::new(Code::Internal, "the service could not do this; try again")
}

/// The answer to an upgrade that is refused: a browser can't read the status
/// of one that failed, so it is accepted and closed.
pub fn refused_upgrade(refusal: &Refusal, subprotocols: Option<&str>) -> Result<Response> {
    let WebSocketPair { client, server } = WebSocketPair::new()?;
    server.accept()?;
    close(&server, refusal);
    upgraded(client, subprotocols)
}

pub fn upgraded(client: WebSocket, subprotocols: Option<&str>) -> Result<Response> {
    let response = Response::from_websocket(client)?;
    let mut offered = subprotocols.unwrap_or_default().split(',').map(str::trim);
    if offered.any(|name| name == SUBPROTOCOL) {
        response.headers().set("sec-websocket-protocol", SUBPROTOCOL)?;
    }
    Ok(response)
}

/// Closes with the refusal's code and message.
pub fn close(socket: &WebSocket, refusal: &Refusal) {
    let code = refusal.code.close_code().or(Code::Internal.close_code());
    // It fails on a socket that is closed already, which is what was wanted.
    let _ = socket.close(code, Some(reason(&refusal.message)));
}

/// As much of a message as a Close frame takes: 123 bytes (RFC 6455, 5.5).
pub fn reason(message: &str) -> &str {
    message.get(..message.floor_char_boundary(123)).unwrap_or_default()
}

/// Lets pages of the allowed origins read the response.
pub fn with_cors(
    response: RawResponse,
    origins: &Origins,
    origin: Option<&str>,
) -> Result<RawResponse> {
    let Some(origin) = origin.filter(|origin| origins.allows(origin)) else { return Ok(response) };
    let response = Response::from(response);
    // Those of a response that came from the room can't be changed.
    let headers: Headers = response.headers().entries().collect();
    headers.set("access-control-allow-origin", origin)?;
    headers.append("vary", "origin")?;
    headers.set("access-control-expose-headers", "retry-after")?;
    if origins.allows_credentials(origin) {
        headers.set("access-control-allow-credentials", "true")?;
    }
    Ok(response.with_headers(headers).into())
}

/// The answer to a browser that asks whether it may ask.
pub fn preflight(origins: &Origins, origin: Option<&str>) -> Result<RawResponse> {
    let response = Response::empty()?.with_status(204);
    let headers = response.headers();
    headers.set("access-control-allow-methods", "GET, POST, DELETE")?;
    headers.set("access-control-allow-headers", "authorization, content-type, last-event-id")?;
    headers.set("access-control-max-age", "86400")?;
    with_cors(response.into(), origins, origin)
}
