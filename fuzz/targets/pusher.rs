#![no_main]

libfuzzer_sys::fuzz_target!(|script: &str| roomcast_fuzz::fuzz::pusher::run_script(script));
