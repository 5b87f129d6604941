//! Functions of the runtime that the `worker` crate does not provide, or
//! provides in a form that can't be used here. The comments below give the
//! reasons.

use js_sys::{Array, Date, Promise};
use wasm_bindgen::prelude::{Closure, wasm_bindgen};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use worker::web_sys::{ReadableStream, Request, RequestInit, Response};
use worker::worker_sys::Context as RawContext;
use worker::{Env, State, Storage, WebSocket};

use crate::limits;
use crate::time::Millis;

/// A function that creates the response to a refused upgrade from the cause and
/// from the subprotocols that the client offers.
pub type Refuse = Closure<dyn Fn(JsValue, Option<String>) -> Result<Response, JsValue>>;

/// A function that counts an answered request to a room. Its parameters are the
/// environment and the context of the request, the kind of the request, the time
/// until the answer in milliseconds, whether the answer is `rate_limited`, the
/// bytes of both bodies, and the report that the room passed.
pub type Observe = Closure<dyn Fn(Env, RawContext, u8, f64, bool, f64, f64, Option<String>)>;

#[wasm_bindgen(module = "/src/edge/platform.js")]
extern "C" {
    /// Reads a stream to its end. The promise resolves to an `ArrayBuffer`, or
    /// to `null` if the stream has more than `bytes_max` bytes.
    #[wasm_bindgen(js_name = readStream)]
    pub fn read_stream(stream: &ReadableStream, bytes_max: usize) -> Promise;

    #[wasm_bindgen(js_name = isInPlace, catch)]
    fn is_in_place(
        env: &Env,
        state: &RawState,
        jurisdiction: Option<&str>,
    ) -> Result<bool, JsValue>;

    /// Sends an upgrade to a room. `address` is `RoomSettings::address`, here and
    /// in the functions below. The promise resolves to the room's response with
    /// the socket. If the room refuses the upgrade, the promise rejects with the
    /// text of the refusal. `identity` is JSON. `window_bytes` is the flow control
    /// window of a bridge's socket. `transport` is `None` for a WebSocket.
    pub fn upgrade(
        env: &Env,
        address: &str,
        url: &str,
        identity: &str,
        transport: Option<&str>,
        window_bytes: Option<f64>,
        subprotocols: Option<&str>,
    ) -> Promise;

    /// Waits for an upgrade. The promise resolves to the response for the client.
    /// `refuse` creates this response from the cause of a rejection.
    #[wasm_bindgen(js_name = answerUpgrade)]
    pub fn answer_upgrade(
        upgrading: &Promise,
        refuse: &Refuse,
        subprotocols: Option<&str>,
    ) -> Promise;

    /// Returns the parts of an upgrade from the worker, each on its own line:
    /// the URL, the identity as JSON, and the values of `upgrade`, of the
    /// bridge's window, of the subprotocols and of the transport. Fails if the identity has a wrong
    /// encoding.
    #[wasm_bindgen(js_name = partsOf, catch)]
    pub fn parts_of(request: &Request) -> Result<String, JsValue>;

    #[wasm_bindgen(catch)]
    fn upgraded(client: &RawSocket, subprotocol: Option<&str>) -> Result<Response, JsValue>;

    /// Sends a request to a room. The promise resolves to a [`RoomAnswer`].
    #[wasm_bindgen(js_name = callRoom)]
    pub fn call_room(
        env: &Env,
        address: &str,
        call: &str,
        body: &JsValue,
        takes_report: bool,
    ) -> Promise;

    /// Calls several rooms, each with its own body, if there are any. The promise
    /// resolves to an array with a [`RoomAnswer`] of each.
    #[wasm_bindgen(js_name = callRooms)]
    pub fn call_rooms(
        env: &Env,
        addresses: Vec<String>,
        calls: Vec<String>,
        bodies: Vec<String>,
        take_reports: bool,
    ) -> Promise;

    /// Sends a request to a room. The promise resolves to the response for the
    /// client, and never rejects. `body` is a string, an `ArrayBuffer`, a promise
    /// of one, or `undefined`. `unreadable` and `unreachable` are the bodies of
    /// the response if the body can't be read, and if the room can't be reached.
    /// `kind` is passed to `observe`, which counts the answer.
    pub fn forward(
        env: &Env,
        context: &RawContext,
        address: &str,
        kind: u8,
        call: &str,
        body: &JsValue,
        unreadable: &JsValue,
        unreachable: &JsValue,
        observe: Option<&Observe>,
    ) -> Promise;

    /// Sends reports to a shard of the directory. The promise never rejects.
    #[wasm_bindgen(js_name = sendReports)]
    pub fn send_reports(env: &Env, shard: u32, reports: &Array) -> Promise;

    /// Sends a webhook. Each header is a line. The promise resolves to the reason
    /// why the receiver did not accept it, or to `undefined`, and never rejects.
    #[wasm_bindgen(js_name = sendWebhook)]
    pub fn send_webhook(url: &str, headers: Vec<String>, body: &str, timeout_ms: f64) -> Promise;

    /// Lists rooms, or returns the sums of the metrics if `query` is `None`. The
    /// promise resolves to an array with the text of each shard.
    #[wasm_bindgen(js_name = readDirectory)]
    pub fn read_directory(env: &Env, shards: u32, query: Option<&str>) -> Promise;

    /// Reads a file of the console from the binding `ASSETS`. The promise resolves
    /// to the response, or to `undefined` if there is no such file.
    #[wasm_bindgen(js_name = consoleFile)]
    pub fn console_file(env: &Env, request: &Request) -> Promise;

    /// Waits for an answer, and logs it if its status is at least `min_status`.
    /// The promise resolves to the answer with the id of the request.
    #[wasm_bindgen(js_name = logAnswer)]
    pub fn log_answer(
        responding: &JsValue,
        request: &Request,
        min_status: u16,
        refused_status: Option<u16>,
        refused_code: Option<&str>,
    ) -> Promise;

    /// Writes a data point to Workers Analytics Engine, if the binding
    /// `ANALYTICS` is set.
    #[wasm_bindgen(js_name = writeDataPoint)]
    pub fn write_data_point(env: &Env, reporter: &str, doubles: Vec<f64>);

    /// Creates a response with JSON or without a body.
    #[wasm_bindgen(catch)]
    pub fn response(
        status: u16,
        body: Option<&str>,
        retry_after_s: Option<u32>,
    ) -> Result<Response, JsValue>;

    /// Adds the CORS headers to a response or to a promise of one.
    #[wasm_bindgen(js_name = addCors)]
    pub fn add_cors(responding: &JsValue, origin: &str, credentials: bool) -> Promise;
}

