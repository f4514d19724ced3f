//! Names in UTF-8, with the real programs: across three servers, one of them with IRC, and
//! at a v1 client.

use std::process::Command;

use crc_e2e::fixture::irc::LinePeer;
use crc_e2e::fixture::v1::V1Client;
use crc_e2e::fixture::wait::{self, LONG};
use crc_e2e::fixture::{Fixture, Process, Screen, wire};

#[test]
fn people_see_a_name_as_their_programs_can() {
    let fixture = Fixture::new().unwrap();
    let reef = fixture
        .server(1, "reef")
        .irc()
        .irc_legacy()
        .start()
        .unwrap();
    let quay = fixture.server(2, "quay").uplink(reef.address());
    let quay = quay.start().unwrap();
    let cove = fixture.server(3, "cove").uplink(quay.address());
    let cove = cove.start().unwrap();
    reef.wait_hosts(&[2, 3]).unwrap();
    let bob = fixture.client(102, "bob", reef.address()).start().unwrap();
    let wren = V1Client::start(reef.address(), 103, "wren", "x").unwrap();
    let mut irc = LinePeer::connect(reef.irc().unwrap()).unwrap();
    irc.send_line("NICK Ïris\r\nUSER iris 0 * :Iris\r\nJOIN #reef")
        .unwrap();
    irc.expect(" 366 ");
    let mut uma = LinePeer::connect(reef.irc_legacy().unwrap()).unwrap();
    uma.send_line("USER uma box srv :Uma\r\nJOIN #reef")
        .unwrap();
    uma.expect(" 331 ");

    let zoe = fixture.client(101, "Zoë", cove.address());
    let mut zoe = zoe.info("x").start().unwrap();
    zoe.command("/join #reef").unwrap();
    irc.expect(":Zoë!Zoë@101.crc JOIN #reef");
    let joined = r#""id":101,"name":"Zoë""#;
    let knows = || {
        bob.process()
            .lines()
            .iter()
            .any(|line| line.contains(joined))
    };
    assert!(wait::holds(LONG, knows), "{:?}", bob.process().lines());
    let state = wren.wait_state(|state| state.clients.contains_key(&101));
    assert_eq!(state.clients[&101].name, "Zoe");
    assert!(
        state.clients.values().all(|it| it.name.is_ascii()),
        "{state:?}"
    );
    let listed = reef.state().unwrap();
    assert_eq!(listed.host(101).unwrap().name, "Zoë");
    // A text from each of them, to the name that they see.
    for (peer, line) in [
        (&mut irc, "PRIVMSG zoË :from irc"),
        (&mut uma, "PRIVMSG Zoe :from legacy"),
    ] {
        peer.send_line(line).unwrap();
        let text = line.split_once(':').unwrap().1;
        let heard = || zoe.process().lines().iter().any(|line| line.contains(text));
        assert!(wait::holds(LONG, heard), "{text}");
    }
    zoe.command("/msg #reef hello").unwrap();
    uma.expect(":Zoe PRIVMSG #reef :hello");
    irc.expect(":Zoë!Zoë@101.crc PRIVMSG #reef :hello");
    // Nothing in the v1 client's stream was anything but ASCII.
    let bytes = wren.state().reads.bytes;
    assert!(bytes.windows(2).all(|it| it != "ë".as_bytes()));
    let joined = wire::client_registration(101, 1, "Zoe", "x");
    let registrations = bytes.windows(joined.len()).filter(|it| *it == joined);
    assert_eq!(registrations.count(), 1, "{}", wire::hex(&bytes));
}

#[test]
fn a_client_whose_name_looks_like_another_one_is_told_to_choose_another() {
    let fixture = Fixture::new().unwrap();
    let reef = fixture.server(1, "reef").start().unwrap();
    let ann = fixture.client(101, "ann", reef.address()).start().unwrap();
    ann.wait_welcome().unwrap();
    let mut other = Command::new(&fixture.binaries().client);
    let address = reef.address().to_string();
    other.args(["--server", &address, "--name", "\u{430}nn"]);
    let mut other = Process::start("other", other, fixture.logs().file("other.log")).unwrap();
    // Its input stays open: it ends because of the answer, however late that comes.
    let status = other.wait_end(LONG).expect("the client ends");
    let text = format!("{}\n{}", other.lines().join("\n"), other.log());
    let wanted = "The name \u{430}nn looks like ann, which is in use: choose another name";
    assert!(text.contains(wanted), "{text}");
    assert!(!status.success(), "{text}");
}

#[test]
fn a_window_keeps_the_name_in_utf_8() {
    let fixture = Fixture::new().unwrap();
    let reef = fixture.server(1, "reef").start().unwrap();
    let size = (80, 24);
    let start = |name| Screen::start(&fixture, reef.address(), name, &[], size);
    let ann = start("ann");
    ann.sees("here");
    let mut zoe = start("Zoë");
    zoe.sees("here");
    zoe.enters("/msg ann good morning");
    // A user who cannot type the name uses the one in ASCII, once the client knows her.
    ann.sees("Zoë");
    ann.enters("/to Zoe");
    ann.sees("good morning");
    ann.sees("Zoë");
    ann.enters("and to you");
    zoe.enters("/to ann");
    zoe.sees("and to you");
    // Back with another id, she is in the same window.
    let is_there = || {
        let hosts = reef.state().unwrap().hosts;
        hosts.iter().any(|host| host.name == "Zoë")
    };
    zoe.enters("/quit");
    assert!(zoe.wait_end().success());
    assert!(wait::holds(LONG, || !is_there()));
    let zoe = start("Zoë");
    zoe.sees("here");
    assert!(wait::holds(LONG, is_there));
    zoe.enters("/msg ann I am back");
    ann.sees("I am back");
    ann.enters("welcome back");
    zoe.enters("/to ann");
    zoe.sees("welcome back");
    let text = ann.text();
    assert!(text.contains("good morning"), "{text}");
}
