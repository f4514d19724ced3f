//! Checks of every frame as it is sent: which hosts were announced to each peer (P1, P2), and
//! whether a v1 node can read it (O1).

use crc_core::split_info;
use crc_netem::Side;
use crc_wire::{Frame, FrameLimits, HostId, Message, Registration, RequestKind, StatusCode};

use super::Monitor;
use super::chats::Answer;
use super::describe::describe_frames;
use super::stream_state::{AnnouncedHost, Token};
use crate::foreign::numbered_tag;
use crate::invariant::Invariant;
use crate::network::Network;
use crate::node::{NodeConfig, Role};

/// A hash of some texts, good enough to tell them apart.
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

/// The host that speaks in a channel in this frame, and the channel.
fn speech_in_channel<'a>(message: &'a Message<'_>) -> Option<(HostId, &'a str)> {
    match message {
        Message::ChannelChat(m) => Some((m.source, m.channel.as_str())),
        Message::TaggedChat(m) => Some((m.source, m.channel.as_ref()?.as_str())),
        _ => None,
    }
}

impl Monitor {
    /// A node is about to send bytes on a connection.
    pub(crate) fn on_send(
        &mut self,
        network: &Network,
        connection: usize,
        side: Side,
        bytes: &[u8],
    ) {
        let node = network.node_at(connection, side);
        self.record.trace.bytes(bytes);
        self.record
            .trace
            .number((node as u64) << 32 | connection as u64);
        self.line(network, || {
            let reader = network.node_at(connection, 1 - side);
            format!(
                "{} -> {} on connection {connection}: {}",
                network.describe(node),
                network.describe(reader),
                describe_frames(bytes)
            )
        });
        if self.text[connection] {
            return self.on_lines_sent(network, connection, side, bytes);
        }
        if network.nodes[node].is_hostile() {
            self.on_hostile_bytes(network, node, bytes);
            return self.mark_activity(network, "a hostile node sent bytes");
        }
        let base = network.connection(connection).stream(side).sent();
        let mut rest = bytes;
        while let Ok(Some(frame)) = Frame::take(&mut rest, FrameLimits::WIRE) {
            let end = base + (bytes.len() - rest.len()) as u64;
            let start = end - frame.bytes().len() as u64;
            self.record.counts.frames += 1;
            let Ok(message) = frame.message() else {
                let text = format!("{} sent an invalid frame", network.describe(node));
                return self.violation(network, Invariant::P1, text);
            };
            let token = Token {
                start,
                end,
                chat: 0,
                answer: false,
            };
            self.check_message(network, connection, side, &message, token);
        }
        if !rest.is_empty() {
            let text = format!("{} sent a part of a frame", network.describe(node));
            self.violation(network, Invariant::P1, text);
        }
    }

