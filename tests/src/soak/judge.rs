//! The rules, as far as they can be judged from the outside: D1 (and with it D3
//! and D5) for what everybody knows at rest, C1 to C3 for chats. Pure: looks at
//! what others have gathered.

use std::collections::{BTreeMap, BTreeSet};

use super::network::News;
use crate::fixture::ServerState;
use crate::fixture::model::NetworkModel;

/// What everybody knows at one moment.
#[derive(Debug, Clone, Default)]
pub(super) struct Look {
    /// The servers that are there.
    pub(super) states: BTreeMap<u32, ServerState>,
    /// The clients of these: the server of each, and the others that it knows, if
    /// it is connected.
    pub(super) clients: BTreeMap<u32, (u32, Option<BTreeSet<u32>>)>,
}

impl Look {
    /// The network as the servers' links and clients make it.
    fn world(&self) -> NetworkModel {
        let mut world = NetworkModel::new();
        for (&id, state) in &self.states {
            world.add_server(id, None);
            for &other in &state.adjacent_servers {
                world.add_server(id, Some(other));
            }
            for &client in &state.adjacent_clients {
                world.add_client(client, id);
            }
        }
        world
    }

    /// The connections that a chat between two clients passes, or none if there
    /// is no way. Each is told by both of its ends' addresses.
    fn way(&self, from: u32, to: u32) -> Option<Vec<[String; 2]>> {
        let (home, _) = self.clients.get(&from)?;
        let (target, _) = self.clients.get(&to)?;
        let peer = |at: u32, of: u32| {
            let mut links = self.states.get(&at)?.links.iter();
            Some(links.find(|link| link.host == of)?.peer.clone())
        };
        let mut way = vec![
            [peer(*home, from)?, String::new()],
            [peer(*target, to)?, String::new()],
        ];
        let (mut at, mut hops) = (*home, 0);
        while at != *target {
            let next = self.states.get(&at)?.host(*target)?.first_link;
            way.push([peer(at, next)?, peer(next, at)?]);
            at = next;
            hops += 1;
            if hops > self.states.len() {
                return None;
            }
        }
        Some(way)
    }
}

/// D1: everybody knows exactly who is there, by the right way. D3: a client is
/// at one server only. D5: the links form one tree.
pub(super) fn directories(look: &Look) -> Result<(), String> {
    let mut ends = 0;
    for (&id, state) in &look.states {
        for other in &state.adjacent_servers {
            let back = look.states.get(other);
            let mutual = back.is_some_and(|back| back.adjacent_servers.contains(&id));
            if !mutual {
                return Err(format!(
                    "server {id} has a link to {other}, which has none to it"
                ));
            }
            ends += 1;
        }
    }
    if ends != 2 * look.states.len().saturating_sub(1) {
        let count = look.states.len();
        return Err(format!(
            "{count} servers with {ends} ends of links are no tree"
        ));
    }
    for (&client, (home, _)) in &look.clients {
        let at: Vec<u32> = look
            .states
            .iter()
            .filter(|(_, state)| state.adjacent_clients.contains(&client))
            .map(|(&id, _)| id)
            .collect();
        if at != [*home] {
            return Err(format!("client {client} of server {home} is at {at:?}"));
        }
    }
    let world = look.world();
    for (&id, state) in &look.states {
        let known = state.hosts.iter().map(|host| (host.id, host.first_link));
        let expected = world.first_links(id);
        if expected.len() != look.states.len() - 1 + look.clients.len() {
            return Err(format!("server {id} is not linked to everybody"));
        }
        if !known
            .clone()
            .eq(expected.iter().map(|(&id, &link)| (id, link)))
        {
            let known: BTreeMap<u32, u32> = known.collect();
            return Err(format!(
                "server {id} knows {known:?} instead of {expected:?}"
            ));
        }
    }
    for (&id, (_, known)) in &look.clients {
        let Some(known) = known else {
            return Err(format!("client {id} is not connected"));
        };
        let expected = world.known_to_client(id);
        if !known.iter().eq(&expected) {
            return Err(format!(
                "client {id} knows {known:?} instead of {expected:?}"
            ));
        }
    }
    Ok(())
}

/// The chats of one episode: what was said, and what became of it.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    /// Number of the chat, from, to. Who says more says higher numbers.
    said: BTreeMap<u64, (u32, u32)>,
    /// Numbers in the order in which they were heard, by from and to.
    heard: BTreeMap<(u32, u32), Vec<u64>>,
    /// How many were answered with Unknown ID, by from and to.
    unknown: BTreeMap<(u32, u32), u64>,
    /// How many could not be sent, by from.
    failed: BTreeMap<u32, u64>,
    wrong: Vec<String>,
}

