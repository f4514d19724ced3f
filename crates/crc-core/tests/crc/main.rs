//! The binary protocol: servers and their peers, message by message.

#![allow(
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    reason = "a test may fail"
)]

mod announce;
mod any_frame;
mod auth;
mod channel;
mod chat;
mod congestion;
mod earlier;
#[path = "../fixture/mod.rs"]
mod fixture;
mod ids;
mod keepalive;
mod machine_parts;
mod registration;
mod server_list;
mod text_limits;
mod version;

use std::time::Duration;

use crc_core::{Event, ServerCommand, ServerNotice};
use crc_wire::Message;

use fixture::*;
