//! Dials: from a peer's name to a link.

use std::sync::Arc;

use ipnet::IpNet;

use crc_machine::{
    DialError, DialId, Endpoints, LinkId, Origin, PeerAddress, Timestamp, Transport,
};

use super::{Entry, LinkUp, Sockets};
use crate::connect::{ConnectOutcome, connect_outcome, start_connect_with};
use crate::connection::Connection;
use crate::dialer::{Attempt, Dialing, literal_address};
use crate::listener::set_link_options;
use crate::poll_source::PollSource;
use crate::selector::Interest;

impl Sockets {
    pub(crate) fn dial(
        &mut self,
        dial: DialId,
        to: PeerAddress,
        within: Option<Arc<[IpNet]>>,
        now: Timestamp,
    ) {
        let deadline = now + self.config.connect_timeout;
        let mut dialing = Box::new(Dialing::new(dial, deadline, within));
        if to.transport != Transport::Plain {
            match self.tls_client.for_dial(&to) {
                Ok(tls) => dialing.tls = Some(tls),
                Err(why) => return self.on_dial_failed(dial, DialError::Tls(why)),
            }
        }
        if let Some(address) = literal_address(&to) {
            dialing.set_addresses(vec![address]);
            self.try_addresses(dialing, now);
            return;
        }
        let Ok(link) = self
            .entries
            .insert(|_| Ok::<_, core::convert::Infallible>(Entry::Dial(dialing)));
        self.deadlines.insert((deadline, link.as_u64()));
        if let Err(why) = self.resolver.start_lookup(link, to) {
            self.remove_dial(link);
            self.on_dial_failed(dial, why);
        }
    }

    /// Continues the dials whose lookups have ended.
    pub(crate) fn handle_lookups(&mut self) {
        while let Some(lookup) = self.resolver.next_result() {
            // The dial may have timed out.
            let Some(mut dialing) = self.remove_dial(lookup.link) else {
                continue;
            };
            match lookup.addresses {
                Ok(addresses) => {
                    dialing.set_addresses(addresses);
                    self.try_addresses(dialing, self.clock.now());
                }
                Err(why) => self.on_dial_failed(dialing.dial, why),
            }
        }
    }

    /// Starts to connect to the next address for which the system permits it.
    pub(super) fn try_addresses(&mut self, mut dialing: Box<Dialing>, now: Timestamp) {
        while let Some(peer) = dialing.addresses.next() {
            let deadline = now + dialing.attempt_timeout(now);
            let started = self.entries.insert(|link| {
                let timeout = self.config.peer_timeout;
                let stream = start_connect_with(peer, |socket| set_link_options(socket, timeout));
                let socket = stream.and_then(|stream| {
                    PollSource::new(&self.selector, stream, link.as_u64(), Interest::WRITE)
                });
                match socket {
                    Ok(socket) => {
                        dialing.attempt = Some(Attempt {
                            socket,
                            peer,
                            deadline,
                        });
                        Ok(Entry::Dial(dialing))
                    }
                    Err(error) => Err((dialing, error)),
                }
            });
            match started {
                Ok(link) => {
                    self.deadlines.insert((deadline, link.as_u64()));
                    return;
                }
                Err((returned, error)) => {
                    log::debug!("dial: cannot connect: peer={peer} error=\"{error}\"");
                    dialing = returned;
                    dialing.why = DialError::Failed(error.kind());
                }
            }
        }
        self.on_dial_failed(dialing.dial, dialing.why);
    }

