//! The legacy IRC network: its users and its servers (docs/IRC-LEGACY.md).
//!
//! A user or a server of this protocol becomes a host like any other, with an id that
//! this server draws. Hosts behind a legacy server are behind its link, and this server
//! is their home: their own network has no ids. The parts: `registration` takes in
//! peers; `burst` writes what a server is told that has linked; `user` and `server` handle their lines; `notify`
//! renders changes; `reply` writes lines; `uplink` links this server to a legacy
//! server.
//!
//! Legacy servers get every host, whatever protocol it speaks, under the name in
//! [`NickTables`](crate::network::NickTables), and never what came from their own link.

pub(crate) mod burst;
mod names;
pub(crate) mod notify;
mod registration;
mod reply;
pub(crate) mod server;
pub(crate) mod uplink;
mod user;

use core::fmt;
use std::collections::{BTreeMap, BTreeSet};

use crc_machine::LinkId;
use crc_wire::{HostId, Kind, truncate_utf8};
use irc_wire::legacy::{Middle, Trailing};
use irc_wire::{Command, Decoder, LineLimits, Message as Line, ParamError, Prefix, Verb, text};

use crate::budget;
use crate::context::{Context, Out, Stage};
use crate::link::{Link, Phase, Protocol};
use crate::network::{Host, HostKind};
use crate::violation::Violation;
use uplink::Uplink;

/// The session of a legacy user or server.
#[derive(Debug, Default)]
pub(crate) struct Peer {
    decoder: Decoder,
    /// The channel whose topic a server has sent in its burst, while no member of it is
    /// known, and the topic.
    burst_topic: Option<(Box<str>, Box<str>)>,
    /// How many bytes of answers to NAMES the current read has caused.
    names_bytes: usize,
    /// The answer to NAMES that is not complete.
    names: Option<Box<names::Names>>,
}

/// What is known of a legacy user beyond what every host has.
#[derive(Debug)]
pub(crate) struct User {
    /// The host that the user names.
    host: Box<str>,
    /// The server that the user names.
    server: Box<str>,
    /// Its real name, unchanged.
    real_name: Box<str>,
}

/// The most bytes of the host and of the server that users may name.
const HOST_BYTES_MAX: usize = 255;

impl User {
    /// Takes the parameters of a USER line. Long names are cut to [`HOST_BYTES_MAX`], so
    /// that a line with them can be relayed whatever else is in it.
    fn new(host: Middle<'_>, server: Middle<'_>, real_name: Option<Trailing<'_>>) -> Self {
        let truncate = |name: Middle<'_>| truncate_utf8(name.as_str(), HOST_BYTES_MAX).into();
        User {
            host: truncate(host),
            server: truncate(server),
            real_name: real_name.map_or("", Trailing::as_str).into(),
        }
    }
}

/// What a legacy server says of itself or of another one, beyond its name, unchanged.
#[derive(Debug)]
struct Introduction {
    /// How many links away it is.
    hops: u32,
    /// Its info, unchanged.
    info: Box<str>,
}

/// What the legacy protocol remembers beyond its links.
#[derive(Debug, Default)]
pub(crate) struct LegacyState {
    /// The users of the legacy network, by their hosts.
    users: BTreeMap<HostId, User>,
    /// Its servers, by their hosts.
    servers: BTreeMap<HostId, Introduction>,
    /// The links to servers that get every change of what they were told.
    synced_links: BTreeSet<LinkId>,
    /// The link that this server dials.
    uplink: Uplink,
}

impl LegacyState {
    /// Stops sending changes on a link, which is being closed.
    pub(crate) fn close(&mut self, link: LinkId) {
        self.synced_links.remove(&link);
    }

    /// Checks that everything remembered is about hosts that are in the directory, and
    /// about legacy links.
    pub(crate) fn check(
        &self,
        kind: impl Fn(HostId) -> Option<HostKind>,
        is_legacy: impl Fn(LinkId) -> bool,
    ) {
        for id in self.users.keys() {
            assert_eq!(
                kind(*id),
                Some(HostKind::Client),
                "{id} is remembered as a user"
            );
        }
        for id in self.servers.keys() {
            assert_eq!(
                kind(*id),
                Some(HostKind::Server),
                "{id} is remembered as a server"
            );
        }
        for link in &self.synced_links {
            assert!(is_legacy(*link), "{link} is synced, and no legacy link");
        }
    }

    /// Moves what is known of a user from its former id to its new one.
    pub(crate) fn renumber(&mut self, before: HostId, after: HostId) {
        if let Some(user) = self.users.remove(&before) {
            self.users.insert(after, user);
        }
    }
}

/// Whether a link speaks the legacy protocol.
pub(crate) fn is_legacy(cx: &Context, link: LinkId) -> bool {
    let found = cx.links.find(link);
    found.is_some_and(|found| matches!(found.protocol, Protocol::Legacy(_)))
}

