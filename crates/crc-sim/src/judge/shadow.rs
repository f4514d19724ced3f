//! The channels of one server, as they were after its last event.

use std::collections::BTreeMap;

use crc_core::{Channel, HostKind, LinkId, Snapshot, TextProtocol, Timestamp};
use crc_wire::HostId;

use super::fold;
use super::rules::{State, is_same};

/// A host of a server's own, as long as it is in a channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Local {
    pub(super) link: LinkId,
    /// It is behind a server of legacy IRC, which decides by itself what it may.
    pub(super) is_behind: bool,
}

/// An invitation of an operator.
#[derive(Debug, Clone)]
pub(super) struct Invitation {
    pub(super) host: HostId,
    pub(super) channel: String,
    pub(super) tag: u32,
    pub(super) at: Timestamp,
}

#[derive(Debug)]
pub(super) struct Shadow {
    /// The life of the server that this is about.
    pub(super) life: u32,
    pub(super) started_at: Timestamp,
    /// Whether it has had an uplink in this life.
    pub(super) had_uplink: bool,
    /// By name in lower case.
    pub(super) channels: BTreeMap<String, State>,
    /// Those that the last event has changed, as they were before it.
    pub(super) before: BTreeMap<String, Option<State>>,
    /// The hosts at the ends of links to single clients.
    pub(super) clients: BTreeMap<LinkId, HostId>,
    /// The server's own hosts that are in channels.
    pub(super) locals: BTreeMap<HostId, Local>,
    pub(super) invitations: Vec<Invitation>,
    /// When members of channels were last lost with a server.
    pub(super) losses: BTreeMap<String, Timestamp>,
    /// Channels that have ended here after that: they may live on elsewhere.
    pub(super) lost: BTreeMap<String, (State, Timestamp)>,
}

impl Default for Shadow {
    fn default() -> Self {
        Shadow::new(0, Timestamp::START)
    }
}

impl Shadow {
    pub(super) fn new(life: u32, now: Timestamp) -> Shadow {
        Shadow {
            life,
            started_at: now,
            had_uplink: false,
            channels: BTreeMap::new(),
            before: BTreeMap::new(),
            clients: BTreeMap::new(),
            locals: BTreeMap::new(),
            invitations: Vec::new(),
            losses: BTreeMap::new(),
            lost: BTreeMap::new(),
        }
    }

    /// Notes the client at the end of a link: it may have quit with a later event.
    pub(super) fn note_client(&mut self, snapshot: &Snapshot<'_>, link: LinkId) {
        let view = snapshot.links().find(|view| view.link == link);
        if let Some(view) = view.filter(|view| view.neighbour.kind == HostKind::Client) {
            self.clients.insert(link, view.neighbour.host);
        }
    }

    /// Compares all channels with those of the server, which are kept from now on. The
    /// changed ones are in `before`, as they were. Whether there are any.
    pub(super) fn update(&mut self, snapshot: &Snapshot<'_>) -> bool {
        self.before.clear();
        self.had_uplink = self.had_uplink || snapshot.uplink().is_some();
        let current = snapshot.channels();
        let pairs = current.iter().zip(&self.channels);
        let same = |(channel, (name, state)): (&Channel, (&String, &State))| {
            channel.name().eq_ignore_ascii_case(name) && is_same(channel, state)
        };
        if current.len() == self.channels.len() && pairs.into_iter().all(same) {
            return false;
        }
        let mut known = core::mem::take(&mut self.channels);
        for channel in current.iter() {
            let name = fold(channel.name());
            match known.remove(&name) {
                Some(state) if is_same(channel, &state) => {
                    self.channels.insert(name, state);
                }
                other => {
                    self.before.insert(name.clone(), other);
                    self.channels.insert(name, State::of(channel));
                }
            }
        }
        let ended = known.into_iter().map(|(name, state)| (name, Some(state)));
        self.before.extend(ended);
        true
    }
}

/// How a server's own host is linked to it; `None` for a host of another server.
pub(super) fn local(snapshot: &Snapshot<'_>, host: HostId) -> Option<Local> {
    let link = snapshot.directory().find(host)?.first_link();
    let view = snapshot.links().find(|view| view.link == link)?;
    let is_client = view.neighbour.host == host && view.neighbour.kind == HostKind::Client;
    let is_behind = view.text_protocol == Some(TextProtocol::Legacy) && !is_client;
    (is_client || is_behind).then_some(Local { link, is_behind })
}
