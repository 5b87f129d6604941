//! Who has not been heard of: a socket may stay open long after its peer is
//! gone, and nobody says so.

use super::{Entry, Here, Presence};
use crate::limits;
use crate::protocol::User;
use crate::session::SessionId;
use crate::time::Millis;

impl Presence {
    /// A session sent a frame. What the socket carries need not be rewritten
    /// for every one: each counts for a little longer than its moment.
    pub fn touch(&mut self, user: &User, id: SessionId, now: Millis) {
        self.record_activity(user, id, now, now.plus(limits::LIVENESS_RESOLUTION_MS));
    }

    /// The runtime answered a session's ping.
    pub fn record_ping(&mut self, user: &User, id: SessionId, at: Millis) {
        self.record_activity(user, id, at, at);
    }

    fn record_activity(&mut self, user: &User, id: SessionId, at: Millis, until: Millis) {
        let here = self.entry_here(user, id).and_then(Entry::here_mut);
        if let Some(here) = here.filter(|here| here.active_until < at) {
            here.active_until = until;
            self.dirty.insert(id);
        }
    }

    /// Those who are silent. The others will not be for a step, so that the
    /// room need not look again before.
    pub fn timed_out(&mut self, now: Millis) -> Vec<SessionId> {
        let active_at_least =
            now.plus(limits::LIVENESS_RESOLUTION_MS).minus(limits::PING_TIMEOUT_MS);
        let mut timed_out = Vec::new();
        for (id, entry) in self.members.values_mut().flatten() {
            let Some(here) = entry.here_mut() else { continue };
            if here.ping_timeout_at() <= now {
                timed_out.push(*id);
            } else if here.active_until < active_at_least {
                here.active_until = active_at_least;
                self.dirty.insert(*id);
            }
        }
        timed_out
    }

    /// When the next one will be silent that is not heard of until then.
    pub fn next_ping_timeout(&self) -> Option<Millis> {
        self.here().map(|(_, here)| here.ping_timeout_at()).min()
    }
}

impl Here {
    fn ping_timeout_at(self) -> Millis {
        self.active_until.plus(limits::PING_TIMEOUT_MS)
    }
}
