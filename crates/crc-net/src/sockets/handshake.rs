//! TLS handshakes: from a connected socket to a link.
//!
//! A handshake of a peer that has connected costs little until its first bytes come. From then on
//! it counts towards a limit; a further one ends the oldest, so that peers that never finish
//! cannot keep others out.

use std::io::{ErrorKind, Read, Write};
use std::net::{IpAddr, TcpStream};
use std::sync::Arc;

use crc_machine::{DialError, Endpoints, Escaped, LinkId, Origin, Security, Timestamp, TlsFailure};

use super::proxy::WaitingHeader;
use super::{Accepted, Entry, LinkUp, Sockets};
use crate::connection::{Connection, Counted};
use crate::dialer::Dialing;
use crate::listener::TlsListener;
use crate::poll_source::PollSource;
use crate::selector::Interest;
use crate::tls::{Progress, Session};

/// How many bytes of a handshake are read at once.
const READ_BYTES: usize = 16 * 1024;

/// The first byte of a TLS handshake: the type of its record.
const HANDSHAKE_RECORD: u8 = 22;

/// The log shows this many bytes of what is not TLS.
const LOGGED_BYTES_MAX: usize = 24;

/// A connected socket whose TLS handshake is not complete.
pub(super) struct Handshake {
    pub(super) socket: PollSource<TcpStream>,
    pub(super) endpoints: Endpoints,
    pub(super) side: Side,
    pub(super) deadline: Timestamp,
}

pub(super) enum Side {
    /// A proxy has connected. It says first for whom: see `proxy.rs`.
    Header(Box<WaitingHeader>),
    /// The peer has connected. It has sent nothing yet.
    Silent(Waiting),
    /// The peer has connected, and the handshake has begun.
    Accepted(Box<Session>, Origin, Option<u16>),
    /// This node has dialled.
    Dialed(Box<Session>, Box<Dialing>),
}

impl Handshake {
    pub(super) fn new(
        socket: PollSource<TcpStream>,
        endpoints: Endpoints,
        side: Side,
        deadline: Timestamp,
    ) -> Self {
        Handshake {
            socket,
            endpoints,
            side,
            deadline,
        }
    }

    /// The address for which it counts, if it does.
    pub(super) fn counted_address(&self) -> Option<IpAddr> {
        let counts = match &self.side {
            Side::Silent(waiting) => waiting.limited_by.is_none(),
            Side::Accepted(_, _, limited_by) => limited_by.is_none(),
            Side::Header(_) | Side::Dialed(..) => false,
        };
        counts.then_some(self.endpoints.peer.ip())
    }

    /// Whether the header of a proxy has to come first.
    pub(super) fn is_header(&self) -> bool {
        matches!(self.side, Side::Header(_))
    }
}

/// A peer that has connected to a TLS listener.
pub(super) struct Waiting {
    pub(super) tls: TlsListener,
    pub(super) origin: Origin,
    pub(super) limited_by: Option<u16>,
}

/// What became of an attempt to go on.
enum Outcome {
    Pending,
    Done(Security),
    Failed(TlsFailure, String),
}

impl Sockets {
    /// Waits for the handshake of a peer that has connected.
    pub(super) fn start_handshake(
        &mut self,
        listener: usize,
        stream: TcpStream,
        endpoints: Endpoints,
        waiting: Waiting,
        now: Timestamp,
    ) -> Accepted {
        let deadline = now + self.config.handshake_max;
        let selector = Arc::clone(&self.selector);
        let limited_by = waiting.limited_by;
        let inserted = self.entries.insert(|link| {
            let socket = PollSource::new(&selector, stream, link.as_u64(), Interest::READ)?;
            Ok(Entry::Handshake(Box::new(Handshake {
                socket,
                endpoints,
                side: Side::Silent(waiting),
                deadline,
            })))
        });
        match inserted {
            Ok(link) => {
                self.deadlines.insert((deadline, link.as_u64()));
                self.count_link(limited_by, Some(endpoints.peer.ip()));
                Accepted::Handshake
            }
            Err(error) => {
                self.stats.accepts_failed.add(1);
                self.pause_listener(listener, &error, now);
                Accepted::None
            }
        }
    }

