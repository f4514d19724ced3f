//! Sources and their place in the selector: the only `unsafe` of the house, and
//! the only caller of the selector's `add`, `modify` and `delete`.
//!
//! The selector is used in oneshot mode: a source that has fired is asked for
//! nothing until it is armed again. Who owns a [`Registration`] says
//! [`fired`](Registration::fired) after every event, even an ignored one, and
//! [`arm`](Registration::arm) with all that is wanted from then on.
//!
//! Keys are made by others, and never used again: an event that was reported
//! together with its source's end must not be taken for another's.

use std::io;
use std::os::fd::{AsFd, AsRawFd};
use std::sync::Arc;

use polling::{Event, Poller};

/// What a source is to be watched for.
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

    fn event(self, key: u64) -> Event {
        Event::new(to_usize(key), self.read, self.write)
    }
}

/// A source that the selector watches, for as long as this lives.
#[derive(Debug)]
pub(crate) struct Registration<S: AsFd + AsRawFd> {
    source: S,
    poller: Arc<Poller>,
    /// What the selector watches it for at this moment.
    armed: Interest,
}

impl<S: AsFd + AsRawFd> Registration<S> {
    /// Has `source`, which must not block, watched under `key`.
    pub(crate) fn new(
        poller: &Arc<Poller>,
        source: S,
        key: u64,
        interest: Interest,
    ) -> io::Result<Self> {
        // SAFETY: a source must be deleted from the poller before it is dropped.
        // It is moved into the registration, which gives out shared references
        // only, keeps the poller alive, and deletes it when dropped itself,
        // before its fields are.
        unsafe {
            poller.add(&source, interest.event(key))?;
        }
        Ok(Registration {
            source,
            poller: Arc::clone(poller),
            armed: interest,
        })
    }

    pub(crate) fn source(&self) -> &S {
        &self.source
    }

    /// Notes that an event of it was reported: it is watched for nothing now.
    pub(crate) fn fired(&mut self) {
        self.armed = Interest::NONE;
    }

    /// Has it watched for all of `interest` and nothing else.
    pub(crate) fn arm(&mut self, key: u64, interest: Interest) -> io::Result<()> {
        if self.armed != interest {
            self.poller.modify(&self.source, interest.event(key))?;
            self.armed = interest;
        }
        Ok(())
    }
}

impl<S: AsFd + AsRawFd> Drop for Registration<S> {
    fn drop(&mut self) {
        if let Err(error) = self.poller.delete(&self.source) {
            log::error!("the selector does not let go of a source: {error}");
        }
    }
}

const _: () = assert!(usize::BITS >= u64::BITS, "a key holds a whole LinkId");

#[expect(clippy::cast_possible_truncation, reason = "asserted above")]
const fn to_usize(key: u64) -> usize {
    key as usize
}
