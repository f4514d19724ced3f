//! Chats with tags where other servers are old, or send what they must not.

use super::*;
use crc_wire::{Audience, ChannelJoin, MemberFlags, TaggedChat, TaggedKind, Tags};

const OLD: &str = "r=9;f=server-quit,channels";
const NEW: &str = "r=9;f=server-quit,channels,tags";

/// A server with the id 50 and its client 300, which is in the channel with these flags.
fn server(net: &mut Net, machine: &str, flags: MemberFlags) -> usize {
    let peer = net.fixture.connect(0);
    net.fixture.introduce_v2(peer, 50, machine);
    let client = registration(Kind::Client, 300, Some(50), "info");
    net.fixture.send_message(peer, &client);
    let join = Message::ChannelJoin(ChannelJoin {
        source: id(300),
        by: None,
        flags,
        channel: ChannelName::new("#reef").unwrap(),
    });
    net.fixture.send_message(peer, &join);
    net.fixture.soon();
    net.fixture.received(peer);
    peer
}

fn tagged(
    to: Option<u32>,
    kind: TaggedKind,
    audience: Audience,
    tags: &'static str,
) -> Message<'static> {
    Message::TaggedChat(TaggedChat {
        source: id(300),
        destination: to.map(id),
        kind,
        audience,
        channel: to.is_none().then(|| ChannelName::new("#reef").unwrap()),
        tags: Tags::new(tags).unwrap(),
        text: Text::new("Hi").unwrap(),
    })
}

fn chats(messages: Vec<Message<'static>>) -> Vec<String> {
    let shown = |message: &Message<'_>| match message {
        Message::ChannelChat(m) => Some(format!("{} {}", m.kind, m.text)),
        Message::ClientChat(m) => Some(format!("private {}", m.text)),
        Message::ChannelRequest(m) => Some(format!("request {} {}", m.kind.0, m.text)),
        Message::TaggedChat(m) => Some(format!("tagged {} {:?} {}", m.tags, m.audience, m.text)),
        _ => None,
    };
    messages.iter().filter_map(shown).collect()
}

#[test]
fn an_old_server_gets_what_all_may_hear_and_no_tags() {
    let mut net = Net::new(1);
    let ann = net.user_with(0, "ann", "message-tags");
    net.request(ann, "JOIN #reef");
    let old = server(&mut net, OLD, MemberFlags::OPERATOR);
    for line in [
        "@+a=b PRIVMSG #reef :one",
        "@+a=b TAGMSG #reef",
        "@+a=b PRIVMSG @#reef :secret",
        "PRIVMSG +#reef :secret",
        "@+a=b NOTICE #reef :two",
        "@+a=b PRIVMSG host300 :three",
        "@+a=b TAGMSG host300",
        "@+a=b NOTICE host300 :four",
    ] {
        net.request(ann, line);
    }
    assert_eq!(
        chats(net.fixture.received(old)),
        [
            "message one",
            "notice two",
            "private three",
            "request 0 four"
        ]
    );
}

#[test]
fn a_new_server_gets_everything_in_order() {
    let mut net = Net::new(1);
    let (ann, bob) = (net.user_with(0, "ann", "message-tags"), net.user(0, "bob"));
    net.request(ann, "JOIN #reef");
    net.request(bob, "JOIN #reef");
    let new = server(&mut net, NEW, MemberFlags::NONE);
    net.request(bob, "PRIVMSG #reef :plain");
    net.request(bob, "PRIVMSG @#reef :for few");
    net.request(ann, "@+a=b PRIVMSG #reef :one");
    net.request(ann, "@+a=b PRIVMSG host300 :two");
    net.request(bob, "PRIVMSG host300 :plain");
    let mut got = chats(net.fixture.received(new));
    for chat in &mut got {
        if let Some((before, after)) = chat.split_once(";msgid=") {
            let rest = after.split_once(' ').unwrap().1;
            *chat = format!("{before} {rest}");
        }
    }
    assert_eq!(
        got,
        [
            "message plain",
            "tagged  Operators for few",
            "tagged +a=b All one",
            "tagged +a=b All two",
            "private plain"
        ]
    );
}

#[test]
fn tags_of_other_servers_are_filtered() {
    let mut net = Net::new(1);
    let ann = net.user_with(0, "ann", "message-tags");
    net.request(ann, "JOIN #reef");
    let peer = server(&mut net, NEW, MemberFlags::NONE);
    let ann_id = net.id_of(0, "ann").get();
    net.discard(&[ann]);
    let bad = "time=1;+a=b;batch=7;msgid=x;label=9;account=root";
    for to in [None, Some(ann_id)] {
        net.fixture
            .send_message(peer, &tagged(to, TaggedKind::Message, Audience::All, bad));
    }
    net.expect_lines(
        ann,
        &[
            "@+a=b;msgid=x :host300!host300@ID.crc PRIVMSG #reef :Hi",
            "@+a=b;msgid=x :host300!host300@ID.crc PRIVMSG ann :Hi",
        ],
    );
    // Ann founded the channel, and has a rank until she gives it away.
    let voiced = tagged(None, TaggedKind::Message, Audience::Voiced, "");
    net.fixture.send_message(peer, &voiced);
    net.expect_lines(ann, &[":host300!host300@ID.crc PRIVMSG +#reef :Hi"]);
    net.request(ann, "MODE #reef -o ann");
    net.fixture.send_message(peer, &voiced);
    net.expect_lines(ann, &[]);
}

