//! WEBIRC: gateways that connect for users.

use std::net::SocketAddr;

use super::*;
use crc_core::{Event, Fingerprint, GatewayConfig, LinkId, OperatorConfig, PasswordHash, Powers};

/// A gateway whose password is `NAME-secret`. Peers of the fixture connect from 127.0.0.1.
fn gateway(name: &str, from: &str) -> GatewayConfig {
    GatewayConfig {
        name: name.into(),
        from: vec![from.parse().unwrap()],
        password: Some(PasswordHash(format!("hash of {name}").into())),
        certificate: None,
    }
}

fn net() -> Net {
    net_with(&[gateway("kiwi", "127.0.0.0/8")])
}

/// A network where the operator `chief` may do everything.
fn net_with(gateways: &[GatewayConfig]) -> Net {
    Net::with(1, |config| {
        config.gateways = gateways.to_vec();
        config.operators = vec![OperatorConfig {
            name: "chief".into(),
            password: Some(PasswordHash("hash of chief".into())),
            certificate: None,
            powers: Powers::ALL,
        }];
    })
}

fn registration_of(nick: &str) -> String {
    format!("NICK {nick}\r\nUSER {nick} 0 * :Real {nick}")
}

fn refused(why: &str) -> String {
    format!("ERROR :Closing Link: * (WEBIRC refused: {why})")
}

impl Net {
    /// Compares the passwords of gateways. Returns how many there were.
    fn answer_gateways(&mut self) -> usize {
        let all = self.take_passwords(0);
        let count = all.len();
        for (number, hash, password) in all {
            let name = hash.0.strip_prefix("hash of ").unwrap();
            let is_right = password.expose() == format!("{name}-secret");
            let command = ServerCommand::PasswordChecked { number, is_right };
            self.fixture.handle(0, Event::Command(command));
        }
        self.fixture.soon();
        count
    }

    /// A gateway sends these lines. Those that it gets, once its password has been compared.
    fn gateway_sends(&mut self, lines: &str) -> (usize, Vec<String>) {
        let peer = self.connect(0);
        self.send_line(peer, lines);
        self.answer_gateways();
        let lines = self.read_lines(peer);
        (peer, lines)
    }

    /// A user behind the gateway.
    fn gateway_user(&mut self, nick: &str, more: &str) -> usize {
        let registration = registration_of(nick);
        let lines = format!("WEBIRC kiwi-secret kiwi host.example {more}\r\n{registration}");
        let (peer, lines) = self.gateway_sends(&lines);
        assert!(lines[0].contains(&format!(" 001 {nick} ")), "{lines:?}");
        peer
    }

    /// Where the peers of links are, and which links gateways have moved.
    fn addresses(&self) -> (Vec<SocketAddr>, Vec<(LinkId, SocketAddr)>) {
        let node = &self.fixture.nodes[0];
        let links = node.server.snapshot().links();
        let peers = links.map(|link| link.endpoints.peer);
        (peers.collect(), node.readdressed.clone())
    }
}

#[test]
fn a_user_behind_a_gateway_has_its_own_address() {
    let mut net = net();
    let ann = net.gateway_user("ann", "198.51.100.7 :local-port=6697 remote-port=21726");
    let address: SocketAddr = "198.51.100.7:21726".parse().unwrap();
    let (peers, moved) = net.addresses();
    assert_eq!(peers, [address]);
    assert_eq!((moved.len(), moved[0].1), (1, address));
    // The user and operators see it, other users do not.
    let chief = net.user(0, "chief");
    let shown = [
        "is connecting from *@198.51.100.7 198.51.100.7",
        "is connected via the gateway kiwi",
    ];
    let shows = |lines: Vec<String>| {
        let count = |text: &&str| lines.iter().filter(|line| line.ends_with(*text)).count();
        shown.iter().map(count).sum::<usize>()
    };
    assert_eq!(shows(net.request(ann, "WHOIS ann")), 2);
    assert_eq!(shows(net.request(chief, "WHOIS ann")), 0);
    net.oper(chief, 0, "chief");
    let whois = net.request(chief, "WHOIS ann");
    assert!(
        whois.contains(&format!(":server0 378 chief ann :{}", shown[0])),
        "{whois:?}"
    );
    let gateway =
        ":server0 350 chief ann 198.51.100.7 198.51.100.7 :is connected via the gateway kiwi";
    assert!(whois.contains(&gateway.to_owned()), "{whois:?}");
    assert!(!whois.iter().any(|line| line.contains(" 671 ")));
    // It cannot become someone else once it has registered.
    net.expect(
        ann,
        "WEBIRC kiwi-secret kiwi h 198.51.100.8",
        &[":server0 462 ann :You may not reregister"],
    );
}

