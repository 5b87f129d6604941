//! Random stories of people who come and go, against the naive model. After
//! every step, everybody who entered has folded exactly the list that the model
//! last told, and HTTP answers with the list as it is.

use std::collections::BTreeSet;

use roomcast::auth::Identity;
use roomcast::limits;
use roomcast::protocol::Right;

use super::model::Model;
use super::person::{Connection, Person, listed};
use crate::random::run_random;
use crate::sim::SimRuntime;
use crate::test_rng::TestRng;

/// Three users: one has three devices, one two.
const PEOPLE: [&str; 6] = ["ann-1", "ann-2", "ann-3", "ben-1", "ben-2", "cat-1"];
const ENTERS: [&str; 2] = ["subscribe", "presence"];
const SECOND: u64 = 1_000;
const HOUR: u64 = 3_600 * SECOND;

struct RandomRun {
    sim: SimRuntime,
    model: Model,
    seed: u64,
    rng: TestRng,
    people: Vec<Person>,
    /// Sockets at whose other end nobody is any more.
    half_open: Vec<Connection>,
    /// Connections whose time was up as the room was given something.
    ended: Vec<Connection>,
    steps: Vec<String>,
}

/// A hundred thousand steps.
#[test]
fn members_are_those_of_the_model() {
    run_random(500, 200, |seed, steps| {
        let mut run = RandomRun::new(seed);
        for _ in 0..steps {
            run.step();
            run.everybody_is_right();
        }
        run.finish();
        steps
    });
}

impl RandomRun {
    fn new(seed: u64) -> Self {
        let mut rng = TestRng::new(seed);
        let mut sim = SimRuntime::new();
        sim.hibernate_between_inputs = rng.one_in(3);
        sim.max_unsent_bytes = *rng.choose(&[1, 300, limits::UNSENT_BYTES]);
        let person = |name| Person::new(name);
        let people = PEOPLE.map(person).into();
        let (half_open, ended) = (Vec::new(), Vec::new());
        Self { sim, model: Model::default(), seed, rng, people, half_open, ended, steps: vec![] }
    }

    fn step(&mut self) {
        let who = usize::try_from(self.rng.below(PEOPLE.len() as u64)).unwrap();
        match self.rng.below(36) {
            0..=2 => self.connects(who),
            3..=9 => self.enters(who),
            10 => self.leaves(who),
            11 => self.asks(who),
            12..=13 => self.pings(who),
            14..=15 => self.drops(who),
            16 => self.closes(who),
            17 => self.vanishes(who),
            18 => self.renews(who),
            19 if self.rng.one_in(3) => self.kicks(who),
            20..=22 => self.sleeps(),
            23 if self.rng.one_in(4) => self.crashes(),
            24..=27 => self.passes(),
            28 if self.rng.one_in(2) => self.is_late(),
            29 => self.rings(),
            30 if self.rng.one_in(10) => self.erases(),
            31 => self.stands_still(who),
            32 => self.fails_to_wake(),
            33..=34 => self.reads_on(who),
            _ => self.calms(),
        }
    }

    /// Everything has come to rest: the room tells nobody anything more, and
    /// everybody has been told what is so.
    fn finish(&mut self) {
        (0..PEOPLE.len()).for_each(|who| self.reads_on(who));
        self.passes_by(limits::REPLAY_RESTART_MS);
        self.calms();
        self.everybody_is_right();
        assert_eq!(self.model.told, self.model.list(self.sim.now));
    }

    fn says(&mut self, what: impl std::fmt::Display) {
        self.steps.push(format!("{} {what}", self.sim.now.get()));
    }

    /// Before the room is given anything.
    fn wakes(&mut self) {
        if self.sim.hibernate_between_inputs {
            self.falls_asleep();
        }
        self.model.wakes(self.sim.now);
        self.due_sessions_end();
    }

    /// Whatever the room is given: those whose time is up are gone before it.
    fn due_sessions_end(&mut self) {
        let now = self.sim.now;
        let connected = self
            .people
            .iter_mut()
            .filter_map(|person| person.connection.take_if(|connection| connection.is_over(now)));
        let half_open = self.half_open.extract_if(.., |connection| connection.is_over(now));
        let over: Vec<Connection> = connected.chain(half_open).collect();
        self.model.lose(&sessions(&over), false, now);
        self.ended.extend(over);
    }

