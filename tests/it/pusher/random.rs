//! Random runs of Pusher's clients and a backend, on simulated rooms. Clients
//! connect, subscribe and leave, and rooms hibernate and restart. Each frame to a
//! client is compared with what the backend triggered. The seed determines the
//! run.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde_json::{Value, json};

use super::apps;
use crate::random::run_random;
use crate::scenario_runner::ScenarioRunner;
use crate::test_rng::TestRng;

const CHANNELS: [&str; 5] = ["a", "private-a", "presence-a", "cache-a", "presence-cache-a"];
/// Clients by name, with their users. Two clients have the same user.
const CLIENTS: [(&str, &str); 4] =
    [("ann1", "ann"), ("ann2", "ann"), ("ben", "ben"), ("cat", "cat")];
/// The rooms end the sessions of lost sockets within this time.
const SETTLED_MS: u64 = 120_000;
const STEP_MS: u64 = 5_000;

/// The events that the backend triggered on a channel. Each has the socket that
/// does not receive it, or `None`. Its data is its index.
type Log = Vec<Option<String>>;

/// A client with an open socket.
#[derive(Default)]
struct Client {
    socket_id: String,
    subscriptions: BTreeMap<&'static str, Subscription>,
}

struct Subscription {
    /// Number of events when the client subscribed.
    begin: usize,
    /// Index of the next event, or `None` before the subscription succeeded.
    next: Option<usize>,
    has_cached: bool,
    users: BTreeSet<String>,
    /// Number of the last event of another client.
    signal: u64,
}

struct Run {
    seed: u64,
    step: u64,
    rng: TestRng,
    runner: ScenarioRunner,
    logs: BTreeMap<&'static str, Log>,
    clients: BTreeMap<&'static str, Client>,
    signals: u64,
}

impl Run {
    fn new(seed: u64) -> Self {
        let mut rng = TestRng::new(seed);
        let app = json!({ "id": "1", "key": "key", "secret": "secret", "client_events": true });
        Self {
            seed,
            step: 0,
            runner: ScenarioRunner::with_pusher_apps(&json!([app]), rng.one_in(2)),
            rng,
            logs: CHANNELS.map(|channel| (channel, Log::new())).into(),
            clients: BTreeMap::new(),
            signals: 0,
        }
    }

    fn step_once(&mut self) {
        self.step += 1;
        let (name, user) = *self.rng.choose(&CLIENTS);
        let channel = *self.rng.choose(&CHANNELS);
        let pause_ms = self.rng.below(200);
        self.pass_time(pause_ms);
        match (self.rng.below(16), self.clients.contains_key(name)) {
            (0..=3, _) => self.trigger(channel),
            (4, _) => self.run(&json!({ "the room": "hibernates", "room": channel })),
            (5, _) if self.rng.one_in(8) => {
                self.run(&json!({ "the room": "is restarted", "room": channel }));
            }
            (5 | 6, _) => {
                let pause_ms = self.rng.below(STEP_MS);
                self.pass_time(pause_ms);
            }
            (_, false) => self.connect(name),
            (7, true) => self.disconnect(name),
            (8 | 9, true) => self.signal(name, channel),
            (10 | 11, true) => self.unsubscribe(name, channel),
            (_, true) => self.subscribe(name, user, channel),
        }
        self.read_frames();
    }

    fn run(&mut self, step: &Value) {
        self.runner.run_step(step);
    }

    fn pass_time(&mut self, ms: u64) {
        self.run(&json!({ "time": "passes", "ms": ms }));
        self.read_frames();
    }

    fn connect(&mut self, name: &'static str) {
        self.run(&json!({ name: "connects", "to": "/app/key", "query": "protocol=7" }));
        let [established] = &self.runner.take_pusher_frames(name)[..] else { panic!("{self}") };
        let socket_id = data_of(established)["socket_id"].as_str().unwrap().to_owned();
        assert!(
            self.clients.values().all(|other| other.socket_id != socket_id),
            "two sockets have the id {socket_id}: {self}"
        );
        self.clients.insert(name, Client { socket_id, ..Client::default() });
    }

