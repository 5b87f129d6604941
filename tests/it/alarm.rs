//! Tests of the object's alarm, which closes sessions with an expired token and
//! erases idle rooms.
//!
//! After every input, the simulator checks that an alarm is set if anything is
//! stored. The simulator also checks that the alarm is never later than the end
//! of a session.

use roomcast::auth::Identity;
use roomcast::code::Code;
use roomcast::settings::Settings;
use roomcast::time::Millis;

use crate::sim::SimRuntime;

const MINUTE: u64 = 60_000;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// Returns the identity of a user whose token expires after `ms`.
fn identity_for(sim: &SimRuntime, ms: u64, user: &str) -> Identity {
    Identity { expires_at: Some(sim.now.plus(ms)), ..sim.identity(user) }
}

#[test]
fn session_ends_when_its_token_expires_active_or_hibernating() {
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
fn join_while_alarm_is_late_does_not_postpone_alarm() {
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
fn join_after_lost_alarm_closes_expired_session() {
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
fn alarm_that_fires_while_room_cannot_load_is_retried() {
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
        assert!(
            (10..=11).contains(&tries),
            "{tries} tries in the ten minutes after the session's end"
        );
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
        assert!(sim.store.is_empty(), "the room is erased");
    }
}

#[test]
fn any_input_that_loads_room_sets_lost_alarm_again() {
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
        assert_eq!(sim.alarms_set, set, "loading costs no row while an alarm is set");
        sim.hibernate();
        sim.alarm = None;
        load(&mut sim);
        assert_eq!(sim.alarms_set, set + 1);
        sim.advance(5 * DAY);
        assert!(sim.store.is_empty());
    }
}

#[test]
fn expired_session_is_sent_nothing_while_alarm_is_late() {
    let actions: [fn(&mut SimRuntime); 6] = [
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
    for action in actions {
        for hibernate in [false, true] {
            let mut sim = SimRuntime::new();
            sim.hibernate_between_inputs = hibernate;
            let rights = ["subscribe", "publish", "presence"];
            for (who, ms) in [("alice", HOUR), ("bob", DAY)] {
                let identity = sim.identity_with(who, &rights);
                let expires_at = Some(sim.now.plus(ms));
                sim.connect(who, "", Identity { expires_at, ..identity });
                sim.send(who, r#"{"type":"enter","data":0}"#);
            }
            sim.run_until_idle();
            sim.shift_clock(i64::try_from(HOUR + 59 * MINUTE).unwrap());
            let received = sim.client("alice").frames.len();
            action(&mut sim);
            assert_eq!(sim.client("alice").closed, Some(Code::TokenExpired));
            sim.run_until_idle();
            assert_eq!(sim.client("alice").frames.len(), received);
        }
    }
}

/// The events wait for the end of a batch window, and the signals wait for the
/// end of a flush window.
#[test]
fn pending_events_and_signals_are_not_sent_to_expired_session() {
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
    let received = sim.client("alice").frames.len();
    sim.shift_clock(i64::try_from(HOUR + 30_000).unwrap());
    sim.run_until_idle();
    assert_eq!(sim.client("alice").closed, Some(Code::TokenExpired));
    assert_eq!(sim.client("alice").frames.len(), received);
    assert_eq!(sim.client("bob").closed, Some(Code::TokenExpired));
}

#[test]
fn expired_session_does_not_count_against_socket_limit() {
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
fn clock_set_back_does_not_delay_session_end() {
    let mut sim = SimRuntime::with(Settings { retained_ms: HOUR, ..Settings::default() });
    let long = identity_for(&sim, 10 * DAY, "alice");
    sim.connect("alice", "", long);
    // The retention of the idle room has ended, but alice is connected. The
    // next alarm is due in an hour. After the clock is set back by an hour,
    // this alarm is due in two hours.
    sim.advance(2 * HOUR);
    sim.shift_clock(-i64::try_from(HOUR).unwrap());
    sim.hibernate();
    let short = identity_for(&sim, 90 * MINUTE, "bob");
    sim.connect("bob", "", short);
    sim.advance(91 * MINUTE);
    assert_eq!(sim.client("bob").closed, Some(Code::TokenExpired));
}

#[test]
fn publish_of_expired_session_is_rejected() {
    let mut sim = SimRuntime::new();
    let short = identity_for(&sim, HOUR, "alice");
    sim.connect("alice", "", short);
    sim.shift_clock(i64::try_from(2 * HOUR).unwrap());
    sim.send_publish("alice", 1);
    assert_eq!(sim.client("alice").closed, Some(Code::TokenExpired));
    assert_eq!(sim.head(), 0);
}

#[test]
fn early_or_repeated_alarm_changes_nothing() {
    let mut sim = SimRuntime::new();
    sim.join("alice");
    let due = sim.alarm;
    for _ in 0..3 {
        sim.fire_alarm();
        assert_eq!(sim.alarm, due, "the alarm is set again to the same time");
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
fn renewed_token_moves_session_end_earlier_or_later() {
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
fn token_that_expires_in_far_future_sets_alarm_within_a_year() {
    let mut sim = SimRuntime::new();
    let forever =
        Identity { expires_at: Some(Millis::new((1 << 53) - 1)), ..sim.identity("alice") };
    sim.connect("alice", "", forever);
    sim.advance(3 * 365 * DAY);
    assert_eq!(sim.client("alice").closed, None);
    assert!(sim.alarm.unwrap() < sim.now.plus(366 * DAY));
}

#[test]
fn idle_room_is_erased_and_restarts_in_new_epoch() {
    let mut sim = SimRuntime::with(Settings { retained_ms: DAY, ..Settings::default() });
    sim.http_publish_body("bob", r#"{"name":"n","data":1,"key":"k","id":"i"}"#).unwrap();
    let epoch = sim.epoch();
    sim.advance(HOUR);
    sim.http_publish("bob", 2).unwrap();
    sim.hibernate();

    sim.advance(DAY - 1);
    assert_eq!(sim.epoch(), epoch, "an event is still retained");
    sim.advance(DAY);
    assert!(sim.store.is_empty(), "no row is left to be billed");
    assert_eq!(sim.alarm, None);

    sim.join_with("alice", &format!("since={epoch}:2"));
    assert_eq!(sim.client("alice").gaps, 1);
    assert_ne!(sim.epoch(), epoch);
    assert_eq!(sim.http_publish_body("bob", r#"{"name":"n","data":1,"id":"i"}"#), Ok(vec![1]));
    assert_eq!(sim.client("alice").data(), ["1"]);
}

#[test]
fn room_with_open_session_is_not_erased() {
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
fn failed_erase_is_retried_and_room_stays_usable() {
    let mut sim = SimRuntime::with(Settings { retained_ms: HOUR, ..Settings::default() });
    sim.http_publish("bob", 1).unwrap();
    let epoch = sim.epoch();
    sim.store.fail_writes();
    sim.advance(HOUR);
    assert_eq!(sim.epoch(), epoch);
    assert_eq!(sim.logged_errors, ["storage: it can't be written"]);
    sim.store.clear_faults();
    sim.advance(MINUTE);
    assert!(sim.store.is_empty());
}

#[test]
fn erase_leaves_no_rows_and_no_alarm() {
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
fn failed_erase_request_changes_nothing() {
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
fn clock_set_back_and_forward_loses_no_event() {
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
    // The clock is right again. After 43 more days, everything has expired.
    sim.shift_clock(i64::try_from(40 * DAY).unwrap());
    sim.advance(3 * DAY);
    assert_eq!(sim.client("alice").closed, Some(Code::TokenExpired));
    assert!(sim.store.is_empty());
}

#[test]
fn room_created_by_rejected_socket_is_erased_when_idle() {
    let settings = Settings { retained_ms: HOUR, ..Settings::default() };
    let mut sim = SimRuntime::with(settings);
    let identity = sim.identity_with("writer", &["publish"]);
    sim.connect("writer", "", identity);
    assert_eq!(sim.client("writer").closed, Some(Code::Forbidden));
    assert_eq!(sim.alarm, Some(sim.now.plus(HOUR)));
    sim.advance(HOUR);
    assert!(sim.store.is_empty());
}
