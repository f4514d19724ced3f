//! Names in UTF-8: across protocols, across servers of every kind, and those that look like
//! others.

use crc_wire::{Info, Name, Registration};

use super::*;

/// The registration of a client with this name.
fn named(client: u32, name: &str, info: &str) -> Message<'static> {
    Message::ClientRegistration(Registration {
        source: id(client),
        last_hop: None,
        name: Name::new(name.to_owned()).unwrap(),
        info: Info::new(info.to_owned()).unwrap(),
    })
}

fn hex(name: &str) -> String {
    name.bytes().map(|byte| format!("{byte:02x}")).collect()
}

/// What came of registrations of clients: ids, names and infos.
fn clients(messages: &[Message<'_>]) -> Vec<(u32, String, String)> {
    let clients = messages.iter().filter_map(|message| match message {
        Message::ClientRegistration(client) => Some((
            client.source.get(),
            client.name.as_str().to_owned(),
            client.info.as_str().to_owned(),
        )),
        _ => None,
    });
    clients.collect()
}

fn client(id: u32, name: &str, info: &str) -> (u32, String, String) {
    (id, name.to_owned(), info.to_owned())
}

impl Net {
    /// A client of the binary protocol with this name, which it announces with these words.
    fn named(&mut self, node: usize, client: u32, name: &str, ascii: &str, words: &str) -> usize {
        let peer = self.fixture.connect(node);
        self.fixture.send_message(peer, &named(client, ascii, "x"));
        self.fixture.soon();
        let machine = match name.is_ascii() {
            true => format!("x [crc2;f={words}]"),
            false => format!("x [crc2;u={};f={words}]", hex(name)),
        };
        self.fixture
            .send_message(peer, &named(client, ascii, &machine));
        self.fixture.soon();
        peer
    }

    fn clients_of(&self, node: usize) -> Vec<String> {
        let snapshot = self.fixture.nodes[node].server.snapshot();
        let names = snapshot
            .directory()
            .clients()
            .map(|it| it.name().to_owned());
        let mut names: Vec<_> = names.collect();
        names.sort();
        names
    }
}

const WORDS: &str = "channels,utf8-names";

#[test]
fn a_name_in_utf_8_crosses_servers_and_protocols() {
    let mut net = Net::new(3);
    let v1 = net.fixture.client(2, 300);
    let old = net.named(2, 301, "old", "old", "channels");
    let new = net.named(2, 302, "new", "new", WORDS);
    let ann = net.user(2, "ann");
    net.request(ann, "JOIN #reef");
    for peer in [v1, old, new] {
        net.fixture.received(peer);
    }
    let zoe = net.named(0, 400, "Zoë", "Zoe", WORDS);
    net.fixture.run(Duration::from_secs(1));
    let plain = client(400, "Zoe", "x");
    let machine = client(400, "Zoe", "x [crc2;u=5a6fc3ab]");
    // Once: to them nothing has changed.
    for peer in [v1, old] {
        let received = net.fixture.received(peer);
        assert_eq!(
            (received.len(), clients(&received)),
            (1, vec![plain.clone()])
        );
    }
    assert_eq!(clients(&net.fixture.received(new)).last(), Some(&machine));
    for node in 0..3 {
        assert!(net.clients_of(node).contains(&"Zoë".to_owned()), "{node}");
    }
    let join = channel_request(400, None, RequestKind::JOIN, "#reef", "");
    net.fixture.send_message(zoe, &join);
    net.expect_lines(ann, &[":Zoë!Zoë@ID.crc JOIN #reef"]);
    net.fixture.received(zoe);
    // In any case, and spelt in any way.
    for nick in ["Zoë", "ZOË", "zoe\u{308}"] {
        net.send_line(ann, &format!("PRIVMSG {nick} :hi"));
        net.fixture.soon();
        let source = net.id_of(2, "ann").get();
        assert_eq!(net.fixture.received(zoe), [chat(source, 400, "hi")]);
    }
    let names = ":server2 353 ann = #reef :Zoë @ann";
    net.expect(
        ann,
        "NAMES #reef",
        &[names, ":server2 366 ann #reef :End of /NAMES list"],
    );
    // Who has set a topic is known by a name that goes over the wire.
    net.request(ann, "MODE #reef +o Zoë");
    let by = Message::ChannelSetting(crc_wire::ChannelSetting {
        source: Some(id(400)),
        version: 0,
        field: ChannelField::TOPIC,
        channel: ChannelName::new("#reef").unwrap(),
        value: Text::truncated("Ebbe"),
    });
    net.fixture.send_message(zoe, &by);
    net.expect_lines(ann, &[":Zoë!Zoë@ID.crc TOPIC #reef :Ebbe"]);
    let topic = net.request(ann, "TOPIC #reef");
    assert!(
        topic[1].contains(" 333 ann #reef Zoe!Zoë@ID.crc "),
        "{topic:?}"
    );
    // Lists of names.
    for (peer, source, listed) in [(old, 301, "Zoe"), (new, 302, "Zoë")] {
        let list = channel_request(source, None, RequestKind::NAMES, "#reef", "");
        net.fixture.received(peer);
        net.fixture.send_message(peer, &list);
        net.fixture.soon();
        let answer = net.fixture.received(peer);
        let Message::Status(answer) = &answer[0] else {
            panic!("{answer:?}");
        };
        assert_eq!(answer.text.as_str(), format!("#reef {listed} ann"));
    }
}

#[test]
fn a_client_that_comes_later_gets_the_names_it_takes() {
    let mut net = Net::new(2);
    let zoe = net.user(0, "Zoë");
    net.named(1, 401, "Иван", "Ivan", WORDS);
    net.fixture.run(Duration::from_secs(1));
    let zoe_id = net.id_of(0, "Zoë").get();
    for (number, words) in [(302, WORDS), (303, "channels")] {
        let peer = net.named(1, number, "new", "new", words);
        let mut last = clients(&net.fixture.received(peer));
        last.reverse();
        let of = |id| last.iter().find(|(client, ..)| *client == id).cloned();
        let (first, second) = match words {
            WORDS => (" [crc2;u=5a6fc3ab]", " [crc2;u=d098d0b2d0b0d0bd]"),
            _ => ("", ""),
        };
        let real = format!("Real Zoë{first}");
        assert_eq!(of(zoe_id), Some(client(zoe_id, "Zoe", &real)), "{words}");
        let info = format!("x{second}");
        assert_eq!(of(401), Some(client(401, "Ivan", &info)), "{words}");
    }
    // A user of IRC is renamed.
    net.expect(zoe, "NICK zoé", &[":Zoë!~Zo@ID.crc NICK :zoé"]);
}

#[test]
fn servers_that_take_no_such_names_are_sent_ascii_and_report_it() {
    // A v1 server, and a v2 server without channel-age, under the same one.
    let mut net = Net::new(1);
    let v1 = net.fixture.connect(0);
    net.fixture
        .send_message(v1, &registration(Kind::Server, 80, None, "info"));
    net.fixture.run(Duration::from_secs(2));
    let old = net.fixture.connect(0);
    net.fixture
        .introduce_v2(old, 81, "r=1;f=server-quit,channels");
    let dated = net.fixture.connect(0);
    net.fixture
        .introduce_v2(dated, 82, "r=1;f=server-quit,channels,channel-age");
    for peer in [v1, old, dated] {
        net.fixture.received(peer);
    }
    net.named(0, 400, "Zoë", "Zoe", WORDS);
    net.fixture.run(Duration::from_secs(1));
    for peer in [v1, old] {
        let bytes = net.fixture.received(peer);
        assert!(
            clients(&bytes)
                .iter()
                .all(|it| *it == client(400, "Zoe", "x"))
        );
    }
    let (_, name, info) = clients(&net.fixture.received(dated)).pop().unwrap();
    assert_eq!(name, "Zoe");
    assert!(info.contains(";u=5a6fc3ab;"), "{info}");
    // What they report has no other name, whatever its info looks like; and a name on the
    // wire that is not ASCII is shown as it is.
    let smuggled = format!("x [crc2;u={}]", hex("bób"));
    for (peer, number, name, info, shown) in [
        (v1, 500, "bob", &*smuggled, "bob"),
        (dated, 501, "bob", &*smuggled, "bób"),
        (dated, 502, "rob", &*smuggled, "rob"),
        (dated, 503, "rób", "x", "rób"),
        (dated, 504, "r\u{202e}b", "x", "r\u{202e}b"),
    ] {
        let mut report = named(number, name, info);
        if let Message::ClientRegistration(report) = &mut report {
            report.last_hop = Some(id(80));
        }
        net.fixture.send_message(peer, &report);
        net.fixture.soon();
        let snapshot = net.fixture.nodes[0].server.snapshot();
        let host = snapshot.directory().find(id(number)).unwrap();
        assert_eq!((host.name(), host.info()), (shown, "x"));
    }
    let ann = net.user(0, "ann");
    net.expect(ann, "ISON bób rób r_b", &[":server0 303 ann :bób rób r_b"]);
}

#[test]
fn names_that_look_like_a_present_one_are_refused() {
    let mut net = Net::new(2);
    let ann = net.user(0, "ann");
    let cyrillic = "\u{430}nn";
    let text = |name, other| {
        format!("The name {name} looks like {other}, which is in use: choose another name")
    };
    // IRC, at both servers.
    for node in 0..2 {
        let bob = net.connect(node);
        let line = format!(":server{node} 433 * {cyrillic} :{}", text(cyrillic, "ann"));
        net.expect(bob, &format!("NICK {cyrillic}"), &[&line]);
    }
    // The binary protocol: the name comes with the announcement.
    let eve = net.named(1, 400, cyrillic, "ann", WORDS);
    let refused = net.fixture.received(eve);
    let refusal = status(2, 0, StatusCode::NOT_PERMITTED.0, &text(cyrillic, "ann"));
    assert!(refused.contains(&refusal), "{refused:?}");
    net.fixture.run(Duration::from_secs(1));
    assert!(net.fixture.peers[eve].ended);
    assert_eq!(net.clients_of(0), ["ann"]);
    // The same name is not a look-alike, nor is one in ASCII.
    net.named(1, 401, "ann", "ann", WORDS);
    net.named(1, 402, "Zoë", "Zoe", WORDS);
    net.named(1, 403, "ZOË", "ZOE", WORDS);
    net.fixture.run(Duration::from_secs(1));
    assert_eq!(net.clients_of(0), ["ZOË", "Zoë", "ann", "ann"]);
    // The other way round, and at a change of the nick.
    net.user(0, "\u{440}\u{430}\u{443}"); // рау
    net.fixture.run(Duration::from_secs(1));
    let line = format!(":server0 433 ann pay :{}", text("pay", "рау"));
    net.expect(ann, "NICK pay", &[&line]);
    let pay = net.fixture.connect(1);
    net.fixture.send_message(pay, &named(404, "Pay", "x"));
    net.fixture.run(Duration::from_secs(1));
    let refusal = status(2, 0, StatusCode::NOT_PERMITTED.0, &text("Pay", "рау"));
    assert!(net.fixture.received(pay).contains(&refusal));
    assert!(net.fixture.peers[pay].ended);
    // Its own former name is in no user's way.
    let own = net.user(1, "\u{435}\u{440}"); // ер
    net.expect(own, "NICK ep", &[":ер!~user@ID.crc NICK :ep"]);
}

#[test]
fn names_that_look_alike_and_come_over_a_link_both_stay() {
    let mut net = Net::with(2, |config| config.connect.clear());
    let ann = net.user(0, "ann");
    let other = net.user(1, "\u{430}nn");
    let link = net.fixture.connect(0);
    net.fixture
        .introduce_v2(link, 82, "r=1;f=server-quit,channels,channel-age");
    let mut report = named(500, "ann", &format!("x [crc2;u={}]", hex("\u{430}nn")));
    if let Message::ClientRegistration(report) = &mut report {
        report.last_hop = Some(id(82));
    }
    net.fixture.send_message(link, &report);
    net.fixture.soon();
    assert_eq!(net.clients_of(0), ["ann", "\u{430}nn"]);
    net.expect(ann, "NICK ann2", &[":ann!~ann@ID.crc NICK :ann2"]);
    let text = "The name ann looks like \u{430}nn, which is in use: choose another name";
    net.expect(
        ann,
        "NICK ann",
        &[&format!(":server0 433 ann2 ann :{text}")],
    );
    net.discard(&[other]);
}

#[test]
fn a_nick_that_is_not_ascii_has_the_form_of_a_name() {
    let mut net = Net::new(1);
    let ann = net.user(0, "ann");
    for bad in [
        "zo\u{202e}é",
        "1é",
        "-é",
        "é.b",
        "é~",
        "\u{301}e",
        "☕\u{fe0f}",
        "ééééééééééééééé1",
    ] {
        let line = format!(":server0 432 ann {bad} :Erroneous nickname");
        net.expect(ann, &format!("NICK {bad}"), &[&line]);
    }
    for (typed, nick) in [
        ("e\u{301}ve", "éve"),
        ("ｂｏｂ", "bob"),
        ("☕", "☕"),
        ("हिन्दी", "हिन्दी"),
        ("Zoë[1]", "Zoë[1]"),
    ] {
        let lines = net.request(ann, &format!("NICK {typed}"));
        assert!(lines[0].ends_with(&format!(" NICK :{nick}")), "{lines:?}");
    }
    net.expect(ann, "NICK Zoë[1]", &[]);
}

#[test]
fn bans_are_compared_in_any_case_of_all_letters() {
    let mut net = Net::new(2);
    let ann = net.user(0, "ann");
    let zoe = net.user(1, "Zoë");
    net.request(ann, "JOIN #reef");
    net.request(zoe, "JOIN #reef");
    net.request(ann, "MODE #reef +b ZOË!*@*");
    net.discard(&[ann, zoe]);
    let muted = ":server1 404 Zoë #reef :Cannot send to channel";
    net.expect(zoe, "PRIVMSG #reef :hi", &[muted]);
    net.request(zoe, "NICK zoé");
    net.discard(&[ann, zoe]);
    net.expect(zoe, "PRIVMSG #reef :hi", &[]);
    net.expect_lines(ann, &[":zoé!~Zo@ID.crc PRIVMSG #reef :hi"]);
}
