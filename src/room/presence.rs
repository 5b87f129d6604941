//! Sends the members and their changes to the sessions that entered, and
//! removes members whose sessions are gone.
//!
//! A change is sent immediately, and opens a flush window. Changes within an
//! open window are sent as one change at the end of the window. A session that
//! enters receives the list of members instead of the change that contains the
//! session's own entry. So no session receives the same entry twice. If 1,000
//! sessions enter at the same time, all of them receive the same text.
//!
//! A session that doesn't read its frames receives no changes. When the session
//! reads again, it receives the whole list of members.

use std::rc::Rc;

use litemap::LiteMap;
use serde_json::value::RawValue;

use super::{Effect, IfUnread, Room, check_limit};
use crate::code::Refusal;
use crate::guard::ping_timeout;
use crate::limits;
use crate::presence::{LeaveMode, Presence};
use crate::protocol::{self, Right, ServerFrame, User};
use crate::session::{Session, SessionId, session_set};
use crate::store::Store;
use crate::time::Millis;

/// Handling of frames.
impl<S: Store> Room<S> {
    pub(super) fn enter(
        &mut self,
        id: SessionId,
        data: &RawValue,
        now: Millis,
    ) -> Result<(), Refusal> {
        let user = self.with_right(id, Right::Presence)?;
        if !self.presence.has(&user) {
            check_limit(self.presence.users(), self.settings.members, "users are in this room")?;
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
            // This session has not entered, so it receives no changes. Its list
            // therefore need not wait for the changes of an open flush window,
            // and is sent immediately.
            for page in self.members_pages(now) {
                self.send(id, page);
            }
        }
        Ok(())
    }
}

/// Sending of changes and lists.
impl<S: Store> Room<S> {
    /// Sends a change of the members immediately or, if a flush window is open,
    /// at the end of the window.
    fn notify_members(&mut self, now: Millis) {
        if self.window.is_open() {
            self.schedule_members(now);
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
        self.note_members();
        self.members_changed = false;
        self.window.open();
        self.list_members(now);
    }

    /// Sends the list of members to sessions that await it. The flush window
    /// limits the number of these sessions, but at least one session is sent
    /// the list. The other sessions receive the list later. Until then, they
    /// receive no changes, because the later list will include these changes.
    fn list_members(&mut self, now: Millis) {
        let mut awaiting_list = self.presence.awaiting_list();
        awaiting_list.retain(|id| !self.unread.contains_key(id));
        if awaiting_list.is_empty() {
            return;
        }
        let pages = self.members_pages(now);
        let bytes = pages.iter().map(|page| page.len()).sum();
        let later =
            awaiting_list.split_off(awaiting_list.len().min(self.window.room_for(bytes).max(1)));
        self.presence.set_has_list(&session_set(&awaiting_list), true);
        self.offer_members(awaiting_list, pages);
        if !later.is_empty() {
            self.schedule_members(now);
        }
    }

    fn members_pages(&self, now: Millis) -> Vec<Rc<str>> {
        let pages = protocol::members_pages(&self.name, &self.presence.members(now));
        pages.into_iter().map(Rc::from).collect()
    }

    fn offer_members(&mut self, to: Vec<SessionId>, texts: Vec<Rc<str>>) {
        let bytes = texts.iter().map(|text| text.len()).sum();
        self.window.count(to.len(), bytes);
        self.effects.push(Effect::Offer { to, texts, if_unread: IfUnread::Relist });
    }

    /// Schedules a change of the members for the end of the window. If the
    /// object is lost before the window ends, the change is sent when the alarm
    /// fires.
    fn schedule_members(&mut self, now: Millis) {
        self.members_changed = true;
        self.arm(now.plus(limits::REPLAY_RESTART_MS), now);
    }

    /// Records that these sessions don't read their frames. Until they are sent
    /// the list of members, they receive no changes. The room tries to send the
    /// list again when the alarm fires, as long as the sessions ping.
    pub(super) fn await_list(&mut self, unread: Vec<SessionId>, now: Millis) {
        for id in unread {
            self.unread.insert(id, ());
        }
        self.presence.set_has_list(&self.unread, false);
        self.arm(now.plus(limits::REPLAY_RESTART_MS), now);
    }

    pub(super) fn flush_members(&mut self, now: Millis) {
        if self.members_changed {
            self.send_changes(now);
        }
    }

    /// Sends changes and lists when the alarm fires. At that time, a grace
    /// period may have ended, or a session may read its frames again. A flush
    /// window may also have been lost with the object.
    pub(super) fn check_members(&mut self, now: Millis) {
        self.unread.clear();
        if self.presence.has_pending_changes(now) {
            self.send_changes(now);
        }
    }
}

/// Handling of disconnects and hibernation.
impl<S: Store> Room<S> {
    /// Updates the members after the disconnects of the current input. A member
    /// is removed immediately or after its grace period.
    pub(super) fn process_disconnects(&mut self, now: Millis) {
        if self.disconnect_members(now) {
            self.notify_members(now);
        }
    }

