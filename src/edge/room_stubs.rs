//! Rooms, as the worker reaches them.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use futures_util::future::{Either, select};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::{JsFuture, future_to_promise};
use worker::web_sys::{Request as RawRequest, Response as RawResponse};
use worker::{Context, Env, Error, Response, Result};

use super::answer::broken;
use super::platform;
use super::request::connect_request;
use super::timer::sleep;
use super::worker_socket::{SocketEvent, WorkerSocket};
use crate::auth::Identity;
use crate::code::{Code, Refusal};
use crate::protocol::{RoomName, Start, read_error};

#[derive(Clone)]
pub struct RoomStubs {
    env: Env,
    context: Rc<Context>,
}

/// An object that hangs must not keep a reader waiting for longer.
const OPEN_TIMEOUT: Duration = Duration::from_secs(10);

fn unreachable(cause: Error) -> Refusal {
    // The platform has no other name for it.
    if cause.to_string().contains("Too many subrequests") {
        return Refusal::new(Code::Restarting, "this connection has been used up");
    }
    broken(cause)
}

/// Whether a room accepted a socket. One that it refuses is closed by the
/// worker, not by the room.
pub fn is_upgraded(answer: &RawResponse) -> bool {
    answer.status() == 101
}

/// Why a room did not upgrade, as its answer says it.
pub async fn refusal_of(answer: RawResponse) -> Refusal {
    match Response::from(answer).text().await {
        Ok(body) => read_error(&body).unwrap_or_else(|| broken("a room did not upgrade".into())),
        Err(cause) => broken(cause),
    }
}

impl RoomStubs {
    pub fn new(env: Env, context: Context) -> Self {
        Self { env, context: Rc::new(context) }
    }

    /// The answer is the runtime's own, to be passed on as it is.
    pub async fn fetch(&self, room: &RoomName, request: &RawRequest) -> Result<RawResponse> {
        let answer = platform::fetch_room(&self.env, room.as_str(), request)?;
        Ok(JsFuture::from(answer).await?.unchecked_into())
    }

    /// Opens a socket of the worker's own, under flow control if it has a
    /// window, in bytes. A room that refuses says so in its answer. Call it
    /// where the invocation waits until it is done: a session whose socket was
    /// on its way to an invocation that ended would stay in the room [seen].
    pub async fn connect(
        &self,
        room: &RoomName,
        identity: &Identity,
        start: Start,
        window: Option<u64>,
        on_event: Rc<dyn Fn(SocketEvent)>,
    ) -> std::result::Result<WorkerSocket, Refusal> {
        let request = connect_request(room, identity, start, window).map_err(broken)?;
        let (rooms, room) = (self.clone(), room.clone());
        let opening = Box::pin(async move {
            let answer = rooms.fetch(&room, &request).await.map_err(unreachable)?;
            if !is_upgraded(&answer) {
                return Err(refusal_of(answer).await);
            }
            let socket = Response::from(answer).websocket();
            let socket = socket.ok_or_else(|| broken("a room's upgrade has no socket".into()))?;
            WorkerSocket::accept(socket, on_event).map_err(broken)
        });
        match select(opening, Box::pin(sleep(OPEN_TIMEOUT))).await {
            Either::Left((socket, _)) => socket,
            Either::Right(((), late)) => {
                // Dropped as it comes, it closes.
                self.wait_until(async move { drop(late.await) });
                Err(Refusal::new(Code::Internal, "the room did not answer in time; try again"))
            }
        }
    }

    /// Keeps the invocation going until a task is done, even if its client has
    /// gone by then.
    pub fn wait_until(&self, task: impl Future<Output = ()> + 'static) {
        self.context.wait_until(task);
    }

    /// The same, for an answer that the client waits for if it is there.
    pub async fn run_to_completion(
        &self,
        task: impl Future<Output = std::result::Result<RawResponse, Refusal>> + 'static,
    ) -> std::result::Result<RawResponse, Refusal> {
        let answer = Rc::new(Cell::new(None));
        let (into, task) = (Rc::clone(&answer), Box::pin(task));
        let done = future_to_promise(async move {
            into.set(Some(task.await));
            Ok(JsValue::UNDEFINED)
        });
        let waiting = JsFuture::from(done.clone());
        self.wait_until(async move { drop(waiting.await) });
        JsFuture::from(done).await.map_err(|cause| broken(cause.into()))?;
        answer.take().unwrap_or_else(|| Err(broken("a task was given up".into())))
    }
}
