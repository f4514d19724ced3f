//! What this server says of itself on a link: its introduction, and its
//! announcement, which is also its ping (PROTOCOL section 7).

use crate::announcement::{Announcement, Features};
use crate::context::{CLASSIFICATION_TIME, Context, Out, Timer};
use crate::crc::session::{Phase, Session};
use crate::network::PeerVersion;
use crc_machine::{LinkId, PeerAddress};
use crc_wire::{HostId, Info, Message, Registration};
use std::net::SocketAddr;

impl Context {
    /// Makes ourselves known as a node of this project.
    pub(crate) fn announce(&mut self, link: LinkId, out: &mut Out) {
        let Some(session) = self.sessions.find(link) else {
            return;
        };
        if session.phase == Phase::Server {
            let announcement = self.announcement(session);
            self.repeat(link, &announcement, out);
        }
    }

    /// Sends our registration once more, which will be answered.
    pub(crate) fn repeat(&mut self, link: LinkId, registration: &[u8], out: &mut Out) {
        let Some(session) = self.sessions.find_mut(link) else {
            return;
        };
        out.send(link, registration);
        session.announced = Some(self.rank);
        session.answers_due += 1;
        let version = self.network.neighbours().find(link).map(|n| n.version);
        if version == Some(PeerVersion::Unknown) {
            let until = self.now + CLASSIFICATION_TIME;
            self.timers.set(Timer::Classification(link), until);
        }
    }

    /// Our registration once more, with what we say to machines.
    pub(crate) fn announcement(&self, session: &Session) -> Vec<u8> {
        let announcement = Announcement {
            address: self.advertised(session.endpoints.local),
            rank: Some(self.rank),
            features: Features::OURS,
        };
        let alias = session.alias.as_ref().map(|alias| alias.id);
        self.own_registration(alias, &format!("{}{announcement}", self.config.info))
    }

    pub(crate) fn own_registration(&self, alias: Option<HostId>, info: &str) -> Vec<u8> {
        Message::ServerRegistration(Registration {
            source: alias.unwrap_or(self.config.id),
            last_hop: None,
            name: self.config.name.borrowed(),
            info: Info::truncated(info),
        })
        .to_vec()
    }

    /// The first words of a server: its registration, with last hop 0.
    pub(crate) fn introduction(&self, alias: Option<HostId>) -> Vec<u8> {
        self.own_registration(alias, self.config.info.as_str())
    }

    /// Where others reach us; a wildcard stands for the address that the peer
    /// of a link sees.
    pub(crate) fn advertised(&self, local: SocketAddr) -> Option<PeerAddress> {
        if let Some(address) = &self.config.advertise {
            return Some(address.clone());
        }
        let first = self.listening.first()?;
        let ip = if first.ip().is_unspecified() {
            local.ip().to_canonical()
        } else {
            first.ip()
        };
        Some(SocketAddr::new(ip, first.port()).into())
    }
}
