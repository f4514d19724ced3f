//! Clients in channels: frames, notices and commands for the tests.

use crc_core::{ChannelMember, HostRef};
use crc_wire::strategies::channel_message_up_to;
use crc_wire::{
    ChannelChat, ChannelField, ChannelJoin, ChannelName, ChannelPart, ChannelRequest,
    ChannelSetting, ChatKind, MemberFlags, RequestKind, Text,
};

use super::*;

pub(crate) const NO_FLAGS: MemberFlags = MemberFlags::NONE;
pub(crate) const OPERATOR: MemberFlags = MemberFlags::OPERATOR;
pub(crate) const CHANNELS_FEATURES: &str = "crc-caps 1 server-quit channels";

/// A frame about channels.
pub(crate) fn frame() -> impl Strategy<Value = Vec<u8>> {
    let channel = prop::sample::select(&["#a", "#A", "#b"][..]);
    let near = (channel, 100..104_u32, any::<u8>()).prop_map(|(channel, source, what)| {
        let flags = MemberFlags::NONE.with_operator(what & 8 != 0);
        match what % 8 {
            0..=2 => join(channel, source, flags),
            3 => part(channel, source, None, "bye"),
            4 => channel_chat(channel, source, "Hi"),
            5 => set(channel, ChannelField(what >> 5), "x"),
            6 => refused(channel, "no"),
            _ => quit(source, ""),
        }
    });
    prop_oneof![
        3 => near,
        1 => channel_message_up_to(40).prop_map(|message| message.to_vec()),
    ]
}

pub(crate) fn name(channel: &str) -> ChannelName<'_> {
    ChannelName::new(channel).unwrap()
}

pub(crate) fn join_by(channel: &str, source: u32, by: Option<u32>, flags: MemberFlags) -> Vec<u8> {
    let join = ChannelJoin {
        source: id(source),
        by: by.map(id),
        flags,
        channel: name(channel),
    };
    Message::ChannelJoin(join).to_vec()
}

pub(crate) fn join(channel: &str, source: u32, flags: MemberFlags) -> Vec<u8> {
    join_by(channel, source, None, flags)
}

pub(crate) fn part(channel: &str, source: u32, by: Option<u32>, text: &str) -> Vec<u8> {
    let part = ChannelPart {
        source: id(source),
        by: by.map(id),
        channel: name(channel),
        text: Text::truncated(text),
    };
    Message::ChannelPart(part).to_vec()
}

pub(crate) fn channel_chat(channel: &str, source: u32, text: &str) -> Vec<u8> {
    let chat = ChannelChat {
        source: id(source),
        kind: ChatKind::Message,
        channel: name(channel),
        text: Text::truncated(text),
    };
    Message::ChannelChat(chat).to_vec()
}

pub(crate) fn set_by(
    channel: &str,
    source: Option<u32>,
    version: u64,
    field: ChannelField,
    to: &str,
) -> Vec<u8> {
    let setting = ChannelSetting {
        source: source.map(id),
        version,
        field,
        channel: name(channel),
        value: Text::truncated(to),
    };
    Message::ChannelSetting(setting).to_vec()
}

pub(crate) fn set(channel: &str, field: ChannelField, value: &str) -> Vec<u8> {
    set_by(channel, Some(103), 9, field, value)
}

pub(crate) fn request(
    source: u32,
    to: Option<u32>,
    kind: RequestKind,
    channel: &str,
    text: &str,
) -> Vec<u8> {
    let request = ChannelRequest {
        source: id(source),
        destination: to.map(id),
        kind,
        channel: Some(name(channel)),
        text: Text::truncated(text),
    };
    Message::ChannelRequest(request).to_vec()
}

pub(crate) fn asks(channel: &str, key: &str) -> Vec<u8> {
    request(ME, None, RequestKind::JOIN, channel, key)
}

pub(crate) fn refused(channel: &str, why: &str) -> Vec<u8> {
    status(SERVER, ME, 0x0103, &format!("{channel}: {why}"))
}

pub(crate) fn host_ref(number: u32, name: Option<&str>) -> HostRef {
    let (id, name) = (id(number), name.map(Into::into));
    HostRef::new(id, name)
}

pub(crate) fn member(number: u32, name: Option<&str>, flags: MemberFlags) -> ChannelMember {
    let client = host_ref(number, name);
    ChannelMember::new(client, flags)
}

pub(crate) fn me(flags: MemberFlags) -> ChannelMember {
    member(ME, Some("bob"), flags)
}

pub(crate) fn alone(channel: &str, rejoined: bool) -> ClientNotice {
    ClientNotice::ChannelEntered {
        channel: channel.into(),
        members: vec![me(OPERATOR)],
        topic: String::new(),
        rejoined,
    }
}

pub(crate) fn channel_not_sent(channel: &str, why: ClientSendError) -> ClientNotice {
    let channel = channel.into();
    ClientNotice::ChannelNotSent { channel, why }
}

impl Fixture {
    /// A client of a server that supports channels.
    pub(crate) fn with_channels(config: ClientConfig) -> (Self, LinkId) {
        let (mut fixture, link) = Fixture::welcomed(config);
        fixture.receive(link, &status(SERVER, ME, 0x0100, CHANNELS_FEATURES));
        fixture.check(&[], &[]);
        (fixture, link)
    }

    pub(crate) fn join(&mut self, channel: &str, key: &str) {
        let (channel, key) = (channel.to_owned(), key.to_owned());
        self.command(ClientCommand::Join { channel, key });
    }

    pub(crate) fn part(&mut self, channel: &str, text: &str) {
        let (channel, text) = (channel.to_owned(), text.to_owned());
        self.command(ClientCommand::Part { channel, text });
    }

    pub(crate) fn send_channel_chat(&mut self, channel: &str, text: &str) {
        let (channel, text) = (channel.to_owned(), text.to_owned());
        self.command(ClientCommand::SendChannelChat { channel, text });
    }

    pub(crate) fn set_topic(&mut self, channel: &str, topic: &str) {
        let (channel, topic) = (channel.to_owned(), topic.to_owned());
        self.command(ClientCommand::SetTopic { channel, topic });
    }

    pub(crate) fn names_of(&mut self, channel: &str) {
        let channel = channel.to_owned();
        self.command(ClientCommand::Names { channel });
    }

    /// A client that is in `#reef`, alone.
    pub(crate) fn in_reef(config: ClientConfig) -> (Self, LinkId) {
        let (mut fixture, link) = Fixture::with_channels(config);
        fixture.join("#reef", "fish");
        fixture.receive(link, &join("#reef", ME, OPERATOR));
        let asked = Action::Send(link, asks("#reef", "fish"));
        fixture.check(&[alone("#reef", false)], &[asked]);
        (fixture, link)
    }

    pub(crate) fn lose(&mut self, link: LinkId, unsent: &[Vec<u8>]) {
        let bytes = &unsent.concat();
        self.link_down_with(link, Unsent { bytes, written: 0 });
        self.notices();
    }

    /// Reconnects; returns what is sent after the announcement.
    pub(crate) fn back(&mut self, features: &str) -> Vec<u8> {
        self.wait();
        let link = self.link_up();
        self.actions();
        let answers = [welcome(ME), status(SERVER, ME, 0x0100, features)];
        self.receive(link, &answers.concat());
        match &self.actions()[..] {
            [Action::Send(_, bytes)] => bytes.strip_prefix(ANNOUNCEMENT).unwrap().to_vec(),
            done => panic!("{done:?}"),
        }
    }
}
