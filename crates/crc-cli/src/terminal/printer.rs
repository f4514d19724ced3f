//! The thread that prints above the line that is being edited.

use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::Instant;

use rustyline::ExternalPrinter;

use crate::{Backpressure, print_line};

/// How many messages may wait for the terminal.
const MESSAGES_MAX: usize = 1_000;

/// The editor's own way to print; `None` at a terminal without an editor.
pub(super) type Printer = Option<Box<dyn ExternalPrinter + Send>>;

/// Makes a text when it is printed; `None` if there is nothing to print any more.
pub(super) type LateText = Box<dyn FnOnce() -> Option<String> + Send>;

/// What the thread that prints gets.
enum Message {
    Text(String),
    Later(Instant, LateText),
}

/// Sends messages to the thread that prints.
#[derive(Debug, Clone)]
pub(super) struct Messages {
    sender: SyncSender<Message>,
    unprinted: Backpressure,
}

/// The other end of [`Messages`].
pub(super) struct Incoming {
    receiver: Receiver<Message>,
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
        if self.sender.send(Message::Text(message)).is_err() {
            self.unprinted.release();
        }
    }

    /// Sends a text that is printed later, as soon as there is room for it.
    pub(super) fn send_later(&self, due: Instant, text: LateText) {
        // Without a thread that prints there is no terminal either.
        let _ = self.sender.send(Message::Later(due, text));
    }

    /// Sends a message if there is room; returns whether there was.
    pub(super) fn try_send(&self, message: String) -> bool {
        self.unprinted.acquire(usize::MAX);
        let sent = self.sender.try_send(Message::Text(message)).is_ok();
        if !sent {
            self.unprinted.release();
        }
        sent
    }
}

impl Incoming {
    /// Prints until every sender is gone.
    pub(super) fn print_all(self, mut printer: Printer) {
        let mut late: Option<(Instant, LateText)> = None;
        loop {
            let next = match &late {
                Some((due, _)) => {
                    let left = due.saturating_duration_since(Instant::now());
                    self.receiver.recv_timeout(left)
                }
                None => self.receiver.recv().map_err(Into::into),
            };
            match next {
                Ok(Message::Text(text)) => {
                    print(&mut printer, &text);
                    self.unprinted.release();
                    continue;
                }
                Ok(Message::Later(due, text)) => {
                    let before = late.replace((due, text));
                    print_late(&mut printer, before);
                }
                Err(RecvTimeoutError::Timeout) => print_late(&mut printer, late.take()),
                Err(RecvTimeoutError::Disconnected) => {
                    print_late(&mut printer, late);
                    return;
                }
            }
        }
    }
}

fn print_late(printer: &mut Printer, late: Option<(Instant, LateText)>) {
    if let Some(text) = late.and_then(|(_, text)| text()) {
        print(printer, &text);
    }
}

fn print(printer: &mut Printer, text: &str) {
    let line = format!("{text}\n");
    let printed = printer.as_mut().map(|printer| printer.print(line));
    if !matches!(printed, Some(Ok(()))) {
        // Without an editor there is no line to overwrite. A terminal that is
        // gone sends a signal or ends the editing.
        let _ = print_line(text);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};
    use std::time::Duration;

    use super::*;

    /// A printer that keeps what it prints.
    #[derive(Clone, Default)]
    struct Paper(Arc<Mutex<String>>);

    impl ExternalPrinter for Paper {
        fn print(&mut self, text: String) -> rustyline::Result<()> {
            self.0.lock().unwrap().push_str(&text);
            Ok(())
        }
    }

    fn printed(send: impl FnOnce(&Messages)) -> String {
        let (messages, incoming) = messages();
        send(&messages);
        drop(messages);
        let paper = Paper::default();
        incoming.print_all(Some(Box::new(paper.clone())));
        let text = paper.0.lock().unwrap();
        text.clone()
    }

    #[test]
    fn a_late_text_is_printed_behind_others_and_at_the_end() {
        let hour = Duration::from_secs(3_600);
        let late = |text: &'static str| Box::new(move || Some(text.to_owned()));
        let text = printed(|messages| {
            messages.send_later(Instant::now() + hour, late("one"));
            messages.send("two".to_owned());
            messages.send_later(Instant::now() + hour, late("three"));
            messages.send_later(Instant::now() + hour, Box::new(|| None));
            messages.send("four".to_owned());
        });
        assert_eq!(text, "two\none\nthree\nfour\n");
    }

    #[test]
    fn a_late_text_is_printed_when_it_is_due() {
        let (messages, incoming) = messages();
        let (sender, due) = sync_channel(1);
        let text = move || {
            sender.send(()).unwrap();
            None
        };
        messages.send_later(Instant::now(), Box::new(text));
        let printing = std::thread::spawn(move || incoming.print_all(None));
        // The queue is open: only time ends the wait.
        due.recv().unwrap();
        drop(messages);
        printing.join().unwrap();
    }
}
