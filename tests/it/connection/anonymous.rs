//! Connections without a token, which may subscribe to public rooms.

use super::*;

fn anonymous() -> Harness {
    let (connection, effects) = Connection::begin(None, public_rooms(r#"["public:*"]"#), START);
    assert_eq!(
        sent_frames(&effects),
        [json!({ "type": "connected", "user": null, "expires_at": null, "ping_ms": 25_000 })]
    );
    Harness { connection, now: START }
}

fn tick(harness: &mut Harness) -> Vec<ConnectionEffect> {
    harness.handle(ConnectionInput::Tick)
}

#[test]
fn anonymous_connection_opens_only_public_rooms() {
    let mut harness = anonymous();
    let effects = harness.subscribe("public:a");
    let [ConnectionEffect::Open { identity, .. }] = &effects[..] else { panic!("{effects:?}") };
    assert_eq!(*identity, Identity::anonymous());
    for name in ["r", "public", "publicX:a"] {
        let [frame] = &sent_frames(&harness.subscribe(name))[..] else { panic!() };
        assert_eq!((&frame["type"], &frame["code"]), (&json!("closed"), &json!(4003)), "{name}");
    }
}

#[test]
fn first_token_renews_public_rooms_that_are_open_or_opening() {
    let mut harness = anonymous();
    harness.join("public:a");
    harness.subscribe("public:b");
    harness.send(&json!({ "type": "auth", "token": "t" }));
    let alice = claims("alice", &json!({ "r": ["subscribe"], "public:a": ["publish"] }));
    let effects = harness.handle(ConnectionInput::Verified(Ok(alice.clone())));
    assert_eq!(
        sent_frames(&effects[..1]),
        [json!({ "type": "authorized", "user": "alice", "expires_at": expires_at() })]
    );
    let renew = |name: &str, rights: &[Right]| {
        let grant = rights.iter().copied().collect();
        let identity = Identity { grant, ..Identity::of(&alice, &room(name)) };
        ConnectionEffect::Renew { room: room(name), identity }
    };
    assert_eq!(effects[1..], [renew("public:a", &[Right::Subscribe, Right::Publish])]);
    assert_eq!(harness.room_opened("public:b"), [renew("public:b", &[Right::Subscribe])]);
    assert!(matches!(&harness.subscribe("r")[..], [ConnectionEffect::Open { .. }]));

    harness.send(&json!({ "type": "auth", "token": "t" }));
    let bob = claims("bob", &json!({ "*": ["subscribe"] }));
    assert_eq!(close_code(&harness.handle(ConnectionInput::Verified(Ok(bob)))), 4001);
}

#[test]
fn invalid_token_closes_anonymous_connection() {
    let mut harness = anonymous();
    harness.join("public:a");
    harness.send(&json!({ "type": "auth", "token": "t" }));
    let refusal = Refusal::new(Code::TokenExpired, "expired");
    let effects = harness.handle(ConnectionInput::Verified(Err(refusal)));
    assert_eq!((effects.len(), close_code(&effects)), (1, 4001));
}

/// Limits: FIRST_FRAME_MS.
#[test]
fn anonymous_connection_without_subscription_is_closed_at_its_deadline() {
    let mut harness = anonymous();
    harness.subscribe("r");
    assert_eq!(harness.connection.deadline(), Some(START.plus(limits::FIRST_FRAME_MS)));
    harness.advance(limits::FIRST_FRAME_MS - 1);
    assert_eq!(tick(&mut harness), []);
    harness.join("public:a");
    harness.advance(limits::FIRST_FRAME_MS);
    assert_eq!(tick(&mut harness), [], "it has a subscription");
    harness.send(&json!({ "type": "unsubscribe", "room": "public:a" }));
    assert_eq!(harness.room_ended("public:a", closed(1000, "")).len(), 1);
    let end = harness.now.plus(limits::FIRST_FRAME_MS);
    assert_eq!(harness.connection.deadline(), Some(end));
    harness.advance(limits::FIRST_FRAME_MS);
    let effects = harness.handle(ConnectionInput::Text(r#"{"type":"ping"}"#));
    assert_eq!(close_code(&effects), 4001, "the timer is late");
}

#[test]
fn anonymous_connection_waits_exactly_while_it_has_no_subscription() {
    let mut harness = anonymous();
    assert!(harness.connection.is_waiting());
    harness.subscribe("public:a");
    assert!(!harness.connection.is_waiting());
    assert_eq!(harness.handle(ConnectionInput::TooManyWaiting), []);
    harness.room_ended("public:a", closed(1013, "the room is full"));
    assert!(harness.connection.is_waiting());
    assert_eq!(close_code(&harness.handle(ConnectionInput::TooManyWaiting)), 1013);
    assert!(!harness.connection.is_waiting());
}

#[test]
fn anonymous_connection_that_sends_nothing_for_two_ping_periods_is_closed() {
    let mut harness = anonymous();
    harness.join("public:a");
    assert_eq!(harness.connection.deadline(), Some(START.plus(limits::PING_TIMEOUT_MS)));
    harness.advance(limits::PING_TIMEOUT_MS);
    assert_eq!(close_code(&tick(&mut harness)), 4408);
}
