//! Steps in which clients join, leave, or send a token over a socket.

use roomcast::auth::Identity;
use roomcast::code::Code;
use roomcast::limits;

use super::{CLIENTS, HOUR, RandomRun, SECOND, deadline};
use crate::client::{Client, Frame};

impl RandomRun {
    pub(super) fn random_client(&mut self) -> usize {
        usize::try_from(self.rng.below(CLIENTS.len() as u64)).unwrap()
    }

    /// Returns a random client, or `None` if this client is not connected. The
    /// client first processes all frames that it received.
    pub(super) fn random_connected_client(&mut self) -> Option<usize> {
        let who = self.random_client();
        self.subscribers[who].identity.as_ref()?;
        self.sim.client(CLIENTS[who]).resume_processing();
        Some(who)
    }

    /// Pauses a client. Frames to a paused client wait until the client
    /// continues. Without flow control, the number of waiting frames has no
    /// limit.
    pub(super) fn pause_client(&mut self) {
        let Some(who) = self.random_connected_client() else { return };
        self.log_step(format!("{} stops processing", CLIENTS[who]));
        self.sim.client(CLIENTS[who]).pause_processing();
    }

    /// Returns the identity of an anonymous client or of a user.
    pub(super) fn any_identity(&mut self, user: &str) -> Identity {
        if self.rng.one_in(5) {
            return Identity::anonymous();
        }
        let publishes: [&[&str]; 2] = [&["subscribe"], &["subscribe", "publish"]];
        let rights = *self.rng.choose(&publishes);
        let identity = self.sim.identity_with(user, rights);
        let ms = *self.rng.choose(&[10 * SECOND, HOUR, 100 * HOUR]);
        Identity { expires_at: Some(self.sim.now.plus(ms)), ..identity }
    }

    pub(super) fn any_query(&mut self) -> String {
        let rng = &mut self.rng;
        match rng.below(6) {
            0 => String::new(),
            1 => "state=0".to_owned(),
            2 => format!("last={}", rng.below(20)),
            3 => format!("since=AAAAAAAA:{}", rng.below(20)),
            _ => {
                let seq = rng.below(self.model.head() + 3);
                let epoch = self.sim.epoch();
                self.model.ensure_log(self.sim.now);
                format!("since={epoch}:{seq}")
            }
        }
    }

    pub(super) fn join(&mut self) {
        let (who, query) = (self.random_client(), self.any_query());
        let identity = self.any_identity(CLIENTS[who]);
        self.log_step(format!("{} joins with {query:?}", CLIENTS[who]));
        self.start_client(who, &query);
        self.connect(who, &query, identity.clone());
        self.check_join(who, identity, &query);
    }

    pub(super) fn start_client(&mut self, who: usize, query: &str) {
        self.sim.clients.insert(CLIENTS[who].into(), Client::starting_with(query));
        self.subscribers[who].knows_state = false;
    }

    /// Connects over a bridge with a small window, or over the client's own
    /// socket (with or without flow control). Compared runs use no flow
    /// control, because the exact number of bytes in flight is unknown after
    /// hibernation.
    fn connect(&mut self, who: usize, query: &str, identity: Identity) {
        let kind = if self.is_compared { 7 } else { self.rng.below(8) };
        self.subscribers[who].has_flow = kind < 4 || self.sim.settings.flow_required;
        match kind {
            0..=1 => {
                let window = *self.rng.choose(&[1, 300, 2_000]);
                self.sim.connect_bridge(CLIENTS[who], query, identity, window);
            }
            2..=3 => {
                let query = format!("{query}&flow=1");
                let query = query.trim_start_matches('&');
                self.sim.connect(CLIENTS[who], query, identity);
            }
            _ => self.sim.connect(CLIENTS[who], query, identity),
        }
    }

    /// Sends a `seen` from a client under flow control.
    pub(super) fn send_seen(&mut self) {
        let Some(who) =
            self.random_connected_client().filter(|who| self.subscribers[*who].has_flow)
        else {
            return;
        };
        self.log_step(format!("{} sends a `seen` for all received events", CLIENTS[who]));
        self.send_seen_of(who);
    }

    /// Sends a `seen`. Returns whether the client received more events after
    /// the `seen`.
    pub(super) fn send_seen_of(&mut self, who: usize) -> bool {
        self.check_expired_sessions();
        let name = CLIENTS[who];
        let seq = self.sim.client(name).seq;
        if self.subscribers[who].identity.is_none() || seq.is_none() {
            return false;
        }
        self.sim.send_seen(name);
        self.sim.deliver_pending();
        if let Some(closed) = self.sim.client(name).closed {
            let is_expired =
                deadline(self.subscribers[who].identity.as_ref().unwrap()) <= self.sim.now;
            assert!(is_expired || closed == Code::RateLimited, "{closed:?}");
            self.subscribers[who].identity = None;
        }
        self.sim.client(name).seq > seq
    }

    pub(super) fn resume(&mut self) {
        let who = self.random_client();
        let client = self.sim.client(CLIENTS[who]);
        if client.epoch.is_none() || client.seq.is_none() {
            return;
        }
        let query = format!("since={}", client.position());
        let identity = self.any_identity(CLIENTS[who]);
        self.log_step(format!("{} resumes with {query:?}", CLIENTS[who]));
        self.connect(who, &query, identity.clone());
        self.check_join(who, identity, &query);
    }

