//! Channels: joins, lists, modes.

use super::*;

#[test]
fn users_join_list_and_part_a_channel() {
    let mut net = Net::new(1);
    let (ann, bob) = (net.user(0, "ann"), net.user_with(0, "bob", "extended-join"));
    net.expect(
        ann,
        "JOIN #Reef",
        &[
            ":ann!~ann@ID.crc JOIN #Reef",
            ":ann!~ann@ID.crc MODE #Reef +t",
            ":server0 353 ann = #Reef :@ann",
            ":server0 366 ann #Reef :End of /NAMES list",
        ],
    );
    net.expect(ann, "JOIN #reef", &[]);
    net.expect(
        ann,
        "TOPIC #reef :High tide",
        &[":ann!~ann@ID.crc TOPIC #Reef :High tide"],
    );
    let received = net.request(bob, "JOIN #reef");
    let (who_time, received) = (
        received[2].clone(),
        [&received[..2], &received[3..]].concat(),
    );
    let mut names: Vec<_> = received[2].rsplit(':').next().unwrap().split(' ').collect();
    names.sort_unstable();
    assert_eq!(names, ["@ann", "bob"]);
    assert_eq!(received[0], ":bob!~bob@ID.crc JOIN #Reef * :Real bob");
    assert_eq!(received[1], ":server0 332 bob #Reef :High tide");
    assert_eq!(received[3], ":server0 366 bob #Reef :End of /NAMES list");
    assert!(
        who_time.starts_with(":server0 333 bob #Reef ann!~ann@ID.crc 17000000"),
        "{who_time}"
    );
    net.expect_lines(ann, &[":bob!~bob@ID.crc JOIN #Reef"]);
    net.expect(bob, "PRIVMSG #reef :hi all", &[]);
    net.expect_lines(ann, &[":bob!~bob@ID.crc PRIVMSG #Reef :hi all"]);
    net.expect(bob, "NOTICE #reef :ho", &[]);
    net.expect_lines(ann, &[":bob!~bob@ID.crc NOTICE #Reef :ho"]);
    net.expect(
        bob,
        "PART #reef :so long",
        &[":bob!~bob@ID.crc PART #Reef :so long"],
    );
    net.expect_lines(ann, &[":bob!~bob@ID.crc PART #Reef :so long"]);
    net.expect(ann, "JOIN 0", &[":ann!~ann@ID.crc PART #Reef"]);
    assert_eq!(net.fixture.nodes[0].server.snapshot().channels().len(), 0);
}

#[test]
fn joins_that_are_refused() {
    let mut net = Net::new(1);
    let (ann, bob) = (net.user(0, "ann"), net.user(0, "bob"));
    net.request(ann, "JOIN #k,#l,#i,#b");
    assert_eq!(net.members(0, "#k").len(), 1);
    net.request(ann, "MODE #k +k pearl");
    net.request(ann, "MODE #l +l 1");
    net.request(ann, "MODE #i +i");
    net.request(ann, "MODE #b +b bob");
    let long = format!("#{}", "x".repeat(64));
    let bad = format!("476 bob {long} :No channel can have this name");
    for (line, answer) in [
        ("JOIN #k", "475 bob #k :Cannot join channel (+k)"),
        ("JOIN #K x", "475 bob #K :Cannot join channel (+k)"),
        ("JOIN #l", "471 bob #l :Cannot join channel (+l)"),
        ("JOIN #i", "473 bob #i :Cannot join channel (+i)"),
        ("JOIN #b", "474 bob #b :Cannot join channel (+b)"),
        ("JOIN reef", "403 bob reef :No such channel"),
        ("JOIN #", "476 bob # :No channel can have this name"),
        (&format!("JOIN {long}"), &bad),
        ("JOIN", "461 bob JOIN :Not enough parameters"),
        ("PART", "461 bob PART :Not enough parameters"),
        ("PART #x", "403 bob #x :No such channel"),
        ("PART #k", "442 bob #k :You're not on that channel"),
        ("TOPIC #x", "403 bob #x :No such channel"),
        ("TOPIC #k :x", "442 bob #k :You're not on that channel"),
        ("TOPIC #k", "331 bob #k :No topic is set"),
        ("PRIVMSG #k :x", "404 bob #k :Cannot send to channel"),
    ] {
        net.expect(bob, line, &[&format!(":server0 {answer}")]);
    }
    net.discard(&[ann]);
    // Keys match by position; an invitation lifts everything but a key.
    let received = net.request(bob, "JOIN #n,#k ,pearl");
    assert_eq!(
        received
            .iter()
            .filter(|line| line.contains(" 366 "))
            .count(),
        2
    );
    net.discard(&[ann]);
    for channel in ["#i", "#l", "#b"] {
        net.expect(
            ann,
            &format!("INVITE bob {channel}"),
            &[&format!(":server0 341 ann bob {channel}")],
        );
        net.expect_lines(bob, &[&format!(":ann!~ann@ID.crc INVITE bob {channel}")]);
        assert!(
            net.request(bob, &format!("JOIN {channel}"))[0].ends_with(&format!("JOIN {channel}"))
        );
        // Once.
        net.request(bob, &format!("PART {channel}"));
        assert_eq!(net.request(bob, &format!("JOIN {channel}")).len(), 1);
        net.discard(&[ann]);
    }
}

