//! Presence: who is told of members and their changes, and when; and who is
//! still there.
//!
//! A change is told at once, and opens a window; what changes while one is open
//! is told as one when it ends. So is the list to a session that enters: it
//! takes the place of the change, so that nobody hears of an entry twice, and
//! a thousand that enter together are told by one text.
//!
//! A session that does not read what it is sent is told no changes. It is owed
//! the list, and is sent it when it reads again.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::rc::Rc;

use serde_json::value::RawValue;

use super::{Effect, Otherwise, Room, full_at};
use crate::code::Refusal;
use crate::guard::ping_timeout;
use crate::limits;
use crate::presence::{LeaveMode, Presence};
use crate::protocol::{self, Right, ServerFrame, User};
use crate::session::{Session, SessionId};
use crate::store::Store;
use crate::time::Millis;

/// Frames.
impl<S: Store> Room<S> {
    pub(super) fn enter(
        &mut self,
        id: SessionId,
        data: &RawValue,
        now: Millis,
    ) -> Result<(), Refusal> {
        let user = self.with_right(id, Right::Presence)?;
        if !self.presence.has(&user) {
            full_at(self.presence.users(), self.settings.members, "users are in this room")?;
        }
        if self.presence.enter(&user, id, data, now)? {
            self.arm(now.plus(limits::PING_TIMEOUT_MS), now);
            self.notify_members(now);
        }
        Ok(())
    }

    pub(super) fn leave(&mut self, id: SessionId, now: Millis) -> Result<(), Refusal> {
        let user = self.with_right(id, Right::Presence)?;
        self.leave_as(&user, id, now);
        Ok(())
    }

    pub(super) fn leave_as(&mut self, user: &User, id: SessionId, now: Millis) {
        if self.presence.leave(user, id) {
            self.notify_members(now);
        }
    }

    pub(super) fn request_members(&mut self, id: SessionId, now: Millis) -> Result<(), Refusal> {
        let user = self.with_right(id, Right::Presence)?;
        if self.presence.request_list(&user, id) {
            self.notify_members(now);
        } else {
            // It hears no changes, so the list need not agree with any.
            for page in self.members_pages(now) {
                self.send(id, page);
            }
        }
        Ok(())
    }
}

/// Telling.
impl<S: Store> Room<S> {
    /// Something changed: it is told now or, if a window is open, at its end.
    fn notify_members(&mut self, now: Millis) {
        if self.window.is_open() {
            self.members_wait(now);
        } else {
            self.send_changes(now);
        }
    }

    fn send_changes(&mut self, now: Millis) {
        let change = self.presence.change(now);
        let listeners = self.presence.listeners();
        if !change.is_empty() && !listeners.is_empty() {
            let (room, entered) = (&self.name, &change.entered);
            let (updated, left) = (&change.updated, &change.left);
            let text = ServerFrame::MembersChanged { room, entered, updated, left }.text();
            self.offer_members(listeners, vec![text.into()]);
        }
        self.presence.commit_changes(now);
        self.members_changed = false;
        self.window.open();
        self.list_members(now);
    }

    /// Lists the members to those that are owed the list: to as many as the
    /// window has room for, but to one at least. The others are not told of
    /// changes, so the list that they are sent later is right.
    fn list_members(&mut self, now: Millis) {
        let mut awaiting_list = self.presence.awaiting_list();
        awaiting_list.retain(|id| !self.unread.contains(id));
        if awaiting_list.is_empty() {
            return;
        }
        let pages = self.members_pages(now);
        let bytes = pages.iter().map(|page| page.len()).sum();
        let later =
            awaiting_list.split_off(awaiting_list.len().min(self.window.room_for(bytes).max(1)));
        self.presence.set_has_list(&awaiting_list.iter().copied().collect(), true);
        self.offer_members(awaiting_list, pages);
        if !later.is_empty() {
            self.members_wait(now);
        }
    }

    fn members_pages(&self, now: Millis) -> Vec<Rc<str>> {
        let pages = protocol::members_pages(&self.name, &self.presence.members(now));
        pages.into_iter().map(Rc::from).collect()
    }

    fn offer_members(&mut self, to: Vec<SessionId>, texts: Vec<Rc<str>>) {
        let bytes = texts.iter().map(|text| text.len()).sum();
        self.window.count(to.len(), bytes);
        self.effects.push(Effect::Offer { to, texts, otherwise: Otherwise::Relist });
    }

    /// Something is told at the end of the window, or soon where that is lost.
    fn members_wait(&mut self, now: Millis) {
        self.members_changed = true;
        self.arm(now.plus(limits::REPLAY_RESTART_MS), now);
    }

