//! A relay chat node without its sockets: events in, effects out.
//!
//! Two machines, [`Server`] and [`Client`], each with one entrance:
//! [`Machine::handle`]. They speak the Clemson Relay Chat protocol (`docs/PROTOCOL.md`
//! of the repository) over byte streams. A driver carries the bytes: the crate
//! `crc-net`, a simulation, or a test.
//!
//! ```text
//!              Event: LinkUp, Bytes, LinkDown, Command, Tick
//!   driver ---------------------------------------------------> machine
//!     ^                                                            |
//!     +------------------------------------------------------------+
//!              Effect: Send, Close, Dial, Notice   (an Outbox)
//! ```
//!
//! A server registers a client, without any socket:
//!
//! ```
//! use crc_core::{
//!     Config, Endpoints, Event, LinkId, ListenerId, Machine, Origin, Outbox, Server, Timestamp,
//! };
//! use crc_wire::{HostId, Info, Message, Name, Registration};
//!
//! let name = |text| Name::new(text).unwrap();
//! let mut server = Server::new(Config::new(HostId::new(1).unwrap(), name("anchor")));
//! let mut out = Outbox::new();
//!
//! let link = LinkId::new(0, 0);
//! let origin = Origin::Accepted { listener: ListenerId(0) };
//! let address = "127.0.0.1:4000".parse().unwrap();
//! let endpoints = Endpoints { peer: address, local: address };
//! server.handle(Timestamp::START, Event::LinkUp { link, origin, endpoints, security: None }, &mut out);
//!
//! let registration = Message::ClientRegistration(Registration {
//!     source: HostId::new(101).unwrap(),
//!     last_hop: None,
//!     name: name("ann"),
//!     info: Info::default(),
//! });
//! let bytes = &registration.to_vec();
//! server.handle(Timestamp::START, Event::Bytes { link, bytes }, &mut out);
//!
//! let welcome = out.effects().iter().find_map(|effect| match effect {
//!     crc_core::Effect::Send { range, .. } => Message::parse(out.bytes(*range)).ok(),
//!     _ => None,
//! });
//! let Some(Message::Status(status)) = welcome else { panic!() };
//! assert_eq!(status.text.as_str(), "Welcome to the Clemson Relay Chat network ann");
//! ```
//!
//! **A program that is a client, and runs no server**, needs the module [`client`] alone: its page
//! says all that such a program has to know, and it has all types that the interface of [`Client`]
//! names. A bot needs less still: the crate `crc-bot`.
//!
//! There is no clock, socket, thread or file in this crate, and no randomness but
//! a seed: the same events have the same effects.

#![forbid(unsafe_code)]

mod admission;
mod announcement;
mod budget;
pub mod client;
mod config;
mod congestion;
mod context;
mod counters;
mod crc;
mod first_bytes;
mod gateway;
mod hex;
mod id;
mod irc;
mod legacy;
mod limits;
mod link;
mod link_auth;
mod names;
mod network;
mod notice;
mod operator;
mod order;
mod password;
mod question;
mod server;
mod server_list;
mod status_log;
mod survey;
mod text_protocol;
mod tree;
mod violation;
mod walk;
mod work;

pub use admission::{
    AdmissionError, CHANNEL_NAME_BYTES_MAX, INFO_BYTES_MAX, NAME_BYTES_MAX, check_info,
    is_channel_name,
};
pub use announcement::{
    Announcement, Features, UNRANKED, features_text, parse_features_text, split_info,
    strip_machine_parts,
};
pub use client::{
    BadFrame, CLIENT_SERVERS_MAX, ChannelMember, ChannelRank, Client, ClientChannel, ClientCommand,
    ClientConfig, ClientFailure, ClientLimits, ClientNotice, ClientSendError, DisconnectReason,
    HostRef, ListRest, ListedChannel, RemoteClient, ResolveError, UserInfo, UserRequest,
};
pub use config::{Config, Reconfiguration, loopback};
pub use counters::Counters;
pub use crc_machine::{
    AddressError, Backoff, ByteRange, CloseWhen, DialError, DialId, Effect, Endpoints, Escaped,
    Event, Fingerprint, LinkDown, LinkId, LinkTable, ListenerId, Machine, Origin, Outbox,
    OverBound, PeerAddress, QueueReport, Random, Security, SendQueue, Timers, Timestamp,
    TlsFailure, Transport, Unsent, is_printable, split_host_port,
};
pub use first_bytes::{Ports, plaintext_answer};
pub use gateway::{GATEWAY_NAME_BYTES_MAX, GatewayConfig};
pub use id::random_host_id;
pub use limits::Limits;
pub use link_auth::{
    LinkConfig, LinkDirection, SECRET_BYTES_MAX, SECRET_BYTES_MIN, Secret, SecretError,
};
pub use names::{ascii_name, check_ascii_name, check_name, prepare_name};
pub use network::{
    Absence, Absences, Ban, BanKind, Bans, Channel, Channels, Directory, Founding, Host, HostKind,
    Metadata, Neighbour, Nicks, NotABan, Operator, Operators, PeerVersion, Setting, Settings,
};
pub use notice::ServerNotice;
pub use operator::{
    OPERATOR_NAME_BYTES_MAX, OperatorConfig, Password, PasswordHash, Powers, UnknownPower,
};
pub use server::{LinkView, Memory, Server, ServerCommand, Snapshot};
pub use server_list::{CLIENT_ADDRESSES_MAX, can_be_told_to_clients};
pub use text_protocol::TextProtocol;
pub use violation::{Action, Role, Violation};
pub use work::Work;
