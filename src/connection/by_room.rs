//! A value for each room of a connection.

use crate::protocol::RoomName;

/// A map that is stored as a sorted vector of at most 100 entries. A `BTreeMap`
/// would add 10 kB of code for each type of value, and every isolate would load
/// that code.
pub struct ByRoom<T>(Vec<(RoomName, T)>);

impl<T> Default for ByRoom<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T> ByRoom<T> {
    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn get(&self, room: &RoomName) -> Option<&T> {
        let index = self.find(room).ok()?;
        self.0.get(index).map(|(_, value)| value)
    }

    pub fn get_mut(&mut self, room: &RoomName) -> Option<&mut T> {
        let index = self.find(room).ok()?;
        self.0.get_mut(index).map(|(_, value)| value)
    }

    /// Inserts a value for a room, and replaces the room's old value.
    pub fn insert(&mut self, room: RoomName, value: T) {
        self.remove(&room);
        let index = self.find(&room).unwrap_or_else(|index| index);
        self.0.insert(index, (room, value));
    }

    pub fn remove(&mut self, room: &RoomName) -> Option<T> {
        let index = self.find(room).ok()?;
        Some(self.0.remove(index).1)
    }

    pub fn values(&self) -> impl Iterator<Item = &T> {
        self.0.iter().map(|(_, value)| value)
    }

    pub fn iter_mut(&mut self) -> impl Iterator<Item = (&RoomName, &mut T)> {
        self.0.iter_mut().map(|(room, value)| (&*room, value))
    }

    fn find(&self, room: &RoomName) -> Result<usize, usize> {
        self.0.binary_search_by(|(name, _)| name.cmp(room))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn map_inserts_replaces_and_removes() {
        let room = |number: u32| RoomName::parse(&number.to_string()).unwrap();
        let mut map = ByRoom::default();
        for number in [5, 3, 9, 1, 7, 3] {
            map.insert(room(number), number);
        }
        map.insert(room(9), 90);
        assert_eq!(map.values().copied().collect::<Vec<_>>(), [1, 3, 5, 7, 90]);
        assert_eq!(map.remove(&room(5)), Some(5));
        assert_eq!(map.remove(&room(5)), None);
        assert_eq!((map.get(&room(5)), map.get(&room(9))), (None, Some(&90)));
        *map.get_mut(&room(7)).unwrap() = 70;
        assert_eq!(map.iter_mut().map(|(_, value)| *value).collect::<Vec<_>>(), [1, 3, 70, 90]);
        assert_eq!((map.len(), map.is_empty()), (4, false));
    }
}
