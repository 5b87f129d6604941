//! Requests and sockets from the worker to rooms.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use futures_util::future::{Either, select};
use js_sys::{Array, Promise};
use wasm_bindgen::prelude::Closure;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::{JsFuture, future_to_promise};
use worker::web_sys::{Request, Response};
use worker::{Context, Env, Error, Result};

use super::answer::{internal_error, platform_error, refused_upgrade};
use super::platform::{self, Refuse, RoomAnswer};
use super::reports::{self, AnsweredRequest};
use super::request::{RoomCall, RoomUpgrade, body_unreadable};
use super::timer::sleep;
use super::worker_socket::{Relay, SocketEvent, WorkerSocket};
use crate::auth::Identity;
use crate::code::{Code, Refusal};
use crate::directory::SHARDS;
use crate::metrics;
use crate::protocol::{RoomName, RoomsQuery, Start, error_body, read_error};
use crate::room::Bridge;
use crate::route::RequestKind;
use crate::settings::RoomSettings;
use crate::time::Millis;

#[derive(Clone)]
pub struct RoomStubs {
    env: Env,
    context: Rc<Context>,
    settings: Rc<RoomSettings>,
    /// Whether the worker reports to the directory.
    reports: bool,
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
    pub fn new(env: Env, context: Context, settings: Rc<RoomSettings>) -> Self {
        let reports = settings.worker_reports();
        Self { env, context: Rc::new(context), settings, reports }
    }

    /// Reads a file of the console. Returns `None` if there is no such file.
    pub async fn read_console(&self, request: &Request) -> Result<Option<Response>> {
        let file = JsFuture::from(platform::console_file(&self.env, request)).await?;
        Ok((!file.is_undefined()).then(|| file.unchecked_into()))
    }

    /// Publishes to a room, and returns the body of the room's answer, which may be
    /// a refusal.
    pub async fn publish(
        &self,
        room: &RoomName,
        identity: &Identity,
        body: &str,
    ) -> Result<String> {
        let target = format!("/rooms/{room}/events");
        let call = RoomCall { method: "POST", target: &target, identity };
        let sent_at = platform::now();
        let address = self.settings.address(room);
        let answer =
            platform::call_room(&self.env, &address, &call.text(), &body.into(), self.reports);
        let answer: RoomAnswer = JsFuture::from(answer).await?.unchecked_into();
        self.count_answer(RequestKind::Publish, &answer, sent_at, body.len());
        answer.body().ok_or_else(|| "a room's answer to a publish has no body".into())
    }

    /// Calls several rooms at the same time, and returns the bodies of their
    /// answers. A body is empty if the answer has none. `calls` has the
    /// [`RoomCall::text`] of each room. `bodies` has the body for each room, or is
    /// empty. Fails with the first refusal.
    pub async fn call_all(
        &self,
        kind: RequestKind,
        rooms: &[&RoomName],
        calls: Vec<String>,
        bodies: Vec<String>,
    ) -> std::result::Result<Vec<String>, Refusal> {
        let sent_at = platform::now();
        let addresses = rooms.iter().map(|room| self.settings.address(room).into_owned()).collect();
        let sizes: Vec<usize> = bodies.iter().map(String::len).collect();
        let calling = platform::call_rooms(&self.env, addresses, calls, bodies, self.reports);
        let failed = |cause: JsValue| platform_error(cause.into());
        let answers: Array = JsFuture::from(calling).await.map_err(failed)?.unchecked_into();
        let mut received = Vec::new();
        for (index, answer) in answers.iter().enumerate() {
            let answer: RoomAnswer = answer.unchecked_into();
            let bytes = sizes.get(index).copied().unwrap_or_default();
            self.count_answer(kind, &answer, sent_at, bytes);
            let body = answer.body().unwrap_or_default();
            if answer.status() >= 300 {
                return Err(read_error(&body)
                    .unwrap_or_else(|| platform_error("a room's refusal is invalid".into())));
            }
            received.push(body);
        }
        Ok(received)
    }

