//! The selector on Linux.

use std::fmt;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use rustix::buffer::spare_capacity;
use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};
use rustix::event::{EventfdFlags, Timespec, eventfd};
use rustix::io::Errno;

use super::{EVENTS_MAX, Interest, Ready, Watch};

/// The key of the descriptor by which we are woken.
const WAKE_KEY: u64 = u64::MAX;

pub(crate) struct Selector {
    epoll: OwnedFd,
    wake: OwnedFd,
}

impl Selector {
    pub(crate) fn new() -> io::Result<Self> {
        let epoll = epoll::create(CreateFlags::CLOEXEC)?;
        let wake = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        epoll::add(&epoll, &wake, EventData::new_u64(WAKE_KEY), EventFlags::IN)?;
        Ok(Selector { epoll, wake })
    }

    /// Whether a source can stay watched after it was reported.
    #[expect(clippy::unused_self, reason = "other selectors look")]
    pub(crate) fn can_stay(&self) -> bool {
        true
    }

    /// Has `source` watched under `key`, which is not `u64::MAX`, until it is
    /// reported once.
    ///
    /// # Safety
    ///
    /// It must be deleted before it is closed.
    #[expect(unsafe_code, reason = "as other selectors need it")]
    pub(crate) unsafe fn add(
        &self,
        source: &impl AsFd,
        key: u64,
        interest: Interest,
    ) -> io::Result<()> {
        let flags = flags(interest, Watch::Once);
        Ok(epoll::add(
            &self.epoll,
            source,
            EventData::new_u64(key),
            flags,
        )?)
    }

    /// Watches `source` for something else, or anew.
    pub(crate) fn modify(
        &self,
        source: &impl AsFd,
        key: u64,
        interest: Interest,
        watch: Watch,
    ) -> io::Result<()> {
        let flags = flags(interest, watch);
        Ok(epoll::modify(
            &self.epoll,
            source,
            EventData::new_u64(key),
            flags,
        )?)
    }

    /// Watches `source` no more.
    pub(crate) fn delete(&self, source: &impl AsFd) -> io::Result<()> {
        Ok(epoll::delete(&self.epoll, source)?)
    }

    /// Wakes who waits; the next one who does, if nobody does at the moment.
    pub(crate) fn notify(&self) -> io::Result<()> {
        match rustix::io::write(&self.wake, &1u64.to_ne_bytes()) {
            // At worst it has been woken so often that no more can be counted.
            Ok(_) | Err(Errno::AGAIN) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Waits for `timeout` at most; without one, for as long as it takes.
    pub(crate) fn wait(&self, events: &mut Events, timeout: Option<Duration>) -> io::Result<()> {
        // What is further away than can be said is as good as never.
        let timeout = timeout.and_then(|timeout| Timespec::try_from(timeout).ok());
        events.list.clear();
        let list = spare_capacity(&mut events.list);
        match epoll::wait(&self.epoll, list, timeout.as_ref()) {
            // A signal; what that means is somebody's source.
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        if events.list.iter().any(is_wake) {
            events.list.retain(|event| !is_wake(event));
            rustix::io::read(&self.wake, &mut [0; 8])?;
        }
        Ok(())
    }
}

impl fmt::Debug for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Selector").finish_non_exhaustive()
    }
}

/// Urgent data is not among it: it would be reported until it is read, and
/// nobody reads it.
fn flags(interest: Interest, watch: Watch) -> EventFlags {
    let mut flags = EventFlags::empty();
    flags.set(EventFlags::IN, interest.read);
    flags.set(EventFlags::OUT, interest.write);
    flags.set(EventFlags::ONESHOT, watch == Watch::Once);
    flags
}

fn is_wake(event: &epoll::Event) -> bool {
    event.data.u64() == WAKE_KEY
}

/// What a wait has reported.
pub(crate) struct Events {
    list: Vec<epoll::Event>,
}

impl Events {
    pub(crate) fn new() -> Self {
        Events {
            list: Vec::with_capacity(EVENTS_MAX),
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = Ready> + '_ {
        self.list.iter().map(|event| {
            let over = EventFlags::HUP | EventFlags::ERR;
            let flags = event.flags;
            Ready {
                key: event.data.u64(),
                readable: flags.intersects(over | EventFlags::IN),
                writable: flags.intersects(over | EventFlags::OUT),
            }
        })
    }
}
