//! Costs of publishes and reads over HTTP, in units of the user's rate limits.

use roomcast::limits;
use roomcast::room::Answer;
use roomcast::route::{Call, Request, ResponseKind, Route};
use roomcast::settings::Settings;
use serde_json::json;

use crate::sim::SimRuntime;

/// Rate limit in units per second. The burst has the same size.
const RATE: u64 = 100;

fn sim() -> SimRuntime {
    let settings =
        Settings { publishes_per_second: RATE, reads_per_second: RATE, ..Settings::default() };
    SimRuntime::with(settings)
}

/// Returns the cost of a request in units, computed from the wait before the
/// next request succeeds. The user's bucket is full before the request. The
/// function also checks that the announced wait is exact.
fn cost(sim: &mut SimRuntime, request: &Request, body: &str) -> u64 {
    sim.advance(60_000);
    let send = |sim: &mut SimRuntime, request: &Request, body: &str| {
        let by = sim.identity("admin");
        match sim.request(by, request.clone(), body) {
            Answer::Refused(refusal) => Err(refusal),
            answer => Ok(answer),
        }
    };
    send(sim, request, body).unwrap();
    let small = match request {
        Request::Publish | Request::Signal => r#"{"name":"n","data":1}"#,
        _ => "",
    };
    let next = match request {
        Request::Publish | Request::Signal => Request::Signal,
        _ => Request::Members,
    };
    let mut spent = 0;
    let refusal = loop {
        match send(sim, &next, small) {
            Ok(_) => spent += 1,
            Err(refusal) => break refusal,
        }
    };
    let wait = refusal.retry_after_ms.unwrap();
    assert_eq!(refusal.code.as_str(), "rate_limited");
    assert!(refusal.message.contains("100 units a second"), "{}", refusal.message);
    assert!(refusal.message.contains(&format!("{wait} ms")), "{}", refusal.message);
    sim.advance(wait - 1);
    assert!(send(sim, &next, small).is_err(), "not earlier than announced");
    sim.advance(1);
    assert!(send(sim, &next, small).is_ok(), "the announced wait is enough");
    // The full bucket and the units gained during the wait pay for all
    // requests. Each of the `spent` small requests cost one unit, and so did
    // the last request. The measured request cost all other units.
    RATE + (wait * RATE).div_ceil(1_000) - 1 - spent
}

fn published(events: u64, rest: &serde_json::Value) -> String {
    let event = |data| {
        let mut event = json!({ "name": "n", "data": data });
        event.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
        event
    };
    json!({ "events": (0..events).map(event).collect::<Vec<_>>() }).to_string()
}

/// Limits: EVENTS_IN_A_UNIT, IDS_IN_A_UNIT.
#[test]
fn publish_costs_units_for_what_it_writes() {
    let mut sim = sim();
    let unit = limits::BYTES_IN_A_UNIT;
    let of_bytes = |bytes: usize| {
        let around = r#"{"name":"n","data":""}"#.len();
        format!(r#"{{"name":"n","data":"{}"}}"#, "x".repeat(bytes - around))
    };
    for (body, units) in [
        (r#"{"name":"n","data":1}"#.to_owned(), 1),
        (r#"{"name":"n","data":1,"key":"k"}"#.to_owned(), 2),
        (r#"{"name":"n","data":1,"id":"i"}"#.to_owned(), 1),
        (of_bytes(unit - 1), 1),
        (of_bytes(unit), 2),
        (of_bytes(3 * unit), 4),
        (published(99, &json!({})), 1),
        (published(100, &json!({})), 2),
        (published(500, &json!({})), 6),
        (published(500, &json!({ "key": "k" })), 1 + 500 + 5),
        (published(49, &json!({ "id": "i" })), 1),
        (published(50, &json!({ "id": "i" })), 2),
    ] {
        assert_eq!(cost(&mut sim, &Request::Publish, &body), units, "{body:.60}");
    }
    assert_eq!(cost(&mut sim, &Request::Signal, r#"{"name":"n","data":1}"#), 1);
}

#[test]
fn rejected_body_costs_units_for_its_bytes() {
    let mut sim = sim();
    let invalid = "x".repeat(limits::BODY_BYTES);
    for _ in 0..6 {
        sim.http_publish_body("bob", &invalid).unwrap_err();
    }
    assert_eq!(sim.http_publish("bob", 1), Err(roomcast::code::Code::RateLimited));
    assert_eq!(sim.http_publish("alice", 1), Ok(1), "each user has their own rate limit");
}

/// Limits: BYTES_IN_A_UNIT.
#[test]
fn read_costs_units_for_bytes_sent() {
    let mut sim = sim();
    let large = "x".repeat(limits::BYTES_IN_A_UNIT);
    for key in 0..3 {
        let body = json!({ "name": "n", "data": large, "key": format!("{key}") }).to_string();
        sim.http_publish_body("bob", &body).unwrap();
    }
    let before = format!("/rooms/r/events?before={}:2", sim.epoch());
    for (path, units) in [
        ("/rooms/r", 1),
        ("/rooms/r/members", 1),
        ("/rooms/r/state", 1 + 3),
        ("/rooms/r/events?last=2", 1 + 2),
        ("/rooms/r/events?last=1", 1 + 1),
        ("/rooms/r/events?last=0", 1),
        (&before, 1 + 2),
    ] {
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let Ok(Route::Room { call: Call::Request(request), .. }) =
            Route::parse("GET", path, query, ResponseKind::Body)
        else {
            panic!("{path} is a request");
        };
        assert_eq!(cost(&mut sim, &request, ""), units, "{path}?{query}");
    }
}
