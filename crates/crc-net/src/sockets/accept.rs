//! Listeners: accepts connections up to the limits, and pauses while the system is out of
//! descriptors.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use crc_machine::{Endpoints, LinkId, ListenerId, Origin, Timestamp};
use ipnet::IpNet;

use super::handshake::Waiting;
use super::{Accepted, Entry, LinkUp, Sockets};
use crate::config::LinkLimits;
use crate::connection::Connection;
use crate::error::ListenError;
use crate::listener::{self, AcceptOutcome, Listener, ListenerState, OwnLimit, TlsListener};
use crate::places::{Places, Refusal};
use crate::poll_source::PollSource;
use crate::selector::Interest;

impl Sockets {
    pub(crate) fn listen(
        &mut self,
        address: SocketAddr,
        id: ListenerId,
        own_links_max: Option<usize>,
        tls: Option<TlsListener>,
    ) -> Result<SocketAddr, ListenError> {
        let failed = |error| ListenError::new(address, error);
        let socket = listener::listen(address, self.config.backlog, self.config.peer_timeout)
            .map_err(failed)?;
        let bound = socket.local_addr().map_err(failed)?;
        let key = self.listeners.len() as u64;
        let socket =
            PollSource::new(&self.selector, socket, key, Interest::READ).map_err(failed)?;
        let own_limit = own_links_max.map(|links_max| OwnLimit::new(links_max.max(1)));
        let mut listener = Listener::new(socket, id, bound, own_limit);
        listener.tls = tls;
        self.listeners.push(listener);
        log::debug!("listener {bound}: listening");
        Ok(bound)
    }

    pub(crate) fn accept(&mut self, index: usize, now: Timestamp) -> Accepted {
        let Some(listener) = self.listeners.get_mut(index) else {
            return Accepted::None;
        };
        if let Some(limit) = &listener.own_limit {
            if limit.links.len() >= limit.links_max {
                listener.state = ListenerState::AtLimit;
                log::debug!(
                    "accept: at the connection limit of one listener: listener={} links={}",
                    listener.address,
                    limit.links.len()
                );
                return Accepted::None;
            }
        } else if self.links >= self.links_max {
            listener.state = ListenerState::AtLimit;
            if !self.link_limit_reached {
                self.link_limit_reached = true;
                self.stats.link_limit_hits.add(1);
                log::warn!("accept: at the connection limit: links={}", self.links);
            }
            return Accepted::None;
        }
        let (stream, peer) = match listener.accept() {
            AcceptOutcome::Accepted(stream, peer) => (stream, peer),
            AcceptOutcome::WouldBlock => {
                listener.reset_pause();
                return Accepted::None;
            }
            AcceptOutcome::Aborted(error) => {
                self.stats.accepts_failed.add(1);
                log::debug!(
                    "accept: connection aborted by peer: listener={} error=\"{error}\"",
                    listener.address
                );
                return Accepted::Failed;
            }
            AcceptOutcome::Exhausted(error) => {
                self.pause_listener(index, &error, now);
                return Accepted::None;
            }
        };
        let origin = Origin::Accepted {
            listener: listener.id,
        };
        let free = self.links_max - self.links.min(self.links_max);
        let is_proxy = match &listener.proxies {
            Some(proxies)
                if !proxies
                    .iter()
                    .any(|net| net.contains(&peer.ip().to_canonical())) =>
            {
                self.stats.accepts_failed.add(1);
                log::warn!(
                    "accept: refused: peer={peer} listener={} reason=\"only proxies may connect to \
                     this listener, and this is none of them\"",
                    listener.address
                );
                return Accepted::Failed;
            }
            proxies => proxies.is_some(),
        };
        let admitted = match &listener.own_limit {
            // The address that the header names counts.
            _ if is_proxy => Ok(()),
            Some(limit) => limit.admit(peer.ip()),
            None => self.places.admit(now, peer.ip(), free, &self.config),
        };
        if let Err(refusal) = admitted {
            self.count_refusal(refusal);
            self.places.log_refusal(now, peer.ip(), refusal);
            return Accepted::Failed;
        }
        let limited_by = listener
            .own_limit
            .as_ref()
            .and_then(|_| u16::try_from(index).ok());
        let options = listener::set_accepted_options(&stream, self.config.peer_timeout);
        let local = match options.and_then(|()| stream.local_addr()) {
            Ok(local) => local,
            Err(error) => {
                self.stats.accepts_failed.add(1);
                log::debug!("accept: connection aborted by peer: peer={peer} error=\"{error}\"");
                return Accepted::Failed;
            }
        };
        let endpoints = Endpoints { peer, local };
        if is_proxy {
            return self.start_header(index, stream, endpoints, origin, now);
        }
        if let Some(tls) = &listener.tls {
            let waiting = Waiting {
                tls: tls.clone(),
                origin,
                limited_by,
            };
            return self.start_handshake(index, stream, endpoints, waiting, now);
        }
        let selector = Arc::clone(&self.selector);
        let bytes_max = self.config.send_queue_bytes_max;
        let inserted = self.insert_link(|link| {
            let socket = PollSource::new(&selector, stream, link.as_u64(), Interest::READ)?;
            let mut connection = Connection::new(socket, peer, bytes_max);
            connection.limited_by = limited_by;
            connection.counts_for_address = true;
            Ok(connection)
        });
        match inserted {
            Ok(link) => {
                self.count_link(limited_by, Some(peer.ip()));
                self.stats.links_accepted.add(1);
                log::debug!("{link}: accepted: peer={peer} local={local}");
                Accepted::Up(LinkUp {
                    link,
                    origin,
                    endpoints,
                    security: None,
                })
            }
            Err(error) => {
                self.stats.accepts_failed.add(1);
                self.pause_listener(index, &error, now);
                Accepted::None
            }
        }
    }

