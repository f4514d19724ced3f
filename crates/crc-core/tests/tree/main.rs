//! A server's place in the spanning tree: candidates, dials, ranks and loops.

#![allow(
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    reason = "a test may fail"
)]

mod candidates;
#[path = "../fixture/mod.rs"]
mod fixture;
mod order;
mod uplink;
mod whom_to_dial;

use std::time::Duration;

use crc_core::{Event, ServerCommand};
use crc_wire::Message;

use fixture::*;
