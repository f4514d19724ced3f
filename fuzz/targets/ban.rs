#![no_main]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| crc_fuzz::ban(bytes));
