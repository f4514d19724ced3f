//! The options of the screen, from a file as docs/CLIENT.md shows it.

use std::fs;

use crc_e2e::fixture::irc::LinePeer;
use crc_e2e::fixture::wait::{self, LONG};
use crc_e2e::fixture::{Fixture, Screen, Server};

use crate::screen::reef::{SIZES, prompts, user};

/// Ann with this configuration, and bob, who is in #reef.
struct Configured {
    ann: Screen,
    bob: LinePeer,
    fixture: Fixture,
    _server: Server,
}

fn configured(size: (u16, u16), file: &str) -> Configured {
    let fixture = Fixture::new().unwrap();
    let server = fixture.server(1, "reef").irc().start().unwrap();
    let bob = user(&server, "bob");
    let path = fixture.logs().file("client.toml");
    fs::write(&path, file).unwrap();
    let options = ["--config", path.to_str().unwrap()];
    let ann = Screen::start(&fixture, server.address(), "ann", &options, size);
    ann.sees("1 other client is here");
    Configured {
        ann,
        bob,
        fixture,
        _server: server,
    }
}

impl Configured {
    fn bob_says(&mut self, text: &str) {
        self.bob
            .send_line(&format!("PRIVMSG #reef :{text}"))
            .unwrap();
    }

    /// The colours of the cells of the screen.
    fn colours(&self) -> Vec<vt100::Color> {
        self.ann.inspect(|screen| {
            let (rows, columns) = screen.size();
            let cells = (0..rows.get()).flat_map(|y| (0..columns.get()).map(move |x| (y, x)));
            let cells = cells.filter_map(|(y, x)| screen.cell(y, x));
            cells
                .flat_map(|cell| [cell.fgcolor(), cell.bgcolor()])
                .collect()
        })
    }
}

#[test]
fn options_of_the_file_do_what_the_page_says() {
    for size in SIZES {
        let mut it = configured(
            size,
            "join = [\"#reef\"]\nignore = [\"spam*\"]\nlog-dir = \"~/chats\"\n\
             [screen]\ntime-format = \"at %Hh\"\nhighlight = [\"tide\", \"crab\"]\n\
             no-bell = true\nmouse = true\n",
        );
        it.ann.sees("2 #reef");
        // A word of the file is a mention: no bell, but a notification.
        it.bob_says("a crab!");
        it.ann.sees("2 #reef 1!");
        it.bob_says("crabs");
        it.ann.sees("2 #reef 2!");
        it.ann.enters("/to #reef");
        it.ann.wait("the format of the time", |rows| {
            rows.iter().any(|row| {
                let Some((time, _)) = row.split_once("h <bob> a crab!") else {
                    return false;
                };
                time.ends_with(|c: char| c.is_ascii_digit()) && time.contains("at ")
            })
        });
        assert_eq!(it.ann.notifications(), ["bob in #reef: a crab!"]);
        assert_eq!(it.ann.bells(), 0);
        // Ignored users are not seen; the list can be changed.
        let mut spam = user(&it._server, "spammer");
        it.ann.sees("spammer");
        spam.send_line("PRIVMSG #reef :buy!").unwrap();
        it.bob.expect("buy!");
        it.bob_says("after spam");
        let text = it.ann.sees("after spam");
        assert!(!text.contains("buy!"), "{text}");
        it.ann.enters("/unignore spam*");
        it.ann.sees("you ignore no clients");
        spam.send_line("PRIVMSG #reef :buy more!").unwrap();
        it.ann.sees("<spammer> buy more!");
        // The wheel scrolls.
        for number in 0..60 {
            it.bob_says(&format!("line {number}."));
        }
        it.ann.sees("line 59.");
        it.ann.types(&"\u{1b}[<64;10;10M".repeat(10));
        it.ann.sees("scrolled: Ctrl-End");
        it.ann.types(&"\u{1b}[<65;10;10M".repeat(11));
        it.ann.sees_no_longer("scrolled");
        // The conversation is in a file.
        it.ann.enters("logged?");
        it.bob.expect("logged?");
        it.ann.enters("/quit");
        it.ann.wait_end();
        let folder = it.fixture.logs().path().join("home-ann/chats");
        let files = fs::read_dir(folder).unwrap();
        let texts = files.map(|file| fs::read_to_string(file.unwrap().path()).unwrap());
        let text = texts.collect::<String>();
        assert!(text.contains(" <ann> logged?\n"), "{text}");
        assert!(text.contains(" <bob> a crab!\n"), "{text}");
        assert!(!text.contains("buy!"), "{text}");
    }
}

#[test]
fn a_mention_only_notifies_if_the_user_wants_that() {
    let mut it = configured(SIZES[0], "join = [\"#reef\"]\n[screen]\nno-notify = true\n");
    it.ann.sees("2 #reef");
    it.bob_says("ann: psst");
    it.ann.sees("2 #reef 1!");
    assert!(wait::holds(LONG, || it.ann.bells() == 1));
    assert!(it.ann.notifications().is_empty());
}

#[test]
fn colours_are_as_many_as_the_file_says() {
    let is_basic = |colour: &vt100::Color| matches!(colour, vt100::Color::Idx(..=15));
    let is_rich = |colour: &vt100::Color| matches!(colour, vt100::Color::Idx(16..));
    for (colours, basic, rich) in [
        ("none", false, false),
        ("8", true, false),
        ("256", false, true),
    ] {
        let file = format!("join = [\"#reef\"]\n[screen]\ncolours = \"{colours}\"\n");
        let mut it = configured(SIZES[0], &file);
        it.ann.sees("2 #reef");
        it.ann.enters("/to #reef");
        prompts(&it.ann, "#reef>");
        it.bob_says("in colour?");
        it.ann.sees("in colour?");
        let found = it.colours();
        assert_eq!(found.iter().any(is_basic), basic, "{colours}: {found:?}");
        assert_eq!(found.iter().any(is_rich), rich, "{colours}: {found:?}");
    }
}
