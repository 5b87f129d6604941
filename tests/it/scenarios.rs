//! Runs the scenarios of tests/scenarios in the simulator: once as written, and
//! once with hibernation before every input.
//!
//! The simulator has no worker. Before a room gets an input, the runner
//! performs the worker's steps that need no I/O: the route, the token and the
//! grant. Only the worker can publish to several rooms in one request.
//! Scenarios with a publish to several rooms therefore run only on workerd.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use serde::Deserialize;
use serde_json::Value;

use crate::scenario_runner::ScenarioRunner;

#[derive(Deserialize)]
struct File {
    scenarios: Vec<Scenario>,
}

#[derive(Deserialize)]
pub struct Scenario {
    name: String,
    #[serde(default)]
    pub tokens: BTreeMap<String, Value>,
    #[serde(default)]
    pub settings: Value,
    /// Patterns of the public rooms, as in `PUBLIC_ROOMS`.
    #[serde(default)]
    pub public_rooms: Value,
    /// Apps of clients of Pusher, as in `PUSHER_APPS`.
    #[serde(default)]
    pub pusher_apps: Value,
    /// Reason why the room must not hibernate between the steps.
    stays_active: Option<String>,
    /// The only environment in which the scenario runs, or `None` if it runs in
    /// both.
    pub only: Option<String>,
    /// Limits in docs/limits.md that the scenario tests, both at the limit and
    /// beyond it.
    #[serde(default)]
    pub limits: Vec<String>,
    pub steps: Vec<Value>,
}

impl Scenario {
    /// Whether the scenario publishes to several rooms in one request, which
    /// only the worker can do.
    fn needs_worker(&self) -> bool {
        let mut verbs = self.steps.iter().flat_map(|step| step.as_object().unwrap().values());
        verbs.any(|verb| verb == "POST /events")
    }

    /// Runs the scenario. Returns the step that failed, if any.
    fn run(&self, hibernate_between_inputs: bool) -> Option<String> {
        let mut runner = ScenarioRunner::new(self, hibernate_between_inputs);
        let failed = |step: &dyn fmt::Debug| {
            Some(format!(
                "{:?}, hibernate_between_inputs: {hibernate_between_inputs}: {step:.300?}",
                self.name
            ))
        };
        for step in &self.steps {
            if catch_unwind(AssertUnwindSafe(|| runner.run_step(step))).is_err() {
                return failed(step);
            }
        }
        let ended = catch_unwind(AssertUnwindSafe(|| runner.check_no_more_frames()));
        if ended.is_err() { failed(&"the end") } else { None }
    }
}

pub fn scenarios() -> impl Iterator<Item = Scenario> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios");
    let files = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> =
        files.filter(|path| path.extension().is_some_and(|e| e == "json")).collect();
    files.sort();
    assert!(!files.is_empty());
    files.into_iter().flat_map(|path| {
        let text = fs::read_to_string(&path).unwrap();
        let file: File = serde_json::from_str(&text).unwrap_or_else(|e| panic!("{path:?}: {e}"));
        file.scenarios
    })
}

#[test]
fn scenarios_pass_active_and_hibernating() {
    let mut failed = Vec::new();
    for scenario in scenarios().filter(|scenario| !scenario.needs_worker()) {
        failed.extend(scenario.run(false));
        if scenario.stays_active.is_none() {
            failed.extend(scenario.run(true));
        }
    }
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}
