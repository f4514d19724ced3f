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
