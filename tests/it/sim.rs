//! The world around a room: what the runtime does for it, and what it does to
//! it. Storage, sockets with their attachments, one alarm, turns, tokens that
//! are verified now or later, and a clock that can go both ways.
//!
//! While the tests tell their stories, the world watches: `World::obeys` is
//! checked after every input.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use roomcast::auth::Identity;
use roomcast::code::{Code, Refusal};
use roomcast::limits;
use roomcast::protocol::{RoomName, Start};
use roomcast::room::{Answer, IfUnread, Input, Room};
use roomcast::route::{Call, Request, ResponseKind, Route};
use roomcast::session::SessionId;
use roomcast::settings::Settings;
use roomcast::time::Millis;
use serde_json::Value;

use crate::client::Client;
use crate::memory_store::MemoryStore;
use crate::tokens;

mod runtime;

pub struct SimRuntime {
    pub now: Millis,
    pub store: MemoryStore,
    pub settings: Settings,
    pub clients: BTreeMap<String, Client>,
    /// Whether the room sleeps before every input.
    pub hibernate_between_inputs: bool,
    /// What is wrong with its configuration, if anything is: the room can't
    /// wake, whatever it is to be woken for.
    pub misconfigured: Option<String>,
    /// Whether verdicts on tokens wait until the test asks for them.
    pub slow_verdicts: bool,
    /// What the room told its operator.
    pub logged_errors: Vec<String>,
    pub alarm: Option<Millis>,
    /// How late it rings as time passes.
    pub alarm_delay_ms: u64,
    /// How often an alarm was set: each costs a billed row.
    pub alarms_set: u64,
    /// When it rang last, and how often at that instant.
    last_alarm: (Millis, u32),
    pub loads: u64,
    /// How many sessions were taken up in all wakes.
    pub restored_sessions: usize,
    /// How often the room was erased.
    pub erasures: u64,
    name: RoomName,
    /// The newest seq that was stored before the input at hand, which may
    /// erase it.
    head_before_input: u64,
    room: Option<Room<MemoryStore>>,
    /// The open sockets, as the runtime knows them.
    sockets: BTreeMap<SessionId, Socket>,
    sessions_ever: u64,
    /// How often a test looked at the room.
    gets: u64,
    pub replay_scheduled: bool,
    /// Whether what is published within a window waits until it ends. It ends
    /// at once otherwise.
    pub batches_events: bool,
    /// When it ends, if something waits.
    pub broadcast_at: Option<Millis>,
    /// Sessions that were left out, as the room has yet to be told.
    withheld: VecDeque<(Vec<SessionId>, IfUnread)>,
    /// Those that were left out since a test last looked.
    pub skipped_sessions: BTreeSet<SessionId>,
    /// With how much that waits a socket counts as one that does not read.
    pub max_unsent_bytes: usize,
    /// Bytes that were sent to all sockets.
    pub sent_bytes: usize,
    /// Sessions whose pings the room asks for.
    queried_pings: Option<Vec<SessionId>>,
    /// Whether the room asks when its alarm rings.
    alarm_queried: bool,
    /// When the window ends, if one is open.
    pub flush_at: Option<Millis>,
    verdicts: VecDeque<(SessionId, String)>,
    /// How the process ends with the next input, if it does.
    pub crash_at_next_input: Option<CrashPoint>,
}

/// When the process is killed in the middle of an input: before what the room
/// wrote is durable, or after it, but before anybody has heard of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CrashPoint {
    BeforeCommit,
    AfterCommit,
}

struct Socket {
    client: String,
    query: String,
    attachment: Option<String>,
    /// Nobody is at the other end, and the runtime has not noticed.
    half_open: bool,
    /// Its peer has closed it.
    closing: bool,
    /// When the runtime last answered a ping of it.
    pinged_at: Option<Millis>,
    /// Nobody reads at the other end: what is sent waits.
    reads_paused: bool,
    unsent: Vec<String>,
}

impl Socket {
    fn unsent_bytes(&self) -> usize {
        self.unsent.iter().map(String::len).sum()
    }
}

impl SimRuntime {
    pub fn new() -> Self {
        Self::with(Settings::default())
    }

    pub fn with(settings: Settings) -> Self {
        Self {
            now: Millis::new(1_795_297_884_686),
            store: MemoryStore::default(),
            settings,
            clients: BTreeMap::new(),
            hibernate_between_inputs: false,
            misconfigured: None,
            slow_verdicts: false,
            logged_errors: Vec::new(),
            alarm: None,
            alarm_delay_ms: 0,
            alarms_set: 0,
            last_alarm: (Millis::new(0), 0),
            loads: 0,
            restored_sessions: 0,
            erasures: 0,
            name: RoomName::parse("r").unwrap(),
            head_before_input: 0,
            room: None,
            sockets: BTreeMap::new(),
            sessions_ever: 0,
            gets: 0,
            replay_scheduled: false,
            batches_events: false,
            broadcast_at: None,
            flush_at: None,
            withheld: VecDeque::new(),
            skipped_sessions: BTreeSet::new(),
            max_unsent_bytes: limits::UNSENT_BYTES,
            sent_bytes: 0,
            queried_pings: None,
            alarm_queried: false,
            verdicts: VecDeque::new(),
            crash_at_next_input: None,
        }
    }

