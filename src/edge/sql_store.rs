//! The store in the object's SQLite database.
//!
//! `exec` is synchronous. Writes without an `await` between them are committed
//! together. The runtime withholds everything that the object sends until the
//! writes are durable. So the object only needs to write before it sends.

use std::cell::Cell;
use std::ops::RangeInclusive;

use worker::{SqlStorage, SqlStorageValue, State, Storage};

use super::platform;
use super::sql::{Ran, SqlRow, integer, number, run, store_error, text, unreadable};
use super::sql_queue;
use crate::protocol::{Epoch, RoomName, Seq};
use crate::store::{
    self, Append, KeyChange, LogMeta, OpenItem, QueueChange, QueueMeta, QueueRow, Store, StoreError,
};
use crate::time::Millis;

/// The version of the tables. Code with a later version must migrate these
/// tables in [`Store::meta`].
const SCHEMA: u64 = 1;

/// The statement that creates the tables. An append costs only one billed row,
/// because its table has no index besides the key `slot`. For the same reason,
/// the table `state` has no index besides its key. The column `ids` comes
/// before `events`, so that SQLite can read the ids without reading the events.
const CREATE: &str = "
    CREATE TABLE room (
        one INTEGER PRIMARY KEY CHECK (one = 1),
        schema INTEGER NOT NULL,
        name TEXT NOT NULL,
        epoch TEXT NOT NULL,
        at INTEGER NOT NULL,
        capacity INTEGER NOT NULL,
        retained_ms INTEGER NOT NULL
    );
    CREATE TABLE log (
        slot INTEGER PRIMARY KEY,
        number INTEGER NOT NULL,
        first INTEGER NOT NULL,
        last INTEGER NOT NULL,
        at INTEGER NOT NULL,
        starts INTEGER NOT NULL,
        ends INTEGER NOT NULL,
        floor INTEGER NOT NULL,
        floor_starts INTEGER NOT NULL,
        ids BLOB,
        events TEXT NOT NULL
    );
    CREATE TABLE state (
        key TEXT PRIMARY KEY,
        seq INTEGER NOT NULL,
        event TEXT NOT NULL
    ) WITHOUT ROWID;";

/// The statement that adds the column `ids`, which is missing in the first
/// rooms of version 1. Older code does not change the column's content.
const ADD_IDS: &str = "ALTER TABLE log ADD COLUMN ids BLOB";

const APPEND: &str = "
    INSERT INTO log (slot, number, first, last, at, starts, ends, floor, floor_starts, ids, events)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (slot) DO UPDATE SET
        number = excluded.number, first = excluded.first, last = excluded.last, at = excluded.at,
        starts = excluded.starts, ends = excluded.ends, floor = excluded.floor,
        floor_starts = excluded.floor_starts, ids = excluded.ids, events = excluded.events";

/// The statement that reads pieces of the index of ids. The pieces are passed
/// as JSON, so one statement can read any number of pieces.
const INDEX: &str = "
    SELECT log.number, substr(log.ids, (piece.value ->> 1) + 1, ?)
    FROM json_each(?) AS piece JOIN log ON log.slot = piece.value ->> 0
    ORDER BY piece.key";

const EMPTY: &str = "UPDATE log SET ids = NULL, events = '' WHERE slot = ?";

const SET_KEY: &str = "
    INSERT INTO state (key, seq, event) VALUES (?, ?, ?)
    ON CONFLICT (key) DO UPDATE SET seq = excluded.seq, event = excluded.event";

const APPENDS: &str =
    "SELECT number, first, last, at, starts, ends, floor, floor_starts, events FROM log";

pub struct SqlStore {
    storage: Storage,
    sql: SqlStorage,
    name: RoomName,
    rows_written: Cell<u64>,
}

impl SqlStore {
    pub fn new(state: &State, name: RoomName) -> Self {
        let storage = state.storage();
        let sql = storage.sql();
        Self { storage, sql, name, rows_written: Cell::new(0) }
    }

    /// Returns the stored name of the object's room, or `None` if nothing is
    /// stored. The callbacks for an alarm and for a frame don't receive the
    /// name.
    pub fn stored_name(state: &State) -> Result<Option<RoomName>, StoreError> {
        let sql = state.storage().sql();
        if tables(&sql)? == Tables::None {
            return Ok(None);
        }
        let rows = run(&sql, "SELECT name FROM room", vec![])?;
        let name = rows.rows.first().and_then(|row| text(row, 0));
        Ok(name.and_then(|name| RoomName::parse(name).ok()))
    }

    fn run(&self, sql: &str, values: Vec<SqlStorageValue>) -> Result<Vec<SqlRow>, StoreError> {
        let Ran { rows, written } = run(&self.sql, sql, values)?;
        self.rows_written.set(self.rows_written.get().saturating_add(written));
        Ok(rows)
    }

