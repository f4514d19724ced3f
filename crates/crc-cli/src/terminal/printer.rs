//! The thread that prints above the line that is being edited.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use rustyline::ExternalPrinter;

use crate::{Backpressure, print_line};

/// How many messages may wait for the terminal.
const MESSAGES_MAX: usize = 1_000;

/// The editor's own way to print; `None` at a terminal without an editor.
pub(super) type Printer = Option<Box<dyn ExternalPrinter + Send>>;

/// Sends messages to the thread that prints.
#[derive(Debug, Clone)]
pub(super) struct Messages {
    sender: SyncSender<String>,
    unprinted: Backpressure,
}

/// The other end of [`Messages`].
pub(super) struct Incoming {
    receiver: Receiver<String>,
    unprinted: Backpressure,
}

/// Both ends of the queue of messages.
pub(super) fn messages() -> (Messages, Incoming) {
    let (sender, receiver) = sync_channel(MESSAGES_MAX);
    let unprinted = Backpressure::default();
    let messages = Messages {
        sender,
        unprinted: unprinted.clone(),
    };
    let incoming = Incoming {
        receiver,
        unprinted,
    };
    (messages, incoming)
}

impl Messages {
    /// Counts the messages that are not printed yet.
    pub(super) fn unprinted(&self) -> Backpressure {
        self.unprinted.clone()
    }

    /// Sends a message, as soon as there is room.
    pub(super) fn send(&self, message: String) {
        self.unprinted.acquire(usize::MAX);
        if self.sender.send(message).is_err() {
            self.unprinted.release();
        }
    }

    /// Sends a message if there is room; returns whether there was.
    pub(super) fn try_send(&self, message: String) -> bool {
        self.unprinted.acquire(usize::MAX);
        let sent = self.sender.try_send(message).is_ok();
        if !sent {
            self.unprinted.release();
        }
        sent
    }
}

impl Incoming {
    /// Prints until every sender is gone.
    pub(super) fn print_all(self, mut printer: Printer) {
        for message in self.receiver {
            let line = format!("{message}\n");
            let printed = printer.as_mut().map(|printer| printer.print(line));
            if !matches!(printed, Some(Ok(()))) {
                // Without an editor there is no line to overwrite. A terminal that is
                // gone sends a signal or ends the editing.
                let _ = print_line(&message);
            }
            self.unprinted.release();
        }
    }
}
