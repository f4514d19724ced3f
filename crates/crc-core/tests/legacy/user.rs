//! Legacy users of one server: registration, every command, and its replies.

use super::*;

#[test]
fn every_command_of_a_user_has_its_reply() {
    let (mut net, server) = Net::of("theshire.nz");
    let frodo = net.user(server, "frodo");
    let sam = net.user(server, "sam");
    for (who, line, answers) in [
        (sam, "JOIN", &["461 JOIN :Not enough parameters"][..]),
        (sam, "JOIN reef", &["403 reef :No such channel"]),
        (sam, "JOIN #a,#b", &["403 #a,#b :No such channel"]),
        (sam, "JOIN 0", &["403 0 :No such channel"]),
        (frodo, "JOIN #ring burden", &["331 #ring :No topic is set"]),
        (frodo, "JOIN #ring burden", &[]),
        (sam, "JOIN #ring", &["475 #ring :Cannot join channel (+k)"]),
        (
            sam,
            "JOIN #ring x",
            &["475 #ring :Cannot join channel (+k)"],
        ),
        (sam, "JOIN #RING burden", &["403 #RING :No such channel"]),
        (sam, "PART", &["461 PART :Not enough parameters"]),
        (sam, "PART #f", &["403 #f :No such channel"]),
        (
            sam,
            "PART #ring",
            &["442 #ring :You're not on that channel"],
        ),
        (sam, "TOPIC", &["461 TOPIC :Not enough parameters"]),
        (sam, "TOPIC #f", &["403 #f :No such channel"]),
        (
            sam,
            "TOPIC #ring",
            &["442 #ring :You're not on that channel"],
        ),
        (
            sam,
            "TOPIC #ring :x",
            &["442 #ring :You're not on that channel"],
        ),
        (sam, "NAMES #f", &["403 #f :No such channel"]),
        (
            sam,
            "NAMES #ring",
            &["353 #ring :frodo", "366 :End of /NAMES list"],
        ),
        (
            sam,
            "NAMES",
            &["353 #ring :frodo", "353 * :sam", "366 :End of /NAMES list"],
        ),
        (sam, "PRIVMSG", &["461 PRIVMSG :Not enough parameters"]),
        (
            sam,
            "PRIVMSG frodo",
            &["461 PRIVMSG :Not enough parameters"],
        ),
        (sam, "PRIVMSG bilbo :x", &["401 bilbo :No such nick"]),
        (sam, "PRIVMSG Frodo :x", &["401 Frodo :No such nick"]),
        (sam, "PRIVMSG #f :x", &["403 #f :No such channel"]),
        (
            sam,
            "PRIVMSG #ring :x",
            &["404 #ring :Cannot send to channel"],
        ),
        (sam, "join #ring burden", &["331 #ring :No topic is set"]),
        (
            sam,
            "NAMES",
            &["353 #ring :frodo sam", "366 :End of /NAMES list"],
        ),
        (sam, "TOPIC #ring", &["331 #ring :No topic is set"]),
        (frodo, "TOPIC #ring", &["331 #ring :No topic is set"]),
        (sam, "USER x y z :x", &["462 :You may not reregister"]),
        (sam, "USER", &["462 :You may not reregister"]),
        (sam, "SERVER x 1 :x", &["462 :You may not reregister"]),
        (sam, "LIST #ring", &["421 LIST :Unknown command"]),
        (sam, "frob", &["421 frob :Unknown command"]),
        (sam, "PING x", &["421 PING :Unknown command"]),
        (sam, "331 #ring :x", &["421 331 :Unknown command"]),
        (sam, ":frodo PART #f", &["403 #f :No such channel"]),
        (sam, "PART #ring", &[]),
        (
            sam,
            "PART #ring",
            &["442 #ring :You're not on that channel"],
        ),
    ] {
        net.send_line(who, line);
        let answers = answers.iter().map(|line| format!(":theshire.nz {line}"));
        assert_eq!(net.read_lines(who), answers.collect::<Vec<_>>(), "{line}");
    }
    net.expect_nothing(&[frodo, sam]);
    assert_eq!(
        net.channels(server),
        [channel("#ring", "burden", "", &["frodo"])]
    );
    net.send_line(frodo, "PART #ring");
    assert_eq!(net.channels(server), [], "it has no member");
}

