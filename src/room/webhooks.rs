//! Notifications of the room for the operator's webhook.
//!
//! The notifications that an input causes are collected while the input is
//! handled, and stored before its effects are performed. Then the room sends a
//! batch, unless another batch is being delivered or waits for its retry. Nothing
//! waits for a delivery: not the publish, not the join. While a batch waits for
//! its retry, the object hibernates, and the alarm wakes it.
//!
//! A kill loses the sockets. So each session and each member of which the
//! receiver knows is stored as an [`OpenItem`]. If the room finds no sockets when
//! it is loaded, it sends the ends of all stored items.

use litemap::LiteMap;

use super::{Effect, Room};
use crate::limits;
use crate::metrics;
use crate::protocol::User;
use crate::session::SessionId;
use crate::store::{OpenItem, Store, StoreError};
use crate::time::Millis;
use crate::webhooks::{Batch, Occurrence, Queue, lost};

/// The notifications of a room with a webhook.
pub(super) struct Webhooks {
    queue: Queue,
    /// The notifications that the current input caused.
    happened: Vec<Occurrence>,
    opened: Vec<OpenItem>,
    closed: Vec<OpenItem>,
    /// The users who are members according to the notifications. Read from the
    /// open items when the members change for the first time.
    members: Option<LiteMap<User, ()>>,
    /// The batch that is being delivered.
    in_flight: Option<Batch>,
}

impl Webhooks {
    pub(super) fn new(queue: Queue) -> Self {
        let (happened, opened, closed) = (Vec::new(), Vec::new(), Vec::new());
        Self { queue, happened, opened, closed, members: None, in_flight: None }
    }

    fn open(&mut self, item: OpenItem) {
        self.closed.retain(|other| *other != item);
        self.opened.push(item);
    }

    fn close(&mut self, item: OpenItem) {
        self.opened.retain(|other| *other != item);
        self.closed.push(item);
    }
}

/// Collecting.
impl<S: Store> Room<S> {
    pub(super) fn note_joined(&mut self, id: SessionId) {
        let user = self.sessions.get(&id).and_then(|session| session.user()).cloned();
        if let Some(webhooks) = &mut self.webhooks {
            webhooks.open(OpenItem { session: Some(id.0), user });
        }
    }

    /// Records that a session may have another user than before.
    pub(super) fn note_renewed(&mut self, id: SessionId, before: &Option<User>) {
        let user = self.sessions.get(&id).and_then(|session| session.user());
        if let Some(webhooks) = &mut self.webhooks
            && user != before.as_ref()
        {
            webhooks.close(OpenItem { session: Some(id.0), user: before.clone() });
            webhooks.open(OpenItem { session: Some(id.0), user: user.cloned() });
        }
    }

    pub(super) fn note_closed(&mut self, id: SessionId, user: Option<&User>, code: u16) {
        if let Some(webhooks) = &mut self.webhooks {
            let user = user.cloned();
            webhooks.happened.push(Occurrence::Closed { session: id, user: user.clone(), code });
            webhooks.close(OpenItem { session: Some(id.0), user });
        }
    }

    /// Compares the members with those of the notifications.
    pub(super) fn note_members(&mut self) {
        let Some(webhooks) = &mut self.webhooks else { return };
        let mut known = match webhooks.members.take() {
            Some(known) => known,
            None => match webhooks.queue.open_items(&self.log) {
                Ok(items) => {
                    let mut known = LiteMap::new();
                    let members = items.into_iter().filter(|item| item.session.is_none());
                    for user in members.filter_map(|item| item.user) {
                        known.insert(user, ());
                    }
                    known
                }
                Err(cause) => return drop(self.storage_failed(&cause)),
            },
        };
        known.retain(|user, ()| {
            let is_here = self.presence.has(user);
            if !is_here {
                webhooks.happened.push(Occurrence::Left(user.clone()));
                webhooks.close(OpenItem { session: None, user: Some(user.clone()) });
            }
            is_here
        });
        for user in self.presence.user_names() {
            if known.insert(user.clone(), ()).is_none() {
                webhooks.happened.push(Occurrence::Entered(user.clone()));
                webhooks.open(OpenItem { session: None, user: Some(user.clone()) });
            }
        }
        webhooks.members = Some(known);
    }

    /// If no session is left, notifies of the end of all items whose end the room
    /// has missed. A kill loses all sockets. While a room can't be loaded, it
    /// misses the close of a socket.
    pub(super) fn end_lost_items(&mut self) {
        let Some(webhooks) = self.webhooks.as_mut().filter(|_| self.sessions.is_empty()) else {
            return;
        };
        let items = match webhooks.queue.open_items(&self.log) {
            Ok(items) => items,
            Err(cause) => return drop(self.storage_failed(&cause)),
        };
        for item in items {
            let is_member = item.session.is_none()
                && item.user.as_ref().is_some_and(|user| self.presence.has(user));
            if !is_member && !webhooks.closed.contains(&item) {
                webhooks.happened.extend(lost(&item));
                webhooks.closed.push(item);
            }
        }
    }

