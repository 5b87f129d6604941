//! The simulated runtime: hibernation, timers, alarms, effects, and the
//! invariants that must hold after every input.

use std::rc::Rc;

use roomcast::code::{Code, Refusal};
use roomcast::limits;
use roomcast::room::{Answer, Effect, IfUnread, Input, Room};
use roomcast::route::Request;
use roomcast::session::{Session, SessionId};
use roomcast::store::Store;
use roomcast::time::Millis;

use super::{CrashPoint, SimRuntime, Socket};
use crate::client::{Client, Frame};
use crate::memory_store::{MemoryStore, Tables};
use crate::tokens;

impl SimRuntime {
    /// Hibernates the room. The storage, the sockets and their attachments
    /// stay.
    ///
    /// Four things keep the room active: an open fetch to verify a token, the
    /// delivery of a webhook, the timer of a batch window, and unsent frames of a socket. The timer of a
    /// report fires first. Other timers are
    /// cancelled, which is stricter than the real runtime. The room must do the
    /// work of a timer even if the timer is lost.
    pub fn hibernate(&mut self) {
        self.fire_report();
        let is_all_sent = self.is_all_sent();
        let is_fetching = !self.verdicts.is_empty() || self.in_flight.is_some();
        if !is_fetching && self.broadcast_at.is_none() && is_all_sent {
            self.drop_room();
        }
    }

    /// Whether all frames of all sockets have been sent.
    pub fn is_all_sent(&self) -> bool {
        self.sockets.values().all(|socket| socket.unsent.is_empty())
    }

    /// Kills the process. Stored rows stay, and every socket disconnects
    /// without a Close.
    pub fn crash(&mut self) {
        self.crashes += 1;
        self.drop_room();
        self.sockets.clear();
        self.clients.values_mut().for_each(Client::on_disconnect);
        self.verdicts.clear();
    }

    /// Drops the room from memory, with its timers and its delivery.
    fn drop_room(&mut self) {
        self.room = None;
        self.replay_scheduled = false;
        self.broadcast_at = None;
        self.flush_at = None;
        self.report_at = None;
        self.in_flight = None;
    }

    /// Advances the clock. Windows that end in this time, and an alarm that is due
    /// in it, are handled at their own times.
    pub fn advance(&mut self, ms: u64) {
        let end = self.now.plus(ms);
        while let Some(at) = self.next_timer().filter(|at| *at <= end) {
            self.now = self.now.max(at);
            match (self.broadcast_at, self.flush_at) {
                (Some(ends), _) if ends <= at => self.fire_broadcast(),
                (_, Some(ends)) if ends <= at => self.fire_flush(),
                _ if self.report_at.is_some_and(|ends| ends <= at) => self.fire_report(),
                _ => self.fire_alarm(),
            }
        }
        self.now = end;
    }

    /// Returns the time of the next timer or alarm.
    pub fn next_timer(&self) -> Option<Millis> {
        let alarm = self.alarm.map(|at| at.plus(self.alarm_delay_ms));
        alarm.into_iter().chain(self.broadcast_at).chain(self.flush_at).chain(self.report_at).min()
    }

    /// Moves the clock without firing the alarm, so the alarm may be late.
    pub fn shift_clock(&mut self, ms: i64) {
        self.clock_went_back |= ms < 0;
        self.now = match ms >= 0 {
            true => self.now.plus(ms.unsigned_abs()),
            false => self.now.minus(ms.unsigned_abs()),
        };
    }

    /// Fires the alarm, whether or not it is due.
    pub fn fire_alarm(&mut self) {
        let (at, times) = self.last_alarm;
        self.last_alarm = (self.now, if at == self.now { times + 1 } else { 1 });
        assert!(self.last_alarm.1 < 10, "the alarm fires endlessly");
        if self.hibernate_between_inputs {
            self.hibernate();
        }
        self.alarm = None;
        self.handle_loaded(Input::Alarm);
    }

    /// Continues replays until none is scheduled.
    pub fn finish_replays(&mut self) {
        while self.replay_scheduled {
            self.continue_replay();
        }
    }

    /// Finishes all replays, and sends the batched events.
    pub fn deliver_pending(&mut self) {
        self.finish_replays();
        if self.broadcast_at.is_some() {
            self.fire_broadcast();
        }
    }

    /// Delivers everything that is pending, and ends every flush window. A
    /// flush window that ends with nothing to send is the last one.
    pub fn run_until_idle(&mut self) {
        self.deliver_pending();
        let mut windows = 0;
        while self.flush_at.is_some() {
            windows += 1;
            assert!(windows < 10, "flush windows open endlessly");
            self.fire_flush();
        }
    }

