//! Frames from a session: decoded, counted against its rate, asked for the
//! right, and done.

use super::{Effect, Room};
use crate::auth::Right;
use crate::code::{Code, Refusal};
use crate::limits;
use crate::protocol::{ClientFrame, Decoded, NewEvent, PONG, Ref, ServerFrame, User};
use crate::session::SessionId;
use crate::store::Store;
use crate::time::Millis;

impl<S: Store> Room<S> {
    pub(super) fn text(&mut self, id: SessionId, text: &str, now: Millis) {
        let rate = self.frame_rate();
        let Some(session) = self.sessions.get_mut(&id) else { return };
        // The alarm may be late; the end of a grant is not.
        if session.deadline() <= now {
            return self.end(id);
        }
        if text.len() > limits::BODY_BYTES {
            return self.close(
                id,
                Refusal::too_large(format!("a frame may be {} bytes", limits::BODY_BYTES)),
            );
        }
        let Decoded { reference, frame } = ClientFrame::decode(text);
        if let Some(held) = &mut session.held {
            if !held.push(text) {
                let refusal =
                    Refusal::rate_limited("too many frames wait for the verdict on a token", 1_000);
                self.refuse_frame(id, reference.as_ref(), refusal);
            }
            return;
        }
        let in_rate = match frame {
            // It lets the room send, and costs it nothing that was not its own.
            Ok(ClientFrame::Seen(_)) => Ok(()),
            _ => session.take_frame(rate, now).map_err(|retry_after_ms| {
                let message = format!("a session may send {} frames a second", rate.per_second);
                Refusal::rate_limited(message, retry_after_ms)
            }),
        };
        match in_rate.and(frame).and_then(|frame| self.perform(id, frame, reference.as_ref(), now))
        {
            Ok(()) => self.count_bad_requests(id, 0),
            Err(refusal) => self.refuse_frame(id, reference.as_ref(), refusal),
        }
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
            ClientFrame::Auth { token } => self.ask_for_verdict(id, token.into_owned()),
            ClientFrame::Publish(event) => self.publish_frame(id, &event, reference, now)?,
            ClientFrame::Signal(signal) => {
                let from = self.with_right(id, Right::Publish)?;
                self.signal(Some(id), &from, &signal);
            }
            ClientFrame::Seen(seq) => self.seen(id, seq, now)?,
            ClientFrame::Enter(data) => self.enter(id, data, now)?,
            ClientFrame::Leave => self.leave(id, now)?,
            ClientFrame::Members => self.ask_for_members(id, now)?,
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
        let published = self.publish(std::slice::from_ref(event), &from, now)?;
        if let (Some(reference), Some(seq)) = (reference, published.seqs.first()) {
            let ack = ServerFrame::Ack { room: &self.name, reference, seq: *seq };
            self.send(id, ack.text());
        }
        Ok(())
    }

    /// The user of a session that has a right.
    pub(super) fn with_right(&self, id: SessionId, right: Right) -> Result<User, Refusal> {
        let seated = self.seated(id).ok_or_else(no_token_yet)?;
        seated.identity.check(right)?;
        Ok(seated.identity.user.clone())
    }

    /// The worker says in a binary frame who its inner socket speaks for now.
    /// A client's frame can't take that form: a bridge passes on text alone.
    pub(super) fn binary(&mut self, id: SessionId, bytes: &[u8], now: Millis) {
        let seated = self.seated(id);
        match serde_json::from_slice(bytes) {
            Ok(identity) if seated.is_some_and(|seated| seated.bridged) => {
                self.verified(id, Ok(identity), now);
            }
            _ => {
                let refusal = Refusal::bad_request("a frame is one JSON object, sent as text");
                self.refuse_frame(id, None, refusal);
            }
        }
    }

    /// Tells a session what was wrong with its frame. A socket without a seat
    /// hears nothing but a `pong`, so it is closed instead.
    pub(super) fn refuse_frame(
        &mut self,
        id: SessionId,
        reference: Option<&Ref>,
        refusal: Refusal,
    ) {
        let Some(session) = self.sessions.get(&id) else { return };
        if session.seated().is_none() {
            return self.close(id, no_token_yet());
        }
        let bad_requests = match refusal.code {
            Code::BadRequest => session.bad_requests.saturating_add(1),
            _ => 0,
        };
        let error = ServerFrame::Error {
            room: &self.name,
            reference,
            code: refusal.code.as_str(),
            message: &refusal.message,
            retry_after_ms: refusal.retry_after_ms,
        };
        self.send(id, error.text());
        self.count_bad_requests(id, bad_requests);
    }

    fn count_bad_requests(&mut self, id: SessionId, bad_requests: u32) {
        let Some(session) = self.sessions.get_mut(&id) else { return };
        if bad_requests >= limits::BAD_REQUESTS_IN_A_ROW {
            return self.close(
                id,
                Refusal::bad_request(format!("{bad_requests} refused frames in a row")),
            );
        }
        if session.bad_requests != bad_requests {
            session.bad_requests = bad_requests;
            self.keep(id);
        }
    }

    fn ask_for_verdict(&mut self, id: SessionId, token: String) {
        if let Some(session) = self.sessions.get_mut(&id) {
            session.held = Some(Default::default());
            self.effects.push(Effect::Verify { session: id, token });
        }
    }
}

fn no_token_yet() -> Refusal {
    Refusal::new(Code::Unauthorized, "the first frame must be an `auth` with a token")
}
