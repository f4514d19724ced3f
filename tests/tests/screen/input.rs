//! What is typed: completion, pastes, earlier lines, passwords, the help.

use crate::screen::reef::{DOWN, ESC, F1, UP, at_each_size, ctrl, prompts, user};

#[test]
fn names_and_commands_are_completed_anywhere_in_a_line() {
    at_each_size(|mut reef| {
        let _bea = user(&reef.server, "bea");
        reef.ann.sees("bea joined");
        reef.bob_says("hello");
        reef.ann.sees("<bob> hello");
        // Who has spoken last comes first; further tabs go through the others and back.
        reef.ann.types("b\t");
        prompts(&reef.ann, "#reef> bob:");
        reef.ann.types("\t");
        prompts(&reef.ann, "#reef> bea:");
        reef.ann.types("\u{1b}[Z");
        prompts(&reef.ann, "#reef> bob:");
        // In the middle of a line, what follows stays.
        reef.ann.types(&ctrl('u'));
        reef.ann.types("ask B and go");
        reef.ann.types(&"\u{1b}[D".repeat(" and go".len()));
        reef.ann.types("\t\t");
        prompts(&reef.ann, "#reef> ask bea  and go");
        reef.ann.types(&ctrl('e'));
        reef.ann.types(&ctrl('u'));
        reef.ann.types("see #re\t");
        prompts(&reef.ann, "#reef> see #reef");
        reef.ann.types(&ctrl('u'));
        reef.ann.types("/topi\t");
        prompts(&reef.ann, "#reef> /topic");
    });
}

#[test]
fn lines_that_are_pasted_are_asked_about_and_are_never_commands() {
    at_each_size(|mut reef| {
        reef.ann.pastes("/quit\nsecond\n\n/part #reef\n");
        prompts(&reef.ann, "Paste 3 lines to #reef? Enter: as 3 messages");
        reef.ann.types(ESC);
        reef.ann.sees("Nothing was pasted");
        reef.ann.pastes("/quit\nsecond\n/part #reef");
        prompts(&reef.ann, "Paste 3 lines");
        // Other keys answer nothing.
        reef.ann.types("q\t");
        reef.ann.types("\r");
        for text in ["/quit", "second", "/part #reef"] {
            reef.bob.expect(&format!("PRIVMSG #reef :{text}"));
            reef.ann.sees(&format!("<ann> {text}"));
        }
        reef.ann.pastes("one\ntwo");
        prompts(&reef.ann, "Paste 2 lines");
        reef.ann.types("j");
        prompts(&reef.ann, "#reef> one two");
        reef.ann.types("\r");
        reef.bob.expect("PRIVMSG #reef :one two");
        // One line is typed, with nothing that controls the terminal, and waits for Enter.
        reef.ann.pastes("only\u{7}\t one");
        prompts(&reef.ann, "#reef> only     one");
    });
}

#[test]
fn earlier_lines_come_back() {
    at_each_size(|mut reef| {
        for text in ["first", "second"] {
            reef.ann.enters(text);
            reef.bob.expect(&format!("PRIVMSG #reef :{text}"));
        }
        reef.ann.types("unfinished");
        reef.ann.types(UP);
        prompts(&reef.ann, "#reef> second");
        reef.ann.types(UP);
        prompts(&reef.ann, "#reef> first");
        reef.ann.types(DOWN);
        prompts(&reef.ann, "#reef> second");
        reef.ann.types(DOWN);
        prompts(&reef.ann, "#reef> unfinished");
    });
}

#[test]
fn a_password_is_never_seen_and_does_not_come_back() {
    at_each_size(|reef| {
        let ann = &reef.ann;
        let hides = |ann: &crc_e2e::fixture::Screen| {
            let text = ann.text();
            assert!(!text.contains("hunter"), "{text}");
        };
        ann.enters("/oper boss");
        prompts(ann, "password of boss:");
        ann.types("hunter2");
        hides(ann);
        ann.types(&ctrl('u'));
        ann.types(&ctrl('y'));
        ann.types(UP);
        ann.types("\t");
        hides(ann);
        ann.types(ESC);
        ann.sees("No password was sent");
        hides(ann);
        ann.types(&ctrl('y'));
        ann.types("x");
        prompts(ann, "#reef> x");
        hides(ann);
        ann.types(&ctrl('c'));
        // In the same line it is masked.
        ann.types("/oper boss hunter2");
        prompts(ann, "#reef> /oper boss *******");
        ann.types(&ctrl('u'));
        ann.types(&ctrl('y'));
        ann.types("y");
        ann.wait("a line that ends with y", |rows| {
            rows.last().is_some_and(|it| it.ends_with('y'))
        });
        hides(ann);
        ann.types(&ctrl('c'));
        // Sent, it leaves nothing to come back.
        ann.enters("/oper boss");
        prompts(ann, "password of boss:");
        ann.enters("hunter2");
        prompts(ann, "#reef>");
        for key in [UP, UP, UP, DOWN, DOWN] {
            ann.types(key);
            hides(ann);
        }
        ann.types("end");
        ann.wait("the keys handled", |rows| {
            rows.last().is_some_and(|it| it.contains("end"))
        });
        hides(ann);
        // A window that the user leaves keeps no password.
        ann.types(&ctrl('u'));
        ann.enters("/oper boss");
        prompts(ann, "password of boss:");
        ann.types("hunter2");
        ann.types("\u{1b}1");
        prompts(ann, "> ");
        ann.types("\u{1b}2");
        prompts(ann, "#reef>");
        hides(ann);
    });
}

#[test]
fn the_help_window_lists_the_keys_and_commands() {
    at_each_size(|reef| {
        reef.ann.types(F1);
        reef.ann.sees("Ctrl-F                 search");
        for _ in 0..6 {
            reef.ann.types(" ");
        }
        reef.ann.sees("any other key closes this help");
        reef.ann.sees("//TEXT");
        reef.ann.types("x");
        reef.ann.sees("you are in #reef");
        prompts(&reef.ann, "#reef>");
        reef.ann.enters("/help");
        reef.ann.sees("Keys");
    });
}
