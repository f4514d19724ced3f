//! A rendezvous directory of ours as a process.

use std::net::SocketAddr;
use std::process::Command;
use std::time::Duration;

use crate::binaries::find_rendezvous;
use crate::error::RigError;
use crate::process::Process;
use crate::rig::Rig;
use crate::wait::{self, LONG};

/// A running directory. Dropping it ends it without a word.
#[derive(Debug)]
pub struct Rendezvous {
    process: Process,
    address: SocketAddr,
}

impl Rendezvous {
    /// Starts `crc-rendezvous serve` at `listen`, and waits until it listens. The
    /// `name` is what its log is called.
    ///
    /// # Errors
    ///
    /// [`RigError::Ended`] when it doesn't come that far, [`RigError::Late`] when it
    /// takes too long, and whatever keeps a process from being started.
    pub fn start(rig: &Rig, name: &str, listen: SocketAddr) -> Result<Rendezvous, RigError> {
        let mut command = Command::new(find_rendezvous()?);
        command.args(["serve", "-v", "--listen", &listen.to_string()]);
        let log = rig.logs().file(&format!("{name}.log"));
        let mut process = Process::start(name, command, log)?;
        let found = wait::until(LONG, || {
            let status = process.status();
            if status.is_some() {
                process.wait_end(Duration::ZERO);
            }
            let lines = process.lines();
            let address = lines
                .iter()
                .find_map(|line| line.strip_prefix("listening on ")?.trim().parse().ok());
            drop(lines);
            match (address, status) {
                (Some(address), None) => Some(Ok(address)),
                (_, Some(status)) => Some(Err(RigError::Ended {
                    name: name.to_owned(),
                    status: status.to_string(),
                    last_words: process.last_words(),
                })),
                (None, None) => None,
            }
        });
        let address = found.unwrap_or_else(|| {
            Err(RigError::Late {
                name: name.to_owned(),
                what: "its first line".to_owned(),
                bound: LONG,
                seen: format!("there are {:?}", process.lines()),
            })
        })?;
        Ok(Rendezvous { process, address })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its process, to be ended.
    pub fn process_mut(&mut self) -> &mut Process {
        &mut self.process
    }
}