#[test]
fn the_limit_of_channels_of_a_user_holds() {
    let mut net = Net::new(1);
    let ann = net.user(0, "ann");
    for number in 0..64 {
        net.send_line(ann, &format!("JOIN #{number}-{}", "x".repeat(20)));
    }
    net.discard(&[ann]);
    let refused = ":server0 405 ann #more :You have joined too many channels";
    net.expect(ann, "JOIN #more", &[refused]);
    let received = net.request(ann, "WHOIS ann");
    assert!(
        received
            .iter()
            .filter(|line| line.contains(" 319 "))
            .count()
            > 3
    );
    assert_eq!(net.request(ann, "JOIN 0").len(), 64);
}

#[test]
fn list_and_names_show_channels_and_members() {
    let mut net = Net::new(2);
    let ann = net.user(0, "ann");
    net.expect(
        ann,
        "LIST",
        &[
            ":server0 321 ann Channel :Users  Name",
            ":server0 323 ann :End of /LIST",
        ],
    );
    net.request(ann, "JOIN #a,#b");
    let bob = net.user_with(1, "bob", "multi-prefix userhost-in-names");
    net.request(ann, "TOPIC #b :bees");
    net.expect(
        bob,
        "LIST",
        &[
            ":server1 321 bob Channel :Users  Name",
            ":server1 322 bob #a 1 :",
            ":server1 322 bob #b 1 :bees",
            ":server1 323 bob :End of /LIST",
        ],
    );
    net.expect(
        bob,
        "LIST #b,#x",
        &[
            ":server1 321 bob Channel :Users  Name",
            ":server1 322 bob #b 1 :bees",
            ":server1 323 bob :End of /LIST",
        ],
    );
    net.request(ann, "MODE #a +v ann");
    net.expect(
        bob,
        "NAMES #a,#x",
        &[
            ":server1 353 bob = #a :@+ann!~ann@ID.crc",
            ":server1 366 bob #a :End of /NAMES list",
            ":server1 366 bob #x :End of /NAMES list",
        ],
    );
    net.expect(
        bob,
        "NAMES",
        &[
            ":server1 353 bob = #a :@+ann!~ann@ID.crc",
            ":server1 353 bob = #b :@ann!~ann@ID.crc",
            ":server1 353 bob * * :bob",
            ":server1 366 bob * :End of /NAMES list",
        ],
    );
}

#[test]
fn long_lists_are_split_and_very_long_ones_end() {
    let mut net = Net::new(1);
    let uplink = net.fixture.connect(0);
    net.fixture
        .introduce_v2(uplink, 50, "r=9;f=channels,server-quit");
    for number in 1000..4000 {
        let client = registration(Kind::Client, number, Some(50), "far");
        net.fixture.send_message(uplink, &client);
        let join = Message::ChannelJoin(crc_wire::ChannelJoin {
            source: id(number),
            by: None,
            flags: crc_wire::MemberFlags::default(),
            channel: ChannelName::new("#reef").unwrap(),
        });
        net.fixture.send_message(uplink, &join);
    }
    net.fixture.soon();
    let ann = net.user(0, "ann");
    let received = net.request(ann, "NAMES #reef");
    let nicks: usize = received[..received.len() - 1]
        .iter()
        .map(|line| line.rsplit(':').next().unwrap().split(' ').count())
        .sum();
    assert_eq!(nicks, 3000);
    let received = net.request(ann, "WHO #reef");
    let end = &received[received.len() - 2..];
    let cut = ":server0 416 ann WHO :Too many lines in the answer, the rest is left out";
    assert_eq!(end, [cut, ":server0 315 ann #reef :End of /WHO list"]);
    assert!(received.len() > 1000);
    let received = net.request(ann, "WHO");
    assert_eq!(received[received.len() - 2], cut);
}

