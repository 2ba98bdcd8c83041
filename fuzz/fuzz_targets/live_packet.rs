#![no_main]

mod live;

libfuzzer_sys::fuzz_target!(|data: &[u8]| live::read(data));
