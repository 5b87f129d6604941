//! The one alarm. What is due is derived from the sessions and the log, never
//! stored beside them: so it can't be out of step with them.
//!
//! An alarm costs a billed row. So it is set only when something falls due
//! before the time it is set to; when it rings and nothing is due, it is set
//! again. While anything is stored, an alarm is set.

use super::{Effect, Room};
use crate::code::{Code, Refusal};
use crate::limits;
use crate::session::{Session, SessionId};
use crate::store::Store;
use crate::time::Millis;

impl<S: Store> Room<S> {
    /// Makes sure that the alarm rings at `due` or before. Where it counts as
    /// not set, it may be one that is late: in its place comes one for all
    /// that is due, not only for this.
    pub(super) fn arm(&mut self, due: Millis, now: Millis) {
        let due = match self.alarm_at {
            None => due.min(self.next_due(now)),
            Some(_) => due,
        };
        let at = due.min(now.plus(limits::ALARM_AHEAD_MS));
        if self.alarm_at.is_none_or(|set| at < set) {
            self.alarm_at = Some(at);
            self.effects.push(Effect::Alarm { at });
        }
    }

    /// After a sleep: what is due tells what the alarm was set to before, as
    /// long as that has not passed. Where it has, or where the settings that
    /// it followed changed, it counts as not set.
    pub(super) fn restore_timers(&mut self, is_new: bool, now: Millis) {
        self.behind =
            self.sessions.iter().filter(|(_, s)| s.behind().is_some()).map(|(id, _)| *id).collect();
        self.ask_for_turn();
        if is_new {
            self.arm(self.next_due(now), now);
        } else {
            self.alarm_at = Some(self.next_due(now)).filter(|due| *due > now);
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
        self.arm(self.next_due(now), now);
    }

    /// Closes a session whose time is up.
    pub(super) fn end(&mut self, id: SessionId) {
        let refusal = if self.waiting.contains(&id) {
            Refusal::new(Code::Unauthorized, "no `auth` frame came in time")
        } else {
            Refusal::new(Code::TokenExpired, "the token has expired; connect with a new one")
        };
        self.close(id, refusal);
    }

    /// The earliest time at which the room has something to do of itself.
    fn next_due(&self, now: Millis) -> Millis {
        let sessions = self.sessions.values().map(Session::deadline);
        let revived = (!self.behind.is_empty()).then(|| now.plus(limits::REPLAY_REVIVED_AFTER_MS));
        let idle = match self.idle_until() {
            // Somebody is here: look again when as much time has passed.
            until if until <= now => now.plus(self.settings.retained_ms),
            until => until,
        };
        sessions.chain(revived).fold(idle, Millis::min)
    }

    /// When nothing in the log will be retained any more.
    fn idle_until(&self) -> Millis {
        self.log.last_write().plus(self.settings.retained_ms)
    }
}