#[test]
fn bans_are_on_the_address_of_the_user() {
    let mut net = net();
    let chief = net.user(0, "chief");
    net.oper(chief, 0, "chief");
    let (near, far) = (
        net.gateway_user("near", "198.51.100.7"),
        net.gateway_user("far", "2001:db8::7"),
    );
    net.request(chief, "DLINE 198.51.100.0/24 :spam");
    net.fixture.soon();
    assert!(net.fixture.peers[near].ended && !net.fixture.peers[far].ended);
    // It is refused as soon as the gateway says where it is, others are not.
    let text = "You are banned from this network: spam";
    let (peer, lines) = net.gateway_sends("WEBIRC kiwi-secret kiwi h 198.51.100.9\r\nCAP LS");
    assert_eq!(
        lines,
        [
            format!(":server0 465 * :{text}"),
            format!("ERROR :Closing Link: * ({text})")
        ]
    );
    assert!(net.fixture.peers[peer].ended);
    net.gateway_user("eve", "198.51.101.9");
    // A mask matches the address too.
    net.request(chief, "KLINE *!*@203.0.113.* :spam");
    let lines = format!(
        "WEBIRC kiwi-secret kiwi h 203.0.113.9\r\n{}",
        registration_of("pat")
    );
    let (_, lines) = net.gateway_sends(&lines);
    assert_eq!(lines[0], format!(":server0 465 * :{text}"));
}

#[test]
fn what_is_wrong_closes_the_link_with_one_sentence() {
    for (line, why) in [
        (
            "WEBIRC wrong kiwi h 198.51.100.7".to_owned(),
            "the password is wrong",
        ),
        (
            "WEBIRC kiwi-secret kiwi h".to_owned(),
            "the line is not WEBIRC PASSWORD GATEWAY HOSTNAME IP",
        ),
        (
            "WEBIRC".to_owned(),
            "the line is not WEBIRC PASSWORD GATEWAY HOSTNAME IP",
        ),
        (
            "WEBIRC kiwi-secret kiwi h reef.example".to_owned(),
            "the fourth parameter is not the IP address of a user",
        ),
        (
            "WEBIRC kiwi-secret kiwi h 198.51.100.7\r\nWEBIRC kiwi-secret kiwi h 198.51.100.8"
                .to_owned(),
            "it must be the first line",
        ),
        (
            "NICK ann\r\nWEBIRC kiwi-secret kiwi h 198.51.100.7".to_owned(),
            "it must be the first line",
        ),
        (
            "PASS x\r\nWEBIRC kiwi-secret kiwi h 198.51.100.7".to_owned(),
            "it must be the first line",
        ),
    ] {
        let mut net = net();
        let (peer, lines) = net.gateway_sends(&format!("{line}\r\n{}", registration_of("ann")));
        assert_eq!(lines, [refused(why)], "{line}");
        assert!(net.fixture.peers[peer].ended, "{line}");
        assert!(net.fixture.known(0).is_empty(), "{line}");
        assert_eq!(net.fixture.nodes[0].server.snapshot().counters().refused, 1);
    }
    // Before CAP, as the specification wants it.
    let mut net = net();
    let (_, lines) = net.gateway_sends("CAP LS 302\r\nWEBIRC kiwi-secret kiwi h 198.51.100.7");
    assert_eq!(lines[1..], [refused("it must be the first line")]);
}

