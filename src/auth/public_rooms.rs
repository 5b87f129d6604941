//! `PUBLIC_ROOMS`: the rooms to which anybody may subscribe without a token.

use std::rc::Rc;

use super::claims::Claims;
use super::identity::Identity;
use crate::protocol::{Pattern, Right, RoomName};

/// The patterns of the public rooms. By default, no room is public.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PublicRooms(Rc<[Pattern]>);

impl PublicRooms {
    /// Parses a JSON list of patterns. Fails if the text is not such a list, or
    /// if a pattern is invalid. The error is one line for the operator.
    pub fn parse(json: &str) -> Result<Self, String> {
        let texts: Vec<String> = serde_json::from_str(json).map_err(|wrong| {
            format!(
                r#"PUBLIC_ROOMS must be a JSON list of room patterns, such as ["public:*","scores"]: {wrong}"#
            )
        })?;
        let patterns = texts.iter().map(|text| {
            Pattern::parse(text)
                .ok_or_else(|| format!("PUBLIC_ROOMS: {text:?} must be {}", Pattern::FORM))
        });
        patterns.collect::<Result<_, _>>().map(Self)
    }

    /// Returns whether no room is public.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn include(&self, room: &RoomName) -> bool {
        self.0.iter().any(|pattern| pattern.matches(room))
    }

    /// Returns the identity of a client in a room. `claims` is `None` if the
    /// client has no token. In this case, returns `None` unless the room is
    /// public.
    pub fn identity(&self, claims: Option<&Claims>, room: &RoomName) -> Option<Identity> {
        match claims {
            Some(claims) => Some(self.identity_of(claims, room)),
            None => self.include(room).then(Identity::anonymous),
        }
    }

    /// Returns the identity of a user in a room. A public room grants
    /// `subscribe` to every user. Otherwise a client could lose the room by
    /// signing in.
    pub fn identity_of(&self, claims: &Claims, room: &RoomName) -> Identity {
        let identity = Identity::of(claims, room);
        let is_public = self.include(room);
        let grant = if is_public { identity.grant.with(Right::Subscribe) } else { identity.grant };
        Identity { grant, ..identity }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn room(name: &str) -> RoomName {
        RoomName::parse(name).unwrap()
    }

    #[test]
    fn only_rooms_of_the_patterns_are_public() {
        let rooms = PublicRooms::parse(r#"["public:*","scores"]"#).unwrap();
        for (name, is_public) in [
            ("public:1", true),
            ("public:1:a", true),
            ("scores", true),
            ("public", false),
            ("publicX:1", false),
            ("scores:1", false),
        ] {
            let identity = is_public.then(Identity::anonymous);
            assert_eq!(rooms.identity(None, &room(name)), identity, "{name}");
        }
        assert_eq!(PublicRooms::default().identity(None, &room("public:1")), None);
        assert!(PublicRooms::parse(r#"["*"]"#).unwrap().identity(None, &room("r")).is_some());
        assert!(PublicRooms::parse("[]").unwrap().is_empty());
    }

    #[test]
    fn anonymous_identity_may_only_subscribe() {
        let identity = Identity::anonymous();
        assert_eq!(identity.check(Right::Subscribe), Ok(()));
        assert!(identity.user_with(Right::Subscribe).is_err());
        for right in [Right::Publish, Right::Presence, Right::Admin] {
            let refusal = identity.check(right).unwrap_err();
            assert!(refusal.message.starts_with("a token that grants"), "{refusal:?}");
            assert_eq!(identity.user_with(right), Err(refusal));
        }
    }

    #[test]
    fn invalid_list_or_pattern_is_named_in_the_error() {
        for (json, named) in [
            ("", "must be a JSON list"),
            ("public:*", r#"such as ["public:*","scores"]"#),
            (r#""public:*""#, "must be a JSON list"),
            (r#"{"public:*":true}"#, "must be a JSON list"),
            (r#"["public:*",1]"#, "must be a JSON list"),
            (r#"["public*"]"#, r#"PUBLIC_ROOMS: "public*" must be a room's name"#),
            (r#"["scores",""]"#, r#""" must be"#),
            (r#"["public:*,scores"]"#, r#""public:*,scores" must be"#),
        ] {
            let wrong = PublicRooms::parse(json).unwrap_err();
            assert!(wrong.contains(named), "{json}: {wrong}");
        }
    }
}
