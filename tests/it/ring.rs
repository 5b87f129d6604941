//! Tests of the log as a ring. Retained events don't change when the ring wraps
//! or is resized.

use roomcast::settings::Settings;

use crate::sim::SimRuntime;

fn retaining(retained_appends: u64) -> Settings {
    Settings { retained_appends, ..Settings::default() }
}

/// Returns the seqs of the events that can still be replayed, oldest first.
fn retained(sim: &mut SimRuntime) -> Vec<u64> {
    let stats = sim.http_get("");
    let (epoch, oldest) = (stats["epoch"].as_str().unwrap(), stats["oldest"].as_u64().unwrap());
    let query = format!("since={epoch}:{}", oldest - 1);
    sim.join_with("walker", &query);
    sim.deliver_pending();
    sim.drop_socket("walker");
    assert_eq!(sim.client("walker").gaps, 0, "{query}");
    sim.client("walker").seqs()
}

/// Returns the newest `count` seqs up to `head`.
fn newest(count: u64, head: u64) -> Vec<u64> {
    (1 + head.saturating_sub(count)..=head).collect()
}

#[test]
fn ring_of_any_size_retains_newest_appends() {
    for capacity in [1, 2, 3, 7] {
        for hibernate in [false, true] {
            let mut sim = SimRuntime::with(retaining(capacity));
            sim.hibernate_between_inputs = hibernate;
            for data in 1..=20 {
                sim.http_publish("bob", data).unwrap();
                assert_eq!(retained(&mut sim), newest(capacity, data), "capacity {capacity}");
            }
        }
    }
}

#[test]
fn retention_counts_appends_not_events() {
    let mut sim = SimRuntime::with(retaining(2));
    let three = r#"{"events":[{"name":"n","data":1},{"name":"n","data":2},{"name":"n","data":3}]}"#;
    sim.http_publish_body("bob", three).unwrap();
    sim.http_publish_body("bob", three).unwrap();
    assert_eq!(retained(&mut sim), [1, 2, 3, 4, 5, 6]);
    sim.http_publish("bob", 7).unwrap();
    assert_eq!(retained(&mut sim), [4, 5, 6, 7], "an append is evicted as a whole");
}

