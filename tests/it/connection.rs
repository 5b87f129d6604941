//! Section 6: one connection, many rooms. What its rules make of frames, and
//! of rooms that open, answer late and end.

use roomcast::auth::{Claims, Grant, Right};
use roomcast::code::{Code, Refusal};
use roomcast::connection::{Connection, Effect, Input};
use roomcast::ending::Ending;
use roomcast::limits;
use roomcast::protocol::{Begin, RoomName};
use roomcast::session::Identity;
use roomcast::time::Millis;
use serde_json::{Value, json};

use super::tokens;

/// A connection and the time, as one line of a test needs them.
struct Desk {
    connection: Connection,
    now: Millis,
}

const START: Millis = Millis::new(1_795_000_000_000);

fn room(name: &str) -> RoomName {
    RoomName::parse(name).unwrap()
}

/// Whom a token of an hour speaks for.
fn claims(user: &str, rooms: &Value) -> Claims {
    let exp = START.get() / 1_000 + 3_600;
    let token = tokens::sign(&json!({ "sub": user, "exp": exp, "rooms": rooms }));
    tokens::claims(&token, START).unwrap()
}

fn alice() -> Claims {
    claims("alice", &json!({ "*": ["subscribe", "publish"] }))
}

fn closed(code: u16, reason: &str) -> Ending {
    Ending::Closed { code, reason: reason.to_owned() }
}

fn pass(name: &str, frame: &Value) -> Effect {
    Effect::Pass { room: room(name), text: frame.to_string() }
}

fn publish(name: &str, reference: usize) -> Value {
    json!({ "type": "publish", "room": name, "ref": reference.to_string(), "name": "n", "data": 1 })
}

impl Desk {
    fn known() -> Self {
        let (connection, effects) = Connection::begin(Some(alice()), START);
        assert_eq!(
            heard(&effects),
            [
                json!({ "type": "connected", "user": "alice", "expires_at": expires_at(), "ping_ms": 25_000 })
            ]
        );
        Self { connection, now: START }
    }

    fn stranger() -> Self {
        let (connection, effects) = Connection::begin(None, START);
        assert_eq!(effects, []);
        Self { connection, now: START }
    }

    fn takes(&mut self, input: Input) -> Vec<Effect> {
        self.connection.handle(input, self.now)
    }

    fn sends(&mut self, frame: &Value) -> Vec<Effect> {
        self.takes(Input::Text(&frame.to_string()))
    }

    fn subscribes(&mut self, name: &str) -> Vec<Effect> {
        self.sends(&json!({ "type": "subscribe", "room": name }))
    }

    fn opens(&mut self, name: &str) -> Vec<Effect> {
        self.takes(Input::Opened { room: room(name) })
    }

    fn ends(&mut self, name: &str, ending: Ending) -> Vec<Effect> {
        self.takes(Input::Ended { room: room(name), ending })
    }

    fn is_in(&mut self, name: &str) {
        assert!(matches!(&self.subscribes(name)[..], [Effect::Open { .. }]));
        assert_eq!(self.opens(name), []);
    }

    fn passes(&mut self, ms: u64) {
        self.now = self.now.plus(ms);
    }
}

fn expires_at() -> u64 {
    START.get() / 1_000 * 1_000 + 3_600_000
}

/// The frames to the client, which is all there is.
fn heard(effects: &[Effect]) -> Vec<Value> {
    let frames = effects.iter().map(|effect| match effect {
        Effect::Send(text) => serde_json::from_str(text).unwrap(),
        other => panic!("{other:?}"),
    });
    frames.collect()
}

/// The one `error` that the client hears, without its sentence.
fn error(effects: &[Effect]) -> Value {
    let [frame] = &mut heard(effects)[..] else { panic!("{effects:?}") };
    assert_eq!(frame["type"], "error");
    let message = frame.as_object_mut().unwrap().remove("message");
    assert!(message.unwrap().as_str().unwrap().len() > 10);
    frame.take()
}

