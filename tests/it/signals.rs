//! Tests of signals. A signal is sent to live sessions and is never stored. The
//! number of signals is limited.

use roomcast::limits;
use roomcast::settings::Settings;

use crate::sim::SimRuntime;

fn send_signal(sim: &mut SimRuntime, who: &str, data: u64) {
    sim.send(who, &format!(r#"{{"type":"signal","name":"cursor","data":{data}}}"#));
}

/// Returns the `data` of the signals that a client received since the last
/// call.
fn drain_signals(sim: &mut SimRuntime, who: &str) -> Vec<u64> {
    let frames = sim.client(who).drain_frames().into_iter();
    let signals = frames.filter(|frame| frame["type"] == "signal");
    signals.map(|frame| frame["data"].as_u64().unwrap()).collect()
}

#[test]
fn flood_of_signals_sends_first_and_newest_of_each_window() {
    let mut sim = SimRuntime::new();
    sim.join("alice");
    sim.join("bob");
    (1..=10).for_each(|data| send_signal(&mut sim, "alice", data));
    assert_eq!(drain_signals(&mut sim, "bob"), [1]);
    sim.fire_flush();
    assert_eq!(drain_signals(&mut sim, "bob"), [10]);
    send_signal(&mut sim, "alice", 11);
    assert!(drain_signals(&mut sim, "bob").is_empty(), "the next window is open");
    sim.run_until_idle();
    assert_eq!(drain_signals(&mut sim, "bob"), [11]);
    assert!(drain_signals(&mut sim, "alice").is_empty(), "the sender gets no copy");
}

#[test]
fn signal_is_not_stored() {
    let mut sim = SimRuntime::new();
    sim.join("alice");
    sim.join("bob");
    let before = sim.store.tables();
    send_signal(&mut sim, "alice", 1);
    let posted = sim.http("writer", "POST /rooms/r/signals", r#"{"name":"n","data":2}"#);
    assert_eq!(posted.0, 202);
    assert_eq!(drain_signals(&mut sim, "bob"), [1, 2]);
    assert_eq!(
        drain_signals(&mut sim, "alice"),
        [2],
        "a signal over HTTP has no sending session to skip"
    );
    assert!(sim.store.tables() == before);
}

#[test]
fn signal_is_sent_to_live_sessions_only() {
    let mut sim = SimRuntime::new();
    let large = format!(r#"{{"name":"n","data":"{}"}}"#, "x".repeat(250_000));
    for _ in 0..6 {
        sim.http_publish_body("writer", &large).unwrap();
    }
    let epoch = sim.epoch();
    sim.join("alice");
    sim.join_with("bob", &format!("since={epoch}:0"));
    send_signal(&mut sim, "alice", 1);
    assert!(drain_signals(&mut sim, "bob").is_empty(), "bob is behind");
    sim.run_until_idle();
    send_signal(&mut sim, "alice", 2);
    assert_eq!(drain_signals(&mut sim, "bob"), [2]);
}

/// Connects a client that may publish.
fn connect_publisher(sim: &mut SimRuntime, who: &str) {
    let identity = sim.identity_with(who, &["subscribe", "publish"]);
    sim.connect(who, "", identity);
}

/// Limits: SIGNAL_NAMES.
#[test]
fn signals_beyond_sixteen_names_in_a_window_are_rejected() {
    let mut sim = SimRuntime::new();
    sim.join("alice");
    sim.join("bob");
    sim.client("alice").drain_frames();
    let send = |sim: &mut SimRuntime, name: usize| {
        sim.send("alice", &format!(r#"{{"type":"signal","name":"n{name}","data":1}}"#));
    };
    (0..limits::SIGNAL_NAMES).for_each(|name| send(&mut sim, name));
    send(&mut sim, 0);
    assert_eq!(drain_signals(&mut sim, "bob").len(), limits::SIGNAL_NAMES);
    assert!(sim.client("alice").drain_frames().is_empty());
    send(&mut sim, limits::SIGNAL_NAMES);
    let error = &sim.client("alice").drain_frames()[0];
    assert_eq!(error["code"], "rate_limited");
    assert_eq!(error["retry_after_ms"], limits::FLUSH_MS);
    sim.advance(limits::FLUSH_MS);
    send(&mut sim, limits::SIGNAL_NAMES);
    assert_eq!(drain_signals(&mut sim, "bob").len(), 2, "the waiting signal, and the new name");
}

/// Limits: WINDOW_COPIES, SENDS_PER_MS.
#[test]
fn large_room_sends_signals_round_robin_in_longer_windows() {
    const SOCKETS: u64 = 300;
    let mut sim = SimRuntime::new();
    let users: Vec<String> = (0..SOCKETS).map(|i| format!("u{i}")).collect();
    users.iter().for_each(|who| connect_publisher(&mut sim, who));
    sim.join("bob");
    sim.client("bob").drain_frames();
    for (data, who) in users.iter().enumerate() {
        send_signal(&mut sim, who, data as u64);
    }
    let receivers = SOCKETS;
    let frames = limits::WINDOW_COPIES.div_ceil(receivers);
    assert_eq!(drain_signals(&mut sim, "bob").len() as u64, frames, "signals sent at once");

    let mut windows = 0;
    let mut all: Vec<u64> = (0..frames).collect();
    while let Some(ends) = sim.flush_at {
        let began = sim.now;
        sim.advance(ends.since(began));
        let received = drain_signals(&mut sim, "bob");
        assert!(received.len() as u64 <= frames, "{} frames in a window", received.len());
        // The length of this window depends on the number of copies in the
        // previous window.
        if windows > 0 && !received.is_empty() {
            let sending_ms = frames * receivers / limits::SENDS_PER_MS;
            assert_eq!(ends.since(began), limits::FLUSH_MS + sending_ms);
        }
        all.extend(received);
        windows += 1;
    }
    assert_eq!(all, (0..SOCKETS).collect::<Vec<_>>(), "each signal once, in order");
}

#[test]
fn waiting_signal_is_replaced_by_newest_of_its_name() {
    let mut sim = SimRuntime::new();
    let users: Vec<String> = (0..=limits::WINDOW_COPIES / 2).map(|i| format!("u{i}")).collect();
    users.iter().for_each(|who| connect_publisher(&mut sim, who));
    sim.client("u0").drain_frames();
    for data in 1..=3 {
        (1..=9).for_each(|who| send_signal(&mut sim, &format!("u{who}"), 10 * data + who));
    }
    assert_eq!(drain_signals(&mut sim, "u0"), [11, 12], "a window sends no more");
    sim.run_until_idle();
    assert_eq!(drain_signals(&mut sim, "u0"), [33, 34, 35, 36, 37, 38, 39, 31, 32]);
}

/// Limits: WINDOW_BYTES.
#[test]
fn signal_bytes_to_session_are_limited_per_window() {
    let rates = Settings { publishes_per_second: 1_000_000, ..Settings::default() };
    let mut sim = SimRuntime::with(rates);
    sim.join("bob");
    sim.client("bob").drain_frames();
    let signal = format!(r#"{{"name":"n","data":"{}"}}"#, "x".repeat(16_000));
    for _ in 0..60 {
        assert_eq!(sim.http("writer", "POST /rooms/r/signals", &signal).0, 202);
    }
    let mut frames = vec![sim.client("bob").drain_frames().len()];
    while sim.flush_at.is_some() {
        sim.fire_flush();
        frames.push(sim.client("bob").drain_frames().len());
    }
    assert_eq!(frames.iter().sum::<usize>(), 60);
    let most = limits::WINDOW_BYTES.div_ceil(16_000);
    assert!(frames.iter().all(|count| *count <= most), "{frames:?}");
}

/// Limits: UNSENT_BYTES.
#[test]
fn session_that_does_not_read_is_sent_no_signals() {
    for hibernate in [false, true] {
        let mut sim = SimRuntime::new();
        sim.hibernate_between_inputs = hibernate;
        ["alice", "bob", "carol"].iter().for_each(|who| sim.join(who));
        sim.stop_reading("carol");
        for data in 0..200 {
            let large = format!(r#""{data:016000}""#);
            sim.send("alice", &format!(r#"{{"type":"signal","name":"n","data":{large}}}"#));
            sim.advance(limits::FLUSH_MS);
        }
        let count_signals = |sim: &mut SimRuntime, who: &str| {
            sim.client(who).drain_frames().iter().filter(|frame| frame["type"] == "signal").count()
        };
        assert_eq!(count_signals(&mut sim, "bob"), 200);
        let waits = sim.unsent_bytes("carol");
        assert!((limits::UNSENT_BYTES..limits::UNSENT_BYTES + 17_000).contains(&waits), "{waits}");
        sim.resume_reading("carol");
        count_signals(&mut sim, "carol");
        sim.send("alice", r#"{"type":"signal","name":"n","data":1}"#);
        assert_eq!(count_signals(&mut sim, "carol"), 1, "carol reads again");
    }
}
