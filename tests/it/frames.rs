//! Arbitrary input on the wire: frames of valid words with a wrong structure,
//! valid frames with a few changed characters, and random text.
//!
//! ```sh
//! PROPTEST_CASES=10000000 cargo test --release --test it frames   # a long run
//! ```

use proptest::prelude::*;
use proptest::test_runner::Config;
use roomcast::auth::Identity;
use roomcast::code::Code;
use roomcast::limits;
use roomcast::protocol::{
    ClientFrame, PageQuery, Position, RoomName, Start, User, parse_publish, parse_publish_to_rooms,
};
use roomcast::room::{Bridge, Effect, IfUnread, Input, Room};
use roomcast::route::{Request, ResponseKind, Route};
use roomcast::session::{Session, SessionId};
use roomcast::settings::{RoomSettings, Settings};
use roomcast::time::Millis;
use serde_json::value::RawValue;

use crate::memory_store::{MemoryStore, Tables};
use crate::sim::SimRuntime;
use crate::tokens;

/// Returns a configuration with this many cases, unless `PROPTEST_CASES` sets
/// another number.
fn cases(cases: u32) -> Config {
    let chosen = std::env::var("PROPTEST_CASES").is_ok();
    let config = Config { failure_persistence: None, ..Config::default() };
    if chosen { config } else { Config { cases, ..config } }
}

