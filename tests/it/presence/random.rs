//! Random runs of clients that enter and leave, compared with the naive model.
//! After every step, each member's list must equal the list that the model last
//! sent, and HTTP must answer with the current list.

use std::collections::BTreeSet;

use roomcast::auth::Identity;
use roomcast::limits;
use roomcast::protocol::Right;

use super::client::{Connection, PresenceClient, listed};
use super::model::Model;
use crate::random::run_random;
use crate::sim::SimRuntime;
use crate::test_rng::TestRng;

/// The sessions of three users: three of ann, two of ben, one of cat.
const CLIENTS: [&str; 6] = ["ann-1", "ann-2", "ann-3", "ben-1", "ben-2", "cat-1"];
const ENTERS: [&str; 2] = ["subscribe", "presence"];
const SECOND: u64 = 1_000;
const HOUR: u64 = 3_600 * SECOND;

struct RandomRun {
    sim: SimRuntime,
    model: Model,
    seed: u64,
    rng: TestRng,
    clients: Vec<PresenceClient>,
    /// Connections whose peer has disappeared without a Close.
    half_open: Vec<Connection>,
    /// Connections that had expired when the room got its last input.
    ended: Vec<Connection>,
    steps: Vec<String>,
}

/// Makes a hundred thousand steps in total.
#[test]
fn random_run_members_match_the_model() {
    run_random(500, 200, |seed, steps| {
        let mut run = RandomRun::new(seed);
        for _ in 0..steps {
            run.step();
            run.check_clients();
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
        let client = |name| PresenceClient::new(name);
        let clients = CLIENTS.map(client).into();
        let (half_open, ended) = (Vec::new(), Vec::new());
        Self { sim, model: Model::default(), seed, rng, clients, half_open, ended, steps: vec![] }
    }

    fn step(&mut self) {
        let who = usize::try_from(self.rng.below(CLIENTS.len() as u64)).unwrap();
        match self.rng.below(36) {
            0..=2 => self.connect(who),
            3..=9 => self.enter(who),
            10 => self.leave(who),
            11 => self.request_list(who),
            12..=13 => self.ping(who),
            14..=15 => self.drop_socket(who),
            16 => self.close(who),
            17 => self.make_half_open(who),
            18 => self.renew_token(who),
            19 if self.rng.one_in(3) => self.kick(who),
            20..=22 => self.hibernate(),
            23 if self.rng.one_in(4) => self.crash(),
            24..=27 => self.advance(),
            28 if self.rng.one_in(2) => self.delay_alarm(),
            29 => self.fire_alarm(),
            30 if self.rng.one_in(10) => self.erase(),
            31 => self.stop_reading(who),
            32 => self.fail_to_load(),
            33..=34 => self.resume_reading(who),
            _ => self.end_all_windows(),
        }
    }

    /// Finishes all pending work. After all work is finished, every member must
    /// have the current list.
    fn finish(&mut self) {
        (0..CLIENTS.len()).for_each(|who| self.resume_reading(who));
        self.advance_by(limits::REPLAY_RESTART_MS);
        self.end_all_windows();
        self.check_clients();
        assert_eq!(self.model.sent_list, self.model.list(self.sim.now));
    }

    fn log_step(&mut self, what: impl std::fmt::Display) {
        self.steps.push(format!("{} {what}", self.sim.now.get()));
    }

    /// Makes the model do what the room does before an input.
    fn prepare_input(&mut self) {
        if self.sim.hibernate_between_inputs {
            self.hibernate_room();
        }
        self.model.load(self.sim.now);
        self.expire_sessions();
    }

    /// Ends expired sessions, as the room does before any input.
    fn expire_sessions(&mut self) {
        let now = self.sim.now;
        let connected = self.clients.iter_mut().filter_map(|client| {
            client.connection.take_if(|connection| connection.is_expired(now))
        });
        let half_open = self.half_open.extract_if(.., |connection| connection.is_expired(now));
        let expired: Vec<Connection> = connected.chain(half_open).collect();
        self.model.disconnect(&sessions(&expired), false, now);
        self.ended.extend(expired);
    }

    fn hibernate_room(&mut self) {
        if !self.sim.is_all_sent() {
            return;
        }
        self.model.hibernate(self.sim.open_sockets() > 0);
        self.sim.hibernate();
    }
}

/// Actions of clients.
impl RandomRun {
    fn connect(&mut self, who: usize) {
        let name = CLIENTS[who];
        self.drop_socket(who);
        let rights = *self.rng.choose(&[&["subscribe"][..], &ENTERS, &ENTERS, &ENTERS]);
        let lifetime_ms = *self.rng.choose(&[20 * SECOND, 10 * HOUR, 10 * HOUR]);
        let expires_at = Some(self.sim.now.plus(lifetime_ms));
        let identity = match self.rng.one_in(6) {
            true => Identity::anonymous(),
            false => Identity { expires_at, ..self.sim.identity_with(user(name), rights) },
        };
        self.log_step(format!("{name} connects with {identity:?}"));
        self.prepare_input();
        self.sim.connect(name, "", identity.clone());
        let session = self.sim.session(name).unwrap();
        self.clients[who].connection =
            Some(Connection { session, identity, active_at: self.sim.now, not_reading: false });
    }

    /// Sends a frame, unless the session has expired. Returns the session if
    /// the session has the right to presence.
    fn send(&mut self, who: usize, frame: &str) -> Option<String> {
        self.clients[who].connection.as_ref()?;
        self.log_step(format!("{} sends {frame:.80}", CLIENTS[who]));
        self.prepare_input();
        self.sim.send(CLIENTS[who], frame);
        let now = self.sim.now;
        assert!(self.drain_closed().is_empty());
        let connection = self.clients[who].connection.as_mut()?;
        connection.active_at = now;
        let may = connection.identity.grant.contains(Right::Presence);
        may.then(|| connection.session.to_string())
    }

    fn enter(&mut self, who: usize) {
        let data = match self.rng.below(5) {
            0 => "null".to_owned(),
            1 => format!(r#"{{ "x":{}.50, "s":"é\ud800" }}"#, self.rng.below(9)),
            _ => self.rng.below(4).to_string(),
        };
        if let Some(session) = self.send(who, &format!(r#"{{"type":"enter","data":{data}}}"#)) {
            self.model.enter(user(CLIENTS[who]), &session, &data, self.sim.now);
        }
    }

    fn leave(&mut self, who: usize) {
        if let Some(session) = self.send(who, r#"{"type":"leave"}"#) {
            self.model.leave(&session, self.sim.now);
        }
        if self.rng.one_in(2) {
            self.enter(who);
        }
    }

    fn request_list(&mut self, who: usize) {
        let Some(session) = self.send(who, r#"{"type":"members"}"#) else { return };
        if self.model.has_entered(&session) {
            self.model.request_list(&session, self.sim.now);
        } else if !self.clients[who].connection.as_ref().unwrap().not_reading {
            let frame = self.sim.client(CLIENTS[who]).frames.pop().unwrap();
            assert_eq!(listed(&frame), self.model.list(self.sim.now));
        }
    }

    fn ping(&mut self, who: usize) {
        if self.clients[who].connection.is_none() || self.rng.one_in(2) {
            self.send(who, r#"{"type": "ping"}"#);
            return;
        }
        self.log_step(format!("{} pings, and the runtime answers", CLIENTS[who]));
        self.sim.ping(CLIENTS[who]);
        self.clients[who].connection.as_mut().unwrap().active_at = self.sim.now;
    }

    fn drop_socket(&mut self, who: usize) {
        let Some(connection) = self.clients[who].connection.take() else { return };
        self.log_step(format!("{} disconnects", CLIENTS[who]));
        self.prepare_input();
        self.sim.drop_socket(CLIENTS[who]);
        self.model.disconnect(&[connection.session.to_string()], false, self.sim.now);
    }

    fn close(&mut self, who: usize) {
        let Some(connection) = self.clients[who].connection.take() else { return };
        let code = *self.rng.choose(&[1_000, 1_005, 1_001, 1_006, 4_000]);
        self.log_step(format!("{} closes with {code}", CLIENTS[who]));
        self.prepare_input();
        self.sim.close(CLIENTS[who], code);
        let is_expired = connection.is_expired(self.sim.now);
        let at_once = matches!(code, 1_000 | 1_005) && !is_expired;
        self.model.disconnect(&[connection.session.to_string()], at_once, self.sim.now);
    }

    fn make_half_open(&mut self, who: usize) {
        let Some(connection) = self.clients[who].connection.take() else { return };
        self.log_step(format!("{} becomes half open", CLIENTS[who]));
        self.sim.make_half_open(CLIENTS[who]);
        self.half_open.push(connection);
    }

    fn stop_reading(&mut self, who: usize) {
        let Some(connection) = &mut self.clients[who].connection else { return };
        connection.not_reading = true;
        self.log_step(format!("{} stops reading", CLIENTS[who]));
        self.sim.stop_reading(CLIENTS[who]);
    }

    fn resume_reading(&mut self, who: usize) {
        let Some(connection) = &mut self.clients[who].connection else { return };
        connection.not_reading = false;
        self.log_step(format!("{} resumes reading", CLIENTS[who]));
        self.sim.resume_reading(CLIENTS[who]);
    }

    fn renew_token(&mut self, who: usize) {
        let rights = *self.rng.choose(&[&["subscribe"][..], &ENTERS]);
        let token = self.sim.token(user(CLIENTS[who]), rights);
        let identity = self.sim.identity_with(user(CLIENTS[who]), rights);
        self.send(who, &format!(r#"{{"type":"auth","token":"{token}"}}"#));
        let Some(connection) = &mut self.clients[who].connection else { return };
        connection.identity = identity;
        if !rights.contains(&"presence") {
            self.model.leave(&connection.session.to_string(), self.sim.now);
        }
    }

    fn kick(&mut self, who: usize) {
        let user = user(CLIENTS[who]);
        self.log_step(format!("an admin kicks {user}"));
        self.prepare_input();
        let kick = format!("DELETE /rooms/r/members?user={user}");
        assert_eq!(self.sim.http("admin", &kick, "").0, 204);
        self.drain_closed();
        self.model.kick(user, self.sim.now);
    }

    fn erase(&mut self) {
        self.log_step("an admin erases the room");
        self.prepare_input();
        assert_eq!(self.sim.http("admin", "DELETE /rooms/r", "").0, 204);
        self.forget_all_connections();
    }
}

/// Actions of the runtime, and the passage of time.
impl RandomRun {
    fn hibernate(&mut self) {
        self.log_step("the room hibernates");
        self.hibernate_room();
    }

    fn crash(&mut self) {
        self.log_step("the process is killed");
        self.sim.crash();
        self.forget_all_connections();
    }

    fn forget_all_connections(&mut self) {
        assert_eq!(self.sim.open_sockets(), 0);
        self.model.crash();
        self.half_open.clear();
        self.clients.iter_mut().for_each(|client| client.connection = None);
    }

    fn advance(&mut self) {
        let ms = *self.rng.choose(&[1, 20, 49, 50, SECOND, 3 * SECOND, 9 * SECOND, 20 * SECOND]);
        self.advance_by(ms);
    }

    fn advance_by(&mut self, ms: u64) {
        self.log_step(format!("{ms} ms pass"));
        let end = self.sim.now.plus(ms);
        while let Some(at) = self.sim.next_timer().filter(|at| *at <= end) {
            self.sim.now = self.sim.now.max(at);
            match self.sim.flush_at {
                Some(ends) if ends <= at => self.end_window(),
                _ if self.sim.report_at.is_some_and(|ends| ends <= at) => self.sim.fire_report(),
                _ => self.fire_alarm(),
            }
        }
        self.sim.now = end;
        self.check_liveness();
    }

    fn end_window(&mut self) {
        self.log_step("the window ends");
        self.expire_sessions();
        self.sim.fire_flush();
        self.model.end_window(self.sim.now);
        self.record_skipped();
    }

    fn end_all_windows(&mut self) {
        while self.sim.flush_at.is_some() {
            self.end_window();
        }
    }

    fn delay_alarm(&mut self) {
        let ms = *self.rng.choose(&[100, 12_000, 70_000]);
        self.log_step(format!("{ms} ms pass, and the alarm is late"));
        self.sim.shift_clock(ms);
    }

    /// Makes every load of the room fail for a while. During this time, the
    /// room can't process the close of a socket. If the closed socket's
    /// attachment carried a member, all sockets are closed.
    fn fail_to_load(&mut self) {
        // Unsent frames would keep the room active.
        (0..CLIENTS.len()).for_each(|who| self.resume_reading(who));
        self.log_step("the room can't be loaded");
        self.hibernate_room();
        self.sim.misconfigured = Some("ROOM_SETTINGS: it is no JSON".into());
        for _ in 0..self.rng.below(4) {
            let ms = *self.rng.choose(&[SECOND, 9 * SECOND, 70 * SECOND]);
            self.log_step(format!("{ms} ms pass while the room can't be loaded"));
            self.sim.advance(ms);
            let who = usize::try_from(self.rng.below(CLIENTS.len() as u64)).unwrap();
            let Some(connection) = self.clients[who].connection.take() else { continue };
            let was_a_member = self.model.has_entered(&connection.session.to_string());
            match self.rng.one_in(2) {
                true => self.sim.drop_socket(CLIENTS[who]),
                false => self.sim.send(CLIENTS[who], r#"{"type":"members"}"#),
            }
            self.log_step(format!("{} is gone while the room can't be loaded", CLIENTS[who]));
            assert!(!self.sim.is_open(connection.session));
            if self.sim.open_sockets() == 0 {
                self.forget_all_connections();
            }
            assert!(!was_a_member || self.sim.open_sockets() == 0);
        }
        self.sim.misconfigured = None;
        self.log_step("the room can be loaded again");
        self.fire_alarm();
    }

    /// Fires the alarm, whether or not it is due.
    fn fire_alarm(&mut self) {
        if self.sim.store.is_empty() {
            return;
        }
        self.log_step("the alarm fires");
        self.prepare_input();
        self.sim.fire_alarm();
        let now = self.sim.now;
        let closed = self.drain_closed();
        self.model.fire_alarm(now);
        for Connection { session, active_at, .. } in &closed {
            assert!(now.since(*active_at) >= limits::PING_TIMEOUT_MS, "{session} was active");
        }
        self.model.disconnect(&sessions(&closed), false, now);
        self.record_skipped();
    }

    /// Records the sessions that the runtime skipped because their clients did
    /// not read.
    fn record_skipped(&mut self) {
        for session in std::mem::take(&mut self.sim.skipped_sessions) {
            self.model.skip(&session.to_string());
        }
    }

    /// Returns the connections that the room has closed.
    fn drain_closed(&mut self) -> Vec<Connection> {
        let sim = &self.sim;
        let connected = self.clients.iter_mut().filter_map(|client| {
            client.connection.take_if(|connection| !sim.is_open(connection.session))
        });
        let half_open = self.half_open.extract_if(.., |c| !sim.is_open(c.session));
        connected.chain(half_open).collect()
    }

    /// Checks that members without pings are closed in time. The caller makes
    /// this check only while the alarm is on time.
    fn check_liveness(&mut self) {
        const AT_MOST: u64 = limits::PING_TIMEOUT_MS + 5 * SECOND;
        let now = self.sim.now;
        let connected = self.clients.iter().filter_map(|client| client.connection.as_ref());
        for Connection { session, active_at, .. } in connected.chain(&self.half_open) {
            if self.model.has_entered(&session.to_string()) {
                assert!(now.since(*active_at) < AT_MOST, "{session} has sent nothing for too long");
            }
        }
    }
}

/// Checks.
impl RandomRun {
    fn check_clients(&mut self) {
        for Connection { session, .. } in self.ended.drain(..) {
            assert!(!self.sim.is_open(session), "{session} is open after it expired");
        }
        self.record_skipped();
        for client in &mut self.clients {
            let frames = std::mem::take(&mut self.sim.client(client.name).frames);
            let Some(connection) = &client.connection else { continue };
            let (session, is_reading) = (connection.session.to_string(), !connection.not_reading);
            for frame in frames {
                client.on_frame(&frame, &session);
            }
            if self.model.has_list(&session) && is_reading {
                assert_eq!(client.list, self.model.sent_list, "{}", client.name);
            }
        }
        if self.rng.one_in(4) {
            self.check_http();
        }
    }

    fn check_http(&mut self) {
        self.log_step("an admin reads over HTTP");
        self.prepare_input();
        let list = self.model.list(self.sim.now);
        let (status, members) = self.sim.http("admin", "GET /rooms/r/members", "");
        assert_eq!((status, listed(&members)), (200, list));
        self.prepare_input();
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

/// Prints the steps of a failed run.
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
