//! Everything that could grow has an end, and says so when it gets there.

use roomcast::code::Code;
use roomcast::limits;
use roomcast::route::Request;
use roomcast::settings::Settings;
use serde_json::json;

use crate::world::World;

/// Limits: sessions_per_user, members, HELD_FRAMES, HELD_BYTES, PUBLISHERS_COUNTED, SIGNALS_HELD, SIGNALS_HELD_BYTES, UNSENT_BYTES, REPLAY_FRAMES_AT_ONCE, flow_window_bytes.
#[test]
fn every_queue_has_a_bound() {
    sessions();
    sessions_of_a_user();
    members();
    frames_behind_a_token();
    bytes_behind_a_token();
    users_who_publish();
    signals();
    answers_to_who_does_not_read();
    frames_of_a_replay();
    bytes_on_their_way_to_a_slow_reader();
    bytes_on_their_way_that_the_log_has_forgotten();
    refused_frames_in_a_row();
    frames_of_a_session();
}

fn sessions() {
    for asleep in [false, true] {
        let mut world = World::with(Settings { sockets: 2, ..Settings::default() });
        world.drowsy = asleep;
        world.joins("alice");
        world.joins("bob");
        world.joins("carol");
        assert_eq!(world.client("carol").closed, Some(Code::RoomFull));
        world.drops("bob");
        world.joins("carol");
        assert_eq!(world.client("carol").closed, None);
    }
}

fn sessions_of_a_user() {
    for asleep in [false, true] {
        let mut world = World::with(Settings { sessions_per_user: 2, ..Settings::default() });
        world.drowsy = asleep;
        let joins = |world: &mut World, who: &str| {
            let alice = world.identity("alice");
            world.connects(who, "", alice);
            world.client(who).closed
        };
        assert_eq!(joins(&mut world, "one tab"), None);
        assert_eq!(joins(&mut world, "another tab"), None);
        assert_eq!(joins(&mut world, "a third"), Some(Code::RoomFull));
        world.joins("bob");
        assert_eq!(world.client("bob").closed, None, "another user has places of their own");
        world.drops("one tab");
        assert_eq!(joins(&mut world, "a third"), None);
    }
}

