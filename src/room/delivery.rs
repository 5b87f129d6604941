//! Events on their way to sessions: live ones to those that are caught up, the
//! log to those that are not.
//!
//! A session that is behind is sent nothing live until it has all of the log
//! before: so order holds, and neither a replay of any length nor a reader
//! that stands still is ever in memory but for a few frames.

use std::rc::Rc;

use super::{Effect, Room};
use crate::code::Refusal;
use crate::flow::Flow;
use crate::limits;
use crate::log::{Budget, EventRange, Replay};
use crate::protocol::{self, Seq, ServerFrame};
use crate::session::SessionId;
use crate::store::{Store, StoreError};
use crate::time::Millis;

/// What is live.
impl<S: Store> Room<S> {
    /// The first event after a pause goes out at once, and begins a window:
    /// what is published in it goes out as one frame at its end. An event costs
    /// little; to send a frame to everybody is what costs.
    pub(super) fn broadcast(&mut self, range: &EventRange, now: Millis) {
        if !self.pending_broadcast.append(range) {
            self.flush_broadcast();
            self.pending_broadcast.append(range);
        }
        let left_ms = self.window_ms().saturating_sub(now.since(self.batch_started_at));
        if left_ms == 0 {
            self.batch_started_at = now;
            self.flush_broadcast();
        } else if !self.sessions.values().any(|session| session.is_live()) {
            self.flush_broadcast();
        } else if !self.batch_scheduled {
            self.batch_scheduled = true;
            self.effects.push(Effect::ScheduleBroadcast { after_ms: left_ms });
        }
    }

    /// The time that is set, beyond what it takes to send a frame to everybody:
    /// in a large room that is longer, and a window would end before anything
    /// could come in it.
    fn window_ms(&self) -> u64 {
        match self.settings.frame_window_ms {
            0 => 0,
            set => set.saturating_add(self.sessions.len() as u64 / limits::SENDS_PER_MS),
        }
    }

    /// The window ends. If it gathered anything, that begins another.
    pub(super) fn end_batch(&mut self, now: Millis) {
        self.batch_scheduled = false;
        if !self.pending_broadcast.is_empty() {
            self.batch_started_at = now;
            self.flush_broadcast();
        }
    }

    /// Sends what is gathered without waiting for the window's end: so does
    /// whatever moves a session to the head, or away.
    pub(super) fn flush_broadcast(&mut self) {
        let sent = EventRange::at(self.pending_broadcast.last, self.pending_broadcast.end_offset);
        for frame in std::mem::replace(&mut self.pending_broadcast, sent).frames() {
            let to = self.receivers(&frame);
            if to.is_empty() {
                continue;
            }
            let text = protocol::events(&self.name, self.log.epoch(), frame.prev, &frame.events);
            self.effects.push(Effect::Send { to, text: text.into() });
        }
    }

    /// Those that are sent a live frame. Who has too much on its way already
    /// is behind from here on, until it has seen more.
    fn receivers(&mut self, frame: &EventRange) -> Vec<SessionId> {
        let mut to = Vec::with_capacity(self.sessions.len());
        let mut stalled = Vec::new();
        for (id, session) in &mut self.sessions {
            let joined = &mut session.joined;
            if joined.behind.is_some() {
                continue;
            }
            match &mut joined.flow {
                _ if joined.paused => {
                    joined.behind = Some(frame.prev);
                    stalled.push(*id);
                    continue;
                }
                Some(flow) if !flow.accepts(frame.bytes()) => {
                    joined.behind = Some(frame.prev);
                    stalled.push(*id);
                    continue;
                }
                Some(flow) => flow.send(frame),
                None => {}
            }
            to.push(*id);
        }
        stalled.into_iter().for_each(|id| self.save_attachment(id));
        to
    }
}

/// A frame of a replay. Where many come back at once, they come back from the
/// same position: so the last one is kept.
pub(super) struct ReplayFrame {
    budget: Budget,
    range: EventRange,
    text: Rc<str>,
}

