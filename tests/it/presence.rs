//! Tests of presence. The tests check which changes are sent to members, and
//! when. Other tests check sessions that disconnect or stop pinging.
//! Hibernation must change nothing.

mod client;
mod model;
mod random;

use roomcast::auth::Identity;
use roomcast::code::Code;
use roomcast::limits;
use roomcast::settings::Settings;
use serde_json::Value;

use crate::sim::SimRuntime;

const MINUTE: u64 = 60_000;
const HOUR: u64 = 60 * MINUTE;

/// Joins with the right to presence, and with a token that is valid for a day.
fn join(sim: &mut SimRuntime, who: &str) {
    let identity = sim.identity_with(who, &["subscribe", "presence"]);
    let expires_at = Some(sim.now.plus(24 * HOUR));
    sim.connect(who, "", Identity { expires_at, ..identity });
    sim.client(who).drain_frames();
}

fn enter(sim: &mut SimRuntime, who: &str, data: &str) {
    sim.send(who, &format!(r#"{{"type":"enter","data":{data}}}"#));
}

fn enter_all(sim: &mut SimRuntime, users: &[&str]) {
    for who in users {
        join(sim, who);
        enter(sim, who, "null");
    }
    sim.run_until_idle();
    users.iter().for_each(|who| drop(sim.client(who).drain_frames()));
}

#[test]
fn thousand_enters_at_once_are_sent_in_one_frame() {
    let mut sim = SimRuntime::new();
    let users: Vec<String> = (0..1_000).map(|i| format!("u{i}")).collect();
    users.iter().for_each(|who| join(&mut sim, who));
    users.iter().for_each(|who| enter(&mut sim, who, "1"));
    sim.run_until_idle();
    let first = sim.client("u0").drain_frames();
    assert_eq!(first.len(), 2);
    assert_eq!(first[0]["members"].as_array().unwrap().len(), 1);
    assert_eq!(first[1]["entered"].as_array().unwrap().len(), 999);
    for who in &users[1..] {
        let frames = &sim.client(who).frames;
        assert_eq!(frames.len(), 1, "the list, and no change with entries of the list");
        assert_eq!(frames[0].matches("session\"").count(), 1_000);
    }
}

/// Limits: FLUSH_MS.
#[test]
fn first_change_is_sent_at_once_and_later_ones_at_window_end() {
    let mut sim = SimRuntime::new();
    enter_all(&mut sim, &["ann", "ben", "cat"]);
    enter(&mut sim, "ben", "1");
    assert_eq!(sim.client("ann").drain_frame_types(), ["members:changed"]);
    enter(&mut sim, "ben", "2");
    enter(&mut sim, "cat", "1");
    sim.drop_socket("ben");
    assert!(sim.client("ann").drain_frames().is_empty());
    sim.advance(limits::FLUSH_MS);
    let change = &sim.client("ann").drain_frames()[0];
    assert_eq!(change["updated"].as_array().unwrap().len(), 2);
}

#[test]
fn changes_pending_when_room_hibernates_are_sent_by_alarm() {
    let mut sim = SimRuntime::new();
    enter_all(&mut sim, &["ann", "ben"]);
    enter(&mut sim, "ben", "1");
    enter(&mut sim, "ben", "2");
    sim.hibernate();
    sim.client("ann").drain_frames();
    sim.advance(limits::REPLAY_RESTART_MS);
    assert_eq!(sim.client("ann").drain_frames()[0]["updated"][0]["data"], 2);
}

#[test]
fn kicked_user_in_grace_leaves_at_once() {
    let kick = |sim: &mut SimRuntime, user: &str| {
        let path = format!("DELETE /rooms/r/members?user={user}");
        assert_eq!(sim.http("admin", &path, "").0, 204);
    };
    for hibernate in [false, true] {
        let mut sim = SimRuntime::new();
        sim.hibernate_between_inputs = hibernate;
        enter_all(&mut sim, &["ann", "ben", "cat"]);
        sim.drop_socket("ben");
        sim.drop_socket("cat");
        kick(&mut sim, "ben");
        assert_eq!(sim.http_get("")["members"], 2, "hibernate: {hibernate}");
        let changes = sim.client("ann").drain_frames();
        assert_eq!(changes.len(), 1);
        assert_eq!(changes[0]["left"].as_array().unwrap().len(), 1);
        assert_eq!(changes[0]["left"][0]["user"], "ben");

        sim.run_until_idle();
        kick(&mut sim, "ben");
        assert_eq!(sim.flush_at, None, "ben had left already, so no change is pending");
    }
}

#[test]
fn presence_writes_no_row_and_sets_few_alarms() {
    let mut sim = SimRuntime::new();
    join(&mut sim, "ann");
    sim.store.drain_rows_written();
    let alarms = sim.alarms_set;
    enter(&mut sim, "ann", "0");
    sim.run_until_idle();
    assert_eq!(sim.alarms_set - alarms, 1);
    for hibernate in [false, true] {
        sim.hibernate_between_inputs = hibernate;
        join(&mut sim, "ben");
        enter(&mut sim, "ben", "1");
        sim.run_until_idle();
        sim.send("ben", r#"{"type":"leave"}"#);
        sim.run_until_idle();
    }
    assert_eq!(sim.alarms_set - alarms, 1, "changes sent at once need no alarm");
    for _ in 0..120 {
        sim.advance(25_000);
        ["ann", "ben"].iter().for_each(|who| sim.ping(who));
    }
    let set = sim.alarms_set - alarms;
    assert!(set <= 125, "{set} alarms in 50 minutes");
    assert_eq!(sim.store.drain_rows_written(), 0);
}

#[test]
fn idle_room_is_loaded_for_liveness_only_while_it_has_members() {
    let mut sim = SimRuntime::new();
    sim.hibernate_between_inputs = true;
    join(&mut sim, "ann");
    let count_loads = |sim: &mut SimRuntime, ms: u64| {
        let before = sim.loads;
        for _ in 0..ms / 25_000 {
            sim.advance(25_000);
            sim.ping("ann");
        }
        sim.loads - before
    };
    assert_eq!(count_loads(&mut sim, 5 * HOUR), 0);
    enter(&mut sim, "ann", "0");
    let loads = count_loads(&mut sim, HOUR);
    assert!((40..=150).contains(&loads), "{loads} loads in an hour");
    sim.send("ann", r#"{"type":"leave"}"#);
    sim.run_until_idle();
    assert!(
        count_loads(&mut sim, 5 * HOUR) <= 1,
        "at most once, by the alarm that was already set"
    );
}

#[test]
fn frames_count_as_pings_across_hibernation() {
    let mut sim = SimRuntime::new();
    sim.hibernate_between_inputs = true;
    enter_all(&mut sim, &["ann", "ben", "cat"]);
    for _ in 0..40 {
        sim.advance(20_000);
        sim.ping("ann");
        sim.send("ben", r#"{"type":"members"}"#);
    }
    assert_eq!(sim.client("cat").closed, Some(Code::PingTimeout));
    assert_eq!(sim.client("ann").closed, None);
    assert_eq!(sim.client("ben").closed, None);
    assert_eq!(sim.http_get("")["members"], 2);
}

#[test]
fn ping_dated_in_the_future_does_not_keep_member() {
    let mut sim = SimRuntime::new();
    enter_all(&mut sim, &["ann", "ben"]);
    let start = sim.now;
    // The runtime reports a ping of ben that is dated a day ahead. The runtime
    // reports no ping of ann, but ann sends frames.
    sim.now = start.plus(24 * HOUR);
    sim.ping("ben");
    sim.now = start;
    for _ in 0..8 {
        sim.advance(20_000);
        sim.send("ann", r#"{"type":"members"}"#);
    }
    assert_eq!(sim.client("ann").closed, None);
    assert_eq!(sim.client("ben").closed, Some(Code::PingTimeout));
    assert_eq!(sim.http_get("")["members"], 1);
}

#[test]
fn attachment_with_carried_members_stays_below_half_its_limit() {
    let mut sim = SimRuntime::new();
    let named = |i: u32| format!("{}{i:02}", "\u{1}".repeat(limits::USER - 2));
    let users: Vec<String> = (0..40).map(named).collect();
    let large = format!("\"{}\"", "x".repeat(limits::PRESENCE_BYTES - 2));
    for who in &users {
        join(&mut sim, who);
        enter(&mut sim, who, &large);
    }
    for who in &users[..39] {
        sim.drop_socket(who);
        let attachment = sim.attachment(&users[39]).unwrap();
        assert!(attachment.len() < 16_384 / 2 - 100, "{} bytes", attachment.len());
    }
}

#[test]
fn members_in_grace_beyond_carry_limit_leave_after_hibernation() {
    let mut sim = SimRuntime::new();
    let users: Vec<String> = (0..60).map(|i| format!("u{i}")).collect();
    let large = format!("\"{}\"", "x".repeat(2_000));
    for who in &users {
        join(&mut sim, who);
        enter(&mut sim, who, &large);
    }
    enter_all(&mut sim, &["ann"]);
    users.iter().for_each(|who| sim.drop_socket(who));
    sim.run_until_idle();
    assert_eq!(sim.http_get("")["members"], 61);
    assert!(
        sim.client("ann").drain_frames().is_empty(),
        "as long as the room is active, all of them stay members"
    );

    sim.hibernate();
    sim.advance(limits::REPLAY_RESTART_MS);
    sim.run_until_idle();
    let list = &sim.client("ann").drain_frames()[0];
    let left = list["members"].as_array().unwrap().len();
    assert!(
        (2..10).contains(&left),
        "the new list has {left} members: ann, and those that an attachment carried"
    );
    sim.advance(limits::GRACE_MS);
    let change = &sim.client("ann").drain_frames()[0];
    assert_eq!(change["left"].as_array().unwrap().len(), left - 1);
    assert_eq!(sim.http_get("")["members"], 1);
}

/// Returns the type of each frame about members that was received since the
/// last call, and whether another page follows the frame.
fn about_members(sim: &mut SimRuntime, who: &str) -> Vec<(String, bool)> {
    let frames = sim.client(who).drain_frames().into_iter();
    let kind = |frame: Value| (frame["type"].as_str().unwrap().to_owned(), frame["more"] == true);
    frames.map(kind).filter(|(kind, _)| kind.starts_with("members")).collect()
}

/// Limits: MEMBERS_PAGE_BYTES.
#[test]
fn large_list_is_sent_in_pages_before_changes() {
    let mut sim = SimRuntime::new();
    let large = format!("\"{}\"", "x".repeat(limits::PRESENCE_BYTES - 2));
    let users: Vec<String> = (0..300).map(|i| format!("u{i}")).collect();
    for who in &users {
        join(&mut sim, who);
        enter(&mut sim, who, &large);
    }
    while sim.flush_at.is_some() {
        sim.fire_flush();
    }
    sim.client("u0").drain_frames();
    join(&mut sim, "zoe");
    enter(&mut sim, "zoe", "null");
    enter(&mut sim, "u0", "1");
    sim.run_until_idle();
    let pages = &sim.client("zoe").frames;
    let sizes: Vec<usize> = pages.iter().map(String::len).collect();
    assert!(sizes.iter().all(|size| *size < limits::MEMBERS_PAGE_BYTES + 100), "{sizes:?}");
    assert!(sizes[..2].iter().all(|size| *size > limits::MEMBERS_PAGE_BYTES - 3_000), "{sizes:?}");
    let members: usize = pages.iter().map(|page| page.matches("session\"").count()).sum();
    assert_eq!(members, 302, "all members, and one of the change");
    let more = ["members", "members", "members", "members:changed"];
    assert_eq!(
        about_members(&mut sim, "zoe"),
        more.iter().enumerate().map(|(i, kind)| ((*kind).to_owned(), i < 2)).collect::<Vec<_>>()
    );
    // Over HTTP, the list has no pages.
    assert_eq!(sim.http_get("/members")["members"].as_array().unwrap().len(), 301);
}

#[test]
fn member_larger_than_page_gets_its_own_page() {
    let mut sim = SimRuntime::new();
    let large = format!("\"{}\"", "x".repeat(limits::PRESENCE_BYTES - 2));
    for i in 0..200 {
        let identity = sim.identity_with("tabs", &["subscribe", "presence"]);
        sim.connect(&format!("tab-{i}"), "", identity);
        enter(&mut sim, &format!("tab-{i}"), &large);
    }
    enter_all(&mut sim, &["ann"]);
    sim.send("ann", r#"{"type":"members"}"#);
    let frames = sim.client("ann").drain_frames();
    let users = |frame: &Value| frame["members"].as_array().unwrap().len();
    assert_eq!(frames.iter().map(users).collect::<Vec<_>>(), [1, 1]);
    assert_eq!(frames[0]["more"], true);
    assert_eq!(frames[1]["members"][0]["sessions"].as_array().unwrap().len(), 200);
    assert_eq!(frames[1]["more"], Value::Null);
}

/// Each member receives every other member's entry once, in any order. The
/// total number of bytes grows with the square of the number of members, and no
/// window reduces the total. The bytes are spread over several windows, in few
/// frames.
/// Limits: COPY_BYTES.
#[test]
fn twelve_hundred_enters_at_once_are_each_sent_once() {
    const USERS: usize = 1_200;
    let mut sim = SimRuntime::with(Settings { members: USERS, ..Settings::default() });
    let users: Vec<String> = (0..USERS).map(|i| format!("u{i:04}")).collect();
    users.iter().for_each(|who| join(&mut sim, who));
    let before = sim.sent_bytes;
    users.iter().for_each(|who| enter(&mut sim, who, "1"));
    let mut most = 0;
    while sim.flush_at.is_some() {
        let sent = sim.sent_bytes;
        sim.fire_flush();
        most = most.max(sim.sent_bytes - sent);
    }
    let sent = sim.sent_bytes - before;
    let entry = r#"{"user":"u0000","sessions":[{"session":"0000000000000001","data":1,"since":1795297884686}]},"#;
    println!("{sent} bytes, {most} of them in one window");
    assert!(sent <= USERS * USERS * entry.len() + 100 * USERS, "{sent}");
    let copies = usize::try_from(limits::WINDOW_COPIES).unwrap();
    assert!(most <= copies * limits::COPY_BYTES, "{most} bytes in a window");
    for who in &users[1..] {
        let frames = &sim.client(who).frames;
        assert_eq!(frames.len(), 1, "{who}");
        assert_eq!(frames[0].matches("session\"").count(), USERS);
    }
}

#[test]
fn member_that_does_not_read_gets_list_when_it_reads_again() {
    for hibernate in [false, true] {
        let mut sim = SimRuntime::new();
        sim.hibernate_between_inputs = hibernate;
        enter_all(&mut sim, &["ann", "ben", "cat"]);
        sim.stop_reading("cat");
        let large = |i: u32| format!("\"{}{}\"", "x".repeat(limits::PRESENCE_BYTES - 3), i % 10);
        for i in 0..700 {
            enter(&mut sim, "ann", &large(i));
            sim.advance(limits::FLUSH_MS);
            ["ann", "ben", "cat"].iter().for_each(|who| sim.ping(who));
        }
        let waits = sim.unsent_bytes("cat");
        assert!((limits::UNSENT_BYTES..limits::UNSENT_BYTES + 5_000).contains(&waits), "{waits}");
        assert_eq!(about_members(&mut sim, "ben").len(), 700, "other members get every change");

        sim.resume_reading("cat");
        about_members(&mut sim, "cat");
        enter(&mut sim, "ben", "2");
        let expected = [("members".to_owned(), false)];
        sim.advance(limits::REPLAY_RESTART_MS);
        assert_eq!(about_members(&mut sim, "cat"), expected, "hibernate: {hibernate}");
        enter(&mut sim, "ben", "3");
        sim.run_until_idle();
        assert_eq!(about_members(&mut sim, "cat").len(), 1, "changes follow the list");
    }
}

#[test]
fn member_that_neither_reads_nor_pings_is_closed() {
    let mut sim = SimRuntime::new();
    enter_all(&mut sim, &["ann", "ben"]);
    sim.stop_reading("ben");
    let alarms = sim.alarms_set;
    let large = format!("\"{}\"", "x".repeat(limits::PRESENCE_BYTES - 9));
    for i in 0..700 {
        enter(&mut sim, "ann", &format!("[{i},{large}]"));
        sim.advance(limits::FLUSH_MS);
    }
    for _ in 0..10 {
        sim.advance(10_000);
        sim.ping("ann");
    }
    assert_eq!(sim.client("ben").closed, Some(Code::PingTimeout));
    let alarms = sim.alarms_set - alarms;
    assert!(alarms < 30, "{alarms} alarms to check whether ben reads");
}
