//! Long polling: a request for a page waits until there is an event.

use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use worker::web_sys::Response;

use super::super::answer::platform_error;
use super::super::platform::now;
use super::super::request::RoomCall;
use super::super::room_stubs::RoomStubs;
use super::reader::{Reader, ReaderEvent};
use super::refusal;
use crate::auth::Identity;
use crate::code::{Code, Refusal};
use crate::protocol::{Begin, RoomFrame, RoomName, Start, Wait};
use crate::route::RequestKind;
use crate::session::Transport;

/// The flow control window, in bytes. One event ends the wait, so the room need
/// not send further events.
const WINDOW: u64 = 1;

/// Waits for an event after a position, but not longer than the given time.
/// Then requests the page, which contains the event if an event arrived.
pub async fn long_poll(
    rooms: RoomStubs,
    room: RoomName,
    identity: Identity,
    wait: Wait,
    target: String,
) -> Result<Response, Refusal> {
    wait_for_event(&rooms, &room, &identity, wait).await?;
    let call = RoomCall { method: "GET", target: &target, identity: &identity };
    let page = rooms.forward(&room, RequestKind::Page, &call, &JsValue::UNDEFINED);
    let page = JsFuture::from(page).await.map_err(|cause| platform_error(cause.into()))?;
    Ok(page.unchecked_into())
}

async fn wait_for_event(
    rooms: &RoomStubs,
    room: &RoomName,
    identity: &Identity,
    Wait { since, ms }: Wait,
) -> Result<(), Refusal> {
    let until = now().plus(ms);
    let start =
        Start { begin: Begin::Since(since), state: false, flow: true, counts_sessions: false };
    let reader = Reader::open(rooms, room, identity, start, Transport::Poll, WINDOW).await?;
    loop {
        match reader.next_until(until).await {
            Some(ReaderEvent::Frame(frame)) => match RoomFrame::read(&frame) {
                Some(RoomFrame::Gap { .. } | RoomFrame::Events { .. }) => return Ok(()),
                Some(
                    RoomFrame::Welcome { .. }
                    | RoomFrame::State { .. }
                    | RoomFrame::Error(_)
                    | RoomFrame::Pong
                    | RoomFrame::Other { .. },
                )
                | None => {}
            },
            // The room was erased. The answer to the page request reports that
            // the position is lost.
            Some(ReaderEvent::Ended(close_reason)) if close_reason.code() == Some(Code::Erased) => {
                return Ok(());
            }
            Some(ReaderEvent::Ended(close_reason)) => return Err(refusal(close_reason)),
            None => return Ok(()),
        }
    }
}
