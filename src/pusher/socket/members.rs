//! The users of a presence channel, as one client knows them. A user with
//! several sessions is one member, which is added with the first and removed
//! after the last.

use litemap::LiteMap;

use crate::protocol::User;
use crate::pusher::room_frame::{Listed, MembersChanged};

/// A change of the users, for the client.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Change {
    Added { user: User, info: String },
    Removed(User),
}

/// The users, with their numbers of sessions.
#[derive(Debug, Default)]
pub(super) struct Users(LiteMap<User, usize>);

impl Users {
    /// Replaces the users by a complete list, and returns the changes.
    pub fn replace(&mut self, list: &[Listed]) -> Vec<Change> {
        let before = std::mem::take(self);
        for Listed { user, sessions, .. } in list {
            self.count(user, *sessions);
        }
        let removed = before.0.keys().filter(|user| !self.0.contains_key(*user));
        let mut changes: Vec<_> = removed.cloned().map(Change::Removed).collect();
        for Listed { user, info, .. } in list {
            if !before.0.contains_key(user) {
                changes.push(Change::Added { user: user.clone(), info: info.clone() });
            }
        }
        changes
    }

    /// Applies the changes of a frame. A user whose sessions leave and enter in
    /// the same frame does not change.
    pub fn apply(&mut self, changed: &MembersChanged) -> Vec<Change> {
        let mut changes = Vec::new();
        for entry in &changed.entered {
            if self.count(&entry.user, 1) {
                let info = entry.data.to_owned();
                changes.push(Change::Added { user: entry.user.clone(), info });
            }
        }
        for entry in &changed.left {
            if self.uncount(&entry.user) {
                changes.push(Change::Removed(entry.user.clone()));
            }
        }
        changes
    }

    /// Adds sessions of a user. Returns whether the user is new.
    fn count(&mut self, user: &User, sessions: usize) -> bool {
        match self.0.get_mut(user) {
            Some(count) => {
                *count = count.saturating_add(sessions);
                false
            }
            None => self.0.insert(user.clone(), sessions).is_none(),
        }
    }

    /// Removes a session of a user. Returns whether it was the last.
    fn uncount(&mut self, user: &User) -> bool {
        let Some(count) = self.0.get_mut(user) else { return false };
        *count = count.saturating_sub(1);
        *count == 0 && self.0.remove(user).is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(name: &str) -> User {
        User::parse(name).unwrap()
    }

    fn listed(name: &str, sessions: usize) -> Listed {
        Listed { user: user(name), info: "1".into(), sessions }
    }

    fn apply(users: &mut Users, entered: &[&str], left: &[&str]) -> Vec<Change> {
        let entries = |names: &[&str]| {
            let entries = names.iter().map(|name| format!(r#"{{"user":"{name}","data":1}}"#));
            entries.collect::<Vec<_>>().join(",")
        };
        let frame = format!(r#"{{"entered":[{}],"left":[{}]}}"#, entries(entered), entries(left));
        users.apply(&MembersChanged::read(&frame).unwrap())
    }

    fn added(name: &str) -> Change {
        Change::Added { user: user(name), info: "1".into() }
    }

    #[test]
    fn user_is_added_with_the_first_session_and_removed_after_the_last() {
        let mut users = Users::default();
        assert_eq!(users.replace(&[listed("ann", 1)]), [added("ann")]);
        assert_eq!(apply(&mut users, &["ann", "ben"], &[]), [added("ben")]);
        assert_eq!(apply(&mut users, &[], &["ann"]), []);
        assert_eq!(apply(&mut users, &[], &["ann"]), [Change::Removed(user("ann"))]);
        assert_eq!(apply(&mut users, &["ben"], &["ben"]), [], "ben has connected again");
        assert_eq!(apply(&mut users, &[], &["nobody"]), []);
    }

    #[test]
    fn complete_list_changes_only_what_is_different() {
        let mut users = Users::default();
        users.replace(&[listed("ann", 2), listed("ben", 1)]);
        let changes = users.replace(&[listed("ben", 1), listed("cat", 1)]);
        assert_eq!(changes, [Change::Removed(user("ann")), added("cat")]);
        assert_eq!(apply(&mut users, &[], &["ben", "cat"]).len(), 2);
    }
}
