//! Who is an operator, what operators do, and what they are told, checked as it happens (B2 to
//! B5).
//!
//! A server believes what another server says of the hosts behind it, and of bans. So each new
//! entry of a server's tables must go back to a client that has given the right password, or to
//! a hostile server that may be linked.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use crc_core::{Ban, BanKind, HostKind, LinkId, Operator, Powers, Snapshot};
use crc_netem::Side;
use crc_wire::{ChannelRequest, HostId, RequestKind};

use super::Monitor;
use crate::foreign::POISON;
use crate::invariant::Invariant;
use crate::network::Network;
use crate::node::{NodeConfig, address};
use crate::operators::{may_have, powers_of};

/// How many statements about bans a server holds, and how many operators it knows.
pub(crate) const BANS_MAX: usize = 4096;
const OPERATORS_MAX: usize = 1024;

/// Who makes bans in the name of hostile servers.
pub(crate) const HOSTILE_SETTER: &str = "mallory";

/// The reason of kills that hostile nodes send.
pub(crate) const FORGED: &str = "forged";

/// A violation that was found, and what is wrong.
type Found = (Invariant, String);

/// What a server knew after its last event.
#[derive(Debug, Default)]
struct Shadow {
    life: u32,
    operators: BTreeMap<HostId, Operator>,
    bans: BTreeMap<(BanKind, Box<str>), Ban>,
    /// The masks about which the last event has brought a statement.
    changed: BTreeSet<(BanKind, Box<str>)>,
}

/// A statement without its times, which clocks that are shifted change.
pub(crate) type Statement = (BanKind, Box<str>, bool, Box<str>, Box<str>);

pub(crate) fn statement(ban: &Ban) -> Statement {
    let Ban {
        kind,
        mask,
        is_lifted,
        setter,
        reason,
        ..
    } = ban.clone();
    (kind, mask, is_lifted, setter, reason)
}

/// What the monitor keeps of operators.
#[derive(Debug)]
pub(crate) struct OperatorRecord {
    /// By node.
    servers: Vec<Shadow>,
    /// By node: the ids with which a client has registered, whether it was admitted or not.
    ids: Vec<BTreeSet<HostId>>,
    /// The bans that any server has known.
    had_bans: BTreeSet<Statement>,
    /// By node: as whom a client has given the right password.
    passwords: Vec<BTreeSet<&'static str>>,
    /// By node: whether a client was told that it is an operator.
    told: Vec<bool>,
    /// By number of a token: the client that has sent it.
    tokens: Vec<usize>,
    /// What was said to all operators, by kind and token, and the connections that it has
    /// crossed.
    crossed: BTreeSet<(u8, usize, usize)>,
    /// How often a client was told a token, in one of its lives.
    received: BTreeMap<(String, usize, u32), u32>,
    /// The ids of clients that hostile nodes have stated.
    stated: BTreeSet<u32>,
}

impl OperatorRecord {
    pub(super) fn new(nodes: usize) -> OperatorRecord {
        OperatorRecord {
            servers: (0..nodes).map(|_| Shadow::default()).collect(),
            ids: vec![BTreeSet::new(); nodes],
            had_bans: BTreeSet::new(),
            passwords: vec![BTreeSet::new(); nodes],
            told: vec![false; nodes],
            tokens: Vec::new(),
            crossed: BTreeSet::new(),
            received: BTreeMap::new(),
            stated: BTreeSet::new(),
        }
    }

    /// A server has handled an event.
    fn after_event(
        &mut self,
        network: &Network,
        node: usize,
        snapshot: &Snapshot<'_>,
        link: Option<LinkId>,
    ) -> Vec<Found> {
        let mut found = Vec::new();
        let life = network.net.host(node).life();
        if self.servers[node].life != life {
            self.servers[node] = Shadow {
                life,
                ..Shadow::default()
            };
        }
        let known = snapshot.operators().iter();
        let operators: BTreeMap<HostId, Operator> =
            known.map(|(id, operator)| (id, operator.clone())).collect();
        let before = &self.servers[node].operators;
        let changed = operators
            .iter()
            .filter(|(id, operator)| before.get(id) != Some(operator));
        let changed: Vec<_> = changed
            .map(|(id, operator)| (*id, operator.clone()))
            .collect();
        for (id, operator) in changed {
            if let Some(wrong) = self.wrong_operator(network, node, snapshot, id, &operator) {
                let who = network.describe(node);
                let text = format!("{who} takes {id} for the operator {operator:?}: {wrong}");
                found.push((Invariant::B3, text));
            }
        }
        self.servers[node].operators = operators;
        let bans_changed = self.check_bans(network, node, snapshot, &mut found);
        if bans_changed || link.is_some() {
            let only = link.filter(|_| !bans_changed);
            for (_, text) in banned_clients(network, node, only) {
                found.push((Invariant::B2, text));
            }
        }
        let shadow = &self.servers[node];
        if shadow.bans.len() > BANS_MAX || shadow.operators.len() > OPERATORS_MAX {
            let (bans, operators) = (shadow.bans.len(), shadow.operators.len());
            let who = network.describe(node);
            let text = format!("{who} knows {bans} bans and {operators} operators");
            found.push((Invariant::B5, text));
        }
        found
    }

