//! The keys of the state, and the limits of the state.

use litemap::LiteMap;

use crate::code::Refusal;
use crate::protocol::{NewEvent, Seq};
use crate::settings::Settings;
use crate::store::KeyChange;

/// Every key with the size of its latest event in bytes. The limits of the
/// state also limit the size of this map.
#[derive(Default)]
pub struct StateKeys {
    bytes_of: LiteMap<String, u64>,
    bytes: u64,
}

impl StateKeys {
    pub fn new(sizes: Vec<(String, u64)>) -> Self {
        let mut keys = Self::default();
        // They are sorted, so each of them is appended.
        for (key, bytes) in sizes {
            keys.bytes = keys.bytes.saturating_add(bytes);
            keys.bytes_of.insert(key, bytes);
        }
        keys
    }

    /// Returns the size of the state: the total bytes of the latest events of
    /// all keys.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Fails with `too_large` if the changes would make the state grow beyond
    /// its limits. If the settings were lowered, the state may already exceed
    /// the limits. In this case, changes are accepted if they don't make the
    /// state larger in total.
    pub fn check(&self, changes: &[KeyChange], settings: &Settings) -> Result<(), Refusal> {
        let (mut keys, mut bytes) = (self.bytes_of.len() as u64, self.bytes);
        for change in changes {
            let old = self.bytes_of.get(change.key()).copied();
            if old.is_some() {
                keys = keys.saturating_sub(1);
            }
            bytes = bytes.saturating_sub(old.unwrap_or_default());
            if let KeyChange::Set { event, .. } = change {
                keys = keys.saturating_add(1);
                bytes = bytes.saturating_add(event.len() as u64);
            }
        }
        let too_many = keys > settings.state_keys && keys > self.bytes_of.len() as u64;
        let too_large = bytes > settings.state_bytes && bytes > self.bytes;
        if too_many || too_large {
            return Err(Refusal::too_large(format!(
                "the state would have {keys} keys and {bytes} bytes; it may have at most {} keys \
                 and {} bytes: to remove a key, publish `data: null` for it",
                settings.state_keys, settings.state_bytes
            )));
        }
        Ok(())
    }

    /// Records changes that were stored.
    pub fn apply(&mut self, changes: &[KeyChange]) {
        for change in changes {
            let old = match change {
                KeyChange::Set { key, event, .. } => {
                    self.bytes = self.bytes.saturating_add(event.len() as u64);
                    self.bytes_of.insert((*key).to_owned(), event.len() as u64)
                }
                KeyChange::Remove { key } => self.bytes_of.remove(*key),
            };
            self.bytes = self.bytes.saturating_sub(old.unwrap_or_default());
        }
    }

    /// Returns the changes that numbered events make to the state. If several
    /// events have the same key, only the last of these events makes a change.
    /// Removing a key that is not in the state is not a change.
    pub fn changes<'e>(
        &self,
        events: &'e [(Seq, &NewEvent)],
        texts: &'e [String],
    ) -> Vec<KeyChange<'e>> {
        let mut last: LiteMap<&str, KeyChange> = LiteMap::new();
        for ((seq, event), text) in events.iter().zip(texts) {
            if let Some(key) = &event.key {
                let key = key.as_str();
                let change = if event.removes_its_key() {
                    KeyChange::Remove { key }
                } else {
                    KeyChange::Set { key, seq: *seq, event: text }
                };
                last.insert(key, change);
            }
        }
        let needed = |change: &KeyChange| match change {
            KeyChange::Set { .. } => true,
            KeyChange::Remove { key } => self.bytes_of.contains_key(*key),
        };
        last.into_iter().map(|(_, change)| change).filter(needed).collect()
    }
}
