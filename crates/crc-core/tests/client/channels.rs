//! Channels: commands, the listing of a channel, and what survives a disconnect.

use crc_wire::{ChannelField, ChatKind, RequestKind};

use super::channel_fixture::*;
use super::*;

#[test]
fn commands_carry_the_clients_own_id() {
    let (mut fixture, link) = Fixture::with_channels(config());
    fixture.join("#Reef", "fish");
    fixture.send_channel_chat("#reef", "Grüße");
    fixture.set_topic("#reef", "tide");
    fixture.names_of("#reef");
    fixture.part("#reef", "bye");
    let sent = [
        asks("#Reef", "fish"),
        channel_chat("#reef", ME, "Grüße"),
        set_by("#reef", Some(ME), 0, ChannelField::TOPIC, "tide"),
        request(ME, None, RequestKind::NAMES, "#reef", ""),
        part("#reef", ME, None, "bye"),
    ];
    fixture.check(&[], &sent.map(|bytes| Action::Send(link, bytes)));
}

#[test]
fn a_channel_is_entered_when_its_listing_is_complete() {
    let (mut fixture, link) = Fixture::with_channels(config());
    fixture.join("#reef", "");
    assert!(fixture.client.is_joining("#REEF"));
    fixture.receive(link, &joined_frame(103, "carol", ""));
    let shown = [
        join("#Reef", 103, OPERATOR),
        join("#Reef", 104, NO_FLAGS),
        set("#Reef", ChannelField::TOPIC, "tide"),
        set("#Reef", ChannelField::MODES, "nt"),
    ];
    fixture.receive(link, &shown.concat());
    fixture.notices();
    assert!(fixture.client.channel("#reef").is_none());
    fixture.receive(link, &join("#Reef", ME, NO_FLAGS));
    let entered = ClientNotice::ChannelEntered {
        channel: "#Reef".into(),
        members: vec![
            me(NO_FLAGS),
            member(103, Some("carol"), OPERATOR),
            member(104, None, NO_FLAGS),
        ],
        topic: "tide".into(),
        rejoined: false,
    };
    assert_eq!(fixture.notices(), std::slice::from_ref(&entered));
    assert!(!fixture.client.is_joining("#reef"));
    let channel = fixture.client.channel("#REEF").unwrap();
    assert_eq!((channel.name(), channel.topic()), ("#Reef", "tide"));
    assert_eq!(channel.setting(ChannelField::MODES), "nt");
    assert_eq!(channel.setting(ChannelField::KEY), "");
    assert_eq!(channel.member(id(103)), Some(OPERATOR));
    assert_eq!(fixture.client.channels().count(), 1);

    // A join of a channel that the client is in reports it again and sends nothing.
    fixture.actions();
    fixture.join("#reef", "");
    fixture.check(&[entered], &[]);
}

#[test]
fn changes_of_a_channel_are_reported() {
    let (mut fixture, link) = Fixture::in_reef(config());
    fixture.receive(link, &joined_frame(103, "carol", ""));
    fixture.notices();
    let reef = || "#reef".to_owned();
    let carol = || host_ref(103, Some("carol"));
    let stream = [
        join("#reef", 103, NO_FLAGS),
        join("#reef", 103, NO_FLAGS),
        join_by("#reef", 103, Some(ME), OPERATOR),
        channel_chat("#REEF", 103, "Hi"),
        set("#reef", ChannelField::TOPIC, "tide"),
        set("#reef", ChannelField::TOPIC, "tide"),
        set("#reef", ChannelField(200), "later"),
        part("#reef", 103, None, "bye"),
        part("#reef", 103, None, "bye"),
        join_by("#reef", ME, Some(103), NO_FLAGS),
        request(103, Some(ME), RequestKind::INVITE, "#cave", ""),
        status(SERVER, ME, 0x0104, "#reef bob carol"),
        refused("#Reef", "only its operators may do this"),
        status(SERVER, ME, 0x0103, "something else"),
        part("#reef", ME, Some(103), "loud"),
    ];
    fixture.receive(link, &stream.concat());
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
    let left = |client, by, text: &str| ClientNotice::ChannelLeft {
        channel: reef(),
        client,
        by,
        text: text.into(),
    };
    assert_eq!(
        fixture.notices(),
        [
            ClientNotice::ChannelJoined {
                channel: reef(),
                member: member(103, Some("carol"), NO_FLAGS),
            },
            flags(member(103, Some("carol"), OPERATOR), me(NO_FLAGS).client),
            ClientNotice::ChannelChat {
                channel: reef(),
                from: carol(),
                kind: ChatKind::Message,
                text: "Hi".into(),
            },
            changed(ChannelField::TOPIC, "tide"),
            changed(ChannelField(200), "later"),
            left(carol(), None, "bye"),
            flags(me(NO_FLAGS), carol()),
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
                is_join: false,
                text: "only its operators may do this".into(),
            },
            ClientNotice::ChannelRefused {
                channel: None,
                is_join: false,
                text: "something else".into(),
            },
            left(me(NO_FLAGS).client, Some(carol()), "loud"),
        ]
    );
    assert_eq!(fixture.client.channels().count(), 0);
}

