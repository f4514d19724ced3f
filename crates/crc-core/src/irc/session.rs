//! The session of one user of IRC: capabilities, registration, rate limit. Knows no
//! network.

use core::time::Duration;
use std::collections::BTreeMap;

use crc_machine::{LinkId, Timestamp};
use irc_wire::{Decoder, NameRules, NickChars};

use super::answer::Answer;
use super::label::Label;
use super::markread::Marks;
use super::metadata;
use super::multiline::{self, OpenBatch};
use crate::admission::CHANNEL_NAME_BYTES_MAX;
use crate::gateway::WebircUser;
use crate::operator::Password;

/// The rules for names that users of IRC choose.
pub(super) const NAMES: NameRules = NameRules::RFC2812
    .with_nick_bytes_max(30)
    .with_channel_bytes_max(CHANNEL_NAME_BYTES_MAX)
    .with_channel_prefixes(b"#");

/// The same for nicks that are not ASCII: letters and signs of every script, but of ASCII
/// the same as in other nicks.
pub(super) const UTF8_NAMES: NameRules = NAMES.with_nick_chars(NickChars::Wide);

/// How many bytes of a client wait at most until the rate limit lets them through.
pub(super) const BACKLOG_BYTES_MAX: usize = 16 * 1024;

/// The same where the rate is not limited: then only answers delay what is read.
pub(super) const BACKLOG_BYTES_MAX_UNLIMITED: usize = 1 << 20;

/// How long a client may be silent before it is pinged.
pub(super) const SILENCE_MAX: Duration = Duration::from_secs(90);

/// How long a client may take to answer a ping.
pub(super) const ANSWER_TIME_MAX: Duration = Duration::from_secs(60);

/// A capability (IRCv3). The first two choose the tags of what a user gets: see
/// [`Capabilities::of_tags`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Capability {
    /// Messages have a time tag.
    ServerTime,
    /// Messages have client-only tags and ids. What its client sends has them too.
    MessageTags,
    /// A user is told when users that share a channel are away, and back.
    AwayNotify,
    /// Messages that belong together are marked as a batch.
    Batch,
    /// A client may enable it, but no CAP NEW or DEL follows: the list never changes.
    CapNotify,
    /// A user gets its own messages.
    EchoMessage,
    /// A JOIN has the real name.
    ExtendedJoin,
    /// A user gets more about users that it monitors.
    ExtendedMonitor,
    /// A user is told who is invited to its channels.
    InviteNotify,
    /// A user is told that a channel has another name.
    ChannelRename,
    /// Answers have the label of their line. It needs [`Capability::Batch`].
    LabeledResponse,
    /// A user is told which messages are taken back.
    MessageRedaction,
    /// A user gets what others say of themselves in keys and values.
    Metadata,
    /// A message may have several lines. It needs [`Capability::Batch`].
    Multiline,
    /// NAMES and WHO show all prefixes of a member.
    MultiPrefix,
    /// A JOIN is followed by the mark of what was read.
    ReadMarker,
    /// A user gets changes of real names.
    Setname,
    /// Its client understands FAIL, WARN and NOTE.
    StandardReplies,
    /// NAMES shows `nick!user@host`.
    UserhostInNames,
}

