//! The metrics for the operator: what is counted, sums of counts, and the text
//! format of Prometheus (<https://prometheus.io/docs/instrumenting/exposition_formats/>).

use std::fmt::Write as _;

/// Content type of the text format.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// A metric. Its name has the prefix `roomcast_` in the text format.
#[derive(Debug)]
pub struct Metric {
    pub name: &'static str,
    /// Name of the metric's label. Empty if the metric has no label.
    pub label: &'static str,
    kind: Kind,
    help: &'static str,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Counter,
    Gauge,
    /// The buckets of a histogram. Its sum and its count follow.
    Buckets,
    /// The sum of a histogram of times, which is counted in milliseconds and
    /// written in seconds.
    SumMs,
    Count,
}

/// Declares the metrics, and the list of all of them in the order of the text
/// format.
macro_rules! metrics {
    ($($constant:ident: $kind:ident $name:literal $label:literal $help:literal;)*) => {
        $(pub static $constant: Metric =
            Metric { name: $name, label: $label, kind: Kind::$kind, help: $help };)*
        pub static ALL: &[&Metric] = &[$(&$constant),*];
    };
}

metrics! {
    BUILD_INFO: Gauge "build_info" "version"
        "Version of the worker that answered. The value is always 1.";
    ROOMS: Gauge "rooms" "state"
        "Rooms in the directory: occupied by sessions, or empty.";
    CONNECTIONS: Gauge "connections" "transport"
        "Open sessions. A connection for many rooms has a session in each of them.";
    MEMBERS: Gauge "members" "" "Users who are members of a room, counted in each room.";
    ACCEPTED: Counter "connections_accepted_total" "" "Sessions that joined a room.";
    DISCONNECTS: Counter "disconnects_total" "code"
        "Sessions that ended, by close code. 1006 means without a Close frame.";
    RECEIVED: Counter "messages_received_total" "kind"
        "Frames and HTTP requests from clients, by kind. Pings are not counted.";
    SENT: Counter "messages_sent_total" "kind"
        "Frames and HTTP answers to clients, by kind. Pongs are not counted.";
    BYTES_RECEIVED: Counter "bytes_received_total" ""
        "Bytes of the frames and HTTP bodies from clients.";
    BYTES_SENT: Counter "bytes_sent_total" "" "Bytes of the frames and HTTP bodies to clients.";
    PUBLISH_BUCKETS: Buckets "publish_duration_seconds_bucket" "le"
        "Time from the worker's call of the room to its answer, for publishes over HTTP.";
    PUBLISH_MS: SumMs "publish_duration_seconds_sum" "" "";
    PUBLISHES: Count "publish_duration_seconds_count" "" "";
    RECOVER: Counter "recover_total" "result"
        "Sessions that resumed: recovered, or gap if events were lost to them.";
    RECOVERED_EVENTS: Counter "recovered_events_total" ""
        "Stored events that were sent to sessions that were behind.";
    GAPS: Counter "gaps_total" "" "Frames that told a session that events were lost to it.";
    AUTH_FAILURES: Counter "auth_failures_total" "reason"
        "Requests and frames that were refused because of their token.";
    RATE_LIMITED: Counter "rate_limited_total" "limit"
        "Frames and requests that were refused with rate_limited.";
    WEBHOOK_DELIVERIES: Counter "webhook_deliveries_total" "result"
        "Webhook batches that were delivered (ok) or failed, and notifications that were dropped.";
    WEBHOOK_BACKLOG: Gauge "webhook_backlog" ""
        "Webhook notifications that wait for a retry because their delivery failed.";
    ROWS_WRITTEN: Counter "rows_written_total" ""
        "Billed rows that the rooms wrote. Rows for alarms are not counted.";
}

/// Upper limits of the buckets of [`PUBLISH_BUCKETS`], in milliseconds, with the
/// text in seconds.
const BUCKETS: [(u64, &str); 12] = [
    (5, "0.005"),
    (10, "0.01"),
    (25, "0.025"),
    (50, "0.05"),
    (100, "0.1"),
    (250, "0.25"),
    (500, "0.5"),
    (1_000, "1"),
    (2_500, "2.5"),
    (5_000, "5"),
    (10_000, "10"),
    (u64::MAX, "+Inf"),
];

impl Metric {
    /// Returns whether the metric is not just a part of a histogram.
    pub fn starts_family(&self) -> bool {
        !matches!(self.kind, Kind::SumMs | Kind::Count)
    }

