//! Waking: what comes in a room's sleep costs no more than it needs. That a
//! room which was woken goes on as if it had never slept is `sleep_is_invisible`.

use roomcast::code::Code;
use roomcast::limits;
use roomcast::settings::Settings;

use crate::sim::SimRuntime;

/// Three who slept, and something to read.
fn asleep() -> SimRuntime {
    let mut sim = SimRuntime::new();
    ["alice", "bob", "carol"].iter().for_each(|who| sim.joins(who));
    sim.posts("bob", r#"{"name":"n","data":1,"key":"k"}"#).unwrap();
    sim.sleeps();
    sim.sessions_taken_up = 0;
    sim
}

/// Reads all that a session is not needed for.
fn reads(sim: &mut SimRuntime) {
    assert_eq!(sim.reads("/state")["events"][0]["data"], 1);
    assert_eq!(sim.reads("/events?last=5")["events"][0]["seq"], 1);
}

#[test]
fn who_only_reads_wakes_no_session() {
    let mut sim = asleep();
    let wakes = sim.wakes;
    reads(&mut sim);
    assert_eq!((sim.wakes - wakes, sim.sessions_taken_up), (1, 0));
}

#[test]
fn what_comes_behind_a_read_finds_every_session() {
    let acts: [fn(&mut SimRuntime); 6] = [
        |sim| assert!(sim.publishes("bob", 2).is_ok()),
        |sim| sim.says("alice", 2),
        |sim| sim.joins("dave"),
        |sim| sim.drops("bob"),
        |sim| sim.rings(),
        |sim| assert_eq!(sim.reads("")["sessions"], 3),
    ];
    for act in acts {
        let mut sim = asleep();
        reads(&mut sim);
        act(&mut sim);
        assert_eq!(sim.sessions_taken_up, 3);
        sim.publishes("bob", 3).unwrap();
        assert_eq!(sim.client("carol").data().last(), Some(&"3"));
        assert_eq!(sim.sessions_taken_up, 3, "once");
    }
}

#[test]
fn a_read_in_its_sleep_keeps_nothing_from_a_room() {
    let mut sim = SimRuntime::new();
    for who in ["ann", "ben"] {
        let identity = sim.identity_with(who, &["subscribe", "presence"]);
        sim.connects(who, "", identity);
        sim.sends(who, r#"{"type":"enter","data":0}"#);
        sim.calms();
    }
    let large = format!(r#"{{"name":"n","data":"{}"}}"#, "x".repeat(250_000));
    for _ in 0..6 {
        sim.posts("bob", &large).unwrap();
    }
    let epoch = sim.epoch();
    sim.joins_with("carol", &format!("since={epoch}:0"));
    sim.drops("ben");
    sim.sleeps();
    sim.client("ann").takes();
    sim.reads("/state");
    assert!(!sim.turn && sim.flush.is_none(), "nothing is begun for a reader");
    sim.passes(limits::REPLAY_RESTART_MS.max(limits::GRACE_MS));
    sim.calms();
    assert_eq!(sim.client("carol").seq, Some(6), "a replay that slept goes on");
    assert_eq!(sim.client("ann").takes_types(), ["members:changed"], "a grace ends");
    sim.passes(3_600_000 + limits::LEEWAY_MS);
    assert_eq!(sim.open_sockets(), 0, "and so does every session");
}

/// Nothing is lost in silence: who sent something is closed, and so is everybody
/// who would keep a member that is gone.
#[test]
fn frame_or_member_that_is_lost_on_a_room_that_can_not_wake_closes_sockets() {
    let mut sim = SimRuntime::new();
    let comes = |sim: &mut SimRuntime, who: &str| {
        let identity = sim.identity_with(who, &["subscribe", "publish", "presence"]);
        sim.connects(who, "", identity);
    };
    ["ann", "ben", "cat", "dan"].iter().for_each(|who| comes(&mut sim, who));
    sim.sends("ann", r#"{"type":"enter","data":0}"#);
    sim.sends("ben", r#"{"type":"enter","data":0}"#);
    sim.calms();
    sim.sleeps();
    sim.misconfigured = Some("ROOM_SETTINGS: it is no JSON".into());
    sim.says("cat", 1);
    assert_eq!(sim.client("cat").closed, Some(Code::Internal));
    sim.drops("dan");
    assert_eq!(sim.client("ben").closed, None, "dan was no member");
    sim.drops("ann");
    assert_eq!(sim.client("ben").closed, Some(Code::Restarting));

    sim.misconfigured = None;
    assert_eq!(sim.reads("/members")["members"].as_array().unwrap().len(), 0);
    comes(&mut sim, "ben");
    sim.sends("ben", r#"{"type":"enter","data":0}"#);
    assert_eq!(sim.reads("/members")["members"].as_array().unwrap().len(), 1);
}

/// The alarm is set for every session, so its setting needs them all.
#[test]
fn the_first_read_under_new_settings_sets_the_alarm_for_all() {
    let mut sim = asleep();
    sim.settings = Settings { retained_ms: 1_000, ..sim.settings };
    sim.passes(60_000);
    sim.reads("/state");
    assert_eq!(sim.sessions_taken_up, 3);
    sim.passes(3_600_000 + limits::LEEWAY_MS);
    assert_eq!(sim.open_sockets(), 0);
}
