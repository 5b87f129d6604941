//! The core of a room, which applies inputs to the log and the sessions, and
//! returns effects.
//!
//! This module performs no I/O and reads no clock. It receives an [`Input`] and
//! the time, and returns a list of [`Effect`]s. The edge must perform the
//! effects in the order of the list before it handles the next input. One rule
//! determines the order: **an event is durable before any effect mentions it.**

mod broadcast;
mod frames;
mod join;
mod presence;
mod rates;
mod replay;
mod reporting;
mod requests;
mod session_count;
mod signals;
mod timers;
mod transfer;
mod webhooks;
mod window;

use std::rc::Rc;

use litemap::LiteMap;

use crate::auth::Identity;
use crate::code::{Code, Refusal};
use crate::guard::FrameRates;
use crate::log::{AppendError, Log};
use crate::presence::{LeaveMode, Presence};
use crate::protocol::{NewEvent, RoomName, Seq, Start, User};
use crate::publish_hook::PublishHook;
use crate::rate::Rate;
use crate::route::Request;
use crate::session::{Joined, Session, SessionId, SessionSet, Transport};
use crate::settings::Settings;
use crate::store::{Store, StoreError};
use crate::time::Millis;
use crate::webhooks::Queue;
use broadcast::Broadcaster;
use rates::UserBuckets;
use replay::Replayer;
use reporting::Reporting;
use signals::Signals;
use timers::AlarmState;
use webhooks::Webhooks;
pub use window::IfUnread;
use window::Window;

