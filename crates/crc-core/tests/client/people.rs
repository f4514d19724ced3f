//! Client machines that take other names, go away, and ask about users and channels: with server
//! machines.

use super::*;

#[test]
fn a_client_takes_another_name_and_keeps_its_channels() {
    let (mut fixture, mut ann, mut bob) = two(5);
    for client in [&mut ann, &mut bob] {
        client.join(&mut fixture, "#reef", "");
        settle(&mut fixture, &mut [client]);
    }
    settle(&mut fixture, &mut [&mut ann, &mut bob]);
    ann.notices.clear();
    bob.notices.clear();
    let name = |name: &str| ClientCommand::SetName { name: name.into() };
    ann.command(&mut fixture, name("anna"));
    settle(&mut fixture, &mut [&mut ann, &mut bob]);
    ann.expect(&["ann is now anna"]);
    bob.expect(&["ann is now anna"]);
    assert_eq!(ann.client.name(), "anna");
    assert!(
        bob.client
            .channel("#reef")
            .unwrap()
            .member(id(101))
            .is_some()
    );
    // The same name again: it is answered, and others hear nothing of it.
    ann.command(&mut fixture, name("anna"));
    settle(&mut fixture, &mut [&mut ann, &mut bob]);
    ann.expect(&["anna is now anna"]);
    bob.expect(&[]);
    // The next registration is under the new name.
    ann.reconnect(&mut fixture, 0);
    settle(&mut fixture, &mut [&mut ann, &mut bob]);
    bob.expect(&["anna leaves", "#reef: anna joins"]);
}

#[test]
fn a_name_that_no_client_can_have_is_refused() {
    let (mut fixture, mut ann, mut bob) = two(5);
    for (name, why) in [
        ("", "nick: no: the name is empty"),
        (" x", "nick: no: the name begins or ends with a blank"),
    ] {
        ann.command(&mut fixture, ClientCommand::SetName { name: name.into() });
        settle(&mut fixture, &mut [&mut ann, &mut bob]);
        ann.expect(&[why]);
    }
    // A server asks again, whatever a client lets pass.
    let peer = fixture.client(0, 103);
    let info = "info [crc2;f=channels,people]";
    fixture.send_message(peer, &registration(Kind::Client, 103, None, info));
    fixture.soon();
    fixture.received(peer);
    let request = crc_wire::ChannelRequest {
        source: id(103),
        destination: None,
        kind: RequestKind::SET_NAME,
        channel: None,
        text: crc_wire::Text::new(" x").unwrap(),
    };
    fixture.send_message(peer, &crc_wire::Message::ChannelRequest(request));
    fixture.soon();
    let why = "nick: the name begins or ends with a blank";
    assert_eq!(fixture.received(peer), [status(1, 103, 0x0110, why)]);
    settle(&mut fixture, &mut [&mut ann, &mut bob]);
    ann.expect(&[]);
}

#[test]
fn a_server_that_knows_no_requests_about_users_gets_none() {
    let (mut fixture, _) = ScriptedFixture::with_v2_server(scripted_config());
    let name = "anna".to_owned();
    fixture.command(ClientCommand::SetName { name });
    let request = UserRequest::SetName;
    let why = ClientSendError::Unsupported;
    fixture.check(&[ClientNotice::RequestNotSent { request, why }], &[]);
}

/// Three servers in a line, Ann at the first, Bob at the last.
fn far_apart() -> (Fixture, TestClient, TestClient) {
    let mut fixture = Fixture::new(5);
    fixture.server(None);
    fixture.server(Some(0));
    fixture.server(Some(1));
    fixture.rest();
    let mut ann = TestClient::new(&mut fixture, 0, 101, "ann");
    let mut bob = TestClient::new(&mut fixture, 2, 102, "bob");
    settle(&mut fixture, &mut [&mut ann, &mut bob]);
    ann.notices.clear();
    bob.notices.clear();
    (fixture, ann, bob)
}

