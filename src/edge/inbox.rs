//! Frames and publishes that have come and wait a moment for one another.
//!
//! What is written in one turn of the runtime shares a commit. That is most of
//! what a publish costs; and a socket's next frame comes only when what its
//! last one wrote is durable. So nothing is written as a frame comes: it is
//! put down here, and all that has come is taken in the turn that is next.

use std::cell::{Cell, RefCell};

use futures_channel::oneshot;
use worker::{WebSocket, WebSocketIncomingMessage};

use crate::auth::Identity;
use crate::code::Refusal;
use crate::limits;
use crate::protocol::RoomName;
use crate::room::Answer;

pub enum QueuedInput {
    Frame {
        socket: WebSocket,
        message: WebSocketIncomingMessage,
    },
    Publish {
        room: RoomName,
        by: Identity,
        body: String,
        answer: oneshot::Sender<Result<Answer, Refusal>>,
    },
}

/// In the order in which they came.
#[derive(Default)]
pub struct Inbox {
    inputs: RefCell<Vec<QueuedInput>>,
    bytes: Cell<usize>,
}

/// When what is in the inbox is to be taken.
pub enum Flush {
    /// In the next turn, and nobody has asked for that yet.
    Schedule,
    /// With what came before it.
    Scheduled,
    /// It is enough for a commit, and takes memory.
    Now,
}

impl Inbox {
    pub fn enqueue(&self, input: QueuedInput) -> Flush {
        let mut inputs = self.inputs.borrow_mut();
        self.bytes.set(self.bytes.get().saturating_add(input.bytes()));
        inputs.push(input);
        match inputs.len() {
            _ if self.bytes.get() > limits::FRAME_EVENTS_BYTES => Flush::Now,
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
            Self::Publish { body, .. } => body.len(),
        }
    }
}
