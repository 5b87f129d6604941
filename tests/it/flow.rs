//! Tests of flow control, as the contract defines it for the room and the
//! client. A client that sends `seen` after each quarter of the window gets
//! every event. To a client that never sends `seen`, the room sends only a
//! bounded number of bytes.

use roomcast::limits;
use roomcast::settings::Settings;

use crate::random::run_random;
use crate::sim::SimRuntime;
use crate::test_rng::TestRng;

/// Carol, who reads at random times. Carol sends a `seen` only when she has
/// read a quarter of her window since the last `seen`, and never by a timer.
struct Reader {
    window: usize,
    /// Number of received events that carol has read.
    read: usize,
    /// The value of `read` at carol's last `seen`.
    reported: usize,
}

impl Reader {
    fn bytes(sim: &mut SimRuntime, events: std::ops::Range<usize>) -> usize {
        sim.client("carol").events[events].iter().map(|event| event.text.len()).sum()
    }

    fn read_one(&mut self, sim: &mut SimRuntime) -> bool {
        if self.read == sim.client("carol").events.len() {
            return false;
        }
        self.read += 1;
        if Self::bytes(sim, self.reported..self.read) >= self.window / 4 {
            self.reported = self.read;
            let seq = sim.client("carol").events[self.read - 1].seq;
            sim.send("carol", &format!(r#"{{"type":"seen","seq":{seq}}}"#));
            sim.deliver_pending();
        }
        true
    }

    /// Checks the number of bytes in flight. The limit is the larger of two
    /// numbers: the window, and one frame more than a quarter of the window.
    /// The bytes in flight may exceed the limit by another frame, because carol
    /// may have read only a part of a frame.
    fn check_bounds(&self, sim: &mut SimRuntime) {
        let sent = sim.client("carol").events.len();
        let (in_flight, frame) =
            (Self::bytes(sim, self.reported..sent), limits::FRAME_EVENTS_BYTES + 200);
        let bound = self.window.max(self.window / 4 + frame) + frame;
        assert!(in_flight <= bound, "{in_flight} bytes of {bound}");
    }
}

#[test]
fn reader_that_sends_seen_each_quarter_window_receives_everything() {
    run_random(150, 40, |seed, steps| {
        let mut rng = TestRng::new(seed);
        let mut sim = SimRuntime::new();
        sim.batches_events = true;
        let identity = sim.identity("carol");
        let window = *rng.choose(&[limits::BRIDGE_WINDOW_BYTES, limits::FLOW_WINDOW_BYTES]);
        sim.connect_bridge("carol", "", identity, window);
        let mut carol = Reader { window: usize::try_from(window).unwrap(), read: 0, reported: 0 };
        for _ in 0..steps {
            match rng.below(8) {
                0..=3 => {
                    let bytes = *rng.choose(&[10, 5_000, 60_000, 100_000, 200_000, 261_000]);
                    let count = *rng.choose(&[1, 1, 2, 3]);
                    let event = format!(r#"{{"name":"n","data":"{}"}}"#, "x".repeat(bytes));
                    let events = vec![event; count].join(",");
                    sim.http_publish_body("writer", &format!(r#"{{"events":[{events}]}}"#))
                        .unwrap();
                }
                4 | 5 => {
                    for _ in 0..=rng.below(6) {
                        carol.read_one(&mut sim);
                    }
                }
                6 => sim.deliver_pending(),
                _ => sim.hibernate(),
            }
            carol.check_bounds(&mut sim);
        }
        while carol.read_one(&mut sim) {
            carol.check_bounds(&mut sim);
        }
        sim.deliver_pending();
        while carol.read_one(&mut sim) {}
        let head = sim.head();
        assert_eq!(sim.client("carol").seq, Some(head), "ROOMCAST_SEED={seed}");
        steps
    });
}

/// Limits: SEEN_UNCOUNTED_BYTES.
#[test]
fn seen_for_many_bytes_is_not_counted_as_frame() {
    let settings = Settings { frames_per_second: 1, frames_burst: 2, ..Settings::default() };
    let half = usize::try_from(limits::SEEN_UNCOUNTED_BYTES / 2).unwrap();
    let event = format!(r#"{{"name":"n","data":"{}"}}"#, "x".repeat(half));
    for (events_for_each, is_counted) in [(1, true), (2, false)] {
        let mut sim = SimRuntime::with(settings);
        sim.join_with("alice", "flow=1");
        for _ in 0..10 {
            for _ in 0..events_for_each {
                sim.http_publish_body("writer", &event).unwrap();
            }
            sim.send_seen("alice");
        }
        sim.client("alice").drain_frames();
        sim.send_publish("alice", 1);
        let answer = &sim.client("alice").drain_frame_types()[0];
        assert_eq!(answer == "error", is_counted, "{answer}");
    }
}

#[test]
fn stopped_reader_gets_one_gap_after_log_wraps() {
    for hibernate in [false, true] {
        let settings = Settings { retained_appends: 3, ..Settings::default() };
        let mut sim = SimRuntime::with(settings);
        sim.hibernate_between_inputs = hibernate;
        sim.join_with("carol", "flow=1");
        let large = format!(r#"{{"name":"n","data":"{}"}}"#, "x".repeat(250_000));
        for _ in 0..40 {
            sim.http_publish_body("writer", &large).unwrap();
            sim.deliver_pending();
        }
        assert_eq!(sim.client("carol").gaps, 0, "hibernate: {hibernate}");
        // Lost events are not in flight, so the whole window is free again.
        for _ in 0..3 {
            sim.send_seen("carol");
            sim.deliver_pending();
            assert_eq!(sim.client("carol").gaps, 1);
            for _ in 0..4 {
                sim.http_publish_body("writer", &large).unwrap();
            }
            let head = sim.head();
            assert_eq!(sim.client("carol").seq, Some(head), "hibernate: {hibernate}");
        }
    }
}

#[test]
fn seen_within_append_counts_after_hibernation() {
    let mut sim = SimRuntime::new();
    let identity = sim.identity("carol");
    sim.connect_bridge("carol", "", identity, 500_000);
    let event = |bytes: usize| format!(r#"{{"name":"n","data":"{}"}}"#, "x".repeat(bytes));
    let eight = vec![event(50_000); 8].join(",");
    sim.http_publish_body("writer", &format!(r#"{{"events":[{eight}]}}"#)).unwrap();
    sim.hibernate();
    sim.send("carol", r#"{"type":"seen","seq":1}"#);
    sim.http_publish_body("writer", &event(200_000)).unwrap();
    sim.deliver_pending();
    assert_eq!(sim.client("carol").seq, Some(8), "350,000 bytes are in flight");
    sim.hibernate();
    sim.send("carol", r#"{"type":"seen","seq":4}"#);
    sim.deliver_pending();
    assert_eq!(sim.client("carol").seq, Some(9), "200,000 bytes were in flight");
}

#[test]
fn room_setting_requires_flow_control_and_sets_window() {
    let settings =
        Settings { flow_required: true, flow_window_bytes: 300_000, ..Settings::default() };
    for hibernate in [false, true] {
        let mut sim = SimRuntime::with(settings);
        sim.hibernate_between_inputs = hibernate;
        sim.join("carol");
        let large = format!(r#"{{"name":"n","data":"{}"}}"#, "x".repeat(90_000));
        for _ in 0..10 {
            sim.http_publish_body("writer", &large).unwrap();
            sim.deliver_pending();
        }
        assert_eq!(sim.client("carol").seq, Some(3), "she has sent no `seen` yet");
        sim.send_seen("carol");
        sim.deliver_pending();
        assert_eq!(sim.client("carol").seq, Some(6));
    }
}
