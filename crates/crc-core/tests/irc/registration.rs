//! Registration: nicks, capabilities, ids.

use super::*;

#[test]
fn a_registered_user_is_welcomed() {
    let mut net = Net::new(1);
    let ann = net.connect(0);
    assert!(net.request(ann, "NICK ann").is_empty());
    let welcome = net.request(ann, "USER ann 0 * :Ann of the Reef");
    let support = ":server0 005 ann CHANTYPES=# PREFIX=(ov)@+ CHANMODES=beI,k,l,Cimnpst \
         CASEMAPPING=ascii NICKLEN=30 USERLEN=10 CHANNELLEN=64 TOPICLEN=390 KICKLEN=300 \
         AWAYLEN=300 NETWORK=CRC :are supported by this server";
    let more = ":server0 005 ann BOT=B LINELEN=512 MODES=12 MAXLIST=beI:100 CHANLIMIT=#:64 MAXTARGETS=4 STATUSMSG=@+ \
         TARGMAX=JOIN:,KICK:4,NAMES:1,NOTICE:4,PART:,PRIVMSG:4,TAGMSG:4,WHOIS:4 CLIENTTAGDENY= \
         MONITOR=100 SAFELIST UTF8ONLY WHOX :are supported by this server";
    let lists =
        ":server0 005 ann ELIST=CMNTU EXCEPTS EXTBAN=,m INVEX :are supported by this server";
    let version = concat!("crc-", env!("CARGO_PKG_VERSION"));
    assert_eq!(
        welcome,
        [
            ":server0 001 ann :Welcome to the relay chat network, ann!~ann@ID.crc".to_owned(),
            format!(":server0 002 ann :Your host is server0, running version {version}"),
            ":server0 003 ann :This server was started Tue, 14 Nov 2023 22:13:20 UTC".to_owned(),
            format!(":server0 004 ann server0 {version} Biow CIbeiklmnopstv Ibeklov"),
            support.to_owned(),
            more.to_owned(),
            lists.to_owned(),
            ":server0 251 ann :There are 1 users and 0 invisible on 1 servers".to_owned(),
            ":server0 254 ann 0 :channels formed".to_owned(),
            ":server0 255 ann :I have 1 clients and 0 servers".to_owned(),
            ":server0 265 ann 1 1 :Current local users 1, max 1".to_owned(),
            ":server0 266 ann 1 1 :Current global users 1, max 1".to_owned(),
            ":server0 422 ann :There is no message of the day".to_owned(),
        ]
    );
    let snapshot = net.fixture.nodes[0].server.snapshot();
    assert_eq!(
        (snapshot.unregistered_links(), snapshot.directory().len()),
        (0, 1)
    );
    let host = snapshot.directory().clients().next().unwrap();
    assert_eq!((host.name(), host.info()), ("ann", "Ann of the Reef"));
}

#[test]
fn nick_and_user_come_in_any_order_and_in_segments() {
    let mut net = Net::with(1, |config| {
        config.motd = vec!["Low tide".into(), String::new()]
    });
    let ann = net.connect(0);
    assert!(net.request(ann, "PASS secret").is_empty());
    assert!(net.request(ann, "USER a!@n\u{e9} 0 * Ann").is_empty());
    net.expect(ann, "PING :lag 1", &[":server0 PONG server0 :lag 1"]);
    net.fixture.send(ann, b"NI");
    assert!(net.read_lines(ann).is_empty());
    net.fixture.send(ann, b"CK ann\n");
    let welcome = net.read_lines(ann);
    assert_eq!(
        welcome[0],
        ":server0 001 ann :Welcome to the relay chat network, ann!~an@ID.crc"
    );
    assert_eq!(
        welcome[welcome.len() - 4..],
        [
            ":server0 375 ann :- server0 Message of the day -",
            ":server0 372 ann :- Low tide",
            ":server0 372 ann :- ",
            ":server0 376 ann :End of /MOTD command",
        ]
    );
    net.expect(
        ann,
        "USER ann 0 * :Ann",
        &[":server0 462 ann :You may not reregister"],
    );
    net.expect(ann, "PASS x", &[":server0 462 ann :You may not reregister"]);
}

