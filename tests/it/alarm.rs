//! The one alarm: expiry, first frames that never come, rooms that nobody
//! needs any more. That an alarm is set while anything is stored, and never
//! later than a session's end, is checked by the world after every input.

use roomcast::auth::Identity;
use roomcast::code::Code;
use roomcast::settings::Settings;
use roomcast::time::Millis;

use crate::world::World;

const MINUTE: u64 = 60_000;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// Somebody whose token ends so long from now.
fn for_the_next(world: &World, ms: u64, user: &str) -> Identity {
    Identity { expires_at: world.now.plus(ms), ..world.identity(user) }
}

#[test]
fn a_session_ends_with_its_token_awake_or_asleep() {
    for asleep in [false, true] {
        let mut world = World::new();
        world.drowsy = asleep;
        let (short, long) = (for_the_next(&world, HOUR, "alice"), for_the_next(&world, DAY, "bob"));
        world.connects("alice", "", short);
        world.connects("bob", "", long);
        world.passes(HOUR + 29_999);
        assert_eq!(world.client("alice").closed, None, "there is a leeway of 30 s");
        world.passes(1);
        assert_eq!(world.client("alice").closed, Some(Code::TokenExpired));
        assert_eq!(world.client("bob").closed, None);
        world.passes(DAY);
        assert_eq!(world.client("bob").closed, Some(Code::TokenExpired));
        assert_eq!(world.reads("")["sessions"], 0);
    }
}

#[test]
fn an_alarm_that_is_late_is_not_put_off_by_who_comes_before_it() {
    let mut world = World::new();
    let short = for_the_next(&world, HOUR, "alice");
    world.connects("alice", "", short);
    world.sleeps();
    world.jumps(i64::try_from(2 * HOUR).unwrap());
    world.joins("bob");
    world.passes(0);
    assert_eq!(world.client("alice").closed, Some(Code::TokenExpired));
    assert_eq!(world.client("bob").closed, None);
}

#[test]
fn an_alarm_that_was_lost_is_set_again_by_whoever_comes_when_it_is_due() {
    let mut world = World::new();
    let short = for_the_next(&world, HOUR, "alice");
    world.connects("alice", "", short);
    world.sleeps();
    world.jumps(i64::try_from(HOUR + 30_000).unwrap());
    world.alarm = None;
    world.joins("bob");
    world.passes(0);
    assert_eq!(world.client("alice").closed, Some(Code::TokenExpired));
    assert_eq!(world.client("bob").closed, None);
}

/// Limits: ALARM_RETRY_MS.
#[test]
fn alarm_that_rings_while_the_room_can_not_wake_is_retried() {
    let breaks: [fn(&mut World); 2] = [
        |world| world.misconfigured = Some("ROOM_SETTINGS: no JSON".into()),
        |world| world.store.fail_reading_after(0),
    ];
    for breaks in breaks {
        let mut world = World::with(Settings { retained_ms: DAY, ..Settings::default() });
        let short = for_the_next(&world, HOUR, "alice");
        world.connects("alice", "", short);
        world.sleeps();
        breaks(&mut world);
        world.passes(HOUR + 10 * MINUTE);
        let tries = world.reports.len();
        assert!((10..=11).contains(&tries), "{tries} tries in the ten minutes after her end");
        assert_eq!(world.client("alice").closed, None);

        world.misconfigured = None;
        world.store.heal();
        world.passes(MINUTE);
        assert_eq!(world.client("alice").closed, Some(Code::TokenExpired));
        world.sleeps();
        world.passes(DAY - 1);
        breaks(&mut world);
        world.passes(HOUR);
        world.misconfigured = None;
        world.store.heal();
        world.passes(MINUTE);
        assert!(world.store.is_empty(), "and the room is erased after all");
    }
}

