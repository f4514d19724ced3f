//! The client together with the target of lines that are not commands: whether a
//! command can be executed, and its execution.

use std::collections::VecDeque;
use std::time::Duration;

use crc_core::{
    ChannelMember, ChannelRank, Client, ClientChannel, ClientCommand, ClientNotice, Effect, Event,
    Machine, Outbox, ResolveError, Timestamp,
};

use crc_wire::{ChatKind, HostId, StatusCode};

use super::Mode;
use super::held::Held;
use super::tags::Tags;
use super::targets::Targets;
use crate::args::Join;
use crate::command::{Command, OperatorLogin, Target};
use crate::event::{CommandError, OutputEvent};
use crate::ignore::IgnoreList;
use crate::modes::{self, changed_settings};
use crate::request::Tag;
use crate::text::as_action;

/// How long a batch waits for a name to appear, after the welcome or after the line
/// was read.
pub(super) const NAME_TIMEOUT: Duration = Duration::from_secs(2);

/// How many chats may wait in the client before a batch is slowed down.
pub(super) const QUEUED_MAX: usize = 64;

/// How long a batch waits for the answer to a password of an operator: commands of operators may
/// follow.
pub(super) const OPERATOR_TIMEOUT: Duration = Duration::from_secs(5);

/// What ends a line of a text.
const LINE_BREAKS: [char; 2] = ['\n', '\r'];

/// A client, and what its commands depend on.
#[derive(Debug)]
pub(super) struct Session {
    client: Client,
    pub(super) mode: Mode,
    targets: Targets,
    /// The channel that becomes the target when the client is in it.
    joining: Option<Target>,
    /// What waits for a connection.
    pub(super) held: VecDeque<Held>,
    /// When the client was last welcomed, or lost the server that had welcomed it.
    welcome_changed_at: Timestamp,
    /// As which operator the client logs in whenever a server has accepted it.
    operator: Option<OperatorLogin>,
    /// Whether that was done at this server.
    is_operator_asked: bool,
    /// Since when the client waits to become an operator.
    operator_asked_at: Option<Timestamp>,
    tags: Tags,
    /// The channels to join as soon as a server has accepted the client, and their keys.
    joins: Vec<Join>,
    ignored: IgnoreList,
    scratch: Vec<Effect<ClientNotice>>,
}

/// Where a chat or notice goes.
#[derive(Clone)]
enum Address {
    Client(HostId),
    Channel(String),
}

impl Address {
    fn command(&self, kind: ChatKind, text: String) -> ClientCommand {
        match (self.clone(), kind) {
            (Address::Client(to), ChatKind::Message) => ClientCommand::SendChat { to, text },
            (Address::Client(to), ChatKind::Notice) => ClientCommand::SendNotice { to, text },
            (Address::Channel(channel), ChatKind::Message) => {
                ClientCommand::SendChannelChat { channel, text }
            }
            (Address::Channel(channel), ChatKind::Notice) => {
                ClientCommand::SendChannelNotice { channel, text }
            }
        }
    }
}

/// What a command says to others.
fn said(command: &ClientCommand) -> Option<OutputEvent> {
    let (to, kind, text) = match command {
        ClientCommand::SendChat { to, text } => (Err(*to), ChatKind::Message, text),
        ClientCommand::SendNotice { to, text } => (Err(*to), ChatKind::Notice, text),
        ClientCommand::SendChannelChat { channel, text } => {
            (Ok(channel.clone()), ChatKind::Message, text)
        }
        ClientCommand::SendChannelNotice { channel, text } => {
            (Ok(channel.clone()), ChatKind::Notice, text)
        }
        _ => return None,
    };
    let text = text.clone();
    Some(OutputEvent::Said { to, kind, text })
}

/// Whether a notice says that the client does not get into a channel.
fn is_refused(notice: &ClientNotice, joining: Option<&Target>) -> bool {
    match notice {
        ClientNotice::ChannelRefused {
            channel: Some(channel),
            is_join: true,
            ..
        }
        | ClientNotice::ChannelNotSent { channel, .. } => {
            joining.is_some_and(|joining| joining.is_channel(channel))
        }
        ClientNotice::ChannelRefused { channel: None, .. } => true,
        _ => false,
    }
}

