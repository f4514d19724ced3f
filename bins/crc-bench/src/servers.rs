//! The servers under load: running ones, or processes that this program starts and ends.

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

/// How long a server may take to start listening, and to accept a connection.
const START_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a server may take to exit.
const EXIT_TIMEOUT: Duration = Duration::from_secs(10);

/// One server.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    /// Its name in reports and messages.
    pub(crate) name: String,
    pub(crate) address: SocketAddr,
    /// Its process id, if known.
    pub(crate) process: Option<u32>,
}

/// The servers of a network. Dropping it ends those that it started.
#[derive(Debug)]
pub(crate) struct Servers {
    pub(crate) targets: Vec<Target>,
    started: Vec<Child>,
}

impl Servers {
    /// The servers of the command line, or new ones.
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
                address: find_address(server)?,
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
            None => find_program().ok_or(Failure::ServerNotFound)?,
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
                // A signal from the terminal goes to this program only.
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
            let address = wait_until_listening(child)?;
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
    /// Sends SIGTERM to the started servers, and kills those that do not exit.
    fn drop(&mut self) {
        // In reverse order: a child exits before its uplink, so no server looks for a new uplink.
        for child in self.started.iter_mut().rev() {
            if let Ok(None) = child.try_wait() {
                let _ = kill_process(Pid::from_child(child), Signal::TERM);
            }
        }
        let begin = Instant::now();
        for child in &mut self.started {
            while let Ok(None) = child.try_wait() {
                if begin.elapsed() > EXIT_TIMEOUT {
                    let _ = child.kill();
                    let _ = child.wait();
                    break;
                }
                thread::sleep(Duration::from_millis(5));
            }
        }
    }
}

/// The first address of a server that accepts a connection.
fn find_address(server: &PeerAddress) -> Result<SocketAddr, Failure> {
    let unreachable = |source| Failure::Unreachable {
        server: server.to_string(),
        source,
    };
    let host = &*server.host;
    let addresses = (host, server.port).to_socket_addrs().map_err(unreachable)?;
    let mut last = io::Error::new(io::ErrorKind::NotFound, "unknown host name");
    for address in addresses {
        match TcpStream::connect_timeout(&address, START_TIMEOUT) {
            Ok(_) => return Ok(address),
            Err(error) => last = error,
        }
    }
    Err(unreachable(last))
}

/// The `crc-server` beside this program, or on the PATH.
fn find_program() -> Option<PathBuf> {
    let name = format!("crc-server{}", env::consts::EXE_SUFFIX);
    let own = env::current_exe().ok();
    let beside = own.as_deref().and_then(Path::parent).map(Path::to_owned);
    let path = env::var_os("PATH").unwrap_or_default();
    let folders = beside.into_iter().chain(env::split_paths(&path));
    folders
        .map(|folder| folder.join(&name))
        .find(|file| file.is_file())
}

/// Waits until a server prints the address that it listens on.
fn wait_until_listening(child: &mut Child) -> Result<SocketAddr, Failure> {
    let (sender, first_line) = mpsc::channel();
    if let Some(stdout) = child.stdout.take() {
        // Reads to the end, so that the server never blocks on a full pipe.
        thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                let _ = sender.send(line);
            }
        });
    }
    let line = first_line.recv_timeout(START_TIMEOUT).unwrap_or_default();
    let address = line
        .strip_prefix("listening on ")
        .and_then(|address| address.parse().ok());
    if let Some(address) = address {
        return Ok(address);
    }
    let _ = child.kill();
    let _ = child.wait();
    let mut output = String::new();
    if let Some(stderr) = &mut child.stderr {
        let _ = stderr.take(4096).read_to_string(&mut output);
    }
    let first = output.lines().find(|line| !line.trim().is_empty());
    Err(Failure::ServerExited {
        output: first.unwrap_or_default().to_owned(),
    })
}

/// Pins processes to processors.
#[cfg(target_os = "linux")]
pub(crate) mod processors {
    use std::io;
    use std::process::{Child, Command};

    use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

    /// Pins this thread to one processor.
    pub(crate) fn pin(processor: usize) -> io::Result<()> {
        let mut set = CpuSet::new();
        if processor >= CpuSet::MAX_CPU {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        set.set(processor);
        Ok(sched_setaffinity(None, &set)?)
    }

    /// Starts a program, pinned to one processor if there is one. A child process inherits the
    /// pinning of its parent.
    pub(crate) fn spawn_on(processor: Option<usize>, command: &mut Command) -> io::Result<Child> {
        let Some(processor) = processor else {
            return command.spawn();
        };
        let own = sched_getaffinity(None)?;
        pin(processor)?;
        let child = command.spawn();
        sched_setaffinity(None, &own)?;
        child
    }
}

/// Pinning is not supported on this system.
#[cfg(not(target_os = "linux"))]
pub(crate) mod processors {
    use std::io;
    use std::process::{Child, Command};

    /// Fails: not supported.
    pub(crate) fn pin(_processor: usize) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    /// Fails if there is a processor: not supported.
    pub(crate) fn spawn_on(processor: Option<usize>, command: &mut Command) -> io::Result<Child> {
        match processor {
            Some(_) => Err(io::ErrorKind::Unsupported.into()),
            None => command.spawn(),
        }
    }
}
