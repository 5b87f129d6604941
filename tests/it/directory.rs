//! The directory of rooms, with a store in memory.

use roomcast::directory::{DataPoint, Directory, SHARDS, merge, shard_of};
use roomcast::limits;
use roomcast::metrics::Sums;
use roomcast::protocol::{RoomsQuery, Seq};
use roomcast::report::{Report, RoomReport, reporter_of};
use roomcast::time::Millis;
use serde_json::{Value, json};

use crate::sim::{MemoryReportStore, new_directory};

fn sums(entries: &[(&str, u64)]) -> Sums {
    let mut sums = Sums::default();
    entries.iter().for_each(|(key, count)| sums.add(key, *count));
    sums
}

/// Returns a report of a room with one session over a WebSocket.
fn report(room: &str, period: u64, number: u64, gaps: u64) -> Report {
    Report {
        reporter: room.into(),
        period: Millis::new(period),
        number,
        at: Millis::new(period + number),
        room: Some(RoomReport {
            webhook_backlog: 0,
            head: Seq::new(number).unwrap(),
            members: 2,
            sessions: sums(&[("connections:websocket", 1)]),
        }),
        counts: sums(&[("gaps_total", gaps)]),
    }
}

fn record(directory: &mut Directory<MemoryReportStore>, report: &Report) -> Option<DataPoint> {
    directory.record(&report.text(), report.at).unwrap()
}

fn list(directory: &Directory<MemoryReportStore>, query: &str) -> Value {
    let query = RoomsQuery::parse(query).unwrap();
    let page = merge(&[directory.rooms(&query).unwrap()], &query);
    serde_json::from_str(&page).unwrap()
}

#[test]
fn report_that_is_repeated_or_late_changes_nothing() {
    let mut directory = new_directory();
    for number in [1, 3, 3, 2, 1] {
        record(&mut directory, &report("a", 10, number, number));
    }
    assert_eq!(directory.sums().get("gaps_total"), 3);
    assert_eq!(list(&directory, "")["rooms"][0]["head"], 3);
    record(&mut directory, &report("a", 9, 9, 9));
    assert_eq!(directory.sums().get("gaps_total"), 3, "an earlier period is over");
}

#[test]
fn counts_of_earlier_periods_are_kept_and_survive_a_reload() {
    let mut directory = new_directory();
    for (period, number, gaps) in [(10, 1, 2), (10, 2, 5), (20, 1, 1), (30, 1, 4)] {
        record(&mut directory, &report("a", period, number, gaps));
    }
    let expected = sums(&[
        ("connections:websocket", 1),
        ("gaps_total", 10),
        ("members", 2),
        ("rooms:occupied", 1),
    ]);
    assert_eq!(*directory.sums(), expected);
    let reloaded = Directory::load(directory.into_store(), Millis::new(0)).unwrap();
    assert_eq!(*reloaded.sums(), expected);
}

#[test]
fn erased_room_leaves_only_its_counts() {
    let mut directory = new_directory();
    record(&mut directory, &report("a", 10, 1, 2));
    record(&mut directory, &Report { room: None, ..report("a", 10, 2, 3) });
    // This report waited in an isolate of the worker.
    record(&mut directory, &report("a", 10, 1, 2));
    assert_eq!(list(&directory, ""), json!({ "rooms": [] }));
    assert_eq!(directory.sums().get("gaps_total"), 3);
    assert_eq!(directory.sums().get("connections:websocket"), 0);

    // The erased room takes no place on a page.
    record(&mut directory, &report("b", 10, 1, 0));
    record(&mut directory, &report("c", 10, 1, 0));
    assert_eq!(list(&directory, "limit=1")["cursor"], "b");
    record(&mut directory, &report("a", 20, 1, 0));
    assert_eq!(list(&directory, "limit=1")["cursor"], "a");
    assert_eq!(directory.sums().get("gaps_total"), 3);
}

