//! Labeled responses (IRCv3), at one server and across three.

use super::*;

const CAPABILITIES: &str = "batch echo-message labeled-response";

/// A user of the first server, and one of the last.
fn pair(servers: usize) -> (Net, usize, usize) {
    let mut net = Net::new(servers);
    let ann = net.user_with(0, "ann", CAPABILITIES);
    let bob = net.user_with(servers - 1, "bob", CAPABILITIES);
    (net, ann, bob)
}

#[test]
fn one_line_has_the_label_itself() {
    for servers in [1, 3] {
        let (mut net, ann, bob) = pair(servers);
        for (line, answer) in [
            ("@label=a PING tide", "@label=a :server0 PONG server0 :tide"),
            (
                "@label=a;x=y NONSENSE",
                "@label=a :server0 421 ann NONSENSE :Unknown command",
            ),
            (
                "@label=a PRIVMSG bob :hi",
                "@label=a :ann!~ann@ID.crc PRIVMSG bob :hi",
            ),
            (
                "@label=a;+react=x NOTICE bob :hi",
                "@label=a :ann!~ann@ID.crc NOTICE bob :hi",
            ),
            ("@label=a PONG x", "@label=a :server0 ACK"),
            (
                "@label=a PRIVMSG nobody :x",
                "@label=a :server0 401 ann nobody :No such nick/channel",
            ),
            // The last one counts, and stays as it was escaped.
            (
                "@label=a;label=b\\s\\:c PONG x",
                "@label=b\\s\\:c :server0 ACK",
            ),
        ] {
            net.expect(ann, line, &[answer]);
        }
        net.expect_lines(
            bob,
            &[
                ":ann!~ann@ID.crc PRIVMSG bob :hi",
                ":ann!~ann@ID.crc NOTICE bob :hi",
            ],
        );
    }
}

#[test]
fn several_lines_are_a_batch() {
    for servers in [1, 3] {
        let (mut net, ann, bob) = pair(servers);
        net.expect(
            ann,
            "@label=join JOIN #reef",
            &[
                "@label=join :server0 BATCH +1 labeled-response",
                "@batch=1 :ann!~ann@ID.crc JOIN #reef",
                "@batch=1 :ann!~ann@ID.crc MODE #reef +t",
                "@batch=1 :server0 353 ann = #reef :@ann",
                "@batch=1 :server0 366 ann #reef :End of /NAMES list",
                ":server0 BATCH -1",
            ],
        );
        net.request(bob, "JOIN #reef");
        net.discard(&[ann]);
        net.expect(
            ann,
            "@label=two PRIVMSG #reef,bob :hi",
            &[
                "@label=two :server0 BATCH +2 labeled-response",
                "@batch=2 :ann!~ann@ID.crc PRIVMSG #reef :hi",
                "@batch=2 :ann!~ann@ID.crc PRIVMSG bob :hi",
                ":server0 BATCH -2",
            ],
        );
        assert_eq!(net.read_lines(bob).len(), 2);
        // The next line has none.
        net.expect(ann, "PING x", &[":server0 PONG server0 :x"]);
        net.expect(
            ann,
            "PRIVMSG #reef :hi",
            &[":ann!~ann@ID.crc PRIVMSG #reef :hi"],
        );
    }
}

#[test]
fn tags_of_the_server_stay_beside_the_label() {
    let mut net = Net::new(1);
    let ann = net.user_with(0, "ann", "batch labeled-response echo-message server-time");
    net.user(0, "bob");
    let echo = net.request(ann, "@label=a PRIVMSG bob :hi");
    assert!(echo[0].starts_with("@label=a;time=2023-"), "{echo:?}");
    assert!(
        echo[0].ends_with("Z :ann!~ann@ID.crc PRIVMSG bob :hi"),
        "{echo:?}"
    );
}

#[test]
fn of_a_message_to_oneself_only_the_echo_has_the_label() {
    let (mut net, ann, _) = pair(1);
    for command in ["PRIVMSG", "NOTICE"] {
        let line = format!(":ann!~ann@ID.crc {command} ann :note");
        let labelled = format!("@label=a {line}");
        let request = format!("@label=a {command} ann :note");
        net.expect(ann, &request, &[&labelled, &line]);
    }
}

#[test]
fn a_label_needs_both_capabilities_and_at_most_64_bytes() {
    let mut net = Net::new(1);
    let pong = [":server0 PONG server0 :x"];
    for (nick, capabilities) in [("ann", "labeled-response"), ("bob", "batch message-tags")] {
        let user = net.user_with(0, nick, capabilities);
        net.expect(user, "@label=a PING x", &pong);
    }
    let eve = net.user_with(0, "eve", CAPABILITIES);
    for (bytes, expected) in [(64, "@label="), (65, ":server0")] {
        let line = format!("@label={} PING x", "a".repeat(bytes));
        let answer = net.request(eve, &line);
        assert!(answer[0].starts_with(expected), "{answer:?}");
    }
    net.expect(eve, "@label PING x", &pong);
    net.expect(eve, "@label= PING x", &pong);
}

#[test]
fn an_answer_that_takes_several_events_is_one_batch() {
    let mut net = Net::new(1);
    let ann = net.user_with(0, "ann", CAPABILITIES);
    let bob = net.user(0, "bob");
    for number in 0..40 {
        net.request(bob, &format!("JOIN #{number}"));
        net.request(ann, &format!("JOIN #{number}"));
    }
    for number in 0..400 {
        net.user(0, &format!("u{number}"));
    }
    net.discard(&[ann, bob]);
    let line = (0..40)
        .map(|it| format!("#{it}"))
        .collect::<Vec<_>>()
        .join(",");
    net.send_line(ann, "@label=all WHO *");
    net.send_line(ann, &format!("@label=names NAMES {line}"));
    net.send_line(ann, "@label=end PING x");
    net.fixture.run(Duration::from_secs(2));
    let lines = net.read_lines(ann);
    let mut open = None;
    let mut labels = Vec::new();
    for line in &lines {
        if let Some((label, rest)) = line
            .strip_prefix("@label=")
            .and_then(|it| it.split_once(' '))
        {
            assert_eq!(open, None, "{line}");
            labels.push(label.to_owned());
            let batch = rest.strip_prefix(":server0 BATCH +");
            open = batch.map(|it| it.split(' ').next().unwrap().to_owned());
        } else if let Some(batch) = line.strip_prefix(":server0 BATCH -") {
            assert_eq!(open.take().as_deref(), Some(batch));
        } else {
            let batch = open.as_deref().expect("a batch is open");
            assert!(
                line.starts_with(&format!("@batch={batch} :server0 3")),
                "{line}"
            );
        }
    }
    assert_eq!(labels, ["all", "names", "end"]);
    assert_eq!(lines.iter().filter(|it| it.contains(" 352 ")).count(), 402);
}

#[test]
fn the_last_line_of_a_link_has_no_label() {
    let (mut net, ann, _) = pair(1);
    let lines = net.request(ann, "@label=a QUIT :bye");
    assert_eq!(lines, ["ERROR :Closing Link: ann (Quit: bye)"]);
}
