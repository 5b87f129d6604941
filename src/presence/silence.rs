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
    pub fn hear(&mut self, user: &User, id: SessionId, now: Millis) {
        self.hear_until(user, id, now, now.plus(limits::HEARD_STEP_MS));
    }

    /// The runtime answered a session's ping.
    pub fn pinged(&mut self, user: &User, id: SessionId, at: Millis) {
        self.hear_until(user, id, at, at);
    }

    fn hear_until(&mut self, user: &User, id: SessionId, at: Millis, until: Millis) {
        let here = self.entry_here(user, id).and_then(Entry::here_mut);
        if let Some(here) = here.filter(|here| here.heard < at) {
            here.heard = until;
            self.dirty.insert(id);
        }
    }

    /// Those who are silent. The others will not be for a step, so that the
    /// room need not look again before.
    pub fn silent(&mut self, now: Millis) -> Vec<SessionId> {
        let heard_at_least = now.plus(limits::HEARD_STEP_MS).minus(limits::SILENT_MS);
        let mut silent = Vec::new();
        for (id, entry) in self.members.values_mut().flatten() {
            let Some(here) = entry.here_mut() else { continue };
            if here.is_silent_at() <= now {
                silent.push(*id);
            } else if here.heard < heard_at_least {
                here.heard = heard_at_least;
                self.dirty.insert(*id);
            }
        }
        silent
    }

    /// When the next one will be silent that is not heard of until then.
    pub fn next_silent(&self) -> Option<Millis> {
        self.here().map(|(_, here)| here.is_silent_at()).min()
    }
}

impl Here {
    fn is_silent_at(self) -> Millis {
        self.heard.plus(limits::SILENT_MS)
    }
}
