//! What a bot does in channels.

use crc_core::{ChannelRank, ClientCommand, is_channel_name};
use crc_wire::ChannelField;

use super::Bot;
use crate::error::Error;
use crate::request::{MemberAction, Place, Request, Target};

/// Channels.
impl Bot {
    /// Joins a channel. [`Event::Entered`](crate::Event::Entered) or
    /// [`Event::JoinRefused`](crate::Event::JoinRefused) follows.
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

    /// Asks the server for the members of a channel that the bot need not be in.
    /// [`Event::Names`](crate::Event::Names) follows.
    ///
    /// # Errors
    ///
    /// If the text is not a channel, or the bot has ended.
    pub fn names(&self, channel: impl Into<String>) -> Result<(), Error> {
        let channel = check_channel(channel.into())?;
        self.send_command(0, ClientCommand::Names { channel })
    }

    /// Asks the server for the channels of the network that the bot may see, with a mask for their
    /// names, such as `#re*`; empty for all. [`Event::ChannelList`](crate::Event::ChannelList)
    /// follows.
    ///
    /// # Errors
    ///
    /// If the bot has ended.
    #[doc(alias = "list")]
    pub fn list_channels(&self, mask: impl Into<String>) -> Result<(), Error> {
        let mask = mask.into();
        self.send_command(mask.len(), ClientCommand::ListChannels { mask })
    }

    /// Asks the server what it knows of a user. [`Event::UserInfo`](crate::Event::UserInfo) follows.
    ///
    /// # Errors
    ///
    /// If the target is a channel, or the bot has ended.
    pub fn whois(&self, who: impl Into<Target>) -> Result<(), Error> {
        match who.into().0 {
            Place::User(who) => self.send(Request::Whois { who }, 0),
            Place::Channel(channel) => Err(Error::NotAPerson(channel)),
        }
    }

    /// Takes another name, now and after every reconnect. [`Event::Renamed`](crate::Event::Renamed) or
    /// [`Event::Refused`](crate::Event::Refused) follows. [`name`](Bot::name) stays what it was.
    ///
    /// # Errors
    ///
    /// If the bot has ended.
    #[doc(alias = "nick")]
    pub fn set_name(&self, name: impl Into<String>) -> Result<(), Error> {
        let name = name.into();
        self.send_command(name.len(), ClientCommand::SetName { name })
    }

    /// Is away from now on, and after every reconnect, until [`set_back`](Self::set_back). Users that
    /// write to the bot are told why, once each. [`Event::Away`](crate::Event::Away) follows.
    ///
    /// The server keeps the first 300 bytes of the text. An empty one is the same as `set_back`.
    ///
    /// # Errors
    ///
    /// If the bot has ended.
    #[doc(alias = "away")]
    pub fn set_away(&self, text: impl Into<String>) -> Result<(), Error> {
        let text = text.into();
        self.send_command(text.len(), ClientCommand::SetAway { text })
    }

    /// Is away no more. [`Event::Away`](crate::Event::Away) follows, with an empty text.
    ///
    /// # Errors
    ///
    /// If the bot has ended.
    #[doc(alias = "away")]
    pub fn set_back(&self) -> Result<(), Error> {
        self.set_away("")
    }

    /// Gives the server a command, as a line of IRC: those of network operators, such as
    /// `OPER NAME PASSWORD`. [`Event::Status`](crate::Event::Status) answers.
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

pub(super) fn check_channel(channel: String) -> Result<String, Error> {
    match is_channel_name(&channel) {
        true => Ok(channel),
        false => Err(Error::NotAChannel(channel)),
    }
}
