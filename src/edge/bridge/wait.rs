//! Long-polling: the request for a page is held until there is something to
//! put on it.

use worker::web_sys::{Request as RawRequest, Response as RawResponse};

use super::super::answer::broken;
use super::super::platform::now;
use super::super::room_stubs::RoomStubs;
use super::reader::{Reader, ReaderEvent};
use super::refusal;
use crate::auth::Identity;
use crate::code::{Code, Refusal};
use crate::protocol::{Begin, RoomFrame, RoomName, Start, Wait};

/// One event is news enough: the room is to send no more.
const WINDOW: u64 = 1;

/// Asks for the page when something came after a position, or when the time is
/// up. What it was stands on the page.
pub async fn held_page(
    rooms: RoomStubs,
    room: RoomName,
    identity: Identity,
    wait: Wait,
    request: RawRequest,
) -> Result<RawResponse, Refusal> {
    news(&rooms, &room, &identity, wait).await?;
    rooms.fetch(&room, &request).await.map_err(broken)
}

async fn news(
    rooms: &RoomStubs,
    room: &RoomName,
    identity: &Identity,
    Wait { since, ms }: Wait,
) -> Result<(), Refusal> {
    let until = now().plus(ms);
    let start = Start { begin: Begin::Since(since), state: false, flow: true };
    let reader = Reader::open(rooms, room, identity, start, WINDOW).await?;
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
            // The page says that the position is lost.
            Some(ReaderEvent::Ended(close_reason)) if close_reason.code() == Some(Code::Erased) => {
                return Ok(());
            }
            Some(ReaderEvent::Ended(close_reason)) => return Err(refusal(close_reason)),
            None => return Ok(()),
        }
    }
}
