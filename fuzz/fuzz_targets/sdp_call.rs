#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| handset::call::fuzz::gate_then_engine(data));
