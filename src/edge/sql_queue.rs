//! The queue of webhook notifications in the object's SQLite database. Its tables
//! are created with the first notification, so a room without webhooks has none.
//! An earlier version of the code ignores them.

use worker::{SqlStorage, SqlStorageValue};

use super::sql::{SqlRow, integer, number, run, store_error, text, unreadable};
use crate::protocol::{Seq, User};
use crate::store::{OpenItem, QueueChange, QueueMeta, QueueRow, StoreError};
use crate::time::Millis;

/// A member has the session −1, since a column of a primary key can't be null.
/// For the same reason, an anonymous session has an empty user.
const CREATE: &str = "
    CREATE TABLE IF NOT EXISTS webhook_meta (
        one INTEGER PRIMARY KEY CHECK (one = 1),
        done INTEGER NOT NULL,
        done_seq INTEGER NOT NULL,
        has_events INTEGER NOT NULL,
        is_occupied INTEGER NOT NULL,
        failures INTEGER NOT NULL,
        retry_at INTEGER NOT NULL,
        batch_to INTEGER NOT NULL,
        batch_to_seq INTEGER NOT NULL,
        dropped INTEGER NOT NULL
    );
    CREATE TABLE IF NOT EXISTS webhook_queue (
        last INTEGER PRIMARY KEY,
        at INTEGER NOT NULL,
        head INTEGER NOT NULL,
        starts INTEGER NOT NULL,
        ends INTEGER NOT NULL,
        notifications TEXT NOT NULL
    );
    CREATE TABLE IF NOT EXISTS webhook_open (
        session INTEGER NOT NULL,
        user TEXT NOT NULL,
        PRIMARY KEY (session, user)
    ) WITHOUT ROWID;";

const ROWS: &str = "SELECT last, at, head, starts, ends, notifications FROM webhook_queue";

const MEMBER: i64 = -1;

pub fn meta(sql: &SqlStorage) -> Result<Option<QueueMeta>, StoreError> {
    let exists = "SELECT 1 FROM sqlite_master WHERE name = 'webhook_meta'";
    if run(sql, exists, vec![])?.rows.is_empty() {
        return Ok(None);
    }
    let rows = run(
        sql,
        "SELECT done, done_seq, has_events, is_occupied, failures, retry_at, batch_to, \
         batch_to_seq, dropped FROM webhook_meta",
        vec![],
    )?;
    let row = rows.rows.first();
    row.and_then(meta_of).map(Some).ok_or_else(|| unreadable("the queue of webhooks"))
}

fn meta_of(row: &SqlRow) -> Option<QueueMeta> {
    Some(QueueMeta {
        done: number(row, 0)?,
        done_seq: Seq::new(number(row, 1)?)?,
        has_events: number(row, 2)? == 1,
        is_occupied: number(row, 3)? == 1,
        failures: number(row, 4)?,
        retry_at: Millis::new(number(row, 5)?),
        batch_to: number(row, 6)?,
        batch_to_seq: Seq::new(number(row, 7)?)?,
        dropped: number(row, 8)?,
    })
}

pub fn rows(
    sql: &SqlStorage,
    after: u64,
    bytes: usize,
) -> Result<Vec<(QueueRow, String)>, StoreError> {
    let statement = format!("{ROWS} WHERE last > ? ORDER BY last");
    let cursor = sql.exec(&statement, vec![integer(after)]).map_err(store_error)?;
    let mut rows = Vec::new();
    let mut taken = 0_usize;
    for row in cursor.raw() {
        let mut row = row.map_err(store_error)?;
        let Some(SqlStorageValue::String(notifications)) = row.pop() else {
            return Err(unreadable("a row of webhooks"));
        };
        taken = taken.saturating_add(notifications.len());
        rows.push((row_of(&row).ok_or_else(|| unreadable("a row of webhooks"))?, notifications));
        if taken >= bytes {
            break;
        }
    }
    Ok(rows)
}

pub fn newest(sql: &SqlStorage) -> Result<Option<QueueRow>, StoreError> {
    let rows = run(sql, &format!("{ROWS} ORDER BY last DESC LIMIT 1"), vec![])?;
    let read = |row| row_of(row).ok_or_else(|| unreadable("a row of webhooks"));
    rows.rows.first().map(read).transpose()
}

fn row_of(row: &SqlRow) -> Option<QueueRow> {
    Some(QueueRow {
        last: number(row, 0)?,
        at: Millis::new(number(row, 1)?),
        head: Seq::new(number(row, 2)?)?,
        start_offset: number(row, 3)?,
        end_offset: number(row, 4)?,
    })
}

pub fn open_items(sql: &SqlStorage) -> Result<Vec<OpenItem>, StoreError> {
    let rows = run(sql, "SELECT session, user FROM webhook_open", vec![])?;
    let item = |row: &SqlRow| {
        let user = text(row, 1)?;
        let user = if user.is_empty() { None } else { Some(User::parse(user).ok()?) };
        Some(OpenItem { session: number(row, 0), user })
    };
    let items: Option<_> = rows.rows.iter().map(item).collect();
    items.ok_or_else(|| unreadable("an open item of webhooks"))
}

/// Performs a change. `run` runs a statement within a transaction.
pub fn write(
    change: QueueChange,
    run: impl Fn(&str, Vec<SqlStorageValue>) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    if let Some(meta) = change.meta {
        run(CREATE, vec![])?;
        let numbers = [
            meta.done,
            meta.done_seq.get(),
            meta.has_events.into(),
            meta.is_occupied.into(),
            meta.failures,
            meta.retry_at.get(),
            meta.batch_to,
            meta.batch_to_seq.get(),
            meta.dropped,
        ];
        let values = numbers.map(integer).into();
        run("REPLACE INTO webhook_meta VALUES (1, ?, ?, ?, ?, ?, ?, ?, ?, ?)", values)?;
    }
    for (row, notifications) in change.added {
        let numbers = [row.last, row.at.get(), row.head.get(), row.start_offset, row.end_offset];
        let values = numbers.into_iter().map(integer).chain([notifications.as_str().into()]);
        run("INSERT INTO webhook_queue VALUES (?, ?, ?, ?, ?, ?)", values.collect())?;
    }
    if let Some(last) = change.remove_to {
        run("DELETE FROM webhook_queue WHERE last <= ?", vec![integer(last)])?;
    }
    for item in change.closed {
        run("DELETE FROM webhook_open WHERE session = ? AND user = ?", key_of(item))?;
    }
    for item in change.opened {
        run("REPLACE INTO webhook_open VALUES (?, ?)", key_of(item))?;
    }
    Ok(())
}

fn key_of(item: &OpenItem) -> Vec<SqlStorageValue> {
    let session = item.session.map_or(SqlStorageValue::Integer(MEMBER), integer);
    let user = item.user.as_ref().map_or("", |user| user.as_str());
    vec![session, user.into()]
}
