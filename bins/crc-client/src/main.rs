//! crc-client

fn main() {}
