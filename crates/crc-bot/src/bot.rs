//! The bot, as the program holds it.

use std::fmt;
use std::sync::{Arc, mpsc};
use std::task::{Context, Poll};
use std::thread::JoinHandle;
use std::time::Duration;

use crc_core::{ChannelRank, Client, ClientCommand, is_channel_name};
use crc_net::CommandSender;
use crc_wire::{ChannelField, HostId};

use crate::builder::Builder;
use crate::error::Error;
use crate::event::{Event, Member, Message, Timer, User, action_text};
use crate::machine::Command;
use crate::mailbox::Mailbox;
use crate::request::{MemberAction, Place, Request, Target, TextKind, Who};
use crate::split::split_text;

/// The memory of a message or command besides its text, roughly.
const REQUEST_BYTES: usize = 64;

/// A bot: a client of the network, run by a program.
///
/// All methods take `&self`, and several threads may share a bot. Dropping it ends it as
/// [`close`](Bot::close) does, but for the result.
///
/// **What is sent** waits until the bot is connected, and goes out in order and at its
/// [rate](Builder::messages_per_second). While 64 KiB wait, the methods that send wait too. They
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
    /// A bot with this name: 1 to 64 bytes of printable ASCII.
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
        for piece in split_text(text.as_ref(), self.message_bytes_max) {
            self.send_piece(&to, TextKind::Message, action_text(piece))?;
        }
        Ok(())
    }

    /// Waits, in asynchronous code, until 32 KiB of messages can be said without waiting.
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

/// Channels.
impl Bot {
    /// Joins a channel. [`Event::Entered`] or [`Event::Refused`] follows.
    ///
    /// # Errors
    ///
    /// If the text is not a channel, or the bot has ended.
    pub fn join(&self, channel: impl Into<String>) -> Result<(), Error> {
        self.join_with_key(channel, "")
    }

    /// Joins a channel with its key.
    ///
    /// # Errors
    ///
    /// If the text is not a channel, or the bot has ended.
    pub fn join_with_key(
        &self,
        channel: impl Into<String>,
        key: impl Into<String>,
    ) -> Result<(), Error> {
        let (channel, key) = (check_channel(channel.into())?, key.into());
        self.send_command(key.len(), ClientCommand::Join { channel, key })
    }

    /// Leaves a channel, with a message.
    ///
    /// # Errors
    ///
    /// If the text is not a channel, or the bot has ended.
    pub fn part(&self, channel: impl Into<String>, text: impl Into<String>) -> Result<(), Error> {
        let (channel, text) = (check_channel(channel.into())?, text.into());
        self.send_command(text.len(), ClientCommand::Part { channel, text })
    }

    /// Sets the topic of a channel; empty for none.
    ///
    /// # Errors
    ///
    /// If the text is not a channel, or the bot has ended.
    pub fn set_topic(
        &self,
        channel: impl Into<String>,
        topic: impl Into<String>,
    ) -> Result<(), Error> {
        let (channel, topic) = (check_channel(channel.into())?, topic.into());
        self.send_command(topic.len(), ClientCommand::SetTopic { channel, topic })
    }

    /// Changes another setting of a channel; empty for none.
    ///
    /// # Errors
    ///
    /// If the text is not a channel, or the bot has ended.
    #[doc(alias = "mode")]
    pub fn set_channel(
        &self,
        channel: impl Into<String>,
        field: ChannelField,
        value: impl Into<String>,
    ) -> Result<(), Error> {
        let (channel, value) = (check_channel(channel.into())?, value.into());
        let command = ClientCommand::SetChannel {
            channel,
            field,
            value,
        };
        self.send_command(0, command)
    }

    /// Removes a user from a channel, with a reason.
    ///
    /// # Errors
    ///
    /// If the text is not a channel, the user is one, or the bot has ended.
    pub fn kick(
        &self,
        channel: impl Into<String>,
        who: impl Into<Target>,
        reason: impl Into<String>,
    ) -> Result<(), Error> {
        let reason = reason.into();
        let action = MemberAction::Kick { reason };
        self.send_about_member(channel.into(), who.into(), action)
    }

    /// Invites a user to a channel.
    ///
    /// # Errors
    ///
    /// If the text is not a channel, the user is one, or the bot has ended.
    pub fn invite(&self, channel: impl Into<String>, who: impl Into<Target>) -> Result<(), Error> {
        self.send_about_member(channel.into(), who.into(), MemberAction::Invite)
    }

    /// Makes a member an operator of the channel, or lets it speak where not all may.
    ///
    /// # Errors
    ///
    /// If the text is not a channel, the user is one, or the bot has ended.
    #[doc(alias("op", "voice"))]
    pub fn give_rank(
        &self,
        channel: impl Into<String>,
        who: impl Into<Target>,
        rank: ChannelRank,
    ) -> Result<(), Error> {
        let is_given = true;
        let action = MemberAction::Rank { rank, is_given };
        self.send_about_member(channel.into(), who.into(), action)
    }

