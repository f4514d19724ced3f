//! A client of CRC that sends whatever frames about channels it is told to, and keeps
//! which channels it is in.

use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};

use crc_core::{CloseWhen, DialId, Event, LinkId, Timestamp};
use crc_wire::{Frame, FrameLimits, HostId, Info, Message, Name, Registration, StatusCode};

use super::{ForeignCommand, ForeignNotice, Out, address_of};

/// A client that speaks frames.
#[derive(Debug, Clone)]
pub(crate) struct FrameUser {
    pub(crate) id: HostId,
    /// The server that it dials.
    pub(crate) server: usize,
    dials: u64,
    link: Option<LinkId>,
    tail: Vec<u8>,
    pub(crate) is_registered: bool,
    /// The channels that it is in, in lower case, with the members that it was told of.
    pub(crate) channels: BTreeMap<String, BTreeSet<HostId>>,
    /// What it was told of channels before it was in.
    listed: BTreeMap<String, BTreeSet<HostId>>,
    retry_at: Option<Timestamp>,
    retries: u32,
}

impl FrameUser {
    pub(crate) const fn new(id: HostId, server: usize) -> Self {
        FrameUser {
            id,
            server,
            dials: 0,
            link: None,
            tail: Vec::new(),
            is_registered: false,
            channels: BTreeMap::new(),
            listed: BTreeMap::new(),
            retry_at: None,
            retries: 0,
        }
    }

    pub(super) const fn deadline(&self) -> Option<Timestamp> {
        self.retry_at
    }

    pub(super) fn handle(
        &mut self,
        now: Timestamp,
        event: Event<'_, ForeignCommand>,
        out: &mut Out,
    ) {
        match event {
            Event::Command(ForeignCommand::Start) => self.dial(out),
            Event::Command(ForeignCommand::Frames(frames)) => {
                if let Some(link) = self.link.filter(|_| self.is_registered) {
                    out.send(link, &frames);
                }
            }
            Event::Tick if self.retry_at.is_some_and(|at| at <= now) => {
                self.retry_at = None;
                self.dial(out);
            }
            Event::DialFailed { .. } => self.retry(now),
            Event::LinkUp { link, .. } => {
                self.link = Some(link);
                self.tail.clear();
                out.send(link, &self.registration("frames"));
            }
            Event::Bytes { link, bytes } => self.read(link, bytes, out),
            Event::LinkDown { .. } => {
                self.link = None;
                self.is_registered = false;
                self.channels.clear();
                self.listed.clear();
                self.retry(now);
            }
            _ => {}
        }
    }

    fn dial(&mut self, out: &mut Out) {
        self.dials += 1;
        out.dial(DialId(self.dials), address_of(self.server));
    }

    fn retry(&mut self, now: Timestamp) {
        self.retries += 1;
        let pause = 300 << self.retries.min(6);
        self.retry_at = Some(now + Duration::from_millis(pause));
    }

    fn registration(&self, info: &str) -> Vec<u8> {
        let name = self.name();
        let registration = Registration {
            source: self.id,
            last_hop: None,
            name: Name::truncated(&name),
            info: Info::truncated(info),
        };
        Message::ClientRegistration(registration).to_vec()
    }

    pub(crate) fn name(&self) -> String {
        format!("frames{}", self.id)
    }

    fn read(&mut self, link: LinkId, bytes: &[u8], out: &mut Out) {
        self.tail.extend_from_slice(bytes);
        let whole = core::mem::take(&mut self.tail);
        let mut rest = &whole[..];
        while let Ok(Some(frame)) = Frame::take(&mut rest, FrameLimits::WIRE) {
            if let Ok(message) = frame.message() {
                self.on_message(link, &message, out);
            }
        }
        self.tail = rest.to_vec();
    }

    fn on_message(&mut self, link: LinkId, message: &Message<'_>, out: &mut Out) {
        match message {
            Message::Status(m) if m.code == StatusCode::WELCOME && !self.is_registered => {
                self.is_registered = true;
                self.retries = 0;
                let info = "frames [crc2;f=channels]";
                out.send(link, &self.registration(info));
            }
            // Its id is another's: it takes the next one.
            Message::Status(m) if m.code == StatusCode::ID_TAKEN && m.destination.is_none() => {
                self.id = HostId::new(self.id.get() + 10).unwrap_or(self.id);
                out.close(link, CloseWhen::Flushed);
            }
            Message::ChannelJoin(m) => {
                let name = m.channel.as_str().to_ascii_lowercase();
                if m.source == self.id && !self.channels.contains_key(&name) {
                    let mut members = self.listed.remove(&name).unwrap_or_default();
                    members.insert(self.id);
                    self.channels.insert(name, members);
                } else if let Some(members) = self.channels.get_mut(&name) {
                    members.insert(m.source);
                } else {
                    self.listed.entry(name).or_default().insert(m.source);
                }
            }
            Message::ChannelPart(m) => {
                let name = m.channel.as_str().to_ascii_lowercase();
                if m.source == self.id {
                    self.channels.remove(&name);
                } else if let Some(members) = self.channels.get_mut(&name) {
                    members.remove(&m.source);
                }
            }
            Message::ClientQuit(m) => {
                for members in self.channels.values_mut() {
                    members.remove(&m.source);
                }
            }
            Message::ChannelChat(m) => {
                out.notice(ForeignNotice::Heard(m.text.as_str().to_owned()));
            }
            _ => {}
        }
    }
}
