//! Signals: to who is here, never stored, and no more often than is of use.

use crate::world::World;

fn signals(world: &mut World, who: &str, data: u64) {
    world.sends(who, &format!(r#"{{"type":"signal","name":"cursor","data":{data}}}"#));
}

/// The `data` of the signals that somebody heard since the last call.
fn heard(world: &mut World, who: &str) -> Vec<u64> {
    let frames = world.client(who).takes().into_iter();
    let signals = frames.filter(|frame| frame["type"] == "signal");
    signals.map(|frame| frame["data"].as_u64().unwrap()).collect()
}

#[test]
fn a_flood_of_signals_comes_as_its_first_and_the_newest_of_each_window() {
    let mut world = World::new();
    world.joins("alice");
    world.joins("bob");
    (1..=10).for_each(|data| signals(&mut world, "alice", data));
    assert_eq!(heard(&mut world, "bob"), [1]);
    world.flushes();
    assert_eq!(heard(&mut world, "bob"), [10]);
    signals(&mut world, "alice", 11);
    assert!(heard(&mut world, "bob").is_empty(), "the next window is open");
    world.calms();
    assert_eq!(heard(&mut world, "bob"), [11]);
    assert!(heard(&mut world, "alice").is_empty(), "she does not hear herself");
}

#[test]
fn a_signal_is_stored_nowhere() {
    let mut world = World::new();
    world.joins("alice");
    world.joins("bob");
    let before = world.store.tables();
    signals(&mut world, "alice", 1);
    let posted = world.http("writer", "POST /rooms/r/signals", r#"{"name":"n","data":2}"#);
    assert_eq!(posted.0, 202);
    assert_eq!(heard(&mut world, "bob"), [1, 2]);
    assert_eq!(heard(&mut world, "alice"), [2], "over HTTP there is no session that sent it");
    assert!(world.store.tables() == before);
}

#[test]
fn a_signal_comes_to_who_is_live_and_to_nobody_else() {
    let mut world = World::new();
    let large = format!(r#"{{"name":"n","data":"{}"}}"#, "x".repeat(250_000));
    for _ in 0..6 {
        world.posts("writer", &large).unwrap();
    }
    let epoch = world.epoch();
    world.joins("alice");
    world.joins_with("bob", &format!("since={epoch}:0"));
    signals(&mut world, "alice", 1);
    assert!(heard(&mut world, "bob").is_empty(), "he is behind");
    world.calms();
    signals(&mut world, "alice", 2);
    assert_eq!(heard(&mut world, "bob"), [2]);
}
