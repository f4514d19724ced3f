//! The CRC network and a legacy network, joined by a server.

use super::*;

#[test]
fn a_gateway_joins_the_crc_and_the_legacy_network() {
    // gate and crc are linked by CRC, gate and legacy by the legacy protocol.
    let (mut net, gate) = Net::of("gate");
    let crc = net.server("crc", &[], &["s0:1"]);
    let legacy = net.server("legacy", &["c0:1"], &[]);
    let (leaf, listing) = net.adjacent(legacy, "leaf");
    assert_eq!(
        listing,
        [
            ":legacy SERVER legacy 1 :Info of legacy",
            ":legacy SERVER gate 2 :Info of gate",
            ":legacy SERVER crc 3 :Info of crc",
        ]
    );
    let ann = net.user(legacy, "ann");
    net.read_lines(leaf);
    let client = net.fixture.connect(crc);
    for info in ["info", "info [crc2;f=channels]"] {
        net.fixture
            .send_message(client, &registration(Kind::Client, 77, None, info));
    }
    net.fixture.soon();
    assert_eq!(
        net.read_lines(leaf),
        [":legacy USER host77 77.crc gate :info"]
    );
    let received = net.fixture.received(client);
    let ann_id = received.iter().find_map(|message| match message {
        Message::ClientRegistration(r) if r.name.as_str() == "ann" => Some(r.source.get()),
        _ => None,
    });
    let ann_id = ann_id.unwrap();
    net.fixture
        .send_message(client, &chat(77, ann_id, "two\nlines"));
    assert_eq!(
        net.read_lines(ann),
        [":host77 PRIVMSG ann :two", ":host77 PRIVMSG ann :lines"]
    );
    net.send_line(ann, "PRIVMSG host77 :hello");
    net.fixture.soon();
    assert_eq!(net.fixture.received(client), [chat(ann_id, 77, "hello")]);
    // A channel with members of both.
    let by_wish = |kind, text: &str| {
        Message::ChannelRequest(crc_wire::ChannelRequest {
            source: HostId::new(77).unwrap(),
            destination: None,
            kind,
            channel: Some(ChannelName::new("#bay").unwrap()),
            text: Text::new(text.to_owned()).unwrap(),
        })
    };
    net.fixture
        .send_message(client, &by_wish(crc_wire::RequestKind::JOIN, ""));
    // Its founder lets all members set the topic.
    let modes = Message::ChannelSetting(crc_wire::ChannelSetting {
        source: HostId::new(77),
        version: 0,
        field: ChannelField::MODES,
        channel: ChannelName::new("#bay").unwrap(),
        value: Text::new("n").unwrap(),
    });
    net.fixture.send_message(client, &modes);
    net.fixture.soon();
    assert_eq!(net.read_lines(leaf), [":host77 JOIN #bay"]);
    net.send_line(ann, "JOIN #bay");
    net.read_lines(ann);
    net.fixture.received(client);
    net.send_line(ann, "PRIVMSG #bay :tide");
    net.fixture.soon();
    let said = |source: u32, text: &str| {
        Message::ChannelChat(crc_wire::ChannelChat {
            source: HostId::new(source).unwrap(),
            kind: ChatKind::Message,
            channel: ChannelName::new("#bay").unwrap(),
            text: Text::new(text.to_owned()).unwrap(),
        })
    };
    assert_eq!(net.fixture.received(client), [said(ann_id, "tide")]);
    net.fixture.send_message(client, &said(77, "ebb\nflow"));
    assert_eq!(
        net.read_lines(ann),
        [":host77 PRIVMSG #bay :ebb", ":host77 PRIVMSG #bay :flow"]
    );
    net.send_line(ann, "TOPIC #bay :deep");
    net.read_lines(ann);
    for node in [gate, crc, legacy] {
        let bay = channel("#bay", "", "deep", &["ann", "host77"]);
        assert_eq!(net.channels(node), [bay]);
    }
    net.fixture.send_message(client, &quit(77, "so long"));
    assert_eq!(net.read_lines(ann), [":host77 QUIT :so long"]);
    // Two servers of the CRC network that are linked by the legacy protocol, too.
    let loops = net.server("third", &["c1:1"], &["s0:1"]);
    net.fixture.run(Duration::from_secs(60));
    assert_eq!(net.state(loops).0, ["crc", "gate", "leaf", "legacy"]);
    assert_eq!(net.users(loops), ["ann"]);
}

