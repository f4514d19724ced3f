//! The selector: waits until one of many sources is ready, somebody wakes it, or
//! time is up.
//!
//! It is `polling`'s. But a wait costs that one five system calls on Linux, most of
//! what a turn costs that has one chat to carry; so there a wait goes straight to
//! the epoll descriptor behind it, and only who was woken from another thread goes
//! through `polling` again. That what it reports can be read there is tried when a
//! selector is made; if not, `polling` waits. Knows no sockets: what is watched
//! stands in [`PollSource`](crate::poll_source::PollSource)s.

use std::fmt;
use std::io;
use std::num::NonZeroUsize;
use std::time::Duration;

use polling::Poller;

#[cfg(target_os = "linux")]
use self::linux::Raw;

/// So many sources are reported by one wait at most; the others by the next.
const EVENTS_MAX: usize = 1024;

/// What a source is watched for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Interest {
    pub(crate) read: bool,
    pub(crate) write: bool,
}

impl Interest {
    pub(crate) const NONE: Interest = Interest {
        read: false,
        write: false,
    };
    pub(crate) const READ: Interest = Interest {
        read: true,
        write: false,
    };
    pub(crate) const WRITE: Interest = Interest {
        read: false,
        write: true,
    };
}

/// A source that is ready.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ready {
    /// The key under which it is watched.
    pub(crate) key: u64,
    /// A broken or an ended source is both.
    pub(crate) readable: bool,
    pub(crate) writable: bool,
}

/// What a wait has reported.
pub(crate) struct Events {
    ready: Vec<Ready>,
    polled: polling::Events,
    #[cfg(target_os = "linux")]
    raw: Raw,
}

impl Events {
    pub(crate) fn new() -> Self {
        let capacity = NonZeroUsize::MIN.saturating_add(EVENTS_MAX - 1);
        Events {
            ready: Vec::new(),
            polled: polling::Events::with_capacity(capacity),
            #[cfg(target_os = "linux")]
            raw: Raw::new(),
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = Ready> + '_ {
        self.ready.iter().copied()
    }
}

pub(crate) struct Selector {
    poller: Poller,
    /// Whether what is waited for can be read off the descriptor itself.
    #[cfg(target_os = "linux")]
    direct: bool,
}

impl Selector {
    pub(crate) fn new() -> io::Result<Self> {
        let poller = Poller::new()?;
        Ok(Selector {
            #[cfg(target_os = "linux")]
            direct: linux::reads(&poller)?,
            poller,
        })
    }

    /// Where sources are registered.
    pub(crate) fn poller(&self) -> &Poller {
        &self.poller
    }

    /// Wakes who waits; the next one who does, if nobody does at the moment.
    pub(crate) fn notify(&self) -> io::Result<()> {
        self.poller.notify()
    }

    /// Waits for `timeout` at most; without one, for as long as it takes.
    pub(crate) fn wait(&self, events: &mut Events, timeout: Option<Duration>) -> io::Result<()> {
        events.ready.clear();
        #[cfg(target_os = "linux")]
        if self.direct {
            let woken = events.raw.wait(&self.poller, timeout, &mut events.ready)?;
            return match woken {
                true => self.poll(events, Some(Duration::ZERO)),
                false => Ok(()),
            };
        }
        self.poll(events, timeout)
    }

