//! The selector wherever there is no epoll, or with `--cfg portable_selector`.

use std::fmt;
use std::io;
use std::num::NonZeroUsize;
use std::os::fd::{AsFd, AsRawFd};
use std::time::Duration;

use polling::{Event, PollMode, Poller};

use super::{EVENTS_MAX, Interest, Ready, Watch};

pub(crate) struct Selector {
    poller: Poller,
}

impl Selector {
    pub(crate) fn new() -> io::Result<Self> {
        let poller = Poller::new()?;
        Ok(Selector { poller })
    }

    /// Whether a source can stay watched after it was reported.
    pub(crate) fn can_stay(&self) -> bool {
        self.poller.supports_level()
    }

    /// Has `source` watched under `key`, which is not `u64::MAX`, until it is
    /// reported once.
    ///
    /// # Safety
    ///
    /// It must be deleted before it is closed.
    #[expect(unsafe_code, reason = "the selector keeps the bare descriptor")]
    pub(crate) unsafe fn add(
        &self,
        source: &(impl AsFd + AsRawFd),
        key: u64,
        interest: Interest,
    ) -> io::Result<()> {
        // SAFETY: what is asked of the caller is what is asked of us.
        unsafe { self.poller.add(source, event(key, interest)) }
    }

    /// Watches `source` for something else, or anew.
    pub(crate) fn modify(
        &self,
        source: &impl AsFd,
        key: u64,
        interest: Interest,
        watch: Watch,
    ) -> io::Result<()> {
        let mode = match watch {
            Watch::Once => PollMode::Oneshot,
            Watch::Stays => PollMode::Level,
        };
        self.poller
            .modify_with_mode(source, event(key, interest), mode)
    }

    /// Watches `source` no more.
    pub(crate) fn delete(&self, source: &impl AsFd) -> io::Result<()> {
        self.poller.delete(source)
    }

    /// Wakes who waits; the next one who does, if nobody does at the moment.
    pub(crate) fn notify(&self) -> io::Result<()> {
        self.poller.notify()
    }

    /// Waits for `timeout` at most; without one, for as long as it takes.
    pub(crate) fn wait(&self, events: &mut Events, timeout: Option<Duration>) -> io::Result<()> {
        events.list.clear();
        self.poller.wait(&mut events.list, timeout)?;
        Ok(())
    }
}

impl fmt::Debug for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Selector").finish_non_exhaustive()
    }
}

const _: () = assert!(usize::BITS >= u64::BITS, "a key holds a whole LinkId");

#[expect(clippy::cast_possible_truncation, reason = "asserted above")]
fn event(key: u64, interest: Interest) -> Event {
    Event::new(key as usize, interest.read, interest.write)
}

/// What a wait has reported.
pub(crate) struct Events {
    list: polling::Events,
}

impl Events {
    pub(crate) fn new() -> Self {
        let capacity = NonZeroUsize::MIN.saturating_add(EVENTS_MAX - 1);
        Events {
            list: polling::Events::with_capacity(capacity),
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = Ready> + '_ {
        self.list.iter().map(|event| Ready {
            key: event.key as u64,
            readable: event.readable,
            writable: event.writable,
        })
    }
}