    fn disconnect(&mut self, name: &'static str) {
        let step = match self.rng.one_in(2) {
            true => json!({ name: "disconnects" }),
            false => json!({ name: "closes", "code": 1_001 }),
        };
        self.run(&step);
        self.clients.remove(name);
    }

    fn trigger(&mut self, channel: &'static str) {
        let number = self.logs[channel].len();
        let excluded = match self.rng.one_in(3) {
            true => self.clients.values().next().map(|client| client.socket_id.clone()),
            false => None,
        };
        let body = json!({ "name": "n", "channel": channel, "data": number.to_string(),
                           "socket_id": excluded });
        self.run(&json!({ "the backend": "POST /apps/1/events", "body": body, "status": 200 }));
        self.logs.get_mut(channel).unwrap().push(excluded);
    }

    fn signal(&mut self, name: &'static str, channel: &'static str) {
        let is_live =
            self.clients[name].subscriptions.get(channel).is_some_and(|s| s.next.is_some());
        if is_live && channel.starts_with("pr") {
            self.signals += 1;
            self.send(name, "client-n", channel, json!(self.signals));
        }
    }

    fn send(&mut self, name: &str, event: &str, channel: &str, data: Value) {
        let frame = json!({ "event": event, "channel": channel, "data": data });
        self.run(&json!({ name: "sends", "frame": frame }));
    }

    fn unsubscribe(&mut self, name: &'static str, channel: &'static str) {
        let client = self.clients.get_mut(name).unwrap();
        if client.subscriptions.remove(channel).is_some() {
            self.send(name, "pusher:unsubscribe", channel, json!({ "channel": channel }));
        }
    }

    fn subscribe(&mut self, name: &'static str, user: &str, channel: &'static str) {
        let begin = self.logs[channel].len();
        let client = self.clients.get_mut(name).unwrap();
        if client.subscriptions.contains_key(channel) {
            return;
        }
        let subscription = Subscription {
            begin,
            next: None,
            has_cached: false,
            users: BTreeSet::new(),
            signal: self.signals,
        };
        client.subscriptions.insert(channel, subscription);
        let mut data = json!({ "channel": channel });
        let mut signed = format!("{}:{channel}", client.socket_id);
        if channel.starts_with("presence-") {
            let member = json!({ "user_id": user }).to_string();
            signed = format!("{signed}:{member}");
            data["channel_data"] = member.into();
        }
        data["auth"] = format!("key:{}", apps().with_id("1").unwrap().sign(&signed)).into();
        self.send(name, "pusher:subscribe", channel, data);
    }

    /// Compares the frames that the clients received with the logs.
    fn read_frames(&mut self) {
        for (name, _) in CLIENTS {
            if !self.clients.contains_key(name) {
                continue;
            }
            for frame in self.runner.take_pusher_frames(name) {
                self.read_frame(name, &frame);
            }
            if let Some(code) = self.runner.pusher_close_code(name) {
                assert_eq!(code, 4200, "{self}");
                self.run(&json!({ name: "is closed", "code": code }));
                self.clients.remove(name);
            }
        }
    }

    fn read_frame(&mut self, name: &'static str, frame: &Value) {
        let (event, run) = (frame["event"].as_str().unwrap(), self.to_string());
        match event {
            "pusher:ping" => return self.send(name, "pusher:pong", "", json!({})),
            // It precedes the close of a socket whose room restarted.
            "pusher:error" => return assert_eq!(data_of(frame)["code"], 4200, "{frame}: {run}"),
            _ => {}
        }
        let channel = frame["channel"].as_str().unwrap();
        let Client { socket_id, subscriptions } = self.clients.get_mut(name).unwrap();
        let (channel, log) = self.logs.get_key_value(channel).unwrap();
        let subscription = subscriptions
            .get_mut(channel)
            .unwrap_or_else(|| panic!("{name} has no subscription: {frame}: {run}"));
        subscription.read(event, frame, log, socket_id, &run);
    }

