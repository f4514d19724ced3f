//! What people do: drawn at random, whether they may or not.

use core::fmt::Write;

use crc_core::{ClientCommand, Random};
use crc_netem::{Draw, Failure};
use crc_wire::{
    ChannelChat, ChannelField, ChannelName, ChannelPart, ChannelRequest, ChannelSetting, ChatKind,
    ClientQuit, HostId, Message, RequestKind, Text,
};

use super::{
    CHANNELS, CLIENT_NAMES, KEYS, PersonAct, frame_user, host_id, irc_user, legacy_server,
    legacy_user,
};
use crate::foreign::{ForeignCommand, IrcUser};
use crate::monitor::channel_chats::number;
use crate::node::Role;
use crate::world::World;

impl World {
    /// A person does something.
    pub(crate) fn act_as_person(&mut self, act: PersonAct, random: &mut Random) {
        if act == PersonAct::Nick && random.chance(50) {
            return self.act_as_client(random);
        }
        let network = &self.network;
        let is_person = |node: usize| {
            irc_user(network, node).is_some_and(|user| user.is_registered)
                || legacy_user(network, node).is_some_and(|user| user.is_registered)
                || frame_user(network, node).is_some_and(|user| user.is_registered)
                || legacy_server(network, node).is_some()
        };
        let Some(node) = self.any(random, is_person) else {
            return;
        };
        match act {
            PersonAct::Fail => {
                let failure = random.one_of(&[Failure::Process, Failure::Computer]);
                self.fail(node, failure);
                return self.start_again_or_remove(node, 85, (0, 3_000), random);
            }
            PersonAct::Quit
                if frame_user(&self.network, node).is_none()
                    && legacy_server(&self.network, node).is_none() =>
            {
                self.lines(node, "QUIT :bye\r\n".to_owned());
                return;
            }
            _ => {}
        }
        if frame_user(&self.network, node).is_some() {
            let frames = self.frames(node, act, random);
            return self.command(node, ForeignCommand::Frames(frames));
        }
        if legacy_server(&self.network, node).is_some() {
            let lines = self.lines_behind(node, act, random);
            return self.lines(node, lines);
        }
        let lines = match irc_user(&self.network, node) {
            Some(_) => self.irc_lines(node, act, random),
            None => self.legacy_lines(node, act, random),
        };
        if !lines.is_empty() {
            self.lines(node, lines);
        }
    }

    /// A client takes another name, or is away or back.
    fn act_as_client(&mut self, random: &mut Random) {
        let Some(client) = self.any_client(random) else {
            return;
        };
        let names = match self.options().moves {
            // A client whose name looks like another one is refused when it comes back; one of
            // several servers would try them for ever.
            true => &CLIENT_NAMES[..2],
            false => &CLIENT_NAMES[..],
        };
        let command = match random.below(4) {
            0 => ClientCommand::SetAway {
                text: random.one_of(&["", "tea", "sea"]).to_owned(),
            },
            _ => ClientCommand::SetName {
                name: names[random.index(names.len())].to_owned(),
            },
        };
        self.command(client, command);
    }

    /// A person sends lines.
    pub(crate) fn lines(&mut self, node: usize, lines: String) {
        self.command(node, ForeignCommand::Lines(lines));
    }

