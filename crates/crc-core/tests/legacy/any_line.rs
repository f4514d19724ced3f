//! A property test: users and servers send lines of any verb and parameters, valid or not.
//! All servers stay consistent and agree on hosts and channels.

use super::*;

/// A line of any verb, often with parameters that do not fit it.
fn line() -> impl Strategy<Value = String> {
    let nick = prop::sample::select(vec!["ann", "bob", "cid", "Ann", "zoe", "#x", "x y", ""]);
    let name = prop::sample::select(vec!["hub", "one", "two", "far", "crc"]);
    let place = prop::sample::select(vec!["#a", "#b", "#A", "#", "a", "*"]);
    let text = prop::sample::select(vec!["", ":", ":x", ":one two", ":ann bob", "k", ":\u{1}"]);
    let verb = prop::sample::select(vec![
        "USER", "SERVER", "QUIT", "JOIN", "PART", "TOPIC", "NAMES", "PRIVMSG", "331", "332", "353",
        "SQUIT", "ERROR", "366", "x",
    ]);
    (verb, nick.clone(), name, place, text, 0..6_u8).prop_map(
        |(verb, nick, name, place, text, prefix)| {
            let source = match prefix {
                0 => String::new(),
                1 | 2 => format!(":{name} "),
                _ => format!(":{nick} "),
            };
            let rest = match verb {
                "USER" => format!("{nick} box {name} {text}"),
                "SERVER" => format!("{name} 2 {text}"),
                "QUIT" | "ERROR" => text.to_owned(),
                "PRIVMSG" if prefix % 2 == 0 => format!("{nick} {text}"),
                "353" => format!("{place} :ann bob cid {nick}"),
                "SQUIT" => format!("{name} {text}"),
                _ => format!("{place} {text}"),
            };
            format!("{source}{verb} {rest}")
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Users and servers send any lines: the servers' checks hold, and the servers agree on
    /// the users.
    #[test]
    fn servers_agree_after_any_lines(
        lines in prop::collection::vec((0..5_usize, line()), 1..120)
    ) {
        let (mut net, hub) = Net::of("hub");
        let other = net.server("crc", &[], &["s0:1"]);
        let child = net.server("child", &["c0:1"], &[]);
        let mut peers: Vec<usize> = (0..5).map(|n| net.fixture.connect_at([hub, child][n % 2], LEGACY)).collect();
        net.send_line(peers[0], "SERVER one 1 :One");
        net.send_line(peers[1], "SERVER two 1 :Two");
        net.send_line(peers[2], "USER ann box hub :Ann");
        for (who, line) in lines {
            let peer = peers[who];
            if net.ended(peer) {
                peers[who] = net.fixture.connect_at([hub, child][who % 2], LEGACY);
            }
            net.send_line(peers[who], &line);
        }
        net.fixture.run(Duration::from_secs(90));
        let sorted = |node: usize, own: &str| {
            let (mut servers, users, channels) = net.state(node);
            servers.push(own.to_owned());
            servers.sort();
            let names: Vec<_> = channels.into_iter().map(|(texts, members)| {
                (texts[0].clone(), texts[2].clone(), members)
            }).collect();
            (servers, users, names)
        };
        prop_assert_eq!(sorted(hub, "hub"), sorted(other, "crc"));
        prop_assert_eq!(sorted(hub, "hub"), sorted(child, "child"));
    }
}

/// A case that the property has found: the hub has lost a channel that the legacy network
/// behind it founds anew, spelled otherwise.
#[test]
fn a_lost_channel_that_is_founded_anew_behind_is_spelled_anew() {
    let (mut net, hub) = Net::of("hub");
    let child = net.server("child", &["c0:1"], &[]);
    let one = net.fixture.connect_at(hub, LEGACY);
    let two = net.fixture.connect_at(child, LEGACY);
    net.send_line(one, "SERVER one 1 :One");
    net.send_line(one, "USER ann box one ");
    net.send_line(one, "353 #a :ann");
    net.send_line(two, "SERVER two 1 :Two");
    net.send_line(two, "USER bob box two ");
    net.fixture.close_peer(one);
    net.fixture.soon();
    net.send_line(two, "353 #A :bob");
    for node in [hub, child] {
        let channels = net.state(node).2;
        assert_eq!(channels.len(), 1);
        assert_eq!(
            (&*channels[0].0[0], &*channels[0].1),
            ("#A", &["bob".to_owned()][..])
        );
    }
}