    /// Why a host cannot be this operator, if it cannot.
    fn wrong_operator(
        &self,
        network: &Network,
        node: usize,
        snapshot: &Snapshot<'_>,
        id: HostId,
        operator: &Operator,
    ) -> Option<&'static str> {
        let Some(host) = snapshot.directory().find(id) else {
            return Some("it is not in the network");
        };
        if host.kind() != HostKind::Client {
            return Some("it is a server");
        }
        let (connection, side) = network.net.find(node, host.first_link())?;
        let peer = network.node_at(connection, 1 - side);
        if snapshot.first_link(host) == Some(id) {
            let NodeConfig::Server(config) = &network.nodes[node].config else {
                return None;
            };
            let mut entries = config.operators.iter();
            let is_configured =
                entries.any(|it| it.name == operator.name && it.powers == operator.powers);
            let has_password = self.passwords[peer].contains(&*operator.name);
            return match (is_configured, has_password) {
                (true, true) => None,
                (false, _) => Some("it is not configured"),
                (_, false) => Some("it has not given the password"),
            };
        }
        let clients = self.ids.iter().zip(&self.passwords);
        let mut such = clients.filter(|(ids, _)| ids.contains(&id));
        let is_one = such.any(|(_, names)| names.contains(&*operator.name));
        let is_possible = is_one && may_have(&operator.name, operator.powers);
        (!is_possible && !self.stated.contains(&id.get()))
            .then_some("it has never been one, nor is it behind a hostile server")
    }

    /// Whether a client has given the password of an operator with a power.
    fn may(&self, client: usize, power: Powers) -> bool {
        let mut names = self.passwords[client].iter();
        names.any(|name| powers_of(name).has(power))
    }

    /// The client with this name that is to say a token.
    fn client_of(&self, network: &Network, reason: &str, name: &str) -> Option<usize> {
        let client = *self.tokens.get(token_number(reason)?)?;
        match &network.nodes[client].config {
            NodeConfig::Client(config) => (config.name == name).then_some(client),
            _ => Some(client),
        }
    }

    /// Checks the statements that are new at a server. Whether there are any.
    fn check_bans(
        &mut self,
        network: &Network,
        node: usize,
        snapshot: &Snapshot<'_>,
        found: &mut Vec<Found>,
    ) -> bool {
        self.servers[node].changed.clear();
        let known = &self.servers[node].bans;
        let count = snapshot.bans().iter().count();
        let is_same = |ban: &Ban| known.get(&(ban.kind, ban.mask.clone())) == Some(ban);
        let new: Vec<Ban> = snapshot
            .bans()
            .iter()
            .filter(|ban| !is_same(ban))
            .cloned()
            .collect();
        if new.is_empty() && count == known.len() {
            return false;
        }
        for ban in &new {
            let is_known = self.had_bans.contains(&statement(ban));
            if !is_known && !self.may_state(network, ban) {
                let who = network.describe(node);
                let text = format!("{who} has the ban {ban}, which no operator has made");
                found.push((Invariant::B3, text));
            }
            self.had_bans.insert(statement(ban));
        }
        self.servers[node].changed = new.iter().map(|ban| (ban.kind, ban.mask.clone())).collect();
        let all = snapshot.bans().iter();
        self.servers[node].bans = all
            .map(|ban| ((ban.kind, ban.mask.clone()), ban.clone()))
            .collect();
        true
    }

    /// Whether a client that may has made a statement, or a hostile server.
    fn may_state(&self, network: &Network, ban: &Ban) -> bool {
        let hostile = network.options.hostile.as_ref();
        let believed = hostile.is_some_and(|it| it.servers > 0 && !it.outside);
        if *ban.setter == *HOSTILE_SETTER {
            return believed;
        }
        let by_name = |node: &usize| match &network.nodes[*node].config {
            NodeConfig::Client(config) => config.name == *ban.setter,
            _ => false,
        };
        let setter = match ban.is_lifted {
            true => (0..network.nodes.len()).find(by_name),
            false => self.client_of(network, &ban.reason, &ban.setter),
        };
        setter.is_some_and(|client| self.may(client, Powers::BAN))
    }

    /// A server removes a client because it was killed: what is wrong with that. Whether the
    /// killer is an operator then may change in the middle of an event, which is not seen.
    fn wrong_kill(&self, network: &Network, text: &str) -> Option<&'static str> {
        let (killer, reason) = text.split_once(" (")?;
        if reason.trim_end_matches(')') == FORGED {
            // Hostile servers may say that clients that they have invented are operators.
            return (killer != POISON).then_some("a hostile node has forged it");
        }
        match self.client_of(network, reason, killer) {
            Some(client) if self.may(client, Powers::KILL) => None,
            Some(_) => Some("the killer is no operator who may"),
            None => Some("no client of this name has asked for it"),
        }
    }
}

