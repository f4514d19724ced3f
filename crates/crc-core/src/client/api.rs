//! The client's commands, notices and errors.

use core::time::Duration;

use crc_machine::{DialError, LinkDown, PeerAddress, TlsFailure};
use crc_wire::{ChannelField, ChatKind, FrameError, HostId, MemberFlags, StatusCode};

use super::users::{ListRest, ListedChannel, UserInfo, UserRequest};

/// A request of the user.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ClientCommand {
    /// Dial the server. Commands that come before the server's welcome wait for it.
    Start,
    /// Send a chat to another client. The client may be unknown: the server answers
    /// a chat that it cannot deliver.
    SendChat {
        /// The destination.
        to: HostId,
        /// The text.
        text: String,
    },
    /// Send a notice to another client: a text that programs do not answer. A client that
    /// knows no notices gets a chat.
    SendNotice {
        /// The destination.
        to: HostId,
        /// The text.
        text: String,
    },
    /// Join a channel, now and after every reconnect.
    /// [`is_channel_name`](crate::is_channel_name) checks the name.
    Join {
        /// The channel.
        channel: String,
        /// Its key; empty for none.
        key: String,
    },
    /// Leave a channel.
    Part {
        /// The channel.
        channel: String,
        /// The part message.
        text: String,
    },
    /// Send a chat to a channel.
    SendChannelChat {
        /// The channel. The server refuses the chat of a client that is not in it.
        channel: String,
        /// The text.
        text: String,
    },
    /// Send a notice to a channel.
    SendChannelNotice {
        /// The channel.
        channel: String,
        /// The text.
        text: String,
    },
    /// Set the topic of a channel.
    SetTopic {
        /// The channel.
        channel: String,
        /// The topic; empty for none.
        topic: String,
    },
    /// Change another setting of a channel. The server refuses a value that the field cannot
    /// have.
    SetChannel {
        /// The channel.
        channel: String,
        /// The setting.
        field: ChannelField,
        /// Its value; empty for none.
        value: String,
    },
    /// Make a client an operator of a channel, let it speak where not all may, or take that
    /// from it.
    SetRank {
        /// The channel.
        channel: String,
        /// The client.
        client: HostId,
        /// What it gets or loses.
        rank: ChannelRank,
        /// Whether it gets it.
        is_given: bool,
    },
    /// Remove a client from a channel.
    Kick {
        /// The channel.
        channel: String,
        /// The client.
        client: HostId,
        /// The reason; empty for none.
        reason: String,
    },
    /// Invite a client to a channel.
    Invite {
        /// The channel.
        channel: String,
        /// The client.
        client: HostId,
    },
    /// Ask the server for the members of a channel. The client need not be in it.
    Names {
        /// The channel.
        channel: String,
    },
    /// Take another name, now and after every reconnect. The answer is
    /// [`ClientNotice::Renamed`], or [`ClientNotice::RequestRefused`] with the reason.
    SetName {
        /// The name. [`check_name`](crate::check_name) says which names are valid.
        name: String,
    },
    /// Be away, now and after every reconnect, until another one says otherwise. The answer is
    /// [`ClientNotice::Away`].
    SetAway {
        /// Why; empty to be back. The server keeps the first 300 bytes.
        text: String,
    },
    /// Ask the server what it knows of a client, which may be this one. The answer is
    /// [`ClientNotice::User`], or [`ClientNotice::RequestRefused`] with the reason.
    Whois {
        /// The client.
        client: HostId,
    },
    /// Ask the server for the channels of the network that this client may see. The answer is one
    /// [`ClientNotice::ChannelList`] or several, or [`ClientNotice::RequestRefused`].
    ListChannels {
        /// A mask for their names, such as `#re*`; empty for all.
        mask: String,
    },
    /// Give the server a command, such as those of network operators: a line of IRC. The answer
    /// is a status.
    Command {
        /// The line, without its end.
        line: String,
    },
    /// Leave the network: send what is queued (once the server has welcomed the
    /// client), then the quit, and wait until the server closes the connection. A
    /// second `Quit` closes it at once.
    Quit {
        /// The quit message.
        text: String,
    },
}

