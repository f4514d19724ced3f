//! The selector: waits until a socket is ready, another thread wakes it, or a timeout expires.
//!
//! It wraps the selector of the crate `polling`. On Linux a wait there takes five system calls, which
//! is most of the cost of a turn that relays one chat. So on Linux this module waits at `polling`'s
//! epoll descriptor directly, and calls `polling` only when another thread has woken it. That relies
//! on the key under which `polling` registers its wake-up event. [`Selector::new`] tests it, and
//! uses `polling`'s own wait if the test fails.

use std::fmt;
use std::io;
use std::num::NonZeroUsize;
use std::time::Duration;

use polling::Poller;

#[cfg(target_os = "linux")]
use self::linux::EpollEvents;

/// A wait of the driver reports at most this many sockets; the next wait reports the others.
const EVENTS_MAX: usize = 1024;

/// What a selector watches a socket for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Interest {
    /// For bytes, connections, or the end of the peer's stream.
    pub read: bool,
    /// For space in the send buffer, or for the end of connecting.
    pub write: bool,
}

impl Interest {
    /// Nothing.
    pub const NONE: Interest = Interest {
        read: false,
        write: false,
    };
    /// Reading only.
    pub const READ: Interest = Interest {
        read: true,
        write: false,
    };
    /// Writing only.
    pub const WRITE: Interest = Interest {
        read: false,
        write: true,
    };
}

/// A socket that is ready.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ready {
    /// The key of the socket's [`PollSource`](crate::PollSource).
    pub key: u64,
    /// Whether it is ready for reading. A failed or closed connection is.
    pub readable: bool,
    /// Whether it is ready for writing. A failed or closed connection is.
    pub writable: bool,
}

/// The sockets that a wait reported.
pub struct Events {
    ready: Vec<Ready>,
    polled: polling::Events,
    #[cfg(target_os = "linux")]
    epoll: EpollEvents,
}

impl Events {
    /// Creates an empty list for 1,024 sockets.
    #[must_use]
    pub fn new() -> Self {
        Events::with_capacity(EVENTS_MAX)
    }

    /// Creates an empty list for `capacity` sockets, at least one. If more sockets are ready, the
    /// next wait reports the others.
    #[must_use]
    pub fn with_capacity(capacity: usize) -> Self {
        let capacity = NonZeroUsize::new(capacity).unwrap_or(NonZeroUsize::MIN);
        Events {
            ready: Vec::new(),
            polled: polling::Events::with_capacity(capacity),
            #[cfg(target_os = "linux")]
            epoll: EpollEvents::with_capacity(capacity.get()),
        }
    }

    /// The sockets that are ready.
    pub fn iter(&self) -> impl Iterator<Item = Ready> + '_ {
        self.ready.iter().copied()
    }
}

impl Default for Events {
    fn default() -> Self {
        Events::new()
    }
}

impl fmt::Debug for Events {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Events")
            .field("ready", &self.ready)
            .finish_non_exhaustive()
    }
}

/// Waits for sockets. [`PollSource`](crate::PollSource)s register sockets with it.
///
/// ```
/// use std::io::Write;
/// use std::os::unix::net::UnixStream;
/// use std::sync::Arc;
///
/// use crc_net::{Events, Interest, PollSource, Selector};
///
/// let selector = Arc::new(Selector::new()?);
/// let (socket, mut peer) = UnixStream::pair()?;
/// socket.set_nonblocking(true)?;
/// let mut source = PollSource::new(&selector, socket, 7, Interest::READ)?;
/// peer.write_all(b"hello")?;
///
/// let mut events = Events::new();
/// selector.wait(&mut events, None)?;
/// for ready in events.iter() {
///     assert_eq!((ready.key, ready.readable), (7, true));
///     source.mark_fired();
///     // Read here, then:
///     source.arm(7, Interest::READ)?;
/// }
/// # Ok::<_, std::io::Error>(())
/// ```
pub struct Selector {
    poller: Poller,
    /// Whether this module waits at the epoll descriptor itself.
    #[cfg(target_os = "linux")]
    direct: bool,
}

impl Selector {
    /// Creates a selector without sockets.
    ///
    /// # Errors
    ///
    /// If the system cannot create one, for instance because the process is out of descriptors.
    pub fn new() -> io::Result<Self> {
        let poller = Poller::new()?;
        Ok(Selector {
            #[cfg(target_os = "linux")]
            direct: linux::reports_wake_ups(&poller)?,
            poller,
        })
    }

    /// The selector of `polling`, in which sockets are registered.
    pub(crate) fn poller(&self) -> &Poller {
        &self.poller
    }

    /// Wakes the thread that waits, or ends the next wait immediately.
    ///
    /// # Errors
    ///
    /// If the system fails to signal the event.
    pub fn notify(&self) -> io::Result<()> {
        self.poller.notify()
    }

