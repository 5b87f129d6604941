//! The receiver of a webhook, which processes notifications like a backend: once,
//! in their order. It panics if one is missing, and no drop was announced.

use std::collections::BTreeSet;

use roomcast::time::Millis;
use serde::Deserialize;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Answers {
    #[default]
    Ok,
    Error,
    /// Processes the notifications, but the room receives no answer.
    DropAfterReading,
}

/// A body. Other fields are ignored, such as the data of events: it may have numbers
/// that serde can't represent.
#[derive(Deserialize)]
struct Body {
    r#type: String,
    data: Data,
}

#[derive(Deserialize)]
struct Data {
    room: String,
    epoch: String,
    dropped: u64,
    notifications: Vec<Notification>,
}

#[derive(Deserialize)]
struct Notification {
    r#type: String,
    number: Option<u64>,
    user: Option<String>,
    session: Option<String>,
    code: Option<u64>,
    #[serde(default)]
    events: Vec<Event>,
}

#[derive(Deserialize)]
struct Event {
    seq: u64,
}

#[derive(Default)]
pub struct Receiver {
    pub answers: Answers,
    /// Whether the receiver answers only when the test calls `answer_webhook`.
    pub is_slow: bool,
    /// Id and time of each batch that arrived.
    pub batches: Vec<(String, Millis)>,
    /// The processed notifications.
    pub log: Vec<String>,
    /// Number of notifications that arrived again.
    pub repeats: u64,
    /// Number of notifications that the room reported as dropped.
    pub dropped: u64,
    pub seq: u64,
    pub is_occupied: bool,
    pub members: BTreeSet<String>,
    /// Number of dropped notifications whose gap was not found yet. A batch may
    /// report dropped events before the batch that has the next event.
    may_skip: u64,
    epoch: String,
    number: u64,
    /// Ids of the batches that were processed.
    ids: BTreeSet<String>,
}

impl Receiver {
    /// Returns why the room counts the delivery as failed.
    pub fn receive(&mut self, id: &str, body: &str, now: Millis) -> Option<String> {
        let body: Body = serde_json::from_str(body).unwrap();
        self.batches.push((id.to_owned(), now));
        if self.answers == Answers::Error {
            return Some("answered 500".into());
        }
        assert_eq!((body.r#type.as_str(), body.data.room.as_str()), ("room.notifications", "r"));
        self.process(id, body.data);
        (self.answers == Answers::DropAfterReading).then(|| "the connection was lost".into())
    }

    fn process(&mut self, id: &str, data: Data) {
        if self.epoch != data.epoch {
            self.epoch = data.epoch;
            // The room was erased.
            (self.number, self.seq) = (0, 0);
            self.is_occupied = false;
            self.members.clear();
        }
        if self.ids.insert(id.to_owned()) {
            self.dropped += data.dropped;
            self.may_skip += data.dropped;
        }
        for notification in data.notifications {
            match notification.number {
                Some(number) => self.process_numbered(number, notification),
                None => self.process_events(notification),
            }
        }
    }

    fn process_numbered(&mut self, number: u64, notification: Notification) {
        if number <= self.number {
            self.repeats += 1;
            return;
        }
        self.skip(number - self.number - 1);
        self.number = number;
        let user = notification.user.unwrap_or_default();
        let mut line = notification.r#type.clone();
        match notification.r#type.as_str() {
            "room.occupied" => assert!(!std::mem::replace(&mut self.is_occupied, true)),
            "room.vacated" => assert!(std::mem::replace(&mut self.is_occupied, false)),
            "member.entered" => assert!(self.members.insert(user.clone()), "{user} enters twice"),
            "member.left" => assert!(self.members.remove(&user), "{user} leaves twice"),
            "session.closed" => assert!(notification.session.is_some()),
            kind => panic!("{kind} is unknown"),
        }
        if !user.is_empty() {
            line += &format!(" {user}");
        }
        if let Some(code) = notification.code {
            line += &format!(" {code}");
        }
        self.log.push(line);
    }

    fn process_events(&mut self, notification: Notification) {
        assert_eq!(notification.r#type, "events.published");
        for Event { seq } in notification.events {
            if seq <= self.seq {
                self.repeats += 1;
                continue;
            }
            // The first event that this receiver gets may have any seq.
            if self.seq > 0 {
                self.skip(seq - self.seq - 1);
            }
            self.seq = seq;
            self.log.push(format!("event {seq}"));
        }
    }

    fn skip(&mut self, count: u64) {
        assert!(count <= self.may_skip, "{count} notifications are missing: {:?}", self.log);
        self.may_skip -= count;
    }
}
