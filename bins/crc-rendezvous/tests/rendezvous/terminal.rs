//! A peer at a pseudo-terminal.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::process::Stdio;
use std::sync::mpsc::{Receiver, channel};
use std::thread;

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, Winsize, tcgetattr, tcsetwinsize};

use crate::fixture::{Peer, Process, TIMEOUT, command, wait_for_exit};

/// The output of a terminal that no call has matched yet.
struct Screen {
    shown: Receiver<Vec<u8>>,
    seen: Vec<u8>,
}

impl Screen {
    #[track_caller]
    fn sees(&mut self, text: &str) {
        loop {
            let mut windows = self.seen.windows(text.len());
            if let Some(at) = windows.position(|window| window == text.as_bytes()) {
                self.seen.drain(..at + text.len());
                return;
            }
            // A read may end within a character.
            match self.shown.recv_timeout(TIMEOUT) {
                Ok(bytes) => self.seen.extend(bytes),
                Err(_) => {
                    let seen = String::from_utf8_lossy(&self.seen);
                    panic!("{text:?} is not shown, but {seen:?}")
                }
            }
        }
    }
}

#[test]
fn typed_lines_are_sent_and_received_lines_are_shown() {
    let server = Process::serve(&[]);
    let mut other = Peer::join(server.address, &[]);
    other.wait(|peer| peer.list.len() == 1);

    let mut keyboard = File::from(openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap());
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
    let mut child = command(&["join", "--server", &address])
        .env("TERM", "xterm")
        .stdin(stdio())
        .stdout(stdio())
        .stderr(stdio())
        .spawn()
        .unwrap();
    let (sender, shown) = channel();
    let mut master = keyboard.try_clone().unwrap();
    thread::spawn(move || {
        let mut buffer = [0; 4096];
        while let Ok(count) = master.read(&mut buffer) {
            if sender.send(buffer[..count].to_vec()).is_err() {
                return;
            }
        }
    });
    let seen = Vec::new();
    let mut screen = Screen { shown, seen };
    screen.sees("listening on 127.0.0.1:");
    screen.sees(&format!("* connected from {}\r\n", other.address()));
    screen.sees("> ");
    keyboard.write_all(b"half a li").unwrap();
    screen.sees("half a li");
    other.process.write("Hi \u{1b}[2J\u{202e}there\n");
    screen.sees(&format!("<{}> Hi ␛[2J<U+202E>there\r\n", other.address()));
    screen.sees("> half a li");
    keyboard.write_all(b"ne\r").unwrap();
    other.wait(|peer| !peer.texts.is_empty());
    assert_eq!(other.texts[0].1, "half a line");
    // Ctrl-D ends the input. Before the prompt the terminal would take it for itself.
    screen.sees("> ");
    keyboard.write_all(b"\x04").unwrap();
    assert_eq!(wait_for_exit(&mut child), Some(0));
    let modes = tcgetattr(&terminal).unwrap().local_modes;
    assert!(modes.contains(LocalModes::ICANON | LocalModes::ECHO | LocalModes::ISIG));
    other.wait(|peer| peer.up.is_empty() && peer.list.len() == 1);
}