    fn count_answer(
        &self,
        kind: RequestKind,
        answer: &RoomAnswer,
        sent_at: Millis,
        bytes_received: usize,
    ) {
        if self.reports {
            reports::count_answer(AnsweredRequest {
                kind,
                took_ms: platform::now().since(sent_at),
                is_rate_limited: answer.retry_after_s().is_some(),
                bytes_received: bytes_received as u64,
                bytes_sent: answer.body().map_or(0, |body| body.len() as u64),
                report: answer.report(),
            });
            reports::schedule(&self.env, &self.context);
        }
    }

    /// Counts a refused token, if the refusal is for its token.
    pub fn count_refusal(&self, refusal: &Refusal) {
        let is_for_token =
            matches!(refusal.code, Code::Unauthorized | Code::TokenExpired | Code::Forbidden);
        if self.reports && is_for_token {
            reports::count(&metrics::AUTH_FAILURES, refusal.code.as_str());
            reports::schedule(&self.env, &self.context);
        }
    }

    /// Delivers the reports of this isolate, and then reads the directory. If
    /// `query` is `None`, the answers are the sums of the metrics. Otherwise, they
    /// are lists of rooms. There is an answer for each shard.
    pub async fn read_directory(&self, query: Option<&RoomsQuery>) -> Result<Vec<String>> {
        reports::deliver(&self.env).await;
        let query = query.map(RoomsQuery::query);
        let reading = platform::read_directory(&self.env, SHARDS, query.as_deref());
        let answers: Array = JsFuture::from(reading).await?.unchecked_into();
        Ok(answers.iter().filter_map(|answer| answer.as_string()).collect())
    }

    /// Sends a request to a room. The promise resolves to the response for the
    /// client, and never rejects. `body` is a string, an `ArrayBuffer`, a promise
    /// of one, or `undefined`.
    pub fn forward(
        &self,
        room: &RoomName,
        kind: RequestKind,
        call: &RoomCall<'_>,
        body: &JsValue,
    ) -> Promise {
        thread_local! {
            static ERRORS: [JsValue; 2] = [body_unreadable(), internal_error()]
                .map(|refusal| JsValue::from_str(&error_body(&refusal)));
        }
        let (env, context, kind) = (&self.env, (*self.context).as_ref(), kind as u8);
        let (address, call) = (self.settings.address(room), call.text());
        ERRORS.with(|[unreadable, unreachable]| {
            reports::with_observe(|observe| {
                let observe = self.reports.then_some(observe);
                platform::forward(
                    env,
                    context,
                    &address,
                    kind,
                    &call,
                    body,
                    unreadable,
                    unreachable,
                    observe,
                )
            })
        })
    }

    /// Forwards a client's upgrade to a room. The promise resolves to the response
    /// for the client, and waits in JavaScript like [`RoomStubs::forward`].
    pub fn forward_upgrade(&self, upgrade: &RoomUpgrade<'_>) -> Promise {
        thread_local! {
            static REFUSE: Refuse = Closure::new(refuse);
        }
        let upgrading = upgrade.send(&self.env, &self.settings.address(upgrade.room));
        REFUSE.with(|refuse| platform::answer_upgrade(&upgrading, refuse, upgrade.subprotocols))
    }

    /// Opens a socket from the worker to a room. The frames that `relay` forwards
    /// are not passed to `on_event`.
    ///
    /// Fails with the room's refusal. Call this method only in an invocation
    /// that waits for the result. If the invocation ended first, the room would
    /// keep the session of a socket that nothing reads. This case was observed.
    pub async fn connect(
        &self,
        room: &RoomName,
        identity: &Identity,
        start: Start,
        bridge: Bridge,
        on_event: Rc<dyn Fn(SocketEvent)>,
        relay: Option<&Relay>,
    ) -> std::result::Result<WorkerSocket, Refusal> {
        let (rooms, room, identity) = (self.clone(), room.clone(), identity.clone());
        let relay = relay.cloned();
        let opening = Box::pin(async move {
            let (room, identity) = (&room, &identity);
            let upgrade = RoomUpgrade { room, identity, start, bridge, subprotocols: None };
            let upgrading = upgrade.send(&rooms.env, &rooms.settings.address(room));
            let answer = JsFuture::from(upgrading).await.map_err(refusal_of)?;
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
