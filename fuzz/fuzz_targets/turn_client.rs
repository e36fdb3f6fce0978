#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| handset::ice::turn::fuzz::turn_client(data));
