//! Runs a scenario with its actors, their tokens, and a simulator for each
//! room. All simulators have the same clock.

use std::collections::{BTreeMap, VecDeque};

use roomcast::auth::{Identity, PublicRooms};
use roomcast::close_reason::CloseReason;
use roomcast::code::{Code, Refusal};
use roomcast::connection::ConnectionInput;
use roomcast::limits;
use roomcast::pending::PendingInput;
use roomcast::protocol::{PING, PONG, PageQuery, RoomName, error_body};
use roomcast::pusher::Apps;
use roomcast::room::Answer;
use roomcast::route::{Call, Request, ResponseKind, Route};
use roomcast::settings::RoomSettings;
use roomcast::time::Millis;
use serde_json::{Value, json};

use crate::client::Client;
use crate::pattern::{Bound, fill, fill_text, match_pattern};
use crate::scenarios::Scenario;
use crate::sim::SimRuntime;
use crate::tokens;
use connection::Bridge;
use pending::Pending;

mod connection;
mod pending;
mod pusher;

/// Keys of a step that are not the name of its actor.
pub const DETAILS: [&str; 18] = [
    "to", "as", "query", "welcome", "frame", "events", "text", "binary", "body", "status",
    "answer", "headers", "contains", "code", "ms", "times", "room", "unsigned",
];
const DEFAULT_ACTORS: [&str; 5] = ["alice", "bob", "reader", "writer", "admin"];

pub struct ScenarioRunner {
    sims: BTreeMap<String, SimRuntime>,
    /// The configuration, or its error.
    config: Result<Config, Refusal>,
    /// Elapsed time, from which the clock of a new simulator starts.
    elapsed_ms: u64,
    hibernate_between_inputs: bool,
    bound: Bound,
    /// Actors that are or were connected.
    actors: BTreeMap<String, Actor>,
    /// Actors with a connection for many rooms.
    bridges: BTreeMap<String, Bridge>,
    /// Actors whose socket waits in the worker, because it has no valid token
    /// yet.
    pending: BTreeMap<String, Pending>,
    /// Number of the Pusher sockets that were opened.
    pusher_sockets: u64,
}

/// The configuration of a scenario.
struct Config {
    settings: RoomSettings,
    public_rooms: PublicRooms,
    pusher_apps: Apps,
}

struct Actor {
    /// Room of the actor's socket, or `None` for a socket for many rooms.
    room: Option<String>,
    /// Whether the actor is a client of Pusher.
    is_pusher: bool,
    /// The worker's refusal, if the actor never reached the room.
    refused: Option<Code>,
    /// Received events that no step has expected yet.
    ahead: VecDeque<Value>,
}

impl Config {
    fn of(scenario: &Scenario) -> Result<Self, String> {
        let json = |value: &Value| (!value.is_null()).then(|| value.to_string());
        let settings = json(&scenario.settings).map(|json| RoomSettings::parse(&json));
        let public_rooms = json(&scenario.public_rooms).map(|json| PublicRooms::parse(&json));
        let pusher_apps = json(&scenario.pusher_apps).map(|json| Apps::parse(&json));
        Ok(Self {
            settings: settings.transpose()?.unwrap_or_default(),
            public_rooms: public_rooms.transpose()?.unwrap_or_default(),
            pusher_apps: pusher_apps.transpose()?.unwrap_or_default(),
        })
    }
}

impl ScenarioRunner {
    pub fn new(scenario: &Scenario, hibernate_between_inputs: bool) -> Self {
        let config = Config::of(scenario).map_err(|cause| Refusal::new(Code::Internal, cause));
        let mut runner = Self {
            sims: BTreeMap::new(),
            config,
            elapsed_ms: 0,
            hibernate_between_inputs,
            bound: Bound::new(),
            actors: BTreeMap::new(),
            bridges: BTreeMap::new(),
            pending: BTreeMap::new(),
            pusher_sockets: 0,
        };
        for name in DEFAULT_ACTORS {
            let claims = json!({ "can": tokens::rights_of(name) });
            runner.bound.insert(name.into(), Value::from(mint(name, &claims)));
        }
        runner.bound.insert("app".into(), scenario.pusher_apps[0].clone());
        for (name, token) in &scenario.tokens {
            runner.bound.insert(name.clone(), Value::from(mint(name, token)));
        }
        runner
    }

