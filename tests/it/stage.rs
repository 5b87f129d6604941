//! Where a scenario is played: its people, their tokens, and a world for each
//! of its rooms, all at the same time of day.

use std::collections::{BTreeMap, VecDeque};

use roomcast::code::{Code, Refusal};
use roomcast::limits;
use roomcast::protocol::{RoomName, error_body};
use roomcast::room::Answer;
use roomcast::route::{Call, Route, Wanted};
use roomcast::session::Identity;
use roomcast::settings::RoomSettings;
use serde_json::{Value, json};

use crate::client::Client;
use crate::pattern::{Bound, fill, fill_text, meet};
use crate::scenarios::Scenario;
use crate::tokens;
use crate::world::World;

/// The keys of a step that say how, not who.
const DETAILS: [&str; 17] = [
    "to", "as", "query", "welcome", "frame", "events", "text", "binary", "body", "status",
    "answer", "headers", "contains", "code", "ms", "times", "room",
];
const CAST: [&str; 5] = ["alice", "bob", "reader", "writer", "admin"];

pub struct Stage {
    worlds: BTreeMap<String, World>,
    settings: RoomSettings,
    /// The world's clock where no world is yet.
    elapsed_ms: u64,
    drowsy: bool,
    bound: Bound,
    /// Who is connected, or was last.
    people: BTreeMap<String, Person>,
}

struct Person {
    room: String,
    /// How it was turned away, if it was, before it came to the room.
    refused: Option<Code>,
    /// Events that a frame brought beyond those that were expected of it.
    ahead: VecDeque<Value>,
}

impl Stage {
    pub fn set(scenario: &Scenario, drowsy: bool) -> Self {
        let settings = match &scenario.settings {
            Value::Null => RoomSettings::default(),
            settings => RoomSettings::parse(&settings.to_string()).unwrap(),
        };
        let mut stage = Self {
            worlds: BTreeMap::new(),
            settings,
            elapsed_ms: 0,
            drowsy,
            bound: Bound::new(),
            people: BTreeMap::new(),
        };
        for name in CAST {
            let claims = json!({ "can": tokens::rights_of(name) });
            stage.bound.insert(name.into(), Value::from(mint(name, &claims)));
        }
        for (name, token) in &scenario.tokens {
            stage.bound.insert(name.clone(), Value::from(mint(name, token)));
        }
        stage
    }

    /// The world of a room.
    fn world(&mut self, room: &str) -> &mut World {
        let (settings, drowsy, elapsed_ms) = (&self.settings, self.drowsy, self.elapsed_ms);
        self.worlds.entry(room.to_owned()).or_insert_with(|| {
            let name = RoomName::parse(room).unwrap();
            let mut world = World::with(settings.of(&name)).named(&name);
            world.now = world.now.plus(elapsed_ms);
            world.drowsy = drowsy;
            world.gathers = true;
            world
        })
    }

    pub fn perform(&mut self, step: &Value) {
        let step = step.as_object().unwrap();
        let actors = step.iter().filter(|(key, _)| !DETAILS.contains(&key.as_str()));
        let [(actor, verb)] = actors.collect::<Vec<_>>()[..] else { panic!("one actor") };
        let step = &Value::from(step.clone());
        let verb = verb.as_str().unwrap();
        for i in 1..=step["times"].as_u64().unwrap_or(1) {
            self.bound.insert("i".into(), json!(i));
            match (actor.as_str(), verb) {
                ("time", "passes") => self.time_passes(step["ms"].as_u64().unwrap()),
                ("the room", "sleeps") => {
                    self.world(step["room"].as_str().unwrap_or("r")).sleeps();
                }
                ("the room", "crashes") => self.crash(),
                (_, verb) if verb.contains(" /") => self.requests(actor, verb, step),
                (actor, verb) => self.does(actor, verb, step),
            }
            self.worlds.values_mut().for_each(World::takes_its_turns);
        }
    }

    pub fn nobody_hears_more(&mut self) {
        let everybody: Vec<String> = self.people.keys().cloned().collect();
        everybody.iter().for_each(|actor| self.has_heard_nothing(actor));
    }

    fn time_passes(&mut self, ms: u64) {
        self.elapsed_ms += ms;
        self.worlds.values_mut().for_each(|world| world.passes(ms));
    }

    fn crash(&mut self) {
        self.worlds.values_mut().for_each(World::crashes);
        self.people.clear();
    }

