//! The terminal: its colours, its bell, its end, and what peers cannot do to it.

use crc_e2e::fixture::wait::{self, LONG};
use crc_e2e::fixture::{Fixture, SUSPENDED, Screen};
use rustix::process::Signal;

use crate::screen::reef::{Reef, SIZES, at_each_size, ctrl, prompts, user};

/// How a client ends.
type End = fn(&Reef);

#[test]
fn the_terminal_is_as_it_was_found_after_every_end() {
    let ends: [(&str, End); 4] = [
        ("/quit", |reef| reef.ann.enters("/quit")),
        ("Ctrl-C twice", |reef| {
            reef.ann.types(&ctrl('c'));
            reef.ann.sees("Press Ctrl-C again to quit");
            reef.ann.types(&ctrl('c'));
        }),
        ("Ctrl-D", |reef| reef.ann.types(&ctrl('d'))),
        ("SIGTERM", |reef| reef.ann.signal(Signal::TERM)),
    ];
    for (index, (name, end)) in ends.into_iter().enumerate() {
        let mut reef = Reef::start(SIZES[index % 2]);
        assert!(!reef.ann.is_as_found());
        end(&reef);
        reef.ann.wait_end();
        let restored = wait::holds(LONG, || reef.ann.is_as_found());
        assert!(restored, "after {name}: {:?}", reef.ann);
    }
    // Without its server the client goes on, and can be ended.
    let mut reef = Reef::start(SIZES[0]);
    reef.server.process_mut().kill();
    reef.ann.sees("not connected");
    assert!(!reef.ann.is_as_found());
    reef.ann.enters("/quit");
    reef.ann.wait_end();
    assert!(wait::holds(LONG, || reef.ann.is_as_found()));
}

#[test]
fn a_terminal_without_focus_rings_and_notifies() {
    at_each_size(|mut reef| {
        reef.bob_says("ann: seen at once");
        reef.ann.sees("seen at once");
        assert_eq!(reef.ann.bells(), 0);
        reef.look_away();
        reef.bob_says("planning a dive");
        reef.bob_says("ANN, wake up");
        reef.ann.sees("wake up");
        assert!(wait::holds(LONG, || reef.ann.bells() == 1));
        assert_eq!(reef.ann.notifications(), ["bob in #reef: ANN, wake up"]);
        // What came while the user looked away is below a mark.
        let text = reef.ann.sees("── new ──");
        assert!(text.find("seen at once") < text.find("── new ──"), "{text}");
        assert!(text.find("── new ──") < text.find("planning"), "{text}");
        // The focus is reported before the key behind it.
        reef.ann.types("\u{1b}[Ix");
        reef.ann.sees("#reef> x");
        reef.bob_says("ann: again");
        reef.ann.sees("ann: again");
        assert_eq!(reef.ann.bells(), 1);
    });
}

#[test]
fn a_suspended_client_gives_the_terminal_back_and_draws_anew() {
    for size in SIZES {
        let fixture = Fixture::new().unwrap();
        let server = fixture.server(1, "reef").irc().start().unwrap();
        let mut bob = user(&server, "bob");
        let ann = Screen::start_in_shell(&fixture, server.address(), "ann", &["--mouse"], size);
        ann.sees("1 other client is here");
        ann.enters("/join #reef");
        prompts(&ann, "#reef>");
        ann.types("half");
        prompts(&ann, "#reef> half");
        ann.types(&ctrl('z'));
        ann.sees(SUSPENDED);
        assert!(wait::holds(LONG, || ann.is_as_found()), "{ann:?}");
        bob.send_line("PRIVMSG #reef :meanwhile").unwrap();
        bob.send_line("PING :sent").unwrap();
        bob.expect("PONG");
        // The shell is told to continue it.
        ann.types("\r");
        ann.sees("<bob> meanwhile");
        prompts(&ann, "#reef> half");
        ann.sees_no_longer(SUSPENDED);
        assert!(!ann.is_as_found());
        ann.types(" a line\r");
        bob.expect("PRIVMSG #reef :half a line");
        let mut ann = ann;
        ann.enters("/quit");
        ann.wait_end();
        assert!(wait::holds(LONG, || ann.is_as_found()), "{ann:?}");
    }
}

#[test]
fn a_hangup_of_an_open_terminal_changes_nothing() {
    at_each_size(|mut reef| {
        reef.ann.signal(Signal::HUP);
        reef.bob_says("still there?");
        reef.ann.sees("still there?");
        reef.ann.enters("yes");
        reef.bob.expect("PRIVMSG #reef :yes");
        assert!(reef.ann.inspect(|screen| screen.alternate_screen()));
    });
}

