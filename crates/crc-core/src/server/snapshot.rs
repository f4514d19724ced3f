//! A read-only view of a server, for programs that show its state and for tests.

use crc_wire::HostId;

use super::memory::Memory;
use crate::context::{Context, Stage};
use crate::counters::Counters;
use crate::limits::Limits;
use crate::link::{Outlet, Protocol};
use crate::network::{
    Absences, Bans, Channels, Directory, Host, HostKind, Metadata, Neighbour, Nicks, Operators,
    PeerVersion,
};
use crate::text_protocol::TextProtocol;
use crate::work::Work;
use crc_machine::Timestamp;
use crc_machine::{Endpoints, LinkId, PeerAddress};

/// A view of a server's state at one moment.
#[derive(Debug, Clone, Copy)]
pub struct Snapshot<'a> {
    cx: &'a Context,
}

/// One registered link of a server.
#[derive(Debug, Clone, Copy)]
pub struct LinkView {
    /// Its name in this process.
    pub link: LinkId,
    /// Its two addresses.
    pub endpoints: Endpoints,
    /// The host at the other end.
    pub neighbour: Neighbour,
    /// The text protocol that its peer speaks; `None` for the binary protocol.
    pub text_protocol: Option<TextProtocol>,
    /// By how many milliseconds the peer's clock was ahead of this server's when the peer
    /// announced itself; `None` if it does not say.
    pub clock_skew_ms: Option<i64>,
    /// How many bytes were read from the link and wait to be handled.
    pub unread_bytes: usize,
    /// How many bytes for the link the server holds itself, because its peer reads slowly by
    /// design. The driver has none of them yet.
    pub held_bytes: usize,
}

impl<'a> Snapshot<'a> {
    pub(crate) const fn new(cx: &'a Context) -> Self {
        Snapshot { cx }
    }

    /// The server's id.
    #[must_use]
    pub fn id(&self) -> HostId {
        self.cx.config.id
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &'a str {
        self.cx.config.name.as_str()
    }

