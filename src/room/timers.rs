//! Deadlines, and the object's one alarm.
//!
//! Deadlines are computed from the sessions and the log, and are not stored. So
//! they always agree with the sessions and the log.
//!
//! Setting the alarm costs one billed row. So the alarm is set only if a
//! deadline is earlier than the time to which the alarm is already set. If the
//! alarm fires and nothing is due, the alarm is set again. While the room
//! stores anything, an alarm is set.
//!
//! Only the runtime stores the time of the alarm. After hibernation, the room
//! queries this time once, after the first input. Until the result arrives, the
//! room sets no alarm. Then the room sets the alarm if a deadline is earlier
//! than the queried time or if no alarm is set.
//!
//! An alarm may fire an hour late. So the expiry of sessions does not depend on
//! the alarm. The room closes expired sessions before it handles any input that
//! needs the sessions.

use super::{Effect, Room};
use crate::guard::token_expired;
use crate::limits;
use crate::presence::LeaveMode;
use crate::session::SessionId;
use crate::store::Store;
use crate::time::Millis;

/// The state of the alarm, as far as the room knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AlarmState {
    /// The room was just loaded, and has not queried the alarm.
    Unknown,
    /// [`Effect::QueryAlarm`] was requested, and its result has not arrived.
    Queried,
    NotSet,
    SetTo(Millis),
}

impl<S: Store> Room<S> {
    /// Makes sure that the alarm is set to `due` or to an earlier time. The new
    /// time replaces the old time, so the new time must be the earliest of all
    /// deadlines.
    pub(super) fn arm(&mut self, due: Millis, now: Millis) {
        match self.alarm {
            // When the result of the query arrives, the alarm is set to the
            // earliest of all deadlines.
            AlarmState::Unknown | AlarmState::Queried => return,
            AlarmState::SetTo(at) if at <= due => return,
            AlarmState::SetTo(_) | AlarmState::NotSet => {}
        }
        let at = due.min(self.next_due(now)).min(now.plus(limits::ALARM_AHEAD_MS));
        self.alarm = AlarmState::SetTo(at);
        self.effects.push(Effect::SetAlarm { at });
    }

    /// Makes sure like [`Self::arm`] that the alarm is set, also if the time of the
    /// alarm is not known. In that case, setting the alarm may cost a row that the
    /// query would save.
    pub(super) fn arm_without_query(&mut self, due: Millis, now: Millis) {
        if matches!(self.alarm, AlarmState::Unknown | AlarmState::Queried) {
            self.alarm = AlarmState::NotSet;
        }
        self.arm(due, now);
    }

    /// Queries the time of the alarm if the room does not know it. The query
    /// follows the first input of a loaded room, because that input may set the
    /// alarm.
    pub(super) fn query_alarm(&mut self) {
        if self.alarm == AlarmState::Unknown {
            self.alarm = AlarmState::Queried;
            self.effects.push(Effect::QueryAlarm);
        }
    }

    /// Handles the result of [`Effect::QueryAlarm`]. The result is ignored if
    /// an alarm was set after the query.
    pub(super) fn handle_alarm_time(&mut self, at: Option<Millis>, now: Millis) {
        if self.alarm == AlarmState::Queried {
            self.alarm = at.map_or(AlarmState::NotSet, AlarmState::SetTo);
            self.arm(self.next_due(now), now);
        }
    }

    pub(super) fn alarm(&mut self, now: Millis) {
        self.alarm = AlarmState::NotSet;
        let is_idle = self.sessions.is_empty() && self.idle_until() <= now;
        if is_idle && self.webhooks_due(now).is_none() {
            return match self.log.erase() {
                Ok(()) => self.unload(),
                Err(cause) => {
                    let _ = self.storage_failed(&cause);
                    self.arm(now.plus(limits::ALARM_RETRY_MS), now);
                }
            };
        }
        self.check_members(now);
        if !self.query_pings(now) {
            self.arm(self.next_due(now), now);
        }
    }

    /// Closes expired sessions before an input is handled, so that these
    /// sessions receive no effects of the input. The sessions are scanned only
    /// if the earliest known deadline has passed.
    pub(super) fn close_expired_sessions(&mut self, now: Millis) {
        if self.next_expiry > now {
            return;
        }
        let due = self.sessions.iter().filter(|(_, session)| session.deadline() <= now);
        for id in due.map(|(id, _)| *id).collect::<Vec<SessionId>>() {
            self.expire(id);
        }
        let ends = self.sessions.values().map(|session| session.deadline());
        self.next_expiry = ends.min().unwrap_or(Millis::MAX);
        self.process_disconnects(now);
    }

    /// Closes a session whose token expired. The session is closed before
    /// pending events are sent. Its client receives these events when it
    /// resumes.
    fn expire(&mut self, id: SessionId) {
        let refusal = token_expired();
        self.remove(id, LeaveMode::by_refusal(refusal.code), refusal.code.close_code());
        self.effects.push(Effect::Close { session: id, refusal });
    }

    /// Returns the earliest deadline of the room.
    pub(super) fn next_due(&self, now: Millis) -> Millis {
        let sessions = self.sessions.values().map(|session| session.deadline());
        let is_interrupted =
            !self.replayer.is_idle() || self.members_changed || !self.unread.is_empty();
        let restart_at = is_interrupted.then(|| now.plus(limits::REPLAY_RESTART_MS));
        let idle = match self.idle_until() {
            // Sessions are still connected, so the room is not erased. The
            // alarm checks again after `retained_ms`.
            until if until <= now => now.plus(self.settings.retained_ms),
            until => until,
        };
        let due = sessions.chain(restart_at).chain(self.presence_due());
        due.chain(self.webhooks_due(now)).fold(idle, Millis::min)
    }

    /// Returns the time until which the last event of the log is retained.
    fn idle_until(&self) -> Millis {
        self.log.last_write().plus(self.settings.retained_ms)
    }
}