    fn falls_asleep(&mut self) {
        if !self.sim.is_all_sent() {
            return;
        }
        self.model.sleeps(self.sim.open_sockets() > 0);
        self.sim.hibernate();
    }
}

/// What people do.
impl RandomRun {
    fn connects(&mut self, who: usize) {
        let name = PEOPLE[who];
        self.drops(who);
        let rights = *self.rng.choose(&[&["subscribe"][..], &ENTERS, &ENTERS, &ENTERS]);
        let lasts = *self.rng.choose(&[20 * SECOND, 10 * HOUR, 10 * HOUR]);
        let expires_at = self.sim.now.plus(lasts);
        let identity = Identity { expires_at, ..self.sim.identity_with(user(name), rights) };
        self.says(format!("{name} connects with {rights:?} for {lasts} ms"));
        self.wakes();
        self.sim.connect(name, "", identity.clone());
        let session = self.sim.session(name).unwrap();
        self.people[who].connection =
            Some(Connection { session, identity, heard: self.sim.now, stands_still: false });
    }

    /// Sends a frame: its session, if that has the right to what it asks. A
    /// session whose time is up is closed over it.
    fn sends(&mut self, who: usize, frame: &str) -> Option<String> {
        self.people[who].connection.as_ref()?;
        self.says(format!("{} sends {frame:.80}", PEOPLE[who]));
        self.wakes();
        self.sim.send(PEOPLE[who], frame);
        let now = self.sim.now;
        assert!(self.takes_closed().is_empty());
        let connection = self.people[who].connection.as_mut()?;
        connection.heard = now;
        let may = connection.identity.grant.contains(Right::Presence);
        may.then(|| connection.session.to_string())
    }

