//! Network operators: how one becomes an operator, and what operators and others may do.

use super::*;
use crc_core::{Event, Fingerprint, OperatorConfig, Password, PasswordHash, Powers, ServerNotice};

/// An operator whose password is its name backwards: see [`Net::answer_passwords`].
pub(super) fn operator(name: &str, powers: Powers) -> OperatorConfig {
    OperatorConfig {
        name: name.into(),
        password: Some(PasswordHash(format!("hash of {name}").into())),
        certificate: None,
        powers,
    }
}

/// Servers at which `chief` may do everything, `guard` kill only, and `guest` nothing.
pub(super) fn net_of(servers: usize) -> Net {
    net_in(servers, |number| (number > 0).then_some(0))
}

/// The same, where each server links to the one that `uplink` says.
pub(super) fn net_in(servers: usize, uplink: impl Fn(usize) -> Option<usize>) -> Net {
    Net::with(servers, |config| {
        let own = config.id.get() as usize - 1;
        let uplink = uplink(own).map(|number| format!("s{number}:1").parse().unwrap());
        config.connect = uplink.into_iter().collect();
        config.operators = vec![
            operator("chief", Powers::ALL),
            operator("guard", Powers::KILL),
            operator("guest", Powers::NONE),
        ];
    })
}

impl Net {
    /// The passwords that a server wants to have compared.
    pub(super) fn take_passwords(&mut self, node: usize) -> Vec<(u64, PasswordHash, Password)> {
        self.fixture.soon();
        let notices = std::mem::take(&mut self.fixture.nodes[node].notices);
        let taken = notices.into_iter().filter_map(|notice| match notice {
            ServerNotice::CheckPassword {
                number,
                hash,
                password,
            } => Some((number, hash, password)),
            _ => None,
        });
        taken.collect()
    }

    /// Compares them: right is `secret of X` where the hash is `hash of X`.
    pub(super) fn answer_passwords(&mut self, node: usize) -> usize {
        let all = self.take_passwords(node);
        let count = all.len();
        for (number, hash, password) in all {
            let name = hash.0.strip_prefix("hash of ").unwrap();
            let is_right = password.expose() == format!("secret of {name}");
            let command = ServerCommand::PasswordChecked { number, is_right };
            self.fixture.handle(node, Event::Command(command));
        }
        count
    }

    /// A user becomes an operator. The lines that it gets.
    pub(super) fn oper(&mut self, user: usize, node: usize, name: &str) -> Vec<String> {
        self.send_line(user, &format!("OPER {name} :secret of {name}"));
        assert_eq!(self.answer_passwords(node), 1);
        self.read_lines(user)
    }
}

#[test]
fn a_user_becomes_an_operator_with_the_password() {
    let mut net = net_of(2);
    let (ann, bob) = (net.user(0, "ann"), net.user(1, "bob"));
    assert_eq!(
        net.oper(ann, 0, "chief"),
        [
            ":server0 381 ann :You are now a network operator, and may: \
             kill,ban,wallops,rehash,connect,squit,die,stats",
            ":server0 MODE ann +o",
            ":server0 NOTICE ann :*** Notice -- ann (chief) is now an operator",
        ]
    );
    net.expect(ann, "MODE ann", &[":server0 221 ann +o"]);
    // All users see it, on every server.
    let whois = net.request(bob, "WHOIS ann");
    assert!(whois.contains(&":server1 313 bob ann :is a network operator".to_owned()));
    let who = net.request(bob, "WHO * o");
    assert_eq!(
        who,
        [
            ":server1 352 bob * ~ann ID.crc server0 ann H* :1 Real ann",
            ":server1 315 bob * :End of /WHO list"
        ]
    );
    assert_eq!(net.request(bob, "WHO bob o").len(), 1);
    net.expect(
        bob,
        "USERHOST ann",
        &[":server1 302 bob :ann*=+~ann@ID.crc"],
    );
    // Operators elsewhere are told.
    net.oper(bob, 1, "guard");
    let told = ":server0 NOTICE ann :*** Notice -- bob (guard) is now an operator";
    net.expect_lines(ann, &[told]);
    // A server that links later learns of it.
    let mut late = config(2);
    late.text_listeners = vec![(IRC, TextProtocol::Irc)];
    late.connect = vec!["s1:1".parse().unwrap()];
    let late = net.fixture.server_with(late);
    net.fixture.run(Duration::from_secs(3));
    let operators = net.fixture.nodes[late].server.snapshot().operators();
    let names: Vec<_> = operators.iter().map(|(_, known)| &*known.name).collect();
    assert_eq!(names.len(), 2);
    // It can be given up, and ends with the host.
    net.expect(
        ann,
        "MODE ann -o",
        &[
            ":server0 NOTICE ann :*** Notice -- ann (chief) is no operator any more",
            ":server0 MODE ann -o",
        ],
    );
    net.fixture.close_peer(bob);
    net.fixture.soon();
    for node in 0..3 {
        let operators = net.fixture.nodes[node].server.snapshot().operators();
        assert_eq!(operators.iter().count(), 0, "server {node}");
    }
}

