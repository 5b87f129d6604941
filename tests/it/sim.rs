//! A simulated runtime around one room. The runtime has storage, sockets with
//! their attachments, one alarm, and a clock that can move forward and back.
//! Replays take several turns, and verdicts on tokens arrive immediately or
//! later.
//!
//! `SimRuntime::check_invariants` runs after every input of every test.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::rc::Rc;

use roomcast::auth::{Identity, PublicRooms};
use roomcast::code::{Code, Refusal};
use roomcast::directory::Directory;
use roomcast::limits;
use roomcast::protocol::{RoomName, Start};
use roomcast::publish_hook::PublishHook;
use roomcast::room::{Answer, Bridge, IfUnread, Input, Room};
use roomcast::route::{Call, Request, ResponseKind, Route};
use roomcast::session::{SessionId, Transport};
use roomcast::settings::Settings;
use roomcast::time::Millis;
use serde_json::Value;

use crate::client::Client;
use crate::memory_store::MemoryStore;
use crate::tokens;

mod receiver;
mod report_store;
mod runtime;

pub use receiver::{Answers, Receiver};
pub use report_store::{MemoryReportStore, new_directory};

pub struct SimRuntime {
    pub now: Millis,
    pub store: MemoryStore,
    pub settings: Settings,
    /// The operator's check of published events, if any.
    pub publish_hook: Option<Rc<dyn PublishHook>>,
    pub public_rooms: PublicRooms,
    pub clients: BTreeMap<String, Client>,
    /// Whether the room hibernates before every input.
    pub hibernate_between_inputs: bool,
    /// Error in the room's configuration, if any. No input can load a room
    /// whose configuration has an error.
    pub misconfigured: Option<String>,
    /// Whether verdicts on tokens wait until the test delivers them.
    pub slow_verdicts: bool,
    /// Errors that the room logged for its operator.
    pub logged_errors: Vec<String>,
    pub alarm: Option<Millis>,
    /// Number of ms by which `advance` delays each alarm.
    pub alarm_delay_ms: u64,
    /// Number of times that an alarm was set. The platform bills one row for
    /// each alarm that is set.
    pub alarms_set: u64,
    /// Time of the last alarm, and the number of alarms at that time.
    last_alarm: (Millis, u32),
    pub loads: u64,
    /// Number of sessions restored since the start.
    pub restored_sessions: usize,
    /// Number of times that the room was erased.
    pub erasures: u64,
    name: RoomName,
    /// The newest stored seq before the current input. The current input may
    /// erase the log, so its head is saved here.
    head_before_input: u64,
    room: Option<Room<MemoryStore>>,
    /// The open sockets, as the runtime knows them.
    sockets: BTreeMap<SessionId, Socket>,
    sessions_ever: u64,
    /// Number of calls of `http_get`.
    gets: u64,
    pub replay_scheduled: bool,
    /// Whether events published within a batch window wait until the window
    /// ends. If the value is false, a batch window ends immediately.
    pub batches_events: bool,
    /// End of the batch window, if events wait for it.
    pub broadcast_at: Option<Millis>,
    /// Sessions that a send skipped. The room has not been notified about these
    /// sessions yet.
    withheld: VecDeque<(Vec<SessionId>, IfUnread)>,
    /// Sessions that were skipped since a test last cleared this set.
    pub skipped_sessions: BTreeSet<SessionId>,
    /// Minimum number of unsent bytes at which a send skips a socket.
    pub max_unsent_bytes: usize,
    /// Number of bytes sent to all sockets.
    pub sent_bytes: usize,
    /// Sessions for which the room queries the time of the last ping.
    queried_pings: Option<Vec<SessionId>>,
    /// Whether the room has queried the time of its alarm.
    alarm_queried: bool,
    /// End of the flush window, if one is open.
    pub flush_at: Option<Millis>,
    /// The directory, which receives the room's reports.
    pub directory: Directory<MemoryReportStore>,
    /// Number of reports that the room sent to the directory itself.
    pub reports_sent: u64,
    /// End of the wait for the room's next report, if it waits.
    pub report_at: Option<Millis>,
    /// Whether requests come from a worker that delivers reports.
    pub delivers_reports: bool,
    /// The receiver of the room's webhook.
    pub receiver: Receiver,
    /// The batch that is being delivered: its id and body.
    pub in_flight: Option<(String, String)>,
    /// Number of times that the process was killed.
    pub crashes: u64,
    pub clock_went_back: bool,
    /// Number of frames for clients in all effects.
    pub frames_sent: u64,
    verdicts: VecDeque<(SessionId, String)>,
    /// Point within the next input at which the process is killed, if any.
    pub crash_at_next_input: Option<CrashPoint>,
}

/// Point within an input at which the process is killed. Either the room's
/// writes are not yet durable, or they are durable but no effect has been
/// performed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CrashPoint {
    BeforeCommit,
    AfterCommit,
}