    /// Begins the handshake of a dial that has connected. The dial's slot becomes the handshake's.
    pub(super) fn start_client_handshake(
        &mut self,
        link: LinkId,
        mut socket: PollSource<TcpStream>,
        endpoints: Endpoints,
    ) {
        let Some(Entry::Dial(dialing)) = self.entries.find(link) else {
            return;
        };
        let Some((config, name)) = dialing.tls.clone() else {
            return;
        };
        let session = Session::client(config, name);
        let started = session
            .map_err(|error| error.to_string())
            .and_then(|mut it| {
                let mut counted = Counted {
                    socket: socket.socket(),
                    stats: &self.stats,
                };
                let written = it.write(&mut counted);
                written.map_err(|kind| kind.to_string())?;
                let interest = interest(&it);
                socket
                    .arm_once(link.as_u64(), interest)
                    .map_err(|error| error.to_string())?;
                Ok(it)
            });
        let session = match started {
            Ok(session) => Box::new(session),
            Err(error) => {
                log::debug!("dial: cannot begin the TLS handshake: error=\"{error}\"");
                return self.try_next_address(link, DialError::Tls(TlsFailure::Failed));
            }
        };
        let deadline = self.clock.now() + self.config.handshake_max;
        self.entries.replace(link, |entry| match entry {
            Entry::Dial(dialing) => Entry::Handshake(Box::new(Handshake {
                socket,
                endpoints,
                side: Side::Dialed(session, dialing),
                deadline,
            })),
            other => other,
        });
        self.deadlines.insert((deadline, link.as_u64()));
    }

    /// Goes on with a handshake whose socket is ready. If it is complete, the link takes over its
    /// slot.
    pub(crate) fn shake_hands(&mut self, link: LinkId) -> Option<LinkUp> {
        self.tls_scratch
            .resize(self.config.read_buffer_bytes.max(READ_BYTES), 0);
        let Some(Entry::Handshake(handshake)) = self.entries.find(link) else {
            return None;
        };
        if handshake.is_header() {
            return self.read_header(link);
        }
        let was_silent = matches!(handshake.side, Side::Silent(_));
        let mut counted = Counted {
            socket: handshake.socket.socket(),
            stats: &self.stats,
        };
        let scratch = &mut self.tls_scratch[..READ_BYTES];
        let outcome = go_on(&mut handshake.side, &mut counted, scratch);
        let has_begun = was_silent && !matches!(handshake.side, Side::Silent(_));
        match outcome {
            Outcome::Pending => {
                if has_begun {
                    self.limit_handshakes(link);
                }
                None
            }
            Outcome::Done(security) => self.finish_handshake(link, security),
            Outcome::Failed(why, reason) => {
                self.on_handshake_failed(link, why, &reason);
                None
            }
        }
    }

    /// Ends the oldest handshake if there are too many.
    fn limit_handshakes(&mut self, link: LinkId) {
        let handshakes_max = self.config.handshakes_max.max(1);
        self.handshakes.push_back(link);
        if self.handshakes.len() <= handshakes_max {
            return;
        }
        let entries = &mut self.entries;
        self.handshakes
            .retain(|&link| matches!(entries.find(link), Some(Entry::Handshake(_))));
        if self.handshakes.len() > handshakes_max
            && let Some(oldest) = self.handshakes.pop_front()
        {
            let reason = "too many handshakes at a time";
            self.on_handshake_failed(oldest, TlsFailure::Failed, reason);
        }
    }