#[test]
fn a_query_that_visits_too_many_hosts_says_so() {
    let mut net = Net::new(1);
    let uplink = net.fixture.connect(0);
    net.fixture
        .introduce_v2(uplink, 50, "r=9;f=channels,server-quit");
    let letter = |number: u32| char::from_u32(u32::from('a') + number % 26).unwrap();
    for number in 0..20_001 {
        let name: String = [number, number / 26, number / 676, number / 17_576]
            .map(letter)
            .iter()
            .collect();
        let mut client = registration(Kind::Client, 1000 + number, Some(50), "");
        if let Message::ClientRegistration(client) = &mut client {
            client.name = crc_wire::Name::new(name).unwrap();
        }
        net.fixture.send_message(uplink, &client);
    }
    net.fixture.soon();
    let ann = net.user(0, "ann");
    for (query, end) in [
        ("NAMES", "366 ann * :End of /NAMES"),
        ("WHO zz*", "315 ann zz* :End of /WHO"),
    ] {
        let received = net.request(ann, query);
        let command = query.split(' ').next().unwrap();
        let cut = format!(
            ":server0 416 ann {command} :Too many lines in the answer, the rest is left out"
        );
        assert_eq!(received[received.len() - 2], cut);
        assert_eq!(received[received.len() - 1], format!(":server0 {end} list"));
    }
}

#[test]
fn modes_of_a_channel() {
    let mut net = Net::new(1);
    let (ann, bob) = (net.user(0, "ann"), net.user(0, "bob"));
    net.request(ann, "JOIN #reef");
    let age = ":server0 329 ann #reef 1700000003";
    net.expect(ann, "MODE #reef", &[":server0 324 ann #reef +nt", age]);
    net.expect(
        ann,
        "MODE #reef +kl-t pearl 5",
        &[
            ":ann!~ann@ID.crc MODE #reef +k pearl",
            ":ann!~ann@ID.crc MODE #reef +l 5",
            ":ann!~ann@ID.crc MODE #reef -t",
        ],
    );
    net.expect(
        ann,
        "MODE #reef",
        &[":server0 324 ann #reef +nkl pearl 5", age],
    );
    let age = ":server0 329 bob #reef 1700000003";
    net.expect(bob, "MODE #reef", &[":server0 324 bob #reef +nkl * 5", age]);
    net.expect(
        ann,
        "MODE #reef -lk+bb x bob *!*@*.example",
        &[
            ":ann!~ann@ID.crc MODE #reef -l",
            ":ann!~ann@ID.crc MODE #reef -k pearl",
            ":ann!~ann@ID.crc MODE #reef +bb bob!*@* *!*@*.example",
        ],
    );
    let bans = [
        ":server0 367 ann #reef bob!*@* ann!~ann@ID.crc 1700000003",
        ":server0 367 ann #reef *!*@*.example ann!~ann@ID.crc 1700000003",
        ":server0 368 ann #reef :End of channel ban list",
    ];
    net.expect(ann, "MODE #reef b", &bans);
    net.expect(ann, "MODE #reef +b", &bans);
    let off = ":ann!~ann@ID.crc MODE #reef -b bob!*@*";
    net.expect(ann, "MODE #reef -b BOB", &[off]);
    assert_eq!(net.request(bob, "MODE #reef b").len(), 2);
    for (line, answer) in [
        ("MODE", "461 ann MODE :Not enough parameters"),
        ("MODE #x", "403 ann #x :No such channel"),
        ("MODE #reef +z", "472 ann z :is no channel mode known here"),
        ("MODE #reef +o", "461 ann MODE :Not enough parameters"),
        ("MODE #reef +o eve", "401 ann eve :No such nick/channel"),
        (
            "MODE #reef +o bob",
            "441 ann bob #reef :They aren't on that channel",
        ),
        ("MODE #reef +k a,b", "525 ann #reef :Key is not well-formed"),
        ("MODE #reef +l x", "696 ann #reef l x :Not a number above 0"),
        ("MODE #reef +b :a b", "696 ann #reef b a_b!*@* :Not a mask"),
        ("KICK #reef", "461 ann KICK :Not enough parameters"),
        ("KICK #x ann", "403 ann #x :No such channel"),
        (
            "KICK #reef bob",
            "441 ann bob #reef :They aren't on that channel",
        ),
        ("INVITE bob", "461 ann INVITE :Not enough parameters"),
        ("INVITE eve #reef", "401 ann eve :No such nick/channel"),
        (
            "INVITE ann #reef",
            "443 ann ann #reef :is already on channel",
        ),
        ("INVITE bob reef", "403 ann reef :No such channel"),
    ] {
        net.expect(ann, line, &[&format!(":server0 {answer}")]);
    }
    let outside = ":server0 442 bob #reef :You're not on that channel";
    for line in ["MODE #reef +m", "KICK #reef ann", "INVITE ann #reef"] {
        net.expect(bob, line, &[outside]);
    }
    // Without +t any member sets the topic, without +n any user speaks.
    net.request(bob, "JOIN #reef");
    net.discard(&[ann]);
    net.expect(
        bob,
        "TOPIC #reef :ours",
        &[":bob!~bob@ID.crc TOPIC #reef :ours"],
    );
    net.expect(bob, "TOPIC #reef :", &[":bob!~bob@ID.crc TOPIC #reef :"]);
    net.expect(
        ann,
        "MODE #reef -n",
        &[
            ":bob!~bob@ID.crc TOPIC #reef :ours",
            ":bob!~bob@ID.crc TOPIC #reef :",
            ":ann!~ann@ID.crc MODE #reef -n",
        ],
    );
    net.request(bob, "PART #reef");
    net.request(bob, "CAP REQ echo-message");
    net.discard(&[ann]);
    let said = ":bob!~bob@ID.crc PRIVMSG #reef :from afar";
    net.expect(bob, "PRIVMSG #reef :from afar", &[said]);
    net.expect_lines(ann, &[said]);
}

