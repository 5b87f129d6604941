//! Publishing, over HTTP and over a socket.

use roomcast::code::Code;
use roomcast::protocol::Right;
use roomcast::room::Answer;
use roomcast::route::Request;
use serde_json::Value;

use super::{PEOPLE, SECOND, Story, deadline};
use crate::client::Frame;
use crate::model::Draft;
use crate::random::NO_RATE;

impl Story {
    pub(super) fn draft(&mut self) -> Draft {
        let rng = &mut self.rng;
        let data = match rng.below(12) {
            0 => "null".to_owned(),
            1 => r#"{ "a":[1.0, 1e400],	"b":"\ud800\/"}"#.to_owned(),
            2 => format!("\"{}\"", "é".repeat(usize::try_from(rng.below(300)).unwrap())),
            3 if rng.one_in(6) => format!("\"{}\"", "x".repeat(180_000)),
            _ => rng.below(1_000).to_string(),
        };
        let id = rng.one_in(3).then(|| format!("i{}", rng.below(12)));
        let key = rng.one_in(3).then(|| format!("k{}", rng.below(5)));
        Draft { data, id, key }
    }

    pub(super) fn drafts(&mut self) -> Vec<Draft> {
        let count = if self.rng.one_in(20) { 30 } else { 1 + self.rng.below(4) };
        (0..count).map(|_| self.draft()).collect()
    }

