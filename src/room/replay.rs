//! Replay of the log to sessions that are behind, and sending of the state.
//!
//! A session that is behind receives no live events until all earlier events
//! have been sent to it. This rule preserves the order of events. It also
//! limits memory: a replay stores only a few frames, even if it is long or its
//! client has stopped reading.

use std::collections::VecDeque;
use std::rc::Rc;

use super::{Effect, Room};
use crate::code::Refusal;
use crate::flow::Flow;
use crate::limits;
use crate::log::{Budget, EventRange, Log, Replay};
use crate::metrics;
use crate::protocol::{self, RoomName, Seq, ServerFrame};
use crate::session::SessionId;
use crate::store::{Store, StoreError};
use crate::time::Millis;

/// The sessions that receive a replay, and caches of frames that many of these
/// sessions need.
#[derive(Default)]
pub(super) struct Replayer {
    /// The sessions that can receive further events, in the order in which they
    /// are served.
    queue: VecDeque<SessionId>,
    /// Whether an [`super::Input::ContinueReplay`] is scheduled.
    is_scheduled: bool,
    /// The last replay frame. Sessions that reconnect at the same time resume
    /// from the same position, so the next session often needs this frame.
    last_frame: Option<Rc<ReplayFrame>>,
    /// The last `state` frame, and the head of the log when this frame was
    /// created. The text of the frame is empty if the state is empty.
    state_frame: Option<(Seq, Rc<str>)>,
}

/// A frame of a replay.
struct ReplayFrame {
    budget: Budget,
    range: EventRange,
    text: Rc<str>,
}

impl Replayer {
    /// Returns whether the queue is empty.
    pub(super) fn is_idle(&self) -> bool {
        self.queue.is_empty()
    }

    pub(super) fn remove(&mut self, id: SessionId) {
        self.queue.retain(|queued| *queued != id);
    }

    /// Returns whether an [`Effect::ContinueReplay`] must be requested now.
    fn schedule(&mut self) -> bool {
        !self.queue.is_empty() && !std::mem::replace(&mut self.is_scheduled, true)
    }

    /// Removes and returns the next session of the queue.
    fn start_turn(&mut self) -> Option<SessionId> {
        self.is_scheduled = false;
        self.queue.pop_front()
    }

    /// Returns the next frame for a session to which everything up to `after`
    /// was sent. Returns `None` if the log no longer has the event that follows
    /// `after`.
    fn frame<S: Store>(
        &mut self,
        log: &mut Log<S>,
        room: &RoomName,
        after: Seq,
        budget: Budget,
        now: Millis,
    ) -> Result<Option<Rc<ReplayFrame>>, StoreError> {
        let last = self.last_frame.as_ref();
        if let Some(last) = last.filter(|last| (last.range.prev, last.budget) == (after, budget)) {
            return Ok(Some(Rc::clone(last)));
        }
        let Replay::Events(range) = log.read(after, budget, now)? else { return Ok(None) };
        let text = protocol::events(room, log.epoch(), range.prev, &range.events);
        let frame = Rc::new(ReplayFrame { budget, range, text: text.into() });
        self.last_frame = Some(Rc::clone(&frame));
        Ok(Some(frame))
    }

    /// Returns the `state` frame for the current head, or an empty text if the
    /// state is empty.
    fn state<S: Store>(&mut self, log: &Log<S>, room: &RoomName) -> Result<Rc<str>, StoreError> {
        let head = log.head();
        if let Some((_, text)) = self.state_frame.as_ref().filter(|(at, _)| *at == head) {
            return Ok(Rc::clone(text));
        }
        let state = log.state()?;
        let frame = || protocol::state(room, log.epoch(), head, &state);
        let text: Rc<str> = if state.is_empty() { state.into() } else { frame().into() };
        self.state_frame = Some((head, Rc::clone(&text)));
        Ok(text)
    }
}

impl<S: Store> Room<S> {
    /// Sends a session up to four frames ([`limits::REPLAY_FRAMES_AT_ONCE`]) of
    /// the events that it has not received. The remaining events follow when
    /// the queue serves the session again. If the flow control window is full,
    /// they follow after the session's next `seen`.
    pub(super) fn catch_up(&mut self, id: SessionId, now: Millis) -> Result<(), StoreError> {
        for _ in 0..limits::REPLAY_FRAMES_AT_ONCE {
            let Some(joined) = self.joined(id) else { return Ok(()) };
            let Some(after) = joined.behind.filter(|_| !joined.paused) else { return Ok(()) };
            let left = joined.flow.as_ref().map_or(u64::MAX, Flow::available);
            let bytes = Budget::FRAME.bytes.min(usize::try_from(left).unwrap_or(usize::MAX));
            // Pending events are not replayed, because the next broadcast sends
            // them.
            let live = self.broadcaster.sent_seq();
            let events = live.get().saturating_sub(after.get());
            let budget = Budget { events, bytes };
            let frame = self.replayer.frame(&mut self.log, &self.name, after, budget, now)?;
            let Some(joined) = self.joined_mut(id) else { return Ok(()) };
            match frame {
                Some(frame) => {
                    if let Some(flow) = &mut joined.flow {
                        // The frame contains at least one event, even if that
                        // event is larger than the available part of the
                        // window.
                        if !flow.accepts(frame.range.bytes()) {
                            return Ok(());
                        }
                        flow.send(&frame.range);
                    }
                    joined.behind = (frame.range.last < live).then_some(frame.range.last);
                    let EventRange { prev, last, .. } = frame.range;
                    let events = last.get().saturating_sub(prev.get());
                    self.count(&metrics::RECOVERED_EVENTS, "", events);
                    self.deliver(id, Rc::clone(&frame.text));
                }
                // The log has dropped the next events during the replay. A
                // client that has stopped reading receives a single `gap` when
                // it reads again.
                None if joined.flow.as_ref().is_some_and(Flow::expects_seen) => return Ok(()),
                None => self.send_gap(id, now)?,
            }
        }
        if self.joined(id).is_some_and(|joined| joined.behind.is_some() && joined.accepts(1)) {
            self.replayer.queue.push_back(id);
            self.schedule_replay();
            self.arm(now.plus(limits::REPLAY_RESTART_MS), now);
        }
        Ok(())
    }

