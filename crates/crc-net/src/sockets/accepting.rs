//! Taking in those who come: while there is room, and with pauses while the
//! system has none.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use crc_machine::{Endpoints, ListenerId, Origin, Timestamp};

use super::{LinkUp, Sockets};
use crate::connection::Connection;
use crate::error::ListenError;
use crate::listener::{self, AcceptOutcome, Apart, Listener, ListenerState};
use crate::poll_source::PollSource;
use crate::selector::Interest;

/// What accepting one link came to.
pub(crate) enum Accepted {
    Up(LinkUp),
    /// Somebody came and was gone again.
    Gone,
    /// Nobody waits, or nobody can be taken now.
    Nobody,
}

impl Sockets {
    pub(crate) fn listen(
        &mut self,
        address: SocketAddr,
        id: ListenerId,
        links_max_apart: Option<usize>,
    ) -> Result<SocketAddr, ListenError> {
        let failed = |error| ListenError::new(address, error);
        let socket = listener::listen(address, self.config.backlog).map_err(failed)?;
        let real = socket.local_addr().map_err(failed)?;
        let key = self.listeners.len() as u64;
        let socket =
            PollSource::new(&self.selector, socket, key, Interest::READ).map_err(failed)?;
        let apart = links_max_apart.map(|links_max| Apart {
            links: 0,
            links_max: links_max.max(1),
        });
        self.listeners.push(Listener::new(socket, id, real, apart));
        log::debug!("listening on {real}");
        Ok(real)
    }

    pub(crate) fn accept(&mut self, index: usize, now: Timestamp) -> Accepted {
        let Some(listener) = self.listeners.get_mut(index) else {
            return Accepted::Nobody;
        };
        if let Some(apart) = listener.apart {
            if apart.links >= apart.links_max {
                listener.state = ListenerState::Full;
                log::debug!("{} has as many links as it may", listener.address);
                return Accepted::Nobody;
            }
        } else if self.links >= self.links_max {
            listener.state = ListenerState::Full;
            if !self.house_is_full {
                self.house_is_full = true;
                self.stats.link_limit_hits.add(1);
                log::warn!("{} links are open: no more until one closes", self.links);
            }
            return Accepted::Nobody;
        }
        let (stream, peer) = match listener.accept() {
            AcceptOutcome::Accepted(stream, peer) => (stream, peer),
            AcceptOutcome::Nobody => {
                listener.caught_up();
                return Accepted::Nobody;
            }
            AcceptOutcome::Gone(error) => {
                self.stats.accepts_failed.add(1);
                log::debug!("{}: somebody came and was gone: {error}", listener.address);
                return Accepted::Gone;
            }
            AcceptOutcome::Exhausted(error) => {
                self.pause(index, &error, now);
                return Accepted::Nobody;
            }
        };
        let origin = Origin::Accepted {
            listener: listener.id,
        };
        let counted_by = listener.apart.and_then(|_| u32::try_from(index).ok());
        let tuned = listener::tune(&stream, self.config.peer_timeout);
        let local = match tuned.and_then(|()| stream.local_addr()) {
            Ok(local) => local,
            Err(error) => {
                self.stats.accepts_failed.add(1);
                log::debug!("{peer} came and was gone: {error}");
                return Accepted::Gone;
            }
        };
        let selector = Arc::clone(&self.selector);
        let bytes_max = self.config.send_queue_bytes_max;
        let inserted = self.insert_link(|link| {
            let socket = PollSource::new(&selector, stream, link.as_u64(), Interest::READ)?;
            let mut connection = Connection::new(socket, peer, bytes_max);
            connection.counted_by = counted_by;
            Ok(connection)
        });
        match inserted {
            Ok(link) => {
                self.link_is_up(counted_by);
                self.stats.links_accepted.add(1);
                log::debug!("{link} is up: accepted from {peer} on {local}");
                let endpoints = Endpoints { peer, local };
                Accepted::Up(LinkUp {
                    link,
                    origin,
                    endpoints,
                })
            }
            Err(error) => {
                self.stats.accepts_failed.add(1);
                self.pause(index, &error, now);
                Accepted::Nobody
            }
        }
    }

    /// Leaves a listener alone for a while.
    fn pause(&mut self, index: usize, error: &io::Error, now: Timestamp) {
        let listener = &mut self.listeners[index];
        let (pause, begins) = listener.next_pause();
        if begins {
            log::warn!("{} takes nobody for a while: {error}", listener.address);
        }
        listener.state = ListenerState::Paused;
        self.stats.accept_pauses.add(1);
        self.deadlines.insert((now + pause, index as u64));
    }

    /// Goes on with a listener after its pause.
    pub(super) fn resume(&mut self, key: u64) {
        let index = usize::try_from(key).unwrap_or(usize::MAX);
        if let Some(listener) = self.listeners.get_mut(index)
            && listener.state == ListenerState::Paused
        {
            listener.state = ListenerState::Open;
            self.arm_listener(index);
        }
    }

    /// Goes on with the listeners that waited for a link to close.
    pub(super) fn open_the_house(&mut self) {
        if !self.house_is_full {
            return;
        }
        self.house_is_full = self.links >= self.links_max - self.links_max / 8;
        for index in 0..self.listeners.len() {
            if self.listeners[index].apart.is_none() {
                self.open(index);
            }
        }
    }

    /// Goes on with a listener that waited for a link of its own to close.
    pub(super) fn open_the_door(&mut self, index: u32) {
        if let Some(apart) = self.counted_apart(Some(index)) {
            apart.links -= 1;
        }
        self.open(index as usize);
    }

    fn open(&mut self, index: usize) {
        if let Some(listener) = self.listeners.get_mut(index)
            && listener.state == ListenerState::Full
        {
            listener.state = ListenerState::Open;
            self.arm_listener(index);
        }
    }

    /// Has a listener watched, if it is open.
    pub(crate) fn arm_listener(&mut self, index: usize) {
        let Some(listener) = self.listeners.get_mut(index) else {
            return;
        };
        if listener.state != ListenerState::Open {
            return;
        }
        if let Err(error) = listener.socket.arm(index as u64, Interest::READ) {
            log::error!("{} is not listened on any more: {error}", listener.address);
        }
    }
}