fn whois(client: u32) -> ClientCommand {
    ClientCommand::Whois { client: id(client) }
}

fn list(mask: &str) -> ClientCommand {
    ClientCommand::ListChannels { mask: mask.into() }
}

#[test]
fn a_client_asks_about_another_one_far_away() {
    let (mut fixture, mut ann, mut bob) = far_apart();
    for channel in ["#cave", "#Reef"] {
        bob.join(&mut fixture, channel, "");
        settle(&mut fixture, &mut [&mut ann, &mut bob]);
    }
    let secret = ClientCommand::SetChannel {
        channel: "#cave".into(),
        field: ChannelField::MODES,
        value: "nst".into(),
    };
    bob.command(&mut fixture, secret);
    settle(&mut fixture, &mut [&mut ann, &mut bob]);
    bob.notices.clear();
    // Of its secret channel only members learn.
    ann.command(&mut fixture, whois(102));
    bob.command(&mut fixture, whois(102));
    settle(&mut fixture, &mut [&mut ann, &mut bob]);
    ann.expect(&["bob at server2: @#Reef"]);
    bob.expect(&["bob at server2: @#cave @#Reef"]);
    for (client, why) in [
        (9, "whois: no: no client has the id 9"),
        (1, "whois: no: no client has the id 1"),
    ] {
        ann.command(&mut fixture, whois(client));
        settle(&mut fixture, &mut [&mut ann, &mut bob]);
        ann.expect(&[why]);
    }
}

#[test]
fn a_client_lists_the_channels_that_it_may_see() {
    let (mut fixture, mut ann, mut bob) = far_apart();
    ann.command(&mut fixture, list(""));
    settle(&mut fixture, &mut [&mut ann, &mut bob]);
    ann.expect(&["End: "]);
    for channel in ["#cave", "#Reef", "#rocks"] {
        bob.join(&mut fixture, channel, "");
        settle(&mut fixture, &mut [&mut ann, &mut bob]);
    }
    for (channel, field, value) in [
        ("#cave", ChannelField::MODES, "nst"),
        ("#reef", ChannelField::TOPIC, "low tide at six"),
    ] {
        let (channel, value) = (channel.into(), value.into());
        let command = ClientCommand::SetChannel {
            channel,
            field,
            value,
        };
        bob.command(&mut fixture, command);
    }
    settle(&mut fixture, &mut [&mut ann, &mut bob]);
    bob.notices.clear();
    let both = "End: #Reef 1 low tide at six, #rocks 1 ";
    for (mask, listed) in [
        ("", both),
        ("#r*", both),
        ("*EEF", "End: #Reef 1 low tide at six"),
        ("#cave", "End: "),
        ("#none", "End: "),
    ] {
        ann.command(&mut fixture, list(mask));
        settle(&mut fixture, &mut [&mut ann, &mut bob]);
        ann.expect(&[listed]);
    }
    bob.command(&mut fixture, list("#c*"));
    settle(&mut fixture, &mut [&mut ann, &mut bob]);
    bob.expect(&["End: #cave 1 "]);
    ann.command(&mut fixture, list(&"*".repeat(200)));
    settle(&mut fixture, &mut [&mut ann, &mut bob]);
    ann.expect(&["list: no: the mask is too long"]);
}

