//! Frames from a session: decoded, counted against its rate, asked for the
//! right, and done.

use super::{Effect, Room};
use crate::auth::Right;
use crate::code::{Code, Refusal};
use crate::limits;
use crate::protocol::{ClientFrame, Decoded, NewEvent, PONG, Ref, ServerFrame};
use crate::session::{Seat, SessionId};
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
        let in_rate = session.take_frame(rate, now).map_err(|retry_after_ms| {
            let message = format!("a session may send {} frames a second", rate.per_second);
            Refusal::rate_limited(message, retry_after_ms)
        });
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
            ClientFrame::Ping => self.send(id, PONG.to_owned()),
            ClientFrame::Auth { token } => self.ask_for_verdict(id, token.into_owned()),
            ClientFrame::Publish(event) => self.publish_frame(id, &event, reference, now)?,
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
        let Some(Seat::Taken { identity, .. }) =
            self.sessions.get(&id).map(|session| &session.seat)
        else {
            return Err(Refusal::new(
                Code::Unauthorized,
                "the first frame must be an `auth` with a token",
            ));
        };
        identity.check(Right::Publish)?;
        let from = identity.user.clone();
        let published = self.publish(std::slice::from_ref(event), &from, now)?;
        if let (Some(reference), Some(seq)) = (reference, published.seqs.first()) {
            let ack = ServerFrame::Ack { room: &self.name, reference, seq: *seq };
            self.send(id, ack.text());
        }
        Ok(())
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
        if !session.is_seated() {
            let message = "the first frame must be an `auth` with a token";
            return self.close(id, Refusal::new(Code::Unauthorized, message));
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
