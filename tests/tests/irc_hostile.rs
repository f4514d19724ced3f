//! Strangers, users and servers of both dialects of IRC who cross every limit and
//! tell every lie, on real sockets. Before, during and after it those talk who
//! behave: two clients of the network, and users of both dialects in one channel.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use crc_e2e::fixture::Peer;
use crc_e2e::fixture::irc::LinePeer;
use crc_e2e::fixture::wait::{self, LONG};
use crc_e2e::fixture::wire;
use crc_e2e::fixture::{Fixture, IrcState, Server};

const ANN: u32 = 101;
const BOB: u32 = 102;
/// A client of the network who does what is not right.
const BAD: u32 = 666;
/// Those who behave, by their nicks.
const GOOD: [&str; 5] = ["ann", "bob", "iris", "ivan", "uma"];
/// How many links they have.
const GOOD_LINKS: usize = GOOD.len();

/// The two ways to speak lines to a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Speaks {
    Irc,
    Legacy,
}

use Speaks::{Irc, Legacy};

/// A server; two clients of it; and two users of IRC and one of the legacy IRC, who
/// are in `#reef`.
struct House {
    server: Server,
    ann: Peer,
    bob: Peer,
    iris: LinePeer,
    ivan: LinePeer,
    uma: LinePeer,
    _rig: Fixture,
}

impl House {
    #[track_caller]
    fn open(words: &[&str]) -> House {
        let fixture = Fixture::new().unwrap();
        let mut server = fixture.server(1, "house").irc().irc_legacy();
        for word in words {
            server = server.arg(word);
        }
        let server = server.start().unwrap();
        let (irc, legacy) = (server.irc().unwrap(), server.irc_legacy().unwrap());
        let mut house = House {
            ann: Peer::v2_client(server.address(), ANN, "ann").unwrap(),
            bob: Peer::v2_client(server.address(), BOB, "bob").unwrap(),
            iris: LinePeer::irc_user(irc, "iris").unwrap(),
            ivan: LinePeer::irc_user(irc, "ivan").unwrap(),
            uma: LinePeer::legacy_user(legacy, "uma").unwrap(),
            server,
            _rig: fixture,
        };
        house.iris.send_line("JOIN #reef").unwrap();
        house.iris.expect(" 366 ");
        house.ivan.send_line("JOIN #reef").unwrap();
        house.ivan.expect(" 366 ");
        house.uma.send_line("JOIN #reef").unwrap();
        house.uma.expect(" 331 ");
        house.assert_talking();
        house
    }

    /// Those who behave hear each other, and nothing else is said to them.
    #[track_caller]
    fn assert_talking(&mut self) {
        self.ann.send(&wire::chat(ANN, BOB, "there?")).unwrap();
        assert_eq!(self.bob.expect_chat(), (ANN, BOB, "there?".to_owned()));
        self.bob.send(&wire::chat(BOB, ANN, "sure")).unwrap();
        assert_eq!(self.ann.expect_chat(), (BOB, ANN, "sure".to_owned()));
        self.iris.send_line("PRIVMSG #reef :low tide").unwrap();
        for other in [&mut self.ivan, &mut self.uma] {
            let said = other.expect_privmsg();
            assert!(said.starts_with(":iris"), "{said}");
            assert!(said.ends_with(" PRIVMSG #reef :low tide"), "{said}");
        }
        self.uma.send_line("PRIVMSG #reef :slack water").unwrap();
        for other in [&mut self.iris, &mut self.ivan] {
            let said = other.expect_privmsg();
            assert!(said.starts_with(":uma"), "{said}");
            assert!(said.ends_with(" PRIVMSG #reef :slack water"), "{said}");
        }
    }

    /// Everybody else is gone, nothing of theirs is left, and the process lives.
    #[track_caller]
    fn assert_alone_again(&mut self) {
        self.server
            .wait_state(|state| {
                let known = state.irc.as_ref();
                known.is_some_and(is_only_the_house)
                    && state.links.len() == GOOD_LINKS
                    && state.unregistered_links == 0
            })
            .unwrap();
        self.assert_talking();
        assert!(self.server.process_mut().is_running());
        assert!(!self.server.process().log().contains("panicked"));
    }

    fn at(&self, speaks: Speaks) -> SocketAddr {
        let address = match speaks {
            Irc => self.server.irc(),
            Legacy => self.server.irc_legacy(),
        };
        address.unwrap()
    }

    fn stranger(&self, speaks: Speaks) -> LinePeer {
        LinePeer::connect(self.at(speaks)).unwrap()
    }

    fn user(&self, speaks: Speaks, nick: &str) -> LinePeer {
        match speaks {
            Irc => LinePeer::irc_user(self.at(Irc), nick).unwrap(),
            Legacy => LinePeer::legacy_user(self.at(Legacy), nick).unwrap(),
        }
    }

    /// A server of the legacy IRC that has read its listing.
    #[track_caller]
    fn legacy_server(&self, name: &str) -> LinePeer {
        let mut peer = LinePeer::legacy_server(self.at(Legacy), name).unwrap();
        peer.expect(" 353 ");
        peer
    }

