//! Execution of the room's effects: frames to send, sockets to close, alarms,
//! timers and verdicts.

use std::rc::Rc;

use js_sys::Array;
use wasm_bindgen::JsValue;
use wasm_bindgen_futures::spawn_local;

use super::super::config::Config;
use super::super::log::{self, Level};
use super::super::{platform, verifier, webhooks};
use super::{LoadedRoom, Object, Performed};
use crate::auth::Claims;
use crate::code::{Code, Refusal};
use crate::directory::shard_of;
use crate::protocol::RoomName;
use crate::room::{Effect, Input};
use crate::session::SessionId;

impl Object {
    /// Performs effects in the order of the list, and then handles the inputs
    /// that these effects cause.
    pub(super) fn perform_all(
        self: &Rc<Self>,
        loaded: &mut LoadedRoom,
        mut effects: Vec<Effect>,
    ) -> Performed {
        let mut performed = Performed::default();
        loop {
            for effect in effects {
                self.perform(loaded, effect, &mut performed);
            }
            let Some(input) = performed.inputs.pop_front() else { return performed };
            effects = loaded.room.handle(input, platform::now());
        }
    }

    /// Sends the first frames of new sockets. An unloaded room has no sockets.
    pub(super) fn send_first_frames(self: &Rc<Self>) {
        let dead = match &mut *self.loaded.borrow_mut() {
            Some(loaded) => loaded.sockets.send_first_frames(),
            None => return,
        };
        for session in dead {
            self.handle_event(Input::Gone { session, code: None });
        }
    }

    fn perform(
        self: &Rc<Self>,
        loaded: &mut LoadedRoom,
        effect: Effect,
        performed: &mut Performed,
    ) {
        match effect {
            Effect::Send { to, text } => send(loaded, &to, text, performed),
            Effect::Offer { to, texts, if_unread } => {
                let (reading, from) = loaded.sockets.split_readers(to);
                for text in texts {
                    send(loaded, &reading, text, performed);
                }
                if !from.is_empty() {
                    performed.inputs.push_back(Input::Withheld { from, if_unread });
                }
            }
            Effect::SaveAttachment { session, attachment } => {
                if let Err(cause) = loaded.sockets.save_attachment(session, &attachment) {
                    log::room_failed(loaded.name.as_str(), &format!("{cause:?}"));
                }
            }
            Effect::Close { session, refusal } => {
                log_close(&loaded.name, session, &refusal);
                loaded.sockets.close(session, &refusal);
            }
            Effect::Verify { session, token } => {
                match verifier::claims_without_wait(&loaded.config, &token) {
                    Some(claims) => {
                        let verdict = verdict(session, claims, &loaded.config, &loaded.name);
                        performed.inputs.push_back(verdict);
                    }
                    None => self.verify_later(
                        session,
                        token,
                        Rc::clone(&loaded.config),
                        loaded.name.clone(),
                    ),
                }
            }
            Effect::Answer(answer) => performed.answer = Some(answer),
            Effect::SetAlarm { at } => {
                if let Err(cause) = platform::set_alarm(&self.state.storage(), at) {
                    log::room_failed(loaded.name.as_str(), &format!("{cause:?}"));
                }
            }
            Effect::QueryPings { of } => {
                let at = loaded.sockets.pinged(&self.state, &of);
                performed.inputs.push_back(Input::Pings { at });
            }
            Effect::QueryAlarm => self.query_alarm(),
            Effect::ContinueReplay => {
                self.later(0, |object| object.handle_event(Input::ContinueReplay))
            }
            Effect::ScheduleBroadcast { after_ms } => {
                self.later(after_ms, |object| object.handle_event(Input::Broadcast))
            }
            Effect::ScheduleFlush { after_ms } => {
                self.later(after_ms, |object| object.handle_event(Input::Flush))
            }
            Effect::SendReport { text } => self.send_report(&loaded.name, &text),
            Effect::PassReport { text } => performed.report = Some(text),
            Effect::ScheduleReport { after_ms } => {
                self.later(after_ms, |object| object.handle_event(Input::Report))
            }
            Effect::Deliver { batch, body } => self.deliver(loaded, batch, body),
            Effect::Unload => performed.unload = true,
            Effect::LogError { event, cause } => {
                log::error(event, &[("room", loaded.name.as_str()), ("cause", &cause)]);
            }
        }
    }

    fn verify_later(
        self: &Rc<Self>,
        session: SessionId,
        token: String,
        config: Rc<Config>,
        name: RoomName,
    ) {
        let object = Rc::clone(self);
        spawn_local(async move {
            let claims = verifier::claims(&config, &token).await;
            object.handle_event(verdict(session, claims, &config, &name));
        });
    }

    /// Delivers a batch of webhook notifications. The object stays active until the
    /// receiver answers, or until the time limit of the delivery.
    fn deliver(self: &Rc<Self>, loaded: &LoadedRoom, batch: String, body: String) {
        let object = Rc::clone(self);
        let (config, name) = (Rc::clone(&loaded.config), loaded.name.clone());
        spawn_local(async move {
            let failure = webhooks::send(&config, &name, &batch, &body).await;
            object.handle_event(Input::Delivered { batch, failure });
        });
    }

    /// Reads the time of the alarm, and passes it to the room. If the time
    /// can't be read, the room sets the alarm. Setting the alarm costs a billed
    /// row but is safe.
    fn query_alarm(self: &Rc<Self>) {
        let object = Rc::clone(self);
        spawn_local(async move {
            let at = platform::alarm(&object.state.storage()).await.unwrap_or_else(|cause| {
                log::error("alarm_unreadable", &[("cause", &format!("{cause:?}"))]);
                None
            });
            object.handle_event(Input::AlarmTime { at });
        });
    }

    /// Sends a report to the room's shard of the directory. Nothing waits for the
    /// result.
    fn send_report(&self, room: &RoomName, text: &str) {
        let texts = Array::of1(&JsValue::from_str(text));
        drop(platform::send_reports(&self.env, shard_of(room.as_str()), &texts));
    }

    pub(super) fn later(self: &Rc<Self>, after_ms: u64, act: fn(&Rc<Self>)) {
        let object = Rc::clone(self);
        platform::set_timeout(after_ms, move || act(&object));
    }
}

/// Logs that the room closes a session. Some codes are part of normal operation.
fn log_close(room: &RoomName, session: SessionId, refusal: &Refusal) {
    let level = match refusal.code {
        Code::TokenExpired | Code::Kicked | Code::Erased | Code::Restarting => Level::Info,
        _ => Level::Warn,
    };
    let (session, code) = (session.to_string(), refusal.code.as_str());
    let fields = [("room", room.as_str()), ("session", &session), ("code", code)];
    log::write(level, "session_closed", &fields);
}

/// Sends a text to sessions. If the socket of a session is dead, the session is
/// disconnected.
fn send(loaded: &mut LoadedRoom, to: &[SessionId], text: Rc<str>, performed: &mut Performed) {
    for session in loaded.sockets.send(to, text) {
        loaded.sockets.remove(session);
        performed.inputs.push_back(Input::Gone { session, code: None });
    }
}

fn verdict(
    session: SessionId,
    claims: std::result::Result<Claims, Refusal>,
    config: &Config,
    room: &RoomName,
) -> Input<'static> {
    let verdict = claims.map(|claims| config.public_rooms.identity_of(&claims, room));
    Input::Verified { session, verdict }
}
