//! Who is in the room: members by user, with an entry for each session of the
//! user that entered, and what of that has yet to be told.
//!
//! It knows entries and what becomes of them. It refuses to know frames,
//! rights, and when somebody is told: `room::presence` does.
//!
//! An entry whose session leaves is over. One whose session lost its socket is
//! **in grace**: it stays, until it has been so for a while or its user enters
//! again. Either way it goes with the change that tells of it, so the change
//! and the members can't disagree: [`Presence::change`] says what is to be
//! told, and [`Presence::commit_changes`] makes it so.
//!
//! None of it is stored: [`carried`] says how it outlives a sleep. [`liveness`]
//! says who is only seemingly there.

mod carried;
mod liveness;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::code::{Code, Refusal};
use crate::limits;
use crate::protocol::{self, Change, Member, User, UserEntry};
use crate::session::SessionId;
use crate::time::Millis;

#[derive(Default)]
pub struct Presence {
    members: BTreeMap<User, Entries>,
    /// What the list of members comes to, with those that are to go.
    bytes: usize,
    /// By witness, the entries that its socket carries for sessions that have
    /// none of their own any more.
    carried: BTreeMap<SessionId, Vec<Key>>,
    /// Such entries as have no witness yet.
    unassigned: Vec<Key>,
    /// Sessions whose sockets carry what is no longer so.
    dirty: BTreeSet<SessionId>,
}

type Entries = BTreeMap<SessionId, Entry>;
type Key = (User, SessionId);

#[derive(Serialize, Deserialize)]
struct Entry {
    data: Box<RawValue>,
    since: Millis,
    /// What has yet to be told of it, besides that it goes.
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
    /// Its session is in the room.
    Here(Here),
    /// Its session lost its socket.
    Grace { until: Millis },
    /// Its session has left.
    Over,
}

#[derive(Clone, Copy, Serialize, Deserialize)]
struct Here {
    /// Until when it counts as heard of.
    #[serde(rename = "heard")]
    active_until: Millis,
    /// Whether it has the list of members, so that a change is enough for it.
    #[serde(rename = "listed")]
    has_list: bool,
}

/// How a session goes that is lost to the room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LeaveMode {
    Immediate,
    /// It may be back in a moment.
    AfterGrace,
}

impl LeaveMode {
    /// By the code of the peer's Close, if it sent one: done (1000), or closed
    /// without a code (1005). A page that goes says 1001, also where it is only
    /// reloaded.
    pub fn by_close_code(code: Option<u16>) -> Self {
        match code {
            Some(1000 | 1005) => Self::Immediate,
            _ => Self::AfterGrace,
        }
    }

    /// By what the room closes it for.
    pub fn by_refusal(code: Code) -> Self {
        match code {
            Code::Kicked | Code::Erased => Self::Immediate,
            Code::BadRequest
            | Code::Unauthorized
            | Code::TokenExpired
            | Code::Forbidden
            | Code::NotFound
            | Code::MethodNotAllowed
            | Code::PositionLost
            | Code::TooLarge
            | Code::RateLimited
            | Code::PingTimeout
            | Code::RoomFull
            | Code::Internal
            | Code::Restarting => Self::AfterGrace,
        }
    }
}

