//! The settings that an operator can configure for each room pattern
//! (docs/limits.md), and their defaults.

mod overrides;
mod values;

use std::borrow::Cow;

use litemap::LiteMap;
use serde_json::value::RawValue;

use self::overrides::Overrides;
pub use self::values::{JURISDICTIONS, LOCATION_HINTS, Settings};
use crate::protocol::{Pattern, RoomName};

/// The parsed `ROOM_SETTINGS`: the settings for each room pattern. If several
/// patterns match a room, a setting has the value from the most specific
/// pattern that contains this setting.
#[derive(Debug, Default)]
pub struct RoomSettings {
    /// The overrides, sorted by pattern from the least specific to the most
    /// specific.
    overrides: Vec<(Pattern, Overrides)>,
    /// Whether any pattern has a jurisdiction or a location hint.
    have_places: bool,
}

impl RoomSettings {
    /// Parses `ROOM_SETTINGS`. Fails if the JSON, a pattern, a setting's name
    /// or a setting's value is invalid. The error has a line for each of them.
    pub fn parse(json: &str) -> Result<Self, String> {
        let by_text: LiteMap<String, &RawValue> = serde_json::from_str(json).map_err(|wrong| {
            format!(r#"ROOM_SETTINGS must be JSON such as {{"shipments:*":{{"retained_appends":5000}}}}: {wrong}"#)
        })?;
        let (mut overrides, mut errors) = (Vec::new(), Vec::new());
        for (text, json) in by_text {
            let pattern = Pattern::parse(&text);
            let pattern = pattern.ok_or_else(|| vec![format!("it must be {}", Pattern::FORM)]);
            match pattern.and_then(|pattern| Ok((pattern, Overrides::parse(json)?))) {
                Ok(parsed) => overrides.push(parsed),
                Err(wrong) => errors.extend(
                    wrong.into_iter().map(|wrong| format!("ROOM_SETTINGS: {text:?}: {wrong}")),
                ),
            }
        }
        if !errors.is_empty() {
            return Err(errors.join("\n"));
        }
        overrides.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
        let has_place = |of: &Overrides| of.jurisdiction.is_some() || of.location_hint.is_some();
        let have_places = overrides.iter().any(|(_, of)| has_place(of));
        Ok(Self { overrides, have_places })
    }

    /// Returns whether the worker reports its own counts: the setting
    /// `directory` of the pattern `*`.
    pub fn worker_reports(&self) -> bool {
        let every = self.overrides.iter().find(|(pattern, _)| *pattern == Pattern::Every);
        every.and_then(|(_, overrides)| overrides.directory).unwrap_or(true)
    }

    /// Returns the URL of a room's webhook, if the room has one.
    pub fn webhook_url(&self, room: &RoomName) -> Option<&str> {
        let matching = self.overrides.iter().rev().filter(|(pattern, _)| pattern.matches(room));
        let url = matching.filter_map(|(_, overrides)| overrides.webhook_url.as_deref()).next();
        url.filter(|url| !url.is_empty())
    }

    /// Returns whether any room has a webhook of our form, or of Pusher's.
    pub fn have_webhooks(&self, of_pusher: bool) -> bool {
        let of_every = |(pattern, overrides): &(Pattern, Overrides)| {
            overrides.webhook_pusher.filter(|_| *pattern == Pattern::Every)
        };
        let default = self.overrides.iter().find_map(of_every).unwrap_or_default();
        self.overrides.iter().any(|(_, overrides)| {
            overrides.webhook_url.as_ref().is_some_and(|url| !url.is_empty())
                && overrides.webhook_pusher.unwrap_or(default) == of_pusher
        })
    }

    /// Returns the address of a room, which leads to its only object: the room's
    /// name, and if it has a place, a line with the jurisdiction and a line with
    /// the location hint. Either line may be empty.
    pub fn address<'a>(&self, room: &'a RoomName) -> Cow<'a, str> {
        let settings = self.have_places.then(|| self.of(room));
        let place = settings.map(|settings| (settings.jurisdiction, settings.location_hint));
        match place {
            None | Some((None, None)) => room.as_str().into(),
            Some((jurisdiction, hint)) => {
                let [jurisdiction, hint] = [jurisdiction, hint].map(Option::unwrap_or_default);
                format!("{room}\n{jurisdiction}\n{hint}").into()
            }
        }
    }

    /// Returns the settings of a room.
    pub fn of(&self, room: &RoomName) -> Settings {
        let matching = self.overrides.iter().filter(|(pattern, _)| pattern.matches(room));
        matching.fold(Settings::default(), |settings, (_, overrides)| overrides.over(settings))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(json: &str, room: &str) -> Settings {
        RoomSettings::parse(json).unwrap().of(&RoomName::parse(room).unwrap())
    }

    #[test]
    fn each_setting_comes_from_the_most_specific_pattern_that_sets_it() {
        let json = r#"{"a:b":{"sockets":3},"a:*":{"sockets":2,"state_keys":7},"*":{"sockets":1,"retained_appends":9}}"#;
        let defaults = Settings::default();
        assert_eq!(
            of(json, "a:b"),
            Settings { sockets: 3, state_keys: 7, retained_appends: 9, ..defaults }
        );
        assert_eq!(
            of(json, "a:c"),
            Settings { sockets: 2, state_keys: 7, retained_appends: 9, ..defaults }
        );
        assert_eq!(of(json, "z"), Settings { sockets: 1, retained_appends: 9, ..defaults });
        assert_eq!(of("{}", "z"), defaults);
    }

    // Limits: webhook_pusher.
    #[test]
    fn webhook_url_comes_from_the_most_specific_pattern_and_may_be_empty() {
        let json = r#"{"a:*":{"webhook_url":"https://a.example/"},"a:b":{"webhook_url":""},
                       "*":{"webhook_url":"http://localhost:1/","webhook_events":true}}"#;
        let settings = RoomSettings::parse(json).unwrap();
        for (room, url) in
            [("a:c", Some("https://a.example/")), ("a:b", None), ("z", Some("http://localhost:1/"))]
        {
            let name = RoomName::parse(room).unwrap();
            assert_eq!(settings.webhook_url(&name), url, "{room}");
            assert_eq!(settings.of(&name).webhook_url, url.is_some(), "{room}");
        }
        assert!(settings.have_webhooks(false) && !settings.have_webhooks(true));
        assert!(!RoomSettings::default().have_webhooks(false));
        let json = r#"{"*":{"webhook_pusher":true},"a":{"webhook_url":"https://a.example/"}}"#;
        let settings = RoomSettings::parse(json).unwrap();
        assert!(settings.have_webhooks(true) && !settings.have_webhooks(false));
    }

    // Limits: jurisdiction, location_hint.
    #[test]
    fn address_has_the_place_of_the_most_specific_pattern() {
        let json = r#"{"*":{"location_hint":"weur","sockets":9},"eu:*":{"jurisdiction":"eu"},
                       "eu:us":{"jurisdiction":"us","location_hint":"wnam"}}"#;
        let settings = RoomSettings::parse(json).unwrap();
        for (room, address) in
            [("a", "a\n\nweur"), ("eu:1", "eu:1\neu\nweur"), ("eu:us", "eu:us\nus\nwnam")]
        {
            assert_eq!(settings.address(&RoomName::parse(room).unwrap()), address);
        }
        let only_eu = RoomSettings::parse(r#"{"eu:*":{"jurisdiction":"eu"}}"#).unwrap();
        assert_eq!(only_eu.address(&RoomName::parse("a").unwrap()), "a");
        assert_eq!(only_eu.address(&RoomName::parse("eu:1").unwrap()), "eu:1\neu\n");
    }

    #[test]
    fn error_has_a_line_for_each_wrong_setting() {
        let json = r#"{"b:*":{"sockets":0,"members":-1,"x":1},"a":{"sockets":0,"location_hint":"de"},"c*":{},"d":{}}"#;
        let wrong = RoomSettings::parse(json).unwrap_err();
        let expected = [
            r#""a": sockets is 0; it must be 1 to 32000"#,
            r#""a": location_hint is "de"; it must be one of wnam,"#,
            r#""b:*": members: invalid value: integer `-1`, expected a number of 0 or more"#,
            r#""b:*": sockets is 0; it must be 1 to 32000"#,
            r#""b:*": x: unknown field `x`, expected one of `retained_appends`,"#,
            r#""c*": it must be a room's name, a prefix"#,
        ];
        assert_eq!(wrong.lines().count(), expected.len(), "{wrong}");
        for (line, expected) in wrong.lines().zip(expected) {
            assert!(line.starts_with(&format!("ROOM_SETTINGS: {expected}")), "{line}");
        }
    }

    #[test]
    fn invalid_setting_is_named_in_the_error() {
        for (json, named) in [
            ("", "ROOM_SETTINGS"),
            (r#"{"a*":{}}"#, "a*"),
            (r#"{"a":{"socket":1}}"#, "socket"),
            (r#"{"a":{"sockets":0}}"#, "sockets is 0"),
            (r#"{"a":{"sockets":32001}}"#, "1 to 32000"),
            (r#"{"a":{"retained_ms":-1}}"#, "-1"),
            (r#"{"a":{"webhook_url":"http://app.example/"}}"#, "webhook_url"),
            (r#"{"a":{"webhook_url":"app.example"}}"#, "no scheme"),
            (
                r#"{"a":{"jurisdiction":"de"}}"#,
                r#"jurisdiction is "de"; it must be one of eu, us,"#,
            ),
            (r#"{"a":{"location_hint":""}}"#, "one of wnam, enam, sam, weur, eeur, apac, apac-ne"),
            (r#"{"a":{"sockets":"1"}}"#, r#"sockets: invalid type: string "1""#),
            (r#"{"a":1}"#, r#"ROOM_SETTINGS: "a": invalid type: integer"#),
            (r#"{"a":{"sockets":1,"sockets":2}}"#, "duplicate field"),
        ] {
            let wrong = RoomSettings::parse(json).unwrap_err();
            assert!(wrong.contains(named), "{json}: {wrong}");
        }
    }
}
