//! Tests of rooms with damaged rows. Such a room may reject a request, but must
//! not panic or loop forever. A damaged room must not use a seq twice, and must
//! report a gap if it skips an event.

use roomcast::code::Code;
use roomcast::settings::Settings;

use crate::client::Event;
use crate::memory_store::Tables;
use crate::sim::SimRuntime;

/// Returns a room with six appends of two events each, in a ring of four slots.
/// Appends are numbered from 0, so the slots contain the appends 4, 5, 2 and 3.
fn wrapped_ring() -> SimRuntime {
    let mut sim = SimRuntime::with(Settings { retained_appends: 4, ..Settings::default() });
    for append in 1..=6 {
        let event = format!(r#"{{"name":"n","data":{append},"id":"i{append}"}}"#);
        let body = format!(r#"{{"events":[{event},{{"name":"n","data":0,"key":"k"}}]}}"#);
        sim.http_publish_body("bob", &body).unwrap();
    }
    sim.hibernate();
    sim
}

type Damage = fn(&mut Tables, u64);

/// Returns the kinds of damage to the append in a slot.
fn damages() -> [(&'static str, Damage); 5] {
    [
        ("it is missing", |tables, slot| drop(tables.slots.remove(&slot))),
        ("it has another number", |tables, slot| {
            tables.slots.get_mut(&slot).unwrap().0.number += 1
        }),
        ("it has no events", |tables, slot| tables.slots.get_mut(&slot).unwrap().1.clear()),
        ("its events end too early", |tables, slot| {
            let events = &mut tables.slots.get_mut(&slot).unwrap().1;
            events.truncate(events.len() / 2);
        }),
        ("its events end with the first", |tables, slot| {
            let events = &mut tables.slots.get_mut(&slot).unwrap().1;
            events.truncate(events.find("},").unwrap() + 1);
        }),
    ]
}

#[test]
fn damaged_append_gives_error_or_gap_but_no_wrong_event() {
    let undamaged = {
        let mut sim = wrapped_ring();
        let epoch = sim.epoch();
        sim.join_with("carol", &format!("since={epoch}:4"));
        sim.client("carol").events.clone()
    };
    for slot in 0..4 {
        for (what, damage) in damages() {
            for hibernate in [false, true] {
                let mut sim = wrapped_ring();
                sim.hibernate_between_inputs = hibernate;
                // In half of the cases the room is active and knows its head.
                if !hibernate {
                    sim.head();
                }
                sim.store.damage(|tables| damage(tables, slot));
                check_no_wrong_event(&mut sim, &undamaged, &format!("slot {slot}: {what}"));
            }
        }
    }
}

fn check_no_wrong_event(sim: &mut SimRuntime, undamaged: &[Event], what: &str) {
    let epoch = sim.store.tables().meta.unwrap().epoch;
    for seq in 4..=12 {
        sim.join_with("dave", &format!("since={epoch}:{seq}"));
        let dave = sim.client("dave");
        let whole = &undamaged[usize::try_from(seq - 4).unwrap()..];
        let is_reported = dave.gaps > 0 || dave.closed.is_some();
        assert!(is_reported || dave.events == whole, "{what}, since {seq}: {:?}", dave.events);
        assert!(dave.gaps > 0 || whole.starts_with(&dave.events), "{what}, since {seq}");
        sim.http("dave", &format!("GET /rooms/r/events?since={epoch}:{seq}"), "");
    }
    if let Ok(seqs) = sim.http_publish_body("bob", r#"{"name":"n","data":1,"id":"new"}"#) {
        assert_eq!(seqs, [13], "{what}: a seq is used once");
    }
    if let Ok(seqs) = sim.http_publish_body("bob", r#"{"name":"n","data":1,"id":"i5"}"#) {
        assert_eq!(seqs, [9], "{what}: an id counts once");
    }
}

#[test]
fn room_that_cannot_load_can_be_erased() {
    let mut sim = wrapped_ring();
    sim.join("dave");
    sim.hibernate();
    sim.store.damage(|tables| drop(tables.slots.remove(&0)));
    assert_eq!(sim.http("admin", "GET /rooms/r", "").0, 500);
    assert_eq!(sim.http_publish("bob", 1), Err(Code::Internal));
    assert_eq!(sim.http("admin", "DELETE /rooms/r", "").0, 204);
    assert_eq!(sim.client("dave").closed, Some(Code::Erased));
    assert!(sim.store.is_empty());
    assert_eq!(sim.http_publish("bob", 1), Ok(1));
}

#[test]
fn failed_read_is_not_treated_as_empty_storage() {
    for reads in 0..40 {
        let mut sim = wrapped_ring();
        let epoch = sim.store.tables().meta.unwrap().epoch;
        let before = sim.store.tables();
        sim.store.fail_reads_after(reads);
        sim.join_with("dave", &format!("since={epoch}:4"));
        let answer = sim.http_publish_body("bob", r#"{"name":"n","data":1,"id":"i3","key":"k"}"#);
        let state = sim.http("admin", "GET /rooms/r/state", "");
        sim.store.clear_faults();

        let dave = sim.client("dave");
        assert_eq!(dave.gaps, 0, "after {reads} reads");
        assert!(dave.closed.is_some() || dave.seqs().into_iter().eq(5..=12));
        assert!(answer.is_err() || answer == Ok(vec![5]));
        assert!(state.0 == 500 || state.1.contains(r#""key":"k""#));
        assert!(sim.store.tables() == before, "reading writes nothing");
        assert_eq!(
            sim.http_publish_body("bob", r#"{"name":"n","data":1,"id":"i3","key":"k"}"#),
            Ok(vec![5])
        );
    }
}

#[test]
fn failed_write_of_settings_changes_nothing() {
    let mut sim = wrapped_ring();
    let before = sim.store.tables();
    sim.settings.retained_appends = 2;
    sim.store.fail_writes();
    assert_eq!(sim.http("admin", "GET /rooms/r", "").0, 500);
    assert!(sim.store.tables() == before);
    sim.store.clear_faults();
    assert_eq!(sim.http_get("")["oldest"], 9);
    assert_eq!(sim.head(), 12);
}
