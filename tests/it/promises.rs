//! The promises of the contract (docs/protocol.md, section 2) that are not
//! named invariants as well.

use roomcast::code::Code;

use crate::sim::{Death, SimRuntime};

#[test]
fn acknowledged_is_durable() {
    let mut sim = SimRuntime::new();
    sim.joins("alice");
    sim.says("alice", 1);
    assert_eq!(sim.client("alice").takes_types(), ["welcome", "events", "ack"]);
    sim.crashes();
    assert_eq!(sim.publishes("bob", 2), Ok(2));
    sim.crashes();
    let batch = r#"{"events":[{"name":"n","data":3},{"name":"n","data":4,"key":"k"}]}"#;
    assert_eq!(sim.posts("bob", batch), Ok(vec![3, 4]));
    sim.crashes();

    sim.resumes("alice");
    assert_eq!(sim.client("alice").data(), ["1", "2", "3", "4"]);
    assert_eq!(sim.reads("/state")["events"][0]["seq"], 4);
}

#[test]
fn stored_before_seen() {
    // That every frame speaks of stored events only is checked by the world.
    let mut sim = SimRuntime::new();
    sim.joins("alice");
    sim.dies = Some(Death::BeforeCommit);
    assert_eq!(sim.publishes("bob", "\"lost\""), Err(Code::Restarting));
    assert!(sim.client("alice").data().is_empty(), "nobody saw what was lost");

    sim.resumes("alice");
    assert_eq!(sim.publishes("bob", 1), Ok(1), "and it was never there");
    sim.dies = Some(Death::AfterCommit);
    assert_eq!(sim.publishes("bob", 2), Err(Code::Restarting));
    sim.resumes("alice");
    assert_eq!(sim.client("alice").data(), ["1", "2"], "stored is stored, answered or not");
}

#[test]
fn one_order() {
    let mut sim = SimRuntime::new();
    let everybody = ["alice", "bob", "carol"];
    everybody.into_iter().for_each(|who| sim.joins(who));
    for round in 0..10 {
        sim.says("alice", format!("\"a{round}\""));
        sim.posts("writer", r#"{"events":[{"name":"n","data":1},{"name":"n","data":2}]}"#).unwrap();
        sim.says("bob", format!("\"b{round}\""));
        let late = everybody[round % 3];
        sim.drops(late);
        sim.publishes("writer", 3).unwrap();
        sim.resumes(late);
    }
    let alice = sim.client("alice").events.clone();
    assert!(sim.client("alice").seqs().into_iter().eq(1..=50));
    assert_eq!(sim.client("bob").events, alice);
    assert_eq!(sim.client("carol").events, alice);
}
