//! The storage of the directory, in memory.

use std::collections::BTreeMap;

use roomcast::directory::{Directory, ReportStore};
use roomcast::protocol::{RoomName, RoomsQuery};
use roomcast::report::Report;
use roomcast::store::StoreError;
use roomcast::time::Millis;

#[derive(Default)]
pub struct MemoryReportStore(BTreeMap<String, Row>);

#[derive(Clone)]
struct Row {
    is_room: bool,
    sessions: u64,
    at: Millis,
    text: String,
}

impl ReportStore for MemoryReportStore {
    fn report(&self, reporter: &str) -> Result<Option<String>, StoreError> {
        Ok(self.0.get(reporter).map(|row| row.text.clone()))
    }

    fn put(&mut self, report: &Report, text: &str) -> Result<(), StoreError> {
        let (is_room, sessions) = (report.room.is_some(), report.sessions());
        let row = Row { is_room, sessions, at: report.at, text: text.to_owned() };
        self.0.insert(report.reporter.clone(), row);
        Ok(())
    }

    fn delete(&mut self, reporter: &str) -> Result<(), StoreError> {
        self.0.remove(reporter);
        Ok(())
    }

    fn each(&self, visit: &mut dyn FnMut(&str)) -> Result<(), StoreError> {
        self.0.values().for_each(|row| visit(&row.text));
        Ok(())
    }

    fn page(&self, query: &RoomsQuery) -> Result<Vec<String>, StoreError> {
        let after = query.after.as_ref().map_or("", RoomName::as_str);
        let is_on_page = |(name, row): &(&String, &Row)| {
            name.starts_with(&query.prefix) && name.as_str() > after && row.is_room
        };
        let rooms = self.0.iter().filter(is_on_page).map(|(_, row)| row.text.clone());
        let most = usize::try_from(query.limit).unwrap() + 1;
        Ok(rooms.take(most).collect())
    }

    fn old(&self, empty_before: Millis, any_before: Millis) -> Result<Vec<String>, StoreError> {
        let is_old =
            |row: &&Row| row.at < empty_before && (row.sessions == 0 || row.at < any_before);
        Ok(self.0.values().filter(is_old).map(|row| row.text.clone()).collect())
    }
}

pub fn new_directory() -> Directory<MemoryReportStore> {
    Directory::load(MemoryReportStore::default(), Millis::new(0)).unwrap()
}