#[test]
fn resized_ring_retains_existing_events() {
    for (from, to) in [(5, 9), (5, 3), (5, 1), (1, 4), (7, 6), (3, 3)] {
        let mut sim = SimRuntime::with(retaining(from));
        for data in 1..=12 {
            sim.http_publish_body(
                "bob",
                &format!(r#"{{"name":"n","data":{data},"id":"i{data}"}}"#),
            )
            .unwrap();
        }
        let epoch = sim.epoch();
        sim.settings = retaining(to);
        sim.hibernate();

        let kept = newest(from.min(to), 12);
        assert_eq!(retained(&mut sim), kept, "from {from} to {to}");
        assert_eq!((sim.epoch(), sim.head()), (epoch, 12));
        let oldest = kept[0];
        let again = |seq: u64| format!(r#"{{"name":"n","data":{seq},"id":"i{seq}"}}"#);
        assert_eq!(
            sim.http_publish_body("bob", &again(oldest)),
            Ok(vec![oldest]),
            "a retained id still counts"
        );
        assert_eq!(
            sim.http_publish_body("bob", &again(oldest - 1)),
            Ok(vec![13]),
            "an evicted id no longer counts"
        );

        // The ring must continue with its new size, both in an active room and
        // after hibernation.
        for data in 14..=40 {
            sim.http_publish("bob", data).unwrap();
            sim.hibernate();
        }
        assert_eq!(retained(&mut sim), newest(to, 40), "from {from} to {to}");
    }
}

#[test]
fn repeatedly_resized_ring_restores_no_lost_event() {
    let mut sim = SimRuntime::with(retaining(8));
    let mut previous_oldest = 0;
    for (round, capacity) in [8, 2, 8, 3, 1, 20, 4, 20].into_iter().enumerate() {
        sim.settings = retaining(capacity);
        sim.hibernate();
        for data in 0..=round {
            sim.http_publish("bob", data).unwrap();
        }
        let retained = retained(&mut sim);
        assert!(retained.len() as u64 <= capacity);
        assert!(retained[0] >= previous_oldest);
        previous_oldest = retained[0];
    }
}

#[test]
fn byte_limit_evicts_oldest_and_frees_space() {
    let settings = Settings { retained_bytes: 2_000, ..Settings::default() };
    let mut sim = SimRuntime::with(settings);
    let large = format!(r#"{{"name":"n","data":"{}"}}"#, "x".repeat(600));
    for _ in 0..3 {
        sim.http_publish_body("bob", &large).unwrap();
    }
    assert_eq!(retained(&mut sim), [1, 2, 3]);
    sim.store.drain_rows_written();
    sim.http_publish_body("bob", &large).unwrap();
    assert_eq!(retained(&mut sim), [2, 3, 4]);
    assert_eq!(
        sim.store.drain_rows_written(),
        2,
        "one row for the append, and one for the emptied slot"
    );
    sim.http_publish("bob", 5).unwrap();
    assert_eq!(sim.store.drain_rows_written(), 1 + 1);
    assert_eq!(retained(&mut sim), [3, 4, 5]);

    let stored = |sim: &SimRuntime| -> usize {
        sim.store.tables().slots.values().map(|(_, events, _)| events.len()).sum()
    };
    assert!(stored(&sim) <= 2_000, "only retained events are stored");
    assert_eq!(sim.http_get("")["bytes"], stored(&sim));

    // An append larger than the byte limit is retained alone.
    let larger = format!(r#"{{"name":"n","data":"{}"}}"#, "x".repeat(5_000));
    sim.http_publish_body("bob", &larger).unwrap();
    assert_eq!(retained(&mut sim), [6]);
    sim.hibernate();
    assert_eq!(retained(&mut sim), [6]);
    sim.http_publish("bob", 7).unwrap();
    assert_eq!(retained(&mut sim), [7]);
}

#[test]
fn byte_and_append_limits_apply_together() {
    for hibernate in [false, true] {
        let settings = Settings { retained_bytes: 1_000, ..retaining(5) };
        let mut sim = SimRuntime::with(settings);
        sim.hibernate_between_inputs = hibernate;
        // Small appends reach the limit of appends, and large appends reach the
        // limit of bytes. Eight small appends alternate with eight large
        // appends.
        for append in 0..60_usize {
            let data = "x".repeat(if append / 8 % 2 == 0 { 1 } else { 300 });
            sim.http_publish_body("bob", &format!(r#"{{"name":"n","data":"{data}"}}"#)).unwrap();
            let retained = retained(&mut sim);
            assert!(!retained.is_empty() && retained.len() <= 5);
            let bytes = sim.http_get("")["bytes"].as_u64().unwrap();
            assert!(bytes <= 1_000, "{bytes} bytes");
            let stored: usize =
                sim.store.tables().slots.values().map(|(_, events, _)| events.len()).sum();
            assert!(stored <= 1_000 + 5 * 80, "{stored} bytes are stored");
        }
    }
}

#[test]
fn age_limit_drops_only_older_events() {
    let settings = Settings { retained_ms: 10_000, ..Settings::default() };
    let mut sim = SimRuntime::with(settings);
    sim.join("alice");
    for data in 1..=5 {
        sim.http_publish("bob", data).unwrap();
        sim.advance(4_000);
    }
    // The events were published at 0, 4, 8, 12 and 16 s. The time is now 20 s.
    assert_eq!(retained(&mut sim), [4, 5]);
    let once = r#"{"name":"n","data":1,"id":"i"}"#;
    sim.http_publish_body("bob", once).unwrap();
    sim.advance(10_000);
    assert_eq!(
        sim.http_publish_body("bob", once),
        Ok(vec![6]),
        "an event of exactly the age limit is retained"
    );
    sim.advance(1);
    assert!(retained(&mut sim).is_empty());
    let stats = sim.http_get("");
    assert_eq!(
        (&stats["head"], &stats["oldest"], &stats["bytes"]),
        (&6.into(), &7.into(), &0.into())
    );
    sim.hibernate();
    assert_eq!(
        sim.http_publish_body("bob", once),
        Ok(vec![7]),
        "the first event is no longer retained"
    );
    assert_eq!(sim.client("alice").data().len(), 7, "a session that stayed misses nothing");
}
