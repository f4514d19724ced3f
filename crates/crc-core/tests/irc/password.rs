//! The password of the network: who may register.

use super::*;
use crc_core::{Event, OperatorConfig, PasswordHash, Powers, ServerNotice};

const WRONG: &str = "Your password is not that of this network";
const MISSING: &str = "This network has a password, and you have not given it";

fn net() -> Net {
    Net::with(1, |config| {
        config.password = Some(PasswordHash("hash of net".into()));
    })
}

/// A registration whose machine part gives a password.
fn with_password(id: u32, password: &str) -> Message<'static> {
    let digits: String = password.bytes().map(|byte| format!("{byte:02x}")).collect();
    registration(Kind::Client, id, None, &format!("info [crc2;w={digits}]"))
}

#[test]
fn a_user_of_irc_gives_the_password_first() {
    let mut net = net();
    let user = "NICK ann\r\nUSER ann 0 * :Ann";
    for (lines, text) in [
        (user.to_owned(), MISSING),
        (format!("PASS wrong\r\n{user}"), WRONG),
    ] {
        let peer = net.connect(0);
        net.send_line(peer, &lines);
        net.answer_passwords(0);
        net.expect_lines(
            peer,
            &[
                &format!(":server0 464 * :{text}"),
                &format!("ERROR :Closing Link: * ({text})"),
            ],
        );
        assert!(net.fixture.peers[peer].ended);
    }
    for _ in 0..2 {
        let peer = net.connect(0);
        net.send_line(peer, &format!("PASS :secret of net\r\n{user}"));
        // It is compared once; the second time it is known.
        net.answer_passwords(0);
        assert!(net.read_lines(peer)[0].contains(" 001 ann "));
        net.expect(
            peer,
            "PASS x",
            &[":server0 462 ann :You may not reregister"],
        );
        net.fixture.close_peer(peer);
        net.fixture.soon();
    }
    // What comes before the answer does not register the user.
    let peer = net.connect(0);
    net.send_line(
        peer,
        &format!("PASS nothing\r\n{user}\r\n{user}\r\nNICK bob"),
    );
    assert_eq!(net.read_lines(peer), Vec::<String>::new());
    assert_eq!(net.answer_passwords(0), 1);
    assert!(net.fixture.known(0).is_empty());
}

#[test]
fn a_client_gives_the_password_in_its_registration() {
    let mut net = net();
    let ann = net.user_with_password("ann");
    for (message, text) in [
        (registration(Kind::Client, 300, None, "info"), MISSING),
        (with_password(300, "wrong"), WRONG),
    ] {
        let peer = net.fixture.connect(0);
        net.fixture.send_message(peer, &message);
        net.answer_passwords(0);
        net.fixture.soon();
        let told = net.fixture.received(peer);
        assert_eq!(told, [status(1, 0, 0x0107, text)]);
        assert!(net.fixture.peers[peer].ended);
    }
    let peer = net.fixture.connect(0);
    net.fixture
        .send_message(peer, &with_password(300, "secret of net"));
    net.answer_passwords(0);
    net.fixture.soon();
    let told = net.fixture.received(peer);
    assert!(matches!(&told[0], Message::Status(it) if it.code == StatusCode::WELCOME));
    // No user is shown the password.
    let whois = net.request(ann, "WHOIS host300");
    assert!(whois[0].ends_with(" * :info"), "{whois:?}");
    assert_eq!(net.fixture.known(0).len(), 2);
}

#[test]
fn what_comes_while_a_password_is_compared_waits_in_each_protocol() {
    for (password, is_right) in [("secret of net", true), ("no", false)] {
        let mut net = net();
        let user = net.connect(0);
        let lines =
            format!("PASS :{password}\r\nNICK ann\r\nUSER ann 0 * :Ann\r\nJOIN #reef\r\nTIME");
        net.send_line(user, &lines);
        let client = net.fixture.connect(0);
        net.fixture
            .send_message(client, &with_password(300, password));
        let text = "x".repeat(50_000);
        net.fixture.send_message(client, &chat(300, 300, &text));
        net.fixture.soon();
        net.fixture.send_message(client, &chat(300, 77, "hi"));
        net.fixture.run(Duration::from_secs(1));
        net.send_line(user, "PART #reef");
        assert_eq!(net.read_lines(user), Vec::<String>::new());
        assert_eq!(net.fixture.received(client), []);

        net.answer_passwords(0);
        net.fixture.run(Duration::from_secs(1));
        let lines = net.read_lines(user);
        let has = |words: &str| lines.iter().any(|line| line.contains(words));
        let told = net.fixture.received(client);
        if is_right {
            assert!(has(" 001 ann ") && has("JOIN #reef") && has(" 391 ") && has("PART #reef"));
            let unknown = |to: u32| status(1, 300, 1, &format!("Unknown ID {to}"));
            assert!(matches!(&told[0], Message::Status(it) if it.code == StatusCode::WELCOME));
            assert_eq!(told[told.len() - 2..], [unknown(300), unknown(77)]);
        } else {
            assert!(has(" 464 * ") && !has("JOIN"));
            assert_eq!(told, [status(1, 0, 0x0107, WRONG)]);
            assert!(net.fixture.peers[client].ended && net.fixture.peers[user].ended);
        }
    }
}