    fn does(&mut self, actor: &str, verb: &str, step: &Value) {
        match verb {
            "connects" => self.connects(actor, step),
            "joins" => {
                self.connects(actor, step);
                let mut frame = json!({ "type": "welcome", "...": "$any" });
                if let Some(welcome) = step["welcome"].as_object() {
                    frame.as_object_mut().unwrap().extend(welcome.clone());
                }
                self.receives(actor, &json!({ "frame": frame }));
            }
            "is refused" => {
                self.connects(actor, step);
                self.is_closed(actor, step);
            }
            "is closed" => self.is_closed(actor, step),
            "drops" => {
                let Person { room, .. } = self.people.remove(actor).unwrap();
                self.world(&room).drops(actor);
            }
            "leaves" => {
                let Person { room, .. } = self.people.remove(actor).unwrap();
                let code = step["code"].as_u64().unwrap_or(1_000);
                self.world(&room).closes(actor, u16::try_from(code).unwrap());
            }
            "sends" => self.sends(actor, step),
            "receives" => self.receives(actor, step),
            // The runtime answers this one by itself, and the room sleeps on.
            "pings" => {
                self.has_heard_nothing(actor);
                let room = self.people[actor].room.clone();
                self.world(&room).pings(actor);
            }
            "hears nothing" => self.hears_nothing(actor),
            verb => panic!("nobody {verb}"),
        }
    }
}

/// Connecting.
impl Stage {
    fn token(&self, actor: &str, step: &Value) -> Option<String> {
        let named = match &step["as"] {
            Value::String(name) => name,
            Value::Null if step.get("as").is_some() => return None,
            _ => actor,
        };
        Some(self.bound[named].as_str().unwrap().to_owned())
    }

    fn connects(&mut self, actor: &str, step: &Value) {
        if let Some(person) = self.people.remove(actor) {
            self.world(&person.room).drops(actor);
        }
        let room = step["to"].as_str().unwrap_or("r").to_owned();
        let query = fill_text(step["query"].as_str().unwrap_or_default(), &self.bound);
        let token = self.token(actor, step);
        let refused = self.comes_to_the_room(actor, &room, &query, token).err();
        let refused = refused.map(|refusal| refusal.code);
        self.people.insert(actor.to_owned(), Person { room, refused, ahead: VecDeque::new() });
    }

    /// As far as the worker lets it.
    fn comes_to_the_room(
        &mut self,
        actor: &str,
        room: &str,
        query: &str,
        token: Option<String>,
    ) -> Result<(), Refusal> {
        let route = Route::parse("GET", &format!("/rooms/{room}/events"), query, Wanted::Socket)?;
        let Route::Room { room: name, call } = route else { panic!("{route:?}") };
        let world = self.world(room);
        let identity = token.map(|token| tokens::verify(&token, &name, world.now)).transpose()?;
        if let Some(Identity { grant, .. }) = identity {
            call.check(grant)?;
        }
        world.clients.insert(actor.to_owned(), Client::beginning(query));
        world.connects(actor, query, identity);
        Ok(())
    }

    fn is_closed(&mut self, actor: &str, step: &Value) {
        self.has_heard_nothing(actor);
        let Person { room, refused, .. } = self.people.remove(actor).unwrap();
        let code = refused.or(self.world(&room).client(actor).closed).expect("a Close");
        assert_eq!(code.close_code().map(u64::from), step["code"].as_u64(), "{code:?}");
    }
}

/// Frames.
impl Stage {
    fn sends(&mut self, actor: &str, step: &Value) {
        let frame = fill(&step["frame"], &self.bound).to_string();
        let text = step["text"].as_str().map_or(frame, str::to_owned);
        let room = self.people[actor].room.clone();
        let world = self.world(&room);
        match step["binary"].as_str() {
            // She may not have heard yet that she was closed.
            _ if world.session(actor).is_none() => {}
            Some(binary) => world.sends_bytes(actor, binary.as_bytes()),
            None => world.sends(actor, &text),
        }
    }

    /// The next frame. Its room is the session's; that its epoch, `prev` and
    /// seqs are right, the client has seen to.
    fn next_frame(&mut self, actor: &str) -> (String, Value) {
        let room = self.people[actor].room.clone();
        // What comes may have to wait for the end of a window.
        if self.world(&room).client(actor).frames.is_empty() {
            self.world(&room).calms();
        }
        let frames = &mut self.world(&room).client(actor).frames;
        assert!(!frames.is_empty(), "{actor} hears nothing");
        let text = frames.remove(0);
        let mut frame = read(&text);
        assert_eq!(frame.as_object_mut().unwrap().remove("room"), Some(Value::from(room)));
        let events = frame["events"].as_array().map_or(0, Vec::len);
        assert!(
            events <= 1 || text.len() <= limits::FRAME_EVENTS_BYTES + 200,
            "{} bytes",
            text.len()
        );
        (text, frame)
    }

