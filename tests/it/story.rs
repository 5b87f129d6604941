//! One random story: what happens is diced, done in the world and in the
//! model, and compared.

use roomcast::auth::Identity;
use roomcast::code::Code;
use roomcast::limits;
use roomcast::settings::Settings;
use roomcast::time::Millis;

use crate::model::Model;
use crate::random::{NO_RATE, any_settings};
use crate::sim::SimRuntime;
use crate::test_rng::TestRng;

const PEOPLE: [&str; 4] = ["ann", "ben", "cat", "dan"];
const SECOND: u64 = 1_000;
const HOUR: u64 = 3_600 * SECOND;

mod people;
mod publishing;
mod reading;
mod trouble;

pub struct Story {
    pub sim: SimRuntime,
    seed: u64,
    rng: TestRng,
    model: Model,
    people: Vec<Person>,
    /// What happened so far, for when it goes wrong.
    steps: Vec<String>,
    answers: Vec<String>,
    /// Whether it is told twice, once with sleep and once without.
    is_compared: bool,
}

struct Person {
    name: &'static str,
    /// Who the newest token that was accepted says it is; `None` where it is
    /// not in the room.
    identity: Option<Identity>,
    /// Whether the state frame came to it when it began.
    knows_state: bool,
    /// Whether it is sent no more than it has room for.
    has_flow: bool,
}

impl Story {
    pub fn begin(seed: u64) -> Self {
        let mut rng = TestRng::new(seed);
        let settings = any_settings(&mut rng);
        let mut sim = SimRuntime::with(settings);
        sim.batches_events = true;
        let person = |name| Person { name, identity: None, knows_state: false, has_flow: false };
        Self {
            sim,
            seed,
            rng,
            model: Model::new(settings),
            people: PEOPLE.map(person).into(),
            steps: Vec::new(),
            answers: Vec::new(),
            is_compared: false,
        }
    }

    /// One that is told twice. There are no windows in it: by the time that a
    /// room has slept, any has ended. Nor is there what a sleep forgets: how
    /// much of a rate is used up, and to the byte, how much is on its way.
    pub fn compared(seed: u64, hibernate_between_inputs: bool) -> Self {
        let mut story = Self::begin(seed);
        story.is_compared = true;
        story.sim.hibernate_between_inputs = hibernate_between_inputs;
        story.sim.settings = without_what_sleep_forgets(story.sim.settings);
        story
    }

    fn any_settings(&mut self) -> Settings {
        let settings = any_settings(&mut self.rng);
        match self.is_compared {
            true => without_what_sleep_forgets(settings),
            false => settings,
        }
    }

    /// One step. Replays that are not through go on when they get to it.
    pub fn goes_on(&mut self) {
        self.step();
        if self.rng.one_in(2) {
            self.sim.deliver_pending();
        }
        self.everybody_is_right();
    }

    /// One step, and everything that everybody heard of it.
    pub fn goes_on_and_settles(&mut self) -> Vec<String> {
        self.step();
        self.sim.deliver_pending();
        self.everybody_is_right();
        let mut heard = std::mem::take(&mut self.answers);
        for name in PEOPLE {
            let frames = self.sim.client(name).frames.drain(..);
            heard.extend(frames.map(|frame| format!("{name}: {frame}")));
        }
        heard
    }

    pub fn ends(&mut self) {
        PEOPLE.iter().for_each(|name| self.sim.client(name).reads_on());
        self.sim.deliver_pending();
        self.everybody_is_right();
        for (who, name) in PEOPLE.into_iter().enumerate() {
            while self.people[who].has_flow && self.sees(who) {}
            if self.people[who].identity.is_some() {
                let (seq, head) = (self.sim.client(name).seq, self.model.head());
                assert!(seq.is_none_or(|seq| seq == head), "{name} is at {seq:?} of {head}");
            }
        }
        self.everybody_is_right();
    }

    fn step(&mut self) {
        match self.rng.below(48) {
            0..=9 => self.publish_over_http(),
            10..=14 => self.publish_over_a_socket(),
            15..=18 => self.join(),
            19..=21 => self.resume(),
            22 => self.leave(),
            23 => self.sleep(),
            24 => self.crash(),
            25 => self.die_over_a_publish(),
            26 => self.fail_writing(),
            27 => self.fail_reading(),
            28 => self.let_time_pass(),
            29 => self.set_the_clock(),
            30 => self.happens("the alarm rings".to_owned(), SimRuntime::fire_alarm),
            31..=32 => self.bring_a_token(),
            33..=34 => self.send_nonsense(),
            35..=36 => self.read(),
            37 => self.see(),
            38 => self.set_the_room(),
            39 => self.erase(),
            40..=41 => self.stand_still(),
            42..=43 => self.signal(),
            44 => self.exceed_the_rate(),
            45..=46 => self.let_time_pass(),
            _ => self.fail_waking(),
        }
        if !self.sim.store.is_empty() {
            self.model.is_met(self.sim.now);
        }
    }
}

impl Story {
    fn says(&mut self, step: String) {
        self.steps.push(format!("{} {step}", self.sim.now.get()));
    }

    /// Those who were closed are those whose time is up.
    pub(super) fn due_sessions_have_ended(&mut self) {
        for person in &mut self.people {
            let Some(identity) = &person.identity else { continue };
            if self.sim.session(person.name).is_none() {
                // Or they went on sending beyond a rate.
                if self.sim.client(person.name).closed != Some(Code::RateLimited) {
                    assert!(deadline(identity) <= self.sim.now, "{} was closed", person.name);
                    assert_eq!(self.sim.client(person.name).closed, Some(Code::TokenExpired));
                }
                person.identity = None;
            }
        }
    }

    /// Everybody was closed: whose time was up for that, where the room knew.
    fn everybody_is_erased(&mut self) {
        for person in &mut self.people {
            let Some(identity) = person.identity.take() else { continue };
            let closed = self.sim.client(person.name).closed;
            let is_over = deadline(&identity) <= self.sim.now;
            assert!(
                closed == Some(Code::Erased)
                    || closed == Some(Code::RateLimited)
                    || is_over && closed == Some(Code::TokenExpired),
                "{}: {closed:?}",
                person.name
            );
        }
    }

    /// Everybody has seen what the model has, from where they began to where
    /// they are; and who is up to date knows the state.
    fn everybody_is_right(&mut self) {
        self.due_sessions_have_ended();
        let (head, state) = (self.model.head(), self.model.state());
        for person in self.people.iter().filter(|person| person.identity.is_some()) {
            let client = self.sim.client(person.name);
            let Some(seq) = client.seq else { continue };
            let began = seq - client.events.len() as u64;
            let mut expected = self.model.after(began);
            expected.truncate(client.events.len());
            assert!(client.events == expected, "{} has seen something else", person.name);
            if seq == head && person.knows_state {
                assert_eq!(client.state, state, "{}'s state", person.name);
            }
        }
    }
}

fn without_what_sleep_forgets(settings: Settings) -> Settings {
    let (frames_per_second, frames_burst, publishes_per_second) = NO_RATE;
    let rates = Settings { frames_per_second, frames_burst, publishes_per_second, ..settings };
    Settings { frame_window_ms: 0, flow_required: false, ..rates }
}

fn deadline(identity: &Identity) -> Millis {
    identity.expires_at.plus(limits::LEEWAY_MS)
}

/// How it came to that.
impl Drop for Story {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("ROOMCAST_SEED={}", self.seed);
            self.steps.iter().for_each(|step| eprintln!("  {step}"));
        }
    }
}