#[test]
fn texts_are_cut_at_the_advertised_lengths() {
    let mut net = Net::new(1);
    let (ann, bob) = (net.user(0, "ann"), net.user(0, "bob"));
    net.request(ann, "JOIN #reef");
    net.request(bob, "JOIN #reef");
    net.discard(&[ann]);
    let long = "é".repeat(230);
    let topic = "é".repeat(195);
    let received = format!(":ann!~ann@ID.crc TOPIC #reef :{topic}");
    net.expect(ann, &format!("TOPIC #reef :{long}"), &[&received]);
    let why = "é".repeat(150);
    let received = format!(":ann!~ann@ID.crc KICK #reef bob :{why}");
    net.expect(ann, &format!("KICK #reef bob :{long}"), &[&received]);
    net.request(ann, &format!("AWAY :{long}"));
    let received = format!(":server0 301 bob ann :{why}");
    net.discard(&[bob]);
    net.expect(bob, "PRIVMSG ann :hi", &[&received]);
}

#[test]
fn a_banned_member_is_muted_unless_it_has_voice() {
    let mut net = Net::new(2);
    let (ann, bob) = (net.user(0, "ann"), net.user(1, "bob"));
    net.request(ann, "JOIN #reef");
    net.request(bob, "JOIN #reef");
    // By its name on other servers, which differs from that on its own.
    net.request(ann, "MODE #reef +b *!bob@*");
    net.discard(&[ann, bob]);
    let refused = ":server1 404 bob #reef :Cannot send to channel";
    net.expect(bob, "PRIVMSG #reef :hi", &[refused]);
    net.expect(bob, "NOTICE #reef :hi", &[]);
    net.expect_lines(ann, &[]);
    net.request(ann, "MODE #reef +v bob");
    net.discard(&[bob]);
    net.expect(bob, "PRIVMSG #reef :hi", &[]);
    net.expect_lines(ann, &[":bob!~bob@ID.crc PRIVMSG #reef :hi"]);
}

