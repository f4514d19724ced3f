//! Who may register at the IRC listeners: time limits, limits of links and hosts,
//! names in use, and `--server-peers`.

use std::thread;
use std::time::{Duration, Instant};

use crc_e2e::fixture::IrcProtocol::{Legacy, Ordinary};
use crc_e2e::fixture::WatchedIrcServer;
use crc_e2e::fixture::irc::LinePeer;
use crc_e2e::fixture::wait::{self, LONG};

#[test]
fn a_peer_that_does_not_register_in_time_is_closed() {
    // The regular clients and users have to register in that time, too.
    let mut watched = WatchedIrcServer::start(&["--register-within=3"]);
    let began = Instant::now();
    let silent = [Ordinary, Legacy].map(|protocol| {
        let mut silent = watched.connect(protocol);
        thread::spawn(move || {
            let lines = silent.expect_end();
            (silent, lines, began.elapsed())
        })
    });
    // Other commands do not extend the time.
    let mut busy = [Ordinary, Legacy].map(|protocol| watched.connect(protocol));
    let closed = wait::holds(LONG, || {
        let send = |busy: &mut LinePeer| busy.send(b"PING x\r\nCAP LS 302\r\nNIC").is_err();
        busy.each_mut().map(send) == [true, true]
    });
    assert!(closed);
    for busy in &busy {
        watched.assert_logged(busy, "no registration in time");
    }
    for silent in silent {
        let (silent, mut lines, took) = silent.join().unwrap();
        let last = lines.pop().unwrap();
        assert!(last.contains("ERROR :"), "{last}");
        assert!(last.contains("no registration in time"), "{last}");
        assert!(took > Duration::from_millis(2900));
        watched.assert_logged(&silent, "no registration in time");
    }
    watched.assert_chatting();
    watched.assert_only_watched();
}

#[test]
fn a_peer_that_finishes_has_left() {
    let mut watched = WatchedIrcServer::start(&[]);
    for protocol in [Ordinary, Legacy] {
        // A user that closes its sending half has left. A line without an end is
        // ignored.
        let mut half = watched.user(protocol, "half");
        half.send(b"JOIN #reef\r\nPRIVMSG #reef :not all of it")
            .unwrap();
        half.finish().unwrap();
        half.expect_end();
        let mut unregistered = watched.connect(protocol);
        unregistered.send(b"NICK late\r\nUSER late a b :c").unwrap();
        unregistered.finish().unwrap();
        unregistered.expect_end();
        watched.assert_only_watched();
    }
    // The users of a server leave with it.
    let half = watched.legacy_server_with_newt("half");
    half.finish().unwrap();
    watched.assert_only_watched();
}

#[test]
fn a_connection_above_the_link_limit_waits() {
    let mut watched = WatchedIrcServer::start(&["--links-max=6"]);
    for (protocol, register) in [
        (Ordinary, "NICK late\r\nUSER late 0 * :Late"),
        (Legacy, "USER late late.test hub :Late"),
    ] {
        let sixth = watched.user(protocol, "sixth");
        let mut waiting = watched.connect(protocol);
        waiting.send_line(register).unwrap();
        assert!(waiting.is_silent(Duration::from_millis(300)).unwrap());
        watched.assert_chatting();
        drop(sixth);
        waiting.expect(" 001 ");
        drop(waiting);
        watched.assert_only_watched();
    }
}

#[test]
fn a_full_directory_accepts_no_user_and_no_server() {
    let mut watched = WatchedIrcServer::start(&["--hosts-max=7"]);
    let mut pond = watched.legacy_server_with_newt("pond");
    for (protocol, register) in [
        (Ordinary, "NICK late\r\nUSER late 0 * :Late"),
        (Legacy, "USER late late.test hub :Late"),
        (Legacy, "SERVER late 1 :Late"),
    ] {
        let mut late = watched.connect(protocol);
        late.send_line(register).unwrap();
        let last = late.expect_end().pop().unwrap();
        assert!(last.contains("the directory is full"), "{last}");
        watched.assert_logged(&late, "the directory is full");
    }
    // The server drops surplus hosts of a burst; the link stays.
    for line in ["USER toad pond.test pond :Toad", "SERVER puddle 2 :Puddle"] {
        let before = watched.counter("frames_dropped");
        pond.send_line(&format!(":pond {line}")).unwrap();
        let dropped = || watched.counter("frames_dropped") > before;
        assert!(wait::holds(LONG, dropped), "{line}");
    }
    watched.wait_irc(|irc| irc.servers == ["pond"] && irc.users.len() == 6);
    watched.assert_chatting();
    // A QUIT makes room.
    pond.send_line(":newt QUIT").unwrap();
    watched.wait_only_watched_users();
    drop(watched.user(Ordinary, "late"));
    drop(pond);
    watched.assert_only_watched();
}

#[test]
fn hundreds_of_registrations_leave_no_host_behind() {
    let mut watched = WatchedIrcServer::start(&[]);
    for protocol in [Ordinary, Legacy] {
        let users: Vec<_> = (0..200)
            .map(|n| watched.user(protocol, &format!("user{n}")))
            .collect();
        watched.assert_chatting();
        // Names in use are refused.
        for nick in ["iris", "UMA", "Bob", "hub", "user7"] {
            let mut second = watched.connect(protocol);
            match protocol {
                Ordinary => second.send_line(&format!("NICK {nick}\r\nUSER a 0 * :b")),
                Legacy => second.send_line(&format!("USER {nick} a b :c")),
            }
            .unwrap();
            let reply = second.next_line(LONG).unwrap().unwrap();
            let taken = [" 433 ", " 436 "];
            let taken = taken.iter().any(|numeric| reply.contains(numeric));
            // In the legacy IRC, users and servers have separate names.
            let welcome = protocol == Legacy && nick == "hub" && reply.contains(" 001 ");
            assert!(taken || welcome, "{nick}: {reply}");
        }
        drop(users);
        watched.assert_only_watched();
    }
}

#[test]
fn a_legacy_server_outside_server_peers_is_refused() {
    let mut watched = WatchedIrcServer::start(&["--server-peers=10.0.0.0/8"]);
    let mut pond = watched.connect(Legacy);
    pond.send_line("SERVER pond 1 :Pond").unwrap();
    let reply = pond.expect_end();
    // It receives no burst.
    assert_eq!(reply.len(), 1, "{reply:?}");
    assert!(reply[0].contains("servers may not link from its address"));
    watched.assert_logged(&pond, "servers may not link from its address");
    // Users may connect from any address. Ordinary IRC does not know SERVER.
    drop(watched.user(Legacy, "una"));
    let mut pond = watched.connect(Ordinary);
    pond.send_line("SERVER pond 1 1 :Pond").unwrap();
    pond.expect(" 451 ");
    drop(pond);
    watched.assert_only_watched();
}

#[test]
fn a_second_server_with_the_same_name_is_refused() {
    let mut watched = WatchedIrcServer::start(&[]);
    let pond = watched.legacy_server_with_newt("pond");
    for name in ["hub", "HUB", "pond", "Pond"] {
        let mut second = watched.connect(Legacy);
        second
            .send_line(&format!("SERVER {name} 1 :The same"))
            .unwrap();
        let reply = second.expect_end();
        assert_eq!(reply.len(), 1, "{reply:?}");
        assert!(reply[0].contains("ERROR :"), "{reply:?}");
        watched.assert_logged(&second, "links form a loop, or two have one name");
    }
    watched.wait_irc(|irc| irc.servers == ["pond"] && irc.users.len() == 6);
    drop(pond);
    watched.assert_only_watched();
}
