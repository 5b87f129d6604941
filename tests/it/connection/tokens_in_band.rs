//! Tokens: the first, and those after it.

use super::*;

fn auth() -> Value {
    json!({ "type": "auth", "token": "t" })
}

fn verify() -> ConnectionEffect {
    ConnectionEffect::Verify { token: "t".into() }
}

#[test]
fn the_first_frame_may_bring_the_token() {
    let mut desk = Desk::stranger();
    assert_eq!(desk.connection.deadline(), Some(START.plus(limits::FIRST_FRAME_MS)));
    assert_eq!(
        heard(&desk.takes(ConnectionInput::Text(r#"{"type":"ping"}"#))),
        [json!({ "type": "pong" })]
    );
    assert_eq!(desk.sends(&auth()), [verify()]);
    assert_eq!(desk.subscribes("r"), [], "it waits for the verdict");
    let effects = desk.takes(ConnectionInput::Verified(Ok(alice())));
    assert_eq!(heard(&effects[..1])[0]["type"], "connected");
    assert!(matches!(&effects[1..], [ConnectionEffect::Open { .. }]));
}

#[test]
fn a_stranger_hears_nothing_else() {
    let frames = [r#"{"type":"subscribe","room":"r"}"#, "{}", "what?", r#"{"type":"auth"}"#];
    for text in frames {
        let effects = Desk::stranger().takes(ConnectionInput::Text(text));
        assert_eq!((effects.len(), over(&effects)), (1, 4001), "{text}");
    }
    assert_eq!(over(&Desk::stranger().takes(ConnectionInput::Binary)), 4001);
    let mut desk = Desk::stranger();
    desk.passes(limits::FIRST_FRAME_MS - 1);
    assert_eq!(desk.takes(ConnectionInput::Tick { unread: 0 }), []);
    desk.passes(1);
    assert_eq!(over(&desk.takes(ConnectionInput::Tick { unread: 0 })), 4001);
}

#[test]
fn each_room_is_told_of_a_new_token() {
    let mut desk = Desk::known();
    desk.is_in("a");
    desk.subscribes("b");
    desk.is_in("c");
    desk.sends(&json!({ "type": "unsubscribe", "room": "c" }));
    assert_eq!(
        desk.sends(&json!({ "type": "auth", "token": "t", "room": "no matter" })),
        [verify()]
    );
    assert_eq!(desk.sends(&publish("a", 1)), [], "it waits for the verdict");
    assert_eq!(desk.sends(&publish("b", 2)), []);

    let new = claims("alice", &json!({ "a": ["subscribe"], "*": ["publish"] }));
    let renew = |name: &str| ConnectionEffect::Renew {
        room: room(name),
        identity: Identity::of(&new, &room(name)),
    };
    let effects = desk.takes(ConnectionInput::Verified(Ok(new.clone())));
    assert_eq!(heard(&effects[..1]), [json!({ "type": "authorized", "expires_at": expires_at() })]);
    assert_eq!(effects[1..], [renew("a"), pass("a", &publish("a", 1))]);
    // Once it is open, and before anything that the older token allowed.
    assert_eq!(desk.opens("b"), [renew("b"), pass("b", &publish("b", 2))]);
    assert_eq!(heard(&desk.ends("b", closed(4003, "no longer")))[0]["code"], 4003);
    assert_eq!(over(&desk.takes(ConnectionInput::Gone(closed(3000, "bye")))), 3000);
}

#[test]
fn a_bad_token_or_another_user_ends_it() {
    let bad = Refusal::new(Code::Unauthorized, "bad");
    for verdict in [Err(bad), Ok(claims("bob", &json!({ "*": ["subscribe"] })))] {
        let mut desk = Desk::known();
        desk.is_in("r");
        desk.sends(&auth());
        desk.sends(&publish("r", 1));
        let effects = desk.takes(ConnectionInput::Verified(verdict));
        assert_eq!((effects.len(), over(&effects)), (1, 4001));
        assert_eq!(desk.sends(&publish("r", 2)), []);
    }
}

#[test]
fn what_waits_for_a_verdict_has_a_bound_and_may_be_another_token() {
    let mut desk = Desk::known();
    desk.is_in("r");
    desk.sends(&auth());
    desk.sends(&publish("r", 1));
    desk.sends(&auth());
    for reference in 2..limits::HELD_FRAMES {
        assert_eq!(desk.sends(&publish("r", reference)), []);
    }
    assert_eq!(error(&desk.sends(&publish("r", 999)))["code"], "rate_limited");
    let effects = desk.takes(ConnectionInput::Verified(Ok(alice())));
    assert!(matches!(
        &effects[..],
        [
            ConnectionEffect::Send(_),
            ConnectionEffect::Renew { .. },
            ConnectionEffect::Pass { .. },
            ConnectionEffect::Verify { .. }
        ]
    ));
    assert_eq!(
        desk.takes(ConnectionInput::Verified(Ok(alice()))).len(),
        2 + limits::HELD_FRAMES - 2
    );
}

#[test]
fn it_ends_with_its_token_and_its_rooms_are_not_told_apart() {
    let mut desk = Desk::known();
    desk.is_in("r");
    let end = expires_at() + limits::LEEWAY_MS;
    desk.now = Millis::new(end - 1);
    assert_eq!(desk.sends(&publish("r", 1)).len(), 1);
    assert_eq!(desk.connection.deadline(), Some(Millis::new(end)));
    let mut early = Desk::known();
    early.is_in("r");
    early.now = Millis::new(end - 1_000);
    assert_eq!(over(&early.ends("r", closed(4001, "expired"))), 4001, "a room was quicker");
    desk.now = Millis::new(end);
    assert_eq!(over(&desk.sends(&publish("r", 1))), 4001, "the timer is late");
    assert_eq!(desk.connection.deadline(), None);
}

#[test]
fn a_room_that_did_not_hear_of_the_new_token_in_time_is_closed_alone() {
    let mut desk = Desk::known();
    desk.is_in("r");
    assert_eq!(heard(&desk.ends("r", closed(4001, "expired")))[0]["code"], 4001);
}