    fn irc_lines(&mut self, node: usize, act: PersonAct, random: &mut Random) -> String {
        let Some(user) = irc_user(&self.network, node) else {
            return String::new();
        };
        let own: Vec<&String> = user.channels.keys().collect();
        // More often in a channel that it is in.
        let channel = match (own.is_empty(), act) {
            (false, PersonAct::Join) | (true, _) => random.one_of(&CHANNELS).to_owned(),
            _ if random.chance(20) => random.one_of(&CHANNELS).to_owned(),
            _ => own[random.index(own.len())].clone(),
        };
        let members = user.channels.get(&channel);
        let members: Vec<&String> = members.map_or(Vec::new(), |it| it.members.keys().collect());
        let member = match members.is_empty() {
            true => self.any_nick(random),
            false => members[random.index(members.len())].clone(),
        };
        match act {
            PersonAct::Join => join(&channel, random),
            PersonAct::Part => format!("PART {channel} :off\r\n"),
            PersonAct::Speak if user.has_tags && random.chance(10) => redaction(user, random),
            PersonAct::Speak if random.chance(15) => self.private_speech(node, random),
            PersonAct::Speak => self.speech(node, &channel, random),
            PersonAct::Topic if random.chance(30) => metadata(&channel, random),
            PersonAct::Topic => topic_or_name(&channel, random),
            PersonAct::Mode => {
                let mask = match random.below(3) {
                    0 => "*!*@*".to_owned(),
                    1 => format!("m:{member}!*@*"),
                    _ => format!("{member}!*@*"),
                };
                let change = random.one_of(&[
                    "+i", "-i", "+m", "-m", "+n", "-n", "+t", "-t", "+k pearl", "+k shell", "-k x",
                    "+l 2", "+l 4", "-l", "+b", "-b", "+e", "-e", "+I", "-I", "+C", "-C", "-ik x",
                    "-ml", "+mi",
                ]);
                match change {
                    "+b" | "-b" | "+e" | "-e" | "+I" | "-I" => {
                        format!("MODE {channel} {change} {mask}\r\n")
                    }
                    change => format!("MODE {channel} {change}\r\n"),
                }
            }
            PersonAct::Rank => {
                let change = random.one_of(&["+o", "+o", "-o", "+v", "-v"]);
                format!("MODE {channel} {change} {member}\r\n")
            }
            PersonAct::Kick => format!("KICK {channel} {member} :out\r\n"),
            PersonAct::Invite => format!("INVITE {} {channel}\r\n", self.any_nick(random)),
            PersonAct::Nick if random.chance(60) => match random.below(6) {
                0 => "AWAY\r\n".to_owned(),
                number @ 1..3 => format!("AWAY :tea {number}\r\n"),
                _ => metadata("*", random),
            },
            PersonAct::Nick => {
                let nick = ["nick", "ni\u{441}k", "Ni\u{441}k", "\u{436}eni\u{430}"];
                format!("NICK {}\r\n", random.one_of(&nick))
            }
            PersonAct::Quit | PersonAct::Fail => String::new(),
        }
    }

    /// Lines of a user behind a server of legacy IRC.
    fn lines_behind(&mut self, node: usize, act: PersonAct, random: &mut Random) -> String {
        let Some((server, _)) = legacy_server(&self.network, node) else {
            return String::new();
        };
        let users: Vec<&String> = server.users.iter().collect();
        let Some(nick) = users.get(random.index(users.len())).copied() else {
            return String::new();
        };
        let (nick, name) = (nick.clone(), server.name.clone());
        let channel = random.one_of(&CHANNELS);
        let is_member = server.own_members(channel).any(|member| *member == nick);
        match act {
            PersonAct::Part | PersonAct::Kick if is_member => format!(":{nick} PART {channel}\r\n"),
            PersonAct::Speak if is_member => {
                let network = &self.network;
                let text = self.monitor.new_channel_chat(network, node, channel, None);
                format!(":{nick} PRIVMSG {channel} :{text}\r\n")
            }
            PersonAct::Topic | PersonAct::Mode if is_member => {
                format!(":{nick} {}", topic(channel, random))
            }
            PersonAct::Quit | PersonAct::Nick => {
                format!(":{nick} QUIT :bye\r\n:{name} USER {nick} host {name} :legacy\r\n")
            }
            PersonAct::Fail => String::new(),
            _ if !is_member => format!(":{nick} {}", join(channel, random)),
            _ => String::new(),
        }
    }

    fn legacy_lines(&mut self, node: usize, act: PersonAct, random: &mut Random) -> String {
        let channel = random.one_of(&CHANNELS);
        match act {
            PersonAct::Join => join(channel, random),
            PersonAct::Part => format!("PART {channel}\r\n"),
            PersonAct::Speak => self.speech(node, channel, random),
            PersonAct::Topic => topic(channel, random),
            // What its protocol does not have is refused.
            PersonAct::Mode => format!("MODE {channel} +i\r\n"),
            PersonAct::Invite => format!("INVITE legacy0 {channel}\r\n"),
            _ => String::new(),
        }
    }

