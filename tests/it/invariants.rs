//! Tests of the named invariants of ARCHITECTURE.md. The tests
//! `frame_fields_never_widen_the_grant`, `arbitrary_inputs_do_not_panic`,
//! `every_queue_rejects_input_beyond_its_limit` and
//! `hibernation_between_inputs_is_invisible` are in other files.

use roomcast::code::Code;
use roomcast::settings::Settings;

use crate::client::Frame;
use crate::sim::{CrashPoint, SimRuntime};

#[test]
fn event_is_stored_before_it_is_sent_or_rejected() {
    let mut sim = SimRuntime::new();
    sim.join("alice");
    sim.join("bob");
    sim.send_publish("alice", 1);
    assert_eq!(sim.client("alice").drain_frame_types(), ["welcome", "events", "ack"]);
    assert_eq!(sim.client("bob").drain_frame_types(), ["welcome", "events"]);

    // If the write fails, the publisher receives an error and the other clients
    // receive nothing.
    sim.store.fail_writes();
    sim.send("alice", r#"{"type":"publish","name":"n","data":2,"id":"i","key":"k","ref":"2"}"#);
    let error = &sim.client("alice").drain_frames()[0];
    assert_eq!((&error["type"], &error["code"]), (&"error".into(), &"internal".into()));
    assert_eq!(error["ref"], "2");
    let batch = r#"{"events":[{"name":"n","data":3,"id":"i"},{"name":"n","data":4}]}"#;
    assert_eq!(sim.http_publish_body("writer", batch), Err(Code::Internal));
    assert!(sim.client("alice").drain_frames().is_empty());
    assert!(sim.client("bob").drain_frames().is_empty());
    assert_eq!(sim.logged_errors.len(), 2, "the cause is logged: {:?}", sim.logged_errors);
    assert_eq!(sim.head(), 1);

    // The failed publish used no seq and stored no id or key.
    sim.store.clear_faults();
    assert_eq!(sim.http_publish_body("writer", batch), Ok(vec![2, 3]));
    assert_eq!(sim.client("bob").data(), ["1", "3", "4"]);
    assert_eq!(sim.http_get("/state")["events"].as_array().unwrap().len(), 0);
}

#[test]
fn rejected_and_repeated_publishes_use_no_seq() {
    let mut sim = SimRuntime::new();
    sim.join("carol");
    let epoch = sim.client("carol").epoch.clone().unwrap();
    let three = r#"{"events":[{"name":"n","data":1},{"name":"n","data":2,"id":"i"},{"name":"n","data":3}]}"#;
    assert_eq!(sim.http_publish_body("bob", three), Ok(vec![1, 2, 3]));

    // Rejected, repeated and lost publishes use no seq. Hibernation uses no seq
    // either.
    assert_eq!(sim.http_publish_body("bob", r#"{"name":"","data":1}"#), Err(Code::BadRequest));
    assert_eq!(sim.http_publish_body("reader", r#"{"name":"n","data":1}"#), Err(Code::Forbidden));
    assert_eq!(sim.http_publish_body("bob", r#"{"name":"n","data":1,"id":"i"}"#), Ok(vec![2]));
    sim.store.fail_writes();
    assert_eq!(sim.http_publish("bob", 4), Err(Code::Internal));
    sim.store.clear_faults();
    sim.hibernate();
    assert_eq!(sim.http_publish("bob", 4), Ok(4));
    sim.crash_at_next_input = Some(CrashPoint::BeforeCommit);
    assert_eq!(sim.http_publish("bob", 5), Err(Code::Restarting));
    sim.resume("carol");
    let mixed = r#"{"events":[{"name":"n","data":2,"id":"i"},{"name":"n","data":5},{"name":"n","data":6}]}"#;
    assert_eq!(sim.http_publish_body("bob", mixed), Ok(vec![2, 5, 6]));

    assert_eq!(sim.client("carol").seqs(), [1, 2, 3, 4, 5, 6]);
    sim.join_with("dave", &format!("since={epoch}:0"));
    assert_eq!(sim.client("dave").seqs(), [1, 2, 3, 4, 5, 6]);
    let page = sim.http_get(&format!("/events?since={epoch}:0"));
    let seqs = page["events"].as_array().unwrap().iter().map(|event| event["seq"].as_u64());
    assert!(seqs.eq((1..=6).map(Some)));
}

#[test]
fn resumed_session_gets_same_events_as_one_that_stayed() {
    let mut sim = SimRuntime::new();
    sim.join("carol");
    // Each append has 1 to 7 events. Every fifth append has events of 150,000
    // bytes, so two of its events don't fit into one frame.
    for append in 1..=24_usize {
        let data = "x".repeat(if append % 5 == 0 { 150_000 } else { append });
        let event = format!(r#"{{"name":"n","data":"{data}"}}"#);
        let events = vec![event; append % 7 + 1].join(",");
        sim.http_publish_body("bob", &format!(r#"{{"events":[{events}]}}"#)).unwrap();
    }
    let (stayed, head) = (sim.client("carol").events.clone(), sim.head());
    let epoch = sim.epoch();

    for seq in 0..=head {
        sim.join_with("dave", &format!("since={epoch}:{seq}"));
        sim.deliver_pending();
        let expected = &stayed[usize::try_from(seq).unwrap()..];
        assert_eq!(sim.client("dave").events, expected, "since {seq}");
    }

    // Carol disconnects and resumes. During her replay, which takes several
    // turns, bob publishes and the room hibernates. Carol must miss no event.
    sim.join_with("dave", &format!("since={epoch}:{head}"));
    sim.drop_socket("carol");
    for _ in 0..12 {
        let large = format!(r#"{{"name":"n","data":"{}"}}"#, "y".repeat(250_000));
        sim.http_publish_body("bob", &large).unwrap();
    }
    sim.resume("carol");
    assert!(sim.replay_scheduled, "the replay takes more than one turn");
    sim.http_publish("bob", 1).unwrap();
    sim.continue_replay();
    sim.hibernate();
    sim.http_publish("bob", 2).unwrap();
    sim.deliver_pending();
    sim.http_publish("bob", 3).unwrap();
    let dave = sim.client("dave").events.clone();
    assert_eq!(sim.client("carol").events[stayed.len()..], dave);
    assert_eq!(sim.client("carol").data().last(), Some(&"3"));
}

#[test]
fn resume_from_lost_position_gets_gap() {
    let hour = 3_600_000;
    let by_appends = Settings { retained_appends: 3, ..Settings::default() };
    let by_age = Settings { retained_ms: 5 * hour, ..Settings::default() };
    let by_bytes = Settings { retained_bytes: 250, ..Settings::default() };
    for settings in [by_appends, by_age, by_bytes] {
        let mut sim = SimRuntime::with(settings);
        sim.join("carol");
        let (epoch, mut previous_oldest) = (sim.epoch(), 1);
        for data in 1..=8 {
            sim.advance(hour);
            sim.http_publish("bob", data).unwrap();
            let oldest = sim.http_get("")["oldest"].as_u64().unwrap();
            assert!(oldest >= previous_oldest, "lost events stay lost");
            previous_oldest = oldest;
            for seq in 0..=data + 2 {
                check_complete_or_gap(&mut sim, &epoch, seq, oldest, data);
            }
            check_complete_or_gap(&mut sim, "AAAAAAAA", data, u64::MAX, data);
        }
        assert!(previous_oldest > 1, "{settings:?} lost nothing");
    }
}

/// Resumes over a socket and reads a page over HTTP. Checks the replay and the
/// page: each of them must be complete or report the loss.
fn check_complete_or_gap(sim: &mut SimRuntime, epoch: &str, seq: u64, oldest: u64, head: u64) {
    let can_be_resumed = seq <= head && seq + 1 >= oldest;
    sim.join_with("dave", &format!("since={epoch}:{seq}"));
    let dave = sim.client("dave");
    assert_eq!(dave.gaps == 1, !can_be_resumed, "since {seq}, oldest {oldest}, head {head}");
    let welcome = Frame::read(&dave.frames[0]);
    assert_eq!(welcome.recovered, Some(can_be_resumed), "the welcome reports the loss");
    let missed: Vec<u64> = if can_be_resumed { (seq + 1..=head).collect() } else { vec![] };
    assert_eq!(dave.seqs(), missed, "since {seq}");

    let (status, page) = sim.http("dave", &format!("GET /rooms/r/events?since={epoch}:{seq}"), "");
    assert_eq!(status, if can_be_resumed { 200 } else { 410 }, "since {seq}: {page}");
}

#[test]
fn slow_replay_gets_gap_after_log_wraps() {
    let mut sim = SimRuntime::with(Settings { retained_appends: 12, ..Settings::default() });
    let large = format!(r#"{{"name":"n","data":"{}"}}"#, "x".repeat(250_000));
    for _ in 0..12 {
        sim.http_publish_body("bob", &large).unwrap();
    }
    sim.http_publish_body("bob", r#"{"name":"n","data":1,"key":"k"}"#).unwrap();
    let epoch = sim.epoch();
    sim.join_with("alice", &format!("since={epoch}:1"));
    assert_eq!(sim.client("alice").seqs(), [2, 3, 4, 5]);

    // The ring wraps before the replay's next turn.
    for data in 1..=12 {
        sim.http_publish("bob", data).unwrap();
    }
    sim.deliver_pending();
    let alice = sim.client("alice");
    assert_eq!(alice.gaps, 1);
    assert_eq!(alice.state["k"].data(), "1", "the state replaces the lost events");
    sim.http_publish("bob", 13).unwrap();
    assert_eq!(sim.client("alice").data(), ["13"], "no event is missing after the gap");
}

#[test]
fn repeated_id_returns_first_seq() {
    let mut sim = SimRuntime::with(Settings { retained_appends: 4, ..Settings::default() });
    let once = r#"{"name":"n","data":1,"id":"i"}"#;
    let over_a_socket = r#"{"type":"publish","name":"n","data":1,"id":"i","ref":"r"}"#;
    sim.join("alice");
    assert_eq!(sim.http("alice", "POST /rooms/r/events", once).0, 201);

    // Each repeat returns the seq of the first publish.
    assert_eq!(sim.http("alice", "POST /rooms/r/events", once).0, 200);
    sim.send("alice", over_a_socket);
    let ack = sim.client("alice").drain_frames().pop().unwrap();
    assert_eq!((&ack["type"], &ack["seq"]), (&"ack".into(), &1.into()));
    sim.hibernate();
    assert_eq!(sim.http_publish_body("alice", once), Ok(vec![1]));
    sim.crash();
    assert_eq!(sim.http_publish_body("alice", once), Ok(vec![1]));

    // The batch repeats the event above once, and contains a new id twice.
    let batch = format!(
        r#"{{"events":[{once},{{"name":"n","data":2,"id":"j"}},{{"name":"n","data":3,"id":"j"}}]}}"#
    );
    assert_eq!(sim.http_publish_body("alice", &batch), Ok(vec![1, 2, 2]));

    // Alice can't know whether the event was stored, so she publishes it again.
    let fresh = r#"{"name":"n","data":4,"id":"k"}"#;
    sim.crash_at_next_input = Some(CrashPoint::AfterCommit);
    assert_eq!(sim.http_publish_body("alice", fresh), Err(Code::Restarting));
    assert_eq!(sim.http_publish_body("alice", fresh), Ok(vec![3]));
    let fresh = r#"{"name":"n","data":5,"id":"l"}"#;
    sim.crash_at_next_input = Some(CrashPoint::BeforeCommit);
    assert_eq!(sim.http_publish_body("alice", fresh), Err(Code::Restarting));
    assert_eq!(sim.http_publish_body("alice", fresh), Ok(vec![4]));
    assert_eq!(sim.head(), 4);

    // The first event is no longer retained. The next publish with the id of
    // the first event is a new event, and further repeats return the new seq.
    sim.http_publish("alice", 6).unwrap();
    assert_eq!(sim.http_publish_body("alice", once), Ok(vec![6]));
    assert_eq!(sim.http_publish_body("alice", once), Ok(vec![6]));
    sim.hibernate();
    assert_eq!(sim.http_publish_body("alice", once), Ok(vec![6]));
}
