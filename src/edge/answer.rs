//! HTTP responses, CORS headers, and sockets that are closed at once.

use worker::web_sys::Response as RawResponse;
use worker::{Error, Headers, Response, Result, WebSocket, WebSocketPair, console_error};

use crate::auth::Origins;
use crate::code::{Code, Refusal};
use crate::protocol::error_body;
use crate::room::Answer;

/// The subprotocol of the wire contract. A client that offers subprotocols
/// fails if none is selected.
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

/// Reports an error of the platform. The operator's log gets the cause, the
/// client receives only that the error is not its own.
pub fn platform_error(cause: Error) -> Refusal {
    console_error!("{cause}");
    Refusal::new(Code::Internal, "an internal error occurred; try again")
}

/// Answers a refused upgrade. A browser can't read the status of a failed
/// upgrade, so the socket is accepted and then closed with the refusal's code.
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
    // It fails on a socket that is closed already, which needs no close.
    let _ = socket.close(code, Some(reason(&refusal.message)));
}

/// Cuts a message to the 123 bytes that a Close frame can hold (RFC 6455, 5.5).
pub fn reason(message: &str) -> &str {
    message.get(..message.floor_char_boundary(123)).unwrap_or_default()
}

/// Adds the headers that let pages of the allowed origins read a response.
pub fn with_cors(
    response: RawResponse,
    origins: &Origins,
    origin: Option<&str>,
) -> Result<RawResponse> {
    let Some(origin) = origin.filter(|origin| origins.allows(origin)) else { return Ok(response) };
    let response = Response::from(response);
    // The headers of a room's response are immutable, so they are copied.
    let headers: Headers = response.headers().entries().collect();
    headers.set("access-control-allow-origin", origin)?;
    headers.append("vary", "origin")?;
    headers.set("access-control-expose-headers", "retry-after")?;
    if origins.allows_credentials(origin) {
        headers.set("access-control-allow-credentials", "true")?;
    }
    Ok(response.with_headers(headers).into())
}

/// Answers a CORS preflight request.
pub fn preflight(origins: &Origins, origin: Option<&str>) -> Result<RawResponse> {
    let response = Response::empty()?.with_status(204);
    let headers = response.headers();
    headers.set("access-control-allow-methods", "GET, POST, DELETE")?;
    headers.set("access-control-allow-headers", "authorization, content-type, last-event-id")?;
    headers.set("access-control-max-age", "86400")?;
    with_cors(response.into(), origins, origin)
}