    /// Stores the notifications of the current input. An input that needs no
    /// sessions causes none. Until the sessions are restored, the room does not
    /// know whether it is occupied.
    pub(super) fn store_notifications(&mut self, now: Millis) {
        if !self.sessions_restored {
            return;
        }
        let is_occupied = !self.sessions.is_empty();
        let was_occupied = self.webhooks.as_ref().map(|webhooks| webhooks.queue.is_occupied());
        if was_occupied == Some(true) && !is_occupied {
            self.end_lost_items();
        }
        let Some(webhooks) = &mut self.webhooks else { return };
        let mut happened = std::mem::take(&mut webhooks.happened);
        let [opened, closed] = [&mut webhooks.opened, &mut webhooks.closed].map(std::mem::take);
        match (was_occupied == Some(true), is_occupied) {
            (false, true) => happened.insert(0, Occurrence::Occupied),
            (true, false) => happened.push(Occurrence::Vacated),
            _ => {}
        }
        let has_changed = !(happened.is_empty() && opened.is_empty() && closed.is_empty());
        if !has_changed && !webhooks.queue.must_be_stored(self.log.head()) {
            return;
        }
        let items = (opened.as_slice(), closed.as_slice());
        match webhooks.queue.add(&mut self.log, &happened, items, is_occupied, now) {
            Ok(dropped) => self.count_dropped(dropped),
            Err(cause) => {
                // The next input notifies again that the room is occupied or vacated.
                let is_retried =
                    |o: &&Occurrence| **o == Occurrence::Occupied || **o == Occurrence::Vacated;
                let lost = happened.iter().filter(|o| !is_retried(o)).count() as u64;
                webhooks.queue.count_lost(lost);
                webhooks.members = None;
                let _ = self.storage_failed(&cause);
                self.count_dropped(lost);
            }
        }
    }

    /// Records that the events of an import are not notifications, since the
    /// room that was exported has notified of them.
    pub(super) fn skip_imported_events(&mut self) -> Result<(), StoreError> {
        let Some(webhooks) = &mut self.webhooks else { return Ok(()) };
        webhooks.queue.skip_events(&mut self.log)
    }
}

/// Delivering.
impl<S: Store> Room<S> {
    /// Starts the delivery of the next batch, if it may be sent now.
    pub(super) fn deliver_batch(&mut self, now: Millis) {
        // Without the sessions, the room does not know when the alarm is due.
        let restored = self.sessions_restored;
        let Some(webhooks) = self.webhooks.as_mut().filter(|_| restored) else { return };
        let waits = webhooks.in_flight.is_some() || webhooks.queue.retry_at() > now;
        if waits || !webhooks.queue.is_pending(self.log.head()) {
            return self.arm_delivery(now);
        }
        match webhooks.queue.next_batch(&mut self.log, now) {
            Ok((dropped, batch)) => {
                if let Some(batch) = &batch {
                    let body = batch.body(&self.name, self.log.epoch(), now);
                    self.effects.push(Effect::Deliver { batch: batch.id.clone(), body });
                }
                webhooks.in_flight = batch;
                self.count_dropped(dropped);
            }
            Err(cause) => {
                webhooks.queue.wait_until(now.plus(limits::ALARM_RETRY_MS));
                let _ = self.storage_failed(&cause);
            }
        }
        self.arm_delivery(now);
    }

    fn arm_delivery(&mut self, now: Millis) {
        if let Some(due) = self.webhooks_due(now) {
            self.arm_without_query(due, now);
        }
    }

    /// Handles the result of a delivery. The result is ignored if the room was
    /// erased and created again meanwhile.
    pub(super) fn delivered(&mut self, batch: &str, failure: Option<String>, now: Millis) {
        let Some(webhooks) = &mut self.webhooks else { return };
        let Some(batch) = webhooks.in_flight.take_if(|there| there.id == batch) else { return };
        let spread = batch.id.bytes().fold(0_u64, |sum, byte| sum.saturating_add(byte.into()));
        let result = if failure.is_none() { "ok" } else { "failed" };
        let stored = match &failure {
            None => webhooks.queue.delivered(&mut self.log, &batch).map(|()| 0),
            Some(_) => webhooks.queue.failed(&mut self.log, &batch, spread, now),
        };
        if stored.is_err() {
            webhooks.queue.wait_until(now.plus(limits::ALARM_RETRY_MS));
        }
        self.count(&metrics::WEBHOOK_DELIVERIES, result, 1);
        match (stored, failure) {
            (Ok(1), Some(cause)) => {
                self.effects.push(Effect::LogError { event: "webhook_failed", cause });
            }
            (Ok(_), _) => {}
            (Err(cause), _) => drop(self.storage_failed(&cause)),
        }
    }

    /// Counts dropped notifications, and logs the first of them.
    fn count_dropped(&mut self, dropped: u64) {
        if dropped == 0 {
            return;
        }
        self.count(&metrics::WEBHOOK_DELIVERIES, "dropped", dropped);
        let cause = format!("{dropped} notifications were dropped");
        self.effects.push(Effect::LogError { event: "webhook_dropped", cause });
    }

    /// Returns the time at which the alarm must continue a delivery. If the object
    /// is lost during a delivery, the alarm starts it again.
    pub(super) fn webhooks_due(&self, now: Millis) -> Option<Millis> {
        let webhooks = self.webhooks.as_ref()?;
        webhooks.queue.is_pending(self.log.head()).then(|| match webhooks.queue.retry_at() {
            retry_at if retry_at > now => retry_at,
            _ => now.plus(limits::WEBHOOK_RESTART_MS),
        })
    }

    pub(super) fn webhook_backlog(&self) -> u64 {
        self.webhooks.as_ref().map_or(0, |webhooks| webhooks.queue.backlog(self.log.head()))
    }
}
