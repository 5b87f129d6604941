//! Export and import of a room, for a move to another deployment. Clients can
//! resume from the imported room, because the epoch and the seqs are the same.

use super::broadcast::Broadcaster;
use super::requests::Failure;
use super::{Answer, Room};
use crate::code::{Code, Refusal};
use crate::limits;
use crate::log::AppendError;
use crate::protocol::{ExportCursor, Import, ImportLine, Seq, StoredEvent, import_body};
use crate::session::SessionId;
use crate::store::{Store, StoreError};
use crate::time::Millis;

impl<S: Store> Room<S> {
    pub(super) fn export(
        &mut self,
        from: Option<ExportCursor>,
        now: Millis,
    ) -> Result<Answer, Failure> {
        let Some(page) = self.log.export(from, now)? else {
            return Err(self.position_lost("after", now)?.about("export from the start").into());
        };
        let (epoch, head) = (self.log.epoch(), self.log.head());
        Ok(Answer::Ok { body: page.text(&self.name, epoch, head) })
    }

    /// Stores a page of an export. All lines are checked before the first line
    /// is stored. A line that the room already has is skipped, so an import can
    /// be repeated, and can continue after an interruption.
    pub(super) fn import(&mut self, body: &str, now: Millis) -> Result<Answer, Failure> {
        let import = Import::parse(&self.name, body)?;
        self.check_import(&import, now)?;
        if self.log.is_empty() {
            self.start_import(&import)?;
        }
        for (number, line) in &import.lines {
            let stored = match line {
                ImportLine::State(events) if self.log.is_empty() => {
                    self.log.import_state(import.epoch, events)
                }
                ImportLine::Events(events) => self.import_events(events, now),
                ImportLine::State(_) | ImportLine::End(_) => Ok(()),
            };
            stored.map_err(|error| match error {
                AppendError::Refused(refusal) => refusal.about(&format!("line {number}")).into(),
                AppendError::Store(cause) => Failure::from(cause),
            })?;
        }
        self.skip_imported_events()?;
        let (epoch, head) = (self.log.epoch(), self.log.head());
        Ok(Answer::Ok { body: import_body(&self.name, epoch, head) })
    }

    /// Takes the epoch of an import. The positions of the sessions become
    /// invalid, so the sessions are closed, and their clients connect again.
    fn start_import(&mut self, import: &Import) -> Result<(), Failure> {
        let sessions: Vec<SessionId> = self.sessions.keys().copied().collect();
        for id in sessions {
            self.close(id, Refusal::new(Code::Restarting, "the room is imported; connect again"));
        }
        if import.epoch != self.log.epoch() {
            self.log.import_state(import.epoch, &[]).map_err(|error| match error {
                AppendError::Refused(refusal) => Failure::from(refusal),
                AppendError::Store(cause) => Failure::from(cause),
            })?;
        }
        Ok(())
    }

    /// Stores the events of one append, and sends them to the sessions.
    fn import_events(&mut self, events: &[StoredEvent], now: Millis) -> Result<(), AppendError> {
        let is_first = self.log.is_empty();
        let is_stored = events.last().is_some_and(|last| last.seq <= self.log.head());
        if is_stored {
            return Ok(());
        }
        let Some(range) = self.log.import(events)? else { return Ok(()) };
        if is_first {
            // The log may begin with a later event than 1.
            self.broadcaster = Broadcaster::new(self.log.head(), self.log.end_offset());
        } else {
            self.broadcast(&range, now);
        }
        Ok(())
    }

    /// Fails with `bad_request` if a line does not continue the room. The message
    /// names the line.
    fn check_import(&mut self, import: &Import, now: Millis) -> Result<(), Failure> {
        let epoch = self.log.epoch();
        let is_new = self.log.is_empty();
        if import.epoch != epoch && (!is_new || self.log.has_keys()?) {
            let message = format!(
                "the room has another log, with the epoch {epoch}: erase the room before the import"
            );
            return Err(Refusal::bad_request(message).into());
        }
        let mut end = (!is_new).then(|| (self.log.head(), self.log.last_write()));
        for (number, line) in &import.lines {
            let wrong = match line {
                ImportLine::State(_) if is_new && end.is_some() => {
                    Some("the state must be before the events".to_owned())
                }
                ImportLine::State(events) => {
                    let is_newer = events.last().is_some_and(|last| last.seq >= import.first);
                    is_newer.then(|| format!("the state has events from seq {}", import.first))
                }
                ImportLine::Events(events) => {
                    self.check_events(events, import.first, &mut end, now)?
                }
                ImportLine::End(seq) => {
                    let head = end.map_or(Seq::ZERO, |(head, _)| head);
                    (*seq != head).then(|| {
                        format!("the export ends with seq {seq}, but the room with seq {head}")
                    })
                }
            };
            if let Some(wrong) = wrong {
                return Err(Refusal::bad_request(wrong).about(&format!("line {number}")).into());
            }
        }
        Ok(())
    }

    /// Returns the reason why events don't continue the log, if they don't. `end`
    /// is the seq and the time of the newest event, and moves to the end of the
    /// events. Without an event, the log begins with `first_of_export`.
    fn check_events(
        &mut self,
        events: &[StoredEvent],
        first_of_export: Seq,
        end: &mut Option<(Seq, Millis)>,
        now: Millis,
    ) -> Result<Option<String>, StoreError> {
        let (Some(first), Some(last)) = (events.first(), events.last()) else { return Ok(None) };
        if last.seq <= self.log.head() {
            let (from, to) = (first.seq, last.seq);
            let is_stored = self.log.has(events, now)?;
            return Ok(
                (!is_stored).then(|| format!("the room has other events from seq {from} to {to}"))
            );
        }
        let next = end.map_or(first_of_export, |(head, _)| head.plus(1));
        if first.seq != next {
            let message = format!("the events begin with seq {}, instead of seq {next}", first.seq);
            return Ok(Some(message));
        }
        if end.is_some_and(|(_, at)| first.at < at) {
            return Ok(Some("the time of the events goes back".into()));
        }
        if first.at > now.plus(limits::LEEWAY_MS) {
            return Ok(Some("the time of the events is in the future".into()));
        }
        *end = Some((last.seq, last.at));
        Ok(None)
    }
}
