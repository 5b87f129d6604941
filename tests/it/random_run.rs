//! One random run. Each step is chosen at random and executed in the simulator
//! and in the model. After each step, the results are compared.

use roomcast::auth::Identity;
use roomcast::code::Code;
use roomcast::limits;
use roomcast::metrics;
use roomcast::settings::Settings;
use roomcast::time::Millis;

use crate::model::Model;
use crate::random::{NO_RATE, any_settings};
use crate::sim::SimRuntime;
use crate::test_rng::TestRng;

const CLIENTS: [&str; 4] = ["ann", "ben", "cat", "dan"];
const SECOND: u64 = 1_000;
const HOUR: u64 = 3_600 * SECOND;

mod clients;
mod faults;
mod publishing;
mod reading;

pub struct RandomRun {
    pub sim: SimRuntime,
    seed: u64,
    rng: TestRng,
    model: Model,
    subscribers: Vec<Subscriber>,
    /// Steps so far. The steps are printed if the run fails.
    steps: Vec<String>,
    answers: Vec<String>,
    /// Whether the case runs twice, once with hibernation and once without.
    is_compared: bool,
}

struct Subscriber {
    name: &'static str,
    /// Identity from the newest accepted token, or `None` while the subscriber
    /// is not connected.
    identity: Option<Identity>,
    /// Whether the subscriber received the complete state when it started.
    knows_state: bool,
    /// Whether the subscriber is under flow control.
    has_flow: bool,
}

impl RandomRun {
    pub fn new(seed: u64) -> Self {
        let mut rng = TestRng::new(seed);
        let webhook_events = seed.is_multiple_of(4);
        let settings = Settings {
            webhook_url: seed.is_multiple_of(2),
            webhook_events,
            ..any_settings(&mut rng)
        };
        let mut sim = SimRuntime::with(settings);
        sim.batches_events = true;
        let subscriber =
            |name| Subscriber { name, identity: None, knows_state: false, has_flow: false };
        Self {
            sim,
            seed,
            rng,
            model: Model::new(settings),
            subscribers: CLIENTS.map(subscriber).into(),
            steps: Vec::new(),
            answers: Vec::new(),
            is_compared: false,
        }
    }

    /// Returns one run of a pair whose results are compared. The run has no
    /// batch windows, because a room hibernates only after a window has ended.
    /// Hibernation loses the used part of a rate limit and the exact number of
    /// bytes in flight. The run therefore reaches no rate limit and uses no
    /// flow control. It has no webhook: if a write fails, a room that stays
    /// active notifies of lost sessions later.
    pub fn new_compared(seed: u64, hibernate_between_inputs: bool) -> Self {
        let mut run = Self::new(seed);
        run.is_compared = true;
        run.sim.hibernate_between_inputs = hibernate_between_inputs;
        run.sim.settings =
            Settings { webhook_url: false, ..without_volatile_limits(run.sim.settings) };
        run
    }

    fn any_settings(&mut self) -> Settings {
        // A receiver does not know when the operator turns webhooks on.
        let Settings { webhook_url, webhook_events, .. } = self.sim.settings;
        let settings = Settings { webhook_url, webhook_events, ..any_settings(&mut self.rng) };
        match self.is_compared {
            true => without_volatile_limits(settings),
            false => settings,
        }
    }

    /// Makes one step. After half of the steps, chosen at random, finishes all
    /// replays and sends the batched events.
    pub fn step_and_check(&mut self) {
        self.step();
        if self.rng.one_in(2) {
            self.sim.deliver_pending();
        }
        self.check_clients();
    }

    /// Makes one step, and returns every answer and frame that the step caused.
    pub fn step_and_collect(&mut self) -> Vec<String> {
        self.step();
        self.sim.deliver_pending();
        self.check_clients();
        let mut received = std::mem::take(&mut self.answers);
        for name in CLIENTS {
            let frames = self.sim.client(name).frames.drain(..);
            received.extend(frames.map(|frame| format!("{name}: {frame}")));
        }
        received
    }

    pub fn finish(&mut self) {
        CLIENTS.iter().for_each(|name| self.sim.client(name).resume_processing());
        self.sim.deliver_pending();
        self.check_clients();
        for (who, name) in CLIENTS.into_iter().enumerate() {
            while self.subscribers[who].has_flow && self.send_seen_of(who) {}
            if self.subscribers[who].identity.is_some() {
                let (seq, head) = (self.sim.client(name).seq, self.model.head());
                assert!(seq.is_none_or(|seq| seq == head), "{name} is at {seq:?} of {head}");
            }
        }
        self.check_clients();
        self.check_counts();
    }

