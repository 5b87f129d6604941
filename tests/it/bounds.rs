//! Tests that everything that can grow has a limit, and that the client is
//! notified when a limit is reached.

use roomcast::code::Code;
use roomcast::limits;
use roomcast::route::Request;
use roomcast::settings::Settings;
use serde_json::json;

use crate::sim::SimRuntime;

/// Limits: sessions_per_user, members, QUEUED_FRAMES, QUEUED_BYTES, USERS_COUNTED, SIGNALS_QUEUED, SIGNALS_QUEUED_BYTES, UNSENT_BYTES, REPLAY_FRAMES_AT_ONCE, flow_window_bytes.
#[test]
fn every_queue_rejects_input_beyond_its_limit() {
    sessions();
    sessions_of_user();
    members();
    frames_waiting_for_verdict();
    bytes_waiting_for_verdict();
    counted_publishers();
    signals();
    answers_to_client_that_does_not_read();
    frames_of_replay();
    bytes_in_flight_to_slow_reader();
    bytes_in_flight_that_log_no_longer_retains();
    consecutive_refused_frames();
    frames_of_session();
}

fn sessions() {
    for hibernate in [false, true] {
        let mut sim = SimRuntime::with(Settings { sockets: 2, ..Settings::default() });
        sim.hibernate_between_inputs = hibernate;
        sim.join("alice");
        sim.join("bob");
        sim.join("carol");
        assert_eq!(sim.client("carol").closed, Some(Code::RoomFull));
        sim.drop_socket("bob");
        sim.join("carol");
        assert_eq!(sim.client("carol").closed, None);
    }
}

fn sessions_of_user() {
    for hibernate in [false, true] {
        let mut sim = SimRuntime::with(Settings { sessions_per_user: 2, ..Settings::default() });
        sim.hibernate_between_inputs = hibernate;
        let join = |sim: &mut SimRuntime, who: &str| {
            let alice = sim.identity("alice");
            sim.connect(who, "", alice);
            sim.client(who).closed
        };
        assert_eq!(join(&mut sim, "one tab"), None);
        assert_eq!(join(&mut sim, "another tab"), None);
        assert_eq!(join(&mut sim, "a third"), Some(Code::RoomFull));
        sim.join("bob");
        assert_eq!(sim.client("bob").closed, None, "each user has their own limit");
        sim.drop_socket("one tab");
        assert_eq!(join(&mut sim, "a third"), None);
    }
}

