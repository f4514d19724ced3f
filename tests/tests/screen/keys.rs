//! The keys that no other test is about, and the commands of the screen.

use crc_e2e::fixture::wait::{self, LONG};

use crate::screen::reef::{Reef, alt, at_each_size, ctrl, prompts};

const CTRL_HOME: &str = "\u{1b}[1;5H";
const CTRL_END: &str = "\u{1b}[1;5F";
const CTRL_LEFT: &str = "\u{1b}[1;5D";
const CTRL_RIGHT: &str = "\u{1b}[1;5C";
const HOME: &str = "\u{1b}[H";
const END: &str = "\u{1b}[F";

#[test]
fn keys_move_in_the_line_and_delete_from_it() {
    at_each_size(|reef| {
        let ann = &reef.ann;
        for (keys, expected) in [
            ("one two zoë 🐙", "one two zoë 🐙"),
            (&*format!("{}x", ctrl('a')), "xone two zoë 🐙"),
            (&format!("{}y", ctrl('e')), "xone two zoë 🐙y"),
            (&format!("{CTRL_LEFT}{CTRL_LEFT}z"), "xone two zzoë 🐙y"),
            (&format!("{CTRL_RIGHT}!"), "xone two zzoë! 🐙y"),
            (&format!("{HOME}a{END}b"), "axone two zzoë! 🐙yb"),
            (&ctrl('w'), "axone two zzoë! "),
            ("\u{1b}[D\u{7f}", "axone two zzoë "),
            (&format!("{}{}", ctrl('a'), ctrl('k')), ""),
            (&ctrl('y'), "axone two zzoë "),
            (&format!("{CTRL_LEFT}{}", ctrl('u')), "zzoë "),
            (&ctrl('y'), "axone two zzoë "),
        ] {
            ann.types(keys);
            let shown = format!("#reef> {expected}");
            ann.wait(&format!("{shown:?} after {keys:?}"), |rows| {
                rows.last().is_some_and(|row| row == shown.trim_end())
            });
        }
    });
}

#[test]
fn keys_and_commands_lead_to_windows() {
    at_each_size(|mut reef| {
        for channel in ["#cave", "#abyss"] {
            reef.ann.enters(&format!("/join {channel}"));
            prompts(&reef.ann, &format!("{channel}>"));
        }
        // Windows are in the order in which they were opened: server #reef #cave #abyss.
        for (keys, prompt) in [
            (ctrl('n'), "> "),
            (ctrl('p'), "#abyss>"),
            (ctrl('p'), "#cave>"),
            (alt('2'), "#reef>"),
            (alt('l'), "#cave>"),
            ("/window 1\r".to_owned(), "> "),
            ("/window AB\r".to_owned(), "#abyss>"),
            ("/to #reef\r".to_owned(), "#reef>"),
            ("/to\r".to_owned(), "> "),
        ] {
            reef.ann.types(&keys);
            prompts(&reef.ann, prompt);
        }
        reef.ann.enters("/window 9");
        reef.ann.sees("There is no window 9");
        reef.ann.enters("/window nemo");
        reef.ann.sees("There is no such window. Use /window NUMBER");
        reef.ann.types(&alt('a'));
        reef.ann.sees("Nothing new in other windows");
        reef.ann.types(&ctrl('u'));
        // Those that mention the user come first.
        reef.bob_says("kelp");
        reef.ann.sees("2 #reef 1");
        reef.bob.send_line("PRIVMSG ann :psst").unwrap();
        reef.ann.sees("bob 1!");
        reef.ann.types(&alt('a'));
        prompts(&reef.ann, "bob>");
        reef.ann.types(&alt('a'));
        prompts(&reef.ann, "#reef>");
    });
}

#[test]
fn the_oldest_and_the_newest_line_are_one_key_away() {
    at_each_size(|mut reef| {
        for number in 1..=60 {
            reef.bob_says(&format!("line {number}."));
        }
        reef.ann.sees("line 60.");
        reef.ann.types(CTRL_HOME);
        reef.ann.sees("you are in #reef");
        reef.ann.sees("scrolled: Ctrl-End");
        reef.bob_says("line 61.");
        reef.ann.types(CTRL_END);
        reef.ann.sees("line 61.");
        reef.ann.sees_no_longer("scrolled");
        reef.ann.enters("/search line 7.");
        reef.ann.sees("<bob> line 7.");
        prompts(&reef.ann, "search: line 7.");
        reef.ann.types("\r");
        reef.ann.sees("No further line has it");
        reef.ann.types("\u{1b}");
        prompts(&reef.ann, "#reef>");
        reef.ann.enters("/search");
        reef.ann.sees("The text is missing. Use /search TEXT");
        reef.ann.enters("/clear");
        reef.ann.sees_no_longer("line");
        reef.bob_says("after that");
        reef.ann.sees("<bob> after that");
    });
}

