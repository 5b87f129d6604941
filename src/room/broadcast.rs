//! Broadcasting of new events to the live sessions, with several events in one
//! frame.
//!
//! Most of the cost of a broadcast is sending a frame to every session. Each
//! event in the frame adds little to this cost. So the first event after a
//! pause is sent immediately, and starts a batch. Events that are published in
//! the next 10 ms (`frame_window_ms`) are collected and sent as one frame at
//! the end of the batch.

use super::{Effect, Room};
use crate::limits;
use crate::log::EventRange;
use crate::protocol::{self, Seq};
use crate::session::SessionId;
use crate::store::Store;
use crate::time::Millis;

/// Collects published events until they are sent to the live sessions.
pub(super) struct Broadcaster {
    /// Events that are not sent yet. These events fit into one frame, unless a
    /// single append is larger than a frame.
    pending: EventRange,
    batch_started_at: Millis,
    /// Whether an [`super::Input::Broadcast`] is scheduled.
    batch_scheduled: bool,
}

impl Broadcaster {
    /// Creates a broadcaster without pending events. `head` is the seq of the
    /// last event that was sent, and `offset` is the byte offset of its end.
    pub(super) fn new(head: Seq, offset: u64) -> Self {
        Self {
            pending: EventRange::at(head, offset),
            batch_started_at: Millis::new(0),
            batch_scheduled: false,
        }
    }

    /// Returns the last seq that was sent to the live sessions. This seq is
    /// below the head while events are pending.
    pub(super) fn sent_seq(&self) -> Seq {
        self.pending.prev
    }

    /// Returns the byte offset in the log at which the last sent event ends.
    pub(super) fn sent_offset(&self) -> u64 {
        self.pending.start_offset
    }

    /// Adds events to the pending events. If the pending and the new events
    /// together don't fit into one frame, adds nothing and returns `false`.
    fn add(&mut self, range: &EventRange) -> bool {
        self.pending.append(range)
    }

    /// Returns after how many milliseconds the batch ends. If it has ended,
    /// starts the next batch and returns `None`.
    fn batch_left_ms(&mut self, batch_ms: u64, now: Millis) -> Option<u64> {
        let left_ms = batch_ms.saturating_sub(now.since(self.batch_started_at));
        if left_ms == 0 {
            self.batch_started_at = now;
        }
        (left_ms > 0).then_some(left_ms)
    }

    /// Returns whether the end of the batch must be scheduled now.
    fn schedule(&mut self) -> bool {
        !std::mem::replace(&mut self.batch_scheduled, true)
    }

    /// Ends the batch. If events are pending, starts the next batch.
    fn end_batch(&mut self, now: Millis) {
        self.batch_scheduled = false;
        if !self.pending.is_empty() {
            self.batch_started_at = now;
        }
    }

    /// Removes the pending events, and returns them in ranges that each fit
    /// into one frame.
    fn drain(&mut self) -> Vec<EventRange> {
        let sent = EventRange::at(self.pending.last, self.pending.end_offset);
        std::mem::replace(&mut self.pending, sent).frames()
    }
}

impl<S: Store> Room<S> {
    /// Sends events to the live sessions, now or at the end of the batch.
    pub(super) fn broadcast(&mut self, range: &EventRange, now: Millis) {
        if !self.broadcaster.add(range) {
            self.flush_broadcast();
            self.broadcaster.add(range);
        }
        let Some(after_ms) = self.broadcaster.batch_left_ms(self.batch_ms(), now) else {
            return self.flush_broadcast();
        };
        if !self.sessions.values().any(|session| session.is_live()) {
            self.flush_broadcast();
        } else if self.broadcaster.schedule() {
            self.effects.push(Effect::ScheduleBroadcast { after_ms });
        }
    }

    /// Returns the length of a batch in milliseconds: `frame_window_ms` plus
    /// the time in which a frame is sent to every session. Without the sending
    /// time, a batch of a large room would end before another event can be
    /// published.
    fn batch_ms(&self) -> u64 {
        match self.settings.frame_window_ms {
            0 => 0,
            set => set.saturating_add(self.sessions.len() as u64 / limits::SENDS_PER_MS),
        }
    }

    pub(super) fn end_batch(&mut self, now: Millis) {
        self.broadcaster.end_batch(now);
        self.flush_broadcast();
    }

    /// Sends the pending events before the batch ends. `Room::close` and every
    /// method that moves a session to the head call this method first. So when
    /// these methods continue, all events up to the head have been sent to
    /// every live session.
    pub(super) fn flush_broadcast(&mut self) {
        for frame in self.broadcaster.drain() {
            let to = self.receivers(&frame);
            if to.is_empty() {
                continue;
            }
            let text = protocol::events(&self.name, self.log.epoch(), frame.prev, &frame.events);
            self.effects.push(Effect::Send { to, text: text.into() });
        }
    }

    /// Returns the sessions that receive a live frame. If a session is paused
    /// or its flow control window is full, the session is behind from this
    /// frame on. This session receives the frame later, in a replay.
    fn receivers(&mut self, frame: &EventRange) -> Vec<SessionId> {
        let mut to = Vec::with_capacity(self.sessions.len());
        let mut stalled = Vec::new();
        for (id, session) in &mut self.sessions {
            let joined = &mut session.joined;
            if joined.behind.is_some() {
                continue;
            }
            if joined.accepts(frame.bytes()) {
                joined.flow.iter_mut().for_each(|flow| flow.send(frame));
                to.push(*id);
            } else {
                joined.behind = Some(frame.prev);
                stalled.push(*id);
            }
        }
        stalled.into_iter().for_each(|id| self.save_attachment(id));
        to
    }
}
