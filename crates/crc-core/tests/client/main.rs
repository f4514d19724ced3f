//! The client machine, event by event.

#![expect(clippy::unwrap_used, reason = "this is a test")]

mod channels;
mod fixture;
mod outgoing;
mod quit;
mod receive;
mod reconnect;
mod registration;
mod roster;
mod stream;

use std::time::Duration;

use crc_core::{
    BadFrame, Client, ClientCommand, ClientConfig, ClientFailure, ClientNotice, ClientSendError,
    CloseWhen, DialError, DialId, DisconnectReason, Event, Features, LinkDown, LinkId, ListenerId,
    Machine, Origin, ResolveError, Unsent,
};
use crc_wire::{FrameError, HostId, Kind, Message, MessageError};
use proptest::prelude::*;

use fixture::*;
