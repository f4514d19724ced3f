//! A node that sends anything: frames about hosts that exist and hosts that do not, cut
//! frames, damaged frames, random bytes; as a client, as a server, and unregistered.

use std::collections::BTreeMap;

use crc_core::{CloseWhen, DialId, Event, LinkId, Random};
use crc_wire::{
    ClientChat, ClientQuit, HostId, Info, Message, Name, Registration, ServerQuit, Status,
    StatusCode, Text,
};

use super::{ForeignCommand, Out, address_of, forge};
use crc_netem::Draw;

/// A hostile node.
#[derive(Debug, Clone)]
pub(crate) struct Hostile {
    /// How many servers it may dial.
    servers: usize,
    /// Ids of other hosts.
    ids: Vec<u32>,
    links: Vec<LinkId>,
    dials: u64,
    /// Whether it says what only operators and servers may.
    forges: bool,
    /// The clients that have announced themselves so that they may send requests.
    clients: BTreeMap<LinkId, HostId>,
}

impl Hostile {
    pub(crate) const fn new(servers: usize, ids: Vec<u32>) -> Self {
        Hostile {
            servers,
            ids,
            links: Vec::new(),
            dials: 0,
            forges: false,
            clients: BTreeMap::new(),
        }
    }

    pub(crate) const fn set_forges(&mut self) {
        self.forges = true;
    }

    pub(super) fn handle(&mut self, event: Event<'_, ForeignCommand>, out: &mut Out) {
        match event {
            Event::Command(ForeignCommand::Start) => self.dial(0, out),
            Event::Command(ForeignCommand::Act(pick)) => self.act(&mut Random::new(pick), out),
            Event::LinkUp { link, .. } => {
                self.links.push(link);
                let mut random = Random::new(link.as_u64() ^ self.dials);
                if self.forges && random.chance(50) {
                    let frames = self.announced_client(link);
                    return out.send(link, &frames);
                }
                // Most register first.
                if random.chance(80) {
                    let begin = self.registration(&mut random, true);
                    out.send(link, &begin);
                }
            }
            Event::LinkDown { link, .. } => {
                self.links.retain(|open| *open != link);
                self.clients.remove(&link);
            }
            _ => {}
        }
    }

    fn dial(&mut self, target: usize, out: &mut Out) {
        self.dials += 1;
        out.dial(DialId(self.dials), address_of(target));
    }

    fn act(&mut self, random: &mut Random, out: &mut Out) {
        let link = self.links.get(random.index(self.links.len())).copied();
        match (link, random.below(12)) {
            (None, _) | (_, 0) if self.links.len() < 6 => {
                let target = random.index(self.servers);
                self.dial(target, out);
            }
            (None, _) => {}
            (Some(link), 1) => {
                let when = random.one_of(&[CloseWhen::Now, CloseWhen::Flushed]);
                out.close(link, when);
            }
            (Some(link), _) => {
                for _ in 0..random.between(1, 6) {
                    let frame = match self.clients.get(&link) {
                        Some(&own) if random.chance(60) => {
                            forge::request((own, self.id(random)), "crook", random)
                        }
                        _ => self.frame(random),
                    };
                    if !frame.is_empty() {
                        out.send(link, &frame);
                    }
                }
            }
        }
    }

    /// Registers a client that announces itself, with an id of its own.
    fn announced_client(&mut self, link: LinkId) -> Vec<u8> {
        let id = 970 + u32::try_from(self.dials % 20).unwrap_or(0);
        let source = HostId::new(id).expect("not 0");
        self.clients.insert(link, source);
        let infos = ["mine", "mine [crc2;f=channels,oper]"];
        let registrations = infos.map(|info| {
            Message::ClientRegistration(Registration {
                source,
                last_hop: None,
                name: Name::truncated("crook"),
                info: Info::truncated(info),
            })
            .to_vec()
        });
        registrations.concat()
    }

    fn id(&self, random: &mut Random) -> HostId {
        let id = match random.below(10) {
            0..5 => self
                .ids
                .get(random.index(self.ids.len()))
                .copied()
                .unwrap_or(1),
            5..9 => 900 + u32::try_from(random.below(6)).unwrap_or(0),
            _ => crc_core::random_host_id(random).get(),
        };
        HostId::new(id.max(1)).expect("at least 1")
    }

    fn registration(&self, random: &mut Random, own: bool) -> Vec<u8> {
        let mut id = self.id(random);
        let rank = random.below(4);
        let port = random.between(1, 2);
        let info = match random.below(3) {
            0 => "harmless".to_owned(),
            1 => format!("mine [crc2;a=127.9.9.9:{port};r={rank};f=server-quit]"),
            _ => format!("mine [crc2;r={rank};f=]"),
        };
        let is_server = random.chance(60);
        if is_server && (1000..1100).contains(&id.get()) {
            // A permitted server may take the id of any client. A client that is configured
            // with that id is out for an hour then, and the network never at rest.
            id = HostId::new(900 + id.get() % 6).expect("at least 900");
        }
        let registration = Registration {
            source: id,
            last_hop: if own || random.chance(20) {
                None
            } else {
                Some(self.id(random))
            },
            name: Name::truncated("mallory"),
            info: Info::new(info).unwrap_or_default(),
        };
        let message = if is_server {
            Message::ServerRegistration(registration)
        } else {
            Message::ClientRegistration(registration)
        };
        message.to_vec()
    }

    fn frame(&self, random: &mut Random) -> Vec<u8> {
        let text = random.one_of(&[
            "",
            "Unknown ID 7",
            "something else",
            "A machine has already registered with ID 1",
        ]);
        let is_forged = self.forges && random.chance(40);
        let mut frame = match random.below(10) {
            _ if is_forged => {
                let ids = (self.id(random), self.id(random));
                forge::request(ids, "crook", random)
            }
            0..4 => self.registration(random, false),
            4..6 => Message::ClientChat(ClientChat {
                source: self.id(random),
                destination: Some(self.id(random)),
                text: Text::truncated(text),
            })
            .to_vec(),
            6..8 => Message::ClientQuit(ClientQuit {
                source: self.id(random),
                text: Text::truncated(text),
            })
            .to_vec(),
            8 => Message::ServerQuit(ServerQuit {
                source: self.id(random),
                replacement: random.chance(50).then(|| self.id(random)),
                text: Text::truncated(random.one_of(&[
                    "gone",
                    "127.9.9.9:1 gone",
                    "127.1.0.1:33300 x",
                ])),
            })
            .to_vec(),
            _ => Message::Status(Status {
                source: Some(self.id(random)),
                destination: random.chance(70).then(|| self.id(random)),
                code: StatusCode(random.one_of(&[0, 1, 2, 0x100, 0x101, 0x102, 77])),
                text: Text::truncated(text),
            })
            .to_vec(),
        };
        match random.below(30) {
            0 => frame.truncate(random.index(frame.len())),
            1 => {
                let at = random.index(frame.len());
                frame[at] = u8::try_from(random.below(256)).unwrap_or(0);
            }
            2 => frame = random.next_u64().to_le_bytes().to_vec(),
            _ => {}
        }
        frame
    }
}