/// The command that gives or takes a rank.
const fn command_of(rank: ChannelRank, is_given: bool) -> &'static str {
    match (rank, is_given) {
        (ChannelRank::Voice, true) => "/voice",
        (ChannelRank::Voice, false) => "/devoice",
        (_, true) => "/op",
        (_, false) => "/deop",
    }
}

/// Whether a command can be executed now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Readiness {
    Ready,
    /// When a server has welcomed the client and it is known what the server supports.
    WaitForServer,
    /// When an event has changed something.
    WaitForEvent,
    /// When an event has changed something, or at this time.
    WaitUntil(Timestamp),
}

impl Session {
    pub(super) fn new(client: Client, mode: Mode) -> Self {
        Session {
            client,
            mode,
            targets: Targets::default(),
            joining: None,
            held: VecDeque::new(),
            welcome_changed_at: Timestamp::START,
            operator: None,
            is_operator_asked: false,
            operator_asked_at: None,
            tags: Tags::default(),
            joins: Vec::new(),
            ignored: IgnoreList::default(),
            scratch: Vec::new(),
        }
    }

    pub(super) fn client(&self) -> &Client {
        &self.client
    }

    /// Since when a batch has no server that has welcomed it.
    pub(super) fn waiting_for_server_since(&self) -> Option<Timestamp> {
        let waiting = self.mode == Mode::Batch && !self.client.is_welcomed();
        waiting.then_some(self.welcome_changed_at)
    }

    pub(super) fn start(&mut self, now: Timestamp, out: &mut Outbox<OutputEvent>) {
        self.welcome_changed_at = now;
        self.handle(now, Event::Command(ClientCommand::Start), out);
    }

    pub(super) fn quit(&mut self, now: Timestamp, text: String, out: &mut Outbox<OutputEvent>) {
        self.handle(now, Event::Command(ClientCommand::Quit { text }), out);
    }

    /// The tag of the command that is executed from now on; `None` after the command.
    pub(super) fn set_tag(&mut self, tag: Option<Tag>) {
        self.tags.current = tag;
    }

    /// Hands an event to the client.
    pub(super) fn handle(
        &mut self,
        now: Timestamp,
        event: Event<'_, ClientCommand>,
        out: &mut Outbox<OutputEvent>,
    ) {
        let was_welcomed = self.client.is_welcomed();
        let was_settled = self.client.is_settled();
        if let Event::Command(command) = &event {
            self.tags.on_command(now, command);
        }
        let own = self.client.id();
        let (client, tags, scratch) = (&mut self.client, &mut self.tags, &mut self.scratch);
        let ignored = &self.ignored;
        let (mut is_answered, mut renamed) = (false, Vec::new());
        let mut entered = None;
        let mut joining = self.joining.take();
        out.nested(
            scratch,
            |out| client.handle(now, event, out),
            |notice| {
                let note = StatusCode::NOTE;
                is_answered |=
                    matches!(&notice, ClientNotice::Status { code, .. } if *code == note);
                if let ClientNotice::ChannelEntered { channel, .. } = &notice {
                    entered = Some(channel.clone());
                }
                if is_refused(&notice, joining.as_ref()) {
                    joining = None;
                }
                if let ClientNotice::Renamed { old, new, .. } = &notice {
                    renamed.push((old.clone(), new.clone()));
                }
                if ignored.hides(&notice) {
                    return None;
                }
                let tag = tags.take(now, &notice, own);
                Some(OutputEvent::Client(notice).tagged(tag))
            },
        );
        self.joining = joining.filter(|_| self.client.is_welcomed());
        for (old, new) in renamed {
            self.rename_target(&old, new, out);
        }
        if is_answered || !self.client.is_welcomed() {
            self.operator_asked_at = None;
        }
        if was_welcomed != self.client.is_welcomed() {
            self.welcome_changed_at = now;
        }
        if let Some(channel) = entered
            && self.joining.take_if(|it| it.is_channel(&channel)).is_some()
        {
            self.targets.switch_to(Some(Target::Channel(channel)));
            self.notify_target(out);
        }
        if self.client.is_settled() && !was_settled {
            out.notice(OutputEvent::Settled);
        }
    }
}

