//! Sockets that a selector watches. This is the only module with `unsafe` code, and the only one that
//! calls the selector's `add`, `modify` and `delete`.
//!
//! The selector works in oneshot mode: after an event it watches the socket for nothing, until the
//! owner arms it again. After every event, even one it ignores, the owner of a [`PollSource`] calls
//! [`mark_fired`](PollSource::mark_fired), and then arms it with the full interest.
//!
//! A socket that is watched for reading only stays armed in level mode from the beginning, which
//! saves a system call per event ([`arm`](PollSource::arm)). It keeps firing until all received
//! bytes are read, or all connections are accepted. Everything else that happens to a link, such as
//! a partial write or its end, changes the interest and therefore the mode.
//!
//! The caller chooses the keys and never reuses one. Otherwise an event that the selector
//! reported before a socket was dropped could be taken for an event of another socket.

use std::io;
use std::net::{TcpListener, TcpStream};
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;

use polling::{Event, PollMode, Poller};

use crate::selector::{Interest, Selector};

/// A socket that a [`PollSource`] can hold. Its descriptor never changes and stays open as long as
/// the socket exists. Only this crate can implement the trait.
pub trait Socket: AsFd + AsRawFd + sealed::Sealed {}

impl Socket for TcpStream {}
impl Socket for TcpListener {}
impl Socket for UnixStream {}

mod sealed {
    use super::{TcpListener, TcpStream, UnixStream};

    pub trait Sealed {}

    impl Sealed for TcpStream {}
    impl Sealed for TcpListener {}
    impl Sealed for UnixStream {}
}

/// A socket with its registration in a [`Selector`]. Dropping it removes the registration and closes
/// the socket.
#[derive(Debug)]
pub struct PollSource<S: Socket> {
    socket: S,
    selector: Arc<Selector>,
    /// What the selector currently watches the socket for.
    armed: Interest,
    /// Whether it stays armed after an event.
    persistent: bool,
}

impl<S: Socket> PollSource<S> {
    /// Registers `socket`, which must be non-blocking, and watches it as [`arm`](Self::arm) does. The
    /// selector reports its events under `key`, which must not be `u64::MAX`.
    ///
    /// # Errors
    ///
    /// If the system refuses the registration, for instance because it is out of memory.
    pub fn new(
        selector: &Arc<Selector>,
        socket: S,
        key: u64,
        interest: Interest,
    ) -> io::Result<Self> {
        // SAFETY: a socket must be deleted from the poller before it is dropped. The registration
        // owns the socket, gives out shared references only, keeps the poller alive, and deletes the
        // socket in its own `drop`, before its fields are dropped. `Socket` is sealed: no
        // implementation closes or changes its descriptor through a shared reference.
        let poller = selector.poller();
        let persistent = stays_armed(poller, interest);
        unsafe {
            poller.add_with_mode(&socket, event(key, interest), mode(persistent))?;
        }
        Ok(PollSource {
            socket,
            selector: Arc::clone(selector),
            armed: interest,
            persistent,
        })
    }

    /// The socket.
    pub fn socket(&self) -> &S {
        &self.socket
    }

    /// Notes that the selector reported an event of the socket. Unless it stays armed, the selector
    /// now watches it for nothing.
    pub fn mark_fired(&mut self) {
        if !self.persistent {
            self.armed = Interest::NONE;
        }
    }

    /// Watches the socket for `interest` until the next event.
    ///
    /// # Errors
    ///
    /// If the system refuses the change.
    pub fn arm_once(&mut self, key: u64, interest: Interest) -> io::Result<()> {
        self.set(key, interest, false)
    }

    /// Watches the socket for `interest`: for reading only, until the interest changes, if the
    /// selector supports that; otherwise until the next event.
    ///
    /// # Errors
    ///
    /// If the system refuses the change.
    pub fn arm(&mut self, key: u64, interest: Interest) -> io::Result<()> {
        let persistent = stays_armed(self.selector.poller(), interest);
        self.set(key, interest, persistent)
    }

    fn set(&mut self, key: u64, interest: Interest, persistent: bool) -> io::Result<()> {
        if (self.armed, self.persistent) == (interest, persistent) {
            return Ok(());
        }
        let poller = self.selector.poller();
        poller.modify_with_mode(&self.socket, event(key, interest), mode(persistent))?;
        self.armed = interest;
        self.persistent = persistent;
        Ok(())
    }
}

impl<S: Socket> Drop for PollSource<S> {
    fn drop(&mut self) {
        if let Err(error) = self.selector.poller().delete(&self.socket) {
            log::error!("selector: cannot remove a socket: {error}");
        }
    }
}

/// Whether a socket that is watched for `interest` stays armed after an event.
fn stays_armed(poller: &Poller, interest: Interest) -> bool {
    interest == Interest::READ && poller.supports_level()
}

fn mode(persistent: bool) -> PollMode {
    match persistent {
        true => PollMode::Level,
        false => PollMode::Oneshot,
    }
}

const _: () = assert!(usize::BITS >= u64::BITS, "a key must hold a whole LinkId");

#[expect(clippy::cast_possible_truncation, reason = "asserted above")]
fn event(key: u64, interest: Interest) -> Event {
    Event::new(key as usize, interest.read, interest.write)
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::time::Duration;

    use super::*;
    use crate::selector::{Events, Ready};

    fn wait(selector: &Selector, events: &mut Events) -> Vec<Ready> {
        selector.wait(events, Some(Duration::ZERO)).unwrap();
        events.iter().collect()
    }

    #[test]
    fn a_socket_fires_once_or_as_long_as_it_is_ready() {
        let selector = Arc::new(Selector::new().unwrap());
        let mut events = Events::new();
        let (local, mut remote) = UnixStream::pair().unwrap();
        let mut source = PollSource::new(&selector, local, 7, Interest::READ).unwrap();
        assert_eq!(wait(&selector, &mut events), []);
        remote.write_all(b"..").unwrap();
        let ready = Ready {
            key: 7,
            readable: true,
            writable: false,
        };
        let fires_on = |events: &mut Events| {
            assert_eq!(wait(&selector, events), [ready]);
            if selector.poller().supports_level() {
                assert_eq!(wait(&selector, events), [ready]);
            }
        };
        fires_on(&mut events);
        source.mark_fired();
        source.arm_once(7, Interest::READ).unwrap();
        assert_eq!(wait(&selector, &mut events), [ready]);
        assert_eq!(wait(&selector, &mut events), [], "only once");
        source.mark_fired();
        source.arm(7, Interest::READ).unwrap();
        fires_on(&mut events);
        source.socket().read_exact(&mut [0; 2]).unwrap();
        source.arm_once(7, Interest::WRITE).unwrap();
        let [ready] = wait(&selector, &mut events)[..] else {
            panic!("the socket is writable");
        };
        assert_eq!((ready.key, ready.writable), (7, true));
        drop(source);
        remote.write_all(b".").unwrap_err();
        assert_eq!(wait(&selector, &mut events), []);
    }
}
