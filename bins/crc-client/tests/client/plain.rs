//! What people see line by line (`--plain`): names, times, folded events, conversations.

use crate::channels::{chat, join, part, request, set, status};
use crate::fixture::{
    ALICE, ANNOUNCEMENT, Link, REGISTRATION, Server, WELCOME, chat as private, registration,
    sent_chat,
};
use crate::terminal::User;

/// The answer of a server that supports channels to an announcement.
const FEATURES: &[u8] = b"\x01\0\0\0\x01\0\0\0\x65\x01\0\0\0\0\x13crc-caps 1 channels";

/// Accepts client 101 in a network where alice is.
fn welcome(server: &Server) -> Link {
    server.welcome_with(&[ALICE, FEATURES])
}

fn quit(id: u8, text: &str) -> Vec<u8> {
    let len = u32::try_from(text.len()).unwrap().to_be_bytes();
    [&[0x82, 0, 0, 0, id], &len[..], text.as_bytes()].concat()
}

/// The user joins a channel, and the server lets the user in.
fn enter(user: &mut User, link: &mut Link, channel: &str) {
    user.types(&format!("/join {channel}\r"));
    link.expect(&request(101, 0, 7, channel, ""));
    link.send(&join(101, 0, 0, channel));
    user.sees(&format!("* you are in {channel}: 1 member: bob\r\n"));
    user.sees(&format!("* talking to {channel}\r\n"));
    user.prompts_for(channel);
}

#[test]
fn those_who_come_and_go_are_counted_at_log_in_and_then_folded() {
    let server = Server::start();
    let mut user = User::new(&server, false);
    let mut link = welcome(&server);
    user.sees("* 1 other client is here. /who lists them, /help lists the commands\r\n");
    user.sees("> ");
    user.has_not_seen("alice");
    enter(&mut user, &mut link, "#reef");
    let frames = [
        registration(8, "cat", "fish"),
        registration(9, "dan", "sand"),
        join(7, 0, 2, "#reef"),
        join(8, 0, 0, "#reef"),
        quit(8, "bye"),
        part(7, 0, "#reef", "so long"),
    ];
    link.send(&frames.concat());
    user.sees("* 2 came online: cat dan, cat quit: bye\r\n");
    user.sees("* #reef: 2 joined: alice cat, alice left: so long\r\n");
    // Another line does not overtake them.
    link.send(&[join(9, 0, 1, "#reef"), chat(9, 0, "#reef", "Hi")].concat());
    user.sees("* #reef: dan joined as an operator\r\n");
    user.sees("#reef <dan> Hi\r\n");
}

#[test]
fn an_id_is_shown_only_where_two_share_a_name() {
    let server = Server::start();
    let mut user = User::new(&server, false);
    let mut link = welcome(&server);
    user.sees_who_is_here();
    link.send(&private(7, 101, "one"));
    user.sees("<alice> one\r\n");
    let frames = [registration(8, "alice", ""), private(7, 101, "two")];
    link.send(&frames.concat());
    user.sees("* alice (8) came online\r\n");
    user.sees("<alice (7)> two\r\n");
    user.types("/to alice\r");
    user.sees("! Several clients are named alice. Use an id: 7, 8\r\n");
    user.types("/to 8\r");
    user.sees("* talking to alice (8)\r\n");
    user.prompts_for("alice (8)");
    user.types("Hi\r");
    link.expect(&sent_chat(8, "Hi"));
    link.send(&[quit(7, ""), private(8, 101, "three")].concat());
    user.sees("<alice> three\r\n");
    // One with the user's own name.
    let frames = [registration(9, "bob", ""), private(9, 101, "four")];
    link.send(&frames.concat());
    user.sees("<bob (9)> four\r\n");
}

#[test]
fn a_line_goes_where_the_prompt_says() {
    let server = Server::start();
    let mut user = User::new(&server, false);
    let mut link = welcome(&server);
    user.sees_who_is_here();
    user.types("/to alice\r");
    user.sees("* talking to alice\r\n");
    user.prompts_for("alice");
    enter(&mut user, &mut link, "#reef");
    for (line, error) in [
        ("/to nemo", "! No client is named nemo. Use /who\r\n"),
        (
            "/to #abyss",
            "! You are not in #abyss. Use /join #abyss\r\n",
        ),
    ] {
        user.types(&format!("{line}\r"));
        user.sees(error);
        user.sees("to #reef> ");
    }
    user.types("/join #vault\r");
    link.expect(&request(101, 0, 7, "#vault", ""));
    link.send(&status(3, "#vault: wrong key"));
    user.sees("! #vault: wrong key\r\n");
    user.sees("to #reef> ");
    user.types("here\r");
    link.expect(&chat(101, 0, "#reef", "here"));
    enter(&mut user, &mut link, "#cave");
    user.types("/close\r");
    link.expect(&part(101, 0, "#cave", ""));
    user.sees("* talking to #reef\r\n");
    link.send(&part(101, 0, "#cave", ""));
    user.sees("* you left #cave\r\n");
    user.prompts_for("#reef");

    // The server lets the user into a channel while a line for another one is being typed.
    user.types("/join #slow\r");
    link.expect(&request(101, 0, 7, "#slow", ""));
    user.sees("to #reef> ");
    user.types("for the ");
    user.sees("for the ");
    link.send(&join(101, 0, 0, "#slow"));
    user.sees("* talking to #slow\r\n");
    user.types("reef\r");
    link.expect(&chat(101, 0, "#reef", "for the reef"));
    user.sees("to #slow> ");

    // Back, to the last one that is left.
    user.types("/part #reef\r");
    link.expect(&part(101, 0, "#reef", ""));
    link.send(&part(101, 0, "#reef", ""));
    user.types("/part\r");
    link.expect(&part(101, 0, "#slow", ""));
    user.sees("* talking to alice\r\n");
    user.prompts_for("alice");
    user.types("/close\r");
    user.sees("* not talking to anyone\r\n");
}

