//! One server of ours as a process, with its admin page.

use std::net::SocketAddr;
use std::process::Command;
use std::time::Duration;

use crate::error::RigError;
use crate::http::{self, Answer};
use crate::process::Process;
use crate::rig::Rig;
use crate::state::ServerState;
use crate::wait::{self, LONG};

/// What a server will be started with.
#[derive(Debug)]
#[must_use = "a builder starts nothing by itself"]
pub struct ServerBuilder<'r> {
    rig: &'r Rig,
    id: Option<u32>,
    name: String,
    info: String,
    listen: String,
    uplinks: Vec<String>,
    irc: Option<String>,
    irc_legacy: Option<String>,
    irc_uplinks: Vec<String>,
    more: Vec<String>,
    log_file: Option<String>,
    descriptors: Option<u32>,
    environment: Vec<(String, String)>,
}

impl<'r> ServerBuilder<'r> {
    pub(crate) fn new(rig: &'r Rig, id: Option<u32>, name: &str) -> Self {
        ServerBuilder {
            rig,
            id,
            name: name.to_owned(),
            info: format!("The house of {name}"),
            listen: "127.0.0.1:0".to_owned(),
            uplinks: Vec::new(),
            irc: None,
            irc_legacy: None,
            irc_uplinks: Vec::new(),
            more: Vec::new(),
            log_file: None,
            descriptors: None,
            environment: Vec::new(),
        }
    }

    /// What it says about itself.
    pub fn info(mut self, info: &str) -> Self {
        info.clone_into(&mut self.info);
        self
    }

    /// Where it listens, instead of a port that the system chooses.
    pub fn listen(mut self, address: SocketAddr) -> Self {
        self.listen = address.to_string();
        self
    }

    /// The server it dials; given again, the next one to try.
    pub fn uplink(mut self, address: SocketAddr) -> Self {
        self.uplinks.push(address.to_string());
        self
    }

    /// That it takes IRC users too, on a port that the system chooses.
    pub fn irc(mut self) -> Self {
        self.irc = Some("127.0.0.1:0".to_owned());
        self
    }

    /// That it takes users and servers of the stripped IRC too, on a port that
    /// the system chooses.
    pub fn irc_legacy(mut self) -> Self {
        self.irc_legacy = Some("127.0.0.1:0".to_owned());
        self
    }

    /// Where it takes users and servers of the stripped IRC.
    pub fn irc_legacy_at(mut self, address: SocketAddr) -> Self {
        self.irc_legacy = Some(address.to_string());
        self
    }

    /// The server of the stripped IRC that it dials; given again, the next one
    /// to try.
    pub fn irc_uplink(mut self, address: SocketAddr) -> Self {
        self.irc_uplinks.push(address.to_string());
        self
    }

    /// One more word for the command line.
    pub fn arg(mut self, word: &str) -> Self {
        self.more.push(word.to_owned());
        self
    }

