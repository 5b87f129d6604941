//! Reading the log: replays of any length, the last so many, page by page.

use roomcast::limits;
use roomcast::room::Answer;
use roomcast::route::Request;
use roomcast::settings::Settings;
use serde_json::Value;

use crate::world::World;

/// Limits: FRAME_EVENTS_BYTES.
#[test]
fn a_hundred_thousand_events_come_in_bounded_frames_and_in_order() {
    let mut world = World::with(Settings {
        retained_appends: 100_000,
        publishes_per_second: 1_000_000,
        ..Settings::default()
    });
    let bob = world.identity("bob");
    let publish = |world: &mut World, body: &str| {
        let answer = world.requests(bob.clone(), Request::Publish, body);
        assert!(matches!(answer, Answer::Created { .. }), "{answer:?}");
    };
    // Half of them one by one, half of them five hundred at a time.
    for seq in 1..=50_000 {
        publish(&mut world, &format!(r#"{{"name":"n","data":{seq}}}"#));
    }
    for batch in 0..100 {
        let event = |seq| format!(r#"{{"name":"n","data":{}}}"#, 50_001 + batch * 500 + seq);
        let events: Vec<String> = (0..500).map(event).collect();
        publish(&mut world, &format!(r#"{{"events":[{}]}}"#, events.join(",")));
    }
    let epoch = world.epoch();

    world.joins_with("alice", &format!("since={epoch}:0"));
    let (mut turns, mut live) = (0, 100_000);
    while world.turn {
        let frames = std::mem::take(&mut world.client("alice").frames);
        assert!(frames.len() <= 1 + limits::REPLAY_FRAMES_AT_ONCE, "a few frames at a time");
        assert!(frames.iter().all(|frame| frame.len() <= limits::FRAME_EVENTS_BYTES + 200));
        // Bob goes on meanwhile; now and then the room is evicted.
        live += 1;
        publish(&mut world, &format!(r#"{{"name":"n","data":{live}}}"#));
        if turns % 5 == 4 {
            world.sleeps();
            world.head();
        }
        world.takes_a_turn();
        turns += 1;
    }
    assert!(turns > 5, "{turns} turns");
    publish(&mut world, &format!(r#"{{"name":"n","data":{}}}"#, live + 1));
    let alice = world.client("alice");
    assert!(alice.seqs().into_iter().eq(1..=live + 1));
    assert!(alice.events.iter().all(|event| event.data() == event.seq.to_string()));
    assert!(
        world.store.largest_read() <= limits::FRAME_EVENTS_BYTES + 2_000_000,
        "{} bytes were read at once",
        world.store.largest_read()
    );
}

/// Limits: REPLAY_RESTART_MS.
#[test]
fn a_replay_whose_turn_was_lost_goes_on_by_alarm() {
    let mut world = World::new();
    world.joins("carol");
    let large = format!(r#"{{"name":"n","data":"{}"}}"#, "x".repeat(250_000));
    for _ in 0..12 {
        world.posts("bob", &large).unwrap();
    }
    let epoch = world.epoch();
    world.joins_with("alice", &format!("since={epoch}:0"));
    world.sleeps();
    assert!(world.client("alice").seq < Some(12));
    for _ in 0..3 {
        world.passes(limits::REPLAY_RESTART_MS);
        world.sleeps();
    }
    world.passes(limits::REPLAY_RESTART_MS);
    world.settles();
    assert_eq!(world.client("alice").seq, Some(12));
    let stayed = world.client("carol").events.clone();
    assert_eq!(world.client("alice").events, stayed);
}

#[test]
fn who_leaves_in_the_middle_of_a_replay_is_sent_no_more() {
    let mut world = World::new();
    let large = format!(r#"{{"name":"n","data":"{}"}}"#, "x".repeat(250_000));
    for _ in 0..12 {
        world.posts("bob", &large).unwrap();
    }
    let epoch = world.epoch();
    world.joins_with("alice", &format!("since={epoch}:0"));
    world.joins_with("carol", &format!("since={epoch}:6"));
    world.drops("alice");
    world.settles();
    assert_eq!(world.client("alice").seq, Some(4));
    assert_eq!(world.client("carol").seq, Some(12));
}

/// A turn keeps the room awake, and the alarm behind it is billed.
#[test]
fn who_can_be_sent_no_more_takes_no_turn() {
    let mut world = World::new();
    let large = format!(r#"{{"name":"n","data":"{}"}}"#, "x".repeat(250_000));
    for _ in 0..limits::REPLAY_FRAMES_AT_ONCE {
        world.posts("bob", &large).unwrap();
    }
    let epoch = world.epoch();
    world.joins_with("alice", &format!("since={epoch}:0"));
    assert_eq!(world.client("alice").seqs(), [1, 2, 3, 4]);
    assert!(!world.turn, "she has all there is");

    let window = world.reads("")["bytes"].as_u64().unwrap();
    world.posts("bob", &large).unwrap();
    let identity = world.identity("carol");
    world.is_bridged("carol", &format!("since={epoch}:0"), identity, window);
    assert_eq!(world.client("carol").seqs(), [1, 2, 3, 4]);
    assert!(!world.turn, "her window is full");
}

#[test]
fn who_says_what_it_has_seen_gets_no_turn_before_the_others() {
    let mut world = World::new();
    let large = format!(r#"{{"name":"n","data":"{}"}}"#, "x".repeat(250_000));
    for _ in 0..2 * limits::REPLAY_FRAMES_AT_ONCE {
        world.posts("bob", &large).unwrap();
    }
    let (epoch, identity) = (world.epoch(), world.identity("carol"));
    world.is_bridged("carol", &format!("since={epoch}:0"), identity, 10_000_000);
    world.has_seen_all("carol");
    assert_eq!(world.client("carol").seq, Some(4));
    world.takes_a_turn();
    assert_eq!(world.client("carol").seq, Some(8));
}

#[test]
fn the_last_so_many() {
    let settings = Settings { retained_appends: 3, ..Settings::default() };
    let mut world = World::with(settings);
    world.joins_with("early", "last=5");
    for _ in 0..4 {
        let two = r#"{"events":[{"name":"n","data":1,"key":"k"},{"name":"n","data":2}]}"#;
        world.posts("bob", two).unwrap();
    }
    assert_eq!(world.client("early").seqs(), [1, 2, 3, 4, 5, 6, 7, 8]);
    for (last, after) in [(0, 8), (1, 7), (3, 5), (6, 2), (7, 2), (u64::MAX >> 11, 2)] {
        world.joins_with("alice", &format!("last={last}"));
        assert!(world.client("alice").seqs().into_iter().eq(after + 1..=8), "last={last}");
        assert!(world.client("alice").state.len() <= 1);
        assert!(!world.client("alice").takes_types().contains(&"state".to_owned()));
        let page = world.reads(&format!("/events?last={last}"));
        let listed: Vec<u64> = seqs_of(&page);
        assert_eq!(listed, world.client("alice").seqs());
    }
}

fn seqs_of(page: &Value) -> Vec<u64> {
    let events = page["events"].as_array().unwrap();
    events.iter().map(|event| event["seq"].as_u64().unwrap()).collect()
}

#[test]
fn pages_of_any_limit_give_the_same_list() {
    let mut world = World::new();
    for events in [1, 5, 2, 7, 1, 1, 4] {
        let events = vec![r#"{"name":"n","data":1}"#; events].join(",");
        world.posts("bob", &format!(r#"{{"events":[{events}]}}"#)).unwrap();
    }
    let epoch = world.epoch();
    for limit in 1..=22 {
        let (mut seqs, mut seq) = (Vec::new(), 0);
        while seq < 21 {
            let page = world.reads(&format!("/events?since={epoch}:{seq}&limit={limit}"));
            assert_eq!((&page["prev"], &page["head"]), (&seq.into(), &21.into()));
            let listed = seqs_of(&page);
            assert_eq!(listed.len() as u64, limit.min(21 - seq), "limit cuts inside an append");
            seq = *listed.last().unwrap();
            seqs.extend(listed);
        }
        assert!(seqs.into_iter().eq(1..=21), "limit {limit}");
    }
    let newest = world.reads("/events?limit=4");
    assert_eq!((seqs_of(&newest), &newest["prev"]), (vec![18, 19, 20, 21], &17.into()));
    let oldest_of_the_last = world.reads("/events?last=6&limit=2");
    assert_eq!(seqs_of(&oldest_of_the_last), [16, 17]);
}

#[test]
fn a_page_ends_early_rather_than_pass_a_mebibyte() {
    let mut world = World::new();
    let large = format!(r#"{{"name":"n","data":"{}"}}"#, "x".repeat(200_000));
    let four = vec![large; 4].join(",");
    for _ in 0..3 {
        world.posts("bob", &format!(r#"{{"events":[{four}]}}"#)).unwrap();
    }
    let epoch = world.epoch();
    let (mut seqs, mut seq) = (Vec::new(), 0);
    while seq < 12 {
        let (_, body) =
            world.http("admin", &format!("GET /rooms/r/events?since={epoch}:{seq}&limit=1000"), "");
        assert!(body.len() <= limits::PAGE_BYTES + 200, "{} bytes", body.len());
        let page: Value = serde_json::from_str(&body).unwrap();
        seqs.extend(seqs_of(&page));
        seq = *seqs.last().unwrap();
    }
    assert!(seqs.into_iter().eq(1..=12));
}
