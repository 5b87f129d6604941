//! Compares the contract with the scenarios. Every frame of docs/protocol.md,
//! with all of its fields, must appear in a scenario. Every code of
//! docs/codes.md must appear in a scenario too. Every limit must have a test
//! at the limit and a test beyond it.
//!
//! The field `limits` of a scenario lists the limits that the scenario tests.
//! The line `Limits: A, B.` in the comment above a test lists the limits of
//! that test.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::docs::{CODES, CODES_COLUMNS, code, read, rows_under, texts};
use crate::scenarios::{Scenario, scenarios};

/// The fields of each frame.
type Frames = BTreeMap<Frame, BTreeSet<String>>;

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Frame {
    scope: Scope,
    direction: Direction,
    kind: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Scope {
    /// A room's own socket.
    Room,
    /// A connection for many rooms.
    Connection,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Direction {
    /// Sent by the service.
    From,
    /// Sent by the client.
    To,
}

const PAGE: &str = "docs/protocol.md";

#[test]
fn documented_frames_and_fields_appear_in_scenarios() {
    let tested = frames_in_scenarios();
    for (frame, fields) in documented_frames() {
        let found = tested.get(&frame).unwrap_or_else(|| panic!("no scenario has {frame:?}"));
        let missing: Vec<_> = fields.difference(found).collect();
        assert!(missing.is_empty(), "{frame:?}: no scenario has {missing:?}");
    }
}

#[test]
fn frames_in_scenarios_are_documented() {
    let documented = documented_frames();
    let from = frames_in_scenarios().into_keys().filter(|frame| frame.direction == Direction::From);
    for frame in from {
        // A connection also forwards the frames of its rooms.
        let of_a_room = Frame { scope: Scope::Room, ..frame.clone() };
        let is_documented = documented.contains_key(&frame) || documented.contains_key(&of_a_room);
        assert!(is_documented, "{PAGE} does not document {frame:?}");
    }
}

fn documented_frames() -> Frames {
    let mut frames = Frames::new();
    let tables = [
        (["frame", "when"], Scope::Room, Direction::From),
        (["frame", "grant"], Scope::Room, Direction::To),
        (["frame to it", "response"], Scope::Connection, Direction::To),
    ];
    for (columns, scope, direction) in tables {
        let rows = rows_under(PAGE, &columns);
        collect(&mut frames, scope, direction, rows.iter().map(|row| row[0].as_str()));
    }
    // The frames that a connection sends are described in running text, not in
    // a table.
    let page = read(PAGE);
    let (_, section) = page.split_once("\n## 6.").unwrap();
    let (section, _) = section.split_once("\n## 7.").unwrap();
    let not_to_it = |line: &&str| !line.starts_with("| `{");
    let spans = section.lines().filter(not_to_it).map(|line| match line.starts_with('{') {
        true => format!("`{line}`"),
        false => line.to_owned(),
    });
    let answers = rows_under(PAGE, &["frame to it", "response"]);
    let spans: Vec<String> = spans.chain(answers.into_iter().map(|row| row[1].clone())).collect();
    collect(&mut frames, Scope::Connection, Direction::From, spans.iter().map(String::as_str));
    assert!(frames.len() > 20, "{frames:?}");
    frames
}

fn collect<'a>(
    frames: &mut Frames,
    scope: Scope,
    direction: Direction,
    texts: impl Iterator<Item = &'a str>,
) {
    for span in texts.flat_map(code) {
        let Some(fields) = span.strip_prefix(r#"{"type":""#) else { continue };
        let (kind, fields) = fields.split_once('"').unwrap();
        let frame = Frame { scope, direction, kind: kind.to_owned() };
        frames.entry(frame).or_default().extend(names(fields));
    }
}

/// Returns the field names in a text that resembles JSON. A name is a string
/// that is not a value.
fn names(fields: &str) -> BTreeSet<String> {
    let mut parts = fields.split('"');
    let mut names = BTreeSet::new();
    while let (Some(before), Some(text)) = (parts.next(), parts.next()) {
        if !before.ends_with(':') {
            names.insert(text.to_owned());
        }
    }
    // Every `error` has a `message`, so the tables omit this field.
    names.remove("message");
    names
}

/// Returns the frames of all scenarios that run both in the simulator and on
/// workerd.
fn frames_in_scenarios() -> Frames {
    let mut tested = Frames::new();
    for scenario in scenarios().filter(|scenario| scenario.only.is_none()) {
        collect_scenario(&scenario, &mut tested);
    }
    tested
}

fn collect_scenario(scenario: &Scenario, tested: &mut Frames) {
    let mut connections = BTreeSet::new();
    for step in &scenario.steps {
        let (actor, verb) = action(step);
        if ["connects", "joins", "is refused"].contains(&verb) {
            match step.get("to") {
                Some(Value::Null) => connections.insert(actor),
                _ => connections.remove(actor),
            };
        }
        let scope = if connections.contains(actor) { Scope::Connection } else { Scope::Room };
        let mut record = |direction, kind: &str, frame: &Value| {
            let fields =
                tested.entry(Frame { scope, direction, kind: kind.to_owned() }).or_default();
            collect_names(frame, fields);
            // A room's own socket belongs to one room, so scenarios omit
            // `room`.
            fields.insert("room".to_owned());
        };
        match verb {
            "sends" => {
                let text = step["text"].as_str().and_then(|text| serde_json::from_str(text).ok());
                let frame = text.unwrap_or_else(|| step["frame"].clone());
                record(Direction::To, frame["type"].as_str().unwrap_or_default(), &frame);
            }
            "receives" => {
                let frame = &step["frame"];
                record(Direction::From, frame["type"].as_str().unwrap_or("events"), frame);
                if step.get("events").is_some() {
                    // Scenarios omit the fields below, because the test client
                    // checks them.
                    let around = serde_json::json!({ "epoch": 0, "prev": 0, "events": 0 });
                    record(Direction::From, "events", &around);
                }
            }
            "joins" => record(Direction::From, "welcome", &step["welcome"]),
            "pings" | "receives nothing" => {
                record(Direction::To, "ping", &Value::Null);
                record(Direction::From, "pong", &Value::Null);
            }
            _ => {}
        }
    }
    // Frames without a type are removed. Scenarios send frames without a type
    // to test that the service rejects them.
    tested.retain(|frame, _| !frame.kind.is_empty());
}

fn action(step: &Value) -> (&str, &str) {
    let (actor, verb) = step.as_object().unwrap().iter().find(|(key, _)| is_actor(key)).unwrap();
    (actor, verb.as_str().unwrap())
}

fn is_actor(key: &str) -> bool {
    !crate::scenario_runner::DETAILS.contains(&key)
}

fn collect_names(value: &Value, names: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => {
            names.extend(fields.keys().cloned());
            fields.values().for_each(|value| collect_names(value, names));
        }
        Value::Array(items) => items.iter().for_each(|item| collect_names(item, names)),
        _ => {}
    }
}

#[test]
fn documented_codes_appear_in_scenarios() {
    let (mut answered, mut closed, mut framed) =
        (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    for scenario in scenarios() {
        for step in &scenario.steps {
            let status = step["status"].to_string();
            for code in error_codes(&step["answer"]) {
                answered.insert((code, status.clone()));
            }
            let frame = &step["frame"];
            match (action(step).1, frame["type"].as_str()) {
                ("is closed" | "is refused", _) => closed.insert(step["code"].to_string()),
                (_, Some("closed")) => closed.insert(frame["code"].to_string()),
                (_, Some("error")) => framed.insert(frame["code"].as_str().unwrap().to_owned()),
                (_, Some("gap")) => closed.insert("a `gap` frame".to_owned()),
                _ => false,
            };
        }
    }
    for row in rows_under(CODES, &CODES_COLUMNS) {
        let [name, status, close] = [code(&row[0])[0].clone(), row[1].clone(), row[2].clone()];
        // The worker of the scenarios has no check of events. Tests in
        // `publish_hook` and `tests/package` cover this code.
        if name == "rejected" {
            continue;
        }
        if status != "none" {
            assert!(
                answered.contains(&(name.clone(), status)),
                "no scenario has {name} as an answer"
            );
        }
        match close.as_str() {
            "none" => assert!(framed.contains(&name), "no scenario has {name} in an `error`"),
            close => {
                assert!(closed.contains(close), "{name}: no scenario closes a socket with {close}")
            }
        }
    }
}

fn error_codes(answer: &Value) -> Vec<String> {
    match answer {
        Value::Object(fields) => {
            let here = fields.get("error").and_then(|error| error["code"].as_str());
            let below = fields.values().flat_map(error_codes);
            here.map(str::to_owned).into_iter().chain(below).collect()
        }
        Value::Array(items) => items.iter().flat_map(error_codes).collect(),
        _ => Vec::new(),
    }
}

#[test]
fn documented_limits_are_tested_at_and_beyond_them() {
    let mut tested = BTreeSet::new();
    scenarios().for_each(|scenario| tested.extend(scenario.limits));
    let sources =
        [("tests/it", "rs"), ("src", "rs"), ("tests/edge", "ts"), ("tests/package", "ts")];
    sources.iter().for_each(|(directory, extension)| {
        tested.extend(limits_of_tests(&texts(directory, extension)));
    });

    let limits = rows_under("docs/limits.md", &["what", "limit", "constant"]);
    let settings = rows_under("docs/limits.md", &["setting", "what", "default", "range"]);
    let named = limits.iter().map(|row| &row[2]).chain(settings.iter().map(|row| &row[0]));
    let named: BTreeSet<String> = named.map(|cell| code(cell)[0].clone()).collect();
    assert_eq!(tested, named, "tested limits on the left, docs/limits.md on the right");
}

fn limits_of_tests(source: &str) -> BTreeSet<String> {
    let mut lines = source.lines();
    let mut limits = BTreeSet::new();
    while let Some(line) = lines.next() {
        let comment = line.trim_start().trim_start_matches('/').trim_start();
        let Some(list) = comment.strip_prefix("Limits: ") else { continue };
        let below = lines.next().unwrap_or_default().trim_start();
        assert!(
            below == "#[test]" || below.starts_with("test("),
            "{line} is not followed by a test"
        );
        limits.extend(list.trim_end_matches('.').split(", ").map(str::to_owned));
    }
    limits
}
