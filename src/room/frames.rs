//! Handling of frames from sessions. Each frame is counted, decoded, authorized
//! and performed.

use super::{Effect, PublishResult, Room};
use crate::code::{Code, Refusal};
use crate::guard::{Admission, not_text};
use crate::limits;
use crate::metrics;
use crate::protocol::{ClientFrame, Decoded, NewEvent, PONG, Ref, Right, ServerFrame, User};
use crate::publish_hook::checked;
use crate::session::{BridgeFrame, SessionId};
use crate::store::Store;
use crate::time::Millis;

impl<S: Store> Room<S> {
    pub(super) fn handle_text(&mut self, id: SessionId, text: &str, now: Millis) {
        let rates = self.frame_rates();
        self.count(&metrics::BYTES_RECEIVED, "", text.len() as u64);
        let Some(session) = self.sessions.get_mut(&id) else { return };
        match session.guard.admit(text.len(), rates, now) {
            Admission::Admitted => self.handle_admitted(id, text, now),
            Admission::OverRate(refusal) => self.over_rate(id, text, refusal, now),
            Admission::Close(refusal) => self.close(id, refusal),
        }
    }

    pub(super) fn handle_admitted(&mut self, id: SessionId, text: &str, now: Millis) {
        let Some(session) = self.sessions.get_mut(&id) else { return };
        match session.guard.queue_if_verifying(text) {
            None => self.handle_frame(id, text, now),
            Some(Ok(())) => {}
            Some(Err(refusal)) => {
                self.refuse_frame(id, ClientFrame::decode(text).reference.as_ref(), refusal);
            }
        }
    }

    /// Refuses a frame that exceeds the rate limit. The frame is decoded only
    /// to read its `ref`. A `seen` frame is performed anyway, because its
    /// session could wait for events forever if the frame were dropped.
    fn over_rate(&mut self, id: SessionId, text: &str, refusal: Refusal, now: Millis) {
        let Decoded { reference, frame } = ClientFrame::decode(text);
        self.count_frame(&frame);
        self.count(&metrics::RATE_LIMITED, "frames", 1);
        let done = match frame {
            Ok(ClientFrame::Seen(seq)) => self.seen(id, seq, now).map(drop),
            Ok(_) | Err(_) => Err(refusal),
        };
        if let Err(refusal) = done {
            self.refuse_frame(id, reference.as_ref(), refusal);
        }
    }

    fn handle_frame(&mut self, id: SessionId, text: &str, now: Millis) {
        let Decoded { reference, frame } = ClientFrame::decode(text);
        let kind = self.count_frame(&frame);
        match frame.and_then(|frame| self.perform(id, frame, reference.as_ref(), now)) {
            Ok(()) => self.accept_frame(id),
            Err(refusal) => {
                if refusal.code == Code::RateLimited {
                    self.count(&metrics::RATE_LIMITED, kind, 1);
                }
                self.refuse_frame(id, reference.as_ref(), refusal);
            }
        }
    }

