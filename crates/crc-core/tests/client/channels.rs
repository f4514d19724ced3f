//! Channels: what is asked, what is shown of them, and what outlives a connection.

use crc_core::{ChannelMember, HostRef};
use crc_wire::strategies::channel_message_up_to;
use crc_wire::{
    ChannelChat, ChannelField, ChannelJoin, ChannelName, ChannelPart, ChannelRequest,
    ChannelSetting, ChatKind, MemberFlags, RequestKind, Text,
};

use super::*;

const NOTHING: MemberFlags = MemberFlags::NONE;
const OPERATOR: MemberFlags = MemberFlags::OPERATOR;
const TAKEN_UP: &str = "crc-caps 1 server-quit channels";

/// What a server might say of channels.
pub(crate) fn frame() -> impl Strategy<Value = Vec<u8>> {
    let channel = prop::sample::select(&["#a", "#A", "#b"][..]);
    let near = (channel, 100..104_u32, any::<u8>()).prop_map(|(channel, source, what)| {
        let flags = MemberFlags::NONE.with_operator(what & 8 != 0);
        match what % 8 {
            0..=2 => join(channel, source, flags),
            3 => part(channel, source, None, "bye"),
            4 => said(channel, source, "Hi"),
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

fn name(channel: &str) -> ChannelName<'_> {
    ChannelName::new(channel).unwrap()
}

fn join_by(channel: &str, source: u32, by: Option<u32>, flags: MemberFlags) -> Vec<u8> {
    let join = ChannelJoin {
        source: id(source),
        by: by.map(id),
        flags,
        channel: name(channel),
    };
    Message::ChannelJoin(join).to_vec()
}

fn join(channel: &str, source: u32, flags: MemberFlags) -> Vec<u8> {
    join_by(channel, source, None, flags)
}

fn part(channel: &str, source: u32, by: Option<u32>, text: &str) -> Vec<u8> {
    let part = ChannelPart {
        source: id(source),
        by: by.map(id),
        channel: name(channel),
        text: Text::truncated(text),
    };
    Message::ChannelPart(part).to_vec()
}

fn said(channel: &str, source: u32, text: &str) -> Vec<u8> {
    let chat = ChannelChat {
        source: id(source),
        kind: ChatKind::Message,
        channel: name(channel),
        text: Text::truncated(text),
    };
    Message::ChannelChat(chat).to_vec()
}

fn set_by(
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

fn set(channel: &str, field: ChannelField, value: &str) -> Vec<u8> {
    set_by(channel, Some(103), 9, field, value)
}

fn request(source: u32, to: Option<u32>, kind: RequestKind, channel: &str, text: &str) -> Vec<u8> {
    let request = ChannelRequest {
        source: id(source),
        destination: to.map(id),
        kind,
        channel: Some(name(channel)),
        text: Text::truncated(text),
    };
    Message::ChannelRequest(request).to_vec()
}

fn asks(channel: &str, key: &str) -> Vec<u8> {
    request(ME, None, RequestKind::JOIN, channel, key)
}

fn refused(channel: &str, why: &str) -> Vec<u8> {
    status(SERVER, ME, 0x0103, &format!("{channel}: {why}"))
}

fn host_ref(number: u32, name: Option<&str>) -> HostRef {
    let (id, name) = (id(number), name.map(Into::into));
    HostRef { id, name }
}

fn member(number: u32, name: Option<&str>, flags: MemberFlags) -> ChannelMember {
    let who = host_ref(number, name);
    ChannelMember { who, flags }
}

fn me(flags: MemberFlags) -> ChannelMember {
    member(ME, Some("bob"), flags)
}

fn alone(channel: &str, rejoined: bool) -> ClientNotice {
    ClientNotice::ChannelEntered {
        channel: channel.into(),
        members: vec![me(OPERATOR)],
        topic: String::new(),
        rejoined,
    }
}

fn channel_not_sent(channel: &str, why: ClientSendError) -> ClientNotice {
    let channel = channel.into();
    ClientNotice::ChannelNotSent { channel, why }
}

impl Rig {
    /// A client of a server that takes channels.
    fn with_channels(config: ClientConfig) -> (Self, LinkId) {
        let (mut rig, link) = Rig::welcomed(config);
        rig.hear(link, &status(SERVER, ME, 0x0100, TAKEN_UP));
        rig.check(&[], &[]);
        (rig, link)
    }

    fn join(&mut self, channel: &str, key: &str) {
        let (channel, key) = (channel.to_owned(), key.to_owned());
        self.command(ClientCommand::Join { channel, key });
    }

    fn part(&mut self, channel: &str, text: &str) {
        let (channel, text) = (channel.to_owned(), text.to_owned());
        self.command(ClientCommand::Part { channel, text });
    }

    fn say_in(&mut self, channel: &str, text: &str) {
        let (channel, text) = (channel.to_owned(), text.to_owned());
        self.command(ClientCommand::SendChannelChat { channel, text });
    }

    fn set_topic(&mut self, channel: &str, topic: &str) {
        let (channel, topic) = (channel.to_owned(), topic.to_owned());
        self.command(ClientCommand::SetTopic { channel, topic });
    }

    fn names_of(&mut self, channel: &str) {
        let channel = channel.to_owned();
        self.command(ClientCommand::Names { channel });
    }

    /// In `#reef`, alone.
    fn in_reef(config: ClientConfig) -> (Self, LinkId) {
        let (mut rig, link) = Rig::with_channels(config);
        rig.join("#reef", "fish");
        rig.hear(link, &join("#reef", ME, OPERATOR));
        let asked = Done::Send(link, asks("#reef", "fish"));
        rig.check(&[alone("#reef", false)], &[asked]);
        (rig, link)
    }

    fn lose(&mut self, link: LinkId, unsent: &[Vec<u8>]) {
        let bytes = &unsent.concat();
        self.link_down_with(link, Unsent { bytes, written: 0 });
        self.notices();
    }

    /// Connects again; what is sent after the announcement.
    fn back(&mut self, features: &str) -> Vec<u8> {
        self.wait();
        let link = self.link_up();
        self.done();
        let answers = [welcome(ME), status(SERVER, ME, 0x0100, features)];
        self.hear(link, &answers.concat());
        match &self.done()[..] {
            [Done::Send(_, bytes)] => bytes.strip_prefix(ANNOUNCEMENT).unwrap().to_vec(),
            done => panic!("{done:?}"),
        }
    }
}

#[test]
fn what_is_wanted_is_asked_in_our_own_name() {
    let (mut rig, link) = Rig::with_channels(config());
    rig.join("#Reef", "fish");
    rig.say_in("#reef", "Grüße");
    rig.set_topic("#reef", "tide");
    rig.names_of("#reef");
    rig.part("#reef", "bye");
    let sent = [
        asks("#Reef", "fish"),
        said("#reef", ME, "Grüße"),
        set_by("#reef", Some(ME), 0, ChannelField::TOPIC, "tide"),
        request(ME, None, RequestKind::NAMES, "#reef", ""),
        part("#reef", ME, None, "bye"),
    ];
    rig.check(&[], &sent.map(|bytes| Done::Send(link, bytes)));
}

#[test]
fn a_channel_is_entered_when_the_server_has_shown_all_of_it() {
    let (mut rig, link) = Rig::with_channels(config());
    rig.join("#reef", "");
    assert!(rig.client.is_joining("#REEF"));
    rig.hear(link, &joined_frame(103, "carol", ""));
    let shown = [
        join("#Reef", 103, OPERATOR),
        join("#Reef", 104, NOTHING),
        set("#Reef", ChannelField::TOPIC, "tide"),
        set("#Reef", ChannelField::MODES, "nt"),
    ];
    rig.hear(link, &shown.concat());
    rig.notices();
    assert!(rig.client.channel("#reef").is_none());
    rig.hear(link, &join("#Reef", ME, NOTHING));
    let entered = ClientNotice::ChannelEntered {
        channel: "#Reef".into(),
        members: vec![
            me(NOTHING),
            member(103, Some("carol"), OPERATOR),
            member(104, None, NOTHING),
        ],
        topic: "tide".into(),
        rejoined: false,
    };
    assert_eq!(rig.notices(), std::slice::from_ref(&entered));
    assert!(!rig.client.is_joining("#reef"));
    let channel = rig.client.channel("#REEF").unwrap();
    assert_eq!((channel.name(), channel.topic()), ("#Reef", "tide"));
    assert_eq!(channel.setting(ChannelField::MODES), "nt");
    assert_eq!(channel.setting(ChannelField::KEY), "");
    assert_eq!(channel.member(id(103)), Some(OPERATOR));
    assert_eq!(rig.client.channels().count(), 1);

    // Who is in is told so, and nobody is asked.
    rig.done();
    rig.join("#reef", "");
    rig.check(&[entered], &[]);
}

#[test]
fn what_happens_in_a_channel_is_told() {
    let (mut rig, link) = Rig::in_reef(config());
    rig.hear(link, &joined_frame(103, "carol", ""));
    rig.notices();
    let reef = || "#reef".to_owned();
    let carol = || host_ref(103, Some("carol"));
    let stream = [
        join("#reef", 103, NOTHING),
        join("#reef", 103, NOTHING),
        join_by("#reef", 103, Some(ME), OPERATOR),
        said("#REEF", 103, "Hi"),
        set("#reef", ChannelField::TOPIC, "tide"),
        set("#reef", ChannelField::TOPIC, "tide"),
        set("#reef", ChannelField(200), "later"),
        part("#reef", 103, None, "bye"),
        part("#reef", 103, None, "bye"),
        join_by("#reef", ME, Some(103), NOTHING),
        request(103, Some(ME), RequestKind::INVITE, "#cave", ""),
        status(SERVER, ME, 0x0104, "#reef bob carol"),
        refused("#Reef", "only its operators may do this"),
        status(SERVER, ME, 0x0103, "something else"),
        part("#reef", ME, Some(103), "loud"),
    ];
    rig.hear(link, &stream.concat());
    let changed = |field, value: &str| ClientNotice::ChannelSet {
        channel: reef(),
        field,
        value: value.into(),
        by: Some(carol()),
    };
    let flags = |member, by| ClientNotice::ChannelFlags {
        channel: reef(),
        member,
        by: Some(by),
    };
    let left = |who, by, text: &str| ClientNotice::ChannelLeft {
        channel: reef(),
        who,
        by,
        text: text.into(),
    };
    assert_eq!(
        rig.notices(),
        [
            ClientNotice::ChannelJoined {
                channel: reef(),
                member: member(103, Some("carol"), NOTHING),
            },
            flags(member(103, Some("carol"), OPERATOR), me(NOTHING).who),
            ClientNotice::ChannelChat {
                channel: reef(),
                from: carol(),
                kind: ChatKind::Message,
                text: "Hi".into(),
            },
            changed(ChannelField::TOPIC, "tide"),
            changed(ChannelField(200), "later"),
            left(carol(), None, "bye"),
            flags(me(NOTHING), carol()),
            ClientNotice::Invited {
                channel: "#cave".into(),
                by: carol(),
            },
            ClientNotice::ChannelNames {
                channel: reef(),
                names: "bob carol".into(),
            },
            ClientNotice::ChannelRefused {
                channel: Some(reef()),
                text: "only its operators may do this".into(),
            },
            ClientNotice::ChannelRefused {
                channel: None,
                text: "something else".into(),
            },
            left(me(NOTHING).who, Some(carol()), "loud"),
        ]
    );
    assert_eq!(rig.client.channels().count(), 0);
}

#[test]
fn who_leaves_the_network_leaves_its_channels_and_who_is_renamed_does_not() {
    let (mut rig, link) = Rig::in_reef(config());
    rig.hear(link, &joined_frame(103, "carol", "sea"));
    rig.hear(link, &join("#reef", 103, OPERATOR));
    rig.notices();
    rig.hear(link, &joined_frame(103, "caroline", "sea"));
    rig.hear(link, &said("#reef", 103, "me again"));
    let renamed = joined(103, "caroline", "sea", Some("carol"));
    let chat = ClientNotice::ChannelChat {
        channel: "#reef".into(),
        from: host_ref(103, Some("caroline")),
        kind: ChatKind::Message,
        text: "me again".into(),
    };
    assert_eq!(rig.notices(), [renamed, chat]);
    let members = |rig: &Rig| rig.client.channel("#reef").unwrap().members().len();
    assert_eq!(members(&rig), 2);
    rig.hear(link, &quit(103, "bye"));
    assert!(matches!(rig.notices()[..], [ClientNotice::Left { .. }]));
    assert_eq!(members(&rig), 1);
}

#[test]
fn servers_without_channels_are_asked_for_none() {
    let why = ClientSendError::ChannelsUnsupported;
    for (mut rig, link) in [Rig::with_ours(config()), Rig::with_original(config())] {
        rig.join("#reef", "");
        rig.say_in("#reef", "Hi");
        rig.say(9, "Hi");
        let not_sent = channel_not_sent("#reef", why);
        let sent = Done::Send(link, chat(ME, 9, "Hi"));
        if rig.client.server_features().is_none() {
            // An original one is given time for each frame.
            rig.wait();
        }
        rig.check(&[not_sent.clone(), not_sent], &[sent]);
    }
}

#[test]
fn what_cannot_be_a_channel_is_refused_at_once() {
    let mut rig = Rig::started(config());
    let too_long = format!("#{}", "c".repeat(64));
    let longer = "#".repeat(300);
    for channel in [
        "", "reef", "#", "#a b", "#a,b", "#\u{7}", &too_long, &longer,
    ] {
        rig.join(channel, "");
        rig.check(
            &[channel_not_sent(
                channel,
                ClientSendError::InvalidChannelName,
            )],
            &[],
        );
    }
    rig.say_in("#reef", &"x".repeat(65_537));
    let (len, max) = (65_537, 65_536);
    rig.check(
        &[channel_not_sent(
            "#reef",
            ClientSendError::TooLong { len, max },
        )],
        &[],
    );
}

#[test]
fn what_is_wanted_early_waits_in_order() {
    let mut rig = Rig::started(config());
    rig.join("#reef", "fish");
    rig.say_in("#reef", "one");
    rig.say(9, "two");
    rig.say_in("#reef", "three");
    assert_eq!(rig.client.queued(), 4);
    let link = rig.link_up();
    rig.hear(link, &welcome(ME));
    rig.done();
    rig.hear(link, &status(SERVER, ME, 0x0100, TAKEN_UP));
    let sent = [
        asks("#reef", "fish"),
        said("#reef", ME, "one"),
        chat(ME, 9, "two"),
        said("#reef", ME, "three"),
    ];
    assert_eq!(rig.done(), [Done::Send(link, sent.concat())]);
}

#[test]
fn whoever_leaves_before_anything_could_be_sent_is_told() {
    let mut rig = Rig::started(config());
    rig.join("#reef", "");
    rig.quit("");
    rig.check(
        &[channel_not_sent("#reef", ClientSendError::Quit)],
        &[Done::Stop],
    );
    rig.join("#reef", "");
    rig.check(&[channel_not_sent("#reef", ClientSendError::Quit)], &[]);
}

#[test]
fn comes_back_into_its_channels() {
    let (mut rig, link) = Rig::in_reef(config());
    rig.join("#cave", "");
    rig.hear(link, &refused("#cave", "wrong key"));
    rig.join("#wreck", "");
    rig.done();
    rig.hear(link, &set("#reef", ChannelField::KEY, "kelp"));
    rig.lose(link, &[]);
    assert_eq!(rig.client.channels().count(), 0);
    rig.say_in("#reef", "still here");
    // What was refused is not asked for again; with what was never answered
    // nobody knows.
    let asked = [
        asks("#reef", "kelp"),
        asks("#wreck", ""),
        said("#reef", ME, "still here"),
    ];
    assert_eq!(rig.back(TAKEN_UP), asked.concat());
    rig.notices();
    let link = LinkId::new(0, rig.links);
    let shown = [
        join("#reef", ME, OPERATOR),
        refused("#wreck", "it is full"),
        join("#wreck", 104, NOTHING),
    ];
    rig.hear(link, &shown.concat());
    let full = ClientNotice::ChannelRefused {
        channel: Some("#wreck".into()),
        text: "it is full".into(),
    };
    assert_eq!(rig.notices(), [alone("#reef", true), full]);
    // Once more, and it was not us who was lost from it.
    rig.part("#reef", "");
    rig.hear(link, &part("#reef", ME, None, ""));
    rig.join("#reef", "");
    rig.hear(link, &join("#reef", ME, OPERATOR));
    let notices = rig.notices();
    assert_eq!(notices.last(), Some(&alone("#reef", false)));
}

#[test]
fn a_server_without_channels_is_put_up_with_until_the_next() {
    let (mut rig, link) = Rig::in_reef(config());
    rig.lose(link, &[]);
    assert_eq!(rig.back("crc-caps 1 server-quit"), b"");
    let told = channel_not_sent("#reef", ClientSendError::ChannelsUnsupported);
    assert_eq!(rig.notices()[2..], [told]);
    rig.lose(LinkId::new(0, 2), &[]);
    assert_eq!(rig.back(TAKEN_UP), asks("#reef", "fish"));
}

#[test]
fn what_never_left_is_asked_again_and_nothing_else_is_forgotten() {
    let (mut rig, link) = Rig::in_reef(config());
    rig.join("#cave", "");
    rig.hear(link, &join("#cave", ME, OPERATOR));
    rig.part("#cave", "gone");
    rig.part("#reef", "bye");
    rig.join("#wreck", "");
    rig.say_in("#wreck", "Hi");
    rig.set_topic("#wreck", "rust");
    rig.names_of("#wreck");
    // That we leave the one was sent, that we leave the other was not.
    let unsent = [
        part("#reef", ME, None, "bye"),
        asks("#wreck", ""),
        said("#wreck", ME, "Hi"),
        set_by("#wreck", Some(ME), 0, ChannelField::TOPIC, "rust"),
        request(ME, None, RequestKind::NAMES, "#wreck", ""),
    ];
    rig.lose(link, &unsent);
    let [leave, _, rest @ ..] = &unsent;
    let asked = [asks("#reef", "fish"), asks("#wreck", ""), leave.clone()];
    assert_eq!(rig.back(TAKEN_UP), [asked.concat(), rest.concat()].concat());
}

#[test]
fn a_server_that_tells_of_channels_without_end_is_left() {
    let mut config = config();
    config.limits.channels_bytes_max = 4_096;
    let (mut rig, link) = Rig::in_reef(config);
    for member in 200..4_000 {
        rig.hear(link, &join("#reef", member, NOTHING));
        if !rig.client.is_welcomed() {
            break;
        }
    }
    let notices = rig.notices();
    let reason = notices.iter().find_map(|notice| match notice {
        ClientNotice::Disconnected { reason, .. } => Some(*reason),
        _ => None,
    });
    assert_eq!(reason, Some(DisconnectReason::ChannelsFull));
    assert_eq!(rig.done(), [Done::Close(link, CloseWhen::Flushed)]);

    let (mut rig, link) = Rig::in_reef(super::config());
    for number in 0..300 {
        rig.hear(link, &join(&format!("#{number}"), ME, NOTHING));
    }
    let dropped = ClientNotice::FrameDropped {
        why: BadFrame::TooManyChannels,
    };
    assert_eq!(rig.notices().last(), Some(&dropped));
    assert_eq!(rig.client.channels().count(), 250);
    rig.join("#one-more", "");
    let too_many = channel_not_sent("#one-more", ClientSendError::TooManyChannels);
    rig.check(&[too_many], &[]);
}

#[test]
fn what_is_refused_after_the_last_words_is_heard() {
    let (mut rig, link) = Rig::with_channels(config());
    rig.join("#reef", "");
    rig.quit("");
    rig.notices();
    rig.hear(link, &refused("#reef", "wrong key"));
    let told = ClientNotice::ChannelRefused {
        channel: Some("#reef".into()),
        text: "wrong key".into(),
    };
    assert_eq!(rig.notices(), [told]);
}
