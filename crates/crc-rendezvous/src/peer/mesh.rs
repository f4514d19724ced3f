//! The mesh: which peers are to be dialled, and the one connection with each peer.
//!
//! The earlier peer of the list dials the later one and sends a greeting with its own
//! address. Both ends know by the greeting whom the connection is with. So a later list
//! with another order changes nothing for peers that are connected. When two peers dial
//! each other at the same moment, because only one of them has the new order, both keep
//! the connection that the peer with the lower address has dialled.

use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use crc_machine::{
    Backoff, CloseWhen, DialError, DialId, Endpoints, LinkDown, LinkId, LinkTable, Origin,
    PeerAddress, Random, Timers, Timestamp,
};

use super::{LostReason, Out, PeerLimits, PeerNotice, Rejection};
use crate::codec::{ChatDecoder, MESSAGE_TIMEOUT, PeerMessage, write_hello, write_text};

/// The connections with other peers.
#[derive(Debug)]
pub(super) struct Mesh {
    trust_addresses: bool,
    limits: PeerLimits,
    /// The registered address of this peer.
    own: Option<SocketAddr>,
    /// The directory's last list.
    list: Vec<SocketAddr>,
    /// The peers after this one in the list, which this one dials.
    after: BTreeSet<SocketAddr>,
    /// The peers that are connected or being dialled.
    others: BTreeMap<SocketAddr, RemotePeer>,
    connections: LinkTable<Connection>,
    /// The peer of each pending dial.
    dials: BTreeMap<DialId, SocketAddr>,
    dials_made: u64,
    timers: Timers<Timer>,
    random: Random,
}

/// Another peer.
#[derive(Debug, Default)]
struct RemotePeer {
    /// The connection with it.
    link: Option<LinkId>,
    /// The pending dial to it.
    dial: Option<DialId>,
    backoff: Backoff,
}

impl RemotePeer {
    /// Whether there is a connection, or a pending dial.
    const fn is_needed(&self) -> bool {
        self.link.is_some() || self.dial.is_some()
    }
}

/// A connection of the mesh.
#[derive(Debug)]
struct Connection {
    /// The address of the other end, as the system reports it.
    source: SocketAddr,
    /// The peer at the other end; `None` until it has sent its greeting.
    peer: Option<SocketAddr>,
    dialed: bool,
    since: Timestamp,
    decoder: ChatDecoder,
    /// The number of bytes before the greeting was complete.
    hello_bytes: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Timer {
    /// The greeting of a connection is overdue.
    Hello(LinkId),
    /// No more bytes have arrived on a connection for a while.
    Pause(LinkId),
    /// The next dial to a peer.
    Dial(SocketAddr),
}

impl Mesh {
    pub(super) fn new(trust_addresses: bool, limits: PeerLimits, random: Random) -> Self {
        Mesh {
            trust_addresses,
            limits,
            own: None,
            list: Vec::new(),
            after: BTreeSet::new(),
            others: BTreeMap::new(),
            connections: LinkTable::default(),
            dials: BTreeMap::new(),
            dials_made: 0,
            timers: Timers::new(),
            random,
        }
    }

    pub(super) fn own(&self) -> Option<SocketAddr> {
        self.own
    }

    pub(super) fn set_own(&mut self, own: SocketAddr) {
        self.own = Some(own);
    }

    pub(super) fn list(&self) -> &[SocketAddr] {
        &self.list
    }

    /// The connected peers and their links.
    pub(super) fn connected(&self) -> impl Iterator<Item = (SocketAddr, LinkId)> {
        let others = self.others.iter();
        others.filter_map(|(peer, other)| other.link.map(|link| (*peer, link)))
    }

    /// Whether every peer of the list is connected.
    pub(super) fn is_complete(&self) -> bool {
        let is_connected = |peer: &SocketAddr| {
            let other = self.others.get(peer);
            Some(*peer) == self.own || other.is_some_and(|other| other.link.is_some())
        };
        !self.list.is_empty() && self.list.iter().all(is_connected)
    }

    pub(super) fn deadline(&self) -> Option<Timestamp> {
        self.timers.next()
    }

    /// Stops all timers.
    pub(super) fn stop(&mut self) {
        self.timers = Timers::new();
    }

    /// Sends a line to every connected peer.
    pub(super) fn send_text(&self, text: &str, out: &mut Out) {
        let line = out.store(|arena| write_text(text, arena));
        for (_, link) in self.connected() {
            out.send_stored(link, line);
        }
    }
}

/// Dials.
impl Mesh {
    /// The directory has sent a list: dials the peers after this one.
    pub(super) fn on_list(&mut self, list: Vec<SocketAddr>, out: &mut Out) {
        let own = self.own;
        let after = list.iter().skip_while(|peer| Some(**peer) != own).skip(1);
        let reachable = after.filter(|peer| Some(**peer) != own && !peer.ip().is_unspecified());
        let after: BTreeSet<SocketAddr> = reachable.copied().collect();
        for peer in self.after.symmetric_difference(&after) {
            // A new peer is dialled at once, a peer that is gone no longer.
            self.timers.cancel(Timer::Dial(*peer));
        }
        self.after = after;
        self.others
            .retain(|peer, other| self.after.contains(peer) || other.is_needed());
        out.notice(PeerNotice::Directory {
            peers: list.clone(),
        });
        for peer in &list {
            if self.after.contains(peer) && !self.timers.is_set(Timer::Dial(*peer)) {
                self.dial(*peer, out);
            }
        }
        self.list = list;
    }