/// What a member of a channel may be besides a member.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ChannelRank {
    /// An operator of the channel.
    Operator,
    /// A member that may speak where not all may.
    Voice,
}

/// What a user may observe of a client.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ClientNotice {
    /// The connection is established and the registration is sent.
    Connected {
        /// The server.
        server: PeerAddress,
    },
    /// The client cannot connect to the server.
    Unreachable {
        /// The server.
        server: PeerAddress,
        /// The reason.
        why: DialError,
        /// The time until the next attempt.
        retry_in: Duration,
    },
    /// The server has accepted the registration.
    Welcome {
        /// The id of this client.
        id: HostId,
        /// The server's text.
        text: String,
    },
    /// The client is with another server than before, with the same name, and joins its
    /// channels again. Comes after the welcome.
    Moved {
        /// The server.
        server: PeerAddress,
        /// The id of this client. It is the same as before, unless another host has that now.
        id: HostId,
    },
    /// A status that is neither the welcome nor an answer to an announcement.
    Status {
        /// The host that the status names, if it names one.
        source: Option<HostId>,
        /// The code.
        code: StatusCode,
        /// The text.
        text: String,
    },
    /// Another client is in the network, or a known client has changed its info. One that has
    /// changed its name only is [`Renamed`](ClientNotice::Renamed).
    Joined {
        /// Its id.
        id: HostId,
        /// Its name.
        name: String,
        /// Its info.
        info: String,
        /// Its name before, if it was known.
        previous_name: Option<String>,
    },
    /// A client has another name: another one, or this one, which has asked for it.
    Renamed {
        /// Its id.
        id: HostId,
        /// Its name before.
        old: String,
        /// Its name now.
        new: String,
    },
    /// This client is away or is back, as it has asked for; or another one is away, to which this
    /// one has written. That is said once.
    Away {
        /// The client.
        client: HostRef,
        /// Why it is away; empty if it is back.
        text: String,
    },
    /// What the server knows of a client: the answer to [`ClientCommand::Whois`].
    User(Box<UserInfo>),
    /// Channels of the network: a part of the answer to [`ClientCommand::ListChannels`].
    ChannelList {
        /// The channels, in the order of their names.
        channels: Vec<ListedChannel>,
        /// How the list goes on.
        rest: ListRest,
    },
    /// The server refuses a request of this client about itself or about other users.
    RequestRefused {
        /// The request.
        request: UserRequest,
        /// The server's reason.
        text: String,
    },
    /// A request about this client or about other users was not sent and will not be.
    RequestNotSent {
        /// The request.
        request: UserRequest,
        /// The reason.
        why: ClientSendError,
    },
    /// Another client has left the network.
    Left {
        /// Its id.
        id: HostId,
        /// Its name.
        name: String,
        /// Its quit message.
        text: String,
    },
    /// A chat has arrived.
    Chat {
        /// The sender.
        from: HostId,
        /// The sender's name, if it is known.
        from_name: Option<String>,
        /// The destination in the frame. v1 nodes may write another id than this
        /// client's.
        to: Option<HostId>,
        /// The text.
        text: String,
    },
    /// A notice has arrived: a text that programs do not answer.
    Notice {
        /// The sender.
        from: HostRef,
        /// The text.
        text: String,
    },
    /// A chat or notice was not sent and will not be.
    NotSent {
        /// Its destination.
        to: HostId,
        /// The reason.
        why: ClientSendError,
    },
    /// A command about a channel was not sent and will not be. Also reported for each
    /// channel that the client cannot rejoin, when the new server does not support
    /// channels.
    ChannelNotSent {
        /// The channel, or the invalid name in the command.
        channel: String,
        /// The reason.
        why: ClientSendError,
    },
    /// This client is in a channel.
    ChannelEntered {
        /// The channel, as it is displayed.
        channel: String,
        /// Its members, this client among them, in the order of their ids.
        members: Vec<ChannelMember>,
        /// Its topic; empty for none.
        topic: String,
        /// The client has rejoined the channel by itself after a reconnect.
        rejoined: bool,
    },
    /// Another client has joined a channel.
    ChannelJoined {
        /// The channel.
        channel: String,
        /// The new member.
        member: ChannelMember,
    },
    /// A client, perhaps this one, has left a channel. A client that leaves the
    /// network leaves all channels without this notice.
    ChannelLeft {
        /// The channel.
        channel: String,
        /// The former member.
        client: HostRef,
        /// The host that has kicked it; `None` when it left by itself.
        by: Option<HostRef>,
        /// The part message, or the reason of the kick.
        text: String,
    },
    /// The flags of a member, perhaps this client, have changed.
    ChannelFlags {
        /// The channel.
        channel: String,
        /// The member, with its new flags.
        member: ChannelMember,
        /// The host that has changed them, if it is known.
        by: Option<HostRef>,
    },
    /// A chat to a channel has arrived.
    ChannelChat {
        /// The channel.
        channel: String,
        /// The sender.
        from: HostRef,
        /// Whether it is a message or a notice.
        kind: ChatKind,
        /// The text.
        text: String,
    },
    /// A setting of a channel has changed.
    ChannelSet {
        /// The channel.
        channel: String,
        /// The setting, for example the topic.
        field: ChannelField,
        /// Its new value; empty for none.
        value: String,
        /// The host that has set it, if it is known.
        by: Option<HostRef>,
    },
    /// The server refuses a command about a channel. A client that was about to join
    /// the channel does not try again by itself.
    ChannelRefused {
        /// The channel, if the server names one.
        channel: Option<String>,
        /// Whether this client was about to join the channel, for the first time or again.
        is_join: bool,
        /// The server's reason.
        text: String,
    },
    /// The members of a channel: the answer to [`ClientCommand::Names`].
    ChannelNames {
        /// The channel.
        channel: String,
        /// Their names, separated by spaces, as the server lists them.
        names: String,
    },
    /// Another client invites this one to a channel.
    Invited {
        /// The channel.
        channel: String,
        /// The other client.
        by: HostRef,
    },
    /// The client has dropped an invalid frame. The connection goes on.
    FrameDropped {
        /// The reason.
        why: BadFrame,
    },
    /// The connection has ended. The client has forgotten all other clients.
    Disconnected {
        /// The reason.
        reason: DisconnectReason,
        /// The time until the next dial; `None` when the client quits.
        retry_in: Option<Duration>,
    },
    /// The client cannot go on and stops.
    Failed {
        /// The reason.
        why: ClientFailure,
    },
}

