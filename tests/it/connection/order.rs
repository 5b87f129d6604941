//! What waits for what.

use super::*;

#[test]
fn frames_wait_for_a_room_that_has_not_answered() {
    let mut desk = Desk::known();
    desk.subscribes("r");
    for reference in 1..=5 {
        assert_eq!(desk.sends(&publish("r", reference)), []);
    }
    let passed: Vec<ConnectionEffect> = (1..=5).map(|i| pass("r", &publish("r", i))).collect();
    assert_eq!(desk.opens("r"), passed);
    assert_eq!(desk.sends(&publish("r", 6)), [pass("r", &publish("r", 6))]);
}

#[test]
fn a_room_is_left_behind_the_frames_before_and_entered_again_behind_its_end() {
    let mut desk = Desk::known();
    let unsubscribe = json!({ "type": "unsubscribe", "room": "r" });
    desk.subscribes("r");
    desk.sends(&publish("r", 1));
    desk.sends(&unsubscribe);
    desk.subscribes("r");
    desk.sends(&publish("r", 2));
    desk.sends(&unsubscribe);
    let leave = || ConnectionEffect::Leave { room: room("r") };
    assert_eq!(desk.opens("r"), [pass("r", &publish("r", 1)), leave()]);
    assert_eq!(desk.sends(&publish("r", 3)), [], "it waits behind them");
    let effects = desk.ends("r", closed(1000, ""));
    assert_eq!(heard(&effects[..1]), [json!({ "type": "closed", "room": "r", "code": 1000 })]);
    assert!(matches!(&effects[1..], [ConnectionEffect::Open { .. }]));
    assert_eq!(desk.opens("r"), [pass("r", &publish("r", 2)), leave()]);
    let effects = desk.ends("r", CloseReason::Lost);
    assert_eq!(heard(&effects[..1])[0]["code"], 1000, "it was left, however it went");
    assert_eq!(
        error(&effects[1..]),
        json!({ "type": "error", "room": "r", "ref": "3", "code": "bad_request" })
    );
}

#[test]
fn a_room_that_is_refused_settles_what_waits_for_it() {
    let mut desk = Desk::known();
    desk.subscribes("r");
    for reference in 1..=50 {
        desk.sends(&publish("r", reference));
    }
    desk.subscribes("r");
    desk.sends(&publish("r", 51));
    let effects = desk.ends("r", closed(1013, "full"));
    assert_eq!(
        heard(&effects[..1]),
        [json!({ "type": "closed", "room": "r", "code": 1013, "reason": "full" })]
    );
    assert!(
        matches!(&effects[1..], [ConnectionEffect::Open { .. }]),
        "and nothing about the fifty"
    );
    assert_eq!(desk.opens("r"), [pass("r", &publish("r", 51))]);
}

/// Limits: WAITING_FRAMES.
#[test]
fn every_queue_has_a_bound() {
    let mut desk = Desk::known();
    desk.subscribes("r");
    for reference in 1..=limits::WAITING_FRAMES {
        assert_eq!(desk.sends(&publish("r", reference)), []);
    }
    let refused = error(&desk.sends(&publish("r", 101)));
    assert_eq!(
        refused,
        json!({ "type": "error", "room": "r", "ref": "101", "code": "rate_limited", "retry_after_ms": 1_000 })
    );
    assert_eq!(desk.opens("r").len(), limits::WAITING_FRAMES);
}

/// Limits: WAITING_BYTES.
#[test]
fn the_bound_in_bytes_is_for_all_rooms_and_what_was_taken_leaves_it() {
    let mut desk = Desk::known();
    let large = |name: &str| json!({ "type": "publish", "room": name, "name": "n", "data": "x".repeat(limits::WAITING_BYTES * 2 / 5) });
    for _ in 0..3 {
        for name in ["a", "b", "c"] {
            desk.subscribes(name);
        }
        assert_eq!(desk.sends(&large("a")), []);
        assert_eq!(desk.sends(&large("b")), []);
        assert_eq!(error(&desk.sends(&large("c")))["code"], "rate_limited");
        assert_eq!(desk.opens("a").len(), 1);
        assert_eq!(desk.sends(&large("c")), []);
        desk.ends("b", CloseReason::Lost);
        desk.subscribes("b");
        assert_eq!(desk.sends(&large("b")), []);
        for name in ["a", "b", "c"] {
            desk.ends(name, CloseReason::Lost);
        }
        desk.passes(10_000);
    }
}

#[test]
fn a_frame_as_large_as_one_may_be_can_wait() {
    let mut desk = Desk::known();
    desk.subscribes("r");
    let around = publish("r", 1).to_string().len();
    let mut large = publish("r", 1);
    large["data"] = "x".repeat(limits::BODY_BYTES - around - 1).into();
    assert_eq!(large.to_string().len(), limits::BODY_BYTES);
    assert_eq!(desk.sends(&large), []);
    assert_eq!(desk.opens("r"), [pass("r", &large)]);
}
