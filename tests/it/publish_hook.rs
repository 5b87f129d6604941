//! Tests of the operator's check of published events.

use std::rc::Rc;

use roomcast::code::Code;
use roomcast::limits;
use roomcast::protocol::{NewEvent, RoomName, User};
use roomcast::publish_hook::{PublishHook, Verdict, check_body};
use serde_json::{Value, json};

use crate::sim::SimRuntime;

/// Decides by the name of the event.
struct ByName;

impl PublishHook for ByName {
    fn check(&self, room: &RoomName, user: &User, event: &NewEvent) -> Verdict {
        let (room, user) = (room.as_str(), user.as_str());
        match event.name.as_str() {
            "bad" => Verdict::Rejected { message: format!("{user} is not polite in {room}") },
            "change" => Verdict::Changed { data: format!(r#"{{"by":"{user}"}}"#) },
            "not json" => Verdict::Changed { data: "{".into() },
            "large" => Verdict::Changed { data: format!("\"{}\"", "x".repeat(limits::DATA_BYTES)) },
            _ => Verdict::Accepted,
        }
    }
}

fn sim() -> SimRuntime {
    let mut sim = SimRuntime::new();
    sim.publish_hook = Some(Rc::new(ByName));
    sim.join("alice");
    sim.join("bob");
    sim.client("alice").drain_frames();
    sim
}

fn publish(sim: &mut SimRuntime, name: &str, data: &str) -> Vec<Value> {
    sim.send("alice", &format!(r#"{{"type":"publish","name":"{name}","data":{data},"ref":"7"}}"#));
    sim.client("alice").drain_frames()
}

#[test]
fn accepted_event_is_delivered_byte_for_byte() {
    let mut sim = sim();
    publish(&mut sim, "said", "{ \"n\" : 1.0 }");
    assert_eq!(sim.client("bob").data(), ["{ \"n\" : 1.0 }"]);
}

#[test]
fn changed_data_is_stored_and_delivered() {
    let mut sim = sim();
    publish(&mut sim, "change", "1");
    assert_eq!(sim.client("bob").data(), [r#"{"by":"alice"}"#]);
    sim.hibernate();
    let (_, page) = sim.http("bob", "GET /rooms/r/events", "");
    assert!(page.contains(r#""data":{"by":"alice"}"#), "{page}");
}

#[test]
fn rejected_event_is_not_stored_and_its_error_has_the_ref() {
    for hibernate in [false, true] {
        let mut sim = sim();
        sim.hibernate_between_inputs = hibernate;
        let frames = publish(&mut sim, "bad", "1");
        let error = json!({
            "type": "error", "room": "r", "ref": "7",
            "code": "rejected", "message": "alice is not polite in r",
        });
        assert_eq!(frames, [error]);
        assert_eq!(sim.head(), 0);
        publish(&mut sim, "said", "1");
        assert_eq!(sim.client("bob").seqs(), [1]);
    }
}

#[test]
fn rejected_events_do_not_close_the_session() {
    let mut sim = sim();
    for _ in 0..3 * limits::BAD_REQUESTS_IN_A_ROW {
        publish(&mut sim, "bad", "1");
        sim.advance(1_000);
    }
    assert_eq!(sim.client("alice").closed, None);
}

#[test]
fn changed_data_has_the_limits_of_published_data() {
    let mut sim = sim();
    for name in ["not json", "large"] {
        let frames = publish(&mut sim, name, "1");
        assert_eq!(frames[0]["code"], "rejected", "{frames:?}");
    }
    assert_eq!(sim.head(), 0);
}

#[test]
fn event_without_the_right_to_publish_is_not_checked() {
    struct Panics;
    impl PublishHook for Panics {
        fn check(&self, _: &RoomName, _: &User, _: &NewEvent) -> Verdict {
            panic!("the event was checked")
        }
    }
    let mut sim = SimRuntime::new();
    sim.publish_hook = Some(Rc::new(Panics));
    let reader = sim.identity_with("carol", &["subscribe"]);
    sim.connect("carol", "", reader);
    sim.send_publish("carol", 1);
    assert_eq!(sim.client("carol").last_answer().unwrap().code.as_deref(), Some("forbidden"));
}

fn checked(body: &str) -> Result<String, (Code, String)> {
    let (room, user) = (RoomName::parse("r").unwrap(), User::parse("alice").unwrap());
    check_body(&ByName, &room, &user, body).map_err(|refusal| (refusal.code, refusal.message))
}

#[test]
fn body_contains_the_checked_events() {
    let event = r#"{"name":"a \"b\"","data":{ "n": 1.0 },"id":"i","key":"k"}"#;
    assert_eq!(checked(event), Ok(format!(r#"{{"events":[{event}]}}"#)));
    let batch = r#"{"events":[{"name":"said","data":1},{"name":"change","data":2,"id":"i"}]}"#;
    let changed = r#"{"name":"change","data":{"by":"alice"},"id":"i"}"#;
    let expected = format!(r#"{{"events":[{{"name":"said","data":1}},{changed}]}}"#);
    assert_eq!(checked(batch), Ok(expected));
}

#[test]
fn one_rejected_event_rejects_the_body_and_is_named() {
    let message = "alice is not polite in r";
    assert_eq!(checked(r#"{"name":"bad","data":1}"#), Err((Code::Rejected, message.into())));
    let batch = r#"{"events":[{"name":"said","data":1},{"name":"bad","data":2}]}"#;
    assert_eq!(checked(batch), Err((Code::Rejected, format!("events[1]: {message}"))));
}

#[test]
fn invalid_body_has_the_usual_error() {
    for body in ["", "[]", r#"{"events":[]}"#, r#"{"name":"a"}"#] {
        assert_eq!(checked(body).unwrap_err().0, Code::BadRequest, "{body}");
    }
}
