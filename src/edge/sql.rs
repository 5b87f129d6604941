//! Statements for the object's SQLite database, and their values.

use std::fmt::Debug;

use worker::{SqlStorage, SqlStorageValue};

use crate::store::StoreError;

pub type SqlRow = Vec<SqlStorageValue>;

/// The result of a statement.
pub struct Ran {
    pub rows: Vec<SqlRow>,
    pub written: u64,
}

pub fn run(
    sql: &SqlStorage,
    statement: &str,
    values: Vec<SqlStorageValue>,
) -> Result<Ran, StoreError> {
    let cursor = sql.exec(statement, values).map_err(store_error)?;
    let rows = cursor.raw().collect::<worker::Result<_>>().map_err(store_error)?;
    Ok(Ran { rows, written: cursor.rows_written() as u64 })
}

/// Converts an integer to a SQLite value. All integers in the store are below
/// 2^53, so they are exact in JavaScript.
pub fn integer(number: u64) -> SqlStorageValue {
    SqlStorageValue::Integer(i64::try_from(number).unwrap_or(i64::MAX))
}

pub fn number(row: &SqlRow, column: usize) -> Option<u64> {
    match row.get(column)? {
        SqlStorageValue::Integer(number) => u64::try_from(*number).ok(),
        _ => None,
    }
}

pub fn text(row: &SqlRow, column: usize) -> Option<&str> {
    match row.get(column)? {
        SqlStorageValue::String(text) => Some(text),
        _ => None,
    }
}

pub fn store_error(cause: impl Debug) -> StoreError {
    StoreError(format!("{cause:?}"))
}

pub fn unreadable(what: &str) -> StoreError {
    StoreError(format!("{what} is damaged"))
}
