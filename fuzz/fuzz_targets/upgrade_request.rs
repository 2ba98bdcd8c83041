#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fast_app_engineio::fuzz::upgrade_request(data));
