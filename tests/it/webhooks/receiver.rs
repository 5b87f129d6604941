//! The receiver of a webhook, which processes notifications like a backend: once,
//! in their order. It panics if one is missing, and no drop was announced.

use std::collections::BTreeSet;

use roomcast::time::Millis;
use serde_json::Value;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Answers {
    #[default]
    Ok,
    Error,
    /// Processes the notifications, but the room receives no answer.
    DropAfterReading,
}

#[derive(Default)]
pub struct Receiver {
    pub answers: Answers,
    /// Whether the receiver answers only when the test calls `answer_webhook`.
    pub is_slow: bool,
    /// Id, body and time of each batch that arrived.
    pub batches: Vec<(String, Value, Millis)>,
    /// The processed notifications.
    pub log: Vec<String>,
    /// Number of notifications that arrived again.
    pub repeats: u64,
    /// Number of notifications that the room reported as dropped.
    pub dropped: u64,
    pub seq: u64,
    pub is_occupied: bool,
    pub members: BTreeSet<String>,
    epoch: String,
    number: u64,
    /// Ids of the batches that were processed.
    ids: BTreeSet<String>,
}

impl Receiver {
    /// Returns why the room counts the delivery as failed.
    pub fn receive(&mut self, id: &str, body: &str, now: Millis) -> Option<String> {
        let body: Value = serde_json::from_str(body).unwrap();
        self.batches.push((id.to_owned(), body.clone(), now));
        if self.answers == Answers::Error {
            return Some("answered 500".into());
        }
        assert_eq!(body["type"], "room.notifications");
        assert_eq!(body["data"]["room"], "r");
        self.process(id, &body["data"]);
        (self.answers == Answers::DropAfterReading).then(|| "the connection was lost".into())
    }

    fn process(&mut self, id: &str, data: &Value) {
        let epoch = data["epoch"].as_str().unwrap();
        if self.epoch != epoch {
            epoch.clone_into(&mut self.epoch);
            (self.number, self.seq) = (0, 0);
        }
        let is_new = self.ids.insert(id.to_owned());
        let mut may_skip = data["dropped"].as_u64().unwrap();
        if is_new {
            self.dropped += may_skip;
        }
        for notification in data["notifications"].as_array().unwrap() {
            match notification["number"].as_u64() {
                Some(number) => self.process_numbered(number, notification, &mut may_skip),
                None => self.process_events(notification, &mut may_skip),
            }
        }
    }

    fn process_numbered(&mut self, number: u64, notification: &Value, may_skip: &mut u64) {
        if number <= self.number {
            self.repeats += 1;
            return;
        }
        self.skip(number - self.number - 1, may_skip);
        self.number = number;
        let kind = notification["type"].as_str().unwrap();
        let user = notification["user"].as_str().unwrap_or_default().to_owned();
        let mut line = kind.to_owned();
        match kind {
            "room.occupied" => assert!(!std::mem::replace(&mut self.is_occupied, true)),
            "room.vacated" => assert!(std::mem::replace(&mut self.is_occupied, false)),
            "member.entered" => assert!(self.members.insert(user.clone()), "{user} enters twice"),
            "member.left" => assert!(self.members.remove(&user), "{user} leaves twice"),
            "session.closed" => assert!(notification["session"].is_string()),
            _ => panic!("{kind} is unknown"),
        }
        if !user.is_empty() {
            line += &format!(" {user}");
        }
        if let Some(code) = notification["code"].as_u64() {
            line += &format!(" {code}");
        }
        self.log.push(line);
    }

    fn process_events(&mut self, notification: &Value, may_skip: &mut u64) {
        assert_eq!(notification["type"], "events.published");
        for event in notification["events"].as_array().unwrap() {
            let seq = event["seq"].as_u64().unwrap();
            if seq <= self.seq {
                self.repeats += 1;
                continue;
            }
            // The first event that this receiver gets may have any seq.
            if self.seq > 0 {
                self.skip(seq - self.seq - 1, may_skip);
            }
            self.seq = seq;
            self.log.push(format!("event {seq}"));
        }
    }

    fn skip(&self, count: u64, may_skip: &mut u64) {
        assert!(count <= *may_skip, "{count} notifications are missing: {:?}", self.log);
        *may_skip -= count;
    }
}