fn over(effects: &[Effect]) -> u16 {
    match effects.last() {
        Some(Effect::End(Ending::Closed { code, .. })) => *code,
        other => panic!("{other:?}"),
    }
}

mod rooms {
    use super::*;

    #[test]
    fn a_room_is_opened_with_what_the_token_allows_there() {
        let rooms = json!({ "a:*": ["subscribe"], "a:b": ["publish", "presence"] });
        let (connection, _) = Connection::begin(Some(claims("alice", &rooms)), START);
        let mut desk = Desk { connection, now: START };
        let frame =
            json!({ "type": "subscribe", "room": "a:b", "since": "h7Qk2pXa:41", "state": false });
        let [Effect::Open { room: opened, identity, start }] = &desk.sends(&frame)[..] else {
            panic!()
        };
        assert_eq!(opened.as_str(), "a:b");
        let grant: Grant =
            [Right::Subscribe, Right::Publish, Right::Presence].into_iter().collect();
        assert_eq!((identity.user.as_str(), identity.grant), ("alice", grant));
        assert_eq!(identity.expires_at.get(), expires_at());
        assert_eq!(start.begin, Begin::Since("h7Qk2pXa:41".parse().unwrap()));
        assert!(!start.state);
    }

    #[test]
    fn begin_and_state_are_as_the_frame_says() {
        for (more, begin, state) in [
            (json!({}), Begin::Head, true),
            (json!({ "last": 7 }), Begin::Last(7), true),
            (json!({ "last": 0, "state": true }), Begin::Last(0), true),
            (json!({ "since": null, "state": false }), Begin::Head, false),
        ] {
            let mut frame = json!({ "type": "subscribe", "room": "r" });
            frame.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            match &Desk::known().sends(&frame)[..] {
                [Effect::Open { start, .. }] => {
                    assert_eq!((start.begin, start.state), (begin, state))
                }
                other => panic!("{frame}: {other:?}"),
            }
        }
    }

    #[test]
    fn a_room_that_is_not_granted_is_closed_without_being_opened() {
        let granted = claims("alice", &json!({ "a": ["subscribe"], "b": ["publish"] }));
        let (connection, _) = Connection::begin(Some(granted), START);
        let mut desk = Desk { connection, now: START };
        for name in ["b", "c"] {
            let [frame] = &heard(&desk.subscribes(name))[..] else { panic!() };
            assert_eq!(
                (&frame["type"], &frame["room"], &frame["code"]),
                (&json!("closed"), &json!(name), &json!(4003))
            );
            assert!(frame["reason"].as_str().unwrap().contains("subscribe"));
        }
        desk.is_in("a");
    }

    #[test]
    fn frames_for_a_room_pass_through_untouched() {
        let mut desk = Desk::known();
        desk.is_in("r");
        for text in [
            r#"{"type":"publish","room":"r","name":"n","data":{ "n":1.0 }}"#,
            r#"{ "room" : "r", "type" : "of a later version" }"#,
            r#"{"type":"seen","room":"\u0072","seq":3}"#,
            r#"{"type":"publish","room":"r","ref":7}"#,
        ] {
            let passed = Effect::Pass { room: room("r"), text: text.to_owned() };
            assert_eq!(desk.takes(Input::Text(text)), [passed], "{text}");
        }
    }

    #[test]
    fn rooms_go_their_own_ways() {
        let mut desk = Desk::known();
        desk.is_in("a");
        desk.is_in("b");
        desk.subscribes("c");
        assert_eq!(desk.sends(&publish("c", 1)), []);
        assert_eq!(desk.sends(&publish("a", 2)), [pass("a", &publish("a", 2))]);
        assert_eq!(
            heard(&desk.ends("a", closed(4010, "kicked"))),
            [json!({ "type": "closed", "room": "a", "code": 4010, "reason": "kicked" })]
        );
        assert_eq!(desk.sends(&publish("b", 3)), [pass("b", &publish("b", 3))]);
        assert_eq!(desk.opens("c"), [pass("c", &publish("c", 1))]);
        desk.is_in("a");
    }

