#![no_main]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| crc_fuzz::irc_message(bytes));