struct Socket {
    client: String,
    query: String,
    attachment: Option<String>,
    /// Whether the peer has disappeared without a notice to the runtime.
    half_open: bool,
    /// Whether the peer has closed the socket.
    closing: bool,
    /// Time when the runtime last answered a ping on this socket.
    pinged_at: Option<Millis>,
    /// Whether the peer has stopped reading. While the peer does not read, sent
    /// frames wait in `unsent`.
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
            publish_hook: None,
            public_rooms: PublicRooms::default(),
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
            directory: new_directory(),
            reports_sent: 0,
            report_at: None,
            delivers_reports: true,
            receiver: Receiver::default(),
            in_flight: None,
            crashes: 0,
            clock_went_back: false,
            frames_sent: 0,
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

    /// Returns a user's identity that expires in an hour.
    pub fn identity(&self, user: &str) -> Identity {
        self.identity_with(user, tokens::rights_of(user))
    }

    pub fn identity_with(&self, user: &str, rights: &[&str]) -> Identity {
        tokens::verify(&self.token(user, rights), &self.name, self.now).unwrap()
    }

    /// Returns a user's token that expires in an hour.
    pub fn token(&self, user: &str, rights: &[&str]) -> String {
        tokens::token(user, rights, self.now.plus(3_600_000))
    }
}

/// Actions of clients.
impl SimRuntime {
    /// Joins at the head.
    pub fn join(&mut self, name: &str) {
        self.join_with(name, "");
    }

    /// Joins as a new client, with the query of an upgrade.
    pub fn join_with(&mut self, name: &str, query: &str) {
        let identity = self.identity(name);
        self.clients.insert(name.to_owned(), Client::starting_with(query));
        self.connect(name, query, identity);
    }

    /// Joins at the client's position. The client keeps its events and state.
    pub fn resume(&mut self, name: &str) {
        let (identity, position) = (self.identity(name), self.client(name).position());
        self.connect(name, &format!("since={position}"), identity);
    }

    /// Opens a socket, and drops the client's previous socket.
    pub fn connect(&mut self, name: &str, query: &str, identity: Identity) {
        self.open_socket(name, query, identity, Bridge::default());
    }

    /// Connects over a bridge's socket. At most `window` bytes of events are in
    /// flight.
    pub fn connect_bridge(&mut self, name: &str, query: &str, identity: Identity, window: u64) {
        let bridge = Bridge { transport: Transport::Connection, window_bytes: Some(window) };
        self.open_socket(name, query, identity, bridge);
    }

    fn open_socket(&mut self, name: &str, query: &str, identity: Identity, bridge: Bridge) {
        self.drop_socket(name);
        self.sessions_ever += 1;
        let session = SessionId(self.sessions_ever);
        let socket = Socket {
            client: name.into(),
            query: query.into(),
            attachment: None,
            half_open: false,
            closing: false,
            pinged_at: None,
            reads_paused: false,
            unsent: Vec::new(),
        };
        self.sockets.insert(session, socket);
        self.client(name).on_connect();
        let start = Start::parse(query).unwrap();
        self.handle(Input::Join { session, identity, start, bridge });
    }

