//! The screen as users see it, on a terminal in memory.

use std::time::{Duration, Instant};

use crc_core::{
    ChannelMember, Client, ClientConfig, ClientNotice, DisconnectReason, HostRef, LinkDown,
};
use crc_wire::{ChatKind, HostId, MemberFlags};
use crossterm::event::{Event, KeyCode, KeyEvent, KeyModifiers};
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::layout::Position;

use super::state::{Connection, Now, Overlay, State};
use super::{ScreenOptions, draw};
use crate::clock::Moment;
use crate::command::{Command, Target};
use crate::event::OutputEvent;
use crate::queue::Input;

const SIZES: [(u16, u16); 2] = [(80, 24), (120, 40)];

/// The user ann at a terminal.
struct User {
    state: State,
    client: Client,
    terminal: Terminal<TestBackend>,
    /// The time of the monotonic clock, which stands still.
    instant: Instant,
    time: &'static str,
    day: &'static str,
}

fn id(id: u32) -> HostId {
    HostId::new(id).unwrap()
}

fn host(number: u32, name: &str) -> HostRef {
    HostRef::new(id(number), Some(name.to_owned()))
}

fn member(number: u32, name: &str, operator: bool) -> ChannelMember {
    let flags = match operator {
        true => MemberFlags::OPERATOR,
        false => MemberFlags::NONE,
    };
    ChannelMember::new(host(number, name), flags)
}

impl User {
    fn new((columns, rows): (u16, u16)) -> User {
        let server = "127.0.0.1:33300".parse().unwrap();
        let client = Client::new(ClientConfig::new(server, "ann", "", 7)).unwrap();
        let options = ScreenOptions {
            palette: crate::palette::Palette::Rich,
            time_format: "%H:%M".to_owned(),
            highlights: Vec::new(),
            bell: true,
            notify: true,
            mouse: false,
        };
        User {
            state: State::new(options, "ann", "127.0.0.1:33300"),
            client,
            terminal: Terminal::new(TestBackend::new(columns, rows)).unwrap(),
            instant: Instant::now(),
            time: "12:00",
            day: "Monday",
        }
    }

    /// Connected, in `#reef` with bob.
    fn in_reef(size: (u16, u16)) -> User {
        let mut user = User::new(size);
        user.welcome();
        user.online(2, "bob");
        user.enters("/join #reef");
        user.entered("#reef", false);
        user.inputs();
        user
    }

    fn now(&self) -> Now {
        Now {
            instant: self.instant,
            moment: Moment {
                day: self.day.into(),
                time: self.time.into(),
            },
        }
    }

    fn notice(&mut self, notice: ClientNotice) {
        let now = self.now();
        let event = OutputEvent::Client(notice);
        self.state.on_event(&event, &self.client, &now);
    }

    fn welcome(&mut self) {
        let text = "Welcome".to_owned();
        self.notice(ClientNotice::Welcome { id: id(1), text });
        self.state.is_counted = true;
    }

    fn disconnected(&mut self, retry_in: Duration) {
        self.notice(ClientNotice::Disconnected {
            reason: DisconnectReason::Lost(LinkDown::PeerClosed),
            retry_in: Some(retry_in),
        });
    }

    fn online(&mut self, number: u32, name: &str) {
        self.notice(ClientNotice::Joined {
            id: id(number),
            name: name.to_owned(),
            info: String::new(),
            previous_name: None,
        });
    }

    fn entered(&mut self, channel: &str, rejoined: bool) {
        self.notice(ClientNotice::ChannelEntered {
            channel: channel.to_owned(),
            members: vec![member(1, "ann", true), member(2, "bob", false)],
            topic: "all about sand".to_owned(),
            rejoined,
        });
    }

    fn chat(&mut self, number: u32, name: &str, text: &str) {
        self.notice(ClientNotice::Chat {
            from: id(number),
            from_name: Some(name.to_owned()),
            to: None,
            text: text.to_owned(),
        });
    }

    fn channel_chat(&mut self, name: &str, text: &str) {
        self.notice(ClientNotice::ChannelChat {
            channel: "#reef".to_owned(),
            from: host(2, name),
            kind: ChatKind::Message,
            text: text.to_owned(),
        });
    }

    fn key(&mut self, code: KeyCode, modifiers: KeyModifiers) {
        let now = self.now();
        let key = Event::Key(KeyEvent::new(code, modifiers));
        self.state.on_terminal(key, &now);
    }

    fn press(&mut self, code: KeyCode) {
        self.key(code, KeyModifiers::NONE);
    }

