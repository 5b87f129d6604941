//! Steps that publish, over HTTP and over a socket.

use roomcast::code::Code;
use roomcast::protocol::Right;
use roomcast::room::Answer;
use roomcast::route::Request;
use serde_json::Value;

use super::{CLIENTS, RandomRun, SECOND, deadline};
use crate::client::Frame;
use crate::model::Draft;
use crate::random::NO_RATE;

impl RandomRun {
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
            Answer::Accepted | Answer::NoContent => panic!("a publish is answered with a body"),
            Answer::Refused(refusal) => Err(refusal.code),
        }
    }

    pub(super) fn expected(&mut self, drafts: &[Draft], from: &str) -> Result<Vec<u64>, Code> {
        self.model.ensure_log(self.sim.now);
        self.model.publish(drafts, from, self.sim.now)
    }

    pub(super) fn publish_over_http(&mut self) {
        let drafts = self.drafts();
        self.log_step(format!("eve publishes {drafts:.200?}"));
        if self.rng.one_in(10) {
            let refused = self.post(&drafts, "eve", &["subscribe", "admin"]);
            assert_eq!(refused, Err(Code::Forbidden));
        } else {
            let answer = self.post(&drafts, "eve", &["publish"]);
            self.check_http_answer(&drafts, answer);
        }
    }

    pub(super) fn publish_over_socket(&mut self) {
        let Some(who) = self.random_connected_client() else { return };
        let draft = self.draft();
        self.log_step(format!("{} publishes {draft:.200?}", CLIENTS[who]));
        self.send_publish(who, &draft);
        self.check_publish(who, &draft);
    }

    /// Checks that eve's answer equals the model's answer. If eve exceeded her
    /// rate limit, the model stores no event.
    pub(super) fn check_http_answer(&mut self, drafts: &[Draft], answer: Result<Vec<u64>, Code>) {
        if answer == Err(Code::RateLimited) {
            assert!(self.has_rate_limits());
            // Even a rejected publish creates the log.
            self.model.ensure_log(self.sim.now);
        } else {
            assert_eq!(answer, self.expected(drafts, "eve"));
        }
    }

    pub(super) fn check_publish(&mut self, who: usize, draft: &Draft) {
        if !self.is_rate_limited(who) {
            let expected = self.expected_answer(who, draft);
            self.check_answer(who, expected);
        }
    }

    fn has_rate_limits(&self) -> bool {
        self.sim.settings.publishes_per_second < NO_RATE.2
    }

    /// Returns whether the client's last frame exceeded the rate limit. A frame
    /// beyond the limit has no effect for other clients. The session is closed
    /// only after many frames beyond the limit.
    pub(super) fn is_rate_limited(&mut self, who: usize) -> bool {
        let has_rates = self.has_rate_limits();
        let client = self.sim.client(CLIENTS[who]);
        if client.closed == Some(Code::RateLimited) {
            assert!(has_rates, "the room has a rate limit");
            self.subscribers[who].identity = None;
            return true;
        }
        let is_limited = client.closed.is_none()
            && client
                .last_answer()
                .and_then(|answer| answer.code)
                .is_some_and(|code| code == "rate_limited");
        assert!(!is_limited || has_rates, "the room has a rate limit");
        is_limited
    }

    /// Publishes until the rate limit is exceeded. After 30 s, a publish must
    /// succeed again.
    pub(super) fn exceed_rate_limit(&mut self) {
        if !self.has_rate_limits() {
            return;
        }
        let most = self.sim.settings.publishes_per_second;
        self.log_step(format!("eve publishes more than {most} times"));
        let was_limited = (0..=most).any(|_| {
            let draft = [self.draft()];
            let answer = self.post(&draft, "eve", &["publish"]);
            self.check_http_answer(&draft, answer.clone());
            answer == Err(Code::RateLimited)
        });
        assert!(was_limited, "none of {} publishes at once was rejected", most + 1);
        // A publish may cost more units than are left. After an expensive
        // publish, the next publish must wait longer, but in this test at most
        // 30 s.
        self.run_timed("half a minute passes".to_owned(), |sim| sim.advance(30 * SECOND));
        let draft = [self.draft()];
        let answer = self.post(&draft, "eve", &["publish"]);
        assert_ne!(answer, Err(Code::RateLimited));
        self.check_http_answer(&draft, answer);
    }

    /// Sends a signal, which every connected client must receive. Paused
    /// clients and clients under flow control are not checked.
    pub(super) fn signal(&mut self) {
        self.log_step("a signal is sent".to_owned());
        self.sim.deliver_pending();
        let signal = r#"{"name":"s","data":1}"#;
        match self.sim.http("writer", "POST /rooms/r/signals", signal).0 {
            202 => {}
            429 if self.has_rate_limits() => return,
            status => panic!("{status}"),
        }
        self.check_expired_sessions();
        for subscriber in self.subscribers.iter().filter(|subscriber| !subscriber.has_flow) {
            let client = self.sim.client(subscriber.name);
            if subscriber.identity.is_some() && client.is_processing() {
                let last = client.frames.last().map(|frame| Frame::read(frame).r#type);
                assert_eq!(last.as_deref(), Some("signal"), "{}", subscriber.name);
            }
        }
    }

    pub(super) fn send_publish(&mut self, who: usize, draft: &Draft) {
        let frame = format!(r#"{{"type":"publish","ref":"r",{}}}"#, draft.fields());
        self.sim.send(CLIENTS[who], &frame);
    }

    /// Returns the answer that the model expects, or `None` if the session has
    /// expired.
    pub(super) fn expected_answer(
        &mut self,
        who: usize,
        draft: &Draft,
    ) -> Option<Result<u64, Code>> {
        let subscriber = &mut self.subscribers[who];
        let identity = subscriber.identity.clone()?;
        if deadline(&identity) <= self.sim.now {
            subscriber.identity = None;
            return None;
        }
        if !identity.grant.contains(Right::Publish) {
            return Some(Err(Code::Forbidden));
        }
        let name = subscriber.name;
        Some(self.expected(std::slice::from_ref(draft), name).map(|seqs| seqs[0]))
    }

    pub(super) fn check_answer(&mut self, who: usize, expected: Option<Result<u64, Code>>) {
        let client = self.sim.client(CLIENTS[who]);
        let answer = client.last_answer();
        match expected {
            None => assert_eq!(client.closed, Some(Code::TokenExpired)),
            Some(Ok(seq)) => assert_eq!(answer.unwrap().seq, Some(seq)),
            Some(Err(code)) => assert_eq!(answer.unwrap().code.as_deref(), Some(code.as_str())),
        }
    }
}
