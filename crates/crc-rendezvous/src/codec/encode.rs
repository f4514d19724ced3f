//! Encoders. Each message ends with a newline.

use std::io::Write;
use std::net::SocketAddr;

/// The registration of a peer: the address that it listens on.
pub fn write_registration(address: SocketAddr, out: &mut Vec<u8>) {
    put(format_args!("{address}\n"), out);
}

/// A list of the directory: the addresses of the peers in the order in which they joined.
///
/// ```
/// let mut out = Vec::new();
/// crc_rendezvous::write_list(["127.0.0.1:80".parse()?, "[::1]:81".parse()?], &mut out);
/// assert_eq!(out, b"list:\n127.0.0.1:80\n[::1]:81\n");
/// # Ok::<(), std::net::AddrParseError>(())
/// ```
pub fn write_list(addresses: impl IntoIterator<Item = SocketAddr>, out: &mut Vec<u8>) {
    put(format_args!("list:\n"), out);
    for address in addresses {
        put(format_args!("{address}\n"), out);
    }
}

/// The teardown, the last message of the directory.
pub fn write_teardown(out: &mut Vec<u8>) {
    put(format_args!("teardown\n"), out);
}

/// The greeting of a peer that has dialled another: the address that it listens on
/// itself.
pub fn write_hello(address: SocketAddr, out: &mut Vec<u8>) {
    put(format_args!("Hello from:{address}\n"), out);
}

/// A line of a peer. `text` must not contain a newline, which would begin another
/// line.
pub fn write_text(text: &str, out: &mut Vec<u8>) {
    put(format_args!("{text}\n"), out);
}

fn put(text: std::fmt::Arguments<'_>, out: &mut Vec<u8>) {
    // Writing to a vector does not fail.
    let _ = out.write_fmt(text);
}