#[test]
fn a_user_registers_with_one_line() {
    let (mut net, server) = Net::of("theshire.nz");
    let peer = net.fixture.connect_at(server, LEGACY);
    net.expect_nothing(&[peer]);
    let long = "n".repeat(65);
    for (line, answer) in [
        ("QUIT", "451 :You have not registered".to_owned()),
        ("NICK ann", "451 :You have not registered".to_owned()),
        ("frob", "451 :You have not registered".to_owned()),
        ("PRIVMSG", "451 :You have not registered".to_owned()),
        ("USER", "461 USER :Not enough parameters".to_owned()),
        ("USER ann box", "461 USER :Not enough parameters".to_owned()),
        ("SERVER x", "461 SERVER :Not enough parameters".to_owned()),
        ("SERVER x y", "461 SERVER :Not enough parameters".to_owned()),
        (
            "USER #a box srv :x",
            "432 #a :Erroneous nickname".to_owned(),
        ),
        (
            "USER a,b box srv :x",
            "432 a,b :Erroneous nickname".to_owned(),
        ),
        (
            "USER a!b box srv :x",
            "432 a!b :Erroneous nickname".to_owned(),
        ),
        (
            "USER a@b box srv :x",
            "432 a@b :Erroneous nickname".to_owned(),
        ),
        (
            "USER a\u{1}b box srv :x",
            "432 a\u{1}b :Erroneous nickname".to_owned(),
        ),
        (
            &format!("USER {long} box srv :x"),
            format!("432 {long} :Erroneous nickname"),
        ),
    ] {
        net.send_line(peer, line);
        assert_eq!(
            net.read_lines(peer),
            [format!(":theshire.nz {answer}")],
            "{line}"
        );
    }
    net.send_line(peer, "USER ann fe80::1 srv");
    assert_eq!(
        net.read_lines(peer),
        [":theshire.nz 001 :Welcome to the Internet Relay Network ann!ann@fe80::1"]
    );
    let other = net.fixture.connect_at(server, LEGACY);
    for nick in ["ann", "ANN"] {
        net.send_line(other, &format!("USER {nick} elsewhere srv :Another Ann"));
        let refusal = format!("436 {nick} :Nickname collision KILL from ann@fe80::1");
        assert_eq!(net.read_lines(other), [format!(":theshire.nz {refusal}")]);
    }
    assert_eq!(net.users(server), ["ann"]);
    net.send_line(other, "USER bob elsewhere srv :Bob");
    assert_eq!(
        net.read_lines(other),
        [":theshire.nz 001 :Welcome to the Internet Relay Network bob!bob@elsewhere"]
    );
    assert_eq!(net.users(server), ["ann", "bob"]);
    net.expect_nothing(&[peer]);
}

#[test]
fn lines_are_found_however_they_are_cut_and_ended() {
    let (mut net, server) = Net::of("theshire.nz");
    let ann = net.user(server, "ann");
    let peer = net.fixture.connect_at(server, LEGACY);
    net.fixture.send(peer, b"\r\n\nUSER   bob  ");
    net.fixture.soon();
    net.fixture.send(
        peer,
        b"h s\nPRIVMSG ann :a : b\r\nPRIVMSG ann :\r\nprivmsg ann c\r",
    );
    net.fixture.soon();
    net.fixture.send(
        peer,
        b"\nPRIVMSG ann :\xff\r\n\x01\r\n: x\r\nPRIVMSG bob :me\r\n",
    );
    let received = [
        ":bob PRIVMSG ann :a : b",
        ":bob PRIVMSG ann :",
        ":bob PRIVMSG ann :c",
        ":bob PRIVMSG ann :ÿ",
    ];
    assert_eq!(net.read_lines(ann), received);
    let received = [
        ":theshire.nz 001 :Welcome to the Internet Relay Network bob!bob@h",
        ":bob PRIVMSG bob :me",
    ];
    assert_eq!(net.read_lines(peer), received);
    assert!(!net.ended(peer));
}

