//! Tests of rejected frames, and of the limits of a connection.

use super::*;

#[test]
fn error_names_room_and_ref_of_its_frame() {
    let mut harness = Harness::authenticated();
    harness.join("r");
    let bad = |more: Value| {
        let mut error = json!({ "type": "error", "code": "bad_request" });
        error.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        error
    };
    for (text, more) in [
        ("", json!({})),
        ("[]", json!({})),
        (r#"{"room":"r"}"#, json!({})),
        (r#"{"type":"publish"}"#, json!({})),
        (r#"{"type":"publish","ref":"7"}"#, json!({ "ref": "7" })),
        (r#"{"type":"subscribe","room":7}"#, json!({})),
        (r#"{"type":"subscribe","room":"a::b"}"#, json!({ "room": "a::b" })),
        (r#"{"type":"subscribe","room":"a","room":"b"}"#, json!({})),
        (r#"{"type":"auth","room":"r"}"#, json!({ "room": "r" })),
        (r#"{"type":"subscribe","room":"r"}"#, json!({ "room": "r" })),
        (r#"{"type":"unsubscribe","room":"s"}"#, json!({ "room": "s" })),
        (r#"{"type":"publish","room":"s","ref":"7"}"#, json!({ "room": "s", "ref": "7" })),
        (r#"{"type":"subscribe","room":"s","since":"41"}"#, json!({ "room": "s" })),
        (r#"{"type":"subscribe","room":"s","since":41}"#, json!({ "room": "s" })),
        (r#"{"type":"subscribe","room":"s","last":-1}"#, json!({ "room": "s" })),
        (r#"{"type":"subscribe","room":"s","last":"1"}"#, json!({ "room": "s" })),
        (r#"{"type":"subscribe","room":"s","state":0}"#, json!({ "room": "s" })),
        (
            r#"{"type":"subscribe","room":"s","last":1,"since":"h7Qk2pXa:41"}"#,
            json!({ "room": "s" }),
        ),
    ] {
        assert_eq!(sent_error(&harness.handle(ConnectionInput::Text(text))), bad(more), "{text}");
        harness.send(&publish("r", 1));
    }
    assert_eq!(sent_error(&harness.handle(ConnectionInput::Binary)), bad(json!({})));
}

/// Limits: ECHOED_ROOM.
#[test]
fn error_names_an_invalid_room_as_it_was_sent() {
    let mut harness = Harness::authenticated();
    let longest = "é".repeat(limits::ECHOED_ROOM);
    for name in ["my room", "", "a/b", "..", "\u{0}\"", &longest] {
        let frame = json!({ "type": "subscribe", "room": name, "ref": "subscribe" });
        let error = sent_error(&harness.send(&frame));
        let about = (&error["code"], &error["room"], &error["ref"]);
        assert_eq!(about, (&json!("bad_request"), &json!(name), &json!("subscribe")));
    }
    let too_long = json!({ "type": "subscribe", "room": format!("{longest}é") });
    assert_eq!(sent_error(&harness.send(&too_long)).get("room"), None);
    let lone_surrogate = ConnectionInput::Text(r#"{"type":"subscribe","room":"\ud800"}"#);
    assert_eq!(sent_error(&harness.handle(lone_surrogate)).get("room"), None);
}

/// Limits: ROOMS_ON_A_CONNECTION.
#[test]
fn subscribe_beyond_room_limit_is_rejected() {
    let mut harness = Harness::authenticated();
    for number in 0..limits::ROOMS_ON_A_CONNECTION {
        assert_eq!(harness.subscribe(&format!("r{number}")).len(), 1);
    }
    harness.advance(1_000);
    assert_eq!(sent_error(&harness.subscribe("s"))["code"], "bad_request");
    harness.room_ended("r7", CloseReason::Lost);
    assert!(matches!(&harness.subscribe("s")[..], [ConnectionEffect::Open { .. }]));
}

#[test]
fn twenty_consecutive_bad_requests_close_connection() {
    let mut harness = Harness::authenticated();
    harness.join("r");
    for _ in 0..2 {
        for _ in 1..limits::BAD_REQUESTS_IN_A_ROW {
            assert_eq!(harness.send(&publish("s", 1)).len(), 1);
        }
        harness.send(&publish("r", 1));
    }
    for _ in 1..limits::BAD_REQUESTS_IN_A_ROW {
        harness.handle(ConnectionInput::Binary);
    }
    let effects = harness.handle(ConnectionInput::Binary);
    assert_eq!((effects.len(), close_code(&effects)), (2, 4400));
}

#[test]
fn frames_to_room_closed_by_server_do_not_count_as_bad_requests() {
    let mut harness = Harness::authenticated();
    harness.join("r");
    harness.room_ended("r", closed(4010, "kicked"));
    for reference in 0..100 {
        assert_eq!(sent_error(&harness.send(&publish("r", reference)))["code"], "bad_request");
    }
    // A client that has unsubscribed from a room must not send frames to this
    // room, so each of these frames counts as a bad request.
    harness.join("r");
    harness.send(&json!({ "type": "unsubscribe", "room": "r" }));
    harness.room_ended("r", closed(1000, ""));
    for _ in 1..limits::BAD_REQUESTS_IN_A_ROW {
        harness.send(&publish("r", 1));
    }
    assert_eq!(close_code(&harness.send(&publish("r", 1))), 4400);
}

/// Limits: CHANGES_PER_SECOND, CHANGES_BURST.
#[test]
fn subscribe_unsubscribe_and_auth_share_a_rate_limit() {
    let mut harness = Harness::authenticated();
    for number in 0..limits::CHANGES_BURST / 2 {
        let name = format!("r{number}");
        harness.join(&name);
        harness.send(&json!({ "type": "unsubscribe", "room": name }));
        harness.room_ended(&name, closed(1000, ""));
    }
    let limited = sent_error(&harness.subscribe("r"));
    assert_eq!(
        limited,
        json!({ "type": "error", "room": "r", "code": "rate_limited", "retry_after_ms": 20 })
    );
    assert_eq!(
        sent_error(&harness.send(&json!({ "type": "auth", "token": "t" })))["code"],
        "rate_limited"
    );
    harness.advance(20);
    harness.join("r");
    for reference in 0..1_000 {
        assert_eq!(harness.send(&publish("r", reference)).len(), 1);
    }
}

/// Limits: CONNECTION_FRAMES_PER_SECOND, CONNECTION_FRAMES_BURST.
#[test]
fn frames_beyond_connection_rate_are_rejected_then_close_it() {
    let mut harness = Harness::authenticated();
    harness.join("r");
    let frames_of_join = 1;
    for reference in frames_of_join..usize::try_from(limits::CONNECTION_FRAMES_BURST).unwrap() {
        let frame = publish("r", reference);
        assert_eq!(harness.send(&frame), [forward("r", &frame)]);
    }
    let limited = sent_error(&harness.send(&publish("r", 7)));
    assert_eq!(
        limited,
        json!({ "type": "error", "room": "r", "ref": "7", "code": "rate_limited", "retry_after_ms": 1 })
    );
    harness.advance(1);
    assert_eq!(harness.send(&publish("r", 8)), [forward("r", &publish("r", 8))]);
    let most = limits::CONNECTION_FRAMES_BURST * limits::REFUSED_BURST_FACTOR;
    for _ in 1..most {
        harness.handle(ConnectionInput::Text(r#"{"type":"ping"}"#));
    }
    let ended = (0..3).find_map(|_| match harness.send(&publish("r", 9)).last() {
        Some(ConnectionEffect::End(CloseReason::Closed { code, .. })) => Some(*code),
        _ => None,
    });
    assert_eq!(ended, Some(4429));
}

#[test]
fn only_last_hundred_closed_rooms_are_remembered() {
    let (connection, _) =
        Connection::begin(Some(claims("alice", &json!({}))), PublicRooms::default(), START);
    let mut harness = Harness { connection, now: START };
    for number in 0..=limits::ROOMS_ON_A_CONNECTION {
        assert_eq!(sent_frames(&harness.subscribe(&format!("r{number}")))[0]["code"], 4003);
        harness.advance(1_000);
    }
    for reference in 0..100 {
        assert_eq!(sent_error(&harness.send(&publish("r99", reference)))["code"], "bad_request");
    }
    for _ in 1..limits::BAD_REQUESTS_IN_A_ROW {
        harness.send(&publish("r100", 1));
    }
    assert_eq!(close_code(&harness.send(&publish("r100", 1))), 4400);
}

#[test]
fn oversized_frame_closes_connection() {
    let mut harness = Harness::authenticated();
    harness.join("r");
    let text = format!(
        r#"{{"type":"of a later version","room":"r","data":"{}"}}"#,
        "x".repeat(limits::MIB)
    );
    assert_eq!(close_code(&harness.handle(ConnectionInput::Text(&text))), 1009);
}