    /// The same, with the user `newt`.
    #[track_caller]
    fn legacy_server_with_newt(&self, name: &str) -> LinePeer {
        let mut peer = self.legacy_server(name);
        let user = format!(":{name} USER newt pond.test {name} :Newt");
        peer.send_line(&user).unwrap();
        self.wait_users(|users| users.contains(&"newt"));
        peer
    }

    #[track_caller]
    fn wait_users(&self, condition: impl Fn(&[&str]) -> bool) {
        self.wait_irc(|irc| {
            let users: Vec<_> = irc.users.iter().map(String::as_str).collect();
            condition(&users)
        });
    }

    #[track_caller]
    fn wait_irc(&self, condition: impl Fn(&IrcState) -> bool) {
        self.server
            .wait_state(|state| state.irc.as_ref().is_some_and(&condition))
            .unwrap();
    }

    /// The log has this to say about who has this address.
    #[track_caller]
    fn assert_logged(&self, peer: &LinePeer, reason: &str) {
        let address = peer.address().unwrap().to_string();
        let found = wait::holds(LONG, || {
            let lines = self.server.log_lines_with(&address);
            lines.iter().any(|line| line.contains(reason))
        });
        assert!(found, "no {reason:?} in\n{}", self.server.process().log());
    }

    fn counter(&self, name: &str) -> u64 {
        self.server.state().unwrap().counter(name)
    }

    fn resident_bytes(&self) -> u64 {
        self.server.process().usage().unwrap().resident_bytes
    }
}

fn is_only_the_house(known: &IrcState) -> bool {
    known.users == GOOD && known.servers.is_empty() && known.channels.len() == 1
}

// Who comes in.

#[test]
fn nobody_has_more_than_the_time_there_is_to_register() {
    let mut house = House::open(&["--register-within=1"]);
    for speaks in [Irc, Legacy] {
        let began = Instant::now();
        let mut silent = house.stranger(speaks);
        let last = silent.expect_end().pop().unwrap();
        assert!(last.contains("ERROR :"), "{last}");
        assert!(last.contains("no registration in time"), "{last}");
        assert!(began.elapsed() > Duration::from_millis(900));
        house.assert_logged(&silent, "no registration in time");
        house.assert_talking();

        // Nor is it any use to talk of other things.
        let mut busy = house.stranger(speaks);
        let closed = wait::holds(LONG, || busy.send(b"PING x\r\nCAP LS 302\r\nNIC").is_err());
        assert!(closed);
        house.assert_logged(&busy, "no registration in time");
    }
    house.assert_alone_again();
}

#[test]
fn half_a_connection_is_no_guest() {
    let mut house = House::open(&[]);
    for speaks in [Irc, Legacy] {
        // Who says that nothing more will come has left, and a line without an end
        // was not said.
        let mut half = house.user(speaks, "half");
        half.send(b"JOIN #reef\r\nPRIVMSG #reef :not all of it")
            .unwrap();
        half.finish().unwrap();
        half.expect_end();
        let mut stranger = house.stranger(speaks);
        stranger.send(b"NICK nobody\r\nUSER nobody a b :c").unwrap();
        stranger.finish().unwrap();
        stranger.expect_end();
        house.assert_alone_again();
    }
    // A server's users go with it.
    let half = house.legacy_server_with_newt("half");
    half.finish().unwrap();
    house.assert_alone_again();
}

#[test]
fn who_comes_when_the_house_is_full_waits_outside() {
    let mut house = House::open(&["--links-max=6"]);
    for (speaks, register) in [
        (Irc, "NICK late\r\nUSER late 0 * :Late"),
        (Legacy, "USER late late.test house :Late"),
    ] {
        let sixth = house.user(speaks, "sixth");
        let mut outside = house.stranger(speaks);
        outside.send_line(register).unwrap();
        assert!(outside.is_silent(Duration::from_millis(300)).unwrap());
        house.assert_talking();
        drop(sixth);
        outside.expect(" 001 ");
        drop(outside);
        house.assert_alone_again();
    }
}

#[test]
fn a_full_directory_takes_nobody_more() {
    let mut house = House::open(&["--hosts-max=7"]);
    let mut pond = house.legacy_server_with_newt("pond");
    for (speaks, register) in [
        (Irc, "NICK late\r\nUSER late 0 * :Late"),
        (Legacy, "USER late late.test house :Late"),
        (Legacy, "SERVER late 1 :Late"),
    ] {
        let mut late = house.stranger(speaks);
        late.send_line(register).unwrap();
        let last = late.expect_end().pop().unwrap();
        assert!(last.contains("the directory is full"), "{last}");
        house.assert_logged(&late, "the directory is full");
    }
    // Of what a server lists that is left out for which there is no room; it stays.
    for line in ["USER toad pond.test pond :Toad", "SERVER puddle 2 :Puddle"] {
        let before = house.counter("dropped");
        pond.send_line(&format!(":pond {line}")).unwrap();
        let dropped = || house.counter("dropped") > before;
        assert!(wait::holds(LONG, dropped), "{line}");
    }
    house.wait_irc(|irc| irc.servers == ["pond"] && irc.users.len() == 6);
    house.assert_talking();
    // There is room again when somebody leaves.
    pond.send_line(":newt QUIT").unwrap();
    house.wait_users(|users| users == GOOD);
    drop(house.user(Irc, "late"));
    drop(pond);
    house.assert_alone_again();
}