    /// Dials a peer, unless it is connected or being dialled.
    fn dial(&mut self, peer: SocketAddr, out: &mut Out) {
        let other = self.others.entry(peer).or_default();
        if other.is_needed() {
            return;
        }
        let dial = DialId(self.dials_made);
        self.dials_made += 1;
        other.dial = Some(dial);
        self.dials.insert(dial, peer);
        out.dial(dial, PeerAddress::from(peer));
    }

    /// Schedules a dial, if this peer has to dial the other; returns the pause.
    fn schedule_dial(&mut self, now: Timestamp, peer: SocketAddr) -> Option<Duration> {
        if !self.after.contains(&peer) {
            self.others.remove(&peer);
            return None;
        }
        let other = self.others.entry(peer).or_default();
        let pause = other.backoff.pause(&mut self.random, false);
        self.timers.set(Timer::Dial(peer), now + pause);
        Some(pause)
    }

    pub(super) fn handle_dial_failed(
        &mut self,
        now: Timestamp,
        dial: DialId,
        why: DialError,
        out: &mut Out,
    ) {
        let Some(peer) = self.dials.remove(&dial) else {
            return;
        };
        let Some(other) = self.others.get_mut(&peer) else {
            return;
        };
        other.dial = None;
        if other.link.is_none() {
            let retry_in = self.schedule_dial(now, peer);
            out.notice(PeerNotice::Unreachable {
                peer,
                why,
                retry_in,
            });
        }
    }

    /// The peer that a dial has reached; `None` when the connection is not needed.
    fn on_dialed(&mut self, dial: DialId, link: LinkId) -> Option<SocketAddr> {
        let peer = self.dials.remove(&dial)?;
        let other = self.others.get_mut(&peer)?;
        other.dial = None;
        // A link that the other peer has dialled in the meantime stays. The other
        // peer never learns of this one.
        (*other.link.get_or_insert(link) == link).then_some(peer)
    }
}

/// Connections.
impl Mesh {
    pub(super) fn handle_link_up(
        &mut self,
        now: Timestamp,
        link: LinkId,
        origin: Origin,
        endpoints: Endpoints,
        out: &mut Out,
    ) {
        let peer = match origin {
            Origin::Accepted { .. } => None,
            Origin::Dialed { dial } => match self.on_dialed(dial, link) {
                Some(peer) => Some(peer),
                None => {
                    out.close(link, CloseWhen::Flushed);
                    return;
                }
            },
        };
        let dialed = peer.is_some();
        let connection = Connection {
            source: endpoints.peer,
            peer,
            dialed,
            since: now,
            decoder: if dialed {
                ChatDecoder::without_hello()
            } else {
                ChatDecoder::with_hello()
            },
            hello_bytes: 0,
        };
        self.connections.insert(link, connection);
        out.bound(link, self.limits.queue_bytes_max);
        let (Some(peer), Some(own)) = (peer, self.own) else {
            let until = now + self.limits.hello_time_max;
            self.timers.set(Timer::Hello(link), until);
            return;
        };
        let hello = out.store(|arena| write_hello(own, arena));
        out.send_stored(link, hello);
        out.notice(PeerNotice::Connected { peer });
    }

    pub(super) fn handle_bytes(
        &mut self,
        now: Timestamp,
        link: LinkId,
        bytes: &[u8],
        out: &mut Out,
    ) {
        let (hello_max, text_max) = (self.limits.hello_bytes_max, self.limits.text_bytes_max);
        let mut input = bytes;
        // A message may end the connection.
        while let Some(connection) = self.connections.find_mut(link) {
            let before = input.len();
            let decoded = connection.decoder.next(&mut input, text_max);
            if connection.peer.is_none() {
                connection.hello_bytes += before - input.len();
                if connection.hello_bytes > hello_max {
                    let why = Rejection::TooManyBytes { max: hello_max };
                    self.reject(now, link, why, out);
                    return;
                }
            }
            match decoded {
                Ok(Some(message)) => self.on_message(now, link, message, out),
                Ok(None) => {
                    if connection.decoder.needs_pause() {
                        self.timers.set(Timer::Pause(link), now + MESSAGE_TIMEOUT);
                    } else {
                        self.timers.cancel(Timer::Pause(link));
                    }
                    return;
                }
                Err(error) => {
                    self.reject(now, link, Rejection::Codec(error), out);
                    return;
                }
            }
        }
    }

