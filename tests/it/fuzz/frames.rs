//! Alice sends whatever she likes, over sockets that come and go; bob only
//! publishes. The world watches, and so does what she applies.

use roomcast::code::Refusal;
use roomcast::protocol::Start;
use roomcast::route::{Call, ResponseKind, Route};
use roomcast::settings::Settings;

use super::parted;
use crate::client::Client;
use crate::sim::SimRuntime;

pub fn play(script: &str) {
    let rate = 1_000_000;
    let settings = Settings {
        retained_appends: 8,
        frames_per_second: rate,
        frames_burst: rate,
        publishes_per_second: rate,
        ..Settings::default()
    };
    let mut stage = Stage { sim: SimRuntime::with(settings), is_bridged: false };
    stage.sim.http_publish_body("bob", r#"{"name":"n","data":1,"id":"1","key":"k"}"#).unwrap();
    stage.sim.join("bob");
    stage.connects("");
    for line in script.lines() {
        stage.goes_on(line);
    }
    stage.sim.run_until_idle();
    let head = stage.sim.head();
    assert_eq!(stage.sim.http_publish("bob", 1), Ok(head + 1));
}

struct Stage {
    sim: SimRuntime,
    /// Whether alice's socket is the worker's, where a binary frame is its own
    /// and not hers.
    is_bridged: bool,
}

impl Stage {
    fn goes_on(&mut self, line: &str) {
        let (letter, rest) = parted(line);
        let is_open = self.sim.session("alice").is_some();
        match letter {
            's' if is_open => self.sim.send("alice", rest),
            'b' if is_open && !self.is_bridged => self.sim.send_bytes("alice", rest.as_bytes()),
            'a' if is_open => {
                let rights: Vec<&str> = rest.split(',').collect();
                let token = self.sim.token("alice", &rights);
                self.sim.send("alice", &format!(r#"{{"type":"auth","token":"{token}"}}"#));
            }
            'c' => self.connects(rest),
            'w' => self.follows(rest),
            'r' if self.sim.client("alice").seq.is_some() => self.sim.resume("alice"),
            'x' => self.sim.close("alice", rest.parse().unwrap_or(1_000)),
            'd' => self.sim.drop_socket("alice"),
            'p' => drop(self.sim.http_publish_body("bob", rest)),
            'h' => drop(self.asks(rest, "")),
            'q' => drop(self.asks("POST /rooms/r/signals", rest)),
            'e' => drop(self.asks("DELETE /rooms/r", "")),
            't' => self.sim.advance(rest.parse().unwrap_or(50).min(4_000_000)),
            'z' => self.sim.hibernate(),
            'k' => self.sim.crash(),
            'f' => self.sim.run_until_idle(),
            _ => self.sim.deliver_pending(),
        }
        self.sim.client("alice").frames.clear();
        self.sim.client("bob").frames.clear();
    }

    /// With a query that her own client understands too.
    fn connects(&mut self, query: &str) {
        if let Some(query) = understood(query) {
            self.is_bridged = false;
            let rights = ["subscribe", "publish", "presence"];
            let identity = self.sim.identity_with("alice", &rights);
            self.sim.clients.insert("alice".into(), Client::starting_with(query));
            self.sim.connect("alice", query, identity);
        }
    }

    fn follows(&mut self, query: &str) {
        if let Some(query) = understood(query) {
            self.is_bridged = true;
            let identity = self.sim.identity("alice");
            self.sim.clients.insert("alice".into(), Client::starting_with(query));
            self.sim.connect_bridge("alice", query, identity, 1_000);
        }
    }

    fn asks(&mut self, request: &str, body: &str) -> Result<(), Refusal> {
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

fn understood(query: &str) -> Option<&str> {
    let plain = |part: &str| {
        let (name, value) = part.split_once('=').unwrap_or((part, ""));
        ["since", "last", "state", "flow"].contains(&name) && !value.contains(['%', '+', '='])
    };
    let is_plain = query.is_empty() || query.split('&').all(plain);
    (is_plain && Start::parse(query).is_ok()).then_some(query)
}