/// What is done as soon as a server has accepted the client.
impl Session {
    pub(super) fn set_ignored(&mut self, ignored: IgnoreList) {
        self.ignored = ignored;
    }

    pub(super) fn set_joins(&mut self, joins: Vec<Join>) {
        self.joins = joins;
    }

    /// Joins the channels of the configuration, once. The client joins them again by itself.
    pub(super) fn join_channels(&mut self, now: Timestamp, out: &mut Outbox<OutputEvent>) {
        if !self.client.is_settled() {
            return;
        }
        for Join { channel, key } in std::mem::take(&mut self.joins) {
            let join = ClientCommand::Join { channel, key };
            self.handle(now, Event::Command(join), out);
        }
    }

    pub(super) fn set_operator(&mut self, login: OperatorLogin) {
        self.operator = Some(login);
    }

    /// Asks a server that has accepted the client, once.
    pub(super) fn log_in_as_operator(&mut self, now: Timestamp, out: &mut Outbox<OutputEvent>) {
        let was_asked = core::mem::replace(&mut self.is_operator_asked, self.client.is_settled());
        if let Some(login) = self.operator.clone()
            && self.is_operator_asked
            && !was_asked
        {
            let name = login.name.clone();
            out.notice(OutputEvent::AsksForOperator { name });
            self.ask_for_operator(now, &login, out);
        }
    }

    fn ask_for_operator(
        &mut self,
        now: Timestamp,
        login: &OperatorLogin,
        out: &mut Outbox<OutputEvent>,
    ) {
        // The answer may come at once.
        self.operator_asked_at = Some(now);
        let line = login.line();
        self.handle(now, Event::Command(ClientCommand::Command { line }), out);
    }

    /// When a batch stops waiting for the answer, if it does.
    fn operator_answer_until(&self, now: Timestamp) -> Option<Timestamp> {
        let until = self.operator_asked_at? + OPERATOR_TIMEOUT;
        Some(until).filter(|until| now < *until)
    }
}

/// Readiness.
impl Session {
    /// Whether `command`, read at `since`, can be executed.
    pub(super) fn readiness(
        &self,
        now: Timestamp,
        command: &Command,
        since: Timestamp,
    ) -> Readiness {
        if self.mode == Mode::Batch
            && let Some(until) = self.operator_answer_until(now)
        {
            return Readiness::WaitUntil(until);
        }
        match (command, self.mode) {
            (
                Command::Msg { to, .. } | Command::Notice { to, .. } | Command::To { to: Some(to) },
                _,
            ) => self.readiness_to_address(now, to, since),
            (
                Command::Rank { name, .. }
                | Command::Kick { name, .. }
                | Command::Whois { name }
                | Command::Invite { name, .. },
                _,
            ) => self.readiness_to_address(now, &Target::Client(name.clone()), since),
            (Command::Text { .. } | Command::Me { .. }, Mode::Interactive)
                if self.is_joining() && now < since + NAME_TIMEOUT =>
            {
                Readiness::WaitUntil(since + NAME_TIMEOUT)
            }
            (Command::Text { .. } | Command::Me { .. }, _) => match self.targets.current() {
                Some(to) => self.readiness_to_address(now, to, since),
                None => Readiness::Ready,
            },
            (
                Command::Empty
                | Command::Help
                | Command::Ignore { .. }
                | Command::Unignore { .. }
                | Command::To { to: None },
                _,
            )
            | (_, Mode::Interactive) => Readiness::Ready,
            (
                Command::Who {
                    channel: Some(channel),
                },
                Mode::Batch,
            ) => self.readiness_to_list(now, Some(channel), since),
            (
                Command::Topic {
                    channel,
                    topic: None,
                }
                | Command::Mode { channel, .. },
                Mode::Batch,
            ) => self.readiness_to_list(now, channel.as_deref(), since),
            (_, Mode::Batch) => self.readiness_to_send(),
        }
    }