#[test]
fn only_gateways_of_the_configuration_may() {
    let line = "WEBIRC kiwi-secret kiwi h 198.51.100.7";
    for gateways in [&[][..], &[gateway("kiwi", "192.0.2.0/24")]] {
        let mut net = net_with(gateways);
        let (_, lines) = net.gateway_sends(line);
        assert_eq!(lines, [refused("there is no gateway at your address")]);
        assert!(net.addresses().1.is_empty());
    }
    // Of several at an address the name decides, or the first is meant.
    let both = [
        gateway("moa", "127.0.0.1/32"),
        gateway("kiwi", "127.0.0.0/8"),
    ];
    for (line, is_right) in [
        ("WEBIRC kiwi-secret kiwi h 198.51.100.7", true),
        ("WEBIRC moa-secret moa h 198.51.100.7", true),
        ("WEBIRC moa-secret emu h 198.51.100.7", true),
        ("WEBIRC kiwi-secret emu h 198.51.100.7", false),
        ("WEBIRC kiwi-secret moa h 198.51.100.7", false),
    ] {
        let mut net = net_with(&both);
        let (peer, _) = net.gateway_sends(line);
        assert_eq!(net.fixture.peers[peer].ended, !is_right, "{line}");
    }
}

#[test]
fn a_certificate_proves_a_gateway_and_is_not_the_users() {
    let fingerprint = Fingerprint([7; 32]);
    let mut kiwi = gateway("kiwi", "127.0.0.0/8");
    kiwi.certificate = Some(fingerprint);
    let mut moa = kiwi.clone();
    (moa.name, moa.password) = ("moa".into(), None);
    let mut net = Net::with(1, |config| {
        config.gateways = vec![kiwi.clone(), moa.clone()];
        config.operators = vec![OperatorConfig {
            name: "cert".into(),
            password: None,
            certificate: Some(fingerprint),
            powers: Powers::ALL,
        }];
    });
    let wrong = refused("your certificate is not that of the gateway");
    let line = "WEBIRC x moa h 198.51.100.7";
    let (_, lines) = net.gateway_sends(line);
    assert_eq!(lines, [&*wrong]);
    // The one that is named is meant, also where another needs no certificate.
    let emu = gateway("emu", "127.0.0.0/8");
    let mut both = net_with(&[emu, moa.clone()]);
    let (_, lines) = both.gateway_sends("WEBIRC emu-secret moa h 198.51.100.7");
    assert_eq!(lines, [&*wrong]);
    let (peer, _) = both.gateway_sends("WEBIRC emu-secret roa h 198.51.100.7");
    assert!(!both.fixture.peers[peer].ended);
    net.fixture.keying_material = Some([1; 32]);
    net.fixture.certificate = Some(Fingerprint([8; 32]));
    let (_, lines) = net.gateway_sends(line);
    assert_eq!(lines, [&*wrong]);
    net.fixture.certificate = Some(fingerprint);
    // The first one needs the password as well.
    let (_, lines) = net.gateway_sends("WEBIRC x kiwi h 198.51.100.7");
    assert_eq!(lines, [refused("the password is wrong")]);
    let peer = net.connect(0);
    net.send_line(peer, &format!("{line}\r\n{}", registration_of("ann")));
    assert!(
        net.read_lines(peer)[0].contains(" 001 ann "),
        "nothing is compared"
    );
    net.expect(
        peer,
        "OPER cert x",
        &[":server0 491 ann :Your certificate is not that of this operator"],
    );
}

#[test]
fn a_user_is_secure_if_both_connections_are() {
    for (by_tls, options, is_secure) in [
        (true, "secure", true),
        (true, ":remote-port=1 secure=x", true),
        (true, "", false),
        (false, "secure", false),
    ] {
        let mut net = net();
        net.fixture.keying_material = by_tls.then_some([1; 32]);
        let ann = net.gateway_user("ann", &format!("198.51.100.7 {options}"));
        let whois = net.request(ann, "WHOIS ann");
        let secure = ":server0 671 ann ann :is using a secure connection";
        assert_eq!(whois.contains(&secure.to_owned()), is_secure, "{options}");
    }
}