/// Generates a piece of JSON, or a text that resembles JSON.
fn value() -> impl Strategy<Value = String> {
    let plain = prop::sample::select(vec![
        "null",
        "true",
        "0",
        "-0",
        "1.0",
        "1e400",
        "01",
        "9007199254740993",
        "[]",
        "{}",
        "",
        r#""""#,
        r#""a""#,
        r#""é\n\u0000""#,
        r#""\ud800""#,
        r#""\udc00\ud800""#,
        r#""\x""#,
        r#""publish""#,
        r#""auth""#,
        r#""ping""#,
        r#""signal""#,
        r#""seen""#,
        "\"\u{1}\"",
        "NaN",
        r#"{"a":{"b":[1,2,{"c":null}]}}"#,
        "/* */1",
        "'a'",
        "\u{feff}1",
    ]);
    prop_oneof![
        6 => plain.prop_map(str::to_owned),
        1 => any::<f64>().prop_map(|number| number.to_string()),
        1 => "\\PC{0,12}".prop_map(|text| serde_json::Value::from(text).to_string()),
        1 => (1..300_000_usize).prop_map(|length| format!("\"{}\"", "x".repeat(length))),
        1 => (1..20_000_usize).prop_map(|depth| "[".repeat(depth) + &"]".repeat(depth)),
        1 => (1..20_000_usize).prop_map(|depth| r#"{"a":"#.repeat(depth)),
    ]
}

fn field() -> impl Strategy<Value = String> {
    let names =
        vec!["type", "name", "data", "id", "key", "ref", "token", "seq", "room", "", "Type"];
    (prop::sample::select(names), value()).prop_map(|(name, value)| format!(r#""{name}":{value}"#))
}

fn valid_frame() -> impl Strategy<Value = String> {
    let frames = vec![
        r#"{"type":"ping"}"#,
        r#"{"type":"publish","name":"n","data":1}"#,
        r#"{"type":"publish","name":"n","data":{"a":[1,2]},"id":"i1","key":"k1","ref":"r"}"#,
        r#"{"type":"publish","name":"é","data":null,"key":"k","ref":"1"}"#,
        r#"{"type":"signal","name":"typing","data":{"at":1}}"#,
        r#"{"type":"seen","seq":2}"#,
        r#"{"type":"enter","data":{"at":[1,2]}}"#,
        r#"{"type":"enter"}"#,
        r#"{"type":"leave"}"#,
        r#"{"type":"members"}"#,
        r#"{"type":"auth","token":"a.b.c"}"#,
    ];
    prop::sample::select(frames).prop_map(str::to_owned)
}

/// Generates a valid frame with some characters removed, doubled or replaced.
fn mutated() -> impl Strategy<Value = String> {
    let change = (any::<prop::sample::Index>(), 0..4_u8, any::<char>());
    (valid_frame(), prop::collection::vec(change, 1..5)).prop_map(|(frame, changes)| {
        let mut chars: Vec<char> = frame.chars().collect();
        for (at, how, with) in changes {
            if chars.is_empty() {
                break;
            }
            let at = at.index(chars.len());
            match how {
                0 => drop(chars.remove(at)),
                1 => chars.insert(at, chars[at]),
                2 => chars[at] = with,
                _ => chars.truncate(at),
            }
        }
        chars.into_iter().collect()
    })
}

fn frame() -> impl Strategy<Value = String> {
    let kinds = ["publish", "signal", "seen", "enter", "members", "auth", "ping", "unknown"];
    let kind = prop::sample::select(kinds.to_vec());
    let fields = || prop::collection::vec(field(), 0..6);
    prop_oneof![
        4 => (kind, fields())
            .prop_map(|(kind, fields)| format!(r#"{{"type":"{kind}",{}}}"#, fields.join(","))),
        1 => fields().prop_map(|fields| format!("{{{}}}", fields.join(","))),
        4 => mutated(),
        1 => valid_frame(),
        1 => value(),
        1 => any::<String>(),
    ]
}

/// Returns everything that a rejected frame must not change: all stored rows,
/// the sessions and the alarm. Two fields of a session may change: the count of
/// bad requests, and the offset up to which events were sent.
fn snapshot(sim: &SimRuntime) -> (Tables, Vec<String>, Option<Millis>) {
    let unchanging = |attachment: &str| {
        let mut attachment: serde_json::Value = serde_json::from_str(attachment).unwrap();
        attachment["bad_requests"] = 0.into();
        attachment["seat"]["taken"]["flow"]["sent_to"] = 0.into();
        attachment.to_string()
    };
    let attachments = ["alice", "bob"].iter().filter_map(|who| sim.attachment(who));
    (sim.store.tables(), attachments.map(unchanging).collect(), sim.alarm)
}

proptest! {
    #![proptest_config(cases(2_000))]

    #[test]
    fn rejected_frame_changes_nothing(frames in prop::collection::vec(frame(), 1..12)) {
        let mut sim = SimRuntime::with(Settings { frames_burst: 1_000_000, ..Settings::default() });
        sim.join("alice");
        sim.join("bob");
        sim.http_publish("bob", 1).unwrap();
        sim.http_publish_body("bob", r#"{"name":"n","data":2,"id":"i1","key":"k1"}"#).unwrap();
        for frame in frames {
            sim.client("bob").frames.clear();
            sim.client("alice").frames.clear();
            let before = snapshot(&sim);
            sim.send("alice", &frame);
            let refused = sim.client("alice").frames.iter().any(|f| f.contains(r#""error""#));
            if refused {
                prop_assert_eq!(sim.client("alice").frames.len(), 1);
                prop_assert!(sim.client("bob").frames.is_empty());
                prop_assert!(snapshot(&sim) == before, "{:.300}", frame);
                // The answer is short, even if the frame is large.
                prop_assert!(sim.client("alice").frames[0].len() < 2_000);
            }
            if let Some(code) = sim.client("alice").closed {
                prop_assert!(matches!(code, Code::Unauthorized | Code::TooLarge), "{:?}", code);
                prop_assert!(sim.store.tables() == before.0);
                sim.join("alice");
            }
        }
        prop_assert_eq!(sim.http_publish("bob", 3), Ok(sim.store.head()));
    }

    #[test]
    fn published_data_is_delivered_byte_for_byte(data in value()) {
        let mut sim = SimRuntime::new();
        sim.join("alice");
        let frame = format!(r#"{{"type":"publish","name":"n","data": {data} ,"ref":"1"}}"#);
        sim.send("alice", &frame);
        if sim.head() == 1 {
            prop_assert_eq!(sim.client("alice").data(), [data.as_str()]);
            let epoch = sim.epoch();
            sim.join_with("bob", &format!("since={epoch}:0"));
            prop_assert_eq!(sim.client("bob").data(), [data.as_str()]);
        } else {
            let is_json = serde_json::from_str::<&RawValue>(&data).is_ok();
            let may_be_deep = data.matches(['[', '{']).count() > limits::DATA_LEVELS;
            let is_too_much = data.len() > limits::DATA_BYTES || may_be_deep;
            prop_assert!(!is_json || is_too_much, "{:.300}", data);
        }
    }

    #[test]
    fn parsers_do_not_panic_on_arbitrary_text(text in frame(), path in "[/a-z0-9%.:*-]{0,40}", query in "\\PC{0,60}") {
        let _ = ClientFrame::decode(&text);
        let _ = parse_publish(&text);
        let _ = parse_publish(&format!(r#"{{"events":[{text}]}}"#));
        let _ = parse_publish_to_rooms(&format!(r#"{{"events":[{text}]}}"#));
        let _ = RoomSettings::parse(&text);
        let _ = Session::decode(&text);
        let _ = RoomName::parse(&path);
        let _ = text.parse::<Position>();
        let _ = (Start::parse(&query), PageQuery::parse(&query));
        for method in ["GET", "POST", "DELETE", "PATCH"] {
            let stream = ResponseKind::Stream { last_event_id: Some(&text) };
            for kind in [ResponseKind::Body, ResponseKind::Socket, stream] {
                let _ = Route::parse(method, &path, &query, kind);
                let _ = Route::parse(method, &format!("/rooms/{path}/events"), &query, kind);
            }
        }
    }
}

/// Limits: ROOMS_IN_A_PUBLISH.
#[test]
fn publish_to_rooms_is_parsed_completely_or_rejected() {
    let event = |room: usize| format!(r#"{{"name":"n","data": 1.0,"room":"r{room}"}}"#);
    let body = |events: &[String]| format!(r#"{{"events":[{}]}}"#, events.join(","));
    let most: Vec<String> = (0..limits::ROOMS_IN_A_PUBLISH).map(event).collect();
    let twice = body(&[&most[..], &most[..]].concat());
    let read = parse_publish_to_rooms(&twice).unwrap();
    let rooms: Vec<&str> = read.iter().map(|(room, _)| room.as_str()).collect();
    assert_eq!((rooms.len(), rooms[0], rooms[41]), (2 * most.len(), "r0", "r1"));
    assert_eq!(read[1].1, most[1], "the event's text is unchanged");

    let one_more: Vec<String> = (0..=limits::ROOMS_IN_A_PUBLISH).map(event).collect();
    let refused = parse_publish_to_rooms(&body(&one_more)).unwrap_err();
    assert!(refused.message.starts_with("41 rooms"), "{refused:?}");
    let nowhere = r#"{"name":"n","data":1}"#.to_owned();
    let refused = parse_publish_to_rooms(&body(&[event(1), nowhere])).unwrap_err();
    assert!(refused.message.starts_with("events[1]: "), "{refused:?}");
}

/// An arbitrary input of a room.
#[derive(Clone, Debug)]
enum AnyInput {
    Join {
        query: String,
        is_user: bool,
        expires_at: u64,
        window: Option<u64>,
    },
    Text(String),
    Binary(Vec<u8>),
    Verified {
        user: &'static str,
        valid: bool,
    },
    Gone(Option<u16>),
    Pinged(u64),
    Withheld(IfUnread),
    Publish(String),
    Signal(String),
    Read(Request),
    ContinueReplay,
    Flush,
    Alarm,
    Report,
    /// The end of the last delivery of a webhook, if `is_last`.
    Delivered {
        is_last: bool,
        failure: Option<String>,
    },
    Hibernate,
}

fn any_input() -> impl Strategy<Value = AnyInput> {
    let query = prop_oneof![
        Just(String::new()),
        (0..u64::MAX >> 11).prop_map(|last| format!("last={last}")),
        (0..9_u64).prop_map(|last| format!("flow=1&last={last}")),
        (0..9_u64).prop_map(|seq| format!("since=AAAAAAAA:{seq}")),
    ];
    let join = (query, any::<bool>(), any::<u64>(), any::<Option<u64>>());
    let request = |query: String| Request::Page(PageQuery::parse(&query).unwrap());
    let request = prop_oneof![
        (0..u64::MAX >> 11).prop_map(move |last| request(format!("last={last}"))),
        (0..9_u64).prop_map(move |seq| request(format!("before=AAAAAAAA:{seq}"))),
        Just(Request::State),
        Just(Request::Stats),
        Just(Request::Members),
        Just(Request::Erase),
        Just(Request::Kick(User::parse("alice").unwrap())),
    ];
    prop_oneof![
        join.prop_map(|(query, is_user, expires_at, window)| AnyInput::Join {
            query,
            is_user,
            expires_at,
            window
        }),
        frame().prop_map(AnyInput::Text),
        valid_frame().prop_map(AnyInput::Text),
        any::<Vec<u8>>().prop_map(AnyInput::Binary),
        (prop::sample::select(vec!["alice", "bob"]), any::<bool>())
            .prop_map(|(user, valid)| AnyInput::Verified { user, valid }),
        any::<Option<u16>>().prop_map(AnyInput::Gone),
        any::<u64>().prop_map(AnyInput::Pinged),
        prop::sample::select(vec![IfUnread::Drop, IfUnread::Relist, IfUnread::Close])
            .prop_map(AnyInput::Withheld),
        frame().prop_map(AnyInput::Publish),
        valid_frame().prop_map(AnyInput::Publish),
        frame().prop_map(AnyInput::Signal),
        request.prop_map(AnyInput::Read),
        Just(AnyInput::ContinueReplay),
        Just(AnyInput::Flush),
        Just(AnyInput::Alarm),
        Just(AnyInput::Report),
        (any::<bool>(), any::<Option<String>>())
            .prop_map(|(is_last, failure)| AnyInput::Delivered { is_last, failure }),
        Just(AnyInput::Hibernate),
    ]
}

fn any_settings() -> impl Strategy<Value = Settings> {
    let extreme = || prop_oneof![Just(1), 1..10_u64, Just(u64::MAX)];
    let webhook = any::<(bool, bool)>();
    (extreme(), any::<u64>(), any::<u64>(), extreme(), extreme(), webhook).prop_map(
        |(
            retained_appends,
            retained_ms,
            retained_bytes,
            frames_per_second,
            frames_burst,
            webhook,
        )| {
            let (webhook_url, webhook_events) = webhook;
            Settings {
                webhook_url,
                webhook_events,
                retained_appends,
                retained_ms,
                retained_bytes,
                frames_per_second,
                frames_burst,
                ..Settings::default()
            }
        },
    )
}

proptest! {
    #![proptest_config(cases(2_000))]

    #[test]
    fn arbitrary_inputs_do_not_panic(
        settings in any_settings(),
        inputs in prop::collection::vec((any_input(), 0..4_u64, any::<u64>()), 1..25),
    ) {
        let name = RoomName::parse("r").unwrap();
        let store = MemoryStore::default();
        let admin = SimRuntime::new().identity("admin");
        let load = |now| Room::load(name.clone(), settings, store.clone(), now, 7).unwrap();
        let mut room = load(Millis::new(0));
        let mut last_batch = String::new();
        for (any_input, session, now) in inputs {
            let (now, session) = (Millis::new(now), SessionId(session));
            let by = || admin.clone();
            let input = match &any_input {
                AnyInput::Join { query, is_user, expires_at, window } => Input::Join {
                    session,
                    identity: match is_user {
                        true => Identity {
                            expires_at: Some(Millis::new(*expires_at)),
                            ..admin.clone()
                        },
                        false => Identity::anonymous(),
                    },
                    start: Start::parse(query).unwrap(),
                    bridge: Bridge { window_bytes: *window, ..Bridge::default() },
                },
                AnyInput::Text(text) => Input::Text { session, text },
                AnyInput::Binary(bytes) => Input::Binary { session, bytes },
                AnyInput::Verified { user, valid } => Input::Verified {
                    session,
                    verdict: match valid {
                        true => Ok(SimRuntime::new().identity(user)),
                        false => tokens::verify("", &name, now),
                    },
                },
                AnyInput::Gone(code) => Input::Gone { session, code: *code },
                AnyInput::Pinged(at) => Input::Pings { at: vec![(session, Millis::new(*at))] },
                AnyInput::Withheld(if_unread) => {
                    Input::Withheld { from: vec![session], if_unread: *if_unread }
                }
                AnyInput::Publish(body) => {
                    Input::Request { by: by(), request: Request::Publish, body, takes_report: true }
                }
                AnyInput::Signal(body) => {
                    Input::Request { by: by(), request: Request::Signal, body, takes_report: true }
                }
                AnyInput::Read(request) => {
                    Input::Request { by: by(), request: request.clone(), body: "", takes_report: true }
                }
                AnyInput::ContinueReplay => Input::ContinueReplay,
                AnyInput::Flush => Input::Flush,
                AnyInput::Alarm => Input::Alarm,
                AnyInput::Report => Input::Report,
                AnyInput::Delivered { is_last, failure } => {
                    let batch = if *is_last { last_batch.clone() } else { "other".into() };
                    Input::Delivered { batch, failure: failure.clone() }
                }
                AnyInput::Hibernate => {
                    room = load(now);
                    continue;
                }
            };
            let effects = room.handle(input, now);
            for effect in effects {
                match effect {
                    Effect::Unload => room = load(now),
                    Effect::Deliver { batch, .. } => last_batch = batch,
                    _ => {}
                }
            }
        }
    }
}

/// Deep nesting would overflow the stack of a recursive parser.
#[test]
fn deeply_nested_json_is_rejected_or_ignored() {
    let deep = |open: &str, close: &str| open.repeat(60_000) + &close.repeat(60_000);
    let mut sim = SimRuntime::new();
    sim.join("alice");
    for deep in [deep("[", "]"), "[".repeat(60_000), r#"{"a":"#.repeat(60_000)] {
        for field in ["x", "ref", "name", "id", "key", "data", "type", "room", "token", "seq"] {
            for kind in ["publish", "signal", "enter", "auth", "seen", "members"] {
                let frame = format!(r#"{{"type":"{kind}","{field}":{deep}}}"#);
                let _ = roomcast::protocol::ConnectionFrame::decode(&frame);
                let decoded = ClientFrame::decode(&frame).frame;
                let own = match kind {
                    "enter" => ["ref", "type", "data"],
                    _ => ["ref", "type", "type"],
                };
                let is_ignored = ["members", "enter"].contains(&kind)
                    && !own.contains(&field)
                    && deep.ends_with(']');
                assert_eq!(decoded.is_ok(), is_ignored, "{kind} with {field} {deep:.9}");
            }
            let _ = parse_publish(&format!(r#"{{"name":"n","data":1,"{field}":{deep}}}"#));
            parse_publish(&format!(r#"{{"events":[{{"{field}":{deep}}}]}}"#)).unwrap_err();
            parse_publish_to_rooms(&format!(r#"{{"events":[{deep}]}}"#)).unwrap_err();
        }
    }
}
