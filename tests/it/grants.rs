//! Tests that every frame and request is checked against the grant of the
//! newest token.

use roomcast::auth::Identity;
use roomcast::code::Code;
use roomcast::protocol::Right;
use roomcast::route::{ResponseKind, Route};
use serde_json::json;

use crate::sim::SimRuntime;
use crate::tokens;

const RIGHTS: [&str; 4] = ["subscribe", "publish", "presence", "admin"];

/// Yields every possible set of rights.
fn grants() -> impl Iterator<Item = Vec<&'static str>> {
    (0..16_usize).map(|set| {
        let chosen = RIGHTS.iter().enumerate().filter(|(bit, _)| set >> bit & 1 == 1);
        chosen.map(|(_, right)| *right).collect()
    })
}

#[test]
fn frame_fields_never_widen_the_grant() {
    for rights in grants() {
        let mut sim = SimRuntime::new();
        let identity = sim.identity_with("alice", &rights);
        sim.connect("alice", "", identity);
        let may_subscribe = rights.contains(&"subscribe");
        assert_eq!(sim.client("alice").closed.is_none(), may_subscribe, "{rights:?}");
        if !may_subscribe {
            assert_eq!(sim.client("alice").closed, Some(Code::Forbidden));
            continue;
        }
        for hibernate in [false, true] {
            sim.hibernate_between_inputs = hibernate;
            try_everything(&mut sim, &rights);
        }
        for newer in grants().filter(|newer| newer.contains(&"subscribe")) {
            send_token(&mut sim, "alice", &newer);
            try_everything(&mut sim, &newer);
        }
    }
}

