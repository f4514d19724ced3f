//! A client that wants an id that is not its own: that of a server whose link is down, of
//! a client that is out of reach, of a host of another half. It tries again and again.

use crc_core::{CloseWhen, DialId, Event, LinkId, Random, Timestamp};
use crc_netem::Draw;
use crc_wire::{HostId, Info, Message, Name, Registration};

use super::{ForeignCommand, Out, address_of};

/// A thief of ids.
#[derive(Debug, Clone)]
pub(crate) struct Thief {
    servers: usize,
    /// The ids that it wants.
    ids: Vec<u32>,
    random: Random,
    link: Option<LinkId>,
    dials: u64,
    next_at: Option<Timestamp>,
}

impl Thief {
    pub(crate) const fn new(servers: usize, ids: Vec<u32>, seed: u64) -> Self {
        Thief {
            servers,
            ids,
            random: Random::new(seed),
            link: None,
            dials: 0,
            next_at: None,
        }
    }

    pub(super) const fn deadline(&self) -> Option<Timestamp> {
        self.next_at
    }

    pub(super) fn handle(
        &mut self,
        now: Timestamp,
        event: Event<'_, ForeignCommand>,
        out: &mut Out,
    ) {
        match event {
            Event::Command(ForeignCommand::Start) => self.dial(out),
            // It gives up what it has, and tries another one.
            Event::Command(ForeignCommand::Act(_)) => {
                if let Some(link) = self.link {
                    out.close(link, CloseWhen::Now);
                }
            }
            Event::LinkUp { link, .. } => {
                self.link = Some(link);
                out.send(link, &self.registration());
                // It keeps what it gets for a while only, and tries another one.
                self.next_at = Some(now + self.random.millis(200, 20_000));
            }
            Event::LinkDown { .. } | Event::DialFailed { .. } => {
                self.link = None;
                self.next_at = Some(now + self.random.millis(1, 400));
            }
            Event::Tick if self.next_at.is_some_and(|at| at <= now) => {
                self.next_at = None;
                match self.link {
                    Some(link) => out.close(link, CloseWhen::Now),
                    None => self.dial(out),
                }
            }
            _ => {}
        }
    }

    fn dial(&mut self, out: &mut Out) {
        self.dials += 1;
        let target = self.random.index(self.servers);
        out.dial(DialId(self.dials), address_of(target));
    }

    fn registration(&mut self) -> Vec<u8> {
        let id = self.ids[self.random.index(self.ids.len())];
        let machine = self.random.one_of(&["", " [crc2;f=channels]"]);
        let message = Message::ClientRegistration(Registration {
            source: HostId::new(id).expect("ids are not 0"),
            last_hop: None,
            name: Name::truncated("original"),
            info: Info::truncated("client"),
        });
        let mut bytes = message.to_vec();
        if !machine.is_empty() {
            let again = Message::ClientRegistration(Registration {
                source: HostId::new(id).expect("ids are not 0"),
                last_hop: None,
                name: Name::truncated("original"),
                info: Info::new(format!("client{machine}")).unwrap_or_default(),
            });
            bytes.extend(again.to_vec());
        }
        bytes
    }
}
