//! Tests of the promises in section 2 of docs/protocol.md. The named invariants
//! have other tests.

use roomcast::code::Code;

use crate::sim::{CrashPoint, SimRuntime};

#[test]
fn acknowledged_event_survives_crash() {
    let mut sim = SimRuntime::new();
    sim.join("alice");
    sim.send_publish("alice", 1);
    assert_eq!(sim.client("alice").drain_frame_types(), ["welcome", "events", "ack"]);
    sim.crash();
    assert_eq!(sim.http_publish("bob", 2), Ok(2));
    sim.crash();
    let batch = r#"{"events":[{"name":"n","data":3},{"name":"n","data":4,"key":"k"}]}"#;
    assert_eq!(sim.http_publish_body("bob", batch), Ok(vec![3, 4]));
    sim.crash();

    sim.resume("alice");
    assert_eq!(sim.client("alice").data(), ["1", "2", "3", "4"]);
    assert_eq!(sim.http_get("/state")["events"][0]["seq"], 4);
}

#[test]
fn event_lost_before_commit_was_never_sent() {
    // The simulator checks that every frame mentions only stored events.
    let mut sim = SimRuntime::new();
    sim.join("alice");
    sim.crash_at_next_input = Some(CrashPoint::BeforeCommit);
    assert_eq!(sim.http_publish("bob", "\"lost\""), Err(Code::Restarting));
    assert!(sim.client("alice").data().is_empty(), "no client received the lost event");

    sim.resume("alice");
    assert_eq!(sim.http_publish("bob", 1), Ok(1), "the lost event used no seq");
    sim.crash_at_next_input = Some(CrashPoint::AfterCommit);
    assert_eq!(sim.http_publish("bob", 2), Err(Code::Restarting));
    sim.resume("alice");
    assert_eq!(
        sim.client("alice").data(),
        ["1", "2"],
        "a stored event stays, also if the publish got no answer"
    );
}

#[test]
fn all_clients_see_events_in_one_order() {
    let mut sim = SimRuntime::new();
    let clients = ["alice", "bob", "carol"];
    clients.into_iter().for_each(|who| sim.join(who));
    for round in 0..10 {
        sim.send_publish("alice", format!("\"a{round}\""));
        sim.http_publish_body(
            "writer",
            r#"{"events":[{"name":"n","data":1},{"name":"n","data":2}]}"#,
        )
        .unwrap();
        sim.send_publish("bob", format!("\"b{round}\""));
        let resumed = clients[round % 3];
        sim.drop_socket(resumed);
        sim.http_publish("writer", 3).unwrap();
        sim.resume(resumed);
    }
    let alice = sim.client("alice").events.clone();
    assert!(sim.client("alice").seqs().into_iter().eq(1..=50));
    assert_eq!(sim.client("bob").events, alice);
    assert_eq!(sim.client("carol").events, alice);
}
