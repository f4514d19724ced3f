//! The rules of channels: which host may enter, speak, set, invite and kick. Every
//! protocol asks here.
//!
//! A rule is asked at the user's own server, before anything is changed, and a request
//! is judged again at the server that carries it out. The operations of
//! [`Context`](crate::context::Context) carry out what is allowed; the protocol that
//! asked puts a refusal into its own words. Nothing here knows a protocol.

use crc_machine::Timestamp;
use crc_wire::{ChannelField, HostId, MemberFlags};

use super::channels::{place_of, split_rename};
use super::masks::{self, are_masks, are_origins, is_for_servers};
use super::metadata::is_channel_set;
use super::{Channel, MessageId, Network, Recipient, SentMessage};
use crate::admission::is_channel_name;

/// How many channels a host may be in.
pub(crate) const CHANNELS_MAX: usize = 64;

/// The modes of a channel that a user makes: only members may speak, and only operators may set
/// the topic. A channel that the legacy network makes has none: that network knows no modes.
pub(crate) const NEW_CHANNEL_MODES: &str = "nt";

/// The most bytes of the reason for which a channel is renamed.
pub(crate) const RENAME_REASON_BYTES_MAX: usize = 255;

/// How long after a channel was renamed it can't be again, if it has many members: each of those
/// is sent all names.
const RENAME_PAUSE_MS: u64 = 60_000;

/// How many members a channel may have that can be renamed at any time.
const RENAMED_OFTEN_MAX: usize = 32;

/// The most bytes of a topic.
pub(crate) const TOPIC_BYTES_MAX: usize = 390;

/// The most bytes of a key.
pub(crate) const KEY_BYTES_MAX: usize = 32;

/// The modes of a channel that are letters only, as users set them.
pub(crate) const MODES: &[u8] = b"Cimnpst";

/// The most bytes of a setting that this version does not know, and relays.
const UNKNOWN_BYTES_MAX: usize = 1024;

/// Why a user may not enter a channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum EnterRefusal {
    #[error("no channel can have this name")]
    Name,
    #[error("wrong key")]
    Key,
    #[error("only who is invited gets in")]
    InviteOnly,
    #[error("you are banned")]
    Banned,
    #[error("it is full")]
    Full,
    #[error("you are in too many channels")]
    TooMany,
}

/// Why a user may not redact a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RedactRefusal {
    /// No such message is remembered that went there.
    Unknown,
    /// The user is neither its author nor an operator of the channel.
    Forbidden,
}

/// Why a user may not rename a channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum RenameRefusal {
    #[error("only its operators may do this")]
    Set(SetRefusal),
    #[error("no channel can have this name")]
    Name,
    #[error("there is a channel with this name")]
    InUse,
    #[error("it was renamed less than a minute ago, and has many members")]
    Recent,
}

/// Why a user may not speak in a channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SpeakRefusal {
    /// The user is not in it.
    NotMember,
    /// The channel is moderated, or the user is banned.
    Silenced,
    /// The channel takes no such message from any program (`+C`).
    Ctcp,
}

/// Why a user may not set something of a channel, or act on one of its members.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SetRefusal {
    /// There is no such channel.
    NoSuchChannel,
    /// The user is not in it.
    NotMember,
    /// The user is not one of its operators.
    NotOperator,
}

/// Why a user may not invite another one to a channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum InviteRefusal {
    /// There is no such channel.
    NoSuchChannel,
    /// The user is not in it.
    NotMember,
    /// The channel is invite-only, and the user is not one of its operators.
    NotOperator,
    /// The other user is in it already.
    AlreadyMember,
}

impl Network {
    /// Whether a host of this server may enter a channel, or one without members that
    /// may live on elsewhere. An invitation overrides all but the key. `matches` compares a
    /// mask with the host.
    pub(crate) fn may_enter(
        &self,
        host: HostId,
        name: &str,
        key: &str,
        matches: impl Fn(&str) -> bool,
        now: Timestamp,
    ) -> Result<(), EnterRefusal> {
        if !is_channel_name(name) {
            return Err(EnterRefusal::Name);
        }
        if self.channels.of(host).count() >= CHANNELS_MAX {
            return Err(EnterRefusal::TooMany);
        }
        let Some(standing) = self.channels.standing(name, now) else {
            return Ok(());
        };
        let settings = standing.settings;
        if !settings.key().is_empty() && settings.key() != key {
            return Err(EnterRefusal::Key);
        }
        if self
            .invitations
            .overrides(host, name, standing.founded, now)
        {
            return Ok(());
        }
        let mut invited = settings.masks(ChannelField::INVITE_EXCEPTIONS);
        if settings.modes().contains('i') && !invited.any(&matches) {
            return Err(EnterRefusal::InviteOnly);
        }
        let full = |limit| standing.members_len >= limit as usize;
        if settings.limit().is_some_and(full) {
            return Err(EnterRefusal::Full);
        }
        if masks::keep_out(settings, matches) {
            return Err(EnterRefusal::Banned);
        }
        Ok(())
    }