    fn receives(&mut self, actor: &str, step: &Value) {
        let expected = fill(&step["events"], &self.bound);
        let expected = expected.as_array().cloned().unwrap_or_default();
        let mut awaited = step.get("frame");
        let mut text = String::new();
        while awaited.is_some() || self.people[actor].ahead.len() < expected.len() {
            let (heard, mut frame) = self.next_frame(actor);
            text.push_str(&heard);
            if frame["type"] == "events" && !expected.is_empty() {
                let events = frame["events"].as_array_mut().unwrap().drain(..);
                self.people.get_mut(actor).unwrap().ahead.extend(events);
            } else {
                let pattern =
                    awaited.take().unwrap_or_else(|| panic!("not expected: {heard:.300}"));
                meet(pattern, &frame, &mut self.bound).unwrap();
            }
        }
        let heard: Vec<Value> =
            self.people.get_mut(actor).unwrap().ahead.drain(..expected.len()).collect();
        meet(&expected.into(), &heard.into(), &mut self.bound).unwrap();
        if let Some(contains) = step["contains"].as_str() {
            assert!(text.contains(contains), "{text:.300} has no {contains}");
        }
    }

    fn hears_nothing(&mut self, actor: &str) {
        self.has_heard_nothing(actor);
        let room = self.people[actor].room.clone();
        let world = self.world(&room);
        world.sends(actor, r#"{"type": "ping"}"#);
        assert_eq!(world.client(actor).takes(), [json!({ "type": "pong" })]);
    }

    fn has_heard_nothing(&mut self, actor: &str) {
        let Person { room, ahead, .. } = &self.people[actor];
        assert!(ahead.is_empty(), "{actor} has heard more: {ahead:?}");
        let room = room.clone();
        self.world(&room).settles();
        let frames = &self.world(&room).client(actor).frames;
        assert!(frames.is_empty(), "{actor} has heard {frames:.300?}");
    }
}

/// Requests.
impl Stage {
    fn requests(&mut self, actor: &str, verb: &str, step: &Value) {
        let request = fill_text(verb, &self.bound);
        let body = match (&step["text"], &step["body"]) {
            (Value::String(text), _) => text.clone(),
            (_, Value::Null) => String::new(),
            (_, body) => fill(body, &self.bound).to_string(),
        };
        let token = self.token(actor, step);
        let (status, answer) = self
            .request(&request, token, &body)
            .unwrap_or_else(|refusal| (refusal.code.http_status().unwrap(), error_body(&refusal)));
        assert_eq!(Some(u64::from(status)), step["status"].as_u64(), "{answer:.300}");
        if let Some(pattern) = step.get("answer") {
            meet(pattern, &read(&answer), &mut self.bound).unwrap();
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
        let route = Route::parse(method, path, query, Wanted::Body)?;
        let Route::Room { room, call: Call::Request(request) } = route else {
            panic!("{route:?} is the worker's")
        };
        if body.len() > limits::BODY_BYTES {
            return Err(Refusal::too_large("the body"));
        }
        let world = self.world(room.as_str());
        let token = token.ok_or_else(|| Refusal::new(Code::Unauthorized, "no token"))?;
        let by = tokens::verify(&token, &room, world.now)?;
        match world.requests(by, request, body) {
            Answer::Ok { body } => Ok((200, body)),
            Answer::Created { body } => Ok((201, body)),
            Answer::Accepted => Ok((202, String::new())),
            Answer::NoContent => Ok((204, String::new())),
            Answer::Refused(refusal) => Err(refusal),
        }
    }
}

/// JSON for a pattern. There are numbers that no reader here has a place for;
/// nothing but `$any` can ask for them.
fn read(text: &str) -> Value {
    serde_json::from_str(text)
        .or_else(|_| serde_json::from_str(&text.replace("1e400", "1e300")))
        .unwrap_or_else(|wrong| panic!("{wrong}: {text:.300}"))
}

/// Counted from the beginning of the scenario.
fn mint(name: &str, token: &Value) -> String {
    let rooms = match &token["rooms"] {
        Value::Null => json!({ "*": token["can"] }),
        rooms => rooms.clone(),
    };
    let begins = i64::try_from(World::new().now.get() / 1_000).unwrap();
    let ends = begins + token["expires_in_s"].as_i64().unwrap_or(3_600);
    let user = token["sub"].as_str().unwrap_or(name);
    tokens::sign(&json!({ "sub": user, "exp": ends, "rooms": rooms }))
}
