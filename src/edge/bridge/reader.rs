//! A socket to a room, for a reader that reads the frames at its own pace.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::poll_fn;
use std::rc::{Rc, Weak};
use std::task::Poll;

use js_sys::JsString;
use wasm_bindgen::{JsCast, JsValue};

use super::super::platform::now;
use super::super::room_stubs::RoomStubs;
use super::super::timer::Timer;
use super::super::worker_socket::{SocketEvent, WorkerSocket};
use crate::auth::Identity;
use crate::close_reason::CloseReason;
use crate::code::Refusal;
use crate::protocol::{RoomName, Start};
use crate::room::Bridge;
use crate::session::Transport;
use crate::sse::UnpacedBuffer;
use crate::time::Millis;

pub struct Reader {
    socket: WorkerSocket,
    inbox: Rc<RefCell<Inbox>>,
}

pub enum ReaderEvent {
    Frame(String),
    Ended(CloseReason),
}

impl Reader {
    pub async fn open(
        rooms: &RoomStubs,
        room: &RoomName,
        identity: &Identity,
        start: Start,
        transport: Transport,
        window_bytes: u64,
    ) -> Result<Self, Refusal> {
        let inbox = Rc::new(RefCell::new(Inbox::default()));
        let into = Rc::clone(&inbox);
        let on_event = Rc::new(move |event| {
            into.borrow_mut().put(event);
            notify(&into);
        });
        let bridge = Bridge { transport, window_bytes: Some(window_bytes) };
        let socket = rooms.connect(room, identity, start, bridge, on_event, None).await?;
        Ok(Self { socket, inbox })
    }

    pub fn send(&self, text: &str) {
        self.socket.send(&JsValue::from_str(text));
    }

    /// Calls `on_event` after each event from now on. `on_event` may drop the
    /// reader.
    pub fn notify(&self, on_event: Rc<dyn Fn()>) {
        self.inbox.borrow_mut().on_event = Some(on_event);
    }

    /// Returns the next event of the socket: a frame, or the end of the socket.
    pub fn next(&self) -> Option<ReaderEvent> {
        self.inbox.borrow_mut().pop()
    }

    /// Waits for the next event of the socket. Returns `None` if no event
    /// arrives before the given time.
    pub async fn next_until(&self, until: Millis) -> Option<ReaderEvent> {
        poll_fn(|context| {
            let mut inbox = self.inbox.borrow_mut();
            if let Some(next) = inbox.pop() {
                return Poll::Ready(Some(next));
            }
            if until <= now() {
                return Poll::Ready(None);
            }
            let waker = context.waker().clone();
            inbox.on_event = Some(Rc::new(move || waker.wake_by_ref()));
            // The waits of one loop end at the same time, and share a timer.
            if inbox.timer.as_ref().is_none_or(|timer| until < timer.at()) {
                let firing = Rc::downgrade(&self.inbox);
                inbox.timer = Some(Timer::set(until, move || fire(&firing)));
            }
            Poll::Pending
        })
        .await
    }
}

/// Frames that were received but not read yet.
#[derive(Default)]
struct Inbox {
    /// The frames, each with a number. If flow control does not limit the
    /// frame, the number is the frame's length in characters. Otherwise, the
    /// number is 0.
    frames: VecDeque<(JsString, u32)>,
    unpaced: UnpacedBuffer,
    close_reason: Option<CloseReason>,
    timer: Option<Timer>,
    on_event: Option<Rc<dyn Fn()>>,
}

impl Inbox {
    fn put(&mut self, event: SocketEvent) {
        match event {
            // Frames that arrive after the end of the socket are never read.
            SocketEvent::Frame(_) if self.close_reason.is_some() => {}
            SocketEvent::Frame(frame) => self.put_frame(frame.unchecked_into()),
            SocketEvent::Ended(close_reason) => {
                self.close_reason.get_or_insert(close_reason);
            }
        }
    }

    fn put_frame(&mut self, frame: JsString) {
        let characters = unpaced(&frame);
        if self.unpaced.push(characters) {
            self.frames.push_back((frame, characters));
        } else {
            self.close_reason = Some(CloseReason::Lost);
        }
    }

    fn pop(&mut self) -> Option<ReaderEvent> {
        match self.frames.pop_front() {
            Some((frame, characters)) => {
                self.unpaced.release(characters);
                Some(ReaderEvent::Frame(frame.into()))
            }
            None => self.close_reason.take().map(ReaderEvent::Ended),
        }
    }
}

fn fire(inbox: &Weak<RefCell<Inbox>>) {
    if let Some(inbox) = inbox.upgrade() {
        inbox.borrow_mut().timer = None;
        notify(&inbox);
    }
}

fn notify(inbox: &RefCell<Inbox>) {
    // The callback reads from the inbox, so the borrow must end first.
    let on_event = inbox.borrow().on_event.clone();
    if let Some(on_event) = on_event {
        on_event();
    }
}

fn unpaced(frame: &JsString) -> u32 {
    let kinds = [r#"{"type":"signal""#, r#"{"type":"members:changed""#];
    if kinds.iter().any(|begin| frame.starts_with(begin, 0)) { frame.length() } else { 0 }
}
