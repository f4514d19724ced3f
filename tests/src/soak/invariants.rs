//! Checks the invariants of docs/RELIABILITY.md on observed data: D1, D3 and D5 for
//! the directories at rest, C1 to C3 for chats. It does no I/O.

use std::collections::{BTreeMap, BTreeSet};

use super::network::ChatEvent;
use crate::fixture::ServerState;
use crate::fixture::model::NetworkModel;

/// What all running servers and clients know at one time.
#[derive(Debug, Clone, Default)]
pub(super) struct Snapshot {
    /// The states of the running servers.
    pub(super) states: BTreeMap<u32, ServerState>,
    /// The clients of these servers: the server of each, and the other clients it
    /// knows if it is connected.
    pub(super) clients: BTreeMap<u32, (u32, Option<BTreeSet<u32>>)>,
}

impl Snapshot {
    /// The model of a network with these links and clients.
    fn model(&self) -> NetworkModel {
        let mut model = NetworkModel::new();
        for (&id, state) in &self.states {
            model.add_server(id, None);
            for &other in &state.adjacent_servers {
                model.add_server(id, Some(other));
            }
            for &client in &state.adjacent_clients {
                model.add_client(client, id);
            }
        }
        model
    }

    /// The connections on the route between two clients, or none without a route. The
    /// addresses of its ends identify a connection.
    fn route(&self, from: u32, to: u32) -> Option<Vec<[String; 2]>> {
        let (home, _) = self.clients.get(&from)?;
        let (target, _) = self.clients.get(&to)?;
        let peer = |at: u32, of: u32| {
            let mut links = self.states.get(&at)?.links.iter();
            Some(links.find(|link| link.host == of)?.peer.clone())
        };
        let mut route = vec![
            [peer(*home, from)?, String::new()],
            [peer(*target, to)?, String::new()],
        ];
        let (mut at, mut hops) = (*home, 0);
        while at != *target {
            let next = self.states.get(&at)?.host(*target)?.first_link;
            route.push([peer(at, next)?, peer(next, at)?]);
            at = next;
            hops += 1;
            if hops > self.states.len() {
                return None;
            }
        }
        Some(route)
    }

    /// The connection of a client to its server.
    fn registered(&self, client: u32) -> Option<[String; 2]> {
        Some(self.route(client, client)?.swap_remove(0))
    }
}

/// D1: every server and client knows exactly the other hosts, by the right route. D3:
/// a client is at one server only. D5: the links form one tree.
pub(super) fn check_directories(snapshot: &Snapshot) -> Result<(), String> {
    let mut ends = 0;
    for (&id, state) in &snapshot.states {
        for other in &state.adjacent_servers {
            let back = snapshot.states.get(other);
            let mutual = back.is_some_and(|back| back.adjacent_servers.contains(&id));
            if !mutual {
                return Err(format!(
                    "D5: server {id} has a link to {other}, which has none to it"
                ));
            }
            ends += 1;
        }
    }
    if ends != 2 * snapshot.states.len().saturating_sub(1) {
        let count = snapshot.states.len();
        return Err(format!(
            "D5: {count} servers with {ends} ends of links are no tree"
        ));
    }
    for (&client, (home, _)) in &snapshot.clients {
        let at: Vec<u32> = snapshot
            .states
            .iter()
            .filter(|(_, state)| state.adjacent_clients.contains(&client))
            .map(|(&id, _)| id)
            .collect();
        if at != [*home] {
            return Err(format!("D3: client {client} of server {home} is at {at:?}"));
        }
    }
    let model = snapshot.model();
    for (&id, state) in &snapshot.states {
        let known = state.hosts.iter().map(|host| (host.id, host.first_link));
        let expected = model.first_links(id);
        if expected.len() != snapshot.states.len() - 1 + snapshot.clients.len() {
            return Err(format!(
                "D5: server {id} is not linked to all other servers"
            ));
        }
        if !known
            .clone()
            .eq(expected.iter().map(|(&id, &link)| (id, link)))
        {
            let known: BTreeMap<u32, u32> = known.collect();
            return Err(format!(
                "D1: server {id} knows {known:?} instead of {expected:?}"
            ));
        }
    }
    for (&id, (_, known)) in &snapshot.clients {
        let Some(known) = known else {
            return Err(format!("D1: client {id} is not connected"));
        };
        let expected = model.known_to_client(id);
        if !known.iter().eq(&expected) {
            return Err(format!(
                "D1: client {id} knows {known:?} instead of {expected:?}"
            ));
        }
    }
    Ok(())
}