    /// Takes a rank from a member.
    ///
    /// # Errors
    ///
    /// If the text is not a channel, the user is one, or the bot has ended.
    #[doc(alias("deop", "devoice"))]
    pub fn take_rank(
        &self,
        channel: impl Into<String>,
        who: impl Into<Target>,
        rank: ChannelRank,
    ) -> Result<(), Error> {
        let is_given = false;
        let action = MemberAction::Rank { rank, is_given };
        self.send_about_member(channel.into(), who.into(), action)
    }

    /// Asks the server for the members of a channel that the bot need not be in. [`Event::Names`]
    /// follows.
    ///
    /// # Errors
    ///
    /// If the text is not a channel, or the bot has ended.
    pub fn names(&self, channel: impl Into<String>) -> Result<(), Error> {
        let channel = check_channel(channel.into())?;
        self.send_command(0, ClientCommand::Names { channel })
    }

    /// Gives the server a command, as a line of IRC: those of network operators, such as
    /// `OPER NAME PASSWORD`. [`Event::Status`] answers.
    ///
    /// # Errors
    ///
    /// If the bot has ended.
    #[doc(alias = "oper")]
    pub fn server_command(&self, line: impl Into<String>) -> Result<(), Error> {
        let line = line.into();
        self.send_command(line.len(), ClientCommand::Command { line })
    }

    fn send_command(&self, bytes: usize, command: ClientCommand) -> Result<(), Error> {
        self.send(Request::Command(command), bytes)
    }

    fn send_about_member(
        &self,
        channel: String,
        who: Target,
        action: MemberAction,
    ) -> Result<(), Error> {
        let channel = check_channel(channel)?;
        let who = match who.0 {
            Place::User(who) => who,
            Place::Channel(channel) => return Err(Error::NotAPerson(channel)),
        };
        let bytes = match &action {
            MemberAction::Kick { reason } => reason.len(),
            MemberAction::Invite | MemberAction::Rank { .. } => 0,
        };
        let request = Request::Member {
            channel,
            who,
            action,
        };
        self.send(request, bytes)
    }
}

/// What the bot knows. These ask the thread of the connection, and wait for its answer.
impl Bot {
    /// The name of the bot.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The id of the bot. It may change when the bot connects again.
    ///
    /// # Errors
    ///
    /// If the bot has ended.
    pub fn id(&self) -> Result<HostId, Error> {
        self.query(Client::id)
    }

    /// Whether a server has accepted the bot, on a connection that holds.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        self.query(Client::is_settled).unwrap_or(false)
    }

    /// The other users of the network, in the order of their ids.
    ///
    /// # Errors
    ///
    /// If the bot has ended.
    pub fn users(&self) -> Result<Vec<User>, Error> {
        self.query(|client| {
            let users = client.clients().map(|(id, remote)| User {
                id,
                name: remote.name.to_string(),
            });
            users.collect()
        })
    }

    /// The channels that the bot is in, in the order of their names.
    ///
    /// # Errors
    ///
    /// If the bot has ended.
    pub fn channels(&self) -> Result<Vec<String>, Error> {
        self.query(|client| {
            let channels = client.channels();
            channels.map(|channel| channel.name().to_owned()).collect()
        })
    }

    /// The members of a channel that the bot is in, the bot among them; none for another channel.
    ///
    /// # Errors
    ///
    /// If the bot has ended.
    pub fn members(&self, channel: impl Into<String>) -> Result<Vec<Member>, Error> {
        let name = channel.into();
        self.query(move |client| {
            let members = client.channel(&name).into_iter();
            let members = members.flat_map(|channel| channel.members());
            let member = |(id, flags): (_, crc_wire::MemberFlags)| Member {
                user: client.host_ref(id).into(),
                is_operator: flags.operator,
                is_voiced: flags.voice,
            };
            members.map(member).collect()
        })
    }

    /// The topic of a channel that the bot is in; empty for none, and for another channel.
    ///
    /// # Errors
    ///
    /// If the bot has ended.
    pub fn topic(&self, channel: impl Into<String>) -> Result<String, Error> {
        let name = channel.into();
        self.query(move |client| {
            let channel = client.channel(&name);
            channel.map_or_else(String::new, |channel| channel.topic().to_owned())
        })
    }

    fn query<T: Send + 'static>(
        &self,
        look_up: impl FnOnce(&Client) -> T + Send + 'static,
    ) -> Result<T, Error> {
        let (sender, answer) = mpsc::channel();
        let query = move |client: &Client| {
            // The other thread waits for it.
            let _ = sender.send(look_up(client));
        };
        self.command(Command::Query(Box::new(query)))?;
        answer.recv().map_err(|_| Error::Ended)
    }
}

fn check_channel(channel: String) -> Result<String, Error> {
    match is_channel_name(&channel) {
        true => Ok(channel),
        false => Err(Error::NotAChannel(channel)),
    }
}

fn check_channel_of(target: &Target) -> Result<(), Error> {
    match &target.0 {
        Place::Channel(channel) => check_channel(channel.clone()).map(|_| ()),
        Place::User(Who::Name(_) | Who::Id(_)) => Ok(()),
    }
}
