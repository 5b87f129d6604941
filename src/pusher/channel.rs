//! Channels, and the rooms that they are. The beginning of a channel's name
//! determines what a client needs to subscribe, and what it is sent.

use base64ct::{Base64UrlUnpadded, Encoding};
use sha2::{Digest, Sha256};

use super::app::{App, USER_ROOMS};
use crate::code::Refusal;
use crate::protocol::{RoomName, User};

/// Beginning of the name of a user's own channel.
const USER_CHANNEL: &str = "#server-to-user-";

/// The clients that may subscribe to a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Every client with the app's key.
    Public,
    /// A client with a signature of the app's backend.
    Private,
    /// A client with a signature that also names its user. The channel lists its
    /// users.
    Presence,
    /// The user of this channel, after signing in.
    User,
}

impl Access {
    /// Returns whether a subscription needs a signature.
    pub fn needs_auth(self) -> bool {
        matches!(self, Self::Private | Self::Presence)
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Channel {
    pub name: String,
    pub access: Access,
    /// Whether a new subscription is sent the last event.
    pub is_cache: bool,
    /// Whether the clients encrypt the data of events.
    pub is_encrypted: bool,
}

impl Channel {
    /// Parses a channel's name. Fails with `bad_request` if the name is invalid.
    pub fn parse(name: &str) -> Result<Self, Refusal> {
        let channel = |access, is_cache, is_encrypted| {
            Ok(Self { name: name.to_owned(), access, is_cache, is_encrypted })
        };
        if let Some(user) = name.strip_prefix(USER_CHANNEL) {
            User::parse(user)?;
            return channel(Access::User, false, false);
        }
        if !RoomName::is_segment(name) {
            return Err(Refusal::bad_request(
                "a channel name is 1 to 200 characters of A-Z a-z 0-9 _ - = @ , . ;",
            ));
        }
        let begins = |begin| name.starts_with(begin);
        match () {
            () if begins("private-encrypted-cache-") => channel(Access::Private, true, true),
            () if begins("private-encrypted-") => channel(Access::Private, false, true),
            () if begins("private-cache-") => channel(Access::Private, true, false),
            () if begins("private-") => channel(Access::Private, false, false),
            () if begins("presence-cache-") => channel(Access::Presence, true, false),
            () if begins("presence-") => channel(Access::Presence, false, false),
            () if begins("cache-") => channel(Access::Public, true, false),
            () => channel(Access::Public, false, false),
        }
    }

    /// Returns the channel of a user.
    pub fn of_user(user: &User) -> Self {
        let name = format!("{USER_CHANNEL}{}", user.as_str());
        Self { name, access: Access::User, is_cache: false, is_encrypted: false }
    }

    /// Returns the room that the channel is. Fails with `bad_request` if the
    /// app's prefix makes the room's name too long.
    pub fn room(&self, app: &App) -> Result<RoomName, Refusal> {
        let room = match self.name.strip_prefix(USER_CHANNEL) {
            Some(user) => format!("{}{USER_ROOMS}{}", app.prefix, segment_of(user)),
            None => format!("{}{}", app.prefix, self.name),
        };
        RoomName::parse(&room)
    }

    /// Returns the channel that a room is. Returns `None` if the room belongs to
    /// another app or to a user, or is no channel.
    pub fn of_room(room: &RoomName, app: &App) -> Option<Self> {
        Self::parse(room.as_str().strip_prefix(app.prefix.as_str())?).ok()
    }

    /// Returns whether clients may send events of their own to the channel.
    pub fn has_client_events(&self) -> bool {
        matches!(self.access, Access::Private | Access::Presence) && !self.is_encrypted
    }
}

/// Returns a segment of a room's name for a user. A user may contain characters
/// that a room's name can't have. The hash of such a user begins with `=`.
fn segment_of(user: &str) -> String {
    if RoomName::is_segment(user) && !user.starts_with('=') {
        return user.to_owned();
    }
    format!("={}", Base64UrlUnpadded::encode_string(&Sha256::digest(user)))
}

#[cfg(test)]
mod tests {
    use super::super::Apps;
    use super::*;

    #[test]
    fn beginning_of_the_name_determines_the_channel() {
        use Access::{Presence, Private, Public};
        for (name, access, is_cache, is_encrypted, has_client_events) in [
            ("a", Public, false, false, false),
            ("privat-a", Public, false, false, false),
            ("cache-a", Public, true, false, false),
            ("private-a", Private, false, false, true),
            ("private-cache-a", Private, true, false, true),
            ("private-encrypted-a", Private, false, true, false),
            ("private-encrypted-cache-a", Private, true, true, false),
            ("presence-a", Presence, false, false, true),
            ("presence-cache-a", Presence, true, false, true),
            ("presence-encrypted-a", Presence, false, false, true),
            ("#server-to-user-7", Access::User, false, false, false),
        ] {
            let channel = Channel::parse(name).unwrap();
            let of = (channel.access, channel.is_cache, channel.is_encrypted);
            assert_eq!(of, (access, is_cache, is_encrypted), "{name}");
            assert_eq!(channel.has_client_events(), has_client_events, "{name}");
        }
        for name in ["", "a:b", "a b", "é", "#a", "#server-to-user-", &"a".repeat(201)] {
            assert!(Channel::parse(name).is_err(), "{name}");
        }
    }

    #[test]
    fn each_channel_is_a_room_of_its_own() {
        let apps = r#"[{"id":"1","key":"a","secret":"s"},
                       {"id":"2","key":"b","secret":"s","prefix":"shop:"}]"#;
        let apps = Apps::parse(apps).unwrap();
        let room = |id: &str, name: &str| {
            let channel = Channel::parse(name).unwrap();
            channel.room(apps.with_id(id).unwrap()).map(|room| room.as_str().to_owned())
        };
        for (id, name, expected) in [
            ("1", "private-a", "private-a"),
            ("2", "private-a", "shop:private-a"),
            ("2", "server-to-user-7", "shop:server-to-user-7"),
            ("2", "#server-to-user-7", "shop:server-to-user:7"),
            ("1", "#server-to-user-ann@x.org", "server-to-user:ann@x.org"),
        ] {
            assert_eq!(room(id, name).unwrap(), expected, "{name}");
        }
        let hashed = [
            "#server-to-user-a b",
            "#server-to-user-a:b",
            "#server-to-user-=a",
            "#server-to-user-é",
        ]
        .map(|name| room("1", name).unwrap());
        for (index, one) in hashed.iter().enumerate() {
            assert!(one.starts_with("server-to-user:=") && one.len() < 70, "{one}");
            assert!(!hashed[index + 1..].contains(one));
        }
        assert!(room("1", &"a".repeat(200)).is_ok());
        assert!(room("2", &"a".repeat(196)).is_err());
        assert!(room("1", ".").is_err());
    }

    #[test]
    fn room_of_another_app_or_user_is_no_channel() {
        let apps = r#"[{"id":"1","key":"a","secret":"s","prefix":"a:"},{"id":"2","key":"b","secret":"s"}]"#;
        let apps = Apps::parse(apps).unwrap();
        let name = |id: &str, room: &str| {
            let room = RoomName::parse(room).unwrap();
            Channel::of_room(&room, apps.with_id(id).unwrap()).map(|channel| channel.name)
        };
        assert_eq!(name("1", "a:presence-x").as_deref(), Some("presence-x"));
        assert_eq!(name("2", "presence-x").as_deref(), Some("presence-x"));
        for (id, room) in [("1", "presence-x"), ("2", "a:presence-x"), ("2", "server-to-user:7")] {
            assert_eq!(name(id, room), None, "{room}");
        }
    }
}
