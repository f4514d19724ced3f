//! Somebody at a terminal: the client at one end of a pseudo-terminal, the test
//! at the other.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::process::{Child, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;

use rustix::process::{Pid, Signal, kill_process};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, Winsize, tcgetattr, tcsetwinsize};

use crate::rig::{
    ALICE, ANNOUNCEMENT, FEATURES, LONG, QUIT, REGISTRATION, Server, TAKEN, WELCOME, chat, command,
    registration, said,
};

/// Somebody who types, and sees what is shown.
struct Person {
    client: Child,
    keyboard: File,
    screen: Receiver<Vec<u8>>,
    /// The client's end, to look at its mode.
    terminal: File,
    /// What has been shown and was not yet looked for.
    seen: String,
}

impl Person {
    /// Somebody who has started the client with the id 101.
    fn new(server: &Server, colours: bool) -> Person {
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
        let address = server.address.to_string();
        let who = [
            "--server",
            &address,
            "--id",
            "101",
            "--name",
            "bob",
            "--info",
            "the builder",
        ];
        let mut command = command(&who);
        command.env("TERM", "xterm");
        if !colours {
            command.env("NO_COLOR", "1");
        }
        let client = command
            .stdin(stdio())
            .stdout(stdio())
            .stderr(stdio())
            .spawn()
            .unwrap();
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
        Person {
            client,
            keyboard,
            screen,
            terminal,
            seen: String::new(),
        }
    }

    fn types(&mut self, keys: &str) {
        self.keyboard.write_all(keys.as_bytes()).unwrap();
    }

    /// Waits until `text` is shown; everything before it has been seen then.
    #[track_caller]
    fn sees(&mut self, text: &str) {
        loop {
            if let Some(at) = self.seen.find(text) {
                self.seen.drain(..at + text.len());
                return;
            }
            match self.screen.recv_timeout(LONG) {
                Ok(bytes) => self.seen.push_str(&String::from_utf8_lossy(&bytes)),
                Err(_) => panic!("{text:?} is not shown, but {:?}", self.seen),
            }
        }
    }

    /// Whether the terminal edits lines itself, as it does for a shell.
    fn is_terminal_as_found(&self) -> bool {
        let modes = tcgetattr(&self.terminal).unwrap().local_modes;
        modes.contains(LocalModes::ICANON | LocalModes::ECHO | LocalModes::ISIG)
    }

    /// Waits for the client's end; its exit code.
    fn finish(mut self) -> Option<i32> {
        let code = self.client.wait().unwrap().code();
        assert!(self.is_terminal_as_found());
        code
    }
}

impl Drop for Person {
    fn drop(&mut self) {
        let _ = self.client.kill();
        let _ = self.client.wait();
    }
}

#[test]
fn messages_do_not_tear_the_line_that_is_edited() {
    let server = Server::start();
    let mut person = Person::new(&server, false);
    let mut link = server.welcome();
    person.sees("* Welcome in (your id is 101)\r\n");
    person.sees("> ");
    link.send(ALICE);
    person.sees("* alice (7) is online: tea\r\n");
    person.sees("> ");

    person.types("half a li");
    person.sees("half a li");
    link.send(&chat(7, 101, "Hello \u{1b}[2J"));
    person.sees("<alice (7)> Hello ␛[2J\r\n");
    person.sees("> half a li");
    person.types("ne\r");
    person.sees("! You are not talking to anyone yet");

    person.types("/m\tal\tHi  there\r");
    link.expect(&said(7, "Hi  there"));
    person.sees("> ");
    person.types("/to al\t\r");
    person.sees("* talking to alice\r\n");
    person.sees("to alice> ");
    person.types("plain\r");
    link.expect(&said(7, "plain"));
    person.sees("to alice> ");
    // Recalled, and changed.
    person.types("\u{1b}[A!\r");
    link.expect(&said(7, "plain!"));
    person.sees("to alice> ");
    // Pasted: two lines.
    person.types("\u{1b}[200~one\ntwo\u{1b}[201~\r");
    link.expect(&said(7, "one"));
    link.expect(&said(7, "two"));

    // Typed ahead of the prompt.
    person.types("/who\r/nonsense\r/quit bye\r");
    person.sees("* 1 other client:\r\n           7  alice: tea\r\n");
    person.sees("! Unknown command /nonsense");
    link.expect(b"\x82\0\0\0\x65\0\0\0\x03bye");
    drop(link);
    person.sees("* disconnected\r\n");
    assert_eq!(person.finish(), Some(0));
}