    fn change_keys(&self, changes: &[KeyChange]) -> Result<(), StoreError> {
        for change in changes {
            match *change {
                KeyChange::Set { key, seq, event } => {
                    self.run(SET_KEY, vec![key.into(), integer(seq.get()), event.into()])?
                }
                KeyChange::Remove { key } => {
                    self.run("DELETE FROM state WHERE key = ?", vec![key.into()])?
                }
            };
        }
        Ok(())
    }

    fn transaction(
        &self,
        mut body: impl FnMut() -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        platform::transaction(&self.storage, || body().map_err(|StoreError(cause)| cause))
            .map_err(store_error)
    }
}

impl Store for SqlStore {
    fn meta(&self) -> Result<Option<LogMeta>, StoreError> {
        match tables(&self.sql)? {
            Tables::None => return Ok(None),
            Tables::WithoutIds => drop(self.run(ADD_IDS, vec![])?),
            Tables::All => {}
        }
        let rows = self.run("SELECT epoch, at, capacity, retained_ms, schema FROM room", vec![])?;
        let read = |row: &SqlRow| {
            let [at, capacity, retained_ms, schema] =
                [1, 2, 3, 4].map(|column| number(row, column));
            (schema? == SCHEMA).then_some(())?;
            Some(LogMeta {
                epoch: Epoch::parse(text(row, 0)?)?,
                at: Millis::new(at?),
                capacity: capacity?,
                retained_ms: retained_ms?,
            })
        };
        rows.first().and_then(read).map(Some).ok_or_else(|| unreadable("the row about the room"))
    }

    fn create(&mut self, meta: &LogMeta) -> Result<(), StoreError> {
        self.transaction(|| {
            self.run(CREATE, vec![])?;
            let values = vec![
                integer(SCHEMA),
                self.name.as_str().into(),
                meta.epoch.to_string().into(),
                integer(meta.at.get()),
                integer(meta.capacity),
                integer(meta.retained_ms),
            ];
            self.run(
                "INSERT INTO room (one, schema, name, epoch, at, capacity, retained_ms) VALUES (1, ?, ?, ?, ?, ?, ?)",
                values,
            )?;
            Ok(())
        })
    }

    fn resize(&mut self, meta: &LogMeta, keep_from: u64) -> Result<(), StoreError> {
        let stored = self.meta()?;
        self.transaction(|| {
            let values = vec![integer(meta.capacity), integer(meta.retained_ms)];
            self.run("UPDATE room SET capacity = ?, retained_ms = ?", values)?;
            if stored.is_some_and(|stored| stored.capacity == meta.capacity) {
                return Ok(());
            }
            // The numbers of appends start at 0 again, so that the ring has no
            // hole before its newest append. The rows are first copied to
            // another table, so that no slot is overwritten before it is read.
            self.run(
                "CREATE TABLE kept AS SELECT * FROM log WHERE number >= ?",
                vec![integer(keep_from)],
            )?;
            self.run("DELETE FROM log", vec![])?;
            let k = integer(keep_from);
            self.run(
                "INSERT INTO log (slot, number, first, last, at, starts, ends, floor, floor_starts, ids, events)
                     SELECT number - ?, number - ?, first, last, at, starts, ends,
                     max(floor - ?, 0), floor_starts, ids, events FROM kept",
                vec![k.clone(), k.clone(), k],
            )?;
            self.run("DROP TABLE kept", vec![])?;
            Ok(())
        })
    }

    fn append_in(&self, slot: u64) -> Result<Option<Append>, StoreError> {
        let rows = self.run(
            "SELECT number, first, last, at, starts, ends, floor, floor_starts FROM log WHERE slot = ?",
            vec![integer(slot)],
        )?;
        match rows.first() {
            None => Ok(None),
            Some(row) => append_of(row).map(Some).ok_or_else(|| unreadable("an append")),
        }
    }

    fn read(
        &self,
        slots: RangeInclusive<u64>,
        bytes: usize,
    ) -> Result<Vec<(Append, String)>, StoreError> {
        let sql = format!("{APPENDS} WHERE slot BETWEEN ? AND ? ORDER BY slot");
        let values = vec![integer(*slots.start()), integer(*slots.end())];
        let cursor = self.sql.exec(&sql, values).map_err(store_error)?;
        let mut appends = Vec::new();
        let mut taken = 0_usize;
        for row in cursor.raw() {
            let mut row = row.map_err(store_error)?;
            let Some(SqlStorageValue::String(events)) = row.pop() else {
                return Err(unreadable("an append"));
            };
            let append = append_of(&row).ok_or_else(|| unreadable("an append"))?;
            taken = taken.saturating_add(events.len());
            appends.push((append, events));
            if taken >= bytes {
                break;
            }
        }
        Ok(appends)
    }

