//! Scenarios: what is launched, who says what, and what holds in the end.
//!
//! [`Scenario`] is a file, understood. [`run`] plays it on a
//! [`Fixture`](crate::fixture::Fixture) and returns a [`Report`]. Anybody's file runs unchanged:
//! the format is that of the original tests, whose keys are the only ones
//! looked at unless [`Settings::strict`] says otherwise. Two kinds of networks
//! have such files: those of CRC, and, in [`legacy`], those of the legacy IRC
//! that came before.

mod command;
mod ending;
mod file;
pub mod legacy;
mod network;
mod ports;
mod report;
mod runner;
mod tokenizer;

pub use command::{ClientCommand, Command, CommandError, LaunchClient, LaunchServer};
pub use file::{Expectation, Kind, Plot, Scenario, ScenarioError, Script, Step};
pub use report::{Problem, Report};
pub use runner::{Settings, run};
pub use tokenizer::split_words;