    /// Accepts connections by other limits from now on. Open links count by them, and stay open.
    pub(crate) fn set_link_limits(&mut self, limits: LinkLimits) {
        self.config.set_link_limits(limits);
        self.links_max = self.descriptors.min(self.config.links_max).max(1);
        self.config.reserved_links = self.config.reserved_links.min(self.links_max - 1);
        self.stats.links_max.set(self.links_max);
        log::debug!("driver: limits: links={}", self.links_max);
        // Links are not counted for an address that had no limit.
        self.places = Places::default();
        for link in self.entries.ids().collect::<Vec<_>>() {
            let ip = match self.entries.find(link) {
                Some(Entry::Link(connection)) => {
                    let counts = connection.counts_for_address && connection.limited_by.is_none();
                    counts.then_some(connection.peer.ip())
                }
                Some(Entry::Handshake(handshake)) => handshake.counted_address(),
                Some(Entry::Dial(_)) | None => None,
            };
            if let Some(ip) = ip {
                self.places.add(ip, &self.config);
            }
        }
        if self.links < self.links_max {
            self.resume_listeners();
        }
    }

    /// Lets only these proxies connect to a listener, each with a header first.
    pub(crate) fn expect_proxies(&mut self, id: ListenerId, proxies: &[IpNet]) {
        for listener in &mut self.listeners {
            if listener.id == id && listener.own_limit.is_none() {
                listener.proxies = Some(proxies.to_vec());
            }
        }
    }

    /// A link's peer is at another address than the gateway that has connected: from now on the
    /// link counts for that one.
    pub(crate) fn readdress(&mut self, link: LinkId, peer: SocketAddr, now: Timestamp) {
        let Some(Entry::Link(connection)) = self.entries.find(link) else {
            return;
        };
        // What the links of a listener with an own limit count for does not change.
        if !connection.is_up() || connection.limited_by.is_some() {
            return;
        }
        let gateway = connection.peer.ip();
        // It has a place already, so the reserved ones are not touched.
        if let Err(refusal) = self.places.admit(now, peer.ip(), usize::MAX, &self.config) {
            self.count_refusal(refusal);
            self.places.log_refusal(now, peer.ip(), refusal);
            self.crowded.push_back(link);
            return;
        }
        if connection.counts_for_address {
            self.places.remove(gateway);
        }
        connection.counts_for_address = true;
        connection.peer = peer;
        self.places.add(peer.ip(), &self.config);
        log::debug!("{link}: readdressed: peer={peer} gateway={gateway}");
    }

    pub(super) fn count_refusal(&self, refusal: Refusal) {
        let counter = match refusal {
            Refusal::Address => &self.stats.refused_per_address,
            Refusal::Rate => &self.stats.refused_rate,
            Refusal::Reserved => &self.stats.refused_reserved,
        };
        counter.add(1);
    }

    /// Accepts no connections from a listener for a while.
    pub(super) fn pause_listener(&mut self, index: usize, error: &io::Error, now: Timestamp) {
        let listener = &mut self.listeners[index];
        let (pause, is_first) = listener.next_pause();
        if is_first {
            log::warn!(
                "accept: paused, the system is out of descriptors or memory: listener={} \
                 error=\"{error}\"",
                listener.address
            );
        }
        listener.state = ListenerState::Paused;
        self.stats.accept_pauses.add(1);
        self.deadlines.insert((now + pause, index as u64));
    }

    /// Resumes a listener at the end of its pause.
    pub(super) fn resume_paused_listener(&mut self, key: u64) {
        let index = usize::try_from(key).unwrap_or(usize::MAX);
        self.open_listener(index, ListenerState::Paused);
    }

    /// Resumes the listeners that wait at the connection limit, after a link closed.
    pub(super) fn resume_listeners(&mut self) {
        if !self.link_limit_reached {
            return;
        }
        self.link_limit_reached = self.links >= self.links_max - self.links_max / 8;
        for index in 0..self.listeners.len() {
            if self.listeners[index].own_limit.is_none() {
                self.open_listener(index, ListenerState::AtLimit);
            }
        }
    }

    /// Resumes a listener that waits at its own limit, after one of its links closed.
    pub(super) fn resume_listener(&mut self, index: u16, ip: IpAddr) {
        if let Some(limit) = self.own_limit(Some(index)) {
            limit.remove(ip);
        }
        self.open_listener(index.into(), ListenerState::AtLimit);
    }

    /// Opens a listener again if it is in state `from`.
    fn open_listener(&mut self, index: usize, from: ListenerState) {
        if let Some(listener) = self.listeners.get_mut(index)
            && listener.state == from
        {
            listener.state = ListenerState::Open;
            self.arm_listener(index);
        }
    }

    /// Watches a listener, if it is open.
    pub(crate) fn arm_listener(&mut self, index: usize) {
        let Some(listener) = self.listeners.get_mut(index) else {
            return;
        };
        let interest = match listener.state {
            ListenerState::Open => Interest::READ,
            ListenerState::Paused | ListenerState::AtLimit => Interest::NONE,
        };
        if let Err(error) = listener.socket.arm(index as u64, interest) {
            log::error!(
                "listener {}: failed, accepts no connections any more: {error}",
                listener.address
            );
        }
    }
}