#[wasm_bindgen]
extern "C" {
    type RawSocket;

    /// Sends a text. The parameter is a JavaScript string, so that all sockets
    /// can share one string.
    #[wasm_bindgen(method, catch)]
    fn send(this: &RawSocket, text: &JsValue) -> Result<(), JsValue>;

    /// Stores an attachment. This function does not use serde, since an
    /// attachment is one string.
    #[wasm_bindgen(method, catch, js_name = serializeAttachment)]
    fn serialize_attachment(this: &RawSocket, text: &str) -> Result<(), JsValue>;

    #[wasm_bindgen(method, catch, js_name = deserializeAttachment)]
    fn deserialize_attachment(this: &RawSocket) -> Result<JsValue, JsValue>;

    #[wasm_bindgen(method, getter, js_name = readyState)]
    fn ready_state(this: &RawSocket) -> u16;

    #[wasm_bindgen(method, getter, js_name = bufferedAmount)]
    fn buffered_amount(this: &RawSocket) -> Option<f64>;

    type RawState;

    /// Accepts a hibernatable socket. The crate's version panics if the runtime
    /// refuses the socket.
    #[wasm_bindgen(method, catch, js_name = acceptWebSocket)]
    fn accept_web_socket(this: &RawState, socket: &RawSocket) -> Result<(), JsValue>;

    #[wasm_bindgen(method, catch, js_name = getWebSocketAutoResponseTimestamp)]
    fn auto_response_timestamp(
        this: &RawState,
        socket: &RawSocket,
    ) -> Result<Option<Date>, JsValue>;

    /// The answer of a room to a request.
    pub type RoomAnswer;

    #[wasm_bindgen(method, getter)]
    pub fn status(this: &RoomAnswer) -> u16;

    #[wasm_bindgen(method, getter)]
    pub fn body(this: &RoomAnswer) -> Option<String>;

    /// Value of `Retry-After` in seconds, if the answer is `rate_limited`.
    #[wasm_bindgen(method, getter, js_name = retryAfter)]
    pub fn retry_after_s(this: &RoomAnswer) -> Option<u32>;

    /// The room's report, which the caller delivers.
    #[wasm_bindgen(method, getter)]
    pub fn report(this: &RoomAnswer) -> Option<String>;

    /// The part of a response that only this platform has.
    type Upgraded;

    #[wasm_bindgen(method, getter, js_name = webSocket)]
    fn websocket(this: &Upgraded) -> Option<worker::web_sys::WebSocket>;

    type RawStorage;

    /// Sets the alarm. The crate's version is `async`, so it would start only
    /// after the current turn of the event loop.
    #[wasm_bindgen(method, catch, js_name = setAlarm)]
    fn set_alarm(this: &RawStorage, at: f64) -> Result<Promise, JsValue>;

    #[wasm_bindgen(method, catch, js_name = getAlarm)]
    fn get_alarm(this: &RawStorage) -> Result<Promise, JsValue>;

    #[wasm_bindgen(method, catch, js_name = deleteAll)]
    fn delete_all(this: &RawStorage) -> Result<Promise, JsValue>;

    /// Runs `body`, and rolls back the writes of `body` if it throws.
    #[wasm_bindgen(method, catch, js_name = transactionSync)]
    fn transaction_sync(
        this: &RawStorage,
        body: &mut dyn FnMut() -> Result<JsValue, JsValue>,
    ) -> Result<JsValue, JsValue>;

    pub fn fetch(url: &str, init: &RequestInit) -> Promise;

    #[wasm_bindgen(js_name = setTimeout, catch)]
    fn set_raw_timeout(act: &JsValue, after_ms: f64) -> Result<JsValue, JsValue>;

    #[wasm_bindgen(js_namespace = crypto, js_name = getRandomValues, catch)]
    fn get_random_values(bytes: &mut [u8]) -> Result<JsValue, JsValue>;

    #[wasm_bindgen(js_namespace = JSON, js_name = stringify, catch)]
    fn stringify(value: &JsValue) -> Result<JsValue, JsValue>;
}

