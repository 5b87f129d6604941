//! The worker matches a request to its route, verifies the token, and forwards
//! the request to the room. A request that the worker refuses does not load a
//! room.

use std::rc::Rc;
use std::task::{self, Poll};

use futures_util::future::join_all;
use js_sys::Promise;
use serde::Deserialize;
use serde_json::value::RawValue;
use subtle::ConstantTimeEq;
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::{JsFuture, future_to_promise};
use worker::web_sys::{Request, Response};
use worker::worker_sys::Context as RawContext;
use worker::{Context, Env, Result};

use super::answer::{
    json, plain_text, platform_error, preflight, refused, refused_upgrade, with_cors,
};
use super::bridge;
use super::config::{Config, config, settings};
use super::pusher::PusherRequest;
use super::request::{RoomCall, RoomUpgrade, body, body_text};
use super::room_stubs::RoomStubs;
use super::verifier::{claims_of_request, health};
use super::{log, platform};
use crate::auth::{Claims, Identity, TokenError, extract};
use crate::code::{Code, Refusal};
use crate::directory;
use crate::metrics::{self, Sums};
use crate::protocol::{
    PageQuery, Right, RoomName, RoomsQuery, Start, error_body, parse_publish_to_rooms,
};
use crate::publish_hook::check_body;
use crate::pusher::Signed;
use crate::request_head::{RequestHead, headers};
use crate::room::Bridge;
use crate::route::{Call, PusherCall, Request as RoomRequest, RequestKind, Route};

/// Returns the names of the headers whose values `entry.js` passes to [`fetch`].
#[wasm_bindgen(js_name = requestHeaders)]
pub fn request_headers(method: &str) -> Vec<String> {
    headers(method).into_iter().map(str::to_owned).collect()
}

/// Returns at once. `entry.js` calls this function to let the generated code
/// start the WebAssembly again, if an exception passed through it.
#[wasm_bindgen(js_name = doNothing)]
pub fn do_nothing() {}

/// Sends a request to a room for another part of the worker, which may have no
/// keys of tokens. `rooms` contains its binding `ROOMS`. The promise resolves to
/// the room's answer.
#[wasm_bindgen(js_name = callRoom)]
pub fn call_room(env: &Env, rooms: &Env, room: &str, call: &str, body: &JsValue) -> Promise {
    let room = RoomName::parse(room).map_err(|wrong| wrong.message);
    match room.and_then(|room| Ok(settings(env)?.address(&room).into_owned())) {
        Ok(address) => platform::call_room(rooms, &address, call, body, false),
        Err(wrong) => Promise::reject(&js_sys::Error::new(&wrong)),
    }
}

/// Handles a request. `head` is the text that [`RequestHead::parse`] parses.
/// `request` is read for the body and for the operator's `authenticate`. Returns
/// a response or a promise of one.
#[wasm_bindgen]
pub fn fetch(head: String, request: Request, env: Env, context: RawContext) -> JsValue {
    let mut responding = Box::pin(async move {
        respond(&head, &request, env, Context::new(context)).await.map_err(JsValue::from)
    });
    // Most requests wait for nothing here, or only for the room's answer, whose
    // promise is the result. These requests need no task.
    match responding.as_mut().poll(&mut task::Context::from_waker(task::Waker::noop())) {
        Poll::Ready(Ok(responding)) => responding,
        Poll::Ready(Err(cause)) => Promise::reject(&cause).into(),
        Poll::Pending => future_to_promise(responding).into(),
    }
}

