//! Random stories: everything that can happen to a room, in any order, against
//! the naive model. A story follows from its seed alone.
//!
//! ```sh
//! ROOMCAST_SEED=42 cargo test --test it random   # one story again
//! make worlds SEED=1000000                       # ten million steps, from that seed on
//! ```

use std::env;

use roomcast::settings::Settings;

use crate::random_run::RandomRun;

fn variable(name: &str) -> Option<u64> {
    env::var(name).ok().map(|value| value.parse().expect(name))
}

/// Tells so many stories of so many steps, or as many as the environment asks
/// for. A story is told by its seed, and says how many steps it took.
pub fn run_random(cases: u64, steps: u64, run: impl Fn(u64, u64) -> u64) {
    let seed = variable("ROOMCAST_SEED");
    let cases = variable("ROOMCAST_CASES").unwrap_or(if seed.is_some() { 1 } else { cases });
    let steps = variable("ROOMCAST_STEPS").unwrap_or(steps);
    let seeds = seed.unwrap_or(0)..seed.unwrap_or(0) + cases;
    let taken: u64 = seeds.clone().map(|seed| run(seed, steps)).sum();
    println!("{taken} steps, of the cases with the seeds {seeds:?}");
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

/// The same story twice: once the room is awake throughout, and once it sleeps
/// before every input. Nobody can tell which is which.
#[test]
fn hibernation_between_inputs_is_invisible() {
    run_random(120, 100, |seed, steps| {
        let [awake, asleep] = [false, true].map(|hibernate| {
            let mut run = RandomRun::new_compared(seed, hibernate);
            let heard: Vec<String> = (0..steps).flat_map(|_| run.step_and_collect()).collect();
            (heard, run.sim.store.tables(), run.sim.loads)
        });
        let differing = awake.0.iter().zip(&asleep.0).find(|(awake, asleep)| awake != asleep);
        assert_eq!(differing, None, "ROOMCAST_SEED={seed}");
        assert_eq!((awake.0.len(), awake.1), (asleep.0.len(), asleep.1), "ROOMCAST_SEED={seed}");
        assert!(asleep.2 > 2 * awake.2, "it did sleep");
        2 * steps
    });
}

/// What a story's room is set to. In half of them the rates are out of the way.
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

/// Frames a second, at once, and publishes a second.
pub const NO_RATE: (u64, u64, u64) = (1_000_000, 1_000_000, 1_000_000);
