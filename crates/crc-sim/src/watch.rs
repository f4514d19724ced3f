//! What is seen on the wire, judged frame by frame as it is sent: who was told
//! what (P1, P2), and where every chat and every answer is (C1 to C4).

use crc_core::{PeerVersion, split_info};
use crc_wire::{Frame, FrameLimits, HostId, Message, Registration, StatusCode};

use crate::chats::{self, Chat, Fate, NOBODY};
use crate::invariant::Invariant;
use crate::node::Role;
use crate::notes::{Token, Told};
use crate::world::World;
use crc_netem::Side;

/// A hash of some bytes; good enough to tell texts apart.
fn hash(parts: &[&str]) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for part in parts {
        for byte in part.bytes() {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
        hash = (hash ^ 0xff).wrapping_mul(0x0100_0000_01b3);
    }
    hash | 1
}

/// The number that a text ends with.
fn last_number(text: &str) -> Option<u32> {
    text.rsplit(' ').next()?.parse().ok()
}

/// What bytes say, for a line of the trace.
pub(crate) fn describe(mut bytes: &[u8]) -> String {
    let mut words = Vec::new();
    while let Ok(Some(frame)) = Frame::take(&mut bytes, FrameLimits::WIRE) {
        words.push(match frame.message() {
            Ok(Message::ServerRegistration(m)) => {
                format!("server {} {:?}", m.source, m.info.as_str())
            }
            Ok(Message::ClientRegistration(m)) => format!(
                "client {} {:?} {:?}",
                m.source,
                m.name.as_str(),
                m.info.as_str()
            ),
            Ok(Message::ClientChat(m)) => format!(
                "chat {}->{} {:?}",
                m.source,
                m.destination.map_or(0, HostId::get),
                m.text.as_str().split(' ').next().unwrap_or_default()
            ),
            Ok(Message::ClientQuit(m)) => format!("quit {} {:?}", m.source, m.text.as_str()),
            Ok(Message::ServerQuit(m)) => format!(
                "server quit {} by {} {:?}",
                m.source,
                m.replacement.map_or(0, HostId::get),
                m.text.as_str()
            ),
            Ok(Message::Status(m)) => format!("status {} {:?}", m.code, m.text.as_str()),
            Ok(Message::ChannelJoin(m)) => {
                format!("{} in {} {:?}", m.source, m.channel.as_str(), m.flags)
            }
            Ok(Message::ChannelPart(m)) => format!("{} out of {}", m.source, m.channel.as_str()),
            Ok(Message::ChannelChat(m)) => format!(
                "{} says {:?} in {}",
                m.source,
                m.text.as_str(),
                m.channel.as_str()
            ),
            Ok(Message::ChannelSetting(m)) => format!(
                "{} {} is {:?}, version {}",
                m.channel.as_str(),
                m.field.0,
                m.value.as_str(),
                m.version
            ),
            Ok(Message::ChannelRequest(m)) => format!("{} asks {}", m.source, m.kind.0),
            Ok(_) => "something".to_owned(),
            Err(error) => format!("nonsense: {error}"),
        });
    }
    if !bytes.is_empty() {
        words.push(format!("{} bytes more", bytes.len()));
    }
    words.join("; ")
}

/// Whether bytes tell of anybody but the server that sends them.
pub(crate) fn tells(mut bytes: &[u8], own: Option<HostId>) -> bool {
    while let Ok(Some(frame)) = Frame::take(&mut bytes, FrameLimits::WIRE) {
        match frame.message() {
            Ok(Message::ServerRegistration(m)) if Some(m.source) == own => {}
            _ => return true,
        }
    }
    false
}

impl World {
    /// The node at a side of a connection.
    pub(crate) fn host_at(&self, connection: usize, side: Side) -> usize {
        self.net.connections()[connection].end(side).host()
    }

