//! Tests of the `sessions` frames, which tell a client how many sessions are in
//! the room.

use crate::sim::SimRuntime;

/// Returns the counts that a client received since the last call.
fn drain_counts(sim: &mut SimRuntime, who: &str) -> Vec<u64> {
    let frames = sim.client(who).drain_frames().into_iter();
    let counts = frames.filter(|frame| frame["type"] == "sessions");
    counts.map(|frame| frame["count"].as_u64().unwrap()).collect()
}

#[test]
fn session_that_requests_the_count_is_sent_each_change() {
    let mut sim = SimRuntime::new();
    sim.join("plain");
    sim.join_with("alice", "count=1");
    assert_eq!(drain_counts(&mut sim, "alice"), [2]);
    sim.run_until_idle();
    sim.join("bob");
    assert_eq!(drain_counts(&mut sim, "alice"), [3]);
    sim.run_until_idle();
    sim.close("bob", 1_000);
    sim.run_until_idle();
    assert_eq!(drain_counts(&mut sim, "alice"), [2]);
    assert!(drain_counts(&mut sim, "plain").is_empty());
}

#[test]
fn changes_within_a_window_are_combined() {
    let mut sim = SimRuntime::new();
    sim.join_with("alice", "count=1");
    for name in ["bob", "cat", "dan"] {
        sim.join(name);
    }
    sim.close("dan", 1_000);
    assert_eq!(drain_counts(&mut sim, "alice"), [1]);
    sim.run_until_idle();
    assert_eq!(drain_counts(&mut sim, "alice"), [3]);
    sim.run_until_idle();
    assert!(drain_counts(&mut sim, "alice").is_empty(), "nothing has changed");
}

#[test]
fn wake_of_a_hibernating_room_sends_no_count() {
    let mut sim = SimRuntime::new();
    sim.join_with("alice", "count=1");
    sim.join("bob");
    sim.run_until_idle();
    drain_counts(&mut sim, "alice");
    sim.hibernate();
    sim.http_publish("writer", 1).unwrap();
    sim.run_until_idle();
    assert!(drain_counts(&mut sim, "alice").is_empty());
    sim.hibernate();
    sim.close("bob", 1_000);
    sim.run_until_idle();
    assert_eq!(drain_counts(&mut sim, "alice"), [1]);
}