#[test]
fn a_second_link_between_two_networks_is_cut() {
    // The CRC link is the later one.
    let (mut net, gate) = Net::of("gate");
    let legacy = net.server("legacy", &["c0:1"], &[]);
    let config = net.config("third", &["c1:1"], &[]);
    let third = net.fixture.server_with(config.clone());
    net.fixture.run(Duration::from_secs(3));
    net.user(legacy, "ann");
    assert_eq!(net.state(third).0, ["gate", "legacy"]);
    let frames = net.fixture.connect(third);
    net.fixture
        .introduce_v2(frames, 50, "r=0;f=server-quit,channels");
    let gate_again = Registration {
        source: HostId::new(1).unwrap(),
        last_hop: HostId::new(50),
        name: Name::new("gate").unwrap(),
        info: Info::default(),
    };
    net.fixture
        .send_message(frames, &Message::ServerRegistration(gate_again));
    net.fixture.soon();
    let alone = ["gate|1", "host50"];
    assert_eq!(net.state(third).0, alone, "the later server keeps its name");
    assert_eq!(net.state(gate).0, ["legacy"]);
    net.fixture.run(Duration::from_secs(20));
    assert_eq!(net.state(third).0, alone, "however often it dials");
    // The CRC link is lost: the legacy link is used.
    net.fixture.close_peer(frames);
    net.fixture.run(Duration::from_secs(60));
    assert_eq!(net.state(third).0, ["gate", "legacy"]);
    assert_eq!(net.users(third), ["ann"]);
}

#[test]
fn a_rename_is_a_quit_and_a_join_on_the_legacy_side() {
    let (mut net, gate) = Net::of("gate");
    let (leaf, _) = net.adjacent(gate, "leaf");
    let crc = net.fixture.connect(gate);
    net.fixture
        .introduce_v2(crc, 50, "r=1;f=server-quit,channels");
    net.fixture.received(crc);
    net.fixture
        .send_message(crc, &registration(Kind::Client, 77, Some(50), "info"));
    net.fixture.send_message(
        crc,
        &Message::ChannelJoin(crc_wire::ChannelJoin {
            source: HostId::new(77).unwrap(),
            by: None,
            flags: MemberFlags::OPERATOR,
            channel: ChannelName::new("#bay").unwrap(),
        }),
    );
    let received = net.read_lines(leaf);
    assert_eq!(
        received[received.len() - 2..],
        [":gate USER host77 77.crc gate :info", ":host77 JOIN #bay"]
    );
    let Message::ClientRegistration(mut again) = registration(Kind::Client, 77, Some(50), "info")
    else {
        unreachable!()
    };
    again.name = Name::new("new name").unwrap();
    net.fixture
        .send_message(crc, &Message::ClientRegistration(again));
    assert_eq!(
        net.read_lines(leaf),
        [
            ":gate USER new_name 77.crc gate :info",
            ":new_name JOIN #bay",
            ":host77 QUIT",
        ]
    );
}