#[test]
fn a_long_list_comes_in_pieces_and_ends() {
    let (mut fixture, mut ann, mut bob) = far_apart();
    let topic = "t".repeat(390);
    let mut clients = Vec::new();
    for number in 0..7 {
        let mut client = TestClient::new(&mut fixture, 1, 200 + number, &format!("c{number}"));
        for at in 0..60 {
            let channel = format!("#{number}-{at}");
            client.join(&mut fixture, &channel, "");
            let topic = topic.clone();
            client.command(&mut fixture, ClientCommand::SetTopic { channel, topic });
        }
        settle(&mut fixture, &mut [&mut client]);
        clients.push(client);
    }
    settle(&mut fixture, &mut [&mut ann, &mut bob]);
    ann.notices.clear();
    ann.command(&mut fixture, list(""));
    ann.command(&mut fixture, list("#1*"));
    fixture.run(Duration::from_secs(1));
    settle(&mut fixture, &mut [&mut ann, &mut bob]);
    let notices = std::mem::take(&mut ann.notices);
    let (refused, pieces): (Vec<_>, Vec<_>) = notices.iter().partition(|it| it.starts_with("list"));
    assert!(
        refused
            .iter()
            .all(|it| *it == "list: no: your last list is not complete yet"),
        "{refused:?}"
    );
    let last = pieces.iter().position(|it| !it.starts_with("Follows"));
    let pieces = &pieces[..=last.unwrap()];
    // 420 channels of some 400 bytes each are more than a list may have.
    assert!(pieces.last().unwrap().starts_with("LeftOut"), "{pieces:?}");
    let channels: usize = pieces.iter().map(|it| it.matches('#').count()).sum();
    assert!((300..420).contains(&channels), "{channels}");
    assert!(pieces.len() >= 8, "{}", pieces.len());
    // The next one is answered again.
    ann.command(&mut fixture, list("#1-5*"));
    fixture.run(Duration::from_secs(1));
    settle(&mut fixture, &mut [&mut ann, &mut bob]);
    let [answer] = &ann.notices[..] else {
        panic!("{:?}", ann.notices);
    };
    assert!(answer.starts_with("End: #1-5 1 "), "{answer}");
    assert_eq!(answer.matches('#').count(), 11);
}

fn away(text: &str) -> ClientCommand {
    ClientCommand::SetAway { text: text.into() }
}

#[test]
fn a_client_is_away_and_those_who_write_to_it_learn_that_once() {
    let (mut fixture, mut ann, mut bob) = far_apart();
    let say = |to| ClientCommand::SendChat {
        to: id(to),
        text: "hi".into(),
    };
    bob.command(&mut fixture, away("tea\nand\u{1b} cake"));
    settle(&mut fixture, &mut [&mut ann, &mut bob]);
    bob.expect(&["bob away: tea and  cake"]);
    ann.expect(&[]);
    for told in [&["bob away: tea and  cake"][..], &[], &[]] {
        ann.command(&mut fixture, say(102));
        settle(&mut fixture, &mut [&mut ann, &mut bob]);
        ann.expect(told);
    }
    for (text, told) in [("", "bob away: "), ("sea", "bob away: sea")] {
        bob.command(&mut fixture, away(text));
        settle(&mut fixture, &mut [&mut ann, &mut bob]);
        bob.expect(&[told]);
    }
    ann.command(&mut fixture, say(102));
    settle(&mut fixture, &mut [&mut ann, &mut bob]);
    ann.expect(&["bob away: sea"]);
    // It is away still when it has connected again.
    bob.reconnect(&mut fixture, 1);
    settle(&mut fixture, &mut [&mut ann, &mut bob]);
    bob.expect(&["bob away: sea"]);
    for node in 0..3 {
        let snapshot = fixture.nodes[node].server.snapshot();
        let known: Vec<_> = snapshot.absences().iter().collect();
        assert!(
            matches!(known[..], [(known, absence)] if known == id(102) && &*absence.text == "sea"),
            "{known:?}"
        );
    }
    // A server that links later learns it, and all forget it when the client leaves.
    let late = fixture.server(Some(0));
    fixture.rest();
    let known = |fixture: &Fixture| {
        let snapshot = fixture.nodes[late].server.snapshot();
        snapshot.absences().iter().count()
    };
    assert_eq!(known(&fixture), 1);
    bob.command(&mut fixture, ClientCommand::Quit { text: "bye".into() });
    settle(&mut fixture, &mut [&mut ann, &mut bob]);
    fixture.run(Duration::from_secs(1));
    assert_eq!(known(&fixture), 0);
}