    fn now(&self) -> Millis {
        SimRuntime::new().now.plus(self.elapsed_ms)
    }

    /// Returns the simulator of a room.
    fn sim(&mut self, room: &str) -> &mut SimRuntime {
        let (config, hibernate_between_inputs, elapsed_ms) =
            (self.config.as_ref().unwrap(), self.hibernate_between_inputs, self.elapsed_ms);
        self.sims.entry(room.to_owned()).or_insert_with(|| {
            let name = RoomName::parse(room).unwrap();
            let mut sim = SimRuntime::with(config.settings.of(&name)).named(&name);
            sim.public_rooms = config.public_rooms.clone();
            sim.now = sim.now.plus(elapsed_ms);
            sim.hibernate_between_inputs = hibernate_between_inputs;
            sim.batches_events = true;
            sim
        })
    }

    pub fn run_step(&mut self, step: &Value) {
        let step = step.as_object().unwrap();
        let actors = step.iter().filter(|(key, _)| !DETAILS.contains(&key.as_str()));
        let [(actor, verb)] = actors.collect::<Vec<_>>()[..] else {
            panic!("a step has one actor")
        };
        let step = &Value::from(step.clone());
        let verb = verb.as_str().unwrap();
        for i in 1..=step["times"].as_u64().unwrap_or(1) {
            self.bound.insert("i".into(), json!(i));
            match (actor.as_str(), verb) {
                ("time", "passes") => self.advance(step["ms"].as_u64().unwrap()),
                ("the room", "hibernates") => {
                    self.sim(step["room"].as_str().unwrap_or("r")).hibernate();
                }
                ("the room", "is restarted") => self.sim(step["room"].as_str().unwrap()).crash(),
                ("the room", "crashes") => self.crash(),
                (_, verb) if verb.contains(" /") => self.run_request(actor, verb, step),
                (actor, verb) => self.run_action(actor, verb, step),
            }
            self.sims.values_mut().for_each(SimRuntime::finish_replays);
            self.forward_to_bridges();
        }
    }

    pub fn check_no_more_frames(&mut self) {
        let actors: Vec<String> = self.actors.keys().cloned().collect();
        actors.iter().for_each(|actor| self.check_no_frames(actor));
    }

    fn advance(&mut self, ms: u64) {
        self.elapsed_ms += ms;
        self.sims.values_mut().for_each(|sim| sim.advance(ms));
        self.forward_to_bridges();
        for actor in self.bridges.keys().cloned().collect::<Vec<_>>() {
            self.handle_on_bridge(&actor, ConnectionInput::Tick);
        }
        self.tick_pending();
    }

    fn crash(&mut self) {
        self.sims.values_mut().for_each(SimRuntime::crash);
        self.actors.clear();
        self.bridges.clear();
        self.pending.clear();
    }

    fn run_action(&mut self, actor: &str, verb: &str, step: &Value) {
        match verb {
            "connects" => self.connect(actor, step),
            "joins" => {
                self.connect(actor, step);
                let mut frame = json!({ "type": "welcome", "...": "$any" });
                if let Some(welcome) = step["welcome"].as_object() {
                    frame.as_object_mut().unwrap().extend(welcome.clone());
                }
                self.expect_frames(actor, &json!({ "frame": frame }));
            }
            "is refused" => {
                self.connect(actor, step);
                self.expect_closed(actor, step);
            }
            "is closed" => self.expect_closed(actor, step),
            "disconnects" => self.disconnect(actor, None),
            "closes" => {
                let code = step["code"].as_u64().unwrap_or(1_000);
                self.disconnect(actor, Some(u16::try_from(code).unwrap()));
            }
            "sends" => self.send(actor, step),
            "receives" => self.expect_frames(actor, step),
            "pings" => self.ping(actor),
            "receives nothing" => self.expect_no_frames(actor),
            verb => panic!("unknown verb {verb:?}"),
        }
    }
}

/// Connecting.
impl ScenarioRunner {
    fn token(&self, actor: &str, step: &Value) -> Option<String> {
        let named = match &step["as"] {
            Value::String(name) => name,
            Value::Null if step.get("as").is_some() => return None,
            _ => actor,
        };
        Some(self.bound[named].as_str().unwrap().to_owned())
    }

