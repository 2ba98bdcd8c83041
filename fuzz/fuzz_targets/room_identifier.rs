#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fast_app::fuzz::room_identifier(data));