    /// Serves the next session of the queue.
    pub(super) fn continue_replay(&mut self, now: Millis) {
        if let Some(id) = self.replayer.start_turn() {
            self.catch_up_or_close(id, now);
            self.schedule_replay();
        }
    }

    pub(super) fn schedule_replay(&mut self) {
        if self.replayer.schedule() {
            self.effects.push(Effect::ContinueReplay);
        }
    }

    /// Records that a session has received every event up to `seq`. The first
    /// `seen` enables flow control. Returns the number of bytes that this
    /// `seen` newly acknowledges.
    ///
    /// Fails with `bad_request` if `seq` was not sent yet, and with `internal`
    /// if the storage fails.
    pub(super) fn seen(&mut self, id: SessionId, seq: Seq, now: Millis) -> Result<u64, Refusal> {
        let live = self.broadcaster.sent_seq();
        let Some(session) = self.sessions.get_mut(&id) else { return Ok(0) };
        let joined = &mut session.joined;
        let sent = joined.behind.unwrap_or(live);
        if seq > sent {
            return Err(Refusal::bad_request(format!(
                "`seq` is {seq}, but the last event sent has seq {sent}"
            )));
        }
        // Bytes that were sent before flow control was enabled are not counted.
        let begin =
            || Flow::new(self.settings.flow_window_bytes, seq, self.broadcaster.sent_offset());
        let flow = joined.flow.get_or_insert_with(begin);
        let unseen = flow.in_flight();
        if !flow.acknowledge(seq) {
            match self.log.end_offset_at(seq) {
                Ok(offset) => flow.acknowledge_to(offset),
                Err(cause) => return Err(self.storage_failed(&cause)),
            }
        }
        let newly_seen = unseen.saturating_sub(flow.in_flight());
        let was_stalled = joined.behind.is_some() && !self.replayer.queue.contains(&id);
        if was_stalled {
            self.catch_up_or_close(id, now);
        } else {
            self.save_attachment(id);
        }
        Ok(newly_seen)
    }

    /// Pauses or resumes the events of a bridge's session.
    pub(super) fn pause(&mut self, id: SessionId, paused: bool, now: Millis) {
        let Some(session) = self.sessions.get_mut(&id) else { return };
        session.joined.paused = paused;
        if session.joined.behind.is_some() && !paused && !self.replayer.queue.contains(&id) {
            self.catch_up_or_close(id, now);
        } else {
            self.save_attachment(id);
        }
    }

    fn catch_up_or_close(&mut self, id: SessionId, now: Millis) {
        match self.catch_up(id, now) {
            Ok(()) => self.save_attachment(id),
            Err(cause) => {
                let refusal = self.storage_failed(&cause);
                self.close(id, refusal);
            }
        }
    }

    /// Restores flow control and the replay queue after hibernation. All events
    /// of the log were sent to the live sessions before hibernation.
    pub(super) fn restore_replays(&mut self) {
        for (id, session) in &mut self.sessions {
            let joined = &mut session.joined;
            if joined.behind.is_none() {
                joined.flow.iter_mut().for_each(|flow| flow.restore(self.log.end_offset()));
            } else if joined.accepts(1) {
                self.replayer.queue.push_back(*id);
            }
        }
        self.schedule_replay();
    }
}

/// Sending of the other frames that can follow a `welcome`.
impl<S: Store> Room<S> {
    /// Sends a `gap` and the state. The session is live afterwards.
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

    /// Sends a text that belongs to a replay. Flow control decides when a
    /// replay continues, so the text needs no other limit.
    fn deliver(&mut self, to: SessionId, text: Rc<str>) {
        self.effects.push(Effect::Send { to: vec![to], text });
    }

    /// Sends the state, if the session requested it and the state is not empty.
    pub(super) fn send_state(&mut self, id: SessionId) -> Result<(), StoreError> {
        if self.joined(id).is_some_and(|joined| joined.state) {
            let state = self.replayer.state(&self.log, &self.name)?;
            if !state.is_empty() {
                self.deliver(id, state);
            }
        }
        Ok(())
    }
}
