//! Tests of the state, which is the latest event of every key.

use roomcast::code::Code;
use roomcast::settings::Settings;

use crate::sim::SimRuntime;

/// Publishes an event with a key.
fn set_key(sim: &mut SimRuntime, key: &str, data: &str) -> Result<Vec<u64>, Code> {
    sim.http_publish_body("bob", &format!(r#"{{"name":"n","data":{data},"key":"{key}"}}"#))
}

/// Returns every key and its data, in the order of their seqs.
fn state(sim: &mut SimRuntime) -> Vec<(String, String)> {
    let state = sim.http_get("/state");
    let events = state["events"].as_array().unwrap();
    events.iter().map(|e| (e["key"].as_str().unwrap().to_owned(), e["data"].to_string())).collect()
}

fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(key, data)| ((*key).to_owned(), (*data).to_owned())).collect()
}

#[test]
fn key_is_set_replaced_and_removed() {
    for hibernate in [false, true] {
        let mut sim = SimRuntime::new();
        sim.hibernate_between_inputs = hibernate;
        set_key(&mut sim, "a", "1").unwrap();
        set_key(&mut sim, "b", "2").unwrap();
        assert_eq!(state(&mut sim), pairs(&[("a", "1"), ("b", "2")]));
        set_key(&mut sim, "a", "3").unwrap();
        assert_eq!(state(&mut sim), pairs(&[("b", "2"), ("a", "3")]), "the latest comes last");
        sim.http_publish("bob", 4).unwrap();
        set_key(&mut sim, "b", "null").unwrap();
        set_key(&mut sim, "never", "null").unwrap();
        assert_eq!(state(&mut sim), pairs(&[("a", "3")]));
        sim.join("alice");
        assert_eq!(sim.client("alice").drain_frame_types(), ["welcome", "state"]);
        set_key(&mut sim, "a", "null").unwrap();
        assert!(sim.client("alice").state.is_empty());
        assert_eq!(sim.client("alice").data(), ["null"], "the removal is delivered like any event");
        sim.join("alice");
        assert_eq!(
            sim.client("alice").drain_frame_types(),
            ["welcome"],
            "there is no state to send"
        );
    }
}

#[test]
fn last_event_of_a_key_in_batch_is_the_state() {
    let mut sim = SimRuntime::new();
    let event = |key: &str, data: &str| format!(r#"{{"name":"n","data":{data},"key":"{key}"}}"#);
    let batch = [("a", "1"), ("b", "1"), ("a", "null"), ("b", "null"), ("b", "2"), ("c", "null")];
    let events: Vec<String> = batch.iter().map(|(key, data)| event(key, data)).collect();
    sim.http_publish_body("bob", &format!(r#"{{"events":[{}]}}"#, events.join(","))).unwrap();
    assert_eq!(state(&mut sim), pairs(&[("b", "2")]));
}

#[test]
fn state_outlives_its_events_until_room_is_erased() {
    let settings = Settings { retained_appends: 1, retained_ms: 10_000, ..Settings::default() };
    let mut sim = SimRuntime::with(settings);
    sim.join("alice");
    set_key(&mut sim, "a", "1").unwrap();
    sim.http_publish("bob", 2).unwrap();
    sim.advance(60_000);
    sim.crash();
    assert_eq!(state(&mut sim), pairs(&[("a", "1")]));
    sim.advance(60_000);
    assert!(state(&mut sim).is_empty(), "the idle, empty room was erased");
}

#[test]
fn state_at_its_limit_may_change_or_shrink_but_not_grow() {
    for hibernate in [false, true] {
        let settings = Settings { state_keys: 2, state_bytes: 300, ..Settings::default() };
        let mut sim = SimRuntime::with(settings);
        sim.hibernate_between_inputs = hibernate;
        set_key(&mut sim, "a", "1").unwrap();
        set_key(&mut sim, "b", "1").unwrap();
        assert_eq!(set_key(&mut sim, "c", "1"), Err(Code::TooLarge));
        assert_eq!(set_key(&mut sim, "a", "2"), Ok(vec![3]), "a rejected publish used no seq");
        let swap =
            r#"{"events":[{"name":"n","data":1,"key":"c"},{"name":"n","data":null,"key":"b"}]}"#;
        assert_eq!(
            sim.http_publish_body("bob", swap),
            Ok(vec![4, 5]),
            "the state after the batch counts"
        );
        assert_eq!(state(&mut sim), pairs(&[("a", "2"), ("c", "1")]));
        let large = format!("\"{}\"", "x".repeat(250));
        assert_eq!(set_key(&mut sim, "a", &large), Err(Code::TooLarge));
        assert_eq!(
            sim.http_publish("bob", &large),
            Ok(6),
            "an event without a key is not in the state"
        );

        // After the limit is lowered below the size of the state, a change must
        // not make the state larger.
        sim.settings = Settings { state_keys: 0, state_bytes: 0, ..settings };
        sim.hibernate();
        assert_eq!(set_key(&mut sim, "d", "1"), Err(Code::TooLarge));
        assert_eq!(set_key(&mut sim, "a", "3"), Ok(vec![7]));
        assert_eq!(set_key(&mut sim, "a", "33"), Err(Code::TooLarge));
        assert_eq!(set_key(&mut sim, "a", "null"), Ok(vec![8]));
        assert_eq!(set_key(&mut sim, "a", "3"), Err(Code::TooLarge));
        assert_eq!(set_key(&mut sim, "c", "null"), Ok(vec![9]));
        assert!(state(&mut sim).is_empty());
    }
}

#[test]
fn state_of_exactly_its_limit_is_accepted_and_counted() {
    let mut sim = SimRuntime::new();
    sim.http_publish("bob", "1").unwrap();
    let before = sim.http_get("")["bytes"].as_u64().unwrap();
    set_key(&mut sim, "a", "1").unwrap();
    let (_, event) = &sim.store.tables().state["a"];
    let bytes = event.len() as u64;
    assert_eq!(sim.http_get("")["bytes"], before + 2 * bytes, "in the log, and in the state");
    for (limit, expected) in [(bytes, Ok(vec![1])), (bytes - 1, Err(Code::TooLarge))] {
        let settings = Settings { state_bytes: limit, ..Settings::default() };
        assert_eq!(set_key(&mut SimRuntime::with(settings), "a", "1"), expected);
    }
}

#[test]
fn repeated_id_does_not_change_state() {
    let mut sim = SimRuntime::new();
    let once = r#"{"name":"n","data":1,"key":"k","id":"i"}"#;
    sim.http_publish_body("bob", once).unwrap();
    set_key(&mut sim, "k", "2").unwrap();
    sim.http_publish_body("bob", once).unwrap();
    assert_eq!(state(&mut sim), pairs(&[("k", "2")]));
}
