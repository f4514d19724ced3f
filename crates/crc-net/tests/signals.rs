//! Signals, sent to a child process.

#![allow(clippy::unwrap_used, reason = "a panic fails the test")]
#![allow(
    clippy::print_stdout,
    reason = "the child process reports to its parent"
)]

mod fixture;

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use crc_net::{Driver, DriverConfig};
use fixture::silent;
use rustix::process::{Pid, Signal, kill_process};

/// The environment variable that makes a test run as the child process.
const CHILD: &str = "CRC_NET_TEST_SIGNALS";

/// The child process: prints what happens. Stops at the first signal if `stops`.
fn child(stops: bool) {
    let mut driver = Driver::new(silent(), DriverConfig::default()).unwrap();
    driver
        .on_signals(move || {
            Box::new(move |out| {
                out.notice(fixture::Seen::Note("signal".to_owned()));
                if stops {
                    out.stop();
                }
            })
        })
        .unwrap();
    driver.command(Box::new(|out| {
        out.notice(fixture::Seen::Note("ready".to_owned()));
    }));
    let stopped = driver.run(|_, seen| {
        if let fixture::Seen::Note(note) = seen {
            println!("\nchild {note}");
        }
    });
    println!("\nchild {:?}", stopped.unwrap());
}

struct Process {
    child: Child,
    output: BufReader<std::process::ChildStdout>,
}

impl Process {
    fn start(test: &str) -> Process {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", test, "--nocapture"])
            .env(CHILD, "1")
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        Process { child, output }
    }

    fn next_line(&mut self) -> String {
        loop {
            let mut line = String::new();
            assert_ne!(
                self.output.read_line(&mut line).unwrap(),
                0,
                "the child process has exited"
            );
            if let Some(word) = line.trim_end().strip_prefix("child ") {
                return word.to_owned();
            }
        }
    }

    fn send(&self, signal: Signal) {
        let id = i32::try_from(self.child.id()).unwrap();
        kill_process(Pid::from_raw(id).unwrap(), signal).unwrap();
    }

    fn succeeds(mut self) {
        assert!(self.child.wait().unwrap().success());
    }
}

#[test]
fn a_signal_becomes_a_command() {
    if std::env::var_os(CHILD).is_some() {
        return child(true);
    }
    for signal in [Signal::TERM, Signal::INT] {
        let mut process = Process::start("a_signal_becomes_a_command");
        assert_eq!(process.next_line(), "ready");
        process.send(signal);
        assert_eq!(process.next_line(), "signal");
        assert_eq!(process.next_line(), "Graceful");
        process.succeeds();
    }
}

#[test]
fn a_second_signal_forces_the_end() {
    if std::env::var_os(CHILD).is_some() {
        return child(false);
    }
    let mut process = Process::start("a_second_signal_forces_the_end");
    assert_eq!(process.next_line(), "ready");
    process.send(Signal::TERM);
    assert_eq!(process.next_line(), "signal");
    process.send(Signal::INT);
    assert_eq!(process.next_line(), "Forced");
    process.succeeds();
}
