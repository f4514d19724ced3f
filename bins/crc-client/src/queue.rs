//! The command queue: executes commands in order, each one as soon as it can be
//! executed.
//!
//! The queue decides how long a batch waits: for a server, for a name to appear, for
//! its end. It is a machine around another one, the [`Client`]. It knows no thread,
//! clock, terminal or file, nor how anything is displayed.

mod held;
mod session;
mod tags;
mod targets;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::time::Duration;

use crc_core::{Client, Effect, Event, Machine, Outbox, Timestamp};

use crate::args::Join;
use crate::command::{Command, OperatorLogin, ParseError};
use crate::event::{CommandError, OutputEvent};
use crate::ignore::IgnoreList;
use crate::request::{Request, Tag};

use session::{Readiness, Session};

/// How long a batch that has ended waits for a server.
const SERVER_TIMEOUT: Duration = Duration::from_secs(15);

/// Where the commands come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// A user at a terminal. A command that cannot be executed fails at once.
    Interactive,
    /// A file or a pipe, whose commands wait until they can be executed.
    Batch,
}

/// What the queue takes.
#[derive(Debug, Clone)]
pub(crate) enum Input {
    /// Dial the server.
    Start,
    /// A line of the input.
    Line(Result<Command, ParseError>),
    /// A command of a program.
    Request(Request),
    /// The end of the input.
    End,
    /// Quit now. Lines that wait are dropped.
    Quit,
}

/// A client and the lines that wait for it.
#[derive(Debug)]
pub(crate) struct CommandQueue {
    session: Session,
    waiting: VecDeque<Waiting>,
    /// When the first line that waits is tried again, whatever happens.
    retry_at: Option<Timestamp>,
    /// When the queue learned that no more lines come.
    ended_at: Option<Timestamp>,
    quitting: bool,
    /// Lines that are executed and whose answer the user waits for.
    unanswered: usize,
    scratch: Vec<Effect<OutputEvent>>,
}

#[derive(Debug)]
struct Waiting {
    item: Item,
    tag: Option<Tag>,
    since: Timestamp,
}

#[derive(Debug)]
enum Item {
    Line(Result<Command, ParseError>),
    End,
}

impl CommandQueue {
    pub(crate) fn new(client: Client, mode: Mode) -> Self {
        CommandQueue {
            session: Session::new(client, mode),
            waiting: VecDeque::new(),
            retry_at: None,
            ended_at: None,
            quitting: false,
            unanswered: 0,
            scratch: Vec::new(),
        }
    }

    /// Becomes an operator whenever a server has accepted the client.
    pub(crate) fn set_operator(&mut self, login: OperatorLogin) {
        self.session.set_operator(login);
    }

    /// Shows nothing of these clients.
    pub(crate) fn set_ignored(&mut self, ignored: IgnoreList) {
        self.session.set_ignored(ignored);
    }

    /// Joins these channels as soon as a server has accepted the client.
    pub(crate) fn set_joins(&mut self, joins: Vec<Join>) {
        self.session.set_joins(joins);
    }

    pub(crate) fn client(&self) -> &Client {
        self.session.client()
    }

    fn handle_input(&mut self, now: Timestamp, input: Input, out: &mut Outbox<OutputEvent>) {
        let (item, tag) = match input {
            Input::Start => {
                self.session.start(now, out);
                return;
            }
            Input::Quit => {
                self.quit(now, String::new(), out);
                return;
            }
            Input::Line(line) => (Item::Line(line), None),
            Input::Request(request) => (Item::Line(request.command), request.tag),
            Input::End => (Item::End, None),
        };
        if self.quitting {
            drop_line(tag, out);
            return;
        }
        if let Item::End | Item::Line(Ok(Command::Quit { .. })) = item {
            self.ended_at.get_or_insert(now);
        }
        let since = now;
        self.waiting.push_back(Waiting { item, tag, since });
    }

    /// Executes the lines that can be executed.
    fn execute_waiting(&mut self, now: Timestamp, out: &mut Outbox<OutputEvent>) {
        self.retry_at = None;
        if self.give_up_at().is_some_and(|at| at <= now) {
            self.give_up(now, out);
        }
        while let Some(next) = self.waiting.pop_front() {
            let retry_at = match self.readiness(now, &next) {
                Readiness::Ready => {
                    self.execute_tagged(now, next.item, next.tag, out);
                    match self.session.is_joining() {
                        // The next prompt is for the channel.
                        true => self.unanswered += 1,
                        false => out.notice(OutputEvent::LineHandled),
                    }
                    continue;
                }
                Readiness::WaitForServer => self.give_up_at(),
                Readiness::WaitForEvent => None,
                Readiness::WaitUntil(until) => Some(until),
            };
            self.waiting.push_front(next);
            self.retry_at = retry_at;
            return;
        }
    }