    fn finish_handshake(&mut self, link: LinkId, security: Security) -> Option<LinkUp> {
        let bytes_max = self.config.send_queue_bytes_max;
        let mut completed = None;
        self.entries.replace(link, |entry| match entry {
            Entry::Handshake(handshake) => {
                let (entry, up) = complete(*handshake, bytes_max);
                completed = up;
                entry
            }
            other => other,
        });
        let Completed {
            origin,
            endpoints,
            deadline,
        } = completed?;
        self.deadlines.remove(&(deadline, link.as_u64()));
        self.stats.handshakes.add(1);
        if let Origin::Dialed { .. } = origin {
            self.count_link(None, None);
            self.stats.links_dialed.add(1);
        } else {
            self.stats.links_accepted.add(1);
        }
        self.flush_later(link);
        self.arm_later(link);
        if let Some(Entry::Link(Connection { tls: Some(tls), .. })) = self.entries.find(link) {
            let Endpoints { peer, local } = endpoints;
            log::debug!(
                "{link}: tls: peer={peer} local={local} {}",
                tls.description()
            );
        }
        Some(LinkUp {
            link,
            origin,
            endpoints,
            security: Some(Box::new(security)),
        })
    }

    /// Watches the socket of a handshake, if it is still one.
    pub(crate) fn arm_handshake(&mut self, link: LinkId) {
        let Some(Entry::Handshake(handshake)) = self.entries.find(link) else {
            return;
        };
        let interest = match &handshake.side {
            Side::Header(_) | Side::Silent(_) => Interest::READ,
            Side::Accepted(session, ..) | Side::Dialed(session, _) => interest(session),
        };
        if let Err(error) = handshake.socket.arm(link.as_u64(), interest) {
            self.on_handshake_failed(link, TlsFailure::Failed, &error.to_string());
        }
    }

    pub(super) fn on_handshake_timeout(&mut self, link: LinkId) {
        self.on_handshake_failed(link, TlsFailure::Failed, "timeout");
    }

    /// Drops a handshake when the run ends.
    pub(super) fn abort_handshake(&mut self, link: LinkId) {
        let Some(Entry::Handshake(handshake)) = self.entries.remove(link) else {
            return;
        };
        self.deadlines.remove(&(handshake.deadline, link.as_u64()));
        self.uncount_handshake(&handshake);
        if let Side::Dialed(_, dialing) = handshake.side {
            self.on_dial_failed(dialing.dial, DialError::Failed(ErrorKind::Interrupted));
        }
    }

    /// Uncounts a removed handshake.
    pub(super) fn uncount_handshake(&mut self, handshake: &Handshake) {
        let limited_by = match &handshake.side {
            // The address of the proxy does not count.
            Side::Header(_) => return self.uncount(None, false, handshake.endpoints.peer.ip()),
            Side::Silent(waiting) => waiting.limited_by,
            Side::Accepted(_, _, limited_by) => *limited_by,
            // A dial counts when its link is up.
            Side::Dialed(..) => return,
        };
        self.uncount(limited_by, true, handshake.endpoints.peer.ip());
    }

    fn on_handshake_failed(&mut self, link: LinkId, why: TlsFailure, reason: &str) {
        match self.entries.find(link) {
            Some(Entry::Handshake(handshake)) if handshake.is_header() => {
                return self.on_header_failed(link, reason);
            }
            Some(Entry::Handshake(_)) => {}
            _ => return,
        }
        let Some(Entry::Handshake(mut handshake)) = self.entries.remove(link) else {
            return;
        };
        self.deadlines.remove(&(handshake.deadline, link.as_u64()));
        self.uncount_handshake(&handshake);
        self.stats.handshakes_failed.add(1);
        let peer = handshake.endpoints.peer;
        let local = handshake.endpoints.local;
        let mut counted = Counted {
            socket: handshake.socket.socket(),
            stats: &self.stats,
        };
        match &mut handshake.side {
            Side::Silent(_) | Side::Header(_) => {}
            Side::Accepted(session, ..) | Side::Dialed(session, _) => {
                // The alert that says why.
                let _ = session.write(&mut counted);
            }
        }
        match handshake.side {
            Side::Dialed(_, mut dialing) => {
                drop(handshake.socket);
                log::debug!(
                    "dial: TLS handshake failed: peer={peer} reason=\"{why}\" error=\"{reason}\""
                );
                dialing.attempt = None;
                dialing.why = DialError::Tls(why);
                self.try_addresses(dialing, self.clock.now());
            }
            Side::Header(_) | Side::Silent(_) | Side::Accepted(..) => log::warn!(
                "TLS handshake failed: peer={peer} listener={local} reason=\"{why}\" \
                 error=\"{reason}\""
            ),
        }
    }
}

