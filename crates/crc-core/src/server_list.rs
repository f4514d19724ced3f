//! Where clients reach the servers of the network: what the servers say of themselves, and
//! the list that this server tells its clients, so that they can move when it is gone.
//!
//! Addresses are hearsay: a server says them of itself, and its neighbours pass them on. So
//! their number is bounded for each neighbour that tells of them and in total, and the list
//! takes one server of each neighbour in turn: a neighbour that invents servers keeps the
//! others from no place but its own. When a list is sent is decided in `crc`.

use std::collections::BTreeMap;

use crc_machine::{LinkId, PeerAddress};
use crc_wire::HostId;

/// How many addresses of one server are told.
pub const CLIENT_ADDRESSES_MAX: usize = 4;

/// The longest address: the longest name of the DNS, with port and pin.
pub(crate) const ADDRESS_BYTES_MAX: usize = 340;

/// How many servers are remembered that one neighbour tells of.
const SERVERS_PER_LINK_MAX: usize = 32;

/// How many servers are remembered.
const SERVERS_MAX: usize = 256;

/// How many addresses the list of a client has.
const LIST_MAX: usize = 16;

/// How many bytes the list of a client has, with a blank for each address.
const LIST_BYTES_MAX: usize = 2048;

/// What a server says of itself.
#[derive(Debug)]
struct Told {
    /// The link over which it was told.
    link: LinkId,
    addresses: Vec<PeerAddress>,
}

/// The servers to which clients can move.
#[derive(Debug, Default)]
pub(crate) struct ServerList {
    servers: BTreeMap<HostId, Told>,
    per_link: BTreeMap<LinkId, usize>,
    /// Whether they have changed since the list was made.
    changed: bool,
    /// The list that clients are told: the addresses of one server each.
    list: Vec<Vec<PeerAddress>>,
    /// The clients that are still to be told, in reverse order.
    pub(crate) due: Vec<LinkId>,
}

/// Whether an address can be told: it is short, and has none of the characters that separate
/// addresses, or the entries of a machine part.
#[must_use]
pub fn can_be_told_to_clients(address: &PeerAddress) -> bool {
    let text = address.to_string();
    text.len() <= ADDRESS_BYTES_MAX && !text.contains([',', ';'])
}

impl ServerList {
    /// A server says where clients reach it, over this link.
    pub(crate) fn learn(&mut self, link: LinkId, id: HostId, addresses: Vec<PeerAddress>) {
        let known = self.servers.get(&id);
        let same = known.is_some_and(|told| told.link == link && told.addresses == addresses);
        if same {
            return;
        }
        self.forget(id);
        let of_link = self.per_link.get(&link).copied().unwrap_or(0);
        let has_room = of_link < SERVERS_PER_LINK_MAX && self.servers.len() < SERVERS_MAX;
        if addresses.is_empty() || !has_room {
            return;
        }
        self.servers.insert(id, Told { link, addresses });
        *self.per_link.entry(link).or_default() += 1;
        self.changed = true;
    }

    /// A server has left the network.
    pub(crate) fn forget(&mut self, id: HostId) {
        let Some(told) = self.servers.remove(&id) else {
            return;
        };
        self.changed = true;
        if let Some(count) = self.per_link.get_mut(&told.link) {
            *count -= 1;
            if *count == 0 {
                self.per_link.remove(&told.link);
            }
        }
    }

    /// Whether the servers have changed since the list was made.
    pub(crate) fn has_changed(&self) -> bool {
        self.changed
    }

    /// Makes the list anew. Whether it has an address that it did not have.
    pub(crate) fn renew(&mut self) -> bool {
        if !core::mem::take(&mut self.changed) {
            return false;
        }
        let list = self.choose();
        let before = core::mem::replace(&mut self.list, list);
        let is_old = |address: &PeerAddress| before.iter().flatten().any(|it| it == address);
        !self.list.iter().flatten().all(is_old)
    }

    /// One server of each link in turn, as long as there is room.
    fn choose(&self) -> Vec<Vec<PeerAddress>> {
        let mut by_link: BTreeMap<LinkId, Vec<&Told>> = BTreeMap::new();
        for told in self.servers.values() {
            by_link.entry(told.link).or_default().push(told);
        }
        let most = by_link.values().map(Vec::len).max().unwrap_or(0);
        let turns = (0..most).flat_map(|turn| by_link.values().filter_map(move |of| of.get(turn)));
        let (mut count, mut bytes) = (0, 0);
        let mut list = Vec::new();
        for told in turns {
            let lengths = told.addresses.iter().map(|it| it.to_string().len() + 1);
            count += told.addresses.len();
            bytes += lengths.sum::<usize>();
            if count > LIST_MAX || bytes > LIST_BYTES_MAX {
                break;
            }
            list.push(told.addresses.clone());
        }
        list
    }

