//! The path of a claim in a token, such as `org.id` or `teams[]`.

use serde_json::value::RawValue;

use super::error::TokenError;
use super::json;
use crate::limits;
use crate::protocol::RoomName;

/// The path of a claim. Only a path with `[]` can lead to more than one value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimPath(Vec<Step>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    /// The member of an object with this name.
    Member(String),
    /// Each element of a list.
    Elements,
}

impl ClaimPath {
    /// Parses the path at the start of `text`, up to its `}`. Returns the path
    /// and the text after the `}`. If the path is invalid, the error says what
    /// would be right.
    pub fn parse(text: &str) -> Result<(Self, &str), String> {
        let mut steps = Vec::new();
        let mut rest = text;
        loop {
            let (name, after_name) = parse_name(rest)?;
            steps.push(Step::Member(name.to_owned()));
            rest = after_name;
            if let Some(after_list) = rest.strip_prefix("[]") {
                if steps.contains(&Step::Elements) {
                    return Err("a placeholder may have only one '[]'".into());
                }
                steps.push(Step::Elements);
                rest = after_list;
            }
            if let Some(after_path) = rest.strip_prefix('}') {
                return Ok((Self(steps), after_path));
            }
            rest = rest.strip_prefix('.').ok_or_else(|| unexpected(rest))?;
        }
    }

    /// Returns whether the path has a `[]`.
    pub fn has_elements(&self) -> bool {
        self.0.contains(&Step::Elements)
    }

    /// Returns the values at the path that can stand in one segment of a room's
    /// name, and ignores all other values. Fails if an object has a member of
    /// the path twice, since two parsers could read different values.
    pub fn segments(&self, claims: &RawValue) -> Result<Vec<String>, TokenError> {
        let mut values = vec![claims];
        for step in &self.0 {
            values = match step {
                Step::Member(name) => {
                    let members = values.into_iter().map(|value| json::member(value, name));
                    let found: Result<Vec<_>, _> = members.filter_map(Result::transpose).collect();
                    found.map_err(|_| TokenError::NoClaims)?
                }
                Step::Elements => {
                    let elements = values.into_iter().flat_map(json::elements);
                    elements.take(limits::CLAIM_ELEMENTS).collect()
                }
            };
        }
        Ok(values.into_iter().filter_map(segment).collect())
    }
}

/// Splits `text` after the name of a claim at its start.
fn parse_name(text: &str) -> Result<(&str, &str), String> {
    let (name, rest) = match text.strip_prefix('\'') {
        Some(quoted) => quoted.split_once('\'').ok_or("a name in single quotes has no end")?,
        None => {
            let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
            let rest = text.trim_start_matches(is_plain);
            (text.strip_suffix(rest).unwrap_or_default(), rest)
        }
    };
    if name.is_empty() { Err(unexpected(rest)) } else { Ok((name, rest)) }
}

/// Returns the error for text that can't follow in a placeholder.
fn unexpected(rest: &str) -> String {
    let found = match rest.chars().next() {
        None => return "a '{' has no '}'".into(),
        Some('}' | '.') => "a name is missing".to_owned(),
        Some(other) => format!("{other:?} can't stand there"),
    };
    format!(
        "{found}; a placeholder is like {{sub}}, {{org.id}} or {{teams[]}}, and a name with other \
         characters than A-Z a-z 0-9 _ - is in single quotes: {{'https://example.com/org'}}"
    )
}

/// Returns a claim's value as text, if it can stand in one segment of a room's
/// name. An integer is written as in the token.
fn segment(value: &RawValue) -> Option<String> {
    let text = match value.get() {
        json if json.starts_with('"') => serde_json::from_str(json).ok()?,
        json => safe_integer(json)?.to_owned(),
    };
    RoomName::is_segment(&text).then_some(text)
}

