//! Requests and sockets from the worker to rooms.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use futures_util::future::{Either, select};
use js_sys::Promise;
use wasm_bindgen::prelude::Closure;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::{JsFuture, future_to_promise};
use worker::web_sys::Response;
use worker::{Context, Env, Error, Result};

use super::answer::{internal_error, platform_error, refused_upgrade};
use super::platform::{self, Refuse, RoomAnswer};
use super::request::{RoomCall, RoomUpgrade, body_unreadable};
use super::timer::sleep;
use super::worker_socket::{Relay, SocketEvent, WorkerSocket};
use crate::auth::Identity;
use crate::code::{Code, Refusal};
use crate::protocol::{RoomName, Start, error_body, read_error};

#[derive(Clone)]
pub struct RoomStubs {
    env: Env,
    context: Rc<Context>,
}

/// The maximum time that a room may take to open a socket. An object that hangs
/// must not block a reader for longer than this time.
const OPEN_TIMEOUT: Duration = Duration::from_secs(10);

fn unreachable(cause: Error) -> Refusal {
    // The platform identifies this error only by its message.
    if cause.to_string().contains("Too many subrequests") {
        return Refusal::new(Code::Restarting, "this connection may open no more rooms");
    }
    platform_error(cause)
}

/// Returns the refusal of an upgrade. `cause` is the text of the room's refusal,
/// or the error if the room can't be reached.
fn refusal_of(cause: JsValue) -> Refusal {
    match cause.as_string() {
        Some(text) => {
            read_error(&text).unwrap_or_else(|| platform_error("a room did not upgrade".into()))
        }
        None => unreachable(cause.into()),
    }
}

fn refuse(cause: JsValue, subprotocols: Option<String>) -> std::result::Result<Response, JsValue> {
    refused_upgrade(&refusal_of(cause), subprotocols.as_deref()).map_err(Into::into)
}

impl RoomStubs {
    pub fn new(env: Env, context: Context) -> Self {
        Self { env, context: Rc::new(context) }
    }

    /// Sends a request to a room, and returns the room's answer.
    pub async fn request(
        &self,
        room: &RoomName,
        call: &RoomCall<'_>,
        body: &str,
    ) -> Result<RoomAnswer> {
        let answer = platform::call_room(&self.env, room.as_str(), &call.text(), body);
        Ok(JsFuture::from(answer).await?.unchecked_into())
    }

    /// Sends a request to a room. The promise resolves to the response for the
    /// client, and never rejects. `body` is a string, an `ArrayBuffer`, a promise
    /// of one, or `undefined`.
    pub fn forward(&self, room: &RoomName, call: &RoomCall<'_>, body: &JsValue) -> Promise {
        thread_local! {
            static ERRORS: [JsValue; 2] = [body_unreadable(), internal_error()]
                .map(|refusal| JsValue::from_str(&error_body(&refusal)));
        }
        ERRORS.with(|[unreadable, unreachable]| {
            let (room, call) = (room.as_str(), call.text());
            platform::forward(&self.env, room, &call, body, unreadable, unreachable)
        })
    }

    /// Forwards a client's upgrade to a room. The promise resolves to the response
    /// for the client, and waits in JavaScript like [`RoomStubs::forward`].
    pub fn forward_upgrade(&self, upgrade: &RoomUpgrade<'_>) -> Promise {
        thread_local! {
            static REFUSE: Refuse = Closure::new(refuse);
        }
        let upgrading = upgrade.send(&self.env);
        REFUSE.with(|refuse| platform::answer_upgrade(&upgrading, refuse, upgrade.subprotocols))
    }

    /// Opens a socket from the worker to a room. `window` is the flow control
    /// window of a bridge's socket in bytes, and `None` for other sockets. The
    /// frames that `relay` forwards are not passed to `on_event`.
    ///
    /// Fails with the room's refusal. Call this method only in an invocation
    /// that waits for the result. If the invocation ended first, the room would
    /// keep the session of a socket that nothing reads. This case was observed.
    pub async fn connect(
        &self,
        room: &RoomName,
        identity: &Identity,
        start: Start,
        window: Option<u64>,
        on_event: Rc<dyn Fn(SocketEvent)>,
        relay: Option<&Relay>,
    ) -> std::result::Result<WorkerSocket, Refusal> {
        let (rooms, room, identity) = (self.clone(), room.clone(), identity.clone());
        let relay = relay.cloned();
        let opening = Box::pin(async move {
            let (room, identity) = (&room, &identity);
            let upgrade = RoomUpgrade { room, identity, start, window, subprotocols: None };
            let answer = JsFuture::from(upgrade.send(&rooms.env)).await.map_err(refusal_of)?;
            let socket = platform::websocket(&answer.unchecked_into());
            let socket =
                socket.ok_or_else(|| platform_error("a room's upgrade has no socket".into()))?;
            WorkerSocket::accept(socket, on_event, relay.as_ref()).map_err(platform_error)
        });
        match select(opening, Box::pin(sleep(OPEN_TIMEOUT))).await {
            Either::Left((socket, _)) => socket,
            Either::Right(((), late)) => {
                // If the socket opens after the timeout, the socket is dropped
                // and thereby closed.
                self.wait_until(async move { drop(late.await) });
                Err(Refusal::new(Code::Internal, "the room did not answer in time; try again"))
            }
        }
    }

    /// Keeps the invocation running until a task ends. A disconnect of the
    /// client does not end the invocation earlier.
    pub fn wait_until(&self, task: impl Future<Output = ()> + 'static) {
        self.context.wait_until(task);
    }

    /// Runs a task to its end, even if the client is gone, and returns the
    /// task's result.
    pub async fn run_to_completion(
        &self,
        task: impl Future<Output = std::result::Result<Response, Refusal>> + 'static,
    ) -> std::result::Result<Response, Refusal> {
        let answer = Rc::new(Cell::new(None));
        let (into, task) = (Rc::clone(&answer), Box::pin(task));
        let done = future_to_promise(async move {
            into.set(Some(task.await));
            Ok(JsValue::UNDEFINED)
        });
        let waiting = JsFuture::from(done.clone());
        self.wait_until(async move { drop(waiting.await) });
        JsFuture::from(done).await.map_err(|cause| platform_error(cause.into()))?;
        answer.take().unwrap_or_else(|| Err(platform_error("a task ended without a result".into())))
    }
}