#[test]
fn irc_users_and_legacy_users_share_channels() {
    const IRC: ListenerId = ListenerId(1 << 17);
    let mut net = Net::new();
    let mut config = net.config("hub", &[], &[]);
    config.text_listeners.push((IRC, TextProtocol::Irc));
    let hub = net.fixture.server_with(config);
    let (leaf, _) = net.adjacent(hub, "leaf");
    let ann = net.user(hub, "ann");
    net.send_line(ann, "JOIN #bay");
    net.read_lines(ann);
    net.read_lines(leaf);
    let ivy = net.fixture.connect_at(hub, IRC);
    net.send_line(ivy, "NICK ivy");
    net.send_line(ivy, "USER i 0 * :Ivy");
    let received = net.read_lines(leaf);
    let [user] = &received[..] else {
        panic!("{received:?}")
    };
    assert!(
        user.starts_with(":hub USER ivy ") && user.ends_with(".crc hub :Ivy"),
        "{user}"
    );
    net.read_lines(ivy);
    net.send_line(ivy, "JOIN #bay");
    assert_eq!(net.read_lines(leaf), [":ivy JOIN #bay"]);
    net.expect_nothing(&[ann]);
    net.read_lines(ivy);
    net.send_line(leaf, ":leaf USER zoe zbox leaf :Zoe");
    net.send_line(leaf, ":zoe JOIN #bay");
    let joined = net.read_lines(ivy);
    assert!(
        joined.len() == 1 && joined[0].starts_with(":zoe!") && joined[0].ends_with("JOIN #bay")
    );
    for (who, line, recipient, endpoints) in [
        (ivy, "PRIVMSG #bay :tide", ann, ":ivy PRIVMSG #bay :tide"),
        (ivy, "PRIVMSG ann :psst", ann, ":ivy PRIVMSG ann :psst"),
        (ivy, "PRIVMSG zoe :psst", leaf, ":ivy PRIVMSG zoe :psst"),
        (ann, "PRIVMSG #bay :ebb", ivy, " PRIVMSG #bay :ebb"),
        (ann, "PRIVMSG ivy :psst", ivy, " PRIVMSG ivy :psst"),
        (leaf, ":zoe PRIVMSG ivy :psst", ivy, " PRIVMSG ivy :psst"),
        (ivy, "TOPIC #bay :deep", ann, ":hub 332 #bay :deep"),
        (leaf, ":zoe TOPIC #bay :high", ivy, " TOPIC #bay :high"),
    ] {
        for peer in [ann, ivy, leaf] {
            net.read_lines(peer);
        }
        net.send_line(who, line);
        let received = net.read_lines(recipient);
        assert!(
            received
                .last()
                .is_some_and(|last| last.ends_with(endpoints)),
            "{line}: {received:?}"
        );
    }
    net.read_lines(leaf);
    net.send_line(ivy, "NICK Ivy");
    let received = net.read_lines(leaf);
    assert_eq!(
        received[0], ":ivy QUIT",
        "two that differ in capitals can't be there at once"
    );
    assert!(received[1].starts_with(":hub USER Ivy "));
    assert_eq!(received[2..], [":Ivy JOIN #bay"]);
    net.send_line(ivy, "NICK fern");
    let received = net.read_lines(leaf);
    assert!(received[0].starts_with(":hub USER fern "));
    assert_eq!(received[1..], [":fern JOIN #bay", ":Ivy QUIT"]);
    let taken = net.open(hub, "USER Fern x y :x");
    let refusal = net.read_lines(taken);
    assert!(refusal[0].starts_with(":hub 436 Fern :Nickname collision KILL from fern@"));
    net.read_lines(ann);
    net.send_line(ivy, "QUIT :so long");
    let received = net.read_lines(ann);
    assert!(
        received.len() == 1
            && received[0].starts_with(":fern QUIT :")
            && received[0].ends_with("so long")
    );
    assert_eq!(net.users(hub), ["ann", "zoe"]);
}

#[test]
fn users_behind_legacy_servers_are_held_to_what_operators_set() {
    const IRC: ListenerId = ListenerId(1 << 17);
    let mut net = Net::new();
    let mut config = net.config("hub", &[], &[]);
    config.text_listeners.push((IRC, TextProtocol::Irc));
    config.limits.irc_lines_per_second = 0;
    let hub = net.fixture.server_with(config);
    let (leaf, _) = net.adjacent(hub, "leaf");
    let ivy = net.fixture.connect_at(hub, IRC);
    for line in [
        "NICK ivy",
        "USER i 0 * :Ivy",
        "JOIN #bay",
        "TOPIC #bay :deep",
    ] {
        net.send_line(ivy, line);
    }
    net.send_line(leaf, ":leaf USER zoe zbox leaf :Zoe");
    net.send_line(leaf, ":zoe JOIN #bay");
    // What the operator sets, and whether zoe is heard, and may set the topic.
    for (modes, heard, sets) in [
        ("MODE #bay +nt", true, false),
        ("MODE #bay +m", false, false),
        ("MODE #bay +v zoe", true, false),
        ("MODE #bay -mv+b zoe zoe!*@*", false, false),
        ("MODE #bay -b+o zoe!*@* zoe", true, true),
        ("MODE #bay -o-t zoe", true, true),
    ] {
        net.send_line(ivy, modes);
        for peer in [ivy, leaf] {
            net.read_lines(peer);
        }
        net.send_line(leaf, ":zoe PRIVMSG #bay :ahoy");
        let received = net.read_lines(ivy);
        assert_eq!(received.len(), usize::from(heard), "{modes}: {received:?}");
        net.send_line(leaf, ":zoe TOPIC #bay :high");
        let received = net.read_lines(ivy);
        assert_eq!(received.len(), usize::from(sets), "{modes}: {received:?}");
        match sets {
            true => net.expect_nothing(&[leaf]),
            // Its server gets back what stands.
            false => assert_eq!(net.read_lines(leaf), [":hub 332 #bay :deep"]),
        }
    }
}

