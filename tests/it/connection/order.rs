//! Frames that wait, and the order in which frames are forwarded.

use super::*;

#[test]
fn frames_wait_until_room_opens() {
    let mut harness = Harness::authenticated();
    harness.subscribe("r");
    for reference in 1..=5 {
        assert_eq!(harness.send(&publish("r", reference)), []);
    }
    let forwarded: Vec<ConnectionEffect> =
        (1..=5).map(|i| forward("r", &publish("r", i))).collect();
    assert_eq!(harness.room_opened("r"), forwarded);
    assert_eq!(harness.send(&publish("r", 6)), [forward("r", &publish("r", 6))]);
}

#[test]
fn unsubscribe_and_subscribe_stay_in_order_with_other_frames() {
    let mut harness = Harness::authenticated();
    let unsubscribe = json!({ "type": "unsubscribe", "room": "r" });
    harness.subscribe("r");
    harness.send(&publish("r", 1));
    harness.send(&unsubscribe);
    harness.subscribe("r");
    harness.send(&publish("r", 2));
    harness.send(&unsubscribe);
    let leave = || ConnectionEffect::Leave { room: room("r") };
    assert_eq!(harness.room_opened("r"), [forward("r", &publish("r", 1)), leave()]);
    assert_eq!(harness.send(&publish("r", 3)), [], "it waits for the earlier frames");
    let effects = harness.room_ended("r", closed(1000, ""));
    assert_eq!(
        sent_frames(&effects[..1]),
        [json!({ "type": "closed", "room": "r", "code": 1000 })]
    );
    assert!(matches!(&effects[1..], [ConnectionEffect::Open { .. }]));
    assert_eq!(harness.room_opened("r"), [forward("r", &publish("r", 2)), leave()]);
    let effects = harness.room_ended("r", CloseReason::Lost);
    assert_eq!(
        sent_frames(&effects[..1])[0]["code"],
        1000,
        "a room that the client left is closed with 1000"
    );
    assert_eq!(
        sent_error(&effects[1..]),
        json!({ "type": "error", "room": "r", "ref": "3", "code": "bad_request" })
    );
}

#[test]
fn room_that_refuses_discards_waiting_frames_and_next_subscribe_opens_it() {
    let mut harness = Harness::authenticated();
    harness.subscribe("r");
    for reference in 1..=50 {
        harness.send(&publish("r", reference));
    }
    harness.subscribe("r");
    harness.send(&publish("r", 51));
    let effects = harness.room_ended("r", closed(1013, "full"));
    assert_eq!(
        sent_frames(&effects[..1]),
        [json!({ "type": "closed", "room": "r", "code": 1013, "reason": "full" })]
    );
    assert!(
        matches!(&effects[1..], [ConnectionEffect::Open { .. }]),
        "the fifty waiting frames get no answer"
    );
    assert_eq!(harness.room_opened("r"), [forward("r", &publish("r", 51))]);
}

/// Limits: WAITING_FRAMES.
#[test]
fn frames_beyond_waiting_limit_are_rejected() {
    let mut harness = Harness::authenticated();
    harness.subscribe("r");
    for reference in 1..=limits::WAITING_FRAMES {
        assert_eq!(harness.send(&publish("r", reference)), []);
    }
    let refused = sent_error(&harness.send(&publish("r", 101)));
    assert_eq!(
        refused,
        json!({ "type": "error", "room": "r", "ref": "101", "code": "rate_limited", "retry_after_ms": 1_000 })
    );
    assert_eq!(harness.room_opened("r").len(), limits::WAITING_FRAMES);
}

/// Limits: WAITING_BYTES.
#[test]
fn waiting_bytes_are_limited_across_all_rooms_and_freed_when_sent() {
    let mut harness = Harness::authenticated();
    let large = |name: &str| json!({ "type": "publish", "room": name, "name": "n", "data": "x".repeat(limits::WAITING_BYTES * 2 / 5) });
    for _ in 0..3 {
        for name in ["a", "b", "c"] {
            harness.subscribe(name);
        }
        assert_eq!(harness.send(&large("a")), []);
        assert_eq!(harness.send(&large("b")), []);
        assert_eq!(sent_error(&harness.send(&large("c")))["code"], "rate_limited");
        assert_eq!(harness.room_opened("a").len(), 1);
        assert_eq!(harness.send(&large("c")), []);
        harness.room_ended("b", CloseReason::Lost);
        harness.subscribe("b");
        assert_eq!(harness.send(&large("b")), []);
        for name in ["a", "b", "c"] {
            harness.room_ended(name, CloseReason::Lost);
        }
        harness.advance(10_000);
    }
}

#[test]
fn largest_frame_can_wait_for_room() {
    let mut harness = Harness::authenticated();
    harness.subscribe("r");
    let around = publish("r", 1).to_string().len();
    let mut large = publish("r", 1);
    large["data"] = "x".repeat(limits::BODY_BYTES - around - 1).into();
    assert_eq!(large.to_string().len(), limits::BODY_BYTES);
    assert_eq!(harness.send(&large), []);
    assert_eq!(harness.room_opened("r"), [forward("r", &large)]);
}
