//! The attachments of sockets as earlier versions wrote them
//! (`tests/recorded/README.md`). After an upgrade, a hibernating room restores
//! its sessions from these attachments.

use std::fs;
use std::path::{Path, PathBuf};

use roomcast::auth::Identity;
use roomcast::flow::Flow;
use roomcast::limits;
use roomcast::protocol::RoomName;
use roomcast::room::{Answer, Effect, Input, Room};
use roomcast::route::Request;
use roomcast::session::{BridgeFrame, Session};
use roomcast::settings::Settings;
use roomcast::time::Millis;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::memory_store::MemoryStore;
use crate::sim::SimRuntime;

const FILE: &str = "attachments.json";

#[derive(Serialize, Deserialize)]
struct Recording {
    now: Millis,
    sockets: Vec<Socket>,
    /// The answer to a request for the members.
    members: Value,
}

#[derive(Serialize, Deserialize)]
struct Socket {
    name: String,
    attachment: String,
    /// The content of the attachment, in a form without a version.
    session: Value,
}

#[test]
fn attachments_of_earlier_versions_have_the_same_sessions_and_members() {
    let versions: Vec<PathBuf> = fs::read_dir(recordings())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_dir())
        .collect();
    assert!(!versions.is_empty());
    for version in versions {
        let recording = fs::read_to_string(version.join(FILE)).unwrap();
        let Recording { now, sockets, members } = serde_json::from_str(&recording).unwrap();
        for Socket { name, attachment, session } in &sockets {
            assert_eq!(&described(attachment), session, "{name} in {}", version.display());
        }
        let attachments = sockets.iter().map(|socket| socket.attachment.as_str());
        assert_eq!(members_of(attachments, now), members, "{}", version.display());
    }
}

/// A room of an earlier version reads this text.
#[test]
fn pause_of_a_bridge_has_the_text_of_earlier_versions() {
    assert_eq!(BridgeFrame::pause(true), br#"{"paused":true}"#);
    assert_eq!(BridgeFrame::pause(false), br#"{"paused":false}"#);
}

/// Writes the attachments of sessions of every kind into the folder that
/// `ROOMCAST_RECORD` names.
#[test]
#[ignore = "tests/recorded/record.ts runs this test to write a recording"]
fn record_attachments() {
    let folder = recordings().join(std::env::var("ROOMCAST_RECORD").unwrap());
    let mut sim = SimRuntime::new();
    let publish = |sim: &mut SimRuntime| sim.http_publish("writer", "\"0123456789\"").unwrap();
    publish(&mut sim);

    sim.join("live");
    sim.join_with("without-state", "state=0");
    sim.join_with("flow", "flow=1");
    let identity = sim.identity("bridge");
    sim.connect_bridge("bridge", "", identity.clone(), limits::BRIDGE_WINDOW_BYTES);
    sim.connect_bridge("full", "", Identity { user: sim.identity("full").user, ..identity }, 100);
    let identity = sim.identity("paused");
    sim.connect_bridge("paused", "", identity, limits::BRIDGE_WINDOW_BYTES);
    sim.send_bytes("paused", &BridgeFrame::pause(true));
    sim.connect("anonymous", "", Identity::anonymous());
    sim.join("invalid");
    for _ in 0..2 {
        sim.send("invalid", "{}");
    }
    for member in ["ann", "ben", "cat"] {
        let identity = sim.identity_with(member, &["subscribe", "presence"]);
        sim.connect(member, "", identity);
        sim.send(member, &format!(r#"{{"type":"enter","data":{{"é":["{member}",1.50]}}}}"#));
    }
    sim.run_until_idle();
    for _ in 0..5 {
        publish(&mut sim);
    }
    sim.run_until_idle();
    sim.send_seen("flow");
    // The attachment of another socket carries the member without a socket.
    sim.drop_socket("ben");
    sim.send("cat", r#"{"type":"leave"}"#);
    sim.run_until_idle();

    let names = [
        "live",
        "without-state",
        "flow",
        "bridge",
        "full",
        "paused",
        "anonymous",
        "invalid",
        "ann",
        "cat",
    ];
    let sockets: Vec<Socket> = names
        .into_iter()
        .map(|name| {
            let attachment = sim.attachment(name).unwrap().to_owned();
            Socket { name: name.into(), session: described(&attachment), attachment }
        })
        .collect();
    let attachments = sockets.iter().map(|socket| socket.attachment.as_str());
    let members = members_of(attachments, sim.now);
    assert_eq!(members["members"].as_array().unwrap().len(), 2, "ann and ben");
    let recording = Recording { now: sim.now, sockets, members };
    let text = serde_json::to_string_pretty(&recording).unwrap();
    fs::write(folder.join(FILE), text + "\n").unwrap();
}

fn recordings() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/recorded")
}

/// Describes the session in an attachment. If the types change, change this
/// function, and not the recordings.
fn described(attachment: &str) -> Value {
    let (id, session) = Session::decode(attachment).unwrap();
    let joined = &session.joined;
    json!({
        "id": id,
        "user": session.user(),
        "grant": joined.identity.grant,
        "expires_at": joined.identity.expires_at,
        "state": joined.state,
        "behind": joined.behind,
        "is_bridged": joined.bridged,
        "paused": joined.paused,
        "free_window_bytes": joined.flow.as_ref().map(Flow::available),
        "bad_requests": session.guard.bad_requests(),
    })
}

/// Restores a room from the attachments, and reads its members.
fn members_of<'a>(attachments: impl Iterator<Item = &'a str>, now: Millis) -> Value {
    let name = RoomName::parse("r").unwrap();
    let store = MemoryStore::default();
    let mut room = Room::load(name, Settings::default(), store, now, 1).unwrap();
    room.restore_sessions(attachments.filter_map(Session::decode).collect(), now);
    let by = SimRuntime::new().identity_with("admin", &["admin"]);
    let effects = room.handle(
        Input::Request { by, request: Request::Members, body: "", takes_report: false },
        now,
    );
    let answer = effects.into_iter().find_map(|effect| match effect {
        Effect::Answer(Answer::Ok { body }) => Some(body),
        _ => None,
    });
    serde_json::from_str(&answer.unwrap()).unwrap()
}