#[test]
fn what_waits_for_a_comparison_is_bounded_and_ends_with_the_peer() {
    for leaves in [true, false] {
        let mut net = net();
        let client = net.fixture.connect(0);
        net.fixture
            .send_message(client, &with_password(300, "secret of net"));
        net.fixture.send_message(client, &chat(300, 300, "hi"));
        net.fixture.soon();
        if leaves {
            // Its frames are those of a client that has left.
            net.fixture.close_peer(client);
            net.fixture.soon();
            net.answer_passwords(0);
            net.fixture.run(Duration::from_secs(1));
        } else {
            for _ in 0..40 {
                let text = "x".repeat(60_000);
                net.fixture.send_message(client, &chat(300, 300, &text));
            }
            net.fixture.soon();
            let waiting = net.fixture.nodes[0]
                .server
                .snapshot()
                .memory()
                .waiting_bytes;
            assert!((1..128 << 10).contains(&waiting), "not read on: {waiting}");
            net.answer_passwords(0);
            net.fixture.run(Duration::from_secs(1));
            let heard = net.fixture.received(client);
            assert_eq!(heard[1], chat(300, 300, "hi"));
            // Texts for a v1 client are shorter.
            let unknown = status(1, 300, 1, "Unknown ID 300");
            let answers = heard[2..].iter();
            assert_eq!(answers.filter(|answer| **answer == unknown).count(), 40);
            net.fixture.close_peer(client);
            net.fixture.soon();
        }
        assert!(net.fixture.known(0).is_empty());
        assert_eq!(net.fixture.nodes[0].server.snapshot().links().count(), 0);
    }
}

#[test]
fn a_password_that_is_not_needed_is_removed() {
    let mut net = Net::new(2);
    let ann = net.user(1, "ann");
    let peer = net.fixture.connect(0);
    net.fixture
        .send_message(peer, &with_password(300, "secret"));
    net.fixture.soon();
    assert!(
        matches!(&net.fixture.received(peer)[0], Message::Status(it) if it.code == StatusCode::WELCOME)
    );
    let whois = net.request(ann, "WHOIS host300");
    assert!(whois[0].ends_with(" * :info"), "{whois:?}");
}

#[test]
fn an_answer_that_comes_too_late_is_of_no_effect() {
    for is_right in [false, true] {
        for leaves in [false, true] {
            let mut net = net();
            let user = net.connect(0);
            net.send_line(user, "PASS x\r\nNICK ann\r\nUSER ann 0 * :x");
            let client = net.fixture.connect(0);
            net.fixture.send_message(client, &with_password(300, "x"));
            net.fixture.soon();
            if leaves {
                net.fixture.close_peer(user);
                net.fixture.close_peer(client);
                net.fixture.soon();
            } else {
                // Until it has to have registered.
                net.fixture.run(Duration::from_secs(11));
                assert!(net.fixture.peers[user].ended && net.fixture.peers[client].ended);
            }
            for number in [1, 2] {
                let command = ServerCommand::PasswordChecked { number, is_right };
                net.fixture.handle(0, Event::Command(command));
            }
            net.fixture.soon();
            assert!(net.fixture.known(0).is_empty());
        }
    }
}

#[test]
fn a_new_password_holds_for_those_who_come() {
    let mut net = net();
    let ann = net.user_with_password("ann");
    let mut changed = config(0).reconfiguration();
    changed.password = Some(PasswordHash("hash of other".into()));
    changed.operators = vec![OperatorConfig {
        name: "x".into(),
        password: Some(PasswordHash("hash of x".into())),
        certificate: None,
        powers: Powers::NONE,
    }];
    let command = ServerCommand::Reconfigure(Box::new(changed));
    net.fixture.handle(0, Event::Command(command));
    let peer = net.connect(0);
    net.send_line(peer, "PASS :secret of net\r\nNICK bob\r\nUSER bob 0 * :x");
    assert_eq!(net.answer_passwords(0), 1);
    assert!(net.read_lines(peer)[0].contains(WRONG));
    net.expect(ann, "PING x", &[":server0 PONG server0 :x"]);
    let notices = &net.fixture.nodes[0].notices;
    assert!(
        !notices
            .iter()
            .any(|it| matches!(it, ServerNotice::CheckPassword { .. }))
    );
}

impl Net {
    fn user_with_password(&mut self, nick: &str) -> usize {
        let peer = self.connect(0);
        let lines = format!("PASS :secret of net\r\nNICK {nick}\r\nUSER {nick} 0 * :x");
        self.send_line(peer, &lines);
        self.answer_passwords(0);
        assert!(self.read_lines(peer)[0].contains(" 001 "));
        peer
    }
}
