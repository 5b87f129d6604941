//! Random stories: everything that can happen to a room, in any order, against
//! the naive model. A story follows from its seed alone.
//!
//! ```sh
//! ROOMCAST_SEED=42 cargo test --test it random                        # one story again
//! ROOMCAST_STORIES=100000 ROOMCAST_STEPS=300 cargo test --test it random   # for a long time
//! ```

use std::env;

use roomcast::settings::Settings;

use crate::story::Story;

pub fn set(variable: &str) -> Option<u64> {
    env::var(variable).ok().map(|value| value.parse().expect(variable))
}

pub fn seeds(stories: u64) -> impl Iterator<Item = u64> {
    let seed = set("ROOMCAST_SEED");
    let stories = if seed.is_some() { 1 } else { set("ROOMCAST_STORIES").unwrap_or(stories) };
    (0..stories).map(move |story| seed.unwrap_or(story))
}

#[test]
fn random_stories_go_as_the_model_says() {
    for seed in seeds(300) {
        let mut story = Story::begin(seed);
        for _ in 0..set("ROOMCAST_STEPS").unwrap_or(120) {
            story.goes_on();
        }
        story.ends();
    }
}

/// The same story twice: once the room is awake throughout, and once it sleeps
/// before every input. Nobody can tell which is which.
#[test]
fn sleep_is_invisible() {
    for seed in seeds(120) {
        let steps = set("ROOMCAST_STEPS").unwrap_or(100);
        let [awake, asleep] = [false, true].map(|drowsy| {
            let mut story = Story::compared(seed, drowsy);
            let heard: Vec<String> = (0..steps).flat_map(|_| story.goes_on_and_settles()).collect();
            (heard, story.world.store.tables(), story.world.wakes)
        });
        let differing = awake.0.iter().zip(&asleep.0).find(|(awake, asleep)| awake != asleep);
        assert_eq!(differing, None, "ROOMCAST_SEED={seed}");
        assert_eq!((awake.0.len(), awake.1), (asleep.0.len(), asleep.1), "ROOMCAST_SEED={seed}");
        assert!(asleep.2 > 2 * awake.2, "it did sleep");
    }
}

/// What a story's room is set to. The rates are out of the way: how they fill
/// up again is a matter of time, not of what came before.
pub fn any_settings(dice: &mut crate::dice::Dice) -> Settings {
    let hour = 3_600_000;
    Settings {
        retained_appends: *dice.pick(&[1, 2, 5, 12, 40]),
        retained_ms: *dice.pick(&[hour, 24 * hour, 72 * hour]),
        retained_bytes: *dice.pick(&[150, 2_000, 600_000, 32 << 20]),
        state_keys: *dice.pick(&[1, 3, 1_000]),
        state_bytes: *dice.pick(&[400, 4 << 20]),
        frames_per_second: 1_000_000,
        frames_burst: 1_000_000,
        publishes_per_second: 1_000_000,
        frame_window_ms: *dice.pick(&[0, 10]),
        ..Settings::default()
    }
}