    /// Ends the batch window.
    pub fn fire_broadcast(&mut self) {
        self.broadcast_at = None;
        self.handle(Input::Broadcast);
    }

    /// Ends the flush window.
    pub fn fire_flush(&mut self) {
        self.flush_at = None;
        self.handle(Input::Flush);
    }

    /// Ends the wait for a report, if the room waits.
    pub fn fire_report(&mut self) {
        if self.report_at.take().is_some() && self.room.is_some() {
            let crash_point = self.crash_at_next_input.take();
            self.handle_loaded(Input::Report);
            self.crash_at_next_input = crash_point;
        }
    }

    pub fn continue_replay(&mut self) {
        self.replay_scheduled = false;
        self.handle(Input::ContinueReplay);
    }

    /// Delivers the verdicts on all tokens that are being verified.
    pub fn deliver_verdicts(&mut self) {
        while let Some((session, token)) = self.verdicts.pop_front() {
            let claims = tokens::claims(&token, self.now);
            let verdict = claims.map(|claims| self.public_rooms.identity_of(&claims, &self.name));
            self.handle(Input::Verified { session, verdict });
        }
    }

    /// Lets the receiver of the webhook answer, if a batch is being delivered.
    pub fn answer_webhook(&mut self) {
        if let Some((batch, body)) = self.in_flight.take() {
            let failure = self.receiver.receive(&batch, &body, self.now);
            self.handle(Input::Delivered { batch, failure });
        }
    }

    /// Passes an input to the room, and performs the effects.
    pub fn handle(&mut self, input: Input) -> Option<Answer> {
        // Each of these inputs comes from a timer or a fetch, which hibernation
        // would cancel.
        let keeps_active = matches!(
            input,
            Input::ContinueReplay
                | Input::Broadcast
                | Input::Flush
                | Input::Report
                | Input::Delivered { .. }
                | Input::Verified { .. }
        );
        if self.hibernate_between_inputs && !keeps_active {
            self.hibernate();
        }
        self.handle_loaded(input)
    }

    fn handle_loaded(&mut self, input: Input) -> Option<Answer> {
        let now = self.now;
        self.head_before_input = self.store.head();
        let before = self.crash_at_next_input.map(|_| (self.store.tables(), self.alarm));
        let Some(room) = self.load(&input) else {
            let answer = self.fail_to_load(&input);
            self.check_alarm();
            return answer;
        };
        let needs_sessions = room.needs_sessions(&input);
        let effects = room.handle(input, now);
        if let (Some(crash_point), Some(before)) = (self.crash_at_next_input.take(), before) {
            self.crash_during_input(crash_point, before, effects);
            return None;
        }
        // Erasing the storage also erases the alarm.
        if self.store.is_empty() {
            self.alarm = None;
        }
        let mut answer = None;
        for effect in effects {
            self.perform(effect, &mut answer);
        }
        while let Some((from, if_unread)) = self.withheld.pop_front() {
            self.handle_loaded(Input::Withheld { from, if_unread });
        }
        if let Some(of) = self.queried_pings.take() {
            let pinged = |id| Some((id, self.sockets.get(&id)?.pinged_at?));
            let at = of.into_iter().filter_map(pinged).collect();
            return self.handle_loaded(Input::Pings { at });
        }
        if needs_sessions {
            self.check_no_expired_session();
        }
        if std::mem::take(&mut self.alarm_queried) {
            self.handle_loaded(Input::AlarmTime { at: self.alarm });
        }
        self.check_invariants();
        if !self.receiver.is_slow {
            self.answer_webhook();
        }
        if !self.slow_verdicts {
            self.deliver_verdicts();
        }
        if !self.batches_events && self.broadcast_at.is_some() {
            self.fire_broadcast();
        }
        answer
    }

    /// Kills the process during an input. The alarm is stored in the same
    /// commit as the rows of the input.
    fn crash_during_input(
        &mut self,
        crash_point: CrashPoint,
        (tables, alarm): (Tables, Option<Millis>),
        effects: Vec<Effect>,
    ) {
        match crash_point {
            CrashPoint::BeforeCommit => {
                self.store.restore(tables);
                self.alarm = alarm;
            }
            CrashPoint::AfterCommit => {
                for effect in effects {
                    if let Effect::SetAlarm { at } = effect {
                        self.alarm = Some(at);
                    }
                }
            }
        }
        self.crash();
    }

