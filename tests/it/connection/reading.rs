//! Tests of clients that read slowly or not at all.

use roomcast::connection::RoomFrameKind;

use super::*;

const WINDOW: u64 = limits::CONNECTION_WINDOW_BYTES;
/// Bytes that all rooms of a connection may have in flight.
const MOST: u64 = limits::ROOMS_ON_A_CONNECTION as u64 * limits::BRIDGE_WINDOW_BYTES;

fn pause(name: &str, paused: bool) -> ConnectionEffect {
    ConnectionEffect::Pause { room: room(name), paused }
}

impl Harness {
    /// Forwards a room's frame while `unread` bytes wait for the client.
    fn forward(
        &mut self,
        name: &str,
        kind: RoomFrameKind,
        unread: u64,
    ) -> (bool, Vec<ConnectionEffect>) {
        self.connection.should_forward(&room(name), kind, unread, self.now)
    }
}

/// The edge relies on this rule: it asks only if the rooms are paused or if more
/// than one window is unread.
#[test]
fn every_frame_is_forwarded_while_client_reads() {
    use RoomFrameKind::{Answer, MembersChanged, Other, Signal};
    let mut harness = Harness::authenticated();
    harness.join("a");
    for kind in [Signal, MembersChanged, Answer, Other] {
        for unread in [0, 1, WINDOW / 2 + 1, WINDOW] {
            assert!(!harness.connection.is_paused());
            assert_eq!(harness.forward("a", kind, unread), (true, vec![]), "{kind:?} {unread}");
        }
    }
    harness.forward("a", Other, WINDOW + 1);
    assert!(harness.connection.is_paused());
    harness.forward("a", Other, WINDOW / 2);
    assert!(!harness.connection.is_paused());
}

/// Limits: CONNECTION_WINDOW_BYTES, UNREAD_CHECK_MS.
#[test]
fn rooms_are_paused_while_client_has_window_unread() {
    let mut harness = Harness::authenticated();
    harness.join("a");
    harness.join("b");
    assert_eq!(harness.forward("a", RoomFrameKind::Other, WINDOW), (true, vec![]));
    let paused = vec![pause("a", true), pause("b", true)];
    assert_eq!(harness.forward("b", RoomFrameKind::Other, WINDOW + 1), (true, paused));
    assert_eq!(
        harness.forward("a", RoomFrameKind::Other, 9 * WINDOW),
        (true, vec![]),
        "the pause was sent already"
    );
    harness.subscribe("c");
    assert_eq!(
        harness.room_opened("c"),
        [pause("c", true)],
        "a room that opens meanwhile is paused as well"
    );

    let again = harness.now.plus(limits::UNREAD_CHECK_MS);
    assert_eq!(harness.connection.deadline(), Some(again));
    harness.now = again;
    assert_eq!(harness.handle_unread(ConnectionInput::Tick, WINDOW / 2 + 1), []);
    assert_eq!(harness.connection.deadline(), Some(again.plus(limits::UNREAD_CHECK_MS)));
    harness.advance(limits::UNREAD_CHECK_MS);
    let resumed = [pause("a", false), pause("b", false), pause("c", false)];
    assert_eq!(harness.handle_unread(ConnectionInput::Tick, WINDOW / 2), resumed);
    assert!(
        harness.connection.deadline() > Some(harness.now.plus(1_000)),
        "no further check is scheduled"
    );
}

#[test]
fn client_that_stops_reading_gets_no_signals_and_later_the_list() {
    let mut harness = Harness::authenticated();
    harness.join("r");
    for kind in [RoomFrameKind::Signal, RoomFrameKind::MembersChanged] {
        assert!(harness.forward("r", kind, WINDOW).0);
        assert!(!harness.forward("r", kind, WINDOW + 1).0);
    }
    harness.advance(limits::UNREAD_CHECK_MS);
    let list = forward("r", &json!({ "type": "members" }));
    assert_eq!(harness.handle(ConnectionInput::Tick), [pause("r", false), list]);
    assert_eq!(harness.forward("r", RoomFrameKind::MembersChanged, 0), (true, vec![]));
}