    /// Returns the key of a series: the metric's name, and the value of its
    /// label after a colon.
    pub fn series(&self, value: &str) -> String {
        let colon = if value.is_empty() { "" } else { ":" };
        format!("{}{colon}{value}", self.name)
    }

    /// Returns the value of the label in the key of a series. Returns `None` if
    /// the series is of another metric.
    fn value_in<'a>(&self, key: &'a str) -> Option<&'a str> {
        let rest = key.strip_prefix(self.name)?;
        if rest.is_empty() { Some(rest) } else { rest.strip_prefix(':') }
    }
}

/// Counts of one object or isolate. The values of labels come from fixed sets, so
/// no client can create series.
#[derive(Debug, Default)]
pub struct Counters {
    counts: Vec<Count>,
    has_changed: bool,
}

#[derive(Debug)]
struct Count {
    metric: &'static Metric,
    value: &'static str,
    count: u64,
}

impl Counters {
    /// Adds to the series of a metric with this value of its label.
    pub fn add(&mut self, metric: &'static Metric, value: &'static str, count: u64) {
        if count == 0 {
            return;
        }
        self.has_changed = true;
        let is_here =
            |there: &&mut Count| std::ptr::eq(there.metric, metric) && there.value == value;
        match self.counts.iter_mut().find(is_here) {
            Some(there) => there.count = there.count.saturating_add(count),
            None => self.counts.push(Count { metric, value, count }),
        }
    }

    /// Adds a publish that took this time. A bucket contains all times up to its
    /// limit.
    pub fn add_publish(&mut self, took_ms: u64) {
        for (limit_ms, text) in BUCKETS {
            self.add(&PUBLISH_BUCKETS, text, u64::from(took_ms <= limit_ms));
        }
        self.add(&PUBLISH_MS, "", took_ms);
        self.add(&PUBLISHES, "", 1);
    }

    /// Returns whether anything was counted since the last
    /// [`Counters::take_change`].
    pub fn has_changed(&self) -> bool {
        self.has_changed
    }

    /// Returns whether anything was counted since the last call.
    pub fn take_change(&mut self) -> bool {
        std::mem::take(&mut self.has_changed)
    }

    /// Returns the counts, added to earlier sums.
    pub fn added_to(&self, earlier: &Sums) -> Sums {
        let mut sums = earlier.clone();
        for Count { metric, value, count } in &self.counts {
            sums.add(&metric.series(value), *count);
        }
        sums
    }
}

/// Sums by the key of the series, sorted by key. Another version of the code may
/// have added keys that this version does not know. Such sums are kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sums(Vec<(String, u64)>);

impl Sums {
    /// Returns the index of a series, or the index at which it belongs.
    fn find(&self, key: &str) -> Result<usize, usize> {
        self.0.binary_search_by(|(there, _)| there.as_str().cmp(key))
    }

    pub fn add(&mut self, key: &str, count: u64) {
        match self.find(key) {
            Ok(index) => {
                if let Some((_, sum)) = self.0.get_mut(index) {
                    *sum = sum.saturating_add(count);
                }
            }
            Err(index) => self.0.insert(index, (key.to_owned(), count)),
        }
    }

    pub fn add_all(&mut self, other: &Self) {
        other.0.iter().for_each(|(key, count)| self.add(key, *count));
    }

    /// Subtracts sums that were added before.
    pub fn subtract_all(&mut self, other: &Self) {
        for (key, count) in &other.0 {
            let index = self.find(key).ok();
            if let Some((_, sum)) = index.and_then(|index| self.0.get_mut(index)) {
                *sum = sum.saturating_sub(*count);
            }
        }
    }

    /// Parses the text of [`Sums::lines`]. Returns `None` if a line has another
    /// form.
    pub fn parse(lines: &str) -> Option<Self> {
        let mut sums = Self::default();
        for line in lines.lines() {
            let (key, sum) = line.split_once(' ')?;
            sums.add(key, sum.parse().ok()?);
        }
        Some(sums)
    }

    /// Returns a line for each series: its key, a space, and the sum.
    pub fn lines(&self) -> String {
        let lines: Vec<String> = self.0.iter().map(|(key, sum)| format!("{key} {sum}")).collect();
        lines.join("\n")
    }

