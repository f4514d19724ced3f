//! What clients do in channels, during the faults and at rest.

use std::collections::BTreeSet;

use crc_core::{ClientCommand, Random};
use crc_netem::Draw;

use crate::foreign::ForeignCommand;
use crate::monitor::channel_chats::number;
use crate::people;
use crate::rest_checks::Parts;
use crate::world::World;

/// Few, so that clients meet; two of them are the same.
const CHANNELS: [&str; 4] = ["#reef", "#Reef", "#lagoon", "#sandbank"];

/// Something that a client does in a channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ChannelAct {
    Join,
    Part,
    Chat,
    Topic,
}

impl ChannelAct {
    pub(crate) fn draw(random: &mut Random) -> ChannelAct {
        use ChannelAct::{Chat, Join, Part, Topic};
        random.one_of(&[Join, Join, Join, Part, Chat, Chat, Chat, Topic, Topic])
    }
}

impl World {
    /// A client does something in a channel.
    pub(crate) fn act_in_channel(&mut self, act: ChannelAct, random: &mut Random) {
        let Some(client) = self.any_client(random) else {
            return;
        };
        let mut channel = random.one_of(&CHANNELS).to_owned();
        if self.options().legacy_users + self.options().legacy_servers > 0 {
            // In legacy IRC names that differ in case are two.
            channel.make_ascii_lowercase();
        }
        let command = match act {
            ChannelAct::Join => {
                let key = String::new();
                ClientCommand::Join { channel, key }
            }
            ChannelAct::Part => {
                let text = String::new();
                ClientCommand::Part { channel, text }
            }
            ChannelAct::Chat => return self.send_channel_chat(client, channel, None),
            ChannelAct::Topic => {
                let topic = format!("topic {}", random.below(1000));
                ClientCommand::SetTopic { channel, topic }
            }
        };
        self.command(client, command);
    }

    fn send_channel_chat(&mut self, speaker: usize, channel: String, due: Option<BTreeSet<usize>>) {
        let text = self
            .monitor
            .new_channel_chat(&self.network, speaker, &channel, due);
        if let Some(frame) = people::chat_frame(&self.network, speaker, &channel, &text) {
            return self.command(speaker, ForeignCommand::Frames(frame));
        }
        if let Some(line) = people::legacy_chat(&self.network, speaker, &channel, &text) {
            return self.lines(speaker, line);
        }
        if people::home(&self.network, speaker).is_some() {
            // Every second one has tags where the user has asked for them.
            let tagged = people::irc_user(&self.network, speaker).is_some_and(|user| user.has_tags);
            let number = number(&text).unwrap_or_default();
            let tags = match tagged && number.is_multiple_of(2) {
                true => "@+a=b ",
                false => "",
            };
            return self.lines(speaker, format!("{tags}PRIVMSG {channel} :{text}\r\n"));
        }
        let command = ClientCommand::SendChannelChat { channel, text };
        self.command(speaker, command);
    }

    /// At rest every member sends a chat to every channel it is in.
    pub(crate) fn send_channel_chats_at_rest(&mut self, parts: &Parts) {
        let all: BTreeSet<usize> = parts.values().copied().collect();
        for part in all {
            let is_in_part = |home: usize| parts.get(&home) == Some(&part);
            for (channel, members) in self.network.channel_members(is_in_part) {
                for &speaker in &members {
                    let mut due = members.clone();
                    due.remove(&speaker);
                    if !people::may_speak(&self.network, speaker, &channel) {
                        due.clear();
                    }
                    self.send_channel_chat(speaker, channel.clone(), Some(due));
                }
            }
        }
    }
}