    /// Ends the grace periods of a user who is being kicked.
    pub(super) fn end_grace(&mut self, user: &User, now: Millis) {
        let had_grace = self.presence.end_grace(user);
        if self.disconnect_members(now) || had_grace {
            self.notify_members(now);
        }
    }

    /// Disconnects the members whose sessions the current input disconnected.
    /// Returns whether a member left without a grace period.
    fn disconnect_members(&mut self, now: Millis) -> bool {
        let mut left = false;
        for (user, id, mode) in std::mem::take(&mut self.disconnected) {
            if !self.presence.disconnect(user.as_ref(), id, mode, now) {
                continue;
            }
            match mode {
                LeaveMode::Immediate => left = true,
                LeaveMode::AfterGrace => self.arm(now.plus(limits::GRACE_MS), now),
            }
        }
        left
    }

    /// Saves the attachments of the sockets whose presence changed.
    pub(super) fn save_presence(&mut self) {
        let sessions = &self.sessions;
        self.presence.assign_carriers(|id| next_session(sessions, id));
        for (id, ()) in self.presence.drain_dirty() {
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

/// Liveness.
impl<S: Store> Room<S> {
    pub(super) fn touch(&mut self, id: SessionId, now: Millis) {
        if let Some(user) = self.sessions.get(&id).and_then(|session| session.user()) {
            self.presence.touch(user, id, now);
        }
    }

    /// Queries the pings of all members if any member may have timed out.
    /// Returns whether the pings were queried. A ping does not load the room,
    /// so the room must query the times of the pings. The query covers all
    /// members, so that the next query is needed as late as possible.
    pub(super) fn query_pings(&mut self, now: Millis) -> bool {
        let is_query_due = self.presence.next_ping_timeout().is_some_and(|at| at <= now);
        if is_query_due {
            self.effects.push(Effect::QueryPings { of: self.presence.sessions() });
        }
        is_query_due
    }

    pub(super) fn handle_pings(&mut self, at: Vec<(SessionId, Millis)>, now: Millis) {
        // In production, the runtime once returned wrong times. A time far in
        // the future is ignored. A time slightly in the future comes from
        // another clock, and is accepted.
        let is_credible = |at: &Millis| *at <= now.plus(limits::LIVENESS_RESOLUTION_MS);
        for (id, at) in at.into_iter().filter(|(_, at)| is_credible(at)) {
            if let Some(user) = self.sessions.get(&id).and_then(|session| session.user()) {
                self.presence.record_ping(user, id, at.min(now));
            }
        }
        for id in self.presence.timed_out(now) {
            self.close(id, ping_timeout());
        }
        self.process_disconnects(now);
        self.arm(self.next_due(now), now);
    }

    /// Returns the earliest time at which a member may time out or a grace
    /// period ends.
    pub(super) fn presence_due(&self) -> Option<Millis> {
        self.presence.next_ping_timeout().into_iter().chain(self.presence.next_end()).min()
    }
}

/// Returns the session that follows `of` in the order of ids. After the largest
/// id, the smallest id follows. Ids are random, so entries are distributed
/// evenly over the carriers.
fn next_session(sessions: &LiteMap<SessionId, Box<Session>>, of: SessionId) -> Option<SessionId> {
    let after = match sessions.find_index(&of) {
        Ok(index) => index.saturating_add(1),
        Err(index) => index,
    };
    let next = sessions.get_indexed(after).or_else(|| sessions.first());
    next.map(|(id, _)| *id).filter(|id| *id != of)
}
