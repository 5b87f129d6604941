//! The promises of the contract (docs/protocol.md, section 2) that are not
//! named invariants as well.

use roomcast::code::Code;

use crate::world::{Death, World};

#[test]
fn acknowledged_is_durable() {
    let mut world = World::new();
    world.joins("alice");
    world.says("alice", 1);
    assert_eq!(world.client("alice").takes_types(), ["welcome", "events", "ack"]);
    world.crashes();
    assert_eq!(world.publishes("bob", 2), Ok(2));
    world.crashes();
    let batch = r#"{"events":[{"name":"n","data":3},{"name":"n","data":4,"key":"k"}]}"#;
    assert_eq!(world.posts("bob", batch), Ok(vec![3, 4]));
    world.crashes();

    world.resumes("alice");
    assert_eq!(world.client("alice").data(), ["1", "2", "3", "4"]);
    assert_eq!(world.reads("/state")["events"][0]["seq"], 4);
}

#[test]
fn stored_before_seen() {
    // That every frame speaks of stored events only is checked by the world.
    let mut world = World::new();
    world.joins("alice");
    world.dies = Some(Death::BeforeCommit);
    assert_eq!(world.publishes("bob", "\"lost\""), Err(Code::Restarting));
    assert!(world.client("alice").data().is_empty(), "nobody saw what was lost");

    world.resumes("alice");
    assert_eq!(world.publishes("bob", 1), Ok(1), "and it was never there");
    world.dies = Some(Death::AfterCommit);
    assert_eq!(world.publishes("bob", 2), Err(Code::Restarting));
    world.resumes("alice");
    assert_eq!(world.client("alice").data(), ["1", "2"], "stored is stored, answered or not");
}

#[test]
fn one_order() {
    let mut world = World::new();
    let everybody = ["alice", "bob", "carol"];
    everybody.into_iter().for_each(|who| world.joins(who));
    for round in 0..10 {
        world.says("alice", format!("\"a{round}\""));
        world
            .posts("writer", r#"{"events":[{"name":"n","data":1},{"name":"n","data":2}]}"#)
            .unwrap();
        world.says("bob", format!("\"b{round}\""));
        let late = everybody[round % 3];
        world.drops(late);
        world.publishes("writer", 3).unwrap();
        world.resumes(late);
    }
    let alice = world.client("alice").events.clone();
    assert!(world.client("alice").seqs().into_iter().eq(1..=50));
    assert_eq!(world.client("bob").events, alice);
    assert_eq!(world.client("carol").events, alice);
}
