//! A room with damaged rows and attachments. The room may reject a request with
//! an error, but must not panic or loop. After an erase, the damaged room must
//! work like a new room.

use roomcast::auth::Identity;
use roomcast::limits;
use roomcast::protocol::{PageQuery, RoomName, Seq, Start, User};
use roomcast::room::{Answer, Bridge, Effect, Input, Room};
use roomcast::route::Request;
use roomcast::session::{Session, SessionId};
use roomcast::settings::Settings;
use roomcast::time::Millis;

use super::split_letter;
use crate::memory_store::{MemoryStore, Tables};
use crate::sim::SimRuntime;

/// Runs a script on a room with six appends of two events each, in a ring of
/// four slots. Appends are numbered from 0, so the slots contain the appends 4,
/// 5, 2 and 3.
pub fn run_script(script: &str) {
    let mut sim = SimRuntime::with(Settings { retained_appends: 4, ..Settings::default() });
    for append in 1..=6 {
        let event = format!(r#"{{"name":"n","data":{append},"id":"i{append}"}}"#);
        let body = format!(r#"{{"events":[{event},{{"name":"n","data":0,"key":"k"}}]}}"#);
        sim.http_publish_body("bob", &body).unwrap();
    }
    let mut sessions: Vec<(SessionId, Session)> = Vec::new();
    for line in script.lines() {
        let (letter, rest) = split_letter(line);
        match letter {
            'a' => sessions.extend(Session::decode(rest)),
            _ => sim.store.damage(|tables| {
                damage(tables, letter, rest);
            }),
        }
    }
    sessions.sort_by_key(|(id, _)| *id);
    sessions.dedup_by_key(|(id, _)| *id);
    let mut damaged = Damaged {
        epoch: sim.store.tables().meta.unwrap().epoch.to_string(),
        admin: sim.identity("admin"),
        now: sim.now,
        settings: sim.settings,
        store: sim.store,
        room: None,
    };
    damaged.use_all(sessions);
    damaged.erase();
}

/// Changes one field of the stored rows. A line has a letter for the field, a
/// slot, and a value. Numbers are in the range that SQL returns: from 0 to 2^53
/// − 1.
fn damage(tables: &mut Tables, letter: char, rest: &str) -> Option<()> {
    let (slot, value) = rest.split_once(' ')?;
    let slot: u64 = slot.parse().ok()?;
    let number = || value.parse().ok().filter(|number| *number <= limits::SAFE_INTEGER);
    let meta = tables.meta.as_mut()?;
    match letter {
        'c' => meta.capacity = number()?,
        'm' => meta.retained_ms = number()?,
        'b' => meta.at = Millis::new(number()?),
        'r' => drop(tables.slots.remove(&slot)),
        'i' => drop(tables.slots.insert(slot, tables.slots.get(&number()?)?.clone())),
        'k' => drop(tables.state.insert("k".into(), (Seq::new(slot)?, value.to_owned()))),
        _ => {
            let (append, events, index) = tables.slots.get_mut(&slot)?;
            match letter {
                'n' => append.number = number()?,
                'f' => append.first = Seq::new(number()?)?,
                'l' => append.last = Seq::new(number()?)?,
                't' => append.at = Millis::new(number()?),
                's' => append.start_offset = number()?,
                'e' => append.end_offset = number()?,
                'o' => append.floor = number()?,
                'p' => append.floor_offset = number()?,
                // Shortens the index of ids, or changes one of its bytes.
                'z' => index.truncate(usize::try_from(number()?).ok()?),
                'v' => {
                    *index.get_mut(usize::try_from(number()? >> 8).ok()?)? =
                        number()?.to_le_bytes()[0]
                }
                'x' => value.clone_into(events),
                // Replaces the events, and sets the end offset to match the new
                // length.
                'y' => {
                    value.clone_into(events);
                    append.end_offset = append.start_offset + value.len() as u64;
                }
                _ => {}
            }
        }
    }
    Some(())
}

struct Damaged {
    epoch: String,
    admin: Identity,
    now: Millis,
    settings: Settings,
    store: MemoryStore,
    room: Option<Room<MemoryStore>>,
}

impl Damaged {
    fn load(&mut self, sessions: Vec<(SessionId, Session)>) -> bool {
        let name = RoomName::parse("r").unwrap();
        let store = self.store.clone();
        self.room = Room::load(name, self.settings, store, self.now, 7).ok();
        let Some(room) = &mut self.room else { return false };
        room.restore_sessions(sessions, self.now);
        true
    }

    fn handle(&mut self, input: Input) -> Vec<Effect> {
        self.room.as_mut().map_or(Vec::new(), |room| room.handle(input, self.now))
    }

    fn request(&mut self, request: Request, body: &str) -> Option<Answer> {
        let by = self.admin.clone();
        let effects = self.handle(Input::Request { by, request, body, takes_report: true });
        effects.into_iter().find_map(|effect| match effect {
            Effect::Answer(answer) => Some(answer),
            _ => None,
        })
    }

    /// Performs every operation that reads or writes stored data.
    fn use_all(&mut self, sessions: Vec<(SessionId, Session)>) {
        let known: Vec<SessionId> = sessions.iter().map(|(id, _)| *id).collect();
        if !self.load(sessions) {
            return;
        }
        for seq in [0, 4, 5, 8, 12, 13] {
            let since = format!("since={}:{seq}", self.epoch);
            let before = format!("before={}:{seq}", self.epoch);
            for query in [&since, &before] {
                let page = Request::Page(PageQuery::parse(query).unwrap());
                self.request(page, "");
            }
            let (session, identity) = (SessionId(1_000 + seq), self.admin.clone());
            let start = Start::parse(&since).unwrap();
            self.handle(Input::Join {
                session,
                identity,
                start,
                bridge: Bridge { window_bytes: (seq > 4).then_some(20), ..Bridge::default() },
            });
            self.finish_replay();
        }
        for request in [Request::State, Request::Stats, Request::Members] {
            self.request(request, "");
        }
        for session in known {
            for text in [
                r#"{"type":"seen","seq":12}"#,
                r#"{"type":"enter","data":1}"#,
                r#"{"type":"publish","name":"n","data":1,"ref":"1"}"#,
            ] {
                self.handle(Input::Text { session, text });
            }
        }
        for body in [
            r#"{"name":"n","data":1,"id":"i5"}"#,
            r#"{"name":"n","data":null,"key":"k"}"#,
            r#"{"name":"n","data":1,"id":"new"}"#,
        ] {
            self.request(Request::Publish, body);
            self.finish_replay();
        }
        self.handle(Input::Flush);
        self.now = self.now.plus(3_600_000);
        self.handle(Input::Alarm);
        self.finish_replay();
        self.handle(Input::Gone { session: SessionId(1_000), code: None });
        self.request(Request::Kick(User::parse("admin").unwrap()), "");
    }

    fn finish_replay(&mut self) {
        let mut turns = 0;
        while self.handle(Input::ContinueReplay).contains(&Effect::ContinueReplay) {
            turns += 1;
            assert!(turns < 1_000, "the replay does not end");
        }
    }

    /// Erases the room, and checks that it then works like a new room. Skips a
    /// room that can't be loaded. For such a room, the object itself erases the
    /// storage, without the code under test.
    fn erase(&mut self) {
        if self.room.is_some() || self.load(Vec::new()) {
            assert_eq!(self.request(Request::Erase, ""), Some(Answer::NoContent));
            assert!(self.store.is_empty());
            assert!(self.load(Vec::new()));
            let answer = self.request(Request::Publish, r#"{"name":"n","data":1}"#);
            assert!(matches!(answer, Some(Answer::Created { .. })), "{answer:?}");
        }
    }
}