/// Coming and going.
impl Presence {
    /// A session enters or, where it is in already, has new data. Whether
    /// there is something to tell.
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
                "the members of the room come to {most} bytes, which is as many as may be"
            )));
        }
        let entries = self.members.entry(user.clone()).or_default();
        let was = entries.get_mut(&id).map(|entry| (entry.here().is_some(), entry));
        let fresh = |change| Entry {
            data: data.to_owned(),
            since: now,
            pending_change: Some(change),
            state: State::Here(Here { active_until: now, has_list: false }),
        };
        match was {
            Some((true, entry)) if entry.data.get() == data.get() => return Ok(false),
            Some((true, entry)) => {
                entry.data = data.to_owned();
                entry.pending_change = entry.pending_change.or(Some(PendingChange::Updated));
            }
            // It left, and is back before anybody was told.
            Some((false, entry)) => *entry = fresh(entry.change_on_return()),
            None => drop(entries.insert(id, fresh(PendingChange::Entered))),
        }
        self.bytes = bytes;
        self.dirty.insert(id);
        Ok(true)
    }

    /// A session leaves and keeps its socket. Whether there is something to
    /// tell.
    pub fn leave(&mut self, user: &User, id: SessionId) -> bool {
        let Some(entry) = self.entry_here(user, id) else { return false };
        entry.state = State::Over;
        self.dirty.insert(id);
        true
    }

    /// A session's socket is lost, and with it what it carried. Whether that
    /// changed an entry of its own.
    pub fn disconnect(&mut self, user: &User, id: SessionId, mode: LeaveMode, now: Millis) -> bool {
        self.unassigned.extend(self.carried.remove(&id).unwrap_or_default());
        if self.entry(user, id).is_some() {
            self.unassigned.push((user.clone(), id));
        }
        let Some(entry) = self.entry_here(user, id) else { return false };
        entry.state = match mode {
            LeaveMode::Immediate => State::Over,
            LeaveMode::AfterGrace => State::Grace { until: now.plus(limits::GRACE_MS) },
        };
        true
    }

    /// What a user has in grace is over. Whether there was anything.
    pub fn end_grace(&mut self, user: &User) -> bool {
        let mut ended = BTreeSet::new();
        for (id, entry) in self.members.get_mut(user).into_iter().flatten() {
            if let State::Grace { .. } = entry.state {
                entry.state = State::Over;
                ended.insert(*id);
            }
        }
        self.update_carried(&ended);
        !ended.is_empty()
    }

    /// A session that is in asks for the list: it is told with the next
    /// change. `false` where it is not in.
    pub fn request_list(&mut self, user: &User, id: SessionId) -> bool {
        let Some(here) = self.entry_here(user, id).and_then(Entry::here_mut) else { return false };
        here.has_list = false;
        self.dirty.insert(id);
        true
    }

    fn entry(&self, user: &User, id: SessionId) -> Option<&Entry> {
        self.members.get(user)?.get(&id)
    }

    fn entry_here(&mut self, user: &User, id: SessionId) -> Option<&mut Entry> {
        self.members.get_mut(user)?.get_mut(&id).filter(|entry| entry.here().is_some())
    }
}