    /// The list for a client; `None` if it is empty. Each client gets another server first, so
    /// that not all of them move to the same one.
    pub(crate) fn text_for(&self, client: HostId) -> Option<String> {
        let count = self.list.len();
        let first = (client.get() as usize).checked_rem(count)?;
        let servers = self.list.iter().cycle().skip(first).take(count);
        let words: Vec<String> = servers.flatten().map(ToString::to_string).collect();
        Some(words.join(" "))
    }

    /// Checks the invariants; for tests and simulations.
    pub(crate) fn check(&self, is_server: impl Fn(HostId) -> bool) {
        assert!(self.servers.len() <= SERVERS_MAX);
        assert_eq!(self.per_link.values().sum::<usize>(), self.servers.len());
        for id in self.servers.keys() {
            assert!(is_server(*id), "{id} can be told and is no server");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(id: u32) -> HostId {
        HostId::new(id).unwrap()
    }

    fn link(number: u32) -> LinkId {
        LinkId::new(number, 0)
    }

    fn addresses(texts: &[&str]) -> Vec<PeerAddress> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn a_neighbour_that_invents_servers_keeps_no_other_one_out() {
        let mut list = ServerList::default();
        for number in 0..1_000 {
            let address = format!("invented{number}:1");
            list.learn(link(1), id(number + 10), addresses(&[&address]));
        }
        list.learn(link(2), id(2_000), addresses(&["good:1", "tls://good:2"]));
        assert_eq!(list.servers.len(), SERVERS_PER_LINK_MAX + 1);
        assert!(list.renew() && !list.renew());
        let text = list.text_for(id(15)).unwrap();
        assert!(text.contains("good:1 tls://good:2"), "{text}");
        assert_eq!(text.split(' ').count(), LIST_MAX);
        // Long addresses.
        for (number, letter) in (10..42).zip(('a'..='z').cycle()) {
            let host = format!("{}:1", letter.to_string().repeat(330));
            list.learn(link(1), id(number), addresses(&[&host]));
        }
        assert!(list.renew());
        let text = list.text_for(id(1)).unwrap();
        assert!(text.len() <= LIST_BYTES_MAX && text.contains("good:1"));
        // All neighbours together.
        for number in 0..1_000 {
            list.learn(link(number), id(number + 5_000), addresses(&["a:1"]));
        }
        assert_eq!(list.servers.len(), SERVERS_MAX);
        list.check(|_| true);
        for number in 0..10_000 {
            list.forget(id(number + 1));
        }
        assert!(list.servers.is_empty() && list.per_link.is_empty());
        assert!(!list.renew(), "clients are not told that there are fewer");
        assert_eq!(list.text_for(id(1)), None);
    }

    #[test]
    fn each_client_is_told_another_server_first() {
        let mut list = ServerList::default();
        list.learn(link(1), id(1), addresses(&["a:1", "a:2"]));
        list.learn(link(1), id(2), addresses(&["b:1"]));
        list.learn(link(2), id(3), addresses(&["c:1"]));
        assert!(list.renew());
        let texts = [3, 4, 5].map(|client| list.text_for(id(client)).unwrap());
        assert_eq!(
            texts,
            ["a:1 a:2 c:1 b:1", "c:1 b:1 a:1 a:2", "b:1 a:1 a:2 c:1"]
        );
        list.learn(link(2), id(3), addresses(&["c:1"]));
        assert!(!list.has_changed(), "it has said so before");
        list.learn(link(1), id(3), addresses(&["c:1"]));
        assert!(list.has_changed() && !list.renew(), "it has moved");
        list.learn(link(1), id(3), Vec::new());
        list.check(|server| server.get() < 3);
    }

    #[test]
    fn an_address_that_would_break_the_list_is_not_told() {
        for (text, is_told) in [
            ("tls://[::1]:33301", true),
            ("a,b:1", false),
            ("a;r=0:1", false),
            ("a]:1", true),
        ] {
            assert_eq!(
                can_be_told_to_clients(&text.parse().unwrap()),
                is_told,
                "{text}"
            );
        }
        let long = format!("{}:1", "a".repeat(ADDRESS_BYTES_MAX));
        assert!(!can_be_told_to_clients(&long.parse().unwrap()));
    }
}