    /// One more variable of its environment.
    pub fn environment(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// How many descriptors the system allows it.
    pub fn descriptors(mut self, count: u32) -> Self {
        self.descriptors = Some(count);
        self
    }

    /// What its log file is called.
    pub fn log_file(mut self, name: &str) -> Self {
        self.log_file = Some(name.to_owned());
        self
    }

    /// Starts it without waiting for anything: it may well end by itself.
    ///
    /// # Errors
    ///
    /// [`RigError::Start`] or [`RigError::File`].
    pub fn spawn(self) -> Result<Process, RigError> {
        let server = &self.rig.binaries().server;
        let mut command = match self.descriptors {
            None => Command::new(server),
            Some(count) => {
                let mut shell = Command::new("sh");
                shell.args(["-c", "ulimit -n \"$0\" && exec \"$@\""]);
                shell.arg(count.to_string()).arg(server);
                shell
            }
        };
        command.envs(self.environment);
        if let Some(id) = self.id {
            command.arg(format!("--id={id}"));
        }
        command
            // Glued on, so that no value can look like an option.
            .arg(format!("--name={}", self.name))
            .arg(format!("--info={}", self.info))
            .arg(format!("--listen={}", self.listen))
            .arg("--admin=127.0.0.1:0");
        for uplink in &self.uplinks {
            command.arg(format!("--connect={uplink}"));
        }
        for (option, address) in [("irc", &self.irc), ("irc-legacy", &self.irc_legacy)] {
            if let Some(address) = address {
                command.arg(format!("--{option}={address}"));
            }
        }
        for uplink in &self.irc_uplinks {
            command.arg(format!("--irc-connect={uplink}"));
        }
        command.args(&self.more);
        let log = self
            .log_file
            .unwrap_or_else(|| format!("{}.log", self.name));
        Process::start(&self.name, command, self.rig.logs().file(&log))
    }

    /// Starts it and waits until it listens.
    ///
    /// # Errors
    ///
    /// [`RigError::Ended`] when it doesn't come that far, [`RigError::Late`]
    /// when it takes too long, and what [`spawn`](Self::spawn) returns.
    pub fn start(self) -> Result<Server, RigError> {
        let id = self.id;
        let awaited = Awaited {
            irc: self.irc.is_some(),
            irc_legacy: self.irc_legacy.is_some(),
        };
        let process = self.spawn()?;
        Server::when_ready(id, awaited, process)
    }
}

/// Which listeners a server must name, apart from those that every server has.
#[derive(Debug, Clone, Copy)]
struct Awaited {
    irc: bool,
    irc_legacy: bool,
}

/// Where a server listens, as it says.
#[derive(Debug, Clone, Copy)]
struct Listeners {
    address: SocketAddr,
    admin: SocketAddr,
    irc: Option<SocketAddr>,
    irc_legacy: Option<SocketAddr>,
}

impl Listeners {
    /// What the lines say, once they say all that is awaited.
    fn read(lines: &[String], awaited: Awaited) -> Option<Listeners> {
        let after = |words: &str| {
            let line = lines.iter().find_map(|line| line.strip_prefix(words));
            line.and_then(|address| address.trim().parse::<SocketAddr>().ok())
        };
        let listeners = Listeners {
            address: after("listening on ")?,
            admin: after("admin on ")?,
            irc: after("irc on "),
            irc_legacy: after("irc-legacy on "),
        };
        let complete = (listeners.irc.is_some() || !awaited.irc)
            && (listeners.irc_legacy.is_some() || !awaited.irc_legacy);
        complete.then_some(listeners)
    }
}

/// A running server. Dropping it ends it without a word; see
/// [`stop`](Self::stop).
#[derive(Debug)]
pub struct Server {
    id: u32,
    process: Process,
    listeners: Listeners,
}

impl Server {
    fn when_ready(
        id: Option<u32>,
        awaited: Awaited,
        mut process: Process,
    ) -> Result<Server, RigError> {
        let outcome = wait::until(LONG, || {
            // The end is looked at first: after it, all lines have been read.
            let status = process.status();
            if let Some(status) = status {
                process.wait_end(Duration::ZERO);
                return Some(Err(RigError::Ended {
                    name: process.name().to_owned(),
                    status: status.to_string(),
                    last_words: process.last_words(),
                }));
            }
            Listeners::read(&process.lines(), awaited).map(Ok)
        });
        let listeners = outcome.unwrap_or_else(|| {
            Err(RigError::Late {
                name: process.name().to_owned(),
                what: "its first lines".to_owned(),
                bound: LONG,
                seen: format!("there are {:?}", process.lines()),
            })
        })?;
        let mut server = Server {
            id: id.unwrap_or_default(),
            process,
            listeners,
        };
        if id.is_none() {
            server.id = server.state()?.id;
        }
        Ok(server)
    }

    /// Its id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.id
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        self.process.name()
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.listeners.address
    }

    /// Where its admin page is.
    #[must_use]
    pub fn admin(&self) -> SocketAddr {
        self.listeners.admin
    }

    /// Where it takes IRC users, if it does.
    #[must_use]
    pub fn irc(&self) -> Option<SocketAddr> {
        self.listeners.irc
    }

    /// Where it takes users and servers of the stripped IRC, if it does.
    #[must_use]
    pub fn irc_legacy(&self) -> Option<SocketAddr> {
        self.listeners.irc_legacy
    }