/// A host of the network, as far as it is known.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct HostRef {
    /// Its id.
    pub id: HostId,
    /// Its name, if it is known.
    pub name: Option<String>,
}

impl HostRef {
    /// A host with this id, and this name if it is known.
    #[must_use]
    pub fn new(id: HostId, name: Option<String>) -> Self {
        HostRef { id, name }
    }
}

/// A member of a channel.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ChannelMember {
    /// The client.
    pub client: HostRef,
    /// Its flags in the channel.
    pub flags: MemberFlags,
}

impl ChannelMember {
    /// A member with these flags.
    #[must_use]
    pub fn new(client: HostRef, flags: MemberFlags) -> Self {
        ChannelMember { client, flags }
    }
}

/// Why a command was not sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ClientSendError {
    /// The text exceeds [`ClientLimits::text_bytes_max`](crate::ClientLimits).
    #[error("the text has {len} bytes; the limit is {max}")]
    TooLong {
        /// The length of the text.
        len: usize,
        /// The limit.
        max: usize,
    },
    /// The text exceeds what a v1 server can read.
    #[error("the text has {len} bytes; this server accepts at most {max}")]
    TooLongForServer {
        /// The length of the text.
        len: usize,
        /// The limit.
        max: usize,
    },
    /// The server does not support channels.
    #[error("this server does not support channels")]
    ChannelsUnsupported,
    /// The server does not support the request.
    #[error("this server does not support it")]
    Unsupported,
    /// The name is not valid for a channel.
    #[error("not a channel name: expected # and up to 63 bytes without spaces and commas")]
    InvalidChannelName,
    /// The client is in the maximum number of channels.
    #[error("you are in too many channels")]
    TooManyChannels,
    /// The queue exceeds [`ClientLimits::queue_bytes_max`](crate::ClientLimits).
    #[error("the send queue is full")]
    QueueFull,
    /// Several connections have ended in the middle of it.
    #[error("the connection ended again and again while it was sent; a shorter text may pass")]
    Interrupted,
    /// The client has quit before.
    #[error("the client quit before it was sent")]
    Quit,
}