    /// Sends a `seen` for all events that the client has received.
    pub fn send_seen(&mut self, name: &str) {
        let seq = self.client(name).seq.expect("the client has a seq");
        self.send(name, &format!(r#"{{"type":"seen","seq":{seq}}}"#));
    }

    pub fn send(&mut self, name: &str, text: &str) {
        let session = self.session(name).unwrap_or_else(|| panic!("{name} is not connected"));
        self.handle(Input::Text { session, text });
    }

    pub fn send_bytes(&mut self, name: &str, bytes: &[u8]) {
        let session = self.session(name).unwrap_or_else(|| panic!("{name} is not connected"));
        self.handle(Input::Binary { session, bytes });
    }

    /// Publishes an event over the client's socket. The `ref` requests an ack.
    pub fn send_publish(&mut self, name: &str, data: impl std::fmt::Display) {
        self.send(name, &format!(r#"{{"type":"publish","name":"said","data":{data},"ref":"1"}}"#));
    }

    /// Disconnects without a Close.
    pub fn drop_socket(&mut self, name: &str) {
        self.disconnect(name, None);
    }

    /// Closes the socket.
    pub fn close(&mut self, name: &str, code: u16) {
        self.disconnect(name, Some(code));
    }

    fn disconnect(&mut self, name: &str, code: Option<u16>) {
        if let Some(session) = self.session(name) {
            // The socket is removed after the input. If the input loads the
            // room, the room can therefore still read the attachment.
            self.sockets.get_mut(&session).unwrap().closing = true;
            self.client(name).on_disconnect();
            self.handle(Input::Gone { session, code });
            self.sockets.remove(&session);
        }
    }

    /// Sends a ping with the exact text that the runtime answers, so the room
    /// continues to hibernate.
    pub fn ping(&mut self, name: &str) {
        let (session, now) = (self.session(name).unwrap(), self.now);
        self.sockets.get_mut(&session).unwrap().pinged_at = Some(now);
    }

    /// Stops reading from the socket.
    pub fn stop_reading(&mut self, name: &str) {
        let session = self.session(name).unwrap();
        self.sockets.get_mut(&session).unwrap().reads_paused = true;
    }

    /// Reads all unsent frames, and continues to read.
    pub fn resume_reading(&mut self, name: &str) {
        let Some(session) = self.session(name) else { return };
        let socket = self.sockets.get_mut(&session).unwrap();
        socket.reads_paused = false;
        let (unsent, query) = (std::mem::take(&mut socket.unsent), socket.query.clone());
        unsent.iter().for_each(|text| self.client(name).receive(text, &query));
    }

    /// Returns the number of bytes that wait for a client that has stopped
    /// reading.
    pub fn unsent_bytes(&self, name: &str) -> usize {
        self.sockets[&self.session(name).unwrap()].unsent_bytes()
    }

    /// Disconnects the peer without notifying the runtime. Frames that are sent
    /// afterwards are lost.
    pub fn make_half_open(&mut self, name: &str) {
        let session = self.session(name).unwrap_or_else(|| panic!("{name} is not connected"));
        let socket = self.sockets.get_mut(&session).unwrap();
        (socket.half_open, socket.reads_paused) = (true, false);
        socket.unsent.clear();
    }

    /// Returns the status and the body of an HTTP request such as `GET
    /// /rooms/r/state`.
    pub fn http(&mut self, name: &str, request: &str, body: &str) -> (u16, String) {
        let by = self.identity(name);
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
            route => panic!("{request} is not a request to a room: {route:?}"),
        }
    }

    pub fn request(&mut self, by: Identity, request: Request, body: &str) -> Answer {
        let unanswered = || {
            Answer::Refused(Refusal::new(Code::Restarting, "the process died during the request"))
        };
        let takes_report = self.delivers_reports;
        self.handle(Input::Request { by, request, body, takes_report }).unwrap_or_else(unanswered)
    }

    /// Returns the answer to a `GET` of a path of the room, such as `/state`.
    /// Each call uses another admin, so no call exceeds a rate limit.
    pub fn http_get(&mut self, what: &str) -> Value {
        self.gets += 1;
        let rights = ["subscribe", "presence", "admin"];
        let by = self.identity_with(&format!("admin {}", self.gets), &rights);
        let (status, body) = self.http_by(by, &format!("GET /rooms/r{what}"), "");
        assert_eq!(status, 200, "{what}: {body}");
        serde_json::from_str(&body).unwrap()
    }

    /// Returns the newest seq, as the room reports it.
    pub fn head(&mut self) -> u64 {
        self.http_get("")["head"].as_u64().unwrap()
    }

    pub fn epoch(&mut self) -> String {
        self.http_get("")["epoch"].as_str().unwrap().to_owned()
    }

    /// Publishes one event over HTTP. Returns the event's seq, or the code of
    /// the refusal.
    pub fn http_publish(&mut self, name: &str, data: impl std::fmt::Display) -> Result<u64, Code> {
        let seqs = self.http_publish_body(name, &format!(r#"{{"name":"said","data":{data}}}"#))?;
        Ok(seqs[0])
    }

    /// Publishes a body over HTTP. Returns the seqs of the events, or the code
    /// of the refusal.
    pub fn http_publish_body(&mut self, name: &str, body: &str) -> Result<Vec<u64>, Code> {
        let by = self.identity(name);
        match self.request(by, Request::Publish, body) {
            Answer::Ok { body } | Answer::Created { body } => Ok(seqs(&body)),
            Answer::Accepted | Answer::NoContent => panic!("a publish is answered with a body"),
            Answer::Refused(refusal) => Err(refusal.code),
        }
    }

    /// Returns the session of the client's open socket.
    pub fn session(&self, name: &str) -> Option<SessionId> {
        let mut sockets =
            self.sockets.iter().filter(|(_, socket)| !socket.half_open && !socket.closing);
        sockets.find(|(_, socket)| socket.client == name).map(|(session, _)| *session)
    }

    /// Whether the runtime considers a session's socket open.
    pub fn is_open(&self, session: SessionId) -> bool {
        self.sockets.contains_key(&session)
    }

    /// Returns the number of sockets that the runtime considers open.
    pub fn open_sockets(&self) -> usize {
        self.sockets.len()
    }

    /// Returns the attachment of the client's socket, which survives
    /// hibernation.
    pub fn attachment(&self, name: &str) -> Option<&str> {
        self.sockets.get(&self.session(name)?)?.attachment.as_deref()
    }
}

/// Returns the `seqs` in the answer to a publish.
fn seqs(body: &str) -> Vec<u64> {
    #[derive(serde::Deserialize)]
    struct Published {
        seqs: Vec<u64>,
    }
    serde_json::from_str::<Published>(body).unwrap().seqs
}
