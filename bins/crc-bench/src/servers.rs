//! The servers under load: somebody else's, or processes that are started here
//! and end with this value.

use std::env;
use std::io::{self, BufRead, BufReader, Read};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use crc_core::PeerAddress;
use rustix::process::{Pid, Signal, kill_process};

use crate::args::{Network, Shape};
use crate::failure::Failure;

/// How long a server may take to listen, and to be reached.
const START: Duration = Duration::from_secs(10);
/// How long a server may take to leave.
const LEAVE: Duration = Duration::from_secs(10);

/// One server.
#[derive(Debug)]
pub(crate) struct Target {
    /// How people call it.
    pub(crate) name: String,
    pub(crate) address: SocketAddr,
    /// Its process, if that is known.
    pub(crate) process: Option<u32>,
}

/// The servers of a network, and those of them that were started for it.
#[derive(Debug)]
pub(crate) struct Servers {
    pub(crate) targets: Vec<Target>,
    started: Vec<Child>,
}

impl Servers {
    /// Those that are named, or newly started ones.
    pub(crate) fn open(network: &Network, start: usize, shape: Shape) -> Result<Servers, Failure> {
        if network.server.is_empty() {
            return Servers::start(network, start, shape);
        }
        let pids = network.server_pid.iter().copied().map(Some);
        let pids = pids.chain(core::iter::repeat(None));
        let mut targets = Vec::new();
        for (server, process) in network.server.iter().zip(pids) {
            targets.push(Target {
                name: server.to_string(),
                address: reach(server)?,
                process,
            });
        }
        Ok(Servers {
            targets,
            started: Vec::new(),
        })
    }

    fn start(network: &Network, count: usize, shape: Shape) -> Result<Servers, Failure> {
        let program = match &network.server_bin {
            Some(program) => program.clone(),
            None => find().ok_or(Failure::NoServer)?,
        };
        let mut servers = Servers {
            targets: Vec::new(),
            started: Vec::new(),
        };
        for number in 0..count {
            let mut command = Command::new(&program);
            command
                .args(["--listen=127.0.0.1:0", "-qq"])
                .arg(format!("--name=bench-{}", number + 1))
                .args(&network.server_arg)
                .env_remove("RUST_LOG")
                // What a terminal sends to this program is not for them.
                .process_group(0)
                .stdin(Stdio::null())
                .stdout(Stdio::piped())
                .stderr(Stdio::piped());
            if let Some(uplink) = shape.uplink(number)
                && let Some(uplink) = servers.targets.get(uplink)
            {
                command.arg(format!("--connect={}", uplink.address));
            }
            let child = processors::spawn_on(network.server_cpu, &mut command);
            let child = child.map_err(|source| Failure::Start {
                program: program.clone(),
                source,
            })?;
            let process = child.id();
            servers.started.push(child);
            let Some(child) = servers.started.last_mut() else {
                continue;
            };
            let address = listening(child)?;
            servers.targets.push(Target {
                name: format!("{address}"),
                address,
                process: Some(process),
            });
        }
        Ok(servers)
    }
}

impl Drop for Servers {
    /// Asks all that were started to leave, and ends those that don't.
    fn drop(&mut self) {
        // The leaves first, so that nobody looks for a new uplink.
        for child in self.started.iter_mut().rev() {
            if let Ok(None) = child.try_wait() {
                let _ = kill_process(Pid::from_child(child), Signal::TERM);
            }
        }
        let begin = Instant::now();
        for child in &mut self.started {
            while let Ok(None) = child.try_wait() {
                if begin.elapsed() > LEAVE {
                    let _ = child.kill();
                    let _ = child.wait();
                    break;
                }
                thread::sleep(Duration::from_millis(5));
            }
        }
    }
}

/// The address that a server is reached by: the first that answers.
fn reach(server: &PeerAddress) -> Result<SocketAddr, Failure> {
    let unreachable = |source| Failure::Unreachable {
        server: server.to_string(),
        source,
    };
    let host = server.host.trim_start_matches('[').trim_end_matches(']');
    let addresses = (host, server.port).to_socket_addrs().map_err(unreachable)?;
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    for address in addresses {
        match TcpStream::connect_timeout(&address, START) {
            Ok(_) => return Ok(address),
            Err(error) => last = error,
        }
    }
    Err(unreachable(last))
}

/// The server beside this program, or on the PATH.
fn find() -> Option<PathBuf> {
    let name = format!("crc-server{}", env::consts::EXE_SUFFIX);
    let own = env::current_exe().ok();
    let beside = own.as_deref().and_then(Path::parent).map(Path::to_owned);
    let path = env::var_os("PATH").unwrap_or_default();
    let folders = beside.into_iter().chain(env::split_paths(&path));
    folders
        .map(|folder| folder.join(&name))
        .find(|file| file.is_file())
}

/// Waits until a server says where it listens.
fn listening(child: &mut Child) -> Result<SocketAddr, Failure> {
    let (sender, first_line) = mpsc::channel();
    if let Some(stdout) = child.stdout.take() {
        // Reads on, so that what else it prints has somewhere to go.
        thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                let _ = sender.send(line);
            }
        });
    }
    let line = first_line.recv_timeout(START).unwrap_or_default();
    let address = line
        .strip_prefix("listening on ")
        .and_then(|address| address.parse().ok());
    if let Some(address) = address {
        return Ok(address);
    }
    let _ = child.kill();
    let _ = child.wait();
    let mut words = String::new();
    if let Some(stderr) = &mut child.stderr {
        let _ = stderr.take(4096).read_to_string(&mut words);
    }
    let first = words.lines().find(|line| !line.trim().is_empty());
    Err(Failure::ServerEnded {
        first: first.unwrap_or_default().to_owned(),
    })
}

/// Which processor runs what.
#[cfg(target_os = "linux")]
pub(crate) mod processors {
    use std::io;
    use std::process::{Child, Command};

    use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

    /// Stays on one processor from now on.
    pub(crate) fn stay_on(processor: usize) -> io::Result<()> {
        let mut set = CpuSet::new();
        if processor >= CpuSet::MAX_CPU {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        set.set(processor);
        Ok(sched_setaffinity(None, &set)?)
    }

    /// Starts a program that stays on one processor: it inherits that.
    pub(crate) fn spawn_on(processor: Option<usize>, command: &mut Command) -> io::Result<Child> {
        let Some(processor) = processor else {
            return command.spawn();
        };
        let own = sched_getaffinity(None)?;
        stay_on(processor)?;
        let child = command.spawn();
        sched_setaffinity(None, &own)?;
        child
    }
}

/// Which processor runs what; nobody can say that here.
#[cfg(not(target_os = "linux"))]
pub(crate) mod processors {
    use std::io;
    use std::process::{Child, Command};

    /// Can't.
    pub(crate) fn stay_on(_processor: usize) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    /// Can't, unless no processor is named.
    pub(crate) fn spawn_on(processor: Option<usize>, command: &mut Command) -> io::Result<Child> {
        match processor {
            Some(_) => Err(io::ErrorKind::Unsupported.into()),
            None => command.spawn(),
        }
    }
}