/// A scripted v2 server, linked by CRC.
fn crc_server(net: &mut Net, node: usize) -> usize {
    let peer = net.fixture.connect(node);
    net.fixture
        .introduce_v2(peer, 50, "r=1;f=server-quit,channels");
    net.fixture.received(peer);
    peer
}

#[test]
fn refusals_of_channel_modes_have_replies() {
    let (mut net, hub) = Net::of("hub");
    let crc = crc_server(&mut net, hub);
    let [ann, bob] = ["ann", "bob"].map(|nick| net.user(hub, nick));
    net.send_line(ann, "JOIN #bay");
    net.read_lines(ann);
    let mut version = 1 << 50;
    let mut set = |net: &mut Net, field, value: &str| {
        version += 1;
        let setting = ChannelSetting {
            source: None,
            version,
            field,
            channel: ChannelName::new("#bay").unwrap(),
            value: Text::new(value.to_owned()).unwrap(),
        };
        net.fixture
            .send_message(crc, &Message::ChannelSetting(setting));
        net.fixture.soon();
    };
    for (field, value, line, answer) in [
        (
            ChannelField::MODES,
            "in",
            "JOIN #bay",
            "473 #bay :Cannot join channel (+i)",
        ),
        (
            ChannelField::MODES,
            "n",
            "FROB",
            "421 FROB :Unknown command",
        ),
        (
            ChannelField::LIMIT,
            "1",
            "JOIN #bay",
            "471 #bay :Cannot join channel (+l)",
        ),
        (ChannelField::LIMIT, "", "FROB", "421 FROB :Unknown command"),
        (
            ChannelField::BANS,
            "b?b!*@*",
            "JOIN #bay",
            "474 #bay :Cannot join channel (+b)",
        ),
        (
            ChannelField::BANS,
            "",
            "JOIN #bay",
            "331 #bay :No topic is set",
        ),
        (
            ChannelField::MODES,
            "nt",
            "TOPIC #bay :x",
            "482 #bay :You're not channel operator",
        ),
        (
            ChannelField::MODES,
            "mn",
            "PRIVMSG #bay :x",
            "404 #bay :Cannot send to channel",
        ),
        (
            ChannelField::BANS,
            "bob!*@*",
            "PRIVMSG #bay :x",
            "404 #bay :Cannot send to channel",
        ),
    ] {
        set(&mut net, field, value);
        net.send_line(bob, line);
        assert_eq!(net.read_lines(bob), [format!(":hub {answer}")], "{value}");
    }
    // The first member is its operator.
    net.send_line(ann, "PRIVMSG #bay :calm");
    assert_eq!(net.read_lines(bob), [":ann PRIVMSG #bay :calm"]);
    set(&mut net, ChannelField::TOPIC, "of another server");
    for user in [ann, bob] {
        assert_eq!(net.read_lines(user), [":hub 332 #bay :of another server"]);
    }
    for number in 1..250 {
        net.send_line(bob, &format!("JOIN #bay{number}"));
    }
    net.read_lines(bob);
    net.send_line(bob, "JOIN #bay250");
    assert_eq!(
        net.read_lines(bob),
        [":hub 405 #bay250 :You have joined too many channels"]
    );
}

