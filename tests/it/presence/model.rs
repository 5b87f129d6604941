//! The naive model of presence: entries in a list, searched from its beginning
//! whenever anything is asked. It knows what everybody has been told, so what
//! a client makes of its frames can be held to it after every step.

use std::collections::{BTreeMap, BTreeSet};

use roomcast::limits;
use roomcast::time::Millis;

/// By user and session: presence data, and when it entered.
pub type List = BTreeMap<(String, String), (String, u64)>;

#[derive(Default)]
pub struct Model {
    entries: Vec<Entry>,
    /// The list that was last told.
    pub told: List,
    /// Whether a window is open, at whose end what is pending is told.
    window: bool,
    pending: bool,
    asleep: bool,
    /// Sessions that did not read, until the alarm looks again.
    unread: BTreeSet<String>,
}

struct Entry {
    user: String,
    session: String,
    data: String,
    since: Millis,
    place: Place,
    is_fresh: bool,
    is_updated: bool,
    is_owed_the_list: bool,
}

#[derive(Clone, Copy, PartialEq)]
enum Place {
    Here,
    Grace(Millis),
    Over,
}

impl Model {
    /// What comes next wakes the room.
    pub fn sleeps(&mut self, somebody_is_connected: bool) {
        self.asleep = true;
        self.window = false;
        self.pending = false;
        self.unread.clear();
        // Nobody carries the rest, and there is nobody to tell.
        if !somebody_is_connected {
            self.entries.clear();
            self.told.clear();
        }
    }

    pub fn wakes(&mut self, now: Millis) {
        if std::mem::take(&mut self.asleep) && self.is_unsettled(now) {
            self.window = true;
            self.pending = true;
        }
    }

    pub fn crashes(&mut self) {
        *self = Self { asleep: true, ..Self::default() };
    }

    pub fn enters(&mut self, user: &str, session: &str, data: &str, now: Millis) {
        let fresh = Entry {
            user: user.into(),
            session: session.into(),
            data: data.into(),
            since: now,
            place: Place::Here,
            is_fresh: true,
            is_updated: false,
            is_owed_the_list: true,
        };
        let found = self.entries.iter_mut().find(|entry| entry.session == session);
        match found {
            None => self.entries.push(fresh),
            Some(entry) if entry.place == Place::Over => {
                let is_fresh = entry.is_fresh;
                *entry = Entry { is_fresh, is_updated: !is_fresh, ..fresh };
            }
            Some(entry) if entry.data == data => return,
            Some(entry) => {
                entry.data = data.into();
                entry.is_updated = true;
            }
        }
        self.changes(now);
    }

    pub fn leaves(&mut self, session: &str, now: Millis) {
        if let Some(entry) = self.here(session) {
            entry.place = Place::Over;
            self.changes(now);
        }
    }

    pub fn asks(&mut self, session: &str, now: Millis) {
        if let Some(entry) = self.here(session) {
            entry.is_owed_the_list = true;
            self.changes(now);
        }
    }

    /// These sessions lost their sockets.
    pub fn lose(&mut self, lost: &[String], at_once: bool, now: Millis) {
        let mut left = false;
        for session in lost {
            let Some(entry) = self.here(session) else { continue };
            entry.place = match at_once {
                true => Place::Over,
                false => Place::Grace(now.plus(limits::GRACE_MS)),
            };
            left |= at_once;
        }
        if left {
            self.changes(now);
        }
    }

    /// A user is to be gone.
    pub fn is_kicked(&mut self, user: &str, now: Millis) {
        let mut left = false;
        for entry in self.entries.iter_mut().filter(|entry| entry.user == user) {
            left |= entry.place != Place::Over;
            entry.place = Place::Over;
        }
        if left {
            self.changes(now);
        }
    }

    fn here(&mut self, session: &str) -> Option<&mut Entry> {
        let is_it = |entry: &&mut Entry| entry.session == session && entry.place == Place::Here;
        self.entries.iter_mut().find(is_it)
    }

    fn changes(&mut self, now: Millis) {
        if self.window {
            self.pending = true;
        } else {
            self.tells(now);
        }
    }

    pub fn window_ends(&mut self, now: Millis) {
        self.window = false;
        if std::mem::take(&mut self.pending) {
            self.tells(now);
        }
    }

    /// A session was left out of what was told.
    pub fn is_left_out(&mut self, session: &str) {
        self.unread.insert(session.into());
        if let Some(entry) = self.here(session) {
            entry.is_owed_the_list = true;
        }
    }

    pub fn alarm_rings(&mut self, now: Millis) {
        self.unread.clear();
        if self.is_unsettled(now) {
            self.tells(now);
        }
    }

    fn tells(&mut self, now: Millis) {
        self.told = self.list(now);
        let told = self.told.clone();
        self.entries
            .retain(|entry| told.contains_key(&(entry.user.clone(), entry.session.clone())));
        for entry in &mut self.entries {
            (entry.is_fresh, entry.is_updated) = (false, false);
            entry.is_owed_the_list &= self.unread.contains(&entry.session);
        }
        self.window = true;
        self.pending = false;
    }

    fn is_unsettled(&self, now: Millis) -> bool {
        let list = self.list(now);
        let is_owed = |entry: &Entry| entry.is_owed_the_list && entry.place == Place::Here;
        let waits = |entry: &Entry| is_owed(entry) || entry.is_updated;
        list != self.told || list.len() != self.entries.len() || self.entries.iter().any(waits)
    }

    /// The members as they are, told or not.
    pub fn list(&self, now: Millis) -> List {
        let is_over = |entry: &Entry| match entry.place {
            Place::Here => false,
            Place::Grace(until) => until <= now,
            Place::Over => true,
        };
        let comes_back = |user: &str| {
            self.entries.iter().any(|entry| entry.user == user && entry.is_fresh && !is_over(entry))
        };
        let stays = |entry: &&Entry| {
            let was_lost = entry.place != Place::Here && !entry.is_fresh;
            let is_replaced = was_lost && comes_back(&entry.user);
            !is_over(entry) && !is_replaced
        };
        let shown = |entry: &Entry| {
            let key = (entry.user.clone(), entry.session.clone());
            (key, (entry.data.clone(), entry.since.get()))
        };
        self.entries.iter().filter(stays).map(shown).collect()
    }

    pub fn has_entered(&mut self, session: &str) -> bool {
        self.here(session).is_some()
    }

    /// Whether it has the list, and hears what changes.
    pub fn listens(&mut self, session: &str) -> bool {
        self.here(session).is_some_and(|entry| !entry.is_owed_the_list)
    }
}