    fn readiness(&self, now: Timestamp, waiting: &Waiting) -> Readiness {
        match &waiting.item {
            Item::Line(Ok(command)) => self.session.readiness(now, command, waiting.since),
            Item::Line(Err(_)) => Readiness::Ready,
            Item::End => self.session.readiness_to_end(now),
        }
    }

    /// Executes a line. What comes of it at once has its tag.
    fn execute_tagged(
        &mut self,
        now: Timestamp,
        item: Item,
        tag: Option<Tag>,
        out: &mut Outbox<OutputEvent>,
    ) {
        let Some(tag) = tag else {
            return self.execute(now, item, out);
        };
        let mut scratch = std::mem::take(&mut self.scratch);
        self.session.set_tag(Some(tag.clone()));
        out.nested(
            &mut scratch,
            |out| {
                self.execute(now, item, out);
                out.notice(OutputEvent::Done);
            },
            |event: OutputEvent| Some(event.tagged(Some(tag.clone()))),
        );
        self.session.set_tag(None);
        self.scratch = scratch;
    }

    fn execute(&mut self, now: Timestamp, item: Item, out: &mut Outbox<OutputEvent>) {
        let done = match item {
            Item::Line(Ok(Command::Quit { text })) => {
                self.quit(now, text, out);
                Ok(())
            }
            Item::Line(Ok(command)) => self.session.execute(now, command, out),
            Item::Line(Err(error)) => Err(error.into()),
            Item::End => {
                self.quit(now, String::new(), out);
                Ok(())
            }
        };
        if let Err(error) = done {
            out.notice(OutputEvent::CommandFailed(error));
        }
    }

    /// Quits and drops the lines that wait.
    fn quit(&mut self, now: Timestamp, text: String, out: &mut Outbox<OutputEvent>) {
        self.quitting = true;
        for waiting in self.waiting.drain(..) {
            drop_line(waiting.tag, out);
        }
        self.session.quit(now, text, out);
    }

    /// When a batch that has ended stops waiting for a server.
    fn give_up_at(&self) -> Option<Timestamp> {
        let changed_at = self.session.waiting_for_server_since()?;
        let ended_at = self.ended_at.filter(|_| !self.quitting)?;
        Some(ended_at.max(changed_at) + SERVER_TIMEOUT)
    }

    fn give_up(&mut self, now: Timestamp, out: &mut Outbox<OutputEvent>) {
        let is_chat = |waiting: &&Waiting| {
            let item = &waiting.item;
            matches!(
                item,
                Item::Line(Ok(Command::Msg { .. } | Command::Text { .. }))
            )
        };
        let unsent = self.waiting.iter().filter(is_chat).count();
        out.notice(OutputEvent::GaveUp { unsent });
        self.quit(now, String::new(), out);
    }
}

/// Drops a line, since the client quits.
fn drop_line(tag: Option<Tag>, out: &mut Outbox<OutputEvent>) {
    if tag.is_some() {
        let why = OutputEvent::CommandFailed(CommandError::Quit);
        out.notice(why.tagged(tag.clone()));
        out.notice(OutputEvent::Done.tagged(tag));
    }
    out.notice(OutputEvent::LineHandled);
}

impl Machine for CommandQueue {
    type Command = Input;
    type Notice = OutputEvent;

    fn handle(&mut self, now: Timestamp, event: Event<'_, Input>, out: &mut Outbox<OutputEvent>) {
        match event.into_command() {
            Ok(input) => self.handle_input(now, input, out),
            Err(event) => self.session.handle(now, event, out),
        }
        self.session.log_in_as_operator(now, out);
        self.session.join_channels(now, out);
        self.session.send_held(now, out);
        self.execute_waiting(now, out);
        if !self.session.is_joining() {
            for _ in 0..core::mem::take(&mut self.unanswered) {
                out.notice(OutputEvent::LineHandled);
            }
        }
    }

    fn deadline(&self) -> Option<Timestamp> {
        [self.client().deadline(), self.retry_at]
            .into_iter()
            .flatten()
            .min()
    }
}
