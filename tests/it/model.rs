//! A naive model of a room's log, with which the random runs compare the log.
//! The model stores every event in a list and searches from the start. The
//! model shares no mechanism with the log: no ring, no slots, no running
//! totals.

use std::collections::BTreeMap;
use std::fmt;

use roomcast::code::Code;
use roomcast::settings::Settings;
use roomcast::time::Millis;

use crate::client::Event;

#[derive(Clone)]
pub struct Model {
    pub settings: Settings,
    /// Time when the log was created, or `None` while nothing is stored.
    pub created_at: Option<Millis>,
    appends: Vec<Appended>,
    /// Index of the oldest append that the limits of appends and bytes have not
    /// evicted.
    first_retained: usize,
}

#[derive(Clone)]
struct Appended {
    at: Millis,
    events: Vec<Stored>,
}

/// An event before it is published.
#[derive(Clone)]
pub struct Draft {
    pub data: String,
    pub id: Option<String>,
    pub key: Option<String>,
}

/// A published event, and its publisher.
#[derive(Clone)]
struct Stored {
    draft: Draft,
    from: String,
    event: Event,
}

impl Draft {
    /// Returns the event's fields as JSON, without the braces.
    pub fn fields(&self) -> String {
        format!(r#""name":"n","data":{}{}"#, self.data, self.id_and_key())
    }

    fn id_and_key(&self) -> String {
        let field = |name: &str, value: &Option<String>| {
            value.as_ref().map_or_else(String::new, |value| format!(r#","{name}":"{value}""#))
        };
        field("id", &self.id) + &field("key", &self.key)
    }

    fn numbered(&self, seq: u64, at: Millis, from: &str) -> Event {
        let (data, at, rest) = (&self.data, at.get(), self.id_and_key());
        let text =
            format!(r#"{{"seq":{seq},"name":"n","data":{data},"at":{at},"from":"{from}"{rest}}}"#);
        Event { seq, text }
    }
}

/// Formats an event in a short form, for the steps of a failed run.
impl fmt::Debug for Draft {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{:.20}{}", self.data, self.id_and_key())
    }
}

impl Appended {
    /// Returns the number of bytes of the stored events, which are joined by
    /// commas.
    fn bytes(&self) -> u64 {
        let texts: usize = self.events.iter().map(|stored| stored.event.text.len() + 1).sum();
        texts as u64 - 1
    }
}

impl Model {
    pub fn new(settings: Settings) -> Self {
        Self { settings, created_at: None, appends: Vec::new(), first_retained: 0 }
    }

    /// Creates the log if the room is new.
    pub fn ensure_log(&mut self, now: Millis) {
        self.created_at.get_or_insert(now);
    }

    pub fn erase(&mut self) {
        *self = Self::new(self.settings);
    }

    pub fn set_settings(&mut self, settings: Settings) {
        self.settings = settings;
        self.evict_by_count();
    }

    pub fn head(&self) -> u64 {
        self.all().last().map_or(0, |stored| stored.event.seq)
    }

    pub fn last_write(&self) -> Millis {
        self.appends.last().map_or_else(|| self.created_at.unwrap(), |append| append.at)
    }

    fn all(&self) -> impl Iterator<Item = &Stored> {
        self.appends.iter().flat_map(|append| &append.events)
    }

    fn retained(&self, now: Millis) -> impl Iterator<Item = &Stored> {
        let oldest_at = now.minus(self.settings.retained_ms);
        let first_retained = self.appends.iter().skip(self.first_retained);
        first_retained
            .filter(move |append| append.at >= oldest_at)
            .flat_map(|append| &append.events)
    }

    pub fn oldest(&self, now: Millis) -> u64 {
        self.retained(now).next().map_or(self.head() + 1, |stored| stored.event.seq)
    }

    pub fn can_resume(&self, seq: u64, now: Millis) -> bool {
        seq <= self.head() && seq + 1 >= self.oldest(now)
    }

    /// Returns every event after a seq, retained or not.
    pub fn after(&self, seq: u64) -> Vec<Event> {
        let after = self.all().filter(|stored| stored.event.seq > seq);
        after.map(|stored| stored.event.clone()).collect()
    }

    /// Returns the latest event of every key that is not removed.
    pub fn state(&self) -> BTreeMap<String, Event> {
        let mut state = BTreeMap::new();
        for Stored { draft, event, .. } in self.all() {
            let Some(key) = &draft.key else { continue };
            match draft.data.as_str() {
                "null" => state.remove(key),
                _ => state.insert(key.clone(), event.clone()),
            };
        }
        state
    }

    /// Publishes events, and returns a seq for each.
    pub fn publish(&mut self, drafts: &[Draft], from: &str, now: Millis) -> Result<Vec<u64>, Code> {
        let at = now.max(self.last_write());
        let mut fresh: Vec<Stored> = Vec::new();
        let mut seqs = Vec::new();
        for draft in drafts {
            // Ids are per user. The same id from another user is another event.
            let same_id = |other: &&Stored| {
                draft.id.is_some() && other.draft.id == draft.id && other.from == from
            };
            // After the clock is set back, an expired event may be retained
            // again. If a later event has the same id, a repeat returns the seq
            // of the later event.
            let first = fresh.iter().find(same_id).or(self.retained(now).filter(same_id).last());
            if let Some(Stored { event, .. }) = first {
                seqs.push(event.seq);
                continue;
            }
            let seq = self.head() + 1 + fresh.len() as u64;
            seqs.push(seq);
            let event = draft.numbered(seq, at, from);
            fresh.push(Stored { draft: draft.clone(), from: from.to_owned(), event });
        }
        if fresh.is_empty() {
            return Ok(seqs);
        }

        let before = self.state();
        self.appends.push(Appended { at, events: fresh });
        if self.exceeds_state_limit(&before) {
            self.appends.pop();
            return Err(Code::TooLarge);
        }
        self.evict_by_count();
        self.evict_by_bytes();
        Ok(seqs)
    }

    fn exceeds_state_limit(&self, before: &BTreeMap<String, Event>) -> bool {
        let bytes = |state: &BTreeMap<String, Event>| -> u64 {
            state.values().map(|event| event.text.len() as u64).sum()
        };
        let after = self.state();
        let (keys, bytes, bytes_before) = (after.len() as u64, bytes(&after), bytes(before));
        keys > self.settings.state_keys && keys > before.len() as u64
            || bytes > self.settings.state_bytes && bytes > bytes_before
    }

    fn evict_by_count(&mut self) {
        let capacity = usize::try_from(self.settings.retained_appends).unwrap();
        self.first_retained = self.first_retained.max(self.appends.len().saturating_sub(capacity));
    }

    /// Evicts the oldest appends one by one until the retained appends fit into
    /// the limit of bytes. The newest append is never evicted, whatever its
    /// size.
    fn evict_by_bytes(&mut self) {
        let bytes_from = |first_retained| -> u64 {
            self.appends[first_retained..].iter().map(Appended::bytes).sum()
        };
        let mut first_retained = self.first_retained;
        while bytes_from(first_retained) > self.settings.retained_bytes
            && first_retained + 1 < self.appends.len()
        {
            first_retained += 1;
        }
        self.first_retained = first_retained;
    }
}
