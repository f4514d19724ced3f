//! Which lines a server accepts from which user or server of IRC: prefixes, quits and
//! names of others.

use crc_e2e::fixture::IrcProtocol::{Legacy, Ordinary};
use crc_e2e::fixture::wait::{self, LONG};
use crc_e2e::fixture::{Peer, WatchedIrcServer, wire};

#[test]
fn a_legacy_server_acts_for_hosts_behind_it_only() {
    let mut watched = WatchedIrcServer::start(&[]);
    let mut pond = watched.legacy_server_with_newt("pond");
    let mut marsh = watched.legacy_server("marsh");
    marsh
        .send_line(":marsh USER toad marsh.test marsh :Toad\r\n:toad JOIN #reef")
        .unwrap();
    watched.wait_irc(|irc| {
        let reef = irc.channels.get("#reef");
        reef.is_some_and(|reef| reef.users.len() == 4)
    });
    for (forged, reason) in [
        (":iris PRIVMSG #reef :I am not iris", ""),
        (":uma PRIVMSG ivan :I am not uma", ""),
        (":ann PRIVMSG bob :I am not ann", ""),
        (":toad PRIVMSG #reef :I am not toad", ""),
        (":nobody PRIVMSG #reef :I am nobody", ""),
        ("PRIVMSG #reef :I am nobody", ""),
        (":pond PRIVMSG #reef :I am no user", ""),
        (":hub PRIVMSG #reef :I am not the hub", ""),
        (":iris QUIT :so long", ""),
        (":toad PART #reef", ""),
        (":ivan PART #reef", ""),
        (":iris TOPIC #reef :not hers", ""),
        (":bob JOIN #reef", ""),
        (":pond 353 #reef :bob ann @iris", ""),
        (":pond USER iris pond.test pond :Iris", "ignored: nick"),
        (":pond USER ANN pond.test pond :Ann", "ignored: nick"),
        (":pond USER toad pond.test pond :Toad", "ignored: nick"),
        (":hub USER uma pond.test hub :Uma", "ignored: nick"),
        (":pond SERVER hub 2 :The hub", ""),
        (":pond SERVER marsh 2 :The marsh", ""),
        (":pond SQUIT hub :gone", ""),
        (":pond SQUIT marsh :gone", ""),
        (":pond SQUIT pond :gone", ""),
        (":pond SQUIT nowhere :gone", ""),
    ] {
        let before = watched.counter("frames_dropped");
        pond.send_line(forged).unwrap();
        let dropped = || watched.counter("frames_dropped") > before;
        assert!(wait::holds(LONG, dropped), "{forged}");
        if !reason.is_empty() {
            watched.assert_logged(&pond, reason);
        }
    }
    watched.wait_irc(|irc| {
        let reef = irc.channels.get("#reef").unwrap();
        irc.users.len() == 7
            && irc.servers == ["marsh", "pond"]
            && reef.users == ["iris", "ivan", "toad", "uma"]
            && reef.topic.is_none()
    });
    watched.assert_chatting();
    drop((pond, marsh));
    watched.assert_only_watched();
}

#[test]
fn a_user_acts_for_itself_only() {
    let mut watched = WatchedIrcServer::start(&[]);
    for protocol in [Ordinary, Legacy] {
        let mut forger = watched.user(protocol, "forger");
        forger.send_line("JOIN #reef").unwrap();
        // The server ignores the prefix of a user's line.
        forger
            .send_line(":iris PRIVMSG #reef :who is this?")
            .unwrap();
        forger.send_line(":iris!iris@hub QUIT").unwrap();
        for other in [&mut watched.iris, &mut watched.ivan, &mut watched.uma] {
            let line = other.expect_privmsg();
            assert!(line.starts_with(":forger"), "{line}");
        }
        forger.expect_end();
        watched.assert_only_watched();
        let mut forger = watched.user(protocol, "forger");
        for line in [
            "SERVER forger 1 :A server",
            ":hub 001 iris :Welcome",
            "SQUIT hub :bye",
            "ERROR :bye",
            "KILL iris :bye",
            "USER iris a b :c",
            "DIE",
        ] {
            forger.send_line(line).unwrap();
        }
        forger.send_line("PRIVMSG forger :still here").unwrap();
        forger.expect(" PRIVMSG forger :still here");
        drop(forger);
        watched.assert_only_watched();
    }
}

/// Other servers may relay any name. On IRC it must stay one word of one line.
#[test]
fn a_relayed_name_never_becomes_a_line() {
    let mut watched = WatchedIrcServer::start(&[]);
    let address = watched.server.address();
    let mut foreign = Peer::v2_server(address, 3, "foreign", "server-quit,channels").unwrap();
    let (iris, uma) = (watched.id_of("iris"), watched.id_of("uma"));
    let name = "x PRIVMSG #reef :said\r\n:hub NOTICE you :lie";
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
            let chat = wire::channel_chat(source, "#reef", "hm");
            foreign.send(&chat).unwrap();
        }
    }
    // All users receive the last message.
    foreign
        .send(&wire::channel_chat(201, "#reef", "end"))
        .unwrap();
    for peer in [&mut watched.iris, &mut watched.ivan, &mut watched.uma] {
        loop {
            let line = peer.next_line(LONG).unwrap().unwrap();
            assert!(!line.starts_with(":hub NOTICE"), "{line}");
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
    watched.assert_only_watched();
}
