//! Presence: who is told of whom, and when; what becomes of sessions that drop
//! or fall silent; and that sleep is invisible in all of it.

mod model;
mod person;
mod random;

use roomcast::auth::Identity;
use roomcast::code::Code;
use roomcast::limits;
use roomcast::settings::Settings;
use serde_json::Value;

use crate::world::World;

const MINUTE: u64 = 60_000;
const HOUR: u64 = 60 * MINUTE;

/// Somebody who may enter, for a day.
fn joins(world: &mut World, who: &str) {
    let identity = world.identity_with(who, &["subscribe", "presence"]);
    let expires_at = world.now.plus(24 * HOUR);
    world.connects(who, "", Identity { expires_at, ..identity });
    world.client(who).takes();
}

fn enters(world: &mut World, who: &str, data: &str) {
    world.sends(who, &format!(r#"{{"type":"enter","data":{data}}}"#));
}

fn are_in(world: &mut World, people: &[&str]) {
    for who in people {
        joins(world, who);
        enters(world, who, "null");
    }
    world.calms();
    people.iter().for_each(|who| drop(world.client(who).takes()));
}

#[test]
fn a_thousand_that_enter_together_are_told_in_a_frame() {
    let mut world = World::new();
    let people: Vec<String> = (0..1_000).map(|i| format!("u{i}")).collect();
    people.iter().for_each(|who| joins(&mut world, who));
    people.iter().for_each(|who| enters(&mut world, who, "1"));
    world.calms();
    let first = world.client("u0").takes();
    assert_eq!(first.len(), 2);
    assert_eq!(first[0]["members"].as_array().unwrap().len(), 1);
    assert_eq!(first[1]["entered"].as_array().unwrap().len(), 999);
    for who in &people[1..] {
        let frames = &world.client(who).frames;
        assert_eq!(frames.len(), 1, "the list, and no change of what is in it");
        assert_eq!(frames[0].matches("session\"").count(), 1_000);
    }
}

/// Limits: FLUSH_MS.
#[test]
fn a_change_comes_at_once_and_those_after_it_at_the_end_of_a_window() {
    let mut world = World::new();
    are_in(&mut world, &["ann", "ben", "cat"]);
    enters(&mut world, "ben", "1");
    assert_eq!(world.client("ann").takes_types(), ["members:changed"]);
    enters(&mut world, "ben", "2");
    enters(&mut world, "cat", "1");
    world.drops("ben");
    assert!(world.client("ann").takes().is_empty());
    world.passes(limits::FLUSH_MS);
    let change = &world.client("ann").takes()[0];
    assert_eq!(change["updated"].as_array().unwrap().len(), 2);
}

#[test]
fn what_a_window_held_is_told_soon_where_the_window_was_lost() {
    let mut world = World::new();
    are_in(&mut world, &["ann", "ben"]);
    enters(&mut world, "ben", "1");
    enters(&mut world, "ben", "2");
    world.sleeps();
    world.client("ann").takes();
    world.passes(limits::REPLAY_RESTART_MS);
    assert_eq!(world.client("ann").takes()[0]["updated"][0]["data"], 2);
}

#[test]
fn who_is_kicked_is_not_waited_for() {
    let kick = |world: &mut World, user: &str| {
        let path = format!("DELETE /rooms/r/members?user={user}");
        assert_eq!(world.http("admin", &path, "").0, 204);
    };
    for asleep in [false, true] {
        let mut world = World::new();
        world.drowsy = asleep;
        are_in(&mut world, &["ann", "ben", "cat"]);
        world.drops("ben");
        world.drops("cat");
        kick(&mut world, "ben");
        assert_eq!(world.reads("")["members"], 2, "asleep: {asleep}");
        let changes = world.client("ann").takes();
        assert_eq!(changes.len(), 1);
        assert_eq!(changes[0]["left"].as_array().unwrap().len(), 1);
        assert_eq!(changes[0]["left"][0]["user"], "ben");

        world.calms();
        kick(&mut world, "ben");
        assert_eq!(world.flush, None, "he was gone already");
    }
}

#[test]
fn presence_writes_no_row_and_few_alarms() {
    let mut world = World::new();
    joins(&mut world, "ann");
    world.store.bill();
    let alarms = world.alarms_set;
    enters(&mut world, "ann", "0");
    world.calms();
    assert_eq!(world.alarms_set - alarms, 1);
    for asleep in [false, true] {
        world.drowsy = asleep;
        joins(&mut world, "ben");
        enters(&mut world, "ben", "1");
        world.calms();
        world.sends("ben", r#"{"type":"leave"}"#);
        world.calms();
    }
    assert_eq!(world.alarms_set - alarms, 1, "told at once, so nothing can be lost");
    for _ in 0..120 {
        world.passes(25_000);
        ["ann", "ben"].iter().for_each(|who| world.pings(who));
    }
    let looks = world.alarms_set - alarms;
    assert!(looks <= 125, "{looks} alarms in 50 minutes");
    assert_eq!(world.store.bill(), 0);
}

#[test]
fn an_idle_room_is_woken_to_look_only_while_somebody_has_entered() {
    let mut world = World::new();
    world.drowsy = true;
    joins(&mut world, "ann");
    let woken = |world: &mut World, ms: u64| {
        let before = world.wakes;
        for _ in 0..ms / 25_000 {
            world.passes(25_000);
            world.pings("ann");
        }
        world.wakes - before
    };
    assert_eq!(woken(&mut world, 5 * HOUR), 0);
    enters(&mut world, "ann", "0");
    let looks = woken(&mut world, HOUR);
    assert!((40..=150).contains(&looks), "{looks} looks in an hour");
    world.sends("ann", r#"{"type":"leave"}"#);
    world.calms();
    assert!(woken(&mut world, 5 * HOUR) <= 1, "once, by the alarm that was set");
}

#[test]
fn frames_are_heard_as_pings_are_also_over_a_sleep() {
    let mut world = World::new();
    world.drowsy = true;
    are_in(&mut world, &["ann", "ben", "cat"]);
    for _ in 0..40 {
        world.passes(20_000);
        world.pings("ann");
        world.sends("ben", r#"{"type":"members"}"#);
    }
    assert_eq!(world.client("cat").closed, Some(Code::PingTimeout));
    assert_eq!(world.client("ann").closed, None);
    assert_eq!(world.client("ben").closed, None);
    assert_eq!(world.reads("")["members"], 2);
}

#[test]
fn a_ping_that_is_dated_wrong_keeps_no_ghost_and_closes_nobody_who_speaks() {
    let mut world = World::new();
    are_in(&mut world, &["ann", "ben"]);
    let start = world.now;
    // The runtime says of ben that he pinged tomorrow, and of ann that she
    // never did.
    world.now = start.plus(24 * HOUR);
    world.pings("ben");
    world.now = start;
    for _ in 0..8 {
        world.passes(20_000);
        world.sends("ann", r#"{"type":"members"}"#);
    }
    assert_eq!(world.client("ann").closed, None);
    assert_eq!(world.client("ben").closed, Some(Code::PingTimeout));
    assert_eq!(world.reads("")["members"], 1);
}

#[test]
fn what_a_socket_carries_stays_below_half_of_what_it_may() {
    let mut world = World::new();
    let named = |i: u32| format!("{}{i:02}", "\u{1}".repeat(limits::USER - 2));
    let crowd: Vec<String> = (0..40).map(named).collect();
    let large = format!("\"{}\"", "x".repeat(limits::PRESENCE_BYTES - 2));
    for who in &crowd {
        joins(&mut world, who);
        enters(&mut world, who, &large);
    }
    for who in &crowd[..39] {
        world.drops(who);
        let attachment = world.attachment(&crowd[39]).unwrap();
        assert!(attachment.len() < 16_384 / 2 - 100, "{} bytes", attachment.len());
    }
}

#[test]
fn where_more_are_in_grace_than_sockets_can_carry_nobody_stays_a_ghost() {
    let mut world = World::new();
    let crowd: Vec<String> = (0..60).map(|i| format!("u{i}")).collect();
    let large = format!("\"{}\"", "x".repeat(2_000));
    for who in &crowd {
        joins(&mut world, who);
        enters(&mut world, who, &large);
    }
    are_in(&mut world, &["ann"]);
    crowd.iter().for_each(|who| world.drops(who));
    world.calms();
    assert_eq!(world.reads("")["members"], 61);
    assert!(world.client("ann").takes().is_empty(), "as long as the room is awake");

    world.sleeps();
    world.passes(limits::REPLAY_RESTART_MS);
    world.calms();
    let list = &world.client("ann").takes()[0];
    let left = list["members"].as_array().unwrap().len();
    assert!((2..10).contains(&left), "the list anew, of those that were carried: {left}");
    world.passes(limits::GRACE_MS);
    let change = &world.client("ann").takes()[0];
    assert_eq!(change["left"].as_array().unwrap().len(), left - 1);
    assert_eq!(world.reads("")["members"], 1);
}

/// The types of frames about members that somebody was sent since the last
/// call, and whether each says that more come.
fn about_members(world: &mut World, who: &str) -> Vec<(String, bool)> {
    let frames = world.client(who).takes().into_iter();
    let kind = |frame: Value| (frame["type"].as_str().unwrap().to_owned(), frame["more"] == true);
    frames.map(kind).filter(|(kind, _)| kind.starts_with("members")).collect()
}

/// Limits: MEMBERS_PAGE_BYTES.
#[test]
fn a_large_list_comes_in_pages_and_changes_behind_the_last() {
    let mut world = World::new();
    let large = format!("\"{}\"", "x".repeat(limits::PRESENCE_BYTES - 2));
    let people: Vec<String> = (0..300).map(|i| format!("u{i}")).collect();
    for who in &people {
        joins(&mut world, who);
        enters(&mut world, who, &large);
    }
    while world.flush.is_some() {
        world.flushes();
    }
    world.client("u0").takes();
    joins(&mut world, "zoe");
    enters(&mut world, "zoe", "null");
    enters(&mut world, "u0", "1");
    world.calms();
    let pages = &world.client("zoe").frames;
    let sizes: Vec<usize> = pages.iter().map(String::len).collect();
    assert!(sizes.iter().all(|size| *size < limits::MEMBERS_PAGE_BYTES + 100), "{sizes:?}");
    assert!(sizes[..2].iter().all(|size| *size > limits::MEMBERS_PAGE_BYTES - 3_000), "{sizes:?}");
    let members: usize = pages.iter().map(|page| page.matches("session\"").count()).sum();
    assert_eq!(members, 302, "all of them, and one of the change");
    let more = ["members", "members", "members", "members:changed"];
    assert_eq!(
        about_members(&mut world, "zoe"),
        more.iter().enumerate().map(|(i, kind)| ((*kind).to_owned(), i < 2)).collect::<Vec<_>>()
    );
    // Over HTTP it is one body.
    assert_eq!(world.reads("/members")["members"].as_array().unwrap().len(), 301);
}

#[test]
fn a_member_that_is_larger_than_a_page_has_one_for_itself() {
    let mut world = World::new();
    let large = format!("\"{}\"", "x".repeat(limits::PRESENCE_BYTES - 2));
    for i in 0..200 {
        let identity = world.identity_with("tabs", &["subscribe", "presence"]);
        world.connects(&format!("tab-{i}"), "", identity);
        enters(&mut world, &format!("tab-{i}"), &large);
    }
    are_in(&mut world, &["ann"]);
    world.sends("ann", r#"{"type":"members"}"#);
    let frames = world.client("ann").takes();
    let users = |frame: &Value| frame["members"].as_array().unwrap().len();
    assert_eq!(frames.iter().map(users).collect::<Vec<_>>(), [1, 1]);
    assert_eq!(frames[0]["more"], true);
    assert_eq!(frames[1]["members"][0]["sessions"].as_array().unwrap().len(), 200);
    assert_eq!(frames[1]["more"], Value::Null);
}

/// Each is told of each other once, whoever comes first: that is a square, and
/// no window makes it less. But it is sent bit by bit, and in few frames.
/// Limits: COPY_BYTES.
#[test]
fn twelve_hundred_that_enter_at_once_are_each_told_of_each_once() {
    const PEOPLE: usize = 1_200;
    let mut world = World::with(Settings { members: PEOPLE, ..Settings::default() });
    let people: Vec<String> = (0..PEOPLE).map(|i| format!("u{i:04}")).collect();
    people.iter().for_each(|who| joins(&mut world, who));
    let before = world.sent_bytes;
    people.iter().for_each(|who| enters(&mut world, who, "1"));
    let mut most = 0;
    while world.flush.is_some() {
        let sent = world.sent_bytes;
        world.flushes();
        most = most.max(world.sent_bytes - sent);
    }
    let sent = world.sent_bytes - before;
    let entry = r#"{"user":"u0000","sessions":[{"session":"0000000000000001","data":1,"since":1795297884686}]},"#;
    println!("{sent} bytes, {most} of them in one window");
    assert!(sent <= PEOPLE * PEOPLE * entry.len() + 100 * PEOPLE, "{sent}");
    let copies = usize::try_from(limits::WINDOW_COPIES).unwrap();
    assert!(most <= copies * limits::COPY_BYTES, "{most} bytes in a window");
    for who in &people[1..] {
        let frames = &world.client(who).frames;
        assert_eq!(frames.len(), 1, "{who}");
        assert_eq!(frames[0].matches("session\"").count(), PEOPLE);
    }
}

#[test]
fn who_does_not_read_is_told_no_changes_and_gets_the_list_when_it_reads_again() {
    for asleep in [false, true] {
        let mut world = World::new();
        world.drowsy = asleep;
        are_in(&mut world, &["ann", "ben", "cat"]);
        world.stands_still("cat");
        let large = |i: u32| format!("\"{}{}\"", "x".repeat(limits::PRESENCE_BYTES - 3), i % 10);
        for i in 0..700 {
            enters(&mut world, "ann", &large(i));
            world.passes(limits::FLUSH_MS);
            ["ann", "ben", "cat"].iter().for_each(|who| world.pings(who));
        }
        let waits = world.unsent_bytes("cat");
        assert!((limits::UNSENT_BYTES..limits::UNSENT_BYTES + 5_000).contains(&waits), "{waits}");
        assert_eq!(about_members(&mut world, "ben").len(), 700, "the others are told all");

        world.reads_on("cat");
        about_members(&mut world, "cat");
        enters(&mut world, "ben", "2");
        let expected = [("members".to_owned(), false)];
        world.passes(limits::REPLAY_RESTART_MS);
        assert_eq!(about_members(&mut world, "cat"), expected, "asleep: {asleep}");
        enters(&mut world, "ben", "3");
        world.calms();
        assert_eq!(about_members(&mut world, "cat").len(), 1, "and changes from then on");
    }
}

#[test]
fn who_does_not_read_and_does_not_ping_is_silent() {
    let mut world = World::new();
    are_in(&mut world, &["ann", "ben"]);
    world.stands_still("ben");
    let alarms = world.alarms_set;
    let large = format!("\"{}\"", "x".repeat(limits::PRESENCE_BYTES - 9));
    for i in 0..700 {
        enters(&mut world, "ann", &format!("[{i},{large}]"));
        world.passes(limits::FLUSH_MS);
    }
    for _ in 0..10 {
        world.passes(10_000);
        world.pings("ann");
    }
    assert_eq!(world.client("ben").closed, Some(Code::PingTimeout));
    let alarms = world.alarms_set - alarms;
    assert!(alarms < 30, "{alarms} alarms to look whether he reads");
}
