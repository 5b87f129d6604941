//! Sending of signals to the sessions that are currently connected. Signals are
//! not stored.
//!
//! The first signal that a session sends under a name is sent immediately.
//! Later signals of this session and name wait for the end of the flush window.
//! At that time, only the newest of the waiting signals is sent. So a client
//! that floods the room with cursor positions causes at most 20 frames per
//! second for each other session.
//!
//! In a large room, the limit of one window can be too small for all waiting
//! signals. The remaining signals wait for the next window, and the senders
//! take turns.

use std::collections::VecDeque;
use std::rc::Rc;

use litemap::LiteMap;

use super::{Effect, IfUnread, Room};
use crate::code::Refusal;
use crate::limits;
use crate::protocol::{EventName, NewSignal, User};
use crate::session::SessionId;
use crate::store::Store;

/// The signals that wait for the end of a flush window.
#[derive(Default)]
pub(super) struct Signals {
    /// For each session, the names under which it has sent a signal in this
    /// window. Each name has its newest waiting signal, or `None` if no signal
    /// waits.
    by_session: LiteMap<SessionId, LiteMap<EventName, Option<String>>>,
    /// The waiting signals, in the order in which they will be sent.
    queue: VecDeque<Waiting>,
    bytes: usize,
}

enum Waiting {
    /// The newest signal that a session sent under a name.
    Newest(SessionId, EventName),
    /// A signal that was sent over HTTP.
    Request(String),
}

impl<S: Store> Room<S> {
    /// Sends a signal to all live sessions except `sender`, or queues the
    /// signal. `sender` is `None` for a signal over HTTP.
    ///
    /// Fails with `rate_limited` if too many signals or bytes wait, or if the
    /// session uses too many names.
    pub(super) fn signal(
        &mut self,
        sender: Option<SessionId>,
        from: &User,
        signal: &NewSignal,
    ) -> Result<(), Refusal> {
        let text = signal.text(&self.name, from);
        let is_first = match sender {
            Some(id) => self.signals.is_first(id, &signal.name)?,
            None => true,
        };
        if is_first && self.window.has_room() {
            self.signals.sends(sender, &signal.name);
            self.send_signal(sender, text);
        } else {
            self.signals.queue(sender, &signal.name, text)?;
            self.window.open();
        }
        Ok(())
    }

    /// Sends waiting signals at the end of a window. The limits of the next
    /// window also limit the number of these signals, but at least one signal
    /// is sent.
    pub(super) fn flush_signals(&mut self) {
        self.signals.forget_sent();
        while let Some((sender, text)) = self.signals.next() {
            self.send_signal(sender, text);
            if !self.window.has_room() {
                break;
            }
        }
        if !self.signals.queue.is_empty() {
            self.window.open();
        }
    }

    fn send_signal(&mut self, sender: Option<SessionId>, text: String) {
        let receives = |id: &SessionId| Some(*id) != sender;
        let live = self.sessions.iter().filter(|(_, session)| session.is_live());
        let to: Vec<SessionId> = live.map(|(id, _)| *id).filter(receives).collect();
        self.window.count_signal(to.len(), text.len());
        if !to.is_empty() {
            let texts = vec![Rc::from(text)];
            self.effects.push(Effect::Offer { to, texts, if_unread: IfUnread::Drop });
        }
    }
}

impl Signals {
    /// Returns whether this signal is the session's first under this name in
    /// this window. Fails with `rate_limited` if the session has sent signals
    /// under too many other names.
    fn is_first(&self, id: SessionId, name: &EventName) -> Result<bool, Refusal> {
        let Some(names) = self.by_session.get(&id) else { return Ok(true) };
        if names.contains_key(name) {
            return Ok(false);
        }
        let most = limits::SIGNAL_NAMES;
        if names.len() < most {
            return Ok(true);
        }
        let message = format!(
            "a session may send signals of at most {most} names within {} ms",
            limits::FLUSH_MS
        );
        Err(Refusal::rate_limited(message, limits::FLUSH_MS))
    }

    fn sends(&mut self, sender: Option<SessionId>, name: &EventName) {
        if let Some(id) = sender {
            self.by_session.entry(id).or_default().insert(name.clone(), None);
        }
    }

    /// Queues a signal. The new signal replaces a waiting signal of the same
    /// session and name. Fails with `rate_limited` if too many signals or bytes
    /// wait.
    fn queue(
        &mut self,
        sender: Option<SessionId>,
        name: &EventName,
        text: String,
    ) -> Result<(), Refusal> {
        let names = sender.and_then(|id| self.by_session.get_mut(&id));
        let before = names.and_then(|names| names.get_mut(name)).and_then(Option::as_mut);
        let bytes_before = before.as_ref().map_or(0, |text| text.len());
        let bytes = self.bytes.saturating_sub(bytes_before).saturating_add(text.len());
        let is_full = before.is_none() && self.queue.len() >= limits::SIGNALS_QUEUED;
        if is_full || bytes > limits::SIGNALS_QUEUED_BYTES {
            let message = "too many signals wait in this room";
            return Err(Refusal::rate_limited(message, limits::FLUSH_MS));
        }
        self.bytes = bytes;
        match (before, sender) {
            (Some(before), _) => *before = text,
            (None, Some(id)) => {
                self.by_session.entry(id).or_default().insert(name.clone(), Some(text));
                self.queue.push_back(Waiting::Newest(id, name.clone()));
            }
            (None, None) => self.queue.push_back(Waiting::Request(text)),
        }
        Ok(())
    }

    /// Removes and returns the next signal, and the session that sent it.
    fn next(&mut self) -> Option<(Option<SessionId>, String)> {
        let (sender, text) = match self.queue.pop_front()? {
            Waiting::Newest(id, name) => {
                (Some(id), self.by_session.get_mut(&id)?.get_mut(&name)?.take()?)
            }
            Waiting::Request(text) => (None, text),
        };
        self.bytes = self.bytes.saturating_sub(text.len());
        Some((sender, text))
    }

    /// Removes the names that have no waiting signal, since the window of these
    /// names has ended.
    fn forget_sent(&mut self) {
        for (_, names) in &mut self.by_session {
            names.retain(|_, waiting| waiting.is_some());
        }
        self.by_session.retain(|_, names| !names.is_empty());
    }
}
