//! HTTP requests to one room.

use super::{Answer, Effect, PublishResult, Room};
use crate::auth::Identity;
use crate::code::{Code, Refusal};
use crate::limits;
use crate::log::{Budget, EventRange, Replay};
use crate::protocol::{
    self, Members, NewEvent, NewSignal, PageQuery, PageRange, Right, RoomStats, User, parse_publish,
};
use crate::route::Request;
use crate::session::{Session, SessionId};
use crate::store::{Store, StoreError};
use crate::time::Millis;

/// The cause of a failed request: a refusal, or an error of the storage.
pub(super) enum Failure {
    Refused(Refusal),
    Store(StoreError),
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<StoreError> for Failure {
    fn from(cause: StoreError) -> Self {
        Self::Store(cause)
    }
}

impl<S: Store> Room<S> {
    pub(super) fn handle_request(
        &mut self,
        by: &Identity,
        request: Request,
        body: &str,
        now: Millis,
    ) {
        let answer =
            self.answer_request(by, request, body, now).unwrap_or_else(|failure| match failure {
                Failure::Refused(refusal) => Answer::Refused(refusal),
                Failure::Store(cause) => Answer::Refused(self.storage_failed(&cause)),
            });
        self.effects.push(Effect::Answer(answer));
    }

    fn answer_request(
        &mut self,
        by: &Identity,
        request: Request,
        body: &str,
        now: Millis,
    ) -> Result<Answer, Failure> {
        request.check(by.grant)?;
        self.check_anonymous(by)?;
        match request {
            Request::Publish => self.publish_request(by.user_with(Right::Publish)?, body, now),
            Request::Page(query) => self.read(by, now, |room| room.page(query, now)),
            Request::State => self.read(by, now, |room| room.state()),
            Request::Signal => self.signal_request(by.user_with(Right::Publish)?, body, now),
            Request::Members => self.read(by, now, |room| Ok(room.members(now))),
            Request::Kick(user) => Ok(self.kick(&user, now)),
            Request::Stats => self.read(by, now, |room| room.stats(now)),
            Request::Erase => self.erase(),
            Request::Export(from) => self.read(by, now, |room| room.export(from, now)),
            Request::Import => {
                let bytes = units(body.len(), limits::BYTES_IN_A_UNIT);
                let by = by.user_with(Right::Admin)?;
                self.charge_publish(by, bytes.saturating_add(1), now)?;
                self.import(body, now)
            }
        }
    }

    fn publish_request(&mut self, from: &User, body: &str, now: Millis) -> Result<Answer, Failure> {
        // The user is charged before the body is parsed, because parsing takes
        // some of the room's time.
        let bytes = units(body.len(), limits::BYTES_IN_A_UNIT);
        self.charge_publish(from, bytes.saturating_add(1), now)?;
        let events = parse_publish(body)?;
        self.publishers.charge(Some(from), units_of(&events));
        let PublishResult { seqs, is_repeat } = self.publish(&events, from, now)?;
        let body =
            protocol::Published { room: &self.name, epoch: self.log.epoch(), seqs: &seqs }.text();
        Ok(if is_repeat { Answer::Ok { body } } else { Answer::Created { body } })
    }

    fn signal_request(&mut self, from: &User, body: &str, now: Millis) -> Result<Answer, Failure> {
        self.charge_publish(from, 1, now)?;
        self.signal(None, from, &NewSignal::parse(body)?)?;
        Ok(Answer::Accepted)
    }

    fn kick(&mut self, user: &User, now: Millis) -> Answer {
        let is_theirs = |session: &Session| session.user() == Some(user);
        let theirs = self.sessions.iter().filter(|(_, session)| is_theirs(session));
        let kicked: Vec<SessionId> = theirs.map(|(id, _)| *id).collect();
        for id in kicked {
            self.close(id, Refusal::new(Code::Kicked, "an admin closed this user's sessions"));
        }
        self.end_grace(user, now);
        Answer::NoContent
    }

    /// Charges a user for a publish, in units of `publishes_per_second`. Fails
    /// with `rate_limited` if less than one unit is left. A publish may cost
    /// more units than are left. In that case, the user's next publish must
    /// wait longer.
    pub(super) fn charge_publish(
        &mut self,
        user: &User,
        units: u64,
        now: Millis,
    ) -> Result<(), Refusal> {
        let per_second = self.settings.publishes_per_second;
        self.publishers.try_acquire(Some(user), per_second, "publish", now)?;
        self.publishers.charge(Some(user), units.saturating_sub(1));
        Ok(())
    }