    /// Checks that the directory has counted every frame that the room sent. A
    /// killed process loses counts, and a clock that goes back reorders periods.
    fn check_counts(&mut self) {
        if self.sim.crashes > 0 || self.sim.clock_went_back {
            return;
        }
        self.sim.advance(limits::REPORT_MS);
        self.sim.http_get("");
        let counted = self.sim.directory.sums().total(&metrics::SENT);
        assert_eq!(counted, self.sim.frames_sent, "{}", self.sim.directory.sums().text());
    }

    fn step(&mut self) {
        match self.rng.below(48) {
            0..=9 => self.publish_over_http(),
            10..=14 => self.publish_over_socket(),
            15..=18 => self.join(),
            19..=21 => self.resume(),
            22 => self.leave(),
            23 => self.hibernate(),
            24 => self.crash(),
            25 => self.crash_during_publish(),
            26 => self.fail_writes(),
            27 => self.fail_reads(),
            28 => self.advance(),
            29 => self.shift_clock(),
            30 => self.run_timed("the alarm fires".to_owned(), SimRuntime::fire_alarm),
            31..=32 => self.send_token(),
            33..=34 => self.send_invalid_frame(),
            35..=36 => self.read(),
            37 => self.send_seen(),
            38 => self.change_settings(),
            39 => self.erase(),
            40..=41 => self.pause_client(),
            42..=43 => self.signal(),
            44 => self.exceed_rate_limit(),
            45..=46 => self.advance(),
            _ => self.fail_loads(),
        }
        if !self.sim.store.is_empty() {
            self.model.ensure_log(self.sim.now);
        }
    }
}

impl RandomRun {
    fn log_step(&mut self, step: String) {
        self.steps.push(format!("{} {step}", self.sim.now.get()));
    }

    /// Checks that every closed session had expired or exceeded its rate limit.
    pub(super) fn check_expired_sessions(&mut self) {
        for subscriber in &mut self.subscribers {
            let Some(identity) = &subscriber.identity else { continue };
            if self.sim.session(subscriber.name).is_none() {
                if self.sim.client(subscriber.name).closed != Some(Code::RateLimited) {
                    assert!(deadline(identity) <= self.sim.now, "{} was closed", subscriber.name);
                    assert_eq!(self.sim.client(subscriber.name).closed, Some(Code::TokenExpired));
                }
                subscriber.identity = None;
            }
        }
    }

    /// Checks that the erase closed every session, except the sessions that a
    /// rate limit or an expired token had already closed.
    fn check_all_erased(&mut self) {
        for subscriber in &mut self.subscribers {
            let Some(identity) = subscriber.identity.take() else { continue };
            let closed = self.sim.client(subscriber.name).closed;
            let is_expired = deadline(&identity) <= self.sim.now;
            assert!(
                closed == Some(Code::Erased)
                    || closed == Some(Code::RateLimited)
                    || is_expired && closed == Some(Code::TokenExpired),
                "{}: {closed:?}",
                subscriber.name
            );
        }
    }

    /// Checks that every client has the model's events between the client's
    /// start and the client's position. A client at the head must also have the
    /// model's state.
    fn check_clients(&mut self) {
        self.check_expired_sessions();
        let (head, state) = (self.model.head(), self.model.state());
        for subscriber in self.subscribers.iter().filter(|subscriber| subscriber.identity.is_some())
        {
            let client = self.sim.client(subscriber.name);
            let Some(seq) = client.seq else { continue };
            let started_at = seq - client.events.len() as u64;
            let mut expected = self.model.after(started_at);
            expected.truncate(client.events.len());
            assert!(
                client.events == expected,
                "{} has other events than the model",
                subscriber.name
            );
            if seq == head && subscriber.knows_state {
                assert_eq!(client.state, state, "{}'s state", subscriber.name);
            }
        }
    }
}

fn without_volatile_limits(settings: Settings) -> Settings {
    let (frames_per_second, frames_burst, publishes_per_second) = NO_RATE;
    let rates = Settings { frames_per_second, frames_burst, publishes_per_second, ..settings };
    Settings { frame_window_ms: 0, flow_required: false, ..rates }
}

fn deadline(identity: &Identity) -> Millis {
    identity.expires_at.map_or(Millis::MAX, |expires_at| expires_at.plus(limits::LEEWAY_MS))
}

/// Prints the steps of a failed run.
impl Drop for RandomRun {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("ROOMCAST_SEED={}", self.seed);
            self.steps.iter().for_each(|step| eprintln!("  {step}"));
        }
    }
}