    /// Handles an input for a room that can't be loaded. Each input fails,
    /// except a request that erases the room. This function follows
    /// `edge/room_object.rs`, and adds no rule of its own.
    fn fail_to_load(&mut self, input: &Input) -> Option<Answer> {
        let refusal = Refusal::new(Code::Internal, "the room could not be loaded");
        if matches!(input, Input::Request { request: Request::Erase, .. })
            && self.store.erase().is_ok()
        {
            return Some(self.erase_unloaded());
        }
        match input {
            Input::Join { session, .. }
            | Input::Text { session, .. }
            | Input::Binary { session, .. } => {
                self.disconnect_unloaded(*session);
                if self.sockets.contains_key(session) {
                    self.perform(Effect::Close { session: *session, refusal }, &mut None);
                }
                None
            }
            Input::Gone { session, .. } => {
                self.disconnect_unloaded(*session);
                None
            }
            Input::Request { .. } => Some(Answer::Refused(refusal)),
            Input::Alarm if !self.store.is_empty() => {
                self.alarm = Some(self.now.plus(limits::ALARM_RETRY_MS));
                self.alarms_set += 1;
                None
            }
            _ => None,
        }
    }

    fn erase_unloaded(&mut self) -> Answer {
        self.alarm = None;
        self.erasures += 1;
        self.close_all(&Refusal::new(Code::Erased, "the room was erased"));
        Answer::NoContent
    }

    /// Handles the close of a socket, or the loss of its frame, while the room
    /// can't be loaded. If the socket's attachment contains a member, all sockets
    /// of the room are closed. Otherwise the other clients would show that member
    /// forever.
    fn disconnect_unloaded(&mut self, session: SessionId) {
        let attachment = self.sockets.get(&session).and_then(|socket| socket.attachment.as_deref());
        if attachment.is_some_and(Session::has_members) {
            self.close_all(&Refusal::new(Code::Restarting, "a member was lost"));
        }
    }

    fn close_all(&mut self, refusal: &Refusal) {
        let open = self.sockets.iter().filter(|(_, socket)| !socket.closing);
        for session in open.map(|(session, _)| *session).collect::<Vec<_>>() {
            self.perform(Effect::Close { session, refusal: refusal.clone() }, &mut None);
        }
    }

    /// Returns the room, and loads it if necessary. The function restores the
    /// sessions if the input needs them.
    fn load(&mut self, input: &Input) -> Option<&mut Room<MemoryStore>> {
        if self.room.is_none() {
            let (name, store) = (self.name.clone(), self.store.clone());
            // A new room creates its epoch from this number. A stored room
            // ignores the number.
            let number = if self.store.is_empty() { self.erasures } else { u64::MAX };
            let random = number.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
            let room = match &self.misconfigured {
                Some(cause) => Err(cause.clone()),
                None => Room::load(name, self.settings, store, self.now, random)
                    .map(|room| room.with_publish_hook(self.publish_hook.clone()))
                    .map(|room| room.with_reports(self.settings.directory))
                    .map_err(|cause| cause.to_string()),
            };
            match room {
                Ok(room) => {
                    self.loads += 1;
                    self.room = Some(room);
                }
                Err(cause) => self.logged_errors.push(cause),
            }
        }
        let room = self.room.as_mut()?;
        if !room.sessions_restored() && room.needs_sessions(input) {
            let decode = |socket: &Socket| Session::decode(socket.attachment.as_deref()?);
            let sessions: Vec<_> = self.sockets.values().rev().filter_map(decode).collect();
            self.restored_sessions += sessions.len();
            for effect in room.restore_sessions(sessions, self.now) {
                self.perform(effect, &mut None);
            }
        }
        self.room.as_mut()
    }

    /// Works like the edge: sends only to sockets that read, and records the
    /// sockets that don't read.
    fn send_to_readers(&mut self, to: Vec<SessionId>, texts: Vec<Rc<str>>, if_unread: IfUnread) {
        let unsent = |id: &SessionId| self.sockets[id].unsent_bytes();
        let (reading, from): (Vec<_>, Vec<_>) =
            to.into_iter().partition(|id| unsent(id) < self.max_unsent_bytes);
        for text in texts {
            self.send_to(reading.clone(), &text);
        }
        if !from.is_empty() {
            self.skipped_sessions.extend(&from);
            self.withheld.push_back((from, if_unread));
        }
    }

    fn send_to(&mut self, to: Vec<SessionId>, text: &str) {
        self.check_durable(text);
        for session in to {
            let socket = self.sockets.get_mut(&session).filter(|socket| !socket.closing);
            let socket = socket.expect("the socket of a send is open");
            let is_over = socket.deadline().is_some_and(|end| end <= self.now);
            assert!(!is_over, "{}'s session has expired and is sent {text:.200}", socket.client);
            self.sent_bytes += text.len();
            if socket.reads_paused {
                socket.unsent.push(text.to_string());
            } else if !socket.half_open {
                let client = self.clients.get_mut(&socket.client).unwrap();
                client.receive(text, &socket.query);
            }
        }
    }

