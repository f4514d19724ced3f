//! The target `ban`: any text as a statement about a ban, and as the command of an operator.

use crc_core::{Ban, Config, Machine, OperatorConfig, Powers, TextProtocol};

use crate::net::{IRC, Net, config};

/// The most bytes of a statement, as servers send it.
const STATEMENT_BYTES_MAX: usize = 480;

/// The longest ban: ten years.
const TIME_MAX_MS: u64 = 10 * 366 * 24 * 60 * 60_000;

/// The times of the server and of the statements.
const START_MS: u64 = 1_700_000_000_000;

/// Parses any text as a statement about a ban, and lets an operator give it as the parameters
/// of KLINE and DLINE.
///
/// A statement is printed in the form from which the same one is parsed, within the bounds,
/// and a server starts with it. A command makes one statement at most, which ends within ten
/// years, and whose mask lifts it.
///
/// # Panics
///
/// When that is not so.
pub fn ban(input: &[u8]) {
    let Ok(text) = core::str::from_utf8(input) else {
        return;
    };
    if let Ok(ban) = text.parse::<Ban>() {
        check(&ban);
        let held = bans(&server(vec![text.into()]));
        assert!(held.len() <= 1, "one line is one statement");
        for held in held {
            check(&held);
            assert_eq!((held.kind, &held.mask), (ban.kind, &ban.mask));
        }
    }
    for (make, lift) in [("KLINE", "UNKLINE"), ("DLINE", "UNDLINE")] {
        let mut net = server(Vec::new());
        let peer = net.connect_at(0, IRC);
        net.send_from_peer(peer, b"NICK n\r\nUSER n 0 * :x\r\nOPER chief\r\n");
        net.deliver_all();
        let line: String = text
            .chars()
            .take_while(|c| !"\r\n\0".contains(*c))
            .collect();
        net.send_from_peer(peer, format!("{make} {line}\r\n").as_bytes());
        net.deliver_all();
        let made = bans(&net);
        assert!(made.len() <= 1, "one command is one statement");
        let Some(ban) = made.into_iter().next() else {
            continue;
        };
        check(&ban);
        let now_ms = net.servers[0].machine.snapshot().network_ms();
        assert!(!ban.is_lifted && ban.version <= now_ms);
        assert!(ban.until_ms <= now_ms + TIME_MAX_MS);
        net.send_from_peer(peer, format!("{lift} {}\r\n", ban.mask).as_bytes());
        net.deliver_all();
        let lifted = bans(&net);
        assert!(lifted.len() == 1 && lifted[0].is_lifted, "{lifted:?}");
        assert_eq!(lifted[0].mask, ban.mask);
    }
}

/// A statement is printed so that the same one is parsed, and within the bounds.
fn check(ban: &Ban) {
    let printed = ban.to_string();
    assert!(printed.len() <= STATEMENT_BYTES_MAX, "{printed:?}");
    assert!(!printed.contains(char::is_control), "{printed:?}");
    assert_eq!(printed.parse().as_ref(), Ok(ban), "{printed:?}");
}

/// A server with an operator, that starts with these bans.
fn server(bans: Vec<Box<str>>) -> Net {
    let mut net = Net::new(0);
    let mut config: Config = config(0, Vec::new());
    config.text_listeners = vec![(IRC, TextProtocol::Irc)];
    config.started_at_unix_ms = START_MS;
    config.limits.irc_lines_per_second = 0;
    config.operators = vec![OperatorConfig {
        name: "chief".into(),
        password: None,
        certificate: None,
        powers: Powers::ALL,
    }];
    config.bans = bans;
    net.add_server(config);
    net.deliver_all();
    net
}

fn bans(net: &Net) -> Vec<Ban> {
    let machine = &net.servers[0].machine;
    assert!(
        machine
            .deadline()
            .is_none_or(|deadline| deadline >= net.now())
    );
    machine.snapshot().bans().iter().cloned().collect()
}
