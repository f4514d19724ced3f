//! crc-server

fn main() {}
