//! The one alarm: expiry, first frames that never come, rooms that nobody
//! needs any more. That an alarm is set while anything is stored, and never
//! later than a session's end, is checked by the world after every input.

use roomcast::auth::Identity;
use roomcast::code::Code;
use roomcast::settings::Settings;
use roomcast::time::Millis;

use crate::sim::SimRuntime;

const MINUTE: u64 = 60_000;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// Somebody whose token ends so long from now.
fn identity_for(sim: &SimRuntime, ms: u64, user: &str) -> Identity {
    Identity { expires_at: sim.now.plus(ms), ..sim.identity(user) }
}

#[test]
fn a_session_ends_with_its_token_awake_or_asleep() {
    for hibernate in [false, true] {
        let mut sim = SimRuntime::new();
        sim.hibernate_between_inputs = hibernate;
        let (short, long) = (identity_for(&sim, HOUR, "alice"), identity_for(&sim, DAY, "bob"));
        sim.connect("alice", "", short);
        sim.connect("bob", "", long);
        sim.advance(HOUR + 29_999);
        assert_eq!(sim.client("alice").closed, None, "there is a leeway of 30 s");
        sim.advance(1);
        assert_eq!(sim.client("alice").closed, Some(Code::TokenExpired));
        assert_eq!(sim.client("bob").closed, None);
        sim.advance(DAY);
        assert_eq!(sim.client("bob").closed, Some(Code::TokenExpired));
        assert_eq!(sim.http_get("")["sessions"], 0);
    }
}

#[test]
fn an_alarm_that_is_late_is_not_put_off_by_who_comes_before_it() {
    let mut sim = SimRuntime::new();
    let short = identity_for(&sim, HOUR, "alice");
    sim.connect("alice", "", short);
    sim.hibernate();
    sim.shift_clock(i64::try_from(2 * HOUR).unwrap());
    sim.join("bob");
    sim.advance(0);
    assert_eq!(sim.client("alice").closed, Some(Code::TokenExpired));
    assert_eq!(sim.client("bob").closed, None);
}

#[test]
fn an_alarm_that_was_lost_is_set_again_by_whoever_comes_when_it_is_due() {
    let mut sim = SimRuntime::new();
    let short = identity_for(&sim, HOUR, "alice");
    sim.connect("alice", "", short);
    sim.hibernate();
    sim.shift_clock(i64::try_from(HOUR + 30_000).unwrap());
    sim.alarm = None;
    sim.join("bob");
    sim.advance(0);
    assert_eq!(sim.client("alice").closed, Some(Code::TokenExpired));
    assert_eq!(sim.client("bob").closed, None);
}

/// Limits: ALARM_RETRY_MS.
#[test]
fn alarm_that_rings_while_the_room_can_not_wake_is_retried() {
    let break_room: [fn(&mut SimRuntime); 2] = [
        |sim| sim.misconfigured = Some("ROOM_SETTINGS: no JSON".into()),
        |sim| sim.store.fail_reads_after(0),
    ];
    for break_room in break_room {
        let mut sim = SimRuntime::with(Settings { retained_ms: DAY, ..Settings::default() });
        let short = identity_for(&sim, HOUR, "alice");
        sim.connect("alice", "", short);
        sim.hibernate();
        break_room(&mut sim);
        sim.advance(HOUR + 10 * MINUTE);
        let tries = sim.logged_errors.len();
        assert!((10..=11).contains(&tries), "{tries} tries in the ten minutes after her end");
        assert_eq!(sim.client("alice").closed, None);

        sim.misconfigured = None;
        sim.store.clear_faults();
        sim.advance(MINUTE);
        assert_eq!(sim.client("alice").closed, Some(Code::TokenExpired));
        sim.hibernate();
        sim.advance(DAY - 1);
        break_room(&mut sim);
        sim.advance(HOUR);
        sim.misconfigured = None;
        sim.store.clear_faults();
        sim.advance(MINUTE);
        assert!(sim.store.is_empty(), "and the room is erased after all");
    }
}