    fn connect(&mut self, actor: &str, step: &Value) {
        if self.actors.contains_key(actor) {
            self.disconnect(actor, None);
        }
        let room = match step.get("to") {
            Some(Value::Null) => None,
            to => Some(to.and_then(Value::as_str).unwrap_or("r").to_owned()),
        };
        let query = fill_text(step["query"].as_str().unwrap_or_default(), &self.bound);
        let (room, pusher) = match room {
            Some(path) if path.starts_with("/app/") => (None, Some(path)),
            room => (room, None),
        };
        let connected = match room.as_deref() {
            None if pusher.is_some() => {
                self.open_pusher(actor, &pusher.clone().unwrap_or_default(), &query)
            }
            Some(path) if path.starts_with('/') => self.route(path, &query).map(drop),
            Some(room) => self.connect_to_room(actor, room, &query, self.token(actor, step)),
            None => self.open_connection(actor, self.token(actor, step)),
        };
        let refused = connected.err().map(|refusal| refusal.code);
        self.actors.insert(
            actor.to_owned(),
            Actor { room, is_pusher: pusher.is_some(), refused, ahead: VecDeque::new() },
        );
    }

    /// Performs the worker's steps before a room gets an input.
    fn connect_to_room(
        &mut self,
        actor: &str,
        room: &str,
        query: &str,
        token: Option<String>,
    ) -> Result<(), Refusal> {
        let route = self.route(&format!("/rooms/{room}/events"), query)?;
        let Route::Room { room: name, call } = route else { panic!("{route:?}") };
        let identity = self.identity(token, &name)?;
        let sim = self.sim(room);
        sim.clients.insert(actor.to_owned(), Client::starting_with(query));
        let Some(identity) = identity else {
            self.start_pending(actor, name, query);
            return Ok(());
        };
        call.check(identity.grant)?;
        sim.connect(actor, query, identity);
        Ok(())
    }

    /// Parses the request's path and query.
    fn route(&self, path: &str, query: &str) -> Result<Route, Refusal> {
        self.config()?;
        Route::parse("GET", path, query, ResponseKind::Socket)
    }

    /// Returns the configuration, which the worker reads before every request.
    /// Fails if the configuration is invalid.
    fn config(&self) -> Result<&Config, Refusal> {
        self.config.as_ref().map_err(Clone::clone)
    }

    /// Returns the identity of a request in a room. Returns `None` if the
    /// request has no token and the room is not public.
    fn identity(
        &self,
        token: Option<String>,
        room: &RoomName,
    ) -> Result<Option<Identity>, Refusal> {
        let claims = token.map(|token| tokens::claims(&token, self.now())).transpose()?;
        Ok(self.config()?.public_rooms.identity(claims.as_ref(), room))
    }

    /// Closes the actor's socket. If `code` is `None`, the socket disconnects
    /// without a Close.
    fn disconnect(&mut self, actor: &str, code: Option<u16>) {
        let Actor { room, .. } = self.actors.remove(actor).unwrap();
        self.pending.remove(actor);
        match (room, code) {
            (Some(room), None) => self.sim(&room).drop_socket(actor),
            (Some(room), Some(code)) => self.sim(&room).close(actor, code),
            (None, code) => {
                let close_reason = CloseReason::of(code.unwrap_or(1_006), String::new());
                self.handle_on_bridge(actor, ConnectionInput::Gone(close_reason));
                self.bridges.remove(actor);
            }
        }
    }

    fn expect_closed(&mut self, actor: &str, step: &Value) {
        self.check_no_frames(actor);
        let Actor { room, refused, .. } = self.actors.remove(actor).unwrap();
        let code = match (refused, room) {
            (Some(refused), _) => refused.close_code(),
            (None, Some(room)) => self.sim(&room).client(actor).closed.unwrap().close_code(),
            (None, None) => self.bridges.remove(actor).unwrap().closed,
        };
        assert_eq!(code.map(u64::from), step["code"].as_u64());
    }
}

/// Frames.
impl ScenarioRunner {
    fn send(&mut self, actor: &str, step: &Value) {
        let frame = fill(&step["frame"], &self.bound).to_string();
        let text = step["text"].as_str().map_or(frame, str::to_owned);
        match (self.actors[actor].room.clone(), step["binary"].as_str()) {
            (Some(room), Some(binary)) => {
                if self.pending.contains_key(actor) {
                    return self.handle_pending(actor, PendingInput::Binary);
                }
                let sim = self.sim(&room);
                // An actor may still send after the room has closed the socket.
                if sim.session(actor).is_some() {
                    sim.send_bytes(actor, binary.as_bytes());
                }
            }
            (None, Some(_)) => self.handle_on_bridge(actor, ConnectionInput::Binary),
            (_, None) => self.send_text(actor, &text),
        }
    }

