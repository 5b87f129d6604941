//! The start of a socket: its app, and its id.

use std::fmt;
use std::rc::Rc;

use super::frame;
use crate::pusher::app::{App, Apps};

/// The id of a socket: two numbers, as clients of Pusher expect it. Signatures
/// contain it, so no two sockets may have the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SocketId(String);

impl SocketId {
    /// Creates an id from random numbers.
    pub fn new(one: u64, other: u64) -> Self {
        Self(format!("{one}.{other}"))
    }

    /// Returns whether a text has the form of a socket id.
    pub fn is_valid(text: &str) -> bool {
        let is_number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        text.split_once('.').is_some_and(|(one, other)| is_number(one) && is_number(other))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SocketId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

/// The reason why a client can't connect.
#[derive(Debug, PartialEq, Eq)]
pub struct Rejection {
    /// Close code of Pusher's protocol.
    pub code: u16,
    pub message: &'static str,
}

impl Rejection {
    /// Returns the client's first and only frame.
    pub fn frame(&self) -> String {
        frame::error(self.code, self.message)
    }
}

impl Apps {
    /// Finds the app of a client, given the key in the path, the query and the
    /// header `Origin`.
    pub fn connect(
        &self,
        key: &str,
        query: &str,
        origin: Option<&str>,
    ) -> Result<Rc<App>, Rejection> {
        let reject = |code, message| Err(Rejection { code, message });
        let Some(app) = self.with_key(key) else {
            return reject(4001, "there is no app with this key");
        };
        let mut parameters = form_urlencoded::parse(query.as_bytes());
        let protocol = parameters.find(|(key, _)| key == "protocol").map(|(_, value)| value);
        match protocol.as_deref() {
            None | Some("") => return reject(4008, "the parameter `protocol` is missing"),
            Some("5" | "6" | "7") => {}
            Some(_) => return reject(4007, "only the protocols 5 to 7 are supported"),
        }
        if !app.allows_origin(origin) {
            return reject(4009, "pages of this origin may not connect to this app");
        }
        Ok(Rc::clone(app))
    }
}
