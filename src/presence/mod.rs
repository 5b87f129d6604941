//! The members of a room, and their changes that the room has not sent yet.
//! Each session that entered has an entry. The entries are grouped by user.
//!
//! This module implements the entries and their states. It does not depend on
//! frames or rights. `room::presence` decides when a change is sent.
//!
//! An entry ends when its session leaves. If its session loses the socket, the
//! entry is **in grace**: it remains for 10 seconds or until its user enters
//! again. In both cases, the change that reports the end of the entry also
//! removes the entry. So changes and members can't disagree:
//! [`Presence::change`] returns the change to send, and
//! [`Presence::commit_changes`] applies that change.
//!
//! Presence is not stored in the log. The module `carried` describes how
//! presence survives hibernation. The module `liveness` finds sessions whose
//! sockets are dead.

mod carried;
mod leave_mode;
mod liveness;
#[cfg(test)]
mod tests;

use litemap::LiteMap;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::code::Refusal;
use crate::limits;
use crate::protocol::{self, Change, Member, User, UserEntry};
use crate::session::{SessionId, SessionSet};
use crate::time::Millis;
pub use leave_mode::LeaveMode;

#[derive(Default)]
pub struct Presence {
    members: LiteMap<User, Entries>,
    /// Approximate size in bytes of the list of members. Entries that the next
    /// change removes are included.
    bytes: usize,
    /// For each carrier, the entries that it carries. The sessions of these
    /// entries have no socket.
    carried: LiteMap<SessionId, Vec<Key>>,
    /// Entries that have no carrier yet although their sessions have no socket.
    unassigned: Vec<Key>,
    /// Sessions whose attachments must be saved again.
    dirty: SessionSet,
}

type Entries = LiteMap<SessionId, Entry>;
type Key = (User, SessionId);

#[derive(Serialize, Deserialize)]
struct Entry {
    data: Box<RawValue>,
    since: Millis,
    /// The change of this entry that is not sent yet. It does not include the
    /// removal of the entry.
    #[serde(rename = "news")]
    pending_change: Option<PendingChange>,
    state: State,
}

#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum PendingChange {
    Entered,
    Updated,
}

#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum State {
    /// The session is connected.
    #[serde(rename = "here")]
    Connected(Connected),
    /// The session lost its socket.
    Grace { until: Millis },
    /// The session has left, or its grace period was ended.
    #[serde(rename = "over")]
    Left,
}

#[derive(Clone, Copy, Serialize, Deserialize)]
struct Connected {
    /// The time from which the ping timeout is measured. This time may be later
    /// than the last frame or ping, by less than twice
    /// [`limits::LIVENESS_RESOLUTION_MS`].
    #[serde(rename = "heard")]
    active_until: Millis,
    /// Whether the session has the list of members. If so, the session also
    /// receives changes.
    #[serde(rename = "listed")]
    has_list: bool,
}

/// Entering and leaving.
impl Presence {
    /// Adds an entry for a session, or updates the data of its entry. Returns
    /// whether there is a change to send.
    ///
    /// Fails with `too_large` if the entries of the room would exceed
    /// [`limits::MEMBERS_BYTES`] in total.
    pub fn enter(
        &mut self,
        user: &User,
        id: SessionId,
        data: &RawValue,
        now: Millis,
    ) -> Result<bool, Refusal> {
        let before = self.entry(user, id).map_or(0, |entry| entry_bytes(user, &entry.data));
        let bytes = self.bytes.saturating_sub(before).saturating_add(entry_bytes(user, data));
        if bytes > limits::MEMBERS_BYTES {
            let most = limits::MEMBERS_BYTES;
            return Err(Refusal::too_large(format!(
                "the members of a room may be at most {most} bytes in total"
            )));
        }
        let entries = self.members.entry(user.clone()).or_default();
        let was = entries.get_mut(&id).map(|entry| (entry.here().is_some(), entry));
        let fresh = |change| Entry {
            data: data.to_owned(),
            since: now,
            pending_change: Some(change),
            state: State::Connected(Connected { active_until: now, has_list: false }),
        };
        match was {
            Some((true, entry)) if entry.data.get() == data.get() => return Ok(false),
            Some((true, entry)) => {
                entry.data = data.to_owned();
                entry.pending_change = entry.pending_change.or(Some(PendingChange::Updated));
            }
            // The session left and entered again before a change was sent.
            Some((false, entry)) => *entry = fresh(entry.change_on_return()),
            None => drop(entries.insert(id, fresh(PendingChange::Entered))),
        }
        self.bytes = bytes;
        self.dirty.insert(id, ());
        Ok(true)
    }

