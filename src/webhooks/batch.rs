//! A batch of notifications, which is the body of one webhook.

use crate::limits;
use crate::log::{Budget, EventRange, Log, Replay};
use crate::protocol::{Epoch, RoomName, Seq};
use crate::store::{Store, StoreError};
use crate::time::Millis;

/// A batch that is being delivered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    /// Value of the header `webhook-id`. A batch with the same id has the same
    /// notifications.
    pub id: String,
    /// Number of the last notification in the batch, or before it.
    pub to: u64,
    /// Seq of the last event in the batch, or before it.
    pub to_seq: Seq,
    /// Byte offset in the queue of the end of the batch's last row.
    pub end_offset: u64,
    /// Number of dropped notifications of which the batch notifies.
    pub dropped: u64,
    /// The notifications as JSON, joined by commas.
    notifications: String,
}

impl Batch {
    /// Creates an empty batch that starts after a notification and an event.
    pub(super) fn new(epoch: Epoch, to: u64, to_seq: Seq, dropped: u64) -> Self {
        let id = format!("{epoch}-{to}-{to_seq}");
        Self { id, to, to_seq, end_offset: 0, dropped, notifications: String::new() }
    }

    pub(super) fn is_full(&self) -> bool {
        self.notifications.len() >= limits::WEBHOOK_BATCH_BYTES
    }

    pub(super) fn push(&mut self, notifications: &str) {
        if !self.notifications.is_empty() {
            self.notifications.push(',');
        }
        self.notifications.push_str(notifications);
    }

    /// Adds the events up to a seq until the batch is full. Returns whether all
    /// of them were added.
    pub(super) fn push_events<S: Store>(
        &mut self,
        log: &mut Log<S>,
        up_to: Seq,
        now: Millis,
    ) -> Result<bool, StoreError> {
        while self.to_seq < up_to && !self.is_full() {
            let events = up_to.get().saturating_sub(self.to_seq.get());
            let bytes = limits::WEBHOOK_BATCH_BYTES.saturating_sub(self.notifications.len());
            let read = log.read(self.to_seq, Budget { events, bytes }, now)?;
            let Replay::Events(EventRange { prev, last, events, .. }) = read else {
                return Err(StoreError("events of a webhook are no longer retained".into()));
            };
            if last == prev {
                break;
            }
            self.push(&format!(
                r#"{{"type":"events.published","prev":{prev},"events":[{events}]}}"#
            ));
            self.to_seq = last;
        }
        Ok(self.to_seq >= up_to)
    }

    /// Completes the id, which names the first and the last notification.
    pub(super) fn finish(mut self) -> Option<Self> {
        self.id = format!("{}-{}-{}", self.id, self.to, self.to_seq);
        (!self.notifications.is_empty()).then_some(self)
    }

    /// Returns the body of the webhook.
    pub fn body(&self, room: &RoomName, epoch: Epoch, now: Millis) -> String {
        let Self { dropped, notifications, .. } = self;
        let (room, timestamp) = (room.as_str(), now.iso());
        format!(
            r#"{{"type":"room.notifications","timestamp":"{timestamp}","data":{{"room":"{room}","epoch":"{epoch}","dropped":{dropped},"notifications":[{notifications}]}}}}"#
        )
    }
}
