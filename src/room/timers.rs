//! The one alarm. What is due is derived from the sessions and the log, never
//! stored beside them: so it can't be out of step with them.
//!
//! An alarm costs a billed row. So it is set only when something falls due
//! before the time it is set to; when it rings and nothing is due, it is set
//! again. While anything is stored, an alarm is set.

use super::{Effect, Room};
use crate::guard::token_expired;
use crate::limits;
use crate::session::SessionId;
use crate::store::Store;
use crate::time::Millis;

impl<S: Store> Room<S> {
    /// Makes sure that the alarm rings at `due` or before. It replaces the one
    /// that was set, so it is set for all that is due.
    pub(super) fn arm(&mut self, due: Millis, now: Millis) {
        if self.alarm_at.is_some_and(|set| set <= due) {
            return;
        }
        let at = due.min(self.next_due(now)).min(now.plus(limits::ALARM_AHEAD_MS));
        self.alarm_at = Some(at);
        self.effects.push(Effect::Alarm { at });
    }

    /// After a sleep, so much is known of the alarm: it was not set to later
    /// than any session's end. Where one has passed, the alarm is late, and
    /// counts as not set; so it does where the settings changed.
    pub(super) fn restore_timers(&mut self, now: Millis) {
        if self.is_new {
            self.arm(self.next_due(now), now);
        } else {
            let ends = self.sessions.values().map(|session| session.deadline());
            let ends = ends.chain(self.presence_due());
            self.alarm_at = ends.min().filter(|end| *end > now);
        }
    }

    pub(super) fn alarm(&mut self, now: Millis) {
        self.alarm_at = None;
        let due: Vec<SessionId> = self
            .sessions
            .iter()
            .filter(|(_, session)| session.deadline() <= now)
            .map(|(id, _)| *id)
            .collect();
        for id in due {
            self.end(id);
        }
        if self.sessions.is_empty() && self.idle_until() <= now {
            return match self.log.erase() {
                Ok(()) => self.forget(),
                Err(cause) => {
                    let _ = self.broken(&cause);
                    self.arm(now.plus(self.settings.retained_ms), now);
                }
            };
        }
        self.see_off(now);
        self.settle_members(now);
        if !self.ask_for_pings(now) {
            self.arm(self.next_due(now), now);
        }
    }

    /// Closes a session whose token has ended.
    pub(super) fn end(&mut self, id: SessionId) {
        self.close(id, token_expired());
    }

    /// The earliest time at which the room has something to do of itself.
    pub(super) fn next_due(&self, now: Millis) -> Millis {
        let sessions = self.sessions.values().map(|session| session.deadline());
        let is_interrupted = !self.behind.is_empty() || self.members_changed;
        let revived = is_interrupted.then(|| now.plus(limits::REVIVED_AFTER_MS));
        let idle = match self.idle_until() {
            // Somebody is here: look again when as much time has passed.
            until if until <= now => now.plus(self.settings.retained_ms),
            until => until,
        };
        sessions.chain(revived).chain(self.presence_due()).fold(idle, Millis::min)
    }

    /// When nothing in the log will be retained any more.
    fn idle_until(&self) -> Millis {
        self.log.last_write().plus(self.settings.retained_ms)
    }
}
