//! Messages to users.

use super::*;

#[test]
fn a_message_to_a_nick_arrives() {
    let mut net = Net::new(2);
    let (ann, bob) = (net.user(0, "ann"), net.user(0, "bob"));
    let eve = net.user_with(1, "eve", "echo-message server-time");
    net.expect(ann, "PRIVMSG Bob :hi there", &[]);
    net.expect_lines(bob, &[":ann!~ann@ID.crc PRIVMSG bob :hi there"]);
    net.expect(bob, "NOTICE ann psst", &[]);
    net.expect_lines(ann, &[":bob!~bob@ID.crc NOTICE ann :psst"]);
    net.expect(
        ann,
        "PRIVMSG ann :note",
        &[":ann!~ann@ID.crc PRIVMSG ann :note"],
    );
    // At other servers the nick stands for the user name.
    net.send_line(ann, "PRIVMSG eve,bob :both");
    net.expect_lines(bob, &[":ann!~ann@ID.crc PRIVMSG bob :both"]);
    let received = net.read_lines(eve);
    let (time, rest) = received[0].split_once(' ').unwrap();
    assert_eq!(rest, ":ann!~ann@ID.crc PRIVMSG eve :both");
    assert!(
        time.starts_with("@time=2023-11-14T22:13:2") && time.ends_with('Z'),
        "{time}"
    );
    assert_eq!(time.len(), "@time=2023-11-14T22:13:20.000Z".len());
    let echo = net.request(eve, "NOTICE bob :quiet");
    assert!(
        echo[0].ends_with(" :eve!~eve@ID.crc NOTICE bob :quiet"),
        "{echo:?}"
    );
    net.expect_lines(bob, &[":eve!~eve@ID.crc NOTICE bob :quiet"]);
    let chats = net.fixture.nodes[0]
        .server
        .snapshot()
        .counters()
        .chats_relayed;
    assert!(chats >= 4, "{chats}");
}

#[test]
fn the_fast_path_relays_like_the_slow_one() {
    let mut net = Net::new(2);
    let ann = net.user(0, "ann");
    let echo = net.user_with(0, "dan", "echo-message");
    let readers = [
        net.user(0, "bob"),
        net.user_with(0, "tim", "server-time"),
        net.user(1, "far"),
    ];
    let away = net.user(0, "sam");
    net.request(away, "AWAY :asleep");
    for peer in [ann, readers[0], readers[1]] {
        net.request(peer, "JOIN #reef");
    }
    net.discard(&[ann, readers[0], readers[1]]);
    let long = "long ".repeat(90);
    for from in [ann, echo] {
        for target in [
            "bob", "BOB", "tim", "far", "sam", "nobody", "#reef", "#none",
        ] {
            for text in ["hi", " hi : there ", "\u{1}ACTION waves\u{1}", &long, "zoé"] {
                // In lower case the full parser reads it.
                let mut received = Vec::new();
                for command in ["PRIVMSG", "privmsg", "NOTICE", "notice"] {
                    let mut all = vec![net.request(from, &format!("{command} {target} :{text}"))];
                    all.extend(readers.map(|reader| net.read_lines(reader)));
                    all.push(net.read_lines(away));
                    // Time passes.
                    for line in all.iter_mut().flatten() {
                        if let Some(tags) = line.strip_prefix("@time=") {
                            *line = tags.split_once(' ').unwrap().1.to_owned();
                        }
                    }
                    received.push(all);
                }
                assert_eq!(received[0], received[1], "{target} {text}");
                assert_eq!(received[2], received[3], "{target} {text}");
            }
        }
    }
}