    /// Whether a host of another server may be in a channel, which its own server has
    /// admitted it to: only the limits count.
    pub(crate) fn may_be_member(&self, host: HostId, name: &str) -> Result<(), EnterRefusal> {
        if !is_channel_name(name) {
            return Err(EnterRefusal::Name);
        }
        let mut channels = self.channels.of(host);
        let is_in = |channel: &Channel| channel.name().eq_ignore_ascii_case(name);
        if self.channels.of(host).count() >= CHANNELS_MAX && !channels.any(is_in) {
            return Err(EnterRefusal::TooMany);
        }
        Ok(())
    }

    /// Whether a host may see that a channel exists and who is in it, when it asks: where the
    /// channel is secret or private, its members may.
    pub(crate) fn may_see(host: HostId, channel: &Channel) -> bool {
        !channel.modes().contains(['p', 's']) || channel.member(host).is_some()
    }

    /// Whether a host may speak in a channel. `is_silenced` is asked only where it
    /// matters: preparing the comparison costs more than the rest.
    pub(crate) fn may_speak(
        host: HostId,
        channel: &Channel,
        is_silenced: impl FnOnce(&Channel) -> bool,
    ) -> Result<(), SpeakRefusal> {
        let member = channel.member(host);
        if member.is_none() && channel.modes().contains('n') {
            return Err(SpeakRefusal::NotMember);
        }
        if member.is_some_and(|flags| flags.operator || flags.voice) {
            return Ok(());
        }
        let banned = || channel.bans().next().is_some() && is_silenced(channel);
        if channel.modes().contains('m') || banned() {
            return Err(SpeakRefusal::Silenced);
        }
        Ok(())
    }

    /// Whether a host may say this in a channel: where it may speak, anything but what the
    /// channel takes from no member.
    pub(crate) fn may_say(
        host: HostId,
        channel: &Channel,
        text: &str,
        is_silenced: impl FnOnce(&Channel) -> bool,
    ) -> Result<(), SpeakRefusal> {
        Network::may_speak(host, channel, is_silenced)?;
        match is_ctcp_but_action(text) && channel.modes().contains('C') {
            true => Err(SpeakRefusal::Ctcp),
            false => Ok(()),
        }
    }

    /// Whether a host may redact the message with this id that went to `recipient`: its author
    /// may, and in a channel the operators.
    pub(crate) fn may_redact(
        &self,
        host: HostId,
        id: MessageId,
        recipient: &Recipient,
    ) -> Result<&SentMessage, RedactRefusal> {
        let message = self.messages.find(id);
        let message = message.filter(|message| message.recipient == *recipient);
        let message = message.ok_or(RedactRefusal::Unknown)?;
        let is_operator = || match recipient {
            Recipient::Channel(name) => self.may_kick(host, name).is_ok(),
            Recipient::User(_) => false,
        };
        match message.author == host || is_operator() {
            true => Ok(message),
            false => Err(RedactRefusal::Forbidden),
        }
    }

    /// Whether the bans of a channel silence a host with which `matches` compares masks.
    pub(crate) fn silences(channel: &Channel, matches: impl Fn(&str) -> bool) -> bool {
        masks::silence(channel.settings(), matches)
    }

    /// Whether a host may set `field` of a channel: its operators may, and where the
    /// channel is not `+t` every member may set the topic.
    pub(crate) fn may_set(
        &self,
        host: HostId,
        name: &str,
        field: ChannelField,
    ) -> Result<(), SetRefusal> {
        let channel = self.channels.find(name).ok_or(SetRefusal::NoSuchChannel)?;
        let flags = channel.member(host).ok_or(SetRefusal::NotMember)?;
        let free = field == ChannelField::TOPIC && !channel.modes().contains('t');
        match flags.operator || free {
            true => Ok(()),
            false => Err(SetRefusal::NotOperator),
        }
    }

