//! The client at a pseudo-terminal.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, Winsize, tcgetattr, tcsetwinsize};

use crate::fixture::{
    ALICE, ANNOUNCEMENT, FEATURES, NOTE, OPER, QUIT, REGISTRATION, Server, TAKEN, TIMEOUT, WELCOME,
    bobs_args, chat, command, registration, sent_chat, welcome_with_commands as welcome,
};

/// The test's end of the terminal of a client.
pub(crate) struct User {
    client: Child,
    keyboard: File,
    screen: Receiver<Vec<u8>>,
    /// The client's end, for its mode.
    terminal: File,
    /// The output that no call has matched yet.
    seen: Vec<u8>,
    /// All output that was looked at.
    shown: Vec<u8>,
}

impl User {
    /// Starts a client with the id 101.
    pub(crate) fn new(server: &Server, colours: bool) -> User {
        User::with(server, |command| {
            if !colours {
                command.env("NO_COLOR", "1");
            }
        })
    }

    /// Starts a client with the id 101 as `change` has its command.
    pub(crate) fn with(server: &Server, change: impl FnOnce(&mut Command)) -> User {
        let keyboard = File::from(openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap());
        grantpt(&keyboard).unwrap();
        unlockpt(&keyboard).unwrap();
        let path = ptsname(&keyboard, Vec::new()).unwrap();
        let mut open = OpenOptions::new();
        let terminal = open
            .read(true)
            .write(true)
            .open(path.to_str().unwrap())
            .unwrap();
        let size = Winsize {
            ws_row: 24,
            ws_col: 100,
            ws_xpixel: 0,
            ws_ypixel: 0,
        };
        tcsetwinsize(&terminal, size).unwrap();
        let stdio = || Stdio::from(terminal.try_clone().unwrap());
        let mut command = command(&bobs_args(server));
        command.arg("--plain").env("TERM", "xterm");
        command.stdin(stdio()).stdout(stdio()).stderr(stdio());
        change(&mut command);
        let client = command.spawn().unwrap();
        let (sender, screen) = channel();
        let mut master = keyboard.try_clone().unwrap();
        thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(count) = master.read(&mut buffer) {
                if sender.send(buffer[..count].to_vec()).is_err() {
                    return;
                }
            }
        });
        User {
            client,
            keyboard,
            screen,
            terminal,
            seen: Vec::new(),
            shown: Vec::new(),
        }
    }

    pub(crate) fn types(&mut self, keys: &str) {
        self.keyboard.write_all(keys.as_bytes()).unwrap();
    }

    /// Waits until `text` is shown, and drops everything before it.
    #[track_caller]
    pub(crate) fn sees(&mut self, text: &str) {
        loop {
            let mut windows = self.seen.windows(text.len());
            if let Some(at) = windows.position(|window| window == text.as_bytes()) {
                self.seen.drain(..at + text.len());
                return;
            }
            // A read may end within a character.
            match self.screen.recv_timeout(TIMEOUT) {
                Ok(bytes) => {
                    self.shown.extend(&bytes);
                    self.seen.extend(bytes);
                }
                Err(_) => {
                    let seen = String::from_utf8_lossy(&self.seen);
                    panic!("{text:?} is not shown, but {seen:?}")
                }
            }
        }
    }

    /// Waits for the count of clients, which the client shows when it has heard of them all, and
    /// for the prompt below. A prompt alone may be the one of the welcome, or come with the count.
    #[track_caller]
    pub(crate) fn sees_who_is_here(&mut self) {
        self.sees("/help lists the commands");
        self.sees("> ");
    }

    /// Waits for a prompt for a conversation. The client draws a prompt after at most 1.5 s, even if
    /// what the line before led to has not come, and does not change one that is drawn. So this
    /// asks for a new one, with a line that is only answered.
    #[track_caller]
    pub(crate) fn prompts_for(&mut self, conversation: &str) {
        self.types("/nonsense\r");
        self.sees("! Unknown command /nonsense");
        self.sees(&format!("to {conversation}> "));
    }

    /// Nothing that was shown has this in it, such as a password.
    #[track_caller]
    pub(crate) fn has_not_seen(&self, text: &str) {
        let shown = String::from_utf8_lossy(&self.shown);
        assert!(!shown.contains(text), "{shown:?}");
    }

    /// Whether the terminal is in the mode in which the client found it.
    pub(crate) fn is_terminal_as_found(&self) -> bool {
        let modes = tcgetattr(&self.terminal).unwrap().local_modes;
        modes.contains(LocalModes::ICANON | LocalModes::ECHO | LocalModes::ISIG)
    }

    /// Waits for the exit; returns the exit code.
    pub(crate) fn finish(mut self) -> Option<i32> {
        let until = Instant::now() + TIMEOUT;
        let status = loop {
            if let Some(status) = self.client.try_wait().unwrap() {
                break status;
            }
            assert!(Instant::now() < until, "the client does not exit");
            thread::sleep(Duration::from_millis(10));
        };
        assert!(self.is_terminal_as_found());
        status.code()
    }
}