#[test]
fn what_cannot_be_sent_comes_back_and_is_replaced_by_what_is_typed() {
    at_each_size(|mut reef| {
        reef.ann.types(&alt('1'));
        prompts(&reef.ann, "> ");
        reef.ann.enters("/me waves");
        reef.ann
            .sees("This window is with the server. Use /join #channel");
        prompts(&reef.ann, "> /me waves");
        let is_marked = |reef: &Reef| {
            reef.ann.inspect(|screen| {
                let last = screen.size().0.get() - 1;
                screen.cell(last, 2).is_some_and(vt100::Cell::inverse)
            })
        };
        assert!(wait::holds(LONG, || is_marked(&reef)));
        // What is typed is a line of its own.
        reef.ann.types("/window #reef");
        prompts(&reef.ann, "> /window #reef");
        assert!(!is_marked(&reef));
        reef.ann.types("\r");
        prompts(&reef.ann, "#reef>");
        reef.bob.send_line("KICK #reef ann").unwrap();
        reef.ann.sees("bob kicked you");
        reef.ann.enters("still her");
        reef.ann.sees("You are not in #reef. Use /join #reef");
        prompts(&reef.ann, "#reef> still her");
        // A key that moves makes it a line to go on with.
        reef.ann.types(END);
        reef.ann.types("e?");
        prompts(&reef.ann, "#reef> still here?");
        reef.ann.types(&ctrl('u'));
        // A text for another window leaves what is typed there alone.
        reef.ann.types("half a line");
        reef.ann.types(&alt('1'));
        prompts(&reef.ann, "> ");
        reef.ann.enters("/msg #reef anyone?");
        reef.ann.sees("You are not in #reef. Use /join #reef");
        prompts(&reef.ann, "> /msg #reef anyone?");
        reef.ann.types(&alt('2'));
        prompts(&reef.ann, "#reef> half a line");
        // Lines that were pasted are not lost either.
        reef.ann.pastes("one\ntwo");
        prompts(&reef.ann, "Paste 2 lines to #reef?");
        reef.ann.types("\r");
        prompts(&reef.ann, "Paste 2 lines to #reef?");
        reef.ann.types("\u{1b}");
        prompts(&reef.ann, "#reef> half a line");
    });
}

#[test]
fn a_message_to_another_window_is_shown_in_short_where_it_was_typed() {
    at_each_size(|mut reef| {
        reef.ann.enters("/msg bob psst");
        reef.bob.expect("PRIVMSG bob :psst");
        reef.ann.sees("* to bob: psst");
        reef.ann.enters("/to bob");
        let text = reef.ann.sees("<ann> psst");
        assert!(!text.contains("to bob:"), "{text}");
        reef.ann.enters("/msg bob again");
        let text = reef.ann.sees("<ann> again");
        assert!(!text.contains("to bob:"), "{text}");
    });
}

#[test]
fn the_user_s_name_and_absence_are_in_the_status_row() {
    at_each_size(|mut reef| {
        let address = reef.server.address();
        reef.ann.enters("/nick annie");
        reef.ann.sees("you are now known as annie");
        reef.ann.sees(&format!(" annie at {address}"));
        reef.ann.enters("/away at lunch");
        reef.ann.sees("you are away: at lunch");
        reef.ann.sees(&format!(" annie (away) at {address}"));
        reef.ann.enters("/away");
        reef.ann.sees("you are back");
        reef.ann.sees(&format!(" annie at {address}"));
        reef.bob.send_line("AWAY :gone fishing").unwrap();
        reef.bob.expect(" 306 ");
        reef.ann.enters("/msg bob psst");
        reef.ann.types(&alt('3'));
        reef.ann.sees("* bob is away: gone fishing");
        reef.bob.send_line("MODE #reef +o annie").unwrap();
        reef.bob.expect(" MODE #reef +o annie");
        reef.ann.types(&alt('2'));
        reef.bob.send_line("PART #reef").unwrap();
        reef.ann.sees("bob left");
        reef.ann.enters("/invite bob");
        reef.ann.sees("you invite bob to #reef");
        reef.bob.expect(" INVITE ");
    });
}
