//! A client that reads slowly, or not at all.

use roomcast::connection::{Kind, Passing};
use roomcast::protocol::Seq;

use super::*;

fn events(prev: u64) -> Kind {
    Kind::Events { prev: Seq::new(prev).unwrap() }
}

fn pause(name: &str, paused: bool) -> Effect {
    Effect::Pause { room: room(name), paused }
}

fn seen(name: &str, seq: u64) -> Value {
    json!({ "type": "seen", "room": name, "seq": seq })
}

/// Limits: CONNECTION_WINDOW_UNITS.
#[test]
fn rooms_are_paused_while_the_client_has_a_window_of_events_unread() {
    let mut desk = Desk::known();
    desk.is_in("a");
    desk.is_in("b");
    let window = limits::CONNECTION_WINDOW_UNITS + 2 * limits::SEEN_AT_ONCE_BYTES as u64;
    let passes = |desk: &mut Desk, name: &str, prev: u64, units: u64| {
        let (passing, effects) = desk.connection.pass(&room(name), events(prev), units);
        assert_eq!(passing, Passing::Passed);
        effects
    };
    assert_eq!(passes(&mut desk, "a", 0, window / 2), []);
    assert_eq!(passes(&mut desk, "b", 0, window - window / 2), []);
    assert_eq!(passes(&mut desk, "a", 5, 1), [pause("a", true), pause("b", true)]);
    desk.subscribes("c");
    assert_eq!(desk.opens("c"), [pause("c", true)], "a room that opens meanwhile is paused, too");
    // What was seen in one room was sent behind what came before in another.
    let effects = desk.sends(&seen("b", 1));
    assert_eq!(
        effects,
        [pass("b", &seen("b", 1)), pause("a", false), pause("b", false), pause("c", false)]
    );
}

#[test]
fn a_client_that_says_what_it_has_seen_as_seldom_as_it_may_is_never_paused_for_ever() {
    let mut desk = Desk::known();
    let rooms: Vec<String> = (0..100).map(|number| format!("r{number}")).collect();
    for name in &rooms {
        desk.passes(1_000);
        desk.is_in(name);
    }
    let mut paused = false;
    let mut unsaid = vec![(0_u64, 0_usize); rooms.len()];
    for round in 0..40_000_usize {
        let number = round * 7 % rooms.len();
        let (seq, bytes) = &mut unsaid[number];
        let (_, effects) = desk.connection.pass(&room(&rooms[number]), events(*seq), 5_000);
        (*seq, *bytes) = (*seq + 1, *bytes + 5_000);
        paused |= !effects.is_empty();
        if !paused {
            continue;
        }
        // The rooms stand still. The client reads all, and says only what it must.
        for (number, (seq, bytes)) in unsaid.iter_mut().enumerate() {
            if *bytes >= limits::SEEN_AT_ONCE_BYTES {
                *bytes = 0;
                let effects = desk.sends(&seen(&rooms[number], *seq));
                paused &= effects.len() == 1;
                desk.passes(10);
            }
        }
        assert!(!paused, "after {round} frames nothing more comes");
    }
}

/// Limits: UNPACED_UNITS.
#[test]
fn what_is_not_paced_has_a_bound_towards_a_client_that_stands_still() {
    let mut desk = Desk::known();
    desk.is_in("r");
    let most = limits::UNPACED_UNITS;
    let passes = |desk: &mut Desk, kind| desk.connection.pass(&room("r"), kind, most / 2);
    assert_eq!(passes(&mut desk, Kind::Signal).0, Passing::Passed);
    assert_eq!(passes(&mut desk, Kind::MembersChanged).0, Passing::Passed);
    assert_eq!(passes(&mut desk, Kind::Signal), (Passing::Dropped, vec![]));
    assert_eq!(passes(&mut desk, Kind::MembersChanged), (Passing::Dropped, vec![]));
    assert_eq!(passes(&mut desk, events(0)).0, Passing::Passed, "events have their own bound");
    // It runs again: it is sent the whole list in place of the change.
    let effects = desk.takes(Input::Text(r#"{"type":"ping"}"#));
    assert!(effects.contains(&pass("r", &json!({ "type": "members" }))), "{effects:?}");
    assert_eq!(passes(&mut desk, Kind::Signal).0, Passing::Passed);

    for _ in 0..3 {
        assert_eq!(passes(&mut desk, Kind::Other).0, Passing::Passed);
    }
    let (passing, effects) = passes(&mut desk, Kind::Other);
    assert_eq!((passing, over(&effects)), (Passing::Full, 1012), "an ack can't be dropped");
}

#[test]
fn a_frame_of_any_size_comes_to_a_client_that_reads() {
    let mut desk = Desk::known();
    desk.is_in("r");
    let huge = 20 * limits::UNPACED_UNITS;
    assert_eq!(desk.connection.pass(&room("r"), Kind::Other, huge).0, Passing::Passed);
    desk.takes(Input::Text(r#"{"type":"ping"}"#));
    assert_eq!(desk.connection.pass(&room("r"), Kind::MembersChanged, huge).0, Passing::Passed);
}

#[test]
fn the_kind_of_a_frame_is_read_off_its_beginning() {
    for (head, kind) in [
        (
            r#"{"type":"events","room":"r","epoch":"AAAAAAAA","prev":41,"events":[{"seq""#,
            events(41),
        ),
        (r#"{"type":"events","room":"r","epoch":"AAAAAAAA","#, Kind::Other),
        (r#"{"type":"signal","room":"r","name":"n""#, Kind::Signal),
        (r#"{"type":"members:changed","room":"r""#, Kind::MembersChanged),
        (r#"{"type":"members","room":"r""#, Kind::Other),
        (r#"{"type":"ack","room":"r","ref":",\"prev\":7,""#, Kind::Other),
        ("", Kind::Other),
    ] {
        assert_eq!(Kind::read(head), kind, "{head}");
    }
}