#[test]
fn a_quit_removes_a_member_and_a_rename_does_not() {
    let (mut fixture, link) = Fixture::in_reef(config());
    fixture.receive(link, &joined_frame(103, "carol", "sea"));
    fixture.receive(link, &join("#reef", 103, OPERATOR));
    fixture.notices();
    fixture.receive(link, &joined_frame(103, "caroline", "sea"));
    fixture.receive(link, &channel_chat("#reef", 103, "me again"));
    let renamed = renamed(103, "carol", "caroline");
    let chat = ClientNotice::ChannelChat {
        channel: "#reef".into(),
        from: host_ref(103, Some("caroline")),
        kind: ChatKind::Message,
        text: "me again".into(),
    };
    assert_eq!(fixture.notices(), [renamed, chat]);
    let members = |fixture: &Fixture| fixture.client.channel("#reef").unwrap().members().len();
    assert_eq!(members(&fixture), 2);
    fixture.receive(link, &quit(103, "bye"));
    assert!(matches!(fixture.notices()[..], [ClientNotice::Left { .. }]));
    assert_eq!(members(&fixture), 1);
}

#[test]
fn commands_fail_on_a_server_without_channels() {
    let why = ClientSendError::ChannelsUnsupported;
    for (mut fixture, link) in [
        Fixture::with_v2_server(config()),
        Fixture::with_v1_server(config()),
    ] {
        fixture.join("#reef", "");
        fixture.send_channel_chat("#reef", "Hi");
        fixture.send_chat(9, "Hi");
        let not_sent = channel_not_sent("#reef", why);
        let sent = Action::Send(link, chat(ME, 9, "Hi"));
        if fixture.client.server_features().is_none() {
            // A v1 server needs a pause after each frame.
            fixture.wait();
        }
        fixture.check(&[not_sent.clone(), not_sent], &[sent]);
    }
}

#[test]
fn an_invalid_channel_name_is_reported_at_once() {
    let mut fixture = Fixture::started(config());
    let too_long = format!("#{}", "c".repeat(64));
    let longer = "#".repeat(300);
    for channel in [
        "", "reef", "#", "#a b", "#a,b", "#\u{7}", &too_long, &longer,
    ] {
        fixture.join(channel, "");
        fixture.check(
            &[channel_not_sent(
                channel,
                ClientSendError::InvalidChannelName,
            )],
            &[],
        );
    }
    fixture.send_channel_chat("#reef", &"x".repeat(65_537));
    let (len, max) = (65_537, 65_536);
    fixture.check(
        &[channel_not_sent(
            "#reef",
            ClientSendError::TooLong { len, max },
        )],
        &[],
    );
}

#[test]
fn early_commands_wait_in_order() {
    let mut fixture = Fixture::started(config());
    fixture.join("#reef", "fish");
    fixture.send_channel_chat("#reef", "one");
    fixture.send_chat(9, "two");
    fixture.send_channel_chat("#reef", "three");
    assert_eq!(fixture.client.queued(), 4);
    let link = fixture.link_up();
    fixture.receive(link, &welcome(ME));
    fixture.actions();
    fixture.receive(link, &status(SERVER, ME, 0x0100, CHANNELS_FEATURES));
    let sent = [
        asks("#reef", "fish"),
        channel_chat("#reef", ME, "one"),
        chat(ME, 9, "two"),
        channel_chat("#reef", ME, "three"),
    ];
    assert_eq!(fixture.actions(), [Action::Send(link, sent.concat())]);
}

#[test]
fn a_quit_reports_unsent_commands() {
    let mut fixture = Fixture::started(config());
    fixture.join("#reef", "");
    fixture.quit("");
    fixture.check(
        &[channel_not_sent("#reef", ClientSendError::Quit)],
        &[Action::Stop],
    );
    fixture.join("#reef", "");
    fixture.check(&[channel_not_sent("#reef", ClientSendError::Quit)], &[]);
}