#[test]
fn long_lines_pass_whole_and_too_long_ones_end_the_link() {
    let (mut net, server) = Net::of("theshire.nz");
    let ann = net.user(server, "ann");
    let bob = net.user(server, "bob");
    let around = "PRIVMSG ann :\r\n".len();
    let text = "é".repeat((8192 - around) / 2);
    net.send_line(bob, &format!("PRIVMSG ann :{text}"));
    // With the nick in front it does not fit any more.
    let received = net.read_lines(ann);
    assert_eq!(received.len(), 2);
    let said = received
        .iter()
        .map(|line| line.strip_prefix(":bob PRIVMSG ann :").unwrap());
    assert_eq!(said.collect::<String>(), text);
    assert!(received.iter().all(|line| line.len() <= 8190));
    net.send_line(bob, &format!("PRIVMSG ann :{text}xx"));
    assert_eq!(
        net.read_lines(bob),
        ["ERROR :the line has more than 8192 bytes"]
    );
    assert!(net.ended(bob));
    net.expect_nothing(&[ann]);
    assert_eq!(net.users(server), ["ann"]);
}

#[test]
fn texts_of_users_are_cut_so_that_they_can_be_relayed() {
    let (mut net, server) = Net::of("theshire.nz");
    let (other, _) = net.adjacent(server, "other");
    let long = "x".repeat(3000);
    let ann = net.open(
        server,
        &format!("USER ann {long} {long} :{}", "é".repeat(1000)),
    );
    let place = "x".repeat(255);
    let welcome = format!("001 :Welcome to the Internet Relay Network ann!ann@{place}");
    assert_eq!(net.read_lines(ann), [format!(":theshire.nz {welcome}")]);
    let user = format!(
        ":theshire.nz USER ann {place} {place} :{}",
        "é".repeat(1000)
    );
    assert_eq!(net.read_lines(other), [user]);
    net.send_line(ann, &format!("JOIN #bay {}", "k".repeat(1025)));
    assert_eq!(
        net.read_lines(ann),
        [":theshire.nz 475 #bay :Cannot join channel (+k)"]
    );
    // A topic that is longer than the network's topics goes on without its end.
    net.send_line(ann, "JOIN #bay");
    net.read_lines(ann);
    net.read_lines(other);
    let topic = "é".repeat(4089);
    net.send_line(ann, &format!("TOPIC #bay :{topic}"));
    let kept = |start: &str| [start, &"é".repeat(390 / 2)].concat();
    assert!(net.read_lines(ann) == [kept(":theshire.nz 332 #bay :")]);
    assert!(net.read_lines(other) == [kept(":ann TOPIC #bay :")]);
}

#[test]
fn a_quit_is_relayed_with_its_text_only() {
    let (mut net, server) = Net::of("theshire.nz");
    let users = ["ann", "bob", "cid", "dan", "eve"].map(|nick| net.user(server, nick));
    let [ann, bob, cid, dan, eve] = users;
    for user in [ann, bob, cid, dan] {
        net.send_line(user, "JOIN #reef");
        net.send_line(user, "JOIN #bay");
        net.read_lines(user);
    }
    net.send_line(ann, "QUIT");
    net.send_line(bob, "QUIT :bob has quit");
    net.expect_nothing(&[ann, bob, cid, dan, eve]);
    assert!(net.ended(ann) && net.ended(bob));
    net.send_line(cid, "QUIT :\"gone\"");
    assert_eq!(net.read_lines(dan), [":cid QUIT :\"gone\""], "once");
    net.expect_nothing(&[cid, eve]);
    let gone = dan;
    net.fixture.close_peer(gone);
    net.expect_nothing(&[eve]);
    assert_eq!(net.state(server), (vec![], vec!["eve".to_owned()], vec![]));
}