/// A key of the mouse at a place: 0 for the left one, 64 and 65 for the wheel.
fn mouse(key: u8, (column, row): (usize, usize)) -> String {
    let (column, row) = (column + 1, row + 1);
    format!("\u{1b}[<{key};{column};{row}M\u{1b}[<{key};{column};{row}m")
}

#[test]
fn the_mouse_scrolls_and_shows_windows_if_that_is_wanted() {
    for size in SIZES {
        let fixture = Fixture::new().unwrap();
        let server = fixture.server(1, "reef").irc().start().unwrap();
        let ann = Screen::start(&fixture, server.address(), "ann", &["--mouse"], size);
        ann.sees("no other client is here");
        assert!(
            ann.inspect(|screen| {
                screen.mouse_protocol_mode() != vt100::MouseProtocolMode::None
            })
        );
        ann.enters("/join #reef");
        prompts(&ann, "#reef>");
        let lines: Vec<_> = (0..60).map(|number| format!("line {number:02}")).collect();
        ann.pastes(&lines.join("\n"));
        ann.types("\r");
        ann.sees("<ann> line 59");
        for _ in 0..4 {
            ann.types(&mouse(64, (30, 5)));
        }
        ann.sees("scrolled: Ctrl-End");
        ann.sees_no_longer("line 59");
        for _ in 0..4 {
            ann.types(&mouse(65, (30, 5)));
        }
        ann.sees("line 59");
        // The windows stand in the list, or in the row above the last.
        for (name, prompt) in [("1 server", "> "), ("2 #reef", "#reef>")] {
            let rows = ann.rows();
            let found = rows.iter().enumerate().find_map(|(y, row)| {
                let at = row.find(name)?;
                Some((row[..at].chars().count() + 3, y))
            });
            ann.types(&mouse(
                0,
                found.unwrap_or_else(|| panic!("{name}: {rows:#?}")),
            ));
            prompts(&ann, prompt);
        }
        // Elsewhere nothing happens.
        ann.types(&mouse(0, (30, 5)));
        ann.types("x");
        prompts(&ann, "#reef> x");
    }
    // Otherwise the mouse is the terminal's.
    let reef = Reef::start(SIZES[0]);
    assert!(
        reef.ann
            .inspect(|screen| { screen.mouse_protocol_mode() == vt100::MouseProtocolMode::None })
    );
}

/// Whether a cell of the screen has a colour.
fn has_colour(reef: &Reef) -> bool {
    reef.ann.inspect(|screen| {
        let (rows, columns) = screen.size();
        let cells = (0..rows.get()).flat_map(|y| (0..columns.get()).map(move |x| (y, x)));
        cells.filter_map(|(y, x)| screen.cell(y, x)).any(|cell| {
            let none = vt100::Color::Default;
            cell.fgcolor() != none || cell.bgcolor() != none
        })
    })
}

#[test]
fn no_color_leaves_no_colour() {
    for size in SIZES {
        for (environment, expected) in [(&[("NO_COLOR", "1")][..], false), (&[][..], true)] {
            let mut reef = Reef::start_in(size, environment);
            reef.bob_says("ann: in colour?");
            reef.ann.sees("in colour?");
            reef.ann.enters("/to nemo");
            reef.ann.sees("No client is named nemo");
            assert_eq!(has_colour(&reef), expected);
        }
    }
}

#[test]
fn texts_of_peers_cannot_control_the_terminal() {
    at_each_size(|mut reef| {
        reef.bob_says("\u{3}4,1red\u{3} \u{2}bold\u{2} \u{1b}]0;owned\u{7} \u{1b}[2J\u{1b}[31m\u{9b}31m \u{202e}back");
        let text = reef.ann.sees("<bob> red bold ");
        assert!(text.contains("]0;owned") && text.contains("[2J"), "{text}");
        assert!(text.contains("you are in #reef"), "{text}");
        let topic = "TOPIC #reef :\u{1b}[2Jtopic\u{1b}]9;x\u{7}";
        reef.bob.send_line(topic).unwrap();
        reef.ann
            .wait("the topic", |rows| rows[0].contains("[2Jtopic"));
        // Privately, to a terminal without focus: the notification has it escaped.
        reef.look_away();
        reef.bob
            .send_line("PRIVMSG ann :\u{1b}]52;c;eA==\u{7}hi\u{1b}[?1049l")
            .unwrap();
        reef.ann.sees("3 bob 1!");
        assert!(wait::holds(LONG, || !reef.ann.notifications().is_empty()));
        let notified = reef.ann.notifications().concat();
        assert!(!notified.contains(char::is_control), "{notified:?}");
        assert!(reef.ann.inspect(|screen| screen.alternate_screen()));
        assert_eq!(reef.ann.bells(), 1);
        prompts(&reef.ann, "#reef>");
    });
}
