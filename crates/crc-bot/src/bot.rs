//! The bot, as the program holds it.

mod channels;
mod lookup;

use std::fmt;
use std::sync::{Arc, mpsc};
use std::task::{Context, Poll};
use std::thread::JoinHandle;
use std::time::Duration;

use crc_net::CommandSender;

use crate::builder::Builder;
use crate::error::Error;
use crate::event::{ACTION_BYTES, Event, Message, Timer, action_text};
use crate::machine::Command;
use crate::mailbox::Mailbox;
use crate::request::{Place, Request, Target, TextKind};
use crate::split::split_text;

use channels::check_channel;

/// The memory of a message or command besides its text, roughly.
const REQUEST_BYTES: usize = 64;

/// A bot: a client of the network, run by a program.
///
/// All methods take `&self`, and several threads may share a bot. Dropping it ends it as
/// [`close`](Bot::close) does, but for the result.
///
/// **What is sent** waits until the bot is connected, and goes out in order and at its
/// [rate](Builder::messages_per_second). While 16 KiB wait, the methods that send wait too. They
/// return an error only when the bot has ended; whatever becomes of a message later is an event:
/// [`NotSent`](Event::NotSent), [`Refused`](Event::Refused) or [`Status`](Event::Status).
pub struct Bot {
    pub(crate) mailbox: Arc<Mailbox>,
    pub(crate) commands: CommandSender<Command>,
    /// The thread of the connection; `None` once it is joined.
    pub(crate) thread: Option<JoinHandle<()>>,
    pub(crate) name: String,
    pub(crate) close_within: Duration,
    pub(crate) message_bytes_max: usize,
}

impl fmt::Debug for Bot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bot")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// Start and end.
impl Bot {
    /// A bot with this name: 1 to 64 bytes in UTF-8, as RFC 8266 has nicknames. Other users may have
    /// the same, but a server refuses a name that looks like another one.
    pub fn builder(name: impl Into<String>) -> Builder {
        Builder::new(name.into())
    }

    pub(crate) fn wait_connected(&self) -> Result<(), Error> {
        let connected = self.mailbox.wait_connected();
        if connected.is_err() {
            self.begin_close(String::new(), Duration::ZERO);
        }
        connected
    }

    /// Ends the bot: sends what waits, quits, and waits until the server has closed the connection.
    ///
    /// # Errors
    ///
    /// Why the bot has ended before, if it was not told to; [`Error::Unsent`] if not all could be
    /// sent in the [time](Builder::close_within) for that.
    pub fn close(mut self) -> Result<(), Error> {
        self.end();
        self.mailbox.wait_end()
    }

    /// Begins to end the bot, with a quit message, and returns at once: the bot sends what waits, and
    /// takes nothing more. Its events end when it has ended.
    pub fn quit(&self, text: impl Into<String>) {
        self.begin_close(text.into(), self.close_within);
    }

    fn begin_close(&self, text: String, within: Duration) {
        // The thread may have ended before.
        let _ = self.commands.send(Command::Close { text, within });
    }

    fn end(&mut self) {
        if let Some(thread) = self.thread.take() {
            self.begin_close(String::new(), self.close_within);
            // The mailbox knows what came of it.
            let _ = thread.join();
        }
    }

    fn command(&self, command: Command) -> Result<(), Error> {
        self.commands.send(command).map_err(|_| Error::Ended)
    }
}

impl Drop for Bot {
    fn drop(&mut self) {
        self.end();
    }
}

/// Events.
impl Bot {
    /// The events, each once: the iterator waits for the next one, and ends when the bot has ended.
    /// Its last item is an error if the bot has ended without being told to.
    pub fn events(&self) -> Events<'_> {
        Events { bot: self }
    }

    /// Waits for the next event; `Ok(None)` when none has come in this time.
    ///
    /// # Errors
    ///
    /// Why the bot has ended; [`Error::Ended`] when it was told to.
    pub fn next_timeout(&self, timeout: Duration) -> Result<Option<Event>, Error> {
        let next = self.mailbox.next_timeout(timeout);
        next.unwrap_or(Err(Error::Ended))
    }

    /// The next event, in asynchronous code; `None` at the end. The feature `tokio` has a stream of
    /// them.
    pub async fn next_event(&self) -> Option<Result<Event, Error>> {
        std::future::poll_fn(|cx| self.poll_event(cx)).await
    }

    /// The next event, for a future of one's own.
    pub fn poll_event(&self, cx: &mut Context<'_>) -> Poll<Option<Result<Event, Error>>> {
        self.mailbox.poll_next(cx)
    }

    /// Has [`Event::Timer`] happen after this time. Timers go on while the bot is not connected.
    ///
    /// # Errors
    ///
    /// [`Error::TooManyTimers`] when 100,000 timers are set.
    pub fn set_timer(&self, after: Duration) -> Result<Timer, Error> {
        let timer = self.mailbox.add_timer()?;
        self.command(Command::SetTimer { timer, after })?;
        Ok(timer)
    }

    /// Cancels a timer. Its event does not happen any more.
    pub fn cancel_timer(&self, timer: Timer) {
        // The thread may have ended before.
        let _ = self.command(Command::CancelTimer(timer));
        self.mailbox.remove_timer(timer);
    }
}

