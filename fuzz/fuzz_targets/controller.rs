#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| handset::audio::control::fuzz::controller(data));
