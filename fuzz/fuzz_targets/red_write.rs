#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| handset::rtp::fuzz::red_write(data));