    /// Charges a user for a read, or all anonymous clients together. One unit
    /// is charged before the read. The units for the bytes of the answer are
    /// charged after the read.
    fn read(
        &mut self,
        by: &Identity,
        now: Millis,
        read: impl FnOnce(&mut Self) -> Result<Answer, Failure>,
    ) -> Result<Answer, Failure> {
        let per_second = self.settings.reads_per_second;
        self.readers.try_acquire(by.user.as_ref(), per_second, "read", now)?;
        let answer = read(self)?;
        if let Answer::Ok { body } = &answer {
            self.readers.charge(by.user.as_ref(), units(body.len(), limits::BYTES_IN_A_UNIT));
        }
        Ok(answer)
    }

    fn page(&mut self, query: PageQuery, now: Millis) -> Result<Answer, Failure> {
        let budget = Budget { events: query.limit, bytes: limits::PAGE_BYTES };
        let (parameter, read) = match query.range {
            PageRange::Before(position) => ("before", self.log.read_before(position, budget, now)?),
            PageRange::From(begin) => match self.log.find(begin, now)? {
                Some(after) => ("since", self.log.read(after, budget, now)?),
                None => ("since", Replay::Lost),
            },
        };
        let Replay::Events(EventRange { prev, events, .. }) = read else {
            return Err(self.position_lost(parameter, now)?.into());
        };
        let (epoch, head) = (self.log.epoch(), self.log.head());
        Ok(Answer::Ok { body: protocol::page_body(&self.name, epoch, prev, &events, head) })
    }

    /// Returns the refusal of a position that the query contains as `parameter`.
    pub(super) fn position_lost(
        &self,
        parameter: &str,
        now: Millis,
    ) -> Result<Refusal, StoreError> {
        let (epoch, oldest, head) = (self.log.epoch(), self.log.oldest(now)?, self.log.head());
        let message = format!(
            "`{parameter}` can't be read from: the room has epoch {epoch} and retains seq {oldest} to {head}; \
             fetch the state, or fetch events without `{parameter}`"
        );
        Ok(Refusal::new(Code::PositionLost, message))
    }

    fn state(&self) -> Result<Answer, Failure> {
        let (epoch, head, state) = (self.log.epoch(), self.log.head(), self.log.state()?);
        Ok(Answer::Ok { body: protocol::state_body(&self.name, epoch, head, &state) })
    }

    fn members(&self, now: Millis) -> Answer {
        let members = &self.presence.members(now);
        Answer::Ok { body: Members { room: &self.name, members }.text() }
    }

    fn stats(&mut self, now: Millis) -> Result<Answer, Failure> {
        let stats = RoomStats {
            epoch: self.log.epoch(),
            head: self.log.head(),
            oldest: self.log.oldest(now)?,
            sessions: self.sessions.len(),
            members: self.presence.count(now),
            bytes: self.log.bytes(now)?,
            awake_since: self.loaded_since,
            rows_written: self.log.rows_written(),
            room: &self.name,
        };
        Ok(Answer::Ok { body: stats.text() })
    }

    /// Erases the room, then closes its sessions. If erasing fails, the room
    /// and its sessions continue.
    fn erase(&mut self) -> Result<Answer, Failure> {
        self.log.erase()?;
        let sessions: Vec<SessionId> = self.sessions.keys().copied().collect();
        for id in sessions {
            self.close(id, Refusal::new(Code::Erased, "the room was erased"));
        }
        self.unload();
        Ok(Answer::NoContent)
    }
}

/// Returns the number of units that the events of a publish cost. The publish
/// itself and its bytes cost additional units.
fn units_of(events: &[NewEvent]) -> u64 {
    let keys = events.iter().filter(|event| event.key.is_some()).count();
    let ids = events.iter().filter(|event| event.id.is_some()).count();
    [(keys, 1), (ids, limits::IDS_IN_A_UNIT), (events.len(), limits::EVENTS_IN_A_UNIT)]
        .into_iter()
        .fold(0, |sum, (count, in_a_unit)| sum.saturating_add(units(count, in_a_unit)))
}

/// Returns the number of whole units in `count`.
fn units(count: usize, in_a_unit: usize) -> u64 {
    count.checked_div(in_a_unit).unwrap_or_default() as u64
}
