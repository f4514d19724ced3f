//! Channels across servers and protocols.

use super::*;

#[test]
fn channels_span_servers() {
    let mut net = Net::new(3);
    let ann = net.user(0, "ann");
    net.request(ann, "JOIN #reef");
    let (bob, eve) = (net.user(1, "bob"), net.user(2, "eve"));
    net.request(bob, "JOIN #reef");
    net.request(eve, "JOIN #reef");
    net.expect_lines(
        ann,
        &[":bob!~bob@ID.crc JOIN #reef", ":eve!~eve@ID.crc JOIN #reef"],
    );
    net.discard(&[bob]);
    for node in 0..3 {
        assert_eq!(net.members(node, "#reef"), ["0bob", "0eve", "1ann"]);
    }
    let refused = ":server1 482 bob #reef :You're not channel operator";
    for line in [
        "TOPIC #reef :x",
        "MODE #reef +m",
        "MODE #reef +o bob",
        "KICK #reef eve",
    ] {
        net.expect(bob, line, &[refused]);
    }
    // The server of the member changes its status.
    net.expect(
        ann,
        "MODE #reef +o bob",
        &[":ann!~ann@ID.crc MODE #reef +o bob"],
    );
    net.expect_lines(bob, &[":ann!~ann@ID.crc MODE #reef +o bob"]);
    net.expect_lines(eve, &[":ann!~ann@ID.crc MODE #reef +o bob"]);
    net.expect(
        bob,
        "TOPIC #reef :Low tide",
        &[":bob!~bob@ID.crc TOPIC #reef :Low tide"],
    );
    net.expect_lines(ann, &[":bob!~bob@ID.crc TOPIC #reef :Low tide"]);
    net.expect_lines(eve, &[":bob!~bob@ID.crc TOPIC #reef :Low tide"]);
    net.expect(
        bob,
        "MODE #reef -o+v ann eve",
        &[
            ":bob!~bob@ID.crc MODE #reef -o ann",
            ":bob!~bob@ID.crc MODE #reef +v eve",
        ],
    );
    net.discard(&[ann, eve]);
    for node in 0..3 {
        assert_eq!(net.members(node, "#reef"), ["0ann", "1bob", "2eve"]);
    }
    net.expect(bob, "MODE #reef +m", &[":bob!~bob@ID.crc MODE #reef +m"]);
    net.discard(&[ann, eve]);
    net.expect(
        ann,
        "PRIVMSG #reef :hi",
        &[":server0 404 ann #reef :Cannot send to channel"],
    );
    net.expect(eve, "PRIVMSG #reef :hi", &[]);
    net.expect_lines(ann, &[":eve!~eve@ID.crc PRIVMSG #reef :hi"]);
    net.expect_lines(bob, &[":eve!~eve@ID.crc PRIVMSG #reef :hi"]);
    // Kicks.
    net.expect(
        bob,
        "KICK #reef ann,eve :Closing time",
        &[
            ":bob!~bob@ID.crc KICK #reef ann :Closing time",
            ":bob!~bob@ID.crc KICK #reef eve :Closing time",
        ],
    );
    net.expect_lines(ann, &[":bob!~bob@ID.crc KICK #reef ann :Closing time"]);
    net.expect(
        ann,
        "PRIVMSG #reef :hi",
        &[":server0 404 ann #reef :Cannot send to channel"],
    );
    for node in 0..3 {
        assert_eq!(net.members(node, "#reef"), ["1bob"]);
    }
    // An invitation across servers.
    net.request(bob, "MODE #reef +i");
    net.expect(
        ann,
        "JOIN #reef",
        &[":server0 473 ann #reef :Cannot join channel (+i)"],
    );
    net.expect(bob, "INVITE ann #reef", &[":server1 341 bob ann #reef"]);
    net.expect_lines(ann, &[":bob!~bob@ID.crc INVITE ann #reef"]);
    assert!(
        net.request(ann, "JOIN #reef")
            .iter()
            .any(|line| line.contains(" 332 "))
    );
}