    /// Whether the end of the input can be acted on: a batch sends everything before.
    pub(super) fn readiness_to_end(&self, now: Timestamp) -> Readiness {
        match (self.mode, self.operator_answer_until(now)) {
            (Mode::Interactive, _) => Readiness::Ready,
            (Mode::Batch, Some(until)) => Readiness::WaitUntil(until),
            (Mode::Batch, None) => self.readiness_to_send(),
        }
    }

    /// Ready when the server's list is complete and chats are sent.
    fn readiness_to_send(&self) -> Readiness {
        if self.client.is_settled() && self.client.queued() < QUEUED_MAX {
            Readiness::Ready
        } else {
            Readiness::WaitForServer
        }
    }

    /// Ready when the server has answered a pending join of the channel.
    fn readiness_to_list(
        &self,
        now: Timestamp,
        channel: Option<&str>,
        since: Timestamp,
    ) -> Readiness {
        let channel = match (channel, self.targets.current()) {
            (Some(channel), _) => channel,
            (None, Some(Target::Channel(channel))) => channel,
            (None, _) => return Readiness::Ready,
        };
        let until = self.name_timeout(since);
        match self.readiness_to_send() {
            Readiness::Ready if self.client.is_joining(channel) && now < until => {
                Readiness::WaitUntil(until)
            }
            other => other,
        }
    }

    /// Ready when it is known whether there is a client with this name. A chat to a
    /// channel that the client is not in is refused by the server.
    fn readiness_to_address(&self, now: Timestamp, to: &Target, since: Timestamp) -> Readiness {
        let name = match (to, self.mode) {
            (Target::Client(name), _) => name,
            (Target::Channel(_), Mode::Batch) => return self.readiness_to_send(),
            (Target::Channel(_), Mode::Interactive) => return Readiness::Ready,
        };
        let unknown = matches!(self.client.resolve(name), Err(ResolveError::Unknown(_)));
        match self.mode {
            Mode::Interactive => {
                let incomplete = self.client.is_welcomed() && !self.client.is_settled();
                if unknown && incomplete {
                    Readiness::WaitForEvent
                } else {
                    Readiness::Ready
                }
            }
            Mode::Batch => {
                let until = self.name_timeout(since);
                match self.readiness_to_send() {
                    Readiness::Ready if unknown && now < until => Readiness::WaitUntil(until),
                    other => other,
                }
            }
        }
    }

    /// When a line that was read at `since` stops waiting for a name.
    fn name_timeout(&self, since: Timestamp) -> Timestamp {
        since.max(self.welcome_changed_at) + NAME_TIMEOUT
    }
}