#[test]
fn messages_go_to_the_current_owner_of_a_nick() {
    let mut net = Net::new(1);
    let [ann, bob] = ["ann", "bob"].map(|nick| net.user(0, nick));
    let said = ":ann!~ann@ID.crc PRIVMSG bob :hi";
    net.expect(ann, "PRIVMSG bob :hi", &[]);
    net.expect_lines(bob, &[said]);
    net.expect(bob, "NICK rob", &[":bob!~bob@ID.crc NICK :rob"]);
    let unknown = [":server0 401 ann bob :No such nick/channel"];
    net.expect(ann, "PRIVMSG bob :hi", &unknown);
    let other = net.user(0, "bob");
    net.expect(ann, "PRIVMSG bob :hi", &[]);
    net.expect_lines(other, &[said]);
    net.expect_lines(bob, &[]);
    net.send_line(other, "QUIT");
    net.read_lines(other);
    net.expect(ann, "PRIVMSG bob :hi", &unknown);
}

#[test]
fn a_message_that_fails_is_answered_and_a_notice_is_not() {
    let mut net = Net::new(1);
    let ann = net.user(0, "ann");
    for (line, answer) in [
        ("PRIVMSG", "411 ann :No recipient given (PRIVMSG)"),
        ("PRIVMSG bob", "412 ann :No text to send"),
        ("PRIVMSG bob :", "412 ann :No text to send"),
        ("PRIVMSG bob :hi", "401 ann bob :No such nick/channel"),
        ("PRIVMSG #reef :hi", "403 ann #reef :No such channel"),
        ("PRIVMSG ann,ann,ann,ann,x,y :", "412 ann :No text to send"),
    ] {
        net.expect(ann, line, &[&format!(":server0 {answer}")]);
        net.expect(ann, &line.replace("PRIVMSG", "NOTICE"), &[]);
    }
    let received = net.request(ann, "PRIVMSG b,c,d,e,f,g :hi");
    assert_eq!(received.len(), 5);
    assert_eq!(received[4], ":server0 407 ann f :Too many targets");
}

#[test]
fn chats_become_lines_and_lines_become_chats() {
    let mut net = Net::new(2);
    let ann = net.user(0, "ann");
    let crc = net.crc(1, 300);
    let to = net.id_of(0, "ann").get();
    net.expect(ann, "PRIVMSG host300 :hi", &[]);
    net.fixture.soon();
    assert_eq!(net.fixture.received(crc), [chat(to, 300, "hi")]);
    net.expect(ann, "NOTICE host300 :psst", &[]);
    net.fixture.soon();
    assert_eq!(net.fixture.received(crc), [chat(to, 300, "psst")]);
    // Each line for itself; bytes that no line may have are left out.
    net.fixture
        .send_message(crc, &chat(300, to, "one\r\n\n\r\ntwo\0\nQUIT\n \u{1b}"));
    net.expect_lines(
        ann,
        &[
            ":host300!host300@ID.crc PRIVMSG ann :one",
            ":host300!host300@ID.crc PRIVMSG ann :two",
            ":host300!host300@ID.crc PRIVMSG ann :QUIT",
            ":host300!host300@ID.crc PRIVMSG ann : \u{1b}",
        ],
    );
    // Long ones are split, between characters.
    let long = "é€😀a".repeat(300);
    net.fixture.send_message(crc, &chat(300, to, &long));
    let received = net.read_lines(ann);
    let begin = ":host300!host300@ID.crc PRIVMSG ann :";
    let said: String = received
        .iter()
        .map(|line| line.strip_prefix(begin).unwrap())
        .collect();
    assert_eq!((said, received.len()), (long, 7));
    // Bytes that are not UTF-8 are Latin-1.
    net.fixture.send(ann, b"PRIVMSG host300 :caf\xe9\r\n");
    net.fixture.soon();
    assert_eq!(net.fixture.received(crc), [chat(to, 300, "caf\u{e9}")]);
}

