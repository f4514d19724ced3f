//! A relay chat node without its sockets.

#![forbid(unsafe_code)]

mod admission;
mod announcement;
mod backoff;
mod client;
mod config;
mod limits;
mod link;
mod link_table;
mod lookup;
mod machine;
mod outbox;
mod random;
mod relay;
mod send_queue;
mod server;
mod session;
mod time;
mod timers;
mod verdict;
mod visible;

pub use admission::{AdmissionError, INFO_BYTES_MAX, NAME_BYTES_MAX, check_info, check_name};
pub use announcement::{
    Announcement, Features, UNRANKED, features_text, parse_features_text, split_info,
};
pub use client::{
    BadFrame, Client, ClientCommand, ClientConfig, ClientFailure, ClientLimits, ClientNotice,
    Disconnect, OtherClient, ResolveError, SayError,
};
pub use config::{Config, loopback};
pub use limits::Limits;
pub use link::{
    DialError, DialId, Ends, LinkDown, LinkId, ListenerId, NotAnAddress, Origin, PeerAddress,
};
pub use link_table::LinkTable;
pub use machine::{CloseWhen, Effect, Event, Machine, Range};
pub use outbox::Outbox;
pub use random::Random;
pub use relay::{Directory, Host, HostKind, Neighbour, Standing};
pub use send_queue::{OverBound, SendQueue, Unsent};
pub use server::{Counters, LinkView, Server, ServerCommand, ServerNotice, Snapshot};
pub use time::Timestamp;
pub use verdict::{Role, Verdict, Violation};
pub use visible::{Visible, is_printable};