#[test]
fn lost_alarm_is_set_again_by_any_input_that_wakes_the_room() {
    let load: [fn(&mut SimRuntime); 4] = [
        |sim| assert_eq!(sim.http_get("/state")["events"].as_array().unwrap().len(), 0),
        |sim| {
            let long = identity_for(sim, DAY, "bob");
            sim.connect("bob", "", long);
        },
        |sim| sim.send("alice", r#"{"type": "ping"}"#),
        |sim| assert_eq!(sim.http_get("")["head"], 0),
    ];
    for load in load {
        let mut sim = SimRuntime::new();
        let short = identity_for(&sim, HOUR, "alice");
        sim.connect("alice", "", short);
        let set = sim.alarms_set;
        sim.hibernate();
        load(&mut sim);
        assert_eq!(sim.alarms_set, set, "a wake costs no row where one is set");
        sim.hibernate();
        sim.alarm = None;
        load(&mut sim);
        assert_eq!(sim.alarms_set, set + 1);
        sim.advance(5 * DAY);
        assert!(sim.store.is_empty());
    }
}

#[test]
fn late_alarm_leaves_nothing_to_an_expired_session() {
    let acts: [fn(&mut SimRuntime); 6] = [
        |sim| assert_eq!(sim.http_publish("writer", 1), Ok(1)),
        |sim| {
            assert_eq!(
                sim.http("writer", "POST /rooms/r/signals", r#"{"name":"s","data":1}"#).0,
                202
            )
        },
        |sim| sim.send_publish("bob", 1),
        |sim| sim.send("bob", r#"{"type":"enter","data":1}"#),
        |sim| sim.join("carol"),
        |sim| sim.drop_socket("bob"),
    ];
    for act in acts {
        for hibernate in [false, true] {
            let mut sim = SimRuntime::new();
            sim.hibernate_between_inputs = hibernate;
            let rights = ["subscribe", "publish", "presence"];
            for (who, ms) in [("alice", HOUR), ("bob", DAY)] {
                let identity = sim.identity_with(who, &rights);
                let expires_at = sim.now.plus(ms);
                sim.connect(who, "", Identity { expires_at, ..identity });
                sim.send(who, r#"{"type":"enter","data":0}"#);
            }
            sim.run_until_idle();
            sim.shift_clock(i64::try_from(HOUR + 59 * MINUTE).unwrap());
            let heard = sim.client("alice").frames.len();
            act(&mut sim);
            assert_eq!(sim.client("alice").closed, Some(Code::TokenExpired));
            sim.run_until_idle();
            assert_eq!(sim.client("alice").frames.len(), heard);
        }
    }
}

/// What is gathered or held when a session ends goes to the others alone.
#[test]
fn window_that_ends_behind_a_session_sends_it_nothing() {
    let mut sim = SimRuntime::new();
    sim.batches_events = true;
    let short = identity_for(&sim, HOUR, "alice");
    sim.connect("alice", "", short);
    sim.join("bob");
    sim.send("bob", r#"{"type":"signal","name":"s","data":1}"#);
    sim.send("bob", r#"{"type":"signal","name":"s","data":2}"#);
    sim.http_publish("writer", 1).unwrap();
    sim.http_publish("writer", 2).unwrap();
    assert!(sim.broadcast_at.is_some() && sim.flush_at.is_some());
    let heard = sim.client("alice").frames.len();
    sim.shift_clock(i64::try_from(HOUR + 30_000).unwrap());
    sim.run_until_idle();
    assert_eq!(sim.client("alice").closed, Some(Code::TokenExpired));
    assert_eq!(sim.client("alice").frames.len(), heard);
    assert_eq!(sim.client("bob").closed, Some(Code::TokenExpired));
}

#[test]
fn expired_sessions_take_no_place_from_who_comes() {
    for hibernate in [false, true] {
        let mut sim = SimRuntime::with(Settings { sockets: 1, ..Settings::default() });
        sim.hibernate_between_inputs = hibernate;
        let short = identity_for(&sim, HOUR, "alice");
        sim.connect("alice", "", short);
        sim.shift_clock(i64::try_from(2 * HOUR).unwrap());
        sim.join("bob");
        assert_eq!(sim.client("bob").closed, None);
    }
}

#[test]
fn an_alarm_that_a_clock_set_back_made_late_is_not_relied_on() {
    let mut sim = SimRuntime::with(Settings { retained_ms: HOUR, ..Settings::default() });
    let long = identity_for(&sim, 10 * DAY, "alice");
    sim.connect("alice", "", long);
    // The room is idle past its retention, but for alice: it is looked after
    // again in an hour, by the clock as it was.
    sim.advance(2 * HOUR);
    sim.shift_clock(-i64::try_from(HOUR).unwrap());
    sim.hibernate();
    let short = identity_for(&sim, 90 * MINUTE, "bob");
    sim.connect("bob", "", short);
    sim.advance(91 * MINUTE);
    assert_eq!(sim.client("bob").closed, Some(Code::TokenExpired));
}

#[test]
fn nothing_is_taken_from_a_session_whose_end_has_passed() {
    let mut sim = SimRuntime::new();
    let short = identity_for(&sim, HOUR, "alice");
    sim.connect("alice", "", short);
    sim.shift_clock(i64::try_from(2 * HOUR).unwrap());
    sim.send_publish("alice", 1);
    assert_eq!(sim.client("alice").closed, Some(Code::TokenExpired));
    assert_eq!(sim.head(), 0);
}

#[test]
fn an_alarm_may_ring_early_and_twice() {
    let mut sim = SimRuntime::new();
    sim.join("alice");
    let due = sim.alarm;
    for _ in 0..3 {
        sim.fire_alarm();
        assert_eq!(sim.alarm, due, "it is set again to the same time");
        sim.hibernate();
    }
    sim.advance(DAY);
    assert_eq!(sim.client("alice").closed, Some(Code::TokenExpired));
    let due = sim.alarm;
    sim.fire_alarm();
    sim.fire_alarm();
    assert_eq!(sim.alarm, due);
    assert_eq!(sim.head(), 0);
}

#[test]
fn a_renewed_token_moves_the_end_both_ways() {
    let mut sim = SimRuntime::new();
    sim.join("alice");
    let auth = |sim: &SimRuntime, ms| {
        let token = crate::tokens::token("alice", &["subscribe"], sim.now.plus(ms));
        format!(r#"{{"type":"auth","token":"{token}"}}"#)
    };
    let longer = auth(&sim, DAY);
    sim.send("alice", &longer);
    sim.advance(2 * HOUR);
    assert_eq!(sim.client("alice").closed, None);
    let shorter = auth(&sim, MINUTE);
    sim.send("alice", &shorter);
    sim.hibernate();
    sim.advance(MINUTE + 30_000);
    assert_eq!(sim.client("alice").closed, Some(Code::TokenExpired));
}

/// Limits: ALARM_AHEAD_MS.
#[test]
fn an_end_beyond_all_dates_is_no_alarm_beyond_all_dates() {
    let mut sim = SimRuntime::new();
    let forever = Identity { expires_at: Millis::new((1 << 53) - 1), ..sim.identity("alice") };
    sim.connect("alice", "", forever);
    sim.advance(3 * 365 * DAY);
    assert_eq!(sim.client("alice").closed, None);
    assert!(sim.alarm.unwrap() < sim.now.plus(366 * DAY));
}

#[test]
fn an_idle_room_is_erased_and_begins_anew_in_another_epoch() {
    let mut sim = SimRuntime::with(Settings { retained_ms: DAY, ..Settings::default() });
    sim.http_publish_body("bob", r#"{"name":"n","data":1,"key":"k","id":"i"}"#).unwrap();
    let epoch = sim.epoch();
    sim.advance(HOUR);
    sim.http_publish("bob", 2).unwrap();
    sim.hibernate();

    sim.advance(DAY - 1);
    assert_eq!(sim.epoch(), epoch, "something can still be resumed from");
    sim.advance(DAY);
    assert!(sim.store.is_empty(), "nothing is left, and nothing is billed any more");
    assert_eq!(sim.alarm, None);

    sim.join_with("alice", &format!("since={epoch}:2"));
    assert_eq!(sim.client("alice").gaps, 1);
    assert_ne!(sim.epoch(), epoch);
    assert_eq!(sim.http_publish_body("bob", r#"{"name":"n","data":1,"id":"i"}"#), Ok(vec![1]));
    assert_eq!(sim.client("alice").data(), ["1"]);
}

#[test]
fn a_room_is_not_erased_while_somebody_is_in_it() {
    let mut sim = SimRuntime::with(Settings { retained_ms: HOUR, ..Settings::default() });
    let long = identity_for(&sim, 10 * DAY, "alice");
    sim.connect("alice", "", long);
    let epoch = sim.epoch();
    sim.http_publish("bob", 1).unwrap();
    sim.advance(DAY);
    assert_eq!(sim.client("alice").closed, None);
    assert_eq!(sim.http_publish("bob", 2), Ok(2));
    assert_eq!(sim.client("alice").data(), ["1", "2"]);
    assert_eq!(sim.epoch(), epoch);

    sim.drop_socket("alice");
    sim.advance(3 * HOUR);
    assert!(sim.store.is_empty());
}

#[test]
fn a_room_that_can_not_be_erased_goes_on_and_is_erased_later() {
    let mut sim = SimRuntime::with(Settings { retained_ms: HOUR, ..Settings::default() });
    sim.http_publish("bob", 1).unwrap();
    let epoch = sim.epoch();
    sim.store.fail_writes();
    sim.advance(HOUR);
    assert_eq!(sim.epoch(), epoch);
    assert_eq!(sim.logged_errors, ["room r: storage: it can't be written"]);
    sim.store.clear_faults();
    sim.advance(MINUTE);
    assert!(sim.store.is_empty());
}

#[test]
fn erasing_leaves_nothing_behind_not_even_in_a_room_that_never_was() {
    let mut sim = SimRuntime::new();
    assert_eq!(sim.http("admin", "DELETE /rooms/r", "").0, 204);
    assert!(sim.store.is_empty());
    assert_eq!(sim.alarm, None);

    sim.join("alice");
    sim.http_publish("bob", 1).unwrap();
    let epoch = sim.epoch();
    sim.hibernate();
    assert_eq!(sim.http("admin", "DELETE /rooms/r", "").0, 204);
    assert_eq!(sim.client("alice").closed, Some(Code::Erased));
    assert!(sim.store.is_empty());
    assert_eq!(sim.alarm, None);
    assert_ne!(sim.epoch(), epoch);
}

#[test]
fn what_can_not_be_erased_stays_whole() {
    let mut sim = SimRuntime::new();
    sim.join("alice");
    sim.http_publish("bob", 1).unwrap();
    sim.store.fail_writes();
    assert_eq!(sim.http("admin", "DELETE /rooms/r", "").0, 500);
    sim.store.clear_faults();
    assert_eq!(sim.http_publish("bob", 2), Ok(2));
    assert_eq!(sim.client("alice").data(), ["1", "2"]);
}

#[test]
fn the_clock_may_be_set_back_and_forth() {
    let mut sim = SimRuntime::with(Settings { retained_ms: DAY, ..Settings::default() });
    let long = identity_for(&sim, 10 * DAY, "alice");
    sim.connect("alice", "", long);
    sim.http_publish("bob", 1).unwrap();
    for hours in [-5, 3, -40, 50, -8] {
        sim.shift_clock(hours * i64::try_from(HOUR).unwrap());
        sim.hibernate();
        sim.http_publish("bob", 2).unwrap();
    }
    assert_eq!(sim.client("alice").seqs(), [1, 2, 3, 4, 5, 6]);
    // It is set right, and in a while all of this is over.
    sim.shift_clock(i64::try_from(40 * DAY).unwrap());
    sim.advance(3 * DAY);
    assert_eq!(sim.client("alice").closed, Some(Code::TokenExpired));
    assert!(sim.store.is_empty());
}

#[test]
fn a_room_that_was_made_for_a_socket_that_it_refused_is_erased_in_time() {
    let settings = Settings { retained_ms: HOUR, ..Settings::default() };
    let mut sim = SimRuntime::with(settings);
    let identity = sim.identity_with("writer", &["publish"]);
    sim.connect("writer", "", identity);
    assert_eq!(sim.client("writer").closed, Some(Code::Forbidden));
    assert_eq!(sim.alarm, Some(sim.now.plus(HOUR)));
    sim.advance(HOUR);
    assert!(sim.store.is_empty());
}
