//! One user of IRC: what has been agreed, what has been said of oneself, and how
//! fast its lines are read. Knows no network.

use core::time::Duration;

use irc_wire::{Decoder, NameRules};

use crate::network::fold;
use crc_machine::LinkId;
use crc_machine::RateLimiter;
use crc_machine::Timestamp;

/// How names may look that users of IRC choose.
pub(crate) const NAMES: NameRules = NameRules::RFC2812
    .with_nick_bytes_max(30)
    .with_channel_bytes_max(crate::admission::CHANNEL_NAME_BYTES_MAX)
    .with_channel_prefixes(b"#");

/// How many seconds' worth of lines are read at once.
const BURST_SECONDS: u32 = 5;

/// How much is kept of what came too fast, to be read later.
pub(crate) const BACKLOG_BYTES_MAX: usize = 16 * 1024;

/// How many invitations are remembered.
const INVITES_MAX: usize = 32;

/// How long a client may be silent before it is asked whether it is there.
pub(crate) const SILENCE_MAX: Duration = Duration::from_secs(90);

/// How long it may take to answer.
pub(crate) const ANSWER_TIME_MAX: Duration = Duration::from_secs(60);

/// What a client may agree on beyond the RFC (IRCv3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Capability {
    CapNotify,
    EchoMessage,
    ExtendedJoin,
    MessageTags,
    MultiPrefix,
    ServerTime,
    Setname,
    UserhostInNames,
}

impl Capability {
    pub(crate) const ALL: [(Capability, &'static str); 8] = [
        (Capability::CapNotify, "cap-notify"),
        (Capability::EchoMessage, "echo-message"),
        (Capability::ExtendedJoin, "extended-join"),
        (Capability::MessageTags, "message-tags"),
        (Capability::MultiPrefix, "multi-prefix"),
        (Capability::ServerTime, "server-time"),
        (Capability::Setname, "setname"),
        (Capability::UserhostInNames, "userhost-in-names"),
    ];

    pub(crate) fn find(name: &str) -> Option<Capability> {
        let mut all = Self::ALL.iter();
        all.find(|(_, known)| *known == name).map(|(cap, _)| *cap)
    }
}

/// The capabilities that have been agreed on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Capabilities(u16);

impl Capabilities {
    pub(crate) const fn has(self, capability: Capability) -> bool {
        self.0 & 1 << capability as u16 != 0
    }

    pub(crate) const fn set(&mut self, capability: Capability, on: bool) {
        let bit = 1 << capability as u16;
        self.0 = if on { self.0 | bit } else { self.0 & !bit };
    }
}

/// To whom somebody has said something: most say more to the same.
#[derive(Debug)]
pub(crate) struct LastTarget {
    pub(crate) nick: Box<[u8]>,
    /// The user of IRC who is called so.
    pub(crate) link: LinkId,
    /// As of then; see [`Nicks::changes`](crate::network::Nicks::changes).
    pub(crate) changes: u64,
}

/// Somebody who speaks IRC.
#[derive(Debug, Default)]
pub(crate) struct User {
    pub(crate) decoder: Decoder,
    pub(crate) capabilities: Capabilities,
    /// Capabilities are being agreed on: registration waits for the end of it.
    pub(crate) negotiates: bool,
    /// The nick that it has asked for, until it has registered.
    pub(crate) nick: String,
    /// Its user name, as others see it; empty until it has said one.
    pub(crate) user: String,
    /// Its real name, until it has registered.
    pub(crate) realname: String,
    /// `nick!user@host`, once it has registered: what its messages begin with.
    pub(crate) source: String,
    pub(crate) away: Option<Box<str>>,
    /// Whether it is not to be found by those who share no channel with it.
    pub(crate) invisible: bool,
    /// The channels that it is invited to, in small letters.
    invites: Vec<Box<str>>,
    /// It is just entering a channel, and is to be told so.
    pub(crate) enters: bool,
    pub(crate) registered_at_unix_ms: u64,
    pub(crate) spoke_at: Timestamp,
    /// When it was asked whether it is there, if it has not been heard since.
    pub(crate) pinged_at: Option<Timestamp>,
    /// To whom it has said something last.
    pub(crate) last_target: Option<LastTarget>,
    /// What came too fast.
    pub(crate) backlog: Vec<u8>,
    lines: RateLimiter,
}

impl User {
    pub(crate) fn has(&self, capability: Capability) -> bool {
        self.capabilities.has(capability)
    }

    /// Whether another line is read now.
    pub(crate) fn may_go_on(&mut self, now: Timestamp, lines_per_second: u32) -> bool {
        let at_once = lines_per_second.saturating_mul(BURST_SECONDS);
        self.lines.check(now, lines_per_second, at_once)
    }

    /// A line has been read.
    pub(crate) fn count_line(&mut self, now: Timestamp, lines_per_second: u32) {
        let at_once = lines_per_second.saturating_mul(BURST_SECONDS);
        self.lines.try_acquire_burst(now, lines_per_second, at_once);
    }

    /// Remembers an invitation; the oldest is forgotten when there are too many.
    pub(crate) fn invite(&mut self, channel: &str) {
        self.uninvite(channel);
        if self.invites.len() >= INVITES_MAX {
            self.invites.remove(0);
        }
        self.invites.push(fold(channel).into());
    }

    pub(crate) fn is_invited(&self, channel: &str) -> bool {
        let folded = fold(channel);
        self.invites.iter().any(|known| **known == *folded)
    }

    pub(crate) fn uninvite(&mut self, channel: &str) {
        let folded = fold(channel);
        self.invites.retain(|known| **known != *folded);
    }
}
