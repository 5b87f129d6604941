//! `ROOM_GRANTS`: the rights of tokens that have no claim `rooms`.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::error::TokenError;
use super::room_template::RoomTemplate;
use super::rooms::Rooms;
use crate::limits;
use crate::protocol::{Grant, Right};

/// The operator's rules. Each rule grants rights in the rooms that it derives
/// from the claims of a token. So the tokens of an identity provider can be
/// used unchanged.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GrantRules(Vec<(RoomTemplate, Grant)>);

impl GrantRules {
    /// Parses `ROOM_GRANTS`. Unlike the claim `rooms`, the rules must be free of
    /// errors: an unknown right or an invalid pattern is an error for the
    /// operator's log.
    pub fn parse(json: &str) -> Result<Self, String> {
        let written: Written = serde_json::from_str(json).map_err(|wrong| {
            format!(r#"ROOM_GRANTS must be JSON such as {{"user:{{sub}}":["subscribe"]}}: {wrong}"#)
        })?;
        if written.0.len() > limits::GRANT_RULES {
            return Err(format!("ROOM_GRANTS may have at most {} rules", limits::GRANT_RULES));
        }
        let mut rules = Vec::new();
        for (text, rights) in written.0 {
            let rule = rule(&text, &rights, &rules);
            rules.push(rule.map_err(|wrong| format!("ROOM_GRANTS: {text:?}: {wrong}"))?);
        }
        Ok(Self(rules))
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the rights that the rules grant to a token with these claims.
    pub(super) fn rooms(&self, claims: &RawValue) -> Result<Rooms, TokenError> {
        let mut rooms = Vec::new();
        for (template, grant) in &self.0 {
            rooms.extend(template.patterns(claims)?.into_iter().map(|pattern| (pattern, *grant)));
        }
        Ok(Rooms::from_iter(rooms))
    }
}

fn rule(
    text: &str,
    rights: &[String],
    earlier: &[(RoomTemplate, Grant)],
) -> Result<(RoomTemplate, Grant), String> {
    let template = RoomTemplate::parse(text)?;
    if earlier.iter().any(|(there, _)| *there == template) {
        return Err("the rule is listed twice".into());
    }
    let known = Right::ALL.map(Right::as_str).join(", ");
    if rights.is_empty() {
        return Err(format!("the rule must list at least one right of {known}"));
    }
    let grant = rights.iter().map(|name| {
        Right::named(name).ok_or_else(|| format!("{name:?} is not a right; the rights are {known}"))
    });
    Ok((template, grant.collect::<Result<_, _>>()?))
}

/// The rules as written, in their order. Duplicates are retained, so that they
/// can be rejected.
struct Written(Vec<(String, Vec<String>)>);

impl<'de> Deserialize<'de> for Written {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Rules;
        impl<'de> Visitor<'de> for Rules {
            type Value = Written;

            fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str("an object of room patterns, each with a list of rights")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Written, A::Error> {
                let mut rules = Vec::new();
                while let Some(rule) = members.next_entry()? {
                    rules.push(rule);
                }
                Ok(Written(rules))
            }
        }
        from.deserialize_map(Rules)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn invalid_rules_are_rejected_with_the_rule_and_advice() {
        for (json, expected) in [
            ("", r#"ROOM_GRANTS must be JSON such as {"user:{sub}":["subscribe"]}"#),
            ("[]", "ROOM_GRANTS must be JSON such as"),
            (r#"{"user:{sub}":"subscribe"}"#, "ROOM_GRANTS must be JSON such as"),
            (r#"{"user:{sub}":[1]}"#, "ROOM_GRANTS must be JSON such as"),
            (r#"{"user:{sub":["subscribe"]}"#, r#"ROOM_GRANTS: "user:{sub": a '{' has no '}'"#),
            (
                r#"{"user:{sub}":["subscribe","Publish"]}"#,
                r#"ROOM_GRANTS: "user:{sub}": "Publish" is not a right; the rights are subscribe, publish, presence, admin"#,
            ),
            (r#"{"user:{sub}":[]}"#, r#"ROOM_GRANTS: "user:{sub}": the rule must list at least"#),
            (
                r#"{"a":["admin"],"user:{sub}":["publish"],"user:{'sub'}":["subscribe"]}"#,
                r#"ROOM_GRANTS: "user:{'sub'}": the rule is listed twice"#,
            ),
            (r#"{"a":["admin"],"a":["admin"]}"#, r#"ROOM_GRANTS: "a": the rule is listed twice"#),
        ] {
            let error = GrantRules::parse(json).unwrap_err();
            assert!(error.starts_with(expected), "{json}: {error}");
        }
    }

    /// Limits: GRANT_RULES.
    #[test]
    fn more_rules_than_the_limit_are_rejected() {
        let rules = |count: usize| {
            let rules: Vec<_> = (0..count).map(|i| format!(r#""r{i}":["subscribe"]"#)).collect();
            GrantRules::parse(&format!("{{{}}}", rules.join(",")))
        };
        assert!(rules(50).is_ok());
        assert_eq!(rules(51).unwrap_err(), "ROOM_GRANTS may have at most 50 rules");
    }

    #[test]
    fn no_rules_are_valid() {
        assert!(GrantRules::parse("{}").unwrap().is_empty());
    }
}
