//! Sends the number of sessions to the sessions that requested it.
//!
//! The first change of the number is sent immediately, and opens a flush window.
//! Changes within an open window are sent at its end. So the join of 1,000
//! sessions at the same time sends few frames.

use std::rc::Rc;

use super::{Effect, IfUnread, Room};
use crate::protocol::ServerFrame;
use crate::store::Store;

impl<S: Store> Room<S> {
    /// Sends the number of sessions if it has changed, unless a flush window is
    /// open.
    pub(super) fn send_session_count(&mut self) {
        let count = self.sessions.len();
        if self.counted_sessions == Some(count) || self.window.is_open() || !self.sessions_restored
        {
            return;
        }
        self.counted_sessions = Some(count);
        let counting = self.sessions.iter().filter(|(_, session)| session.joined.counts_sessions);
        let to: Vec<_> = counting.map(|(id, _)| *id).collect();
        if to.is_empty() {
            return;
        }
        let text: Rc<str> = ServerFrame::Sessions { room: &self.name, count }.text().into();
        self.window.count(to.len(), text.len());
        self.effects.push(Effect::Offer { to, texts: vec![text], if_unread: IfUnread::Drop });
    }
}
