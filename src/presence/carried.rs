//! The storage of presence in the attachments of sockets, so that presence
//! survives hibernation.
//!
//! An entry is stored in the attachment of its session's socket. If the session
//! has lost its socket, the socket of another session stores the entry. That
//! session is the entry's **carrier**. So every entry survives as long as at
//! least one socket of the room is open.
//!
//! An attachment has a size limit, and many sessions may lose their sockets at
//! the same time. A carrier that can't store all of its entries sets
//! `truncated`. If `truncated` is set when the room is loaded again, the room
//! sends the whole list of members to every session that entered. So no
//! client's list contains members that no longer exist.

use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, to_raw_value};

use super::{Entry, Key, Presence};
use crate::limits;
use crate::protocol::User;
use crate::session::{SessionId, SessionSet};

/// The presence in the attachment of one socket.
#[derive(Serialize, Deserialize)]
struct Carried<Own, Other> {
    own: Option<Own>,
    others: Vec<Other>,
    /// Whether some of the entries did not fit into the attachment.
    #[serde(rename = "short")]
    truncated: bool,
}

impl Presence {
    /// Returns the presence data for the attachment of a session's socket, or
    /// `None` if there is no such data. The entries of other sessions have at
    /// most [`limits::CARRIED_BYTES`] in total.
    /// An anonymous session (`None`) has no entry, but can carry entries.
    pub fn carried_by(&self, user: Option<&User>, id: SessionId) -> Option<Box<RawValue>> {
        let own = user.and_then(|user| self.entry(user, id));
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

    /// Restores presence from the attachments of all sockets.
    pub fn restore(
        carried: impl Iterator<Item = (Option<User>, SessionId, Box<RawValue>)>,
    ) -> Self {
        type Owned = Carried<Entry, (User, SessionId, Entry)>;
        let mut presence = Self::default();
        let mut is_truncated = false;
        for (user, id, carried) in carried {
            // An incompatible version of the code wrote this attachment.
            let Ok(Owned { own, others, truncated }) = serde_json::from_str(carried.get()) else {
                continue;
            };
            if let (Some(user), Some(own)) = (user, own) {
                presence.members.entry(user).or_default().insert(id, own);
            }
            for (user, other, entry) in others {
                presence.carried.entry(id).or_default().push((user.clone(), other));
                presence.members.entry(user).or_default().entry(other).or_insert(entry);
            }
            if truncated {
                is_truncated = true;
                presence.dirty.insert(id, ());
            }
        }
        if is_truncated {
            presence.resend_lists();
        }
        presence.count_bytes();
        presence
    }

    /// Records that the list must be sent again to every session that entered.
    fn resend_lists(&mut self) {
        for (id, entry) in self.members.iter_mut().flat_map(|(_, entries)| entries) {
            if let Some(here) = entry.here_mut() {
                here.has_list = false;
                self.dirty.insert(*id, ());
            }
        }
    }

    /// Assigns a carrier to every entry whose session has lost its socket.
    /// `carrier` returns the carrier for a session, or `None` if no session is
    /// left. Without a carrier, the entries stay only in memory.
    pub fn assign_carriers(&mut self, carrier: impl Fn(SessionId) -> Option<SessionId>) {
        while let Some((user, id)) = self.unassigned.pop() {
            let Some(carrier) = carrier(id) else {
                return self.unassigned.push((user, id));
            };
            self.carried.entry(carrier).or_default().push((user, id));
            self.dirty.insert(carrier, ());
        }
    }

    /// Removes and returns the sessions whose attachments must be saved again.
    pub fn drain_dirty(&mut self) -> SessionSet {
        std::mem::take(&mut self.dirty)
    }

    /// Marks the carriers of changed entries as dirty, and removes carried
    /// entries that no longer exist.
    pub(super) fn update_carried(&mut self, changed: &SessionSet) {
        let members = &self.members;
        let is_left = |(user, id): &Key| members.get(user).is_some_and(|e| e.contains_key(id));
        for (carrier, keys) in &mut self.carried {
            if keys.iter().any(|(_, id)| changed.contains_key(id)) {
                self.dirty.insert(*carrier, ());
                keys.retain(is_left);
            }
        }
        self.carried.retain(|_, keys| !keys.is_empty());
        self.unassigned.retain(is_left);
    }
}
