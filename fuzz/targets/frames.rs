#![no_main]

libfuzzer_sys::fuzz_target!(|script: &str| roomcast_fuzz::fuzz::frames::run_script(script));
