//! Legacy servers that the test scripts: what they get in the burst and
//! later, what their loss means to others, and when they are refused.

use super::*;

#[test]
fn a_new_server_gets_the_burst_in_order() {
    let (mut net, server) = Net::of("hub");
    let (far, listing) = net.adjacent(server, "far");
    assert_eq!(listing, [":hub SERVER hub 1 :Info of hub"]);
    for line in [
        ":far SERVER farther 2 :Info of farther",
        ":far USER zoe zbox farther :Zoe",
        ":zoe JOIN #zoo key",
        ":zoe TOPIC #zoo :beasts",
    ] {
        net.send_line(far, line);
    }
    let ann = net.user(server, "ann");
    net.send_line(ann, "JOIN #bay");
    net.send_line(ann, "JOIN #zoo key");
    assert_eq!(net.read_lines(ann)[1], ":hub 332 #zoo :beasts");
    let client = net.fixture.v2_client(server, 77);
    net.fixture.soon();
    let late = net.open(server, "SERVER late 1 :\"The late\"");
    let expected = ":hub SERVER hub 1 :Info of hub\r\n\
                    :hub SERVER far 2 :Info of far\r\n\
                    :hub SERVER farther 3 :Info of farther\r\n\
                    :hub USER zoe zbox farther :Zoe\r\n\
                    :hub USER ann box srv :Mx ann\r\n\
                    :hub USER host77 77.crc hub :info\r\n\
                    :hub 331 #bay :No topic is set\r\n\
                    :hub 353 #bay :ann\r\n\
                    :hub 332 #zoo :beasts\r\n\
                    :hub 353 #zoo :ann zoe\r\n";
    assert_eq!(net.read_lines(late).join("\r\n") + "\r\n", expected);
    let received = [
        ":hub USER ann box srv :Mx ann",
        ":ann JOIN #bay",
        ":ann JOIN #zoo key",
        ":hub USER host77 77.crc hub :info",
        ":hub SERVER late 2 :\"The late\"",
    ];
    assert_eq!(net.read_lines(far), received);
    net.expect_nothing(&[ann]);
    net.fixture.received(client);
}

#[test]
fn messages_of_a_server_are_relayed_to_the_others_and_not_back() {
    let (mut net, server) = Net::of("hub");
    let (one, _) = net.adjacent(server, "one");
    let (two, _) = net.adjacent(server, "two");
    let (three, _) = net.adjacent(server, "three");
    for peer in [one, two, three] {
        net.read_lines(peer);
    }
    let ann = net.user(server, "ann");
    for peer in [one, two, three] {
        assert_eq!(net.read_lines(peer), [":hub USER ann box srv :Mx ann"]);
    }
    for (line, received) in [
        (":one SERVER far 2 :far one", ":hub SERVER far 3 :far one"),
        (":one SERVER bare 2", ":hub SERVER bare 3 :"),
        (":one USER zoe zbox far :Zoe", ":hub USER zoe zbox far :Zoe"),
        (":far USER yan ybox far", ":hub USER yan ybox far :"),
        (":zoe JOIN #zoo", ":zoe JOIN #zoo"),
        (":yan JOIN #bay key", ":yan JOIN #bay key"),
        (":zoe JOIN #bay", ":zoe JOIN #bay key"),
        (":zoe TOPIC #zoo :beasts", ":zoe TOPIC #zoo :beasts"),
        (":zoe TOPIC #zoo :", ":zoe TOPIC #zoo :"),
        (":yan PART #bay", ":yan PART #bay"),
        (":yan QUIT", ":yan QUIT"),
        (
            ":one USER yan ybox far :back",
            ":hub USER yan ybox far :back",
        ),
        (":yan JOIN #zoo", ":yan JOIN #zoo"),
        (":yan QUIT :yan has quit", ":yan QUIT"),
        (":one SQUIT bare :broken", ":hub SQUIT bare :broken"),
    ] {
        net.send_line(one, line);
        for peer in [two, three] {
            assert_eq!(net.read_lines(peer), [received], "{line}");
        }
        net.expect_nothing(&[one, ann]);
    }
    // Known over the same link, unknown, or not behind it.
    for line in [
        ":one USER zoe zbox far :Zoe",
        ":one SERVER far 2 :far one",
        ":one SERVER one 1 :one",
        ":one SERVER hub 2 :Info of hub",
        ":one SERVER two 2 :two",
        ":one USER ann abox far :another",
        ":one USER a,b abox far :bad",
        ":ann JOIN #zoo",
        ":ann QUIT :no",
        ":nobody PART #zoo",
        ":zoe PART #unknown",
        ":zoe TOPIC #zoo",
        ":zoe TOPIC #unknown :x",
        ":zoe JOIN reef",
        ":zoe JOIN #ZOO",
        ":zoe PRIVMSG nobody :x",
        ":zoe PRIVMSG #unknown :x",
        ":one SQUIT two",
        ":one SQUIT one",
        ":one FROB x",
        ":one 366 :End of /NAMES list",
        ":one 401 x :No such nick",
        "NAMES #zoo",
        "one two three",
    ] {
        net.send_line(one, line);
        net.expect_nothing(&[one, two, three, ann]);
    }
    assert!(!net.ended(one));
    net.send_line(ann, "JOIN #zoo");
    net.read_lines(ann);
    for peer in [one, two, three] {
        assert_eq!(net.read_lines(peer), [":ann JOIN #zoo"]);
    }
    net.send_line(one, ":zoe PRIVMSG #zoo :roar");
    assert_eq!(net.read_lines(ann), [":zoe PRIVMSG #zoo :roar"]);
    net.expect_nothing(&[one, two, three]);
    net.send_line(two, ":two USER bob bbox two :Bob");
    net.send_line(two, ":bob JOIN #zoo");
    net.send_line(two, ":bob PRIVMSG #zoo :hear hear");
    assert_eq!(net.read_lines(ann), [":bob PRIVMSG #zoo :hear hear"]);
    assert_eq!(net.read_lines(one)[2], ":bob PRIVMSG #zoo :hear hear");
    assert_eq!(net.read_lines(three).len(), 2, "it has no member there");
    net.send_line(two, ":bob PRIVMSG zoe :psst");
    net.send_line(two, ":bob PRIVMSG ann :psst");
    assert_eq!(net.read_lines(one), [":bob PRIVMSG zoe :psst"]);
    assert_eq!(net.read_lines(ann), [":bob PRIVMSG ann :psst"]);
    net.send_line(two, ":bob TOPIC #zoo :for all");
    assert_eq!(net.read_lines(ann), [":hub 332 #zoo :for all"]);
    net.send_line(two, ":bob QUIT :\"so long\"");
    assert_eq!(net.read_lines(ann), [":bob QUIT :\"so long\""]);
    // Users of IRC would take this for a netsplit.
    net.send_line(two, ":two USER eve bbox two :Eve");
    net.send_line(two, ":eve JOIN #zoo");
    net.send_line(two, ":eve QUIT :a.crc b.crc");
    assert_eq!(net.read_lines(ann), [":eve QUIT :Quit: a.crc b.crc"]);
    net.expect_nothing(&[two]);
}

