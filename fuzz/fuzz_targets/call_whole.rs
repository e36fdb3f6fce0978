#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| handset::call::fuzz::whole_call(data));
