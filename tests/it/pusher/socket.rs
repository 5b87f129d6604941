//! The limits of a socket, and its course if a room or the client fails.

use roomcast::code::{Code, Refusal};
use roomcast::limits;

use super::*;

fn events(prev: u64, data: &str) -> Value {
    let event =
        json!({ "seq": prev + 1, "name": "n", "data": data, "at": START.get(), "from": "s" });
    json!({ "type": "events", "room": "r", "epoch": "AAAAAAAA", "prev": prev, "events": [event] })
}

/// Limits: PUSHER_ACTIVITY_TIMEOUT_MS.
#[test]
fn client_is_told_when_to_send_a_ping() {
    let (_, effects) =
        PusherSocket::begin(Rc::clone(apps().with_id("1").unwrap()), SocketId::new(1, 2), START);
    let data = sent(&effects)[0]["data"].clone();
    let seconds = limits::PUSHER_ACTIVITY_TIMEOUT_MS / 1_000;
    assert_eq!(data, format!(r#"{{"socket_id":"1.2","activity_timeout":{seconds}}}"#));
    // The worker's own ping is earlier, so such a client rarely sends one.
    const { assert!(limits::PUSHER_PING_MS < limits::PUSHER_ACTIVITY_TIMEOUT_MS) };
}

#[test]
fn client_that_cannot_connect_is_rejected_with_a_code() {
    let connect = |key: &str, query: &str, origin: Option<&str>| {
        let json = r#"[{"id":"1","key":"key","secret":"s","origins":["https://a.example"]}]"#;
        Apps::parse(json).unwrap().connect(key, query, origin).map(drop).map_err(|r| r.code)
    };
    let page = Some("https://a.example");
    assert_eq!(connect("key", "protocol=7&client=js", page), Ok(()));
    assert_eq!(connect("key", "protocol=5", None), Ok(()));
    assert_eq!(connect("other", "protocol=7", page), Err(4001));
    assert_eq!(connect("key", "protocol=8", page), Err(4007));
    assert_eq!(connect("key", "", page), Err(4008));
    assert_eq!(connect("key", "protocol=7", Some("https://b.example")), Err(4009));
    assert_eq!(connect("key", "protocol=7", Some("null")), Err(4009));
}

#[test]
fn socket_has_at_most_a_hundred_channels() {
    let mut harness = Harness::new();
    for number in 0..limits::ROOMS_ON_A_CONNECTION {
        harness.now = harness.now.plus(100);
        harness.join(&format!("c{number}"));
    }
    let effects = harness.subscribe(&json!({ "channel": "more" }));
    let [error] = &sent(&effects)[..] else { panic!("{effects:?}") };
    assert_eq!(error["event"], "pusher:subscription_error");
    let error: Value = serde_json::from_str(error["data"].as_str().unwrap()).unwrap();
    assert_eq!(error["type"], "LimitReached");
}

/// Limits: PUSHER_PINGS_FORWARDED_EVERY_MS.
#[test]
fn signs_of_life_reach_the_rooms_of_members_every_ten_seconds() {
    let mut harness = Harness::new();
    let ping = json!({ "event": "pusher:ping" });
    let forwards = |harness: &mut Harness| {
        harness.send(&ping).iter().filter(|e| **e == ConnectionEffect::PingRooms).count()
    };
    assert_eq!(forwards(&mut harness), 0, "there is no member");
    let user = r#"{"user_id":"7"}"#;
    let auth = format!("key:{}", harness.app.sign(&format!("1.2:presence-a:{user}")));
    harness.subscribe(&json!({ "channel": "presence-a", "auth": auth, "channel_data": user }));
    assert_eq!(forwards(&mut harness), 1);
    harness.now = harness.now.plus(limits::PUSHER_PINGS_FORWARDED_EVERY_MS - 1);
    assert_eq!(forwards(&mut harness), 0);
    harness.now = harness.now.plus(1);
    assert_eq!(forwards(&mut harness), 1);
}

#[test]
fn events_are_acknowledged_by_their_bytes() {
    let mut harness = Harness::new();
    harness.join("a");
    let data = "x".repeat(limits::SEEN_BYTES / 2);
    let seen = |effects: &[ConnectionEffect]| {
        effects.iter().find_map(|effect| match effect {
            ConnectionEffect::Forward { text, .. } => Some(text.clone()),
            _ => None,
        })
    };
    let effects = harness.receive("a", &events(0, &data), 0);
    assert_eq!(seen(&effects), None);
    let effects = harness.receive("a", &events(1, &data), 0);
    assert_eq!(seen(&effects).as_deref(), Some(r#"{"type":"seen","seq":2}"#));
}

#[test]
fn rooms_are_paused_while_the_client_does_not_read() {
    let mut harness = Harness::new();
    harness.join("a");
    let full = limits::CONNECTION_WINDOW_BYTES + 1;
    let pause = |paused| ConnectionEffect::Pause { room: room("a"), paused };
    let effects = harness.receive("a", &events(0, "x"), full);
    assert_eq!((sent(&effects).len(), effects.contains(&pause(true))), (1, true));
    let signal = json!({ "type": "signal", "name": "client-x", "data": 1, "from": "b" });
    assert_eq!(harness.receive("a", &signal, full), []);
    harness.now = harness.now.plus(limits::UNREAD_CHECK_MS);
    assert_eq!(harness.handle(ConnectionInput::Tick), [pause(false)]);
}

/// Otherwise a client could fill the worker's memory with answers.
#[test]
fn client_that_does_not_read_is_not_answered() {
    let full = 2 * limits::CONNECTION_WINDOW_BYTES;
    let frame = |event: &str, channel: &str| {
        json!({ "event": event, "data": { "channel": channel } }).to_string()
    };
    let answer = |text: &str, unread: u64| {
        let mut harness = Harness::new();
        harness.join("a");
        let effects = harness.handle_unread(ConnectionInput::Text(text), unread);
        (effects.is_empty(), close_code(&effects))
    };
    let ping = r#"{"event":"pusher:ping"}"#;
    assert_eq!(answer(ping, full), (false, None));
    assert_eq!(answer(ping, full + 1), (true, None), "other frames show that the server lives");
    let refused =
        [frame("pusher:subscribe", "private-b"), frame("client-x", "a"), "invalid".to_owned()];
    for text in &refused {
        assert_eq!(answer(text, full), (false, None), "{text}");
        assert_eq!(answer(text, full + 1), (false, Some(4100)), "{text}");
    }
    let most = limits::ROOMS_ON_A_CONNECTION as u64 * limits::BRIDGE_WINDOW_BYTES;
    for text in [frame("pusher:subscribe", "b"), frame("pusher:unsubscribe", "a")] {
        assert_eq!(answer(&text, most), (false, None), "{text}");
        assert_eq!(answer(&text, most + 1), (false, Some(4100)), "{text}");
    }
    let mut harness = Harness::new();
    harness.join("a");
    let refused = json!({ "type": "error", "room": "a", "code": "rate_limited", "message": "no" });
    assert_eq!(close_code(&harness.receive("a", &refused, full)), None);
    assert_eq!(close_code(&harness.receive("a", &refused, full + 1)), Some(4100));
}

#[test]
fn client_that_misses_events_must_connect_again() {
    let mut harness = Harness::new();
    harness.join("a");
    let gap = json!({ "type": "gap", "room": "a", "epoch": "AAAAAAAA", "oldest": 9, "seq": 12 });
    let effects = harness.receive("a", &gap, 0);
    assert_eq!((sent(&effects).len(), close_code(&effects)), (1, Some(4200)));
}

#[test]
fn end_of_a_room_closes_the_socket_or_the_subscription() {
    let ended = |code: Option<Code>| {
        let mut harness = Harness::new();
        harness.join("a");
        let refused = |code| CloseReason::refused(&Refusal::new(code, "the reason"));
        let close_reason = code.map_or(CloseReason::Lost, refused);
        let effects = harness.handle(ConnectionInput::Ended { room: room("a"), close_reason });
        (close_code(&effects), sent(&effects)[0]["event"].as_str().unwrap().to_owned())
    };
    for (code, closed) in [
        (None, Some(4200)),
        (Some(Code::Restarting), Some(4200)),
        (Some(Code::Erased), Some(4200)),
        (Some(Code::Internal), Some(4100)),
        (Some(Code::RoomFull), None),
        (Some(Code::Kicked), None),
    ] {
        let event = if closed.is_some() { "pusher:error" } else { "pusher:subscription_error" };
        assert_eq!(ended(code), (closed, event.to_owned()), "{code:?}");
    }
}

#[test]
fn socket_without_a_channel_waits_and_may_be_closed_for_newer_ones() {
    let mut harness = Harness::new();
    assert!(harness.socket.is_waiting());
    harness.join("a");
    assert!(!harness.socket.is_waiting());
    assert_eq!(harness.handle(ConnectionInput::TooManyWaiting), [], "it no longer waits");
    let effects = Harness::new().handle(ConnectionInput::TooManyWaiting);
    assert_eq!(close_code(&effects), Some(4100));
}

#[test]
fn client_that_floods_is_closed() {
    let mut harness = Harness::new();
    let most = limits::CONNECTION_FRAMES_BURST * (limits::REFUSED_BURST_FACTOR + 1) + 1;
    let ping = r#"{"event":"pusher:ping"}"#;
    let mut refused = 0;
    for sent_frames in 0..=most {
        let effects = harness.handle(ConnectionInput::Text(ping));
        if let Some(code) = close_code(&effects) {
            assert_eq!(code, 4100);
            assert!(refused > 0 && sent_frames > limits::CONNECTION_FRAMES_BURST);
            assert_eq!(harness.socket.deadline(), None);
            return;
        }
        refused += u64::from(sent(&effects)[0]["event"] == "pusher:error");
    }
    panic!("the socket is still open after {most} frames");
}

#[test]
fn subscription_during_an_unsubscribe_waits_for_the_room() {
    let mut harness = Harness::new();
    harness.join("a");
    let data = json!({ "channel": "a" });
    let leave = harness.send(&json!({ "event": "pusher:unsubscribe", "data": data }));
    assert_eq!(leave, [ConnectionEffect::Leave { room: room("a") }]);
    assert_eq!(harness.subscribe(&data), []);
    assert_eq!(harness.receive("a", &events(0, "late"), 0), [], "the old subscription is over");
    let close_reason = CloseReason::Closed { code: 1_000, reason: String::new() };
    let effects = harness.handle(ConnectionInput::Ended { room: room("a"), close_reason });
    assert!(matches!(&effects[..], [ConnectionEffect::Open { .. }]), "{effects:?}");
}
