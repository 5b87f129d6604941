//! A room pattern with placeholders for claims, such as `org:{org.id}:*`.

use serde_json::value::RawValue;

use super::claim_path::ClaimPath;
use super::error::TokenError;
use crate::protocol::Pattern;

/// A room pattern with placeholders. A claim's value replaces a placeholder,
/// and stands in one segment of the pattern. So for any claims, all patterns of
/// a template have the same number of segments, the same text around the
/// placeholders, and the same `*`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoomTemplate(Vec<Part>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Literal(String),
    Claim(ClaimPath),
}

impl RoomTemplate {
    /// Parses a template. If the text is not a template, the error says what
    /// would be right.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((literal, placeholder)) = rest.split_once('{') {
            // With two placeholders in a segment, different claims could lead to
            // the same room. For example, `{a}-{b}` would be `x-y-z` for `x` and
            // `y-z`, and also for `x-y` and `z`.
            if matches!(parts.last(), Some(Part::Claim(_))) && !literal.contains(':') {
                return Err("two placeholders need a ':' between them".into());
            }
            let (path, after) = ClaimPath::parse(placeholder)?;
            parts.push(Part::Literal(literal.to_owned()));
            parts.push(Part::Claim(path));
            rest = after;
        }
        parts.push(Part::Literal(rest.to_owned()));
        Self(parts).check()
    }

    fn check(self) -> Result<Self, String> {
        let lists =
            self.0.iter().filter(|part| matches!(part, Part::Claim(path) if path.has_elements()));
        if lists.count() > 1 {
            return Err("only one placeholder may have a '[]'".into());
        }
        let has_brace = |part: &Part| matches!(part, Part::Literal(text) if text.contains('}'));
        if self.0.iter().any(has_brace) {
            return Err("a '}' has no '{'".into());
        }
        // Each placeholder stands for at least one character.
        let shortest = self.0.iter().map(|part| match part {
            Part::Literal(text) => text,
            Part::Claim(_) => "_",
        });
        if Pattern::parse(&shortest.collect::<String>()).is_none() {
            return Err("it must be a room's name, a prefix that ends in ':*', or '*'; a \
                        placeholder such as {sub} stands for a segment or a part of one"
                .into());
        }
        Ok(self)
    }

    /// Returns the patterns for the claims of a token. There are several only
    /// if a placeholder has a `[]`. There is none if a placeholder has no value
    /// that can stand in a segment, or if the pattern gets too long.
    pub fn patterns(&self, claims: &RawValue) -> Result<Vec<Pattern>, TokenError> {
        let mut texts = vec![String::new()];
        for part in &self.0 {
            let values = match part {
                Part::Literal(literal) => vec![literal.clone()],
                Part::Claim(path) => path.segments(claims)?,
            };
            let append = |text: String| values.iter().map(move |value| format!("{text}{value}"));
            texts = texts.into_iter().flat_map(append).collect();
        }
        Ok(texts.iter().filter_map(|text| Pattern::parse(text)).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn patterns(template: &str, claims: &str) -> Vec<Pattern> {
        let template = RoomTemplate::parse(template).unwrap();
        template.patterns(serde_json::from_str(claims).unwrap()).unwrap()
    }

    #[test]
    fn values_of_claims_replace_placeholders() {
        let claims = r#"{"sub":"ann","org":{"id":7},"teams":["red","a b","blue"],"a:b.c":"x"}"#;
        for (template, expected) in [
            ("lobby", &["lobby"][..]),
            ("*", &["*"]),
            ("user:{sub}", &["user:ann"]),
            ("{sub}", &["ann"]),
            ("{sub}:*", &["ann:*"]),
            ("org:{org.id}:*", &["org:7:*"]),
            ("u-{sub}.x:{org.id}", &["u-ann.x:7"]),
            ("team:{teams[]}", &["team:red", "team:blue"]),
            ("{org.id}:{teams[]}:{sub}:*", &["7:red:ann:*", "7:blue:ann:*"]),
            ("x:{'a:b.c'}", &["x:x"]),
            ("user:{missing}", &[]),
            ("team:{teams[]}:{missing}", &[]),
        ] {
            let expected: Vec<_> =
                expected.iter().filter_map(|text| Pattern::parse(text)).collect();
            assert_eq!(patterns(template, claims), expected, "{template}");
        }
    }

    /// Limits: ROOM_NAME.
    #[test]
    fn value_that_gives_no_room_name_is_ignored() {
        for (template, value, is_filled) in [
            ("{sub}", ".", false),
            ("{sub}", "..", false),
            ("{sub}.", ".", false),
            ("x:{sub}", "..", true),
            ("user:{sub}", &"a".repeat(195), true),
            ("user:{sub}", &"a".repeat(196), false),
            ("user:{sub}:*", &"a".repeat(193), true),
            ("user:{sub}:*", &"a".repeat(194), false),
            ("user:{sub}", &"a".repeat(200), false),
        ] {
            let claims = format!(r#"{{"sub":"{value}"}}"#);
            assert_eq!(!patterns(template, &claims).is_empty(), is_filled, "{template} {value}");
        }
    }

    #[test]
    fn invalid_template_is_rejected_with_advice() {
        for (template, expected) in [
            ("", "must be a room's name"),
            ("user:", "must be a room's name"),
            ("user::{sub}", "must be a room's name"),
            ("*:{sub}", "must be a room's name"),
            ("{sub}*", "must be a room's name"),
            ("user*:{sub}", "must be a room's name"),
            ("user:*:{sub}", "must be a room's name"),
            ("user {sub}", "must be a room's name"),
            ("user/{sub}", "must be a room's name"),
            ("user:{sub", "a '{' has no '}'"),
            ("user:sub}", "a '}' has no '{'"),
            ("user:{sub}}", "a '}' has no '{'"),
            ("user:{{sub}}", "'{' can't stand there"),
            ("user:{}", "a name is missing"),
            ("{a}{b}", "need a ':' between them"),
            ("x:{a}-{b}", "need a ':' between them"),
            ("{a[]}:{b[]}", "only one placeholder may have a '[]'"),
            ("{a[]}:{a[]}", "only one placeholder may have a '[]'"),
        ] {
            let error = RoomTemplate::parse(template).unwrap_err();
            assert!(error.contains(expected), "{template}: {error}");
        }
        let long = format!("{}:{{sub}}", "a".repeat(199));
        assert!(RoomTemplate::parse(&long).is_err(), "no value fits");
    }
}