    /// Looks at what a node sends on a connection, before it is on its way.
    pub(crate) fn watch(&mut self, connection: usize, side: Side, bytes: &[u8]) {
        let node = self.host_at(connection, side);
        self.trace.bytes(bytes);
        self.trace.note((node as u64) << 32 | connection as u64);
        self.trace.line(self.net.now(), || {
            let reader = self.net.connections()[connection].end(1 - side).host();
            format!(
                "{} -> {} on connection {connection}: {}",
                self.nodes[node].describe(node),
                self.nodes[reader].describe(reader),
                describe(bytes)
            )
        });
        let is_hostile = matches!(&self.nodes[node].role, Role::Raw(raw) if !raw.is_original());
        if is_hostile {
            return self.moved("somebody hostile spoke");
        }
        let base = self.net.connections()[connection].stream(side).sent();
        let mut rest = bytes;
        while let Ok(Some(frame)) = Frame::take(&mut rest, FrameLimits::WIRE) {
            let end = base + (bytes.len() - rest.len()) as u64;
            let start = end - frame.bytes().len() as u64;
            self.counts.frames += 1;
            let Ok(message) = frame.message() else {
                let text = format!(
                    "{} sent what makes no sense",
                    self.nodes[node].describe(node)
                );
                return self.violation(Invariant::P1, text);
            };
            self.watch_message(connection, side, &message, start, end);
        }
        if !rest.is_empty() {
            let text = format!("{} sent a part of a frame", self.nodes[node].describe(node));
            self.violation(Invariant::P1, text);
        }
    }

    fn watch_message(
        &mut self,
        connection: usize,
        side: Side,
        message: &Message<'_>,
        start: u64,
        end: u64,
    ) {
        let node = self.host_at(connection, side);
        let own = match &self.nodes[node].role {
            Role::Server(server) => Some(server.snapshot().id()),
            _ => None,
        };
        let token = |chat, answer| Token {
            start,
            end,
            chat,
            answer,
        };
        match message {
            Message::ServerRegistration(m) => match own {
                // By its own id, or by the one that it has on this link only.
                Some(own) if own == m.source || m.last_hop.is_none() => {
                    self.watch_own(connection, side, m);
                }
                Some(_) => self.watch_told(connection, side, m, true),
                None => self.moved("an original server told of a server"),
            },
            Message::ClientRegistration(m) if own.is_some() => {
                self.watch_told(connection, side, m, false);
            }
            Message::ClientRegistration(_) => {
                self.moved_unless_in_vain(connection, "a client registered");
            }
            Message::ClientQuit(m) => self.watch_quit(connection, side, m.source, own, end),
            Message::ServerQuit(m) => self.watch_quit(connection, side, m.source, own, end),
            Message::ClientChat(m) => {
                self.moved("a chat was sent");
                if let Some(chat) =
                    chats::number(m.text.as_str()).filter(|chat| *chat < self.chats.len())
                {
                    self.watch_chat(connection, side, m.source, token(chat, false));
                }
            }
            Message::Status(m) if m.code == StatusCode::ID_TAKEN && m.destination.is_none() => {}
            Message::Status(m) => {
                self.moved("a status was sent");
                let answer = matches!(m.code, StatusCode::UNKNOWN_ID | StatusCode::TOO_LONG);
                if let (true, Some(to), Some(about)) =
                    (answer, m.destination, last_number(m.text.as_str()))
                {
                    let begins = m.source == own && own.is_some()
                        || matches!(self.nodes[node].role, Role::Raw(_)) && m.source.is_some();
                    self.watch_answer(connection, side, begins, to, about, token(0, true));
                }
            }
            Message::ChannelChat(m) => self.watch_said(connection, side, m.text.as_str()),
            _ if message.kind().is_channel() => self.moved("somebody was told of a channel"),
            _ => {}
        }
    }

    /// A server says again what it is. The same words are a ping.
    fn watch_own(&mut self, connection: usize, side: Side, m: &Registration<'_>) {
        let words = hash(&[m.name.as_str(), m.info.as_str()]);
        let stream = &mut self.notes[connection][side];
        if stream.own_words != words {
            stream.own_words = words;
            self.moved_unless_in_vain(connection, "a server announced itself");
        } else {
            self.counts.pings += 1;
        }
    }