    /// Compares the result of a join with the model.
    pub(super) fn check_join(&mut self, who: usize, identity: Identity, query: &str) {
        self.model.ensure_log(self.sim.now);
        let (now, epoch) = (self.sim.now, self.sim.epoch());
        let client = self.sim.clients.get_mut(CLIENTS[who]).unwrap();
        let frames: Vec<Frame> = client.frames.iter().map(|text| Frame::read(text)).collect();
        let has = |kind| frames.iter().any(|frame| frame.r#type == kind);
        assert_eq!(frames[0].r#type, "welcome");
        assert_eq!(frames[0].seq, Some(self.model.head()));
        let position = query.strip_prefix("since=").and_then(|since| since.split_once(':'));
        let lost = position.is_some_and(|(of, seq)| {
            of != epoch || !self.model.can_resume(seq.parse().unwrap(), now)
        });
        assert_eq!(has("gap"), lost, "{query}");
        assert_eq!(frames[0].recovered, position.map(|_| !lost), "{query}");
        let fresh = lost || query.is_empty();
        let state = fresh && !self.model.state().is_empty();
        assert_eq!(has("state"), state, "{query}");
        self.subscribers[who].identity = Some(identity);
        let resumed = position.is_some() && !lost;
        self.subscribers[who].knows_state = fresh || (resumed && self.subscribers[who].knows_state);
    }

    pub(super) fn leave(&mut self) {
        let Some(who) = self.random_connected_client() else { return };
        self.subscribers[who].identity = None;
        if self.rng.one_in(2) {
            self.log_step(format!("{} disconnects", CLIENTS[who]));
            self.sim.drop_socket(CLIENTS[who]);
        } else {
            self.log_step(format!("{} becomes half open", CLIENTS[who]));
            self.sim.make_half_open(CLIENTS[who]);
        }
    }

    /// Sends a valid or an invalid token in a frame. An invalid token is of
    /// another user, lacks the right to subscribe, has expired, or is
    /// malformed. On an anonymous session, a token of any user is valid. Frames
    /// that follow the token wait for the verdict.
    pub(super) fn send_token(&mut self) {
        let Some(who) = self.random_connected_client() else { return };
        let is_anonymous =
            self.subscribers[who].identity.as_ref().is_some_and(|identity| identity.user.is_none());
        let (token, verdict) = self.any_token(CLIENTS[who], is_anonymous);
        self.log_step(format!("{} sends a token: {verdict:?}", CLIENTS[who]));
        let is_expired = deadline(self.subscribers[who].identity.as_ref().unwrap()) <= self.sim.now;
        self.sim.slow_verdicts = true;
        self.sim.send(CLIENTS[who], &format!(r#"{{"type":"auth","token":"{token}"}}"#));
        if is_expired {
            self.subscribers[who].identity = None;
            assert_eq!(self.sim.client(CLIENTS[who]).closed, Some(Code::TokenExpired));
        } else if !self.is_rate_limited(who) {
            let later_draft = self.draft();
            self.send_publish(who, &later_draft);
            // The frame counts against the rate limit when it arrives, not when
            // the verdict arrives.
            let is_limited = self.is_rate_limited(who);
            self.publish_over_http();
            self.sim.deliver_verdicts();
            match verdict {
                Ok(identity) => {
                    self.subscribers[who].identity = Some(identity);
                    if !is_limited {
                        self.check_publish(who, &later_draft);
                    }
                }
                Err(code) => {
                    self.subscribers[who].identity = None;
                    assert_eq!(self.sim.client(CLIENTS[who]).closed, Some(code));
                }
            }
        }
        self.sim.slow_verdicts = false;
    }

    pub(super) fn any_token(
        &mut self,
        user: &str,
        is_anonymous: bool,
    ) -> (String, Result<Identity, Code>) {
        let later = |run: &Self| run.sim.now.plus(HOUR);
        let valid = |run: &Self, rights| {
            let identity = run.sim.identity_with(user, rights);
            (run.sim.token(user, rights), Ok(identity))
        };
        match self.rng.below(8) {
            0 if !is_anonymous => {
                (self.sim.token("mallory", &["subscribe"]), Err(Code::Unauthorized))
            }
            1 => (self.sim.token(user, &["publish", "admin"]), Err(Code::Forbidden)),
            2 => {
                let past = self.sim.now.minus(limits::LEEWAY_MS + SECOND);
                (crate::tokens::token(user, &["subscribe"], past), Err(Code::TokenExpired))
            }
            3 => ("invalid".to_owned(), Err(Code::Unauthorized)),
            4 => (
                format!("{}x", crate::tokens::token(user, &["subscribe"], later(self))),
                Err(Code::Unauthorized),
            ),
            5 => valid(self, &["subscribe"]),
            _ => valid(self, &["subscribe", "publish", "presence"]),
        }
    }

    pub(super) fn send_invalid_frame(&mut self) {
        let Some(who) = self.random_connected_client() else { return };
        self.log_step(format!("{} sends an invalid frame", CLIENTS[who]));
        let is_expired = deadline(self.subscribers[who].identity.as_ref().unwrap()) <= self.sim.now;
        let frames = ["", "{", "[]", r#"{"type":"unknown"}"#, r#"{"type":"publish","name":""}"#];
        let frame = *self.rng.choose(&frames);
        self.sim.send(CLIENTS[who], frame);
        if is_expired {
            self.subscribers[who].identity = None;
        }
        if self.is_rate_limited(who) {
            return;
        }
        let expected = if is_expired { None } else { Some(Err(Code::BadRequest)) };
        self.check_answer(who, expected);
        // Twenty consecutive bad requests would close the session. A valid
        // frame resets the count of bad requests.
        if !is_expired {
            self.sim.send(CLIENTS[who], r#"{"type": "ping"}"#);
        }
    }
}