    /// Waits until nothing changes any more. Then each client must have received
    /// every event, and know the members of its channels.
    fn finish(&mut self) {
        for _ in 0..SETTLED_MS / STEP_MS {
            self.pass_time(STEP_MS);
        }
        for channel in CHANNELS {
            let mut users: BTreeSet<String> = BTreeSet::new();
            for (name, user) in CLIENTS {
                let client = self.clients.get(name);
                if client.is_some_and(|client| client.subscriptions.contains_key(channel)) {
                    users.insert(user.to_owned());
                }
            }
            for (name, client) in &self.clients {
                let Some(subscription) = client.subscriptions.get(channel) else { continue };
                let end = subscription
                    .next
                    .map(|next| next_of(&self.logs[channel], next, &client.socket_id));
                assert_eq!(end, Some(self.logs[channel].len()), "{name} on {channel}: {self}");
                if channel.starts_with("presence-") {
                    assert_eq!(subscription.users, users, "{name} on {channel}: {self}");
                }
            }
        }
    }
}

impl Subscription {
    fn read(&mut self, event: &str, frame: &Value, log: &Log, socket_id: &str, run: &str) {
        let data = data_of(frame);
        let Some(next) = self.next else {
            assert_eq!(event, "pusher_internal:subscription_succeeded", "{frame}: {run}");
            let ids = data["presence"]["ids"].as_array().cloned().unwrap_or_default();
            self.users = ids.iter().map(text).collect();
            self.next = Some(self.begin);
            return;
        };
        match event {
            "n" => {
                let number = usize::try_from(data.as_u64().unwrap()).unwrap();
                let is_cached = !self.has_cached && number + 1 == self.begin;
                if is_cached && frame["channel"].as_str().unwrap().contains("cache-") {
                    assert_eq!(next, self.begin, "{frame}: {run}");
                    self.has_cached = true;
                    return;
                }
                assert_eq!(number, next_of(log, next, socket_id), "{frame}: {run}");
                assert!(number < log.len(), "{frame}: {run}");
                self.next = Some(number + 1);
            }
            "pusher:cache_miss" => assert_eq!(self.begin, 0, "{frame}: {run}"),
            "pusher_internal:member_added" => {
                assert!(self.users.insert(text(&data["user_id"])), "{frame}: {run}");
            }
            "pusher_internal:member_removed" => {
                assert!(self.users.remove(&text(&data["user_id"])), "{frame}: {run}");
            }
            "client-n" => {
                let number = data.as_u64().unwrap();
                assert!(number > self.signal, "{frame} after {}: {run}", self.signal);
                self.signal = number;
            }
            _ => panic!("{frame}: {run}"),
        }
    }
}

/// Returns the index of the next event from `index` on that the socket receives.
fn next_of(log: &Log, index: usize, socket_id: &str) -> usize {
    let receives =
        |at: &usize| log.get(*at).is_none_or(|excluded| excluded.as_deref() != Some(socket_id));
    (index..).find(receives).unwrap()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

/// Returns the data of a frame, which is JSON in a string.
fn data_of(frame: &Value) -> Value {
    match &frame["data"] {
        Value::String(json) => serde_json::from_str(json).unwrap(),
        data => data.clone(),
    }
}

impl fmt::Display for Run {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "ROOMCAST_SEED={}, step {}", self.seed, self.step)
    }
}

#[test]
fn random_run_of_clients_misses_and_repeats_no_event() {
    run_random(300, 150, |seed, steps| {
        let mut run = Run::new(seed);
        (0..steps).for_each(|_| run.step_once());
        run.finish();
        steps
    });
}