#[test]
fn crc_clients_and_irc_users_share_channels() {
    let mut net = Net::new(2);
    let ann = net.user(0, "ann");
    net.request(ann, "JOIN #reef");
    let crc = net.crc(1, 300);
    let host = net.id_of(0, "ann");
    net.fixture.send_message(
        crc,
        &channel_request(300, None, RequestKind::JOIN, "#reef", ""),
    );
    net.expect_lines(ann, &[":host300!host300@ID.crc JOIN #reef"]);
    net.fixture.received(crc);
    net.send_line(ann, "PRIVMSG #reef :hi");
    net.send_line(ann, "NOTICE #reef :ho");
    net.fixture.soon();
    let received = net.fixture.received(crc);
    assert_eq!(received[0], channel_frame(host.get(), "#reef", "hi"));
    assert!(matches!(&received[1], Message::ChannelChat(chat) if chat.kind == ChatKind::Notice));
    net.fixture
        .send_message(crc, &channel_frame(300, "#reef", "one\ntwo"));
    net.expect_lines(
        ann,
        &[
            ":host300!host300@ID.crc PRIVMSG #reef :one",
            ":host300!host300@ID.crc PRIVMSG #reef :two",
        ],
    );
    net.fixture.send_message(
        crc,
        &channel_request(300, Some(host), RequestKind::NOTICE, "", "psst"),
    );
    net.expect_lines(ann, &[":host300!host300@ID.crc NOTICE ann :psst"]);
    net.expect(
        ann,
        "MODE #reef +o host300",
        &[":ann!~ann@ID.crc MODE #reef +o host300"],
    );
    net.fixture.send_message(
        crc,
        &channel_request(300, Some(host), RequestKind::DEOP, "#reef", ""),
    );
    net.expect_lines(ann, &[":host300!host300@ID.crc MODE #reef -o ann"]);
    net.fixture.send_message(
        crc,
        &channel_request(300, Some(host), RequestKind::KICK, "#reef", "out"),
    );
    net.expect_lines(ann, &[":host300!host300@ID.crc KICK #reef ann :out"]);
    net.fixture.send_message(
        crc,
        &channel_request(300, Some(host), RequestKind::INVITE, "#reef", ""),
    );
    net.expect_lines(ann, &[":host300!host300@ID.crc INVITE ann #reef"]);
}

#[test]
fn a_member_with_a_name_that_irc_cannot_show_is_not_kicked() {
    let mut net = Net::new(2);
    let (ann, eve) = (net.user(0, "ann"), net.user(1, "eve"));
    net.request(ann, "JOIN #reef");
    let legacy = net.fixture.connect_at(0, LEGACY);
    net.send_line(legacy, "SERVER leaf 1 :Leaf");
    net.send_line(legacy, ":leaf USER bob host leaf :Bob");
    net.send_line(legacy, ":bob JOIN #reef");
    net.read_lines(legacy);
    net.expect_lines(ann, &[":bob!bob@ID.crc JOIN #reef"]);
    let answer = ":server0 482 ann #reef :bob can't be put out: its network has no word for it";
    net.expect(ann, "KICK #reef bob", &[answer]);
    let given = ":ann!~ann@ID.crc MODE #reef +v bob";
    net.expect(ann, "MODE #reef +v bob", &[given]);
    // Another server does not know this, and does nothing.
    net.request(eve, "JOIN #reef");
    net.request(ann, "MODE #reef +o eve");
    net.discard(&[eve]);
    net.expect(eve, "KICK #reef bob", &[]);
    assert_eq!(net.members(1, "#reef"), ["1ann", "1eve", "2bob"]);
}

#[test]
fn settings_without_a_source_come_from_the_server() {
    let mut net = Net::new(1);
    let ann = net.user(0, "ann");
    net.request(ann, "JOIN #reef");
    let peer = net.fixture.connect(0);
    net.fixture
        .introduce_v2(peer, 50, "r=9;f=channels,server-quit");
    let set = |field, value: &str| {
        Message::ChannelSetting(crc_wire::ChannelSetting {
            source: None,
            version: u64::MAX / 2,
            field,
            channel: ChannelName::new("#reef").unwrap(),
            value: Text::new(value.to_owned()).unwrap(),
        })
    };
    for (field, value) in [
        (ChannelField::TOPIC, "a\r\nQUIT"),
        (ChannelField::MODES, "im"),
        (ChannelField::KEY, "pearl"),
        (ChannelField::LIMIT, "7"),
        (ChannelField::BANS, "a!*@* b!*@*"),
        (ChannelField(77), "x"),
    ] {
        net.fixture.send_message(peer, &set(field, value));
    }
    net.expect_lines(
        ann,
        &[
            ":server0 MODE #reef -nt+im",
            ":server0 MODE #reef +k pearl",
            ":server0 MODE #reef +l 7",
            ":server0 MODE #reef +bb a!*@* b!*@*",
        ],
    );
}