async fn respond(head: &str, request: &Request, env: Env, context: Context) -> Result<JsValue> {
    let config = config(&env);
    let base_path = config.as_ref().map_or("", |config| &config.hooks.base_path);
    let Some(head) = RequestHead::parse(head, base_path) else {
        return Ok(refused(&Refusal::bad_request("a header has a line break"))?.into());
    };
    let config = match &config {
        Ok(config) => config,
        Err(cause) => {
            log::error("configuration_invalid", &[("cause", cause)]);
            let message = "the service is misconfigured; its log has the reason";
            let response = refuse(&head, &Refusal::new(Code::Internal, message))?;
            return Ok(log_answer(response.into(), request, Some(Code::Internal)));
        }
    };
    if head.is_preflight() {
        return preflight(&config.origins, head.origin);
    }
    let rooms = RoomStubs::new(env, context, Rc::clone(&config.settings));
    let handler = Handler { config, rooms, head: &head, request };
    let (responding, refused) = match handler.handle().await {
        Ok(responding) => (responding, None),
        Err(refusal) => {
            handler.rooms.count_refusal(&refusal);
            (refuse(&head, &refusal)?.into(), Some(refusal.code))
        }
    };
    let responding = match head.is_upgrade() {
        true => responding,
        false => with_cors(responding, &config.origins, head.origin),
    };
    Ok(log_answer(responding, request, refused))
}

/// Logs an answer, if `LOG_LEVEL` selects it. `refused` is the code of a request
/// that the worker refused.
fn log_answer(responding: JsValue, request: &Request, refused: Option<Code>) -> JsValue {
    let min_status = log::level().min_status();
    let refused_status = refused.and_then(Code::http_status);
    let refused_code = refused.map(Code::as_str);
    platform::log_answer(&responding, request, min_status, refused_status, refused_code).into()
}

fn refuse(head: &RequestHead, refusal: &Refusal) -> Result<Response> {
    if head.is_upgrade() { refused_upgrade(refusal, head.subprotocols) } else { refused(refusal) }
}

/// Handles one request.
struct Handler<'a> {
    config: &'a Rc<Config>,
    rooms: RoomStubs,
    head: &'a RequestHead<'a>,
    request: &'a Request,
}