#[test]
fn long_replies_and_chats_are_split() {
    let (mut net, hub) = Net::of("hub");
    let crc = crc_server(&mut net, hub);
    let (far, _) = net.adjacent(hub, "far");
    let nicks: Vec<_> = (100..400)
        .map(|n| format!("somebody-with-a-longer-nick-{n}"))
        .collect();
    for nick in &nicks {
        net.send_line(far, &format!(":far USER {nick} box far :x"));
        net.send_line(far, &format!(":{nick} JOIN #crowd"));
    }
    let ann = net.user(hub, "ann");
    net.send_line(ann, "NAMES #crowd");
    let received = net.read_lines(ann);
    let (end, names) = received.split_last().unwrap();
    assert_eq!(end, ":hub 366 :End of /NAMES list");
    assert!(names.len() > 1 && names.iter().all(|line| line.len() + 2 <= 8192));
    let names = names
        .iter()
        .map(|line| line.strip_prefix(":hub 353 #crowd :").unwrap());
    let names: Vec<_> = names.flat_map(|names| names.split(' ')).collect();
    assert_eq!(names, nicks);
    // A server of this project reads the same burst.
    let child = net.server("child", &["c0:1"], &[]);
    assert_eq!(net.channels(child)[0].1, nicks);
    // A CRC chat has no such limit.
    net.fixture
        .send_message(crc, &registration(Kind::Client, 77, Some(50), "info"));
    net.fixture.soon();
    let snapshot = net.fixture.nodes[hub].server.snapshot();
    let ann_id = snapshot.nicks().unwrap().find("ann").unwrap().get();
    let text = "ü".repeat(10_000);
    net.fixture.send_message(crc, &chat(77, ann_id, &text));
    let received = net.read_lines(ann);
    assert_eq!(received.len(), 3);
    let said = received
        .iter()
        .map(|line| line.strip_prefix(":host77 PRIVMSG ann :").unwrap());
    assert_eq!(said.collect::<String>(), text);
}

#[test]
fn a_user_whose_id_is_taken_elsewhere_stays() {
    let mut net = Net::new();
    net.fixture.listen_peer("root");
    let gate = net.server("gate", &[], &["root:1"]);
    let root = net.fixture.newest("root");
    net.fixture
        .introduce_v2(root, 50, "r=0;f=server-quit,channels");
    let (leaf, _) = net.adjacent(gate, "leaf");
    let [ann, bob] = ["ann", "bob"].map(|nick| net.user(gate, nick));
    for user in [ann, bob] {
        net.send_line(user, "JOIN #bay");
        net.read_lines(user);
    }
    net.send_line(leaf, ":leaf USER zoe zbox leaf :Zoe");
    net.send_line(leaf, ":zoe JOIN #bay");
    net.read_lines(leaf);
    for nick in ["ann", "zoe"] {
        let snapshot = net.fixture.nodes[gate].server.snapshot();
        let id = snapshot.nicks().unwrap().find(nick).unwrap().get();
        net.fixture
            .send_message(root, &registration(Kind::Client, id, Some(50), "info"));
        net.fixture.soon();
        let received = net.read_lines(leaf);
        assert_eq!(
            received,
            [format!(":gate USER host{id} {id}.crc gate :info")]
        );
        net.expect_nothing(&[ann, bob]);
    }
    assert_eq!(net.channels(gate)[0].1, ["ann", "bob", "zoe"]);
    net.send_line(ann, "PRIVMSG #bay :still here");
    assert_eq!(net.read_lines(bob), [":ann PRIVMSG #bay :still here"]);
    net.send_line(leaf, ":zoe PRIVMSG ann :me too");
    assert_eq!(net.read_lines(ann), [":zoe PRIVMSG ann :me too"]);
    let late = net.open(gate, "USER zoe x y :Another");
    let holder = ":gate 436 zoe :Nickname collision KILL from zoe@zbox";
    assert_eq!(net.read_lines(late), [holder]);
}

#[test]
fn legacy_users_look_like_clients_to_crc_servers() {
    let (mut net, hub) = Net::of("hub");
    let crc = crc_server(&mut net, hub);
    let (_, _) = net.adjacent(hub, "far");
    net.open(hub, "SERVER liar 1 :x [crc2;a=192.0.2.1:1;r=0] [crc2;f=]");
    net.open(hub, "USER ann box hub :A\u{1b}nn [crc2;r=0] [crc2;f=]");
    net.fixture.soon();
    let infos = net
        .fixture
        .received(crc)
        .into_iter()
        .filter_map(|message| match message {
            Message::ServerRegistration(r) | Message::ClientRegistration(r) => {
                Some((r.name.as_str().to_owned(), r.info.as_str().to_owned()))
            }
            _ => None,
        });
    let infos: Vec<_> = infos.collect();
    let expected = [("far", "Info of far"), ("liar", "x"), ("ann", "Ann")];
    let expected = expected.map(|(name, info)| (name.to_owned(), info.to_owned()));
    assert_eq!(infos, expected);
}

#[test]
fn chats_of_users_are_rate_limited_if_configured() {
    let mut net = Net::new();
    let mut config = net.config("hub", &[], &[]);
    config.limits.client_chats_per_second = 2;
    let hub = net.fixture.server_with(config);
    let [ann, bob] = ["ann", "bob"].map(|nick| net.user(hub, nick));
    for _ in 0..3 {
        net.send_line(ann, "PRIVMSG bob :x");
    }
    assert_eq!(net.read_lines(bob).len(), 2);
    assert!(net.ended(ann));
}

