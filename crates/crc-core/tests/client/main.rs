//! The client machine, event by event, and with server machines.

#![allow(
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    reason = "a test may fail"
)]

mod channel_fixture;
mod channels;
mod fixture;
mod moves;
mod names;
#[path = "../fixture/mod.rs"]
mod network_fixture;
mod outgoing;
mod ping;
mod quit;
mod receive;
mod reconnect;
mod registration;
mod roster;
mod stream;
mod with_servers;

use std::time::Duration;

use crc_core::{
    BadFrame, Client, ClientCommand, ClientConfig, ClientFailure, ClientNotice, ClientSendError,
    CloseWhen, DialError, DialId, DisconnectReason, Event, Features, LinkDown, LinkId, ListenerId,
    Machine, Origin, ResolveError, Unsent,
};
use crc_wire::{FrameError, HostId, Kind, Message, MessageError};
use proptest::prelude::*;

use fixture::*;