#[test]
fn registrations_by_the_hundred_leave_nothing() {
    let mut house = House::open(&[]);
    for speaks in [Irc, Legacy] {
        let crowd: Vec<_> = (0..200)
            .map(|n| house.user(speaks, &format!("crowd{n}")))
            .collect();
        house.assert_talking();
        // Everybody wants to be called as others are.
        for nick in ["iris", "UMA", "Bob", "house", "crowd7"] {
            let mut second = house.stranger(speaks);
            match speaks {
                Irc => second.send_line(&format!("NICK {nick}\r\nUSER a 0 * :b")),
                Legacy => second.send_line(&format!("USER {nick} a b :c")),
            }
            .unwrap();
            let told = second.next_line(LONG).unwrap().unwrap();
            let taken = [" 433 ", " 436 "];
            let taken = taken.iter().any(|numeric| told.contains(numeric));
            // Servers and users are called apart in the legacy IRC.
            let welcome = speaks == Legacy && nick == "house" && told.contains(" 001 ");
            assert!(taken || welcome, "{nick}: {told}");
        }
        drop(crowd);
        house.assert_alone_again();
    }
}

#[test]
fn servers_link_only_from_where_they_may() {
    let mut house = House::open(&["--server-peers=10.0.0.0/8"]);
    let mut pond = house.stranger(Legacy);
    pond.send_line("SERVER pond 1 :Pond").unwrap();
    let told = pond.expect_end();
    // Nobody is listed to it.
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].contains("servers may not link from its address"));
    house.assert_logged(&pond, "servers may not link from its address");
    // Users may come from anywhere; SERVER means nothing to ordinary IRC.
    drop(house.user(Legacy, "una"));
    let mut pond = house.stranger(Irc);
    pond.send_line("SERVER pond 1 1 :Pond").unwrap();
    pond.expect(" 451 ");
    drop(pond);
    house.assert_alone_again();
}

#[test]
fn no_server_has_the_name_of_another() {
    let mut house = House::open(&[]);
    let pond = house.legacy_server_with_newt("pond");
    for name in ["house", "HOUSE", "pond", "Pond"] {
        let mut second = house.stranger(Legacy);
        second
            .send_line(&format!("SERVER {name} 1 :The same"))
            .unwrap();
        let told = second.expect_end();
        assert_eq!(told.len(), 1, "{told:?}");
        assert!(told[0].contains("ERROR :"), "{told:?}");
        house.assert_logged(&second, "links form a loop, or two have one name");
    }
    house.wait_irc(|irc| irc.servers == ["pond"] && irc.users.len() == 6);
    drop(pond);
    house.assert_alone_again();
}

// Lines that are none.

#[test]
fn a_line_that_is_too_long_is_lost_in_ordinary_irc() {
    let mut house = House::open(&[]);
    let mut long = house.user(Irc, "long");
    long.send_line("JOIN #reef").unwrap();
    long.expect(" 366 ");
    // With CR LF 512 bytes, and 4,096 of tags.
    let said = format!("PRIVMSG #reef :{}", "x".repeat(512 - 2 - 15));
    let tags = format!("@a={} ", "y".repeat(4096 - 4));
    for (line, whole) in [
        (said.clone(), true),
        (format!("{said}x"), false),
        (format!("{tags}{said}"), true),
        (format!("{tags}{said}x"), false),
        (format!("@{tags}{said}"), false),
        ("x".repeat(100_000), false),
    ] {
        long.send_line(&line).unwrap();
        if whole {
            for other in [&mut house.iris, &mut house.ivan, &mut house.uma] {
                assert!(other.expect_privmsg().contains(" PRIVMSG #reef :xxx"));
                // What others see in front does not fit into the same line.
                wait_rest(other);
            }
        } else {
            long.expect(" 417 ");
        }
    }
    long.send_line("PING alive").unwrap();
    long.expect(" PONG ");
    // So too before anybody has registered.
    let mut stranger = house.stranger(Irc);
    stranger.send_line(&"x".repeat(513)).unwrap();
    stranger.expect(" 417 ");
    stranger
        .send_line("NICK late\r\nUSER late 0 * :Late")
        .unwrap();
    stranger.expect(" 001 ");
    drop((long, stranger));
    house.assert_alone_again();
}

/// Takes the rest of a text that was too long for one line, if there is one.
fn wait_rest(peer: &mut LinePeer) {
    peer.send_line("PING rest").unwrap();
    loop {
        let line = peer.next_line(LONG).unwrap().unwrap();
        // The legacy IRC does not know PING.
        if line.contains(" PONG ") || line.contains(" 421 ") {
            return;
        }
        assert!(line.contains(" PRIVMSG "), "{line}");
    }
}