#[test]
fn a_channel_is_a_place_to_talk_in() {
    let server = Server::start();
    let mut person = Person::new(&server, true);
    let mut link = server.accept();
    link.expect(REGISTRATION);
    link.send(WELCOME);
    link.expect(ANNOUNCEMENT);
    link.send(b"\x01\0\0\0\x01\0\0\0\x65\x01\0\0\0\0\x13crc-caps 1 channels");
    person.sees("> ");
    person.types("/j\t#Reef\r");
    link.expect(b"\x87\0\0\0\x65\0\0\0\0\x07\x05\0\0\0\0#Reef");
    link.send(b"\x83\0\0\0\x65\0\0\0\0\x01\x05#Reef");
    person.sees("* you are in #Reef");
    person.types("/to #r\t\r");
    person.sees("* talking to #Reef");
    person.sees("to #Reef> ");
    person.types("Hi\r");
    link.expect(b"\x85\0\0\0\x65\0\x05\0\0\0\x02#ReefHi");
    link.send(b"\x85\0\0\0\x07\0\x05\0\0\0\x02#reefHo");
    person.sees("\u{1b}[1m#Reef\u{1b}[0m \u{1b}[34m<7>\u{1b}[0m Ho\r\n");
    person.types("/part\r");
    link.expect(b"\x84\0\0\0\x65\0\0\0\0\x05\0\0\0\0#Reef");
    person.sees("* not talking to anyone");
}

#[test]
fn the_end_of_file_and_the_interrupt_key_leave_in_good_order() {
    for key in ["\u{4}", "\u{3}"] {
        let server = Server::start();
        let mut person = Person::new(&server, false);
        let mut link = server.welcome();
        person.sees("> ");
        person.types(key);
        link.expect(QUIT);
        drop(link);
        person.sees("* disconnected\r\n");
        assert_eq!(person.finish(), Some(0));
    }
}

#[test]
fn a_signal_gives_the_terminal_back() {
    let server = Server::start();
    let mut person = Person::new(&server, false);
    let mut link = server.welcome();
    person.sees("> ");
    person.types("half");
    person.sees("half");
    assert!(!person.is_terminal_as_found(), "the line is being edited");
    kill_process(Pid::from_child(&person.client), Signal::TERM).unwrap();
    link.expect(QUIT);
    drop(link);
    assert_eq!(person.finish(), Some(0));
}

#[test]
fn a_taken_id_is_told_before_there_is_a_prompt() {
    let server = Server::start();
    let mut person = Person::new(&server, false);
    let mut link = server.accept();
    link.expect(REGISTRATION);
    link.send(TAKEN);
    link.expect_end();
    person.sees("! Someone has already registered with ID 101. (status 0x0002)\r\n");
    person.sees("crc-client: id 101 is already in use; choose another one");
    assert_eq!(person.finish(), Some(1));
}

#[test]
fn a_lost_connection_is_told_and_made_again() {
    let server = Server::start();
    let mut person = Person::new(&server, false);
    let link = server.welcome();
    person.sees("> ");
    person.types("/msg 7 later");
    person.sees("later");
    drop(link);
    person.sees("* disconnected: the peer closed the connection; retrying in ");
    let mut link = server.welcome();
    person.sees("* Welcome in");
    person.types("\r");
    link.expect(&said(7, "later"));
}

#[test]
fn names_have_colours_unless_they_are_unwanted() {
    for colours in [true, false] {
        let server = Server::start();
        let mut person = Person::new(&server, colours);
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
            "\u{1b}[34m<alice (7)>\u{1b}[0m Hi"
        } else {
            "<alice (7)> Hi"
        };
        person.sees(shown);
    }
}