    #[test]
    fn a_room_that_was_lost_without_a_code_is_1012() {
        let mut desk = Desk::known();
        for ending in [Ending::Lost, Ending::NoCode] {
            desk.is_in("r");
            assert_eq!(heard(&desk.ends("r", ending))[0]["code"], 1012);
        }
    }
}

mod order {
    use super::*;

    #[test]
    fn frames_wait_for_a_room_that_has_not_answered() {
        let mut desk = Desk::known();
        desk.subscribes("r");
        for reference in 1..=5 {
            assert_eq!(desk.sends(&publish("r", reference)), []);
        }
        let passed: Vec<Effect> = (1..=5).map(|i| pass("r", &publish("r", i))).collect();
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
        let leave = || Effect::Leave { room: room("r") };
        assert_eq!(desk.opens("r"), [pass("r", &publish("r", 1)), leave()]);
        assert_eq!(desk.sends(&publish("r", 3)), [], "it waits behind them");
        let effects = desk.ends("r", closed(1000, ""));
        assert_eq!(heard(&effects[..1]), [json!({ "type": "closed", "room": "r", "code": 1000 })]);
        assert!(matches!(&effects[1..], [Effect::Open { .. }]));
        assert_eq!(desk.opens("r"), [pass("r", &publish("r", 2)), leave()]);
        let effects = desk.ends("r", Ending::Lost);
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
        assert!(matches!(&effects[1..], [Effect::Open { .. }]), "and nothing about the fifty");
        assert_eq!(desk.opens("r"), [pass("r", &publish("r", 51))]);
    }

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
            desk.ends("b", Ending::Lost);
            desk.subscribes("b");
            assert_eq!(desk.sends(&large("b")), []);
            for name in ["a", "b", "c"] {
                desk.ends(name, Ending::Lost);
            }
            desk.passes(10_000);
        }
    }
}

mod tokens_in_band {
    use super::*;

    fn auth() -> Value {
        json!({ "type": "auth", "token": "t" })
    }

    fn verify() -> Effect {
        Effect::Verify { token: "t".into() }
    }

