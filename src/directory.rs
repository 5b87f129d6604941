//! The directory of rooms: the newest report of each room and of each isolate,
//! and the sums of everything that was ever reported.
//!
//! The directory is divided into [`SHARDS`] objects by the name of the reporter,
//! so no object is in the path of every room. A shard that is lost or busy
//! delays no room.

use crate::limits;
use crate::metrics::{self, Metric, Sums};
use crate::protocol::RoomsQuery;
use crate::report::{Report, RoomReport};
use crate::store::StoreError;
use crate::time::Millis;

/// The number of objects of the directory. A change would let a room report to
/// another object, where its counts would be added a second time.
pub const SHARDS: u32 = 8;

/// Returns the shard of a reporter, by the hash FNV-1a of its name.
pub fn shard_of(reporter: &str) -> u32 {
    let hash = reporter
        .bytes()
        .fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    hash.rem_euclid(SHARDS)
}

/// The storage of a shard: a table with the newest report of each reporter.
/// Every method fails if the storage fails.
pub trait ReportStore {
    fn report(&self, reporter: &str) -> Result<Option<String>, StoreError>;

    /// Stores a report, which replaces the reporter's earlier report.
    fn put(&mut self, report: &Report, text: &str) -> Result<(), StoreError>;

    fn delete(&mut self, reporter: &str) -> Result<(), StoreError>;

    /// Passes each stored report to `visit`.
    fn each(&self, visit: &mut dyn FnMut(&str)) -> Result<(), StoreError>;

    /// Returns the reports of the rooms of a page, sorted by name, and of one
    /// more room. So the caller learns whether there is another page. Erased
    /// rooms are left out.
    fn page(&self, query: &RoomsQuery) -> Result<Vec<String>, StoreError>;

    /// Returns the reports that are older than `empty_before` and have no
    /// sessions, and all reports that are older than `any_before`.
    fn old(&self, empty_before: Millis, any_before: Millis) -> Result<Vec<String>, StoreError>;
}

