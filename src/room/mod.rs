//! The room: who does what to the log, and who hears of it.
//!
//! It performs no I/O and reads no clock. An [`Input`] and the time go in, a
//! list of [`Effect`]s comes out, to be performed in their order before the
//! next input. One rule holds it together: **an event is durable before any
//! effect speaks of it.**

mod broadcast;
mod frames;
mod join;
mod presence;
mod rates;
mod replay;
mod requests;
mod signals;
mod timers;
mod window;

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use crate::auth::Identity;
use crate::code::{Code, Refusal};
use crate::guard::FrameRates;
use crate::log::{AppendError, Log};
use crate::presence::{LeaveMode, Presence};
use crate::protocol::{NewEvent, RoomName, Seq, Start, User};
use crate::rate::Rate;
use crate::route::Request;
use crate::session::{Joined, Session, SessionId};
use crate::settings::Settings;
use crate::store::{Store, StoreError};
use crate::time::Millis;
use broadcast::Broadcaster;
use rates::UserBuckets;
use replay::Replayer;
use signals::Signals;
use timers::AlarmState;
pub use window::Otherwise;
use window::Window;

/// What happens to a room.
#[derive(Debug)]
pub enum Input<'a> {
    /// A socket asks to join. It is accepted unless the effects close it.
    /// `bridge` is the flow control window, in bytes, of a socket that the
    /// worker opened for a reader of its own.
    Join { session: SessionId, identity: Identity, start: Start, bridge_window_bytes: Option<u64> },
    /// A text frame came.
    Text { session: SessionId, text: &'a str },
    /// A binary frame came.
    Binary { session: SessionId, bytes: &'a [u8] },
    /// What became of the token of an [`Effect::Verify`].
    Verified { session: SessionId, verdict: Result<Identity, Refusal> },
    /// The socket closed, with the code of the peer's Close, or turned out to
    /// be dead.
    Gone { session: SessionId, code: Option<u16> },
    /// An HTTP request, whose right the worker has checked.
    Request { by: Identity, request: Request, body: &'a str },
    /// The turn that [`Effect::ContinueReplay`] asked for.
    ContinueReplay,
    /// The window that [`Effect::ScheduleBroadcast`] asked for has ended.
    Broadcast,
    /// The window that [`Effect::ScheduleFlush`] asked for has ended.
    Flush,
    /// When the pings of an [`Effect::QueryPings`] were answered, as far as the
    /// runtime knows of any.
    Pings { at: Vec<(SessionId, Millis)> },
    /// Sessions that were left out of an [`Effect::Offer`].
    Withheld { from: Vec<SessionId>, otherwise: Otherwise },
    /// The alarm rang; it may ring late, early or twice.
    Alarm,
    /// What the alarm is set to, as [`Effect::QueryAlarm`] asked; `None` if none
    /// is set, or that can't be told.
    AlarmTime { at: Option<Millis> },
}

/// What the edge is to do.
#[derive(Debug, PartialEq, Eq)]
pub enum Effect {
    /// Send one text to each of these.
    Send {
        to: Vec<SessionId>,
        text: Rc<str>,
    },
    /// Send texts, in one go, to those of these that read what they are sent:
    /// less than [`crate::limits::UNSENT_BYTES`] wait for them. Say in
    /// [`Input::Withheld`] who was left out.
    Offer {
        to: Vec<SessionId>,
        texts: Vec<Rc<str>>,
        otherwise: Otherwise,
    },
    /// Replace what the session's socket carries through sleep.
    SaveAttachment {
        session: SessionId,
        attachment: String,
    },
    Close {
        session: SessionId,
        refusal: Refusal,
    },
    /// Say in [`Input::Verified`] whom this token speaks for.
    Verify {
        session: SessionId,
        token: String,
    },
    /// Answer the HTTP request that was the input.
    Answer(Answer),
    /// Set the one alarm to this time, in place of any other.
    SetAlarm {
        at: Millis,
    },
    /// Say in [`Input::AlarmTime`] what the alarm is set to: a read, which
    /// costs no row.
    QueryAlarm,
    /// Come back with [`Input::ContinueReplay`] when other inputs have had theirs.
    ContinueReplay,
    /// Come back with [`Input::Broadcast`] after this.
    ScheduleBroadcast {
        after_ms: u64,
    },
    /// Come back with [`Input::Flush`] after this.
    ScheduleFlush {
        after_ms: u64,
    },
    /// Say in [`Input::Pings`] when the runtime last answered a ping of each
    /// of these without waking the room.
    QueryPings {
        of: Vec<SessionId>,
    },
    /// The room is erased: drop it, and wake a new one for the next input.
    Unload,
    /// Tell the operator.
    LogError {
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
    /// Boxed: the compiler makes one map of all whose entries look the same.
    sessions: BTreeMap<SessionId, Box<Session>>,
    /// Whether those that its open sockets kept have yet to be taken up.
    sessions_restored: bool,
    /// How many of them each user has.
    sessions_by_user: BTreeMap<User, usize>,
    broadcaster: Broadcaster,
    replayer: Replayer,
    /// In which signals and members are sent.
    window: Window,
    signals: Signals,
    presence: Presence,
    /// Whether something of the members waits for the end of the window.
    members_changed: bool,
    /// Sessions that did not read what they were sent, and are to be listed the
    /// members when they do.
    unread: BTreeSet<SessionId>,
    /// Sessions whose sockets this input has lost.
    disconnected: Vec<(User, SessionId, LeaveMode)>,
    publishers: UserBuckets,
    readers: UserBuckets,
    alarm: AlarmState,
    /// No session ends before this, as far as is known: one may end later.
    first_end: Millis,
    loaded_since: Millis,
    effects: Vec<Effect>,
}

impl<S: Store> Room<S> {
    /// Builds the room from what is stored: its sessions are taken up when they
    /// are needed. `random` becomes the epoch of a room that is new.
    pub fn load(
        name: RoomName,
        settings: Settings,
        store: S,
        now: Millis,
        random: u64,
    ) -> Result<Self, StoreError> {
        let (log, is_new) = Log::open(store, settings, now, random)?;
        let broadcaster = Broadcaster::new(log.head(), log.end_offset());
        Ok(Self {
            name,
            settings,
            log,
            sessions: BTreeMap::new(),
            sessions_restored: false,
            sessions_by_user: BTreeMap::new(),
            broadcaster,
            replayer: Replayer::default(),
            window: Window::default(),
            signals: Signals::default(),
            presence: Presence::default(),
            members_changed: false,
            unread: BTreeSet::new(),
            disconnected: Vec::new(),
            publishers: UserBuckets::default(),
            readers: UserBuckets::default(),
            // It is set in the transaction that writes the row about the room.
            alarm: if is_new { AlarmState::NotSet } else { AlarmState::Unknown },
            first_end: Millis::MAX,
            loaded_since: now,
            effects: Vec::new(),
        })
    }

    /// Whether an input needs the sessions, so that those that sleep are taken
    /// up before it: who only reads the log needs none of them, however many
    /// there are. But where an alarm has to be set, it is set for all.
    pub fn needs_sessions(&self, input: &Input) -> bool {
        match input {
            Input::AlarmTime { at } => at.is_none(),
            Input::Request { request: Request::Page(_) | Request::State, .. } => {
                self.alarm == AlarmState::NotSet
            }
            _ => true,
        }
    }

    /// Whether the sessions have yet to be taken up.
    pub fn sessions_restored(&self) -> bool {
        self.sessions_restored
    }

    /// Takes up the sessions that its open sockets kept. The effects are to be
    /// performed before the next input.
    pub fn restore_sessions(
        &mut self,
        sessions: Vec<(SessionId, Session)>,
        now: Millis,
    ) -> Vec<Effect> {
        self.sessions_restored = true;
        for (id, session) in sessions {
            self.insert_session(id, session);
        }
        self.restore_replays();
        self.restore_presence(now);
        self.arm(self.next_due(now), now);
        self.schedule_flush();
        std::mem::take(&mut self.effects)
    }

    /// Takes one input. The effects are to be performed in their order.
    pub fn handle(&mut self, input: Input, now: Millis) -> Vec<Effect> {
        if self.needs_sessions(&input) {
            self.end_due_sessions(now);
        }
        match input {
            Input::Join { session, identity, start, bridge_window_bytes } => {
                self.join(session, identity, start, bridge_window_bytes, now);
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
            Input::Gone { session, code } => self.remove(session, LeaveMode::by_close_code(code)),
            Input::Request { by, request, body } => self.answer(&by, request, body, now),
            Input::ContinueReplay => self.continue_replay(now),
            Input::Broadcast => self.end_batch(now),
            Input::Flush => self.window_ends(now),
            Input::Pings { at } => self.handle_pings(at, now),
            Input::Withheld { from, otherwise } => self.withheld(from, otherwise, now),
            Input::Alarm => self.alarm(now),
            Input::AlarmTime { at } => self.alarm_is_set_to(at, now),
        }
        self.process_disconnects(now);
        self.save_presence();
        self.query_alarm();
        self.schedule_flush();
        std::mem::take(&mut self.effects)
    }

    /// The one way in which an event comes to be: appended, then broadcast.
    fn publish(
        &mut self,
        events: &[NewEvent],
        from: &User,
        now: Millis,
    ) -> Result<Published, Refusal> {
        let appended = self.log.append(events, from, now).map_err(|error| match error {
            AppendError::Refused(refusal) => refusal,
            AppendError::Store(cause) => self.broken(&cause),
        })?;
        let is_repeat = appended.fresh.is_none();
        if let Some(range) = appended.fresh {
            self.broadcast(&range, now);
        }
        Ok(Published { seqs: appended.seqs, is_repeat })
    }

    fn joined(&self, id: SessionId) -> Option<&Joined> {
        self.sessions.get(&id).map(|session| &session.joined)
    }

    fn joined_mut(&mut self, id: SessionId) -> Option<&mut Joined> {
        self.sessions.get_mut(&id).map(|session| &mut session.joined)
    }

    /// Sends an answer. Whether answers are read is looked at now and then.
    fn send(&mut self, to: SessionId, text: impl Into<Rc<str>>) {
        let text = text.into();
        let session = self.sessions.get_mut(&to);
        let is_unsure = session.is_some_and(|session| session.counts_answer(text.len()));
        let to = vec![to];
        self.effects.push(match is_unsure {
            true => Effect::Offer { to, texts: vec![text], otherwise: Otherwise::Close },
            false => Effect::Send { to, text },
        });
    }

    /// What was published before is sent before: it may be the reason.
    fn close(&mut self, session: SessionId, refusal: Refusal) {
        self.flush_broadcast();
        self.remove(session, LeaveMode::by_refusal(refusal.code));
        self.effects.push(Effect::Close { session, refusal });
    }

    /// The log is erased, and the alarm with it: none is set behind that.
    fn unload(&mut self) {
        self.disconnected.clear();
        self.alarm = AlarmState::NotSet;
        self.effects.retain(|effect| !matches!(effect, Effect::SetAlarm { .. }));
        self.effects.push(Effect::Unload);
    }

    /// The operator is told the cause, the client only that it was not its
    /// fault.
    fn broken(&mut self, cause: &StoreError) -> Refusal {
        self.effects.push(Effect::LogError { cause: format!("room {}: {cause}", self.name) });
        Refusal::new(Code::Internal, "the room could not do this; try again")
    }

    fn frame_rates(&self) -> FrameRates {
        let Settings { frames_per_second: per_second, frames_burst: burst, .. } = self.settings;
        FrameRates::of(Rate { per_second, burst })
    }
}

fn full_at(count: usize, limit: usize, what: &str) -> Result<(), Refusal> {
    if count < limit {
        return Ok(());
    }
    Err(Refusal::new(
        Code::RoomFull,
        format!("{count} {what}, which is as many as may be; try again later"),
    ))
}

/// What a publish came to: a seq for each event, and whether none was new.
struct Published {
    seqs: Vec<Seq>,
    is_repeat: bool,
}