    /// Counts a frame, and returns its kind.
    fn count_frame(&mut self, frame: &Result<ClientFrame, Refusal>) -> &'static str {
        let kind = frame.as_ref().map_or("invalid", ClientFrame::kind);
        self.count(&metrics::RECEIVED, kind, 1);
        kind
    }

    fn perform(
        &mut self,
        id: SessionId,
        frame: ClientFrame,
        reference: Option<&Ref>,
        now: Millis,
    ) -> Result<(), Refusal> {
        match frame {
            ClientFrame::Ping => self.send(id, PONG),
            ClientFrame::Auth { token } => self.request_verdict(id, token.into_owned(), now)?,
            ClientFrame::Publish(event) => self.publish_frame(id, &event, reference, now)?,
            ClientFrame::Signal(signal) => {
                let from = self.with_right(id, Right::Publish)?;
                self.signal(Some(id), &from, &signal)?;
            }
            ClientFrame::Seen(seq) => {
                if self.seen(id, seq, now)? >= limits::SEEN_UNCOUNTED_BYTES {
                    self.refund_frame(id);
                }
            }
            ClientFrame::Enter(data) => self.enter(id, data, now)?,
            ClientFrame::Leave => self.leave(id, now)?,
            ClientFrame::Members => self.request_members(id, now)?,
        }
        Ok(())
    }

    fn publish_frame(
        &mut self,
        id: SessionId,
        event: &NewEvent,
        reference: Option<&Ref>,
        now: Millis,
    ) -> Result<(), Refusal> {
        let from = self.with_right(id, Right::Publish)?;
        // The frame itself was counted when it arrived. The key costs one more
        // row, so the user is charged one unit for the key.
        if event.key.is_some() {
            self.charge_publish(&from, 1, now)?;
        }
        let published = self.publish_checked(event, &from, now)?;
        if let (Some(reference), Some(seq)) = (reference, published.seqs.first()) {
            let ack = ServerFrame::Ack { room: &self.name, reference, seq: *seq };
            self.send(id, ack.text());
        }
        Ok(())
    }

    /// Publishes an event that the operator's check accepts.
    fn publish_checked(
        &mut self,
        event: &NewEvent,
        from: &User,
        now: Millis,
    ) -> Result<PublishResult, Refusal> {
        let Some(hook) = self.publish_hook.clone() else {
            return self.publish(std::slice::from_ref(event), from, now);
        };
        let room = self.name.clone();
        checked(&*hook, &room, from, event, |event| {
            self.publish(std::slice::from_ref(event), from, now)
        })?
    }

    /// Returns the user of a session. Fails with `forbidden` if the session
    /// does not have the right, which an anonymous session never has.
    pub(super) fn with_right(&self, id: SessionId, right: Right) -> Result<User, Refusal> {
        let identity = self.joined(id).map(|joined| &joined.identity);
        // This lookup can't fail: an admitted frame always belongs to a
        // session.
        let identity = identity.ok_or_else(|| Refusal::bad_request("the session has ended"))?;
        identity.user_with(right).cloned()
    }

    /// Handles a binary frame. On a bridge's socket, the worker sends each
    /// [`BridgeFrame`] as a binary frame. A client can't send a
    /// [`BridgeFrame`], since a bridge forwards only text.
    pub(super) fn handle_binary(&mut self, id: SessionId, bytes: &[u8], now: Millis) {
        let rates = self.frame_rates();
        let Some(session) = self.sessions.get_mut(&id) else { return };
        if session.joined.bridged
            && let Ok(frame) = serde_json::from_slice(bytes)
        {
            return match frame {
                BridgeFrame::Identity(identity) => self.verified(id, Ok(identity), now),
                BridgeFrame::Pause { paused } => self.pause(id, paused, now),
            };
        }
        let admission = session.guard.admit(bytes.len(), rates, now);
        self.count(&metrics::BYTES_RECEIVED, "", bytes.len() as u64);
        self.count(&metrics::RECEIVED, "invalid", 1);
        match admission {
            Admission::Admitted => self.refuse_frame(id, None, not_text()),
            Admission::OverRate(refusal) => self.refuse_frame(id, None, refusal),
            Admission::Close(refusal) => self.close(id, refusal),
        }
    }

    /// Sends an error about a frame to its session, and closes the session
    /// after too many bad requests in a row.
    fn refuse_frame(&mut self, id: SessionId, reference: Option<&Ref>, refusal: Refusal) {
        let Some(session) = self.sessions.get_mut(&id) else { return };
        let before = session.guard.bad_requests();
        let counted = session.guard.refuse(refusal.code);
        let is_counted = session.guard.bad_requests() != before;
        let error = ServerFrame::Error {
            room: &self.name,
            reference,
            code: refusal.code.as_str(),
            message: &refusal.message,
            retry_after_ms: refusal.retry_after_ms,
        };
        self.send(id, error.text());
        match counted {
            Ok(()) if is_counted => self.save_attachment(id),
            Ok(()) => {}
            Err(refusal) => self.close(id, refusal),
        }
    }

    fn accept_frame(&mut self, id: SessionId) {
        let Some(session) = self.sessions.get_mut(&id) else { return };
        if session.guard.bad_requests() > 0 {
            session.guard.accept();
            self.save_attachment(id);
        }
    }

    fn refund_frame(&mut self, id: SessionId) {
        let rates = self.frame_rates();
        if let Some(session) = self.sessions.get_mut(&id) {
            session.guard.refund(rates);
        }
    }

    fn request_verdict(
        &mut self,
        id: SessionId,
        token: String,
        now: Millis,
    ) -> Result<(), Refusal> {
        let rates = self.frame_rates();
        if let Some(session) = self.sessions.get_mut(&id) {
            session.guard.await_verdict(rates, now)?;
            self.effects.push(Effect::Verify { session: id, token });
        }
        Ok(())
    }
}