impl<'a> IntoIterator for &'a Bot {
    type Item = Result<Event, Error>;
    type IntoIter = Events<'a>;

    fn into_iter(self) -> Events<'a> {
        self.events()
    }
}

/// The events of a bot, from [`Bot::events`].
#[derive(Debug, Clone)]
pub struct Events<'a> {
    bot: &'a Bot,
}

impl Iterator for Events<'_> {
    type Item = Result<Event, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        self.bot.mailbox.next()
    }
}

impl std::iter::FusedIterator for Events<'_> {}

/// Messages.
impl Bot {
    /// Answers a message, where it was said: in its channel, or to its sender. The answer is a
    /// notice, which no program answers, so two bots do not answer each other for ever.
    ///
    /// A [`Notice`](crate::Notice) cannot be answered:
    ///
    /// ```compile_fail
    /// # fn f(bot: crc_bot::Bot, notice: crc_bot::Notice) -> Result<(), crc_bot::Error> {
    /// bot.reply(&notice, "no")
    /// # }
    /// ```
    ///
    /// A server of version 1 has no notices. There the answer is not sent, and
    /// [`Event::NotSent`] says so.
    ///
    /// # Errors
    ///
    /// If the bot has ended.
    pub fn reply(&self, message: &Message, text: impl AsRef<str>) -> Result<(), Error> {
        let to = match &message.channel {
            Some(channel) => Target(Place::Channel(channel.clone())),
            None => Target::from(&message.from),
        };
        self.send_text(to, TextKind::Reply, text.as_ref())
    }

    /// Says something in a channel, or to one user (a whisper). Each line becomes a message, and
    /// a line that is too long becomes several.
    ///
    /// Other programs may answer it. Use [`reply`](Self::reply) to answer a message.
    ///
    /// # Errors
    ///
    /// If the bot has ended.
    #[doc(alias("whisper", "message", "privmsg"))]
    pub fn say(&self, to: impl Into<Target>, text: impl AsRef<str>) -> Result<(), Error> {
        self.send_text(to.into(), TextKind::Message, text.as_ref())
    }

    /// Sends a notice, a text that no program answers, to a channel or to one user. A server of
    /// version 1 has no notices, and makes a message of one to a user.
    ///
    /// # Errors
    ///
    /// If the bot has ended.
    pub fn notice(&self, to: impl Into<Target>, text: impl AsRef<str>) -> Result<(), Error> {
        self.send_text(to.into(), TextKind::Notice, text.as_ref())
    }

    /// Says what the bot does, as `/me waves` does.
    ///
    /// # Errors
    ///
    /// If the bot has ended.
    #[doc(alias = "me")]
    pub fn act(&self, to: impl Into<Target>, text: impl AsRef<str>) -> Result<(), Error> {
        let to = to.into();
        check_channel_of(&to)?;
        let max = self.message_bytes_max - ACTION_BYTES;
        for piece in split_text(text.as_ref(), max) {
            self.send_piece(&to, TextKind::Message, action_text(piece))?;
        }
        Ok(())
    }

    /// Waits, in asynchronous code, until 8 KiB of messages can be said without waiting.
    pub async fn ready(&self) {
        std::future::poll_fn(|cx| self.mailbox.poll_ready(cx)).await;
    }

    /// Waits until all that was sent before is handed to the connection.
    ///
    /// # Errors
    ///
    /// If the bot ends before.
    pub fn flush(&self) -> Result<(), Error> {
        let (done, is_done) = mpsc::channel();
        self.command(Command::Flush(done))?;
        is_done.recv().map_err(|_| Error::Ended)
    }

    fn send_text(&self, to: Target, kind: TextKind, text: &str) -> Result<(), Error> {
        check_channel_of(&to)?;
        for piece in split_text(text, self.message_bytes_max) {
            self.send_piece(&to, kind, piece.to_owned())?;
        }
        Ok(())
    }

    fn send_piece(&self, to: &Target, kind: TextKind, text: String) -> Result<(), Error> {
        let bytes = text.len();
        let to = to.clone();
        self.send(Request::Text { to, kind, text }, bytes)
    }

    /// Hands something to the thread of the connection. `bytes`: the length of its texts.
    fn send(&self, request: Request, bytes: usize) -> Result<(), Error> {
        let bytes = REQUEST_BYTES + bytes;
        self.mailbox.acquire(bytes)?;
        self.command(Command::Send { request, bytes })
    }
}

fn check_channel_of(target: &Target) -> Result<(), Error> {
    match &target.0 {
        Place::Channel(channel) => check_channel(channel.clone()).map(|_| ()),
        Place::User(_) => Ok(()),
    }
}
