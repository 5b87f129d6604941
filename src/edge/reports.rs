//! Reports to the directory from this isolate of the worker: its own counts, and
//! the reports that rooms passed with their answers.
//!
//! A timer of the worker costs nothing, unlike a timer of an object. So reports
//! wait here, and only the newest of each room is delivered.

use std::cell::RefCell;

use js_sys::{Array, Map};
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::Closure;
use wasm_bindgen_futures::JsFuture;
use worker::worker_sys::Context as RawContext;
use worker::{Context, Env};

use super::platform::{self, Observe, now};
use super::timer::sleep_ms;
use crate::directory::{SHARDS, shard_of};
use crate::limits;
use crate::metrics::{self, Counters, Metric, Sums};
use crate::report::{Report, reporter_of};
use crate::route::RequestKind;
use crate::time::Millis;

thread_local! {
    static OUTBOX: RefCell<Outbox> = RefCell::new(Outbox::default());
    static OBSERVE: Observe = Closure::new(observe);
}

/// The reports that wait for their delivery.
#[derive(Default)]
struct Outbox {
    counters: Counters,
    /// Name of this isolate as a reporter. Empty before its first report.
    reporter: String,
    period: Millis,
    number: u64,
    /// The time of this isolate's newest report.
    reported_at: Option<Millis>,
    /// The newest report of each room, by the room's name.
    of_rooms: Map,
    delivered_at: Option<Millis>,
    /// The time of the next delivery, if one is scheduled.
    scheduled_for: Option<Millis>,
}

/// An answered request to a room.
pub struct AnsweredRequest {
    pub kind: RequestKind,
    pub took_ms: u64,
    pub is_rate_limited: bool,
    pub bytes_received: u64,
    pub bytes_sent: u64,
    pub report: Option<String>,
}

/// Calls `act` with the function that counts an answered request.
pub fn with_observe<T>(act: impl FnOnce(&Observe) -> T) -> T {
    OBSERVE.with(act)
}

#[expect(clippy::too_many_arguments, reason = "an object for them would cost more calls")]
fn observe(
    env: Env,
    context: RawContext,
    kind: u8,
    took_ms: f64,
    is_rate_limited: bool,
    bytes_received: f64,
    bytes_sent: f64,
    report: Option<String>,
) {
    let answered = AnsweredRequest {
        kind: RequestKind::of_index(kind),
        took_ms: platform::integer(took_ms),
        is_rate_limited,
        bytes_received: platform::integer(bytes_received),
        bytes_sent: platform::integer(bytes_sent),
        report,
    };
    count_answer(answered);
    schedule(&env, &Context::new(context));
}

/// Counts an answered request, and keeps the report that the room passed.
pub fn count_answer(answered: AnsweredRequest) {
    OUTBOX.with_borrow_mut(|outbox| {
        let kind = answered.kind;
        let counters = outbox.counters(now());
        counters.add(&metrics::RECEIVED, kind.as_str(), 1);
        counters.add(&metrics::SENT, "answer", 1);
        counters.add(&metrics::BYTES_RECEIVED, "", answered.bytes_received);
        counters.add(&metrics::BYTES_SENT, "", answered.bytes_sent);
        if kind == RequestKind::Publish {
            counters.add_publish(answered.took_ms);
        }
        if answered.is_rate_limited {
            let is_write =
                matches!(kind, RequestKind::Publish | RequestKind::Signal | RequestKind::Import);
            counters.add(&metrics::RATE_LIMITED, if is_write { "publishes" } else { "reads" }, 1);
        }
        if let Some(report) = answered.report {
            outbox.of_rooms.set(&reporter_of(&report).into(), &report.as_str().into());
        }
    });
}

pub fn count(metric: &'static Metric, value: &'static str) {
    OUTBOX.with_borrow_mut(|outbox| outbox.counters(now()).add(metric, value, 1));
}

/// Schedules a delivery unless one is scheduled. The delivery keeps the request's
/// invocation running, but delays no answer.
pub fn schedule(env: &Env, context: &Context) {
    let Some(wait_ms) = OUTBOX.with_borrow_mut(|outbox| outbox.schedule(now())) else { return };
    let env = env.clone();
    context.wait_until(async move {
        sleep_ms(wait_ms).await;
        deliver(&env).await;
    });
}

/// Delivers the reports now. A report that can't be delivered is logged and
/// dropped. A later report of the same reporter has its counts too.
pub async fn deliver(env: &Env) {
    let texts = OUTBOX.with_borrow_mut(|outbox| outbox.drain(now()));
    for shard in 0..SHARDS {
        let of_shard = texts.iter().filter(|text| shard_of(reporter_of(text)) == shard);
        let texts: Array = of_shard.map(|text| JsValue::from_str(text)).collect();
        if texts.length() > 0 {
            // The promise never rejects.
            let _ = JsFuture::from(platform::send_reports(env, shard, &texts)).await;
        }
    }
}

impl Outbox {
    /// Returns the counters. If nothing was counted for long, starts a new period.
    fn counters(&mut self, now: Millis) -> &mut Counters {
        let reported_at = self.reported_at.unwrap_or(now);
        if !self.counters.has_changed() && now.since(reported_at) >= limits::REPORT_PERIOD_MS {
            self.counters = Counters::default();
            self.period = now;
            self.number = 0;
        }
        &mut self.counters
    }

    /// Returns the time until the delivery that the caller must now schedule.
    /// A delivery whose time has long passed was lost with its invocation.
    fn schedule(&mut self, now: Millis) -> Option<u64> {
        let is_scheduled =
            self.scheduled_for.is_some_and(|at| at.plus(limits::EDGE_REPORT_MS) > now);
        if is_scheduled {
            return None;
        }
        let since_last = self.delivered_at.map_or(u64::MAX, |at| now.since(at));
        let wait_ms = limits::REPORT_MS.saturating_sub(since_last).max(limits::EDGE_REPORT_MS);
        self.scheduled_for = Some(now.plus(wait_ms));
        Some(wait_ms)
    }

    /// Removes and returns the reports.
    fn drain(&mut self, now: Millis) -> Vec<String> {
        self.scheduled_for = None;
        self.delivered_at = Some(now);
        let of_rooms = std::mem::take(&mut self.of_rooms);
        let mut reports: Vec<String> = Vec::new();
        of_rooms.for_each(&mut |report, _| reports.extend(report.as_string()));
        if self.counters.take_change() {
            reports.extend(self.own_report(now));
        }
        reports
    }

    fn own_report(&mut self, now: Millis) -> Option<String> {
        if self.reporter.is_empty() {
            self.reporter = format!("{}{:x}", Report::ISOLATE, platform::random().ok()?);
            self.period = now;
        }
        self.number = self.number.saturating_add(1);
        self.reported_at = Some(now);
        Some(
            Report {
                reporter: self.reporter.clone(),
                period: self.period,
                number: self.number,
                at: now,
                room: None,
                counts: self.counters.added_to(&Sums::default()),
            }
            .text(),
        )
    }
}