#[test]
fn a_line_that_is_too_long_ends_the_link_in_the_stripped_irc() {
    let mut house = House::open(&[]);
    let longest = format!("PRIVMSG una :{}", "x".repeat(8192 - 2 - 13));
    let mut una = house.user(Legacy, "una");
    una.send_line(&longest).unwrap();
    // With the sender in front it takes two lines.
    una.expect_privmsg();
    una.expect_privmsg();
    for end in ["\r\n", ""] {
        let mut bad = house.user(Legacy, "bad");
        bad.send(format!("{longest}x{end}").as_bytes()).unwrap();
        if end.is_empty() {
            bad.send(b"xx").unwrap();
        }
        let last = bad.expect_end().pop().unwrap();
        assert!(last.starts_with("ERROR :"), "{last}");
        house.assert_logged(&bad, "8192");
        let mut stranger = house.stranger(Legacy);
        stranger
            .send(format!("{longest}xxx{end}").as_bytes())
            .unwrap();
        stranger.expect_end();
        house.assert_logged(&stranger, "8192");
        let mut pond = house.legacy_server_with_newt("pond");
        let line = format!(":newt PRIVMSG #reef :{}{end}", "x".repeat(8192));
        pond.send(line.as_bytes()).unwrap();
        pond.expect_end();
        house.assert_logged(&pond, "8192");
        house.assert_talking();
    }
    drop(una);
    house.assert_alone_again();
}

/// A thousand who send lines without an end cost no more than a line each.
#[test]
fn lines_without_an_end_are_not_kept() {
    let mut house = House::open(&["--register-within=60"]);
    // A first crowd has memory grown that later ones use again.
    let mut grown = Vec::new();
    for _ in 0..3 {
        let before = house.resident_bytes();
        let mut crowd = Vec::new();
        for n in 0..1000 {
            let speaks = if n % 2 == 0 { Irc } else { Legacy };
            let mut peer = house.stranger(speaks);
            let endless = match speaks {
                // Beyond the limit it is skipped, however long it goes on.
                Irc => vec![b'x'; 64 * 1024],
                Legacy => vec![b'x'; 8190],
            };
            peer.send(&endless).unwrap();
            crowd.push(peer);
        }
        house.assert_talking();
        grown.push(house.resident_bytes().saturating_sub(before));
        for peer in crowd.iter_mut().step_by(2) {
            peer.expect(" 417 ");
        }
        drop(crowd);
        house.assert_alone_again();
    }
    let one = 32 * 1024;
    assert!(grown[0] < 1000 * one, "{grown:?} bytes for 1,000");
    assert!(
        grown[2] < 1000 * one / 4,
        "{grown:?}: nothing is given back"
    );
}

/// Bytes that look like none in particular, the same in every run.
fn noise(seed: u64) -> impl Iterator<Item = u8> {
    let mut state = seed;
    std::iter::repeat_with(move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005);
        state = state.wrapping_add(1_442_695_040_888_963_407);
        state.to_be_bytes()[0]
    })
}

#[test]
fn nonsense_is_answered_or_passed_over_and_never_passed_on() {
    let mut house = House::open(&["--irc-lines-per-second=0"]);
    let mut garbage: Vec<Vec<u8>> = vec![
        b"PRIVMSG #reef :a\0b\r\n".to_vec(),
        b"PRIVMSG #reef :a\rPRIVMSG #reef :b\r\n".to_vec(),
        b"PRIVMSG #re\0ef :a\r\n".to_vec(),
        b"\0\0\0\0\r\n".to_vec(),
        b"\r\r\r\r\n".to_vec(),
        b"\n\n\n\r\n \r\n   \r\n:\r\n: \r\n:x\r\n@\r\n@x\r\n@x :y\r\n".to_vec(),
        b"1 2 3\r\n001 iris :Welcome\r\n999\r\n0000\r\n".to_vec(),
        b"PRIVMSG\r\nPRIVMSG \r\nPRIVMSG  :\r\nPRIVMSG :\r\nJOIN\r\nJOIN :\r\n".to_vec(),
        b"JOIN ,,,,\r\nJOIN #\r\nPART ,\r\nMODE\r\nMODE #reef +ooooo\r\n".to_vec(),
        b"MODE #reef +k :\r\nTOPIC #reef :mine\r\nKICK #reef iris :out\r\n".to_vec(),
        b"NICK :\r\nNICK \xff\xfe\r\nNICK #reef\r\nUSER\r\nUSER \xff \xff \xff :\xff\r\n".to_vec(),
        b"WHO *****************************************a\r\n".to_vec(),
        b"GET / HTTP/1.1\r\nHost: house\r\n\r\n".to_vec(),
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n".to_vec(),
        wire::chat(ANN, BOB, "frames\r\n"),
        wire::client_registration(ANN, 0, "ann", "a\r\n"),
    ];
    for seed in 0..4 {
        let mut noise: Vec<_> = noise(seed).take(4000).collect();
        noise.extend(b"\r\n");
        garbage.push(noise);
    }
    let all = garbage.concat();
    for speaks in [Irc, Legacy] {
        // One after the other, and all in single bytes.
        for bytes in &garbage {
            let mut stranger = house.stranger(speaks);
            stranger.send(bytes).unwrap();
            let mut user = house.user(speaks, "noisy");
            user.send(bytes).unwrap();
            // It is alive, and has not been heard.
            user.send_line("JOIN #reef").unwrap();
            user.send_line("PRIVMSG #reef :clear").unwrap();
            for other in [&mut house.iris, &mut house.ivan, &mut house.uma] {
                let said = other.expect_privmsg();
                assert!(said.ends_with(" PRIVMSG #reef :clear"), "{said}");
                assert!(said.starts_with(":noisy"), "{said}");
            }
            drop((stranger, user));
            house.wait_users(|users| users == GOOD);
        }
        let mut user = house.user(speaks, "noisy");
        for byte in &all {
            user.send(&[*byte]).unwrap();
        }
        house.assert_talking();
        drop(user);
        house.assert_alone_again();
    }
}

