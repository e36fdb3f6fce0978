#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| handset::trace::fuzz::trace(data));
