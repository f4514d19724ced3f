//! A v1 client.

use std::collections::BTreeSet;

use crc_core::{CloseWhen, DialId, Event, LinkId};
use crc_wire::{HostId, Info, Message, Name, Registration};

use super::{Complaint, ForeignCommand, Out, address_of, read_whole};

/// It registers, keeps its list, and complains of what it does not expect.
#[derive(Debug, Clone)]
pub(crate) struct V1Client {
    pub(crate) id: HostId,
    server: usize,
    link: Option<LinkId>,
    pub(crate) welcomed: bool,
    pub(crate) listed: BTreeSet<u32>,
}

impl V1Client {
    pub(crate) const fn new(id: HostId, server: usize) -> Self {
        V1Client {
            id,
            server,
            link: None,
            welcomed: false,
            listed: BTreeSet::new(),
        }
    }

    pub(super) fn handle(&mut self, event: Event<'_, ForeignCommand>, out: &mut Out) {
        match event {
            Event::Command(ForeignCommand::Start) => out.dial(DialId(0), address_of(self.server)),
            Event::LinkUp { link, .. } => {
                self.link = Some(link);
                let registration = Message::ClientRegistration(Registration {
                    source: self.id,
                    last_hop: None,
                    name: Name::truncated("original"),
                    info: Info::truncated("client"),
                });
                out.send(link, &registration.to_vec());
            }
            Event::Bytes { link, bytes } => {
                for message in read_whole(bytes, false, out) {
                    self.on_message(link, &message, out);
                }
            }
            Event::LinkDown { .. } => {
                self.link = None;
                self.welcomed = false;
                self.listed.clear();
            }
            _ => {}
        }
    }

    fn on_message(&mut self, link: LinkId, message: &Message<'_>, out: &mut Out) {
        let mut complain = |text: String| out.notice(Complaint(text));
        match message {
            Message::ClientRegistration(m) => {
                if m.source == self.id {
                    complain("its own registration came back".to_owned());
                }
                if !m.name.as_str().is_ascii() {
                    complain(format!("a name that is not ASCII: {:?}", m.name.as_str()));
                }
                if !self.listed.insert(m.source.get()) {
                    complain(format!("{} was announced twice", m.source));
                }
            }
            Message::ClientQuit(m) => {
                if !self.listed.remove(&m.source.get()) {
                    complain(format!("a quit of {}, which it does not know", m.source));
                }
            }
            Message::Status(m) => match m.code.0 {
                0 => self.welcomed = true,
                1 => {}
                // Its id is taken, or was taken from it; or it was removed from the network.
                2 | 0x107 => out.close(link, CloseWhen::Flushed),
                code => complain(format!("a status {code:#x}")),
            },
            Message::ClientChat(_) => {}
            other => complain(format!("{:?}", other.kind())),
        }
    }
}
