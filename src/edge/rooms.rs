//! Rooms, as the worker reaches them.

use std::time::Duration;

use futures_util::future::{Either, select};
use wasm_bindgen_futures::spawn_local;
use worker::{Delay, Env, Request, Response, Result, WebSocket};

use super::answer::broken;
use super::request::follow_request;
use crate::code::{Code, Refusal};
use crate::protocol::{RoomName, Start};
use crate::session::Identity;

#[derive(Clone)]
pub struct Rooms(Env);

/// An object that hangs must not keep a reader waiting for longer.
const OPEN_TIMEOUT: Duration = Duration::from_secs(10);

impl Rooms {
    pub fn new(env: &Env) -> Self {
        Self(env.clone())
    }

    pub async fn ask(&self, room: &RoomName, request: Request) -> Result<Response> {
        self.0
            .durable_object("ROOMS")?
            .get_by_name(room.as_str())?
            .fetch_with_request(request)
            .await
    }

    /// Opens a socket of the worker's own, under flow control with a window of
    /// so many bytes.
    pub async fn open(
        &self,
        room: &RoomName,
        identity: &Identity,
        start: Start,
        window: u64,
    ) -> std::result::Result<WebSocket, Refusal> {
        let request = follow_request(room, identity, start, window).map_err(broken)?;
        let (rooms, room) = (self.clone(), room.clone());
        let opening = Box::pin(async move {
            rooms
                .ask(&room, request)
                .await?
                .websocket()
                .ok_or_else(|| "a room did not upgrade".into())
        });
        match select(opening, Box::pin(Delay::from(OPEN_TIMEOUT))).await {
            Either::Left((socket, _)) => socket.map_err(broken),
            Either::Right(((), late)) => {
                // It would stay open until somebody collects the garbage.
                spawn_local(async move {
                    let _ = late.await.map(|socket: WebSocket| {
                        socket.accept().and_then(|()| socket.close(Some(1001), Some("")))
                    });
                });
                Err(Refusal::new(Code::Internal, "the room did not answer in time; try again"))
            }
        }
    }
}