/// Execution.
impl Session {
    pub(super) fn execute(
        &mut self,
        now: Timestamp,
        command: Command,
        out: &mut Outbox<OutputEvent>,
    ) -> Result<(), CommandError> {
        match command {
            Command::Empty => Ok(()),
            Command::Help => {
                out.notice(OutputEvent::Help);
                Ok(())
            }
            Command::Msg { to, text } => self.say(now, &to, ChatKind::Message, &text, out),
            Command::Text { text } => {
                let to = self.target()?;
                self.say(now, &to, ChatKind::Message, &text, out)
            }
            Command::Notice { to, text } => self.say(now, &to, ChatKind::Notice, &text, out),
            Command::Me { text } => {
                let to = self.target()?;
                let mut lines = text.split(LINE_BREAKS).filter(|line| !line.is_empty());
                lines.try_for_each(|line| {
                    self.say(now, &to, ChatKind::Message, &as_action(line), out)
                })
            }
            Command::Rank {
                channel,
                name,
                rank,
                is_given,
            } => {
                let channel = self.channel_or_target(channel, command_of(rank, is_given))?;
                let client = self.resolve(&name)?;
                let command = ClientCommand::SetRank {
                    channel,
                    client,
                    rank,
                    is_given,
                };
                self.send(now, command, out)
            }
            Command::Kick {
                channel,
                name,
                reason,
            } => {
                let channel = self.channel_or_target(channel, "/kick")?;
                let client = self.resolve(&name)?;
                let command = ClientCommand::Kick {
                    channel,
                    client,
                    reason,
                };
                self.send(now, command, out)
            }
            Command::Invite { channel, name } => {
                let channel = self.channel_or_target(channel, "/invite")?;
                let client = self.resolve(&name)?;
                self.send(now, ClientCommand::Invite { channel, client }, out)
            }
            Command::Mode { channel, changes } => {
                let channel = self.channel_or_target(channel, "/mode")?;
                match changes {
                    Some(changes) => self.change_modes(now, channel, &changes, out),
                    None => self.show_modes(channel, out),
                }
            }
            Command::To { to } => self.set_target(to, out),
            Command::Close => self.close(now, out),
            Command::Join { channel, key } => self.join(now, channel, key, out),
            Command::Part { channel, text } => self.part(now, channel, text, out),
            Command::Topic {
                channel,
                topic: Some(topic),
            } => {
                let channel = self.channel_or_target(channel, "/topic")?;
                self.send(now, ClientCommand::SetTopic { channel, topic }, out)
            }
            Command::Topic {
                channel,
                topic: None,
            } => {
                let channel = self.channel_or_target(channel, "/topic")?;
                self.show_topic(channel, out)
            }
            Command::Names { channel } => {
                let channel = self.channel_or_target(channel, "/names")?;
                self.send(now, ClientCommand::Names { channel }, out)
            }
            Command::Away { text } => self.send(now, ClientCommand::SetAway { text }, out),
            Command::Whois { name } => {
                let client = match name == self.client.name() {
                    true => self.client.id(),
                    false => self.resolve(&name)?,
                };
                self.send(now, ClientCommand::Whois { client }, out)
            }
            Command::List { mask } => self.send(now, ClientCommand::ListChannels { mask }, out),
            Command::Nick { name } => self.send(now, ClientCommand::SetName { name }, out),
            Command::Oper(_) if !self.client.is_welcomed() => Err(CommandError::NotConnected),
            Command::Oper(login) => {
                self.ask_for_operator(now, &login, out);
                Ok(())
            }
            Command::Server { line } => {
                let commands = ClientCommand::Command { line };
                self.send(now, commands, out)
            }
            Command::Ignore { who } => {
                if let Some(who) = who {
                    self.ignored.add(&who)?;
                }
                out.notice(OutputEvent::Ignored(self.ignored.entries().to_vec()));
                Ok(())
            }
            Command::Unignore { who } => {
                self.ignored.remove(&who)?;
                out.notice(OutputEvent::Ignored(self.ignored.entries().to_vec()));
                Ok(())
            }
            Command::Channels => {
                self.show_channels(out);
                Ok(())
            }
            Command::Who { channel: None } => {
                self.show_roster(out);
                Ok(())
            }
            Command::Who {
                channel: Some(channel),
            } => self.show_channel(channel, out),
            Command::Quit { text } => {
                self.quit(now, text, out);
                Ok(())
            }
        }
    }

    /// The target, unless the user is about to be in another one.
    fn target(&self) -> Result<Target, CommandError> {
        if let (Mode::Interactive, Some(joining)) = (self.mode, &self.joining) {
            return Err(CommandError::NotJoinedYet(joining.to_string()));
        }
        self.targets
            .current()
            .cloned()
            .ok_or(CommandError::NoTarget)
    }

    /// Sends each line of a text as a message, or keeps it until there is a connection. Empty lines
    /// are left out.
    pub(super) fn say(
        &mut self,
        now: Timestamp,
        to: &Target,
        kind: ChatKind,
        text: &str,
        out: &mut Outbox<OutputEvent>,
    ) -> Result<(), CommandError> {
        let has_to_wait = self.has_to_wait(to);
        if has_to_wait {
            return self.hold(to.clone(), kind, text.to_owned(), out);
        }
        let address = self.address(to)?;
        let lines = text.split(LINE_BREAKS).filter(|line| !line.is_empty());
        for line in lines {
            self.send(now, address.command(kind, line.to_owned()), out)?;
        }
        Ok(())
    }

    fn address(&self, to: &Target) -> Result<Address, CommandError> {
        match to {
            Target::Client(name) => Ok(Address::Client(self.resolve(name)?)),
            Target::Channel(_) if !self.client.is_welcomed() => Err(CommandError::NotConnected),
            Target::Channel(channel) => Ok(Address::Channel(channel.clone())),
        }
    }