    fn frames(&mut self, node: usize, act: PersonAct, random: &mut Random) -> Vec<u8> {
        let name = random.one_of(&CHANNELS);
        let Some(user) = frame_user(&self.network, node) else {
            return Vec::new();
        };
        let source = user.id;
        let members = user
            .channels
            .get(name)
            .map(|members| members.iter().copied());
        let members: Vec<HostId> = members.map_or(Vec::new(), Iterator::collect);
        let to = match members.is_empty() {
            true => self.any_host(random),
            false => members.get(random.index(members.len())).copied(),
        };
        let channel = ChannelName::new(name).expect("a short name");
        let request = |kind, to, text: &'static str| {
            Message::ChannelRequest(ChannelRequest {
                source,
                destination: to,
                kind,
                channel: ChannelName::new(name).ok(),
                text: Text::truncated(text),
            })
        };
        let setting = |field, value: &str| {
            let setting = ChannelSetting {
                source: Some(source),
                version: 0,
                field,
                channel: ChannelName::new(name).expect("a short name"),
                value: Text::truncated(value),
            };
            Message::ChannelSetting(setting).to_vec()
        };
        let message = match act {
            PersonAct::Join => request(RequestKind::JOIN, None, random.one_of(&KEYS)),
            PersonAct::Part => Message::ChannelPart(ChannelPart {
                source,
                by: None,
                channel,
                text: Text::default(),
            }),
            PersonAct::Speak => {
                let text = self
                    .monitor
                    .new_channel_chat(&self.network, node, name, None);
                let chat = ChannelChat {
                    source,
                    kind: random.one_of(&[ChatKind::Message, ChatKind::Notice]),
                    channel,
                    text: Text::truncated(&text),
                };
                return Message::ChannelChat(chat).to_vec();
            }
            PersonAct::Topic => {
                let number = random.below(1000);
                return match new_name(name, number) {
                    Some(new) => setting(ChannelField::RENAMED_TO, &format!("{new} why {number}")),
                    None => setting(ChannelField::TOPIC, &format!("topic {number}")),
                };
            }
            PersonAct::Mode => {
                let (field, value) = random.one_of(&[
                    (ChannelField::KEY, "pearl"),
                    (ChannelField::KEY, ""),
                    (ChannelField::LIMIT, "2"),
                    (ChannelField::LIMIT, ""),
                    (ChannelField::MODES, "Cimnt"),
                    (ChannelField::MODES, "nt"),
                    (ChannelField::MODES, "nst"),
                    (ChannelField::MODES, "m"),
                    (ChannelField::MODES, ""),
                    (ChannelField::BANS, "*!*@*"),
                    (ChannelField::BANS, "ann!*@* irc1!*@*"),
                    (ChannelField::BANS, "m:*!*@* ann!*@*"),
                    (ChannelField::BANS, ""),
                    (ChannelField::EXCEPTIONS, "ann!*@* m:irc1!*@*"),
                    (ChannelField::EXCEPTIONS, ""),
                    (ChannelField::INVITE_EXCEPTIONS, "irc1!*@*"),
                    (ChannelField::INVITE_EXCEPTIONS, ""),
                ]);
                return setting(field, value);
            }
            PersonAct::Rank => {
                let kinds = [
                    RequestKind::OP,
                    RequestKind::OP,
                    RequestKind::DEOP,
                    RequestKind::VOICE,
                    RequestKind::DEVOICE,
                ];
                request(random.one_of(&kinds), to, "")
            }
            PersonAct::Kick => request(RequestKind::KICK, to, "out"),
            PersonAct::Invite => request(RequestKind::INVITE, self.any_host(random), ""),
            PersonAct::Nick | PersonAct::Quit | PersonAct::Fail => {
                Message::ClientQuit(ClientQuit {
                    source,
                    text: Text::default(),
                })
            }
        };
        message.to_vec()
    }

    /// The id of any client or person.
    fn any_host(&self, random: &mut Random) -> Option<HostId> {
        let id = |node: usize| match self.network.client(node) {
            Some(client) => Some(client.id()),
            None => host_id(&self.network, node),
        };
        self.any(random, |node| id(node).is_some()).and_then(id)
    }

    fn speech(&mut self, node: usize, channel: &str, random: &mut Random) -> String {
        let network = &self.network;
        let is_legacy = legacy_user(network, node).is_some();
        let command = match random.chance(20) && !is_legacy {
            true => "NOTICE",
            false => "PRIVMSG",
        };
        let text = self.monitor.new_channel_chat(network, node, channel, None);
        if is_legacy {
            return format!("{command} {channel} :{text}\r\n");
        }
        let rank = random.one_of(&["", "", "", "@", "+"]);
        tagged(command, &format!("{rank}{channel}"), &text, random)
    }

    /// A user of IRC says something to another one.
    fn private_speech(&mut self, node: usize, random: &mut Random) -> String {
        let network = &self.network;
        let is_other = |other: usize| {
            other != node && irc_user(network, other).is_some_and(|user| user.is_registered)
        };
        let Some(other) = self.any(random, is_other) else {
            return String::new();
        };
        let nick = irc_user(network, other).map_or(String::new(), |user| user.nick.clone());
        let text = self.monitor.new_channel_chat(network, node, &nick, None);
        let command = random.one_of(&["PRIVMSG", "NOTICE"]);
        tagged(command, &nick, &text, random)
    }

    /// Any nick that a person may name.
    fn any_nick(&self, random: &mut Random) -> String {
        let name = |node: usize| match &self.network.nodes[node].role {
            Role::Client(client) => Some(client.name().to_owned()),
            Role::Foreign(foreign) if foreign.is_person() => Some(foreign.name_and_info().0),
            _ => None,
        };
        let node = self.any(random, |node| {
            name(node).is_some_and(|name| !name.is_empty())
        });
        node.and_then(name).unwrap_or_else(|| "nobody".to_owned())
    }
}

