//! All tests of this package, in one program: it is linked once, and its threads always have a test
//! to run beside one that waits.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

#[macro_use]
mod scenario_files;

mod bad_input;
mod bench;
mod bots;
mod channels;
mod command_line;
mod config;
mod deployment;
mod documentation;
mod half_open;
mod irc_lines;
mod irc_load;
mod irc_programs;
mod irc_registration;
mod irc_trust;
mod legacy_scenarios;
mod limits;
mod logging;
mod moves;
mod muted;
mod names;
mod network;
mod operation;
mod operators;
mod overload;
mod places;
mod proxy;
mod record;
mod reload;
mod rendezvous_tree;
mod scenarios;
mod screen;
mod secrets;
mod soak;
mod startup_errors;
mod tls;
mod trust;
mod v1_client;
mod v1_server;
mod webirc;
mod wrong_port;
