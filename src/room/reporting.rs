//! Counting for the operator's metrics, and the room's reports to the directory.
//!
//! A report costs a request and a row, and a timer that waits for it would keep
//! the object billed. So the room reports at most once in [`limits::REPORT_MS`],
//! while it handles an input. It also reports when its first session joins and
//! when its last session ends.
//!
//! The counts since the last report survive hibernation, because the attachment of
//! one socket contains the next report.
//! The answer to an HTTP request contains the report too, if the worker delivers
//! reports.

use super::{Effect, Room};
use crate::limits;
use crate::metrics::{self, Counters, Metric, Sums};
use crate::report::{Report, RoomReport};
use crate::session::{SessionId, Transport};
use crate::store::Store;
use crate::time::Millis;

/// The counts of a room, and the state of its reports.
pub(super) struct Reporting {
    /// Whether the room reports to the directory.
    is_on: bool,
    counters: Counters,
    /// The counts of this period before the last hibernation.
    earlier: Sums,
    period: Millis,
    /// Number of the latest report.
    number: u64,
    /// Whether something was counted that no delivered report contains.
    is_unsent: bool,
    /// Whether something was counted that no attachment contains.
    is_unsaved: bool,
    sent_at: Option<Millis>,
    saved_at: Option<Millis>,
    /// Whether the room had sessions at its latest report.
    was_occupied: bool,
    /// The session whose attachment contains the report, and the report's text.
    saved: Option<(SessionId, String)>,
    /// Whether an [`Effect::ScheduleReport`] was requested, and its input has
    /// not arrived.
    is_scheduled: bool,
    rows_counted: u64,
    by_transport: [u64; 5],
}

impl Reporting {
    pub(super) fn new(now: Millis, rows_counted: u64) -> Self {
        Self {
            is_on: false,
            counters: Counters::default(),
            earlier: Sums::default(),
            period: now,
            number: 0,
            is_unsent: false,
            is_unsaved: false,
            sent_at: None,
            saved_at: None,
            was_occupied: false,
            saved: None,
            is_scheduled: false,
            rows_counted,
            by_transport: [0; 5],
        }
    }

    /// Starts a new period if nothing was counted for long. The directory may
    /// have forgotten the old period, and would add its counts a second time.
    pub(super) fn renew_period(&mut self, now: Millis) {
        let is_idle = self.sent_at.is_some_and(|at| now.since(at) >= limits::REPORT_PERIOD_MS);
        if is_idle && !self.is_unsent && !self.counters.has_changed() {
            self.counters = Counters::default();
            self.earlier = Sums::default();
            self.period = now;
            self.number = 0;
        }
    }

    /// Lets the next report be saved without a further wait.
    pub(super) fn end_wait(&mut self) {
        self.is_scheduled = false;
        self.saved_at = None;
    }

    /// Returns the report if it belongs in the attachment of this session.
    pub(super) fn saved_by(&self, id: SessionId) -> Option<String> {
        let saved = self.saved.as_ref().filter(|(by, _)| *by == id);
        saved.map(|(_, report)| report.clone())
    }

    /// Returns the time until an unsent report may be sent.
    fn send_wait(&self, interval_ms: u64, now: Millis) -> Option<u64> {
        self.is_unsent.then(|| wait(self.sent_at, interval_ms, now))
    }

    /// Returns the time until an unsaved report may be saved.
    fn save_wait(&self, now: Millis) -> Option<u64> {
        self.is_unsaved.then(|| wait(self.saved_at, limits::REPORT_SAVE_MS, now))
    }

    /// Records that the latest report is on its way to the directory.
    fn sent(&mut self, is_occupied: bool, now: Millis) {
        self.sent_at = Some(now);
        self.was_occupied = is_occupied;
        self.is_unsent = false;
    }
}

/// Returns the time until an action that needs `interval_ms` since the last.
fn wait(last: Option<Millis>, interval_ms: u64, now: Millis) -> u64 {
    last.map_or(0, |at| interval_ms.saturating_sub(now.since(at)))
}

impl<S: Store> Room<S> {
    /// Lets the room report to the directory.
    #[must_use]
    pub fn with_reports(mut self, is_on: bool) -> Self {
        self.reporting.is_on = is_on;
        self
    }

    pub(super) fn count(&mut self, metric: &'static Metric, value: &'static str, count: u64) {
        self.reporting.counters.add(metric, value, count);
    }

    /// Counts a session that joins. `recovered` is `None` if it does not resume.
    pub(super) fn count_join(&mut self, recovered: Option<bool>) {
        self.count(&metrics::ACCEPTED, "", 1);
        if let Some(recovered) = recovered {
            self.count(&metrics::RECOVER, if recovered { "recovered" } else { "gap" }, 1);
        }
    }

    /// Continues the period of the newest report in the sockets' attachments.
    pub(super) fn restore_reports(&mut self) {
        let carried = self.sessions.iter_mut().filter_map(|(_, session)| session.report.take());
        let newest = carried.reduce(|one, other| if other.is_after(&one) { other } else { one });
        self.reporting.was_occupied = !self.sessions.is_empty();
        if let Some(newest) = newest {
            self.reporting.period = newest.period;
            self.reporting.number = newest.number;
            self.reporting.earlier = newest.counts;
        }
    }