impl Handler<'_> {
    /// Returns a response, or a promise of the room's response.
    async fn handle(&self) -> std::result::Result<JsValue, Refusal> {
        if Route::is_of_pusher(self.head.path) && self.config.pusher_apps.is_empty() {
            return Err(Refusal::new(
                Code::NotFound,
                "there is nothing at this path: PUSHER_APPS is not set",
            ));
        }
        let response = match self.head.route()? {
            Route::Health => {
                health(self.config).await?;
                plain_text("ok", "text/plain;charset=UTF-8").map_err(platform_error)?
            }
            Route::Metrics => {
                self.check_metrics_token().await?;
                self.metrics().await?
            }
            Route::Console => self.console().await?,
            Route::Rooms(query) => {
                let claims = self.required_claims().await?;
                claims.grant_under(&query.prefix).check(&[Right::Admin])?;
                self.list_rooms(&query).await?
            }
            Route::PublishToRooms => {
                let claims = self.required_claims().await?;
                self.publish_to_rooms(&claims, &self.body_text().await?).await?
            }
            Route::Connection => {
                let claims = self.claims().await?;
                bridge::connect(self.config, &self.rooms, claims, self.head.subprotocols)
                    .map_err(platform_error)?
            }
            Route::PusherSocket { key } => {
                let head = self.head;
                let app = self.config.pusher_apps.connect(&key, head.query, head.origin);
                bridge::connect_pusher(self.config, &self.rooms, app).map_err(platform_error)?
            }
            Route::Pusher { app, call } => self.pusher(&app, &call).await?,
            Route::Stream { room, query } => {
                let identity = self.identity(&room).await?;
                // An anonymous reader needs a token to enter the room.
                let identity = identity
                    .filter(|identity| identity.user.is_some() || query.enter.is_none())
                    .ok_or_else(|| TokenError::Missing.refusal())?;
                let rooms = self.rooms.clone();
                self.rooms.run_to_completion(bridge::stream(rooms, room, identity, query)).await?
            }
            Route::Room { room, call: Call::Connect(start) } => {
                return self.join(room, start).await;
            }
            Route::Room { room, call: Call::Request(call) } => {
                return self.forward(room, call).await;
            }
        };
        Ok(response.into())
    }

    async fn join(&self, room: RoomName, start: Start) -> std::result::Result<JsValue, Refusal> {
        let subprotocols = self.head.subprotocols;
        // Without an identity, the first frame must contain the token.
        let Some(identity) = self.identity(&room).await? else {
            return bridge::pending(self.config, &self.rooms, room, start, subprotocols)
                .map(Into::into)
                .map_err(platform_error);
        };
        Call::Connect(start).check(identity.grant)?;
        let (room, identity) = (&room, &identity);
        let upgrade =
            RoomUpgrade { room, identity, start, bridge: Bridge::default(), subprotocols };
        Ok(self.rooms.forward_upgrade(&upgrade).into())
    }

    async fn forward(
        &self,
        room: RoomName,
        call: RoomRequest,
    ) -> std::result::Result<JsValue, Refusal> {
        // An anonymous client needs a token for each call that its grant does
        // not allow.
        let identity = self
            .identity(&room)
            .await?
            .filter(|identity| identity.user.is_some() || call.check(identity.grant).is_ok())
            .ok_or_else(|| TokenError::Missing.refusal())?;
        call.check(identity.grant)?;
        let target = self.head.target();
        let body = match call {
            RoomRequest::Page(PageQuery { wait: Some(wait), .. }) => {
                let page = bridge::long_poll(self.rooms.clone(), room, identity, wait, target);
                return self.rooms.run_to_completion(page).await.map(Into::into);
            }
            RoomRequest::Export(_) => return self.export(&room, &identity, &target).await,
            RoomRequest::Publish if self.config.hooks.publish_hook().is_some() => {
                self.checked(&room, &identity, self.body_text().await?)?.into()
            }
            RoomRequest::Publish | RoomRequest::Signal | RoomRequest::Import => {
                body(self.request, self.head.content_length).await?
            }
            _ => JsValue::UNDEFINED,
        };
        let kind = call.kind();
        let call = RoomCall { method: self.head.method, target: &target, identity: &identity };
        Ok(self.rooms.forward(&room, kind, &call, &body).into())
    }

    /// Answers a request of a backend that uses Pusher's protocol.
    async fn pusher(&self, app: &str, call: &PusherCall) -> std::result::Result<Response, Refusal> {
        let RequestHead { method, path, query, content_length, .. } = *self.head;
        let body = body_text(self.request, content_length).await?;
        let signed = Signed { method, path, query, body: body.as_bytes() };
        let (app, parameters) = self.config.pusher_apps.verify(app, &signed, platform::now())?;
        let request =
            PusherRequest { rooms: &self.rooms, app, parameters: &parameters, body: &body };
        request.answer(call).await
    }

    /// Requests a page of an export, which has one JSON value on each line.
    async fn export(
        &self,
        room: &RoomName,
        identity: &Identity,
        target: &str,
    ) -> std::result::Result<JsValue, Refusal> {
        let call = RoomCall { method: self.head.method, target, identity };
        let page = self.rooms.forward(room, RequestKind::Export, &call, &JsValue::UNDEFINED);
        let page = JsFuture::from(page).await.map_err(|cause| platform_error(cause.into()))?;
        let page: Response = page.unchecked_into();
        if page.ok() {
            let set = page.headers().set("content-type", "application/x-ndjson");
            set.map_err(|cause| platform_error(cause.into()))?;
        }
        Ok(page.into())
    }

    /// Returns the client's identity in a room. Returns `None` if the request
    /// has no token and the room is not public.
    async fn identity(&self, room: &RoomName) -> std::result::Result<Option<Identity>, Refusal> {
        let claims = self.claims().await?;
        Ok(self.config.public_rooms.identity(claims.as_ref(), room))
    }

    async fn required_claims(&self) -> std::result::Result<Claims, Refusal> {
        self.claims().await?.ok_or_else(|| TokenError::Missing.refusal())
    }

    /// Authenticates the request. Returns `None` if no user is signed in.
    async fn claims(&self) -> std::result::Result<Option<Claims>, Refusal> {
        let query_token = self.head.query_token();
        let sources = self.head.token_sources(query_token.as_deref());
        let token = extract::token(&sources, &self.config.origins);
        let cookies_allowed = sources.is_trusted(&self.config.origins);
        claims_of_request(self.config, self.request, token, cookies_allowed).await
    }

    async fn body_text(&self) -> std::result::Result<String, Refusal> {
        body_text(self.request, self.head.content_length).await
    }

    /// Returns the body of a publish after the operator's check.
    fn checked(
        &self,
        room: &RoomName,
        identity: &Identity,
        body: String,
    ) -> std::result::Result<String, Refusal> {
        match (self.config.hooks.publish_hook(), &identity.user) {
            (Some(hook), Some(user)) => check_body(&*hook, room, user, &body),
            // A client without a user has no right to publish.
            (None, _) | (_, None) => Ok(body),
        }
    }

    /// Publishes to several rooms. For each room, either all events or none are
    /// published. An error in one room does not affect the other rooms.
    async fn publish_to_rooms(
        &self,
        claims: &Claims,
        body: &str,
    ) -> std::result::Result<Response, Refusal> {
        let mut rooms: Vec<(RoomName, Vec<&str>)> = Vec::new();
        for (room, event) in parse_publish_to_rooms(body)? {
            match rooms.iter_mut().find(|(named, _)| *named == room) {
                Some((_, events)) => events.push(event),
                None => rooms.push((room, vec![event])),
            }
        }
        let parts = rooms.iter().map(|(room, events)| {
            self.publish_to_room(
                room,
                Identity::of(claims, room),
                format!(r#"{{"events":[{}]}}"#, events.join(",")),
            )
        });
        let parts = join_all(parts).await.join(",");
        json(format!(r#"{{"rooms":[{parts}]}}"#)).map_err(platform_error)
    }

    /// Publishes to one room. Returns `{"room","epoch","seqs"}` or
    /// `{"room","error":{…}}`.
    async fn publish_to_room(&self, room: &RoomName, identity: Identity, body: String) -> String {
        #[derive(Deserialize)]
        struct Refused<'a> {
            #[serde(borrow)]
            error: &'a RawValue,
        }
        let granted = RoomRequest::Publish.check(identity.grant);
        let answer = match granted.and_then(|()| self.checked(room, &identity, body)) {
            Ok(body) => self
                .rooms
                .publish(room, &identity, &body)
                .await
                .unwrap_or_else(|cause| error_body(&platform_error(cause))),
            Err(refusal) => error_body(&refusal),
        };
        match serde_json::from_str::<Refused>(&answer) {
            Ok(Refused { error }) => format!(r#"{{"room":"{room}","error":{error}}}"#),
            Err(_) => answer,
        }
    }

    /// Fails unless the request's token is the `METRICS_TOKEN`, or grants `admin`
    /// in every room.
    async fn check_metrics_token(&self) -> std::result::Result<(), Refusal> {
        let token = self.head.bearer();
        let is_metrics_token = match (token, &self.config.metrics_token) {
            (Some(token), Some(expected)) => token.as_bytes().ct_eq(expected.as_bytes()).into(),
            _ => false,
        };
        if is_metrics_token {
            return Ok(());
        }
        self.required_claims().await?.grant_under("").check(&[Right::Admin])
    }

    async fn metrics(&self) -> std::result::Result<Response, Refusal> {
        let mut sums = Sums::default();
        for of_shard in self.rooms.read_directory(None).await.map_err(platform_error)? {
            let invalid = || platform_error("a shard's answer is invalid".into());
            sums.add_all(&Sums::parse(&of_shard).ok_or_else(invalid)?);
        }
        sums.add(&metrics::BUILD_INFO.series(env!("CARGO_PKG_VERSION")), 1);
        plain_text(&sums.text(), metrics::CONTENT_TYPE).map_err(platform_error)
    }

    /// Returns the console's page or a file of it. It contains no data, so it
    /// needs no token.
    async fn console(&self) -> std::result::Result<Response, Refusal> {
        let file = match self.config.console {
            true => self.rooms.read_console(self.request).await.map_err(platform_error)?,
            false => None,
        };
        file.ok_or_else(|| Refusal::new(Code::NotFound, "there is no console at this path"))
    }

    async fn list_rooms(&self, query: &RoomsQuery) -> std::result::Result<Response, Refusal> {
        let shards = self.rooms.read_directory(Some(query)).await.map_err(platform_error)?;
        json(directory::merge(&shards, query)).map_err(platform_error)
    }
}