    fn index_in(
        &self,
        pieces: &[(u64, u64)],
        bytes: usize,
    ) -> Result<Vec<(u64, Vec<u8>)>, StoreError> {
        let pieces: Vec<String> =
            pieces.iter().map(|(slot, from)| format!("[{slot},{from}]")).collect();
        let values = vec![integer(bytes as u64), format!("[{}]", pieces.join(",")).into()];
        let rows = self.run(INDEX, values)?.into_iter().map(|mut row| {
            let index = match row.pop() {
                Some(SqlStorageValue::Blob(index)) => index,
                _ => Vec::new(),
            };
            Some((number(&row, 0)?, index))
        });
        rows.collect::<Option<_>>().ok_or_else(|| unreadable("an append"))
    }

    fn append(
        &mut self,
        slot: u64,
        store::Row { append, events, index }: store::Row,
        changes: &[KeyChange],
        emptied: &[u64],
    ) -> Result<(), StoreError> {
        let write = || {
            let [number, first, last] = [append.number, append.first.get(), append.last.get()];
            let totals = [
                append.at.get(),
                append.start_offset,
                append.end_offset,
                append.floor,
                append.floor_offset,
            ];
            let numbers = [slot, number, first, last].into_iter().chain(totals).map(integer);
            let texts = [SqlStorageValue::Blob(index.to_vec()), events.into()];
            self.run(APPEND, numbers.chain(texts).collect())
        };
        if changes.is_empty() && emptied.is_empty() {
            return write().map(drop);
        }
        self.transaction(|| {
            write()?;
            self.change_keys(changes)?;
            for slot in emptied {
                self.run(EMPTY, vec![integer(*slot)])?;
            }
            Ok(())
        })
    }

    fn import_state(&mut self, epoch: Epoch, changes: &[KeyChange]) -> Result<(), StoreError> {
        self.transaction(|| {
            self.run("UPDATE room SET epoch = ?", vec![epoch.to_string().into()])?;
            self.change_keys(changes)
        })
    }

    fn state(&self) -> Result<String, StoreError> {
        let rows = self.run("SELECT event FROM state ORDER BY seq", vec![])?;
        let events: Option<Vec<&str>> = rows.iter().map(|row| text(row, 0)).collect();
        Ok(events.ok_or_else(|| unreadable("the state"))?.join(","))
    }

    fn state_sizes(&self) -> Result<Vec<(String, u64)>, StoreError> {
        let rows = self.run("SELECT key, octet_length(event) FROM state", vec![])?;
        let sizes = rows.iter().map(|row| Some((text(row, 0)?.to_owned(), number(row, 1)?)));
        sizes.collect::<Option<_>>().ok_or_else(|| unreadable("the state"))
    }

    fn queue(&self) -> Result<Option<QueueMeta>, StoreError> {
        sql_queue::meta(&self.sql)
    }

    fn queue_rows(&self, after: u64, bytes: usize) -> Result<Vec<(QueueRow, String)>, StoreError> {
        sql_queue::rows(&self.sql, after, bytes)
    }

    fn newest_queue_row(&self) -> Result<Option<QueueRow>, StoreError> {
        sql_queue::newest(&self.sql)
    }

    fn open_items(&self) -> Result<Vec<OpenItem>, StoreError> {
        sql_queue::open_items(&self.sql)
    }

    fn write_queue(&mut self, change: QueueChange) -> Result<(), StoreError> {
        self.transaction(|| sql_queue::write(change, |sql, values| self.run(sql, values).map(drop)))
    }

    fn erase(&mut self) -> Result<(), StoreError> {
        platform::delete_all(&self.storage).map_err(store_error)
    }

    fn rows_written(&self) -> u64 {
        self.rows_written.get()
    }
}

/// The tables that exist in the database.
#[derive(PartialEq, Eq)]
enum Tables {
    None,
    /// The tables of an older version, which has no index of ids.
    WithoutIds,
    All,
}

fn tables(sql: &SqlStorage) -> Result<Tables, StoreError> {
    let has_ids = "SELECT instr(sql, ' ids ') > 0 FROM sqlite_master WHERE name = 'log'";
    let found = run(sql, has_ids, vec![])?;
    Ok(match found.rows.first() {
        None => Tables::None,
        Some(row) if number(row, 0) == Some(0) => Tables::WithoutIds,
        Some(_) => Tables::All,
    })
}

fn append_of(row: &SqlRow) -> Option<Append> {
    let [number, first, last, at] = [0, 1, 2, 3].map(|column| number(row, column));
    let [starts, ends, floor, floor_starts] = [4, 5, 6, 7].map(|column| self::number(row, column));
    Some(Append {
        number: number?,
        first: Seq::new(first?)?,
        last: Seq::new(last?)?,
        at: Millis::new(at?),
        start_offset: starts?,
        end_offset: ends?,
        floor: floor?,
        floor_offset: floor_starts?,
    })
}