    /// Sessions did not read, and were left out. The alarm tries them again, for
    /// as long as they ping.
    pub(super) fn relist(&mut self, unread: Vec<SessionId>, now: Millis) {
        self.unread.extend(unread);
        self.presence.set_has_list(&self.unread, false);
        self.arm(now.plus(limits::REPLAY_RESTART_MS), now);
    }

    pub(super) fn flush_members(&mut self, now: Millis) {
        if self.members_changed {
            self.send_changes(now);
        }
    }

    /// At the alarm: a grace may have ended, a window been lost, or a session
    /// that did not read may read again.
    pub(super) fn check_members(&mut self, now: Millis) {
        self.unread.clear();
        if self.presence.has_pending_changes(now) {
            self.send_changes(now);
        }
    }
}

/// Sockets that are lost, and sleep.
impl<S: Store> Room<S> {
    /// Members whose sockets were lost leave, now or in a while.
    pub(super) fn process_disconnects(&mut self, now: Millis) {
        if self.disconnect_members(now) {
            self.notify_members(now);
        }
    }

    /// A user whose sockets were lost is not waited for either.
    pub(super) fn end_grace(&mut self, user: &User, now: Millis) {
        let was_awaited = self.presence.end_grace(user);
        if self.disconnect_members(now) || was_awaited {
            self.notify_members(now);
        }
    }

    /// Whether somebody left at once.
    fn disconnect_members(&mut self, now: Millis) -> bool {
        let mut left = false;
        for (user, id, mode) in std::mem::take(&mut self.disconnected) {
            if !self.presence.disconnect(&user, id, mode, now) {
                continue;
            }
            match mode {
                LeaveMode::Immediate => left = true,
                LeaveMode::AfterGrace => self.arm(now.plus(limits::GRACE_MS), now),
            }
        }
        left
    }

    /// Sockets carry what has changed of presence.
    pub(super) fn save_presence(&mut self) {
        let sessions = &self.sessions;
        self.presence.assign_carriers(|id| next_session(sessions, id));
        for id in self.presence.drain_dirty() {
            self.save_attachment(id);
        }
    }

    pub(super) fn restore_presence(&mut self, now: Millis) {
        let carried = self.sessions.iter_mut().filter_map(|(id, session)| {
            let carried = session.carried.take()?;
            Some((session.joined.identity.user.clone(), *id, carried))
        });
        self.presence = Presence::restore(carried);
        if self.presence.has_pending_changes(now) {
            self.members_changed = true;
            self.window.open();
        }
    }
}

/// Those who are not heard of.
impl<S: Store> Room<S> {
    pub(super) fn touch(&mut self, id: SessionId, now: Millis) {
        if let Some(session) = self.sessions.get(&id) {
            self.presence.touch(&session.joined.identity.user, id, now);
        }
    }

    /// Whether somebody seems to be silent. Pings don't wake the room, so it
    /// asks for those of all that are in: then it need not look again soon.
    pub(super) fn query_pings(&mut self, now: Millis) -> bool {
        let is_query_due = self.presence.next_ping_timeout().is_some_and(|at| at <= now);
        if is_query_due {
            self.effects.push(Effect::QueryPings { of: self.presence.sessions() });
        }
        is_query_due
    }

    pub(super) fn handle_pings(&mut self, at: Vec<(SessionId, Millis)>, now: Millis) {
        // Such times were wrong in production once. One that is far ahead says
        // nothing; one that is a little ahead is of another clock.
        let is_credible = |at: &Millis| *at <= now.plus(limits::LIVENESS_RESOLUTION_MS);
        for (id, at) in at.into_iter().filter(|(_, at)| is_credible(at)) {
            if let Some(session) = self.sessions.get(&id) {
                self.presence.record_ping(&session.joined.identity.user, id, at.min(now));
            }
        }
        for id in self.presence.timed_out(now) {
            self.close(id, ping_timeout());
        }
        self.process_disconnects(now);
        self.arm(self.next_due(now), now);
    }

    /// When somebody may have fallen silent, or a grace ends.
    pub(super) fn presence_due(&self) -> Option<Millis> {
        self.presence.next_ping_timeout().into_iter().chain(self.presence.next_end()).min()
    }
}

/// The session that comes next, around the end. Names of sessions are random,
/// so what one has to carry for others is too.
fn next_session(sessions: &BTreeMap<SessionId, Box<Session>>, of: SessionId) -> Option<SessionId> {
    let mut after = sessions.range((Bound::Excluded(of), Bound::Unbounded));
    after.next().or_else(|| sessions.range(..of).next()).map(|(id, _)| *id)
}