/// Why the client has dropped a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BadFrame {
    /// Its body is malformed.
    #[error("{0}")]
    Message(#[from] crc_wire::MessageError),
    /// Servers do not send such frames to clients.
    #[error("frame type {0:?} is not for clients")]
    NotForClients(crc_wire::Kind),
    /// It introduces a channel beyond the maximum number.
    #[error("too many channels")]
    TooManyChannels,
}

/// Why a connection has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DisconnectReason {
    /// The server has closed the connection, or it broke.
    #[error("{0}")]
    Lost(LinkDown),
    /// The server has refused the registration: the id is in use.
    #[error("id {0} is already in use")]
    IdTaken(HostId),
    /// Another host has the id now: a server, or a client of another part of the network.
    /// The next registration is with another id, unless the configuration asks for this one.
    #[error("another host has id {id} now; {}", next_step(*next))]
    Displaced {
        /// The id.
        id: HostId,
        /// The id of the next registration; `None` for the configured one.
        next: Option<HostId>,
    },
    /// The server shuts down, and the client knows another one.
    #[error("the server leaves")]
    ServerLeaving,
    /// The server has not answered the registration in time.
    #[error("no answer from the server")]
    WelcomeTimeout,
    /// The server has said nothing for [`ClientLimits::server_timeout`](crate::ClientLimits), and
    /// has not answered a ping: it may be frozen.
    #[error("the server does not answer any more")]
    Silent,
    /// The server has sent bytes that are not a frame.
    #[error("not a CRC server: {0}")]
    InvalidFrame(FrameError),
    /// The list of clients exceeds [`ClientLimits::roster_bytes_max`](crate::ClientLimits).
    #[error("the server lists too many clients")]
    RosterFull,
    /// The channels exceed [`ClientLimits::channels_bytes_max`](crate::ClientLimits).
    #[error("the server lists too many channels")]
    ChannelsFull,
    /// The server does not admit the client, or an operator has removed it.
    #[error("not permitted")]
    NotPermitted,
    /// The client has quit.
    #[error("quit")]
    Quit,
}

fn next_step(next: Option<HostId>) -> String {
    match next {
        Some(id) => format!("your next id is {id}"),
        None => "choose another one, or none".to_owned(),
    }
}

/// Why a client cannot go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ClientFailure {
    /// The configured id belongs to another host.
    #[error("id {0} is already in use")]
    IdTaken(HostId),
    /// The server has not proved that it is who it should be. Another attempt would end the same
    /// way.
    #[error("the server cannot be trusted: {0}")]
    Untrusted(TlsFailure),
    /// The server does not admit the client, or an operator has removed it. The notice of
    /// its status says why.
    #[error("not permitted")]
    NotPermitted,
}
