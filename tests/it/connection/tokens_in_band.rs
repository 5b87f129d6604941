//! Tokens in `auth` frames: the first token, and renewals.

use super::*;

fn auth() -> Value {
    json!({ "type": "auth", "token": "t" })
}

fn verify() -> ConnectionEffect {
    ConnectionEffect::Verify { token: "t".into() }
}

#[test]
fn first_frame_with_valid_token_authenticates_connection() {
    let mut harness = Harness::unauthenticated();
    assert_eq!(harness.connection.deadline(), Some(START.plus(limits::FIRST_FRAME_MS)));
    assert_eq!(
        sent_frames(&harness.handle(ConnectionInput::Text(r#"{"type":"ping"}"#))),
        [json!({ "type": "pong" })]
    );
    assert_eq!(harness.send(&auth()), [verify()]);
    assert_eq!(harness.subscribe("r"), [], "it waits for the verdict");
    let effects = harness.handle(ConnectionInput::Verified(Ok(alice())));
    assert_eq!(sent_frames(&effects[..1])[0]["type"], "connected");
    assert!(matches!(&effects[1..], [ConnectionEffect::Open { .. }]));
}

#[test]
fn unauthenticated_connection_is_closed_on_other_frames_or_timeout() {
    let frames = [r#"{"type":"subscribe","room":"r"}"#, "{}", "what?", r#"{"type":"auth"}"#];
    for text in frames {
        let effects = Harness::unauthenticated().handle(ConnectionInput::Text(text));
        assert_eq!((effects.len(), close_code(&effects)), (1, 4001), "{text}");
    }
    assert_eq!(close_code(&Harness::unauthenticated().handle(ConnectionInput::Binary)), 4001);
    let mut harness = Harness::unauthenticated();
    harness.advance(limits::FIRST_FRAME_MS - 1);
    assert_eq!(harness.handle(ConnectionInput::Tick), []);
    harness.advance(1);
    assert_eq!(close_code(&harness.handle(ConnectionInput::Tick)), 4001);
}

#[test]
fn new_token_is_sent_to_each_room() {
    let mut harness = Harness::authenticated();
    harness.join("a");
    harness.subscribe("b");
    harness.join("c");
    harness.send(&json!({ "type": "unsubscribe", "room": "c" }));
    assert_eq!(
        harness.send(&json!({ "type": "auth", "token": "t", "room": "no matter" })),
        [verify()]
    );
    assert_eq!(harness.send(&publish("a", 1)), [], "it waits for the verdict");
    assert_eq!(harness.send(&publish("b", 2)), []);

    let new = claims("alice", &json!({ "a": ["subscribe"], "*": ["publish"] }));
    let renew = |name: &str| ConnectionEffect::Renew {
        room: room(name),
        identity: Identity::of(&new, &room(name)),
    };
    let effects = harness.handle(ConnectionInput::Verified(Ok(new.clone())));
    assert_eq!(
        sent_frames(&effects[..1]),
        [json!({ "type": "authorized", "expires_at": expires_at() })]
    );
    assert_eq!(effects[1..], [renew("a"), forward("a", &publish("a", 1))]);
    // Room b receives the renewal when its socket opens, before the waiting
    // frames.
    assert_eq!(harness.room_opened("b"), [renew("b"), forward("b", &publish("b", 2))]);
    assert_eq!(sent_frames(&harness.room_ended("b", closed(4003, "no longer")))[0]["code"], 4003);
    assert_eq!(close_code(&harness.handle(ConnectionInput::Gone(closed(3000, "bye")))), 3000);
}

#[test]
fn invalid_token_or_other_user_closes_connection() {
    let bad = Refusal::new(Code::Unauthorized, "bad");
    for verdict in [Err(bad), Ok(claims("bob", &json!({ "*": ["subscribe"] })))] {
        let mut harness = Harness::authenticated();
        harness.join("r");
        harness.send(&auth());
        harness.send(&publish("r", 1));
        let effects = harness.handle(ConnectionInput::Verified(verdict));
        assert_eq!((effects.len(), close_code(&effects)), (1, 4001));
        assert_eq!(harness.send(&publish("r", 2)), []);
    }
}

#[test]
fn frames_waiting_for_verdict_are_bounded_and_may_include_token() {
    let mut harness = Harness::authenticated();
    harness.join("r");
    harness.send(&auth());
    harness.send(&publish("r", 1));
    harness.send(&auth());
    for reference in 2..limits::QUEUED_FRAMES {
        assert_eq!(harness.send(&publish("r", reference)), []);
    }
    assert_eq!(sent_error(&harness.send(&publish("r", 999)))["code"], "rate_limited");
    let effects = harness.handle(ConnectionInput::Verified(Ok(alice())));
    assert!(matches!(
        &effects[..],
        [
            ConnectionEffect::Send(_),
            ConnectionEffect::Renew { .. },
            ConnectionEffect::Forward { .. },
            ConnectionEffect::Verify { .. }
        ]
    ));
    assert_eq!(
        harness.handle(ConnectionInput::Verified(Ok(alice()))).len(),
        2 + limits::QUEUED_FRAMES - 2
    );
}

#[test]
fn connection_closes_when_its_token_expires() {
    let mut harness = Harness::authenticated();
    harness.join("r");
    let end = expires_at() + limits::LEEWAY_MS;
    harness.now = Millis::new(end - 1);
    assert_eq!(harness.send(&publish("r", 1)).len(), 1);
    assert_eq!(harness.connection.deadline(), Some(Millis::new(end)));
    let mut early = Harness::authenticated();
    early.join("r");
    early.now = Millis::new(end - 1_000);
    assert_eq!(
        close_code(&early.room_ended("r", closed(4001, "expired"))),
        4001,
        "the room reported the expiry first"
    );
    harness.now = Millis::new(end);
    assert_eq!(close_code(&harness.send(&publish("r", 1))), 4001, "the timer is late");
    assert_eq!(harness.connection.deadline(), None);
}

#[test]
fn room_that_expires_before_its_renewal_does_not_close_connection() {
    let mut harness = Harness::authenticated();
    harness.join("r");
    assert_eq!(sent_frames(&harness.room_ended("r", closed(4001, "expired")))[0]["code"], 4001);
}
