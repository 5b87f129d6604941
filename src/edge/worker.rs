//! The worker matches a request to its route, verifies the token, and forwards
//! the request to the room. A request that the worker refuses does not load a
//! room.

use std::rc::Rc;

use futures_util::future::join_all;
use serde::Deserialize;
use serde_json::value::RawValue;
use worker::web_sys::Response as RawResponse;
use worker::{Context, Env, Request, Response, Result, console_error, event};

use super::answer::{json, platform_error, preflight, refused, refused_upgrade, with_cors};
use super::bridge;
use super::config::{Config, config};
use super::request::{RequestHead, SUBPROTOCOLS, body, publish_request};
use super::room_stubs::{RoomStubs, is_upgraded, refusal_of};
use super::verifier::{claims_of_request, health};
use crate::auth::{Claims, Identity, TokenError, extract};
use crate::code::{Code, Refusal};
use crate::protocol::{PageQuery, RoomName, error_body, parse_publish_to_rooms};
use crate::publish_hook::check_body;
use crate::route::{Call, Request as RoomRequest, Route};

#[event(fetch)]
async fn fetch(request: Request, env: Env, context: Context) -> Result<RawResponse> {
    let config = match config(&env) {
        Ok(config) => config,
        Err(cause) => {
            console_error!("configuration: {cause}");
            let misconfigured = Refusal::new(
                Code::Internal,
                "the service is misconfigured; its log has the reason",
            );
            return refuse(&RequestHead::of(&request, ""), &misconfigured);
        }
    };
    let head = RequestHead::of(&request, &config.hooks.base_path);
    let origin = head.header("origin");
    if head.is_preflight() {
        return preflight(&config.origins, origin.as_deref());
    }
    let handler = Handler { config: &config, rooms: RoomStubs::new(env, context), head: &head };
    let response = match handler.handle(request).await {
        Ok(response) => response,
        Err(refusal) => refuse(&head, &refusal)?,
    };
    if head.is_upgrade() {
        Ok(response)
    } else {
        with_cors(response, &config.origins, origin.as_deref())
    }
}

fn refuse(head: &RequestHead, refusal: &Refusal) -> Result<RawResponse> {
    let response = if head.is_upgrade() {
        refused_upgrade(refusal, head.header(SUBPROTOCOLS).as_deref())
    } else {
        refused(refusal)
    };
    response.map(RawResponse::from)
}

/// Handles one request.
struct Handler<'a> {
    config: &'a Rc<Config>,
    rooms: RoomStubs,
    head: &'a RequestHead,
}