    pub fn named(mut self, name: &RoomName) -> Self {
        self.name = name.clone();
        self
    }

    pub fn client(&mut self, name: &str) -> &mut Client {
        self.clients.entry(name.to_owned()).or_default()
    }

    /// Who somebody is for the next hour.
    pub fn identity(&self, user: &str) -> Identity {
        self.identity_with(user, tokens::rights_of(user))
    }

    pub fn identity_with(&self, user: &str, rights: &[&str]) -> Identity {
        tokens::verify(&self.token(user, rights), &self.name, self.now).unwrap()
    }

    /// A token for the next hour.
    pub fn token(&self, user: &str, rights: &[&str]) -> String {
        tokens::token(user, rights, self.now.plus(3_600_000))
    }
}

/// What clients do.
impl SimRuntime {
    /// Joins at the head.
    pub fn join(&mut self, who: &str) {
        self.join_with(who, "");
    }

    /// Joins with the query of an upgrade, and nothing in hand.
    pub fn join_with(&mut self, who: &str, query: &str) {
        let identity = self.identity(who);
        self.clients.insert(who.to_owned(), Client::starting_with(query));
        self.connect(who, query, identity);
    }

    /// Joins where it stands, with what it has.
    pub fn resume(&mut self, who: &str) {
        let (identity, position) = (self.identity(who), self.client(who).position());
        self.connect(who, &format!("since={position}"), identity);
    }

    /// Opens a socket. The one it had before is dropped.
    pub fn connect(&mut self, who: &str, query: &str, identity: Identity) {
        self.open_socket(who, query, identity, None);
    }

    /// Follows the room over a socket of the worker's, with so many bytes of
    /// events on their way at a time.
    pub fn connect_bridge(&mut self, who: &str, query: &str, identity: Identity, window: u64) {
        self.open_socket(who, query, identity, Some(window));
    }

    fn open_socket(
        &mut self,
        who: &str,
        query: &str,
        identity: Identity,
        bridge_window_bytes: Option<u64>,
    ) {
        self.drop_socket(who);
        self.sessions_ever += 1;
        let session = SessionId(self.sessions_ever);
        let socket = Socket {
            client: who.into(),
            query: query.into(),
            attachment: None,
            half_open: false,
            closing: false,
            pinged_at: None,
            reads_paused: false,
            unsent: Vec::new(),
        };
        self.sockets.insert(session, socket);
        self.client(who).on_connect();
        let start = Start::parse(query).unwrap();
        self.handle(Input::Join { session, identity, start, bridge_window_bytes });
    }