/// The chats of one episode and their outcomes.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    /// Source and destination, by the number of the chat. Later chats have higher
    /// numbers.
    sent: BTreeMap<u64, (u32, u32)>,
    /// The numbers in the order of arrival, by source and destination.
    received: BTreeMap<(u32, u32), Vec<u64>>,
    /// The number of answers `Unknown ID`, by source and destination.
    unknown: BTreeMap<(u32, u32), u64>,
    /// The number of chats that a client could not send, by source.
    not_sent: BTreeMap<u32, u64>,
    /// The chats before, by source and destination.
    late: BTreeMap<(u32, u32), Late>,
    violations: Vec<String>,
}

/// The chats between two clients that had no outcome when their ledger was closed. A
/// client that is cut off keeps what it has to send, and its server may be slow to pass
/// it on.
#[derive(Debug)]
struct Late {
    /// The numbers that may still arrive, once.
    numbers: BTreeSet<u64>,
    /// How many of them may still arrive or be answered. The others were answered.
    open: u64,
    /// The source has had one connection only, so C3 holds for all its chats.
    in_order: bool,
}

/// The outcomes of chats.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Sent by a client.
    pub sent: u64,
    /// Received by their destination.
    pub received: u64,
    /// Answered with `Unknown ID`.
    pub answered: u64,
    /// Lost with a connection on their route.
    pub lost: u64,
}

impl Counts {
    pub(super) fn add(&mut self, more: Counts) {
        self.sent += more.sent;
        self.received += more.received;
        self.answered += more.answered;
        self.lost += more.lost;
    }
}

impl Ledger {
    /// A ledger for the next chats, which permits late outcomes of the chats in this one.
    /// `before` and `after` are those of the check of this one.
    pub(super) fn next(&self, before: &Snapshot, after: &Snapshot) -> Ledger {
        let mut late: BTreeMap<(u32, u32), Late> = BTreeMap::new();
        for (&number, &(from, to)) in &self.sent {
            let pair = late.entry((from, to)).or_insert_with(|| Late {
                numbers: BTreeSet::new(),
                open: 0,
                in_order: before.registered(from) == after.registered(from),
            });
            pair.numbers.insert(number);
        }
        for (pair, one) in &mut late {
            let sent = one.numbers.len() as u64;
            let received = self.received.get(pair).map_or(&[][..], Vec::as_slice);
            for number in received {
                one.numbers.remove(number);
            }
            let answered = self.unknown.get(pair).copied().unwrap_or(0);
            let arrived = sent - one.numbers.len() as u64;
            one.open = sent.saturating_sub(arrived + answered);
            if let Some(last) = received.last().filter(|_| one.in_order) {
                one.numbers = one.numbers.split_off(last);
            }
        }
        Ledger {
            late,
            ..Ledger::default()
        }
    }

    /// Records that a client sends a chat, and returns its text.
    pub(super) fn record_sent(&mut self, number: u64, from: u32, to: u32) -> String {
        self.sent.insert(number, (from, to));
        format!("number {number}")
    }

    /// Records the chat events of a client.
    pub(super) fn record_events(&mut self, client: u32, events: Vec<ChatEvent>) {
        for one in events {
            match one {
                ChatEvent::Received { from, to, text } => {
                    let number = text.strip_prefix("number ").and_then(|n| n.parse().ok());
                    let number = number.filter(|_| to == client);
                    match number {
                        Some(number) if self.sent.get(&number) == Some(&(from, to)) => {
                            self.received.entry((from, to)).or_default().push(number);
                        }
                        Some(number) if self.record_late(from, to, number) => {}
                        _ => self.violations.push(format!(
                            "client {client} received {text:?} from {from} for {to}, which was not sent in this episode"
                        )),
                    }
                }
                ChatEvent::Unknown { id } => match self.late.get_mut(&(client, id)) {
                    Some(late) if late.open > 0 => late.open -= 1,
                    _ => *self.unknown.entry((client, id)).or_default() += 1,
                },
                ChatEvent::NotSent { text } => {
                    if text.is_empty() {
                        self.violations
                            .push(format!("client {client} reports an error without text"));
                    }
                    *self.not_sent.entry(client).or_default() += 1;
                }
            }
        }
    }

    /// Records that a chat from before this ledger arrives; `false` if it must not.
    fn record_late(&mut self, from: u32, to: u32, number: u64) -> bool {
        let Some(late) = self.late.get_mut(&(from, to)).filter(|late| late.open > 0) else {
            return false;
        };
        if !late.numbers.remove(&number) {
            return false;
        }
        late.open -= 1;
        if late.in_order {
            self.received.entry((from, to)).or_default().push(number);
        }
        true
    }