/// What is known of a link when its handshake is complete.
struct Completed {
    origin: Origin,
    endpoints: Endpoints,
    deadline: Timestamp,
}

/// Makes a connection of a handshake that is complete.
fn complete(handshake: Handshake, send_queue_bytes_max: usize) -> (Entry, Option<Completed>) {
    let Handshake {
        socket,
        endpoints,
        side,
        deadline,
    } = handshake;
    let (session, origin, limited_by) = match side {
        Side::Accepted(session, origin, limited_by) => (session, origin, limited_by),
        Side::Dialed(session, dialing) => (session, Origin::Dialed { dial: dialing.dial }, None),
        side @ (Side::Header(_) | Side::Silent(_)) => {
            let handshake = Handshake {
                socket,
                endpoints,
                side,
                deadline,
            };
            return (Entry::Handshake(Box::new(handshake)), None);
        }
    };
    let completed = Completed {
        origin,
        endpoints,
        deadline,
    };
    let mut connection = Connection::new(socket, endpoints.peer, send_queue_bytes_max);
    connection.limited_by = limited_by;
    connection.counts_for_address = matches!(origin, Origin::Accepted { .. });
    connection.tls = Some(session);
    (Entry::Link(connection), Some(completed))
}

/// What to watch the socket of a handshake for.
fn interest(session: &Session) -> Interest {
    Interest {
        read: true,
        write: session.wants_write(),
    }
}

/// Reads once, and writes what the handshake says.
fn go_on(side: &mut Side, socket: &mut Counted<'_>, scratch: &mut [u8]) -> Outcome {
    let bytes = match socket.read(scratch) {
        Ok(0) => {
            return Outcome::Failed(TlsFailure::Closed, "the connection was closed".to_owned());
        }
        Ok(count) => &scratch[..count],
        Err(error) => match error.kind() {
            // The socket accepts bytes again, or has none after all.
            ErrorKind::WouldBlock | ErrorKind::Interrupted => &[],
            kind => return Outcome::Failed(TlsFailure::Closed, kind.to_string()),
        },
    };
    if let Side::Silent(waiting) = side {
        match bytes.first() {
            None => return Outcome::Pending,
            Some(&HANDSHAKE_RECORD) => {}
            Some(_) => {
                let _ = socket.write(&(waiting.tls.plaintext_answer.0)(bytes));
                return Outcome::Failed(TlsFailure::NotTls, describe(bytes));
            }
        }
        match Session::server(waiting.tls.server.current()) {
            Ok(session) => {
                *side = Side::Accepted(Box::new(session), waiting.origin, waiting.limited_by);
            }
            Err(error) => return Outcome::Failed(TlsFailure::Failed, error.to_string()),
        }
    }
    let (Side::Accepted(session, ..) | Side::Dialed(session, _)) = side else {
        return Outcome::Pending;
    };
    match session.shake_hands(bytes) {
        Progress::Failed(TlsFailure::NotTls, _) => {
            Outcome::Failed(TlsFailure::NotTls, describe(bytes))
        }
        Progress::Failed(why, reason) => Outcome::Failed(why, reason),
        Progress::Pending => after_write(session.write(socket), Outcome::Pending),
        Progress::Done(security) => after_write(session.write(socket), Outcome::Done(security)),
    }
}

/// The outcome of a handshake, if what it says could be written.
fn after_write<T>(written: Result<T, ErrorKind>, outcome: Outcome) -> Outcome {
    match written {
        Ok(_) => outcome,
        Err(kind) => Outcome::Failed(TlsFailure::Closed, kind.to_string()),
    }
}

/// The beginning of what a peer sent instead of TLS, for the log.
fn describe(bytes: &[u8]) -> String {
    let begin = String::from_utf8_lossy(&bytes[..bytes.len().min(LOGGED_BYTES_MAX)]);
    format!("it sent {}", Escaped(begin.trim_end()))
}
