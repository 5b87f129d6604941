//! Signals: to who is here, never stored, and no more often than is of use.

use roomcast::limits;
use roomcast::settings::Settings;

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

/// One of many.
fn publisher(world: &mut World, who: &str) {
    let identity = world.identity_with(who, &["subscribe", "publish"]);
    world.connects(who, "", identity);
}

/// Limits: SIGNAL_NAMES.
#[test]
fn a_session_sends_signals_of_sixteen_names_at_a_time() {
    let mut world = World::new();
    world.joins("alice");
    world.joins("bob");
    world.client("alice").takes();
    let sends = |world: &mut World, name: usize| {
        world.sends("alice", &format!(r#"{{"type":"signal","name":"n{name}","data":1}}"#));
    };
    (0..limits::SIGNAL_NAMES).for_each(|name| sends(&mut world, name));
    sends(&mut world, 0);
    assert_eq!(heard(&mut world, "bob").len(), limits::SIGNAL_NAMES);
    assert!(world.client("alice").takes().is_empty());
    sends(&mut world, limits::SIGNAL_NAMES);
    let error = &world.client("alice").takes()[0];
    assert_eq!(error["code"], "rate_limited");
    assert_eq!(error["retry_after_ms"], limits::FLUSH_MS);
    world.passes(limits::FLUSH_MS);
    sends(&mut world, limits::SIGNAL_NAMES);
    assert_eq!(heard(&mut world, "bob").len(), 2, "what waited, and the new name");
}

/// Limits: WINDOW_COPIES, SENDS_PER_MS.
#[test]
fn in_a_large_room_the_senders_take_turns_and_windows_are_longer() {
    const SOCKETS: u64 = 300;
    let mut world = World::new();
    let people: Vec<String> = (0..SOCKETS).map(|i| format!("u{i}")).collect();
    people.iter().for_each(|who| publisher(&mut world, who));
    world.joins("bob");
    world.client("bob").takes();
    for (data, who) in people.iter().enumerate() {
        signals(&mut world, who, data as u64);
    }
    let receivers = SOCKETS;
    let frames = limits::WINDOW_COPIES.div_ceil(receivers);
    assert_eq!(heard(&mut world, "bob").len() as u64, frames, "at once");

    let mut windows = 0;
    let mut all: Vec<u64> = (0..frames).collect();
    while let Some(ends) = world.flush {
        let began = world.now;
        world.passes(ends.since(began));
        let came = heard(&mut world, "bob");
        assert!(came.len() as u64 <= frames, "{} frames in a window", came.len());
        // The copies of the window before were counted when it was scheduled.
        if windows > 0 && !came.is_empty() {
            let sending_ms = frames * receivers / limits::SENDS_PER_MS;
            assert_eq!(ends.since(began), limits::FLUSH_MS + sending_ms);
        }
        all.extend(came);
        windows += 1;
    }
    assert_eq!(all, (0..SOCKETS).collect::<Vec<_>>(), "each once, in their order");
}

#[test]
fn a_signal_that_waits_its_turn_is_the_newest_of_its_name() {
    let mut world = World::new();
    let people: Vec<String> = (0..=limits::WINDOW_COPIES / 2).map(|i| format!("u{i}")).collect();
    people.iter().for_each(|who| publisher(&mut world, who));
    world.client("u0").takes();
    for data in 1..=3 {
        (1..=9).for_each(|who| signals(&mut world, &format!("u{who}"), 10 * data + who));
    }
    assert_eq!(heard(&mut world, "u0"), [11, 12], "as many as a window sends");
    world.calms();
    assert_eq!(heard(&mut world, "u0"), [33, 34, 35, 36, 37, 38, 39, 31, 32]);
}

/// Limits: WINDOW_BYTES.
#[test]
fn a_session_is_sent_so_many_bytes_of_signals_in_a_window() {
    let rates = Settings { publishes_per_second: 1_000_000, ..Settings::default() };
    let mut world = World::with(rates);
    world.joins("bob");
    world.client("bob").takes();
    let signal = format!(r#"{{"name":"n","data":"{}"}}"#, "x".repeat(16_000));
    for _ in 0..60 {
        assert_eq!(world.http("writer", "POST /rooms/r/signals", &signal).0, 202);
    }
    let mut frames = vec![world.client("bob").takes().len()];
    while world.flush.is_some() {
        world.flushes();
        frames.push(world.client("bob").takes().len());
    }
    assert_eq!(frames.iter().sum::<usize>(), 60);
    let most = limits::WINDOW_BYTES.div_ceil(16_000);
    assert!(frames.iter().all(|count| *count <= most), "{frames:?}");
}

/// Limits: UNSENT_BYTES.
#[test]
fn who_does_not_read_is_sent_no_signals_and_the_others_are() {
    for asleep in [false, true] {
        let mut world = World::new();
        world.drowsy = asleep;
        ["alice", "bob", "carol"].iter().for_each(|who| world.joins(who));
        world.stands_still("carol");
        for data in 0..200 {
            let large = format!(r#""{data:016000}""#);
            world.sends("alice", &format!(r#"{{"type":"signal","name":"n","data":{large}}}"#));
            world.passes(limits::FLUSH_MS);
        }
        let signals = |world: &mut World, who: &str| {
            world.client(who).takes().iter().filter(|frame| frame["type"] == "signal").count()
        };
        assert_eq!(signals(&mut world, "bob"), 200);
        let waits = world.unsent_bytes("carol");
        assert!((limits::UNSENT_BYTES..limits::UNSENT_BYTES + 17_000).contains(&waits), "{waits}");
        world.reads_on("carol");
        signals(&mut world, "carol");
        world.sends("alice", r#"{"type":"signal","name":"n","data":1}"#);
        assert_eq!(signals(&mut world, "carol"), 1, "she reads again");
    }
}
