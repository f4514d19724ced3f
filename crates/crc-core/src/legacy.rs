//! The cut-down IRC of the legacy: its users and its servers.
//!
//! A user or a server of the dialect is a host like all others, with an id that we
//! draw. Whoever is linked to a server of the dialect is behind its link, and we are
//! at home to them: nobody else of our network knows them. The parts: `registration`
//! takes in who comes, and lists the network to servers; `users` and `servers` do
//! what they ask for; `telling` has them hear what happens; `words` writes it;
//! `dialling` links us to a server of the dialect.
//!
//! To servers of the dialect everybody is told of, whatever they speak, under the
//! names of [`NickTables`](crate::text_protocol::NickTables). Nothing is told back to the link that
//! it came from.

pub(crate) mod notify;
mod registration;
mod reply;
pub(crate) mod server;
pub(crate) mod uplink;
mod user;

use std::collections::{BTreeMap, BTreeSet};

use crc_wire::{HostId, truncate_utf8};
use irc_wire::legacy::{Middle, Trailing};
use irc_wire::{Decoder, LineLimits, Message as Line};

use crate::context::{Context, Out, Stage};
use crate::link::{Phase, Protocol};
use crate::network::HostKind;
use crc_machine::LinkId;

use uplink::Dialling;

/// Somebody who speaks the dialect of the legacy.
#[derive(Debug, Default)]
pub(crate) struct Peer {
    decoder: Decoder,
    /// The channel that a server has begun to list, and its topic, if nobody is known
    /// to be in it yet.
    listed: Option<(Box<str>, Box<str>)>,
    /// How many bytes of names have been sent for the bytes in hand.
    names_bytes: usize,
}

/// What is known of a user of the dialect beyond what hosts have.
#[derive(Debug)]
pub(crate) struct User {
    /// Where the user says to come from.
    host: Box<str>,
    /// The server that the user says to be at.
    server: Box<str>,
    real_name: Box<str>,
}

/// The most bytes of the host and of the server that users may name.
const PLACE_BYTES_MAX: usize = 255;

impl User {
    /// What a USER says. Places that are too long are cut, so that it can be said
    /// again behind any other name.
    pub(crate) fn new(
        host: Middle<'_>,
        server: Middle<'_>,
        real_name: Option<Trailing<'_>>,
    ) -> Self {
        let place = |place: Middle<'_>| truncate_utf8(place.as_str(), PLACE_BYTES_MAX).into();
        User {
            host: place(host),
            server: place(server),
            real_name: real_name.map_or("", Trailing::as_str).into(),
        }
    }
}

/// What a server of the dialect says of itself, or another one of it: beyond its name,
/// and to the letter.
#[derive(Debug)]
pub(crate) struct Introduction {
    /// How many links away it is.
    hops: u32,
    info: Box<str>,
}

/// What we know and do because of the dialect.
#[derive(Debug, Default)]
pub(crate) struct LegacyState {
    users: BTreeMap<HostId, User>,
    servers: BTreeMap<HostId, Introduction>,
    /// The links to servers that are told of every change.
    synced_links: BTreeSet<LinkId>,
    dialling: Dialling,
}

impl LegacyState {
    /// Nothing more is told on a link.
    pub(crate) fn close(&mut self, link: LinkId) {
        self.synced_links.remove(&link);
    }

    /// All that must hold between two events: what is kept is about hosts that are
    /// there, and links that speak the dialect.
    pub(crate) fn check(
        &self,
        kind: impl Fn(HostId) -> Option<HostKind>,
        is_legacy: impl Fn(LinkId) -> bool,
    ) {
        for id in self.users.keys() {
            assert_eq!(kind(*id), Some(HostKind::Client), "{id} is kept as a user");
        }
        for id in self.servers.keys() {
            assert_eq!(
                kind(*id),
                Some(HostKind::Server),
                "{id} is kept as a server"
            );
        }
        for link in &self.synced_links {
            assert!(is_legacy(*link), "{link} is told of all");
        }
    }

    /// A host has another id.
    pub(crate) fn renumber(&mut self, before: HostId, after: HostId) {
        if let Some(user) = self.users.remove(&before) {
            self.users.insert(after, user);
        }
    }
}

/// Whether a link speaks the dialect.
pub(crate) fn is_legacy(cx: &Context, link: LinkId) -> bool {
    let found = cx.links.find(link);
    found.is_some_and(|found| matches!(found.protocol, Protocol::Legacy(_)))
}

pub(crate) fn peer_mut(cx: &mut Context, link: LinkId) -> Option<&mut Peer> {
    match &mut cx.links.find_mut(link)?.protocol {
        Protocol::Legacy(peer) => Some(peer),
        _ => None,
    }
}

/// How far a conversation in the dialect has come, if more is to be read of it.
pub(crate) fn phase_of(cx: &Context, link: LinkId) -> Option<Phase> {
    let phase = cx.links.find(link)?.phase;
    (cx.stage == Stage::Running && phase != Phase::Closing).then_some(phase)
}

/// The next bytes of a link that speaks the dialect.
pub(crate) fn on_bytes(cx: &mut Context, link: LinkId, bytes: &[u8], out: &mut Out) {
    let Some(peer) = peer_mut(cx, link) else {
        return;
    };
    let mut decoder = core::mem::take(&mut peer.decoder);
    peer.names_bytes = 0;
    let mut input = bytes;
    while let Some(phase) = phase_of(cx, link)
        && let Some(line) = decoder.next_line(&mut input, LineLimits::LEGACY)
    {
        match line.whole() {
            Ok(line) => on_line(cx, link, phase, line, out),
            Err(too_long) => cx.on_violation(link, too_long.into(), out),
        }
    }
    if phase_of(cx, link).is_some()
        && let Some(peer) = peer_mut(cx, link)
    {
        peer.decoder = decoder;
    }
}

pub(crate) fn on_line(cx: &mut Context, link: LinkId, phase: Phase, bytes: &[u8], out: &mut Out) {
    let line = match Line::parse(bytes) {
        Ok(line) => line,
        Err(error) => return drop_line(cx, link, &error),
    };
    match phase {
        Phase::Unregistered => registration::on_unregistered(cx, link, &line, out),
        Phase::Introduced => server::on_introduction(cx, link, &line, out),
        Phase::Client => user::on_user_line(cx, link, &line, out),
        Phase::Server => server::on_server_line(cx, link, &line, out),
        Phase::Closing => {}
    }
}

/// Leaves a line out of account.
pub(crate) fn drop_line(cx: &mut Context, link: LinkId, why: &dyn core::fmt::Display) {
    cx.counters.dropped += 1;
    log::debug!("{}: a line is dropped: {why}", cx.describe_peer(link));
}