    /// Its process.
    #[must_use]
    pub fn process(&self) -> &Process {
        &self.process
    }

    /// Its process, to wait for its end.
    pub fn process_mut(&mut self) -> &mut Process {
        &mut self.process
    }

    /// Fetches a page of its admin address.
    ///
    /// # Errors
    ///
    /// [`RigError::Admin`] when there is no answer.
    pub fn get(&self, path: &str) -> Result<Answer, RigError> {
        http::get(self.listeners.admin, path).map_err(|error| RigError::Admin {
            name: self.name().to_owned(),
            why: format!("does not answer {path}: {error}"),
        })
    }

    /// What it knows.
    ///
    /// # Errors
    ///
    /// [`RigError::Admin`] when it doesn't say.
    pub fn state(&self) -> Result<ServerState, RigError> {
        let answer = self.get("/state")?;
        let admin = |why| RigError::Admin {
            name: self.name().to_owned(),
            why,
        };
        if answer.status != 200 {
            return Err(admin(format!("answers /state with {}", answer.status)));
        }
        serde_json::from_str(&answer.body)
            .map_err(|error| admin(format!("answers /state with no state: {error}")))
    }

    /// Waits until what it knows is as `condition` wants it, and returns it.
    ///
    /// # Errors
    ///
    /// [`RigError::Late`] with what it knows instead, [`RigError::Admin`].
    pub fn wait_state(
        &self,
        mut condition: impl FnMut(&ServerState) -> bool,
    ) -> Result<ServerState, RigError> {
        let mut last = None;
        let found = wait::until(LONG, || match self.state() {
            Ok(state) if condition(&state) => Some(state),
            other => {
                last = Some(other);
                None
            }
        });
        if let Some(state) = found {
            return Ok(state);
        }
        let state = last.expect("it has looked at least once")?;
        Err(RigError::Late {
            name: self.name().to_owned(),
            what: "its state".to_owned(),
            bound: LONG,
            seen: format!("it is {state:#?}"),
        })
    }

    /// Waits until it knows exactly the hosts `ids`, which are in order.
    ///
    /// # Errors
    ///
    /// See [`wait_state`](Self::wait_state).
    pub fn wait_hosts(&self, ids: &[u32]) -> Result<ServerState, RigError> {
        self.wait_state(|state| state.host_ids() == ids)
    }

    /// The lines of its log that hold `word`.
    #[must_use]
    pub fn log_lines_with(&self, word: &str) -> Vec<String> {
        let log = self.process.log();
        log.lines()
            .filter(|line| line.contains(word))
            .map(str::to_owned)
            .collect()
    }

    /// Asks it to leave, waits until it has, and says whether it did so in good
    /// order.
    pub fn stop(&mut self) -> bool {
        self.process.stop().is_some_and(|status| status.success())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn read(lines: &[&str], irc: bool, irc_legacy: bool) -> Option<Listeners> {
        let lines: Vec<String> = lines.iter().map(|&line| line.to_owned()).collect();
        Listeners::read(&lines, Awaited { irc, irc_legacy })
    }

    #[test]
    fn listeners_are_known_once_all_are_named() {
        let plain = ["listening on 127.0.0.1:1", "admin on 127.0.0.1:2"];
        let found = read(&plain, false, false).unwrap();
        assert_eq!((found.address.port(), found.admin.port()), (1, 2));
        assert_eq!((found.irc, found.irc_legacy), (None, None));
        assert!(read(&plain[..1], false, false).is_none());
        assert!(read(&plain, true, false).is_none());
        let more = [plain[0], "irc-legacy on 127.0.0.1:3", plain[1]];
        assert!(read(&more, true, true).is_none());
        let found = read(&more, false, true).unwrap();
        assert_eq!(found.irc_legacy.unwrap().port(), 3);
        let all = [more[0], more[1], "irc on [::1]:4", more[2]];
        let found = read(&all, true, true).unwrap();
        assert_eq!(found.irc.unwrap().port(), 4);
        assert_eq!(found.irc_legacy.unwrap().port(), 3);
    }
}