// Limits: EMPTY_ROOM_LISTED_MS, ROOM_LISTED_MS, REPORTS_PRUNE_MS.
#[test]
fn empty_room_is_listed_for_an_hour_and_occupied_room_for_a_month() {
    let mut directory = new_directory();
    let mut empty = report("empty", 10, 1, 2);
    empty.room.as_mut().unwrap().sessions = Sums::default();
    record(&mut directory, &empty);
    record(&mut directory, &report("occupied", 10, 1, 1));
    let names = |directory: &Directory<_>| {
        let rooms = list(directory, "")["rooms"].as_array().unwrap().clone();
        rooms.iter().map(|room| room["room"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    for (ms, expected) in [
        (limits::EMPTY_ROOM_LISTED_MS, vec!["clock", "empty", "occupied"]),
        (limits::EMPTY_ROOM_LISTED_MS + limits::REPORTS_PRUNE_MS, vec!["clock", "occupied"]),
        (limits::ROOM_LISTED_MS + limits::REPORTS_PRUNE_MS, vec!["clock"]),
    ] {
        record(&mut directory, &report("clock", ms, 1, 0));
        assert_eq!(names(&directory), expected, "after {ms} ms");
        assert_eq!(directory.sums().get("gaps_total"), 3, "counts are kept");
    }
}

#[test]
fn rooms_are_listed_in_pages_by_prefix_and_name() {
    let mut directory = new_directory();
    for room in ["b", "a:2", "a:1", "a", "a:3", "ab"] {
        record(&mut directory, &report(room, 10, 1, 0));
    }
    record(&mut directory, &Report { room: None, ..report("isolate/1", 10, 1, 0) });
    for (query, names, cursor) in [
        ("", vec!["a", "a:1", "a:2", "a:3", "ab", "b"], None),
        ("prefix=a:", vec!["a:1", "a:2", "a:3"], None),
        ("prefix=a%3A&limit=2", vec!["a:1", "a:2"], Some("a:2")),
        ("prefix=a:&limit=2&cursor=a:2", vec!["a:3"], None),
        ("prefix=a:&limit=3", vec!["a:1", "a:2", "a:3"], None),
        ("prefix=c", vec![], None),
    ] {
        let page = list(&directory, query);
        let listed = page["rooms"].as_array().unwrap().iter().map(|room| room["room"].as_str());
        assert_eq!(listed.map(Option::unwrap).collect::<Vec<_>>(), names, "{query}");
        assert_eq!(page["cursor"].as_str(), cursor, "{query}");
    }
    let entry = json!({ "room": "b", "head": 1, "sessions": 1, "members": 2, "reported_at": 11 });
    assert_eq!(list(&directory, "prefix=b"), json!({ "rooms": [entry] }));
}

#[test]
fn pages_of_all_shards_are_merged_by_name() {
    let query = RoomsQuery::parse("limit=3").unwrap();
    let shards = ["a:b c", "a-b a", ""].map(|names| {
        let mut shard = new_directory();
        names.split_whitespace().for_each(|room| drop(record(&mut shard, &report(room, 10, 1, 0))));
        shard.rooms(&query).unwrap()
    });
    let page: Value = serde_json::from_str(&merge(&shards, &query)).unwrap();
    let names = page["rooms"].as_array().unwrap().iter().map(|room| room["room"].as_str());
    assert_eq!(names.map(Option::unwrap).collect::<Vec<_>>(), ["a", "a-b", "a:b"]);
    assert_eq!(page["cursor"], "a:b");
}

#[test]
fn report_is_parsed_from_its_text() {
    let isolate = Report { room: None, ..report("isolate/1", 10, 1, 0) };
    for report in [report("a:b", 10, 2, 3), isolate] {
        assert_eq!(Report::parse(&report.text()), Some(report.clone()));
        assert_eq!(reporter_of(&report.text()), report.reporter);
    }
    let of_a_later_version = format!("{}\nnew_total:x 7", report("a", 10, 2, 3).text());
    let parsed = Report::parse(&of_a_later_version).unwrap();
    assert_eq!(parsed.counts.get("new_total:x"), 7);
}

// Limits: LISTED_ROOMS, LISTED_ROOMS_DEFAULT.
#[test]
fn invalid_query_of_rooms_is_rejected() {
    for (query, named) in [
        ("prefix=a/b", "`prefix`"),
        ("prefix=a&prefix=b", "`prefix` is given twice"),
        ("limit=0", "`limit` must be 1 to 1000"),
        ("limit=1001", "`limit` must be 1 to 1000"),
        ("cursor=%20", "`cursor`"),
        ("cursor=", "`cursor`"),
    ] {
        let refusal = RoomsQuery::parse(query).unwrap_err();
        assert!(refusal.message.contains(named), "{query}: {}", refusal.message);
    }
    assert_eq!(RoomsQuery::parse("limit=1000").unwrap().limit, limits::LISTED_ROOMS);
    assert_eq!(RoomsQuery::parse("").unwrap().limit, limits::LISTED_ROOMS_DEFAULT);
    let query = RoomsQuery::parse("prefix=a:&cursor=a:b&limit=7").unwrap();
    assert_eq!(RoomsQuery::parse(&query.query()).unwrap(), query);
}

#[test]
fn data_point_has_what_a_report_adds() {
    let mut directory = new_directory();
    let gaps_of = |point: Option<DataPoint>| point.map(|point| point.doubles[10]);
    assert_eq!(gaps_of(record(&mut directory, &report("a", 10, 1, 2))), Some(2));
    assert_eq!(gaps_of(record(&mut directory, &report("a", 10, 2, 5))), Some(3));
    assert_eq!(gaps_of(record(&mut directory, &report("a", 10, 2, 5))), None, "a repeat");
    assert_eq!(gaps_of(record(&mut directory, &report("a", 20, 1, 4))), Some(4), "a new period");
    let isolate = Report { room: None, ..report("isolate/1", 10, 1, 0) };
    let point = record(&mut directory, &isolate).unwrap();
    assert_eq!((point.reporter.as_str(), point.doubles.len()), ("isolate", 16));
}

#[test]
fn shards_are_used_evenly() {
    let mut used = [0; SHARDS as usize];
    (0..8_000).for_each(|n| used[shard_of(&format!("orders:{n}")) as usize] += 1);
    assert!(used.iter().all(|count| (800..1_200).contains(count)), "{used:?}");
}

#[test]
fn text_that_is_no_report_is_an_error_and_changes_nothing() {
    let mut directory = new_directory();
    for text in ["", "a", "a\nperiod 1", "a\nperiod 1\nnumber 1\nat x", "a\nx"] {
        assert!(directory.record(text, Millis::new(0)).is_err(), "{text}");
    }
    assert_eq!(*directory.sums(), Sums::default());
}