    /// The client of this name. Without a server no name is known.
    fn resolve(&self, name: &str) -> Result<HostId, CommandError> {
        if !self.client.is_welcomed() {
            return Err(CommandError::NotConnected);
        }
        Ok(self.client.resolve(name)?)
    }

    fn change_modes(
        &mut self,
        now: Timestamp,
        channel: String,
        changes: &str,
        out: &mut Outbox<OutputEvent>,
    ) -> Result<(), CommandError> {
        let settings = changed_settings(self.joined_channel(channel.clone())?, changes)?;
        for (field, value) in settings {
            let command = ClientCommand::SetChannel {
                channel: channel.clone(),
                field,
                value,
            };
            self.send(now, command, out)?;
        }
        Ok(())
    }

    fn show_modes(
        &self,
        channel: String,
        out: &mut Outbox<OutputEvent>,
    ) -> Result<(), CommandError> {
        let channel = self.joined_channel(channel)?;
        let (name, modes) = (channel.name().to_owned(), format!("+{}", channel.modes()));
        out.notice(OutputEvent::Modes {
            channel: name,
            modes,
            lines: modes::describe(channel),
        });
        Ok(())
    }

    /// Hands a command that needs a server to the client.
    fn send(
        &mut self,
        now: Timestamp,
        command: ClientCommand,
        out: &mut Outbox<OutputEvent>,
    ) -> Result<(), CommandError> {
        if !self.client.is_welcomed() {
            return Err(CommandError::NotConnected);
        }
        if let Some(said) = said(&command) {
            out.notice(said);
        }
        self.handle(now, Event::Command(command), out);
        Ok(())
    }

    fn set_target(
        &mut self,
        to: Option<Target>,
        out: &mut Outbox<OutputEvent>,
    ) -> Result<(), CommandError> {
        let resolved = match (&to, self.mode) {
            (Some(_), Mode::Interactive) if !self.client.is_welcomed() => {
                return Err(CommandError::NotConnectedYet);
            }
            (Some(Target::Client(name)), _) => self.client.resolve(name).map(|_| ()),
            (Some(Target::Channel(name)), Mode::Interactive)
                if self.client.channel(name).is_none() && !self.client.is_joining(name) =>
            {
                return Err(CommandError::NotInChannel(name.clone()));
            }
            (Some(Target::Channel(_)) | None, _) => Ok(()),
        };
        if let (Err(error), Mode::Interactive) = (&resolved, self.mode) {
            // A person sees that the target is the old one, and tries again.
            return Err(error.clone().into());
        }
        // After an error too: the lines of a batch that follow must not go to the old target.
        self.targets.switch_to(to.filter(|_| resolved.is_ok()));
        self.notify_target(out);
        Ok(resolved?)
    }

    /// Whether the server has still to say if it lets a person into a channel.
    pub(super) fn is_joining(&self) -> bool {
        self.joining.is_some()
    }

    /// Leaves the target: its channel too, if it is one.
    fn close(&mut self, now: Timestamp, out: &mut Outbox<OutputEvent>) -> Result<(), CommandError> {
        match self.targets.current().cloned() {
            None => Err(CommandError::NoTarget),
            Some(Target::Channel(channel))
                if self.mode == Mode::Batch || self.client.channel(&channel).is_some() =>
            {
                self.part(now, Some(channel), String::new(), out)
            }
            Some(_) => {
                self.leave_target(out);
                Ok(())
            }
        }
    }

    /// Takes the target away. A person returns to the one before; the lines of a batch that follow
    /// must not go there.
    fn leave_target(&mut self, out: &mut Outbox<OutputEvent>) {
        let client = &self.client;
        match self.mode {
            Mode::Batch => self.targets.clear(),
            Mode::Interactive => self.targets.leave(|target| match target {
                Target::Channel(name) => client.channel(name).is_some(),
                Target::Client(name) => client.resolve(name).is_ok(),
            }),
        }
        self.notify_target(out);
    }

