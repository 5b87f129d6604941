//! How presence outlives a sleep: an entry is carried by its session's own
//! socket, and one whose session has no socket any more by another's, its
//! **witness**. So what sleeps is what was awake, as long as a socket is there.
//!
//! An attachment has an end, and a great many may lose their sockets at once.
//! A witness that can't carry all that it should says so: then those who are
//! in hear the whole list when the room wakes, and nobody is left with members
//! that are none.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, to_raw_value};

use super::{Entry, Key, Presence};
use crate::limits;
use crate::protocol::User;
use crate::session::SessionId;

/// What one socket carries.
#[derive(Serialize, Deserialize)]
struct Carried<Own, Other> {
    own: Option<Own>,
    others: Vec<Other>,
    /// Whether there are others that it can't carry.
    #[serde(rename = "short")]
    truncated: bool,
}

impl Presence {
    /// What the socket of a session is to carry.
    pub fn carried_by(&self, user: &User, id: SessionId) -> Option<Box<RawValue>> {
        let own = self.entry(user, id);
        let (mut others, mut bytes, mut truncated) = (Vec::new(), 0_usize, false);
        for (user, id) in self.carried.get(&id).into_iter().flatten() {
            let Some(entry) = self.entry(user, *id) else { continue };
            let other = to_raw_value(&(user, id, entry)).ok()?;
            bytes = bytes.saturating_add(other.get().len());
            if bytes > limits::CARRIED_BYTES {
                truncated = true;
                break;
            }
            others.push(other);
        }
        if own.is_none() && others.is_empty() && !truncated {
            return None;
        }
        to_raw_value(&Carried { own, others, truncated }).ok()
    }

    /// What the sockets of a room carried through its sleep.
    pub fn restore(carried: impl Iterator<Item = (User, SessionId, Box<RawValue>)>) -> Self {
        type Owned = Carried<Entry, (User, SessionId, Entry)>;
        let mut presence = Self::default();
        let mut is_truncated = false;
        for (user, id, carried) in carried {
            // Another version of the program may have written it in another way.
            let Ok(Owned { own, others, truncated }) = serde_json::from_str(carried.get()) else {
                continue;
            };
            if let Some(own) = own {
                presence.members.entry(user).or_default().insert(id, own);
            }
            for (user, other, entry) in others {
                presence.carried.entry(id).or_default().push((user.clone(), other));
                presence.members.entry(user).or_default().entry(other).or_insert(entry);
            }
            if truncated {
                is_truncated = true;
                presence.dirty.insert(id);
            }
        }
        if is_truncated {
            presence.resend_lists();
        }
        presence.count_bytes();
        presence
    }

    fn resend_lists(&mut self) {
        for (id, entry) in self.members.values_mut().flatten() {
            if let Some(here) = entry.here_mut() {
                here.has_list = false;
                self.dirty.insert(*id);
            }
        }
    }

    /// Finds a witness for every entry that has lost its socket. Where there is
    /// none for one, nobody is in the room: they stay in memory alone.
    pub fn assign_carriers(&mut self, carrier: impl Fn(SessionId) -> Option<SessionId>) {
        while let Some((user, id)) = self.unassigned.pop() {
            let Some(carrier) = carrier(id) else {
                return self.unassigned.push((user, id));
            };
            self.carried.entry(carrier).or_default().push((user, id));
            self.dirty.insert(carrier);
        }
    }

    /// The sessions whose sockets are to carry something else than they do.
    pub fn drain_dirty(&mut self) -> BTreeSet<SessionId> {
        std::mem::take(&mut self.dirty)
    }

    /// Entries have changed or ended: so has what their witnesses carry.
    pub(super) fn update_carried(&mut self, changed: &BTreeSet<SessionId>) {
        let members = &self.members;
        let is_left = |(user, id): &Key| members.get(user).is_some_and(|e| e.contains_key(id));
        for (carrier, keys) in &mut self.carried {
            if keys.iter().any(|(_, id)| changed.contains(id)) {
                self.dirty.insert(*carrier);
                keys.retain(is_left);
            }
        }
        self.carried.retain(|_, keys| !keys.is_empty());
        self.unassigned.retain(is_left);
    }
}