#[test]
fn wrong_names_and_passwords_are_refused_and_told() {
    let mut net = net_of(1);
    let (ann, chief) = (net.user(0, "ann"), net.user(0, "chief"));
    net.oper(chief, 0, "chief");
    net.expect(
        ann,
        "OPER nobody x",
        &[":server0 491 ann :No operator has this name"],
    );
    net.expect(
        ann,
        "OPER chief",
        &[":server0 461 ann OPER :Not enough parameters"],
    );
    net.send_line(ann, "OPER chief wrong");
    // Only one of a link is compared at a time.
    net.expect(
        ann,
        "OPER chief again",
        &[":server0 464 ann :Your last password is still being checked"],
    );
    assert_eq!(net.answer_passwords(0), 1);
    net.expect_lines(ann, &[":server0 464 ann :Password incorrect"]);
    net.expect_lines(
        chief,
        &[
            ":server0 NOTICE chief :*** Notice -- Failed OPER nobody by ann: No operator has this name",
            ":server0 NOTICE chief :*** Notice -- Failed OPER chief by ann: Password incorrect",
        ],
    );
    // The third one closes the link.
    net.send_line(ann, "OPER guard wrong");
    assert_eq!(net.answer_passwords(0), 1);
    net.expect_lines(
        ann,
        &[
            ":server0 464 ann :Password incorrect",
            "ERROR :Closing Link: ann (too many wrong passwords)",
        ],
    );
    assert!(net.fixture.peers[ann].ended);
    // A right answer that comes too late makes no operator.
    let bob = net.user(0, "bob");
    net.send_line(bob, "OPER chief :secret of chief");
    let waiting = net.take_passwords(0);
    net.fixture.close_peer(bob);
    net.fixture.soon();
    let number = waiting[0].0;
    for is_right in [true, true] {
        let command = ServerCommand::PasswordChecked { number, is_right };
        net.fixture.handle(0, Event::Command(command));
    }
    let operators = net.fixture.nodes[0].server.snapshot().operators();
    assert_eq!(operators.iter().count(), 1);
}

#[test]
fn many_wrong_passwords_from_one_address_block_it_for_a_minute() {
    let mut net = net_of(1);
    for number in 0..10 {
        let user = net.user(0, &format!("u{number}"));
        net.send_line(user, "OPER chief x");
        assert_eq!(net.answer_passwords(0), 1);
    }
    let ann = net.user(0, "ann");
    let blocked =
        ":server0 464 ann :Too many wrong passwords from your address: try again in a minute";
    net.expect(ann, "OPER chief :secret of chief", &[blocked]);
    net.fixture.run(Duration::from_secs(61));
    net.read_lines(ann);
    assert!(net.oper(ann, 0, "chief")[0].contains(" 381 "));
}

