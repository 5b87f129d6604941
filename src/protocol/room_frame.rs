//! Frames from a room. Only the fields that a bridge needs are decoded.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{Epoch, PONG, Position, Seq};
use crate::code::{Code, Refusal};

#[derive(Debug)]
pub enum RoomFrame<'a> {
    /// A `welcome` frame, in which `at` is the head of the log.
    Welcome {
        at: Position,
    },
    Gap {
        at: Position,
    },
    State {
        at: Position,
    },
    /// The events as the room sent them, in the order of their seqs.
    Events {
        epoch: Epoch,
        prev: Seq,
        events: Vec<&'a str>,
    },
    Error(Refusal),
    Pong,
    Other {
        kind: &'a str,
    },
}

impl<'a> RoomFrame<'a> {
    /// Decodes a frame. Returns `None` if the text is not a frame of a room.
    pub fn read(frame: &'a str) -> Option<Self> {
        #[derive(Deserialize)]
        struct Fields<'a> {
            #[serde(rename = "type")]
            kind: &'a str,
            epoch: Option<&'a str>,
            seq: Option<Seq>,
            prev: Option<Seq>,
            #[serde(borrow)]
            events: Option<Vec<&'a RawValue>>,
            code: Option<&'a str>,
            #[serde(borrow)]
            message: Option<Cow<'a, str>>,
        }
        if frame == PONG {
            return Some(Self::Pong);
        }
        let fields: Fields = serde_json::from_str(frame).ok()?;
        let epoch = fields.epoch.and_then(Epoch::parse);
        let at = epoch.zip(fields.seq).map(|(epoch, seq)| Position { epoch, seq });
        Some(match fields.kind {
            "welcome" => Self::Welcome { at: at? },
            "gap" => Self::Gap { at: at? },
            "state" => Self::State { at: at? },
            "events" => Self::Events {
                epoch: epoch?,
                prev: fields.prev?,
                events: fields.events?.into_iter().map(RawValue::get).collect(),
            },
            "error" => {
                let code = fields.code.and_then(Code::from_name)?;
                Self::Error(Refusal::new(code, fields.message?))
            }
            kind => Self::Other { kind },
        })
    }
}
