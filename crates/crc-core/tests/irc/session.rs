//! The life of a connection: quits, keepalives, rate limits, invalid lines.

use super::*;

#[test]
fn users_in_common_channels_get_a_quit_or_rename_once() {
    let mut net = Net::new(2);
    let (ann, bob) = (net.user(0, "ann"), net.user(0, "bob"));
    let eve = net.user(1, "eve");
    let timed = net.user_with(0, "tim", "server-time");
    for user in [ann, bob, eve, timed] {
        net.request(user, "JOIN #a,#b");
    }
    let other = net.user(0, "stranger");
    net.discard(&[ann, bob, eve, timed]);
    net.expect(eve, "NICK eva", &[":eve!~eve@ID.crc NICK :eva"]);
    net.expect_lines(ann, &[":eve!~eve@ID.crc NICK :eva"]);
    net.expect(ann, "NICK anna", &[":ann!~ann@ID.crc NICK :anna"]);
    net.expect_lines(
        bob,
        &[":eve!~eve@ID.crc NICK :eva", ":ann!~ann@ID.crc NICK :anna"],
    );
    net.expect_lines(eve, &[":ann!~ann@ID.crc NICK :anna"]);
    net.expect(ann, "PRIVMSG #a :it is me", &[]);
    net.expect_lines(bob, &[":anna!~ann@ID.crc PRIVMSG #a :it is me"]);
    net.discard(&[eve]);
    net.expect(
        ann,
        "QUIT :so long",
        &["ERROR :Closing Link: anna (Quit: so long)"],
    );
    assert!(net.fixture.peers[ann].ended);
    net.expect_lines(bob, &[":anna!~ann@ID.crc QUIT :Quit: so long"]);
    net.expect_lines(eve, &[":anna!~ann@ID.crc QUIT :Quit: so long"]);
    net.fixture.close_peer(bob);
    net.expect_lines(eve, &[":bob!~bob@ID.crc QUIT :connection closed"]);
    // A whole server.
    net.discard(&[timed]);
    net.fixture.kill(1);
    net.fixture.soon();
    let received = net.read_lines(timed);
    assert_eq!(received.len(), 1, "{received:?}");
    assert!(
        received[0].contains(" :eva!~eve@ID.crc QUIT :"),
        "{received:?}"
    );
    net.expect_lines(other, &[]);
    assert_eq!(net.members(0, "#a"), ["0tim"]);
}

#[test]
fn a_leaving_server_sends_error() {
    let mut net = Net::new(1);
    let ann = net.user(0, "ann");
    let reason = "tired".into();
    net.fixture
        .handle(0, crc_core::Event::Command(ServerCommand::Leave { reason }));
    net.expect_lines(
        ann,
        &[
            ":server0 NOTICE ann :Server leaving: tired",
            "ERROR :Closing Link: ann (Server leaving: tired)",
        ],
    );
}

#[test]
fn a_silent_user_is_pinged_and_then_closed() {
    let mut net = Net::new(1);
    let (ann, bob) = (net.user(0, "ann"), net.user(0, "bob"));
    net.request(ann, "JOIN #reef");
    net.request(bob, "JOIN #reef");
    net.discard(&[ann]);
    net.fixture.run(Duration::from_secs(91));
    net.expect_lines(ann, &["PING :server0"]);
    net.expect(ann, "PONG server0", &[]);
    net.expect_lines(bob, &["PING :server0"]);
    net.fixture.run(Duration::from_secs(61));
    net.expect_lines(bob, &["ERROR :Closing Link: bob (Ping timeout)"]);
    assert!(net.fixture.peers[bob].ended);
    net.expect_lines(ann, &[":bob!~bob@ID.crc QUIT :Ping timeout"]);
    net.fixture.run(Duration::from_secs(30));
    net.expect_lines(ann, &["PING :server0"]);
}

#[test]
fn lines_that_come_too_fast_are_delayed_and_then_dropped() {
    let mut net = Net::with(1, |config| config.limits.irc_lines_per_second = 2);
    let (ann, bob) = (net.user(0, "ann"), net.user(0, "bob"));
    // Two lines have been used to register.
    for number in 0..20 {
        net.send_line(ann, &format!("PRIVMSG bob :{number}"));
    }
    assert_eq!(net.read_lines(bob).len(), 8);
    net.fixture.run(Duration::from_secs(3));
    assert_eq!(net.read_lines(bob).len(), 6);
    net.send_line(ann, "PRIVMSG bob :20");
    net.fixture.run(Duration::from_secs(10));
    let received = net.read_lines(bob);
    let said: Vec<_> = received
        .iter()
        .map(|l| l.rsplit(':').next().unwrap())
        .collect();
    assert_eq!(said, ["14", "15", "16", "17", "18", "19", "20"]);
    for _ in 0..200 {
        net.send_line(ann, &format!("PRIVMSG bob :{}", "x".repeat(100)));
    }
    let received = net.read_lines(ann);
    assert_eq!(received, ["ERROR :Closing Link: ann (Excess Flood)"]);
    assert!(net.fixture.peers[ann].ended);
}

#[test]
fn invalid_and_too_long_lines_are_ignored() {
    let mut net = Net::new(1);
    let ann = net.user(0, "ann");
    let long = format!("PRIVMSG ann :{}", "x".repeat(500));
    net.expect(ann, &long, &[":server0 417 ann :Input line was too long"]);
    let tags = "t".repeat(4000);
    net.expect(
        ann,
        &format!("@+{tags} PING x"),
        &[":server0 PONG server0 :x"],
    );
    let tags = format!("@{}", "t".repeat(9000));
    net.expect(ann, &tags, &[":server0 417 ann :Input line was too long"]);
    net.expect(ann, ": PING x", &[]);
    net.expect(ann, "P\0NG x", &[]);
    net.expect(ann, "PING a\rb", &[]);
    net.expect(ann, ":eve!e@x PING own", &[":server0 PONG server0 :own"]);
    net.expect(ann, "TAGMSG bob", &[]);
    net.expect(ann, "001 ann", &[]);
    let dropped = net.fixture.nodes[0].server.snapshot().counters().dropped;
    assert_eq!(dropped, 5);
}
