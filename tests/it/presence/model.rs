//! A naive model of presence: a list of entries, searched from the start. The
//! model records the list that was last sent to members. After every step, each
//! client's list is compared with the list in the model.

use std::collections::{BTreeMap, BTreeSet};

use roomcast::limits;
use roomcast::time::Millis;

/// The presence data and the time of entering, by user and session.
pub type List = BTreeMap<(String, String), (String, u64)>;

#[derive(Default)]
pub struct Model {
    entries: Vec<Entry>,
    /// The list that was last sent to members.
    pub sent_list: List,
    /// Whether a window is open. Pending changes are sent when the window ends.
    window: bool,
    pending: bool,
    hibernated: bool,
    /// Sessions that a send skipped, because their clients did not read. The
    /// alarm checks the skipped sessions again.
    skipped: BTreeSet<String>,
}

struct Entry {
    user: String,
    session: String,
    data: String,
    since: Millis,
    state: EntryState,
    /// Whether the session entered after the last changes were sent.
    is_fresh: bool,
    /// Whether the session's data changed after the last changes were sent.
    is_updated: bool,
    /// Whether the room must still send the whole list to the session.
    awaits_list: bool,
}

#[derive(Clone, Copy, PartialEq)]
enum EntryState {
    Connected,
    Grace(Millis),
    Left,
}

impl Model {
    /// Hibernates the room. The next input loads the room.
    pub fn hibernate(&mut self, has_sockets: bool) {
        self.hibernated = true;
        self.window = false;
        self.pending = false;
        self.skipped.clear();
        // Only the sockets' attachments carry the entries through hibernation,
        // so without sockets the entries are lost.
        if !has_sockets {
            self.entries.clear();
            self.sent_list.clear();
        }
    }

    pub fn load(&mut self, now: Millis) {
        if std::mem::take(&mut self.hibernated) && self.has_unsent_changes(now) {
            self.window = true;
            self.pending = true;
        }
    }

    pub fn crash(&mut self) {
        *self = Self { hibernated: true, ..Self::default() };
    }

    pub fn enter(&mut self, user: &str, session: &str, data: &str, now: Millis) {
        let fresh = Entry {
            user: user.into(),
            session: session.into(),
            data: data.into(),
            since: now,
            state: EntryState::Connected,
            is_fresh: true,
            is_updated: false,
            awaits_list: true,
        };
        let found = self.entries.iter_mut().find(|entry| entry.session == session);
        match found {
            None => self.entries.push(fresh),
            Some(entry) if entry.state == EntryState::Left => {
                let is_fresh = entry.is_fresh;
                *entry = Entry { is_fresh, is_updated: !is_fresh, ..fresh };
            }
            Some(entry) if entry.data == data => return,
            Some(entry) => {
                entry.data = data.into();
                entry.is_updated = true;
            }
        }
        self.change(now);
    }

    pub fn leave(&mut self, session: &str, now: Millis) {
        if let Some(entry) = self.connected_entry(session) {
            entry.state = EntryState::Left;
            self.change(now);
        }
    }

    pub fn request_list(&mut self, session: &str, now: Millis) {
        if let Some(entry) = self.connected_entry(session) {
            entry.awaits_list = true;
            self.change(now);
        }
    }

    /// Handles the loss of these sessions' sockets.
    pub fn disconnect(&mut self, lost: &[String], immediately: bool, now: Millis) {
        let mut left = false;
        for session in lost {
            let Some(entry) = self.connected_entry(session) else { continue };
            entry.state = match immediately {
                true => EntryState::Left,
                false => EntryState::Grace(now.plus(limits::GRACE_MS)),
            };
            left |= immediately;
        }
        if left {
            self.change(now);
        }
    }

    /// Makes all sessions of a user leave immediately.
    pub fn kick(&mut self, user: &str, now: Millis) {
        let mut left = false;
        for entry in self.entries.iter_mut().filter(|entry| entry.user == user) {
            left |= entry.state != EntryState::Left;
            entry.state = EntryState::Left;
        }
        if left {
            self.change(now);
        }
    }

    fn connected_entry(&mut self, session: &str) -> Option<&mut Entry> {
        let is_it =
            |entry: &&mut Entry| entry.session == session && entry.state == EntryState::Connected;
        self.entries.iter_mut().find(is_it)
    }

    fn change(&mut self, now: Millis) {
        if self.window {
            self.pending = true;
        } else {
            self.send_changes(now);
        }
    }

    pub fn end_window(&mut self, now: Millis) {
        self.window = false;
        if std::mem::take(&mut self.pending) {
            self.send_changes(now);
        }
    }

    /// Records that a send skipped a session.
    pub fn skip(&mut self, session: &str) {
        self.skipped.insert(session.into());
        if let Some(entry) = self.connected_entry(session) {
            entry.awaits_list = true;
        }
    }

    pub fn fire_alarm(&mut self, now: Millis) {
        self.skipped.clear();
        if self.has_unsent_changes(now) {
            self.send_changes(now);
        }
    }

    fn send_changes(&mut self, now: Millis) {
        self.sent_list = self.list(now);
        let sent_list = self.sent_list.clone();
        self.entries
            .retain(|entry| sent_list.contains_key(&(entry.user.clone(), entry.session.clone())));
        for entry in &mut self.entries {
            (entry.is_fresh, entry.is_updated) = (false, false);
            entry.awaits_list &= self.skipped.contains(&entry.session);
        }
        self.window = true;
        self.pending = false;
    }

    fn has_unsent_changes(&self, now: Millis) -> bool {
        let list = self.list(now);
        let needs_list = |entry: &Entry| entry.awaits_list && entry.state == EntryState::Connected;
        let is_unsent = |entry: &Entry| needs_list(entry) || entry.is_updated;
        list != self.sent_list
            || list.len() != self.entries.len()
            || self.entries.iter().any(is_unsent)
    }

    /// Returns the current members, including changes that were not sent yet.
    pub fn list(&self, now: Millis) -> List {
        let has_left = |entry: &Entry| match entry.state {
            EntryState::Connected => false,
            EntryState::Grace(until) => until <= now,
            EntryState::Left => true,
        };
        let has_returned = |user: &str| {
            self.entries
                .iter()
                .any(|entry| entry.user == user && entry.is_fresh && !has_left(entry))
        };
        let stays = |entry: &&Entry| {
            let was_lost = entry.state != EntryState::Connected && !entry.is_fresh;
            let is_replaced = was_lost && has_returned(&entry.user);
            !has_left(entry) && !is_replaced
        };
        let shown = |entry: &Entry| {
            let key = (entry.user.clone(), entry.session.clone());
            (key, (entry.data.clone(), entry.since.get()))
        };
        self.entries.iter().filter(stays).map(shown).collect()
    }

    pub fn has_entered(&mut self, session: &str) -> bool {
        self.connected_entry(session).is_some()
    }

    /// Whether the session has the list and receives changes.
    pub fn has_list(&mut self, session: &str) -> bool {
        self.connected_entry(session).is_some_and(|entry| !entry.awaits_list)
    }
}
