//! The rules of channels: which host may enter, speak, set, invite and kick. Every
//! protocol asks here.
//!
//! The user's own server checks a rule before it changes anything. If the rule allows
//! the request, the operations of [`Context`](crate::context::Context) carry it out. If
//! not, the protocol that asked renders the refusal. [`Rules`] says where the protocols
//! differ; the rest of this module knows no protocol.

use crc_wire::{ChannelField, HostId, MemberFlags};

use super::{Channel, Network};
use crate::admission::is_channel_name;

/// The most bytes of a topic or of another setting that is set here.
pub(crate) const VALUE_BYTES_MAX: usize = 8 * 1024;

/// How many channels a user of this server may be in.
pub(crate) const CHANNELS_MAX: usize = 250;

/// The protocol by whose rules a user asks. They differ in what they refuse.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rules {
    /// The binary protocol: every member may speak and invite.
    Crc,
    /// IRC: voice, bans and modes count, for members and for others.
    Irc,
    /// The legacy protocol: as IRC, but only members may speak.
    Legacy,
}

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

/// Why a user may not speak in a channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SpeakRefusal {
    /// The user is not in it.
    NotMember,
    /// The channel is moderated, or the user is banned.
    Silenced,
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
    /// No channel can have this name.
    Name,
    /// The user is not in it.
    NotMember,
    /// The channel is invite-only, and the user is not one of its operators.
    NotOperator,
    /// The other user is in it already.
    AlreadyMember,
}

impl Network {
    /// Whether a host may enter a channel. `invited`: it holds an invitation, which
    /// overrides all but the key. `is_banned` is asked last, with each of the masks.
    pub(crate) fn may_enter(
        &self,
        host: HostId,
        name: &str,
        key: &str,
        invited: bool,
        is_banned: impl Fn(&str) -> bool,
    ) -> Result<(), EnterRefusal> {
        if !is_channel_name(name) {
            return Err(EnterRefusal::Name);
        }
        if self.channels.of(host).count() >= CHANNELS_MAX {
            return Err(EnterRefusal::TooMany);
        }
        let Some(channel) = self.channels.find(name) else {
            return Ok(());
        };
        if !channel.key().is_empty() && channel.key() != key {
            return Err(EnterRefusal::Key);
        }
        if invited {
            return Ok(());
        }
        if channel.modes().contains('i') {
            return Err(EnterRefusal::InviteOnly);
        }
        let full = |limit| channel.members_len() >= limit as usize;
        if channel.limit().is_some_and(full) {
            return Err(EnterRefusal::Full);
        }
        if channel.bans().any(is_banned) {
            return Err(EnterRefusal::Banned);
        }
        Ok(())
    }

    /// Whether a host of another network may enter a channel: its own server has
    /// admitted it, and only the limits of this server count.
    pub(crate) fn may_enter_from_elsewhere(
        &self,
        host: HostId,
        name: &str,
    ) -> Result<(), EnterRefusal> {
        if !is_channel_name(name) {
            return Err(EnterRefusal::Name);
        }
        if self.channels.of(host).count() >= CHANNELS_MAX {
            return Err(EnterRefusal::TooMany);
        }
        Ok(())
    }

    /// Whether a host may speak in a channel. `is_banned` is asked only where it
    /// matters: preparing the comparison costs more than the rest.
    pub(crate) fn may_speak(
        host: HostId,
        channel: &Channel,
        rules: Rules,
        is_banned: impl FnOnce(&Channel) -> bool,
    ) -> Result<(), SpeakRefusal> {
        let member = channel.member(host);
        let members_only = || rules != Rules::Irc || channel.modes().contains('n');
        if member.is_none() && members_only() {
            return Err(SpeakRefusal::NotMember);
        }
        if rules == Rules::Crc || member.is_some_and(|flags| flags.operator || flags.voice) {
            return Ok(());
        }
        let banned = || channel.bans().next().is_some() && is_banned(channel);
        if channel.modes().contains('m') || banned() {
            return Err(SpeakRefusal::Silenced);
        }
        Ok(())
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

    /// Whether a host may invite `invited` to a channel. Every host may invite to a
    /// channel that does not exist yet.
    pub(crate) fn may_invite(
        &self,
        host: HostId,
        invited: HostId,
        name: &str,
        rules: Rules,
    ) -> Result<(), InviteRefusal> {
        let Some(channel) = self.channels.find(name) else {
            let named = match rules {
                Rules::Irc => is_channel_name(name),
                Rules::Crc | Rules::Legacy => !name.is_empty(),
            };
            return if named {
                Ok(())
            } else {
                Err(InviteRefusal::Name)
            };
        };
        let flags = channel.member(host).ok_or(InviteRefusal::NotMember)?;
        if rules == Rules::Irc {
            if channel.member(invited).is_some() {
                return Err(InviteRefusal::AlreadyMember);
            }
            if channel.modes().contains('i') && !flags.operator {
                return Err(InviteRefusal::NotOperator);
            }
        }
        Ok(())
    }
}

/// Whether a user of this server may give a setting of a channel this value.
pub(crate) fn is_value(field: ChannelField, value: &str) -> bool {
    let short = value.len() <= VALUE_BYTES_MAX;
    let word = !value.contains(char::is_whitespace) && !value.starts_with(':');
    let sorted = || value.as_bytes().is_sorted_by(|one, next| one < next);
    short
        && !value.contains(char::is_control)
        && match field {
            ChannelField::TOPIC | ChannelField::BANS => true,
            ChannelField::KEY => word && !value.contains(','),
            ChannelField::MODES => value.bytes().all(|mode| b"imnt".contains(&mode)) && sorted(),
            ChannelField::LIMIT => {
                value.is_empty() || value.parse::<u32>().is_ok_and(|limit| limit > 0)
            }
            _ => false,
        }
}