    fn send_text(&mut self, actor: &str, text: &str) {
        let Some(room) = self.actors[actor].room.clone() else {
            return self.handle_on_bridge(actor, ConnectionInput::Text(text));
        };
        if self.pending.contains_key(actor) {
            return self.handle_pending(actor, PendingInput::Text(text));
        }
        let sim = self.sim(&room);
        if sim.session(actor).is_some() {
            sim.send(actor, text);
        }
    }

    /// Returns the frames that an actor received but no step has read yet.
    fn frames(&mut self, actor: &str) -> &mut Vec<String> {
        match self.actors[actor].room.clone() {
            Some(room) => &mut self.sim(&room).client(actor).frames,
            None => &mut self.bridges.get_mut(actor).unwrap().frames,
        }
    }

    /// Returns the next frame. The client has already checked the frame's
    /// epoch, `prev` and seqs. On a room's own socket, `room` is checked here
    /// and removed.
    fn next_frame(&mut self, actor: &str) -> (String, Value) {
        // The frame may wait for the end of a window.
        if self.frames(actor).is_empty() {
            self.sims.values_mut().for_each(SimRuntime::run_until_idle);
            self.forward_to_bridges();
        }
        let frames = self.frames(actor);
        assert!(!frames.is_empty(), "{actor} receives no frame");
        let text = frames.remove(0);
        let mut frame = read(&text);
        if self.actors[actor].is_pusher {
            pusher::decode_data(&mut frame);
        }
        if let Some(room) = &self.actors[actor].room {
            let named = frame.as_object_mut().unwrap().remove("room");
            assert_eq!(named, Some(Value::from(room.as_str())));
        }
        let events = frame["events"].as_array().map_or(0, Vec::len);
        assert!(
            events <= 1 || text.len() <= limits::FRAME_EVENTS_BYTES + 200,
            "{} bytes",
            text.len()
        );
        (text, frame)
    }

    fn expect_frames(&mut self, actor: &str, step: &Value) {
        let expected = fill(&step["events"], &self.bound);
        let expected = expected.as_array().cloned().unwrap_or_default();
        let mut awaited_frame = step.get("frame");
        let mut text = String::new();
        while awaited_frame.is_some() || self.actors[actor].ahead.len() < expected.len() {
            let (received, mut frame) = self.next_frame(actor);
            text.push_str(&received);
            if frame["type"] == "events" && !expected.is_empty() {
                let events = frame["events"].as_array_mut().unwrap().drain(..);
                self.actors.get_mut(actor).unwrap().ahead.extend(events);
            } else {
                let pattern =
                    awaited_frame.take().unwrap_or_else(|| panic!("not expected: {received:.300}"));
                match_pattern(pattern, &frame, &mut self.bound).unwrap();
            }
        }
        let received: Vec<Value> =
            self.actors.get_mut(actor).unwrap().ahead.drain(..expected.len()).collect();
        match_pattern(&expected.into(), &received.into(), &mut self.bound).unwrap();
        if let Some(contains) = step["contains"].as_str() {
            assert!(text.contains(contains), "{text:.300} has no {contains}");
        }
    }

    fn ping(&mut self, actor: &str) {
        self.check_no_frames(actor);
        match self.actors[actor].room.clone() {
            // The runtime answers the ping, so the room continues to hibernate.
            Some(room) if !self.pending.contains_key(actor) => self.sim(&room).ping(actor),
            _ => self.expect_pong(actor, PING),
        }
    }

