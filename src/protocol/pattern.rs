//! Patterns of room names, which tokens and settings use.

use super::RoomName;

/// A pattern of room names. It is `*`, a prefix that ends in `:*`, or the name
/// of one room. Patterns are ordered from the least specific to the most
/// specific.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Pattern {
    Every,
    /// A prefix that includes its last `:`, so that it matches only names with
    /// at least one more segment. For example, `a:` matches `a:b`, but neither
    /// `a` nor `ab`.
    Under {
        length: usize,
        prefix: String,
    },
    Exactly(RoomName),
}

impl Pattern {
    /// The form of a pattern, for error messages.
    pub const FORM: &'static str = "a room's name, a prefix that ends in ':*', or '*'";

    /// Parses a pattern. Returns `None` if the text is not a pattern, for
    /// example if the text has a `*` in the middle.
    pub fn parse(text: &str) -> Option<Self> {
        if text == "*" {
            return Some(Self::Every);
        }
        match text.strip_suffix('*') {
            Some(prefix) => {
                let begins_a_name =
                    prefix.ends_with(':') && RoomName::parse(&format!("{prefix}_")).is_ok();
                begins_a_name.then_some(())?;
                Some(Self::Under { length: prefix.len(), prefix: prefix.to_owned() })
            }
            None => RoomName::parse(text).ok().map(Self::Exactly),
        }
    }

    pub fn matches(&self, room: &RoomName) -> bool {
        match self {
            Self::Every => true,
            // A room's name never ends in `:`, so a segment follows the prefix.
            Self::Under { prefix, .. } => room.as_str().starts_with(prefix),
            Self::Exactly(name) => name == room,
        }
    }

    /// Returns whether the pattern matches every room whose name begins with the
    /// prefix.
    pub fn covers(&self, room_prefix: &str) -> bool {
        match self {
            Self::Every => true,
            // `a:` itself is not a room's name.
            Self::Under { prefix, .. } => room_prefix.starts_with(prefix),
            Self::Exactly(_) => false,
        }
    }

    /// Returns the length of the text that the pattern contains.
    pub fn text_bytes(&self) -> usize {
        match self {
            Self::Every => 0,
            Self::Under { length, .. } => *length,
            Self::Exactly(name) => name.as_str().len(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pattern_matches_only_the_rooms_that_it_names() {
        for (pattern, room, matches) in [
            ("*", "shipments", true),
            ("shipments", "shipments", true),
            ("shipments", "shipments:1", false),
            ("shipments:*", "shipments:1", true),
            ("shipments:*", "shipments:1:a", true),
            ("shipments:*", "shipments", false),
            ("shipments:*", "shipmentsX:1", false),
            ("a:b:*", "a:c", false),
            (".:*", ".:a", true),
        ] {
            let room = RoomName::parse(room).unwrap();
            assert_eq!(
                Pattern::parse(pattern).unwrap().matches(&room),
                matches,
                "{pattern} and {room}"
            );
        }
    }

    #[test]
    fn pattern_covers_only_prefixes_of_rooms_that_it_matches() {
        for (pattern, prefix, covers) in [
            ("*", "", true),
            ("*", "a", true),
            ("a:*", "", false),
            ("a:*", "a", false),
            ("a:*", "a:", true),
            ("a:*", "a:b", true),
            ("a:*", "ab", false),
            ("a", "a", false),
        ] {
            let parsed = Pattern::parse(pattern).unwrap();
            assert_eq!(parsed.covers(prefix), covers, "{pattern} and {prefix}");
        }
    }

    #[test]
    fn invalid_pattern_is_not_parsed() {
        for text in ["", "**", "*:a", "a*", "a:*:b", ":*", "a::*", "a b", "shipments:**", "*a"] {
            assert_eq!(Pattern::parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn patterns_sort_from_least_to_most_specific() {
        let mut patterns: Vec<_> =
            ["a", "a:*", "*", "a:b:*"].map(|text| Pattern::parse(text).unwrap()).into();
        patterns.sort();
        assert_eq!(patterns, ["*", "a:*", "a:b:*", "a"].map(|text| Pattern::parse(text).unwrap()));
    }
}