    fn ctrl(&mut self, c: char) {
        self.key(KeyCode::Char(c), KeyModifiers::CONTROL);
    }

    fn alt(&mut self, c: char) {
        self.key(KeyCode::Char(c), KeyModifiers::ALT);
    }

    fn types(&mut self, text: &str) {
        for c in text.chars() {
            self.press(KeyCode::Char(c));
        }
    }

    fn enters(&mut self, line: &str) {
        self.types(line);
        self.press(KeyCode::Enter);
    }

    fn pastes(&mut self, text: &str) {
        let now = self.now();
        self.state.on_terminal(Event::Paste(text.to_owned()), &now);
    }

    fn rows(&mut self) -> Vec<String> {
        let (state, instant) = (&mut self.state, self.instant);
        let frame = self.terminal.draw(|frame| {
            draw::draw(state, frame.buffer_mut(), instant);
        });
        let buffer = frame.unwrap().buffer.clone();
        let area = buffer.area;
        let mut rows = Vec::new();
        for y in 0..area.height {
            let cells = (0..area.width).map(|x| buffer[Position { x, y }].symbol());
            rows.push(cells.collect::<String>().trim_end().to_owned());
        }
        rows
    }

    #[track_caller]
    fn sees(&mut self, text: &str) {
        let rows = self.rows();
        let found = rows.iter().any(|row| row.contains(text));
        assert!(found, "no {text:?} in\n{}", rows.join("\n"));
    }

    #[track_caller]
    fn sees_not(&mut self, text: &str) {
        let rows = self.rows();
        let found = rows.iter().any(|row| row.contains(text));
        assert!(!found, "{text:?} in\n{}", rows.join("\n"));
    }

    /// What was sent to the client.
    fn inputs(&mut self) -> Vec<Command> {
        let inputs = self.state.take_inputs().into_iter();
        let commands = inputs.map(|input| match input {
            Input::Line(Ok(command)) => command,
            Input::Quit => Command::Quit {
                text: "now".to_owned(),
            },
            input => panic!("{input:?}"),
        });
        commands.collect()
    }
}

fn msg(to: Target, text: &str) -> Command {
    Command::Msg {
        to,
        text: text.to_owned(),
    }
}

fn reef() -> Target {
    Target::Channel("#reef".to_owned())
}

#[test]
fn what_is_typed_goes_to_the_window_in_which_it_is_typed() {
    for size in SIZES {
        let mut ann = User::in_reef(size);
        ann.sees("#reef | all about sand");
        ann.enters("hello");
        assert_eq!(ann.inputs(), [msg(reef(), "hello")]);
        ann.sees("<ann> hello");
        ann.enters("/to bob");
        ann.enters("psst");
        assert_eq!(ann.inputs(), [msg(Target::Client("2".into()), "psst")]);
        ann.enters("/to carol");
        ann.sees("No client is named carol");
        ann.enters("still bob");
        assert_eq!(ann.inputs(), [msg(Target::Client("2".into()), "still bob")]);
        ann.ctrl('p');
        ann.enters("/me waves");
        let action = msg(reef(), "\u{1}ACTION waves\u{1}");
        assert_eq!(ann.inputs(), [action]);
        ann.sees("* ann waves");
        ann.ctrl('p');
        ann.enters("hello?");
        assert_eq!(ann.inputs(), []);
        ann.sees("This window is with the server");
        // What was typed is not lost.
        ann.sees("> hello?");
    }
}

#[test]
fn drafts_stay_in_their_windows() {
    let mut ann = User::in_reef((80, 24));
    ann.types("to the reef");
    ann.enters("");
    ann.inputs();
    ann.types("draft");
    ann.ctrl('p');
    ann.sees_not("draft");
    ann.ctrl('n');
    ann.sees("#reef> draft");
}

#[test]
fn lines_without_a_connection_wait_and_go_where_they_were_typed() {
    for size in SIZES {
        let mut ann = User::in_reef(size);
        ann.chat(2, "bob", "hi");
        ann.disconnected(Duration::from_secs(3));
        ann.sees("not connected: next try in 3 s");
        ann.enters("one");
        ann.alt('3');
        ann.enters("two");
        ann.sees("…ann… two");
        assert_eq!(ann.inputs(), []);
        ann.welcome();
        // Bob comes back with another id, and another client with a name like it.
        ann.online(9, "bob");
        ann.online(8, "bobby");
        let now = ann.now();
        ann.state.flush_pending(None, &now);
        let commands = ann.inputs();
        assert_eq!(commands, [msg(Target::Client("9".into()), "two")]);
        ann.sees("<ann> two");
        ann.entered("#reef", true);
        assert_eq!(ann.inputs(), [msg(reef(), "one")]);
    }
}