    pub(super) fn post(
        &mut self,
        drafts: &[Draft],
        from: &str,
        rights: &[&str],
    ) -> Result<Vec<u64>, Code> {
        let events: Vec<String> =
            drafts.iter().map(|draft| format!("{{{}}}", draft.fields())).collect();
        let body = format!(r#"{{"events":[{}]}}"#, events.join(","));
        let by = self.sim.identity_with(from, rights);
        let answer = self.sim.request(by, Request::Publish, &body);
        self.answers.push(format!("{answer:?}"));
        match answer {
            Answer::Ok { body } | Answer::Created { body } => {
                let seqs: Value = serde_json::from_str(&body).unwrap();
                Ok(serde_json::from_value(seqs["seqs"].clone()).unwrap())
            }
            Answer::Accepted | Answer::NoContent => panic!("a publish has an answer"),
            Answer::Refused(refusal) => Err(refusal.code),
        }
    }

    pub(super) fn expected(&mut self, drafts: &[Draft], from: &str) -> Result<Vec<u64>, Code> {
        self.model.is_met(self.sim.now);
        self.model.publish(drafts, from, self.sim.now)
    }

    pub(super) fn publish_over_http(&mut self) {
        let drafts = self.drafts();
        self.says(format!("somebody publishes {drafts:.200?}"));
        if self.rng.one_in(10) {
            let refused = self.post(&drafts, "eve", &["subscribe", "admin"]);
            assert_eq!(refused, Err(Code::Forbidden));
        } else {
            let answer = self.post(&drafts, "eve", &["publish"]);
            self.is_expected(&drafts, answer);
        }
    }

    pub(super) fn publish_over_a_socket(&mut self) {
        let Some(who) = self.somebody_present() else { return };
        let draft = self.draft();
        self.says(format!("{} publishes {draft:.200?}", PEOPLE[who]));
        self.sends_publish(who, &draft);
        self.is_published(who, &draft);
    }

    /// What eve was answered is what the model says, or that she is too quick:
    /// then nothing came of it.
    pub(super) fn is_expected(&mut self, drafts: &[Draft], answer: Result<Vec<u64>, Code>) {
        if answer == Err(Code::RateLimited) {
            assert!(self.has_rates());
            // Which begins the log all the same.
            self.model.is_met(self.sim.now);
        } else {
            assert_eq!(answer, self.expected(drafts, "eve"));
        }
    }

    pub(super) fn is_published(&mut self, who: usize, draft: &Draft) {
        if !self.is_limited(who) {
            let expected = self.expect_of_frame(who, draft);
            self.is_answered(who, expected);
        }
    }

    fn has_rates(&self) -> bool {
        self.sim.settings.publishes_per_second < NO_RATE.2
    }

    /// Whether the last frame that somebody sent was one too many. Its session
    /// stays unless there were many more, and nobody hears of the frame.
    pub(super) fn is_limited(&mut self, who: usize) -> bool {
        let has_rates = self.has_rates();
        let client = self.sim.client(PEOPLE[who]);
        if client.closed == Some(Code::RateLimited) {
            assert!(has_rates, "there is no rate");
            self.people[who].identity = None;
            return true;
        }
        let is_limited = client.closed.is_none()
            && client
                .answer()
                .and_then(|answer| answer.code)
                .is_some_and(|code| code == "rate_limited");
        assert!(!is_limited || has_rates, "there is no rate");
        is_limited
    }

    /// Publishes until it is too much, and waits as long as it is told to.
    pub(super) fn exceed_the_rate(&mut self) {
        if !self.has_rates() {
            return;
        }
        let most = self.sim.settings.publishes_per_second;
        self.says(format!("somebody publishes more than {most} times"));
        let is_over = (0..=most).any(|_| {
            let draft = [self.draft()];
            let answer = self.post(&draft, "eve", &["publish"]);
            self.is_expected(&draft, answer.clone());
            answer == Err(Code::RateLimited)
        });
        assert!(is_over, "{} publishes at once", most + 1);
        // A publish may cost more than was left, and what follows waits for it.
        self.happens("half a minute passes".to_owned(), |sim| sim.advance(30 * SECOND));
        let draft = [self.draft()];
        let answer = self.post(&draft, "eve", &["publish"]);
        assert_ne!(answer, Err(Code::RateLimited));
        self.is_expected(&draft, answer);
    }

    /// Everybody hears of it who is there and reads, and nobody else.
    pub(super) fn signal(&mut self) {
        self.says("somebody signals".to_owned());
        self.sim.deliver_pending();
        let signal = r#"{"name":"s","data":1}"#;
        match self.sim.http("writer", "POST /rooms/r/signals", signal).0 {
            202 => {}
            429 if self.has_rates() => return,
            status => panic!("{status}"),
        }
        self.due_sessions_have_ended();
        for person in self.people.iter().filter(|person| !person.has_flow) {
            let client = self.sim.client(person.name);
            if person.identity.is_some() && client.is_reading() {
                let last = client.frames.last().map(|frame| Frame::read(frame).r#type);
                assert_eq!(last.as_deref(), Some("signal"), "{}", person.name);
            }
        }
    }

    pub(super) fn sends_publish(&mut self, who: usize, draft: &Draft) {
        let frame = format!(r#"{{"type":"publish","ref":"r",{}}}"#, draft.fields());
        self.sim.send(PEOPLE[who], &frame);
    }

    /// `None` where the session ends over it.
    pub(super) fn expect_of_frame(
        &mut self,
        who: usize,
        draft: &Draft,
    ) -> Option<Result<u64, Code>> {
        let person = &mut self.people[who];
        let identity = person.identity.clone()?;
        if deadline(&identity) <= self.sim.now {
            person.identity = None;
            return None;
        }
        if !identity.grant.contains(Right::Publish) {
            return Some(Err(Code::Forbidden));
        }
        let name = person.name;
        Some(self.expected(std::slice::from_ref(draft), name).map(|seqs| seqs[0]))
    }

    pub(super) fn is_answered(&mut self, who: usize, expected: Option<Result<u64, Code>>) {
        let client = self.sim.client(PEOPLE[who]);
        let answer = client.answer();
        match expected {
            None => assert_eq!(client.closed, Some(Code::TokenExpired)),
            Some(Ok(seq)) => assert_eq!(answer.unwrap().seq, Some(seq)),
            Some(Err(code)) => assert_eq!(answer.unwrap().code.as_deref(), Some(code.as_str())),
        }
    }
}