impl Capability {
    /// All capabilities and their names, in the order in which CAP LS lists them.
    pub(super) const ALL: [(Capability, &'static str); 20] = [
        (Capability::AwayNotify, "away-notify"),
        (Capability::Batch, "batch"),
        (Capability::CapNotify, "cap-notify"),
        (Capability::ChannelRename, "draft/channel-rename"),
        (Capability::ExtendedMonitor, "draft/extended-monitor"),
        (Capability::MessageRedaction, "draft/message-redaction"),
        (Capability::Metadata, "draft/metadata-3"),
        (Capability::Multiline, "draft/multiline"),
        (Capability::ReadMarker, "draft/read-marker"),
        (Capability::EchoMessage, "echo-message"),
        (Capability::ExtendedJoin, "extended-join"),
        (Capability::ExtendedMonitor, "extended-monitor"),
        (Capability::InviteNotify, "invite-notify"),
        (Capability::LabeledResponse, "labeled-response"),
        (Capability::MessageTags, "message-tags"),
        (Capability::MultiPrefix, "multi-prefix"),
        (Capability::ServerTime, "server-time"),
        (Capability::Setname, "setname"),
        (Capability::StandardReplies, "standard-replies"),
        (Capability::UserhostInNames, "userhost-in-names"),
    ];

    /// What CAP LS says of it beside its name, to clients that know that.
    pub(super) const fn value(self) -> &'static str {
        match self {
            Capability::Metadata => metadata::LIMITS,
            Capability::Multiline => multiline::VALUE,
            _ => "",
        }
    }

    /// The capability with this name.
    pub(super) fn find(name: &str) -> Option<Capability> {
        let mut all = Self::ALL.iter();
        all.find(|(_, known)| *known == name).map(|(cap, _)| *cap)
    }
}

/// The capabilities that a client has enabled.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Capabilities(u32);

impl Capabilities {
    /// Whether a capability is enabled.
    const fn has(self, capability: Capability) -> bool {
        self.0 & 1 << capability as u16 != 0
    }

    /// These capabilities.
    pub(super) const fn of(list: &[Capability]) -> Self {
        let mut all = Capabilities(0);
        let mut at = 0;
        while at < list.len() {
            all.set(list[at], true);
            at += 1;
        }
        all
    }

    /// Those of [`Capability::ServerTime`] (1) and [`Capability::MessageTags`] (2) that are
    /// enabled, added.
    pub(super) const fn of_tags(self) -> usize {
        const { assert!(Capability::ServerTime as u16 == 0 && Capability::MessageTags as u16 == 1) };
        (self.0 & 3) as usize
    }

    /// Enables or disables a capability.
    pub(super) const fn set(&mut self, capability: Capability, on: bool) {
        let bit = 1 << capability as u16;
        self.0 = if on { self.0 | bit } else { self.0 & !bit };
    }
}

/// The last target of a user: most messages go to the same one.
#[derive(Debug)]
pub(crate) struct LastTarget {
    /// The nick, as the user wrote it.
    pub(super) nick: Box<str>,
    /// The link of the user with that nick.
    pub(super) link: LinkId,
    /// The generation of the nicks when this was stored; see
    /// [`Nicks::changes`](crate::network::Nicks::changes).
    pub(super) changes: u64,
}

/// How far a user has come that needs a password to register.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Admission {
    /// It has not been asked.
    #[default]
    Open,
    /// Its password is being compared. No line is read.
    Waiting,
    /// Its password is right.
    Granted,
}

/// How far a link has come on which a gateway may say for whom it has connected.
#[derive(Debug, Default)]
pub(super) enum Entrance {
    /// No line has come: the first one may be WEBIRC.
    #[default]
    Open,
    /// The password of a gateway is being compared. No line is read.
    Checked(Box<GatewayClaim>),
    /// It is right. No line is read before the link has got its address.
    Proven(Box<GatewayClaim>),
    /// The gateway has said for whom it has connected. The next line is read in a later event:
    /// the driver may report first that the address has too many links.
    Readdressed,
    /// A line has come.
    Passed,
}

/// What a gateway claims whose password is being compared.
#[derive(Debug)]
pub(super) struct GatewayClaim {
    /// The name of its entry in the configuration.
    pub(super) name: Box<str>,
    pub(super) user: WebircUser,
}

