//! A hostile server: it speaks version 2 correctly, stays linked for a while, and leaves
//! poison behind: hosts, addresses, settings, members and ages that are not its own.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use crc_core::{CloseWhen, DialId, Event, LinkId, Origin, Random};
use crc_netem::Draw;
use crc_wire::{
    Audience, ChannelChat, ChannelField, ChannelName, ChannelPart, ChannelRequest, ChatKind,
    ClientChat, ClientQuit, DatedJoin, DatedSetting, Frame, FrameLimits, HostId, Info, MemberFlags,
    Message, Name, Registration, RequestKind, ServerQuit, Status, StatusCode, TaggedChat,
    TaggedKind, Tags, Text,
};

use super::{ForeignCommand, Out, address_of, forge};
use crate::monitor::operators::HOSTILE_SETTER;

/// What it says begins with this, where that is possible.
pub(crate) const POISON: &str = "poison";
/// The ids of the hosts that it invents begin here.
const GHOSTS: u32 = 910;
/// Ids from here on belong to configured clients. A server that takes such an id keeps the
/// client out for an hour, as it may: the network would never be at rest.
const CLIENTS: core::ops::Range<u32> = 1000..1100;
/// The channels of the clients, and one that only one client is in.
const CHANNELS: [&str; 4] = ["#reef", "#lagoon", "#sandbank", "#trap"];
/// The most channels and hosts of others that it remembers.
const REMEMBERED_MAX: usize = 200;

/// The server at the other end of a link.
#[derive(Debug, Clone, Default)]
struct Peer {
    buffer: Vec<u8>,
    /// Its id, once it has introduced itself.
    id: Option<HostId>,
    dialled: bool,
    announced: bool,
    /// What it has overheard, and replays on this link.
    replayed: Option<Vec<u8>>,
    /// The clients that this server has invented on this link.
    ghosts: BTreeSet<u32>,
}

/// A hostile server.
#[derive(Debug, Clone)]
pub(crate) struct HostileServer {
    id: HostId,
    address: SocketAddr,
    /// How many real servers there are.
    servers: usize,
    /// How many nodes there are, whose addresses it may state.
    nodes: usize,
    random: Random,
    peers: BTreeMap<LinkId, Peer>,
    /// The hosts of others, and whether they are servers.
    hosts: BTreeMap<u32, bool>,
    /// The channels of others, and when they were founded.
    channels: BTreeMap<String, (u64, u32)>,
    dials: u64,
    /// Whether others ask it for a secret, which it does not hold.
    is_liar: bool,
    /// Whether it says what only operators and other servers may.
    forges: bool,
    /// Proofs that were sent on other links.
    overheard: Vec<Vec<u8>>,
}

impl HostileServer {
    pub(crate) fn new(
        id: u32,
        address: SocketAddr,
        servers: usize,
        nodes: usize,
        seed: u64,
    ) -> Self {
        HostileServer {
            id: HostId::new(id).expect("not 0"),
            address,
            servers,
            nodes,
            random: Random::new(seed),
            peers: BTreeMap::new(),
            hosts: BTreeMap::new(),
            channels: BTreeMap::new(),
            dials: 0,
            is_liar: false,
            forges: false,
            overheard: Vec::new(),
        }
    }

    pub(crate) const fn set_liar(&mut self, is_liar: bool) {
        self.is_liar = is_liar;
    }

    pub(crate) const fn set_forges(&mut self) {
        self.forges = true;
    }