impl Drop for User {
    fn drop(&mut self) {
        let _ = self.client.kill();
        let _ = self.client.wait();
    }
}

#[test]
fn messages_appear_above_the_edited_line() {
    let server = Server::start();
    let mut user = User::new(&server, false);
    let mut link = server.welcome();
    user.sees("* Welcome in (your id is 101)\r\n");
    user.sees("* no other client is here. /who lists them, /help lists the commands\r\n");
    user.sees("> ");
    link.send(ALICE);
    user.sees("* alice came online: tea\r\n");
    user.sees("> ");

    user.types("half a li");
    user.sees("half a li");
    link.send(&chat(7, 101, "Hello \u{1b}[2J"));
    user.sees("<alice> Hello ␛[2J\r\n");
    user.sees("> half a li");
    user.types("ne\r");
    user.sees("! You are not talking to anyone yet");

    user.types("/ms\tal\tHi  there\r");
    link.expect(&sent_chat(7, "Hi  there"));
    user.sees("> ");
    user.types("/to al\t\r");
    user.sees("* talking to alice\r\n");
    user.prompts_for("alice");
    user.types("plain\r");
    link.expect(&sent_chat(7, "plain"));
    user.sees("to alice> ");
    // The last line, recalled and changed.
    user.types("\u{1b}[A!\r");
    link.expect(&sent_chat(7, "plain!"));
    user.sees("to alice> ");
    // Two pasted lines.
    user.types("\u{1b}[200~one\ntwo\u{1b}[201~\r");
    link.expect(&sent_chat(7, "one"));
    link.expect(&sent_chat(7, "two"));

    // Lines that are typed before the prompt.
    user.types("/who\r/nonsense\r/quit bye\r");
    user.sees("* 1 other client:\r\n                 7  alice: tea\r\n");
    user.sees("! Unknown command /nonsense");
    link.expect(b"\x82\0\0\0\x65\0\0\0\x03bye");
    drop(link);
    user.sees("* disconnected\r\n");
    assert_eq!(user.finish(), Some(0));
}

#[test]
fn a_channel_can_be_the_target() {
    let server = Server::start();
    let mut user = User::new(&server, true);
    let features = b"\x01\0\0\0\x01\0\0\0\x65\x01\0\0\0\0\x13crc-caps 1 channels";
    let mut link = server.welcome_with(&[features]);
    user.sees_who_is_here();
    user.types("/j\t#Reef\r");
    link.expect(b"\x87\0\0\0\x65\0\0\0\0\x07\x05\0\0\0\0#Reef");
    link.send(b"\x83\0\0\0\x65\0\0\0\0\x01\x05#Reef");
    user.sees("* you are in #Reef");
    user.types("/to #r\t\r");
    user.sees("* talking to #Reef");
    user.prompts_for("#Reef");
    user.types("Hi\r");
    link.expect(b"\x85\0\0\0\x65\0\x05\0\0\0\x02#ReefHi");
    link.send(b"\x85\0\0\0\x07\0\x05\0\0\0\x02#reefHo");
    user.sees("\u{1b}[1m#Reef\u{1b}[0m \u{1b}[36m<7>\u{1b}[0m Ho\r\n");
    user.types("/part\r");
    link.expect(b"\x84\0\0\0\x65\0\0\0\0\x05\0\0\0\0#Reef");
    user.sees("* not talking to anyone");
}

#[test]
fn ctrl_d_and_ctrl_c_quit() {
    for key in ["\u{4}", "\u{3}"] {
        let server = Server::start();
        let mut user = User::new(&server, false);
        let mut link = server.welcome();
        user.sees_who_is_here();
        user.types(key);
        link.expect(QUIT);
        drop(link);
        user.sees("* disconnected\r\n");
        assert_eq!(user.finish(), Some(0));
    }
}

#[test]
fn a_signal_restores_the_terminal() {
    let server = Server::start();
    let mut user = User::new(&server, false);
    let mut link = server.welcome();
    user.sees_who_is_here();
    user.types("half");
    user.sees("half");
    assert!(!user.is_terminal_as_found(), "the line is being edited");
    kill_process(Pid::from_child(&user.client), Signal::TERM).unwrap();
    link.expect(QUIT);
    drop(link);
    assert_eq!(user.finish(), Some(0));
}

#[test]
fn an_id_in_use_is_reported_before_the_first_prompt() {
    let server = Server::start();
    let mut user = User::new(&server, false);
    let mut link = server.accept();
    link.expect(REGISTRATION);
    link.send(TAKEN);
    link.expect_end();
    user.sees("! Someone has already registered with ID 101. (status 0x0002)\r\n");
    user.sees("crc-client: id 101 is already in use; choose another one");
    assert_eq!(user.finish(), Some(1));
}

#[test]
fn a_lost_connection_is_reported_and_restored() {
    let server = Server::start();
    let mut user = User::new(&server, false);
    let link = server.welcome();
    user.sees_who_is_here();
    user.types("/msg 7 later");
    user.sees("later");
    // The first attempt is at once, and there is nothing to tell if it leads to a server.
    drop(link);
    let mut link = server.welcome();
    user.sees(&format!("* now connected to {}\r\n", server.address));
    user.has_not_seen("disconnected");
    user.types("\r");
    link.expect(&sent_chat(7, "later"));
}