impl Handler<'_> {
    async fn handle(&self, request: Request) -> std::result::Result<RawResponse, Refusal> {
        match self.head.route()? {
            Route::Health => {
                health(self.config).await?;
                Response::ok("ok").map(RawResponse::from).map_err(platform_error)
            }
            Route::PublishToRooms => {
                let claims = self.required_claims(&request).await?;
                self.publish_to_rooms(&claims, &body(request).await?).await
            }
            Route::Connection => {
                let claims = self.claims(&request).await?;
                bridge::connect(self.config, &self.rooms, claims, self.head)
                    .map(RawResponse::from)
                    .map_err(platform_error)
            }
            Route::Stream { room, query } => {
                let identity = self.identity(&request, &room).await?;
                // An anonymous reader needs a token to enter the room.
                let identity = identity
                    .filter(|identity| identity.user.is_some() || query.enter.is_none())
                    .ok_or_else(|| TokenError::Missing.refusal())?;
                let rooms = self.rooms.clone();
                self.rooms.run_to_completion(bridge::stream(rooms, room, identity, query)).await
            }
            Route::Room { room, call } => self.to_room(&room, call, request).await,
        }
    }

    async fn to_room(
        &self,
        room: &RoomName,
        call: Call,
        request: Request,
    ) -> std::result::Result<RawResponse, Refusal> {
        let identity = match (self.identity(&request, room).await?, &call) {
            // An anonymous client needs a token for each call that its grant
            // does not allow.
            (Some(identity), call)
                if identity.user.is_some() || call.check(identity.grant).is_ok() =>
            {
                identity
            }
            // The request has no token, so the first frame must contain the
            // token.
            (_, Call::Connect(start)) => {
                return bridge::pending(self.config, &self.rooms, room.clone(), *start, self.head)
                    .map(RawResponse::from)
                    .map_err(platform_error);
            }
            (_, Call::Request(_)) => return Err(TokenError::Missing.refusal()),
        };
        call.check(identity.grant)?;
        let body = match call {
            Call::Request(RoomRequest::Publish) => {
                Some(self.checked(room, &identity, body(request).await?)?)
            }
            Call::Request(RoomRequest::Signal) => Some(body(request).await?),
            Call::Request(_) | Call::Connect(_) => None,
        };
        let request = self.head.to_room(&identity, body.as_deref()).map_err(platform_error)?;
        if let Call::Request(RoomRequest::Page(PageQuery { wait: Some(wait), .. })) = call {
            let (rooms, room) = (self.rooms.clone(), room.clone());
            let page = bridge::long_poll(rooms, room, identity, wait, request);
            return self.rooms.run_to_completion(page).await;
        }
        let response = self.rooms.fetch(room, &request).await.map_err(platform_error)?;
        match call {
            Call::Connect(_) if !is_upgraded(&response) => Err(refusal_of(response).await),
            Call::Connect(_) | Call::Request(_) => Ok(response),
        }
    }

    /// Returns the client's identity in a room. Returns `None` if the request
    /// has no token and the room is not public.
    async fn identity(
        &self,
        request: &Request,
        room: &RoomName,
    ) -> std::result::Result<Option<Identity>, Refusal> {
        let claims = self.claims(request).await?;
        Ok(self.config.public_rooms.identity(claims.as_ref(), room))
    }

    async fn required_claims(&self, request: &Request) -> std::result::Result<Claims, Refusal> {
        self.claims(request).await?.ok_or_else(|| TokenError::Missing.refusal())
    }

    /// Authenticates the request. Returns `None` if no user is signed in.
    async fn claims(&self, request: &Request) -> std::result::Result<Option<Claims>, Refusal> {
        let [authorization, subprotocols, cookie, origin, fetch_site] =
            ["authorization", SUBPROTOCOLS, "cookie", "origin", "sec-fetch-site"]
                .map(|name| self.head.header(name));
        let query_token = self.head.parameter("token");
        let sources = extract::TokenSources {
            authorization: authorization.as_deref(),
            subprotocols: subprotocols.as_deref(),
            query_token: query_token.as_deref(),
            cookie: cookie.as_deref(),
            origin: origin.as_deref(),
            own_origin: Some(self.head.origin()),
            fetch_site: fetch_site.as_deref(),
        };
        let token = extract::token(&sources, &self.config.origins);
        let cookies_allowed = sources.is_trusted(&self.config.origins);
        claims_of_request(self.config, request.inner(), token, cookies_allowed).await
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
    ) -> std::result::Result<RawResponse, Refusal> {
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
        json(format!(r#"{{"rooms":[{parts}]}}"#), 200)
            .map(RawResponse::from)
            .map_err(platform_error)
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
                .room_text(room, &identity, &body)
                .await
                .unwrap_or_else(|cause| error_body(&platform_error(cause))),
            Err(refusal) => error_body(&refusal),
        };
        match serde_json::from_str::<Refused>(&answer) {
            Ok(Refused { error }) => format!(r#"{{"room":"{room}","error":{error}}}"#),
            Err(_) => answer,
        }
    }

    async fn room_text(&self, room: &RoomName, identity: &Identity, body: &str) -> Result<String> {
        let request = publish_request(room, identity, body)?;
        Response::from(self.rooms.fetch(room, &request).await?).text().await
    }
}