fn members() {
    for asleep in [false, true] {
        let mut world = World::with(Settings { members: 2, ..Settings::default() });
        world.drowsy = asleep;
        let enters = |world: &mut World, who: &str| {
            let identity = world.identity_with(who, &["subscribe", "presence"]);
            world.connects(who, "", identity);
            world.sends(who, r#"{"type":"enter"}"#);
            world.calms();
            world.client(who).takes().pop().unwrap()
        };
        assert_eq!(enters(&mut world, "alice")["type"], "members");
        assert_eq!(enters(&mut world, "bob")["type"], "members");
        assert_eq!(enters(&mut world, "carol")["code"], "room_full");
        assert_eq!(enters(&mut world, "bob")["type"], "members", "a second tab is no second user");
        world.sends("alice", r#"{"type":"leave"}"#);
        world.calms();
        assert_eq!(enters(&mut world, "carol")["type"], "members");
        assert_eq!(world.reads("")["members"], 2);
    }
}

/// Alice, whose token is being verified.
fn alice_waits() -> World {
    let frames_burst = 2 * limits::HELD_FRAMES as u64;
    let mut world = World::with(Settings { frames_burst, ..Settings::default() });
    world.joins("alice");
    world.slow_verdicts = true;
    let token = world.token("alice", &["subscribe", "publish"]);
    world.sends("alice", &json!({ "type": "auth", "token": token }).to_string());
    world.client("alice").takes();
    world
}

fn frames_behind_a_token() {
    let mut world = alice_waits();
    for _ in 0..limits::HELD_FRAMES {
        world.says("alice", 1);
    }
    assert!(world.client("alice").takes().is_empty());
    world.says("alice", 2);
    let error = &world.client("alice").takes()[0];
    assert_eq!((&error["code"], &error["ref"]), (&"rate_limited".into(), &"1".into()));
    world.verdicts_come();
    assert_eq!(world.head(), limits::HELD_FRAMES as u64);
}

fn bytes_behind_a_token() {
    let mut world = alice_waits();
    let large = format!("\"{}\"", "x".repeat(250_000));
    for _ in 0..limits::HELD_BYTES / 250_100 {
        world.says("alice", &large);
    }
    assert!(world.client("alice").takes().is_empty());
    world.says("alice", &large);
    assert_eq!(world.client("alice").takes()[0]["code"], "rate_limited");
    world.says("alice", 1);
    world.verdicts_come();
    assert_eq!(world.client("alice").data().last(), Some(&"1"), "a small one had its place");
}

fn users_who_publish() {
    let mut world = World::new();
    let event = r#"{"name":"n","data":1}"#;
    for user in 0..limits::PUBLISHERS_COUNTED {
        let by = world.identity_with("writer", &["publish"]);
        let user = roomcast::protocol::User::parse(&format!("{user}")).unwrap();
        world.requests(roomcast::auth::Identity { user, ..by }, Request::Publish, event);
    }
    assert_eq!(world.publishes("bob", 1), Err(Code::RateLimited));
    world.passes(1_000);
    assert!(world.publishes("bob", 1).is_ok(), "who has not published for a while is forgotten");
}

/// They wait for a window. One more is told to come again.
fn signals() {
    let rates = Settings { publishes_per_second: 1_000_000, ..Settings::default() };
    for (bytes, most) in [(10, limits::SIGNALS_HELD), (16_000, limits::SIGNALS_HELD_BYTES / 16_100)]
    {
        let mut world = World::with(rates);
        world.joins("alice");
        let signal = format!(r#"{{"name":"n","data":"{}"}}"#, "x".repeat(bytes));
        let posts = |world: &mut World| world.http("writer", "POST /rooms/r/signals", &signal).0;
        let sent_at_once = (0..).take_while(|_| {
            assert_eq!(posts(&mut world), 202);
            world.client("alice").takes().iter().any(|frame| frame["type"] == "signal")
        });
        assert!(sent_at_once.count() > 0);
        let held = 1 + (0..).take_while(|_| posts(&mut world) == 202).count();
        assert!((most - 1..=most + 1).contains(&held), "{held} signals of {bytes} bytes wait");
        world.flushes();
        assert_eq!(posts(&mut world), 202, "and there is room when some of them were sent");
    }
}

/// Acks and errors.
fn answers_to_who_does_not_read() {
    let rates =
        Settings { frames_per_second: 1_000_000, frames_burst: 1_000_000, ..Settings::default() };
    for asleep in [false, true] {
        let mut world = World::with(rates);
        world.drowsy = asleep;
        let says = |world: &mut World| {
            let reference = "x".repeat(limits::REF);
            let publish = json!({ "type": "publish", "name": "n", "data": 1, "ref": reference });
            world.sends("alice", &publish.to_string());
        };
        world.joins("alice");
        (0..20_000).for_each(|_| says(&mut world));
        assert_eq!(world.client("alice").closed, None, "she reads, however many they are");
        world.joins_with("alice", "flow=1");
        world.stands_still("alice");
        let mut most = 0;
        for _ in 0..60_000 {
            if world.client("alice").closed.is_some() {
                break;
            }
            most = world.unsent_bytes("alice");
            says(&mut world);
        }
        assert!(most >= limits::UNSENT_BYTES);
        assert!(most <= 2 * limits::UNSENT_BYTES + limits::MIB, "{most} bytes, a window of events");
        assert_eq!(world.client("alice").closed, Some(Code::Restarting));
    }
}

fn frames_of_a_replay() {
    let mut world = World::new();
    let large = format!(r#"{{"name":"n","data":"{}"}}"#, "x".repeat(200_000));
    for _ in 0..30 {
        world.posts("bob", &large).unwrap();
    }
    let epoch = world.epoch();
    for who in ["alice", "carol", "dave"] {
        world.joins_with(who, &format!("since={epoch}:0"));
        assert!(world.client(who).takes().len() <= 1 + limits::REPLAY_FRAMES_AT_ONCE);
    }
    while world.turn {
        world.takes_a_turn();
        let heard: usize =
            ["alice", "carol", "dave"].map(|who| world.client(who).takes().len()).iter().sum();
        assert!(heard <= limits::REPLAY_FRAMES_AT_ONCE, "{heard} frames in one turn");
    }
    assert_eq!(world.client("dave").events.len(), 30);
}

fn bytes_on_their_way_to_a_slow_reader() {
    for asleep in [false, true] {
        let mut world = World::new();
        world.drowsy = asleep;
        world.joins_with("carol", "flow=1");
        let window = usize::try_from(limits::FLOW_WINDOW_BYTES).unwrap();
        let large = format!(r#"{{"name":"n","data":"{}"}}"#, "x".repeat(90_000));
        for _ in 0..40 {
            world.posts("bob", &large).unwrap();
            world.settles();
        }
        let on_its_way = |world: &mut World| -> usize {
            world.client("carol").frames.iter().map(String::len).sum()
        };
        assert!(on_its_way(&mut world) <= window + 1_000, "asleep: {asleep}");
        // She reads on, and all of it comes, a window at a time.
        while world.client("carol").seq != Some(40) {
            world.client("carol").takes();
            let seq = world.client("carol").seq.unwrap();
            world.has_seen_all("carol");
            world.settles();
            assert!(on_its_way(&mut world) <= window + 1_000);
            assert!(world.client("carol").seq > Some(seq), "asleep: {asleep}, at {seq}");
        }
        assert_eq!(world.client("carol").gaps, 0);
    }
}

fn bytes_on_their_way_that_the_log_has_forgotten() {
    for asleep in [false, true] {
        let mut world = World::with(Settings { retained_appends: 3, ..Settings::default() });
        world.drowsy = asleep;
        world.joins_with("carol", "flow=1");
        let large = format!(r#"{{"name":"n","data":"{}"}}"#, "x".repeat(90_000));
        for _ in 0..40 {
            world.posts("bob", &large).unwrap();
            world.settles();
        }
        let on_their_way: usize = world.client("carol").frames.iter().map(String::len).sum();
        let window = usize::try_from(limits::FLOW_WINDOW_BYTES).unwrap();
        assert!(on_their_way <= window + 1_000, "asleep: {asleep}, {on_their_way}");
        world.has_seen_all("carol");
        world.settles();
        assert_eq!(world.client("carol").gaps, 1, "and then she is told");
        assert_eq!(world.client("carol").seq, Some(40));
    }
}

fn refused_frames_in_a_row() {
    for asleep in [false, true] {
        let mut world = World::new();
        world.drowsy = asleep;
        world.joins("alice");
        for _ in 0..limits::BAD_REQUESTS_IN_A_ROW - 1 {
            world.sends("alice", "nonsense");
        }
        world.says("alice", 1);
        for _ in 0..limits::BAD_REQUESTS_IN_A_ROW {
            assert_eq!(world.client("alice").closed, None, "a good one begins the count anew");
            world.sends("alice", "nonsense");
        }
        assert_eq!(world.client("alice").closed, Some(Code::BadRequest));
    }
}

fn frames_of_a_session() {
    let settings = Settings { frames_per_second: 10, frames_burst: 5, ..Settings::default() };
    let mut world = World::with(settings);
    world.joins("alice");
    world.joins("bob");
    for _ in 0..8 {
        world.says("alice", 1);
    }
    let mut frames = world.client("alice").takes();
    frames.retain(|frame| frame["type"] == "error");
    assert_eq!(frames.len(), 3);
    let wait = frames[0]["retry_after_ms"].as_u64().unwrap();
    assert_eq!((frames[0]["code"].as_str(), wait), (Some("rate_limited"), 100));
    world.has_seen_all("alice");
    assert!(world.client("alice").takes().is_empty(), "beyond the rate it counts all the same");
    world.passes(wait);
    world.says("alice", 2);
    world.says("bob", 3);
    assert_eq!(world.head(), 7);

    world.sends("bob", &" ".repeat(limits::BODY_BYTES));
    assert_eq!(world.client("bob").takes().pop().unwrap()["code"], "bad_request");
    world.sends("bob", &" ".repeat(limits::BODY_BYTES + 1));
    assert_eq!(world.client("bob").closed, Some(Code::TooLarge));
}

#[test]
fn a_publish_has_a_bound_and_so_has_what_it_is_stored_in() {
    let mut world = World::new();
    let batch = |events: usize, data: &str| {
        let events = vec![format!(r#"{{"name":"n","data":{data}}}"#); events].join(",");
        format!(r#"{{"events":[{events}]}}"#)
    };
    assert_eq!(
        world.posts("bob", &batch(limits::EVENTS_IN_A_PUBLISH + 1, "1")),
        Err(Code::BadRequest)
    );
    assert_eq!(world.posts("bob", &batch(0, "1")), Err(Code::BadRequest));
    assert_eq!(world.posts("bob", &batch(limits::EVENTS_IN_A_PUBLISH, "1")).unwrap().len(), 1_000);
    let large = format!("\"{}\"", "x".repeat(limits::DATA_BYTES - 2));
    assert!(world.posts("bob", &batch(1, &large)).is_ok());
    let larger = format!("\"{}\"", "x".repeat(limits::DATA_BYTES - 1));
    assert_eq!(world.posts("bob", &batch(1, &larger)), Err(Code::TooLarge));
    // A row holds 2 MB.
    assert_eq!(world.posts("bob", &batch(8, &large)), Err(Code::TooLarge));
    assert!(world.posts("bob", &batch(7, &large)).is_ok());
}