#[test]
fn names_have_colours_unless_no_color_is_set() {
    for colours in [true, false] {
        let server = Server::start();
        let mut user = User::new(&server, colours);
        let mut link = server.accept();
        link.expect(REGISTRATION);
        let stream = [
            WELCOME,
            &registration(7, "alice", ""),
            FEATURES,
            &chat(7, 101, "Hi"),
        ];
        link.send(&stream.concat());
        link.expect(ANNOUNCEMENT);
        let shown = if colours {
            "\u{1b}[33m<alice>\u{1b}[0m Hi"
        } else {
            "<alice> Hi"
        };
        user.sees(shown);
    }
}

#[test]
fn a_hangup_does_not_end_a_client_whose_terminal_is_open() {
    let server = Server::start();
    let mut user = User::new(&server, false);
    let mut link = server.welcome();
    user.sees_who_is_here();
    kill_process(Pid::from_child(&user.client), Signal::HUP).unwrap();
    user.types("/msg 7 here\r");
    link.expect(&sent_chat(7, "here"));
}

#[test]
fn the_password_of_an_operator_is_masked_and_not_recalled() {
    for colours in [true, false] {
        let server = Server::start();
        let mut user = User::new(&server, colours);
        let mut link = welcome(&server);
        user.sees_who_is_here();
        user.types("/oper ann\r");
        user.sees("password of ann> ");
        user.types("kel");
        user.sees("***");
        link.send(&chat(7, 101, "Hello"));
        user.sees(" Hello\r\n");
        user.sees("***");
        // No candidates, and the line before.
        user.types("\t\u{1b}[A\u{1b}[B");
        user.types("p\r");
        link.expect(OPER);
        user.sees("> ");
        // With the password in the line.
        user.types("/oper ann kelp");
        user.sees("****");
        user.types("\r");
        link.expect(OPER);
        user.sees("> ");
        user.types("\u{1b}[A");
        user.sees("/oper ann");
        user.types("\r");
        user.sees("password of ann> ");
        // It is not given, and that does not end the client.
        user.types("\u{3}");
        user.sees("> ");
        user.types("/oper ann\r");
        user.sees("password of ann> ");
        user.types("\u{4}");
        user.sees("> ");
        // Pasted.
        user.types("\u{1b}[200~/oper ann\nkelp\u{1b}[201~\r");
        link.expect(OPER);
        user.types("/quit\r");
        link.expect(QUIT);
        drop(link);
        user.sees("* disconnected");
        user.has_not_seen("kel");
        assert_eq!(user.finish(), Some(0));
    }
}

#[test]
fn keys_that_are_typed_ahead_are_shown_by_the_editor_only() {
    let server = Server::start();
    let mut user = User::new(&server, false);
    let mut link = welcome(&server);
    user.sees_who_is_here();
    // All of it at once: it comes before the prompts.
    user.types("/oper ann\rkelp\r/oper ann kelp\r/quit\r");
    link.expect(OPER);
    link.expect(OPER);
    link.expect(QUIT);
    drop(link);
    user.sees("* disconnected");
    user.has_not_seen("kelp");
    assert_eq!(user.finish(), Some(0));
}

#[test]
fn a_simple_terminal_does_not_show_the_password_of_an_operator() {
    let server = Server::start();
    let mut user = User::with(&server, |command| {
        command.env("TERM", "dumb");
    });
    let mut link = welcome(&server);
    user.sees("/help lists the commands\r\n");
    user.types("/oper ann\n");
    user.sees("password of ann> ");
    user.types("kelp\n");
    link.expect(OPER);
    user.sees("> ");
    user.types("/quit\n");
    link.expect(QUIT);
    drop(link);
    user.sees("* disconnected\r\n");
    user.has_not_seen("kelp");
    assert_eq!(user.finish(), Some(0));
}

#[test]
fn without_an_editor_a_terminal_does_not_show_the_password_of_an_operator() {
    let server = Server::start();
    let batch = |command: &mut Command| {
        command.stdout(Stdio::null());
    };
    let mut user = User::with(&server, batch);
    let mut link = welcome(&server);
    user.types("/oper ann\n");
    user.sees("password of ann:\r\n");
    user.types("kelp\n");
    link.expect(OPER);
    user.sees("\r\n");
    link.send(NOTE);
    user.types("/quit\n");
    user.sees("/quit");
    link.expect(QUIT);
    drop(link);
    user.has_not_seen("kelp");
    assert_eq!(user.finish(), Some(0));

    // A signal that comes before the password.
    let mut user = User::with(&server, batch);
    let mut link = welcome(&server);
    user.types("/oper ann\n");
    user.sees("password of ann:\r\n");
    assert!(!user.is_terminal_as_found());
    kill_process(Pid::from_child(&user.client), Signal::TERM).unwrap();
    link.expect(QUIT);
    drop(link);
    assert_eq!(user.finish(), Some(0));
}
