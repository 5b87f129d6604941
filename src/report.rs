//! Reports to the directory of rooms.
//!
//! A report contains everything that its reporter has counted since the start of
//! a **period**, so a report that arrives twice, or after a later one, changes
//! nothing. A reporter is a room or an isolate of the worker. A room's period
//! starts when its object is loaded. It continues across hibernation, because
//! the sockets' attachments contain the report.

use crate::metrics::{self, Sums};
use crate::protocol::Seq;
use crate::time::Millis;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// Name of the room, or [`Self::ISOLATE`] with the id of an isolate.
    pub reporter: String,
    /// Time at which the period started. Later periods of a reporter start
    /// later.
    pub period: Millis,
    /// Number of the report in its period.
    pub number: u64,
    /// Time of the report.
    pub at: Millis,
    /// The room at the time of the report. `None` for an isolate, and for a
    /// room that was erased.
    pub room: Option<RoomReport>,
    /// The counts of this period.
    pub counts: Sums,
}

/// The part of a report that only a room has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoomReport {
    pub head: Seq,
    pub members: u64,
    /// Number of webhook notifications that wait for a retry.
    pub webhook_backlog: u64,
    /// Number of sessions, by the key of the metric `connections`.
    pub sessions: Sums,
}

impl Report {
    /// Prefix of an isolate's name. The name of a room has no slash.
    pub const ISOLATE: &str = "isolate/";
    /// Key of a room's webhook backlog. It is absent if nothing waits. An earlier
    /// version adds it to its sums, but shows no metric of this name.
    const BACKLOG: &str = "backlog";

    /// Parses the text of a report. Another version may have added metrics, which
    /// are kept.
    pub fn parse(text: &str) -> Option<Self> {
        let (reporter, lines) = text.split_once('\n')?;
        let mut values = Sums::parse(lines)?;
        let sessions = values.remove_all(&metrics::CONNECTIONS);
        let [period, number, at] = ["period", "number", "at"].map(|key| values.remove(key));
        let [head, members, backlog] =
            ["head", "members", Self::BACKLOG].map(|key| values.remove(key));
        let room = match head {
            Some(head) => Some(RoomReport {
                head: Seq::new(head)?,
                members: members?,
                webhook_backlog: backlog.unwrap_or_default(),
                sessions,
            }),
            None => None,
        };
        Some(Self {
            reporter: reporter.to_owned(),
            period: Millis::new(period?),
            number: number?,
            at: Millis::new(at?),
            room,
            counts: values,
        })
    }

    /// Returns the report as text: a line with the reporter, and a line for each
    /// number, with its key.
    pub fn text(&self) -> String {
        let mut values = self.counts.clone();
        values.add("period", self.period.get());
        values.add("number", self.number);
        values.add("at", self.at.get());
        if let Some(room) = &self.room {
            values.add("head", room.head.get());
            values.add("members", room.members);
            if room.webhook_backlog > 0 {
                values.add(Self::BACKLOG, room.webhook_backlog);
            }
            values.add_all(&room.sessions);
        }
        format!("{}\n{}", self.reporter, values.lines())
    }

    /// Returns whether this report was written after another of the same
    /// reporter.
    pub fn is_after(&self, other: &Self) -> bool {
        (self.period, self.number) > (other.period, other.number)
    }

    pub fn sessions(&self) -> u64 {
        self.room.as_ref().map_or(0, |room| room.sessions.total(&metrics::CONNECTIONS))
    }

    /// Returns what the report adds to the metrics until the next report of its
    /// reporter: the counts of the period, and the room as it is.
    pub fn sums(&self) -> Sums {
        let mut sums = self.counts.clone();
        if let Some(room) = &self.room {
            sums.add_all(&room.sessions);
            sums.add(&metrics::MEMBERS.series(""), room.members);
            if room.webhook_backlog > 0 {
                sums.add(&metrics::WEBHOOK_BACKLOG.series(""), room.webhook_backlog);
            }
            let state = if self.sessions() == 0 { "empty" } else { "occupied" };
            sums.add(&metrics::ROOMS.series(state), 1);
        }
        sums
    }
}

/// Returns the name of the reporter in the text of a report.
pub fn reporter_of(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}