    pub(super) fn handle_link_down(
        &mut self,
        now: Timestamp,
        link: LinkId,
        why: LinkDown,
        out: &mut Out,
    ) {
        let Some(connection) = self.connections.find_mut(link) else {
            return;
        };
        // The last line may have no line break. A greeting or an error has no effect
        // any more.
        let rest = connection.decoder.end(self.limits.text_bytes_max);
        if let Ok(Some(message @ PeerMessage::Text(_))) = rest {
            self.on_message(now, link, message, out);
        }
        if let Some(connection) = self.connections.remove(link) {
            self.cancel_timers(link);
            self.on_lost(now, link, &connection, LostReason::LinkDown(why), out);
        }
    }

    pub(super) fn handle_tick(&mut self, now: Timestamp, out: &mut Out) {
        while let Some(timer) = self.timers.pop_due(now) {
            match timer {
                Timer::Hello(link) => {
                    let within = self.limits.hello_time_max;
                    self.reject(now, link, Rejection::HelloTimeout { within }, out);
                }
                Timer::Pause(link) => {
                    let connection = self.connections.find_mut(link);
                    let message = connection.and_then(|connection| connection.decoder.pause());
                    if let Some(message) = message {
                        self.on_message(now, link, message, out);
                    }
                }
                Timer::Dial(peer) => self.dial(peer, out),
            }
        }
    }

    fn on_message(&mut self, now: Timestamp, link: LinkId, message: PeerMessage, out: &mut Out) {
        let Some(connection) = self.connections.find(link) else {
            return;
        };
        match message {
            PeerMessage::Hello(peer) => {
                let foreign = peer.ip() != connection.source.ip().to_canonical();
                if foreign && !self.trust_addresses {
                    self.reject(now, link, Rejection::ForeignAddress(peer), out);
                } else if Some(peer) == self.own {
                    self.reject(now, link, Rejection::OwnAddress(peer), out);
                } else {
                    self.on_hello(now, link, peer, out);
                }
            }
            PeerMessage::Text(text) => {
                if let Some(peer) = connection.peer {
                    out.notice(PeerNotice::Text { peer, text });
                }
            }
        }
    }

    /// A connection has sent the greeting of `peer`.
    fn on_hello(&mut self, now: Timestamp, link: LinkId, peer: SocketAddr, out: &mut Out) {
        let Some(connection) = self.connections.find_mut(link) else {
            return;
        };
        self.timers.cancel(Timer::Hello(link));
        if let Some(guess) = connection.peer.replace(peer) {
            self.unlink(now, guess, link, LostReason::AddressCorrected(peer), out);
        }
        self.timers.cancel(Timer::Dial(peer));
        let other = self.others.entry(peer).or_default();
        let Some(old) = other.link.replace(link) else {
            out.notice(PeerNotice::Hello { peer });
            return;
        };
        // Two connections with one peer. If the other peer has dialled both, it has
        // lost the older one, and this peer has not noticed yet. If this peer has
        // dialled one, both ends have to drop the same.
        let dialed_old = self.connections.find(old).is_some_and(|old| old.dialed);
        let keep_old = dialed_old && self.own.is_some_and(|own| own < peer);
        let dropped = if keep_old { link } else { old };
        if keep_old {
            other.link = Some(old);
        }
        self.drop_connection(dropped, out);
    }

    /// Closes a connection without any consequence.
    fn drop_connection(&mut self, link: LinkId, out: &mut Out) -> Option<Connection> {
        let connection = self.connections.remove(link)?;
        self.cancel_timers(link);
        out.close(link, CloseWhen::Flushed);
        Some(connection)
    }

    fn cancel_timers(&mut self, link: LinkId) {
        self.timers.cancel(Timer::Hello(link));
        self.timers.cancel(Timer::Pause(link));
    }

    /// Closes a connection because of what its other end has sent.
    fn reject(&mut self, now: Timestamp, link: LinkId, why: Rejection, out: &mut Out) {
        let Some(connection) = self.drop_connection(link, out) else {
            return;
        };
        let source = connection.source;
        out.notice(PeerNotice::Refused { source, why });
        self.on_lost(now, link, &connection, LostReason::Rejected(why), out);
    }

    fn on_lost(
        &mut self,
        now: Timestamp,
        link: LinkId,
        connection: &Connection,
        why: LostReason,
        out: &mut Out,
    ) {
        let Some(peer) = connection.peer else {
            return;
        };
        if let Some(other) = self.others.get_mut(&peer) {
            other.backoff.link_held(now.since(connection.since));
        }
        self.unlink(now, peer, link, why, out);
    }

    /// If `link` is the connection with `peer`: it is not any more.
    fn unlink(
        &mut self,
        now: Timestamp,
        peer: SocketAddr,
        link: LinkId,
        why: LostReason,
        out: &mut Out,
    ) {
        let Some(other) = self.others.get_mut(&peer) else {
            return;
        };
        if other.link != Some(link) {
            return;
        }
        other.link = None;
        let dialing = other.dial.is_some();
        out.notice(PeerNotice::Lost { peer, why });
        if !dialing {
            self.schedule_dial(now, peer);
        }
    }
}
