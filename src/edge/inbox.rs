//! A queue of frames and publishes that are handled together.
//!
//! Writes within one turn of the runtime's event loop share a commit, and the
//! commit is most of the cost of a publish. So inputs that arrive together are
//! queued, and are handled in the next turn:
//!
//! - **Publishes** over HTTP, except the first of a millisecond. A single
//!   publisher does not wait for the next turn, which would cost a timer.
//! - **Frames.** A socket's next frame arrives only after the writes of its
//!   previous frame are durable. So if frames were handled on arrival, frames of
//!   one socket would never share a commit.

use std::cell::{Cell, RefCell};

use js_sys::Function;
use wasm_bindgen::JsValue;
use worker::{WebSocket, WebSocketIncomingMessage};

use super::answer::AnswerParts;
use super::platform;
use super::request::ReceivedRequest;
use crate::code::Refusal;
use crate::limits;
use crate::room::Answer;
use crate::time::Millis;

pub enum QueuedInput {
    Frame { socket: WebSocket, message: WebSocketIncomingMessage },
    Publish { request: ReceivedRequest, reply: Reply },
}

/// The answer to a request, and the room's report if the worker delivers it.
pub struct Answered {
    pub answer: Answer,
    pub report: Option<String>,
}

impl Answered {
    pub fn new(answer: Result<Answer, Refusal>) -> Self {
        Self { answer: answer.unwrap_or_else(Answer::Refused), report: None }
    }

    pub fn refused(refusal: Refusal) -> Self {
        Self::new(Err(refusal))
    }
}

/// The function that passes the answer to the worker. A function costs less
/// than a future, which needs a promise and a task.
pub struct Reply(Function);

impl Reply {
    pub fn new(answer: Function) -> Self {
        Self(answer)
    }

    pub fn send(self, Answered { answer, report }: Answered) {
        let AnswerParts { status, body, retry_after_s } = answer.into();
        let bytes = platform::number(body.as_ref().map_or(0, |body| body.len() as u64));
        let this = &JsValue::UNDEFINED;
        let parts = [status.into(), body.into(), retry_after_s.into(), bytes.into(), report.into()];
        let [status, body, retry_after_s, bytes, report] = &parts;
        // The function only resolves a promise, so it never fails.
        let _ = self.0.call5(this, status, body, retry_after_s, bytes, report);
    }
}

/// The queue of inputs, in the order of their arrival.
#[derive(Default)]
pub struct Inbox {
    inputs: RefCell<Vec<QueuedInput>>,
    bytes: Cell<usize>,
    /// The time at which the latest publish arrived.
    published_at: Cell<Option<Millis>>,
}

/// The time at which the queue must be handled.
pub enum Flush {
    /// The queue is handled in the next turn, which the caller must schedule
    /// now.
    Schedule,
    /// The queue is handled in the turn that is already scheduled.
    Scheduled,
    /// The queue is handled immediately. Either it is a single publish, or it is
    /// large enough for its own commit, and a longer queue would use more memory.
    Now,
}

impl Inbox {
    pub fn enqueue(&self, input: QueuedInput, now: Millis) -> Flush {
        let mut inputs = self.inputs.borrow_mut();
        self.bytes.set(self.bytes.get().saturating_add(input.bytes()));
        let is_publish = matches!(input, QueuedInput::Publish { .. });
        let is_first = is_publish && self.published_at.replace(Some(now)) != Some(now);
        inputs.push(input);
        match inputs.len() {
            _ if self.bytes.get() > limits::FRAME_EVENTS_BYTES => Flush::Now,
            1 if is_first => Flush::Now,
            1 => Flush::Schedule,
            _ => Flush::Scheduled,
        }
    }

    pub fn drain(&self) -> Vec<QueuedInput> {
        self.bytes.set(0);
        self.inputs.take()
    }
}

impl QueuedInput {
    fn bytes(&self) -> usize {
        match self {
            Self::Frame { message: WebSocketIncomingMessage::String(text), .. } => text.len(),
            Self::Frame { message: WebSocketIncomingMessage::Binary(bytes), .. } => bytes.len(),
            Self::Publish { request, .. } => request.body.len(),
        }
    }
}
