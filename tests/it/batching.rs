//! Tests of batches: events that are published shortly after one another are
//! sent in one frame. The tests check which events are batched, and that
//! batching changes nothing else.

use roomcast::code::Code;
use roomcast::limits;
use roomcast::settings::Settings;

use crate::sim::SimRuntime;

const WINDOW_MS: u64 = limits::FRAME_WINDOW_MS;

/// Returns a room with alice and bob. The room has sent the first event, and
/// the second event waits for the end of the batch window.
fn open_window() -> SimRuntime {
    open_window_with(Settings::default())
}

fn open_window_with(settings: Settings) -> SimRuntime {
    let mut sim = SimRuntime::with(settings);
    sim.batches_events = true;
    sim.join("alice");
    sim.join("bob");
    sim.http_publish("writer", 1).unwrap();
    sim.http_publish("writer", 2).unwrap();
    assert_eq!(sim.client("bob").data(), ["1"]);
    sim
}

/// Returns the seqs of every `events` frame that a client received since the
/// last call.
fn frames(sim: &mut SimRuntime, who: &str) -> Vec<Vec<u64>> {
    let frames = sim.client(who).drain_frames().into_iter();
    let events = frames.filter(|frame| frame["type"] == "events");
    let seqs = |frame: serde_json::Value| {
        let events = frame["events"].as_array().unwrap().clone();
        events.iter().map(|event| event["seq"].as_u64().unwrap()).collect()
    };
    events.map(seqs).collect()
}

#[test]
fn first_event_is_sent_at_once_and_later_ones_in_one_frame() {
    let mut sim = SimRuntime::new();
    sim.batches_events = true;
    sim.join("bob");
    sim.http_publish("writer", 1).unwrap();
    assert_eq!(frames(&mut sim, "bob"), [[1]]);
    assert_eq!(sim.broadcast_at, None, "no event waits, and no timer keeps the room active");

    for data in 2..=5 {
        sim.http_publish("writer", data).unwrap();
        sim.advance(2);
    }
    assert!(frames(&mut sim, "bob").is_empty());
    sim.advance(2);
    assert_eq!(frames(&mut sim, "bob"), [[2, 3, 4, 5]], "10 ms after the first");

    sim.http_publish("writer", 6).unwrap();
    assert!(frames(&mut sim, "bob").is_empty(), "the last frame started another window");
    sim.advance(WINDOW_MS);
    assert_eq!(frames(&mut sim, "bob"), [[6]]);

    sim.advance(WINDOW_MS);
    sim.http_publish("writer", 7).unwrap();
    assert_eq!(frames(&mut sim, "bob"), [[7]], "the window has ended");
}

/// Limits: SENDS_PER_MS.
#[test]
fn large_room_has_longer_batch_window() {
    let mut sim = SimRuntime::new();
    sim.batches_events = true;
    let more_ms = 3;
    let sockets = more_ms * limits::SENDS_PER_MS;
    for i in 0..sockets {
        sim.join(&format!("reader-{i}"));
    }
    sim.http_publish("writer", 1).unwrap();
    sim.advance(WINDOW_MS);
    sim.http_publish("writer", 2).unwrap();
    assert_eq!(frames(&mut sim, "reader-0"), [[1]]);
    sim.advance(more_ms - 1);
    assert!(frames(&mut sim, "reader-0").is_empty());
    sim.advance(1);
    assert_eq!(frames(&mut sim, "reader-0"), [[2]]);
}

#[test]
fn ack_is_sent_before_the_batch() {
    let mut sim = open_window();
    sim.client("alice").drain_frames();
    sim.send_publish("alice", 3);
    assert_eq!(sim.client("alice").drain_frame_types(), ["ack"]);
    sim.deliver_pending();
    assert_eq!(sim.client("alice").drain_frame_types(), ["events"]);
}

#[test]
fn thousand_publishes_are_sent_in_few_bounded_frames() {
    let mut sim = SimRuntime::with(Settings { publishes_per_second: 1_000, ..Settings::default() });
    sim.batches_events = true;
    sim.join("bob");
    let large = format!("\"{}\"", "x".repeat(1_000));
    for _ in 0..1_000 {
        sim.http_publish("writer", &large).unwrap();
    }
    sim.deliver_pending();
    let bob = sim.client("bob");
    assert!(bob.seqs().into_iter().eq(1..=1_000));
    let (bytes, sent) = (limits::FRAME_EVENTS_BYTES, bob.drain_frames());
    let events: Vec<_> = sent.iter().filter(|frame| frame["type"] == "events").collect();
    assert!(events.iter().all(|frame| frame.to_string().len() <= bytes + 200));
    assert!(events.len() <= 2 + 1_100_000 / bytes + 1, "{} frames", events.len());
}

#[test]
fn window_of_zero_sends_each_publish_alone() {
    let mut sim = SimRuntime::with(Settings { frame_window_ms: 0, ..Settings::default() });
    sim.batches_events = true;
    sim.join("bob");
    for data in 1..=3 {
        sim.http_publish("writer", data).unwrap();
    }
    assert_eq!(frames(&mut sim, "bob"), [[1], [2], [3]]);
}

#[test]
fn clock_change_does_not_delay_batch() {
    for hours in [-2_i64, 1] {
        let mut sim = open_window();
        sim.shift_clock(hours * 3_600_000);
        sim.http_publish("writer", 3).unwrap();
        sim.deliver_pending();
        assert_eq!(sim.client("bob").data(), ["1", "2", "3"]);
        sim.http_publish("writer", 4).unwrap();
        sim.advance(WINDOW_MS);
        assert_eq!(sim.client("bob").data(), ["1", "2", "3", "4"]);
    }
}