/// The session of a user of IRC.
#[derive(Debug, Default)]
pub(crate) struct User {
    /// Finds the lines in the bytes of the link.
    pub(super) decoder: Decoder,
    /// Whether a gateway may say, or has said, for whom it has connected.
    pub(super) entrance: Entrance,
    /// The capabilities that its client has enabled.
    pub(crate) capabilities: Capabilities,
    /// Capabilities are being negotiated: registration waits for CAP END.
    pub(super) is_negotiating: bool,
    /// What PASS has given, until it has registered.
    pub(super) password: Option<Password>,
    /// Its password is being compared, or was and is right.
    pub(super) admission: Admission,
    /// The nick that it has asked for, until it has registered.
    pub(super) nick: String,
    /// Its user name, as others see it; empty until it has sent USER.
    pub(super) user: String,
    /// Its real name, until it has registered.
    pub(super) realname: String,
    /// `nick!user@host`, once it has registered: what its messages begin with.
    pub(super) source: String,
    /// Mode `w`: it gets what operators say to all.
    pub(super) wallops: bool,
    /// The nicks that it monitors, by their lower case.
    pub(super) monitors: BTreeMap<Box<str>, Box<str>>,
    /// What it is subscribed to, and says of itself before it has registered.
    pub(super) metadata: metadata::Session,
    /// Up to where it has read.
    pub(super) marks: Marks,
    /// A JOIN of this user is being handled: it gets the event.
    pub(super) is_joining: bool,
    /// When it registered, as Unix time in milliseconds.
    pub(super) registered_at_unix_ms: u64,
    /// When it registered or sent its last message: the start of its idle time.
    pub(super) spoke_at: Timestamp,
    /// When it was pinged last. It has answered if a later line has arrived.
    pub(super) pinged_at: Option<Timestamp>,
    /// The target of its last message.
    pub(super) last_target: Option<LastTarget>,
    /// The message of several lines of which its client has sent a part.
    pub(super) batch: Option<Box<OpenBatch>>,
    /// The label of its last line, until the answer is complete.
    pub(super) label: Option<Box<Label>>,
    /// How many questions it has had to other servers.
    pub(super) questions: u32,
    /// How many batches it has been sent.
    pub(super) batches: u64,
    /// The answer to its last line, as far as it is not sent. Until it is, no line is read.
    pub(super) answer: Option<Box<Answer>>,
    /// The channels that it is shown when that answer is complete: it is in all of them.
    pub(super) shown_soon: Vec<Box<str>>,
    /// The bytes that wait until the rate limit lets them through, or until the answer
    /// is complete.
    pub(super) backlog: Vec<u8>,
}

impl User {
    /// A line of the unregistered user is about to be handled. Whether it is the first.
    pub(super) fn begin_line(&mut self) -> bool {
        let before = core::mem::replace(&mut self.entrance, Entrance::Passed);
        matches!(before, Entrance::Open)
    }

    /// An event begins: what the driver reports first would have come.
    pub(super) fn begin_event(&mut self) {
        if matches!(self.entrance, Entrance::Readdressed) {
            self.entrance = Entrance::Passed;
        }
    }

    /// Whether a password is being compared, of a gateway or of the user that wants to register.
    pub(super) fn is_password_checked(&self) -> bool {
        matches!(self.entrance, Entrance::Checked(_)) || self.admission == Admission::Waiting
    }

    /// Whether its next line waits: for the end of an answer, for the comparison of a password, or
    /// for what becomes of WEBIRC.
    pub(super) fn is_held(&self) -> bool {
        self.answer.is_some()
            || self.is_password_checked()
            || matches!(self.entrance, Entrance::Proven(_) | Entrance::Readdressed)
    }

    /// The number of its next question to another server.
    pub(super) fn next_question(&mut self) -> u32 {
        self.questions = self.questions.wrapping_add(1);
        self.questions
    }

    /// A name for the next batch that it is sent.
    pub(super) fn next_batch(&mut self) -> String {
        self.batches += 1;
        self.batches.to_string()
    }

    /// Whether its client has enabled all of these capabilities.
    pub(super) const fn has_all(&self, wanted: Capabilities) -> bool {
        self.capabilities.0 & wanted.0 == wanted.0
    }

    /// Whether its client has enabled a capability.
    pub(super) fn has(&self, capability: Capability) -> bool {
        self.capabilities.has(capability)
    }
}