#[test]
fn a_message_with_tags_to_a_host_that_is_gone_is_answered() {
    let mut net = Net::new(1);
    let peer = server(&mut net, NEW, MemberFlags::NONE);
    for (kind, answers) in [
        (TaggedKind::Message, 1),
        (TaggedKind::Notice, 0),
        (TaggedKind::TagsOnly, 0),
    ] {
        net.fixture
            .send_message(peer, &tagged(Some(999), kind, Audience::All, "+a"));
        net.fixture.soon();
        let received = net.fixture.received(peer);
        let answered = |message: &&Message<'_>| matches!(message, Message::Status(it) if it.code == StatusCode::UNKNOWN_ID);
        assert_eq!(
            received.iter().filter(answered).count(),
            answers,
            "{kind:?}"
        );
    }
    // It names both a host and a channel, or none.
    for (to, channel) in [
        (None, None),
        (HostId::new(300), ChannelName::new("#reef").ok()),
    ] {
        let Message::TaggedChat(chat) = tagged(Some(1), TaggedKind::Message, Audience::All, "")
        else {
            unreachable!()
        };
        let both = TaggedChat {
            destination: to,
            channel,
            ..chat
        };
        net.fixture.send_message(peer, &Message::TaggedChat(both));
        net.fixture.soon();
        assert_eq!(chats(net.fixture.received(peer)), [""; 0]);
    }
}

#[test]
fn a_client_of_the_binary_protocol_gets_what_is_for_it() {
    let mut net = Net::new(2);
    let ann = net.user_with(0, "ann", "message-tags");
    net.request(ann, "JOIN #reef");
    let crc = net.crc(1, 300);
    let join = channel_request(300, None, RequestKind::JOIN, "#reef", "");
    net.fixture.send_message(crc, &join);
    net.fixture.soon();
    net.fixture.received(crc);
    for line in [
        "@+a=b PRIVMSG #reef :one",
        "PRIVMSG +#reef :secret",
        "@+a=b TAGMSG #reef",
        "@+a=b TAGMSG host300",
        "@+a=b PRIVMSG host300 :two",
        "MODE #reef +v host300",
        "PRIVMSG +#reef :three",
    ] {
        net.request(ann, line);
    }
    assert_eq!(
        chats(net.fixture.received(crc)),
        ["message one", "private two", "message three"]
    );
    // It may not send the frame itself.
    let frame = tagged(None, TaggedKind::Message, Audience::All, "+a");
    net.fixture.send_message(crc, &frame);
    net.fixture.soon();
    assert!(net.fixture.peers[crc].ended);
    net.discard(&[ann]);
}

#[test]
fn several_lines_of_a_client_are_one_message() {
    let mut net = Net::new(2);
    let ann = net.user_with(0, "ann", "draft/multiline batch");
    net.request(ann, "JOIN #reef");
    let crc = net.crc(1, 300);
    let join = channel_request(300, None, RequestKind::JOIN, "#reef", "");
    net.fixture.send_message(crc, &join);
    net.fixture.soon();
    net.discard(&[ann]);
    let ann_id = net.id_of(0, "ann").get();
    net.fixture
        .send_message(crc, &channel_frame(300, "#reef", "one\n\ntwo"));
    net.fixture
        .send_message(crc, &chat(300, ann_id, "three\r\nfour"));
    net.fixture
        .send_message(crc, &channel_frame(300, "#reef", "one line"));
    let source = ":host300!host300@ID.crc";
    let batch = |target: &str, lines: [&str; 3]| {
        let begin = [format!("{source} BATCH +m draft/multiline {target}")];
        let lines = lines.iter().filter(|line| **line != "-");
        let lines = lines.map(|line| format!("@batch=m {source} PRIVMSG {target} :{line}"));
        let end = [format!("{source} BATCH -m")];
        begin
            .into_iter()
            .chain(lines)
            .chain(end)
            .collect::<Vec<_>>()
    };
    let expected = [
        batch("#reef", ["one", "", "two"]),
        batch("ann", ["three", "four", "-"]),
        vec![format!("{source} PRIVMSG #reef :one line")],
    ];
    assert_eq!(net.read_lines(ann), expected.concat());
}
