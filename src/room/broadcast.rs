//! Broadcasting of new events to the live sessions, several in one frame.
//!
//! Most of the cost is sending a frame to every session, not the event itself.
//! So the first event after a pause is sent at once, and starts a batch. Events
//! of the next 10 ms (`frame_window_ms`) are collected, and sent as one frame
//! when the batch ends.

use super::{Effect, Room};
use crate::limits;
use crate::log::EventRange;
use crate::protocol::{self, Seq};
use crate::session::SessionId;
use crate::store::Store;
use crate::time::Millis;

/// Collects published events until they are sent to the live sessions.
pub(super) struct Broadcaster {
    /// Events that are not sent yet: at most one frame, or one larger append.
    pending: EventRange,
    batch_started_at: Millis,
    /// Whether an [`super::Input::Broadcast`] is scheduled.
    batch_scheduled: bool,
}

/// The time at which pending events are sent.
enum Flush {
    Now,
    After { ms: u64 },
    Scheduled,
}

impl Broadcaster {
    /// Creates a broadcaster that has sent all events up to a seq and its byte
    /// offset.
    pub(super) fn new(head: Seq, offset: u64) -> Self {
        Self {
            pending: EventRange::at(head, offset),
            batch_started_at: Millis::new(0),
            batch_scheduled: false,
        }
    }

    /// Returns the last seq that was sent to the live sessions. It is below the
    /// head while events are pending.
    pub(super) fn sent_seq(&self) -> Seq {
        self.pending.prev
    }

    /// Returns the byte offset in the log of the end of the event with that
    /// seq.
    pub(super) fn sent_offset(&self) -> u64 {
        self.pending.start_offset
    }

    /// Adds events. Returns `false`, and adds none, if the events and the
    /// pending ones don't fit into one frame.
    fn add(&mut self, range: &EventRange) -> bool {
        self.pending.append(range)
    }

    fn next_flush(&mut self, batch_ms: u64, has_live_sessions: bool, now: Millis) -> Flush {
        let left_ms = batch_ms.saturating_sub(now.since(self.batch_started_at));
        if left_ms == 0 {
            self.batch_started_at = now;
            return Flush::Now;
        }
        if !has_live_sessions {
            return Flush::Now;
        }
        if std::mem::replace(&mut self.batch_scheduled, true) {
            Flush::Scheduled
        } else {
            Flush::After { ms: left_ms }
        }
    }

    /// Ends the batch. If events are pending, starts the next batch.
    fn end_batch(&mut self, now: Millis) {
        self.batch_scheduled = false;
        if !self.pending.is_empty() {
            self.batch_started_at = now;
        }
    }

    /// Removes and returns the pending events, in ranges of at most one frame
    /// each.
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
        let has_live_sessions = self.sessions.values().any(|session| session.is_live());
        match self.broadcaster.next_flush(self.batch_ms(), has_live_sessions, now) {
            Flush::Now => self.flush_broadcast(),
            Flush::After { ms } => self.effects.push(Effect::ScheduleBroadcast { after_ms: ms }),
            Flush::Scheduled => {}
        }
    }

    /// Returns the length of a batch in milliseconds: the setting, plus the
    /// time that sending a frame to every session takes. Without that time, the
    /// batches of a large room would end before another event could be
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

    /// Sends the pending events before the batch ends. Every change that moves
    /// a session to the head or disconnects it calls this method first. So the
    /// session has then received every event up to the head.
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

    /// Returns the sessions that receive a live frame. A session that is
    /// paused, or whose flow control window is full, is behind from this frame
    /// on. It is replayed the frame later.
    fn receivers(&mut self, frame: &EventRange) -> Vec<SessionId> {
        let mut to = Vec::with_capacity(self.sessions.len());
        let mut stalled = Vec::new();
        for (id, session) in &mut self.sessions {
            let joined = &mut session.joined;
            if joined.behind.is_some() {
                continue;
            }
            match &mut joined.flow {
                Some(flow) if !joined.paused && flow.accepts(frame.bytes()) => flow.send(frame),
                None if !joined.paused => {}
                Some(_) | None => {
                    joined.behind = Some(frame.prev);
                    stalled.push(*id);
                    continue;
                }
            }
            to.push(*id);
        }
        stalled.into_iter().for_each(|id| self.save_attachment(id));
        to
    }
}
