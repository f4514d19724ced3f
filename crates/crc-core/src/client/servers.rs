//! The servers that the client may register with: those that the user has named, those
//! that a server has named, and which of them is tried next.
//!
//! A client that has lost its server tries all others once, then the lost one: a *round*.
//! The servers of the user come first, so that no server can keep the client from them.
//! When to dial is not decided here.

use std::collections::VecDeque;
use std::net::IpAddr;

use crc_machine::{PeerAddress, Transport};

use super::ClientFailure;

/// The most servers that a user can name.
pub const CLIENT_SERVERS_MAX: usize = 16;

/// The most servers that are kept of those that servers have named.
const LEARNED_MAX: usize = 16;

/// A longer address is not learned: the longest name of the DNS, with port and pin.
const ADDRESS_BYTES_MAX: usize = 340;

/// How many words of a list are read.
const WORDS_MAX: usize = 64;

/// The servers. See the module's comment.
#[derive(Debug)]
pub(super) struct Servers {
    /// Those that the user has named; at least one.
    named: Vec<PeerAddress>,
    /// Those that servers have named, the latest list first.
    learned: Vec<PeerAddress>,
    /// The one that the client tries, or is connected to.
    current: PeerAddress,
    /// The others that are tried in this round, next first.
    round: VecDeque<PeerAddress>,
    /// The one that has welcomed the client last.
    home: Option<PeerAddress>,
    /// Why a server of this round will never welcome the client.
    refused: Option<ClientFailure>,
    /// Whether one that the user has named may still welcome it, as far as this round shows.
    hopeful: bool,
}

/// What a client does that has not come to be connected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// Dial the next server of the round.
    InRound,
    /// Dial the first one of a new round.
    NewRound,
    /// Stop: each server has refused the client for good, the last one so.
    GiveUp(ClientFailure),
}

impl Servers {
    /// Begins with the first of `named`, which must not be empty.
    pub(super) fn new(named: Vec<PeerAddress>) -> Option<Self> {
        let current = named.first()?.clone();
        let mut servers = Servers {
            named,
            learned: Vec::new(),
            current,
            round: VecDeque::new(),
            home: None,
            refused: None,
            hopeful: false,
        };
        servers.begin_round();
        // The first one is tried as the round begins.
        servers.round.pop_back();
        Some(servers)
    }

    /// The one that the client tries, or is connected to.
    pub(super) fn current(&self) -> &PeerAddress {
        &self.current
    }

    /// All of them, in the order in which they are preferred.
    pub(super) fn iter(&self) -> impl Iterator<Item = &PeerAddress> {
        self.named.iter().chain(&self.learned)
    }

    /// Whether the client knows another server than the present one.
    pub(super) fn has_others(&self) -> bool {
        self.iter().any(|server| *server != self.current)
    }

    /// The present server is lost: all others are tried, then this one.
    pub(super) fn begin_round(&mut self) {
        let after = |of: &[PeerAddress]| {
            let at = of.iter().position(|server| *server == self.current);
            let (before, behind) = of.split_at(at.map_or(0, |at| at + 1));
            [behind, before].concat()
        };
        let mut round = after(&self.named);
        round.extend(after(&self.learned));
        round.retain(|server| *server != self.current);
        round.push(self.current.clone());
        self.round = round.into();
        self.refused = None;
        self.hopeful = false;
    }

    /// The present server has not welcomed the client; it never will, if there is a `failure`.
    /// Goes on to the next one.
    pub(super) fn on_failed(&mut self, failure: Option<ClientFailure>) -> Next {
        match failure {
            Some(failure) => self.refused = Some(failure),
            None => self.hopeful |= self.named.contains(&self.current),
        }
        let is_over = self.round.is_empty();
        if is_over {
            if let Some(failure) = self.refused.filter(|_| !self.hopeful) {
                return Next::GiveUp(failure);
            }
            self.begin_round();
        }
        if let Some(next) = self.round.pop_front() {
            self.current = next;
        }
        match is_over {
            true => Next::NewRound,
            false => Next::InRound,
        }
    }

    /// Whether the client need not give up when the present server has refused it for good.
    pub(super) fn may_go_on(&self) -> bool {
        self.hopeful || !self.round.is_empty()
    }