#[test]
fn lines_wait_while_the_password_is_compared() {
    let mut net = net();
    let peer = net.connect(0);
    net.send_line(peer, "WEBIRC kiwi-secret kiwi h ::7");
    net.send_line(peer, "PING :early");
    net.fixture.send(peer, b"NICK a");
    net.fixture
        .send(peer, b"nn\r\nUSER ann 0 * :Ann\r\nPING :la");
    net.fixture.run(Duration::from_secs(3));
    assert_eq!(net.read_lines(peer), Vec::<String>::new());
    assert_eq!(net.answer_gateways(), 1);
    net.fixture.send(peer, b"te\r\n");
    let lines = net.read_lines(peer);
    assert_eq!(lines[0], ":server0 PONG server0 :early");
    assert!(lines[1].contains(" 001 ann "), "{lines:?}");
    assert_eq!(lines.last().unwrap(), ":server0 PONG server0 :late");
    let whois = net.request(peer, "WHOIS ann");
    let address = ":server0 378 ann ann :is connecting from *@0::7 0::7";
    assert!(whois.contains(&address.to_owned()), "{whois:?}");
    // More than a client may have waiting is a flood.
    let peer = net.connect(0);
    net.send_line(peer, "WEBIRC wrong kiwi h ::7");
    for _ in 0..17 {
        net.fixture.send(peer, &[b'x'; 64 * 1024]);
        net.fixture.soon();
    }
    net.expect_lines(peer, &["ERROR :Closing Link: * (Excess Flood)"]);
    // A gateway whose password is never compared has to register in time.
    let peer = net.connect(0);
    net.send_line(peer, "WEBIRC other kiwi h ::7");
    net.fixture.run(Duration::from_secs(61));
    assert!(net.fixture.peers[peer].ended);
    assert_eq!(net.answer_gateways(), 2);
}

#[test]
fn a_thousand_users_cost_one_comparison() {
    let mut net = net();
    let connect = |net: &mut Net, number: u32| {
        let peer = net.connect(0);
        let ip = std::net::Ipv4Addr::from(0xC633_0000 + number);
        let registration = registration_of(&format!("u{number}"));
        net.send_line(
            peer,
            &format!("WEBIRC kiwi-secret kiwi h {ip}\r\n{registration}"),
        );
        peer
    };
    let all: Vec<_> = (0..500).map(|number| connect(&mut net, number)).collect();
    assert_eq!(net.answer_gateways(), 1);
    let more: Vec<_> = (500..1000)
        .map(|number| connect(&mut net, number))
        .collect();
    assert_eq!(net.answer_gateways(), 0);
    for peer in all.into_iter().chain(more) {
        assert!(net.read_lines(peer)[0].contains(" 001 "));
    }
    assert_eq!(net.addresses().1.len(), 1000);
    // A wrong one does not profit.
    let (_, lines) = net.gateway_sends("WEBIRC kiwi-secreT kiwi h 198.51.100.7");
    assert_eq!(lines, [refused("the password is wrong")]);
}

#[test]
fn wrong_passwords_of_an_address_are_bounded() {
    let mut net = net();
    net.gateway_user("ann", "198.51.100.7");
    for number in 0..10 {
        let (_, lines) = net.gateway_sends(&format!("WEBIRC x{number} kiwi h 198.51.100.7"));
        assert_eq!(lines, [refused("the password is wrong")]);
    }
    let (_, lines) = net.gateway_sends("WEBIRC x kiwi h 198.51.100.7");
    let text = "Too many wrong passwords from your address: try again in a minute";
    assert_eq!(lines, [refused(text)]);
    // The gateway itself goes on, and users behind it are not blamed.
    let chief = net.gateway_user("chief", "198.51.100.8");
    net.oper(chief, 0, "chief");
}