/// Merges the lines of [`Directory::rooms`] from all shards into the body of the
/// answer to `GET /rooms`. The body has a `cursor` if there are further rooms.
pub fn merge(shards: &[String], query: &RoomsQuery) -> String {
    let mut rooms: Vec<&str> = shards.iter().flat_map(|rooms| rooms.lines()).collect();
    // Each line begins with the name, and the quote after the name sorts before
    // the characters of names. So the order of the lines is that of the names.
    rooms.sort_unstable();
    let limit = usize::try_from(query.limit).unwrap_or(usize::MAX);
    let has_more = rooms.len() > limit;
    rooms.truncate(limit);
    let last = rooms.last().filter(|_| has_more).and_then(|last| last.split('"').nth(3));
    let cursor = last.map_or_else(String::new, |room| format!(r#","cursor":"{room}""#));
    format!(r#"{{"rooms":[{}]{cursor}}}"#, rooms.join(","))
}

/// One shard of the directory.
pub struct Directory<S> {
    store: S,
    /// The sums of all stored reports.
    sums: Sums,
    /// The time at which old reports are removed next.
    prune_at: Millis,
}

impl<S: ReportStore> Directory<S> {
    /// Reporter of the counts of all periods that have ended. The name of a room
    /// has no slash.
    const ENDED: &str = "ended/";

    /// Adds the sums of all stored reports. Fails if the storage fails.
    pub fn load(store: S, now: Millis) -> Result<Self, StoreError> {
        let mut sums = Sums::default();
        store.each(&mut |text| {
            if let Some(report) = Report::parse(text) {
                sums.add_all(&report.sums());
            }
        })?;
        Ok(Self { store, sums, prune_at: now.plus(limits::REPORTS_PRUNE_MS) })
    }

    /// Stores a report, unless the directory has it or a later one. Returns what
    /// the report adds, for Workers Analytics Engine. Fails if the storage fails
    /// or the text is not a report.
    pub fn record(&mut self, text: &str, now: Millis) -> Result<Option<DataPoint>, StoreError> {
        let report = Report::parse(text).ok_or_else(|| StoreError("invalid report".into()))?;
        let before = self.stored(&report.reporter)?;
        if before.as_ref().is_some_and(|before| !report.is_after(before)) {
            return Ok(None);
        }
        let mut counted_before = Sums::default();
        if let Some(before) = &before {
            self.sums.subtract_all(&before.sums());
            if before.period == report.period {
                counted_before = before.counts.clone();
            } else {
                self.end_period(&before.counts, now)?;
            }
        }
        // The report of an erased room stays too. Otherwise, an earlier report that
        // arrives late would list the room again.
        self.sums.add_all(&report.sums());
        self.store.put(&report, text)?;
        if self.prune_at <= now {
            self.prune_at = now.plus(limits::REPORTS_PRUNE_MS);
            self.prune(now)?;
        }
        Ok(Some(DataPoint::of(&report, &counted_before)))
    }

    fn stored(&self, reporter: &str) -> Result<Option<Report>, StoreError> {
        Ok(self.store.report(reporter)?.and_then(|text| Report::parse(&text)))
    }

    /// Keeps the counts of periods whose reports are replaced or removed.
    fn end_period(&mut self, counts: &Sums, now: Millis) -> Result<(), StoreError> {
        let mut ended = self.stored(Self::ENDED)?.unwrap_or_else(|| Report {
            reporter: Self::ENDED.into(),
            period: Millis::new(0),
            number: 0,
            at: now,
            room: None,
            counts: Sums::default(),
        });
        ended.counts.add_all(counts);
        ended.at = now;
        self.sums.add_all(counts);
        self.store.put(&ended, &ended.text())
    }

    /// Removes rooms that are empty and were not active for an hour, and isolates
    /// that were not active for an hour. A room with sessions may hibernate for
    /// days. If its object was lost together with its sessions, its report is
    /// removed after a month.
    fn prune(&mut self, now: Millis) -> Result<(), StoreError> {
        let empty_before = now.minus(limits::EMPTY_ROOM_LISTED_MS);
        let any_before = now.minus(limits::ROOM_LISTED_MS);
        let old = self.store.old(empty_before, any_before)?;
        let old = old.iter().filter_map(|text| Report::parse(text));
        let old: Vec<Report> = old.filter(|report| report.reporter != Self::ENDED).collect();
        if old.is_empty() {
            return Ok(());
        }
        // The counts of all these reports cost one row.
        let mut counts = Sums::default();
        old.iter().for_each(|report| counts.add_all(&report.counts));
        self.end_period(&counts, now)?;
        for report in old {
            self.sums.subtract_all(&report.sums());
            self.store.delete(&report.reporter)?;
        }
        Ok(())
    }

    /// Returns a line of JSON for each room of a page.
    pub fn rooms(&self, query: &RoomsQuery) -> Result<String, StoreError> {
        let line = |text: &String| {
            let report = Report::parse(text)?;
            let RoomReport { head, members, .. } = report.room.as_ref()?;
            // The name of a room has no character that JSON escapes.
            Some(format!(
                r#"{{"room":"{}","head":{head},"sessions":{},"members":{members},"reported_at":{}}}"#,
                report.reporter,
                report.sessions(),
                report.at.get(),
            ))
        };
        let lines: Vec<String> = self.store.page(query)?.iter().filter_map(line).collect();
        Ok(lines.join("\n"))
    }

    pub fn into_store(self) -> S {
        self.store
    }

    /// Returns the sums of all reports.
    pub fn sums(&self) -> &Sums {
        &self.sums
    }
}

/// A data point for Workers Analytics Engine: what a report adds to the counts,
/// and the room's sessions and members.
#[derive(Debug, PartialEq, Eq)]
pub struct DataPoint {
    /// Name of the room, or `isolate`. Isolates share one name, because an index
    /// with few values can be sampled without a loss.
    pub reporter: String,
    /// The numbers, in the order of docs/metrics.md.
    pub doubles: Vec<u64>,
}

impl DataPoint {
    /// The metrics of the doubles from the third on.
    pub const COUNTS: [&'static Metric; 14] = [
        &metrics::ACCEPTED,
        &metrics::DISCONNECTS,
        &metrics::RECEIVED,
        &metrics::SENT,
        &metrics::BYTES_RECEIVED,
        &metrics::BYTES_SENT,
        &metrics::RECOVER,
        &metrics::RECOVERED_EVENTS,
        &metrics::GAPS,
        &metrics::AUTH_FAILURES,
        &metrics::RATE_LIMITED,
        &metrics::ROWS_WRITTEN,
        &metrics::PUBLISHES,
        &metrics::PUBLISH_MS,
    ];

    fn of(report: &Report, counted_before: &Sums) -> Self {
        let members = report.room.as_ref().map_or(0, |room| room.members);
        let added = Self::COUNTS
            .into_iter()
            .map(|metric| report.counts.total(metric).saturating_sub(counted_before.total(metric)));
        let is_isolate = report.reporter.starts_with(Report::ISOLATE);
        Self {
            reporter: if is_isolate { "isolate".into() } else { report.reporter.clone() },
            doubles: [report.sessions(), members].into_iter().chain(added).collect(),
        }
    }
}