#[test]
fn an_unregistered_user_learns_what_is_missing() {
    let mut net = Net::new(1);
    let ann = net.connect(0);
    let unregistered = ":server0 451 * :You have not registered";
    net.expect(ann, "JOIN :", &[unregistered]);
    net.expect(ann, "PRIVMSG bob :hi", &[unregistered]);
    net.expect(ann, "FROB", &[unregistered]);
    net.expect(ann, "NICK", &[":server0 431 * :No nickname given"]);
    net.expect(ann, "NICK :", &[":server0 431 * :No nickname given"]);
    net.expect(
        ann,
        "NICK 4ann",
        &[":server0 432 * 4ann :Erroneous nickname"],
    );
    let long = "n".repeat(31);
    let expected = format!(":server0 432 * {long} :Erroneous nickname");
    net.expect(ann, &format!("NICK {long}"), &[&expected]);
    net.expect(
        ann,
        "USER ann 0 *",
        &[":server0 461 * USER :Not enough parameters"],
    );
    net.expect(ann, "PING", &[":server0 409 * :No origin specified"]);
    assert_eq!(
        net.fixture.nodes[0].server.snapshot().unregistered_links(),
        1
    );
    net.expect(ann, "QUIT", &["ERROR :Closing Link: * (Quit)"]);
    assert!(net.fixture.peers[ann].ended);
}

#[test]
fn a_nick_is_unique_across_protocols() {
    let mut net = Net::new(2);
    net.crc(0, 300);
    let ann = net.user(0, "ann");
    let taken = |nick: &str| format!(":server1 433 * {nick} :Nickname is already in use");
    let bob = net.connect(1);
    net.expect(bob, "NICK ANN", &[&taken("ANN")]);
    net.expect(bob, "NICK Host300", &[&taken("Host300")]);
    net.expect(bob, "NICK server0", &[&taken("server0")]);
    // Two users ask for the same nick before either has it.
    let other = net.connect(1);
    assert!(net.request(other, "NICK bob").is_empty());
    assert!(net.request(bob, "NICK bob").is_empty());
    assert!(net.request(bob, "USER bob 0 * :Bob")[0].contains(" 001 bob "));
    net.expect(other, "USER bob 0 * :Bob", &[&taken("bob")]);
    assert!(net.request(other, "NICK bob2")[0].contains(" 001 bob2 "));
    let taken = ":server0 433 ann bob :Nickname is already in use";
    net.expect(ann, "NICK bob", &[taken]);
    net.expect(ann, "NICK x y", &[":ann!~ann@ID.crc NICK :x"]);
    net.expect(ann, "NICK X", &[":x!~ann@ID.crc NICK :X"]);
    net.expect(ann, "NICK X", &[]);
    net.fixture.send(ann, b"NICK \xe9t\xe9\r\n");
    net.expect_lines(ann, &[":X!~ann@ID.crc NICK :été"]);
}

#[test]
fn a_later_host_with_a_used_name_gets_a_nick_with_its_id() {
    let mut net = Net::new(2);
    let ann = net.user(0, "host300");
    net.crc(1, 300);
    net.fixture.run(Duration::from_secs(1));
    net.expect(
        ann,
        "ISON host300 host300|300",
        &[":server0 303 host300 :host300 host300|300"],
    );
    let bob = net.user(1, "bob");
    net.expect(bob, "PRIVMSG host300|300 :hi", &[]);
}

#[test]
fn two_users_that_take_a_nick_at_once_are_renamed_on_each_others_server() {
    let mut net = Net::new(2);
    // Until neither server has heard of the other user when its own registers.
    let users = (0..20).find_map(|_| {
        let users = [net.connect(0), net.connect(1)];
        for user in users {
            net.send_line(user, "NICK ann\r\nUSER ann 0 * :Ann\r\nJOIN #reef");
        }
        net.fixture.run(Duration::from_secs(1));
        let welcome = users.map(|user| net.read_lines(user)[0].contains(" 001 ann "));
        if welcome != [true, true] {
            for user in users {
                net.fixture.close_peer(user);
            }
            net.fixture.run(Duration::from_secs(1));
        }
        (welcome == [true, true]).then_some(users)
    });
    let users = users.expect("both register at once");
    for (node, user) in users.into_iter().enumerate() {
        let other = net.id_of(1 - node, "ann");
        let nick = format!("ann|{other}");
        assert_eq!(net.id_of(node, &nick), other);
        net.expect(user, &format!("PRIVMSG {nick} :hi"), &[]);
        let received = net.read_lines(users[1 - node]);
        let (from, said) = received[0].split_once(' ').unwrap();
        assert_eq!(said, "PRIVMSG ann :hi");
        assert!(from.starts_with(":ann|"), "{received:?}");
        net.send_line(user, "PRIVMSG #reef :all");
        assert!(net.read_lines(users[1 - node])[0].starts_with(":ann|"));
    }
}