fn raw(socket: &WebSocket) -> &RawSocket {
    let socket: &worker::web_sys::WebSocket = socket.as_ref();
    socket.unchecked_ref()
}

fn raw_storage(storage: &Storage) -> &RawStorage {
    storage.as_raw().unchecked_ref()
}

/// Accepts a hibernatable socket.
pub fn accept(state: &State, socket: &WebSocket) -> Result<(), JsValue> {
    state.as_raw().unchecked_ref::<RawState>().accept_web_socket(raw(socket))
}

/// Returns whether the object is in the jurisdiction of its room.
pub fn is_in_jurisdiction(
    env: &Env,
    state: &State,
    jurisdiction: Option<&str>,
) -> Result<bool, JsValue> {
    is_in_place(env, state.as_raw().unchecked_ref(), jurisdiction)
}

pub fn send(socket: &WebSocket, text: &JsValue) -> Result<(), JsValue> {
    raw(socket).send(text)
}

pub fn attach(socket: &WebSocket, text: &str) -> Result<(), JsValue> {
    raw(socket).serialize_attachment(text)
}

pub fn attachment(socket: &WebSocket) -> Option<String> {
    raw(socket).deserialize_attachment().ok()?.as_string()
}

/// Returns the time at which the runtime last answered a ping of a socket, or
/// `None` if the socket never sent a ping.
pub fn pinged(state: &State, socket: &WebSocket) -> Option<Millis> {
    let state = state.as_raw().unchecked_ref::<RawState>();
    let at = state.auto_response_timestamp(raw(socket)).ok()??;
    Some(Millis::new(integer(at.get_time())))
}

