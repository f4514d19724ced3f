//! The headers of proxies, between accepting a connection and its TLS handshake or its first bytes.
//!
//! Until the header has come, the connection counts as a link, and towards a limit of its own. The
//! address that it names counts for everything else.

use std::io::{self, ErrorKind, Read};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;

use crc_machine::{Endpoints, LinkId, Origin, Timestamp};

use super::handshake::{Handshake, Side, Waiting};
use super::{Accepted, Entry, LinkUp, Sockets};
use crate::connection::Connection;
use crate::listener::TlsListener;
use crate::poll_source::PollSource;
use crate::proxy_header::{
    PROXY_HEADER_BYTES_MAX, ProxyHeader, ProxyHeaderError, parse_proxy_header,
};
use crate::selector::Interest;

/// A connection of a proxy whose header has not come.
pub(super) struct WaitingHeader {
    /// What has come of the header.
    bytes: Vec<u8>,
    origin: Origin,
    tls: Option<TlsListener>,
}

/// What became of an attempt to read a header.
enum Outcome {
    Pending,
    /// The header is read. It names this peer.
    Done(Option<SocketAddr>),
    /// The proxy has closed the connection, or it has failed.
    Closed(String),
    Failed(ProxyHeaderError),
}

impl WaitingHeader {
    /// Reads what belongs to the header, and nothing behind it.
    fn read(&mut self, socket: &TcpStream) -> Outcome {
        match self.try_read(socket) {
            Ok(outcome) => outcome,
            Err(error) => match error.kind() {
                ErrorKind::WouldBlock | ErrorKind::Interrupted => Outcome::Pending,
                kind => Outcome::Closed(kind.to_string()),
            },
        }
    }

    fn try_read(&mut self, mut socket: &TcpStream) -> io::Result<Outcome> {
        let mut space = [0; PROXY_HEADER_BYTES_MAX];
        let before = self.bytes.len();
        let space = &mut space[..PROXY_HEADER_BYTES_MAX - before];
        let count = socket.peek(space)?;
        if count == 0 {
            return Ok(Outcome::Closed("the connection was closed".to_owned()));
        }
        self.bytes.extend_from_slice(&space[..count]);
        let (of_header, outcome) = match parse_proxy_header(&self.bytes) {
            Ok(ProxyHeader::Incomplete) => (self.bytes.len(), Outcome::Pending),
            Ok(ProxyHeader::Complete { bytes, peer }) => (bytes, Outcome::Done(peer)),
            Err(error) => return Ok(Outcome::Failed(error)),
        };
        // The bytes are there: the read takes all of them.
        let own = of_header.saturating_sub(before);
        socket.read_exact(&mut space[..own])?;
        Ok(outcome)
    }
}

impl Sockets {
    /// Waits for the header of a proxy that has connected.
    pub(super) fn start_header(
        &mut self,
        listener: usize,
        stream: TcpStream,
        endpoints: Endpoints,
        origin: Origin,
        now: Timestamp,
    ) -> Accepted {
        let deadline = now + self.config.proxy_header_max;
        let selector = Arc::clone(&self.selector);
        let waiting = WaitingHeader {
            bytes: Vec::new(),
            origin,
            tls: self.listeners[listener].tls.clone(),
        };
        let inserted = self.entries.insert(|link| {
            let socket = PollSource::new(&selector, stream, link.as_u64(), Interest::READ)?;
            let side = Side::Header(Box::new(waiting));
            let handshake = Handshake::new(socket, endpoints, side, deadline);
            Ok(Entry::Handshake(Box::new(handshake)))
        });
        match inserted {
            Ok(link) => {
                self.deadlines.insert((deadline, link.as_u64()));
                self.count_link(None, None);
                self.limit_headers(link);
                Accepted::Handshake
            }
            Err(error) => {
                self.stats.accepts_failed.add(1);
                self.pause_listener(listener, &error, now);
                Accepted::None
            }
        }
    }