/// Returns `json` if it is an integer that JavaScript represents exactly.
/// Larger integers are ignored, since an issuer that rounds them could give two
/// users the same number. `-0` is ignored, since it is another text for 0.
fn safe_integer(json: &str) -> Option<&str> {
    let integer: i64 = json.parse().ok()?;
    (integer.unsigned_abs() <= limits::SAFE_INTEGER && json != "-0").then_some(json)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn segments(path: &str, claims: &str) -> Result<Vec<String>, TokenError> {
        let (path, rest) = ClaimPath::parse(path).unwrap();
        assert_eq!(rest, "");
        path.segments(serde_json::from_str(claims).unwrap())
    }

    #[test]
    fn path_leads_to_nested_members_and_elements() {
        for (path, claims, expected) in [
            ("sub}", r#"{"sub":"ann"}"#, &["ann"][..]),
            ("sub}", r#"{"a":"sub","sub" : "ann" ,"z":{"sub":"bob"}}"#, &["ann"]),
            ("sub}", r#"{"s\u0075b":"\u0061nn"}"#, &["ann"]),
            ("org.id}", r#"{"org":{"id":7}}"#, &["7"]),
            ("a.b.c}", r#"{"a":{"b":{"c":"x"},"c":"y"},"b":{"c":"z"}}"#, &["x"]),
            ("teams[]}", r#"{"teams":["red","blue",3]}"#, &["red", "blue", "3"]),
            ("orgs[].id}", r#"{"orgs":[{"id":"a"},{},{"id":"b"},7]}"#, &["a", "b"]),
            ("a.b[]}", r#"{"a":{"b":["x"]}}"#, &["x"]),
            ("'https://x.example/org'}", r#"{"https://x.example/org":"a"}"#, &["a"]),
            ("'a.b'.'c}[]'[]}", r#"{"a.b":{"c}[]":["x"]},"a":{"b":"y"}}"#, &["x"]),
            ("'sub'}", r#"{"sub":"ann"}"#, &["ann"]),
        ] {
            assert_eq!(segments(path, claims).unwrap(), expected, "{path} in {claims}");
        }
    }

    #[test]
    fn value_that_is_no_segment_is_ignored() {
        for value in [
            r#""""#,
            r#""a:b""#,
            r#""a*""#,
            r#""*""#,
            r#"":""#,
            r#""{sub}""#,
            r#""a b""#,
            r#""a/b""#,
            r#""a%3Ab""#,
            r#""a\u003ab""#,
            r#""a\u0000""#,
            r#""\ud800""#,
            r#""é""#,
            r#""auth0|1""#,
            "null",
            "true",
            "false",
            "{}",
            "[]",
            r#"["a"]"#,
            r#"{"a":"a"}"#,
            "-0",
            "1.0",
            "1.5",
            "1e3",
            "1E3",
            "-0.0",
            "9007199254740992",
            "-9007199254740992",
            "18446744073709551617",
        ] {
            let found = segments("a}", &format!(r#"{{"a":{value}}}"#));
            assert_eq!(found.unwrap(), [""; 0], "{value}");
        }
        for (value, text) in [
            ("0", "0"),
            ("-7", "-7"),
            ("9007199254740991", "9007199254740991"),
            (r#""-0""#, "-0"),
            (r#""a.b@c;d=e,f_g-h""#, "a.b@c;d=e,f_g-h"),
        ] {
            let found = segments("a}", &format!(r#"{{"a":{value}}}"#));
            assert_eq!(found.unwrap(), [text], "{value}");
        }
    }

    #[test]
    fn member_in_place_of_list_and_list_in_place_of_member_are_ignored() {
        for (path, claims) in [
            ("teams[]}", r#"{"teams":"red"}"#),
            ("teams[]}", r#"{"teams":{"0":"red"}}"#),
            ("teams[]}", r#"{"teams":[["red"]]}"#),
            ("teams}", r#"{"teams":["red"]}"#),
            ("org.id}", r#"{"org":[{"id":"a"}]}"#),
            ("org.id}", r#"{"org":"{\"id\":\"a\"}"}"#),
            ("org.id}", r#"{"org.id":"a"}"#),
            ("'org.id'}", r#"{"org":{"id":"a"}}"#),
            ("orgs[].id}", r#"{"orgs":{"id":"a"}}"#),
            ("sub}", r#"{"Sub":"a"}"#),
        ] {
            assert_eq!(segments(path, claims).unwrap(), [""; 0], "{path} in {claims}");
        }
    }

    #[test]
    fn duplicate_member_of_the_path_is_an_error() {
        for (path, claims) in [
            ("a}", r#"{"a":"x","a":"x"}"#),
            ("a}", r#"{"a":"x","\u0061":null}"#),
            ("a.b}", r#"{"a":{"b":"x","c":1,"b":"x"}}"#),
            ("a[].b}", r#"{"a":[{"b":"x"},{"b":"x","b":"y"}]}"#),
        ] {
            assert_eq!(segments(path, claims), Err(TokenError::NoClaims), "{path} in {claims}");
        }
        let other = r#"{"c":1,"c":2,"a":"x","d":{"a":1,"a":2}}"#;
        assert_eq!(segments("a}", other).unwrap(), ["x"], "other duplicates are ignored");
    }

    /// Limits: CLAIM_ELEMENTS.
    #[test]
    fn elements_beyond_the_limit_are_ignored() {
        let list: Vec<usize> = (0..=limits::CLAIM_ELEMENTS).collect();
        let claims = format!(r#"{{"a":{list:?}}}"#);
        let found = segments("a[]}", &claims).unwrap();
        assert_eq!(found.len(), 100);
        assert_eq!(found.last().map(String::as_str), Some("99"));
    }

    #[test]
    fn invalid_path_is_rejected_with_advice() {
        for (path, expected) in [
            ("", "a '{' has no '}'"),
            ("sub", "a '{' has no '}'"),
            ("sub.", "a '{' has no '}'"),
            ("'sub}", "a name in single quotes has no end"),
            ("}", "a name is missing"),
            ("''}", "a name is missing"),
            ("a..b}", "a name is missing"),
            (".a}", "a name is missing"),
            ("a.}", "a name is missing"),
            ("[]}", "'[' can't stand there"),
            ("a[0]}", "'[' can't stand there"),
            ("a[][]}", "'[' can't stand there"),
            ("a[].b[]}", "only one '[]'"),
            (" sub}", "' ' can't stand there"),
            ("sub }", "' ' can't stand there"),
            ("https://example.com/org}", "in single quotes"),
            ("\"a\"}", "'\"' can't stand there"),
            ("a{b}}", "'{' can't stand there"),
            ("a*}", "'*' can't stand there"),
            ("'a'b}", "'b' can't stand there"),
        ] {
            let error = ClaimPath::parse(path).unwrap_err();
            assert!(error.contains(expected), "{path}: {error}");
        }
    }
}