#[test]
fn the_ban_list_is_bounded() {
    let mut net = Net::new(1);
    let ann = net.user(0, "ann");
    net.request(ann, "JOIN #reef");
    for number in 0..100 {
        net.send_line(ann, &format!("MODE #reef +b n{number}"));
    }
    net.discard(&[ann]);
    let full = ":server0 478 ann #reef more!*@* :The channel's list is full";
    net.expect(ann, "MODE #reef +b more", &[full]);
    assert_eq!(net.request(ann, "MODE #reef b").len(), 101);
}

#[test]
fn a_user_gets_its_own_messages_with_echo_message_only() {
    let mut net = Net::new(2);
    let ann = net.user_with(0, "ann", "echo-message");
    let bob = net.user(0, "bob");
    net.request(ann, "JOIN #reef");
    net.request(bob, "JOIN #reef");
    net.discard(&[ann]);
    let said = ":ann!~ann@ID.crc PRIVMSG #reef :hi";
    net.expect(ann, "PRIVMSG #reef :hi", &[said]);
    net.expect_lines(bob, &[said]);
    net.expect(bob, "PRIVMSG #reef :ho", &[]);
    net.expect_lines(ann, &[":bob!~bob@ID.crc PRIVMSG #reef :ho"]);
}

#[test]
fn list_shows_what_was_asked_for() {
    let mut net = Net::new(1);
    let ann = net.user(0, "ann");
    net.request(ann, "JOIN #a,#b");
    let (start, end) = (
        ":server0 321 ann Channel :Users  Name",
        ":server0 323 ann :End of /LIST",
    );
    let entry = |name: &str| format!(":server0 322 ann {name} 1 :");
    net.expect(ann, "LIST typo", &[start, end]);
    net.expect(ann, "LIST typo,#b,#B", &[start, &entry("#b"), end]);
    for all in ["LIST", "LIST :"] {
        net.expect(ann, all, &[start, &entry("#a"), &entry("#b"), end]);
    }
}

#[test]
fn a_kick_pairs_channels_and_nicks() {
    let mut net = Net::new(1);
    let [ann, bob, eve] = ["ann", "bob", "eve"].map(|nick| net.user(0, nick));
    for peer in [ann, bob, eve] {
        net.request(peer, "JOIN #a,#b");
    }
    net.discard(&[ann, bob, eve]);
    net.send_line(ann, "KICK #a,#b bob,eve :bye");
    net.expect_lines(
        bob,
        &[
            ":ann!~ann@ID.crc KICK #a bob :bye",
            ":ann!~ann@ID.crc KICK #b eve :bye",
        ],
    );
    net.discard(&[ann, bob, eve]);
    let words = [":server0 461 ann KICK :Not enough parameters"];
    net.expect(ann, "KICK #a,#b eve", &words);
    net.expect(ann, "KICK #a,#b,#c eve,bob", &words);
    net.expect(
        bob,
        "KICK #b ann,ann",
        &[":server0 482 bob #b :You're not channel operator"],
    );
}

#[test]
fn a_key_goes_without_being_named_and_a_colon_is_refused() {
    let mut net = Net::new(1);
    let ann = net.user(0, "ann");
    net.request(ann, "JOIN #a");
    let invalid = [":server0 525 ann #a :Key is not well-formed"];
    for key in [":", "::x", ":a b"] {
        net.expect(ann, &format!("MODE #a +k {key}"), &invalid);
    }
    net.expect(ann, "MODE #a +k x:y", &[":ann!~ann@ID.crc MODE #a +k x:y"]);
    net.expect(ann, "MODE #a -k", &[":ann!~ann@ID.crc MODE #a -k x:y"]);
    net.expect(
        ann,
        "MODE #a +k",
        &[":server0 461 ann MODE :Not enough parameters"],
    );
    let not_a_mask = net.request(ann, "MODE #a +b ::x");
    assert!(
        not_a_mask[0].starts_with(":server0 696 ann #a b "),
        "{not_a_mask:?}"
    );
    let empty = net.request(ann, "MODE #a +b :");
    assert!(empty[0].starts_with(":server0 696 ann #a b "), "{empty:?}");
    net.expect(
        ann,
        "MODE #a b",
        &[":server0 368 ann #a :End of channel ban list"],
    );
}
