//! Waking: what comes in a room's sleep costs no more than it needs. That a
//! room which was woken goes on as if it had never slept is `sleep_is_invisible`.

use roomcast::code::Code;
use roomcast::limits;
use roomcast::settings::Settings;

use crate::world::World;

/// Three who slept, and something to read.
fn asleep() -> World {
    let mut world = World::new();
    ["alice", "bob", "carol"].iter().for_each(|who| world.joins(who));
    world.posts("bob", r#"{"name":"n","data":1,"key":"k"}"#).unwrap();
    world.sleeps();
    world.sessions_taken_up = 0;
    world
}

/// Reads all that a session is not needed for.
fn reads(world: &mut World) {
    assert_eq!(world.reads("/state")["events"][0]["data"], 1);
    assert_eq!(world.reads("/events?last=5")["events"][0]["seq"], 1);
}

#[test]
fn who_only_reads_wakes_no_session() {
    let mut world = asleep();
    let wakes = world.wakes;
    reads(&mut world);
    assert_eq!((world.wakes - wakes, world.sessions_taken_up), (1, 0));
}

#[test]
fn what_comes_behind_a_read_finds_every_session() {
    let acts: [fn(&mut World); 6] = [
        |world| assert!(world.publishes("bob", 2).is_ok()),
        |world| world.says("alice", 2),
        |world| world.joins("dave"),
        |world| world.drops("bob"),
        |world| world.rings(),
        |world| assert_eq!(world.reads("")["sessions"], 3),
    ];
    for act in acts {
        let mut world = asleep();
        reads(&mut world);
        act(&mut world);
        assert_eq!(world.sessions_taken_up, 3);
        world.publishes("bob", 3).unwrap();
        assert_eq!(world.client("carol").data().last(), Some(&"3"));
        assert_eq!(world.sessions_taken_up, 3, "once");
    }
}

#[test]
fn a_read_in_its_sleep_keeps_nothing_from_a_room() {
    let mut world = World::new();
    for who in ["ann", "ben"] {
        let identity = world.identity_with(who, &["subscribe", "presence"]);
        world.connects(who, "", identity);
        world.sends(who, r#"{"type":"enter","data":0}"#);
        world.calms();
    }
    let large = format!(r#"{{"name":"n","data":"{}"}}"#, "x".repeat(250_000));
    for _ in 0..6 {
        world.posts("bob", &large).unwrap();
    }
    let epoch = world.epoch();
    world.joins_with("carol", &format!("since={epoch}:0"));
    world.drops("ben");
    world.sleeps();
    world.client("ann").takes();
    world.reads("/state");
    assert!(!world.turn && world.flush.is_none(), "nothing is begun for a reader");
    world.passes(limits::REPLAY_RESTART_MS.max(limits::GRACE_MS));
    world.calms();
    assert_eq!(world.client("carol").seq, Some(6), "a replay that slept goes on");
    assert_eq!(world.client("ann").takes_types(), ["members:changed"], "a grace ends");
    world.passes(3_600_000 + limits::LEEWAY_MS);
    assert_eq!(world.open_sockets(), 0, "and so does every session");
}

/// Nothing is lost in silence: who sent something is closed, and so is everybody
/// who would keep a member that is gone.
#[test]
fn frame_or_member_that_is_lost_on_a_room_that_can_not_wake_closes_sockets() {
    let mut world = World::new();
    let comes = |world: &mut World, who: &str| {
        let identity = world.identity_with(who, &["subscribe", "publish", "presence"]);
        world.connects(who, "", identity);
    };
    ["ann", "ben", "cat", "dan"].iter().for_each(|who| comes(&mut world, who));
    world.sends("ann", r#"{"type":"enter","data":0}"#);
    world.sends("ben", r#"{"type":"enter","data":0}"#);
    world.calms();
    world.sleeps();
    world.misconfigured = Some("ROOM_SETTINGS: it is no JSON".into());
    world.says("cat", 1);
    assert_eq!(world.client("cat").closed, Some(Code::Internal));
    world.drops("dan");
    assert_eq!(world.client("ben").closed, None, "dan was no member");
    world.drops("ann");
    assert_eq!(world.client("ben").closed, Some(Code::Restarting));

    world.misconfigured = None;
    assert_eq!(world.reads("/members")["members"].as_array().unwrap().len(), 0);
    comes(&mut world, "ben");
    world.sends("ben", r#"{"type":"enter","data":0}"#);
    assert_eq!(world.reads("/members")["members"].as_array().unwrap().len(), 1);
}

/// The alarm is set for every session, so its setting needs them all.
#[test]
fn the_first_read_under_new_settings_sets_the_alarm_for_all() {
    let mut world = asleep();
    world.settings = Settings { retained_ms: 1_000, ..world.settings };
    world.passes(60_000);
    world.reads("/state");
    assert_eq!(world.sessions_taken_up, 3);
    world.passes(3_600_000 + limits::LEEWAY_MS);
    assert_eq!(world.open_sockets(), 0);
}
