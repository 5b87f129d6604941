//! Random runs of a room: any inputs and faults in any order, compared with the
//! naive model. The seed determines the run.
//!
//! ```sh
//! ROOMCAST_SEED=42 cargo test --test it random   # repeat one run
//! make simulate SEED=1000000                     # ten million steps, starting with that seed
//! ```

use std::env;

use roomcast::settings::Settings;

use crate::random_run::RandomRun;

fn variable(name: &str) -> Option<u64> {
    env::var(name).ok().map(|value| value.parse().expect(name))
}

/// Runs `cases` cases of `steps` steps. `ROOMCAST_SEED`, `ROOMCAST_CASES` and
/// `ROOMCAST_STEPS` override the seed, the number of cases and the number of
/// steps. `run` gets a seed and the number of steps, and returns the number of
/// steps that it made.
pub fn run_random(cases: u64, steps: u64, run: impl Fn(u64, u64) -> u64) {
    let seed = variable("ROOMCAST_SEED");
    let cases = variable("ROOMCAST_CASES").unwrap_or(if seed.is_some() { 1 } else { cases });
    let steps = variable("ROOMCAST_STEPS").unwrap_or(steps);
    let seeds = seed.unwrap_or(0)..seed.unwrap_or(0) + cases;
    let total: u64 = seeds.clone().map(|seed| run(seed, steps)).sum();
    println!("{total} steps, with the seeds {seeds:?}");
}

#[test]
fn random_run_matches_the_model() {
    run_random(300, 120, |seed, steps| {
        let mut run = RandomRun::new(seed);
        (0..steps).for_each(|_| run.step_and_check());
        run.finish();
        steps
    });
}

/// Runs each case twice. The room stays active in the first run, and hibernates
/// before every input in the second run. Both runs must have the same frames
/// and rows.
#[test]
fn hibernation_between_inputs_is_invisible() {
    run_random(120, 100, |seed, steps| {
        let [active, hibernated] = [false, true].map(|hibernate| {
            let mut run = RandomRun::new_compared(seed, hibernate);
            let received: Vec<String> = (0..steps).flat_map(|_| run.step_and_collect()).collect();
            (received, run.sim.store.tables(), run.sim.loads)
        });
        let differing =
            active.0.iter().zip(&hibernated.0).find(|(active, hibernated)| active != hibernated);
        assert_eq!(differing, None, "ROOMCAST_SEED={seed}");
        assert_eq!(
            (active.0.len(), active.1),
            (hibernated.0.len(), hibernated.1),
            "ROOMCAST_SEED={seed}"
        );
        assert!(hibernated.2 > 2 * active.2, "the room did hibernate");
        2 * steps
    });
}

/// Returns random settings of a room. In half of the cases, the rate limits are
/// too high to be reached.
pub fn any_settings(rng: &mut crate::test_rng::TestRng) -> Settings {
    let hour = 3_600_000;
    let (frames, burst, publishes) = *rng.choose(&[NO_RATE, NO_RATE, (2, 3, 20), (1, 40, 4)]);
    Settings {
        retained_appends: *rng.choose(&[1, 2, 5, 12, 40]),
        retained_ms: *rng.choose(&[hour, 24 * hour, 72 * hour]),
        retained_bytes: *rng.choose(&[150, 2_000, 600_000, 32 << 20]),
        state_keys: *rng.choose(&[1, 3, 1_000]),
        state_bytes: *rng.choose(&[400, 4 << 20]),
        frames_per_second: frames,
        frames_burst: burst,
        publishes_per_second: publishes,
        reads_per_second: 1_000_000,
        frame_window_ms: *rng.choose(&[0, 10]),
        flow_required: rng.one_in(6),
        flow_window_bytes: *rng.choose(&[300, 2_000, 1 << 20]),
        ..Settings::default()
    }
}

/// Rate limits that no run reaches: frames per second, burst of frames, and
/// publishes per second.
pub const NO_RATE: (u64, u64, u64) = (1_000_000, 1_000_000, 1_000_000);
