//! Compares the contract with the scenarios. Every frame of docs/protocol.md,
//! with all of its fields, must appear in a scenario, and no scenario may
//! receive other fields. Every code of docs/codes.md must appear in a scenario.
//! Every limit must have a test at the limit and a test beyond it.
//!
//! The field `limits` of a scenario lists the limits that the scenario tests.
//! The line `Limits: A, B.` in the comment above a test lists the limits of
//! that test.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::docs::{CODES, CODES_COLUMNS, code, read, rows_under, texts};
use crate::scenarios::{Scenario, scenarios};

/// The fields of each frame in the contract, and whether a field is required.
type Documented = BTreeMap<Frame, BTreeMap<String, bool>>;

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

/// A frame of a scenario.
struct Example {
    frame: Frame,
    fields: BTreeSet<String>,
    /// Whether the pattern names all fields of the frame.
    is_complete: bool,
}

const PAGE: &str = "docs/protocol.md";
const SECTIONS: [(&str, Scope, Direction); 4] = [
    ("Frames from the room", Scope::Room, Direction::From),
    ("Frames to the room", Scope::Room, Direction::To),
    ("Frames to the connection", Scope::Connection, Direction::To),
    ("Frames from the connection", Scope::Connection, Direction::From),
];

#[test]
fn documented_frames_and_fields_appear_in_scenarios() {
    let mut tested: BTreeMap<Frame, BTreeSet<String>> = BTreeMap::new();
    for Example { frame, fields, .. } in examples() {
        tested.entry(frame).or_default().extend(fields);
    }
    for (frame, fields) in documented_frames() {
        let found = tested.get(&frame).unwrap_or_else(|| panic!("no scenario has {frame:?}"));
        // An `error` of a connection has the form of a room's `error`.
        let of_a_room = tested.get(&Frame { scope: Scope::Room, ..frame.clone() });
        let found: BTreeSet<&String> =
            found.iter().chain(of_a_room.into_iter().flatten()).collect();
        // A list has a second page only with more than a hundred members.
        // placeholder tests it.
        let is_tested = |name: &&String| *name == "more" || found.contains(name);
        let missing: Vec<_> = fields.keys().filter(|name| !is_tested(name)).collect();
        assert!(missing.is_empty(), "{frame:?}: no scenario has {missing:?}");
    }
}

#[test]
fn received_frames_in_scenarios_have_the_documented_fields() {
    let documented = documented_frames();
    for example in examples().filter(|example| example.frame.direction == Direction::From) {
        // A connection also forwards the frames of its rooms.
        let of_a_room = Frame { scope: Scope::Room, ..example.frame.clone() };
        let tables: Vec<_> =
            [&example.frame, &of_a_room].iter().filter_map(|frame| documented.get(frame)).collect();
        let Example { frame, fields, is_complete } = &example;
        assert!(!tables.is_empty(), "{PAGE} does not document {frame:?}");
        let fits = tables.iter().any(|table| {
            let has_all = table.iter().all(|(name, required)| !required || fields.contains(name));
            (has_all || !is_complete) && fields.iter().all(|name| table.contains_key(name))
        });
        assert!(fits, "{frame:?} with {fields:?} differs from its table in {PAGE}");
    }
}