    /// Handles a connecting socket that became ready. If it is connected, its link takes over the
    /// dial's slot.
    pub(crate) fn on_dial_ready(&mut self, link: LinkId) -> Option<LinkUp> {
        let entry = self.entries.find(link)?;
        let Entry::Dial(dialing) = entry else {
            return None;
        };
        let mut attempt = dialing.attempt.take()?;
        let peer = attempt.peer;
        attempt.socket.mark_fired();
        let local = match connect_outcome(attempt.socket.socket()) {
            ConnectOutcome::Connected(local) => local,
            ConnectOutcome::Pending => {
                let armed = attempt.socket.arm_once(link.as_u64(), Interest::WRITE);
                dialing.attempt = Some(attempt);
                if let Err(error) = armed {
                    self.try_next_address(link, DialError::Failed(error.kind()));
                }
                return None;
            }
            ConnectOutcome::Failed(kind) => {
                log::debug!("dial: connection failed: peer={peer} error=\"{kind}\"");
                dialing.attempt = Some(attempt);
                self.try_next_address(link, DialError::Failed(kind));
                return None;
            }
        };
        let endpoints = Endpoints { peer, local };
        if dialing.tls.is_some() {
            self.deadlines.remove(&(attempt.deadline, link.as_u64()));
            self.start_client_handshake(link, attempt.socket, endpoints);
            return None;
        }
        let dial = dialing.dial;
        let origin = Origin::Dialed { dial };
        let bytes_max = self.config.send_queue_bytes_max;
        *entry = Entry::Link(Connection::new(attempt.socket, peer, bytes_max));
        self.deadlines.remove(&(attempt.deadline, link.as_u64()));
        self.count_link(None, None);
        self.arm_later(link);
        self.stats.links_dialed.add(1);
        log::debug!("{link}: dialed: peer={peer} local={local}");
        Some(LinkUp {
            link,
            origin,
            endpoints,
            security: None,
        })
    }

    pub(super) fn on_dial_timeout(&mut self, link: LinkId, now: Timestamp) {
        let Some(Entry::Dial(dialing)) = self.entries.find(link) else {
            return;
        };
        if let Some(attempt) = &dialing.attempt {
            log::debug!("dial: timeout: peer={}", attempt.peer);
        }
        if dialing.deadline <= now || dialing.addresses.len() == 0 {
            let dial = dialing.dial;
            self.entries.remove(link);
            self.on_dial_failed(dial, DialError::TimedOut);
        } else {
            self.try_next_address(link, DialError::TimedOut);
        }
    }

    pub(super) fn try_next_address(&mut self, link: LinkId, why: DialError) {
        if let Some(mut dialing) = self.remove_dial(link) {
            dialing.attempt = None;
            dialing.why = why;
            self.try_addresses(dialing, self.clock.now());
        }
    }

    pub(super) fn remove_dial(&mut self, link: LinkId) -> Option<Box<Dialing>> {
        let Some(Entry::Dial(_)) = self.entries.find(link) else {
            return None;
        };
        let Some(Entry::Dial(dialing)) = self.entries.remove(link) else {
            return None;
        };
        self.deadlines
            .remove(&(dialing.next_deadline(), link.as_u64()));
        Some(dialing)
    }

    pub(super) fn on_dial_failed(&mut self, dial: DialId, why: DialError) {
        self.stats.dials_failed.add(1);
        self.dials_failed.push_back((dial, why));
    }
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};

    use socket2::{Domain, Socket, Type};

    use super::super::ReadySockets;
    use super::*;
    use crate::config::DriverConfig;
    use crate::selector::Events;

    #[test]
    fn tries_the_addresses_in_order() {
        // A socket that is bound and does not listen reserves a port that refuses connections.
        let refusing = |any: SocketAddr| {
            let socket = Socket::new(Domain::for_address(any), Type::STREAM, None).unwrap();
            socket.bind(&any.into()).unwrap();
            socket
        };
        let refused = [
            refusing((Ipv6Addr::LOCALHOST, 0).into()),
            refusing((Ipv4Addr::LOCALHOST, 0).into()),
        ];
        let mut addresses: Vec<_> = refused
            .iter()
            .map(|socket| socket.local_addr().unwrap().as_socket().unwrap())
            .collect();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let accepting = listener.local_addr().unwrap();
        let mut sockets = Sockets::new(DriverConfig::default()).unwrap();
        let now = sockets.clock.now();
        let mut dialing = Box::new(Dialing::new(
            DialId(1),
            now + sockets.config.connect_timeout,
            None,
        ));
        addresses.push(accepting);
        dialing.addresses = addresses.into_iter();
        sockets.try_addresses(dialing, now);
        let (mut events, mut ready) = (Events::new(), ReadySockets::default());
        let up = loop {
            sockets.wait(&mut events, None).unwrap();
            sockets.sort_events(&events, &mut ready);
            let up = ready
                .dials
                .iter()
                .find_map(|&link| sockets.on_dial_ready(link));
            if let Some(up) = up {
                break up;
            }
        };
        assert_eq!(up.endpoints.peer, accepting);
        assert!(sockets.dials_failed.is_empty());
        assert!(sockets.deadlines.is_empty());
        assert_eq!((sockets.links, sockets.len()), (1, 1));
    }
}