#[test]
fn a_netsplit_further_away_is_not_shown_to_legacy_users() {
    let (mut net, near) = Net::of("near");
    net.server("middle", &[], &["s0:1"]);
    let far = net.server("far", &[], &["s1:1"]);
    let (ann, bob) = (net.user(near, "ann"), net.user(far, "bob"));
    let (leaf, _) = net.adjacent(near, "leaf");
    for user in [ann, bob] {
        net.send_line(user, "JOIN #bay");
    }
    for peer in [ann, leaf] {
        net.read_lines(peer);
    }
    net.fixture.kill(far);
    net.fixture.soon();
    net.expect_nothing(&[ann]);
    assert_eq!(
        net.read_lines(leaf),
        [":bob QUIT", ":near SQUIT far :middle.crc far.crc"]
    );
}

#[test]
fn a_name_in_utf_8_has_an_alias_in_the_legacy_network() {
    let (mut net, gate) = Net::of("gate");
    let crc = net.server("crc", &[], &["s0:1"]);
    let legacy = net.server("legacy", &["c0:1"], &[]);
    let (leaf, _) = net.adjacent(legacy, "leaf");
    let ann = net.user(gate, "ann");
    net.read_lines(leaf);
    let named = |client: u32, name: &str, info: &str| {
        Message::ClientRegistration(Registration {
            source: HostId::new(client).unwrap(),
            last_hop: None,
            name: Name::new(name.to_owned()).unwrap(),
            info: Info::new(info.to_owned()).unwrap(),
        })
    };
    let mut zoes = Vec::new();
    for (client, ascii, utf8) in [(77, "Zoe", "5a6fc3ab"), (78, "Zoe", "5a6fc3a9")] {
        let peer = net.fixture.connect(crc);
        let info = format!("x [crc2;u={utf8};f=channels,utf8-names]");
        for info in ["x", &info] {
            net.fixture.send_message(peer, &named(client, ascii, info));
            net.fixture.soon();
        }
        zoes.push(peer);
    }
    // They come under one name in ASCII, and the later one keeps its id in the alias.
    let aliases = [
        ":legacy USER Zoe 77.crc gate :x",
        ":legacy USER Zoe|78 78.crc gate :x",
    ];
    assert_eq!(net.read_lines(leaf), aliases);
    let join = Message::ChannelRequest(crc_wire::ChannelRequest {
        source: HostId::new(77).unwrap(),
        destination: None,
        kind: crc_wire::RequestKind::JOIN,
        channel: Some(ChannelName::new("#bay").unwrap()),
        text: Text::default(),
    });
    net.fixture.send_message(zoes[0], &join);
    net.fixture.soon();
    assert_eq!(net.read_lines(leaf), [":Zoe JOIN #bay"]);
    // Users of the legacy protocol write to the alias, and have nicks of their own.
    for peer in &zoes {
        net.fixture.received(*peer);
    }
    for (nick, client) in [("Zoe", 0), ("Zoe|78", 1)] {
        net.send_line(ann, &format!("PRIVMSG {nick} :hi"));
        net.fixture.soon();
        let received = net.fixture.received(zoes[client]);
        assert!(matches!(&received[..], [Message::ClientChat(it)] if it.text.as_str() == "hi"));
    }
    net.send_line(ann, "PRIVMSG Zoë :hi");
    assert_eq!(net.read_lines(ann), [":gate 401 Zoë :No such nick"]);
    let taken = net.fixture.connect_at(gate, LEGACY);
    net.send_line(taken, "USER Zoe h s :Z");
    assert_eq!(
        net.read_lines(taken),
        [":gate 436 Zoe :Nickname collision KILL from Zoe@77.crc"]
    );
    // A nick in UTF-8 of the legacy network itself stays there as it is.
    net.user(gate, "Žofie");
    assert!(net.read_lines(leaf)[0].starts_with(":legacy USER Žofie "));
    assert!(net.users(crc).contains(&"Žofie".to_owned()));
    net.fixture.send_message(zoes[0], &quit(77, "so long"));
    assert_eq!(net.read_lines(leaf), [":Zoe QUIT :so long"]);
}