    fn check_message(
        &mut self,
        network: &Network,
        connection: usize,
        side: Side,
        message: &Message<'_>,
        token: Token,
    ) {
        let node = network.node_at(connection, side);
        let own = network.server(node).map(|server| server.snapshot().id());
        if let Some(judge) = &mut self.judge {
            judge.on_frame_sent(network, connection, side, message, token.end);
            if let Some((source, channel)) = speech_in_channel(message)
                && let Some((invariant, text)) = judge.check_speech(network, node, source, channel)
            {
                self.violation(network, invariant, text);
            }
        }
        match message {
            Message::ServerRegistration(m) => match own {
                // By its own id, or by the one that it has on this link only.
                Some(own) if own == m.source || m.last_hop.is_none() => {
                    self.check_own_announcement(network, connection, side, m);
                }
                Some(_) => self.check_announcement(network, connection, side, m, true),
                None => self.mark_activity(network, "a v1 server announced a server"),
            },
            Message::ClientRegistration(m) if own.is_some() => {
                self.check_announcement(network, connection, side, m, false);
            }
            Message::ClientRegistration(m) => {
                self.note_id(node, m.source);
                self.mark_activity_unless_futile(network, connection, "a client registered");
            }
            Message::ClientQuit(m) => {
                self.check_quit(network, connection, side, m.source, own, token.end);
            }
            Message::ServerQuit(m) => {
                self.check_quit(network, connection, side, m.source, own, token.end);
            }
            Message::ClientChat(m) => {
                self.mark_activity(network, "a chat was sent");
                self.on_chat_sent(network, connection, side, m, token);
            }
            Message::Status(m) if m.code == StatusCode::ID_TAKEN && m.destination.is_none() => {
                self.check_displaced(network, connection, side);
            }
            // The answer to an announcement, which is seen, or to a ping.
            Message::Status(m) if m.code == StatusCode::FEATURES => {}
            Message::Status(m) => {
                self.mark_activity(network, "a status was sent");
                if m.code == StatusCode::NOT_PERMITTED && own.is_some() {
                    self.check_removal(network, connection, side, m.text.as_str());
                }
                if m.code == StatusCode::WELCOME && own.is_some() {
                    self.on_welcome(network, connection, side, m.destination);
                }
                let answers = matches!(
                    m.code,
                    StatusCode::UNKNOWN_ID | StatusCode::TOO_LONG | StatusCode::CONGESTED
                );
                if let (true, Some(to), Some(about)) =
                    (answers, m.destination, last_number(m.text.as_str()))
                {
                    let begins = m.source == own && own.is_some()
                        || matches!(network.nodes[node].role, Role::Foreign(_))
                            && m.source.is_some();
                    let answer = Answer { begins, to, about };
                    self.on_answer_sent(network, connection, side, answer, token);
                }
            }
            Message::ChannelChat(m) => {
                self.on_channel_chat_sent(network, connection, side, m.text.as_str());
            }
            Message::ChannelRequest(m) if m.kind == RequestKind::PING => {
                self.record.counts.keepalives += 1;
            }
            Message::TaggedChat(m) => {
                let tags = || numbered_tag(m.tags.as_str());
                let text = match m.text.as_str() {
                    "" => tags().unwrap_or_default(),
                    text => text.to_owned(),
                };
                self.on_channel_chat_sent(network, connection, side, &text);
            }
            Message::ChannelRequest(m) if own.is_some() => {
                self.mark_activity(network, "a request was sent");
                self.check_note_sent(network, (connection, side), m);
            }
            _ if message.kind().is_channel() => {
                self.mark_activity(network, "a channel message was sent");
            }
            _ => {}
        }
    }

    /// A server announces itself again. The same announcement is a keepalive.
    fn check_own_announcement(
        &mut self,
        network: &Network,
        connection: usize,
        side: Side,
        m: &Registration<'_>,
    ) {
        let content = hash(&[m.name.as_str(), m.info.as_str()]);
        let stream = &mut self.streams[connection][side];
        if stream.own_announcement == content {
            self.record.counts.keepalives += 1;
        } else {
            stream.own_announcement = content;
            self.mark_activity_unless_futile(network, connection, "a server announced itself");
        }
    }