/// A message, which may have tags, or be tags alone. Those who have no message-tags say the same
/// without them, or nothing.
fn tagged(command: &str, target: &str, text: &str, random: &mut Random) -> String {
    let number = number(text).unwrap_or_default();
    match random.below(4) {
        0 => format!("@+k={number} TAGMSG {target}\r\n"),
        1 => format!("@+a=b;time=x {command} {target} :{text}\r\n"),
        _ => format!("{command} {target} :{text}\r\n"),
    }
}

/// Takes back a message that the user has read, or tries to: it may be the message of another one.
fn redaction(user: &IrcUser, random: &mut Random) -> String {
    let reason = random.one_of(&["", " :oops", " two words"]);
    match user.any_message(random) {
        Some((target, id)) => format!("REDACT {target} {id}{reason}\r\n"),
        None => String::new(),
    }
}

fn join(channel: &str, random: &mut Random) -> String {
    let key = random.one_of(&KEYS);
    let mut line = format!("JOIN {channel}");
    if !key.is_empty() {
        let _ = write!(line, " {key}");
    }
    line + "\r\n"
}

/// What a user says of itself or of a channel, or takes back.
fn metadata(target: &str, random: &mut Random) -> String {
    let key = random.one_of(&["url", "colour", "status"]);
    match random.below(8) {
        0 => format!("METADATA {target} CLEAR\r\n"),
        1 => format!("METADATA {target} SET {key}\r\n"),
        2 => format!("METADATA * SUB {key}\r\n"),
        number => format!("METADATA {target} SET {key} :a;b {number}\r\n"),
    }
}

/// What a user of IRC calls a channel, or what it talks about.
fn topic_or_name(channel: &str, random: &mut Random) -> String {
    let number = random.below(1000);
    match new_name(channel, number) {
        Some(new) => format!("RENAME {channel} {new} :why {number}\r\n"),
        None => topic_line(channel, number),
    }
}

/// Now and then a new name of a channel, or its first one.
fn new_name(channel: &str, number: u64) -> Option<String> {
    match number {
        0..800 => None,
        800..840 => Some(channel.to_owned()),
        _ => Some(format!("{channel}-{}", number % 3)),
    }
}

fn topic(channel: &str, random: &mut Random) -> String {
    topic_line(channel, random.below(1000))
}

fn topic_line(channel: &str, number: u64) -> String {
    format!("TOPIC {channel} :topic {number}\r\n")
}
