//! Receives SIGTERM and SIGINT through a socket that the selector watches.

use std::fmt;
use std::io::{self, ErrorKind, Read};
use std::os::unix::net::UnixStream;
use std::sync::Arc;

use signal_hook::SigId;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::low_level;

use crate::poll_source::PollSource;
use crate::selector::{Interest, Selector};

/// The signal handlers. Dropping it removes them.
pub(crate) struct Signals<C> {
    socket: PollSource<UnixStream>,
    ids: Vec<SigId>,
    /// How many signals came.
    received: usize,
    command: Box<dyn Fn() -> C>,
}

impl<C> fmt::Debug for Signals<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signals")
            .field("received", &self.received)
            .finish_non_exhaustive()
    }
}

/// What the driver does about the signals that came.
pub(crate) enum SignalAction<C> {
    None,
    /// The first signal: a command for the machine.
    Command(C),
    /// The second signal: end the run immediately.
    ForceStop,
}

impl<C> Signals<C> {
    pub(crate) fn new(
        selector: &Arc<Selector>,
        key: u64,
        command: Box<dyn Fn() -> C>,
    ) -> io::Result<Self> {
        let (receiver, sender) = UnixStream::pair()?;
        receiver.set_nonblocking(true)?;
        let mut signals = Signals {
            socket: PollSource::new(selector, receiver, key, Interest::READ)?,
            ids: Vec::new(),
            received: 0,
            command,
        };
        for signal in [SIGTERM, SIGINT] {
            let id = low_level::pipe::register(signal, sender.try_clone()?)?;
            signals.ids.push(id);
        }
        Ok(signals)
    }

    /// Reads the signals that came, and arms the socket again under `key`.
    pub(crate) fn handle(&mut self, key: u64) -> io::Result<SignalAction<C>> {
        let before = self.received;
        let mut buffer = [0; 16];
        loop {
            match self.socket.socket().read(&mut buffer) {
                // The handlers keep the other end open.
                Ok(0) => break,
                Ok(count) => self.received += count,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        self.socket.mark_fired();
        self.socket.arm_once(key, Interest::READ)?;
        Ok(match self.received {
            received if received == before => SignalAction::None,
            1 => SignalAction::Command((self.command)()),
            _ => SignalAction::ForceStop,
        })
    }
}

impl<C> Drop for Signals<C> {
    fn drop(&mut self) {
        for id in self.ids.drain(..) {
            low_level::unregister(id);
        }
    }
}
