//! HTTP responses, CORS headers, and the closing of refused sockets.

use worker::web_sys::Response as RawResponse;
use worker::{Error, Headers, Response, Result, WebSocket, WebSocketPair, console_error};

use crate::auth::Origins;
use crate::code::{Code, Refusal};
use crate::protocol::error_body;
use crate::room::Answer;

/// The WebSocket subprotocol that names the wire protocol. If a client offers
/// subprotocols and the response selects none of them, the client fails the
/// WebSocket connection.
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

/// Reports an error of the platform, and returns the error for the client. The
/// cause is written to the operator's log. The client receives only the code
/// `internal`, which says that the client did not cause the error.
pub fn platform_error(cause: Error) -> Refusal {
    console_error!("{cause}");
    Refusal::new(Code::Internal, "an internal error occurred; try again")
}

/// Returns the response to a refused upgrade. A browser can't read the status
/// of a failed upgrade. So the socket is accepted, and then closed with the
/// refusal's code.
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
/// response.
pub fn with_cors(
    response: RawResponse,
    origins: &Origins,
    origin: Option<&str>,
) -> Result<RawResponse> {
    let Some(origin) = origin.filter(|origin| origins.allows(origin)) else { return Ok(response) };
    let response = Response::from(response);
    // The headers of a room's response are immutable, so they are copied first.
    let headers: Headers = response.headers().entries().collect();
    headers.set("access-control-allow-origin", origin)?;
    headers.append("vary", "origin")?;
    headers.set("access-control-expose-headers", "retry-after")?;
    if origins.allows_credentials(origin) {
        headers.set("access-control-allow-credentials", "true")?;
    }
    Ok(response.with_headers(headers).into())
}

/// Returns the response to a CORS preflight request.
pub fn preflight(origins: &Origins, origin: Option<&str>) -> Result<RawResponse> {
    let response = Response::empty()?.with_status(204);
    let headers = response.headers();
    headers.set("access-control-allow-methods", "GET, POST, DELETE")?;
    headers.set("access-control-allow-headers", "authorization, content-type, last-event-id")?;
    headers.set("access-control-max-age", "86400")?;
    with_cors(response.into(), origins, origin)
}
