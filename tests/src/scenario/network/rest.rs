//! Whether a CRC network is at rest: every request has an outcome, and all servers
//! and clients of one network agree on its members.

use std::collections::BTreeSet;

use super::{Message, Network, Snapshot};
use crate::fixture::wire;
use crate::scenario::running;

impl Network<'_> {
    /// Whether the network is at rest in `snapshot`.
    pub(super) fn rests(&self, snapshot: &Snapshot) -> bool {
        (0..self.servers.len()).all(|index| self.uplink_is_settled(index, snapshot))
            && (0..self.clients.len()).all(|index| self.client_is_settled(index, snapshot))
            && self
                .messages
                .iter()
                .all(|message| self.is_answered(message, snapshot))
            && (self.muted() || (self.is_consistent(snapshot) && self.is_healed(snapshot)))
    }

    /// Whether the server is linked to the server it dials, or was refused, or no
    /// server listens there.
    fn uplink_is_settled(&self, index: usize, snapshot: &Snapshot) -> bool {
        let Some(state) = &snapshot.servers[index] else {
            return true;
        };
        let Some(port) = self.servers[index].launch.connect_to else {
            return true;
        };
        let Some(uplink) = self.server_at(port) else {
            return true;
        };
        if self.muted() {
            let diallers = self.servers.iter();
            let diallers = diallers.filter(|one| one.launch.connect_to == Some(port));
            return snapshot.received[uplink].len() >= diallers.count();
        }
        let id = self.servers[uplink].launch.id;
        state.adjacent_servers.contains(&id) || !state.status_log.is_empty()
    }

    /// Whether the client is welcomed, or has ended, or has no server, or its server has
    /// refused it because its id is in use. A client that quits must end.
    fn client_is_settled(&self, index: usize, snapshot: &Snapshot) -> bool {
        let view = &snapshot.clients[index];
        if !snapshot.clients_running[index] {
            return true;
        }
        if view.quitting {
            return false;
        }
        let home = self.server_at(self.clients[index].launch.port);
        let Some(state) = home.and_then(|home| snapshot.servers[home].as_ref()) else {
            return true;
        };
        // A client that was displaced goes on asking for its id.
        let id = self.clients[index].launch.id;
        let taken = wire::taken_text(wire::CLIENT_REGISTRATION, id);
        let is_refused = view.statuses.last() == Some(&taken) && state.host(id).is_some();
        view.welcomed || is_refused
    }

    /// Whether the message has arrived, or a status has answered it, or its sender
    /// has ended.
    fn is_answered(&self, message: &Message, snapshot: &Snapshot) -> bool {
        let sender = &self.clients[message.from];
        let received = |index: usize| {
            let chats = snapshot.clients[index].chats.iter();
            let same =
                chats.filter(|chat| chat.from == sender.launch.id && chat.text == message.text);
            same.count() >= message.count
        };
        !snapshot.clients_running[message.from]
            || snapshot.clients[message.from].statuses.len() > message.statuses_before
            || (0..self.clients.len())
                .any(|index| self.clients[index].launch.id == message.to && received(index))
    }

    /// Whether both ends know each link, every server knows exactly its own clients
    /// as adjacent, and all members of a network know each other.
    fn is_consistent(&self, snapshot: &Snapshot) -> bool {
        (0..self.servers.len()).all(|index| {
            let Some(state) = &snapshot.servers[index] else {
                return true;
            };
            let network = self.network_of(index, snapshot);
            let links = network
                .iter()
                .filter(|&&other| snapshot.linked(index, other));
            let mut hosts = BTreeSet::new();
            let mut clients = BTreeSet::new();
            for &at in &network {
                if at != index {
                    hosts.insert(self.servers[at].launch.id);
                }
                clients.extend(self.clients_of(at, snapshot));
            }
            hosts.extend(&clients);
            links.count() == state.adjacent_servers.len()
                && state.adjacent_client_set() == self.clients_of(index, snapshot)
                && state.host_set() == hosts
                && self.clients_agree(index, &clients, snapshot)
        })
    }

    /// The servers that links connect to this one, itself included.
    fn network_of(&self, index: usize, snapshot: &Snapshot) -> Vec<usize> {
        let linked = |one, other| snapshot.linked(one, other);
        running::connected_to(index, self.servers.len(), linked)
    }

    /// Whether the network has healed after losses: running servers that were
    /// launched into one network are in one network, except refused ones.
    fn is_healed(&self, snapshot: &Snapshot) -> bool {
        // The root of the network into which each server was launched.
        let mut roots: Vec<usize> = Vec::new();
        for (index, one) in self.servers.iter().enumerate() {
            let refused = snapshot.servers[index]
                .as_ref()
                .is_some_and(|state| !state.status_log.is_empty());
            let uplink = one.uplink.filter(|_| !refused);
            roots.push(uplink.map_or(index, |uplink| roots[uplink]));
        }
        (0..self.servers.len()).all(|index| {
            let network = self.network_of(index, snapshot);
            snapshot.servers[index].is_none()
                || (0..self.servers.len()).all(|other| {
                    snapshot.servers[other].is_none()
                        || roots[other] != roots[index]
                        || network.contains(&other)
                })
        })
    }

    /// Whether each client of the server knows all other `clients`.
    fn clients_agree(&self, server: usize, clients: &BTreeSet<u32>, snapshot: &Snapshot) -> bool {
        self.clients_at(server, snapshot).all(|index| {
            let mut known = snapshot.clients[index].connected.clone();
            known.insert(self.clients[index].launch.id);
            known == *clients
        })
    }

    /// The clients that the server has welcomed and that are still connected.
    fn clients_at<'s>(
        &'s self,
        server: usize,
        snapshot: &'s Snapshot,
    ) -> impl Iterator<Item = usize> + 's {
        (0..self.clients.len()).filter(move |&index| {
            snapshot.clients_running[index]
                && snapshot.clients[index].welcomed
                && !snapshot.clients[index].quitting
                && self.server_at(self.clients[index].launch.port) == Some(server)
        })
    }

    fn clients_of(&self, server: usize, snapshot: &Snapshot) -> BTreeSet<u32> {
        self.clients_at(server, snapshot)
            .map(|index| self.clients[index].launch.id)
            .collect()
    }
}

impl Snapshot {
    /// Whether each of two servers knows the other as adjacent.
    fn linked(&self, one: usize, other: usize) -> bool {
        match (&self.servers[one], &self.servers[other]) {
            (Some(a), Some(b)) if one != other => {
                a.adjacent_servers.contains(&b.id) && b.adjacent_servers.contains(&a.id)
            }
            _ => false,
        }
    }
}