/// What is so, and what is to be told.
impl Presence {
    pub fn members(&self, now: Millis) -> Vec<Member<'_>> {
        let members = self.members.iter().map(|(user, entries)| {
            let remaining = remaining(entries, now);
            Member { user, sessions: remaining.map(|(id, entry)| entry.to_wire(*id)).collect() }
        });
        members.filter(|member| !member.sessions.is_empty()).collect()
    }

    /// Whether a user has an entry, be it one that is about to go.
    pub fn has(&self, user: &User) -> bool {
        self.members.contains_key(user)
    }

    /// How many users have one.
    pub fn users(&self) -> usize {
        self.members.len()
    }

    pub fn count(&self, now: Millis) -> usize {
        self.members.values().filter(|entries| remaining(entries, now).next().is_some()).count()
    }

    /// What [`Presence::commit_changes`] will have changed.
    pub fn change(&self, now: Millis) -> Change<'_> {
        let mut change = Change::default();
        for (user, entries) in &self.members {
            let returns = returns(entries, now);
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

    /// Those to whom a change is told: who is in, and has the list.
    pub fn listeners(&self) -> Vec<SessionId> {
        self.here().filter(|(_, here)| here.has_list).map(|(id, _)| id).collect()
    }

    /// Those who are owed the list in its place.
    pub fn awaiting_list(&self) -> Vec<SessionId> {
        self.here().filter(|(_, here)| !here.has_list).map(|(id, _)| id).collect()
    }

    /// These have the list from here on, or have it no longer.
    pub fn set_has_list(&mut self, ids: &BTreeSet<SessionId>, has_list: bool) {
        for (id, entry) in self.members.values_mut().flatten() {
            if let Some(here) = entry.here_mut()
                && ids.contains(id)
            {
                here.has_list = has_list;
                self.dirty.insert(*id);
            }
        }
    }

    /// Whether there is something to tell, or an entry that is to go.
    pub fn has_pending_changes(&self, now: Millis) -> bool {
        self.members.values().any(|entries| {
            let returns = returns(entries, now);
            entries.values().any(|entry| entry.is_leaving(returns, now) || entry.is_pending())
        })
    }

    /// The change has been told.
    pub fn commit_changes(&mut self, now: Millis) {
        let mut changed = BTreeSet::new();
        for entries in self.members.values_mut() {
            let returns = returns(entries, now);
            entries.retain(|id, entry| {
                let is_leaving = entry.is_leaving(returns, now);
                if is_leaving || entry.pending_change.is_some() {
                    changed.insert(*id);
                }
                entry.pending_change = None;
                !is_leaving
            });
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

    /// When the next grace ends.
    pub fn next_end(&self) -> Option<Millis> {
        let ends = self.entries().filter_map(|(_, entry)| match entry.state {
            State::Grace { until } => Some(until),
            State::Here(_) | State::Over => None,
        });
        ends.min()
    }

    /// The sessions that are in.
    pub fn sessions(&self) -> Vec<SessionId> {
        self.here().map(|(id, _)| id).collect()
    }

    fn here(&self) -> impl Iterator<Item = (SessionId, Here)> {
        self.entries().filter_map(|(id, entry)| Some((*id, entry.here()?)))
    }

    fn entries(&self) -> impl Iterator<Item = (&SessionId, &Entry)> {
        self.members.values().flatten()
    }
}

impl Entry {
    fn here(&self) -> Option<Here> {
        match self.state {
            State::Here(here) => Some(here),
            State::Grace { .. } | State::Over => None,
        }
    }

    fn here_mut(&mut self) -> Option<&mut Here> {
        match &mut self.state {
            State::Here(here) => Some(here),
            State::Grace { .. } | State::Over => None,
        }
    }

    /// Whether the next change takes it away. `returns`: so does the user's
    /// coming back, which that change tells of.
    fn is_leaving(&self, returns: bool, now: Millis) -> bool {
        match self.state {
            State::Here(_) => false,
            State::Grace { until } => {
                until <= now || (returns && self.pending_change != Some(PendingChange::Entered))
            }
            State::Over => true,
        }
    }

    /// What there is to tell of it if its session enters again.
    fn change_on_return(&self) -> PendingChange {
        match self.pending_change {
            Some(PendingChange::Entered) => PendingChange::Entered,
            Some(PendingChange::Updated) | None => PendingChange::Updated,
        }
    }

    /// Whether there is something to be told of it, or to its session.
    fn is_pending(&self) -> bool {
        self.pending_change.is_some() || self.here().is_some_and(|here| !here.has_list)
    }

    fn to_wire(&self, id: SessionId) -> protocol::Entry<'_> {
        protocol::Entry { session: id.to_string(), data: &self.data, since: self.since }
    }
}

/// Whether a user has entered since members were last told of.
fn returns(entries: &Entries, now: Millis) -> bool {
    let mut fresh =
        entries.values().filter(|entry| entry.pending_change == Some(PendingChange::Entered));
    fresh.any(|entry| !entry.is_leaving(false, now))
}

/// A user's entries without those that the next change takes away.
fn remaining(entries: &Entries, now: Millis) -> impl Iterator<Item = (&SessionId, &Entry)> {
    let returns = returns(entries, now);
    entries.iter().filter(move |(_, entry)| !entry.is_leaving(returns, now))
}

/// What an entry comes to in the list, about.
fn entry_bytes(user: &User, data: &RawValue) -> usize {
    const AROUND: usize = 100;
    AROUND.saturating_add(user.as_str().len()).saturating_add(data.get().len())
}
