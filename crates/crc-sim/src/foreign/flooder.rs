//! A client that sends as fast as its server reads: chats to a client, chats in channels,
//! joins and parts, topics. It speaks for itself only, and breaks no rule.

use core::time::Duration;

use crc_core::{DialId, Event, LinkId, Random, Timestamp};
use crc_netem::Draw;
use crc_wire::{
    ChannelChat, ChannelField, ChannelName, ChannelPart, ChannelRequest, ChannelSetting, ChatKind,
    ClientChat, Frame, FrameLimits, HostId, Info, Message, Name, Registration, RequestKind, Status,
    StatusCode, Text,
};

use super::{ForeignCommand, Out, address_of};

/// How many bytes wait on its link, at most. The rest it sends when these are written.
const WAITING_MAX: usize = 24 << 10;
/// How often it looks whether it can send more, if nothing reports that it can.
const PAUSE: Duration = Duration::from_millis(20);

/// What it floods its server with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flood {
    Chats,
    ChannelChats,
    Joins,
    Topics,
    All,
}

/// A client that floods.
#[derive(Debug, Clone)]
pub(crate) struct Flooder {
    id: HostId,
    server: usize,
    flood: Flood,
    /// How many bytes it sends in all.
    left: usize,
    text: String,
    random: Random,
    link: Option<LinkId>,
    buffer: Vec<u8>,
    /// The clients that it knows.
    others: Vec<HostId>,
    /// Whether its server takes channels, and it may begin.
    ready: bool,
    /// Whether the flood has been ordered.
    floods: bool,
    waiting: usize,
    dials: u64,
    next_at: Option<Timestamp>,
}

impl Flooder {
    pub(crate) fn new(id: u32, servers: usize, changes: bool, seed: u64) -> Self {
        let mut random = Random::new(seed);
        Flooder {
            id: HostId::new(id).expect("not 0"),
            server: random.index(servers),
            flood: match changes {
                false => random.one_of(&[Flood::Chats, Flood::ChannelChats]),
                true => random.one_of(&[Flood::Joins, Flood::Topics, Flood::All]),
            },
            left: random.one_of(&[200 << 10, 600 << 10, 1500 << 10]),
            text: "flood ".to_owned() + &"f".repeat(random.one_of(&[10, 300, 500])),
            random,
            link: None,
            buffer: Vec::new(),
            others: Vec::new(),
            ready: false,
            floods: false,
            waiting: 0,
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
            Event::Command(ForeignCommand::Act(_)) => {
                self.floods = true;
                self.next_at = Some(now);
            }
            Event::LinkUp { link, .. } => {
                self.link = Some(link);
                self.waiting = 0;
                out.bound(link, 1 << 20);
                out.watch(link, WAITING_MAX / 4);
                out.send(link, &self.registration(""));
            }
            Event::Bytes { link, bytes } => {
                self.on_bytes(link, bytes, out);
                self.next_at.get_or_insert(now);
            }
            Event::Queue { report, .. } => {
                self.waiting = report.waiting;
                self.next_at = Some(now);
            }
            Event::LinkDown { .. } | Event::DialFailed { .. } => {
                self.link = None;
                self.ready = false;
                self.buffer.clear();
                self.next_at = Some(now + Duration::from_secs(1));
            }
            Event::Tick if self.next_at.is_some_and(|at| at <= now) => {
                self.next_at = None;
                match self.link {
                    None => self.dial(out),
                    Some(link) => self.go_on(now, link, out),
                }
            }
            _ => {}
        }
    }

    fn dial(&mut self, out: &mut Out) {
        self.dials += 1;
        out.dial(DialId(self.dials), address_of(self.server));
    }

    fn registration(&self, machine: &str) -> Vec<u8> {
        Message::ClientRegistration(Registration {
            source: self.id,
            last_hop: None,
            name: Name::truncated("original"),
            info: Info::new(format!("client{machine}")).unwrap_or_default(),
        })
        .to_vec()
    }

    fn on_bytes(&mut self, link: LinkId, bytes: &[u8], out: &mut Out) {
        self.buffer.extend_from_slice(bytes);
        let buffer = core::mem::take(&mut self.buffer);
        let mut rest = &buffer[..];
        while let Ok(Some(frame)) = Frame::take(&mut rest, FrameLimits::WIRE) {
            match frame.message() {
                Ok(Message::ClientRegistration(m)) if self.others.len() < 100 => {
                    self.others.push(m.source);
                }
                Ok(Message::Status(Status { code, .. })) => match code {
                    StatusCode::WELCOME => {
                        let announcement = self.registration(" [crc2;f=channels]");
                        out.send(link, &announcement);
                    }
                    StatusCode::FEATURES => self.ready = true,
                    _ => {}
                },
                _ => {}
            }
        }
        self.buffer = rest.to_vec();
    }

    /// Sends as much as may wait.
    fn go_on(&mut self, now: Timestamp, link: LinkId, out: &mut Out) {
        if !self.ready || !self.floods || self.left == 0 {
            return;
        }
        let mut frames = Vec::new();
        while self.waiting + frames.len() < WAITING_MAX && frames.len() < self.left {
            self.push(&mut frames);
        }
        self.left = self.left.saturating_sub(frames.len().max(1));
        if !frames.is_empty() {
            self.waiting += frames.len();
            out.send(link, &frames);
        }
        self.next_at = Some(now + PAUSE);
    }

    fn push(&mut self, frames: &mut Vec<u8>) {
        let flood = match self.flood {
            Flood::All => self.random.one_of(&[
                Flood::Chats,
                Flood::ChannelChats,
                Flood::Joins,
                Flood::Topics,
            ]),
            flood => flood,
        };
        let source = self.id;
        let channel = || ChannelName::new("#flood").expect("a good name");
        let text = Text::truncated(&self.text);
        let join = Message::ChannelRequest(ChannelRequest {
            source,
            destination: None,
            kind: RequestKind::JOIN,
            channel: Some(channel()),
            text: Text::default(),
        });
        match flood {
            Flood::Chats | Flood::All => {
                let others = self.others.len();
                let destination = self.others.get(self.random.index(others)).copied();
                let chat = ClientChat {
                    source,
                    destination,
                    text,
                };
                Message::ClientChat(chat).encode(frames);
            }
            Flood::ChannelChats => {
                // Others are in this one.
                let channel = ChannelName::new("#reef").expect("a good name");
                if self.random.chance(2) {
                    Message::ChannelRequest(ChannelRequest {
                        source,
                        destination: None,
                        kind: RequestKind::JOIN,
                        channel: Some(channel.clone()),
                        text: Text::default(),
                    })
                    .encode(frames);
                }
                let chat = ChannelChat {
                    source,
                    kind: ChatKind::Message,
                    channel,
                    text,
                };
                Message::ChannelChat(chat).encode(frames);
            }
            Flood::Joins => {
                join.encode(frames);
                let part = ChannelPart {
                    source,
                    by: None,
                    channel: channel(),
                    text: Text::truncated(&self.text[..16.min(self.text.len())]),
                };
                Message::ChannelPart(part).encode(frames);
            }
            Flood::Topics => {
                join.encode(frames);
                let value = format!("flood {}", self.random.below(1 << 40));
                let setting = ChannelSetting {
                    source: Some(source),
                    version: 0,
                    field: ChannelField::TOPIC,
                    channel: channel(),
                    value: Text::truncated(&value),
                };
                Message::ChannelSetting(setting).encode(frames);
            }
        }
    }
}