/// The nick of a host at a server.
fn nick_of(snapshot: &Snapshot<'_>, id: HostId) -> String {
    let nick = snapshot.nicks().and_then(|nicks| nicks.of(id));
    let name = || snapshot.directory().find(id).map(crc_core::Host::name);
    nick.or_else(name).unwrap_or_default().to_owned()
}

fn token(number: usize) -> String {
    format!("[t{number}]")
}

fn token_number(text: &str) -> Option<usize> {
    let (_, rest) = text.split_once("[t")?;
    rest.split_once(']')?.0.parse().ok()
}

/// Whether a mask matches a text: `*` for any characters, `?` for one.
fn matches(mask: &[u8], text: &[u8]) -> bool {
    match (mask.split_first(), text.split_first()) {
        (None, None) => true,
        (Some((b'*', rest)), _) => {
            matches(rest, text)
                || text
                    .split_first()
                    .is_some_and(|(_, text)| matches(mask, text))
        }
        (Some((b'?', mask)), Some((_, text))) => matches(mask, text),
        (Some((one, mask)), Some((other, text))) => {
            one.eq_ignore_ascii_case(other) && matches(mask, text)
        }
        _ => false,
    }
}

/// Whether an address is in a network.
fn contains(network: &str, address: IpAddr) -> bool {
    let (IpAddr::V4(address), Some((base, len))) = (address, network.split_once('/')) else {
        return false;
    };
    let (Ok(base), Ok(len)) = (base.parse::<std::net::Ipv4Addr>(), len.parse::<u32>()) else {
        return false;
    };
    let differ = base.to_bits() ^ address.to_bits();
    differ.checked_shr(32 - len.min(32)).unwrap_or(0) == 0
}

/// Whether a statement bans anything now.
fn holds(ban: &Ban, now_ms: u64) -> bool {
    !ban.is_lifted && (ban.until_ms == 0 || ban.until_ms > now_ms)
}

/// Whether a statement is about a client.
fn concerns(ban: &Ban, nick: &str, id: HostId, address: IpAddr) -> bool {
    match ban.kind {
        BanKind::Address => contains(&ban.mask, address),
        BanKind::User => {
            let shown = [
                format!("{nick}!{nick}@{id}.crc"),
                format!("{nick}!{nick}@{address}"),
            ];
            let mask = ban.mask.as_bytes();
            shown.iter().any(|who| matches(mask, who.as_bytes()))
        }
    }
}

/// The clients of a server, or the one on a link, that are banned and linked. Operators may
/// stay.
pub(crate) fn banned_clients(
    network: &Network,
    node: usize,
    link: Option<LinkId>,
) -> Vec<(LinkId, String)> {
    let Some(server) = network.server(node) else {
        return Vec::new();
    };
    let snapshot = server.snapshot();
    let now_ms = snapshot.network_ms();
    let links = snapshot.links();
    let clients = links.filter(|view| view.neighbour.kind == HostKind::Client);
    let clients = clients.filter(|view| link.is_none_or(|link| link == view.link));
    let banned = clients.filter_map(|view| {
        let (connection, side) = network.net.find(node, view.link)?;
        let address = address(network.node_at(connection, 1 - side)).ip();
        let id = view.neighbour.host;
        if snapshot.operators().find(id).is_some() {
            return None;
        }
        let nick = nick_of(&snapshot, id);
        let mut all = snapshot.bans().iter();
        let ban = all.find(|ban| holds(ban, now_ms) && concerns(ban, &nick, id, address))?;
        let who = network.describe(node);
        Some((
            view.link,
            format!("{who} keeps {id} {nick:?} at {address}, which is banned: {ban}"),
        ))
    });
    banned.collect()
}

impl Monitor {
    /// Whether a client was told that it is an operator.
    pub(crate) fn is_told_operator(&self, node: usize) -> bool {
        let record = self.operators.as_ref();
        record.is_some_and(|record| record.told[node])
    }

    /// A client is about to give the right password of an operator.
    pub(crate) fn note_password(&mut self, node: usize, name: &'static str) {
        if let Some(record) = &mut self.operators {
            record.passwords[node].insert(name);
        }
    }