    /// Whether all chats on an unbroken route have an outcome.
    pub(super) fn is_settled(&self, before: &Snapshot, after: &Snapshot) -> bool {
        let (counts, violations) = self.check(before, after);
        counts.lost == 0 || violations.is_empty()
    }

    /// C1: a chat is received or answered; or lost, if the route consists of other
    /// connections in `after` than in `before`. C2: no chat is received twice, or
    /// received and answered. C3: chats arrive in the order in which they were sent on
    /// one connection of their source.
    pub(super) fn check(&self, before: &Snapshot, after: &Snapshot) -> (Counts, Vec<String>) {
        let mut violations = self.violations.clone();
        let mut counts = Counts::default();
        let mut pairs: BTreeMap<(u32, u32), u64> = BTreeMap::new();
        for pair in self.sent.values() {
            *pairs.entry(*pair).or_default() += 1;
        }
        for (&(from, to), &sent) in &pairs {
            let none = Vec::new();
            let received = self.received.get(&(from, to)).unwrap_or(&none);
            let once: BTreeSet<u64> = received.iter().copied().collect();
            if once.len() != received.len() {
                violations.push(format!(
                    "C2: {to} received a chat of {from} twice: {received:?}"
                ));
            }
            let route = before.route(from, to);
            let unbroken = route.is_some() && route == after.route(from, to);
            let same = before.registered(from) == after.registered(from);
            if same && !received.is_sorted() {
                violations.push(format!(
                    "C3: {to} received chats of {from} out of order: {received:?}"
                ));
            }
            let answered = self.unknown.get(&(from, to)).copied().unwrap_or(0);
            let arrived = once.iter().filter(|number| self.sent.contains_key(number));
            let arrived = arrived.count() as u64;
            let lost = sent.saturating_sub(arrived + answered);
            if arrived + answered > sent {
                violations.push(format!(
                    "C2: of {sent} chats from {from} to {to}, {arrived} arrived and {answered} were answered"
                ));
            }
            let not_sent = self.not_sent.get(&from).copied().unwrap_or(0);
            if unbroken && lost > not_sent {
                violations.push(format!(
                    "C1: of {sent} chats from {from} to {to}, {lost} were lost on an unbroken route"
                ));
            }
            counts.add(Counts {
                sent,
                received: arrived,
                answered,
                lost,
            });
        }
        (counts, violations)
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
            unregistered_links: 0,
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

    /// Client 101 at server 1, which is linked to server 2 with client 102.
    fn pair() -> Snapshot {
        let states = [
            state(1, &[2], &[101], &[(2, 2), (101, 101), (102, 2)]),
            state(2, &[1], &[102], &[(1, 1), (101, 1), (102, 102)]),
        ];
        Snapshot {
            states: states.into_iter().map(|state| (state.id, state)).collect(),
            clients: [
                (101, (1, Some(BTreeSet::from([102])))),
                (102, (2, Some(BTreeSet::from([101])))),
            ]
            .into(),
        }
    }

    #[track_caller]
    fn check_violation(change: impl FnOnce(&mut Snapshot), text: &str) {
        let mut snapshot = pair();
        change(&mut snapshot);
        let violations = check_directories(&snapshot).unwrap_err();
        assert!(violations.contains(text), "{violations}");
    }

    fn server(snapshot: &mut Snapshot, id: u32) -> &mut ServerState {
        snapshot.states.get_mut(&id).unwrap()
    }

    #[test]
    fn violations_of_directories_are_found() {
        assert_eq!(check_directories(&pair()), Ok(()));
        check_violation(
            |snapshot| {
                server(snapshot, 1).hosts.pop();
            },
            "server 1 knows",
        );
        check_violation(
            |snapshot| server(snapshot, 2).hosts[1].first_link = 101,
            "server 2 knows",
        );
        check_violation(
            |snapshot| server(snapshot, 2).hosts.push(host(103, 1)),
            "server 2 knows",
        );
        check_violation(
            |snapshot| server(snapshot, 2).adjacent_servers.clear(),
            "none to it",
        );
        check_violation(
            |snapshot| server(snapshot, 2).adjacent_clients.push(101),
            "is at [1, 2]",
        );
        check_violation(
            |snapshot| {
                server(snapshot, 1).adjacent_servers.clear();
                server(snapshot, 2).adjacent_servers.clear();
            },
            "no tree",
        );
        check_violation(
            |snapshot| snapshot.clients.get_mut(&101).unwrap().1 = None,
            "not connected",
        );
        check_violation(
            |snapshot| snapshot.clients.get_mut(&101).unwrap().1 = Some(BTreeSet::new()),
            "client 101 knows",
        );
    }

    fn received(numbers: &[u64]) -> Vec<ChatEvent> {
        let received = numbers.iter().map(|number| ChatEvent::Received {
            from: 101,
            to: 102,
            text: format!("number {number}"),
        });
        received.collect()
    }

    /// Client 101 sends the chats 1, 2 and 3 to 102.
    #[track_caller]
    fn check_chats(numbers: &[u64], unknown: usize, after: &Snapshot, text: Option<&str>) {
        let mut ledger = Ledger::default();
        for number in 1..=3 {
            ledger.record_sent(number, 101, 102);
        }
        ledger.record_events(102, received(numbers));
        ledger.record_events(101, vec![ChatEvent::Unknown { id: 102 }; unknown]);
        let (_, violations) = ledger.check(&pair(), after);
        match text {
            None => assert_eq!(violations, [""; 0]),
            Some(text) => assert!(
                violations.iter().any(|one| one.contains(text)),
                "{violations:?}"
            ),
        }
    }

    #[test]
    fn violations_of_chats_are_found() {
        let same = pair();
        check_chats(&[1, 2, 3], 0, &same, None);
        check_chats(&[1, 3], 1, &same, None);
        check_chats(&[], 3, &same, None);
        check_chats(&[1, 2], 0, &same, Some("C1"));
        check_chats(&[1, 2, 3, 2], 0, &same, Some("C2"));
        check_chats(&[1, 2, 3], 1, &same, Some("C2"));
        check_chats(&[2, 1, 3], 0, &same, Some("C3"));
        check_chats(&[1, 2, 3, 4], 0, &same, Some("not sent in this episode"));

        let mut relinked = pair();
        server(&mut relinked, 1).links[0].peer = "127.0.0.1:9".into();
        check_chats(&[1, 2], 0, &relinked, None);
        check_chats(&[2, 1], 0, &relinked, Some("C3"));
        let mut back = pair();
        server(&mut back, 1).links[1].peer = "127.0.0.1:9".into();
        check_chats(&[2, 1], 0, &back, None);
        check_chats(&[2, 2], 0, &back, Some("C2"));
    }

    /// Client 101 sends the chats 1, 2 and 3 to 102, of which `early` arrive. In the next
    /// ledger it sends 4 and 5.
    #[track_caller]
    fn check_late(
        early: &[u64],
        answered: usize,
        (late, unknown): (&[u64], usize),
        text: Option<&str>,
    ) {
        let (before, mut after) = (pair(), pair());
        server(&mut after, 1).links[0].peer = "127.0.0.1:9".into();
        let mut ledger = Ledger::default();
        for number in 1..=3 {
            ledger.record_sent(number, 101, 102);
        }
        ledger.record_events(102, received(early));
        ledger.record_events(101, vec![ChatEvent::Unknown { id: 102 }; answered]);
        assert!(ledger.is_settled(&before, &after));
        let mut ledger = ledger.next(&before, &after);
        for number in 4..=5 {
            ledger.record_sent(number, 101, 102);
        }
        ledger.record_events(101, vec![ChatEvent::Unknown { id: 102 }; unknown]);
        ledger.record_events(102, received(late));
        let (counts, violations) = ledger.check(&after, &after);
        match text {
            None => {
                assert_eq!(violations, [""; 0]);
                assert_eq!((counts.sent, counts.received), (2, 2));
            }
            Some(text) => assert!(
                violations.iter().any(|one| one.contains(text)),
                "{violations:?}"
            ),
        }
    }

    #[test]
    fn an_outcome_may_be_late_once() {
        let unsent = Some("not sent in this episode");
        check_late(&[1], 0, (&[2, 3, 4, 5], 0), None);
        check_late(&[1], 0, (&[3, 4, 5], 1), None);
        check_late(&[1], 1, (&[3, 4, 5], 0), None);
        check_late(&[1], 0, (&[4, 5], 2), None);
        check_late(&[1], 0, (&[4, 5], 3), Some("C2"));
        check_late(&[1], 0, (&[2, 4], 1), Some("C1"));
        check_late(&[1], 1, (&[2, 3, 4, 5], 0), unsent);
        check_late(&[1], 0, (&[2, 2, 4, 5], 0), unsent);
        check_late(&[1, 2, 3], 0, (&[3, 4, 5], 0), unsent);
        check_late(&[1, 3], 0, (&[2, 4, 5], 0), unsent);
        check_late(&[1], 0, (&[2, 4, 3, 5], 0), Some("C3"));
    }
}
