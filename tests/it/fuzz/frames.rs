//! Alice sends arbitrary frames over sockets that open and close at arbitrary times,
//! and bob only publishes. The simulated runtime checks its invariants, and alice's
//! client checks the frames that it applies.

use roomcast::code::Refusal;
use roomcast::protocol::Start;
use roomcast::route::{Call, ResponseKind, Route};
use roomcast::settings::Settings;

use super::split_letter;
use crate::client::Client;
use crate::sim::SimRuntime;

pub fn run_script(script: &str) {
    let rate = 1_000_000;
    let settings = Settings {
        retained_appends: 8,
        frames_per_second: rate,
        frames_burst: rate,
        publishes_per_second: rate,
        ..Settings::default()
    };
    let mut harness = Harness { sim: SimRuntime::with(settings), is_bridged: false };
    harness.sim.http_publish_body("bob", r#"{"name":"n","data":1,"id":"1","key":"k"}"#).unwrap();
    harness.sim.join("bob");
    harness.connect("");
    for line in script.lines() {
        harness.run(line);
    }
    harness.sim.run_until_idle();
    let head = harness.sim.head();
    assert_eq!(harness.sim.http_publish("bob", 1), Ok(head + 1));
}

struct Harness {
    sim: SimRuntime,
    /// Whether alice's socket is a bridge. On a bridge, only the worker sends
    /// binary frames, never the client.
    is_bridged: bool,
}

impl Harness {
    fn run(&mut self, line: &str) {
        let (letter, rest) = split_letter(line);
        let is_open = self.sim.session("alice").is_some();
        match letter {
            's' if is_open => self.sim.send("alice", rest),
            'b' if is_open && !self.is_bridged => self.sim.send_bytes("alice", rest.as_bytes()),
            'a' if is_open => {
                let rights: Vec<&str> = rest.split(',').collect();
                let token = self.sim.token("alice", &rights);
                self.sim.send("alice", &format!(r#"{{"type":"auth","token":"{token}"}}"#));
            }
            'c' => self.connect(rest),
            'w' => self.connect_bridge(rest),
            'r' if self.sim.client("alice").seq.is_some() => self.sim.resume("alice"),
            'x' => self.sim.close("alice", rest.parse().unwrap_or(1_000)),
            'd' => self.sim.drop_socket("alice"),
            'p' => drop(self.sim.http_publish_body("bob", rest)),
            'h' => drop(self.request(rest, "")),
            'q' => drop(self.request("POST /rooms/r/signals", rest)),
            'e' => drop(self.request("DELETE /rooms/r", "")),
            't' => self.sim.advance(rest.parse().unwrap_or(50).min(4_000_000)),
            'z' => self.sim.hibernate(),
            'k' => self.sim.crash(),
            'f' => self.sim.run_until_idle(),
            _ => self.sim.deliver_pending(),
        }
        self.sim.client("alice").frames.clear();
        self.sim.client("bob").frames.clear();
    }

    /// Connects with the query, if the simulated client supports it.
    fn connect(&mut self, query: &str) {
        if let Some(query) = supported(query) {
            self.is_bridged = false;
            let rights = ["subscribe", "publish", "presence"];
            let identity = self.sim.identity_with("alice", &rights);
            self.sim.clients.insert("alice".into(), Client::starting_with(query));
            self.sim.connect("alice", query, identity);
        }
    }

    fn connect_bridge(&mut self, query: &str) {
        if let Some(query) = supported(query) {
            self.is_bridged = true;
            let identity = self.sim.identity("alice");
            self.sim.clients.insert("alice".into(), Client::starting_with(query));
            self.sim.connect_bridge("alice", query, identity, 1_000);
        }
    }

    fn request(&mut self, request: &str, body: &str) -> Result<(), Refusal> {
        let (method, target) = request.split_once(' ').unwrap_or(("GET", request));
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let route = Route::parse(method, path, query, ResponseKind::Body)?;
        if let Route::Room { call: Call::Request(request), .. } = route {
            let admin = self.sim.identity("admin");
            self.sim.request(admin, request, body);
        }
        Ok(())
    }
}

/// Returns the query if the simulated client supports it.
fn supported(query: &str) -> Option<&str> {
    let plain = |part: &str| {
        let (name, value) = part.split_once('=').unwrap_or((part, ""));
        ["since", "last", "state", "flow"].contains(&name) && !value.contains(['%', '+', '='])
    };
    let is_plain = query.is_empty() || query.split('&').all(plain);
    (is_plain && Start::parse(query).is_ok()).then_some(query)
}