    /// The present server has welcomed the client. Whether another one had before.
    pub(super) fn on_welcome(&mut self) -> bool {
        let before = self.home.replace(self.current.clone());
        before.is_some_and(|before| before != self.current)
    }

    /// The present server names others: addresses with blanks between. They come first among
    /// those that servers have named.
    ///
    /// A client that the user has told to use TLS is not led to a plain connection; one
    /// that knows its server by a pin dials by pins only, and any other one verifies the
    /// server as if the user had named it.
    pub(super) fn learn(&mut self, list: &str) {
        let told = list.split_ascii_whitespace().take(WORDS_MAX);
        let told = told.filter(|word| word.len() <= ADDRESS_BYTES_MAX);
        let told = told.filter_map(|word| word.parse().ok());
        let told = told.filter_map(|server| self.trusted(server));
        let told: Vec<PeerAddress> = told.collect();
        let before = core::mem::take(&mut self.learned);
        for server in told.into_iter().chain(before) {
            let known = self.named.iter().chain(&self.learned);
            if self.learned.len() < LEARNED_MAX && !known.into_iter().any(|it| is_same(it, &server))
            {
                self.learned.push(server);
            }
        }
    }

    /// A server that another one has named, as far as the client may dial it.
    fn trusted(&self, server: PeerAddress) -> Option<PeerAddress> {
        let by_tls = |server: &PeerAddress| server.transport != Transport::Plain;
        if self.named.iter().any(by_tls) != by_tls(&server) {
            return None;
        }
        if is_on_this_machine(&server) && !is_on_this_machine(&self.current) {
            return None;
        }
        let is_host = |ip: IpAddr| !ip.is_unspecified() && !ip.is_multicast();
        if !server.ip().is_none_or(is_host) {
            return None;
        }
        match (self.current.transport, server.transport) {
            (_, Transport::Plain)
            | (Transport::Tls { pin: Some(_) }, Transport::Tls { pin: Some(_) }) => Some(server),
            (Transport::Tls { pin: Some(_) }, _) => None,
            _ => Some(server.with_tls()),
        }
    }
}

/// Whether two addresses lead to one port of one host.
fn is_same(one: &PeerAddress, other: &PeerAddress) -> bool {
    one.port == other.port && one.host.eq_ignore_ascii_case(&other.host)
}