#[test]
fn messages_pass_v1_servers_and_channels_do_not() {
    let mut net = Net::new(1);
    let ann = net.user(0, "ann");
    net.request(ann, "JOIN #reef");
    // A v1 server, and a host behind it that may be at a v2 server.
    let v1 = net.fixture.connect(0);
    let introduction = registration(Kind::Server, 50, None, "a v1 server");
    net.fixture.send_message(v1, &introduction);
    let far = registration(Kind::Client, 500, Some(50), "far away");
    net.fixture.send_message(v1, &far);
    net.fixture.run(Duration::from_secs(5));
    let received = net.fixture.received(v1);
    let id = net.id_of(0, "ann");
    let listed = received.iter().any(|message| match message {
        Message::ClientRegistration(it) => it.source == id && it.name.as_str() == "ann",
        _ => false,
    });
    assert!(listed, "{received:?}");
    let of_channels = received.iter().any(|message| message.kind().is_channel());
    assert!(!of_channels, "{received:?}");
    net.expect(ann, "PRIVMSG host500 :are you there?", &[]);
    net.fixture.run(Duration::from_secs(1));
    let asked = chat(id.get(), 500, "are you there?");
    assert_eq!(net.fixture.received(v1), [asked]);
    net.fixture.send_message(v1, &chat(500, id.get(), "I am"));
    net.expect_lines(ann, &[":host500!host500@ID.crc PRIVMSG ann :I am"]);
    net.request(ann, "PRIVMSG #reef :nobody else is here");
    net.fixture.run(Duration::from_secs(1));
    assert_eq!(net.fixture.received(v1), []);
}

#[test]
fn a_user_that_has_quit_is_unknown() {
    let mut net = Net::new(1);
    let ann = net.user(0, "ann");
    let uplink = net.fixture.connect(0);
    net.fixture
        .introduce_v2(uplink, 50, "r=9;f=channels,server-quit");
    let far = registration(Kind::Client, 70, Some(50), "far");
    net.fixture.send_message(uplink, &far);
    net.fixture.soon();
    net.expect(ann, "PRIVMSG host70 :hi", &[]);
    let to = net.id_of(0, "ann").get();
    for (code, text) in [
        (StatusCode::UNKNOWN_ID, "Unknown ID 70"),
        (StatusCode::UNKNOWN_ID, "Unknown ID 71"),
        (StatusCode::TOO_LONG, "Message too long for ID 70"),
    ] {
        net.fixture
            .send_message(uplink, &status(50, to, code.0, text));
    }
    net.expect_lines(
        ann,
        &[
            ":server0 401 ann host70 :No such nick/channel",
            ":server0 401 ann 71 :No such nick/channel",
            ":server0 NOTICE ann :Message too long for ID 70",
        ],
    );
}

#[test]
fn a_text_with_a_byte_that_is_not_utf8_keeps_what_is_valid() {
    let mut net = Net::new(2);
    let (ann, bob, far) = (net.user(0, "ann"), net.user(0, "bob"), net.user(1, "far"));
    for peer in [ann, bob, far] {
        net.request(peer, "JOIN #reef");
    }
    net.request(ann, "MODE #reef +o bob");
    net.discard(&[ann, bob, far]);
    for (bytes, text) in [
        (&b"na\xc3\xafve caf\xc3\xa9 \xc3"[..], "naïve café "),
        (b"\xaf na\xc3\xafve", " naïve"),
        (b"na\xc3\xafve \xff!", "naïve \u{fffd}!"),
        (b"caf\xe9 \x80", "café €"),
    ] {
        for command in ["PRIVMSG", "privmsg", "NOTICE"] {
            let line = [command.as_bytes(), b" #reef :", bytes, b"\r\n"].concat();
            net.fixture.send(ann, &line);
            let shown = command.to_ascii_uppercase();
            net.expect_lines(bob, &[&format!(":ann!~ann@ID.crc {shown} #reef :{text}")]);
            net.expect_lines(far, &[&format!(":ann!~ann@ID.crc {shown} #reef :{text}")]);
        }
        for (command, shown) in [("TOPIC #reef", "TOPIC #reef"), ("PART #reef", "PART #reef")] {
            let line = [command.as_bytes(), b" :", bytes, b"\r\n"].concat();
            net.fixture.send(ann, &line);
            net.expect_lines(bob, &[&format!(":ann!~ann@ID.crc {shown} :{text}")]);
        }
        net.request(ann, "JOIN #reef");
        net.request(bob, "MODE #reef +o ann");
        net.discard(&[ann, bob, far]);
    }
}

