//! The notifications of a room for the operator's webhook.

use roomcast::limits;
use roomcast::protocol::RoomName;
use roomcast::settings::Settings;

use crate::sim::{Answers, CrashPoint, SimRuntime};
use crate::test_rng::TestRng;
use crate::tokens;

const ENTER: &str = r#"{"type":"enter"}"#;

fn new_sim(webhook_events: bool) -> SimRuntime {
    SimRuntime::with(Settings { webhook_url: true, webhook_events, ..Settings::default() })
}

/// Joins with a token that may enter, and expires in a month.
fn join(sim: &mut SimRuntime, name: &str) {
    let expires_at = sim.now.plus(30 * 24 * limits::HOUR_MS);
    let token = tokens::token(name, &["subscribe", "publish", "presence"], expires_at);
    let identity = tokens::verify(&token, &RoomName::parse("r").unwrap(), sim.now).unwrap();
    sim.connect(name, "", identity);
}

#[test]
fn life_of_a_room_is_notified_in_order() {
    let mut sim = new_sim(true);
    join(&mut sim, "alice");
    sim.send("alice", ENTER);
    sim.send_publish("alice", 1);
    sim.http_publish("writer", 2).unwrap();
    join(&mut sim, "bob");
    sim.send("bob", ENTER);
    sim.advance(limits::FLUSH_MS);
    sim.close("bob", 1001);
    sim.advance(limits::FLUSH_MS);
    sim.send("alice", r#"{"type":"leave"}"#);
    sim.close("alice", 1000);
    assert_eq!(
        sim.receiver.log,
        [
            "room.occupied",
            "member.entered alice",
            "event 1",
            "event 2",
            "member.entered bob",
            "session.closed bob 1001",
            "member.left alice",
            "session.closed alice 1000",
            "room.vacated",
        ]
    );
    // Bob's member stays for the grace period.
    sim.advance(limits::GRACE_MS);
    assert_eq!(sim.receiver.log[9..], ["member.left bob"]);
    assert_eq!(sim.receiver.dropped, 0);
}

// Limits: webhook_url, webhook_events.
#[test]
fn events_are_notified_only_if_the_setting_is_on() {
    let mut sim = new_sim(false);
    sim.http_publish("alice", 1).unwrap();
    join(&mut sim, "alice");
    assert_eq!(sim.receiver.log, ["room.occupied"]);

    let mut without = SimRuntime::new();
    join(&mut without, "alice");
    without.close("alice", 1000);
    assert_eq!(without.receiver.log.len(), 0);
    assert_eq!(without.store.tables().queue_meta, None);
}

#[test]
fn failures_and_drops_are_in_the_metrics() {
    let mut sim = new_sim(false);
    let backlog = |sim: &SimRuntime| sim.directory.sums().get("webhook_backlog");
    sim.receiver.answers = Answers::Error;
    join(&mut sim, "alice");
    sim.advance(6 * limits::REPORT_MS);
    assert_eq!(backlog(&sim), 1);
    sim.receiver.answers = Answers::Ok;
    sim.advance(limits::HOUR_MS);
    assert_eq!(backlog(&sim), 0);
    let counted =
        |result: &str| sim.directory.sums().get(&format!("webhook_deliveries_total:{result}"));
    assert_eq!((counted("ok"), counted("failed"), counted("dropped")), (1, 3, 0));
}

#[test]
fn notifications_wait_for_the_delivery_of_earlier_ones_and_are_batched() {
    let mut sim = new_sim(true);
    sim.receiver.is_slow = true;
    join(&mut sim, "alice");
    for n in 0..3 {
        sim.http_publish("writer", n).unwrap();
    }
    sim.close("alice", 1000);
    assert_eq!(sim.receiver.log.len(), 0);
    sim.answer_webhook();
    sim.answer_webhook();
    assert_eq!((sim.receiver.log.len(), sim.receiver.batches.len()), (6, 2));
    assert!(sim.in_flight.is_none());
}

// Limits: WEBHOOK_BATCH_BYTES.
#[test]
fn batch_has_at_most_256_kib_or_one_event() {
    let mut sim = new_sim(true);
    sim.receiver.is_slow = true;
    join(&mut sim, "alice");
    let data = format!("\"{}\"", "x".repeat(limits::DATA_BYTES / 5));
    for _ in 0..20 {
        sim.http_publish("writer", &data).unwrap();
        join(&mut sim, "carol");
        sim.close("carol", 1000);
    }
    while let Some((_, body)) = &sim.in_flight {
        assert!(body.len() < limits::WEBHOOK_BATCH_BYTES + 2_000, "{} bytes", body.len());
        sim.answer_webhook();
    }
    assert_eq!(sim.receiver.batches.len(), 6);
    assert_eq!(sim.receiver.log.len(), 1 + 2 * 20);
}

// Limits: WEBHOOK_RETRY_MS.
#[test]
fn failed_batch_is_retried_with_backoff_for_a_day_and_then_dropped() {
    let mut sim = new_sim(true);
    sim.receiver.answers = Answers::Error;
    let start = sim.now;
    join(&mut sim, "alice");
    sim.http_publish("writer", 1).unwrap();
    while sim.now.since(start) < limits::WEBHOOK_RETRY_MS + 7 * limits::HOUR_MS {
        sim.advance(limits::HOUR_MS);
    }
    let minutes: Vec<u64> =
        sim.receiver.batches.iter().map(|(_, at)| at.since(start) / 60_000).collect();
    assert!((9..=11).contains(&minutes.len()), "{minutes:?}");
    assert!(minutes[..4] == [0, 0, 0, 2] || minutes[..4] == [0, 0, 0, 3], "{minutes:?}");
    let ids: std::collections::BTreeSet<_> =
        sim.receiver.batches.iter().map(|(id, ..)| id).collect();
    assert_eq!(ids.len(), 1, "a retry has the id and the content of the first attempt");
    assert_eq!(sim.logged_errors.len(), 2, "{:?}", sim.logged_errors);

    sim.receiver.answers = Answers::Ok;
    join(&mut sim, "carol");
    sim.advance(limits::HOUR_MS);
    sim.close("carol", 1000);
    assert_eq!(sim.receiver.log.last().unwrap(), "session.closed carol 1000");
    assert_eq!(sim.receiver.dropped, 2);
}

#[test]
fn batch_that_was_read_before_the_connection_dropped_is_sent_again_unchanged() {
    let mut sim = new_sim(true);
    sim.receiver.answers = Answers::DropAfterReading;
    join(&mut sim, "alice");
    sim.http_publish("writer", 1).unwrap();
    sim.advance(10_000);
    sim.receiver.answers = Answers::Ok;
    sim.advance(60_000);
    let batches = &sim.receiver.batches;
    assert_eq!((&batches[0].0, &batches[1].0), (&batches[1].0, &batches[2].0));
    assert_eq!(sim.receiver.log, ["room.occupied", "event 1"]);
    assert!(sim.receiver.repeats >= 2);
}

#[test]
fn kill_is_notified_when_the_room_is_next_loaded() {
    let mut sim = new_sim(false);
    join(&mut sim, "alice");
    sim.send("alice", ENTER);
    join(&mut sim, "bob");
    sim.receiver.log.clear();
    sim.crash();
    // The alarm of the ping timeout rings.
    sim.advance(limits::PING_TIMEOUT_MS);
    let mut log = sim.receiver.log.clone();
    log.sort();
    assert_eq!(
        log,
        [
            "member.left alice",
            "room.vacated",
            "session.closed alice 1006",
            "session.closed bob 1006"
        ]
    );
    assert_eq!(sim.receiver.log.last().unwrap(), "room.vacated");
    join(&mut sim, "carol");
    assert_eq!(sim.receiver.log[4..], ["room.occupied"]);
}

#[test]
fn member_whose_grace_period_ends_after_hibernation_leaves() {
    let mut sim = new_sim(false);
    join(&mut sim, "alice");
    sim.send("alice", ENTER);
    sim.advance(limits::FLUSH_MS);
    sim.drop_socket("alice");
    sim.advance(limits::EDGE_REPORT_MS);
    sim.hibernate();
    assert_eq!(sim.receiver.log.last().unwrap(), "room.vacated");
    sim.advance(limits::GRACE_MS);
    assert_eq!(sim.receiver.log.last().unwrap(), "member.left alice");
}

#[test]
fn kill_before_a_join_is_notified_before_the_join() {
    let mut sim = new_sim(false);
    join(&mut sim, "alice");
    sim.crash();
    join(&mut sim, "bob");
    assert_eq!(
        sim.receiver.log,
        ["room.occupied", "session.closed alice 1006", "room.vacated", "room.occupied"]
    );
}

// Limits: WEBHOOK_RESTART_MS.
#[test]
fn kill_during_a_delivery_is_followed_by_another_delivery() {
    let mut sim = new_sim(true);
    sim.receiver.is_slow = true;
    sim.http_publish("writer", 1).unwrap();
    sim.hibernate();
    assert!(sim.in_flight.is_some(), "a delivery keeps the object active");
    sim.crash();
    sim.receiver.is_slow = false;
    sim.advance(limits::WEBHOOK_RESTART_MS);
    assert_eq!(sim.receiver.log, ["event 1"]);
}

#[test]
fn kill_right_after_a_room_wakes_delays_no_notification() {
    let mut sim = new_sim(true);
    sim.http_publish("writer", 1).unwrap();
    sim.advance(limits::WEBHOOK_RESTART_MS);
    sim.hibernate();
    // The time of the alarm is not read before the kill.
    sim.crash_at_next_input = Some(CrashPoint::AfterCommit);
    let _ = sim.http_publish("writer", 2);
    sim.advance(limits::WEBHOOK_RESTART_MS);
    assert_eq!(sim.receiver.log, ["event 1", "event 2"]);
}

#[test]
fn read_of_a_hibernating_room_notifies_nothing() {
    let mut sim = new_sim(true);
    join(&mut sim, "alice");
    sim.advance(limits::WEBHOOK_RESTART_MS);
    sim.hibernate();
    sim.http_get("/events?last=1");
    sim.http_get("/state");
    assert_eq!(sim.receiver.log, ["room.occupied"]);
}

#[test]
fn waiting_for_a_retry_needs_no_timer_and_no_wake() {
    let mut sim = new_sim(false);
    sim.receiver.answers = Answers::Error;
    join(&mut sim, "alice");
    for _ in 0..5 {
        sim.fire_alarm();
        sim.advance(20 * 60_000);
    }
    sim.fire_report();
    sim.hibernate();
    let (loads, alarms, attempts) = (sim.loads, sim.alarms_set, sim.receiver.batches.len());
    assert!(sim.alarm.unwrap() > sim.now.plus(600_000), "{:?}", sim.alarm);
    sim.advance(600_000);
    assert_eq!((sim.loads, sim.alarms_set), (loads, alarms));
    assert_eq!(sim.receiver.batches.len(), attempts);
    assert_eq!(sim.next_timer(), sim.alarm);
}

#[test]
fn idle_room_with_webhooks_costs_nothing() {
    let mut sim = new_sim(true);
    join(&mut sim, "alice");
    sim.http_publish("writer", 1).unwrap();
    sim.advance(limits::WEBHOOK_RESTART_MS);
    sim.fire_report();
    sim.hibernate();
    sim.store.drain_rows_written();
    let (loads, alarms) = (sim.loads, sim.alarms_set);
    sim.advance(50 * 60_000);
    assert_eq!((sim.loads, sim.alarms_set, sim.store.drain_rows_written()), (loads, alarms, 0));
}

// Limits: WEBHOOK_QUEUE_BYTES.
#[test]
fn dead_endpoint_costs_bounded_storage_and_its_losses_are_counted() {
    let mut sim = new_sim(false);
    sim.receiver.answers = Answers::Error;
    join(&mut sim, "alice");
    let mut joins = 0;
    let user = "b".repeat(limits::USER);
    let bytes = |sim: &SimRuntime| {
        let tables = sim.store.tables();
        tables.queue.values().map(|(_, text)| text.len() as u64).sum::<u64>()
    };
    let mut most = 0;
    while sim.logged_errors.len() < 3 {
        joins += 1;
        // All sessions of a user close with one input.
        for n in 0..200 {
            let identity = sim.identity(&user);
            sim.connect(&format!("bob {n}"), "", identity);
        }
        sim.http("admin", &format!("DELETE /rooms/r/members?user={user}"), "");
        most = most.max(bytes(&sim));
        assert!(joins < 150, "nothing was dropped");
    }
    assert!(most > limits::WEBHOOK_QUEUE_BYTES - 100_000, "{most} bytes");
    assert!(most <= limits::WEBHOOK_QUEUE_BYTES + 100_000, "{most} bytes");
    assert!(bytes(&sim) < limits::WEBHOOK_QUEUE_BYTES * 4 / 5);
    sim.receiver.answers = Answers::Ok;
    sim.advance(limits::WEBHOOK_RETRY_MS / 2);
    let received = sim.receiver.log.len() as u64;
    assert_eq!(received + sim.receiver.dropped, 1 + 200 * joins);
    assert!(sim.receiver.dropped > 0);
}

#[test]
fn events_that_the_log_no_longer_retains_are_counted_as_dropped() {
    let settings = Settings {
        webhook_url: true,
        webhook_events: true,
        retained_appends: 5,
        ..Settings::default()
    };
    let mut sim = SimRuntime::with(settings);
    sim.receiver.answers = Answers::Error;
    for n in 0..20 {
        sim.http_publish("writer", n).unwrap();
    }
    sim.receiver.answers = Answers::Ok;
    sim.advance(60_000);
    assert_eq!(sim.receiver.log.len(), 5);
    assert_eq!((sim.receiver.dropped, sim.receiver.seq), (15, 20));
}

#[test]
fn notification_that_can_not_be_stored_is_counted_as_dropped() {
    let mut sim = new_sim(false);
    join(&mut sim, "alice");
    join(&mut sim, "bob");
    sim.store.fail_writes();
    sim.close("bob", 1000);
    sim.store.clear_faults();
    sim.close("alice", 1000);
    assert_eq!(sim.receiver.dropped, 1);
    // Bob's session is stored as open until the room is empty.
    assert_eq!(
        sim.receiver.log,
        ["room.occupied", "session.closed alice 1000", "session.closed bob 1006", "room.vacated"]
    );
}

#[test]
fn first_event_of_a_room_is_notified_despite_a_kill() {
    let mut sim = new_sim(true);
    sim.http_get("/state");
    sim.crash_at_next_input = Some(CrashPoint::AfterCommit);
    let _ = sim.http_publish("writer", 1);
    sim.advance(limits::WEBHOOK_RESTART_MS);
    assert_eq!(sim.receiver.log, ["event 1"]);
}

#[test]
fn room_that_gets_a_webhook_notifies_of_what_is_there() {
    let mut sim = SimRuntime::new();
    join(&mut sim, "alice");
    sim.send("alice", ENTER);
    sim.http_publish("writer", 1).unwrap();
    sim.settings = Settings { webhook_url: true, webhook_events: true, ..sim.settings };
    sim.hibernate();
    sim.http_publish("writer", 2).unwrap();
    assert_eq!(sim.receiver.log, ["room.occupied", "event 2"]);
    sim.send("alice", r#"{"type":"leave"}"#);
    sim.settings.webhook_events = false;
    sim.fire_report();
    sim.hibernate();
    sim.http_publish("writer", 3).unwrap();
    sim.close("alice", 1000);
    sim.settings.webhook_events = true;
    sim.receiver.seq = 0;
    sim.fire_report();
    sim.hibernate();
    sim.http_publish("writer", 4).unwrap();
    let log = &sim.receiver.log;
    assert_eq!(log[2..], ["session.closed alice 1000", "room.vacated", "event 4"]);
}

#[test]
fn idle_room_is_erased_after_its_last_notification_was_delivered() {
    let settings = Settings { webhook_url: true, retained_ms: 60_000, ..Settings::default() };
    let mut sim = SimRuntime::with(settings);
    sim.receiver.answers = Answers::Error;
    join(&mut sim, "alice");
    sim.close("alice", 1000);
    sim.advance(limits::HOUR_MS);
    assert!(!sim.store.is_empty());
    sim.receiver.answers = Answers::Ok;
    sim.advance(6 * limits::HOUR_MS);
    assert!(sim.store.is_empty());
    assert_eq!(sim.receiver.log.len(), 3);
}

#[test]
fn erased_room_starts_with_a_new_epoch() {
    let mut sim = new_sim(true);
    sim.receiver.is_slow = true;
    join(&mut sim, "alice");
    sim.http("admin", "DELETE /rooms/r", "");
    sim.receiver.is_slow = false;
    sim.http_publish("writer", 1).unwrap();
    assert_eq!(sim.receiver.log, ["event 1"]);
}

#[test]
fn imported_events_are_not_notified() {
    let mut from = SimRuntime::new();
    from.http_publish("writer", 1).unwrap();
    let (_, export) = from.http("admin", "GET /rooms/r/export", "");
    let mut sim = new_sim(true);
    sim.http("admin", "POST /rooms/r/import", &export);
    assert_eq!((sim.head(), sim.receiver.log.len()), (1, 0));
    sim.receiver.seq = 1;
    sim.http_publish("writer", 2).unwrap();
    assert_eq!(sim.receiver.log, ["event 2"]);
}

/// The rows are those in docs/webhooks.md. The rows of deliveries are included.
#[test]
fn notifications_cost_the_documented_rows() {
    let mut sim = new_sim(true);
    let mut costs = |act: &mut dyn FnMut(&mut SimRuntime)| {
        sim.advance(limits::WEBHOOK_RESTART_MS);
        sim.store.drain_rows_written();
        act(&mut sim);
        sim.store.drain_rows_written()
    };
    costs(&mut |sim| join(sim, "alice"));
    let session = costs(&mut |sim| {
        join(sim, "bob");
        sim.close("bob", 1000);
    });
    assert_eq!(session, 4 + 1);
    let member = costs(&mut |sim| {
        sim.send("alice", ENTER);
        sim.advance(limits::FLUSH_MS);
        sim.send("alice", r#"{"type":"leave"}"#);
    });
    assert_eq!(member, 6 + 2);
    let publish = costs(&mut |sim| sim.http_publish("writer", 1).map(drop).unwrap());
    assert_eq!(publish, 1 + 1);
    let occupied = costs(&mut |sim| {
        sim.close("alice", 1000);
        join(sim, "alice");
    });
    assert_eq!(occupied, 4 + 4 + 2);
    let failure = costs(&mut |sim| {
        sim.receiver.answers = Answers::Error;
        sim.http_publish("writer", 1).unwrap();
    });
    assert_eq!(failure, 1 + 1);
}

/// Changes the receiver's answers, or interrupts the process, at random.
fn disturb(sim: &mut SimRuntime, rng: &mut TestRng) {
    sim.receiver.answers = match rng.below(6) {
        0 => Answers::Error,
        1 => Answers::DropAfterReading,
        _ => Answers::Ok,
    };
    sim.receiver.is_slow = rng.below(3) == 0;
    match rng.below(8) {
        0 => sim.crash_at_next_input = Some(CrashPoint::BeforeCommit),
        1 => sim.crash_at_next_input = Some(CrashPoint::AfterCommit),
        2 => sim.crash(),
        3 => sim.hibernate(),
        _ => sim.answer_webhook(),
    }
}

/// Crashes at every point, and a receiver that fails in every way.
#[test]
fn every_notification_is_delivered_in_order_despite_crashes() {
    for seed in 0..200 {
        let mut rng = TestRng::new(seed);
        let mut sim = new_sim(true);
        sim.hibernate_between_inputs = rng.below(2) == 0;
        for _ in 0..100 {
            disturb(&mut sim, &mut rng);
            let name = *rng.choose(&["alice", "bob", "carol"]);
            match (rng.below(6), sim.session(name).is_some()) {
                (0 | 1, false) => join(&mut sim, name),
                (0, true) => sim.close(name, 1000),
                (1, true) => sim.drop_socket(name),
                (2, true) => sim.send(name, ENTER),
                (3, true) => sim.send(name, r#"{"type":"leave"}"#),
                (4, _) => drop(sim.http_publish("writer", 1)),
                _ => sim.advance(*rng.choose(&[10, 1_000, 60_000])),
            }
        }
        sim.crash_at_next_input = None;
        (sim.receiver.answers, sim.receiver.is_slow) = (Answers::Ok, false);
        sim.crash();
        join(&mut sim, "alice");
        sim.answer_webhook();
        sim.advance(limits::WEBHOOK_RETRY_MS / 2);
        sim.close("alice", 1000);
        assert_eq!(sim.receiver.dropped, 0, "seed {seed}");
        let head = sim.head();
        assert_eq!(sim.receiver.seq, head, "seed {seed}: {:?}", sim.receiver.log);
        assert!(!sim.receiver.is_occupied, "seed {seed}: {:?}", sim.receiver.log);
        assert_eq!(sim.receiver.members.len(), 0, "seed {seed}: {:?}", sim.receiver.log);
        assert!(sim.store.tables().queue.is_empty() && sim.store.tables().open_items.is_empty());
    }
}
