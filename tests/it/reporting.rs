//! The reports of a room to the directory, and the counts for the metrics.

use std::collections::BTreeSet;

use roomcast::limits;
use roomcast::protocol::RoomsQuery;
use roomcast::settings::Settings;
use serde_json::Value;

use crate::sim::SimRuntime;

impl SimRuntime {
    /// Returns the room's entry in the directory.
    fn entry(&self) -> Option<Value> {
        let query = RoomsQuery::parse("").unwrap();
        let rooms = self.directory.rooms(&query).unwrap();
        rooms.lines().next().map(|room| serde_json::from_str(room).unwrap())
    }

    fn counted(&self, series: &str) -> u64 {
        self.directory.sums().get(series)
    }
}

#[test]
fn room_reports_at_once_when_it_is_first_occupied_and_last_empty() {
    let mut sim = SimRuntime::new();
    sim.join("alice");
    assert_eq!(sim.entry().unwrap()["sessions"], 1);
    sim.advance(limits::EDGE_REPORT_MS);
    sim.join("bob");
    assert_eq!(sim.entry().unwrap()["sessions"], 1, "no edge");
    sim.close("alice", 1000);
    sim.close("bob", 1000);
    assert_eq!(sim.entry().unwrap()["sessions"], 0);
    assert_eq!(sim.counted("disconnects_total:1000"), 2);
    assert_eq!(sim.counted("rooms:empty"), 1);
}

// Limits: EDGE_REPORT_MS.
#[test]
fn room_that_becomes_empty_right_after_a_report_reports_within_a_second() {
    let mut sim = SimRuntime::new();
    sim.join("alice");
    sim.close("alice", 1000);
    assert_eq!(sim.entry().unwrap()["sessions"], 1);
    sim.advance(limits::EDGE_REPORT_MS);
    assert_eq!(sim.entry().unwrap()["sessions"], 0);
}