/// The session of a legacy link, also of one that is being closed.
fn peer_mut(cx: &mut Context, link: LinkId) -> Option<&mut Peer> {
    match &mut cx.links.find_mut(link)?.protocol {
        Protocol::Legacy(peer) => Some(peer),
        _ => None,
    }
}

/// The first link to a host.
fn link_of(cx: &Context, id: HostId) -> Option<LinkId> {
    cx.network.directory().find(id).map(Host::first_link)
}

/// The phase of a legacy link, if more of it may be read.
fn phase_of(cx: &Context, link: LinkId) -> Option<Phase> {
    let phase = cx.links.find(link)?.phase;
    (cx.stage == Stage::Running && phase != Phase::Closing).then_some(phase)
}

/// Handles the next bytes of a legacy link. Returns those that are to be handled in a
/// later event.
pub(crate) fn on_bytes<'b>(
    cx: &mut Context,
    link: LinkId,
    bytes: &'b [u8],
    out: &mut Out,
) -> &'b [u8] {
    if let Some(peer) = peer_mut(cx, link) {
        peer.names_bytes = 0;
    }
    if !names::go_on(cx, link, out) {
        return bytes;
    }
    let Some(peer) = peer_mut(cx, link) else {
        return &[];
    };
    let mut decoder = core::mem::take(&mut peer.decoder);
    let mut input = bytes;
    while !cx.work.is_spent()
        && let Some(phase) = phase_of(cx, link)
        && let Some(line) = decoder.next_line(&mut input, LineLimits::LEGACY)
    {
        cx.work.charge(crate::work::MESSAGE);
        match line.whole() {
            Ok(line) => on_line(cx, link, phase, line, out),
            Err(too_long) => cx.on_violation(link, too_long.into(), out),
        }
    }
    if phase_of(cx, link).is_some()
        && let Some(peer) = peer_mut(cx, link)
    {
        peer.decoder = decoder;
        return input;
    }
    &[]
}

/// Whether an answer on a link is not complete.
pub(crate) fn is_answering(found: &Link) -> bool {
    matches!(&found.protocol, Protocol::Legacy(peer) if peer.names.is_some())
}

/// Handles one line, by the phase of its link. A line that cannot be parsed is dropped.
/// The lines of a user draw from its budget; exceeding it is a violation.
fn on_line(cx: &mut Context, link: LinkId, phase: Phase, bytes: &[u8], out: &mut Out) {
    let line = Line::parse(bytes);
    if phase == Phase::Client {
        let cost = line.as_ref().map_or(budget::CHAT, budget::cost_of_line);
        if !cx.try_spend(link, cost) {
            let command = line.as_ref().map(|line| line.command);
            let violation = match command {
                Ok(Command::Verb(Verb::Privmsg)) => Violation::TooFast(Kind::ClientChat),
                _ => Violation::LinesTooFast,
            };
            return cx.on_violation(link, violation, out);
        }
    }
    let line = match line {
        Ok(line) => line,
        Err(error) => return drop_line(cx, link, &error),
    };
    if core::str::from_utf8(bytes).is_ok() {
        return on_message(cx, link, phase, &line, out);
    }
    let name = line
        .prefix
        .map(|prefix| text::utf8_or_latin1(prefix.name()));
    let params: Vec<_> = line.params.iter().map(text::utf8_or_latin1).collect();
    let decoded = params.iter().try_fold(
        Line {
            prefix: name.as_deref().and_then(|name| Prefix::new(name).ok()),
            ..Line::new(line.command)
        },
        |mut decoded, param| -> Result<_, ParamError> {
            decoded.params.push(param.as_bytes())?;
            Ok(decoded)
        },
    );
    match decoded {
        Ok(decoded) => on_message(cx, link, phase, &decoded, out),
        Err(error) => drop_line(cx, link, &error),
    }
}

/// Handles a message, whose name and parameters are UTF-8.
fn on_message(cx: &mut Context, link: LinkId, phase: Phase, message: &Line<'_>, out: &mut Out) {
    match phase {
        Phase::Unregistered => registration::on_unregistered(cx, link, message, out),
        Phase::Introduced => server::on_introduction(cx, link, message, out),
        Phase::Client => user::on_user_line(cx, link, message, out),
        Phase::Server => server::on_server_line(cx, link, message, out),
        // Secrets are proved in the binary protocol only.
        Phase::Challenged | Phase::Closing => {}
    }
}

/// Drops a line: counts it, and logs why.
fn drop_line(cx: &mut Context, link: LinkId, why: &dyn fmt::Display) {
    cx.counters.dropped += 1;
    log::debug!("{}: line dropped: {why}", cx.describe_peer(link));
}