    /// Counts the effects of an input, and then sends, passes and saves the
    /// report if needed. `to_worker` says whether the input came from a worker
    /// that delivers reports.
    pub(super) fn report(&mut self, to_worker: bool, now: Millis) {
        if !self.reporting.is_on {
            return;
        }
        self.count_effects();
        // A read of a room that hibernated does not restore the sessions, so the
        // room does not know its report. The worker counts the read.
        if !self.sessions_restored {
            return;
        }
        let is_erased = self.effects.contains(&Effect::Unload);
        if self.reporting.counters.take_change() || is_erased {
            self.reporting.is_unsent = true;
            self.reporting.is_unsaved = true;
        }
        let is_occupied = !self.sessions.is_empty();
        let is_edge = is_erased || is_occupied != self.reporting.was_occupied;
        let interval_ms = match (is_erased, is_edge) {
            (true, _) => 0,
            (false, true) => limits::EDGE_REPORT_MS,
            (false, false) => limits::REPORT_MS,
        };
        let sends = self.reporting.send_wait(interval_ms, now) == Some(0);
        let passes = to_worker && self.reporting.is_unsent && !(sends && is_edge);
        let saves = is_occupied && self.reporting.save_wait(now) == Some(0);
        if sends || passes || saves {
            let report = self.next_report(is_erased, now).text();
            if sends || passes {
                let text = report.clone();
                self.reporting.sent(is_occupied, now);
                self.effects.push(match passes {
                    true => Effect::PassReport { text },
                    false => Effect::SendReport { text },
                });
            }
            if saves {
                self.save_report(report, now);
            }
        }
        let edge_wait = self.reporting.send_wait(interval_ms, now).filter(|_| is_edge);
        let save_wait = self.reporting.save_wait(now).filter(|_| is_occupied);
        self.schedule_report([edge_wait, save_wait].into_iter().flatten().min());
    }

    fn schedule_report(&mut self, after_ms: Option<u64>) {
        if let Some(after_ms) = after_ms
            && !std::mem::replace(&mut self.reporting.is_scheduled, true)
        {
            self.effects.push(Effect::ScheduleReport { after_ms });
        }
    }

    fn next_report(&mut self, is_erased: bool, now: Millis) -> Report {
        let room = (!is_erased).then(|| RoomReport {
            head: self.log.head(),
            members: self.presence.count(now) as u64,
            webhook_backlog: self.webhook_backlog(),
            sessions: self.reporting.sessions(),
        });
        let reporting = &mut self.reporting;
        reporting.number = reporting.number.saturating_add(1);
        Report {
            reporter: self.name.to_string(),
            period: reporting.period,
            number: reporting.number,
            at: now,
            room,
            counts: reporting.counters.added_to(&reporting.earlier),
        }
    }

    fn save_report(&mut self, report: String, now: Millis) {
        let Some(by) = self.sessions.keys().next().copied() else { return };
        self.reporting.saved = Some((by, report));
        self.reporting.saved_at = Some(now);
        self.reporting.is_unsaved = false;
        self.save_attachment(by);
    }

    /// Counts the frames of the current effects, and the rows that were written
    /// since the last call.
    pub(super) fn count_effects(&mut self) {
        let Self { effects, reporting: Reporting { counters, rows_counted, .. }, .. } = self;
        let mut count = |to: usize, text: &str| {
            let (to, bytes, kind) = (to as u64, text.len() as u64, metrics::frame_kind(text));
            counters.add(&metrics::SENT, kind, to);
            counters.add(&metrics::BYTES_SENT, "", bytes.saturating_mul(to));
            if kind == "gap" {
                counters.add(&metrics::GAPS, "", to);
            }
        };
        for effect in effects.iter() {
            match effect {
                Effect::Send { to, text } => count(to.len(), text),
                Effect::Offer { to, texts, .. } => {
                    texts.iter().for_each(|text| count(to.len(), text));
                }
                _ => {}
            }
        }
        let written = self.log.rows_written();
        counters.add(&metrics::ROWS_WRITTEN, "", written.saturating_sub(*rows_counted));
        *rows_counted = written;
    }
}

/// The numbers of sessions by transport.
impl Reporting {
    pub(super) fn count_in(&mut self, transport: Transport) {
        let count = self.of_transport(transport);
        *count = count.saturating_add(1);
    }

    pub(super) fn count_out(&mut self, transport: Transport) {
        let count = self.of_transport(transport);
        *count = count.saturating_sub(1);
    }

    fn of_transport(&mut self, transport: Transport) -> &mut u64 {
        let [websocket, connection, sse, poll, pusher] = &mut self.by_transport;
        match transport {
            Transport::Websocket => websocket,
            Transport::Connection => connection,
            Transport::Sse => sse,
            Transport::Poll => poll,
            Transport::Pusher => pusher,
        }
    }

    fn sessions(&self) -> Sums {
        let mut sums = Sums::default();
        for (transport, count) in Transport::ALL.into_iter().zip(self.by_transport) {
            if count > 0 {
                sums.add(&metrics::CONNECTIONS.series(transport.as_str()), count);
            }
        }
        sums
    }
}