// Limits: REPORT_MS.
#[test]
fn active_room_reports_at_most_once_in_ten_seconds() {
    let mut sim = SimRuntime::new();
    sim.join("alice");
    let seconds = 60;
    for _ in 0..seconds {
        sim.advance(1_000);
        sim.send("alice", r#"{"type":"publish","name":"n","data":1}"#);
    }
    let most = 1 + seconds * 1_000 / limits::REPORT_MS;
    assert!((3..=most).contains(&sim.reports_sent), "{} reports", sim.reports_sent);
}

#[test]
fn worker_that_delivers_reports_replaces_the_reports_of_the_room() {
    let mut sim = SimRuntime::new();
    for n in 0..30 {
        sim.advance(1_000);
        sim.http_publish("alice", n).unwrap();
        assert_eq!(sim.entry().unwrap()["head"], n + 1);
    }
    assert_eq!(sim.reports_sent, 0);

    sim.delivers_reports = false;
    sim.advance(limits::REPORT_MS);
    sim.http_publish("alice", 30).unwrap();
    assert_eq!((sim.reports_sent, sim.entry().unwrap()["head"].clone()), (1, 31.into()));
}

#[test]
fn counts_survive_hibernation_at_every_input() {
    let run = |hibernates: bool| {
        let mut sim = SimRuntime::with(Settings { retained_appends: 5, ..Settings::default() });
        sim.hibernate_between_inputs = hibernates;
        sim.join("alice");
        sim.join_with("bob", "last=0");
        for n in 0..20 {
            sim.advance(100);
            sim.send("alice", r#"{"type":"publish","name":"n","data":1}"#);
            sim.http_publish("writer", n).unwrap();
            if n == 2 {
                sim.close("bob", 1000);
            }
        }
        sim.send("alice", "{");
        sim.resume("bob");
        sim.advance(limits::REPORT_MS);
        sim.send("alice", r#"{"type":"ping"}"#);
        sim.directory.sums().clone()
    };
    let sums = run(true);
    for (series, expected) in [
        ("connections:websocket", 2),
        ("connections_accepted_total", 3),
        ("disconnects_total:1000", 1),
        ("messages_received_total:publish", 20),
        ("messages_received_total:invalid", 1),
        ("messages_received_total:ping", 1),
        ("messages_sent_total:welcome", 3),
        ("messages_sent_total:gap", 1),
        ("gaps_total", 1),
        ("recover_total:gap", 1),
        ("rows_written_total", 41),
    ] {
        assert_eq!(sums.get(series), expected, "{series}: {sums:?}");
    }
    assert_eq!(sums, run(false));
}

#[test]
fn resumed_session_is_counted_with_its_events() {
    let mut sim = SimRuntime::new();
    sim.join("alice");
    sim.close("alice", 1000);
    for n in 0..7 {
        sim.http_publish("bob", n).unwrap();
    }
    sim.resume("alice");
    sim.advance(limits::REPORT_MS);
    sim.send("alice", r#"{"type":"ping"}"#);
    assert_eq!(sim.counted("recover_total:recovered"), 1);
    assert_eq!(sim.counted("recovered_events_total"), 7);
}

#[test]
fn sessions_are_counted_by_transport() {
    let mut sim = SimRuntime::new();
    let identity = sim.identity("alice");
    sim.connect_bridge("alice", "", identity, 1_000_000);
    assert_eq!(sim.counted("connections:connection"), 1);
    sim.hibernate();
    sim.advance(limits::EDGE_REPORT_MS);
    sim.close("alice", 1000);
    assert_eq!(sim.counted("connections:connection"), 0);
}

#[test]
fn hibernating_room_with_members_reports_nothing_while_nothing_happens() {
    let mut sim = SimRuntime::new();
    sim.join("admin");
    sim.send("admin", r#"{"type":"enter"}"#);
    sim.advance(limits::REPORT_MS);
    sim.send("admin", r#"{"type":"ping"}"#);
    let reports = sim.reports_sent;
    for _ in 0..10 {
        sim.hibernate();
        sim.ping("admin");
        sim.advance(limits::PING_MS);
    }
    assert!(sim.loads > 5, "alarms loaded the room");
    assert_eq!(sim.reports_sent, reports);
}

// Limits: REPORT_PERIOD_MS.
#[test]
fn period_ends_before_the_directory_forgets_it() {
    let mut sim = SimRuntime::new();
    sim.http_publish("alice", 1).unwrap();
    let rows = sim.counted("rows_written_total");
    // Reads keep the object in memory.
    for _ in 0..20 {
        sim.advance(limits::EMPTY_ROOM_LISTED_MS / 10);
        sim.http_get("/state");
    }
    sim.http_publish("alice", 2).unwrap();
    assert_eq!(sim.counted("rows_written_total"), rows + 1);
}

#[test]
fn erased_room_leaves_the_directory() {
    let mut sim = SimRuntime::new();
    sim.join("alice");
    sim.http_publish("alice", 1).unwrap();
    sim.http("admin", "DELETE /rooms/r", "");
    assert_eq!(sim.entry(), None);
    assert_eq!(sim.counted("disconnects_total:4011"), 1);
}

// Limits: REPORT_SAVE_MS.
#[test]
fn busy_room_saves_its_report_once_in_a_while() {
    let mut sim = SimRuntime::new();
    sim.join("alice");
    sim.advance(limits::REPORT_SAVE_MS);
    let mut saved = BTreeSet::new();
    for n in 0..5 * limits::REPORT_SAVE_MS {
        sim.advance(1);
        sim.http_publish("writer", n).unwrap();
        saved.insert(sim.attachment("alice").unwrap().to_owned());
    }
    assert!((4..=6).contains(&saved.len()), "{} saves", saved.len());
}

// Limits: directory.
#[test]
fn room_with_directory_off_reports_and_saves_nothing() {
    let mut sim = SimRuntime::with(Settings { directory: false, ..Settings::default() });
    sim.join("alice");
    sim.http_publish("alice", 1).unwrap();
    assert_eq!((sim.entry(), sim.report_at), (None, None));
    assert!(!sim.attachment("alice").unwrap().contains("report"));
}

#[test]
fn largest_report_fits_into_an_attachment() {
    let mut sim = SimRuntime::new();
    sim.join("admin");
    sim.send("admin", r#"{"type":"enter"}"#);
    for text in [
        r#"{"type":"publish","name":"n","data":1,"ref":"1"}"#,
        r#"{"type":"signal","name":"n","data":1}"#,
        r#"{"type":"members"}"#,
        r#"{"type":"leave"}"#,
        r#"{"type":"ping"}"#,
        r#"{"type":"seen","seq":1}"#,
        "{",
    ] {
        sim.advance(limits::REPORT_SAVE_MS);
        sim.send("admin", text);
    }
    sim.fire_report();
    let bytes = sim.attachment("admin").unwrap().len();
    assert!(bytes < 2_000, "{bytes} bytes");
}
