//! A launched server of either network, with its tap, from launch to shutdown.

use std::net::SocketAddr;

use crate::fixture::{FixtureError, Process, Server, ServerState, Tap};

/// A launched server.
pub(super) struct RunningServer {
    pub(super) server: Server,
    /// The tap in front of it, in connectivity scenarios.
    pub(super) tap: Option<Tap>,
    /// The scenario has shut it down, or it has ended by itself.
    pub(super) killed: bool,
}

impl RunningServer {
    pub(super) fn new(server: Server, tap: Option<Tap>) -> RunningServer {
        RunningServer {
            server,
            tap,
            killed: false,
        }
    }

    /// What it knows; `None` when it has ended or does not answer.
    pub(super) fn state(&mut self) -> Option<ServerState> {
        if self.killed || !self.server.process_mut().is_running() {
            return None;
        }
        self.server.state().ok()
    }

    /// The reads that its tap has recorded.
    pub(super) fn reads(&self) -> Vec<Vec<u8>> {
        let reads = self.tap.as_ref().map(|tap| tap.record().reads);
        reads.unwrap_or_default()
    }

    /// Requests its shutdown. A server that has ended by itself is a failure.
    pub(super) fn request_shutdown(&mut self, failures: &mut Vec<String>) {
        let Some(status) = self.server.process_mut().status() else {
            self.server.process_mut().request_shutdown();
            return;
        };
        self.killed = true;
        failures.push(format!(
            "{}: ended by itself ({status}); last log line: {}",
            self.server.name(),
            self.server.process().last_log_line()
        ));
    }

    /// Waits for its end after [`request_shutdown`](Self::request_shutdown).
    pub(super) fn finish(&mut self, failures: &mut Vec<String>) {
        if self.killed {
            return;
        }
        self.killed = true;
        let failure = match self.server.process_mut().finish() {
            None => "did not shut down in time".to_owned(),
            Some(status) if !status.success() => {
                let line = self.server.process().last_log_line();
                format!("shut down with {status}; last log line: {line}")
            }
            Some(_) => return,
        };
        failures.push(format!("{}: {failure}", self.server.name()));
    }
}

/// Shuts down all servers that are running, all at the same time.
pub(super) fn shut_down<'s>(
    servers: impl Iterator<Item = &'s mut RunningServer>,
    failures: &mut Vec<String>,
) {
    let mut running: Vec<_> = servers.filter(|one| !one.killed).collect();
    for one in &mut running {
        one.request_shutdown(failures);
    }
    for one in &mut running {
        one.finish(failures);
    }
}

/// Starts a tap in front of the server `name`, at `address`; without a target it is
/// muted.
pub(super) fn start_tap(
    name: &str,
    address: SocketAddr,
    target: Option<SocketAddr>,
) -> Result<Tap, FixtureError> {
    let port = address.port();
    Tap::start(port, target).map_err(|source| FixtureError::Socket {
        what: format!("tap in front of {name}, port {port}"),
        source,
    })
}

/// The error of a server that cannot use the port `port` of the scenario.
pub(super) fn port_in_use(name: &str, port: u16, other: &str) -> FixtureError {
    FixtureError::Ended {
        name: name.to_owned(),
        status: "not started".to_owned(),
        last_log_line: format!("port {port} is in use by {other}"),
    }
}

/// All of `count` servers that links connect to the server `start`, itself included.
pub(super) fn connected_to(
    start: usize,
    count: usize,
    linked: impl Fn(usize, usize) -> bool,
) -> Vec<usize> {
    let mut network = vec![start];
    let mut next = 0;
    while let Some(&at) = network.get(next) {
        for other in 0..count {
            if !network.contains(&other) && linked(at, other) {
                network.push(other);
            }
        }
        next += 1;
    }
    network
}

/// The log file that a launch names, else `NAME.log`.
pub(super) fn log_name(log_file: Option<&String>, name: &str) -> String {
    log_file.cloned().unwrap_or(format!("{name}.log"))
}

/// Clears the counters in states of servers.
pub(super) fn clear_counters(states: &mut [Option<ServerState>]) {
    for state in states.iter_mut().flatten() {
        state.counters.clear();
    }
}

/// Adds the first panic in the log of `process`, unless a failure quotes it already.
pub(super) fn note_panic(process: &Process, failures: &mut Vec<String>) {
    let log = process.log();
    if let Some(line) = log.lines().find(|line| line.contains("panicked at"))
        && !failures.iter().any(|failure| failure.ends_with(line))
    {
        failures.push(format!("{}: {line}", process.name()));
    }
}