    /// Marks the entry of a session that leaves but stays connected. Returns
    /// whether there is a change to send.
    pub fn leave(&mut self, user: &User, id: SessionId) -> bool {
        let Some(entry) = self.entry_here(user, id) else { return false };
        entry.state = State::Left;
        self.dirty.insert(id, ());
        true
    }

    /// Handles the loss of a session's socket. The other entries in the
    /// attachment of that socket need a new carrier. Returns whether the
    /// session's own entry changed.
    pub fn disconnect(
        &mut self,
        user: Option<&User>,
        id: SessionId,
        mode: LeaveMode,
        now: Millis,
    ) -> bool {
        self.unassigned.extend(self.carried.remove(&id).unwrap_or_default());
        // An anonymous session can carry entries, but has no entry of its own.
        let Some(user) = user else { return false };
        if self.entry(user, id).is_some() {
            self.unassigned.push((user.clone(), id));
        }
        let Some(entry) = self.entry_here(user, id) else { return false };
        entry.state = match mode {
            LeaveMode::Immediate => State::Left,
            LeaveMode::AfterGrace => State::Grace { until: now.plus(limits::GRACE_MS) },
        };
        true
    }

    /// Ends the grace periods of a user. Returns whether a grace period was
    /// ended.
    pub fn end_grace(&mut self, user: &User) -> bool {
        let mut ended = LiteMap::new();
        for (id, entry) in self.members.get_mut(user).into_iter().flatten() {
            if let State::Grace { .. } = entry.state {
                entry.state = State::Left;
                ended.insert(*id, ());
            }
        }
        self.update_carried(&ended);
        !ended.is_empty()
    }

    /// Requests the list of members for a session. The list is sent with the
    /// next change. Returns `false` if the session has not entered.
    pub fn request_list(&mut self, user: &User, id: SessionId) -> bool {
        let Some(here) = self.entry_here(user, id).and_then(Entry::here_mut) else { return false };
        here.has_list = false;
        self.dirty.insert(id, ());
        true
    }

    fn entry(&self, user: &User, id: SessionId) -> Option<&Entry> {
        self.members.get(user)?.get(&id)
    }

    fn entry_here(&mut self, user: &User, id: SessionId) -> Option<&mut Entry> {
        self.members.get_mut(user)?.get_mut(&id).filter(|entry| entry.here().is_some())
    }
}

/// Members and changes.
impl Presence {
    /// Returns the members, without the entries that the next change removes.
    pub fn members(&self, now: Millis) -> Vec<Member<'_>> {
        let members = self.members.iter().map(|(user, entries)| {
            let remaining = remaining(entries, now);
            Member { user, sessions: remaining.map(|(id, entry)| entry.to_wire(*id)).collect() }
        });
        members.filter(|member| !member.sessions.is_empty()).collect()
    }

    /// Returns whether a user has an entry now. An entry that the next change
    /// removes still counts.
    pub fn has(&self, user: &User) -> bool {
        self.members.contains_key(user)
    }

    /// Returns the users who have an entry now.
    pub fn user_names(&self) -> impl Iterator<Item = &User> {
        self.members.keys()
    }

    /// Returns the number of users who have an entry now. An entry that the
    /// next change removes still counts.
    pub fn users(&self) -> usize {
        self.members.len()
    }

    /// Returns the number of members.
    pub fn count(&self, now: Millis) -> usize {
        self.members.values().filter(|entries| remaining(entries, now).next().is_some()).count()
    }

    /// Returns the change to send. [`Presence::commit_changes`] then applies
    /// this change.
    pub fn change(&self, now: Millis) -> Change<'_> {
        let mut change = Change::default();
        for (user, entries) in &self.members {
            let returns = user_returns(entries, now);
            for (id, entry) in entries {
                let list = match (entry.is_leaving(returns, now), entry.pending_change) {
                    (true, Some(PendingChange::Entered)) | (false, None) => continue,
                    (true, Some(PendingChange::Updated) | None) => &mut change.left,
                    (false, Some(PendingChange::Entered)) => &mut change.entered,
                    (false, Some(PendingChange::Updated)) => &mut change.updated,
                };
                list.push(UserEntry { user, entry: entry.to_wire(*id) });
            }
        }
        change
    }

    /// Returns the sessions that receive changes. These sessions have entered
    /// and have the list of members.
    pub fn listeners(&self) -> Vec<SessionId> {
        self.here().filter(|(_, here)| here.has_list).map(|(id, _)| id).collect()
    }

    /// Returns the sessions that receive the list of members instead of a
    /// change.
    pub fn awaiting_list(&self) -> Vec<SessionId> {
        self.here().filter(|(_, here)| !here.has_list).map(|(id, _)| id).collect()
    }

    /// Records whether these sessions have the list of members.
    pub fn set_has_list(&mut self, ids: &SessionSet, has_list: bool) {
        for (id, entry) in self.members.iter_mut().flat_map(|(_, entries)| entries) {
            if let Some(here) = entry.here_mut()
                && ids.contains_key(id)
            {
                here.has_list = has_list;
                self.dirty.insert(*id, ());
            }
        }
    }

    /// Returns whether the room has a change or a list to send, or has an entry
    /// to remove.
    pub fn has_pending_changes(&self, now: Millis) -> bool {
        self.members.values().any(|entries| {
            let returns = user_returns(entries, now);
            entries.values().any(|entry| entry.is_leaving(returns, now) || entry.is_pending())
        })
    }

    /// Applies the change that was sent.
    pub fn commit_changes(&mut self, now: Millis) {
        let mut changed = LiteMap::new();
        for (_, entries) in &mut self.members {
            let returns = user_returns(entries, now);
            entries.retain(|id, entry| {
                let is_leaving = entry.is_leaving(returns, now);
                if is_leaving || entry.pending_change.is_some() {
                    changed.insert(*id, ());
                }
                !is_leaving
            });
            entries.iter_mut().for_each(|(_, entry)| entry.pending_change = None);
        }
        self.members.retain(|_, entries| !entries.is_empty());
        self.count_bytes();
        self.update_carried(&changed);
        self.dirty.extend(changed);
    }

    fn count_bytes(&mut self) {
        let entries = self.members.iter().flat_map(|(user, entries)| {
            entries.values().map(|entry| entry_bytes(user, &entry.data))
        });
        self.bytes = entries.sum();
    }

    /// Returns the time at which the next grace period ends.
    pub fn next_end(&self) -> Option<Millis> {
        let ends = self.entries().filter_map(|(_, entry)| match entry.state {
            State::Grace { until } => Some(until),
            State::Connected(_) | State::Left => None,
        });
        ends.min()
    }

    /// Returns the sessions that have entered.
    pub fn sessions(&self) -> Vec<SessionId> {
        self.here().map(|(id, _)| id).collect()
    }

    fn here(&self) -> impl Iterator<Item = (SessionId, Connected)> {
        self.entries().filter_map(|(id, entry)| Some((*id, entry.here()?)))
    }

    fn entries(&self) -> impl Iterator<Item = (&SessionId, &Entry)> {
        self.members.values().flatten()
    }
}

