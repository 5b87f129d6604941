//! Detection of sessions whose socket is open although the client is gone. The
//! platform has no event for this case.

use super::{Connected, Entry, Presence};
use crate::limits;
use crate::protocol::User;
use crate::session::SessionId;
use crate::time::Millis;

impl Presence {
    /// Records that a session sent a frame. Each record is valid for 2.5
    /// seconds ([`limits::LIVENESS_RESOLUTION_MS`]), so that the attachment is
    /// not rewritten for every frame.
    pub fn touch(&mut self, user: &User, id: SessionId, now: Millis) {
        self.record_activity(user, id, now, now.plus(limits::LIVENESS_RESOLUTION_MS));
    }

    /// Records that the runtime answered a ping of the session at this time.
    pub fn record_ping(&mut self, user: &User, id: SessionId, at: Millis) {
        self.record_activity(user, id, at, at);
    }

    fn record_activity(&mut self, user: &User, id: SessionId, at: Millis, until: Millis) {
        let here = self.entry_here(user, id).and_then(Entry::here_mut);
        if let Some(here) = here.filter(|here| here.active_until < at) {
            here.active_until = until;
            self.dirty.insert(id, ());
        }
    }

    /// Returns the sessions that have timed out. Postpones the timeouts of the
    /// other sessions to at least 2.5 seconds from now, so that the room needs
    /// no check before then.
    pub fn timed_out(&mut self, now: Millis) -> Vec<SessionId> {
        let active_at_least =
            now.plus(limits::LIVENESS_RESOLUTION_MS).minus(limits::PING_TIMEOUT_MS);
        let mut timed_out = Vec::new();
        for (id, entry) in self.members.iter_mut().flat_map(|(_, entries)| entries) {
            let Some(here) = entry.here_mut() else { continue };
            if here.ping_timeout_at() <= now {
                timed_out.push(*id);
            } else if here.active_until < active_at_least {
                here.active_until = active_at_least;
                self.dirty.insert(*id, ());
            }
        }
        timed_out
    }

    /// Returns the time at which the next session times out if it sends nothing
    /// before that time.
    pub fn next_ping_timeout(&self) -> Option<Millis> {
        self.here().map(|(_, here)| here.ping_timeout_at()).min()
    }
}

impl Connected {
    fn ping_timeout_at(self) -> Millis {
        self.active_until.plus(limits::PING_TIMEOUT_MS)
    }
}