    /// A server announces another host.
    fn check_announcement(
        &mut self,
        network: &Network,
        connection: usize,
        side: Side,
        m: &Registration<'_>,
        is_server: bool,
    ) {
        self.mark_activity(network, "a host was announced");
        self.record.counts.registrations += 1;
        let reader = network.node_at(connection, 1 - side);
        if network.client(reader).is_some()
            && network.neighbour_on(connection, side) == Some(m.source)
        {
            // The answer to a client that has asked for another name.
            return;
        }
        let reader = &network.nodes[reader];
        let id = m.source.get();
        let (human, machine) = split_info(m.info.as_str());
        let announced = AnnouncedHost {
            is_server,
            human: hash(&[m.name.as_str(), human]),
            machine: machine.map_or(0, |machine| hash(&[machine])),
            at: network.net.now(),
        };
        // A hostile node may have such text in its info for people.
        let reads_v1 = reader.is_client() || reader.is_v1_server();
        // Clients of this version take names in UTF-8, and nothing else for machines.
        let is_ours = matches!(&reader.config, NodeConfig::Client(_));
        let is_name = |part: &str| part.starts_with(" [crc2;u=") && part.matches(';').count() == 1;
        let reads_v1 = reads_v1 && !(is_ours && machine.is_some_and(is_name));
        if reads_v1 && !network.options.has_hostiles() && m.info.as_str().contains(" [crc2") {
            let text = format!(
                "{}: the info for machines of {id}",
                network.describe_direction(connection, side)
            );
            self.violation(network, Invariant::O1, text);
        }
        let streams = &mut self.streams[connection];
        // When the reader last sent a quit of the host.
        let lost_at = streams[1 - side].quit_at.get(&id).copied();
        let before = streams[side].announced.insert(id, announced);
        let before = before.filter(|before| match &reader.config {
            // It may have sent that before it read the announcement.
            NodeConfig::Foreign(node) => node.is_v1() && lost_at.is_none(),
            // All that was held back for a node that was taken for v1 goes out at once.
            _ if announced.machine == 0 && is_server && before.at == announced.at => false,
            _ => lost_at.is_none_or(|lost| lost < before.at),
        });
        if network.takes_for_v1(connection, side) {
            self.streams[connection][side].taken_for_v1 = true;
        }
        let may_be_stale = self.may_be_stale(network, connection, side, announced, before);
        let is_v1 = matches!(&reader.config, NodeConfig::Foreign(node) if !node.is_person());
        let takes_renames = network.options.people && !is_server && !is_v1;
        let wrong = match before {
            _ if may_be_stale => None,
            // A client may have another name where channels are known; what a hostile server
            // says of it changes to and fro.
            _ if !is_server && self.is_stated_by_hostile(id) => None,
            _ if is_server && reader.is_client() => Some("a server is announced to a client"),
            Some(before) if before.is_same(&announced) => Some("the same was announced before"),
            // A node that takes channels is told of another name as such.
            Some(before) if before.human != announced.human && takes_renames => None,
            Some(before) if before.human != announced.human => Some("it changed without a quit"),
            // A name in UTF-8 has become one in ASCII.
            Some(_) if announced.machine == 0 && takes_renames => None,
            Some(_) if announced.machine == 0 => Some("its info for machines was announced before"),
            _ => None,
        };
        if let Some(wrong) = wrong {
            let direction = network.describe_direction(connection, side);
            let text = format!("{direction} of {id}: {wrong}");
            self.violation(network, Invariant::P1, text);
        }
    }

    /// Whether the reader may remember a server that is gone: nothing tells a v1 server
    /// that a server has left, nor that its id is another host's now.
    fn may_be_stale(
        &self,
        network: &Network,
        connection: usize,
        side: Side,
        announced: AnnouncedHost,
        before: Option<AnnouncedHost>,
    ) -> bool {
        let reader = network.node_at(connection, 1 - side);
        let was_server = announced.is_server || before.is_some_and(|before| before.is_server);
        // What was held back for a node that was taken for v1 may be out of date.
        let plain = announced.machine == 0 || network.options.has_hostiles();
        let held_back = self.streams[connection][side].taken_for_v1 && plain;
        before.is_some() && was_server && held_back
            || was_server && network.nodes[reader].is_foreign()
    }

    fn check_quit(
        &mut self,
        network: &Network,
        connection: usize,
        side: Side,
        gone: HostId,
        own: Option<HostId>,
        end: u64,
    ) {
        self.mark_activity(network, "a quit was sent");
        self.record.counts.quits += 1;
        let id = gone.get();
        let streams = &mut self.streams[connection];
        streams[side].quit_at.insert(id, network.net.now());
        if own.is_none() || own == Some(gone) {
            return;
        }
        // A host of the reader that yields to one of the sender's side gets a quit, too.
        let delivered = network.connection(connection).stream(1 - side).delivered();
        // What is read in this event may have been handled behind this quit.
        let unread = self.unread_before.get(&(connection, side)).copied();
        let unread = unread.unwrap_or_default();
        let unread = unread.max(network.unread(connection, side));
        let delivered = delivered.saturating_sub(unread);
        let other = &streams[1 - side];
        let leaving = other.quit_ends.get(&id).is_some_and(|end| *end > delivered);
        let is_readers = other.announced.contains_key(&id) || leaving;
        streams[side].quit_ends.insert(id, end);
        // A v1 server gets quits of hosts that it still lists from before. The monitor
        // keeps no account of what hostile nodes announce.
        let reader = network.node_at(connection, 1 - side);
        let is_readers = is_readers || network.nodes[reader].is_foreign();
        if streams[side].announced.remove(&id).is_none() && !is_readers {
            let text = format!(
                "{}: a quit of {gone}, which was not announced",
                network.describe_direction(connection, side)
            );
            self.violation(network, Invariant::P2, text);
        }
    }
}