#[test]
fn a_user_whose_id_is_taken_stays_with_a_new_id() {
    let mut net = Net::with(1, |config| {
        config.connect = vec!["r0:1".parse().unwrap()];
    });
    net.fixture.listen_peer("r0");
    net.fixture.run(Duration::from_secs(30));
    let parent = net.fixture.newest("r0");
    net.fixture
        .introduce_v2(parent, 50, "r=0;f=channels,server-quit");
    let (ann, bob) = (net.user(0, "ann"), net.user(0, "bob"));
    net.request(ann, "JOIN #reef");
    net.request(bob, "JOIN #reef");
    net.discard(&[ann]);
    let before = net.id_of(0, "ann");
    let taken = registration(Kind::Client, before.get(), Some(50), "another");
    net.fixture.send_message(parent, &taken);
    net.expect_lines(ann, &[]);
    assert_ne!(net.id_of(0, "ann"), before);
    let received = net.read_lines(bob);
    assert_eq!(
        received,
        [
            ":ann!~ann@ID.crc QUIT :its id has changed",
            ":ann!~ann@ID.crc JOIN #reef",
            ":server0 MODE #reef +o ann",
        ]
    );
    assert_eq!(net.members(0, "#reef"), ["0bob", "1ann"]);
    let after = net.id_of(0, "ann");
    net.expect(bob, "PRIVMSG ann :hi", &[]);
    net.expect_lines(ann, &[":bob!~bob@ID.crc PRIVMSG ann :hi"]);
    net.send_line(ann, "PRIVMSG bob :hi");
    let bytes = net.read_bytes(bob);
    let expected = format!(":ann!~ann@{after}.crc PRIVMSG bob :hi\r\n");
    assert_eq!(bytes, expected.as_bytes());
}

#[test]
fn a_user_keeps_its_id_unless_the_other_client_registered_earlier() {
    const START_MS: u64 = 1_700_000_000_000;
    for (stated, stays) in [(1, false), (START_MS + 60_000, true)] {
        let mut net = Net::with(1, |config| {
            config.started_at_unix_ms = START_MS;
            config.connect = vec!["r0:1".parse().unwrap()];
        });
        net.fixture.listen_peer("r0");
        net.fixture.run(Duration::from_secs(30));
        let (parent, child) = (net.fixture.newest("r0"), net.fixture.connect(0));
        let features = "f=channels,channel-age,server-quit";
        for (peer, id, rank) in [(parent, 50, 0), (child, 60, 2)] {
            net.fixture
                .introduce_v2(peer, id, &format!("r={rank};{features}"));
        }
        for (peer, server) in [(parent, 50), (child, 60)] {
            let ann = net.user(0, "ann");
            // Another name is no other registration.
            net.fixture.run(Duration::from_secs(10));
            net.request(ann, "NICK anna");
            let before = net.id_of(0, "anna");
            let info = format!("another [crc2;s={stated}]");
            let taken = registration(Kind::Client, before.get(), Some(server), &info);
            net.fixture.send_message(peer, &taken);
            net.expect_lines(ann, &[]);
            assert_eq!(
                net.id_of(0, "anna") == before,
                stays,
                "{stated} of {server}"
            );
            net.request(ann, "QUIT");
        }
    }
}

#[test]
fn an_unregistered_connection_times_out() {
    let mut net = Net::new(1);
    let ann = net.connect(0);
    net.send_line(ann, "NICK ann");
    net.fixture.run(Duration::from_secs(11));
    net.expect_lines(ann, &["ERROR :Closing Link: * (no registration in time)"]);
    assert!(net.fixture.peers[ann].ended);
}