    /// A server tells of somebody else.
    fn watch_told(&mut self, connection: usize, side: Side, m: &Registration<'_>, server: bool) {
        self.moved("somebody was told of a host");
        self.counts.registrations += 1;
        let reader = self.host_at(connection, 1 - side);
        let to_client = self.nodes[reader].is_client();
        let (human, machine) = match server {
            true => split_info(m.info.as_str()),
            false => (m.info.as_str(), None),
        };
        let told = Told {
            server,
            human: hash(&[m.name.as_str(), human]),
            machine: machine.map_or(0, |machine| hash(&[machine])),
            at: self.now(),
        };
        let id = m.source.get();
        // Who means ill may have such words in its info for people.
        let plain = to_client || self.nodes[reader].is_original_server();
        if plain && self.options.hostiles == 0 && m.info.as_str().contains(" [crc2") {
            let text = format!(
                "{}: what {id} says to machines",
                self.who_to_whom(connection, side)
            );
            self.violation(Invariant::O1, text);
        }
        let streams = &mut self.notes[connection];
        // Whom the other end has taken over and lost, or forgotten.
        let lost_at = streams[1 - side].quit_at.get(&id).copied();
        let before = streams[side].told.insert(id, told);
        let before = before.filter(|before| match &self.nodes[reader].birth {
            // It may have said so before it was told.
            crate::node::Birth::Raw(raw) => raw.is_original() && lost_at.is_none(),
            // All that waited for one that was taken for an original goes at once.
            _ if told.machine == 0 && server && before.at == told.at => false,
            _ => lost_at.is_none_or(|lost| lost < before.at),
        });
        // As little as that its id is somebody else's now.
        let was_server = server || before.is_some_and(|before| before.server);
        if self.takes_for_original(connection, side) {
            self.notes[connection][side].doubted = true;
        }
        // What waits for one that is taken for an original may be out of date.
        let plain = told.machine == 0 || self.options.hostiles > 0;
        let doubted = self.notes[connection][side].doubted && plain;
        let ghost_for_now = before.is_some() && was_server && doubted;
        // Nobody can tell an original server that a server is gone.
        let ghost = ghost_for_now
            || was_server && matches!(self.nodes[reader].birth, crate::node::Birth::Raw(_));
        let wrong = match before {
            _ if ghost => None,
            _ if server && to_client => Some("a client is told of a server"),
            Some(before) if before.same(&told) => Some("it has been told so before"),
            Some(before) if before.human != told.human => {
                Some("it has been told something else and no quit")
            }
            Some(_) if told.machine == 0 => Some("it has been told more before"),
            _ => None,
        };
        if let Some(wrong) = wrong {
            let text = format!("{} of {id}: {wrong}", self.who_to_whom(connection, side));
            self.violation(Invariant::P1, text);
        }
    }

    /// Whether a server takes its neighbour for an original one.
    fn takes_for_original(&self, connection: usize, side: Side) -> bool {
        let end = self.net.connections()[connection].end(side);
        self.nodes[end.host()].server().is_some_and(|server| {
            let mut links = server.snapshot().links();
            links.any(|view| view.link == end.link() && view.neighbour.version != PeerVersion::V2)
        })
    }

    fn watch_quit(
        &mut self,
        connection: usize,
        side: Side,
        gone: HostId,
        own: Option<HostId>,
        end: u64,
    ) {
        self.moved("a quit was sent");
        self.counts.quits += 1;
        let now = self.now();
        let quit_at = &mut self.notes[connection][side].quit_at;
        quit_at.insert(gone.get(), now);
        if own.is_none() || own == Some(gone) {
            return;
        }
        let streams = &mut self.notes[connection];
        // Whose own host gives way to our parent's is told so all the same.
        let other = &streams[1 - side];
        let delivered = self.net.connections()[connection]
            .stream(1 - side)
            .delivered();
        let leaves = other
            .quits
            .get(&gone.get())
            .is_some_and(|end| *end > delivered);
        let theirs = other.told.contains_key(&gone.get()) || leaves;
        streams[side].quits.insert(gone.get(), end);
        // An original server is told of the end of those whom it still lists from
        // before; and nobody notes here what the malicious tell.
        let reader = self.host_at(connection, 1 - side);
        let theirs = theirs || matches!(self.nodes[reader].birth, crate::node::Birth::Raw(_));
        let streams = &mut self.notes[connection];
        if streams[side].told.remove(&gone.get()).is_none() && !theirs {
            let text = format!(
                "{}: a quit of {gone}, of whom it was not told",
                self.who_to_whom(connection, side)
            );
            self.violation(Invariant::P2, text);
        }
    }

    pub(crate) fn who_to_whom(&self, connection: usize, side: Side) -> String {
        let (writer, reader) = (
            self.host_at(connection, side),
            self.host_at(connection, 1 - side),
        );
        format!(
            "{} to {}",
            self.nodes[writer].describe(writer),
            self.nodes[reader].describe(reader)
        )
    }

    fn watch_chat(&mut self, connection: usize, side: Side, source: HostId, token: Token) {
        let node = self.host_at(connection, side);
        self.mistaken(node, token.chat);
        let chat = &mut self.chats[token.chat];
        let speaks = chat.speaker == node;
        if speaks {
            chat.source = Some((source, connection));
            chat.seen = 0;
        }
        let expected = if speaks { Fate::Unsaid } else { Fate::At(node) };
        if chat.fate != expected || chat.answered {
            if self.options.hostiles > 0 && !speaks {
                return;
            }
            let text = format!(
                "{} sends chat {} again, which is {:?}",
                self.nodes[node].describe(node),
                token.chat,
                self.chats[token.chat].fate
            );
            return self.violation(Invariant::C2, text);
        }
        chat.fate = Fate::OnWire(connection);
        self.nodes[node].holds.retain(|held| *held != token.chat);
        self.notes[connection][side].tokens.push_back(token);
    }