fn members() {
    for hibernate in [false, true] {
        let mut sim = SimRuntime::with(Settings { members: 2, ..Settings::default() });
        sim.hibernate_between_inputs = hibernate;
        let enter = |sim: &mut SimRuntime, who: &str| {
            let identity = sim.identity_with(who, &["subscribe", "presence"]);
            sim.connect(who, "", identity);
            sim.send(who, r#"{"type":"enter"}"#);
            sim.run_until_idle();
            sim.client(who).drain_frames().pop().unwrap()
        };
        assert_eq!(enter(&mut sim, "alice")["type"], "members");
        assert_eq!(enter(&mut sim, "bob")["type"], "members");
        assert_eq!(enter(&mut sim, "carol")["code"], "room_full");
        assert_eq!(enter(&mut sim, "bob")["type"], "members", "a second tab is the same user");
        sim.send("alice", r#"{"type":"leave"}"#);
        sim.run_until_idle();
        assert_eq!(enter(&mut sim, "carol")["type"], "members");
        assert_eq!(sim.http_get("")["members"], 2);
    }
}

/// Returns a room in which alice's token is being verified.
fn alice_awaiting_verdict() -> SimRuntime {
    let frames_burst = 2 * limits::QUEUED_FRAMES as u64;
    let mut sim = SimRuntime::with(Settings { frames_burst, ..Settings::default() });
    sim.join("alice");
    sim.slow_verdicts = true;
    let token = sim.token("alice", &["subscribe", "publish"]);
    sim.send("alice", &json!({ "type": "auth", "token": token }).to_string());
    sim.client("alice").drain_frames();
    sim
}

fn frames_waiting_for_verdict() {
    let mut sim = alice_awaiting_verdict();
    for _ in 0..limits::QUEUED_FRAMES {
        sim.send_publish("alice", 1);
    }
    assert!(sim.client("alice").drain_frames().is_empty());
    sim.send_publish("alice", 2);
    let error = &sim.client("alice").drain_frames()[0];
    assert_eq!((&error["code"], &error["ref"]), (&"rate_limited".into(), &"1".into()));
    sim.deliver_verdicts();
    assert_eq!(sim.head(), limits::QUEUED_FRAMES as u64);
}

fn bytes_waiting_for_verdict() {
    let mut sim = alice_awaiting_verdict();
    let large = format!("\"{}\"", "x".repeat(250_000));
    for _ in 0..limits::QUEUED_BYTES / 250_100 {
        sim.send_publish("alice", &large);
    }
    assert!(sim.client("alice").drain_frames().is_empty());
    sim.send_publish("alice", &large);
    assert_eq!(sim.client("alice").drain_frames()[0]["code"], "rate_limited");
    sim.send_publish("alice", 1);
    sim.deliver_verdicts();
    assert_eq!(sim.client("alice").data().last(), Some(&"1"), "a small frame still fits");
}

fn counted_publishers() {
    let mut sim = SimRuntime::new();
    let event = r#"{"name":"n","data":1}"#;
    for user in 0..limits::USERS_COUNTED {
        let by = sim.identity_with("writer", &["publish"]);
        let user = roomcast::protocol::User::parse(&format!("{user}")).unwrap();
        sim.request(roomcast::auth::Identity { user: Some(user), ..by }, Request::Publish, event);
    }
    assert_eq!(sim.http_publish("bob", 1), Err(Code::RateLimited));
    sim.advance(1_000);
    assert!(sim.http_publish("bob", 1).is_ok(), "idle publishers are no longer counted");
}

/// Queued signals wait for the end of a window. A signal beyond the limit of
/// the queue is rejected.
fn signals() {
    let rates = Settings { publishes_per_second: 1_000_000, ..Settings::default() };
    for (bytes, most) in
        [(10, limits::SIGNALS_QUEUED), (16_000, limits::SIGNALS_QUEUED_BYTES / 16_100)]
    {
        let mut sim = SimRuntime::with(rates);
        sim.join("alice");
        let signal = format!(r#"{{"name":"n","data":"{}"}}"#, "x".repeat(bytes));
        let post = |sim: &mut SimRuntime| sim.http("writer", "POST /rooms/r/signals", &signal).0;
        let sent_at_once = (0..).take_while(|_| {
            assert_eq!(post(&mut sim), 202);
            sim.client("alice").drain_frames().iter().any(|frame| frame["type"] == "signal")
        });
        assert!(sent_at_once.count() > 0);
        let waiting = 1 + (0..).take_while(|_| post(&mut sim) == 202).count();
        assert!(
            (most - 1..=most + 1).contains(&waiting),
            "{waiting} signals of {bytes} bytes wait"
        );
        sim.fire_flush();
        assert_eq!(post(&mut sim), 202, "sent signals no longer count");
    }
}

/// Answers are `ack` and `error` frames.
fn answers_to_client_that_does_not_read() {
    let rates =
        Settings { frames_per_second: 1_000_000, frames_burst: 1_000_000, ..Settings::default() };
    for hibernate in [false, true] {
        let mut sim = SimRuntime::with(rates);
        sim.hibernate_between_inputs = hibernate;
        let publish = |sim: &mut SimRuntime| {
            let reference = "x".repeat(limits::REF);
            let frame = json!({ "type": "publish", "name": "n", "data": 1, "ref": reference });
            sim.send("alice", &frame.to_string());
        };
        sim.join("alice");
        (0..20_000).for_each(|_| publish(&mut sim));
        assert_eq!(
            sim.client("alice").closed,
            None,
            "a client that reads may get any number of answers"
        );
        sim.join_with("alice", "flow=1");
        sim.stop_reading("alice");
        let mut most = 0;
        for _ in 0..60_000 {
            if sim.client("alice").closed.is_some() {
                break;
            }
            most = sim.unsent_bytes("alice");
            publish(&mut sim);
        }
        assert!(most >= limits::UNSENT_BYTES);
        assert!(
            most <= 2 * limits::UNSENT_BYTES + limits::MIB,
            "{most} bytes, of which 1 MiB may be events"
        );
        assert_eq!(sim.client("alice").closed, Some(Code::Restarting));
    }
}

fn frames_of_replay() {
    let mut sim = SimRuntime::new();
    let large = format!(r#"{{"name":"n","data":"{}"}}"#, "x".repeat(200_000));
    for _ in 0..30 {
        sim.http_publish_body("bob", &large).unwrap();
    }
    let epoch = sim.epoch();
    for who in ["alice", "carol", "dave"] {
        sim.join_with(who, &format!("since={epoch}:0"));
        assert!(sim.client(who).drain_frames().len() <= 1 + limits::REPLAY_FRAMES_AT_ONCE);
    }
    while sim.replay_scheduled {
        sim.continue_replay();
        let received: usize =
            ["alice", "carol", "dave"].map(|who| sim.client(who).drain_frames().len()).iter().sum();
        assert!(received <= limits::REPLAY_FRAMES_AT_ONCE, "{received} frames in one turn");
    }
    assert_eq!(sim.client("dave").events.len(), 30);
}

fn bytes_in_flight_to_slow_reader() {
    for hibernate in [false, true] {
        let mut sim = SimRuntime::new();
        sim.hibernate_between_inputs = hibernate;
        sim.join_with("carol", "flow=1");
        let window = usize::try_from(limits::FLOW_WINDOW_BYTES).unwrap();
        let large = format!(r#"{{"name":"n","data":"{}"}}"#, "x".repeat(90_000));
        for _ in 0..40 {
            sim.http_publish_body("bob", &large).unwrap();
            sim.deliver_pending();
        }
        let in_flight = |sim: &mut SimRuntime| -> usize {
            sim.client("carol").frames.iter().map(String::len).sum()
        };
        assert!(in_flight(&mut sim) <= window + 1_000, "hibernate: {hibernate}");
        // Carol continues to read, and receives everything, one window at a
        // time.
        while sim.client("carol").seq != Some(40) {
            sim.client("carol").drain_frames();
            let seq = sim.client("carol").seq.unwrap();
            sim.send_seen("carol");
            sim.deliver_pending();
            assert!(in_flight(&mut sim) <= window + 1_000);
            assert!(sim.client("carol").seq > Some(seq), "hibernate: {hibernate}, at {seq}");
        }
        assert_eq!(sim.client("carol").gaps, 0);
    }
}

fn bytes_in_flight_that_log_no_longer_retains() {
    for hibernate in [false, true] {
        let mut sim = SimRuntime::with(Settings { retained_appends: 3, ..Settings::default() });
        sim.hibernate_between_inputs = hibernate;
        sim.join_with("carol", "flow=1");
        let large = format!(r#"{{"name":"n","data":"{}"}}"#, "x".repeat(90_000));
        for _ in 0..40 {
            sim.http_publish_body("bob", &large).unwrap();
            sim.deliver_pending();
        }
        let in_flight: usize = sim.client("carol").frames.iter().map(String::len).sum();
        let window = usize::try_from(limits::FLOW_WINDOW_BYTES).unwrap();
        assert!(in_flight <= window + 1_000, "hibernate: {hibernate}, {in_flight}");
        sim.send_seen("carol");
        sim.deliver_pending();
        assert_eq!(sim.client("carol").gaps, 1, "carol receives a gap");
        assert_eq!(sim.client("carol").seq, Some(40));
    }
}

fn consecutive_refused_frames() {
    for hibernate in [false, true] {
        let mut sim = SimRuntime::new();
        sim.hibernate_between_inputs = hibernate;
        sim.join("alice");
        for _ in 0..limits::BAD_REQUESTS_IN_A_ROW - 1 {
            sim.send("alice", "invalid");
        }
        sim.send_publish("alice", 1);
        for _ in 0..limits::BAD_REQUESTS_IN_A_ROW {
            assert_eq!(sim.client("alice").closed, None, "a valid frame resets the count");
            sim.send("alice", "invalid");
        }
        assert_eq!(sim.client("alice").closed, Some(Code::BadRequest));
    }
}

fn frames_of_session() {
    let settings = Settings { frames_per_second: 10, frames_burst: 5, ..Settings::default() };
    let mut sim = SimRuntime::with(settings);
    sim.join("alice");
    sim.join("bob");
    for _ in 0..8 {
        sim.send_publish("alice", 1);
    }
    let mut frames = sim.client("alice").drain_frames();
    frames.retain(|frame| frame["type"] == "error");
    assert_eq!(frames.len(), 3);
    let wait = frames[0]["retry_after_ms"].as_u64().unwrap();
    assert_eq!((frames[0]["code"].as_str(), wait), (Some("rate_limited"), 100));
    sim.send_seen("alice");
    assert!(sim.client("alice").drain_frames().is_empty(), "a `seen` beyond the rate still counts");
    sim.advance(wait);
    sim.send_publish("alice", 2);
    sim.send_publish("bob", 3);
    assert_eq!(sim.head(), 7);

    sim.send("bob", &" ".repeat(limits::BODY_BYTES));
    assert_eq!(sim.client("bob").drain_frames().pop().unwrap()["code"], "bad_request");
    sim.send("bob", &" ".repeat(limits::BODY_BYTES + 1));
    assert_eq!(sim.client("bob").closed, Some(Code::TooLarge));
}

#[test]
fn publish_beyond_event_or_size_limit_is_rejected() {
    let mut sim = SimRuntime::new();
    let batch = |events: usize, data: &str| {
        let events = vec![format!(r#"{{"name":"n","data":{data}}}"#); events].join(",");
        format!(r#"{{"events":[{events}]}}"#)
    };
    assert_eq!(
        sim.http_publish_body("bob", &batch(limits::EVENTS_IN_A_PUBLISH + 1, "1")),
        Err(Code::BadRequest)
    );
    assert_eq!(sim.http_publish_body("bob", &batch(0, "1")), Err(Code::BadRequest));
    assert_eq!(
        sim.http_publish_body("bob", &batch(limits::EVENTS_IN_A_PUBLISH, "1")).unwrap().len(),
        1_000
    );
    let large = format!("\"{}\"", "x".repeat(limits::DATA_BYTES - 2));
    assert!(sim.http_publish_body("bob", &batch(1, &large)).is_ok());
    let larger = format!("\"{}\"", "x".repeat(limits::DATA_BYTES - 1));
    assert_eq!(sim.http_publish_body("bob", &batch(1, &larger)), Err(Code::TooLarge));
    // A stored row may have at most 2 MB.
    assert_eq!(sim.http_publish_body("bob", &batch(8, &large)), Err(Code::TooLarge));
    assert!(sim.http_publish_body("bob", &batch(7, &large)).is_ok());
}
