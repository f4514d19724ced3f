//! Whether a network of the legacy IRC is at rest: every request has an outcome,
//! and all servers and clients of one network agree on users, channels and topics.

use std::collections::{BTreeMap, BTreeSet};

use super::{LegacyNetwork, Snapshot};
use crate::fixture::IrcState;
use crate::scenario::running;

impl LegacyNetwork<'_> {
    /// Whether the network is at rest in `snapshot`.
    pub(super) fn rests(&self, snapshot: &Snapshot) -> bool {
        (0..self.servers.len()).all(|index| self.uplink_is_settled(index, snapshot))
            && (0..self.clients.len()).all(|index| self.client_is_settled(index, snapshot))
            && self
                .outcomes
                .iter()
                .all(|outcome| outcome.is_reached(&snapshot.clients))
            && (self.muted()
                || (0..self.servers.len()).all(|index| self.is_consistent(index, snapshot)))
    }

    /// Whether the server is linked to the server it dials, or none listens there.
    fn uplink_is_settled(&self, index: usize, snapshot: &Snapshot) -> bool {
        let port = self.servers[index].launch.connect_to;
        let uplink = port.and_then(|port| self.server_at(port));
        let Some((uplink, _)) = uplink.zip(snapshot.servers[index].as_ref()) else {
            return true;
        };
        if self.muted() {
            let diallers = self.servers.iter();
            let diallers = diallers.filter(|one| one.launch.connect_to == port);
            return snapshot.received[uplink].len() >= diallers.count();
        }
        snapshot.servers[uplink].is_none() || self.linked(index, uplink, snapshot)
    }

    /// Whether the client is welcomed and answered, or refused, or has ended, or has
    /// no server. A client that quits must end.
    fn client_is_settled(&self, index: usize, snapshot: &Snapshot) -> bool {
        let view = &snapshot.clients[index];
        if view.ended || self.clients[index].killed {
            return true;
        }
        if view.quitting {
            return false;
        }
        let home = self.server_at(self.clients[index].launch.port);
        let home_is_there = home.is_some_and(|home| snapshot.servers[home].is_some());
        if view.welcomed {
            view.unanswered.is_empty()
        } else {
            !view.refusals.is_empty() || !home_is_there
        }
    }

    /// Whether each of two servers knows the other as adjacent.
    fn linked(&self, one: usize, other: usize, snapshot: &Snapshot) -> bool {
        let knows = |one: usize, other: usize| {
            snapshot.irc(one).is_some_and(|irc| {
                irc.adjacent_servers
                    .contains(&self.servers[other].launch.name)
            })
        };
        one != other && knows(one, other) && knows(other, one)
    }

    /// The servers that links connect to this one, itself included.
    fn network_of(&self, index: usize, snapshot: &Snapshot) -> Vec<usize> {
        let linked = |one, other| self.linked(one, other, snapshot);
        running::connected_to(index, self.servers.len(), linked)
    }

    /// The clients that the server has welcomed and that are still connected.
    fn clients_at<'s>(
        &'s self,
        server: usize,
        snapshot: &'s Snapshot,
    ) -> impl Iterator<Item = usize> + 's {
        (0..self.clients.len()).filter(move |&index| {
            self.is_connected(index, &snapshot.clients[index])
                && self.server_at(self.clients[index].launch.port) == Some(server)
        })
    }

    fn nicks_at(&self, server: usize, snapshot: &Snapshot) -> BTreeSet<&str> {
        self.clients_at(server, snapshot)
            .map(|index| self.clients[index].user.nick())
            .collect()
    }

    /// Whether the server knows exactly the servers and users of its network, and
    /// agrees with them and its own users on channels.
    fn is_consistent(&self, index: usize, snapshot: &Snapshot) -> bool {
        if snapshot.servers[index].is_none() {
            return true;
        }
        let Some(irc) = snapshot.irc(index) else {
            return false;
        };
        let network = self.network_of(index, snapshot);
        let links = network
            .iter()
            .filter(|&&at| self.linked(index, at, snapshot));
        let others = network.iter().filter(|&&at| at != index);
        let others = others.map(|&at| self.servers[at].launch.name.as_str());
        let users = network.iter().flat_map(|&at| self.nicks_at(at, snapshot));
        links.count() == irc.adjacent_servers.len()
            && names(&irc.servers) == others.collect()
            && names(&irc.adjacent_users) == self.nicks_at(index, snapshot)
            && names(&irc.users) == users.collect()
            && network.iter().all(|&at| {
                snapshot
                    .irc(at)
                    .is_some_and(|other| same_channels(irc, other))
            })
            && self
                .clients_at(index, snapshot)
                .all(|client| self.agrees_on_channels(client, irc, snapshot))
    }

    /// Whether the client is a member of exactly the channels that it knows.
    fn agrees_on_channels(&self, client: usize, home: &IrcState, snapshot: &Snapshot) -> bool {
        let nick = &self.clients[client].launch.nick;
        let channels = home.channels.iter();
        let joined = channels.filter(|(_, channel)| channel.users.contains(nick));
        joined
            .map(|(name, _)| name)
            .eq(snapshot.clients[client].channels.keys())
    }
}

fn names(names: &[String]) -> BTreeSet<&str> {
    names.iter().map(String::as_str).collect()
}

/// Whether two servers know the same channels, except for keys: a server does not
/// send keys to a server that links later.
fn same_channels(one: &IrcState, other: &IrcState) -> bool {
    let comparable = |state: &'_ IrcState| -> BTreeMap<String, (Option<String>, Vec<String>)> {
        let channels = state.channels.iter().map(|(name, channel)| {
            let mut users = channel.users.clone();
            users.sort();
            (name.clone(), (channel.topic.clone(), users))
        });
        channels.collect()
    };
    comparable(one) == comparable(other)
}
