//! The one alarm. What is due is derived from the sessions and the log, never
//! stored beside them: so it can't be out of step with them.
//!
//! An alarm costs a billed row. So it is set only when something falls due
//! before the time it is set to; when it rings and nothing is due, it is set
//! again. While anything is stored, an alarm is set.
//!
//! When the alarm rings is stored by the runtime alone. A room that slept asks
//! for it once, behind the first input: until the answer comes it sets none,
//! and by the answer it does, if anything is due earlier or the alarm is lost.
//!
//! An alarm may be an hour late. So it is not what ends a session: every input
//! does that needs the sessions, before it is handled.

use super::{Effect, Room};
use crate::guard::token_expired;
use crate::limits;
use crate::presence::LeaveMode;
use crate::session::SessionId;
use crate::store::Store;
use crate::time::Millis;

/// What a room knows of its alarm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AlarmState {
    /// Nothing: it was loaded from what is stored.
    Unknown,
    /// Nothing, and [`Effect::QueryAlarm`] is on its way.
    Queried,
    NotSet,
    SetTo(Millis),
}

impl<S: Store> Room<S> {
    /// Makes sure that the alarm rings at `due` or before. It replaces the one
    /// that was set, so it is set for all that is due.
    pub(super) fn arm(&mut self, due: Millis, now: Millis) {
        match self.alarm {
            // The answer arms for all that is due then.
            AlarmState::Unknown | AlarmState::Queried => return,
            AlarmState::SetTo(at) if at <= due => return,
            AlarmState::SetTo(_) | AlarmState::NotSet => {}
        }
        let at = due.min(self.next_due(now)).min(now.plus(limits::ALARM_AHEAD_MS));
        self.alarm = AlarmState::SetTo(at);
        self.effects.push(Effect::SetAlarm { at });
    }

    /// At the end of the first input after a wake: by then one may have been
    /// set.
    pub(super) fn query_alarm(&mut self) {
        if self.alarm == AlarmState::Unknown {
            self.alarm = AlarmState::Queried;
            self.effects.push(Effect::QueryAlarm);
        }
    }

    /// Takes the answer to [`Effect::QueryAlarm`]. One that was set since then
    /// is newer than it.
    pub(super) fn alarm_is_set_to(&mut self, at: Option<Millis>, now: Millis) {
        if self.alarm == AlarmState::Queried {
            self.alarm = at.map_or(AlarmState::NotSet, AlarmState::SetTo);
            self.arm(self.next_due(now), now);
        }
    }

    pub(super) fn alarm(&mut self, now: Millis) {
        self.alarm = AlarmState::NotSet;
        if self.sessions.is_empty() && self.idle_until() <= now {
            return match self.log.erase() {
                Ok(()) => self.unload(),
                Err(cause) => {
                    let _ = self.broken(&cause);
                    self.arm(now.plus(limits::ALARM_RETRY_MS), now);
                }
            };
        }
        self.check_members(now);
        if !self.query_pings(now) {
            self.arm(self.next_due(now), now);
        }
    }

    /// Ends the sessions whose time is up: whatever comes of an input from here
    /// on is not for them. It looks at all sessions only when the earliest
    /// known end is reached.
    pub(super) fn end_due_sessions(&mut self, now: Millis) {
        if self.first_end > now {
            return;
        }
        let due = self.sessions.iter().filter(|(_, session)| session.deadline() <= now);
        for id in due.map(|(id, _)| *id).collect::<Vec<SessionId>>() {
            self.end(id);
        }
        let ends = self.sessions.values().map(|session| session.deadline());
        self.first_end = ends.min().unwrap_or(Millis::MAX);
        self.process_disconnects(now);
    }

    /// Closes a session whose token has ended. What is gathered for live
    /// sessions goes out without it, and comes to it when it resumes.
    fn end(&mut self, id: SessionId) {
        let refusal = token_expired();
        self.remove(id, LeaveMode::by_refusal(refusal.code));
        self.effects.push(Effect::Close { session: id, refusal });
    }

    /// The earliest time at which the room has something to do of itself.
    pub(super) fn next_due(&self, now: Millis) -> Millis {
        let sessions = self.sessions.values().map(|session| session.deadline());
        let is_interrupted =
            !self.replayer.is_idle() || self.members_changed || !self.unread.is_empty();
        let revived = is_interrupted.then(|| now.plus(limits::REPLAY_RESTART_MS));
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
