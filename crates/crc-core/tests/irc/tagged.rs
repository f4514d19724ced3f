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

fn redaction(to: Option<u32>, audience: Audience, text: String) -> Message<'static> {
    let Message::TaggedChat(chat) = tagged(to, TaggedKind::Redaction, audience, "") else {
        unreachable!()
    };
    let text = Text::new(text).unwrap();
    Message::TaggedChat(TaggedChat { text, ..chat })
}

/// The id of a message in its line or tags.
fn id_in(line: &str) -> String {
    let (_, rest) = line.split_once("msgid=").unwrap();
    rest.split([' ', ';']).next().unwrap().to_owned()
}

#[test]
fn a_server_shows_redactions_of_those_who_may_redact() {
    let mut net = Net::new(2);
    let caps = "message-tags draft/message-redaction";
    let (ann, bob) = (net.user_with(0, "ann", caps), net.user_with(0, "bob", caps));
    net.request(ann, "JOIN #reef");
    let peer = server(&mut net, NEW, MemberFlags::NONE);
    let (ann_id, bob_id) = (net.id_of(0, "ann").get(), net.id_of(0, "bob").get());
    net.request(bob, "JOIN #reef");
    net.discard(&[ann, bob]);
    net.request(bob, "PRIVMSG #reef :one");
    net.request(bob, "PRIVMSG @#reef :two");
    net.request(bob, "PRIVMSG ann :three");
    let lines = net.read_lines(ann);
    let [one, two, three] = [0, 1, 2].map(|number: usize| id_in(&lines[number]));
    let unknown = "1-00000000000000ff".to_owned();
    // The client of the other server has said none of it, and is no operator.
    for (to, audience, id) in [
        (None, Audience::All, &one),
        (None, Audience::Operators, &two),
        (None, Audience::All, &unknown),
        (Some(ann_id), Audience::All, &three),
        (Some(ann_id), Audience::All, &one),
        (Some(bob_id), Audience::All, &three),
        (Some(ann_id), Audience::All, &String::new()),
    ] {
        let frame = redaction(to, audience, id.clone());
        net.fixture.send_message(peer, &frame);
        net.expect_lines(ann, &[]);
        net.expect_lines(bob, &[]);
    }
    // Its own messages it may redact, where they went, and to those who got them.
    let said = "msgid=32-0000000000000001";
    net.fixture.send_message(
        peer,
        &tagged(None, TaggedKind::Message, Audience::Operators, said),
    );
    net.expect_lines(
        ann,
        &["@msgid=32-0000000000000001 :host300!host300@ID.crc PRIVMSG @#reef :Hi"],
    );
    let text = "32-0000000000000001 a\r\nQUIT :b";
    net.fixture
        .send_message(peer, &redaction(None, Audience::All, text.to_owned()));
    net.expect_lines(ann, &[]);
    net.fixture
        .send_message(peer, &redaction(None, Audience::Operators, text.to_owned()));
    net.expect_lines(
        ann,
        &[":host300!host300@ID.crc REDACT @#reef 32-0000000000000001 :a  QUIT :b"],
    );
    net.expect_lines(bob, &[]);
    // It is forgotten then.
    net.fixture
        .send_message(peer, &redaction(None, Audience::Operators, text.to_owned()));
    net.expect_lines(ann, &[]);
    // An operator may redact what others have said.
    let join = Message::ChannelJoin(ChannelJoin {
        source: id(300),
        by: Some(id(ann_id)),
        flags: MemberFlags::OPERATOR,
        channel: ChannelName::new("#reef").unwrap(),
    });
    net.fixture.send_message(peer, &join);
    net.fixture.soon();
    net.discard(&[ann, bob]);
    net.fixture
        .send_message(peer, &redaction(None, Audience::All, one.clone()));
    let expected = format!(":host300!host300@ID.crc REDACT #reef {one}");
    net.expect_lines(ann, &[&expected]);
    net.expect_lines(bob, &[&expected]);
}

#[test]
fn an_id_that_comes_again_belongs_to_its_first_author() {
    let mut net = Net::new(1);
    let caps = "message-tags draft/message-redaction";
    let ann = net.user_with(0, "ann", caps);
    net.request(ann, "JOIN #reef");
    let peer = server(&mut net, NEW, MemberFlags::NONE);
    net.request(ann, "PRIVMSG #reef :one");
    let got = chats(net.fixture.received(peer));
    let id = id_in(&got[0]);
    let tags = Tags::new(format!("msgid={id}")).unwrap();
    let Message::TaggedChat(chat) = tagged(None, TaggedKind::Message, Audience::All, "") else {
        unreachable!()
    };
    net.fixture
        .send_message(peer, &Message::TaggedChat(TaggedChat { tags, ..chat }));
    net.fixture
        .send_message(peer, &redaction(None, Audience::All, id.clone()));
    let lines = net.read_lines(ann);
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(lines[0].contains("PRIVMSG"), "{lines:?}");
}

#[test]
fn a_redaction_goes_on_to_servers_that_take_it() {
    let mut net = Net::new(1);
    let ann = net.user_with(0, "ann", "message-tags");
    net.request(ann, "JOIN #reef");
    for (machine, takes) in [(NEW, true), (OLD, false)] {
        let peer = server(&mut net, machine, MemberFlags::NONE);
        let mut ids = Vec::new();
        let enabled = net.user_with(0, "bob", "message-tags echo-message");
        net.request(enabled, "JOIN #reef");
        net.discard(&[enabled]);
        for target in ["#reef", "host300"] {
            let echo = net.request(enabled, &format!("PRIVMSG {target} :one"));
            ids.push((target, id_in(&echo[0])));
        }
        net.fixture.received(peer);
        for (target, id) in &ids {
            net.request(enabled, &format!("REDACT {target} {id} :a reason"));
        }
        let shown = chats(net.fixture.received(peer));
        match takes {
            true => {
                assert_eq!(shown.len(), 2, "{shown:?}");
                for ((_, id), shown) in ids.iter().zip(&shown) {
                    assert!(shown.ends_with(&format!(" All {id} a reason")), "{shown}");
                }
            }
            false => assert_eq!(shown, [""; 0]),
        }
        net.request(enabled, "QUIT");
        net.fixture.close_peer(peer);
        net.fixture.soon();
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