/// What became of chats.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// They were said.
    pub said: u64,
    /// They were heard.
    pub heard: u64,
    /// There was nobody to hear them, and who said them was told so.
    pub answered: u64,
    /// They went under with a link on their way.
    pub lost: u64,
}

impl Counts {
    pub(super) fn add(&mut self, more: Counts) {
        self.said += more.said;
        self.heard += more.heard;
        self.answered += more.answered;
        self.lost += more.lost;
    }
}

impl Ledger {
    /// Notes that a chat is being said; returns its text.
    pub(super) fn say(&mut self, number: u64, from: u32, to: u32) -> String {
        self.said.insert(number, (from, to));
        format!("number {number}")
    }

    /// Notes what a client said of chats.
    pub(super) fn note(&mut self, client: u32, news: Vec<News>) {
        for one in news {
            match one {
                News::Heard { from, to, text } => {
                    let number = text.strip_prefix("number ").and_then(|n| n.parse().ok());
                    let number = number.filter(|number| {
                        to == client && self.said.get(number) == Some(&(from, to))
                    });
                    match number {
                        Some(number) => self.heard.entry((from, to)).or_default().push(number),
                        None => self.wrong.push(format!(
                            "client {client} heard {text:?} from {from} for {to}, which was not said now"
                        )),
                    }
                }
                News::Unknown { id } => *self.unknown.entry((client, id)).or_default() += 1,
                News::Failed { text } => {
                    if text.is_empty() {
                        self.wrong
                            .push(format!("client {client} complains of nothing"));
                    }
                    *self.failed.entry(client).or_default() += 1;
                }
            }
        }
    }

    /// Whether everything was heard or answered that had a whole way.
    pub(super) fn is_settled(&self, before: &Look, after: &Look) -> bool {
        let (counts, wrong) = self.judge(before, after);
        counts.lost == 0 || wrong.is_empty()
    }