#[test]
fn a_certificate_makes_an_operator() {
    let fingerprint = Fingerprint([7; 32]);
    let mut net = Net::with(1, |config| {
        config.operators = vec![
            OperatorConfig {
                password: None,
                certificate: Some(fingerprint),
                ..operator("cert", Powers::KILL)
            },
            OperatorConfig {
                certificate: Some(fingerprint),
                ..operator("both", Powers::KILL)
            },
        ];
    });
    let refused = ":server0 491 ann :Your certificate is not that of this operator";
    let ann = net.user(0, "ann");
    net.expect(ann, "OPER cert x", &[refused]);
    net.expect(ann, "OPER both :secret of both", &[refused]);
    net.fixture.keying_material = Some([1; 32]);
    net.fixture.certificate = Some(fingerprint);
    let bob = net.user(0, "bob");
    assert!(net.request(bob, "OPER cert x")[0].contains(" 381 bob "));
    let eve = net.user(0, "eve");
    net.send_line(eve, "OPER both wrong");
    net.answer_passwords(0);
    net.expect_lines(eve, &[":server0 464 eve :Password incorrect"]);
    assert!(net.oper(eve, 0, "both")[0].contains(" 381 eve "));
}

#[test]
fn only_operators_with_the_power_may() {
    let mut net = net_of(1);
    let (bob, guest) = (net.user(0, "bob"), net.user(0, "guest"));
    net.oper(guest, 0, "guest");
    for line in [
        "KILL bob :x",
        "WALLOPS :x",
        "KLINE x :x",
        "DLINE 10.0.0.1 :x",
        "UNKLINE x",
        "UNDLINE x",
        "REHASH",
        "SQUIT server1",
        "CONNECT server1",
        "MAP",
        "TRACE bob",
        "DIE",
        "RESTART",
    ] {
        let verb = line.split(' ').next().unwrap();
        net.expect(
            bob,
            line,
            &[":server0 481 bob :Permission denied: you are not a network operator"],
        );
        let refused =
            format!(":server0 481 guest :Permission denied: your class may not use {verb}");
        net.expect(guest, line, &[&refused]);
    }
}

#[test]
fn a_kill_reaches_users_of_every_protocol_and_server() {
    let mut net = net_of(2);
    let guard = net.user(0, "guard");
    net.oper(guard, 0, "guard");
    let victims = [net.user(0, "near"), net.user(1, "far")];
    let crc = net.crc(1, 300);
    for (victim, node, nick) in [(victims[0], 0, "near"), (victims[1], 1, "far")] {
        net.expect(
            guard,
            &format!("KILL {nick} :spam spam"),
            &[&format!(
                ":server0 NOTICE guard :*** Notice -- guard (guard) used KILL {nick}: spam spam"
            )],
        );
        let source = ["guard!~guard@ID.crc", "guard!~guard@ID.crc"][node];
        net.expect_lines(
            victim,
            &[
                &format!(":{source} KILL {nick} :spam spam"),
                &format!("ERROR :Closing Link: {nick} (Killed (guard (spam spam)))"),
            ],
        );
        assert!(net.fixture.peers[victim].ended);
    }
    net.request(guard, "KILL host300 :");
    let last = net.fixture.received(crc).pop().unwrap();
    assert_eq!(last, status(2, 0, 0x0107, "Killed (guard)"));
    assert!(net.fixture.peers[crc].ended);
    assert_eq!(net.fixture.known(0).len(), 2);
    for (line, answer) in [
        ("KILL nobody :x", "401 guard nobody :No such nick/channel"),
        (
            "KILL server1 :x",
            "483 guard server1 :You can't kill a server",
        ),
        ("KILL", "461 guard KILL :Not enough parameters"),
    ] {
        net.expect(guard, line, &[&format!(":server0 {answer}")]);
    }
}

