//! The object of one shard of the directory. Its class in `entry.js` is that of
//! the rooms, so an app needs no other binding.

use std::cell::RefCell;

use wasm_bindgen::prelude::wasm_bindgen;
use worker::worker_sys::DurableObjectState;
use worker::{Env, State};

use super::log;
use super::platform::{self, now};
use super::report_store::SqlReportStore;
use crate::directory::{DataPoint, Directory};
use crate::protocol::RoomsQuery;
use crate::store::StoreError;

#[wasm_bindgen]
pub struct DirectoryObject {
    state: State,
    env: Env,
    loaded: RefCell<Option<Directory<SqlReportStore>>>,
}

#[wasm_bindgen]
impl DirectoryObject {
    #[wasm_bindgen(constructor)]
    pub fn new(state: DurableObjectState, env: Env) -> Self {
        Self { state: state.into(), env, loaded: RefCell::new(None) }
    }

    /// Stores reports, and writes a data point for each. Returns whether all
    /// reports are stored. A report that can't be stored does not affect others.
    pub fn record(&self, reports: Vec<String>) -> bool {
        reports.iter().fold(true, |all, text| {
            let recorded = self.with(|directory| directory.record(text, now()));
            if let Some(Some(DataPoint { reporter, doubles })) = &recorded {
                let doubles = doubles.iter().copied().map(platform::number).collect();
                platform::write_data_point(&self.env, reporter, doubles);
            }
            all && recorded.is_some()
        })
    }

    /// Returns a page of rooms, with a line of JSON for each room. Returns `None`
    /// if the storage fails.
    pub fn rooms(&self, query: &str) -> Option<String> {
        let query = RoomsQuery::parse(query).ok()?;
        self.with(|directory| directory.rooms(&query))
    }

    /// Returns the sums of all reports as lines. Returns `None` if the storage
    /// fails.
    pub fn sums(&self) -> Option<String> {
        self.with(|directory| Ok(directory.sums().lines()))
    }
}

impl DirectoryObject {
    /// Loads the shard if it is not loaded, and then calls a function with it.
    /// Writes an error of the storage to the operator's log.
    fn with<T>(
        &self,
        act: impl FnOnce(&mut Directory<SqlReportStore>) -> Result<T, StoreError>,
    ) -> Option<T> {
        let mut slot = self.loaded.borrow_mut();
        let result = match &mut *slot {
            Some(directory) => act(directory),
            None => SqlReportStore::open(&self.state)
                .and_then(|store| Directory::load(store, now()))
                .and_then(|directory| act(slot.insert(directory))),
        };
        let failed =
            |cause: &StoreError| log::error("directory_failed", &[("cause", &cause.to_string())]);
        result.inspect_err(failed).ok()
    }
}
