//! Scenarios: files that say which servers and clients to launch, what the clients
//! do, and what every server and client must know in the end.
//!
//! [`Scenario`] is a parsed file. [`run`] plays it on a
//! [`Fixture`](crate::fixture::Fixture) and returns a [`Report`]. The format is that
//! of the original test harness, and every file of that harness runs unchanged.
//! Keys that the original does not compare count with [`Settings::strict`] only.
//! There are two kinds of networks with such files: CRC, and the legacy IRC that
//! came before ([`legacy`]).

mod command;
mod file;
pub mod legacy;
mod network;
mod ports;
mod report;
mod runner;
mod running;
mod tokenizer;

pub use command::{ClientCommand, Command, CommandError, LaunchClient, LaunchServer};
pub use file::{Expectation, Kind, Plan, Scenario, ScenarioError, Script, Step};
pub use report::{Problem, Report};
pub use runner::{Settings, run};
pub use tokenizer::split_words;