#[test]
fn a_line_for_a_person_who_is_gone_is_not_sent_elsewhere() {
    let mut ann = User::in_reef((80, 24));
    ann.chat(2, "bob", "hi");
    ann.alt('3');
    ann.disconnected(Duration::from_secs(3));
    ann.enters("secret");
    ann.welcome();
    let now = ann.now();
    ann.state.flush_pending(None, &now);
    assert_eq!(ann.inputs(), []);
    ann.sees("bob is not here: this was not sent");
}

#[test]
fn windows_count_what_is_new_and_mentions_ring() {
    for size in SIZES {
        let mut ann = User::in_reef(size);
        ann.ctrl('p');
        ann.channel_chat("bob", "hello everybody");
        ann.sees("2 #reef 1");
        assert!(!ann.state.take_signals().bell);
        ann.channel_chat("bob", "Ann: look");
        ann.sees("2 #reef 2!");
        let signals = ann.state.take_signals();
        assert!(signals.bell);
        assert_eq!(
            signals.notification.as_deref(),
            Some("bob in #reef: Ann: look")
        );
        ann.alt('a');
        ann.sees("── new ");
        ann.sees_not("#reef 2");
        ann.channel_chat("bob", "banana, ann!");
        assert!(!ann.state.take_signals().bell, "ann looks at it");
        ann.state.on_terminal(Event::FocusLost, &ann.now());
        ann.channel_chat("bob", "ann?");
        assert!(ann.state.take_signals().bell);
    }
}

#[test]
fn names_have_ids_only_where_two_share_them() {
    let mut ann = User::in_reef((80, 24));
    ann.channel_chat("bob", "one of us");
    ann.sees("<bob> one of us");
    ann.online(3, "bob");
    ann.channel_chat("bob", "two of us");
    ann.sees("<bob (2)> two of us");
    ann.online(4, "ann");
    ann.chat(4, "ann", "me too");
    ann.alt('3');
    ann.sees("<ann (4)> me too");
}

#[test]
fn completion_works_anywhere_and_cycles() {
    let mut ann = User::in_reef((80, 24));
    for (number, name) in [(3, "bobby"), (4, "Bora")] {
        ann.notice(ClientNotice::ChannelJoined {
            channel: "#reef".to_owned(),
            member: member(number, name, false),
        });
    }
    ann.types("b");
    ann.press(KeyCode::Tab);
    ann.sees("#reef> Bora:");
    ann.press(KeyCode::Tab);
    ann.sees("#reef> bob:");
    ann.press(KeyCode::BackTab);
    ann.sees("#reef> Bora:");
    ann.ctrl('u');
    ann.types("hello bobb");
    ann.press(KeyCode::Tab);
    ann.sees("#reef> hello bobby");
    ann.ctrl('u');
    ann.types("/clo");
    ann.press(KeyCode::Tab);
    ann.sees("#reef> /close");
    ann.ctrl('u');
    // Those who spoke last come first.
    ann.channel_chat("bob", "x");
    ann.types("b");
    ann.press(KeyCode::Tab);
    ann.sees("#reef> bob:");
}

#[test]
fn pasted_lines_are_asked_about_and_are_never_commands() {
    for size in SIZES {
        let mut ann = User::in_reef(size);
        ann.pastes("one line\n");
        ann.sees("#reef> one line");
        ann.ctrl('u');
        ann.pastes("first\r\n/quit\n\n/oper ann kelp\r");
        ann.sees("Paste 3 lines to #reef?");
        ann.press(KeyCode::Esc);
        assert_eq!(ann.inputs(), []);
        ann.types("> ");
        ann.pastes("first\n/quit");
        ann.press(KeyCode::Enter);
        assert_eq!(ann.inputs(), [msg(reef(), "> first"), msg(reef(), "/quit")]);
        ann.pastes("a\u{1b}[2J\nb");
        ann.press(KeyCode::Char('j'));
        ann.sees("#reef> a[2J b");
    }
}