impl Entry {
    fn here(&self) -> Option<Connected> {
        match self.state {
            State::Connected(here) => Some(here),
            State::Grace { .. } | State::Left => None,
        }
    }

    fn here_mut(&mut self) -> Option<&mut Connected> {
        match &mut self.state {
            State::Connected(here) => Some(here),
            State::Grace { .. } | State::Left => None,
        }
    }

    /// Returns whether the next change removes the entry. If `returns` is true,
    /// the entry's user enters again with that change. In this case, an entry
    /// in grace is also removed.
    fn is_leaving(&self, returns: bool, now: Millis) -> bool {
        match self.state {
            State::Connected(_) => false,
            State::Grace { until } => {
                until <= now || (returns && self.pending_change != Some(PendingChange::Entered))
            }
            State::Left => true,
        }
    }

    /// Returns the change to send if the session enters again.
    fn change_on_return(&self) -> PendingChange {
        match self.pending_change {
            Some(PendingChange::Entered) => PendingChange::Entered,
            Some(PendingChange::Updated) | None => PendingChange::Updated,
        }
    }

    /// Returns whether the entry's change or the list for its session must
    /// still be sent.
    fn is_pending(&self) -> bool {
        self.pending_change.is_some() || self.here().is_some_and(|here| !here.has_list)
    }

    fn to_wire(&self, id: SessionId) -> protocol::Entry<'_> {
        protocol::Entry { session: id.to_string(), data: &self.data, since: self.since }
    }
}

/// Returns whether the user has entered since the last change was sent.
fn user_returns(entries: &Entries, now: Millis) -> bool {
    let mut fresh =
        entries.values().filter(|entry| entry.pending_change == Some(PendingChange::Entered));
    fresh.any(|entry| !entry.is_leaving(false, now))
}

/// Returns the entries of a user that the next change does not remove.
fn remaining(entries: &Entries, now: Millis) -> impl Iterator<Item = (&SessionId, &Entry)> {
    let returns = user_returns(entries, now);
    entries.iter().filter(move |(_, entry)| !entry.is_leaving(returns, now))
}

/// Returns the approximate size of an entry in the list of members, in bytes.
fn entry_bytes(user: &User, data: &RawValue) -> usize {
    const ENTRY_OVERHEAD_BYTES: usize = 100;
    ENTRY_OVERHEAD_BYTES.saturating_add(user.as_str().len()).saturating_add(data.get().len())
}