    /// Removes and returns the sum of a series.
    pub fn remove(&mut self, key: &str) -> Option<u64> {
        let index = self.find(key).ok()?;
        Some(self.0.remove(index).1)
    }

    /// Removes and returns the series of a metric.
    pub fn remove_all(&mut self, metric: &Metric) -> Self {
        let is_of = |(key, _): &(String, u64)| metric.value_in(key).is_some();
        let (removed, kept) = std::mem::take(&mut self.0).into_iter().partition(is_of);
        self.0 = kept;
        Self(removed)
    }

    /// Returns the sum of a series.
    pub fn get(&self, key: &str) -> u64 {
        let index = self.find(key).ok();
        index.and_then(|index| self.0.get(index)).map_or(0, |(_, sum)| *sum)
    }

    /// Returns the sum of all series of a metric.
    pub fn total(&self, metric: &Metric) -> u64 {
        self.of(metric).fold(0, |total, (_, sum)| total.saturating_add(sum))
    }

    /// Returns the series of a metric: the value of the label, and the sum.
    fn of<'a>(&'a self, metric: &'a Metric) -> impl Iterator<Item = (&'a str, u64)> {
        self.0.iter().filter_map(|(key, sum)| Some((metric.value_in(key)?, *sum)))
    }

    /// Returns the sums in the text format of Prometheus. A series without a
    /// label is present even if nothing was counted yet.
    pub fn text(&self) -> String {
        let mut out = String::new();
        for metric in ALL {
            self.write(metric, &mut out);
        }
        out
    }

    fn write(&self, metric: &Metric, out: &mut String) {
        let Metric { name, label, kind, help } = *metric;
        let family = name.strip_suffix("_bucket").unwrap_or(name);
        let kind_text = match kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Buckets | Kind::SumMs | Kind::Count => "histogram",
        };
        // Writing to a string can't fail.
        if metric.starts_family() {
            let _ = writeln!(out, "# HELP roomcast_{family} {help}");
            let _ = writeln!(out, "# TYPE roomcast_{family} {kind_text}");
        }
        let mut series = |value: &str, sum: u64| {
            let _ = writeln!(out, "roomcast_{name}{{{label}=\"{value}\"}} {sum}");
        };
        match kind {
            // The buckets have the order of their limits.
            Kind::Buckets => {
                BUCKETS.iter().for_each(|(_, limit)| series(limit, self.get(&metric.series(limit))))
            }
            Kind::Counter | Kind::Gauge if !label.is_empty() => {
                self.of(metric).for_each(|(value, sum)| series(value, sum));
            }
            Kind::SumMs => {
                let ms = self.get(name);
                let (seconds, ms) = (ms.div_euclid(1_000), ms.rem_euclid(1_000));
                let _ = writeln!(out, "roomcast_{name} {seconds}.{ms:03}");
            }
            Kind::Counter | Kind::Gauge | Kind::Count => {
                let _ = writeln!(out, "roomcast_{name} {}", self.get(name));
            }
        }
    }
}

/// Returns the label of a close code. Clients choose their codes, so codes that
/// this service does not use share one label.
pub fn close_code(code: u16) -> &'static str {
    const LABELS: [(u16, &str); 17] = [
        (1000, "1000"),
        (1001, "1001"),
        (1005, "1005"),
        (1006, "1006"),
        (1009, "1009"),
        (1011, "1011"),
        (1012, "1012"),
        (1013, "1013"),
        (4001, "4001"),
        (4003, "4003"),
        (4010, "4010"),
        (4011, "4011"),
        (4400, "4400"),
        (4404, "4404"),
        (4405, "4405"),
        (4408, "4408"),
        (4429, "4429"),
    ];
    LABELS.into_iter().find(|(there, _)| *there == code).map_or("other", |(_, label)| label)
}

/// Returns the label of a frame's kind: the text of its `type`, which is the
/// first member of every frame from the room.
pub fn frame_kind(frame: &str) -> &'static str {
    const KINDS: [&str; 12] = [
        "events",
        "signal",
        "ack",
        "welcome",
        "state",
        "gap",
        "members",
        "members:changed",
        "sessions",
        "authorized",
        "error",
        "pong",
    ];
    let kind = frame.strip_prefix(r#"{"type":""#).and_then(|rest| rest.split('"').next());
    KINDS.into_iter().find(|there| Some(*there) == kind).unwrap_or("other")
}