#[test]
fn passwords_are_not_shown_and_do_not_come_back() {
    let mut ann = User::in_reef((80, 24));
    ann.types("/oper ann kelp");
    ann.sees_not("kelp\n");
    ann.sees("/oper ann ****");
    ann.ctrl('u');
    ann.ctrl('y');
    ann.sees_not("kelp");
    ann.ctrl('u');
    ann.enters("/oper ann");
    ann.sees("password of ann:");
    ann.types("kelpforest");
    ann.sees_not("forest");
    ann.press(KeyCode::Enter);
    assert!(matches!(&ann.inputs()[..], [Command::Oper(login)] if login.password.is_some()));
    for _ in 0..5 {
        ann.press(KeyCode::Up);
        ann.sees_not("forest");
        ann.sees_not("kelp ");
    }
    ann.ctrl('c');
    ann.enters("/oper ann");
    ann.types("half");
    ann.ctrl('p');
    ann.ctrl('n');
    ann.sees("#reef>");
    ann.sees_not("half");
    ann.enters("/oper ann");
    ann.ctrl('c');
    ann.sees("No password was sent");
    assert_eq!(ann.inputs(), []);
}

#[test]
fn closing_a_window_leaves_the_channel() {
    let mut ann = User::in_reef((80, 24));
    ann.enters("/close");
    let part = Command::Part {
        channel: Some("#reef".to_owned()),
        text: String::new(),
    };
    assert_eq!(ann.inputs(), std::slice::from_ref(&part));
    ann.sees_not("2 #reef");
    ann.enters("/close");
    ann.sees("The server's window stays");
    // Without a connection, as soon as there is one.
    let mut ann = User::in_reef((80, 24));
    ann.disconnected(Duration::from_secs(3));
    ann.enters("/close");
    ann.welcome();
    ann.entered("#reef", true);
    assert_eq!(ann.inputs(), [part]);
    ann.sees_not("2 #reef");
}

#[test]
fn a_member_who_is_kicked_stays_in_the_window_and_says_nothing() {
    let mut ann = User::in_reef((80, 24));
    ann.notice(ClientNotice::ChannelLeft {
        channel: "#reef".to_owned(),
        client: host(1, "ann"),
        by: Some(host(2, "bob")),
        text: "too loud".to_owned(),
    });
    ann.sees("bob kicked you: too loud");
    ann.enters("what?");
    assert_eq!(ann.inputs(), []);
    ann.sees("You are not in #reef. Use /join #reef");
    ann.sees("#reef> what?");
}