fn is_on_this_machine(server: &PeerAddress) -> bool {
    match server.ip() {
        Some(ip) => ip.to_canonical().is_loopback(),
        None => {
            let host = server.host.to_ascii_lowercase();
            host == "localhost" || host.ends_with(".localhost")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn servers(named: &[&str]) -> Servers {
        let named = named.iter().map(|it| it.parse().unwrap()).collect();
        Servers::new(named).unwrap()
    }

    fn learned(servers: &Servers) -> Vec<String> {
        servers.learned.iter().map(ToString::to_string).collect()
    }

    fn pinned(host: &str, digit: char) -> String {
        format!("tls://{host}:1#sha256:{}", digit.to_string().repeat(64))
    }

    /// Lets every server fail, `times` times.
    fn tried(servers: &mut Servers, times: usize) -> Vec<(String, Next)> {
        let next = (0..times).map(|_| {
            let next = servers.on_failed(None);
            (servers.current().to_string(), next)
        });
        next.collect()
    }

    #[test]
    fn a_round_tries_each_server_once_and_the_lost_one_last() {
        use Next::{InRound, NewRound};
        let step = |server: &str, next| (server.to_owned(), next);
        let mut one = servers(&["a:1"]);
        assert!(!one.has_others());
        let again = step("a:1", NewRound);
        assert_eq!(tried(&mut one, 2), [again.clone(), again]);
        let mut three = servers(&["a:1", "b:1", "c:1"]);
        three.learn("d:1 e:1");
        assert_eq!(
            tried(&mut three, 4),
            [
                step("b:1", InRound),
                step("c:1", InRound),
                step("a:1", NewRound),
                step("b:1", InRound),
            ],
            "those that a server has named come with the next round"
        );
        assert!(!three.on_welcome(), "the first one");
        three.begin_round();
        let order = ["c:1", "a:1", "d:1", "e:1", "b:1"];
        assert_eq!(tried(&mut three, 5), order.map(|it| step(it, InRound)));
        assert!(!three.on_welcome(), "the same one");
        assert_eq!(tried(&mut three, 3)[2], step("d:1", InRound));
        assert!(three.on_welcome());
        three.begin_round();
        let order = ["a:1", "b:1", "c:1", "e:1", "d:1"];
        assert_eq!(tried(&mut three, 5), order.map(|it| step(it, InRound)));
    }

    #[test]
    fn a_client_gives_up_when_every_server_of_the_user_has_refused_it() {
        let failure = Some(ClientFailure::NotPermitted);
        let gives_up = Next::GiveUp(ClientFailure::NotPermitted);
        assert_eq!(servers(&["a:1"]).on_failed(failure), gives_up);
        let mut two = servers(&["a:1", "b:1"]);
        assert_eq!(two.on_failed(failure), Next::InRound);
        assert_eq!(two.on_failed(failure), gives_up);
        let mut two = servers(&["a:1", "b:1"]);
        assert_eq!(two.on_failed(None), Next::InRound);
        assert_eq!(
            two.on_failed(failure),
            Next::NewRound,
            "the first may be back"
        );
        // What servers have named does not keep the client from giving up.
        let mut two = servers(&["a:1", "b:1"]);
        two.learn("c:1");
        two.begin_round();
        assert_eq!(two.on_failed(failure), Next::InRound);
        assert_eq!(two.on_failed(failure), Next::InRound);
        assert_eq!(two.current().to_string(), "c:1");
        assert_eq!(two.on_failed(None), Next::InRound);
        assert_eq!(two.on_failed(failure), gives_up);
    }

    #[test]
    fn lists_are_bounded_and_come_behind_the_servers_of_the_user() {
        let mut servers = servers(&["a:1"]);
        let list = |letter: char| {
            let list: Vec<String> = (0..100).map(|n| format!("{letter}{n}:1")).collect();
            list.join(" ")
        };
        servers.learn("old:1 a:1 A:1");
        assert_eq!(learned(&servers), ["old:1"]);
        servers.learn("new:1 new:1");
        assert_eq!(learned(&servers), ["new:1", "old:1"]);
        servers.learn(&list('x'));
        assert_eq!(learned(&servers).len(), LEARNED_MAX);
        assert_eq!(learned(&servers)[0], "x0:1");
        servers.begin_round();
        servers.learn(&list('y'));
        assert_eq!(servers.iter().next().unwrap().to_string(), "a:1");
        servers.learn(&format!(
            "{}:1 no-port :1 z:0 \u{7f}:1 é:1",
            "l".repeat(400)
        ));
        assert_eq!(learned(&servers)[0], "y0:1");
    }

    #[test]
    fn a_server_cannot_lead_a_client_to_less_than_it_has() {
        let (own, other) = (pinned("a", 'a'), pinned("b", 'b'));
        let list = format!("p:1 tls://q:1 {other}");
        for (named, expected) in [
            (vec!["a:1"], vec!["p:1"]),
            (vec!["tls://a:1"], vec!["tls://q:1", "tls://b:1"]),
            (vec!["a:1", "tls://c:1"], vec!["tls://q:1", "tls://b:1"]),
            (vec![&own], vec![&other]),
        ] {
            let mut servers = servers(&named);
            servers.learn(&list);
            assert_eq!(learned(&servers), expected, "{named:?}");
        }
    }

    #[test]
    fn a_server_elsewhere_names_none_on_this_machine() {
        let list = "127.0.0.1:1 [::1]:1 localhost:1 [::ffff:127.0.0.1]:1 0.0.0.0:1 [::]:1 \
                    224.0.0.1:1 192.0.2.1:1";
        let mut far = servers(&["a:1"]);
        far.learn(list);
        assert_eq!(learned(&far), ["192.0.2.1:1"]);
        let mut near = servers(&["localhost:2"]);
        near.learn(list);
        assert_eq!(
            learned(&near),
            [
                "127.0.0.1:1",
                "[::1]:1",
                "localhost:1",
                "[::ffff:127.0.0.1]:1",
                "192.0.2.1:1"
            ]
        );
    }
}
