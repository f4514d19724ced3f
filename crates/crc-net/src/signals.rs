//! SIGTERM and SIGINT, as something that becomes readable.

use std::fmt;
use std::io::{self, ErrorKind, Read};
use std::os::unix::net::UnixStream;
use std::sync::Arc;

use signal_hook::SigId;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::low_level;

use crate::poll_source::PollSource;
use crate::selector::{Interest, Selector};

/// Catches the signals for as long as it lives, and makes commands of them.
pub(crate) struct Signals<C> {
    socket: PollSource<UnixStream>,
    ids: Vec<SigId>,
    seen: usize,
    command: Box<dyn Fn() -> C>,
}

impl<C> fmt::Debug for Signals<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signals")
            .field("seen", &self.seen)
            .finish_non_exhaustive()
    }
}

/// What is to be done about signals.
pub(crate) enum Signalled<C> {
    Nothing,
    Command(C),
    EndAtOnce,
}

impl<C> Signals<C> {
    pub(crate) fn new(
        selector: &Arc<Selector>,
        key: u64,
        command: Box<dyn Fn() -> C>,
    ) -> io::Result<Self> {
        let (ours, theirs) = UnixStream::pair()?;
        ours.set_nonblocking(true)?;
        let mut signals = Signals {
            socket: PollSource::new(selector, ours, key, Interest::READ)?,
            ids: Vec::new(),
            seen: 0,
            command,
        };
        for signal in [SIGTERM, SIGINT] {
            let id = low_level::pipe::register(signal, theirs.try_clone()?)?;
            signals.ids.push(id);
        }
        Ok(signals)
    }

    /// Takes the signals that have come, and listens for more under `key`.
    pub(crate) fn take(&mut self, key: u64) -> io::Result<Signalled<C>> {
        let before = self.seen;
        let mut buffer = [0; 16];
        loop {
            match self.socket.source().read(&mut buffer) {
                // The other end lives as long as this.
                Ok(0) => break,
                Ok(count) => self.seen += count,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        self.socket.fired();
        self.socket.arm(key, Interest::READ)?;
        Ok(match self.seen {
            seen if seen == before => Signalled::Nothing,
            1 => Signalled::Command((self.command)()),
            _ => Signalled::EndAtOnce,
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