#[test]
fn a_server_that_says_nonsense_is_not_passed_on() {
    let mut house = House::open(&[]);
    let mut pond = house.legacy_server_with_newt("pond");
    for seed in 10..14 {
        let noise: Vec<_> = noise(seed).take(4000).collect();
        pond.send(&noise).unwrap();
        pond.send(b"\r\n:newt \r\n:newt PRIVMSG\r\n:newt PRIVMSG #reef\r\n")
            .unwrap();
    }
    for line in [
        ":newt PRIVMSG #reef :a\0b",
        ":newt PRIVMSG #reef :a\rb",
        ":newt JOIN",
        ":newt JOIN reef",
        ":newt JOIN #",
        ":newt PART #nowhere",
        ":newt TOPIC #nowhere :x",
        ":newt NICK other",
        ":newt MODE #reef +o newt",
        ":newt KICK #reef iris",
        "353",
        "353 #reef",
        ":pond 353 #reef :",
        ":pond 353 * :iris ivan",
        ":pond 332 #reef",
        ":pond 999 x y z",
        ":pond SERVER",
        ":pond SERVER deep",
        ":pond SERVER deep deep :x",
        ":pond SERVER deep 99999999999999999999 :x",
        ":pond USER",
        ":pond USER a b",
        ":pond USER #a b c :d",
        ":pond SQUIT",
        ":pond PING house",
    ] {
        pond.send_line(line).unwrap();
    }
    pond.send_line(":newt PRIVMSG ann :clear").unwrap();
    let (_, to, text) = house.ann.expect_chat();
    assert_eq!((to, &*text), (ANN, "clear"));
    house.assert_talking();
    drop(pond);
    house.assert_alone_again();
}

// Lies.

#[test]
fn a_server_speaks_for_nobody_but_those_behind_it() {
    let mut house = House::open(&[]);
    let mut pond = house.legacy_server_with_newt("pond");
    let mut marsh = house.legacy_server("marsh");
    marsh
        .send_line(":marsh USER toad marsh.test marsh :Toad\r\n:toad JOIN #reef")
        .unwrap();
    house.wait_irc(|irc| {
        let reef = irc.channels.get("#reef");
        reef.is_some_and(|reef| reef.users.len() == 4)
    });
    for (lie, reason) in [
        (":iris PRIVMSG #reef :I am not iris", ""),
        (":uma PRIVMSG ivan :I am not uma", ""),
        (":ann PRIVMSG bob :I am not ann", ""),
        (":toad PRIVMSG #reef :I am not toad", ""),
        (":nobody PRIVMSG #reef :I am nobody", ""),
        ("PRIVMSG #reef :I am nobody", ""),
        (":pond PRIVMSG #reef :I am no user", ""),
        (":house PRIVMSG #reef :I am not the house", ""),
        (":iris QUIT :so long", ""),
        (":toad PART #reef", ""),
        (":ivan PART #reef", ""),
        (":iris TOPIC #reef :not hers", ""),
        (":bob JOIN #reef", ""),
        (":pond 353 #reef :bob ann @iris", ""),
        (":pond USER iris pond.test pond :Iris", "is left out"),
        (":pond USER ANN pond.test pond :Ann", "is left out"),
        (":pond USER toad pond.test pond :Toad", "is left out"),
        (":house USER uma pond.test house :Uma", "is left out"),
        (":pond SERVER house 2 :The house", ""),
        (":pond SERVER marsh 2 :The marsh", ""),
        (":pond SQUIT house :gone", ""),
        (":pond SQUIT marsh :gone", ""),
        (":pond SQUIT pond :gone", ""),
        (":pond SQUIT nowhere :gone", ""),
    ] {
        let before = house.counter("dropped");
        pond.send_line(lie).unwrap();
        let dropped = || house.counter("dropped") > before;
        assert!(wait::holds(LONG, dropped), "{lie}");
        if !reason.is_empty() {
            house.assert_logged(&pond, reason);
        }
    }
    house.wait_irc(|irc| {
        let reef = irc.channels.get("#reef").unwrap();
        irc.users.len() == 7
            && irc.servers == ["marsh", "pond"]
            && reef.users == ["iris", "ivan", "toad", "uma"]
            && reef.topic.is_none()
    });
    house.assert_talking();
    drop((pond, marsh));
    house.assert_alone_again();
}