#[test]
fn a_channel_message_reaches_the_other_members_once() {
    let (mut net, server) = Net::of("theshire.nz");
    let [ann, bob, cid] = ["ann", "bob", "cid"].map(|nick| net.user(server, nick));
    for user in [ann, bob] {
        net.send_line(user, "JOIN #reef");
        net.read_lines(user);
    }
    net.send_line(ann, "PRIVMSG #reef :hi: all");
    assert_eq!(net.read_lines(bob), [":ann PRIVMSG #reef :hi: all"]);
    net.expect_nothing(&[ann, cid]);
    for (line, topic) in [
        ("TOPIC #reef :low  tide", "332 #reef :low  tide"),
        ("TOPIC #reef :low  tide", "332 #reef :low  tide"),
        ("TOPIC #reef :", "331 #reef :No topic is set"),
    ] {
        net.send_line(bob, line);
        for user in [ann, bob] {
            assert_eq!(
                net.read_lines(user),
                [format!(":theshire.nz {topic}")],
                "{line}"
            );
        }
    }
    net.expect_nothing(&[cid]);
}

#[test]
fn a_channel_that_starts_again_has_no_old_settings() {
    let (mut net, server) = Net::of("theshire.nz");
    let ann = net.user(server, "ann");
    net.send_line(ann, "JOIN #reef old");
    net.send_line(ann, "TOPIC #reef :old");
    net.send_line(ann, "PART #reef");
    net.read_lines(ann);
    net.send_line(ann, "JOIN #reef new");
    assert_eq!(
        net.read_lines(ann),
        [":theshire.nz 331 #reef :No topic is set"]
    );
    assert_eq!(
        net.channels(server),
        [channel("#reef", "new", "", &["ann"])]
    );
}

#[test]
fn replies_to_a_user_that_does_not_read_are_bounded() {
    let (mut net, _) = Net::of("hub");
    let mut config = net.config("small", &[], &[]);
    config.limits.client_queue_bytes_max = 1000;
    let small = net.fixture.server_with(config);
    let ann = net.user(small, "ann");
    let asked = 200;
    net.fixture.send(ann, "NAMES\r\n".repeat(asked).as_bytes());
    net.fixture.soon();
    let answer = ":small 353 * :ann\r\n:small 366 :End of /NAMES list\r\n";
    assert!(net.fixture.peers[ann].bytes.len() <= 1000 + 3 * answer.len());
    assert!(net.ended(ann));
}

#[test]
fn a_text_with_a_byte_that_is_not_utf8_keeps_what_is_valid() {
    let (mut net, [shire, _, gondor]) = Net::trio();
    let (sam, pip) = (net.user(shire, "sam"), net.user(gondor, "pip"));
    for peer in [sam, pip] {
        net.send_line(peer, "JOIN #inn");
        net.read_lines(peer);
    }
    for (bytes, text) in [
        (&b"na\xc3\xafve caf\xc3\xa9 \xc3"[..], "naïve café "),
        (b"\xa9na\xc3\xafve", "naïve"),
        (b"na\xc3\xafve \xff!", "naïve \u{fffd}!"),
        (b"caf\xe9 \x80", "café €"),
    ] {
        let line = [b"PRIVMSG #inn :", bytes, b"\r\n"].concat();
        net.fixture.send(sam, &line);
        assert_eq!(net.read_lines(pip), [format!(":sam PRIVMSG #inn :{text}")]);
        let line = [b"TOPIC #inn :", bytes, b"\r\n"].concat();
        net.fixture.send(sam, &line);
        let topic = net.read_lines(pip);
        assert!(
            topic[0].ends_with(&format!(" 332 #inn :{text}")),
            "{topic:?}"
        );
        net.read_lines(sam);
    }
    // Names too, from users and from servers.
    let jose = net.fixture.connect_at(shire, LEGACY);
    net.fixture.send(jose, b"USER jos\xe9 box srv :Jos\xe9\r\n");
    let welcome = net.read_lines(jose).pop().unwrap();
    assert!(welcome.ends_with(" josé!josé@box"), "{welcome}");
    net.fixture.send(jose, b"PRIVMSG pip :h\xe9\r\n");
    assert_eq!(net.read_lines(pip), [":josé PRIVMSG pip :hé"]);
}
