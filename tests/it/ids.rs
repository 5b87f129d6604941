//! Tests of the index of ids: its reads, its size, and rooms that an earlier
//! version wrote without an index. `repeated_id_returns_first_seq` and the
//! random runs test that events with the same id are stored once.

use roomcast::limits;
use roomcast::settings::Settings;

use crate::sim::SimRuntime;

fn settings(retained_appends: u64) -> Settings {
    let rates = 1_000_000;
    Settings { retained_appends, publishes_per_second: rates, ..Settings::default() }
}

fn event(id: u64) -> String {
    format!(r#"{{"name":"n","data":{id},"id":"i{id}"}}"#)
}

/// Returns a publish with one event for each of these ids.
fn batch(ids: std::ops::Range<u64>) -> String {
    format!(r#"{{"events":[{}]}}"#, ids.map(event).collect::<Vec<_>>().join(","))
}

/// Publishes the ids from 1 to `last`, one by one.
fn publish_ids(sim: &mut SimRuntime, last: u64) {
    (1..=last).for_each(|id| assert_eq!(sim.http_publish_body("bob", &event(id)), Ok(vec![id])));
}

/// Removes all indexes, so that the rows are as an earlier version wrote them.
fn drop_indexes(sim: &SimRuntime) {
    sim.store.damage(|tables| {
        tables.slots.values_mut().for_each(|(_, _, index)| index.clear());
    });
}

#[test]
fn first_publish_with_id_after_load_reads_few_rows_and_no_events() {
    for appends in [100, 1_000, 20_000] {
        let mut sim = SimRuntime::with(settings(appends));
        publish_ids(&mut sim, appends);
        sim.hibernate();
        sim.head();
        sim.store.drain_reads();
        assert_eq!(sim.http_publish_body("bob", &event(appends + 1)), Ok(vec![appends + 1]));
        let new = sim.store.drain_reads();
        assert!(new <= 6, "{new} reads for a new id, with {appends} appends");
        assert_eq!(sim.http_publish_body("bob", &event(appends / 2)), Ok(vec![appends / 2]));
        let repeat = sim.store.drain_reads();
        assert!(repeat <= 6, "{repeat} reads for a repeated id, with {appends} appends");
        assert_eq!(sim.store.largest_read(), 0, "events are not read");
    }
}

#[test]
fn repeated_batch_of_thousand_ids_reads_each_index_node_once() {
    let mut sim = SimRuntime::with(settings(100));
    let thousand = batch(1..1_001);
    sim.http_publish_body("bob", &thousand).unwrap();
    (1_001..=1_020).for_each(|seq| assert_eq!(sim.http_publish("bob", 1), Ok(seq)));
    sim.hibernate();
    sim.head();
    sim.store.drain_reads();
    assert_eq!(sim.http_publish_body("bob", &thousand), Ok((1..=1_000).collect()));
    // To find the 1,000 ids, the publish reads the nodes of their trie. The
    // publish also reads the append, but not the append's events.
    let reads = sim.store.drain_reads();
    assert!(reads < 400, "{reads} reads");
    sim.http_publish_body("bob", &thousand).unwrap();
    assert!(sim.store.drain_reads() <= 1, "the nodes stay in memory");
}

#[test]
fn same_id_of_two_users_is_two_events() {
    let mut sim = SimRuntime::new();
    let event = |data: u64| format!(r#"{{"name":"n","data":{data},"id":"i"}}"#);
    assert_eq!(sim.http_publish_body("bob", &event(1)), Ok(vec![1]));
    assert_eq!(sim.http_publish_body("alice", &event(2)), Ok(vec![2]), "it is another event");
    sim.hibernate();
    assert_eq!(sim.http_publish_body("bob", &event(3)), Ok(vec![1]));
    assert_eq!(sim.http_publish_body("alice", &event(4)), Ok(vec![2]));
}

#[test]
fn index_stays_small_while_ring_wraps() {
    let mut sim = SimRuntime::with(settings(100));
    publish_ids(&mut sim, 2_000);
    let tables = sim.store.tables();
    let bytes: usize = tables.slots.values().map(|(_, _, index)| index.len()).sum();
    assert!(bytes / 100 < 400, "{} bytes a publish", bytes / 100);
}

#[test]
fn index_is_emptied_with_its_events() {
    let settings = Settings { retained_bytes: 2_000, ..settings(1_000) };
    let mut sim = SimRuntime::with(settings);
    publish_ids(&mut sim, 100);
    let tables = sim.store.tables();
    for (_, events, index) in tables.slots.values() {
        assert_eq!(events.is_empty(), index.is_empty());
    }
    assert!(tables.slots[&0].2.is_empty());
}

#[test]
fn ids_without_index_are_found_and_indexed_by_next_publish() {
    for hibernate in [false, true] {
        let mut sim = SimRuntime::with(settings(50));
        publish_ids(&mut sim, 60);
        drop_indexes(&sim);
        sim.hibernate();
        sim.hibernate_between_inputs = hibernate;
        assert_eq!(sim.http_publish_body("bob", &event(20)), Ok(vec![20]));
        assert_eq!(
            sim.http_publish_body("bob", &event(10)),
            Ok(vec![61]),
            "its event is no longer retained"
        );
        assert_eq!(sim.http_publish_body("bob", &event(61)), Ok(vec![62]));
        assert_eq!(sim.http_publish_body("bob", &event(20)), Ok(vec![20]));
        sim.hibernate();
        sim.store.drain_reads();
        for id in 13..=60 {
            assert_eq!(sim.http_publish_body("bob", &event(id)), Ok(vec![id]));
        }
        let read = sim.store.largest_read();
        assert!(sim.http_publish_body("bob", &event(62)) == Ok(vec![63]) && read > 0);
        assert_eq!(
            sim.http_publish_body("bob", &event(13)),
            Ok(vec![64]),
            "the last publish evicted its append"
        );
    }
}

/// Limits: UNINDEXED_IDS.
#[test]
fn unindexed_ids_beyond_memory_limit_are_read_until_indexed() {
    let mut sim = SimRuntime::with(settings(100));
    let last = limits::UNINDEXED_IDS as u64 + 2_000;
    for from in (1..last).step_by(1_000) {
        sim.http_publish_body("bob", &batch(from..from + 1_000)).unwrap();
    }
    drop_indexes(&sim);
    sim.hibernate();
    sim.head();
    let reads_for = |sim: &mut SimRuntime, id: u64, seq: u64| {
        sim.store.drain_reads();
        assert_eq!(sim.http_publish_body("bob", &event(id)), Ok(vec![seq]), "id {id}");
        sim.store.drain_reads()
    };
    // The oldest ids are not in memory. Until the index contains these ids,
    // each publish reads them from storage.
    let scan = reads_for(&mut sim, 1, 1);
    assert_eq!(reads_for(&mut sim, last, last), scan);
    reads_for(&mut sim, 100_000, last + 1);
    reads_for(&mut sim, 100_001, last + 2);
    sim.hibernate();
    sim.head();
    for (id, seq) in [(1, 1), (2_000, 2_000), (2_001, 2_001), (last, last), (100_000, last + 1)] {
        let reads = reads_for(&mut sim, id, seq);
        assert!(reads <= 7, "{reads} reads for id {id}");
    }
}

/// A version without an index overwrites an append, but leaves the index of the
/// previous append in the row.
#[test]
fn stale_index_of_overwritten_append_is_ignored() {
    let mut sim = SimRuntime::with(settings(10));
    publish_ids(&mut sim, 12);
    let index = |sim: &SimRuntime, slot: u64| sim.store.tables().slots[&slot].2.clone();
    let stale = [index(&sim, 2), index(&sim, 3)];
    for id in 13..=14 {
        sim.http_publish_body("bob", &event(id)).unwrap();
    }
    sim.store.damage(|tables| {
        for (slot, stale) in [2, 3].into_iter().zip(stale) {
            tables.slots.get_mut(&slot).unwrap().2 = stale;
        }
    });
    sim.hibernate();
    for id in 5..=14 {
        assert_eq!(sim.http_publish_body("bob", &event(id)), Ok(vec![id]));
    }
    for id in 15..=40 {
        assert_eq!(sim.http_publish_body("bob", &event(id)), Ok(vec![id]));
        assert_eq!(sim.http_publish_body("bob", &event(id - 9)), Ok(vec![id - 9]));
        sim.hibernate();
    }
}

#[test]
fn damaged_index_rejects_only_publishes_with_ids() {
    let mut sim = SimRuntime::with(settings(10));
    publish_ids(&mut sim, 10);
    sim.store.damage(|tables| tables.slots.get_mut(&9).unwrap().2.truncate(20));
    sim.hibernate();
    assert!(sim.http_publish_body("bob", &event(5)).is_err());
    assert!(sim.http_publish_body("bob", &event(11)).is_err());
    assert_eq!(sim.http_publish("bob", 1), Ok(11));
    assert_eq!(sim.head(), 11);
}