/// The log.
impl<S: Store> Room<S> {
    /// Sends a session that is behind some of the log. What it still lacks then
    /// comes in a later turn or, with flow control, when it has seen more.
    pub(super) fn catch_up(&mut self, id: SessionId, now: Millis) -> Result<(), StoreError> {
        for _ in 0..limits::REPLAY_FRAMES_AT_ONCE {
            let Some(joined) = self.joined(id) else { return Ok(()) };
            let Some(after) = joined.behind.filter(|_| !joined.paused) else { return Ok(()) };
            let left = joined.flow.as_ref().map_or(u64::MAX, Flow::left);
            let bytes = Budget::FRAME.bytes.min(usize::try_from(left).unwrap_or(usize::MAX));
            // What is gathered comes to it with everybody else.
            let live = self.pending_broadcast.prev;
            let events = live.get().saturating_sub(after.get());
            let frame = self.replay(after, Budget { events, bytes }, now)?;
            let Some(joined) = self.joined_mut(id) else { return Ok(()) };
            match frame {
                Some(frame) => {
                    if let Some(flow) = &mut joined.flow {
                        // One event is read however little is left.
                        if !flow.accepts(frame.range.bytes()) {
                            return Ok(());
                        }
                        flow.send(&frame.range);
                    }
                    joined.behind = (frame.range.last < live).then_some(frame.range.last);
                    self.deliver(id, Rc::clone(&frame.text));
                }
                // The ring came round while it was being caught up. A reader
                // that stands still is told once, when it goes on.
                None if joined.flow.as_ref().is_some_and(Flow::expects_seen) => return Ok(()),
                None => self.send_gap(id, now)?,
            }
        }
        if self.joined(id).is_some_and(|joined| joined.behind.is_some() && joined.can_receive()) {
            self.behind.push_back(id);
            self.schedule_replay();
            self.arm(now.plus(limits::REPLAY_RESTART_MS), now);
        }
        Ok(())
    }

    /// The next frame for who is at a seq; `None` where it is lost.
    fn replay(
        &mut self,
        after: Seq,
        budget: Budget,
        now: Millis,
    ) -> Result<Option<Rc<ReplayFrame>>, StoreError> {
        let last = self.last_replay_frame.as_ref();
        if let Some(last) = last.filter(|last| (last.range.prev, last.budget) == (after, budget)) {
            return Ok(Some(Rc::clone(last)));
        }
        let Replay::Events(range) = self.log.read(after, budget, now)? else { return Ok(None) };
        let text = protocol::events(&self.name, self.log.epoch(), range.prev, &range.events);
        let frame = Rc::new(ReplayFrame { budget, range, text: text.into() });
        self.last_replay_frame = Some(Rc::clone(&frame));
        Ok(Some(frame))
    }

    /// One session's turn. The sessions that are behind take them in order.
    pub(super) fn continue_replay(&mut self, now: Millis) {
        self.replay_scheduled = false;
        if let Some(id) = self.behind.pop_front() {
            self.catch_up_or_close(id, now);
            self.schedule_replay();
        }
    }

    pub(super) fn schedule_replay(&mut self) {
        if !self.behind.is_empty() && !self.replay_scheduled {
            self.replay_scheduled = true;
            self.effects.push(Effect::ContinueReplay);
        }
    }