    fn perform(&mut self, effect: Effect, answer: &mut Option<Answer>) {
        match effect {
            Effect::Send { to, text } => {
                self.frames_sent += to.len() as u64;
                self.send_to(to, &text);
            }
            Effect::Offer { to, texts, if_unread } => {
                self.frames_sent += (to.len() * texts.len()) as u64;
                self.send_to_readers(to, texts, if_unread);
            }
            Effect::SaveAttachment { session, attachment } => {
                // The peer may have closed the socket, and the room not know it yet.
                let socket = self.sockets.get_mut(&session);
                let socket = socket.expect("the socket of a saved attachment exists");
                socket.attachment = Some(attachment);
            }
            Effect::Close { session, refusal } => {
                let socket = self.sockets.remove(&session).expect("the socket to close is open");
                assert!(refusal.code.close_code().is_some(), "{refusal:?} has no close code");
                if !socket.half_open {
                    self.client(&socket.client).on_close(refusal.code);
                }
            }
            Effect::Verify { session, token } => self.verdicts.push_back((session, token)),
            Effect::Answer(given) => {
                assert!(answer.replace(given).is_none(), "a request is answered once");
            }
            Effect::SetAlarm { at } => {
                self.alarm = Some(at);
                self.alarms_set += 1;
            }
            Effect::QueryAlarm => self.alarm_queried = true,
            Effect::ScheduleBroadcast { after_ms } => {
                assert!(self.broadcast_at.is_none(), "one batch window is open at a time");
                self.broadcast_at = Some(self.now.plus(after_ms));
            }
            Effect::ScheduleFlush { after_ms } => {
                assert!(self.flush_at.is_none(), "one flush window is open at a time");
                self.flush_at = Some(self.now.plus(after_ms));
            }
            Effect::QueryPings { of } => {
                assert!(
                    self.queried_pings.replace(of).is_none(),
                    "pings are queried once per input"
                );
            }
            Effect::ContinueReplay => {
                assert!(!self.replay_scheduled, "one turn is scheduled at a time");
                self.replay_scheduled = true;
            }
            Effect::SendReport { text } => {
                self.reports_sent += 1;
                self.directory.record(&text, self.now).unwrap();
            }
            Effect::PassReport { text } => {
                self.directory.record(&text, self.now).unwrap();
            }
            Effect::ScheduleReport { after_ms } => {
                assert!(self.report_at.is_none(), "one report is scheduled at a time");
                self.report_at = Some(self.now.plus(after_ms));
            }
            Effect::Deliver { batch, body } => {
                let before = self.in_flight.replace((batch, body));
                assert!(before.is_none(), "one batch is delivered at a time");
            }
            Effect::Unload => {
                self.drop_room();
                self.erasures += 1;
            }
            Effect::LogError { cause, .. } => self.logged_errors.push(cause),
        }
    }
}

/// Invariants.
impl SimRuntime {
    /// Checks that every event that a frame mentions is already stored.
    fn check_durable(&self, text: &str) {
        let frame = Frame::read(text);
        let mentioned = match frame.r#type.as_str() {
            "events" => frame.events().last().map(|event| event.seq),
            _ => frame.seq,
        };
        let stored = self.head_before_input.max(self.store.head());
        assert!(mentioned <= Some(stored), "the event is not stored: {text:.200}");
    }

    /// Checks that no session is open after its deadline, even if the alarm is
    /// late.
    fn check_no_expired_session(&self) {
        for socket in self.sockets.values().filter(|socket| !socket.closing) {
            let is_over = socket.deadline().is_some_and(|end| end <= self.now);
            assert!(!is_over, "{} is open after its deadline", socket.client);
        }
    }

    /// Checks that an alarm is set if something is stored, and that no alarm is
    /// set if nothing is stored. A room that can't be loaded is checked too.
    fn check_alarm(&self) {
        assert_eq!(
            !self.store.is_empty(),
            self.alarm.is_some(),
            "whether something is stored, and whether an alarm is set"
        );
    }

    fn check_invariants(&self) {
        self.check_alarm();
        for socket in self.sockets.values().filter(|socket| !socket.closing) {
            let Some(attachment) = &socket.attachment else { continue };
            // The platform's limit for an attachment is 16,384 bytes.
            assert!(attachment.len() < 8_192, "{} bytes of attachment", attachment.len());
            let (end, alarm) =
                (socket.deadline().expect("the attachment can be decoded"), self.alarm);
            assert!(
                alarm <= Some(end),
                "the alarm {alarm:?} is later than the deadline of {}, {end:?}",
                socket.client
            );
        }
    }
}

impl Socket {
    /// Returns the time when the socket's session ends.
    fn deadline(&self) -> Option<Millis> {
        let (_, session) = Session::decode(self.attachment.as_deref()?)?;
        Some(session.deadline())
    }
}