#[test]
fn commands_without_a_channel_are_about_the_window() {
    let mut ann = User::in_reef((80, 24));
    ann.enters("/topic sand");
    ann.enters("/mode +m");
    ann.enters("/kick bob");
    let commands = ann.inputs();
    let channels: Vec<_> = commands
        .iter()
        .map(|command| match command {
            Command::Topic { channel, .. }
            | Command::Mode { channel, .. }
            | Command::Kick { channel, .. } => channel.as_deref(),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(channels, [Some("#reef"); 3]);
}

#[test]
fn a_short_loss_of_the_connection_is_one_line() {
    let mut ann = User::in_reef((80, 24));
    ann.disconnected(Duration::ZERO);
    ann.welcome();
    ann.entered("#reef", true);
    ann.sees("now connected to 127.0.0.1:33300");
    ann.sees_not("disconnected");
    ann.disconnected(Duration::from_secs(2));
    ann.sees("disconnected");
}

#[test]
fn days_are_marked_and_quits_are_folded() {
    let mut ann = User::in_reef((80, 24));
    (ann.day, ann.time) = ("Tuesday", "00:01");
    for (number, name) in [(3, "carl"), (4, "dora"), (5, "emil")] {
        ann.online(number, name);
        ann.notice(ClientNotice::ChannelJoined {
            channel: "#reef".to_owned(),
            member: member(number, name, false),
        });
    }
    ann.notice(ClientNotice::Left {
        id: id(4),
        name: "dora".to_owned(),
        text: "bye".to_owned(),
    });
    ann.sees("── Tuesday ──");
    ann.sees("3 joined: carl dora emil, dora left");
}

#[test]
fn the_help_lists_every_command_and_key() {
    let mut ann = User::in_reef((120, 40));
    ann.press(KeyCode::F(1));
    ann.sees("Tab, Shift-Tab");
    let mut seen = String::new();
    for _ in 0..10 {
        seen.push_str(&ann.rows().join("\n"));
        ann.press(KeyCode::PageDown);
    }
    for command in crate::command::NAMES
        .iter()
        .chain(&super::input::SCREEN_NAMES)
    {
        assert!(seen.contains(*command), "{command}");
    }
    ann.press(KeyCode::Esc);
    assert_eq!(ann.state.overlay, Overlay::None);
}

#[test]
fn ctrl_c_clears_the_line_and_then_quits() {
    let mut ann = User::in_reef((80, 24));
    ann.types("text");
    ann.ctrl('c');
    ann.sees_not("text");
    ann.ctrl('c');
    ann.sees("Press Ctrl-C again to quit");
    ann.types("x");
    ann.press(KeyCode::Backspace);
    ann.ctrl('c');
    assert_eq!(ann.inputs(), []);
    ann.ctrl('c');
    assert!(matches!(ann.inputs()[..], [Command::Quit { .. }]));
}

#[test]
fn any_size_is_drawn() {
    for columns in [1, 9, 10, 12, 20, 59, 60, 61, 99, 100, 300] {
        for rows in [1, 3, 4, 5, 24, 100] {
            let mut ann = User::in_reef((columns, rows));
            for _ in 0..30 {
                ann.channel_chat("a-rather-long-name-世界", "世界 and words, words, words 👋🏽");
            }
            ann.types("世界世界世界世界世界世界世界世界");
            for _ in 0..3 {
                ann.press(KeyCode::PageUp);
                ann.rows();
            }
            ann.ctrl('f');
            ann.types("WORDS");
            ann.rows();
            ann.press(KeyCode::Esc);
            ann.press(KeyCode::F(1));
            ann.rows();
        }
    }
}

/// Keys and events at random leave the screen usable.
#[test]
fn random_users_break_nothing() {
    let mut seed = 7_u64;
    let mut next = move |below: u32| {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        usize::try_from(seed % u64::from(below)).unwrap()
    };
    let number = |drawn: usize| u32::try_from(drawn).unwrap();
    let lines = [
        "hello",
        "/join #reef",
        "/join #cave",
        "/close",
        "/to bob",
        "/to #cave",
        "/part",
        "/me x",
        "/msg bob x",
        "/msg #cave y",
        "/oper ann",
        "kelp",
        "/window 2",
        "/window bob",
        "/search e",
        "/clear",
        "/notice bob z",
        "/nonsense",
        "//x",
        "/help",
        "/window 99",
    ];
    for _ in 0..60 {
        let mut ann = User::new(SIZES[next(2)]);
        for _ in 0..120 {
            let was_online = matches!(ann.state.connection, Connection::Online { .. });
            match next(22) {
                0 => ann.welcome(),
                1 => ann.disconnected(Duration::from_secs(u64::from(number(next(3))))),
                2 => ann.online(number(2 + next(5)), ["bob", "cat", "ann"][next(3)]),
                3 => {
                    let (gone, name) = (number(2 + next(5)), "bob");
                    ann.notice(ClientNotice::Left {
                        id: id(gone),
                        name: name.to_owned(),
                        text: String::new(),
                    });
                }
                4 => ann.entered(["#reef", "#cave"][next(2)], next(2) == 0),
                5 => ann.channel_chat("bob", "ann \u{3}4\u{1b}[2J"),
                6 => ann.chat(number(2 + next(9)), "bob", "x"),
                7 => ann.notice(ClientNotice::ChannelLeft {
                    channel: "#reef".to_owned(),
                    client: host(number(1 + next(3)), "bob"),
                    by: None,
                    text: String::new(),
                }),
                8 => ann.pastes(["a\nb", "c", "/quit\n/quit"][next(3)]),
                9 => ann.press(KeyCode::Tab),
                10 => ann.alt(['1', '2', '9', '0', 'a', 'l', 'm', 'b'][next(8)]),
                11 => ann.ctrl(['n', 'p', 'f', 'u', 'w', 'k', 'y', 'l', 'c'][next(9)]),
                12 => ann.press(
                    [
                        KeyCode::Up,
                        KeyCode::Down,
                        KeyCode::PageUp,
                        KeyCode::PageDown,
                        KeyCode::Esc,
                    ][next(5)],
                ),
                13 => ann.state.set_focused(next(2) == 0),
                _ => ann.enters(lines[next(number(lines.len()))]),
            }
            let state = &ann.state;
            assert!(state.active < state.windows.len() && state.previous < state.windows.len());
            let is_online = matches!(state.connection, Connection::Online { .. });
            let sent = ann.inputs();
            if !was_online && !is_online {
                // To a channel without a window: the client refuses it.
                let is_chat = |it: &Command| matches!(it, Command::Msg { to: Target::Channel(_), text } if text != "y");
                assert!(!sent.iter().any(is_chat), "{sent:?}");
            }
            if next(4) == 0 {
                ann.rows();
            }
        }
    }
}
