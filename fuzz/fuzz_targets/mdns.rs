#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| handset::ice::mdns::fuzz::mdns(data));