#[test]
fn the_loss_of_a_server_is_sent_as_squits_of_servers_and_quits_of_users() {
    let (mut net, server) = Net::of("hub");
    let (one, _) = net.adjacent(server, "one");
    let (two, _) = net.adjacent(server, "two");
    let ann = net.user(server, "ann");
    for line in [
        ":one SERVER far 2 :far",
        ":one USER zoe zbox far :Zoe",
        ":zoe JOIN #zoo",
        ":one USER yan ybox far :Yan",
    ] {
        net.send_line(one, line);
    }
    net.send_line(ann, "JOIN #zoo");
    net.read_lines(ann);
    net.read_lines(two);
    net.fixture.close_peer(one);
    let mut received = net.read_lines(two);
    received.sort();
    let why = "hub.crc one.crc";
    let squit = |name| format!(":hub SQUIT {name} :{why}");
    assert_eq!(
        received,
        [
            squit("far"),
            squit("one"),
            ":yan QUIT".into(),
            ":zoe QUIT".into()
        ]
    );
    net.expect_nothing(&[ann]);
    assert_eq!(net.channels(server), [channel("#zoo", "", "", &["ann"])]);
}

#[test]
fn a_server_with_a_known_name_is_refused() {
    let (mut net, hub) = Net::of("hub");
    net.server("crc.example", &[], &["s0:1"]);
    let (one, _) = net.adjacent(hub, "one");
    for name in ["hub", "HUB", "one", "crc.example"] {
        let peer = net.open(hub, &format!("SERVER {name} 1 :again"));
        let answer = net.read_lines(peer);
        assert!(answer.len() == 1 && answer[0].starts_with(&format!("ERROR :{name} is ")));
        assert!(net.ended(peer));
        net.expect_nothing(&[one]);
    }
    let long = net.open(hub, &format!("SERVER {} 1 :long", "n".repeat(65)));
    assert_eq!(net.read_lines(long), ["ERROR :the name is too long"]);
    // A server of the same network: every host would exist twice.
    net.send_line(one, ":one SERVER crc.example 2 :by another way");
    let answer = net.read_lines(one);
    assert!(answer[0].starts_with("ERROR :a server behind this link is known by another network"));
    assert!(net.ended(one));
    assert_eq!(net.state(hub).0, ["crc.example"]);
}

#[test]
fn a_refused_peer_gets_an_error_line_with_the_reason() {
    let (mut net, _) = Net::of("hub");
    let mut config = net.config("fort", &[], &[]);
    config.server_peers = vec!["192.0.2.0/24".parse().unwrap()];
    config.limits.hosts_max = 1;
    let fort = net.fixture.server_with(config);
    let unregistered = net.open(fort, "SERVER stranger 1 :x");
    assert_eq!(
        net.read_lines(unregistered),
        ["ERROR :servers may not link from its address (see --server-peers)"]
    );
    assert!(net.ended(unregistered));
    net.user(fort, "ann");
    let full = net.open(fort, "USER bob b s :Bob");
    assert_eq!(net.read_lines(full), ["ERROR :the directory is full"]);
    assert!(net.ended(full));
    let idle = net.fixture.connect_at(fort, LEGACY);
    net.fixture.run(Duration::from_secs(11));
    assert_eq!(net.read_lines(idle), ["ERROR :no registration in time"]);
    assert!(net.ended(idle));
}
