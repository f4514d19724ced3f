//! The selector: waits until one of many sources is ready, somebody wakes it, or
//! time is up.
//!
//! On Linux it is epoll as it is, one system call for a wait; a portable one
//! would need five for the same, most of what a turn costs that has one chat to
//! carry. Elsewhere it is `polling`. Both are the same from outside, but that
//! epoll rounds times up to milliseconds. Knows no sockets: what is watched
//! stands in [`Registration`](crate::registration::Registration)s.

#[cfg(all(target_os = "linux", not(portable_selector)))]
mod epoll;
#[cfg(not(all(target_os = "linux", not(portable_selector))))]
mod portable;

#[cfg(all(target_os = "linux", not(portable_selector)))]
pub(crate) use epoll::{Events, Selector};
#[cfg(not(all(target_os = "linux", not(portable_selector))))]
pub(crate) use portable::{Events, Selector};

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

/// For how long a source is watched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Watch {
    /// Until it is reported once.
    Once,
    /// Until told otherwise; only where the selector [can](Selector::can_stay).
    Stays,
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

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::os::unix::net::UnixStream;
    use std::sync::Arc;
    use std::thread;
    use std::time::Duration;

    use super::*;
    use crate::registration::Registration;

    fn wait(selector: &Selector, events: &mut Events) -> Vec<Ready> {
        selector.wait(events, Some(Duration::ZERO)).unwrap();
        events.iter().collect()
    }

    #[test]
    fn reports_a_source_once_or_as_long_as_it_is_ready() {
        let selector = Arc::new(Selector::new().unwrap());
        let mut events = Events::new();
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        let mut source = Registration::new(&selector, ours, 7, Interest::READ).unwrap();
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
        if selector.can_stay() {
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
