//! Gateways that connect for users of IRC, with real hashes, certificates and configuration files.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;

use crc_e2e::fixture::irc::LinePeer;
use crc_e2e::fixture::tls::Certificates;
use crc_e2e::fixture::wait::LONG;
use crc_e2e::fixture::{Fixture, Server, hash_password};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

const PASSWORD: &str = "correct-horse";

/// A server with the gateway `kiwi` on this machine.
fn start(fixture: &Fixture, folder: &TempDir, more: &str) -> Server {
    let hash = hash_password(PASSWORD).unwrap();
    let text = format!(
        "{more}\n[[webirc]]\nname = \"kiwi\"\nfrom = [\"127.0.0.1\"]\npassword = \"{hash}\"\n\
         [[operator]]\nname = \"chief\"\npassword = \"{hash}\"\nclass = \"admin\"\n"
    );
    let file = folder.path().join("server.toml");
    fs::write(&file, text).unwrap();
    let server = fixture.server(1, "hub").irc();
    let server = server.arg("--config").arg(file.to_str().unwrap());
    server.start().unwrap()
}

/// A user behind the gateway, which has sent its registration.
fn connect(server: &Server, nick: &str, ip: &str) -> LinePeer {
    let mut peer = LinePeer::connect(server.irc().unwrap()).unwrap();
    let line = format!("WEBIRC {PASSWORD} kiwi host.example {ip}");
    let lines = format!("{line}\r\nNICK {nick}\r\nUSER {nick} 0 * :Real {nick}");
    peer.send_line(&lines).unwrap();
    peer
}

fn user(server: &Server, nick: &str, ip: &str) -> LinePeer {
    let mut peer = connect(server, nick, ip);
    peer.expect(" 001 ");
    peer
}

#[test]
fn users_behind_a_gateway_have_their_own_addresses() {
    let fixture = Fixture::new().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let server = start(&fixture, &folder, "");
    let mut ann = user(&server, "ann", "198.51.100.7 :secure remote-port=21726");
    let mut bob = user(&server, "bob", "2001:db8::7");
    let state = server.state().unwrap();
    let mut peers: Vec<_> = state.links.iter().map(|link| &*link.peer).collect();
    peers.sort_unstable();
    assert_eq!(peers, ["198.51.100.7:21726", "[2001:db8::7]:0"]);
    // An operator sees it, and bans one of them.
    ann.send_line(&format!("OPER chief {PASSWORD}")).unwrap();
    ann.expect(" 381 ");
    ann.send_line("WHOIS bob").unwrap();
    ann.expect(" 378 ann bob :is connecting from *@2001:db8::7 2001:db8::7");
    ann.expect(" 350 ann bob 2001:db8::7 2001:db8::7 :is connected via the gateway kiwi");
    ann.send_line("DLINE 2001:db8::/32 :spam").unwrap();
    let last = bob.expect_end().pop().unwrap();
    let refused = "(You are banned from this network: spam)";
    assert!(last.ends_with(refused), "{last}");
    let last = connect(&server, "eve", "2001:db8::8").expect_end().pop();
    assert!(last.as_ref().unwrap().ends_with(refused), "{last:?}");
    ann.send_line("PING still").unwrap();
    ann.expect(" PONG ");
    server.expect_logged("\"bob\" at [2001:db8::7]:0 (gateway \"kiwi\" at 127.0.0.1:");
    assert_eq!(server.log_lines_with(PASSWORD), Vec::<String>::new());
}

#[test]
fn the_limits_of_an_address_hold_for_users_and_not_for_the_gateway() {
    let fixture = Fixture::new().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let limits = "[limits]\nlinks-per-address = 2\naccepts-per-second = 2";
    let server = start(&fixture, &folder, limits);
    let users: Vec<_> = (0..40)
        .map(|number| {
            let (nick, ip) = (format!("u{number}"), format!("198.51.100.{}", number / 2));
            connect(&server, &nick, &ip)
        })
        .collect();
    let welcomed = users.into_iter().map(|mut user| {
        user.expect(" 001 ");
        user
    });
    let _users: Vec<_> = welcomed.collect();
    let told = connect(&server, "more", "198.51.100.7").expect_end();
    assert_eq!(
        told,
        ["ERROR :Closing Link: * (Too many connections from your address)"]
    );
    assert_eq!(server.state().unwrap().links.len(), 40);
    server.expect_logged(
        "accept: refused: peer=198.51.100.7 reason=\"too many connections from this address\"",
    );
}

