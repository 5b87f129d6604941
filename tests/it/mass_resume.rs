//! Tests in which many clients resume at the same time. The tests count the
//! storage reads, and the frames that the room encodes.

use std::rc::Rc;

use roomcast::protocol::{RoomName, Start};
use roomcast::room::{Bridge, Effect, Input, Room};
use roomcast::session::SessionId;
use roomcast::settings::Settings;

use crate::memory_store::MemoryStore;
use crate::sim::SimRuntime;

fn room_with(appends: u64) -> SimRuntime {
    let settings = Settings {
        retained_appends: 100_000,
        publishes_per_second: 1_000_000,
        ..Settings::default()
    };
    let mut sim = SimRuntime::with(settings);
    for data in 1..=appends {
        sim.http_publish("writer", data).unwrap();
    }
    sim
}

#[test]
fn resume_within_memory_reads_no_row() {
    let mut sim = room_with(3_000);
    let epoch = sim.epoch();
    sim.store.drain_reads();
    for seq in [2_999, 2_900, 3_000, 2_000] {
        sim.join_with("carol", &format!("since={epoch}:{seq}"));
        assert_eq!(sim.client("carol").seqs().len() as u64, 3_000 - seq);
        assert_eq!(sim.store.drain_reads(), 0, "since {seq}");
    }
    sim.join_with("carol", "last=50");
    assert_eq!(sim.store.drain_reads(), 0);
    sim.join_with("carol", &format!("since={epoch}:5"));
    assert_eq!(sim.client("carol").seqs().len(), 2_995, "older events are read from storage");
    assert!(sim.store.drain_reads() > 0);
}

#[test]
fn first_resume_after_load_reads_events_for_later_resumes() {
    let mut sim = room_with(3_000);
    let epoch = sim.epoch();
    sim.hibernate();
    sim.store.drain_reads();
    sim.join_with("alice", &format!("since={epoch}:2900"));
    assert!(sim.store.drain_reads() > 0);
    for (who, seq) in [("bob", 2_900), ("carol", 2_950), ("dave", 2_999)] {
        sim.join_with(who, &format!("since={epoch}:{seq}"));
        assert_eq!(sim.client(who).seqs().len() as u64, 3_000 - seq);
        assert_eq!(sim.store.drain_reads(), 0, "{who}");
    }
    sim.http_publish("writer", 1).unwrap();
    sim.join_with("erin", &format!("since={epoch}:2999"));
    assert_eq!((sim.client("erin").seqs(), sim.store.drain_reads()), (vec![3_000, 3_001], 0));
}

#[test]
fn first_join_at_a_head_reads_state_for_later_joins() {
    let mut sim = SimRuntime::new();
    for data in 1..=2 {
        sim.http_publish_body("bob", &format!(r#"{{"name":"n","data":{data},"key":"k"}}"#))
            .unwrap();
        sim.join("alice");
        sim.store.drain_reads();
        sim.join("carol");
        assert_eq!(sim.store.drain_reads(), 0);
        assert_eq!(sim.client("carol").state["k"].seq, data);
    }
}

#[test]
fn broadcast_and_seen_read_no_row() {
    let mut sim = room_with(3_000);
    sim.join_with("carol", "flow=1");
    sim.http_publish("writer", 1).unwrap();
    sim.send_seen("carol");
    sim.hibernate();
    sim.http_get("");
    sim.store.drain_reads();
    sim.http_publish("writer", 2).unwrap();
    sim.send_seen("carol");
    assert_eq!(sim.store.drain_reads(), 0);
}

#[test]
fn resumes_from_one_position_share_one_text() {
    let sim = SimRuntime::new();
    let (name, store) = (RoomName::parse("r").unwrap(), MemoryStore::default());
    let identity = sim.identity("alice");
    let mut room = Room::load(name, sim.settings, store, sim.now, 1).unwrap();
    let body = r#"{"events":[{"name":"n","data":1},{"name":"n","data":2}]}"#;
    let request = roomcast::route::Request::Publish;
    room.handle(
        Input::Request { by: identity.clone(), request, body, takes_report: false },
        sim.now,
    );

    let mut texts: Vec<Rc<str>> = Vec::new();
    for session in 1..=1_000 {
        let join = Input::Join {
            session: SessionId(session),
            identity: identity.clone(),
            start: Start::parse("last=1&flow=1").unwrap(),
            bridge: Bridge::default(),
        };
        for effect in room.handle(join, sim.now) {
            if let Effect::Send { text, .. } = effect
                && text.contains(r#""type":"events""#)
            {
                texts.push(text);
            }
        }
    }
    assert_eq!(texts.len(), 1_000);
    assert!(texts.iter().all(|text| Rc::ptr_eq(text, &texts[0])));
}