    #[test]
    fn the_first_frame_may_bring_the_token() {
        let mut desk = Desk::stranger();
        assert_eq!(desk.connection.deadline(), Some(START.plus(limits::FIRST_FRAME_MS)));
        assert_eq!(
            heard(&desk.takes(Input::Text(r#"{"type":"ping"}"#))),
            [json!({ "type": "pong" })]
        );
        assert_eq!(desk.sends(&auth()), [verify()]);
        assert_eq!(desk.subscribes("r"), [], "it waits for the verdict");
        let effects = desk.takes(Input::Verified(Ok(alice())));
        assert_eq!(heard(&effects[..1])[0]["type"], "connected");
        assert!(matches!(&effects[1..], [Effect::Open { .. }]));
    }

    #[test]
    fn a_stranger_hears_nothing_else() {
        let frames = [r#"{"type":"subscribe","room":"r"}"#, "{}", "what?", r#"{"type":"auth"}"#];
        for text in frames {
            let effects = Desk::stranger().takes(Input::Text(text));
            assert_eq!((effects.len(), over(&effects)), (1, 4001), "{text}");
        }
        assert_eq!(over(&Desk::stranger().takes(Input::Binary)), 4001);
        let mut desk = Desk::stranger();
        desk.passes(limits::FIRST_FRAME_MS - 1);
        assert_eq!(desk.takes(Input::Tick), []);
        desk.passes(1);
        assert_eq!(over(&desk.takes(Input::Tick)), 4001);
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
        let renew = |name: &str| Effect::Renew {
            room: room(name),
            identity: Identity::of(&new, &room(name)),
        };
        let effects = desk.takes(Input::Verified(Ok(new.clone())));
        assert_eq!(
            heard(&effects[..1]),
            [json!({ "type": "authorized", "expires_at": expires_at() })]
        );
        assert_eq!(effects[1..], [renew("a"), pass("a", &publish("a", 1))]);
        // Once it is open, and before anything that the older token allowed.
        assert_eq!(desk.opens("b"), [renew("b"), pass("b", &publish("b", 2))]);
        assert_eq!(heard(&desk.ends("b", closed(4003, "no longer")))[0]["code"], 4003);
        assert_eq!(over(&desk.takes(Input::Gone(closed(3000, "bye")))), 3000);
    }

    #[test]
    fn a_bad_token_or_another_user_ends_it() {
        let bad = Refusal::new(Code::Unauthorized, "bad");
        for verdict in [Err(bad), Ok(claims("bob", &json!({ "*": ["subscribe"] })))] {
            let mut desk = Desk::known();
            desk.is_in("r");
            desk.sends(&auth());
            desk.sends(&publish("r", 1));
            let effects = desk.takes(Input::Verified(verdict));
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
        let effects = desk.takes(Input::Verified(Ok(alice())));
        assert!(matches!(
            &effects[..],
            [Effect::Send(_), Effect::Renew { .. }, Effect::Pass { .. }, Effect::Verify { .. }]
        ));
        assert_eq!(desk.takes(Input::Verified(Ok(alice()))).len(), 2 + limits::HELD_FRAMES - 2);
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
}

mod errors {
    use super::*;

    #[test]
    fn an_error_says_which_room_and_which_ref() {
        let mut desk = Desk::known();
        desk.is_in("r");
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
            (r#"{"type":"subscribe","room":"a::b"}"#, json!({})),
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
            assert_eq!(error(&desk.takes(Input::Text(text))), bad(more), "{text}");
            desk.sends(&publish("r", 1));
        }
        assert_eq!(error(&desk.takes(Input::Binary)), bad(json!({})));
    }

    #[test]
    fn a_hundred_rooms_and_no_more() {
        let mut desk = Desk::known();
        for number in 0..limits::ROOMS_ON_A_CONNECTION {
            assert_eq!(desk.subscribes(&format!("r{number}")).len(), 1);
        }
        desk.passes(1_000);
        assert_eq!(error(&desk.subscribes("s"))["code"], "bad_request");
        desk.ends("r7", Ending::Lost);
        assert!(matches!(&desk.subscribes("s")[..], [Effect::Open { .. }]));
    }

    #[test]
    fn twenty_in_a_row_end_it() {
        let mut desk = Desk::known();
        desk.is_in("r");
        for _ in 0..2 {
            for _ in 1..limits::BAD_REQUESTS_IN_A_ROW {
                assert_eq!(desk.sends(&publish("s", 1)).len(), 1);
            }
            desk.sends(&publish("r", 1));
        }
        for _ in 1..limits::BAD_REQUESTS_IN_A_ROW {
            desk.takes(Input::Binary);
        }
        let effects = desk.takes(Input::Binary);
        assert_eq!((effects.len(), over(&effects)), (2, 4400));
    }

    #[test]
    fn what_was_sent_before_a_room_was_known_to_have_ended_is_not_counted() {
        let mut desk = Desk::known();
        desk.is_in("r");
        desk.ends("r", closed(4010, "kicked"));
        for reference in 0..100 {
            assert_eq!(error(&desk.sends(&publish("r", reference)))["code"], "bad_request");
        }
        // It knows of a room that it left itself.
        desk.is_in("r");
        desk.sends(&json!({ "type": "unsubscribe", "room": "r" }));
        desk.ends("r", closed(1000, ""));
        for _ in 1..limits::BAD_REQUESTS_IN_A_ROW {
            desk.sends(&publish("r", 1));
        }
        assert_eq!(over(&desk.sends(&publish("r", 1))), 4400);
    }

    #[test]
    fn subscribe_unsubscribe_and_auth_have_a_rate_and_other_frames_their_rooms() {
        let mut desk = Desk::known();
        for number in 0..limits::CHANGES_BURST / 2 {
            let name = format!("r{number}");
            desk.is_in(&name);
            desk.sends(&json!({ "type": "unsubscribe", "room": name }));
            desk.ends(&name, closed(1000, ""));
        }
        let limited = error(&desk.subscribes("r"));
        assert_eq!(
            limited,
            json!({ "type": "error", "room": "r", "code": "rate_limited", "retry_after_ms": 20 })
        );
        assert_eq!(
            error(&desk.sends(&json!({ "type": "auth", "token": "t" })))["code"],
            "rate_limited"
        );
        desk.passes(20);
        desk.is_in("r");
        for reference in 0..1_000 {
            assert_eq!(desk.sends(&publish("r", reference)).len(), 1);
        }
    }

    #[test]
    fn a_frame_over_its_limit_ends_it() {
        let mut desk = Desk::known();
        desk.is_in("r");
        let text = format!(
            r#"{{"type":"of a later version","room":"r","data":"{}"}}"#,
            "x".repeat(limits::MIB)
        );
        assert_eq!(over(&desk.takes(Input::Text(&text))), 1009);
    }
}

mod life {
    use super::*;

    const PING: &str = r#"{"type":"ping"}"#;

    #[test]
    fn pings_are_passed_on_as_they_are_heard_and_not_more_often_than_is_of_use() {
        let mut desk = Desk::known();
        assert_eq!(heard(&desk.takes(Input::Text(PING))).len(), 1);
        desk.is_in("a");
        for text in [PING, r#"{ "type": "ping" }"#, r#"{"type":"ping","room":"a"}"#] {
            desk.passes(limits::PINGS_PASSED_EVERY_MS);
            let effects = desk.takes(Input::Text(text));
            assert_eq!(
                effects,
                [Effect::Send(r#"{"type":"pong"}"#.into()), Effect::PingRooms],
                "{text}"
            );
            assert_eq!(heard(&desk.takes(Input::Text(text))).len(), 1);
        }
    }

    #[test]
    fn one_that_is_silent_for_two_ping_periods_is_ended() {
        let mut desk = Desk::known();
        desk.is_in("r");
        for _ in 0..5 {
            desk.passes(2 * limits::PING_MS - 1);
            assert_eq!(desk.takes(Input::Tick), []);
            desk.takes(Input::Text(PING));
        }
        // What the rooms say is no sign of it.
        desk.subscribes("s");
        desk.passes(limits::PING_MS);
        desk.opens("s");
        desk.passes(limits::PING_MS);
        assert_eq!(desk.connection.deadline(), Some(desk.now));
        assert_eq!(over(&desk.takes(Input::Tick)), 4408);
    }

    #[test]
    fn its_sessions_end_as_it_does() {
        for (ending, like) in [
            (closed(1000, "done"), closed(1000, "done")),
            (closed(4999, ""), closed(4999, "")),
            (Ending::NoCode, Ending::NoCode),
            (Ending::Lost, closed(1001, "")),
        ] {
            let mut desk = Desk::known();
            desk.is_in("r");
            desk.subscribes("s");
            assert_eq!(desk.takes(Input::Gone(ending)), [Effect::End(like)]);
        }
    }

    #[test]
    fn one_that_may_open_nothing_more_comes_again() {
        let mut desk = Desk::known();
        desk.is_in("r");
        desk.subscribes("s");
        assert_eq!(over(&desk.takes(Input::Exhausted)), 1012);
    }

    #[test]
    fn once_it_is_over_nothing_happens() {
        let mut desk = Desk::known();
        desk.is_in("r");
        desk.subscribes("s");
        desk.takes(Input::Gone(Ending::Lost));
        desk.passes(1_000_000_000);
        for input in [
            Input::Text(PING),
            Input::Text("{}"),
            Input::Binary,
            Input::Gone(Ending::Lost),
            Input::Verified(Ok(alice())),
            Input::Opened { room: room("s") },
            Input::Ended { room: room("r"), ending: Ending::Lost },
            Input::Exhausted,
            Input::Tick,
        ] {
            let named = format!("{input:?}");
            assert_eq!(desk.takes(input), [], "{named}");
        }
    }
}
