//! The patterns of the scenarios (tests/scenarios/README.md). Before a value is
//! sent, its variables are replaced. When a value is received, the unbound
//! variables of its pattern are bound.

use std::collections::BTreeMap;

use hmac::{Hmac, Mac};
use serde_json::{Map, Value, json};
use sha2::Sha256;

/// Variables by name.
pub type Bound = BTreeMap<String, Value>;

/// Returns the value with its variables and generators expanded. An unbound
/// variable is not changed.
pub fn fill(value: &Value, bound: &Bound) -> Value {
    match value {
        Value::String(text) => match variable(text) {
            Some(name) => bound.get(name).unwrap_or(value).clone(),
            None => Value::from(fill_text(text, bound)),
        },
        Value::Array(items) => items.iter().map(|item| fill(item, bound)).collect(),
        Value::Object(fields) => fill_object(fields, bound),
        Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
    }
}

fn fill_object(fields: &Map<String, Value>, bound: &Bound) -> Value {
    let times = fields.get("times").and_then(Value::as_u64);
    if let (Some(text), Some(times)) = (fields.get("$repeat").and_then(Value::as_str), times) {
        return Value::from(text.repeat(usize::try_from(times).unwrap()));
    }
    if let Some(text) = fields.get("$auth").and_then(Value::as_str) {
        let signed = fill_text(text, bound);
        let app = &bound["app"];
        let (key, secret) = (app["key"].as_str().unwrap(), app["secret"].as_str().unwrap());
        return Value::from(format!("{key}:{}", hmac_hex(secret, &signed)));
    }
    if let (Some(each), Some(times)) = (fields.get("$each"), times) {
        let with_i = |i: u64| {
            let mut bound = bound.clone();
            bound.insert("i".into(), json!(i));
            fill(each, &bound)
        };
        return (1..=times).map(with_i).collect();
    }
    fields.iter().map(|(key, value)| (key.clone(), fill(value, bound))).collect()
}

fn hmac_hex(secret: &str, text: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Returns the text with its variables replaced.
pub fn fill_text(text: &str, bound: &Bound) -> String {
    let mut parts = text.split('$');
    let mut filled = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let end = part.find(|c: char| !is_name_char(c)).unwrap_or(part.len());
        let (name, rest) = part.split_at(end);
        match bound.get(name) {
            Some(Value::String(value)) => filled.push_str(value),
            Some(value) => filled.push_str(&value.to_string()),
            None => filled.extend(["$", name]),
        }
        filled.push_str(rest);
    }
    filled
}

fn is_name_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

/// Returns the name of a variable if the text is exactly `$name`.
fn variable(text: &str) -> Option<&str> {
    let name = text.strip_prefix('$')?;
    let is_name =
        name.starts_with(|c: char| c.is_ascii_lowercase()) && name.chars().all(is_name_char);
    is_name.then_some(name)
}

/// Compares a value with a pattern, and binds unbound variables. The error
/// names the first difference.
pub fn match_pattern(pattern: &Value, actual: &Value, bound: &mut Bound) -> Result<(), String> {
    let expected = fill(pattern, bound);
    if let Some(name) = expected.as_str().and_then(variable) {
        // `$any` matches everything, and is never bound.
        if name != "any" {
            bound.insert(name.to_owned(), actual.clone());
        }
        return Ok(());
    }
    match (&expected, actual) {
        (Value::Array(expected), Value::Array(actual)) if expected.len() == actual.len() => {
            expected
                .iter()
                .zip(actual)
                .try_for_each(|(expected, actual)| match_pattern(expected, actual, bound))
        }
        (Value::Object(expected), Value::Object(actual)) => match_object(expected, actual, bound),
        // In JSON, 1.0 and 1 are the same number.
        (Value::Number(expected), Value::Number(actual))
            if expected.as_f64() == actual.as_f64() =>
        {
            Ok(())
        }
        (expected, actual) if expected == actual => Ok(()),
        (expected, actual) => Err(format!("{actual:.300} is not {expected:.300}")),
    }
}

fn match_object(
    expected: &Map<String, Value>,
    actual: &Map<String, Value>,
    bound: &mut Bound,
) -> Result<(), String> {
    for (key, expected) in expected.iter().filter(|(key, _)| *key != "...") {
        let actual = actual.get(key).ok_or_else(|| format!("{key} is missing from {actual:?}"))?;
        match_pattern(expected, actual, bound).map_err(|wrong| format!("{key}: {wrong}"))?;
    }
    let expects = |key: &str| expected.contains_key(key) || expected.contains_key("...");
    let mut others = actual.iter().filter(|(key, _)| !expects(key));
    match others.find(|(key, value)| !is_implied(key, value)) {
        None => Ok(()),
        Some((key, _)) => Err(format!("{key} is not expected in {actual:?}")),
    }
}

fn is_implied(key: &str, value: &Value) -> bool {
    key == "at" && value.is_u64()
        || key == "message" && value.as_str().is_some_and(|m| !m.is_empty())
}
