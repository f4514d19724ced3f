//! The way into the loop for other threads: a bounded queue of commands and a
//! wake-up.

use std::fmt;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};

use crate::selector::Selector;

/// Gives commands to a running driver from other threads. Clone it freely.
pub struct Commander<C> {
    sender: SyncSender<C>,
    selector: Arc<Selector>,
}

impl<C> Clone for Commander<C> {
    fn clone(&self) -> Self {
        Commander {
            sender: self.sender.clone(),
            selector: Arc::clone(&self.selector),
        }
    }
}

impl<C> fmt::Debug for Commander<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Commander").finish_non_exhaustive()
    }
}

/// A command could not be given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotTaken {
    /// The driver is gone.
    #[error("nobody takes commands any more")]
    Gone,
    /// Too many commands wait already.
    #[error("too many commands wait")]
    Busy,
}

impl<C> Commander<C> {
    /// Gives a command; waits while too many others wait.
    ///
    /// Not to be called on the driver's own thread, where it could wait for
    /// itself.
    ///
    /// # Errors
    ///
    /// [`NotTaken::Gone`] when the driver is.
    pub fn send(&self, command: C) -> Result<(), NotTaken> {
        self.sender.send(command).map_err(|_| NotTaken::Gone)?;
        self.wake();
        Ok(())
    }

    /// Gives a command unless too many others wait.
    ///
    /// # Errors
    ///
    /// [`NotTaken`] says why it was not taken.
    pub fn try_send(&self, command: C) -> Result<(), NotTaken> {
        self.sender.try_send(command).map_err(|error| match error {
            TrySendError::Full(_) => NotTaken::Busy,
            TrySendError::Disconnected(_) => NotTaken::Gone,
        })?;
        self.wake();
        Ok(())
    }

    fn wake(&self) {
        if let Err(error) = self.selector.notify() {
            log::error!("the loop cannot be woken: {error}");
        }
    }
}

/// Both ends of a queue in which `commands_max` commands may wait.
pub(crate) fn commands<C>(
    selector: &Arc<Selector>,
    commands_max: usize,
) -> (Commander<C>, Receiver<C>) {
    let (sender, receiver) = sync_channel(commands_max);
    let selector = Arc::clone(selector);
    (Commander { sender, selector }, receiver)
}