    /// Waits until a socket is ready, another thread calls [`notify`](Self::notify), or `timeout`
    /// expires. It may return early without any socket.
    ///
    /// # Errors
    ///
    /// If the system's wait fails for another reason than a signal.
    pub fn wait(&self, events: &mut Events, timeout: Option<Duration>) -> io::Result<()> {
        events.ready.clear();
        #[cfg(target_os = "linux")]
        if self.direct {
            let woken = events
                .epoll
                .wait(&self.poller, timeout, &mut events.ready)?;
            return match woken {
                true => self.poll(events, Some(Duration::ZERO)),
                false => Ok(()),
            };
        }
        self.poll(events, timeout)
    }

    /// Waits with `polling`, and appends what it reports.
    fn poll(&self, events: &mut Events, timeout: Option<Duration>) -> io::Result<()> {
        events.polled.clear();
        self.poller.wait(&mut events.polled, timeout)?;
        for event in events.polled.iter() {
            let ready = Ready {
                key: event.key as u64,
                readable: event.readable,
                writable: event.writable,
            };
            // The direct wait may have reported a socket that stays armed already.
            if !events.ready.iter().any(|known| known.key == ready.key) {
                events.ready.push(ready);
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Selector").finish_non_exhaustive()
    }
}

/// Waits at the epoll descriptor of `polling`.
#[cfg(target_os = "linux")]
mod linux {
    use std::io;
    use std::time::Duration;

    use polling::Poller;
    use rustix::buffer::spare_capacity;
    use rustix::event::Timespec;
    use rustix::event::epoll::{self, Event, EventFlags};
    use rustix::io::Errno;

    use super::Ready;

    /// The key under which `polling` registers its wake-up event.
    const WAKE_KEY: u64 = usize::MAX as u64;

    /// Whether `polling` registers its wake-up event under [`WAKE_KEY`]: triggers it and looks for
    /// it.
    pub(super) fn reports_wake_ups(poller: &Poller) -> io::Result<bool> {
        poller.notify()?;
        let mut ready = Vec::new();
        let mut events = EpollEvents::with_capacity(2);
        let woken = events.wait(poller, Some(Duration::ZERO), &mut ready)?;
        poller.wait(&mut polling::Events::new(), Some(Duration::ZERO))?;
        Ok(woken && ready.is_empty())
    }

    /// A buffer for epoll's events.
    pub(super) struct EpollEvents {
        list: Vec<Event>,
    }

    impl EpollEvents {
        pub(super) fn with_capacity(capacity: usize) -> Self {
            EpollEvents {
                list: Vec::with_capacity(capacity),
            }
        }

        /// Waits, and appends the sockets that are ready. Returns whether another thread woke the
        /// selector; then `polling` has to reset its wake-up event.
        pub(super) fn wait(
            &mut self,
            poller: &Poller,
            timeout: Option<Duration>,
            ready: &mut Vec<Ready>,
        ) -> io::Result<bool> {
            // A timeout that is too long for the system means no timeout.
            let timeout = timeout.and_then(|timeout| Timespec::try_from(timeout).ok());
            self.list.clear();
            match epoll::wait(poller, spare_capacity(&mut self.list), timeout.as_ref()) {
                // A signal ends the wait without events. Its handler makes a socket readable.
                Ok(_) | Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
            let mut woken = false;
            for event in &self.list {
                let over = EventFlags::HUP | EventFlags::ERR;
                let flags = event.flags;
                match event.data.u64() {
                    WAKE_KEY => woken = true,
                    key => ready.push(Ready {
                        key,
                        readable: flags.intersects(
                            over | EventFlags::IN | EventFlags::RDHUP | EventFlags::PRI,
                        ),
                        writable: flags.intersects(over | EventFlags::OUT),
                    }),
                }
            }
            Ok(woken)
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::thread;
    use std::time::{Duration, Instant};

    use super::*;

    #[test]
    fn another_thread_or_the_timeout_ends_a_wait() {
        let selector = Arc::new(Selector::new().unwrap());
        let mut events = Events::new();
        for _ in 0..2 {
            let waker = Arc::clone(&selector);
            let waking = thread::spawn(move || {
                waker.notify().unwrap();
                waker.notify().unwrap();
            });
            selector.wait(&mut events, None).unwrap();
            assert_eq!(events.iter().count(), 0, "a wake-up is not a socket");
            waking.join().unwrap();
            // The second wake-up may have come after the wait; this consumes it.
            selector.wait(&mut events, Some(Duration::ZERO)).unwrap();
        }
        let timeout = Duration::from_micros(1500);
        let begin = Instant::now();
        selector.wait(&mut events, Some(timeout)).unwrap();
        assert!(begin.elapsed() >= timeout, "the wait ended too early");
    }
}
