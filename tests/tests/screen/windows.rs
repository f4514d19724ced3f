//! Windows: for the server, channels and people.

use crc_e2e::fixture::irc::LinePeer;
use crc_e2e::fixture::wait::{self, LONG};
use crc_e2e::fixture::{Fixture, Screen};

use crate::screen::reef::{SIZES, alt, at_each_size, prompts, user};

#[test]
fn two_users_at_terminals_talk_to_each_other() {
    for size in SIZES {
        let fixture = Fixture::new().unwrap();
        let server = fixture.server(1, "reef").start().unwrap();
        let [ann, bob] =
            ["ann", "bob"].map(|name| Screen::start(&fixture, server.address(), name, &[], size));
        ann.sees("here");
        bob.sees("here");
        ann.enters("/join #reef");
        ann.sees("you are in #reef");
        bob.enters("/join #reef");
        bob.sees("you are in #reef");
        ann.enters("/msg #reef hello bob");
        bob.sees("hello bob");
        bob.enters("/msg ann hello ann");
        ann.enters("/to bob");
        ann.sees("hello ann");
        for mut user in [ann, bob] {
            user.enters("/quit");
            assert!(user.wait_end().success());
        }
    }
}

#[test]
fn other_windows_count_what_is_new_and_what_mentions_the_user() {
    at_each_size(|mut reef| {
        reef.ann.types(&alt('1'));
        prompts(&reef.ann, "> ");
        reef.bob_says("kelp grows");
        reef.ann.sees("2 #reef 1");
        assert_eq!(reef.ann.bells(), 0);
        reef.bob_says("ann: look");
        reef.ann.sees("2 #reef 2!");
        reef.bob.send_line("PRIVMSG ann :psst").unwrap();
        reef.ann.sees("3 bob 1!");
        // The client rings and notifies after it has drawn.
        let notified = || reef.ann.notifications();
        let wanted = ["bob in #reef: ann: look", "bob: psst"];
        assert!(
            wait::holds(LONG, || notified() == wanted),
            "{:?}",
            notified()
        );
        assert!(wait::holds(LONG, || reef.ann.bells() >= 2));
        let text = reef.ann.text();
        assert!(!text.contains("kelp") && !text.contains("psst"), "{text}");
        // What is new is below a mark, and no longer counted.
        reef.ann.types(&alt('2'));
        let rows = reef.ann.sees("<bob> ann: look");
        let mark = rows.find("── new ──").unwrap();
        assert!(mark < rows.find("<bob> kelp grows").unwrap(), "{rows}");
        reef.ann.sees_no_longer("#reef 2");
        reef.ann.types(&alt('a'));
        reef.ann.sees("<bob> psst");
        prompts(&reef.ann, "bob>");
        // Back, and what is typed goes where the user looks.
        reef.ann.types(&alt('l'));
        prompts(&reef.ann, "#reef>");
        reef.ann.enters("seen");
        reef.bob.expect("PRIVMSG #reef :seen");
    });
}

#[test]
fn a_channel_shows_its_topic_and_its_members_with_their_ranks() {
    at_each_size(|mut reef| {
        let ends =
            |end: &'static str| move |rows: &[String]| rows.iter().any(|it| it.ends_with(end));
        reef.ann.wait("the operator bob", ends("│@bob"));
        reef.ann.wait("the member ann", ends("│ ann"));
        reef.bob.send_line("MODE #reef +v ann").unwrap();
        reef.ann.wait("ann with voice", ends("│+ann"));
        reef.bob.send_line("TOPIC #reef :all about kelp").unwrap();
        reef.ann.wait("the topic", |rows| {
            rows[0].starts_with(" #reef") && rows[0].ends_with("| all about kelp")
        });
        reef.ann.types(&alt('m'));
        reef.ann.sees_no_longer("@bob");
        reef.ann.types(&alt('m'));
        reef.ann.sees("@bob");
        reef.bob.send_line("KICK #reef ann :no diving").unwrap();
        reef.ann.sees("bob kicked you: no diving");
        reef.ann.enters("still here?");
        reef.ann.sees("You are not in #reef. Use /join #reef");
        prompts(&reef.ann, "#reef> still here?");
    });
}

#[test]
fn those_who_come_and_go_are_counted_at_log_in_and_then_folded() {
    at_each_size(|reef| {
        let mut others = ["cat", "dan"].map(|name| user(&reef.server, name));
        reef.ann.sees("2 joined: cat dan");
        others[0].send_line("QUIT").unwrap();
        let text = reef.ann.sees("2 joined: cat dan, cat left");
        assert_eq!(text.matches("joined").count(), 1, "{text}");
        let late = Screen::start(&reef.fixture, reef.server.address(), "eve", &[], reef.size);
        let text = late.sees("3 other clients are here. /who lists them");
        assert!(!text.contains("bob") && !text.contains("joined"), "{text}");
    });
}

#[test]
fn a_join_switches_a_failed_to_keeps_and_close_leaves() {
    at_each_size(|mut reef| {
        let ann = &reef.ann;
        ann.enters("/join #cave");
        prompts(ann, "#cave>");
        reef.bob.send_line("JOIN #cave").unwrap();
        ann.sees("bob joined");
        ann.enters("/to nemo");
        ann.sees("No client is named nemo. Use /who");
        ann.enters("/to #abyss");
        ann.sees("You are not in #abyss. Use /join #abyss");
        ann.enters("still in the cave");
        reef.bob.expect("PRIVMSG #cave :still in the cave");
        ann.enters("/close");
        prompts(ann, "#reef>");
        ann.sees_no_longer("#cave");
        reef.bob.expect(" PART #cave");
        // What is said there afterwards opens no window; what is said privately does.
        reef.bob.send_line("PRIVMSG #cave :alone now").unwrap();
        reef.bob.send_line("PRIVMSG ann :alone now").unwrap();
        ann.sees("3 bob 1!");
        ann.enters("/to bob");
        ann.sees("<bob> alone now");
        ann.enters("/close");
        prompts(ann, "#reef>");
        ann.enters("/join #REEF");
        ann.types(&alt('1'));
        prompts(ann, "> ");
        ann.enters("to whom?");
        ann.sees("This window is with the server. Use /join #channel");
        prompts(ann, "> to whom?");
        // A channel that refuses the user takes the user nowhere.
        let mut cat = LinePeer::irc_user(reef.server.irc().unwrap(), "cat").unwrap();
        cat.send_line("JOIN #vault\r\nMODE #vault +k key").unwrap();
        cat.expect(" MODE #vault ");
        ann.types("\u{15}");
        ann.enters("/join #vault");
        ann.sees("#vault: ");
        prompts(ann, "> ");
    });
}