#[test]
fn wallops_reach_operators_and_those_who_want_them() {
    let mut net = net_of(2);
    let [chief, bob, eve] =
        [(0, "chief"), (1, "bob"), (1, "eve")].map(|(node, nick)| net.user(node, nick));
    let crc = net.crc(1, 300);
    net.oper(chief, 0, "chief");
    net.oper(bob, 1, "guard");
    net.discard(&[chief]);
    net.expect(
        chief,
        "WALLOPS :low tide",
        &[":chief!~chief@ID.crc WALLOPS :low tide"],
    );
    net.expect_lines(bob, &[":chief!~chief@ID.crc WALLOPS :low tide"]);
    net.expect_lines(eve, &[]);
    net.expect(eve, "MODE eve +w", &[":eve!~eve@ID.crc MODE eve +w"]);
    net.expect(eve, "MODE eve", &[":server1 221 eve +w"]);
    net.send_line(chief, "WALLOPS :high tide");
    net.expect_lines(eve, &[":chief!~chief@ID.crc WALLOPS :high tide"]);
    net.expect(eve, "MODE eve -w", &[":eve!~eve@ID.crc MODE eve -w"]);
    net.send_line(chief, "WALLOPS :x");
    net.expect_lines(eve, &[]);
    assert_eq!(net.fixture.received(crc), []);
}

#[test]
fn an_operator_rules_its_server() {
    let mut net = net_of(3);
    let (chief, eve) = (net.user(0, "chief"), net.user(1, "eve"));
    net.oper(chief, 0, "chief");
    net.expect(
        chief,
        "REHASH",
        &[
            ":server0 NOTICE chief :*** Notice -- chief (chief) used REHASH",
            ":server0 382 chief server0 :Rehashing",
        ],
    );
    let notices = &net.fixture.nodes[0].notices;
    assert_eq!(notices.last(), Some(&ServerNotice::Rehash));
    // A link that is closed comes back: the servers look for each other.
    net.request(chief, "JOIN #reef");
    net.request(eve, "JOIN #reef");
    net.discard(&[chief]);
    net.expect(
        chief,
        "SQUIT server1 :repairs",
        &[
            ":server0 NOTICE chief :*** Notice -- chief (chief) used SQUIT server1: repairs",
            ":eve!~eve@ID.crc QUIT :serverID.crc serverID.crc",
        ],
    );
    net.fixture.run(Duration::from_secs(60));
    assert_eq!(net.fixture.known(0).len(), 4);
    net.discard(&[chief, eve]);
    net.expect(
        chief,
        "SQUIT nowhere",
        &[":server0 402 chief nowhere :No such server"],
    );
    net.expect(
        chief,
        "SQUIT eve",
        &[":server0 402 chief eve :No such server"],
    );
    let own = "It is your own server: name the one at the other end of the link";
    net.expect(
        chief,
        "SQUIT server0",
        &[&format!(":server0 402 chief server0 :{own}")],
    );
    let restart = "This server does not start itself again: use DIE, and the service manager that \
                   runs it starts it";
    net.expect(
        chief,
        "RESTART",
        &[&format!(":server0 421 chief RESTART :{restart}")],
    );
    let lines = net.request(chief, "DIE");
    let last = "ERROR :Closing Link: chief (Server leaving: stopped by an operator)";
    assert_eq!(lines.last().unwrap(), last);
    net.fixture.run(Duration::from_secs(5));
    assert!(net.fixture.nodes[0].stopped);
}

