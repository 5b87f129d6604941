//! The list of the occupied channels.

use roomcast::limits;
use roomcast::pusher::{ChannelStats, Info, answer};

use super::*;

const COUNTS: Info = Info { user_count: true, subscription_count: true, cache: true };

/// Returns the list of the directory, in two pages, and the rooms to read.
fn list(info: Info, rooms: &[(String, u64)]) -> (Vec<ChannelStats>, Vec<RoomName>) {
    let app = apps().with_id("1").cloned().unwrap();
    let mut list = answer::Channels::new(&app, info);
    let listed = |(room, sessions): &(String, u64)| json!({ "room": room, "sessions": sessions, "members": 0 });
    let rooms: Vec<Value> = rooms.iter().map(listed).collect();
    let (first, second) = rooms.split_at(rooms.len() / 2);
    let page = json!({ "rooms": first, "cursor": "presence-cursor" });
    assert_eq!(list.push(&page.to_string()), Some(Some(room("presence-cursor"))));
    assert_eq!(list.push(&json!({ "rooms": second }).to_string()), Some(None));
    list.finish()
}

fn body(channels: &[ChannelStats]) -> Value {
    serde_json::from_str(&answer::channels(channels)).unwrap()
}

fn names(count: usize) -> Vec<(String, u64)> {
    (0..count).map(|n| (format!("presence-{n:03}"), 2)).collect()
}

#[test]
fn only_occupied_channels_of_the_app_are_listed() {
    let rooms = [("presence-a", 1), ("other:presence-b", 1), ("presence-c", 0), ("news", 3)];
    let rooms = rooms.map(|(room, sessions)| (room.to_owned(), sessions));
    let (channels, rooms) = list(Info::default(), &rooms);
    assert_eq!(body(&channels), json!({ "channels": { "presence-a": {}, "news": {} } }));
    assert!(!channels.iter().any(ChannelStats::needs_room));
    assert_eq!(rooms, [room("presence-a"), room("news")]);
}

#[test]
fn counts_of_a_short_list_are_those_of_its_rooms() {
    let (mut channels, rooms) = list(COUNTS, &names(2));
    assert_eq!(rooms, [room("presence-000"), room("presence-001")]);
    assert!(channels.iter().all(ChannelStats::needs_room));
    // The last session of the second room has ended since its report.
    for (stats, (sessions, members)) in channels.iter_mut().zip([(3, 2), (0, 0)]) {
        let answer = json!({ "sessions": sessions, "members": members });
        stats.read_room(&answer.to_string()).unwrap();
    }
    let counts = json!({ "user_count": 2, "subscription_count": 3 });
    assert_eq!(body(&channels), json!({ "channels": { "presence-000": counts } }));
}

/// Limits: PUSHER_CHANNELS.
#[test]
fn counts_of_a_long_list_are_those_of_the_directory() {
    let (_, rooms) = list(COUNTS, &names(limits::PUSHER_CHANNELS));
    assert_eq!(rooms.len(), limits::PUSHER_CHANNELS);
    let (channels, rooms) = list(COUNTS, &names(limits::PUSHER_CHANNELS + 1));
    assert_eq!(rooms, []);
    let listed = body(&channels);
    let counts = json!({ "user_count": 0, "subscription_count": 2 });
    assert_eq!(listed["channels"]["presence-100"], counts);
    assert_eq!(listed["channels"].as_object().unwrap().len(), limits::PUSHER_CHANNELS + 1);
}
