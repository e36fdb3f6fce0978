#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| handset::sdp::fuzz::round_trip(data));
