//! How messages are written: each ends with a newline.

use std::io::Write;
use std::net::SocketAddr;

/// What a peer says to the directory first: the address that it listens on.
pub fn write_registration(address: SocketAddr, out: &mut Vec<u8>) {
    put(format_args!("{address}\n"), out);
}

/// A directory update: the addresses of the peers in the order in which they joined.
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

/// What the directory says last.
pub fn write_teardown(out: &mut Vec<u8>) {
    put(format_args!("teardown\n"), out);
}

/// What a peer says first to one that it has dialled: the address that it listens
/// on itself.
pub fn write_hello(address: SocketAddr, out: &mut Vec<u8>) {
    put(format_args!("Hello from:{address}\n"), out);
}

/// A line of a peer. `text` must have no newline in it: what stands behind one
/// would be a line of its own.
pub fn write_text(text: &str, out: &mut Vec<u8>) {
    put(format_args!("{text}\n"), out);
}

fn put(text: std::fmt::Arguments<'_>, out: &mut Vec<u8>) {
    // A vector takes everything.
    let _ = out.write_fmt(text);
}