#[test]
fn unread_answers_close_connection_and_unread_events_do_not() {
    let mut harness = Harness::authenticated();
    harness.join("r");
    harness.forward("r", RoomFrameKind::Other, 100 * WINDOW);
    assert_eq!(harness.forward("r", RoomFrameKind::Answer, 2 * WINDOW), (true, vec![]));
    let (is_forwarded, effects) = harness.forward("r", RoomFrameKind::Answer, 2 * WINDOW + 1);
    assert_eq!((is_forwarded, close_code(&effects)), (false, 1012));
}

/// Otherwise a client could fill the worker's memory with answers.
#[test]
fn client_that_does_not_read_is_not_answered() {
    let (full, over) = (2 * WINDOW, 2 * WINDOW + 1);
    let (all_windows, more) = (MOST, MOST + 1);
    let ping = json!({ "type": "ping" }).to_string();
    let subscribe = json!({ "type": "subscribe", "room": "b" }).to_string();
    let joined = json!({ "type": "subscribe", "room": "a" }).to_string();
    let is_answered = |text: &str, unread: u64| {
        let mut harness = Harness::authenticated();
        harness.join("a");
        let effects = harness.handle_unread(ConnectionInput::Text(text), unread);
        let answered = effects.iter().any(|effect| {
            matches!(effect, ConnectionEffect::Send(_) | ConnectionEffect::Open { .. })
        });
        let ended = effects.iter().any(|effect| matches!(effect, ConnectionEffect::End(_)));
        (answered, ended.then(|| close_code(&effects)))
    };
    for text in [&ping, &joined, "invalid"] {
        assert_eq!(is_answered(text, full), (true, None), "{text}");
    }
    assert_eq!(is_answered(&ping, over), (false, None), "other frames show that the server lives");
    for text in [&joined, "invalid"] {
        assert_eq!(is_answered(text, over), (false, Some(1012)), "{text}");
    }
    assert_eq!(is_answered(&subscribe, all_windows), (true, None));
    assert_eq!(is_answered(&subscribe, more), (false, Some(1012)));
    let signal = json!({ "type": "signal", "room": "a", "name": "n", "data": 1 });
    let mut harness = Harness::authenticated();
    harness.join("a");
    let effects = harness.handle_unread(ConnectionInput::Text(&signal.to_string()), over);
    assert_eq!(effects, [forward("a", &signal)], "the room answers");
}

#[test]
fn subscription_that_waited_does_not_begin_while_client_has_too_much_unread() {
    let mut harness = Harness::authenticated();
    harness.join("a");
    harness.send(&json!({ "type": "unsubscribe", "room": "a" }));
    assert_eq!(harness.subscribe("a"), []);
    let close_reason = CloseReason::Closed { code: 1_000, reason: String::new() };
    let ended = ConnectionInput::Ended { room: room("a"), close_reason };
    let effects = harness.handle_unread(ended, MOST + 1);
    assert_eq!(close_code(&effects), 1012);
}

#[test]
fn frame_kind_is_read_from_its_first_bytes() {
    for (frame, kind) in [
        (r#"{"type":"events","room":"r","epoch":"AAAAAAAA","prev":41"#, RoomFrameKind::Other),
        (r#"{"type":"signal","room":"r","name":"n""#, RoomFrameKind::Signal),
        (r#"{"type":"members:changed","room":"r""#, RoomFrameKind::MembersChanged),
        (r#"{"type":"members","room":"r""#, RoomFrameKind::Other),
        (r#"{"type":"ack","room":"r","ref":"7"}"#, RoomFrameKind::Answer),
        (r#"{"type":"error","room":"r""#, RoomFrameKind::Answer),
        ("", RoomFrameKind::Other),
    ] {
        let head: String = frame.chars().take(RoomFrameKind::HEAD as usize).collect();
        assert_eq!(RoomFrameKind::read(&head), kind, "{frame}");
    }
}