#[test]
fn what_is_refused_is_told_and_logged_once() {
    let fixture = Fixture::new().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let server = start(&fixture, &folder, "");
    for (lines, why) in [
        (
            "WEBIRC wrong kiwi h 198.51.100.7\r\nNICK ann",
            "the password is wrong",
        ),
        (
            "WEBIRC correct-horse kiwi h reef",
            "the fourth parameter is not the IP address of a user",
        ),
        (
            "WEBIRC correct-horse kiwi",
            "the line is not WEBIRC PASSWORD GATEWAY HOSTNAME IP",
        ),
        (
            "NICK ann\r\nWEBIRC correct-horse kiwi h 198.51.100.7",
            "it must be the first line",
        ),
    ] {
        let mut peer = LinePeer::connect(server.irc().unwrap()).unwrap();
        let own = peer.address().unwrap().to_string();
        peer.send_line(lines).unwrap();
        let told = peer.expect_end();
        assert_eq!(
            told,
            [format!("ERROR :Closing Link: * (WEBIRC refused: {why})")]
        );
        server.expect_logged(&own);
        let logged = server.log_lines_with(&own);
        assert_eq!(logged.len(), 1, "{logged:#?}");
        assert!(logged[0].contains(&format!("WEBIRC refused: {why}: gateway=\"kiwi\"")));
    }
    // From another address.
    let mut peer = LinePeer::connect_from([127, 0, 0, 2], server.irc().unwrap()).unwrap();
    peer.send_line(&format!("WEBIRC {PASSWORD} kiwi h 198.51.100.7"))
        .unwrap();
    let why = "there is no gateway at your address";
    assert_eq!(
        peer.expect_end(),
        [format!("ERROR :Closing Link: * (WEBIRC refused: {why})")]
    );
    assert_eq!(server.log_lines_with(PASSWORD), Vec::<String>::new());
}

#[test]
fn a_reload_changes_gateways() {
    let fixture = Fixture::new().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let server = start(&fixture, &folder, "");
    let mut ann = user(&server, "ann", "198.51.100.7");
    let file = folder.path().join("server.toml");
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, text.replace("127.0.0.1", "192.0.2.80")).unwrap();
    let id = i32::try_from(server.process().id()).unwrap();
    kill_process(Pid::from_raw(id).unwrap(), Signal::HUP).unwrap();
    server.expect_logged("changed: webirc \"kiwi\"");
    let told = connect(&server, "bob", "198.51.100.8").expect_end();
    assert!(
        told[0].contains("there is no gateway at your address"),
        "{told:?}"
    );
    ann.send_line("PING still").unwrap();
    ann.expect(" PONG ");
}

#[test]
fn a_gateway_by_tls_proves_itself_by_its_certificate() {
    let fixture = Fixture::new().unwrap();
    let certificates = Certificates::new().unwrap();
    certificates.make("hub").unwrap();
    certificates.make("other").unwrap();
    let print = certificates.make("kiwi").unwrap();
    let file = certificates.path("server.toml");
    let text =
        format!("[[webirc]]\nname = \"kiwi\"\nfrom = [\"127.0.0.1\"]\ncertificate = \"{print}\"\n");
    fs::write(&file, text).unwrap();
    let server = fixture.server(1, "hub").arg("--irc-tls=127.0.0.1:0");
    let server = server.arg(&certificates.option("config", "server.toml"));
    let server = server.arg(&certificates.option("tls-cert", "hub/cert.pem"));
    let server = server.arg(&certificates.option("tls-key", "hub/key.pem"));
    let server = server.start().unwrap();
    let address = server.line_after("irc-tls on ").unwrap();
    let connect = |own| {
        let stream = TcpStream::connect(&*address).unwrap();
        stream.set_read_timeout(Some(LONG)).unwrap();
        certificates.connect(stream, "hub", own).unwrap()
    };
    for (own, options, told) in [
        (
            Some("kiwi"),
            ":secure",
            " 671 ann ann :is using a secure connection",
        ),
        (
            Some("kiwi"),
            "",
            " 378 ann ann :is connecting from *@198.51.100.7 198.51.100.7",
        ),
        (
            Some("other"),
            "",
            "(WEBIRC refused: your certificate is not that of the gateway)",
        ),
        (
            None,
            "",
            "(WEBIRC refused: your certificate is not that of the gateway)",
        ),
    ] {
        let mut stream = connect(own);
        let lines = format!(
            "WEBIRC * kiwi h 198.51.100.7 {options}\r\n\
             NICK ann\r\nUSER ann 0 * :Ann\r\nWHOIS ann\r\nQUIT\r\n"
        );
        stream.write_all(lines.as_bytes()).unwrap();
        let lines: Vec<_> = BufReader::new(stream).lines().map(Result::unwrap).collect();
        assert!(
            lines.iter().any(|line| line.ends_with(told)),
            "{told}: {lines:#?}"
        );
        let is_secure = lines.iter().any(|line| line.contains(" 671 "));
        assert_eq!(is_secure, options == ":secure");
    }
}