    /// A text for what a client is about to say to operators, which no other text contains.
    pub(crate) fn new_operator_token(&mut self, node: usize) -> String {
        let Some(record) = &mut self.operators else {
            return String::new();
        };
        record.tokens.push(node);
        token(record.tokens.len() - 1)
    }

    /// The clients that were told a token.
    pub(crate) fn who_was_told(&self, token: &str) -> BTreeSet<usize> {
        let received = self.operators.iter().flat_map(|record| &record.received);
        let such = received.filter(|((told, ..), _)| told == token);
        such.map(|((_, node, _), _)| *node).collect()
    }

    /// A server passes on what is said to all operators.
    pub(super) fn check_note_sent(
        &mut self,
        network: &Network,
        (connection, side): (usize, Side),
        request: &ChannelRequest<'_>,
    ) {
        let is_note = matches!(request.kind, RequestKind::NOTE | RequestKind::WALLOPS)
            && request.destination.is_none();
        let text = request.text.as_str();
        let (Some(record), Some(number)) = (&mut self.operators, token_number(text)) else {
            return;
        };
        if is_note && !record.crossed.insert((request.kind.0, number, connection)) {
            let direction = network.describe_direction(connection, side);
            self.violation(
                network,
                Invariant::B4,
                format!("{direction}: {text:?} again"),
            );
        }
    }

    /// A server has handled an event.
    pub(crate) fn check_operators(&mut self, network: &Network, node: usize, link: Option<LinkId>) {
        let (Some(record), Some(server)) = (&mut self.operators, network.server(node)) else {
            return;
        };
        let found = record.after_event(network, node, &server.snapshot(), link);
        for (invariant, text) in found {
            self.violation(network, invariant, text);
        }
    }

    /// A server tells a client that it has to leave.
    pub(super) fn check_removal(
        &mut self,
        network: &Network,
        connection: usize,
        side: Side,
        text: &str,
    ) {
        let Some(record) = &self.operators else {
            return;
        };
        let node = network.node_at(connection, side);
        let peer = network.node_at(connection, 1 - side);
        let wrong = if let Some(rest) = text.strip_prefix("Killed (") {
            let wrong = record.wrong_kill(network, rest);
            wrong.map(|wrong| (Invariant::B3, wrong))
        } else if text.starts_with("You are banned from this network") {
            let server = network.server(node);
            let client = network.client(peer);
            let Some((server, client)) = server.zip(client) else {
                return;
            };
            let snapshot = server.snapshot();
            let (now_ms, address) = (snapshot.network_ms(), address(peer).ip());
            let mut all = snapshot.bans().iter();
            let nicks = [client.name().to_owned(), nick_of(&snapshot, client.id())];
            let changed = &record.servers[node].changed;
            let is_banned = all.any(|ban| {
                // It may have held for a part of the event.
                let held = changed.contains(&(ban.kind, ban.mask.clone()));
                // It may have another id meanwhile.
                let ids = record.ids[peer].iter().copied().chain([client.id()]);
                let mut users = ids.flat_map(|id| nicks.iter().map(move |nick| (nick, id)));
                (held || holds(ban, now_ms))
                    && users.any(|(nick, id)| concerns(ban, nick, id, address))
            });
            (!is_banned).then_some((Invariant::B2, "no ban holds"))
        } else {
            None
        };
        if let Some((invariant, wrong)) = wrong {
            let direction = network.describe_direction(connection, side);
            self.violation(
                network,
                invariant,
                format!("{direction}: {text:?}: {wrong}"),
            );
        }
    }

    /// A client is told something as an operator, or as the answer to a command.
    pub(super) fn on_operator_note(&mut self, network: &Network, node: usize, text: &str) {
        let Some(record) = &mut self.operators else {
            return;
        };
        if text.starts_with("You are now a network operator") {
            record.told[node] = true;
        } else if text.starts_with("You are no network operator any more") {
            record.told[node] = false;
        }
        let Some(number) = token_number(text) else {
            return;
        };
        let life = network.net.host(node).life();
        let count = record.received.entry((token(number), node, life));
        let count = count.or_default();
        *count += 1;
        if *count > 1 {
            let who = network.describe(node);
            self.violation(
                network,
                Invariant::B4,
                format!("{who} was told {text:?} again"),
            );
        }
    }

    /// A client starts, or is registered anew: it is no operator.
    pub(crate) fn on_new_registration(&mut self, node: usize) {
        if let Some(record) = &mut self.operators {
            record.told[node] = false;
        }
    }

    /// A client is about to register with an id.
    pub(super) fn note_id(&mut self, node: usize, id: HostId) {
        if let Some(record) = &mut self.operators {
            record.ids[node].insert(id);
        }
    }

    /// A hostile node states a client.
    pub(super) fn on_stated(&mut self, id: HostId) {
        if let Some(record) = &mut self.operators {
            record.stated.insert(id.get());
        }
    }
}