    /// Joins a channel, which lines go to from then on: those of a batch at once, since the server
    /// executes them in order; those of a person when the server has let the client in.
    fn join(
        &mut self,
        now: Timestamp,
        channel: String,
        key: String,
        out: &mut Outbox<OutputEvent>,
    ) -> Result<(), CommandError> {
        let target = Some(Target::Channel(channel.clone()));
        let is_in = self.client.channel(&channel).is_some();
        let join = ClientCommand::Join {
            channel: channel.clone(),
            key,
        };
        self.send(now, join, out)?;
        match self.mode {
            Mode::Batch => self.targets.switch_to(target),
            Mode::Interactive if is_in => {
                self.targets.switch_to(target);
                self.notify_target(out);
            }
            // The server may have refused it already.
            Mode::Interactive if !self.client.is_joining(&channel) => {}
            Mode::Interactive => self.joining = target,
        }
        Ok(())
    }

    /// A client has another name. If it was the target under the former one, it stays the target.
    fn rename_target(&mut self, old: &str, new: String, out: &mut Outbox<OutputEvent>) {
        let target = self.targets.current();
        let was_target = matches!(target, Some(Target::Client(name)) if name == old);
        if was_target && matches!(self.client.resolve(old), Err(ResolveError::Unknown(_))) {
            self.targets.clear();
            self.targets.switch_to(Some(Target::Client(new)));
            self.notify_target(out);
        }
    }

    fn part(
        &mut self,
        now: Timestamp,
        channel: Option<String>,
        text: String,
        out: &mut Outbox<OutputEvent>,
    ) -> Result<(), CommandError> {
        let channel = self.channel_or_target(channel, "/part")?;
        let target = self.targets.current();
        let is_target = target.is_some_and(|target| target.is_channel(&channel));
        self.send(now, ClientCommand::Part { channel, text }, out)?;
        if is_target {
            self.leave_target(out);
        }
        Ok(())
    }

    fn notify_target(&self, out: &mut Outbox<OutputEvent>) {
        let target = self.targets.current().cloned();
        out.notice(OutputEvent::TargetChanged { target });
    }

    fn show_topic(
        &self,
        channel: String,
        out: &mut Outbox<OutputEvent>,
    ) -> Result<(), CommandError> {
        let channel = self.joined_channel(channel)?;
        out.notice(OutputEvent::Topic {
            channel: channel.name().to_owned(),
            topic: channel.topic().to_owned(),
        });
        Ok(())
    }

    fn show_channel(
        &self,
        channel: String,
        out: &mut Outbox<OutputEvent>,
    ) -> Result<(), CommandError> {
        let channel = self.joined_channel(channel)?;
        let member = |(id, flags)| ChannelMember::new(self.client.host_ref(id), flags);
        out.notice(OutputEvent::Channel {
            channel: channel.name().to_owned(),
            members: channel.members().map(member).collect(),
            topic: channel.topic().to_owned(),
        });
        Ok(())
    }

    fn show_channels(&self, out: &mut Outbox<OutputEvent>) {
        let channels = self.client.channels();
        let channels = channels.map(|channel| (channel.name().to_owned(), channel.members().len()));
        out.notice(OutputEvent::Channels(channels.collect()));
    }

    fn show_roster(&self, out: &mut Outbox<OutputEvent>) {
        let clients = self.client.clients();
        let clients = clients.map(|(id, client)| (id, client.clone()));
        out.notice(OutputEvent::Roster(clients.collect()));
    }

    fn joined_channel(&self, channel: String) -> Result<&ClientChannel, CommandError> {
        let joined = self.client.channel(&channel);
        joined.ok_or(CommandError::NotInChannel(channel))
    }

    /// The channel that a command names, or else the target, if it is a channel.
    fn channel_or_target(
        &self,
        channel: Option<String>,
        command: &'static str,
    ) -> Result<String, CommandError> {
        match (channel, self.targets.current()) {
            (Some(channel), _) => Ok(channel),
            (None, Some(Target::Channel(channel))) => Ok(channel.clone()),
            (None, _) => Err(CommandError::NoChannelTarget(command)),
        }
    }
}
