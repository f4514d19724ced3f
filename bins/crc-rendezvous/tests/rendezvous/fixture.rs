//! Directories and peers as processes. Every wait has a limit.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::SocketAddr;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde::Deserialize;

/// The limit of every wait, far longer than any step takes.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(30);

/// A directory or a peer. Dropping it kills the process.
pub(crate) struct Process {
    child: Child,
    input: Option<ChildStdin>,
    output: Receiver<String>,
    errors: Option<JoinHandle<String>>,
    /// The address in its first line.
    pub(crate) address: SocketAddr,
}

/// A line of `join --json`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(tag = "event", rename_all = "lowercase")]
pub(crate) enum Event {
    Directory { peers: Vec<SocketAddr> },
    Connected { peer: SocketAddr },
    Hello { peer: SocketAddr },
    Lost { peer: SocketAddr },
    Text { peer: SocketAddr, text: String },
    Teardown,
    Away { retry_in_ms: Option<u64> },
    Error { text: String },
}

pub(crate) fn command(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_crc-rendezvous"));
    command.args(args).env_remove("RUST_LOG");
    command
}

impl Process {
    pub(crate) fn start(args: &[&str]) -> Process {
        Process::start_with_input(args, Stdio::piped())
    }

    pub(crate) fn start_with_input(args: &[&str], input: Stdio) -> Process {
        let mut child = command(args)
            .stdin(input)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut errors = child.stderr.take().unwrap();
        let errors = thread::spawn(move || {
            let mut text = String::new();
            errors.read_to_string(&mut text).unwrap();
            text
        });
        let (sender, output) = channel();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        thread::spawn(move || {
            for line in lines {
                if sender.send(line.unwrap()).is_err() {
                    return;
                }
            }
        });
        let first = output.recv_timeout(TIMEOUT).expect("a first line");
        let address = first.strip_prefix("listening on ").expect("an address");
        Process {
            input: child.stdin.take(),
            output,
            errors: Some(errors),
            address: address.parse().unwrap(),
            child,
        }
    }

    pub(crate) fn serve(args: &[&str]) -> Process {
        Process::start(&[&["serve", "--listen", "127.0.0.1:0"], args].concat())
    }

    pub(crate) fn write(&mut self, lines: &str) {
        let input = self.input.as_mut().unwrap();
        input.write_all(lines.as_bytes()).unwrap();
        input.flush().unwrap();
    }

    pub(crate) fn end_input(&mut self) {
        self.input = None;
    }

    /// Reads the next line of standard output.
    #[track_caller]
    pub(crate) fn line(&self) -> String {
        self.output.recv_timeout(TIMEOUT).expect("a line")
    }

    pub(crate) fn terminate(&self) {
        kill_process(Pid::from_child(&self.child), Signal::TERM).unwrap();
    }

    pub(crate) fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// Kills the process; returns its standard error.
    pub(crate) fn kill(mut self) -> String {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        self.errors.take().unwrap().join().unwrap()
    }

    /// Waits for the exit; returns the exit code and all of standard error.
    #[track_caller]
    pub(crate) fn finish(mut self) -> (Option<i32>, String) {
        let until = Instant::now() + TIMEOUT;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            match self.output.recv_timeout(left) {
                Ok(_) => {}
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => panic!("it does not end"),
            }
        }
        let errors = self.errors.take().unwrap().join().unwrap();
        (self.child.wait().unwrap().code(), errors)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Waits for the exit of a process, and returns the exit code.
#[track_caller]
pub(crate) fn wait_for_exit(child: &mut Child) -> Option<i32> {
    let until = Instant::now() + TIMEOUT;
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status.code();
        }
        assert!(Instant::now() < until, "it does not end");
        thread::sleep(Duration::from_millis(10));
    }
}

/// A peer and its events.
pub(crate) struct Peer {
    pub(crate) process: Process,
    pub(crate) events: Vec<Event>,
    pub(crate) list: Vec<SocketAddr>,
    pub(crate) up: BTreeSet<SocketAddr>,
    pub(crate) texts: Vec<(SocketAddr, String)>,
}

impl Peer {
    pub(crate) fn join(server: SocketAddr, args: &[&str]) -> Peer {
        let server = server.to_string();
        let join = ["join", "--json", "--server", &server];
        Peer {
            process: Process::start(&[&join, args].concat()),
            events: Vec::new(),
            list: Vec::new(),
            up: BTreeSet::new(),
            texts: Vec::new(),
        }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.process.address
    }

    /// Reads events until `condition` holds.
    #[track_caller]
    pub(crate) fn wait(&mut self, condition: impl Fn(&Peer) -> bool) {
        let until = Instant::now() + TIMEOUT;
        while !condition(self) {
            let left = until.saturating_duration_since(Instant::now());
            match self.process.output.recv_timeout(left) {
                Ok(line) => self.note(&line),
                Err(error) => panic!("{error}: {:?}", self.events),
            }
        }
    }

    fn note(&mut self, line: &str) {
        let event: Event = serde_json::from_str(line).unwrap();
        match &event {
            Event::Directory { peers } => self.list.clone_from(peers),
            Event::Connected { peer } | Event::Hello { peer } => {
                assert!(self.up.insert(*peer), "{peer} is there twice");
            }
            Event::Lost { peer } => assert!(self.up.remove(peer), "{peer} was not there"),
            Event::Text { peer, text } => self.texts.push((*peer, text.clone())),
            Event::Teardown | Event::Away { .. } | Event::Error { .. } => {}
        }
        self.events.push(event);
    }

    /// Reads events until the exit; returns the exit code and standard error.
    #[track_caller]
    pub(crate) fn finish(&mut self) -> (Option<i32>, String) {
        let until = Instant::now() + TIMEOUT;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            match self.process.output.recv_timeout(left) {
                Ok(line) => self.note(&line),
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => panic!("it does not end: {:?}", self.events),
            }
        }
        let errors = self.process.errors.take().unwrap().join().unwrap();
        (self.process.child.wait().unwrap().code(), errors)
    }
}

/// Waits until all peers have the same list and are connected with all others on it;
/// returns the list.
#[track_caller]
pub(crate) fn wait_meshed(peers: &mut [Peer]) -> Vec<SocketAddr> {
    let all: BTreeSet<_> = peers.iter().map(Peer::address).collect();
    for peer in &mut *peers {
        let mut others = all.clone();
        others.remove(&peer.address());
        peer.wait(|peer| peer.up == others && peer.list.len() == all.len());
        assert_eq!(peer.list.iter().copied().collect::<BTreeSet<_>>(), all);
    }
    let list = peers.first().map(|peer| peer.list.clone()).unwrap();
    assert!(peers.iter().all(|peer| peer.list == list));
    list
}