    /// Whether a host may rename a channel: its operators may. The name must be free, and many members are
    /// told of it once in a while only.
    pub(crate) fn may_rename(
        &self,
        host: HostId,
        name: &str,
        new: &str,
        (now, network_ms): (Timestamp, u64),
    ) -> Result<(), RenameRefusal> {
        let field = ChannelField::RENAMED_TO;
        self.may_set(host, name, field)
            .map_err(RenameRefusal::Set)?;
        if !is_channel_name(new) {
            return Err(RenameRefusal::Name);
        }
        let channel = self.channels.find(name);
        let taken_by = self.channels.find_shown(new);
        let is_own = |other: &Channel| channel.is_some_and(|it| it.name() == other.name());
        let is_taken = match taken_by {
            Some(other) => !is_own(other),
            None => self.channels.standing(new, now).is_some(),
        };
        if is_taken {
            return Err(RenameRefusal::InUse);
        }
        let renamed_at = channel.and_then(|channel| channel.settings().find(field));
        let renamed_at = renamed_at.filter(|setting| !setting.value.is_empty());
        let is_recent = renamed_at.is_some_and(|it| network_ms < it.version + RENAME_PAUSE_MS);
        let is_large = channel.is_some_and(|it| it.members_len() > RENAMED_OFTEN_MAX);
        match is_recent && is_large {
            true => Err(RenameRefusal::Recent),
            false => Ok(()),
        }
    }

    /// Whether a host may kick a member of a channel, or change a member's flags: the
    /// operators may. Returns the host's own flags.
    pub(crate) fn may_kick(&self, host: HostId, name: &str) -> Result<MemberFlags, SetRefusal> {
        let channel = self.channels.find(name).ok_or(SetRefusal::NoSuchChannel)?;
        let flags = channel.member(host).ok_or(SetRefusal::NotMember)?;
        match flags.operator {
            true => Ok(flags),
            false => Err(SetRefusal::NotOperator),
        }
    }

    /// Whether a host may invite `invited` to a channel: every member may, and where the
    /// channel is invite-only its operators. Returns the host's own flags: only an
    /// operator's invitation overrides anything.
    pub(crate) fn may_invite(
        &self,
        host: HostId,
        invited: HostId,
        name: &str,
    ) -> Result<MemberFlags, InviteRefusal> {
        let channel = self
            .channels
            .find(name)
            .ok_or(InviteRefusal::NoSuchChannel)?;
        let flags = channel.member(host).ok_or(InviteRefusal::NotMember)?;
        if channel.member(invited).is_some() {
            return Err(InviteRefusal::AlreadyMember);
        }
        if channel.modes().contains('i') && !flags.operator {
            return Err(InviteRefusal::NotOperator);
        }
        Ok(flags)
    }
}

/// Whether a text is a message from program to program (CTCP), and not an ACTION, which is
/// for people.
fn is_ctcp_but_action(text: &str) -> bool {
    let Some(body) = text.strip_prefix('\u{1}') else {
        return false;
    };
    let command = body.split([' ', '\u{1}']).next();
    command != Some("ACTION")
}

/// Whether a setting of a channel may have this value: the same for users and servers.
pub(crate) fn is_value(field: ChannelField, value: &str) -> bool {
    let word = !value.contains(char::is_whitespace) && !value.starts_with(':');
    let sorted = || value.as_bytes().is_sorted_by(|one, next| one < next);
    // These may have colours, which are control characters.
    match field {
        ChannelField::TOPIC => {
            return value.len() <= TOPIC_BYTES_MAX && !value.contains(['\0', '\r', '\n']);
        }
        ChannelField::METADATA => return is_channel_set(value),
        _ => {}
    }
    !value.contains(char::is_control)
        && match field {
            ChannelField::KEY => word && !value.contains(',') && value.len() <= KEY_BYTES_MAX,
            ChannelField::MODES => value.bytes().all(|mode| MODES.contains(&mode)) && sorted(),
            ChannelField::LIMIT => {
                let number = value.parse::<u32>();
                value.is_empty()
                    || number.is_ok() && value.starts_with(|c| ('1'..='9').contains(&c))
            }
            ChannelField::RENAMED_TO => {
                let (name, why) = split_rename(value);
                value.is_empty() || is_channel_name(name) && why.len() <= RENAME_REASON_BYTES_MAX
            }
            ChannelField::BANS | ChannelField::EXCEPTIONS | ChannelField::INVITE_EXCEPTIONS => {
                are_masks(value)
            }
            _ => false,
        }
}

/// Whether a server may send a setting with this value: as a user's, and those that only
/// servers make.
pub(crate) fn is_value_from_server(name: &str, field: ChannelField, value: &str) -> bool {
    match field {
        ChannelField::NAME => value.is_empty() || value.eq_ignore_ascii_case(name),
        // A later version may have more of them.
        ChannelField::MODES => {
            value.bytes().all(|mode| mode.is_ascii_alphabetic())
                && value.as_bytes().is_sorted_by(|one, next| one < next)
        }
        _ if is_for_servers(field) => are_origins(value) && !value.contains(char::is_control),
        known if place_of(known).is_some() => is_value(field, value),
        _ => value.len() <= UNKNOWN_BYTES_MAX,
    }
}