#[test]
fn a_crowded_address_is_told() {
    let mut net = net();
    let (peer, lines) = net.gateway_sends("WEBIRC kiwi-secret kiwi h 198.51.100.7");
    assert!(lines.is_empty() && !net.fixture.peers[peer].ended);
    let link = net.addresses().1[0].0;
    net.fixture.handle(0, Event::Crowded { link });
    net.send_line(peer, &registration_of("ann"));
    let text = "Too many connections from your address";
    net.expect_lines(peer, &[&format!("ERROR :Closing Link: * ({text})")]);
    assert!(net.fixture.peers[peer].ended && net.fixture.known(0).is_empty());
    net.fixture.handle(0, Event::Crowded { link });
}

#[test]
fn gateways_change_while_the_server_runs() {
    let mut net = net();
    let ann = net.gateway_user("ann", "198.51.100.7");
    let mut config = config(0);
    config.gateways = vec![gateway("moa", "127.0.0.0/8")];
    let changed = Box::new(config.reconfiguration());
    net.fixture
        .handle(0, Event::Command(ServerCommand::Reconfigure(changed)));
    let (_, lines) = net.gateway_sends("WEBIRC kiwi-secret kiwi h 198.51.100.7");
    assert_eq!(lines, [refused("the password is wrong")]);
    let (peer, _) = net.gateway_sends("WEBIRC moa-secret moa h 198.51.100.7");
    assert!(!net.fixture.peers[peer].ended && !net.fixture.peers[ann].ended);
}

/// What a peer at a gateway's address does.
#[derive(Debug, Clone)]
enum Step {
    Line(&'static str),
    Part(&'static str),
    Answer,
    Time,
}

fn step() -> impl Strategy<Value = Step> {
    let lines = [
        "WEBIRC kiwi-secret kiwi h 198.51.100.7",
        "WEBIRC kiwi-secret kiwi h ::7 secure",
        "WEBIRC wrong kiwi h 198.51.100.7",
        "WEBIRC kiwi-secret",
        "NICK ann",
        "USER ann 0 * :Ann",
        "CAP LS",
        "CAP END",
        "PING x",
        "JOIN #a",
        "",
        ":x",
    ];
    prop_oneof![
        6 => proptest::sample::select(lines.to_vec()).prop_map(Step::Line),
        1 => proptest::sample::select(vec!["WEBI", "NICK", " ", "x"]).prop_map(Step::Part),
        2 => Just(Step::Answer),
        1 => Just(Step::Time),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// Whatever a peer sends, it has another address only if its first line was a right one,
    /// and a peer that gives none is never asked for one.
    #[test]
    fn only_a_right_first_line_moves_a_peer(steps in proptest::collection::vec(step(), 1..14)) {
        let mut net = net();
        let peer = net.connect(0);
        let mut sent = String::new();
        for step in &steps {
            match step {
                Step::Line(line) => {
                    sent.push_str(line);
                    sent.push_str("\r\n");
                    net.send_line(peer, line);
                }
                Step::Part(part) => {
                    sent.push_str(part);
                    net.fixture.send(peer, part.as_bytes());
                }
                Step::Answer => {
                    net.answer_gateways();
                }
                Step::Time => net.fixture.run(Duration::from_secs(1)),
            }
            net.fixture.nodes[0].server.check();
        }
        net.fixture.soon();
        net.answer_gateways();
        let first = sent.split("\r\n").find(|line| !line.is_empty());
        let first = first.unwrap_or_default();
        let is_whole = sent.contains(&format!("{first}\r\n"));
        let is_right = first.starts_with("WEBIRC kiwi-secret kiwi h ") && is_whole;
        let (peers, moved) = net.addresses();
        prop_assert_eq!(moved.len(), usize::from(is_right), "{:?}", first);
        for known in peers {
            prop_assert_eq!(known.ip().is_loopback(), !is_right);
        }
    }
}