    fn expect_no_frames(&mut self, actor: &str) {
        self.check_no_frames(actor);
        self.expect_pong(actor, r#"{"type": "ping"}"#);
    }

    fn expect_pong(&mut self, actor: &str, ping: &str) {
        if self.actors[actor].is_pusher {
            self.send_text(actor, r#"{"event":"pusher:ping"}"#);
            let pong = r#"{"event":"pusher:pong","data":"{}"}"#;
            assert_eq!(std::mem::take(self.frames(actor)), [pong]);
            return;
        }
        self.send_text(actor, ping);
        assert_eq!(std::mem::take(self.frames(actor)), [PONG]);
    }

    fn check_no_frames(&mut self, actor: &str) {
        let ahead = &self.actors[actor].ahead;
        assert!(ahead.is_empty(), "{actor} received more than expected: {ahead:?}");
        self.sims.values_mut().for_each(SimRuntime::deliver_pending);
        self.forward_to_bridges();
        if self.actors[actor].refused.is_none() {
            let frames = self.frames(actor);
            assert!(frames.is_empty(), "{actor} received {frames:.300?}");
        }
    }
}

/// Requests.
impl ScenarioRunner {
    fn run_request(&mut self, actor: &str, verb: &str, step: &Value) {
        let request = fill_text(verb, &self.bound);
        let body = match (&step["text"], &step["body"]) {
            (Value::String(text), _) => text.clone(),
            (_, Value::Null) => String::new(),
            (_, body) => fill(body, &self.bound).to_string(),
        };
        let answered = if request.contains(" /apps/") {
            self.pusher_request(&request, &body, step)
        } else {
            let token = self.token(actor, step);
            self.request(&request, token, &body)
        };
        let (status, answer) = answered
            .unwrap_or_else(|refusal| (refusal.code.http_status().unwrap(), error_body(&refusal)));
        assert_eq!(Some(u64::from(status)), step["status"].as_u64(), "{answer:.300}");
        if let Some(pattern) = step.get("answer") {
            match_pattern(pattern, &read(&answer), &mut self.bound).unwrap();
        }
        if let Some(contains) = step["contains"].as_str() {
            assert!(answer.contains(contains), "{answer:.300} has no {contains}");
        }
    }

    fn request(
        &mut self,
        request: &str,
        token: Option<String>,
        body: &str,
    ) -> Result<(u16, String), Refusal> {
        let (method, target) = request.split_once(' ').unwrap();
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        self.config()?;
        let (room, request) = match Route::parse(method, path, query, ResponseKind::Body)? {
            Route::Health => return Ok((200, "ok".to_owned())),
            Route::Room { room, call: Call::Request(request) } => (room, request),
            route => panic!("{route:?} is handled by the worker"),
        };
        if body.len() > limits::BODY_BYTES {
            return Err(Refusal::too_large("the body"));
        }
        let by = self.identity(token, &room)?;
        let by = by.filter(|by| by.user.is_some() || request.check(by.grant).is_ok());
        let by = by.ok_or_else(|| Refusal::new(Code::Unauthorized, "no token"))?;
        let sim = self.sim(room.as_str());
        if let Request::Page(PageQuery { wait: Some(_), .. }) = request {
            // During a long poll, the worker waits over a socket to the room.
            // The socket of a long poll counts against the room's limit of
            // sockets.
            let waiting = "long poll";
            sim.connect_bridge(waiting, "", by.clone(), limits::BRIDGE_WINDOW_BYTES);
            sim.close(waiting, 1_000);
            if let Some(code) = sim.client(waiting).closed {
                return Err(Refusal::new(code, "the room is full"));
            }
        }
        match sim.request(by, request, body) {
            Answer::Ok { body } => Ok((200, body)),
            Answer::Created { body } => Ok((201, body)),
            Answer::Accepted => Ok((202, String::new())),
            Answer::NoContent => Ok((204, String::new())),
            Answer::Refused(refusal) => Err(refusal),
        }
    }
}

/// Parses JSON for a pattern. The number 1e400 can't be represented here, so it
/// becomes 1e300. Scenarios match this number only with `$any`.
fn read(text: &str) -> Value {
    serde_json::from_str(text)
        .or_else(|_| serde_json::from_str(&text.replace("1e400", "1e300")))
        .unwrap_or_else(|wrong| panic!("{wrong}: {text:.300}"))
}

/// Returns a signed token. The token's lifetime counts from the start of the
/// scenario.
fn mint(name: &str, token: &Value) -> String {
    let rooms = match &token["rooms"] {
        Value::Null => json!({ "*": token["can"] }),
        rooms => rooms.clone(),
    };
    let starts_at = i64::try_from(SimRuntime::new().now.get() / 1_000).unwrap();
    let expires_at = starts_at + token["expires_in_s"].as_i64().unwrap_or(3_600);
    let user = token["sub"].as_str().unwrap_or(name);
    tokens::sign(&json!({ "sub": user, "exp": expires_at, "rooms": rooms }))
}
