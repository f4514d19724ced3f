//! Signals, sent to a process of its own.

#![allow(clippy::unwrap_used, reason = "a test fails by it")]
#![allow(clippy::print_stdout, reason = "how the process of its own is heard")]

mod fixture;

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use crc_net::{Driver, DriverConfig};
use fixture::silent;
use rustix::process::{Pid, Signal, kill_process};

/// Tells the test below that it is the process of its own.
const CHILD: &str = "CRC_NET_TEST_SIGNALS";

/// Prints what happens to it. Endpoints when told to, if `obedient`.
fn child(obedient: bool) {
    let mut driver = Driver::new(silent(), DriverConfig::default()).unwrap();
    driver
        .on_signals(move || {
            Box::new(move |out| {
                out.notice(fixture::Seen::Note("told".to_owned()));
                if obedient {
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

    fn says(&mut self) -> String {
        loop {
            let mut line = String::new();
            assert_ne!(self.output.read_line(&mut line).unwrap(), 0, "it is gone");
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
        assert_eq!(process.says(), "ready");
        process.send(signal);
        assert_eq!(process.says(), "told");
        assert_eq!(process.says(), "Graceful");
        process.succeeds();
    }
}

#[test]
fn a_second_signal_is_the_end() {
    if std::env::var_os(CHILD).is_some() {
        return child(false);
    }
    let mut process = Process::start("a_second_signal_is_the_end");
    assert_eq!(process.says(), "ready");
    process.send(Signal::TERM);
    assert_eq!(process.says(), "told");
    process.send(Signal::INT);
    assert_eq!(process.says(), "Forced");
    process.succeeds();
}
