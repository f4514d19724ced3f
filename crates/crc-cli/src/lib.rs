//! What the command-line programs of this workspace share.
//!
//! - [`Generate`] prints a manual page or shell completions from a clap definition.
//! - [`parse_listen_address`] reads the address of a listener.
//! - [`Size`] is a number of bytes, such as `64K`.
//! - [`ConfigFile`](config::ConfigFile) gives options to a program, as its command line does.
//!   It needs the feature `config`.
//! - [`Verbosity`] adds `-v` and `-q`; [`init_logger`] starts the log.
//! - [`VERSION`] is what `--version` prints, with the [`COMMIT`] that it was built from.
//! - [`print_line`] and [`print_error`] write one line to a standard stream and flush it.
//! - [`UtcTime`] writes the time for programs.
//! - [`read_file`] reads a file of a bounded size.
//! - `read_password` reads one without showing it. It needs the feature `password`.
//! - `HiddenInput` keeps a terminal from showing what is typed. It needs the feature `password` or
//!   `terminal`.
//! - [`on_hangup`] and [`on_terminal_hangup`] handle SIGHUP.
//! - [`Backpressure`] limits how many items are in flight between two threads.
//! - [`Terminal`](terminal::Terminal) edits lines while other text is printed above them.
//!   It needs the feature `terminal`.
//!
//! This crate knows no protocol and no machine. Only binaries depend on it.

#![forbid(unsafe_code)]

mod backpressure;
#[cfg(feature = "config")]
pub mod config;
mod file;
mod generate;
mod hangup;
#[cfg(any(feature = "password", feature = "terminal"))]
mod hidden;
mod listen;
mod logger;
mod man;
mod output;
#[cfg(feature = "password")]
mod password;
mod size;
mod suspend;
#[cfg(feature = "terminal")]
pub mod terminal;
mod time;
mod verbosity;
mod version;

pub use backpressure::Backpressure;
pub use file::read_file;
pub use generate::Generate;
pub use hangup::{on_hangup, on_terminal_hangup};
#[cfg(any(feature = "password", feature = "terminal"))]
pub use hidden::HiddenInput;
pub use listen::{ListenAddressError, parse_listen_address};
pub use logger::init_logger;
pub use output::{print_error, print_line};
#[cfg(feature = "password")]
pub use password::{read_line, read_password};
pub use size::{Size, SizeError};
pub use suspend::suspend;
pub use time::{Date, UtcTime};
pub use verbosity::Verbosity;
pub use version::{COMMIT, VERSION};