#[test]
fn capability_negotiation_delays_registration() {
    let mut net = Net::new(1);
    let ann = net.connect(0);
    let all = "away-notify batch cap-notify draft/channel-rename draft/extended-monitor draft/message-redaction draft/metadata-3 draft/multiline draft/read-marker echo-message extended-join \
         extended-monitor invite-notify labeled-response message-tags multi-prefix server-time setname \
         standard-replies userhost-in-names";
    net.expect(ann, "CAP LS", &[&format!(":server0 CAP * LS :{all}")]);
    assert!(net.request(ann, "NICK ann").is_empty());
    assert!(net.request(ann, "USER ann 0 * :Ann").is_empty());
    net.expect(ann, "CAP LIST", &[":server0 CAP * LIST :"]);
    net.expect(
        ann,
        "CAP REQ :server-time sasl",
        &[":server0 CAP * NAK :server-time sasl"],
    );
    net.expect(ann, "CAP LIST", &[":server0 CAP * LIST :"]);
    net.expect(
        ann,
        "CAP REQ :multi-prefix server-time",
        &[":server0 CAP * ACK :multi-prefix server-time"],
    );
    net.expect(ann, "CAP", &[":server0 461 * CAP :Not enough parameters"]);
    net.expect(
        ann,
        "CAP FROB",
        &[":server0 410 * FROB :Invalid CAP command"],
    );
    assert!(net.request(ann, "CAP END")[0].contains(" 001 ann "));
    net.expect(
        ann,
        "CAP LIST",
        &[":server0 CAP ann LIST :multi-prefix server-time"],
    );
    net.expect(
        ann,
        "CAP REQ -server-time",
        &[":server0 CAP ann ACK :-server-time"],
    );
    net.expect(ann, "CAP LIST", &[":server0 CAP ann LIST :multi-prefix"]);
    let limits = "before-connect,max-subs=32,max-keys=16,max-key-bytes=64,max-value-bytes=300";
    let values = all.replace("metadata-3", &format!("metadata-3={limits}"));
    let lines = "draft/multiline=max-bytes=4096,max-lines=24";
    let values = values.replace("draft/multiline", lines);
    net.expect(
        ann,
        "CAP LS 302",
        &[&format!(":server0 CAP ann LS :{values}")],
    );
    net.expect(
        ann,
        "CAP LIST",
        &[":server0 CAP ann LIST :cap-notify multi-prefix"],
    );
    net.expect(ann, "CAP END", &[]);
}

#[test]
fn the_limit_of_hosts_holds_for_users() {
    let mut net = Net::with(1, |config| config.limits.hosts_max = 1);
    net.user(0, "ann");
    let bob = net.connect(0);
    net.send_line(bob, "NICK bob");
    net.send_line(bob, "USER bob 0 * :Bob");
    net.expect_lines(bob, &["ERROR :Closing Link: * (the directory is full)"]);
}

#[test]
fn a_crc_client_takes_another_name_as_a_user_takes_another_nick() {
    let mut net = Net::new(3);
    let (ann, bob) = (net.user(1, "ann"), net.user(0, "bob"));
    let eve = net.fixture.client(2, 300);
    let info = "info [crc2;f=channels,people]";
    net.fixture
        .send_message(eve, &registration(Kind::Client, 300, None, info));
    net.fixture.soon();
    for peer in [ann, bob] {
        net.request(peer, "JOIN #reef");
    }
    net.fixture.send_message(
        eve,
        &channel_request(300, None, RequestKind::JOIN, "#reef", ""),
    );
    net.fixture.soon();
    net.discard(&[ann, bob]);
    net.fixture.received(eve);
    net.fixture.send_message(
        eve,
        &channel_request(300, None, RequestKind::SET_NAME, "", "evelyn"),
    );
    for peer in [ann, bob] {
        net.expect_lines(peer, &[":host300!host300@ID.crc NICK :evelyn"]);
    }
    let own = net.fixture.received(eve);
    assert!(
        matches!(&own[..], [Message::ClientRegistration(own)]
            if own.source == id(300) && own.name.as_str() == "evelyn"),
        "{own:?}"
    );
    for node in 0..3 {
        assert_eq!(net.members(node, "#reef"), ["0bob", "0evelyn", "1ann"]);
    }
    // A user of IRC takes another nick: the client hears the name.
    net.request(ann, "NICK anna");
    let heard = net.fixture.received(eve);
    assert!(
        matches!(&heard[..], [Message::ClientRegistration(it)] if it.name.as_str() == "anna"),
        "{heard:?}"
    );
}