#[test]
fn what_is_said_in_one_line_arrives_as_one() {
    let mut net = Net::new(2);
    let nick = format!("a{}", "n".repeat(29));
    let (ann, bob, far) = (net.user(0, &nick), net.user(0, "bob"), net.user(1, "far"));
    let channel = format!("#{}", "c".repeat(63));
    for peer in [ann, bob, far] {
        net.request(peer, &format!("JOIN {channel}"));
    }
    net.discard(&[ann, bob, far]);
    let said = |lines: &[String]| -> Vec<String> {
        let texts = lines.iter().map(|line| line.split_once(" :").unwrap().1);
        texts.map(str::to_owned).collect()
    };
    for unit in ["tide ", "wörter ", "x", "é", "😀", "  "] {
        for target in [&*channel, "far"] {
            // As much as one line holds.
            let room = 510 - "PRIVMSG  :".len() - target.len();
            let text = unit.repeat(room / unit.len());
            net.send_line(ann, &format!("PRIVMSG {target} :{text}"));
            let lines = net.read_lines(far);
            let pieces = said(&lines);
            assert!(
                pieces.len() == 1 && text.starts_with(&pieces[0]),
                "{pieces:?}"
            );
            // It is cut at a character only. Ids have up to 10 digits.
            assert!(lines[0].len() > 510 - 4 - 10, "{lines:?}");
            let text = unit.repeat((room - "\u{1}ACTION \u{1}".len()) / unit.len());
            net.send_line(ann, &format!("PRIVMSG {target} :\u{1}ACTION {text}\u{1}"));
            let pieces = said(&net.read_lines(far));
            let framed = |piece: &String| -> String {
                let text = piece.strip_prefix("\u{1}ACTION ").unwrap();
                text.strip_suffix('\u{1}').unwrap().to_owned()
            };
            assert!(pieces.len() == 1 && text.starts_with(&framed(&pieces[0])));
            net.discard(&[bob]);
        }
    }
    // Texts that cannot be split lose nothing either: the prefix is shorter.
    let text = "t".repeat(390);
    for (command, shown) in [
        (format!("TOPIC {channel} :{text}"), "TOPIC"),
        (format!("PART {channel} :{text}"), "PART"),
        (format!("QUIT :{text}"), "QUIT"),
    ] {
        net.send_line(ann, &command);
        if shown == "QUIT" {
            net.request(ann, "");
        }
        let received = net.read_lines(far).pop().unwrap();
        assert!(received.starts_with(&format!(":{nick}")), "{received}");
        assert!(
            received.contains(shown) && received.ends_with(&text),
            "{received}"
        );
        net.send_line(ann, &format!("JOIN {channel}"));
        if shown == "PART" {
            let topic = net.read_lines(ann);
            assert!(
                topic
                    .iter()
                    .any(|line| line.contains(" 332 ") && line.ends_with(&text)),
                "{topic:?}"
            );
        }
        net.discard(&[ann, bob, far]);
    }
}

#[test]
fn a_recipient_that_is_named_twice_gets_a_message_once() {
    let mut net = Net::new(1);
    let (ann, bob) = (net.user(0, "ann"), net.user(0, "bob"));
    for peer in [ann, bob] {
        net.request(peer, "JOIN #reef");
    }
    net.discard(&[ann, bob]);
    net.expect(ann, "PRIVMSG bob,BOB,#reef,#Reef,bob :hi", &[]);
    net.expect_lines(
        bob,
        &[
            ":ann!~ann@ID.crc PRIVMSG bob :hi",
            ":ann!~ann@ID.crc PRIVMSG #reef :hi",
        ],
    );
}