    /// C1: what was said is heard, or answered; or lost, if the way from the one
    /// to the other was not the same connections `before` and `after`. C2: nothing
    /// is heard twice, nor heard and answered. C3: it is heard in the order in
    /// which it was said, on one connection of who said it.
    pub(super) fn judge(&self, before: &Look, after: &Look) -> (Counts, Vec<String>) {
        let mut wrong = self.wrong.clone();
        let mut counts = Counts::default();
        let mut pairs: BTreeMap<(u32, u32), u64> = BTreeMap::new();
        for pair in self.said.values() {
            *pairs.entry(*pair).or_default() += 1;
        }
        for (&(from, to), &said) in &pairs {
            let none = Vec::new();
            let heard = self.heard.get(&(from, to)).unwrap_or(&none);
            let once: BTreeSet<u64> = heard.iter().copied().collect();
            if once.len() != heard.len() {
                wrong.push(format!(
                    "C2: {to} heard something of {from} twice: {heard:?}"
                ));
            }
            let way = before.way(from, to);
            let whole = way.is_some() && way == after.way(from, to);
            let registered = |look: &Look| Some(look.way(from, from)?.swap_remove(0));
            let same = registered(before) == registered(after);
            if same && !heard.is_sorted() {
                wrong.push(format!("C3: {to} heard {from} out of order: {heard:?}"));
            }
            let answered = self.unknown.get(&(from, to)).copied().unwrap_or(0);
            let arrived = once.len() as u64;
            let lost = said.saturating_sub(arrived + answered);
            if arrived + answered > said {
                wrong.push(format!(
                    "C2: of {said} chats from {from} to {to}, {arrived} were heard and {answered} answered"
                ));
            }
            let failed = self.failed.get(&from).copied().unwrap_or(0);
            if whole && lost > failed {
                wrong.push(format!(
                    "C1: of {said} chats from {from} to {to}, {lost} were lost on a way that was whole"
                ));
            }
            counts.add(Counts {
                said,
                heard: arrived,
                answered,
                lost,
            });
        }
        (counts, wrong)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{Host, HostKind, Link};

    fn host(id: u32, first_link: u32) -> Host {
        Host {
            id,
            kind: if id > 100 {
                HostKind::Client
            } else {
                HostKind::Server
            },
            name: "n".into(),
            info: String::new(),
            first_link,
        }
    }

    fn state(id: u32, servers: &[u32], clients: &[u32], hosts: &[(u32, u32)]) -> ServerState {
        let links = servers.iter().chain(clients);
        ServerState {
            id,
            name: "s".into(),
            info: String::new(),
            adjacent_servers: servers.to_vec(),
            adjacent_clients: clients.to_vec(),
            hosts: hosts.iter().map(|&(id, link)| host(id, link)).collect(),
            status_log: vec![],
            counters: BTreeMap::new(),
            strangers: 0,
            rank: None,
            uplink: None,
            irc: None,
            links: links
                .map(|&host| Link {
                    host,
                    peer: format!("127.0.0.1:{id}{host}"),
                })
                .collect(),
        }
    }

    /// 101 at 1, linked to 2 with 102.
    fn pair() -> Look {
        let states = [
            state(1, &[2], &[101], &[(2, 2), (101, 101), (102, 2)]),
            state(2, &[1], &[102], &[(1, 1), (101, 1), (102, 102)]),
        ];
        Look {
            states: states.into_iter().map(|state| (state.id, state)).collect(),
            clients: [
                (101, (1, Some(BTreeSet::from([102])))),
                (102, (2, Some(BTreeSet::from([101])))),
            ]
            .into(),
        }
    }

    #[track_caller]
    fn check_wrong(change: impl FnOnce(&mut Look), words: &str) {
        let mut look = pair();
        change(&mut look);
        let wrong = directories(&look).unwrap_err();
        assert!(wrong.contains(words), "{wrong}");
    }

    fn server(look: &mut Look, id: u32) -> &mut ServerState {
        look.states.get_mut(&id).unwrap()
    }

    #[test]
    fn what_everybody_must_know() {
        assert_eq!(directories(&pair()), Ok(()));
        check_wrong(
            |look| {
                server(look, 1).hosts.pop();
            },
            "server 1 knows",
        );
        check_wrong(
            |look| server(look, 2).hosts[1].first_link = 101,
            "server 2 knows",
        );
        check_wrong(
            |look| server(look, 2).hosts.push(host(103, 1)),
            "server 2 knows",
        );
        check_wrong(
            |look| server(look, 2).adjacent_servers.clear(),
            "none to it",
        );
        check_wrong(
            |look| server(look, 2).adjacent_clients.push(101),
            "is at [1, 2]",
        );
        check_wrong(
            |look| {
                server(look, 1).adjacent_servers.clear();
                server(look, 2).adjacent_servers.clear();
            },
            "no tree",
        );
        check_wrong(
            |look| look.clients.get_mut(&101).unwrap().1 = None,
            "not connected",
        );
        check_wrong(
            |look| look.clients.get_mut(&101).unwrap().1 = Some(BTreeSet::new()),
            "client 101 knows",
        );
    }

    fn heard(numbers: &[u64]) -> Vec<News> {
        let heard = numbers.iter().map(|number| News::Heard {
            from: 101,
            to: 102,
            text: format!("number {number}"),
        });
        heard.collect()
    }

    /// 101 says 1, 2 and 3 to 102.
    #[track_caller]
    fn check_chats(numbers: &[u64], unknown: usize, after: &Look, words: Option<&str>) {
        let mut ledger = Ledger::default();
        for number in 1..=3 {
            ledger.say(number, 101, 102);
        }
        ledger.note(102, heard(numbers));
        ledger.note(101, vec![News::Unknown { id: 102 }; unknown]);
        let (_, wrong) = ledger.judge(&pair(), after);
        match words {
            None => assert_eq!(wrong, [""; 0]),
            Some(words) => assert!(wrong.iter().any(|one| one.contains(words)), "{wrong:?}"),
        }
    }

    #[test]
    fn what_may_become_of_chats() {
        let same = pair();
        check_chats(&[1, 2, 3], 0, &same, None);
        check_chats(&[1, 3], 1, &same, None);
        check_chats(&[], 3, &same, None);
        check_chats(&[1, 2], 0, &same, Some("C1"));
        check_chats(&[1, 2, 3, 2], 0, &same, Some("C2"));
        check_chats(&[1, 2, 3], 1, &same, Some("C2"));
        check_chats(&[2, 1, 3], 0, &same, Some("C3"));
        check_chats(&[1, 2, 3, 4], 0, &same, Some("not said now"));

        let mut relinked = pair();
        server(&mut relinked, 1).links[0].peer = "127.0.0.1:9".into();
        check_chats(&[1, 2], 0, &relinked, None);
        check_chats(&[2, 1], 0, &relinked, Some("C3"));
        let mut back = pair();
        server(&mut back, 1).links[1].peer = "127.0.0.1:9".into();
        check_chats(&[2, 1], 0, &back, None);
        check_chats(&[2, 2], 0, &back, Some("C2"));
    }
}
