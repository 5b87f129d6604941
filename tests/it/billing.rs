//! Tests of a room's costs. Written rows cost the most, so most tests count
//! them as the platform bills them. The platform also bills a row for each
//! alarm that is set.

use roomcast::auth::Identity;
use roomcast::settings::Settings;
use roomcast::time::Millis;

use crate::sim::SimRuntime;
use crate::tokens;

/// Returns two counts since the last call: the rows written and the alarms set.
fn drain_bill(sim: &mut SimRuntime) -> (u64, u64) {
    (sim.store.drain_rows_written(), std::mem::take(&mut sim.alarms_set))
}

#[test]
fn publish_writes_one_row_and_one_more_for_a_key() {
    for hibernate in [false, true] {
        let mut sim = SimRuntime::new();
        sim.hibernate_between_inputs = hibernate;
        sim.join("alice");
        drain_bill(&mut sim);
        for events in [1, 10, 1_000] {
            let events = vec![r#"{"name":"n","data":1}"#; events].join(",");
            sim.http_publish_body("bob", &format!(r#"{{"events":[{events}]}}"#)).unwrap();
            assert_eq!(drain_bill(&mut sim), (1, 0), "hibernate: {hibernate}");
        }
        sim.send_publish("alice", 1);
        assert_eq!(drain_bill(&mut sim), (1, 0));
        sim.http_publish_body("bob", r#"{"name":"n","data":1,"id":"i"}"#).unwrap();
        assert_eq!(drain_bill(&mut sim), (1, 0), "an id is stored in its event's row");
        sim.http_publish_body("bob", r#"{"name":"n","data":1,"id":"i"}"#).unwrap();
        assert_eq!(drain_bill(&mut sim), (0, 0), "a repeat costs nothing");

        sim.http_publish_body("bob", r#"{"name":"n","data":1,"key":"k"}"#).unwrap();
        assert_eq!(drain_bill(&mut sim), (2, 0));
        let two_events_of_a_key =
            r#"{"events":[{"name":"n","data":2,"key":"k"},{"name":"n","data":3,"key":"k"}]}"#;
        sim.http_publish_body("bob", two_events_of_a_key).unwrap();
        assert_eq!(drain_bill(&mut sim), (2, 0), "a key is written once per publish");
        sim.http_publish_body("bob", r#"{"name":"n","data":null,"key":"k"}"#).unwrap();
        assert_eq!(drain_bill(&mut sim), (2, 0));
        sim.http_publish_body("bob", r#"{"name":"n","data":null,"key":"k"}"#).unwrap();
        assert_eq!(drain_bill(&mut sim), (1, 0), "the key was removed before");
    }
}

#[test]
fn room_stats_count_rows_written() {
    let mut sim = SimRuntime::new();
    sim.http_publish("bob", 1).unwrap();
    sim.http_publish_body("bob", r#"{"name":"n","data":1,"key":"k"}"#).unwrap();
    assert_eq!(sim.http_get("")["rows_written"], sim.store.drain_rows_written());
    assert_eq!(sim.http_get("")["rows_written"], 4, "the room's own row, and three more");
}

#[test]
fn wrapped_ring_writes_one_row_per_publish() {
    let mut sim = SimRuntime::with(Settings { retained_appends: 3, ..Settings::default() });
    sim.http_publish("bob", 0).unwrap();
    drain_bill(&mut sim);
    for data in 1..=10 {
        sim.http_publish("bob", data).unwrap();
        assert_eq!(drain_bill(&mut sim), (1, 0));
    }
}

#[test]
fn reading_joining_and_leaving_write_no_row() {
    let mut sim = SimRuntime::new();
    let alice = sim.identity("alice");
    sim.connect("alice", "", alice);
    sim.http_publish("bob", 1).unwrap();
    let epoch = sim.epoch();
    drain_bill(&mut sim);
    for hibernate in [false, true] {
        sim.hibernate_between_inputs = hibernate;
        sim.http_get("/events");
        sim.http_get("/state");
        sim.join_with("bob", &format!("since={epoch}:0"));
        sim.send("bob", r#"{"type": "ping"}"#);
        sim.send("bob", "invalid");
        sim.drop_socket("bob");
        assert_eq!(drain_bill(&mut sim), (0, 0), "bob's token expires no earlier than alice's");
    }
}

/// The number of reads does not depend on the sessions or their positions. The
/// number of reads grows only with the logarithm of the number of retained
/// appends.
#[test]
fn load_reads_few_rows_and_none_per_session() {
    let retained_appends = 100_000;
    let settings =
        Settings { retained_appends, publishes_per_second: 1_000_000, ..Settings::default() };
    let mut sim = SimRuntime::with(settings);
    for session in 0..500 {
        sim.join_with(&format!("{session}"), "flow=1");
    }
    for data in 0..2_000 {
        sim.http_publish("bob", data).unwrap();
    }
    sim.hibernate();
    sim.store.drain_reads();
    sim.ping("7");
    sim.send("7", r#"{"type": "ping"}"#);
    let reads = sim.store.drain_reads();
    assert!(reads <= 2 + 2 * u64::from(retained_appends.ilog2()), "{reads} reads");
    sim.http_publish("bob", 1).unwrap();
    assert_eq!(sim.store.drain_reads(), 0, "a publish after the load reads nothing");
}

#[test]
fn unchanged_setting_is_not_written_again() {
    let mut sim = SimRuntime::new();
    sim.http_publish("bob", 1).unwrap();
    drain_bill(&mut sim);
    sim.hibernate();
    sim.settings.retained_bytes = 1_000;
    sim.settings.sockets = 1;
    sim.http_publish("bob", 2).unwrap();
    assert_eq!(drain_bill(&mut sim), (1, 0), "these two settings are not stored");
    sim.hibernate();
    sim.settings.retained_ms = 1_000_000;
    sim.http_publish("bob", 3).unwrap();
    let (_, alarms) = drain_bill(&mut sim);
    assert_eq!(alarms, 1, "the time of erasure has changed");
    sim.hibernate();
    sim.http_publish("bob", 4).unwrap();
    assert_eq!(drain_bill(&mut sim), (1, 0));
}

const SECOND: u64 = 1_000;
const MINUTE: u64 = 60 * SECOND;
const HOUR: u64 = 60 * MINUTE;

/// Returns the number of alarms set in an idle hour, in a room of twenty
/// sockets. `tokens_last` is the lifetime of the sockets' tokens in ms. The
/// client package renews a token after nine tenths of its lifetime, and waits
/// at least 10 s.
fn alarms_in_idle_hour(tokens_last: u64, rights: &[&str]) -> u64 {
    const SOCKETS: u64 = 20;
    let mut sim = SimRuntime::new();
    sim.hibernate_between_inputs = true;
    let (start, renewed_after) = (sim.now, (tokens_last * 9 / 10).max(10 * SECOND));
    // Times of the next token renewal, by socket. Renewals are spread evenly,
    // like pings.
    let mut renewals: Vec<Millis> = Vec::new();
    for socket in 0..SOCKETS {
        let (who, renewal) =
            (socket.to_string(), start.plus(renewed_after * (socket + 1) / SOCKETS));
        let expires_at = renewal.plus(tokens_last - renewed_after);
        let identity = Identity { expires_at: Some(expires_at), ..sim.identity_with(&who, rights) };
        sim.connect(&who, "", identity);
        if rights.contains(&"presence") {
            sim.send(&who, r#"{"type":"enter","data":0}"#);
        }
        renewals.push(renewal);
    }
    sim.run_until_idle();
    drain_bill(&mut sim);
    for now in (0..HOUR / SECOND).map(|second| start.plus(second * SECOND)) {
        sim.advance(now.since(sim.now));
        for socket in 0..SOCKETS {
            let (who, renewal) =
                (socket.to_string(), &mut renewals[usize::try_from(socket).unwrap()]);
            if *renewal <= now {
                *renewal = renewal.plus(renewed_after);
                let token = tokens::token(&who, rights, now.plus(tokens_last));
                sim.send(&who, &format!(r#"{{"type":"auth","token":"{token}"}}"#));
            }
            if now.since(start) / SECOND % 25 == socket {
                sim.ping(&who);
            }
        }
    }
    let (rows, alarms) = drain_bill(&mut sim);
    assert_eq!((rows, sim.open_sockets()), (0, 20));
    alarms
}

/// docs/costs.md states the numbers of alarms in this test.
#[test]
fn idle_room_sets_alarms_only_for_token_renewals_and_members() {
    let of_tokens = [(10 * SECOND, 119), (MINUTE, 95), (5 * MINUTE, 53), (HOUR, 7), (24 * HOUR, 0)];
    for (tokens_last, alarms) in of_tokens {
        let set = alarms_in_idle_hour(tokens_last, &["subscribe"]);
        assert_eq!(set, alarms, "tokens of {} s", tokens_last / SECOND);
    }
    assert_eq!(alarms_in_idle_hour(24 * HOUR, &["subscribe", "presence"]), 142);
}