#[test]
fn lost_alarm_is_set_again_by_any_input_that_wakes_the_room() {
    let wakes: [fn(&mut World); 4] = [
        |world| assert_eq!(world.reads("/state")["events"].as_array().unwrap().len(), 0),
        |world| {
            let long = for_the_next(world, DAY, "bob");
            world.connects("bob", "", long);
        },
        |world| world.sends("alice", r#"{"type": "ping"}"#),
        |world| assert_eq!(world.reads("")["head"], 0),
    ];
    for wakes in wakes {
        let mut world = World::new();
        let short = for_the_next(&world, HOUR, "alice");
        world.connects("alice", "", short);
        let set = world.alarms_set;
        world.sleeps();
        wakes(&mut world);
        assert_eq!(world.alarms_set, set, "a wake costs no row where one is set");
        world.sleeps();
        world.alarm = None;
        wakes(&mut world);
        assert_eq!(world.alarms_set, set + 1);
        world.passes(5 * DAY);
        assert!(world.store.is_empty());
    }
}

#[test]
fn late_alarm_leaves_nothing_to_an_expired_session() {
    let acts: [fn(&mut World); 6] = [
        |world| assert_eq!(world.publishes("writer", 1), Ok(1)),
        |world| {
            assert_eq!(
                world.http("writer", "POST /rooms/r/signals", r#"{"name":"s","data":1}"#).0,
                202
            )
        },
        |world| world.says("bob", 1),
        |world| world.sends("bob", r#"{"type":"enter","data":1}"#),
        |world| world.joins("carol"),
        |world| world.drops("bob"),
    ];
    for act in acts {
        for asleep in [false, true] {
            let mut world = World::new();
            world.drowsy = asleep;
            let rights = ["subscribe", "publish", "presence"];
            for (who, ms) in [("alice", HOUR), ("bob", DAY)] {
                let identity = world.identity_with(who, &rights);
                let expires_at = world.now.plus(ms);
                world.connects(who, "", Identity { expires_at, ..identity });
                world.sends(who, r#"{"type":"enter","data":0}"#);
            }
            world.calms();
            world.jumps(i64::try_from(HOUR + 59 * MINUTE).unwrap());
            let heard = world.client("alice").frames.len();
            act(&mut world);
            assert_eq!(world.client("alice").closed, Some(Code::TokenExpired));
            world.calms();
            assert_eq!(world.client("alice").frames.len(), heard);
        }
    }
}

/// What is gathered or held when a session ends goes to the others alone.
#[test]
fn window_that_ends_behind_a_session_sends_it_nothing() {
    let mut world = World::new();
    world.gathers = true;
    let short = for_the_next(&world, HOUR, "alice");
    world.connects("alice", "", short);
    world.joins("bob");
    world.sends("bob", r#"{"type":"signal","name":"s","data":1}"#);
    world.sends("bob", r#"{"type":"signal","name":"s","data":2}"#);
    world.publishes("writer", 1).unwrap();
    world.publishes("writer", 2).unwrap();
    assert!(world.broadcast.is_some() && world.flush.is_some());
    let heard = world.client("alice").frames.len();
    world.jumps(i64::try_from(HOUR + 30_000).unwrap());
    world.calms();
    assert_eq!(world.client("alice").closed, Some(Code::TokenExpired));
    assert_eq!(world.client("alice").frames.len(), heard);
    assert_eq!(world.client("bob").closed, Some(Code::TokenExpired));
}

#[test]
fn expired_sessions_take_no_place_from_who_comes() {
    for asleep in [false, true] {
        let mut world = World::with(Settings { sockets: 1, ..Settings::default() });
        world.drowsy = asleep;
        let short = for_the_next(&world, HOUR, "alice");
        world.connects("alice", "", short);
        world.jumps(i64::try_from(2 * HOUR).unwrap());
        world.joins("bob");
        assert_eq!(world.client("bob").closed, None);
    }
}

#[test]
fn an_alarm_that_a_clock_set_back_made_late_is_not_relied_on() {
    let mut world = World::with(Settings { retained_ms: HOUR, ..Settings::default() });
    let long = for_the_next(&world, 10 * DAY, "alice");
    world.connects("alice", "", long);
    // The room is idle past its retention, but for alice: it is looked after
    // again in an hour, by the clock as it was.
    world.passes(2 * HOUR);
    world.jumps(-i64::try_from(HOUR).unwrap());
    world.sleeps();
    let short = for_the_next(&world, 90 * MINUTE, "bob");
    world.connects("bob", "", short);
    world.passes(91 * MINUTE);
    assert_eq!(world.client("bob").closed, Some(Code::TokenExpired));
}

#[test]
fn nothing_is_taken_from_a_session_whose_end_has_passed() {
    let mut world = World::new();
    let short = for_the_next(&world, HOUR, "alice");
    world.connects("alice", "", short);
    world.jumps(i64::try_from(2 * HOUR).unwrap());
    world.says("alice", 1);
    assert_eq!(world.client("alice").closed, Some(Code::TokenExpired));
    assert_eq!(world.head(), 0);
}

#[test]
fn an_alarm_may_ring_early_and_twice() {
    let mut world = World::new();
    world.joins("alice");
    let due = world.alarm;
    for _ in 0..3 {
        world.rings();
        assert_eq!(world.alarm, due, "it is set again to the same time");
        world.sleeps();
    }
    world.passes(DAY);
    assert_eq!(world.client("alice").closed, Some(Code::TokenExpired));
    let due = world.alarm;
    world.rings();
    world.rings();
    assert_eq!(world.alarm, due);
    assert_eq!(world.head(), 0);
}

#[test]
fn a_renewed_token_moves_the_end_both_ways() {
    let mut world = World::new();
    world.joins("alice");
    let auth = |world: &World, ms| {
        let token = crate::tokens::token("alice", &["subscribe"], world.now.plus(ms));
        format!(r#"{{"type":"auth","token":"{token}"}}"#)
    };
    let longer = auth(&world, DAY);
    world.sends("alice", &longer);
    world.passes(2 * HOUR);
    assert_eq!(world.client("alice").closed, None);
    let shorter = auth(&world, MINUTE);
    world.sends("alice", &shorter);
    world.sleeps();
    world.passes(MINUTE + 30_000);
    assert_eq!(world.client("alice").closed, Some(Code::TokenExpired));
}

/// Limits: ALARM_AHEAD_MS.
#[test]
fn an_end_beyond_all_dates_is_no_alarm_beyond_all_dates() {
    let mut world = World::new();
    let forever = Identity { expires_at: Millis::new((1 << 53) - 1), ..world.identity("alice") };
    world.connects("alice", "", forever);
    world.passes(3 * 365 * DAY);
    assert_eq!(world.client("alice").closed, None);
    assert!(world.alarm.unwrap() < world.now.plus(366 * DAY));
}

#[test]
fn an_idle_room_is_erased_and_begins_anew_in_another_epoch() {
    let mut world = World::with(Settings { retained_ms: DAY, ..Settings::default() });
    world.posts("bob", r#"{"name":"n","data":1,"key":"k","id":"i"}"#).unwrap();
    let epoch = world.epoch();
    world.passes(HOUR);
    world.publishes("bob", 2).unwrap();
    world.sleeps();

    world.passes(DAY - 1);
    assert_eq!(world.epoch(), epoch, "something can still be resumed from");
    world.passes(DAY);
    assert!(world.store.is_empty(), "nothing is left, and nothing is billed any more");
    assert_eq!(world.alarm, None);

    world.joins_with("alice", &format!("since={epoch}:2"));
    assert_eq!(world.client("alice").gaps, 1);
    assert_ne!(world.epoch(), epoch);
    assert_eq!(world.posts("bob", r#"{"name":"n","data":1,"id":"i"}"#), Ok(vec![1]));
    assert_eq!(world.client("alice").data(), ["1"]);
}

#[test]
fn a_room_is_not_erased_while_somebody_is_in_it() {
    let mut world = World::with(Settings { retained_ms: HOUR, ..Settings::default() });
    let long = for_the_next(&world, 10 * DAY, "alice");
    world.connects("alice", "", long);
    let epoch = world.epoch();
    world.publishes("bob", 1).unwrap();
    world.passes(DAY);
    assert_eq!(world.client("alice").closed, None);
    assert_eq!(world.publishes("bob", 2), Ok(2));
    assert_eq!(world.client("alice").data(), ["1", "2"]);
    assert_eq!(world.epoch(), epoch);

    world.drops("alice");
    world.passes(3 * HOUR);
    assert!(world.store.is_empty());
}

#[test]
fn a_room_that_can_not_be_erased_goes_on_and_is_erased_later() {
    let mut world = World::with(Settings { retained_ms: HOUR, ..Settings::default() });
    world.publishes("bob", 1).unwrap();
    let epoch = world.epoch();
    world.store.fail_writing();
    world.passes(HOUR);
    assert_eq!(world.epoch(), epoch);
    assert_eq!(world.reports, ["room r: storage: it can't be written"]);
    world.store.heal();
    world.passes(MINUTE);
    assert!(world.store.is_empty());
}

#[test]
fn erasing_leaves_nothing_behind_not_even_in_a_room_that_never_was() {
    let mut world = World::new();
    assert_eq!(world.http("admin", "DELETE /rooms/r", "").0, 204);
    assert!(world.store.is_empty());
    assert_eq!(world.alarm, None);

    world.joins("alice");
    world.publishes("bob", 1).unwrap();
    let epoch = world.epoch();
    world.sleeps();
    assert_eq!(world.http("admin", "DELETE /rooms/r", "").0, 204);
    assert_eq!(world.client("alice").closed, Some(Code::Erased));
    assert!(world.store.is_empty());
    assert_eq!(world.alarm, None);
    assert_ne!(world.epoch(), epoch);
}

#[test]
fn what_can_not_be_erased_stays_whole() {
    let mut world = World::new();
    world.joins("alice");
    world.publishes("bob", 1).unwrap();
    world.store.fail_writing();
    assert_eq!(world.http("admin", "DELETE /rooms/r", "").0, 500);
    world.store.heal();
    assert_eq!(world.publishes("bob", 2), Ok(2));
    assert_eq!(world.client("alice").data(), ["1", "2"]);
}

#[test]
fn the_clock_may_be_set_back_and_forth() {
    let mut world = World::with(Settings { retained_ms: DAY, ..Settings::default() });
    let long = for_the_next(&world, 10 * DAY, "alice");
    world.connects("alice", "", long);
    world.publishes("bob", 1).unwrap();
    for hours in [-5, 3, -40, 50, -8] {
        world.jumps(hours * i64::try_from(HOUR).unwrap());
        world.sleeps();
        world.publishes("bob", 2).unwrap();
    }
    assert_eq!(world.client("alice").seqs(), [1, 2, 3, 4, 5, 6]);
    // It is set right, and in a while all of this is over.
    world.jumps(i64::try_from(40 * DAY).unwrap());
    world.passes(3 * DAY);
    assert_eq!(world.client("alice").closed, Some(Code::TokenExpired));
    assert!(world.store.is_empty());
}

#[test]
fn a_room_that_was_made_for_a_socket_that_it_refused_is_erased_in_time() {
    let settings = Settings { retained_ms: HOUR, ..Settings::default() };
    let mut world = World::with(settings);
    let identity = world.identity_with("writer", &["publish"]);
    world.connects("writer", "", identity);
    assert_eq!(world.client("writer").closed, Some(Code::Forbidden));
    assert_eq!(world.alarm, Some(world.now.plus(HOUR)));
    world.passes(HOUR);
    assert!(world.store.is_empty());
}