    /// An answer says to whom the chat was, not which it was: of several that a
    /// node had, another was meant than we took it for.
    fn mistaken(&mut self, node: usize, number: usize) {
        let chat = &self.chats[number];
        if chat.fate != Fate::Answered || chat.speaker == node {
            return;
        }
        let alike = |&other: &usize| {
            let other = &self.chats[other];
            let source = |chat: &Chat| chat.source.map(|(source, _)| source);
            (source(other), other.to, other.answered) == (source(chat), chat.to, false)
        };
        if let Some(meant) = self.nodes[node].holds.iter().copied().find(alike) {
            self.nodes[node].holds.retain(|held| *held != meant);
            self.chats[meant].fate = Fate::Answered;
            self.chats[meant].answered = true;
            self.chats[number].fate = Fate::At(node);
            self.chats[number].answered = false;
        }
    }

    /// A status that answers a chat: begun here, or passed on.
    fn watch_answer(
        &mut self,
        connection: usize,
        side: Side,
        begins: bool,
        to: HostId,
        about: u32,
        mut token: Token,
    ) {
        let node = self.host_at(connection, side);
        let only = about.checked_sub(NOBODY).map(|chat| chat as usize);
        let only = only.filter(|chat| *chat < self.chats.len());
        let is_meant = |&held: &usize| {
            let chat = &self.chats[held];
            let source = chat.source.is_some_and(|(source, _)| source == to);
            source && chat.to.get() == about && chat.answered != begins
        };
        // Of two speakers with one id rather the one that hears the answer.
        let hears = |held: &usize| {
            let source = self.chats[*held].source;
            is_meant(held) && source.is_some_and(|(_, from)| from == connection)
        };
        let holds = &self.nodes[node].holds;
        let held = holds.iter().copied().find(hears);
        let held = held.or_else(|| holds.iter().copied().find(is_meant));
        let Some(chat) = held else {
            // Who tells lies gets answers to what was never said.
            if begins && self.options.all_ours() {
                let text = format!(
                    "{} answers a chat from {to} to {about} that it does not have",
                    self.nodes[node].describe(node)
                );
                self.violation(Invariant::C2, text);
            }
            return;
        };
        self.nodes[node].holds.retain(|held| *held != chat);
        self.chats[chat].answered = true;
        // Only the answer to a chat to nobody can be told from others on its way.
        self.chats[chat].fate = if only == Some(chat) {
            token.chat = chat;
            self.notes[connection][side].tokens.push_back(token);
            Fate::OnWire(connection)
        } else {
            Fate::Answered
        };
    }

    /// A client hears something.
    pub(crate) fn heard(&mut self, node: usize, from: HostId, to: Option<HostId>, text: &str) {
        let Some(number) = chats::number(text).filter(|number| *number < self.chats.len()) else {
            return;
        };
        let reader = self.nodes[node].client().map(crc_core::Client::id);
        let chat = &mut self.chats[number];
        let wrong = if chat.fate != Fate::At(node) {
            Some((Invariant::C2, "is heard though it should not be here"))
        } else if chat.source.map(|(source, _)| source) != Some(from) || to != Some(chat.to) {
            Some((Invariant::C1, "came with other ids than it was sent with"))
        } else if reader != Some(chat.to) {
            Some((Invariant::C1, "came to another than it was sent to"))
        } else {
            None
        };
        let source = chat.source;
        if wrong.is_none() {
            chat.fate = Fate::Delivered;
            self.counts.delivered += 1;
        }
        self.nodes[node].holds.retain(|held| *held != number);
        if let Some((invariant, wrong)) = wrong {
            let fate = self.chats[number].fate;
            let who = self.nodes[node].describe(node);
            let text = format!("chat {number} {wrong}: {who}; it was {fate:?}");
            if self.options.hostiles == 0 {
                self.violation(invariant, text);
            }
            return;
        }
        let reader = self.net.host(node).ends().last().map_or(0, |end| end.0);
        let Some((_, speaker)) = source else { return };
        let last = self.heard.insert((speaker, reader), number);
        if let Some(last) = last.filter(|last| *last > number) {
            let text = format!(
                "chat {number} came after chat {last}: {}",
                self.nodes[node].describe(node)
            );
            self.violation(Invariant::C3, text);
        }
    }
}