/// Parses the sections of frames. A table `| type | … |` lists the types of a
/// section. The example of a frame precedes the table of its fields.
fn documented_frames() -> Documented {
    let mut frames = Documented::new();
    let page = read(PAGE);
    for (heading, scope, direction) in SECTIONS {
        let (_, rest) = page.split_once(&format!("\n### {heading}\n")).expect(heading);
        let section = rest.split("\n### ").next().unwrap();
        let frame = |kind: &str| Frame { scope, direction, kind: kind.to_owned() };
        let mut example = frame("");
        let mut table = "";
        for line in section.lines() {
            if let Some(kind) = line.strip_prefix(r#"{"type":""#) {
                example = frame(kind.split('"').next().unwrap());
                // Scenarios omit the room of a room's own socket. `record` adds it.
                let room = (scope == Scope::Room && kind != "pong").then(|| ("room".into(), false));
                frames.entry(example.clone()).or_default().extend(room);
            }
            let Some(row) = line.strip_prefix("| ") else {
                table = "";
                continue;
            };
            let first = row.split(" | ").next().unwrap();
            match table {
                "" => table = first,
                "type" => {
                    frames.extend(code(first).iter().map(|kind| (frame(kind), BTreeMap::new())))
                }
                name if name.ends_with("Frame") || name.ends_with("Request") => {
                    let required = row.split(" | ").nth(2) == Some("yes");
                    // Every `error` has a `message`, so scenarios omit it.
                    let named = code(first).into_iter().filter(|name| name != "message");
                    frames
                        .entry(example.clone())
                        .or_default()
                        .extend(named.map(|name| (name, required)));
                }
                _ => {}
            }
        }
    }
    assert!(frames.len() > 20, "{frames:?}");
    frames
}

/// Returns the frames of all scenarios that run both in the simulator and on
/// workerd.
fn examples() -> impl Iterator<Item = Example> {
    let scenarios = scenarios().filter(|scenario| scenario.only.is_none());
    scenarios.flat_map(|scenario| examples_of(&scenario))
}

fn examples_of(scenario: &Scenario) -> Vec<Example> {
    let mut connections = BTreeSet::new();
    let mut examples = Vec::new();
    for step in &scenario.steps {
        let (actor, verb) = action(step);
        if ["connects", "joins", "is refused"].contains(&verb) {
            match step.get("to") {
                Some(Value::Null) => connections.insert(actor),
                _ => connections.remove(actor),
            };
        }
        let scope = if connections.contains(actor) { Scope::Connection } else { Scope::Room };
        let mut record = |direction, kind: &str, fields: &Value, is_complete: bool| {
            let frame = Frame { scope, direction, kind: kind.to_owned() };
            let names = fields.as_object().into_iter().flat_map(|fields| fields.keys().cloned());
            let mut fields: BTreeSet<String> = names.collect();
            let is_complete = is_complete && !fields.remove("...");
            fields.remove("type");
            fields.remove("message");
            if scope == Scope::Room && kind != "pong" {
                fields.insert("room".to_owned());
            }
            examples.push(Example { frame, fields, is_complete });
        };
        match verb {
            "sends" => {
                let text = step["text"].as_str().and_then(|text| serde_json::from_str(text).ok());
                let frame = text.unwrap_or_else(|| step["frame"].clone());
                record(Direction::To, frame["type"].as_str().unwrap_or_default(), &frame, true);
            }
            "receives" => {
                if let Some(kind) = step["frame"]["type"].as_str() {
                    record(Direction::From, kind, &step["frame"], true);
                }
                if step.get("events").is_some() {
                    // Scenarios omit the fields below, because the test client
                    // checks them.
                    let around = serde_json::json!({ "epoch": 0, "prev": 0, "events": 0 });
                    record(Direction::From, "events", &around, scope == Scope::Room);
                }
            }
            "joins" => record(Direction::From, "welcome", &step["welcome"], false),
            "pings" | "receives nothing" => {
                record(Direction::To, "ping", &Value::Null, true);
                record(Direction::From, "pong", &Value::Null, true);
            }
            _ => {}
        }
    }
    // Scenarios send frames without a type to test that the service rejects
    // them.
    examples.retain(|example| !example.frame.kind.is_empty());
    examples
}

fn action(step: &Value) -> (&str, &str) {
    let (actor, verb) = step.as_object().unwrap().iter().find(|(key, _)| is_actor(key)).unwrap();
    (actor, verb.as_str().unwrap())
}

fn is_actor(key: &str) -> bool {
    !crate::scenario_runner::DETAILS.contains(&key)
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
