//! Subscriptions to rooms, and rooms that open and close.

use super::*;

#[test]
fn room_is_opened_with_its_grant_from_the_token() {
    let rooms = json!({ "a:*": ["subscribe"], "a:b": ["publish", "presence"] });
    let (connection, _) =
        Connection::begin(Some(claims("alice", &rooms)), PublicRooms::default(), START);
    let mut harness = Harness { connection, now: START };
    let frame =
        json!({ "type": "subscribe", "room": "a:b", "since": "h7Qk2pXa:41", "state": false });
    let [ConnectionEffect::Open { room: opened, identity, start }] = &harness.send(&frame)[..]
    else {
        panic!()
    };
    assert_eq!(opened.as_str(), "a:b");
    let grant: Grant = [Right::Subscribe, Right::Publish, Right::Presence].into_iter().collect();
    assert_eq!((identity.user.as_ref().unwrap().as_str(), identity.grant), ("alice", grant));
    assert_eq!(identity.expires_at, Some(Millis::new(expires_at())));
    assert_eq!(start.begin, Begin::Since("h7Qk2pXa:41".parse().unwrap()));
    assert!(!start.state);
}

#[test]
fn subscribe_sets_start_and_state() {
    for (more, begin, state) in [
        (json!({}), Begin::Head, true),
        (json!({ "last": 7 }), Begin::Last(7), true),
        (json!({ "last": 0, "state": true }), Begin::Last(0), true),
        (json!({ "since": null, "state": false }), Begin::Head, false),
    ] {
        let mut frame = json!({ "type": "subscribe", "room": "r" });
        frame.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        match &Harness::authenticated().send(&frame)[..] {
            [ConnectionEffect::Open { start, .. }] => {
                assert_eq!((start.begin, start.state), (begin, state))
            }
            other => panic!("{frame}: {other:?}"),
        }
    }
}

#[test]
fn room_without_grant_is_closed_and_never_opened() {
    let granted = claims("alice", &json!({ "a": ["subscribe"], "b": ["publish"] }));
    let (connection, _) = Connection::begin(Some(granted), PublicRooms::default(), START);
    let mut harness = Harness { connection, now: START };
    for name in ["b", "c"] {
        let [frame] = &sent_frames(&harness.subscribe(name))[..] else { panic!() };
        assert_eq!(
            (&frame["type"], &frame["room"], &frame["code"]),
            (&json!("closed"), &json!(name), &json!(4003))
        );
        assert!(frame["reason"].as_str().unwrap().contains("subscribe"));
    }
    harness.join("a");
}

#[test]
fn frames_for_room_are_forwarded_unchanged() {
    let mut harness = Harness::authenticated();
    harness.join("r");
    for text in [
        r#"{"type":"publish","room":"r","name":"n","data":{ "n":1.0 }}"#,
        r#"{ "room" : "r", "type" : "of a later version" }"#,
        r#"{"type":"seen","room":"\u0072","seq":3}"#,
        r#"{"type":"publish","room":"r","ref":7}"#,
    ] {
        let forwarded = ConnectionEffect::Forward { room: room("r"), text: text.to_owned() };
        assert_eq!(harness.handle(ConnectionInput::Text(text)), [forwarded], "{text}");
    }
}

#[test]
fn rooms_open_and_close_independently() {
    let mut harness = Harness::authenticated();
    harness.join("a");
    harness.join("b");
    harness.subscribe("c");
    assert_eq!(harness.send(&publish("c", 1)), []);
    assert_eq!(harness.send(&publish("a", 2)), [forward("a", &publish("a", 2))]);
    assert_eq!(
        sent_frames(&harness.room_ended("a", closed(4010, "kicked"))),
        [json!({ "type": "closed", "room": "a", "code": 4010, "reason": "kicked" })]
    );
    assert_eq!(harness.send(&publish("b", 3)), [forward("b", &publish("b", 3))]);
    assert_eq!(harness.room_opened("c"), [forward("c", &publish("c", 1))]);
    harness.join("a");
}

#[test]
fn room_whose_socket_closes_without_code_is_closed_with_1012() {
    let mut harness = Harness::authenticated();
    for close_reason in [CloseReason::Lost, CloseReason::NoCode] {
        harness.join("r");
        assert_eq!(sent_frames(&harness.room_ended("r", close_reason))[0]["code"], 1012);
    }
}