/// Sends frames that claim more rights than the newest token gives.
fn try_everything(sim: &mut SimRuntime, newest: &[&str]) {
    let may_publish = newest.contains(&"publish");
    let claims = json!({
        "type": "publish", "name": "n", "data": 1, "ref": "1", "from": "admin", "sub": "admin",
        "grant": RIGHTS, "rooms": { "*": RIGHTS }, "identity": { "user": "admin", "grant": RIGHTS },
    });
    let signal = json!({ "type": "signal", "name": "n", "data": 1, "grant": RIGHTS });
    let head = sim.head();
    sim.client("alice").drain_frames();
    sim.send("alice", &claims.to_string());
    assert_eq!(sim.head() > head, may_publish);
    sim.send("alice", &signal.to_string());
    for frame in sim.client("alice").drain_frames() {
        match frame["type"].as_str().unwrap() {
            "events" => {
                assert_eq!(frame["events"][0]["from"], "alice", "`from` is the token's user")
            }
            "ack" => assert!(may_publish),
            "error" => assert!(!may_publish && frame["code"] == "forbidden", "{frame}"),
            kind => panic!("unexpected {kind}"),
        }
    }

    // The worker sends a binary frame to renew the identity on a bridge's
    // socket. On a client's own socket, a binary frame is invalid.
    let everything = Identity { ..sim.identity("admin") };
    let everything = Identity { user: sim.identity("alice").user, ..everything };
    sim.send_bytes("alice", &serde_json::to_vec(&everything).unwrap());
    sim.send("alice", &json!({ "type": "welcome", "grant": RIGHTS }).to_string());
    let codes = sim.client("alice").drain_frames();
    assert!(codes.iter().all(|frame| frame["code"] == "bad_request"), "{codes:?}");
    let attachment = sim.attachment("alice").unwrap();
    assert!(
        attachment.contains(&format!(r#""grant":{}"#, json!(newest))),
        "{newest:?}: {attachment}"
    );
    // Twenty consecutive bad requests would close the session. A valid frame
    // resets the count of bad requests.
    sim.send("alice", r#"{"type": "ping"}"#);
    sim.client("alice").drain_frames();
}

fn send_token(sim: &mut SimRuntime, who: &str, rights: &[&str]) {
    let token = sim.token(who, rights);
    sim.send(who, &json!({ "type": "auth", "token": token }).to_string());
}

#[test]
fn request_without_its_right_is_rejected() {
    for rights in grants() {
        let has = |right: &str| rights.contains(&right);
        for (method, path, body, allowed) in [
            ("GET", "/rooms/r/events", "", has("subscribe")),
            ("GET", "/rooms/r/state", "", has("subscribe")),
            ("GET", "/rooms/r", "", has("subscribe") || has("admin")),
            ("GET", "/rooms/r/members", "", has("presence") || has("admin")),
            ("POST", "/rooms/r/events", r#"{"name":"n","data":1}"#, has("publish")),
            ("POST", "/rooms/r/signals", r#"{"name":"n","data":1}"#, has("publish")),
            ("DELETE", "/rooms/r/members?user=bob", "", has("admin")),
            ("DELETE", "/rooms/r", "", has("admin")),
        ] {
            let mut sim = SimRuntime::new();
            sim.http_publish("bob", 1).unwrap();
            let by = sim.identity_with("alice", &rights);
            let (status, answer) = sim.http_by(by, &format!("{method} {path}"), body);
            assert_eq!(status != 403, allowed, "{method} {path} with {rights:?}: {answer}");
            assert!(allowed || sim.head() == 1, "a rejected request changes nothing");
        }
    }
}

/// The worker checks the right to subscribe before it sends anything to the
/// room.
#[test]
fn upgrade_without_subscribe_right_is_rejected() {
    let upgrade = Route::parse("GET", "/rooms/r/events", "", ResponseKind::Socket);
    let Ok(Route::Room { call, .. }) = upgrade else { panic!("{upgrade:?}") };
    for rights in grants() {
        let Identity { grant, .. } = SimRuntime::new().identity_with("alice", &rights);
        assert_eq!(call.check(grant).is_ok(), rights.contains(&"subscribe"), "{rights:?}");
    }
}

#[test]
fn auth_with_other_user_or_room_closes_session() {
    let mut sim = SimRuntime::new();
    let at = sim.now.plus(3_600_000);
    let for_room = |room: &str| {
        let exp = at.get() / 1_000;
        tokens::sign(&json!({ "sub": "alice", "exp": exp, "rooms": { room: RIGHTS } }))
    };
    for (token, closed) in [
        (tokens::token("bob", &RIGHTS, at), Some(Code::Unauthorized)),
        (tokens::token("alice", &["publish", "admin"], at), Some(Code::Forbidden)),
        (tokens::token("alice", &RIGHTS, sim.now.minus(31_000)), Some(Code::TokenExpired)),
        (for_room("other"), Some(Code::Forbidden)),
        (for_room("r:*"), Some(Code::Forbidden)),
        (for_room("r"), None),
        (for_room("*"), None),
        ("invalid".to_owned(), Some(Code::Unauthorized)),
        (String::new(), Some(Code::Unauthorized)),
    ] {
        let user = sim.identity_with("alice", &["subscribe"]);
        sim.connect("alice", "", user);
        sim.send("alice", &json!({ "type": "auth", "token": token }).to_string());
        assert_eq!(sim.client("alice").closed, closed, "{token}");
    }
}

#[test]
fn frames_after_token_wait_for_its_verdict() {
    let mut sim = SimRuntime::new();
    sim.join("alice");
    sim.join("carol");
    sim.slow_verdicts = true;
    send_token(&mut sim, "alice", &["subscribe"]);
    sim.send_publish("alice", 1);
    send_token(&mut sim, "alice", &["subscribe", "publish"]);
    sim.send_publish("alice", 2);
    sim.http_publish("bob", 3).unwrap();
    assert_eq!(sim.client("carol").data(), ["3"], "other clients don't wait");
    sim.hibernate();

    sim.deliver_verdicts();
    let alice = sim.client("alice").drain_frame_types();
    assert_eq!(alice, ["welcome", "events", "authorized", "error", "authorized", "ack", "events"]);
    assert_eq!(sim.client("carol").data(), ["3", "2"]);

    // An invalid token ends the session. The frames that follow the token are
    // discarded.
    sim.send("alice", r#"{"type":"auth","token":"invalid"}"#);
    sim.send_publish("alice", 4);
    sim.deliver_verdicts();
    assert_eq!(sim.client("alice").closed, Some(Code::Unauthorized));
    assert_eq!(sim.head(), 2);

    // A verdict for a session that has closed is ignored.
    send_token(&mut sim, "carol", &["subscribe"]);
    sim.drop_socket("carol");
    sim.deliver_verdicts();
    assert!(!sim.identity("carol").grant.contains(Right::Publish));
}