    /// Tells the room that it has seen all that it was sent.
    pub fn send_seen(&mut self, who: &str) {
        let seq = self.client(who).seq.expect("it knows its seq");
        self.send(who, &format!(r#"{{"type":"seen","seq":{seq}}}"#));
    }

    pub fn send(&mut self, who: &str, text: &str) {
        let session = self.session(who).unwrap_or_else(|| panic!("{who} is not connected"));
        self.handle(Input::Text { session, text });
    }

    pub fn send_bytes(&mut self, who: &str, bytes: &[u8]) {
        let session = self.session(who).unwrap_or_else(|| panic!("{who} is not connected"));
        self.handle(Input::Binary { session, bytes });
    }

    /// Publishes an event over its socket, for an ack.
    pub fn send_publish(&mut self, who: &str, data: impl std::fmt::Display) {
        self.send(who, &format!(r#"{{"type":"publish","name":"said","data":{data},"ref":"1"}}"#));
    }

    /// Its socket is lost, without a Close.
    pub fn drop_socket(&mut self, who: &str) {
        self.disconnect(who, None);
    }

    /// It closes its socket.
    pub fn close(&mut self, who: &str, code: u16) {
        self.disconnect(who, Some(code));
    }

    fn disconnect(&mut self, who: &str, code: Option<u16>) {
        if let Some(session) = self.session(who) {
            // A room that is woken by it still finds what it carried.
            self.sockets.get_mut(&session).unwrap().closing = true;
            self.client(who).on_disconnect();
            self.handle(Input::Gone { session, code });
            self.sockets.remove(&session);
        }
    }

    /// It pings, exactly so: the runtime answers, and the room sleeps on.
    pub fn ping(&mut self, who: &str) {
        let (session, now) = (self.session(who).unwrap(), self.now);
        self.sockets.get_mut(&session).unwrap().pinged_at = Some(now);
    }

    /// It reads no more of what it is sent.
    pub fn stop_reading(&mut self, who: &str) {
        let session = self.session(who).unwrap();
        self.sockets.get_mut(&session).unwrap().reads_paused = true;
    }

    /// It reads what waits for it, and goes on reading.
    pub fn resume_reading(&mut self, who: &str) {
        let Some(session) = self.session(who) else { return };
        let socket = self.sockets.get_mut(&session).unwrap();
        socket.reads_paused = false;
        let (unsent, query) = (std::mem::take(&mut socket.unsent), socket.query.clone());
        unsent.iter().for_each(|text| self.client(who).receive(text, &query));
    }

    /// Bytes that wait to be read by somebody who stands still.
    pub fn unsent_bytes(&self, who: &str) -> usize {
        self.sockets[&self.session(who).unwrap()].unsent_bytes()
    }

    /// It is gone, and nobody notices: what is sent to it from here on is lost.
    pub fn make_half_open(&mut self, who: &str) {
        let session = self.session(who).unwrap_or_else(|| panic!("{who} is not connected"));
        let socket = self.sockets.get_mut(&session).unwrap();
        (socket.half_open, socket.reads_paused) = (true, false);
        socket.unsent.clear();
    }

    /// The status and the body of an HTTP request such as `GET /rooms/r/state`.
    pub fn http(&mut self, who: &str, request: &str, body: &str) -> (u16, String) {
        let by = self.identity(who);
        self.http_by(by, request, body)
    }

    pub fn http_by(&mut self, by: Identity, request: &str, body: &str) -> (u16, String) {
        let (method, target) = request.split_once(' ').unwrap();
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        match Route::parse(method, path, query, ResponseKind::Body).unwrap() {
            Route::Room { call: Call::Request(request), .. } => {
                match self.request(by, request, body) {
                    Answer::Ok { body } => (200, body),
                    Answer::Created { body } => (201, body),
                    Answer::Accepted => (202, String::new()),
                    Answer::NoContent => (204, String::new()),
                    Answer::Refused(Refusal { code, message, .. }) => {
                        (code.http_status().unwrap(), message)
                    }
                }
            }
            route => panic!("{request} is no request to a room: {route:?}"),
        }
    }

    pub fn request(&mut self, by: Identity, request: Request, body: &str) -> Answer {
        let unanswered = || Answer::Refused(Refusal::new(Code::Restarting, "it died over it"));
        self.handle(Input::Request { by, request, body }).unwrap_or_else(unanswered)
    }

    /// The answer to a `GET` of something of the room, such as `/state`. Each
    /// is another admin's: a test looks as often as it likes, at any rate.
    pub fn http_get(&mut self, what: &str) -> Value {
        self.gets += 1;
        let rights = ["subscribe", "presence", "admin"];
        let by = self.identity_with(&format!("admin {}", self.gets), &rights);
        let (status, body) = self.http_by(by, &format!("GET /rooms/r{what}"), "");
        assert_eq!(status, 200, "{what}: {body}");
        serde_json::from_str(&body).unwrap()
    }

    /// The newest seq, as the room tells it.
    pub fn head(&mut self) -> u64 {
        self.http_get("")["head"].as_u64().unwrap()
    }

    pub fn epoch(&mut self) -> String {
        self.http_get("")["epoch"].as_str().unwrap().to_owned()
    }

    /// Publishes one event over HTTP: its seq, or the code it was refused with.
    pub fn http_publish(&mut self, who: &str, data: impl std::fmt::Display) -> Result<u64, Code> {
        let seqs = self.http_publish_body(who, &format!(r#"{{"name":"said","data":{data}}}"#))?;
        Ok(seqs[0])
    }

    /// Publishes a body over HTTP: its seqs, or the code it was refused with.
    pub fn http_publish_body(&mut self, who: &str, body: &str) -> Result<Vec<u64>, Code> {
        let by = self.identity(who);
        match self.request(by, Request::Publish, body) {
            Answer::Ok { body } | Answer::Created { body } => Ok(seqs(&body)),
            Answer::Accepted | Answer::NoContent => panic!("a publish has an answer"),
            Answer::Refused(refusal) => Err(refusal.code),
        }
    }

    /// The session of somebody's open socket.
    pub fn session(&self, who: &str) -> Option<SessionId> {
        let mut sockets =
            self.sockets.iter().filter(|(_, socket)| !socket.half_open && !socket.closing);
        sockets.find(|(_, socket)| socket.client == who).map(|(session, _)| *session)
    }

    /// Whether the runtime takes a session's socket for open.
    pub fn is_open(&self, session: SessionId) -> bool {
        self.sockets.contains_key(&session)
    }

    /// Sockets that the runtime takes for open.
    pub fn open_sockets(&self) -> usize {
        self.sockets.len()
    }

    /// What the socket of a session carries through sleep.
    pub fn attachment(&self, who: &str) -> Option<&str> {
        self.sockets.get(&self.session(who)?)?.attachment.as_deref()
    }
}

/// The `seqs` of a publish's answer.
fn seqs(body: &str) -> Vec<u64> {
    #[derive(serde::Deserialize)]
    struct Published {
        seqs: Vec<u64>,
    }
    serde_json::from_str::<Published>(body).unwrap().seqs
}
