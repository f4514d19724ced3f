//! Sources and their place in the selector: the only `unsafe` of the house, and
//! the only caller of the selector's `add`, `modify` and `delete`.
//!
//! The selector is used in oneshot mode: a source that has fired is asked for
//! nothing until it is armed again. Who owns a [`PollSource`] says
//! [`fired`](PollSource::fired) after every event, even an ignored one, and
//! [`arm`](PollSource::arm) with all that is wanted from then on. Only a link
//! that is watched for reading alone [stays armed](PollSource::arm_link): that
//! saves a system call for every event on it. Such a link fires until all has
//! been read that came; everything else on it, a write or an end, changes the
//! interest and with it the mode.
//!
//! Keys are made by others, and never used again: an event that was reported
//! together with its source's end must not be taken for another's.

use std::io;
use std::os::fd::{AsFd, AsRawFd};
use std::sync::Arc;

use polling::{Event, PollMode};

use crate::selector::{Interest, Selector};

/// A source that the selector watches, for as long as this lives.
#[derive(Debug)]
pub(crate) struct PollSource<S: AsFd + AsRawFd> {
    source: S,
    selector: Arc<Selector>,
    /// What the selector watches it for at this moment.
    armed: Interest,
    /// Whether it is watched for that until told otherwise.
    stays: bool,
}

impl<S: AsFd + AsRawFd> PollSource<S> {
    /// Has `source`, which must not block, watched under `key`.
    pub(crate) fn new(
        selector: &Arc<Selector>,
        source: S,
        key: u64,
        interest: Interest,
    ) -> io::Result<Self> {
        // SAFETY: a source must be deleted from the poller before it is dropped.
        // It is moved into the registration, which gives out shared references
        // only, keeps the poller alive, and deletes it when dropped itself,
        // before its fields are.
        unsafe {
            selector.poller().add(&source, event(key, interest))?;
        }
        Ok(PollSource {
            source,
            selector: Arc::clone(selector),
            armed: interest,
            stays: false,
        })
    }

    pub(crate) fn source(&self) -> &S {
        &self.source
    }

    /// Notes that an event of it was reported: it is watched for nothing now,
    /// unless it stays armed.
    pub(crate) fn fired(&mut self) {
        if !self.stays {
            self.armed = Interest::NONE;
        }
    }

    /// Has it watched for all of `interest` and nothing else, until it fires.
    pub(crate) fn arm(&mut self, key: u64, interest: Interest) -> io::Result<()> {
        self.set(key, interest, false)
    }

    /// Has it watched for all of `interest` and nothing else: for reading alone
    /// until told otherwise, where the selector can do that; else until it fires.
    pub(crate) fn arm_link(&mut self, key: u64, interest: Interest) -> io::Result<()> {
        let stays = interest == Interest::READ && self.selector.poller().supports_level();
        self.set(key, interest, stays)
    }

    fn set(&mut self, key: u64, interest: Interest, stays: bool) -> io::Result<()> {
        if (self.armed, self.stays) == (interest, stays) {
            return Ok(());
        }
        let mode = match stays {
            true => PollMode::Level,
            false => PollMode::Oneshot,
        };
        let poller = self.selector.poller();
        poller.modify_with_mode(&self.source, event(key, interest), mode)?;
        self.armed = interest;
        self.stays = stays;
        Ok(())
    }
}

impl<S: AsFd + AsRawFd> Drop for PollSource<S> {
    fn drop(&mut self) {
        if let Err(error) = self.selector.poller().delete(&self.source) {
            log::error!("the selector does not let go of a source: {error}");
        }
    }
}

const _: () = assert!(usize::BITS >= u64::BITS, "a key holds a whole LinkId");

#[expect(clippy::cast_possible_truncation, reason = "asserted above")]
fn event(key: u64, interest: Interest) -> Event {
    Event::new(key as usize, interest.read, interest.write)
}