    /// The features that it announces.
    const fn features(&self) -> &'static str {
        match self.forges {
            true => "server-quit,channels,channel-age,oper,tags",
            false => "server-quit,channels,channel-age,tags",
        }
    }

    pub(crate) const fn address(&self) -> SocketAddr {
        self.address
    }

    pub(super) fn handle(&mut self, event: Event<'_, ForeignCommand>, out: &mut Out) {
        match event {
            Event::Command(ForeignCommand::Start) => self.dial(out),
            Event::Command(ForeignCommand::Overhear(proof)) => {
                self.overheard.push(proof);
                self.overheard.truncate(REMEMBERED_MAX);
            }
            Event::Command(ForeignCommand::Act(pick)) => self.act(&mut Random::new(pick), out),
            Event::LinkUp { link, origin, .. } => {
                let dialled = matches!(origin, Origin::Dialed { .. });
                let replayed = match self.overheard.len() {
                    0 => None,
                    count => self.overheard.get(self.random.index(count)).cloned(),
                };
                let replayed = replayed.filter(|_| self.random.chance(70));
                let introduction = match &replayed {
                    Some(proof) => without_machine_part(proof),
                    None => self.introduction(),
                };
                let peer = Peer {
                    dialled,
                    replayed,
                    ..Peer::default()
                };
                self.peers.insert(link, peer);
                if dialled {
                    out.send(link, &introduction);
                }
            }
            Event::Bytes { link, bytes } => self.on_bytes(link, bytes, out),
            Event::LinkDown { link, .. } => {
                self.peers.remove(&link);
            }
            _ => {}
        }
    }

    fn dial(&mut self, out: &mut Out) {
        self.dials += 1;
        let target = self.random.index(self.servers);
        out.dial(DialId(self.dials), address_of(target));
    }

    fn introduction(&self) -> Vec<u8> {
        self.registration_of_itself("")
    }

    /// Its name: a liar calls itself by the name of a server that others have a secret for.
    fn name(&self) -> Name<'static> {
        match self.is_liar {
            true => Name::truncated(&format!("server{}", self.id.get() as usize % self.servers))
                .into_owned(),
            false => Name::truncated("mallory").into_owned(),
        }
    }

    // What it does without a secret.

    /// Answers a challenge, or sends one, with anything but the right proof. Returns whether
    /// there was something to prove.
    fn lie(&mut self, link: LinkId, m: &Registration<'_>, out: &mut Out) -> bool {
        let Some(peer) = self.peers.get(&link).cloned() else {
            return true;
        };
        let info = m.info.as_str();
        let (nonce, proof) = (entry(info, ";n="), entry(info, ";p="));
        let drawn = format!("{:016x}", self.random.next_u64()).repeat(4);
        let frame = match (peer.dialled, nonce, proof) {
            // It is challenged.
            (true, Some(nonce), None) => match (peer.replayed, self.random.below(3)) {
                (Some(proof), _) => proof,
                (None, 0) => return false,
                (None, 1) => {
                    self.registration_of_itself(&format!(" [crc2;n={nonce};p={nonce};f=auth]"))
                }
                (None, _) => {
                    self.registration_of_itself(&format!(" [crc2;n={drawn};p={drawn};f=auth]"))
                }
            },
            // A server has dialled it.
            (false, None, None) if !peer.announced => {
                let machine = format!(" [crc2;n={drawn};f=auth]");
                self.registration_of_itself(&machine)
            }
            (false, Some(nonce), Some(proof)) => {
                let sent_back = match self.random.below(3) {
                    0 => proof.to_owned(),
                    1 => nonce.to_owned(),
                    _ => drawn,
                };
                let machine = format!(" [crc2;p={sent_back};f=auth]");
                let mut frames = self.registration_of_itself(&machine);
                frames.extend(self.introduction());
                frames.extend(self.announcement());
                frames
            }
            _ => return false,
        };
        out.send(link, &frame);
        true
    }

    fn registration_of_itself(&self, machine: &str) -> Vec<u8> {
        Message::ServerRegistration(Registration {
            source: self.id,
            last_hop: None,
            name: self.name(),
            info: Info::new(format!("mine{machine}")).unwrap_or_default(),
        })
        .to_vec()
    }

    /// The first announcement: of this server as it wants to be seen.
    fn announcement(&mut self) -> Vec<u8> {
        let rank = self.random.one_of(&[0, 0, 1, 3, u32::MAX - 1, u32::MAX]);
        let clock = self.clock();
        let (address, features) = (self.address, self.features());
        let machine = format!(" [crc2;a={address};r={rank}{clock};f={features}]");
        self.registration_of_itself(&machine)
    }

    /// What its clock shows: mostly something possible.
    fn clock(&mut self) -> String {
        let clock = self.random.one_of(&[
            None,
            Some(1_700_000_000_000),
            Some(1_700_007_200_000),
            Some(1_700_014_400_000),
            Some(1_600_000_000_000),
            Some(2_000_000_000_000),
            Some(1),
            Some(u64::MAX),
        ]);
        clock.map_or(String::new(), |clock: u64| format!(";t={clock}"))
    }

    // What it learns.

    fn on_bytes(&mut self, link: LinkId, bytes: &[u8], out: &mut Out) {
        let Some(peer) = self.peers.get_mut(&link) else {
            return;
        };
        let mut buffer = core::mem::take(&mut peer.buffer);
        buffer.extend_from_slice(bytes);
        let mut rest = &buffer[..];
        while let Ok(Some(frame)) = Frame::take(&mut rest, FrameLimits::WIRE) {
            if let Ok(message) = frame.message() {
                self.on_message(link, &message, out);
            }
        }
        let rest = rest.to_vec();
        if let Some(peer) = self.peers.get_mut(&link) {
            peer.buffer = rest;
        }
    }

    fn on_message(&mut self, link: LinkId, message: &Message<'_>, out: &mut Out) {
        match message {
            Message::ServerRegistration(m) => self.on_server(link, m, out),
            Message::ClientRegistration(m) => self.remember_host(m.source, false),
            Message::DatedJoin(m) => {
                self.remember_channel(m.channel.as_str(), (m.founded, m.tag));
            }
            Message::DatedSetting(m) => {
                self.remember_channel(m.channel.as_str(), (m.founded, m.tag));
            }
            _ => {}
        }
    }

    fn remember_host(&mut self, id: HostId, is_server: bool) {
        if self.hosts.len() < REMEMBERED_MAX {
            self.hosts.insert(id.get(), is_server);
        }
    }

    fn remember_channel(&mut self, name: &str, founded: (u64, u32)) {
        if self.channels.len() < REMEMBERED_MAX {
            self.channels.insert(name.to_owned(), founded);
        }
    }

    fn on_server(&mut self, link: LinkId, m: &Registration<'_>, out: &mut Out) {
        self.remember_host(m.source, true);
        if self.is_liar && self.lie(link, m, out) {
            return;
        }
        let announcement = self.announcement();
        let introduction = self.introduction();
        let own = self.id;
        let Some(peer) = self.peers.get_mut(&link) else {
            return;
        };
        let known = *peer.id.get_or_insert(m.source);
        if known != m.source {
            return;
        }
        if !peer.announced {
            peer.announced = true;
            if !peer.dialled {
                out.send(link, &introduction);
            }
            return out.send(link, &announcement);
        }
        // It answers repetitions, as a server that lives.
        let text = format!("A machine has already registered with ID {known}");
        let answer = Status {
            source: Some(own),
            destination: None,
            code: StatusCode::ID_TAKEN,
            text: Text::truncated(&text),
        };
        out.send(link, &Message::Status(answer).to_vec());
    }

    // What it does.

    fn act(&mut self, random: &mut Random, out: &mut Out) {
        let links: Vec<LinkId> = self.peers.keys().copied().collect();
        let link = links.get(random.index(links.len())).copied();
        match (link, random.below(20)) {
            (None, _) => self.dial(out),
            (_, 0..3) if links.len() < 3 => self.dial(out),
            (Some(link), 3) => {
                out.close(link, random.one_of(&[CloseWhen::Now, CloseWhen::Flushed]))
            }
            (Some(link), 4) => {
                let quit = self.server_quit(self.id, random);
                out.send(link, &quit);
            }
            (Some(link), _) => {
                for _ in 0..random.between(1, 5) {
                    let mut frames = Vec::new();
                    self.poison(link, random, &mut frames);
                    out.send(link, &frames);
                }
            }
        }
    }

    /// A host of another server.
    fn other(&self, random: &mut Random) -> HostId {
        let ids: Vec<u32> = self.hosts.keys().copied().collect();
        let id = ids.get(random.index(ids.len())).copied().unwrap_or(1);
        HostId::new(id).expect("ids on the wire are not 0")
    }

    /// A client that it has invented on a link, or one of another server.
    fn anyone(&self, link: LinkId, random: &mut Random) -> HostId {
        let ghosts = self.peers.get(&link).map(|peer| &peer.ghosts);
        let ghosts: Vec<u32> = ghosts.into_iter().flatten().copied().collect();
        match ghosts.get(random.index(ghosts.len())) {
            Some(&ghost) if random.chance(70) => HostId::new(ghost).expect("not 0"),
            _ => self.other(random),
        }
    }

    /// An address that is not its own: of a node that is no server, of a server, of no node.
    fn victim(&self, random: &mut Random) -> String {
        let node = address_of(random.index(self.nodes.max(1)));
        match random.below(5) {
            0..2 => node.to_string(),
            2 => format!("127.9.9.9:{}", random.between(1, 9)),
            3 => "10.1.2.3:33300".to_owned(),
            _ => format!("victim{}.example:33300", random.below(5)),
        }
    }

    fn poison(&mut self, link: LinkId, random: &mut Random, frames: &mut Vec<u8>) {
        match random.below(if self.forges { 30 } else { 16 }) {
            16.. => self.forged_requests(link, random, frames),
            0..2 => self.ghost_servers(random, frames),
            2..4 => self.ghost_clients(link, random, frames),
            4 => self.registration_of_others(random, frames),
            5..8 => self.joins(link, random, frames),
            8..11 => self.settings(link, random, frames),
            11 => self.quits(random, frames),
            12 => self.channel_frames(link, random, frames),
            13 => self.chats(link, random, frames),
            14 => self.announce_again(random, frames),
            _ => self.statuses(random, frames),
        }
    }

    fn host(&self, id: u32, is_server: bool, info: String, frames: &mut Vec<u8>) {
        let registration = Registration {
            source: HostId::new(id).expect("not 0"),
            last_hop: Some(self.id),
            name: Name::truncated(POISON),
            info: Info::new(info).unwrap_or_default(),
        };
        let message = match is_server {
            true => Message::ServerRegistration(registration),
            false => Message::ClientRegistration(registration),
        };
        message.encode(frames);
    }

    fn ghost_servers(&self, random: &mut Random, frames: &mut Vec<u8>) {
        let count = random.one_of(&[1, 5, 20, 100]);
        for _ in 0..count {
            let id = GHOSTS + u32::try_from(random.below(80)).unwrap_or(0);
            let rank = random.one_of(&[0, 0, 1, 7, u32::MAX]);
            let victim = self.victim(random);
            let machine = format!(" [crc2;a={victim};r={rank};f=]");
            let twice = random.chance(20);
            let first = if twice { &machine } else { "" };
            self.host(id, true, format!("{POISON}{first}{machine}"), frames);
        }
    }

    fn ghost_clients(&mut self, link: LinkId, random: &mut Random, frames: &mut Vec<u8>) {
        let bytes = random.one_of(&[0, 0, 500, 3_000, 60_000]);
        let count = random.one_of(&[1, 3, 20]);
        let count = if bytes > 1_000 { 1 } else { count };
        for _ in 0..count {
            let id = 2_000_000 + u32::try_from(random.below(30)).unwrap_or(0);
            let since = random.one_of(&[0, 1, 1_700_000_000_000, 9_000_000_000_000, u64::MAX]);
            let info = POISON.to_owned() + &"i".repeat(bytes);
            let info = format!("{info} [crc2;s={since}]");
            self.host(id, false, info, frames);
            if let Some(peer) = self.peers.get_mut(&link) {
                peer.ghosts.insert(id);
            }
        }
    }

    /// Registers hosts that others have.
    fn registration_of_others(&self, random: &mut Random, frames: &mut Vec<u8>) {
        let id = self.other(random).get();
        let is_server = random.chance(50) && !CLIENTS.contains(&id);
        let since = random.one_of(&[1, 1_700_007_200_000, u64::MAX]);
        let machine = match is_server {
            true => format!(" [crc2;a={};r=0;f=]", self.victim(random)),
            false => format!(" [crc2;s={since}]"),
        };
        self.host(id, is_server, format!("{POISON}{machine}"), frames);
    }

    /// A channel, and an age for it: its own, another one, or one that is absurd.
    fn channel(&self, random: &mut Random) -> (ChannelName<'static>, u64, u32) {
        let name = random.one_of(&CHANNELS);
        let known = self.channels.get(name).copied();
        let (ms, tag) = known.unwrap_or((1_700_000_000_000, 7));
        let (ms, tag) = match random.below(8) {
            0..3 => (ms, tag),
            3 => (0, tag),
            4 => (0, 7),
            5 => (u64::MAX, random.one_of(&[tag, 8])),
            6 => (ms + 1_000_000_000, tag),
            _ => (ms.saturating_sub(5_000), 9),
        };
        (ChannelName::new(name).expect("a good name"), ms, tag)
    }

    fn joins(&self, link: LinkId, random: &mut Random, frames: &mut Vec<u8>) {
        let flood = random.chance(20);
        let source = self.anyone(link, random);
        for number in 0..if flood { 80 } else { 1 } {
            let (mut channel, founded, tag) = self.channel(random);
            if flood {
                let name = format!("#{POISON}{number}");
                channel = ChannelName::new(name).expect("a good name");
            }
            // No client gives voice in these runs.
            let flags = random.one_of(&[
                MemberFlags::NONE.with_voice(true),
                MemberFlags::OPERATOR.with_voice(true),
                MemberFlags::OPERATOR.with_voice(true),
            ]);
            let by = random.chance(30).then(|| self.other(random));
            let join = DatedJoin {
                source,
                by,
                founded,
                tag,
                flags,
                channel,
            };
            Message::DatedJoin(join).encode(frames);
        }
    }

    fn settings(&self, link: LinkId, random: &mut Random, frames: &mut Vec<u8>) {
        let (channel, founded, tag) = self.channel(random);
        let field = ChannelField(random.one_of(&[0, 11, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 200]));
        let long = "x".repeat(random.one_of(&[1_000, 60_000]));
        let value = match random.below(10) {
            0..4 => format!("{POISON} {}", random.below(100)),
            4 => "zzZZ! \r\n".to_owned(),
            5 => "mnt".to_owned(),
            6 => "18446744073709551616".to_owned(),
            7 => long,
            8 => "*!*@* ann 1700000000 a!b@c bob 7".to_owned(),
            _ => "*!*@* a!b@c".to_owned(),
        };
        let setting = DatedSetting {
            source: random.chance(40).then(|| self.anyone(link, random)),
            version: random.one_of(&[
                u64::MAX,
                u64::MAX,
                u64::MAX - 1,
                1,
                1_700_007_200_000,
                9_000_000_000_000,
            ]),
            founded,
            tag,
            field,
            channel,
            setter: Name::truncated(POISON),
            value: Text::truncated(&value),
        };
        Message::DatedSetting(setting).encode(frames);
    }

    fn server_quit(&self, source: HostId, random: &mut Random) -> Vec<u8> {
        let text = format!("{} {POISON}", self.victim(random));
        Message::ServerQuit(ServerQuit {
            source,
            replacement: random.chance(60).then(|| self.other(random)),
            text: Text::truncated(&text),
        })
        .to_vec()
    }

    /// Quits of hosts that are not its own.
    fn quits(&self, random: &mut Random, frames: &mut Vec<u8>) {
        let source = self.other(random);
        if random.chance(50) {
            frames.extend(self.server_quit(source, random));
        } else {
            let text = Text::truncated(POISON);
            Message::ClientQuit(ClientQuit { source, text }).encode(frames);
        }
    }

    /// Parts, chats and requests of channels.
    fn channel_frames(&self, link: LinkId, random: &mut Random, frames: &mut Vec<u8>) {
        let (channel, ..) = self.channel(random);
        let source = self.anyone(link, random);
        let text = Text::truncated(POISON);
        let message = match random.below(5) {
            0 => Message::ChannelPart(ChannelPart {
                source,
                by: random.chance(50).then(|| self.anyone(link, random)),
                channel,
                text,
            }),
            1 => Message::ChannelChat(ChannelChat {
                source,
                kind: ChatKind::Message,
                channel,
                text,
            }),
            2 => {
                let to = random.chance(50).then(|| self.other(random));
                let kinds = [
                    TaggedKind::Message,
                    TaggedKind::Notice,
                    TaggedKind::TagsOnly,
                    TaggedKind::Redaction,
                ];
                Message::TaggedChat(TaggedChat {
                    source,
                    destination: to,
                    kind: random.one_of(&kinds),
                    audience: random.one_of(&[
                        Audience::All,
                        Audience::Operators,
                        Audience::Voiced,
                    ]),
                    channel: to.is_none().then_some(channel),
                    tags: Tags::new("time=0;+k=7;batch=x;msgid=y").unwrap_or_default(),
                    text,
                })
            }
            3 => Message::ChannelRequest(ChannelRequest {
                source,
                destination: random.chance(90).then(|| self.other(random)),
                // Neither of the two that give or take voice.
                kind: RequestKind(random.one_of(&[0, 1, 2, 3, 4, 7, 8, 99])),
                channel: Some(channel),
                text,
            }),
            // Invitations of others, questions, and answers that no server has asked for.
            _ => {
                let invited = self.other(random).to_string();
                let text = random.one_of(&[
                    POISON,
                    "1 idle",
                    "1 motd",
                    "1 stats l",
                    "1 links *",
                    "1\n372 :x",
                    "1\n364 x x :0 x",
                    &invited,
                ]);
                Message::ChannelRequest(ChannelRequest {
                    source,
                    destination: random.chance(60).then(|| self.other(random)),
                    kind: RequestKind(random.one_of(&[25, 27, 28])),
                    channel: Some(channel),
                    text: Text::truncated(text).into_owned(),
                })
            }
        };
        message.encode(frames);
    }

    fn chats(&self, link: LinkId, random: &mut Random, frames: &mut Vec<u8>) {
        let text = POISON.repeat(random.one_of(&[1, 100]));
        Message::ClientChat(ClientChat {
            source: self.anyone(link, random),
            destination: Some(self.other(random)),
            text: Text::truncated(&text),
        })
        .encode(frames);
    }

    /// Announces itself again, as another one.
    fn announce_again(&mut self, random: &mut Random, frames: &mut Vec<u8>) {
        let rank = random.one_of(&[0, 2, 5, u32::MAX]);
        let shift = random.one_of(&["", ";d=3600000", ";d=-3600000", ";d=9223372036854775807"]);
        let longest = random.one_of(&["", "", ";x=1", ";x=700", ";x=4294967295"]);
        let address = match random.chance(50) {
            true => self.address.to_string(),
            false => self.victim(random),
        };
        let clock = self.clock();
        let features = self.features();
        let machine = format!(" [crc2;a={address};r={rank}{clock}{shift}{longest};f={features}]");
        frames.extend(self.registration_of_itself(&machine));
    }

    /// What operators and servers say of operators and bans, in the name of any host.
    fn forged_requests(&self, link: LinkId, random: &mut Random, frames: &mut Vec<u8>) {
        let source = match random.below(3) {
            0 => self.id,
            1 => self.anyone(link, random),
            _ => self.other(random),
        };
        let to = self.other(random);
        frames.extend(forge::request((source, to), HOSTILE_SETTER, random));
        if random.below(1500) == 0 {
            forge::ban_flood(self.id, frames);
        }
    }

    fn statuses(&self, random: &mut Random, frames: &mut Vec<u8>) {
        let other = self.other(random);
        let text = random.one_of(&[
            "A machine has already registered with ID 1",
            "Unknown ID 7",
            "Too many messages for ID 7",
            POISON,
        ]);
        let code = random.one_of(&[0, 1, 2, 0x100, 0x101, 0x102, 0x103, 0x105, 0x106, 0x177]);
        Message::Status(Status {
            source: Some(self.id),
            destination: random.chance(50).then_some(other),
            code: StatusCode(code),
            text: Text::truncated(text),
        })
        .encode(frames);
    }
}

/// The value of an entry of a machine part.
fn entry<'a>(info: &'a str, key: &str) -> Option<&'a str> {
    let (_, rest) = info.split_once(key)?;
    rest.split([';', ']']).next()
}

/// A registration with a machine part, without it.
fn without_machine_part(mut frame: &[u8]) -> Vec<u8> {
    let frame = Frame::take(&mut frame, FrameLimits::WIRE);
    let Ok(Some(Ok(Message::ServerRegistration(mut m)))) =
        frame.map(|it| it.map(|it| it.message()))
    else {
        return Vec::new();
    };
    let human = crc_core::strip_machine_parts(m.info.as_str()).to_owned();
    m.info = Info::new(human).unwrap_or_default();
    Message::ServerRegistration(m).to_vec()
}