#[test]
fn room_without_sessions_batches_nothing() {
    let mut sim = SimRuntime::new();
    sim.batches_events = true;
    for data in 1..=3 {
        sim.http_publish("writer", data).unwrap();
    }
    assert_eq!(sim.broadcast_at, None, "there is no session to batch for");

    let mut sim = open_window();
    sim.drop_socket("alice");
    sim.drop_socket("bob");
    sim.deliver_pending();
    sim.join("carol");
    sim.advance(WINDOW_MS);
    sim.http_publish("writer", 3).unwrap();
    assert_eq!(sim.client("carol").data(), ["3"]);
}

/// No event is sent twice or omitted, whatever the start position of the new
/// session is. The test client checks that no event is repeated or missing.
#[test]
fn join_within_window_starts_at_its_position() {
    let epoch = SimRuntime::new().epoch();
    for (query, expected) in [
        (String::new(), vec!["3"]),
        ("flow=1".to_owned(), vec!["3"]),
        ("last=2".to_owned(), vec!["1", "2", "3"]),
        (format!("since={epoch}:0"), vec!["1", "2", "3"]),
        (format!("since={epoch}:1"), vec!["2", "3"]),
        (format!("since={epoch}:2"), vec!["3"]),
        (format!("since={epoch}:3"), vec!["3"]),
    ] {
        let mut sim = open_window();
        sim.join_with("carol", &query);
        assert_eq!(sim.client("bob").data(), ["1", "2"], "{query}");
        sim.http_publish("writer", 3).unwrap();
        sim.deliver_pending();
        assert_eq!(sim.client("carol").data(), expected, "{query}");
        assert_eq!(sim.client("bob").data(), ["1", "2", "3"], "{query}");
    }
}

#[test]
fn state_sent_within_window_matches_its_seq() {
    let mut sim = open_window();
    sim.http_publish_body("writer", r#"{"name":"n","data":1,"key":"k"}"#).unwrap();
    sim.join("carol");
    sim.http_publish_body("writer", r#"{"name":"n","data":2,"key":"k"}"#).unwrap();
    sim.deliver_pending();
    assert_eq!(sim.client("carol").state["k"].data(), "2");
    assert_eq!(sim.client("carol").seqs(), [4]);
}

#[test]
fn seen_of_batched_event_is_rejected() {
    let mut sim = open_window();
    sim.send("bob", r#"{"type":"seen","seq":2}"#);
    assert_eq!(sim.client("bob").drain_frames().pop().unwrap()["code"], "bad_request");
    sim.deliver_pending();
    sim.send_seen("bob");
    assert!(sim.client("bob").drain_frame_types().iter().all(|r#type| r#type != "error"));
}

#[test]
fn slow_reader_gets_batched_event_only_with_the_batch() {
    let mut sim = open_window();
    sim.http_publish("writer", 3).unwrap();
    let identity = sim.identity("carol");
    sim.connect_bridge("carol", "last=3", identity, 200);
    assert_eq!(
        sim.client("carol").data(),
        ["1", "2"],
        "the flow control window has space for two events"
    );
    sim.http_publish("writer", 4).unwrap();
    sim.send_seen("carol");
    assert_eq!(sim.client("carol").data(), ["1", "2", "3"], "the batched event is not sent to her");
    sim.deliver_pending();
    assert_eq!(sim.client("carol").data(), ["1", "2", "3", "4"]);
}

#[test]
fn slow_reader_gets_gap_after_log_wraps_within_window() {
    let mut sim = open_window_with(Settings { retained_appends: 2, ..Settings::default() });
    let identity = sim.identity("carol");
    sim.connect_bridge("carol", "last=2", identity, 1);
    for data in 3..=6 {
        sim.http_publish("writer", data).unwrap();
    }
    sim.send_seen("carol");
    assert_eq!((sim.client("carol").gaps, sim.client("carol").seq), (1, Some(6)));
    sim.http_publish("writer", 7).unwrap();
    sim.deliver_pending();
    assert_eq!(sim.client("carol").data(), ["7"]);
    assert_eq!(sim.client("bob").data(), ["1", "2", "3", "4", "5", "6", "7"]);
}

/// An event that was published before the close may contain the reason for the
/// close, so the client must receive the event first.
#[test]
fn session_gets_batched_events_before_it_is_closed() {
    let mut sim = open_window();
    sim.http("admin", "DELETE /rooms/r/members?user=bob", "");
    assert_eq!(sim.client("bob").closed, Some(Code::Kicked));
    assert_eq!(sim.client("bob").data(), ["1", "2"]);
    assert_eq!(sim.client("alice").data(), ["1", "2"]);

    let mut sim = open_window();
    sim.http("admin", "DELETE /rooms/r", "");
    assert_eq!(sim.client("bob").closed, Some(Code::Erased));
    assert_eq!(sim.client("bob").data(), ["1", "2"]);
    assert_eq!(sim.broadcast_at, None, "the next room starts without a batch");

    let mut sim = open_window();
    let token = sim.token("bob", &["publish"]);
    sim.send("bob", &serde_json::json!({ "type": "auth", "token": token }).to_string());
    assert_eq!(sim.client("bob").closed, Some(Code::Forbidden));
    assert_eq!(sim.client("bob").data(), ["1", "2"]);
}

#[test]
fn batch_lost_in_crash_is_delivered_on_resume() {
    let mut sim = open_window();
    sim.crash();
    sim.resume("bob");
    assert_eq!(sim.client("bob").data(), ["1", "2"]);
}