    /// Has `polling` wait, and adds what it reports.
    fn poll(&self, events: &mut Events, timeout: Option<Duration>) -> io::Result<()> {
        events.polled.clear();
        self.poller.wait(&mut events.polled, timeout)?;
        for event in events.polled.iter() {
            let ready = Ready {
                key: event.key as u64,
                readable: event.readable,
                writable: event.writable,
            };
            // Who stays watched has been reported already, perhaps.
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

/// Waiting at the descriptor that `polling` has.
#[cfg(target_os = "linux")]
mod linux {
    use std::io;
    use std::time::Duration;

    use polling::Poller;
    use rustix::buffer::spare_capacity;
    use rustix::event::Timespec;
    use rustix::event::epoll::{self, Event, EventFlags};
    use rustix::io::Errno;

    use super::{EVENTS_MAX, Ready};

    /// The key under which `polling` watches what it is woken by.
    const WAKE_KEY: u64 = usize::MAX as u64;

    /// Whether `polling` has its keys where we look for them: it is woken, and must
    /// be seen to be.
    pub(super) fn reads(poller: &Poller) -> io::Result<bool> {
        poller.notify()?;
        let mut ready = Vec::new();
        let woken = Raw::new().wait(poller, Some(Duration::ZERO), &mut ready)?;
        poller.wait(&mut polling::Events::new(), Some(Duration::ZERO))?;
        Ok(woken && ready.is_empty())
    }

    /// Room for what epoll reports.
    pub(super) struct Raw {
        list: Vec<Event>,
    }

    impl Raw {
        pub(super) fn new() -> Self {
            Raw {
                list: Vec::with_capacity(EVENTS_MAX),
            }
        }

        /// Waits, and adds what is ready. Whether somebody has woken us, of which
        /// `polling` has to be told.
        pub(super) fn wait(
            &mut self,
            poller: &Poller,
            timeout: Option<Duration>,
            ready: &mut Vec<Ready>,
        ) -> io::Result<bool> {
            // What is further away than can be said is as good as never.
            let timeout = timeout.and_then(|timeout| Timespec::try_from(timeout).ok());
            self.list.clear();
            match epoll::wait(poller, spare_capacity(&mut self.list), timeout.as_ref()) {
                // A signal; what that means is somebody's source.
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
    use std::io::{Read, Write};
    use std::os::unix::net::UnixStream;
    use std::sync::Arc;
    use std::thread;
    use std::time::Duration;

    use super::*;
    use crate::poll_source::PollSource;

    fn wait(selector: &Selector, events: &mut Events) -> Vec<Ready> {
        selector.wait(events, Some(Duration::ZERO)).unwrap();
        events.iter().collect()
    }

    #[test]
    fn reports_a_source_once_or_as_long_as_it_is_ready() {
        let selector = Arc::new(Selector::new().unwrap());
        let mut events = Events::new();
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        let mut source = PollSource::new(&selector, ours, 7, Interest::READ).unwrap();
        assert_eq!(wait(&selector, &mut events), []);
        theirs.write_all(b"..").unwrap();
        let ready = Ready {
            key: 7,
            readable: true,
            writable: false,
        };
        assert_eq!(wait(&selector, &mut events), [ready]);
        assert_eq!(wait(&selector, &mut events), [], "only once");
        source.fired();
        source.arm_link(7, Interest::READ).unwrap();
        if selector.poller().supports_level() {
            for _ in 0..2 {
                assert_eq!(wait(&selector, &mut events), [ready]);
            }
        }
        source.source().read_exact(&mut [0; 2]).unwrap();
        source.arm(7, Interest::WRITE).unwrap();
        let [ready] = wait(&selector, &mut events)[..] else {
            panic!("there is room to write");
        };
        assert_eq!((ready.key, ready.writable), (7, true));
        drop(source);
        theirs.write_all(b".").unwrap_err();
        assert_eq!(wait(&selector, &mut events), []);
    }

    #[test]
    fn is_woken_from_another_thread_and_by_the_time() {
        let selector = Arc::new(Selector::new().unwrap());
        let mut events = Events::new();
        for _ in 0..2 {
            let waker = Arc::clone(&selector);
            let waking = thread::spawn(move || {
                waker.notify().unwrap();
                waker.notify().unwrap();
            });
            selector.wait(&mut events, None).unwrap();
            assert_eq!(events.iter().count(), 0, "nobody's source");
            waking.join().unwrap();
            // The second one may have come after that; then nothing is left.
            selector.wait(&mut events, Some(Duration::ZERO)).unwrap();
        }
        let pause = Duration::from_micros(1500);
        let begun = std::time::Instant::now();
        selector.wait(&mut events, Some(pause)).unwrap();
        assert!(begun.elapsed() >= pause, "no turn comes too early");
    }
}