/// An input of a room.
#[derive(Debug)]
pub enum Input<'a> {
    /// A socket was opened for a new session. The edge accepts the socket
    /// unless the effects close it.
    Join { session: SessionId, identity: Identity, start: Start, bridge: Bridge },
    /// The session sent a text frame.
    Text { session: SessionId, text: &'a str },
    /// The session sent a binary frame.
    Binary { session: SessionId, bytes: &'a [u8] },
    /// The result of an [`Effect::Verify`].
    Verified { session: SessionId, verdict: Result<Identity, Refusal> },
    /// The session's socket closed. `code` is the code in the peer's Close
    /// frame, or `None` if sending to the socket failed.
    Gone { session: SessionId, code: Option<u16> },
    /// An HTTP request. The worker has already checked the right that the
    /// request needs.
    /// `takes_report` says whether the worker delivers the room's report.
    Request { by: Identity, request: Request, body: &'a str, takes_report: bool },
    /// The replay continues, because the inputs that were waiting when
    /// [`Effect::ContinueReplay`] was requested have been handled.
    ContinueReplay,
    /// The batch of an [`Effect::ScheduleBroadcast`] ended.
    Broadcast,
    /// The window of an [`Effect::ScheduleFlush`] ended.
    Flush,
    /// The result of an [`Effect::QueryPings`]. `at` lists each session with
    /// the time at which the runtime last answered a ping of that session. A
    /// session that never sent a ping is not listed.
    Pings { at: Vec<(SessionId, Millis)> },
    /// The sessions that an [`Effect::Offer`] skipped because they don't read
    /// their frames.
    Withheld { from: Vec<SessionId>, if_unread: IfUnread },
    /// The alarm fired. It may fire late, early or twice.
    Alarm,
    /// The result of an [`Effect::QueryAlarm`]. `at` is `None` if no alarm is
    /// set or its time can't be read.
    AlarmTime { at: Option<Millis> },
    /// The wait of an [`Effect::ScheduleReport`] ended.
    Report,
    /// The result of an [`Effect::Deliver`]. `failure` says why the receiver did
    /// not accept the batch.
    Delivered { batch: String, failure: Option<String> },
}

/// The way in which a client reaches a socket of the room.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bridge {
    pub transport: Transport,
    /// Flow control window of a bridge's socket in bytes. `None` for a client's
    /// socket, and for a bridge that forwards the client's own frames.
    pub window_bytes: Option<u64>,
}

/// An action that the edge must perform.
#[derive(Debug, PartialEq, Eq)]
pub enum Effect {
    /// Send one text to each of these sessions.
    Send {
        to: Vec<SessionId>,
        text: Rc<str>,
    },
    /// Send the texts to each of these sessions, but skip a session whose
    /// socket has [`crate::limits::UNSENT_BYTES`] or more unsent bytes. Return
    /// the skipped sessions as [`Input::Withheld`].
    Offer {
        to: Vec<SessionId>,
        texts: Vec<Rc<str>>,
        if_unread: IfUnread,
    },
    /// Replace the attachment of the session's socket. The attachment survives
    /// hibernation.
    SaveAttachment {
        session: SessionId,
        attachment: String,
    },
    Close {
        session: SessionId,
        refusal: Refusal,
    },
    /// Verify the token, and return the result as [`Input::Verified`].
    Verify {
        session: SessionId,
        token: String,
    },
    /// Answer the HTTP request that was the input.
    Answer(Answer),
    /// Set the object's alarm to this time. The object has only one alarm, so
    /// the new time replaces the old time.
    SetAlarm {
        at: Millis,
    },
    /// Read the time of the alarm, and return it as [`Input::AlarmTime`]. The
    /// read costs no billed row.
    QueryAlarm,
    /// Send [`Input::ContinueReplay`] after the inputs that are already
    /// waiting.
    ContinueReplay,
    /// Send [`Input::Broadcast`] after `after_ms` milliseconds.
    ScheduleBroadcast {
        after_ms: u64,
    },
    /// Send [`Input::Flush`] after `after_ms` milliseconds.
    ScheduleFlush {
        after_ms: u64,
    },
    /// For each of these sessions, read the time at which the runtime last
    /// answered a ping. Return the times as [`Input::Pings`]. A ping does not
    /// load the room, so the room does not know these times.
    QueryPings {
        of: Vec<SessionId>,
    },
    /// Send a report ([`crate::report`]) to the directory, without waiting for
    /// the result.
    SendReport {
        text: String,
    },
    /// Pass the report to the worker with the answer.
    PassReport {
        text: String,
    },
    /// Send [`Input::Report`] after `after_ms` milliseconds.
    ScheduleReport {
        after_ms: u64,
    },
    /// Sign the body and send it to the room's webhook, and return the result as
    /// [`Input::Delivered`]. At most one batch of a room is being delivered.
    Deliver {
        batch: String,
        body: String,
    },
    /// Drop the room from memory, because it was erased. Load a new room for
    /// the next input.
    Unload,
    /// Write a line to the operator's log. `event` is its kind.
    LogError {
        event: &'static str,
        cause: String,
    },
}

/// The answer to an HTTP request.
#[derive(Debug, PartialEq, Eq)]
pub enum Answer {
    Ok { body: String },
    Created { body: String },
    Accepted,
    NoContent,
    Refused(Refusal),
}

pub struct Room<S> {
    name: RoomName,
    settings: Settings,
    log: Log<S>,
    publish_hook: Option<Rc<dyn PublishHook>>,
    /// The sessions of the room. Each session is boxed, so that this map can
    /// share its compiled code with other maps whose values have the same
    /// shape.
    sessions: LiteMap<SessionId, Box<Session>>,
    /// Whether the sessions of the open sockets are restored. The first input
    /// that needs the sessions restores them.
    sessions_restored: bool,
    /// Number of sessions of each user, and of anonymous sessions (`None`).
    sessions_by_user: LiteMap<Option<User>, usize>,
    broadcaster: Broadcaster,
    replayer: Replayer,
    /// The flush window, which limits the sending of signals and members.
    window: Window,
    signals: Signals,
    presence: Presence,
    /// Whether a change of the members must be sent at the end of the flush
    /// window.
    members_changed: bool,
    /// Sessions that don't read their frames. Each of these sessions is sent
    /// the whole list of members when it reads again.
    unread: SessionSet,
    /// Sessions that the current input disconnected.
    disconnected: Vec<(Option<User>, SessionId, LeaveMode)>,
    publishers: UserBuckets,
    readers: UserBuckets,
    alarm: AlarmState,
    /// A time before which no session expires. The first session may expire
    /// later than this time.
    next_expiry: Millis,
    loaded_since: Millis,
    reporting: Reporting,
    /// The notifications for the operator's webhook, if the room has one.
    webhooks: Option<Webhooks>,
    /// Number of sessions that was last sent to the sessions that requested it.
    counted_sessions: Option<usize>,
    effects: Vec<Effect>,
}

impl<S: Store> Room<S> {
    /// Loads the room from its store. The epoch of a new room is computed from
    /// `random`.
    ///
    /// Fails if the store fails, or if a row is damaged.
    pub fn load(
        name: RoomName,
        settings: Settings,
        store: S,
        now: Millis,
        random: u64,
    ) -> Result<Self, StoreError> {
        let rows_before = store.rows_written();
        let queue = settings.webhook_url.then(|| Queue::read(&store)).transpose()?;
        let (log, meta_written) = Log::open(store, settings, now, random)?;
        let broadcaster = Broadcaster::new(log.head(), log.end_offset());
        let webhooks = queue
            .map(|stored| Webhooks::new(Queue::new(stored, settings.webhook_events, log.head())));
        Ok(Self {
            name,
            settings,
            log,
            publish_hook: None,
            sessions: LiteMap::new(),
            sessions_restored: false,
            sessions_by_user: LiteMap::new(),
            broadcaster,
            replayer: Replayer::default(),
            window: Window::default(),
            signals: Signals::default(),
            presence: Presence::default(),
            members_changed: false,
            unread: LiteMap::new(),
            disconnected: Vec::new(),
            publishers: UserBuckets::default(),
            readers: UserBuckets::default(),
            // If the row about the room has just been written, the current
            // input must also set the alarm. Otherwise, an alarm is already
            // set, but its time is unknown.
            alarm: if meta_written { AlarmState::NotSet } else { AlarmState::Unknown },
            next_expiry: Millis::MAX,
            loaded_since: now,
            reporting: Reporting::new(now, rows_before),
            webhooks,
            counted_sessions: None,
            effects: Vec::new(),
        })
    }

    /// Adds the operator's check of the events that sessions publish.
    #[must_use]
    pub fn with_publish_hook(self, publish_hook: Option<Rc<dyn PublishHook>>) -> Self {
        Self { publish_hook, ..self }
    }

    /// Returns whether an input needs the sessions. If the input needs the
    /// sessions, the edge must restore them before it handles the input. An
    /// input that only reads the log does not need the sessions, so its cost
    /// does not depend on the number of sessions. But an input that must set
    /// the alarm needs the deadline of every session.
    pub fn needs_sessions(&self, input: &Input) -> bool {
        match input {
            Input::AlarmTime { at } => at.is_none(),
            Input::Report => false,
            Input::Request {
                request: Request::Page(_) | Request::State | Request::Export(_),
                ..
            } => self.alarm == AlarmState::NotSet,
            _ => true,
        }
    }

    /// Returns whether the sessions are restored.
    pub fn sessions_restored(&self) -> bool {
        self.sessions_restored
    }

    /// Restores the sessions of the open sockets. The edge must perform the
    /// effects before it handles the next input.
    pub fn restore_sessions(
        &mut self,
        sessions: Vec<(SessionId, Session)>,
        now: Millis,
    ) -> Vec<Effect> {
        self.sessions_restored = true;
        for (id, session) in sessions {
            self.insert_session(id, session);
        }
        self.counted_sessions = Some(self.sessions.len());
        self.restore_reports();
        self.restore_replays();
        self.restore_presence(now);
        self.end_lost_items();
        self.store_notifications(now);
        self.arm(self.next_due(now), now);
        self.schedule_flush();
        // The input that follows reports what these effects change.
        self.count_effects();
        std::mem::take(&mut self.effects)
    }

    /// Handles one input. The edge must perform the effects in the order of the
    /// list.
    pub fn handle(&mut self, input: Input, now: Millis) -> Vec<Effect> {
        if self.needs_sessions(&input) {
            self.close_expired_sessions(now);
        }
        self.reporting.renew_period(now);
        let to_worker = matches!(input, Input::Request { takes_report: true, .. });
        match input {
            Input::Join { session, identity, start, bridge } => {
                self.join(session, identity, start, bridge, now);
            }
            Input::Text { session, text } => {
                self.touch(session, now);
                self.handle_text(session, text, now);
            }
            Input::Binary { session, bytes } => {
                self.touch(session, now);
                self.handle_binary(session, bytes, now);
            }
            Input::Verified { session, verdict } => self.verified(session, verdict, now),
            Input::Gone { session, code } => {
                self.remove(session, LeaveMode::by_close_code(code), code);
            }
            Input::Request { by, request, body, .. } => {
                self.handle_request(&by, request, body, now);
            }
            Input::ContinueReplay => self.continue_replay(now),
            Input::Broadcast => self.end_batch(now),
            Input::Flush => self.end_window(now),
            Input::Pings { at } => self.handle_pings(at, now),
            Input::Withheld { from, if_unread } => self.withheld(from, if_unread, now),
            Input::Alarm => self.alarm(now),
            Input::AlarmTime { at } => self.handle_alarm_time(at, now),
            Input::Report => self.reporting.end_wait(),
            Input::Delivered { batch, failure } => self.delivered(&batch, failure, now),
        }
        self.process_disconnects(now);
        self.save_presence();
        self.store_notifications(now);
        self.deliver_batch(now);
        self.query_alarm();
        self.send_session_count();
        self.schedule_flush();
        self.report(to_worker, now);
        std::mem::take(&mut self.effects)
    }

    /// Appends events, and then broadcasts them. Only this method creates
    /// events.
    fn publish(
        &mut self,
        events: &[NewEvent],
        from: &User,
        now: Millis,
    ) -> Result<PublishResult, Refusal> {
        let appended = self.log.append(events, from, now).map_err(|error| match error {
            AppendError::Refused(refusal) => refusal,
            AppendError::Store(cause) => self.storage_failed(&cause),
        })?;
        let is_repeat = appended.fresh.is_none();
        if let Some(range) = appended.fresh {
            self.broadcast(&range, now);
        }
        Ok(PublishResult { seqs: appended.seqs, is_repeat })
    }

    fn joined(&self, id: SessionId) -> Option<&Joined> {
        self.sessions.get(&id).map(|session| &session.joined)
    }

    fn joined_mut(&mut self, id: SessionId) -> Option<&mut Joined> {
        self.sessions.get_mut(&id).map(|session| &mut session.joined)
    }

    /// Sends an answer. The socket is checked after every
    /// [`crate::limits::UNSENT_BYTES`] of answers. If the check finds that the
    /// session doesn't read its answers, the session is closed.
    fn send(&mut self, to: SessionId, text: impl Into<Rc<str>>) {
        let text = text.into();
        let session = self.sessions.get_mut(&to);
        let must_check = session.is_some_and(|session| session.count_answer(text.len()));
        let to = vec![to];
        self.effects.push(match must_check {
            true => Effect::Offer { to, texts: vec![text], if_unread: IfUnread::Close },
            false => Effect::Send { to, text },
        });
    }

    /// Closes a session. Pending events are sent first, because one of these
    /// events may be the reason for the close.
    fn close(&mut self, session: SessionId, refusal: Refusal) {
        self.flush_broadcast();
        self.remove(session, LeaveMode::by_refusal(refusal.code), refusal.code.close_code());
        self.effects.push(Effect::Close { session, refusal });
    }

    /// Unloads the room after its log was erased. Erasing the log also deleted
    /// the alarm, so no remaining effect may set an alarm.
    fn unload(&mut self) {
        self.disconnected.clear();
        self.webhooks = None;
        self.alarm = AlarmState::NotSet;
        self.effects.retain(|effect| !matches!(effect, Effect::SetAlarm { .. }));
        self.effects.push(Effect::Unload);
    }

    /// Reports a storage error. The cause is written to the operator's log. The
    /// client receives only the code `internal`, which says that the client did
    /// not cause the error.
    fn storage_failed(&mut self, cause: &StoreError) -> Refusal {
        self.effects.push(Effect::LogError { event: "room_failed", cause: cause.to_string() });
        Refusal::new(Code::Internal, "an internal error occurred in the room; try again")
    }

    fn frame_rates(&self) -> FrameRates {
        let Settings { frames_per_second: per_second, frames_burst: burst, .. } = self.settings;
        FrameRates::of(Rate { per_second, burst })
    }
}

fn check_limit(count: usize, limit: usize, what: &str) -> Result<(), Refusal> {
    if count < limit {
        return Ok(());
    }
    Err(Refusal::new(
        Code::RoomFull,
        format!("{count} {what}, which is the limit; try again later"),
    ))
}

/// The result of a publish: a seq for each event, and whether all events were
/// repeats.
struct PublishResult {
    seqs: Vec<Seq>,
    is_repeat: bool,
}