#[test]
fn users_speak_for_nobody_but_themselves() {
    let mut house = House::open(&[]);
    for speaks in [Irc, Legacy] {
        let mut liar = house.user(speaks, "liar");
        liar.send_line("JOIN #reef").unwrap();
        // A prefix of a client counts for nothing.
        liar.send_line(":iris PRIVMSG #reef :who is this?").unwrap();
        liar.send_line(":iris!iris@house QUIT").unwrap();
        for other in [&mut house.iris, &mut house.ivan, &mut house.uma] {
            let said = other.expect_privmsg();
            assert!(said.starts_with(":liar"), "{said}");
        }
        liar.expect_end();
        house.assert_alone_again();
        let mut liar = house.user(speaks, "liar");
        for line in [
            "SERVER liar 1 :A server",
            ":house 001 iris :Welcome",
            "SQUIT house :bye",
            "ERROR :bye",
            "KILL iris :bye",
            "USER iris a b :c",
            "DIE",
        ] {
            liar.send_line(line).unwrap();
        }
        liar.send_line("PRIVMSG liar :still here").unwrap();
        liar.expect(" PRIVMSG liar :still here");
        drop(liar);
        house.assert_alone_again();
    }
}

/// What other servers relay may be called anything. Whatever it says, it says in one
/// line, and behind one word.
#[test]
fn a_name_is_never_a_line_of_its_own() {
    let mut house = House::open(&[]);
    let mut foreign = Peer::connect(house.server.address()).unwrap();
    let said = |info| wire::server_registration(3, 0, "foreign", info);
    foreign.send(&said("f")).unwrap();
    foreign
        .send(&said("f [crc2;r=7;f=server-quit,channels]"))
        .unwrap();
    let state = house.server.state().unwrap();
    let id = |nick: &str| {
        state
            .hosts
            .iter()
            .find(|host| host.name == nick)
            .unwrap()
            .id
    };
    let (iris, uma) = (id("iris"), id("uma"));
    let name = "x PRIVMSG #reef :said\r\n:house NOTICE you :lie";
    for (server, client) in [(30, 201), (31, 202)] {
        for frame in [
            wire::server_registration(server, 3, name, name),
            wire::client_registration(client, server, name, name),
        ] {
            foreign.send(&frame).unwrap();
        }
        for source in [server, client] {
            for to in [iris, uma] {
                foreign.send(&wire::chat(source, to, "hm")).unwrap();
            }
            let said = wire::channel_chat(source, "#reef", "hm");
            foreign.send(&said).unwrap();
        }
    }
    // The last of them is heard by all.
    foreign
        .send(&wire::channel_chat(201, "#reef", "end"))
        .unwrap();
    for peer in [&mut house.iris, &mut house.ivan, &mut house.uma] {
        loop {
            let line = peer.next_line(LONG).unwrap().unwrap();
            assert!(!line.starts_with(":house NOTICE"), "{line}");
            if let Some((source, _)) = line.split_once(" PRIVMSG ") {
                assert!(source.starts_with(":x_PRIVMSG_#reef_:said_"), "{line}");
                if line.ends_with(" PRIVMSG #reef :end") {
                    break;
                }
                assert!(line.ends_with(" :hm"), "{line}");
            }
        }
    }
    drop(foreign);
    house.assert_alone_again();
}

// Floods.

#[test]
fn nobody_is_in_more_than_250_channels() {
    let mut house = House::open(&["--irc-lines-per-second=0"]);
    for speaks in [Irc, Legacy] {
        let mut greedy = house.user(speaks, "greedy");
        for hundred in 0..30 {
            let names = (0..100).map(|n| format!("#c{hundred}-{n}"));
            let lines = match speaks {
                Irc => {
                    let names: Vec<_> = names.collect();
                    let lines = names.chunks(50).map(|names| names.join(","));
                    lines.map(|names| format!("JOIN {names}\r\n")).collect()
                }
                Legacy => names
                    .map(|name| format!("JOIN {name}\r\n"))
                    .collect::<String>(),
            };
            greedy.send(lines.as_bytes()).unwrap();
            let last = format!("#c{hundred}-99 ");
            loop {
                let line = greedy.next_line(LONG).unwrap().unwrap();
                let over = line.contains(" 405 ") || line.contains(" 366 ");
                let over = over || line.contains(" 331 ");
                if over && line.contains(&last) {
                    break;
                }
            }
        }
        house.wait_irc(|irc| irc.channels.len() == 251);
        house.assert_talking();
        // In and out again and again makes no more.
        for turn in 0..50 {
            greedy
                .send_line(&format!("PART #c0-{turn}\r\nJOIN #d{turn}"))
                .unwrap();
        }
        house.wait_irc(|irc| irc.channels.contains_key("#d49") && irc.channels.len() == 251);
        house.assert_talking();
        drop(greedy);
        house.assert_alone_again();
    }
}

