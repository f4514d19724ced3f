//! MONITOR and extended-monitor (IRCv3), at one server and across three.

use super::*;

/// The networks of these tests, each with the number of its last server.
fn nets() -> impl Iterator<Item = (Net, usize)> {
    [1, 3]
        .into_iter()
        .map(|servers| (Net::new(servers), servers - 1))
}

/// `nick!user@host` as a server shows it to its users.
fn shown(nick: &str) -> String {
    format!("{nick}!~{nick}@ID.crc")
}

#[test]
fn nicks_come_and_go() {
    for (mut net, last) in nets() {
        let ann = net.user(0, "ann");
        net.expect(ann, "MONITOR + bob,Eve", &[":server0 731 ann :bob,Eve"]);
        let bob = net.user(last, "bob");
        let bob_shown = shown("bob");
        net.expect_lines(ann, &[&format!(":server0 730 ann :{bob_shown}")]);
        net.expect(
            ann,
            "MONITOR S",
            &[
                &format!(":server0 730 ann :{bob_shown}"),
                ":server0 731 ann :Eve",
            ],
        );
        // A case is no change; the nick is shown as it is.
        net.request(bob, "NICK BOB");
        net.expect_lines(ann, &[]);
        net.request(bob, "NICK eve");
        net.expect_lines(
            ann,
            &[":server0 731 ann :BOB", ":server0 730 ann :eve!~bob@ID.crc"],
        );
        net.request(bob, "QUIT :bye");
        net.expect_lines(ann, &[":server0 731 ann :eve"]);
    }
}

#[test]
fn a_list_is_shown_cleared_and_made_shorter() {
    let mut net = Net::new(1);
    let ann = net.user(0, "ann");
    let end = ":server0 733 ann :End of MONITOR list";
    net.expect(ann, "MONITOR L", &[end]);
    net.request(ann, "MONITOR + bob,eve");
    net.request(ann, "MONITOR + BOB");
    net.expect(ann, "MONITOR l", &[":server0 732 ann :bob,eve", end]);
    net.expect(ann, "MONITOR - BOB,nobody", &[]);
    net.expect(ann, "MONITOR L", &[":server0 732 ann :eve", end]);
    net.user(0, "bob");
    net.expect_lines(ann, &[]);
    net.expect(ann, "MONITOR C", &[]);
    net.expect(ann, "MONITOR L", &[end]);
    net.user(0, "eve");
    net.expect_lines(ann, &[]);
    net.expect(
        ann,
        "MONITOR",
        &[":server0 461 ann MONITOR :Not enough parameters"],
    );
    for odd in [
        "MONITOR x",
        "MONITOR +",
        "MONITOR + ,",
        "MONITOR + *!x@y,a*,#reef",
    ] {
        net.expect(ann, odd, &[]);
    }
    net.expect(ann, "MONITOR L", &[end]);
}

#[test]
fn a_list_is_bounded_and_its_lines_too() {
    let mut net = Net::new(1);
    let ann = net.user(0, "ann");
    for tens in 0..10 {
        let nicks: Vec<_> = (0..10)
            .map(|it| format!("a-rather-long-nick-{tens}{it}"))
            .collect();
        net.request(ann, &format!("MONITOR + {}", nicks.join(",")));
    }
    net.expect(
        ann,
        "MONITOR + bob,a-rather-long-nick-00,eve",
        &[
            ":server0 731 ann :a-rather-long-nick-00",
            ":server0 734 ann 100 bob,eve :Monitor list is full",
        ],
    );
    let lines = net.request(ann, "MONITOR L");
    assert!(lines.len() > 4, "{lines:?}");
    assert_eq!(lines.join(",").matches("rather").count(), 100);
    net.expect(ann, "MONITOR - a-rather-long-nick-00", &[]);
    net.expect(ann, "MONITOR + bob", &[":server0 731 ann :bob"]);
}

#[test]
fn each_user_has_a_list_and_a_link_that_ends_has_none() {
    for (mut net, last) in nets() {
        let (ann, eve, zoe) = (net.user(0, "ann"), net.user(0, "eve"), net.user(0, "zoe"));
        for peer in [ann, eve, zoe] {
            net.request(peer, "MONITOR + bob");
        }
        net.request(eve, "MONITOR - bob");
        net.send_line(zoe, "MONITOR + zoe");
        // Its own end is no news for it.
        let end = net.request(zoe, "QUIT").pop().unwrap();
        assert!(end.starts_with("ERROR "), "{end}");
        net.user(last, "bob");
        let line = format!(":server0 730 ann :{}", shown("bob"));
        net.expect_lines(ann, &[&line]);
        net.expect_lines(eve, &[]);
        net.expect_lines(zoe, &[]);
    }
}

#[test]
fn a_netsplit_takes_nicks_along_and_brings_them_back() {
    let mut net = Net::new(3);
    let (ann, _bob) = (net.user(0, "ann"), net.user(2, "bob"));
    net.request(ann, "MONITOR + bob");
    net.fixture.kill(2);
    net.fixture.run(Duration::from_secs(1));
    net.expect_lines(ann, &[":server0 731 ann :bob"]);
}

#[test]
fn watchers_get_more_if_they_want() {
    for (mut net, last) in nets() {
        let ann = net.user_with(0, "ann", "extended-monitor setname");
        let old = net.user_with(0, "old", "draft/extended-monitor setname");
        let eve = net.user_with(0, "eve", "extended-monitor");
        let joe = net.user_with(0, "joe", "setname");
        let zoe = net.user_with(0, "zoe", "setname");
        let bob = net.user_with(last, "bob", "setname");
        for peer in [ann, old, eve, joe] {
            net.request(peer, "MONITOR + bob");
        }
        for peer in [ann, zoe, bob] {
            net.request(peer, "JOIN #reef");
        }
        net.discard(&[ann, old, eve, joe, zoe, bob]);
        net.expect(
            bob,
            "SETNAME :Robert Tide",
            &[":bob!~bob@ID.crc SETNAME :Robert Tide"],
        );
        let line = format!(":{} SETNAME :Robert Tide", shown("bob"));
        for (peer, gets) in [(ann, 1), (old, 1), (eve, 0), (joe, 0), (zoe, 1)] {
            let expected = vec![&*line; gets];
            net.expect_lines(peer, &expected);
        }
        // It is the same name.
        net.request(bob, "SETNAME :Robert Tide");
        net.request(ann, "MONITOR - bob");
        net.request(ann, "PART #reef");
        net.discard(&[ann]);
        net.request(bob, "SETNAME :Bob");
        net.expect_lines(ann, &[]);
    }
}
