//! The reports of one shard of the directory, in the object's SQLite database.

use worker::{SqlStorage, SqlStorageValue, State};

use super::sql::{SqlRow, integer, run, store_error, text, unreadable};
use crate::directory::ReportStore;
use crate::protocol::{RoomName, RoomsQuery};
use crate::report::Report;
use crate::store::StoreError;
use crate::time::Millis;

/// A report costs one billed row, because the table has no index besides its key.
const CREATE: &str = "
    CREATE TABLE IF NOT EXISTS reports (
        reporter TEXT PRIMARY KEY,
        is_room INTEGER NOT NULL,
        sessions INTEGER NOT NULL,
        at INTEGER NOT NULL,
        report TEXT NOT NULL
    ) WITHOUT ROWID";

/// Names of rooms consist of characters below `~`.
const PAGE: &str = "
    SELECT report FROM reports
    WHERE reporter >= ?1 AND reporter < ?1 || '~' AND reporter > ?2 AND is_room
    ORDER BY reporter LIMIT ?3";

pub struct SqlReportStore {
    sql: SqlStorage,
}

impl SqlReportStore {
    pub fn open(state: &State) -> Result<Self, StoreError> {
        let sql = state.storage().sql();
        run(&sql, CREATE, vec![])?;
        Ok(Self { sql })
    }

    fn texts(&self, sql: &str, values: Vec<SqlStorageValue>) -> Result<Vec<String>, StoreError> {
        let rows = run(&self.sql, sql, values)?.rows;
        let read = |row: &SqlRow| text(row, 0).map(str::to_owned);
        rows.iter().map(read).collect::<Option<_>>().ok_or_else(|| unreadable("a report"))
    }
}

impl ReportStore for SqlReportStore {
    fn report(&self, reporter: &str) -> Result<Option<String>, StoreError> {
        let sql = "SELECT report FROM reports WHERE reporter = ?";
        Ok(self.texts(sql, vec![reporter.into()])?.pop())
    }

    fn put(&mut self, report: &Report, text: &str) -> Result<(), StoreError> {
        let numbers = [u64::from(report.room.is_some()), report.sessions(), report.at.get()];
        let [is_room, sessions, at] = numbers.map(integer);
        let values = vec![report.reporter.as_str().into(), is_room, sessions, at, text.into()];
        let sql = "INSERT OR REPLACE INTO reports (reporter, is_room, sessions, at, report)
            VALUES (?, ?, ?, ?, ?)";
        run(&self.sql, sql, values).map(drop)
    }

    fn delete(&mut self, reporter: &str) -> Result<(), StoreError> {
        run(&self.sql, "DELETE FROM reports WHERE reporter = ?", vec![reporter.into()]).map(drop)
    }

    fn each(&self, visit: &mut dyn FnMut(&str)) -> Result<(), StoreError> {
        let cursor = self.sql.exec("SELECT report FROM reports", vec![]).map_err(store_error)?;
        for row in cursor.raw() {
            let row = row.map_err(store_error)?;
            visit(text(&row, 0).ok_or_else(|| unreadable("a report"))?);
        }
        Ok(())
    }

    fn page(&self, query: &RoomsQuery) -> Result<Vec<String>, StoreError> {
        let after = query.after.as_ref().map_or("", RoomName::as_str);
        let limit = integer(query.limit.saturating_add(1));
        self.texts(PAGE, vec![query.prefix.as_str().into(), after.into(), limit])
    }

    fn old(&self, empty_before: Millis, any_before: Millis) -> Result<Vec<String>, StoreError> {
        let sql = "SELECT report FROM reports WHERE at < ? AND (sessions = 0 OR at < ?)";
        self.texts(sql, vec![integer(empty_before.get()), integer(any_before.get())])
    }
}