#[test]
fn a_server_does_not_kill_for_a_host_that_is_no_operator() {
    let mut net = net_of(1);
    let ann = net.user(0, "ann");
    let victim = net.id_of(0, "ann");
    let peer = net.fixture.connect(0);
    net.fixture
        .introduce_v2(peer, 77, "r=9;f=server-quit,channels,channel-age,oper");
    let client = registration(Kind::Client, 300, Some(77), "x");
    net.fixture.send_message(peer, &client);
    let request = |source, destination, kind, text: &str| {
        channel_request(source, destination, kind, "", text)
    };
    let kill = |source| request(source, Some(victim), RequestKind::KILL, "x");
    let operator = |source| request(source, None, RequestKind::OPERATOR, "kill x");
    for message in [
        kill(300),
        kill(77),
        // Neither the server itself, nor a host of another server.
        operator(77),
        operator(victim.get()),
        request(300, None, RequestKind::NOTE, "x"),
        request(300, None, RequestKind::WALLOPS, "x"),
        kill(77),
        kill(300),
    ] {
        net.fixture.send_message(peer, &message);
    }
    net.expect_lines(ann, &[]);
    // A client of this server cannot say so either.
    let crc = net.crc(0, 400);
    net.fixture
        .send_message(crc, &request(400, None, RequestKind::OPERATOR, "kill x"));
    net.fixture
        .send_message(crc, &request(400, Some(victim), RequestKind::KILL, "x"));
    net.expect_lines(ann, &[]);
    assert!(!net.fixture.peers[crc].ended);
    // Its own server can.
    net.fixture.send_message(peer, &operator(300));
    net.fixture.send_message(peer, &kill(300));
    assert_eq!(net.read_lines(ann).len(), 2);
    assert!(net.fixture.peers[ann].ended);
}

#[test]
fn a_server_that_knows_no_operators_is_not_asked_to_kill() {
    let mut net = net_of(1);
    let guard = net.user(0, "guard");
    let peer = net.fixture.connect(0);
    net.fixture
        .introduce_v2(peer, 77, "r=9;f=server-quit,channels,channel-age");
    let client = registration(Kind::Client, 300, Some(77), "x");
    net.fixture.send_message(peer, &client);
    net.oper(guard, 0, "guard");
    net.fixture.received(peer);
    let lines = net.request(guard, "KILL host300 :x");
    assert_eq!(
        lines[1],
        ":server0 NOTICE guard :*** Notice -- host300 can't be killed: a server on the way knows no operators"
    );
    assert_eq!(net.fixture.received(peer), []);
}

#[test]
fn clients_of_the_binary_protocol_give_commands_too() {
    let mut net = net_of(1);
    let ann = net.user(0, "ann");
    let crc = net.crc(0, 300);
    let command = |text: &str| channel_request(300, None, RequestKind::COMMAND, "", text);
    let note = |text: &str| status(1, 300, 0x0108, text);
    for (line, answer) in [
        (
            "KILL ann :x",
            "Permission denied: you are not a network operator",
        ),
        ("OPER nobody x", "No operator has this name"),
        ("OPER", "OPER: Not enough parameters"),
        ("FROB x", "Unknown command"),
        ("PRIVMSG ann :x", "Unknown command"),
        ("", "Unknown command"),
    ] {
        net.fixture.send_message(crc, &command(line));
        net.fixture.soon();
        assert_eq!(net.fixture.received(crc), [note(answer)], "{line}");
    }
    net.fixture
        .send_message(crc, &command("OPER guard :secret of guard"));
    net.answer_passwords(0);
    net.fixture.soon();
    assert_eq!(
        net.fixture.received(crc),
        [
            note("You are now a network operator, and may: kill"),
            note("*** Notice -- host300 (guard) is now an operator"),
        ]
    );
    net.fixture.send_message(crc, &command("KILL ann :bye"));
    assert_eq!(net.read_lines(ann).len(), 2);
}

#[test]
fn a_new_configuration_takes_powers() {
    let mut net = net_of(2);
    let (ann, bob) = (net.user(0, "ann"), net.user(0, "bob"));
    net.oper(ann, 0, "guard");
    net.oper(bob, 0, "chief");
    net.discard(&[ann, bob]);
    let mut changed = config(0).reconfiguration();
    changed.operators = vec![operator("chief", Powers::WALLOPS)];
    let command = ServerCommand::Reconfigure(Box::new(changed));
    net.fixture.handle(0, Event::Command(command));
    net.expect_lines(
        ann,
        &[
            ":server0 NOTICE ann :You are no network operator any more",
            ":server0 MODE ann -o",
        ],
    );
    for node in 0..2 {
        let operators = net.fixture.nodes[node].server.snapshot().operators();
        let powers: Vec<_> = operators.iter().map(|(_, known)| known.powers).collect();
        assert_eq!(powers, [Powers::WALLOPS]);
    }
}