#[test]
fn who_talks_faster_than_is_read_waits_and_then_goes() {
    let mut house = House::open(&["--irc-lines-per-second=20"]);
    // What comes too fast is read later, in order.
    let mut hasty = house.user(Irc, "hasty");
    hasty.send_line("JOIN #reef").unwrap();
    for number in 0..130 {
        hasty
            .send_line(&format!("PRIVMSG #reef :{number}"))
            .unwrap();
    }
    for number in 0..130 {
        for other in [&mut house.iris, &mut house.ivan, &mut house.uma] {
            let said = other.expect_privmsg();
            assert!(
                said.ends_with(&format!(" PRIVMSG #reef :{number}")),
                "{said}"
            );
        }
    }
    drop(hasty);
    house.assert_alone_again();
    // More than is kept to be read later ends the link: of users and of strangers.
    for line in ["NICK other%\r\n", "PRIVMSG ivan%:x\r\n", "NAMES #reef\r\n"] {
        for registered in [true, false] {
            let mut flood = match registered {
                true => house.user(Irc, "flood"),
                false => house.stranger(Irc),
            };
            let lines: String = (0..10_000)
                .map(|n| line.replace('%', &n.to_string()))
                .collect();
            // The other end may hang up in it.
            let _ = flood.send(lines.as_bytes());
            flood.expect_end();
            house.assert_logged(&flood, "Excess Flood");
            house.assert_talking();
        }
    }
    house.assert_alone_again();
}

#[test]
fn who_chats_too_fast_is_closed_where_that_is_wanted() {
    let mut house = House::open(&["--chats-per-second=50"]);
    let mut flood = house.user(Legacy, "flood");
    let _ = flood.send("PRIVMSG flood :x\r\n".repeat(1000).as_bytes());
    flood.expect_end();
    house.assert_logged(&flood, "ClientChat too fast");
    house.assert_alone_again();
}

/// Those who ask for more than they read, where an answer is much longer than the
/// question, are closed, and nobody waits for it.
#[test]
fn questions_with_long_answers_cost_the_asker_most() {
    let mut house = House::open(&[]);
    let mut pond = house.legacy_server("pond");
    let mut burst = String::new();
    for n in 0..2000 {
        burst.push_str(&format!(":pond USER user{n} pond.test pond :User\r\n"));
        burst.push_str(&format!(":user{n} JOIN #deep\r\n"));
    }
    pond.send(burst.as_bytes()).unwrap();
    house.wait_irc(|irc| {
        irc.channels
            .get("#deep")
            .is_some_and(|c| c.users.len() == 2000)
    });
    for question in ["NAMES\r\n", "NAMES #deep\r\n", "TOPIC #deep\r\n"] {
        let mut asker = house.user(Legacy, "asker");
        asker.send_line("JOIN #deep\r\nTOPIC #deep :").unwrap();
        asker
            .send_line(&format!("TOPIC #deep :{}", "x".repeat(8000)))
            .unwrap();
        let _ = asker.send(question.repeat(8000).as_bytes());
        let began = Instant::now();
        house.assert_talking();
        let took = began.elapsed();
        assert!(took < Duration::from_secs(5), "{question}: {took:?}");
        house.assert_logged(&asker, "too slow");
    }
    let mut asker = house.user(Irc, "asker");
    let _ = asker.send("WHO *\r\nNAMES\r\nLIST\r\n".repeat(50).as_bytes());
    house.assert_talking();
    drop((pond, asker));
    house.assert_alone_again();
}

/// Who runs a channel may have many banned, in masks that are hard to compare with
/// somebody's name; that somebody may talk fast.
#[test]
fn hard_masks_hold_up_nobody() {
    let mut house = House::open(&["--irc-lines-per-second=0"]);
    let mut keeper = house.user(Irc, "keeper");
    keeper.send_line("JOIN #bans").unwrap();
    for number in 0..70 {
        let mask = format!("*{}{number}*!*@*", "a".repeat(100));
        keeper.send_line(&format!("MODE #bans +b {mask}")).unwrap();
    }
    keeper.send_line("MODE #bans b").unwrap();
    keeper.expect(" 368 ");
    let mut fast = house.user(Legacy, &"a".repeat(64));
    fast.send_line("JOIN #bans").unwrap();
    fast.send("PRIVMSG #bans :x\r\n".repeat(500).as_bytes())
        .unwrap();
    let began = Instant::now();
    house.assert_talking();
    assert!(began.elapsed() < Duration::from_secs(10));
    for _ in 0..500 {
        keeper.expect_privmsg();
    }
    drop((keeper, fast));
    house.assert_alone_again();
}

// Who does not read.