    fn enters(&mut self, who: usize) {
        let data = match self.rng.below(5) {
            0 => "null".to_owned(),
            1 => format!(r#"{{ "x":{}.50, "s":"é\ud800" }}"#, self.rng.below(9)),
            _ => self.rng.below(4).to_string(),
        };
        if let Some(session) = self.sends(who, &format!(r#"{{"type":"enter","data":{data}}}"#)) {
            self.model.enters(user(PEOPLE[who]), &session, &data, self.sim.now);
        }
    }

    fn leaves(&mut self, who: usize) {
        if let Some(session) = self.sends(who, r#"{"type":"leave"}"#) {
            self.model.leaves(&session, self.sim.now);
        }
        if self.rng.one_in(2) {
            self.enters(who);
        }
    }

    fn asks(&mut self, who: usize) {
        let Some(session) = self.sends(who, r#"{"type":"members"}"#) else { return };
        if self.model.has_entered(&session) {
            self.model.asks(&session, self.sim.now);
        } else if !self.people[who].connection.as_ref().unwrap().stands_still {
            let frame = self.sim.client(PEOPLE[who]).frames.pop().unwrap();
            assert_eq!(listed(&frame), self.model.list(self.sim.now));
        }
    }

    fn pings(&mut self, who: usize) {
        if self.people[who].connection.is_none() || self.rng.one_in(2) {
            self.sends(who, r#"{"type": "ping"}"#);
            return;
        }
        self.says(format!("{} pings, and the room sleeps on", PEOPLE[who]));
        self.sim.ping(PEOPLE[who]);
        self.people[who].connection.as_mut().unwrap().heard = self.sim.now;
    }

    fn drops(&mut self, who: usize) {
        let Some(connection) = self.people[who].connection.take() else { return };
        self.says(format!("{} drops", PEOPLE[who]));
        self.wakes();
        self.sim.drop_socket(PEOPLE[who]);
        self.model.lose(&[connection.session.to_string()], false, self.sim.now);
    }

    fn closes(&mut self, who: usize) {
        let Some(connection) = self.people[who].connection.take() else { return };
        let code = *self.rng.choose(&[1_000, 1_005, 1_001, 1_006, 4_000]);
        self.says(format!("{} closes with {code}", PEOPLE[who]));
        self.wakes();
        self.sim.close(PEOPLE[who], code);
        let is_over = connection.is_over(self.sim.now);
        let at_once = matches!(code, 1_000 | 1_005) && !is_over;
        self.model.lose(&[connection.session.to_string()], at_once, self.sim.now);
    }

    fn vanishes(&mut self, who: usize) {
        let Some(connection) = self.people[who].connection.take() else { return };
        self.says(format!("{} vanishes", PEOPLE[who]));
        self.sim.make_half_open(PEOPLE[who]);
        self.half_open.push(connection);
    }

    fn stands_still(&mut self, who: usize) {
        let Some(connection) = &mut self.people[who].connection else { return };
        connection.stands_still = true;
        self.says(format!("{} stands still", PEOPLE[who]));
        self.sim.stop_reading(PEOPLE[who]);
    }

    fn reads_on(&mut self, who: usize) {
        let Some(connection) = &mut self.people[who].connection else { return };
        connection.stands_still = false;
        self.says(format!("{} reads on", PEOPLE[who]));
        self.sim.resume_reading(PEOPLE[who]);
    }

    fn renews(&mut self, who: usize) {
        let rights = *self.rng.choose(&[&["subscribe"][..], &ENTERS]);
        let token = self.sim.token(user(PEOPLE[who]), rights);
        let identity = self.sim.identity_with(user(PEOPLE[who]), rights);
        self.sends(who, &format!(r#"{{"type":"auth","token":"{token}"}}"#));
        let Some(connection) = &mut self.people[who].connection else { return };
        connection.identity = identity;
        if !rights.contains(&"presence") {
            self.model.leaves(&connection.session.to_string(), self.sim.now);
        }
    }

    fn kicks(&mut self, who: usize) {
        let user = user(PEOPLE[who]);
        self.says(format!("an admin kicks {user}"));
        self.wakes();
        let kick = format!("DELETE /rooms/r/members?user={user}");
        assert_eq!(self.sim.http("admin", &kick, "").0, 204);
        self.takes_closed();
        self.model.is_kicked(user, self.sim.now);
    }

    fn erases(&mut self) {
        self.says("an admin erases the room");
        self.wakes();
        assert_eq!(self.sim.http("admin", "DELETE /rooms/r", "").0, 204);
        self.everybody_is_gone();
    }
}

/// What the runtime and time do.
impl RandomRun {
    fn sleeps(&mut self) {
        self.says("the room sleeps");
        self.falls_asleep();
    }

    fn crashes(&mut self) {
        self.says("the process is killed");
        self.sim.crash();
        self.everybody_is_gone();
    }

    fn everybody_is_gone(&mut self) {
        assert_eq!(self.sim.open_sockets(), 0);
        self.model.crashes();
        self.half_open.clear();
        self.people.iter_mut().for_each(|person| person.connection = None);
    }

    fn passes(&mut self) {
        let ms = *self.rng.choose(&[1, 20, 49, 50, SECOND, 3 * SECOND, 9 * SECOND, 20 * SECOND]);
        self.passes_by(ms);
    }

    fn passes_by(&mut self, ms: u64) {
        self.says(format!("{ms} ms pass"));
        let end = self.sim.now.plus(ms);
        while let Some(at) = self.sim.next_timer().filter(|at| *at <= end) {
            self.sim.now = self.sim.now.max(at);
            match self.sim.flush_at {
                Some(ends) if ends <= at => self.window_ends(),
                _ => self.rings(),
            }
        }
        self.sim.now = end;
        self.nobody_is_silent_for_long();
    }

    fn window_ends(&mut self) {
        self.says("the window ends");
        self.due_sessions_end();
        self.sim.fire_flush();
        self.model.window_ends(self.sim.now);
        self.leaves_out();
    }

    fn calms(&mut self) {
        while self.sim.flush_at.is_some() {
            self.window_ends();
        }
    }

    fn is_late(&mut self) {
        let ms = *self.rng.choose(&[100, 12_000, 70_000]);
        self.says(format!("{ms} ms pass, and the alarm is late"));
        self.sim.shift_clock(ms);
    }

    /// For a while nothing can wake the room. Whoever goes then goes unseen: if
    /// its socket carried a member, everybody is closed.
    fn fails_to_wake(&mut self) {
        // What waits for a reader would keep it awake.
        (0..PEOPLE.len()).for_each(|who| self.reads_on(who));
        self.says("the room can't wake");
        self.falls_asleep();
        self.sim.misconfigured = Some("ROOM_SETTINGS: it is no JSON".into());
        for _ in 0..self.rng.below(4) {
            let ms = *self.rng.choose(&[SECOND, 9 * SECOND, 70 * SECOND]);
            self.says(format!("{ms} ms pass in vain"));
            self.sim.advance(ms);
            let who = usize::try_from(self.rng.below(PEOPLE.len() as u64)).unwrap();
            let Some(connection) = self.people[who].connection.take() else { continue };
            let was_a_member = self.model.has_entered(&connection.session.to_string());
            match self.rng.one_in(2) {
                true => self.sim.drop_socket(PEOPLE[who]),
                false => self.sim.send(PEOPLE[who], r#"{"type":"members"}"#),
            }
            self.says(format!("{} is gone unseen", PEOPLE[who]));
            assert!(!self.sim.is_open(connection.session));
            if self.sim.open_sockets() == 0 {
                self.everybody_is_gone();
            }
            assert!(!was_a_member || self.sim.open_sockets() == 0);
        }
        self.sim.misconfigured = None;
        self.says("it can again");
        self.rings();
    }

    /// On time or not.
    fn rings(&mut self) {
        if self.sim.store.is_empty() {
            return;
        }
        self.says("the alarm rings");
        self.wakes();
        self.sim.fire_alarm();
        let now = self.sim.now;
        let silent = self.takes_closed();
        self.model.alarm_rings(now);
        for Connection { session, heard, .. } in &silent {
            assert!(now.since(*heard) >= limits::PING_TIMEOUT_MS, "{session} was heard of");
        }
        self.model.lose(&sessions(&silent), false, now);
        self.leaves_out();
    }

    /// The runtime left out who did not read.
    fn leaves_out(&mut self) {
        for session in std::mem::take(&mut self.sim.skipped_sessions) {
            self.model.is_left_out(&session.to_string());
        }
    }

    /// Connections that the room has closed.
    fn takes_closed(&mut self) -> Vec<Connection> {
        let sim = &self.sim;
        let connected = self.people.iter_mut().filter_map(|person| {
            person.connection.take_if(|connection| !sim.is_open(connection.session))
        });
        let half_open = self.half_open.extract_if(.., |c| !sim.is_open(c.session));
        connected.chain(half_open).collect()
    }

    /// As long as the alarm is on time.
    fn nobody_is_silent_for_long(&mut self) {
        const AT_MOST: u64 = limits::PING_TIMEOUT_MS + 5 * SECOND;
        let now = self.sim.now;
        let connected = self.people.iter().filter_map(|person| person.connection.as_ref());
        for Connection { session, heard, .. } in connected.chain(&self.half_open) {
            if self.model.has_entered(&session.to_string()) {
                assert!(now.since(*heard) < AT_MOST, "{session} has not been heard of for long");
            }
        }
    }
}

/// What everybody makes of it.
impl RandomRun {
    fn everybody_is_right(&mut self) {
        for Connection { session, .. } in self.ended.drain(..) {
            assert!(!self.sim.is_open(session), "{session} is there beyond its end");
        }
        self.leaves_out();
        for person in &mut self.people {
            let frames = std::mem::take(&mut self.sim.client(person.name).frames);
            let Some(connection) = &person.connection else { continue };
            let (session, is_reading) = (connection.session.to_string(), !connection.stands_still);
            for frame in frames {
                person.hears(&frame, &session);
            }
            if self.model.listens(&session) && is_reading {
                assert_eq!(person.list, self.model.told, "{}", person.name);
            }
        }
        if self.rng.one_in(4) {
            self.http_is_right();
        }
    }

    fn http_is_right(&mut self) {
        self.says("somebody asks over HTTP");
        self.wakes();
        let list = self.model.list(self.sim.now);
        let (status, members) = self.sim.http("admin", "GET /rooms/r/members", "");
        assert_eq!((status, listed(&members)), (200, list));
        self.wakes();
        let list = self.model.list(self.sim.now);
        let users: BTreeSet<&String> = list.keys().map(|(user, _)| user).collect();
        assert_eq!(self.sim.http_get("")["members"], users.len());
    }
}

fn user(name: &str) -> &str {
    name.split('-').next().unwrap()
}

fn sessions(connections: &[Connection]) -> Vec<String> {
    connections.iter().map(|connection| connection.session.to_string()).collect()
}

/// How it came to that.
impl Drop for RandomRun {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!(
                "ROOMCAST_SEED={}, hibernate: {}",
                self.seed, self.sim.hibernate_between_inputs
            );
            self.steps.iter().for_each(|step| eprintln!("  {step}"));
        }
    }
}