#[test]
fn what_is_typed_without_a_connection_is_sent_when_there_is_one() {
    let server = Server::start();
    let mut user = User::new(&server, false);
    let mut link = welcome(&server);
    user.sees_who_is_here();
    user.types("/to alice\r");
    user.sees("* talking to alice\r\n");
    user.prompts_for("alice");
    enter(&mut user, &mut link, "#reef");
    drop(link);
    // It is connected, but not accepted.
    let mut link = server.accept();
    link.expect(REGISTRATION);
    user.types("in the reef\r");
    user.sees("* not connected: this is sent to #reef as soon as you are\r\n");
    user.types("/msg alice psst\r");
    user.sees("* not connected: this is sent to alice as soon as you are\r\n");
    user.types("/msg zoe psst\r");
    user.sees("* not connected: this is sent to zoe as soon as you are\r\n");
    link.send(&[WELCOME, ALICE, FEATURES].concat());
    link.expect(ANNOUNCEMENT);
    link.expect(&request(101, 0, 7, "#reef", ""));
    link.expect(&sent_chat(7, "psst"));
    user.sees("* sent to alice: psst\r\n");
    user.sees("! zoe is not here any more. This was not sent: psst\r\n");
    link.expect_nothing_yet();
    link.send(&join(101, 0, 0, "#reef"));
    link.expect(&chat(101, 0, "#reef", "in the reef"));
    user.sees("* sent to #reef: in the reef\r\n");
    // The loss was short, so one line tells of the connection.
    user.has_not_seen("disconnected");
}

#[test]
fn mentions_and_private_messages_ring_the_bell() {
    for options in [&[][..], &["--no-bell"]] {
        let server = Server::start();
        let mut user = User::with(&server, |command| {
            command.env("NO_COLOR", "1").args(options);
        });
        let rings = options.is_empty();
        let mut link = welcome(&server);
        user.sees_who_is_here();
        enter(&mut user, &mut link, "#reef");
        link.send(&chat(7, 0, "#reef", "bobbing along"));
        user.sees("#reef <alice> bobbing along\r\n");
        user.has_not_seen("\u{7}");
        link.send(&chat(7, 0, "#reef", "Bob: look"));
        if rings {
            user.sees("\u{7}");
        }
        user.sees("#reef <alice> Bob: look\r\n");
        link.send(&private(7, 101, "psst"));
        if rings {
            user.sees("\u{7}");
        }
        user.sees("<alice> psst\r\n");
        if !rings {
            user.has_not_seen("\u{7}");
        }
    }
}

#[test]
fn lines_have_a_time_and_break_at_words() {
    let server = Server::start();
    let mut user = User::with(&server, |command| {
        command.args(["--time-format=<%%>", "--colours=none"]);
    });
    let mut link = welcome(&server);
    user.sees("<%> * Welcome in (your id is 101)\r\n");
    user.sees_who_is_here();
    let word = "x".repeat(30);
    let text = [&*word; 4].join(" ");
    link.send(&private(7, 101, &text));
    // The terminal has 100 columns.
    user.sees(&format!(
        "<%> <alice> {word} {word}\r\n    {word} {word}\r\n"
    ));
    enter(&mut user, &mut link, "#reef");
    link.send(&set(7, 9, 0, "#reef", "\u{3}4all \u{2}about\u{2} kelp"));
    user.sees("<%> * #reef: alice set the topic: all about kelp\r\n");

    // Without a time nothing stands before a line.
    let mut user = User::with(&server, |command| {
        command.args(["--time-format=", "--colours=none"]);
    });
    let _link = welcome(&server);
    user.sees("\n* Welcome in (your id is 101)\r\n");
}

#[test]
fn pasted_lines_of_a_text_are_never_commands() {
    let server = Server::start();
    let mut user = User::new(&server, false);
    let mut link = welcome(&server);
    user.sees_who_is_here();
    user.types("/to alice\r");
    user.sees("* talking to alice\r\n");
    user.prompts_for("alice");
    user.types("\u{1b}[200~one\n/quit\n\nthree\u{1b}[201~\r");
    for text in ["one", "/quit", "three"] {
        link.expect(&sent_chat(7, text));
    }
    // Names are completed in a text, too.
    user.types("al\tlook\r");
    link.expect(&sent_chat(7, "alice: look"));
}
