//! Tests of reads from the log: replays of any length, the last events, and
//! pages.

use roomcast::limits;
use roomcast::room::Answer;
use roomcast::route::Request;
use roomcast::settings::Settings;
use serde_json::Value;

use crate::sim::SimRuntime;

/// Limits: FRAME_EVENTS_BYTES.
#[test]
fn replay_of_hundred_thousand_events_is_bounded_and_in_order() {
    let mut sim = SimRuntime::with(Settings {
        retained_appends: 100_000,
        publishes_per_second: 1_000_000,
        ..Settings::default()
    });
    let bob = sim.identity("bob");
    let publish = |sim: &mut SimRuntime, body: &str| {
        let answer = sim.request(bob.clone(), Request::Publish, body);
        assert!(matches!(answer, Answer::Created { .. }), "{answer:?}");
    };
    // Half of the events are published one by one, and half in batches of five
    // hundred.
    for seq in 1..=50_000 {
        publish(&mut sim, &format!(r#"{{"name":"n","data":{seq}}}"#));
    }
    for batch in 0..100 {
        let event = |seq| format!(r#"{{"name":"n","data":{}}}"#, 50_001 + batch * 500 + seq);
        let events: Vec<String> = (0..500).map(event).collect();
        publish(&mut sim, &format!(r#"{{"events":[{}]}}"#, events.join(",")));
    }
    let epoch = sim.epoch();

    sim.join_with("alice", &format!("since={epoch}:0"));
    let (mut turns, mut live) = (0, 100_000);
    while sim.replay_scheduled {
        let frames = std::mem::take(&mut sim.client("alice").frames);
        assert!(frames.len() <= 1 + limits::REPLAY_FRAMES_AT_ONCE, "a few frames at a time");
        assert!(frames.iter().all(|frame| frame.len() <= limits::FRAME_EVENTS_BYTES + 200));
        // Bob continues to publish. The room hibernates after every fifth turn.
        live += 1;
        publish(&mut sim, &format!(r#"{{"name":"n","data":{live}}}"#));
        if turns % 5 == 4 {
            sim.hibernate();
            sim.head();
        }
        sim.continue_replay();
        turns += 1;
    }
    assert!(turns > 5, "{turns} turns");
    publish(&mut sim, &format!(r#"{{"name":"n","data":{}}}"#, live + 1));
    let alice = sim.client("alice");
    assert!(alice.seqs().into_iter().eq(1..=live + 1));
    assert!(alice.events.iter().all(|event| event.data() == event.seq.to_string()));
    assert!(
        sim.store.largest_read() <= limits::FRAME_EVENTS_BYTES + 2_000_000,
        "{} bytes were read at once",
        sim.store.largest_read()
    );
}

/// Limits: REPLAY_RESTART_MS.
#[test]
fn replay_interrupted_by_hibernation_continues_by_alarm() {
    let mut sim = SimRuntime::new();
    sim.join("carol");
    let large = format!(r#"{{"name":"n","data":"{}"}}"#, "x".repeat(250_000));
    for _ in 0..12 {
        sim.http_publish_body("bob", &large).unwrap();
    }
    let epoch = sim.epoch();
    sim.join_with("alice", &format!("since={epoch}:0"));
    sim.hibernate();
    assert!(sim.client("alice").seq < Some(12));
    for _ in 0..3 {
        sim.advance(limits::REPLAY_RESTART_MS);
        sim.hibernate();
    }
    sim.advance(limits::REPLAY_RESTART_MS);
    sim.deliver_pending();
    assert_eq!(sim.client("alice").seq, Some(12));
    let stayed = sim.client("carol").events.clone();
    assert_eq!(sim.client("alice").events, stayed);
}

#[test]
fn session_that_leaves_during_replay_is_sent_no_more() {
    let mut sim = SimRuntime::new();
    let large = format!(r#"{{"name":"n","data":"{}"}}"#, "x".repeat(250_000));
    for _ in 0..12 {
        sim.http_publish_body("bob", &large).unwrap();
    }
    let epoch = sim.epoch();
    sim.join_with("alice", &format!("since={epoch}:0"));
    sim.join_with("carol", &format!("since={epoch}:6"));
    sim.drop_socket("alice");
    sim.deliver_pending();
    assert_eq!(sim.client("alice").seq, Some(4));
    assert_eq!(sim.client("carol").seq, Some(12));
}

/// A turn must be scheduled only if it is needed. A scheduled turn keeps the
/// room active, and the platform bills the alarm of the turn.
#[test]
fn replay_that_can_send_no_more_is_not_scheduled() {
    let mut sim = SimRuntime::new();
    let large = format!(r#"{{"name":"n","data":"{}"}}"#, "x".repeat(250_000));
    for _ in 0..limits::REPLAY_FRAMES_AT_ONCE {
        sim.http_publish_body("bob", &large).unwrap();
    }
    let epoch = sim.epoch();
    sim.join_with("alice", &format!("since={epoch}:0"));
    assert_eq!(sim.client("alice").seqs(), [1, 2, 3, 4]);
    assert!(!sim.replay_scheduled, "alice has every event");

    let window = sim.http_get("")["bytes"].as_u64().unwrap();
    sim.http_publish_body("bob", &large).unwrap();
    let identity = sim.identity("carol");
    sim.connect_bridge("carol", &format!("since={epoch}:0"), identity, window);
    assert_eq!(sim.client("carol").seqs(), [1, 2, 3, 4]);
    assert!(!sim.replay_scheduled, "carol's window is full");
}

#[test]
fn seen_during_replay_does_not_continue_it_earlier() {
    let mut sim = SimRuntime::new();
    let large = format!(r#"{{"name":"n","data":"{}"}}"#, "x".repeat(250_000));
    for _ in 0..2 * limits::REPLAY_FRAMES_AT_ONCE {
        sim.http_publish_body("bob", &large).unwrap();
    }
    let (epoch, identity) = (sim.epoch(), sim.identity("carol"));
    sim.connect_bridge("carol", &format!("since={epoch}:0"), identity, 10_000_000);
    sim.send_seen("carol");
    assert_eq!(sim.client("carol").seq, Some(4));
    sim.continue_replay();
    assert_eq!(sim.client("carol").seq, Some(8));
}

#[test]
fn last_replays_at_most_the_retained_events() {
    let settings = Settings { retained_appends: 3, ..Settings::default() };
    let mut sim = SimRuntime::with(settings);
    sim.join_with("early", "last=5");
    for _ in 0..4 {
        let two = r#"{"events":[{"name":"n","data":1,"key":"k"},{"name":"n","data":2}]}"#;
        sim.http_publish_body("bob", two).unwrap();
    }
    assert_eq!(sim.client("early").seqs(), [1, 2, 3, 4, 5, 6, 7, 8]);
    for (last, after) in [(0, 8), (1, 7), (3, 5), (6, 2), (7, 2), (u64::MAX >> 11, 2)] {
        sim.join_with("alice", &format!("last={last}"));
        assert!(sim.client("alice").seqs().into_iter().eq(after + 1..=8), "last={last}");
        assert!(sim.client("alice").state.len() <= 1);
        assert!(!sim.client("alice").drain_frame_types().contains(&"state".to_owned()));
        let page = sim.http_get(&format!("/events?last={last}"));
        let listed: Vec<u64> = seqs_of(&page);
        assert_eq!(listed, sim.client("alice").seqs());
    }
}

fn seqs_of(page: &Value) -> Vec<u64> {
    let events = page["events"].as_array().unwrap();
    events.iter().map(|event| event["seq"].as_u64().unwrap()).collect()
}

#[test]
fn pages_of_any_limit_have_the_same_events() {
    let mut sim = SimRuntime::new();
    for events in [1, 5, 2, 7, 1, 1, 4] {
        let events = vec![r#"{"name":"n","data":1}"#; events].join(",");
        sim.http_publish_body("bob", &format!(r#"{{"events":[{events}]}}"#)).unwrap();
    }
    let epoch = sim.epoch();
    for limit in 1..=22 {
        let (mut seqs, mut seq) = (Vec::new(), 0);
        while seq < 21 {
            let page = sim.http_get(&format!("/events?since={epoch}:{seq}&limit={limit}"));
            assert_eq!((&page["prev"], &page["head"]), (&seq.into(), &21.into()));
            let listed = seqs_of(&page);
            assert_eq!(
                listed.len() as u64,
                limit.min(21 - seq),
                "a limit can end a page within an append"
            );
            seq = *listed.last().unwrap();
            seqs.extend(listed);
        }
        assert!(seqs.into_iter().eq(1..=21), "limit {limit}");
    }
    let newest = sim.http_get("/events?limit=4");
    assert_eq!((seqs_of(&newest), &newest["prev"]), (vec![18, 19, 20, 21], &17.into()));
    let page_of_last_six = sim.http_get("/events?last=6&limit=2");
    assert_eq!(seqs_of(&page_of_last_six), [16, 17]);
}

#[test]
fn page_ends_before_it_exceeds_a_mebibyte() {
    let mut sim = SimRuntime::new();
    let large = format!(r#"{{"name":"n","data":"{}"}}"#, "x".repeat(200_000));
    let four = vec![large; 4].join(",");
    for _ in 0..3 {
        sim.http_publish_body("bob", &format!(r#"{{"events":[{four}]}}"#)).unwrap();
    }
    let epoch = sim.epoch();
    let (mut seqs, mut seq) = (Vec::new(), 0);
    while seq < 12 {
        let (_, body) =
            sim.http("admin", &format!("GET /rooms/r/events?since={epoch}:{seq}&limit=1000"), "");
        assert!(body.len() <= limits::PAGE_BYTES + 200, "{} bytes", body.len());
        let page: Value = serde_json::from_str(&body).unwrap();
        seqs.extend(seqs_of(&page));
        seq = *seqs.last().unwrap();
    }
    assert!(seqs.into_iter().eq(1..=12));
}

fn without_read_rate() -> Settings {
    Settings { reads_per_second: 1_000_000, ..Settings::default() }
}

/// Returns the pages of a room from the newest page back to the oldest event.
/// Each page ends where the page after it begins.
fn pages_back(sim: &mut SimRuntime, limit: u64) -> Vec<Value> {
    let (epoch, mut pages) = (sim.epoch(), Vec::new());
    let mut end = sim.head();
    loop {
        let path = format!("GET /rooms/r/events?before={epoch}:{end}&limit={limit}");
        let (status, body) = sim.http("admin", &path, "");
        assert_eq!(status, 200, "{body}");
        assert!(body.len() <= limits::PAGE_BYTES + 200, "{} bytes", body.len());
        let page: Value = serde_json::from_str(&body).unwrap();
        let (prev, seqs) = (page["prev"].as_u64().unwrap(), seqs_of(&page));
        assert!(seqs.into_iter().eq(prev + 1..=end), "the page ends at {end}: {body:.300}");
        if prev == end {
            return pages;
        }
        pages.push(page);
        end = prev;
    }
}

#[test]
fn pages_back_of_any_limit_have_the_same_events() {
    let mut sim = SimRuntime::with(without_read_rate());
    for events in [1, 5, 2, 7, 1, 1, 4] {
        let events = vec![r#"{"name":"n","data":1}"#; events].join(",");
        sim.http_publish_body("bob", &format!(r#"{{"events":[{events}]}}"#)).unwrap();
    }
    for hibernate in [false, true] {
        sim.hibernate_between_inputs = hibernate;
        for limit in 1..=22 {
            let pages = pages_back(&mut sim, limit);
            let sizes: Vec<u64> = pages.iter().map(|page| seqs_of(page).len() as u64).collect();
            let (oldest, full) = sizes.split_last().unwrap();
            assert!(full.iter().all(|size| *size == limit), "limit {limit}: {sizes:?}");
            assert_eq!(full.len() as u64 * limit + oldest, 21, "limit {limit}: {sizes:?}");
        }
    }
}

#[test]
fn page_back_begins_after_the_events_that_exceed_a_mebibyte() {
    for events_in_publish in [1, 2, 4, 12] {
        let mut sim = SimRuntime::with(without_read_rate());
        for bytes in [200_000, 80_000] {
            let event = format!(r#"{{"name":"n","data":"{}"}}"#, "x".repeat(bytes));
            let events = vec![event; events_in_publish.min(1_000_000 / bytes)].join(",");
            for _ in 0..12 {
                sim.http_publish_body("bob", &format!(r#"{{"events":[{events}]}}"#)).unwrap();
            }
        }
        let pages = pages_back(&mut sim, 1_000);
        let (_, full) = pages.split_last().unwrap();
        for page in full {
            let bytes = page.to_string().len();
            assert!(bytes > limits::PAGE_BYTES - 201_000, "{bytes} bytes: one more event fits");
        }
    }
}

#[test]
fn page_back_ends_at_the_oldest_retained_event() {
    let settings = Settings { retained_appends: 3, retained_ms: 10_000, ..Settings::default() };
    let mut sim = SimRuntime::with(settings);
    sim.join("alice");
    let two = r#"{"events":[{"name":"n","data":1},{"name":"n","data":2}]}"#;
    for _ in 0..4 {
        sim.http_publish_body("bob", two).unwrap();
        sim.advance(4_000);
    }
    let epoch = sim.epoch();
    let page = |sim: &mut SimRuntime, before: u64, limit: u64| {
        let page = sim.http_get(&format!("/events?before={epoch}:{before}&limit={limit}"));
        (page["prev"].as_u64().unwrap(), seqs_of(&page))
    };
    // 16 s have passed, so the events 3 and 4 are too old.
    for (before, limit, seqs) in [
        (8, 9, vec![5, 6, 7, 8]),
        (7, 2, vec![6, 7]),
        (5, 9, vec![5]),
        (4, 9, vec![]),
        (1, 1, vec![]),
        (0, 1, vec![]),
    ] {
        let prev = seqs.first().map_or(before, |first| first - 1);
        assert_eq!(page(&mut sim, before, limit), (prev, seqs), "{limit} before {before}");
    }
    for lost in [format!("{epoch}:9"), "AAAAAAAA:3".to_owned()] {
        let (status, body) = sim.http("admin", &format!("GET /rooms/r/events?before={lost}"), "");
        assert_eq!(status, 410, "{lost}");
        assert!(body.contains("`before` can't be read from"), "{body}");
    }
    sim.advance(10_000);
    assert_eq!(page(&mut sim, 8, 9), (8, vec![]), "no event is retained");
}

#[test]
fn page_back_reads_few_rows() {
    let settings = Settings {
        retained_appends: 100_000,
        publishes_per_second: 1_000_000,
        ..Settings::default()
    };
    let mut sim = SimRuntime::with(settings);
    for data in 0..5_000 {
        sim.http_publish("bob", data).unwrap();
    }
    let epoch = sim.epoch();
    sim.hibernate();
    sim.head();
    sim.store.drain_reads();
    sim.http_get(&format!("/events?before={epoch}:2500&limit=50"));
    let reads = sim.store.drain_reads();
    assert!(reads < 100, "{reads} reads");
}
