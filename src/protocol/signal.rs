//! Signals: messages to the sessions that are currently in the room. A signal
//! has no seq and is never stored.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::json::{check_levels, object, string};
use super::{EventName, RoomName, User};
use crate::code::Refusal;
use crate::limits;

/// A signal as its sender wrote it.
#[derive(Debug, Deserialize)]
pub struct NewSignal<'a> {
    pub name: EventName,
    #[serde(borrow)]
    data: &'a RawValue,
}

impl<'a> NewSignal<'a> {
    /// Parses a signal from a JSON object. Fails with `bad_request` if the
    /// signal is invalid, and with `too_large` if `data` exceeds
    /// [`limits::SIGNAL_BYTES`].
    pub fn parse(json: &'a str) -> Result<Self, Refusal> {
        let signal: Self = object(json)?;
        let bytes = signal.data.get().len();
        if bytes > limits::SIGNAL_BYTES {
            let most = limits::SIGNAL_BYTES;
            return Err(Refusal::too_large(format!(
                "`data` is {bytes} bytes; a signal's data may be at most {most} bytes"
            )));
        }
        check_levels("data", signal.data.get())?;
        Ok(signal)
    }

    /// Returns the frame that the other sessions receive.
    pub fn text(&self, room: &RoomName, from: &User) -> String {
        let (name, data, from) =
            (string(self.name.as_str()), self.data.get(), string(from.as_str()));
        format!(r#"{{"type":"signal","room":"{room}","name":{name},"data":{data},"from":{from}}}"#)
    }
}
