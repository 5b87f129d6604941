//! Pings, clients that send nothing, and the end of a connection.

use super::*;

const PING: &str = r#"{"type":"ping"}"#;

/// Limits: PINGS_FORWARDED_EVERY_MS.
#[test]
fn pings_are_forwarded_to_rooms_at_most_once_an_interval() {
    let mut harness = Harness::authenticated();
    assert_eq!(sent_frames(&harness.handle(ConnectionInput::Text(PING))).len(), 1);
    harness.join("a");
    for text in [PING, r#"{ "type": "ping" }"#, r#"{"type":"ping","room":"a"}"#] {
        harness.advance(limits::PINGS_FORWARDED_EVERY_MS);
        let effects = harness.handle(ConnectionInput::Text(text));
        assert_eq!(
            effects,
            [ConnectionEffect::Send(r#"{"type":"pong"}"#.into()), ConnectionEffect::PingRooms],
            "{text}"
        );
        assert_eq!(sent_frames(&harness.handle(ConnectionInput::Text(text))).len(), 1);
    }
}

#[test]
fn connection_that_sends_nothing_for_two_ping_periods_is_closed() {
    let mut harness = Harness::authenticated();
    harness.join("r");
    for _ in 0..5 {
        harness.advance(2 * limits::PING_MS - 1);
        assert_eq!(harness.handle(ConnectionInput::Tick), []);
        harness.handle(ConnectionInput::Text(PING));
    }
    // Frames from the rooms don't count as frames from the client.
    harness.subscribe("s");
    harness.advance(limits::PING_MS);
    harness.room_opened("s");
    harness.advance(limits::PING_MS);
    assert_eq!(harness.connection.deadline(), Some(harness.now));
    assert_eq!(close_code(&harness.handle(ConnectionInput::Tick)), 4408);
}

#[test]
fn room_sockets_close_with_the_code_of_the_client() {
    for (close_reason, like) in [
        (closed(1000, "done"), closed(1000, "done")),
        (closed(4999, ""), closed(4999, "")),
        (CloseReason::NoCode, CloseReason::NoCode),
        (CloseReason::Lost, closed(1001, "")),
    ] {
        let mut harness = Harness::authenticated();
        harness.join("r");
        harness.subscribe("s");
        assert_eq!(
            harness.handle(ConnectionInput::Gone(close_reason)),
            [ConnectionEffect::End(like)]
        );
    }
}

#[test]
fn connection_that_may_open_no_more_sockets_is_closed_with_1012() {
    let mut harness = Harness::authenticated();
    harness.join("r");
    harness.subscribe("s");
    assert_eq!(close_code(&harness.handle(ConnectionInput::Exhausted)), 1012);
}

#[test]
fn ended_connection_ignores_every_input() {
    let mut harness = Harness::authenticated();
    harness.join("r");
    harness.subscribe("s");
    harness.handle(ConnectionInput::Gone(CloseReason::Lost));
    harness.advance(1_000_000_000);
    for input in [
        ConnectionInput::Text(PING),
        ConnectionInput::Text("{}"),
        ConnectionInput::Binary,
        ConnectionInput::Gone(CloseReason::Lost),
        ConnectionInput::Verified(Ok(alice())),
        ConnectionInput::Opened { room: room("s") },
        ConnectionInput::Ended { room: room("r"), close_reason: CloseReason::Lost },
        ConnectionInput::Exhausted,
        ConnectionInput::Tick,
    ] {
        let named = format!("{input:?}");
        assert_eq!(harness.handle(input), [], "{named}");
    }
}