#[test]
fn rejoins_its_channels_after_a_reconnect() {
    let (mut fixture, link) = Fixture::in_reef(config());
    fixture.join("#cave", "");
    fixture.receive(link, &refused("#cave", "wrong key"));
    fixture.join("#wreck", "");
    fixture.actions();
    fixture.receive(link, &set("#reef", ChannelField::KEY, "kelp"));
    fixture.lose(link, &[]);
    assert_eq!(fixture.client.channels().count(), 0);
    fixture.send_channel_chat("#reef", "still here");
    // A refused join is not repeated. A join without an answer is, since it may have
    // been lost.
    let asked = [
        asks("#reef", "kelp"),
        asks("#wreck", ""),
        channel_chat("#reef", ME, "still here"),
    ];
    assert_eq!(fixture.back(CHANNELS_FEATURES), asked.concat());
    fixture.notices();
    let link = LinkId::new(0, fixture.links);
    let shown = [
        join("#reef", ME, OPERATOR),
        refused("#wreck", "it is full"),
        join("#wreck", 104, NO_FLAGS),
    ];
    fixture.receive(link, &shown.concat());
    let full = ClientNotice::ChannelRefused {
        channel: Some("#wreck".into()),
        is_join: true,
        text: "it is full".into(),
    };
    assert_eq!(fixture.notices(), [alone("#reef", true), full]);
    // After the second reconnect the client has not been in the channel: it is not rejoined.
    fixture.part("#reef", "");
    fixture.receive(link, &part("#reef", ME, None, ""));
    fixture.join("#reef", "");
    fixture.receive(link, &join("#reef", ME, OPERATOR));
    let notices = fixture.notices();
    assert_eq!(notices.last(), Some(&alone("#reef", false)));
}

#[test]
fn channels_survive_a_server_without_channels() {
    let (mut fixture, link) = Fixture::in_reef(config());
    fixture.lose(link, &[]);
    assert_eq!(fixture.back("crc-caps 1 server-quit"), b"");
    let expected = channel_not_sent("#reef", ClientSendError::ChannelsUnsupported);
    assert_eq!(fixture.notices()[2..], [expected]);
    fixture.lose(LinkId::new(0, 2), &[]);
    assert_eq!(fixture.back(CHANNELS_FEATURES), asks("#reef", "fish"));
}

#[test]
fn unsent_commands_are_sent_again() {
    let (mut fixture, link) = Fixture::in_reef(config());
    fixture.join("#cave", "");
    fixture.receive(link, &join("#cave", ME, OPERATOR));
    fixture.part("#cave", "gone");
    fixture.part("#reef", "bye");
    fixture.join("#wreck", "");
    fixture.send_channel_chat("#wreck", "Hi");
    fixture.set_topic("#wreck", "rust");
    fixture.names_of("#wreck");
    // One part was written to the server, the other was not.
    let unsent = [
        part("#reef", ME, None, "bye"),
        asks("#wreck", ""),
        channel_chat("#wreck", ME, "Hi"),
        set_by("#wreck", Some(ME), 0, ChannelField::TOPIC, "rust"),
        request(ME, None, RequestKind::NAMES, "#wreck", ""),
    ];
    fixture.lose(link, &unsent);
    let [leave, _, rest @ ..] = &unsent;
    let asked = [asks("#reef", "fish"), asks("#wreck", ""), leave.clone()];
    assert_eq!(
        fixture.back(CHANNELS_FEATURES),
        [asked.concat(), rest.concat()].concat()
    );
}

#[test]
fn channels_beyond_their_limits_are_refused() {
    let mut config = config();
    config.limits.channels_bytes_max = 4_096;
    let (mut fixture, link) = Fixture::in_reef(config);
    for member in 200..4_000 {
        fixture.receive(link, &join("#reef", member, NO_FLAGS));
        if !fixture.client.is_welcomed() {
            break;
        }
    }
    let notices = fixture.notices();
    let reason = notices.iter().find_map(|notice| match notice {
        ClientNotice::Disconnected { reason, .. } => Some(*reason),
        _ => None,
    });
    assert_eq!(reason, Some(DisconnectReason::ChannelsFull));
    assert_eq!(fixture.actions(), [Action::Close(link, CloseWhen::Flushed)]);

    let (mut fixture, link) = Fixture::in_reef(super::config());
    for number in 0..300 {
        fixture.receive(link, &join(&format!("#{number}"), ME, NO_FLAGS));
    }
    let dropped = ClientNotice::FrameDropped {
        why: BadFrame::TooManyChannels,
    };
    assert_eq!(fixture.notices().last(), Some(&dropped));
    assert_eq!(fixture.client.channels().count(), 64);
    fixture.join("#one-more", "");
    let too_many = channel_not_sent("#one-more", ClientSendError::TooManyChannels);
    fixture.check(&[too_many], &[]);
}

#[test]
fn a_refusal_after_the_quit_is_reported() {
    let (mut fixture, link) = Fixture::with_channels(config());
    fixture.join("#reef", "");
    fixture.quit("");
    fixture.notices();
    fixture.receive(link, &refused("#reef", "wrong key"));
    let expected = ClientNotice::ChannelRefused {
        channel: Some("#reef".into()),
        is_join: true,
        text: "wrong key".into(),
    };
    assert_eq!(fixture.notices(), [expected]);
}