/// Returns the number of bytes that are not written to the network yet,
/// including the bytes that were sent in this turn. The object does not
/// hibernate while there are such bytes.
pub fn buffered_bytes(socket: &WebSocket) -> u64 {
    raw(socket).buffered_amount().map_or(0, integer)
}

/// Returns whether a socket is open. `get_websockets` may also list sockets
/// that are closing.
pub fn is_open(socket: &WebSocket) -> bool {
    const OPEN: u16 = 1;
    raw(socket).ready_state() == OPEN
}

/// Starts to set the alarm in the current turn, and does not await the result.
/// If the write fails later, the runtime resets the object and withholds its
/// answers, as for any failed write.
pub fn set_alarm(storage: &Storage, at: Millis) -> Result<(), JsValue> {
    raw_storage(storage).set_alarm(number(at.get())).map(drop)
}

/// Returns the time to which the alarm is set. Returns `None` if no alarm is
/// set, or while the alarm is firing.
pub async fn alarm(storage: &Storage) -> Result<Option<Millis>, JsValue> {
    let at = JsFuture::from(raw_storage(storage).get_alarm()?).await?;
    Ok(at.as_f64().map(|at| Millis::new(integer(at))))
}

/// Deletes everything that is stored, including the alarm. Like [`set_alarm`],
/// this function starts in the current turn and does not await the result.
pub fn delete_all(storage: &Storage) -> Result<(), JsValue> {
    raw_storage(storage).delete_all().map(drop)
}

/// Runs `body`. If `body` succeeds, commits all of its writes. If `body` fails,
/// commits none of them.
pub fn transaction<E: Into<JsValue>>(
    storage: &Storage,
    mut body: impl FnMut() -> Result<(), E>,
) -> Result<(), JsValue> {
    let mut body = || body().map(|()| JsValue::UNDEFINED).map_err(Into::into);
    raw_storage(storage).transaction_sync(&mut body).map(drop)
}

pub fn now() -> Millis {
    Millis::new(integer(Date::now()))
}

/// Calls a function after the given time, but after about 25 days at the
/// latest. Outside of a request, this function has no effect: the runtime
/// throws an error, which is ignored because nothing waits for the call.
pub fn set_timeout(after_ms: u64, act: impl FnOnce() + 'static) {
    let after_ms = number(after_ms.min(i32::MAX.unsigned_abs().into()));
    let _ = set_raw_timeout(&Closure::once_into_js(act), after_ms);
}

/// Converts an integer to a JavaScript number. All numbers of this service are
/// below 2^53, so the conversion is exact.
#[expect(clippy::cast_precision_loss, reason = "exact below 2^53")]
pub const fn number(integer: u64) -> f64 {
    integer as f64
}

/// Converts a JavaScript number to an integer. Fractions are cut off, and
/// negative numbers become 0.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "`as` saturates")]
pub const fn integer(number: f64) -> u64 {
    number as u64
}

/// Returns a random number below 2^53, which is exact in JavaScript.
pub fn random() -> Result<u64, JsValue> {
    let mut bytes = [0; 8];
    get_random_values(&mut bytes)?;
    Ok(u64::from_le_bytes(bytes) & limits::SAFE_INTEGER)
}

/// Creates the response that gives the client its end of a socket.
pub fn upgrade_response(
    client: &WebSocket,
    subprotocol: Option<&str>,
) -> Result<Response, JsValue> {
    upgraded(raw(client), subprotocol)
}

/// Returns the socket of a room's response to an upgrade.
pub fn websocket(response: &Response) -> Option<WebSocket> {
    response.unchecked_ref::<Upgraded>().websocket().map(Into::into)
}

/// Returns a variable or secret as text. A variable that is a table in
/// `wrangler.toml` is returned as JSON. Returns `None` if the variable or
/// secret is not set or is empty.
pub fn variable(env: &Env, name: &str) -> Option<String> {
    let value = js_sys::Reflect::get(env, &JsValue::from_str(name)).ok()?;
    let text = match value.as_string() {
        Some(text) => text,
        None => stringify(&value).ok()?.as_string()?,
    };
    (!text.is_empty()).then_some(text)
}
