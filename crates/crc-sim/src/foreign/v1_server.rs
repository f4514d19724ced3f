//! A v1 server: it accepts everything, never forgets a host, and cannot read a frame
//! that is cut.

use std::collections::BTreeMap;

use crc_core::{CloseWhen, DialId, Event, LinkId, Origin};
use crc_wire::{HostId, Info, Message, Name, Registration, Status, StatusCode, Text};

use super::{Complaint, ForeignCommand, Out, address_of, read_whole};

/// What differs from one v1 server to the next.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Habits {
    /// How many bytes it reads at once.
    pub(crate) reads_max: usize,
    /// The last hop of its introduction: 0, its own id, or the peer's.
    pub(crate) hop: u8,
    /// Whether it sends registrations of servers back to where they came from.
    pub(crate) echoes_servers: bool,
    /// Whether it sends quits back to where they came from.
    pub(crate) echoes_quits: bool,
    /// Whether it loses statuses for others.
    pub(crate) loses_statuses: bool,
}

#[derive(Debug, Clone)]
struct Peer {
    id: Option<HostId>,
    dialled: bool,
}

#[derive(Debug, Clone)]
struct Host {
    server: bool,
    name: String,
    info: String,
    link: LinkId,
}

/// A v1 server.
#[derive(Debug, Clone)]
pub(crate) struct V1Server {
    pub(crate) id: HostId,
    pub(crate) reads_max: usize,
    habits: Habits,
    uplink: Option<usize>,
    peers: BTreeMap<LinkId, Peer>,
    hosts: BTreeMap<u32, Host>,
}

impl V1Server {
    pub(crate) const fn new(id: HostId, habits: Habits, uplink: Option<usize>) -> Self {
        V1Server {
            id,
            reads_max: habits.reads_max,
            habits,
            uplink,
            peers: BTreeMap::new(),
            hosts: BTreeMap::new(),
        }
    }

    pub(super) fn handle(&mut self, event: Event<'_, ForeignCommand>, out: &mut Out) {
        match event {
            Event::Command(ForeignCommand::Start) => {
                if let Some(uplink) = self.uplink {
                    out.dial(DialId(0), address_of(uplink));
                }
            }
            Event::LinkUp { link, origin, .. } => {
                let dialled = matches!(origin, Origin::Dialed { .. });
                self.peers.insert(link, Peer { id: None, dialled });
                if dialled {
                    self.introduce(link, None, out);
                }
            }
            Event::Bytes { link, bytes } => {
                for message in read_whole(bytes, true, out) {
                    self.on_message(link, message, out);
                }
            }
            // It keeps all state, and closes its half of the connection.
            Event::LinkDown { link, .. } => {
                self.peers.remove(&link);
                out.close(link, CloseWhen::Flushed);
            }
            _ => {}
        }
    }

    fn introduce(&self, link: LinkId, hop: Option<HostId>, out: &mut Out) {
        let registration = Message::ServerRegistration(Registration {
            source: self.id,
            last_hop: hop,
            name: Name::truncated("original"),
            info: Info::truncated("server"),
        });
        out.send(link, &registration.to_vec());
    }

    fn send_burst(&self, link: LinkId, out: &mut Out) {
        for server in [true, false] {
            for (&id, host) in &self.hosts {
                if host.server == server && host.link != link {
                    out.send(link, &self.registration(id, host));
                }
            }
        }
    }

    fn registration(&self, id: u32, host: &Host) -> Vec<u8> {
        let registration = Registration {
            source: HostId::new(id).expect("ids here come from the wire"),
            last_hop: Some(self.id),
            name: Name::truncated(&host.name),
            info: Info::truncated(&host.info),
        };
        let message = match host.server {
            true => Message::ServerRegistration(registration),
            false => Message::ClientRegistration(registration),
        };
        message.to_vec()
    }

    fn flood(&self, frame: &[u8], from: LinkId, echoes: bool, out: &mut Out) {
        for (&link, peer) in &self.peers {
            if peer.id.is_some() && (link != from || echoes) {
                out.send(link, frame);
            }
        }
    }

    fn status(
        &self,
        link: LinkId,
        to: Option<HostId>,
        code: StatusCode,
        text: &str,
        out: &mut Out,
    ) {
        let status = Message::Status(Status {
            source: Some(self.id),
            destination: to,
            code,
            text: Text::truncated(text),
        });
        out.send(link, &status.to_vec());
    }

    fn on_message(&mut self, link: LinkId, message: Message<'_>, out: &mut Out) {
        let frame = message.to_vec();
        match message {
            Message::ServerRegistration(m) => self.on_registration(link, true, m, out),
            Message::ClientRegistration(m) => self.on_registration(link, false, m, out),
            Message::ClientChat(m) => {
                let to = m.destination.and_then(|to| self.hosts.get(&to.get()));
                if !self.hosts.contains_key(&m.source.get()) {
                    out.notice(Complaint(format!(
                        "a chat of {}, which is unknown",
                        m.source
                    )));
                }
                match to {
                    Some(host) if !host.server && host.link != link => out.send(host.link, &frame),
                    _ => {
                        let to = m.destination.map_or(0, HostId::get);
                        let text = format!("Unknown ID {to}");
                        self.status(link, Some(m.source), StatusCode::UNKNOWN_ID, &text, out);
                    }
                }
            }
            Message::Status(m) => {
                let to = m.destination.filter(|to| *to != self.id);
                if let Some(host) = to.and_then(|to| self.hosts.get(&to.get()))
                    && host.link != link
                    && !self.habits.loses_statuses
                {
                    out.send(host.link, &frame);
                }
            }
            Message::ClientQuit(m) if self.hosts.remove(&m.source.get()).is_some() => {
                self.flood(&frame, link, self.habits.echoes_quits, out);
            }
            _ => {}
        }
    }

    fn on_registration(&mut self, link: LinkId, server: bool, m: Registration<'_>, out: &mut Out) {
        let id = m.source;
        for text in [m.name.as_str(), m.info.as_str()] {
            if !text.is_ascii() {
                out.notice(Complaint(format!("text that is not ASCII: {text:?}")));
            }
        }
        if self.hosts.contains_key(&id.get()) {
            let text = format!("A machine has already registered with ID {id}");
            return self.status(link, None, StatusCode::ID_TAKEN, &text, out);
        }
        let host = Host {
            server,
            name: m.name.as_str().to_owned(),
            info: m.info.as_str().to_owned(),
            link,
        };
        let frame = self.registration(id.get(), &host);
        self.hosts.insert(id.get(), host);
        let Some(peer) = self.peers.get_mut(&link) else {
            return;
        };
        let fresh = peer.id.is_none() && server;
        let dialled = peer.dialled;
        if fresh {
            peer.id = Some(id);
            let hop = match self.habits.hop {
                _ if dialled => None,
                0 => None,
                1 => Some(self.id),
                _ => Some(id),
            };
            // It introduces itself once more on a link that it has dialled.
            self.introduce(link, hop, out);
            self.send_burst(link, out);
        }
        let echoes = self.habits.echoes_servers && server && !fresh;
        self.flood(&frame, link, echoes, out);
    }
}
