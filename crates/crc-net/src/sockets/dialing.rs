//! Reaching others: a dial from its name to a link in its place.

use crc_machine::{DialError, DialId, Endpoints, LinkId, Origin, PeerAddress, Timestamp};

use super::{Entry, LinkUp, Sockets};
use crate::connection::Connection;
use crate::dialer::{self, Attempt, ConnectOutcome, Dialing};
use crate::poll_source::PollSource;
use crate::selector::Interest;

impl Sockets {
    pub(crate) fn dial(&mut self, dial: DialId, to: PeerAddress, now: Timestamp) {
        let mut dialing = Box::new(Dialing::new(dial, now + self.config.connect_timeout));
        if let Some(address) = dialer::literal(&to) {
            dialing.addresses = vec![address].into_iter();
            self.try_addresses(dialing, now);
            return;
        }
        let deadline = dialing.deadline;
        let Ok(link) = self
            .entries
            .insert(|_| Ok::<_, core::convert::Infallible>(Entry::Dial(dialing)));
        self.deadlines.insert((deadline, link.as_u64()));
        if let Err(why) = self.resolver.look_up(link, to) {
            self.remove_dial(link);
            self.dial_failed(dial, why);
        }
    }

    /// Goes on with the dials whose names have been looked up.
    pub(crate) fn take_answers(&mut self) {
        while let Some(answer) = self.resolver.answer() {
            // It may have taken too long.
            let Some(mut dialing) = self.remove_dial(answer.link) else {
                continue;
            };
            match answer.addresses {
                Ok(addresses) => {
                    dialing.addresses = addresses.into_iter();
                    self.try_addresses(dialing, self.clock.now());
                }
                Err(why) => self.dial_failed(dialing.dial, why),
            }
        }
    }

    /// Begins with the next address that can be begun with.
    fn try_addresses(&mut self, mut dialing: Box<Dialing>, now: Timestamp) {
        while let Some(peer) = dialing.addresses.next() {
            let deadline = now + dialing.share(now);
            let begun = self.entries.insert(|link| {
                let socket = dialer::connect(peer, self.config.peer_timeout).and_then(|stream| {
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
            match begun {
                Ok(link) => {
                    self.deadlines.insert((deadline, link.as_u64()));
                    return;
                }
                Err((back, error)) => {
                    log::debug!("cannot dial {peer}: {error}");
                    dialing = back;
                    dialing.why = DialError::Failed(error.kind());
                }
            }
        }
        self.dial_failed(dialing.dial, dialing.why);
    }

    /// Looks at a connecting socket that has fired. If it is connected, it is a
    /// link from now on, in the dial's place.
    pub(crate) fn dial_ready(&mut self, link: LinkId) -> Option<LinkUp> {
        let entry = self.entries.find(link)?;
        let Entry::Dial(dialing) = entry else {
            return None;
        };
        let mut attempt = dialing.attempt.take()?;
        let peer = attempt.peer;
        attempt.socket.fired();
        let local = match dialer::connect_outcome(attempt.socket.source()) {
            ConnectOutcome::Connected(local) => local,
            ConnectOutcome::Pending => {
                let armed = attempt.socket.arm(link.as_u64(), Interest::WRITE);
                dialing.attempt = Some(attempt);
                if let Err(error) = armed {
                    self.next_address(link, DialError::Failed(error.kind()));
                }
                return None;
            }
            ConnectOutcome::Failed(kind) => {
                log::debug!("cannot reach {peer}: {kind}");
                dialing.attempt = Some(attempt);
                self.next_address(link, DialError::Failed(kind));
                return None;
            }
        };
        let endpoints = Endpoints { peer, local };
        let dial = dialing.dial;
        let origin = Origin::Dialed { dial };
        let bytes_max = self.config.send_queue_bytes_max;
        *entry = Entry::Link(Connection::new(attempt.socket, peer, bytes_max));
        self.deadlines.remove(&(attempt.deadline, link.as_u64()));
        self.link_is_up(None);
        self.arm_later(link);
        self.stats.links_dialed.add(1);
        log::debug!("{link} is up: dialed {peer} from {local}");
        Some(LinkUp {
            link,
            origin,
            endpoints,
        })
    }

    pub(super) fn dial_expired(&mut self, link: LinkId, now: Timestamp) {
        let Some(Entry::Dial(dialing)) = self.entries.find(link) else {
            return;
        };
        if let Some(attempt) = &dialing.attempt {
            log::debug!("no answer from {}", attempt.peer);
        }
        if dialing.deadline <= now || dialing.addresses.len() == 0 {
            let dial = dialing.dial;
            self.entries.remove(link);
            self.dial_failed(dial, DialError::TimedOut);
        } else {
            self.next_address(link, DialError::TimedOut);
        }
    }

    fn next_address(&mut self, link: LinkId, why: DialError) {
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

    pub(super) fn dial_failed(&mut self, dial: DialId, why: DialError) {
        self.stats.dials_failed.add(1);
        self.dials_failed.push_back((dial, why));
    }
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};

    use socket2::{Domain, Socket, Type};

    use super::super::Ready;
    use super::*;
    use crate::config::DriverConfig;
    use crate::selector::Events;

    #[test]
    fn tries_one_address_after_the_other() {
        // Bound, and not listening: nobody else can listen there meanwhile.
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
        let there = listener.local_addr().unwrap();
        let mut sockets = Sockets::new(DriverConfig::default()).unwrap();
        let now = sockets.clock.now();
        let mut dialing = Box::new(Dialing::new(
            DialId(1),
            now + sockets.config.connect_timeout,
        ));
        addresses.push(there);
        dialing.addresses = addresses.into_iter();
        sockets.try_addresses(dialing, now);
        let (mut events, mut ready) = (Events::new(), Ready::default());
        let up = loop {
            sockets.wait(&mut events, None).unwrap();
            sockets.sort(&events, &mut ready);
            let up = ready
                .dials
                .iter()
                .find_map(|&link| sockets.dial_ready(link));
            if let Some(up) = up {
                break up;
            }
        };
        assert_eq!(up.endpoints.peer, there);
        assert!(sockets.dials_failed.is_empty());
        assert!(sockets.deadlines.is_empty());
        assert_eq!((sockets.links, sockets.count()), (1, 1));
    }
}
