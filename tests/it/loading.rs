//! Tests that a hibernating room loads no more than the input needs.
//! `hibernation_between_inputs_is_invisible` tests that a loaded room continues
//! as if it had never hibernated.

use roomcast::code::Code;
use roomcast::limits;
use roomcast::settings::Settings;

use crate::sim::SimRuntime;

/// Returns a hibernating room with three sessions, an event and a key.
fn hibernating_room() -> SimRuntime {
    let mut sim = SimRuntime::new();
    ["alice", "bob", "carol"].iter().for_each(|who| sim.join(who));
    sim.http_publish_body("bob", r#"{"name":"n","data":1,"key":"k"}"#).unwrap();
    sim.hibernate();
    sim.restored_sessions = 0;
    sim
}

/// Sends both kinds of request that need no session.
fn read_without_sessions(sim: &mut SimRuntime) {
    assert_eq!(sim.http_get("/state")["events"][0]["data"], 1);
    assert_eq!(sim.http_get("/events?last=5")["events"][0]["seq"], 1);
}

#[test]
fn read_of_hibernating_room_restores_no_session() {
    let mut sim = hibernating_room();
    let loads = sim.loads;
    read_without_sessions(&mut sim);
    assert_eq!((sim.loads - loads, sim.restored_sessions), (1, 0));
}

#[test]
fn input_after_read_restores_every_session() {
    let actions: [fn(&mut SimRuntime); 6] = [
        |sim| assert!(sim.http_publish("bob", 2).is_ok()),
        |sim| sim.send_publish("alice", 2),
        |sim| sim.join("dave"),
        |sim| sim.drop_socket("bob"),
        |sim| sim.fire_alarm(),
        |sim| assert_eq!(sim.http_get("")["sessions"], 3),
    ];
    for action in actions {
        let mut sim = hibernating_room();
        read_without_sessions(&mut sim);
        action(&mut sim);
        assert_eq!(sim.restored_sessions, 3);
        sim.http_publish("bob", 3).unwrap();
        assert_eq!(sim.client("carol").data().last(), Some(&"3"));
        assert_eq!(sim.restored_sessions, 3, "sessions are restored once");
    }
}

#[test]
fn read_of_hibernating_room_delays_no_pending_work() {
    let mut sim = SimRuntime::new();
    for who in ["ann", "ben"] {
        let identity = sim.identity_with(who, &["subscribe", "presence"]);
        sim.connect(who, "", identity);
        sim.send(who, r#"{"type":"enter","data":0}"#);
        sim.run_until_idle();
    }
    let large = format!(r#"{{"name":"n","data":"{}"}}"#, "x".repeat(250_000));
    for _ in 0..6 {
        sim.http_publish_body("bob", &large).unwrap();
    }
    let epoch = sim.epoch();
    sim.join_with("carol", &format!("since={epoch}:0"));
    sim.drop_socket("ben");
    sim.hibernate();
    sim.client("ann").drain_frames();
    sim.http_get("/state");
    assert!(
        !sim.replay_scheduled && sim.flush_at.is_none(),
        "a read starts no replay and no window"
    );
    sim.advance(limits::REPLAY_RESTART_MS.max(limits::GRACE_MS));
    sim.run_until_idle();
    assert_eq!(sim.client("carol").seq, Some(6), "the interrupted replay continues");
    assert_eq!(sim.client("ann").drain_frame_types(), ["members:changed"], "the grace period ends");
    sim.advance(3_600_000 + limits::LEEWAY_MS);
    assert_eq!(sim.open_sockets(), 0, "every session ends");
}

/// The socket of a lost frame is closed, so that the client detects the loss.
/// If a member is lost, every socket is closed, so that no client keeps the
/// member in its list.
#[test]
fn frame_or_member_lost_while_room_cannot_load_closes_sockets() {
    let mut sim = SimRuntime::new();
    let connect = |sim: &mut SimRuntime, who: &str| {
        let identity = sim.identity_with(who, &["subscribe", "publish", "presence"]);
        sim.connect(who, "", identity);
    };
    ["ann", "ben", "cat", "dan"].iter().for_each(|who| connect(&mut sim, who));
    sim.send("ann", r#"{"type":"enter","data":0}"#);
    sim.send("ben", r#"{"type":"enter","data":0}"#);
    sim.run_until_idle();
    sim.hibernate();
    sim.misconfigured = Some("ROOM_SETTINGS: it is no JSON".into());
    sim.send_publish("cat", 1);
    assert_eq!(sim.client("cat").closed, Some(Code::Internal));
    sim.drop_socket("dan");
    assert_eq!(sim.client("ben").closed, None, "dan was not a member");
    sim.drop_socket("ann");
    assert_eq!(sim.client("ben").closed, Some(Code::Restarting));

    sim.misconfigured = None;
    assert_eq!(sim.http_get("/members")["members"].as_array().unwrap().len(), 0);
    connect(&mut sim, "ben");
    sim.send("ben", r#"{"type":"enter","data":0}"#);
    assert_eq!(sim.http_get("/members")["members"].as_array().unwrap().len(), 1);
}

/// The alarm is set for the earliest deadline of all sessions, so the room must
/// restore all sessions.
#[test]
fn first_read_after_settings_change_sets_alarm_for_all_sessions() {
    let mut sim = hibernating_room();
    sim.settings = Settings { retained_ms: 1_000, ..sim.settings };
    sim.advance(60_000);
    sim.http_get("/state");
    assert_eq!(sim.restored_sessions, 3);
    sim.advance(3_600_000 + limits::LEEWAY_MS);
    assert_eq!(sim.open_sockets(), 0);
}
