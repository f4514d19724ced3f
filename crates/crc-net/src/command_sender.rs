//! A bounded queue of commands from other threads to the driver's thread.
//! Sending a command wakes the driver.

use std::fmt;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};

use crate::selector::Selector;

/// Sends commands to a running driver from other threads. Clones share one queue.
pub struct CommandSender<C> {
    sender: SyncSender<C>,
    selector: Arc<Selector>,
}

impl<C> Clone for CommandSender<C> {
    fn clone(&self) -> Self {
        CommandSender {
            sender: self.sender.clone(),
            selector: Arc::clone(&self.selector),
        }
    }
}

impl<C> fmt::Debug for CommandSender<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CommandSender").finish_non_exhaustive()
    }
}

/// A command was not sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// The driver no longer exists.
    #[error("the driver has ended")]
    Closed,
    /// The queue holds as many commands as it may.
    #[error("the command queue is full")]
    Full,
}

impl<C> CommandSender<C> {
    /// Sends a command. Blocks while the queue is full.
    ///
    /// Do not call it on the driver's own thread: it could wait for itself.
    ///
    /// # Errors
    ///
    /// [`SendError::Closed`] when the driver no longer exists.
    pub fn send(&self, command: C) -> Result<(), SendError> {
        self.sender.send(command).map_err(|_| SendError::Closed)?;
        self.wake_driver();
        Ok(())
    }

    /// Sends a command unless the queue is full.
    ///
    /// # Errors
    ///
    /// [`SendError`] says why the command was not sent.
    pub fn try_send(&self, command: C) -> Result<(), SendError> {
        self.sender.try_send(command).map_err(|error| match error {
            TrySendError::Full(_) => SendError::Full,
            TrySendError::Disconnected(_) => SendError::Closed,
        })?;
        self.wake_driver();
        Ok(())
    }

    fn wake_driver(&self) {
        if let Err(error) = self.selector.notify() {
            log::error!("driver: cannot be woken for a command: {error}");
        }
    }
}

/// Creates both ends of a queue that holds at most `commands_max` commands.
pub(crate) fn command_queue<C>(
    selector: &Arc<Selector>,
    commands_max: usize,
) -> (CommandSender<C>, Receiver<C>) {
    let (sender, receiver) = sync_channel(commands_max);
    let selector = Arc::clone(selector);
    (CommandSender { sender, selector }, receiver)
}
