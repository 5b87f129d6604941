//! Signals: passed on to who is here now, and forgotten.
//!
//! The first of a name goes out at once. What the same session sends under that
//! name within the next window is held, and only the newest of it goes out when
//! the window ends: so a client that floods the room with its cursor costs the
//! others twenty frames a second.

use super::{Effect, Room};
use crate::limits;
use crate::protocol::{EventName, NewSignal, User};
use crate::session::SessionId;
use crate::store::Store;

/// Which signals are of one kind.
pub(super) type SignalKind = (SessionId, EventName);

impl<S: Store> Room<S> {
    /// `sender` is `None` for a signal that came over HTTP.
    pub(super) fn signal(&mut self, sender: Option<SessionId>, from: &User, signal: &NewSignal) {
        let text = signal.text(&self.name, from);
        let Some(sender) = sender else { return self.send_signal(None, text) };
        let kind = (sender, signal.name.clone());
        if let Some(held) = self.signals.get_mut(&kind) {
            *held = Some(text);
            return;
        }
        if self.signals.len() < limits::SIGNALS_HELD {
            self.signals.insert(kind, None);
            self.open_window();
        }
        self.send_signal(Some(sender), text);
    }

    /// The window ends. It begins anew for those that had something to send.
    pub(super) fn flush_signals(&mut self) {
        for (kind, held) in std::mem::take(&mut self.signals) {
            if let Some(text) = held {
                self.send_signal(Some(kind.0), text);
                self.signals.insert(kind, None);
            }
        }
        if !self.signals.is_empty() {
            self.open_window();
        }
    }

    fn send_signal(&mut self, sender: Option<SessionId>, text: String) {
        let hears = |id: &SessionId| Some(*id) != sender;
        let live = self.sessions.iter().filter(|(_, session)| session.is_live());
        let to: Vec<SessionId> = live.map(|(id, _)| *id).filter(hears).collect();
        if !to.is_empty() {
            self.effects.push(Effect::Send { to, text: text.into() });
        }
    }
}
