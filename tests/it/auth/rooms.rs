//! The rights that the claim `rooms` of a token grants in a room.

use roomcast::protocol::{Grant, Right, RoomName};
use serde_json::{Value, json};

use super::fixtures::{check, token_with_claims, with};

/// Returns the grant that a token with these `rooms` has in a room.
pub fn granted(rooms: Value, room: &str) -> Grant {
    let claims = check(&token_with_claims(&with("rooms", rooms))).unwrap();
    claims.grant(&RoomName::parse(room).unwrap())
}

#[test]
fn pattern_matches_whole_segments_only() {
    let table: [(&str, &[&str], &[&str]); 15] = [
        ("shipments", &["shipments"], &["shipments:1", "Shipments", "shipments2", "shipment"]),
        ("shipments:1", &["shipments:1"], &["shipments", "shipments:1:a", "shipments:12"]),
        (
            "shipments:*",
            &["shipments:1", "shipments:a:b", "shipments:a:b:c"],
            &["shipments", "shipmentsX", "shipmentsX:1", "a:shipments:1", "Shipments:1"],
        ),
        ("a:b:*", &["a:b:c", "a:b:c:d"], &["a:b", "a:bc", "a", "a:c:b"]),
        ("*", &["a", "a:b", "shipments:1"], &[]),
        // A pattern in a form that the contract does not define matches
        // nothing.
        ("", &[], &["a"]),
        (":*", &[], &["a", "a:b"]),
        ("**", &[], &["a", "a:b"]),
        ("*:*", &[], &["a", "a:b"]),
        ("*:b", &[], &["a:b"]),
        ("a*", &[], &["a", "ab", "a:b"]),
        ("a:*:*", &[], &["a:b", "a:b:c"]),
        ("a:*:c", &[], &["a:b:c"]),
        ("a::*", &[], &["a", "a:b"]),
        ("a:", &[], &["a", "a:b"]),
    ];
    for (pattern, inside, outside) in table {
        for room in inside {
            assert!(
                granted(json!({ pattern: ["admin"] }), room).contains(Right::Admin),
                "{pattern} {room}"
            );
        }
        for room in outside {
            assert_eq!(
                granted(json!({ pattern: ["admin"] }), room),
                Grant::NONE,
                "{pattern} {room}"
            );
        }
    }
}

#[test]
fn rights_of_matching_patterns_are_united() {
    let rooms = json!({
        "*": ["subscribe"], "a:*": ["subscribe", "publish"], "a:b": ["presence"], "a:c": ["admin"],
    });
    let listed = |room: &str| serde_json::to_string(&granted(rooms.clone(), room)).unwrap();
    assert_eq!(listed("a"), r#"["subscribe"]"#);
    assert_eq!(listed("a:x"), r#"["subscribe","publish"]"#);
    assert_eq!(listed("a:b"), r#"["subscribe","publish","presence"]"#);
    assert_eq!(listed("a:c"), r#"["subscribe","publish","admin"]"#);
}

#[test]
fn unknown_right_is_ignored_and_case_matters() {
    let rooms = json!({ "a": ["history", "Admin", "ADMIN", "admin ", "", "publish", "publish"] });
    assert_eq!(granted(rooms, "a"), Grant::NONE.with(Right::Publish));
}

#[test]
fn right_implies_no_other_right() {
    for right in Right::ALL {
        let grant = granted(json!({ "a": [right.as_str()] }), "a");
        assert!(grant.iter().eq([right]), "{grant:?}");
    }
}

#[test]
fn grant_is_written_in_fixed_order_and_parsed_back() {
    let grant: Grant = serde_json::from_str(r#"["admin","presence","subscribe"]"#).unwrap();
    let written = serde_json::to_string(&grant).unwrap();
    assert_eq!(written, r#"["subscribe","presence","admin"]"#);
    assert_eq!(serde_json::from_str::<Grant>(&written).unwrap(), grant);
    assert_eq!(grant.union(Grant::NONE), grant);
    assert_eq!(Right::ALL.into_iter().collect::<Grant>().iter().count(), 4);
    for bad in ["null", "{}", "7", r#""admin""#, "[1]", r#"[["admin"]]"#] {
        assert!(serde_json::from_str::<Grant>(bad).is_err(), "{bad}");
    }
}