    /// Gives up the oldest header if there are too many.
    fn limit_headers(&mut self, link: LinkId) {
        self.headers.push_back(link);
        if self.headers.len() <= self.config.proxy_headers_max.max(1) {
            return;
        }
        let entries = &mut self.entries;
        self.headers.retain(
            |&link| matches!(entries.find(link), Some(Entry::Handshake(it)) if it.is_header()),
        );
        if self.headers.len() > self.config.proxy_headers_max.max(1)
            && let Some(oldest) = self.headers.pop_front()
        {
            self.on_header_failed(oldest, "too many headers at a time");
        }
    }

    /// Reads a header whose socket is ready. The link, if it is whole and TLS does not come next.
    pub(super) fn read_header(&mut self, link: LinkId) -> Option<LinkUp> {
        let Some(Entry::Handshake(handshake)) = self.entries.find(link) else {
            return None;
        };
        let Side::Header(waiting) = &mut handshake.side else {
            return None;
        };
        match waiting.read(handshake.socket.socket()) {
            Outcome::Pending => None,
            Outcome::Done(peer) => self.on_header(link, peer),
            Outcome::Failed(error) => {
                self.on_header_failed(link, &error.to_string());
                None
            }
            // That is how a proxy sees whether this server runs.
            Outcome::Closed(_) if waiting.bytes.is_empty() => {
                log::debug!("{link}: closed by the proxy before its header");
                self.drop_header(link);
                None
            }
            Outcome::Closed(error) => {
                self.on_header_failed(link, &error);
                None
            }
        }
    }

    /// A header has come: from now on the connection is one of the peer that it names.
    fn on_header(&mut self, link: LinkId, peer: Option<SocketAddr>) -> Option<LinkUp> {
        let Some(Entry::Handshake(handshake)) = self.entries.find(link) else {
            return None;
        };
        let proxy = handshake.endpoints.peer;
        let peer = peer.unwrap_or(proxy);
        let now = self.clock.now();
        // This connection has a place already.
        let free = self.links_max.saturating_sub(self.links) + 1;
        if let Err(refusal) = self.places.admit(now, peer.ip(), free, &self.config) {
            self.count_refusal(refusal);
            self.places.log_refusal(now, peer.ip(), refusal);
            self.drop_header(link);
            return None;
        }
        self.places.add(peer.ip(), &self.config);
        log::debug!("{link}: proxy header: peer={peer} proxy={proxy}");
        let key = link.as_u64();
        let Some(Entry::Handshake(handshake)) = self.entries.find(link) else {
            return None;
        };
        self.deadlines.remove(&(handshake.deadline, key));
        handshake.endpoints.peer = peer;
        let endpoints = handshake.endpoints;
        let Side::Header(waiting) = &mut handshake.side else {
            return None;
        };
        let origin = waiting.origin;
        if let Some(tls) = waiting.tls.take() {
            handshake.side = Side::Silent(Waiting {
                tls,
                origin,
                limited_by: None,
            });
            handshake.deadline = now + self.config.handshake_max;
            self.deadlines.insert((handshake.deadline, key));
            return None;
        }
        let bytes_max = self.config.send_queue_bytes_max;
        self.entries.replace(link, |entry| match entry {
            Entry::Handshake(handshake) => {
                let mut connection = Connection::new(handshake.socket, peer, bytes_max);
                connection.counts_for_address = true;
                Entry::Link(connection)
            }
            other => other,
        });
        self.stats.links_accepted.add(1);
        self.arm_later(link);
        Some(LinkUp {
            link,
            origin,
            endpoints,
            security: None,
        })
    }

    pub(super) fn on_header_failed(&mut self, link: LinkId, reason: &str) {
        if let Some(Entry::Handshake(handshake)) = self.entries.find(link) {
            let Endpoints { peer, local } = handshake.endpoints;
            log::warn!("accept: proxy closed: proxy={peer} listener={local} reason=\"{reason}\"");
            self.stats.accepts_failed.add(1);
            self.drop_header(link);
        }
    }

    fn drop_header(&mut self, link: LinkId) {
        if let Some(Entry::Handshake(handshake)) = self.entries.remove(link) {
            self.deadlines.remove(&(handshake.deadline, link.as_u64()));
            self.uncount_handshake(&handshake);
        }
    }
}