#[test]
fn who_does_not_read_in_a_busy_channel_is_given_up_and_nobody_waits() {
    let mut house = House::open(&["--client-queue=65536", "--irc-lines-per-second=0"]);
    let mut stalled = Vec::new();
    for (speaks, nick) in [(Irc, "stone"), (Legacy, "rock")] {
        let mut peer = house.user(speaks, nick);
        peer.send_line("JOIN #reef").unwrap();
        stalled.push(peer);
    }
    house.wait_irc(|irc| {
        irc.channels
            .get("#reef")
            .is_some_and(|c| c.users.len() == 5)
    });
    let mut loud = house.user(Legacy, "loud");
    loud.send_line("JOIN #reef").unwrap();
    // Not so much at once that who reads could not take it.
    let text = "x".repeat(390);
    let chats = format!("PRIVMSG #reef :{text}\r\n").repeat(60);
    let mut slowest = Duration::ZERO;
    let mut rounds = 0;
    loop {
        let state = house.server.state().unwrap();
        let users = state.irc.unwrap().users;
        if !users.iter().any(|nick| nick == "stone" || nick == "rock") {
            break;
        }
        rounds += 1;
        assert!(rounds < 2000, "they are never given up");
        loud.send(chats.as_bytes()).unwrap();
        let began = Instant::now();
        for other in [&mut house.iris, &mut house.ivan, &mut house.uma] {
            for _ in 0..60 {
                assert!(other.expect_privmsg().ends_with(&text));
            }
        }
        house.assert_talking();
        // What the others have said meanwhile.
        for _ in 0..2 {
            loud.expect_privmsg();
        }
        slowest = slowest.max(began.elapsed());
    }
    for peer in &stalled {
        house.assert_logged(peer, "too slow");
    }
    assert_eq!(house.counter("slow_consumers"), 2);
    assert!(slowest < Duration::from_secs(5), "{slowest:?}");
    drop(loud);
    house.assert_alone_again();
}

#[test]
fn a_server_that_does_not_read_is_given_up() {
    let mut house = House::open(&["--server-queue=65536"]);
    let mut pond = house.legacy_server_with_newt("pond");
    pond.send_line(":newt JOIN #reef").unwrap();
    house.wait_irc(|irc| {
        irc.channels
            .get("#reef")
            .is_some_and(|c| c.users.len() == 4)
    });
    let mut loud = house.user(Legacy, "loud");
    let chats = format!("PRIVMSG newt :{}\r\n", "x".repeat(1000)).repeat(50);
    let given_up = |house: &House| house.counter("slow_consumers") == 1;
    for _ in 0..2000 {
        loud.send(chats.as_bytes()).unwrap();
        if given_up(&house) {
            break;
        }
    }
    assert!(wait::holds(LONG, || given_up(&house)));
    house.assert_logged(&pond, "too slow");
    house.wait_users(|users| !users.contains(&"newt"));
    drop((pond, loud));
    house.assert_alone_again();
}

/// A text of a client of the network may have many lines; each of them takes one of
/// IRC, with all that stands in front.
#[test]
fn a_text_of_many_lines_does_not_end_those_who_hear_it() {
    let mut house = House::open(&[]);
    // Who has a long name takes much room in front.
    let name = "b".repeat(64);
    let mut bad = Peer::v2_client(house.server.address(), BAD, &name).unwrap();
    let state = house.server.state().unwrap();
    let id = |nick: &str| {
        state
            .hosts
            .iter()
            .find(|host| host.name == nick)
            .unwrap()
            .id
    };
    for text in [
        "a\n".repeat(32_000),
        "a".repeat(64_000),
        "\n".repeat(64_000),
    ] {
        for nick in ["iris", "uma"] {
            bad.send(&wire::chat(BAD, id(nick), &text)).unwrap();
        }
        bad.send(&wire::chat(BAD, BOB, "done")).unwrap();
        house.bob.expect_chat();
    }
    for peer in [&mut house.iris, &mut house.uma] {
        assert!(peer.expect_privmsg().ends_with(" :a"));
        wait_rest(peer);
    }
    assert_eq!(house.counter("slow_consumers"), 0);
    drop(bad);
    house.assert_alone_again();
}

// Much at once.

#[test]
fn a_huge_burst_comes_and_goes() {
    let mut house = House::open(&["--irc-lines-per-second=0"]);
    let mut grown = Vec::new();
    for _ in 0..3 {
        let before = house.resident_bytes();
        let mut pond = house.legacy_server("pond");
        let mut burst = String::new();
        for server in 0..50 {
            burst.push_str(&format!(":pond SERVER pool{server} 2 :Pool\r\n"));
        }
        for user in 0..5000 {
            let info = "i".repeat(200);
            burst.push_str(&format!(":pond USER u{user} pool.test pool :{info}\r\n"));
        }
        for channel in 0..200 {
            burst.push_str(&format!(":pond 332 #c{channel} :{}\r\n", "t".repeat(200)));
            let nicks: Vec<_> = (0..25).map(|n| format!("u{}", channel * 25 + n)).collect();
            burst.push_str(&format!(":pond 353 #c{channel} :{}\r\n", nicks.join(" ")));
        }
        pond.send(burst.as_bytes()).unwrap();
        house.wait_irc(|irc| {
            irc.users.len() == 5005 && irc.servers.len() == 51 && irc.channels.len() == 201
        });
        house.assert_talking();
        grown.push(house.resident_bytes().saturating_sub(before));
        // Nobody who behaves knows any of them after the end.
        drop(pond);
        house.assert_alone_again();
    }
    assert!(
        grown[2] <= grown[0] / 2 + (4 << 20),
        "{grown:?}: nothing is given back"
    );
}