    /// Its info, without the machine part.
    #[must_use]
    pub fn info(&self) -> &'a str {
        self.cx.config.info.as_str()
    }

    /// Its place in the order in which servers dial each other;
    /// [`UNRANKED`](crate::UNRANKED) while it has none.
    #[must_use]
    pub fn rank(&self) -> u32 {
        self.cx.tree.rank()
    }

    /// The other hosts of the network.
    #[must_use]
    pub fn directory(&self) -> &'a Directory {
        self.cx.network.directory()
    }

    /// The channels of the network.
    #[must_use]
    pub fn channels(&self) -> &'a Channels {
        self.cx.network.channels()
    }

    /// The bans of the network.
    #[must_use]
    pub fn bans(&self) -> &'a Bans {
        self.cx.network.bans()
    }

    /// The users that are away.
    #[must_use]
    pub fn absences(&self) -> &'a Absences {
        self.cx.network.absences()
    }

    /// What users say of themselves, in keys and values.
    #[must_use]
    pub fn metadata(&self) -> &'a Metadata {
        self.cx.network.metadata()
    }

    /// The hosts that are network operators.
    #[must_use]
    pub fn operators(&self) -> &'a Operators {
        self.cx.network.operators()
    }

    /// The nicks of clients; `None` if no text protocol is spoken here.
    #[must_use]
    pub fn nicks(&self) -> Option<&'a Nicks> {
        self.cx.network.names().map(|names| &names.nicks)
    }

    /// The names of servers in text protocols, this one included.
    #[must_use]
    pub fn server_names(&self) -> Option<&'a Nicks> {
        self.cx.network.names().map(|names| &names.servers)
    }

    /// The id of the adjacent host that is the first hop towards `host`.
    #[must_use]
    pub fn first_link(&self, host: &Host) -> Option<HostId> {
        let neighbour = self.cx.network.neighbours().find(host.first_link());
        neighbour.map(|neighbour| neighbour.host)
    }

    /// The adjacent hosts of a kind, in the order of their ids.
    #[must_use]
    pub fn adjacent(&self, kind: HostKind) -> Vec<HostId> {
        let neighbours = self.cx.network.neighbours().iter();
        let of_kind = neighbours.filter(|(_, neighbour)| neighbour.kind == kind);
        let mut ids: Vec<_> = of_kind.map(|(_, neighbour)| neighbour.host).collect();
        ids.sort_unstable();
        ids
    }

    /// The registered links, in no meaningful order.
    pub fn links(&self) -> impl Iterator<Item = LinkView> + 'a {
        let cx = self.cx;
        cx.network
            .neighbours()
            .iter()
            .filter_map(|(link, neighbour)| {
                let found = cx.links.find(link)?;
                Some(LinkView {
                    link,
                    endpoints: found.endpoints,
                    neighbour: *neighbour,
                    held_bytes: match &found.outlet {
                        Outlet::Paced(pacer) => pacer.waiting().len(),
                        _ => 0,
                    },
                    unread_bytes: found.unread.as_ref().map_or(0, |it| it.bytes.len()),
                    clock_skew_ms: found.crc().and_then(|session| session.clock.skew_ms),
                    text_protocol: match found.protocol {
                        Protocol::Crc(_) => None,
                        Protocol::Irc(_) => Some(TextProtocol::Irc),
                        Protocol::Legacy(_) => Some(TextProtocol::Legacy),
                    },
                })
            })
    }

    /// How many connections have not registered.
    #[must_use]
    pub fn unregistered_links(&self) -> usize {
        self.cx.links.len() - self.cx.network.neighbours().len()
    }

    /// The uplink, if it has accepted this server; and its version.
    #[must_use]
    pub fn uplink(&self) -> Option<(HostId, PeerVersion)> {
        let mut neighbours = self.cx.network.neighbours().iter();
        neighbours.find_map(|(_, n)| n.uplink.then_some((n.host, n.version)))
    }

    /// Whether the configuration names servers to link to.
    #[must_use]
    pub fn has_configured_uplinks(&self) -> bool {
        !self.cx.config.connect.is_empty()
    }

    /// Whether the configuration names legacy servers to link to.
    #[must_use]
    pub fn has_configured_legacy_uplinks(&self) -> bool {
        !self.cx.config.legacy_connect.is_empty()
    }

    /// The legacy uplink, if it has accepted this server.
    #[must_use]
    pub fn legacy_uplink(&self) -> Option<HostId> {
        let link = crate::legacy::uplink::linked(self.cx)?;
        let neighbour = self.cx.network.neighbours().find(link)?;
        Some(neighbour.host)
    }

    /// Whether it takes part in the network: it is not leaving.
    #[must_use]
    pub fn is_running(&self) -> bool {
        self.cx.stage == Stage::Running
    }

    /// The limits that hold now.
    #[must_use]
    pub fn limits(&self) -> &'a Limits {
        &self.cx.config.limits
    }

    /// The servers that it would dial if it looked for an uplink, in order.
    #[must_use]
    pub fn candidates(&self) -> Vec<PeerAddress> {
        self.cx.tree.candidates(self.cx.now)
    }

    /// When the first of the candidates is dialled again that have led to loops.
    #[must_use]
    pub fn next_loop_retry(&self) -> Option<Timestamp> {
        crate::crc::uplink::next_loop_retry(self.cx)
    }

    /// The texts of the statuses that were addressed to this server, oldest first.
    pub fn status_log(&self) -> impl Iterator<Item = &'a str> {
        self.cx.status_log.texts()
    }

    /// The network's time as this server has it, in milliseconds of Unix time: for the ages of
    /// channels and the versions of settings.
    #[must_use]
    pub fn network_ms(&self) -> u64 {
        self.cx.network_ms()
    }

    /// The work of its last event.
    #[must_use]
    pub fn work(&self) -> Work {
        self.cx.work.work()
    }

    /// How much it keeps. Counting takes time in proportion to that.
    #[must_use]
    pub fn memory(&self) -> Memory {
        Memory::of(self.cx)
    }

    /// Its counters.
    #[must_use]
    pub fn counters(&self) -> &'a Counters {
        &self.cx.counters
    }
}