    /// A session says what it has seen, and with that turns flow control on.
    /// Returns how many bytes it had not said before.
    pub(super) fn seen(&mut self, id: SessionId, seq: Seq, now: Millis) -> Result<u64, Refusal> {
        let live = self.pending_broadcast.prev;
        let Some(session) = self.sessions.get_mut(&id) else { return Ok(0) };
        let joined = &mut session.joined;
        let sent = joined.behind.unwrap_or(live);
        if seq > sent {
            return Err(Refusal::bad_request(format!(
                "`seq` is {seq}, and {sent} is the last that was sent"
            )));
        }
        // What was sent before flow control was turned on is not counted.
        let begin =
            || Flow::new(self.settings.flow_window_bytes, seq, self.pending_broadcast.start_offset);
        let flow = joined.flow.get_or_insert_with(begin);
        let unseen = flow.unseen();
        if !flow.acknowledge(seq) {
            match self.log.end_offset_at(seq) {
                Ok(offset) => flow.acknowledge_to(offset),
                Err(cause) => return Err(self.broken(&cause)),
            }
        }
        let newly_seen = unseen.saturating_sub(flow.unseen());
        let was_stalled = joined.behind.is_some() && !self.behind.contains(&id);
        if was_stalled {
            self.catch_up_or_close(id, now);
        } else {
            self.save_attachment(id);
        }
        Ok(newly_seen)
    }

    /// The reader of a bridge has enough, or can take more.
    pub(super) fn pause(&mut self, id: SessionId, paused: bool, now: Millis) {
        let Some(session) = self.sessions.get_mut(&id) else { return };
        session.joined.paused = paused;
        if session.joined.behind.is_some() && !paused && !self.behind.contains(&id) {
            self.catch_up_or_close(id, now);
        } else {
            self.save_attachment(id);
        }
    }

    fn catch_up_or_close(&mut self, id: SessionId, now: Millis) {
        match self.catch_up(id, now) {
            Ok(()) => self.save_attachment(id),
            Err(cause) => {
                let refusal = self.broken(&cause);
                self.close(id, refusal);
            }
        }
    }

    /// After a sleep: who is live was sent all there is.
    pub(super) fn restore_delivery(&mut self) {
        for (id, session) in &mut self.sessions {
            let joined = &mut session.joined;
            if joined.behind.is_none() {
                joined.flow.iter_mut().for_each(|flow| flow.restore(self.log.end_offset()));
            } else if joined.can_receive() {
                self.behind.push_back(*id);
            }
        }
        self.schedule_replay();
    }
}

/// What else a session begins with.
impl<S: Store> Room<S> {
    /// From here on it is live.
    pub(super) fn send_gap(&mut self, id: SessionId, now: Millis) -> Result<(), StoreError> {
        self.flush_broadcast();
        let head = self.log.end_offset();
        let Some(joined) = self.joined_mut(id) else { return Ok(()) };
        joined.behind = None;
        joined.flow.iter_mut().for_each(|flow| flow.skip(head));
        let gap = ServerFrame::Gap {
            room: &self.name,
            epoch: self.log.epoch(),
            oldest: self.log.oldest(now)?,
            seq: self.log.head(),
        };
        self.deliver(id, gap.text().into());
        self.send_state(id)
    }

    /// Sends what flow control holds back. So it needs no other bound.
    fn deliver(&mut self, to: SessionId, text: Rc<str>) {
        self.effects.push(Effect::Send { to: vec![to], text });
    }

    /// Where the session wants it, and there is any.
    pub(super) fn send_state(&mut self, id: SessionId) -> Result<(), StoreError> {
        if self.joined(id).is_some_and(|joined| joined.state) {
            let state = self.state_text()?;
            if !state.is_empty() {
                self.deliver(id, state);
            }
        }
        Ok(())
    }

    /// The state's frame, or nothing where there is no state. Many join at one
    /// head: so the last one is kept.
    fn state_text(&mut self) -> Result<Rc<str>, StoreError> {
        let head = self.log.head();
        if let Some((_, text)) = self.state_frame.as_ref().filter(|(at, _)| *at == head) {
            return Ok(Rc::clone(text));
        }
        let state = self.log.state()?;
        let frame = || protocol::state(&self.name, self.log.epoch(), head, &state);
        let text: Rc<str> = if state.is_empty() { state.into() } else { frame().into() };
        self.state_frame = Some((head, Rc::clone(&text)));
        Ok(text)
    }
}
