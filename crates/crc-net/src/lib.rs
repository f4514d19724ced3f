//! Drives a [`Machine`](crc_machine::Machine) with TCP sockets: one thread, one selector, no blocking
//! calls.
//!
//! A [`Driver`] waits for sockets, reads them, passes the bytes to its machine, and executes the
//! machine's effects. This crate contains all system calls and no protocol. It reports the
//! system's errors to the machine as the reason of a `LinkDown` or a `DialFailed`.
//!
//! # Use
//!
//! Implement `Machine`, create a [`Driver`], call [`Driver::listen`] for each address, then
//! [`Driver::run`]. Other threads use a [`CommandSender`]; [`read_lines`] turns lines of standard input
//! into commands. See the example of [`Driver`], and `examples/echo_server.rs`.
//!
//! A program with an event loop of its own can use the [`Selector`] alone, with
//! [`PollSource`] and [`start_connect`].
//!
//! # TLS
//!
//! [`Driver::listen_tls`] listens for TLS 1.3 and 1.2, and a dial to `tls://HOST:PORT` connects by it.
//! The machine sees plaintext, and learns what the handshake tells by
//! [`LinkUp`](crc_machine::Event::LinkUp), which comes after the handshake. All bounds are those of
//! plaintext. Handshakes have a deadline and a bound on their number and memory; their work is
//! shared out like that of reads.
//!
//! # Guarantees
//!
//! - A turn writes to each link with one system call, whatever the number of messages. An idle
//!   driver makes no system calls and does not wake up.
//! - A slow reader does not slow down other links. Its send queue is bounded, and the driver closes
//!   the link when the queue exceeds the bound.
//! - Each `LinkUp` is followed by exactly one `LinkDown`.
//! - Within a turn, the ends of established links come before the first bytes of new ones. So a
//!   peer that drops and reconnects immediately does not collide with its old link.
//! - Optionally, one address takes a bounded number of links, at a bounded rate, and some links are
//!   reserved for some networks. The driver closes other connections at once.
//! - When the process is out of descriptors, the driver pauses accepting, with growing pauses. It
//!   never spins.
//!
//! # Limits
//!
//! - Unix only, because of signals and descriptors. It is developed and tested on Linux.
//! - TCP and TLS only. The driver runs on one thread.

#![deny(unsafe_code)]

#[cfg(not(unix))]
compile_error!("crc-net needs Unix signals and descriptors");

mod batching;
mod clock;
mod command_sender;
mod config;
mod connect;
mod connection;
mod descriptors;
mod dialer;
mod driver;
mod error;
mod limits_sender;
mod lines;
mod listener;
mod places;
#[allow(unsafe_code)]
mod poll_source;
mod proxy_header;
mod read_buffer;
mod selector;
mod send_lists;
mod signals;
mod slots;
mod sockets;
mod stats;
mod tls;

pub use command_sender::{CommandSender, SendError};
pub use config::{AddressLimits, DriverConfig, LinkLimits};
pub use connect::{ConnectOutcome, connect_outcome, start_connect};
pub use descriptors::raise_descriptor_limit;
pub use driver::{Driver, Stopped};
pub use error::{DriverError, ListenError};
pub use limits_sender::LimitsSender;
pub use lines::{LineEvent, read_lines};
pub use poll_source::{PollSource, Socket};
pub use proxy_header::{PROXY_HEADER_BYTES_MAX, ProxyHeader, ProxyHeaderError, parse_proxy_header};
pub use selector::{Events, Interest, Ready, Selector};
pub use stats::{Counter, Stats};
pub use tls::{
    CertificateAuthorities, CertificateFiles, TlsClient, TlsError, TlsServer, UnknownCertificates,
    fingerprint_of_file, is_valid_now,
};

/// Runs the README's example as a test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
