//! What a client is told, and what it tells.

use core::time::Duration;

use crc_wire::{ChannelField, ChatKind, FrameError, HostId, MemberFlags, StatusCode};

use crc_machine::{DialError, LinkDown, PeerAddress};

/// What a user may ask of a client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClientCommand {
    /// Dial the server. What else is asked before waits for its welcome.
    Start,
    /// Say something to another client. Its id need not be known: the server
    /// answers what it can't deliver.
    SendChat {
        /// To whom.
        to: HostId,
        /// What.
        text: String,
    },
    /// Be let into a channel, now and whenever the connection has been lost and
    /// made anew. Whether a name is one of a channel tells
    /// [`is_channel_name`](crate::is_channel_name).
    Join {
        /// The channel.
        channel: String,
        /// The word that opens it; empty for none.
        key: String,
    },
    /// Leave a channel.
    Part {
        /// The channel.
        channel: String,
        /// The last words there.
        text: String,
    },
    /// Say something to all that are in a channel.
    SendChannelChat {
        /// The channel. That we are in it need not be known: the server refuses
        /// it otherwise.
        channel: String,
        /// What.
        text: String,
    },
    /// Set the topic of a channel.
    SetTopic {
        /// The channel.
        channel: String,
        /// Its topic; empty for none.
        topic: String,
    },
    /// Ask the server who is in a channel; we need not be in it.
    Names {
        /// The channel.
        channel: String,
    },
    /// Leave in good order: say what still waits to be said (only when
    /// welcomed), quit, and let the server close. Asked twice: leave at once.
    Quit {
        /// The last words.
        text: String,
    },
}

/// What a user may observe of a client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClientNotice {
    /// The connection stands; the registration is on its way.
    Connected {
        /// To this server.
        server: PeerAddress,
    },
    /// The server could not be reached.
    Unreachable {
        /// This server.
        server: PeerAddress,
        /// Why not.
        why: DialError,
        /// When it will be tried again.
        retry_in: Duration,
    },
    /// The server has taken us.
    Welcome {
        /// The id that we are registered with.
        id: HostId,
        /// The server's words.
        text: String,
    },
    /// A status that is neither the welcome nor an answer to an announcement.
    Status {
        /// Who says so, if the status names anybody.
        source: Option<HostId>,
        /// What kind of news.
        code: StatusCode,
        /// The news in words.
        text: String,
    },
    /// Another client is in the network, now or since before we came; or one
    /// that we knew says something else of itself.
    Joined {
        /// Its id.
        id: HostId,
        /// Its name.
        name: String,
        /// What it says about itself.
        info: String,
        /// The name that it had here until now, if it was known already.
        previous_name: Option<String>,
    },
    /// Another client left.
    Left {
        /// Its id.
        id: HostId,
        /// Its name.
        name: String,
        /// Its last words.
        text: String,
    },
    /// Somebody says something.
    Chat {
        /// Who.
        from: HostId,
        /// The speaker's name, if it is known.
        from_name: Option<String>,
        /// To whom: nodes in the field may write something else here than our id.
        to: Option<HostId>,
        /// What.
        text: String,
    },
    /// What was to be said has not been, and will not be.
    NotSent {
        /// To whom it was to go.
        to: HostId,
        /// Why.
        why: ClientSendError,
    },
    /// What was wanted of a channel has not been sent, and will not be; or the
    /// server that has just taken us knows no channels, so that we are not in this
    /// one as we were before.
    ChannelNotSent {
        /// The channel, or what was taken for one.
        channel: String,
        /// Why.
        why: ClientSendError,
    },
    /// We are in a channel.
    ChannelEntered {
        /// The channel, as it is to be shown.
        channel: String,
        /// Who is in it, ourselves among them, in the order of ids.
        members: Vec<ChannelMember>,
        /// Its topic; empty for none.
        topic: String,
        /// We were in it before the connection was lost, and it was us who asked
        /// for it again, not the user.
        rejoined: bool,
    },
    /// Somebody else is in a channel now.
    ChannelJoined {
        /// The channel.
        channel: String,
        /// Who.
        member: ChannelMember,
    },
    /// Somebody, maybe we ourselves, is in a channel no more. Who leaves the
    /// network leaves all channels without this.
    ChannelLeft {
        /// The channel.
        channel: String,
        /// Who.
        who: HostRef,
        /// Who has put it out, if somebody has.
        by: Option<HostRef>,
        /// The last words, or why it was put out.
        text: String,
    },
    /// Somebody, maybe we ourselves, has other flags in a channel than before.
    ChannelFlags {
        /// The channel.
        channel: String,
        /// Who, with the flags that it has now.
        member: ChannelMember,
        /// Who has given or taken them, if it is known.
        by: Option<HostRef>,
    },
    /// Somebody says something in a channel.
    ChannelChat {
        /// The channel.
        channel: String,
        /// Who.
        from: HostRef,
        /// How it is meant.
        kind: ChatKind,
        /// What.
        text: String,
    },
    /// A channel is set otherwise than before.
    ChannelSet {
        /// The channel.
        channel: String,
        /// What is set: the topic, for example.
        field: ChannelField,
        /// What it is now; empty for none.
        value: String,
        /// Who has set it, if it is known.
        by: Option<HostRef>,
    },
    /// The server refuses us something that we wanted of a channel. Who was not
    /// in the channel yet is not let in, and does not ask again by itself.
    ChannelRefused {
        /// The channel, if the server names one.
        channel: Option<String>,
        /// Why, in the server's words.
        text: String,
    },
    /// Who is in a channel, as we have asked.
    ChannelNames {
        /// The channel.
        channel: String,
        /// Their names, with blanks between, as the server has put it.
        names: String,
    },
    /// Somebody invites us to a channel.
    Invited {
        /// The channel.
        channel: String,
        /// Who.
        by: HostRef,
    },
    /// A frame came that makes no sense; the rest of the stream does.
    FrameDropped {
        /// What was wrong with it.
        why: BadFrame,
    },
    /// The connection has ended. All other clients are forgotten.
    Disconnected {
        /// Why.
        reason: DisconnectReason,
        /// When the server will be dialled again; `None` when we are leaving.
        retry_in: Option<Duration>,
    },
    /// Nothing can be done any more. The client stops after this.
    Failed {
        /// Why.
        why: ClientFailure,
    },
}

/// Somebody in the network, as far as it is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostRef {
    /// Its id.
    pub id: HostId,
    /// Its name, if it is known.
    pub name: Option<String>,
}

/// Somebody who is in a channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChannelMember {
    /// Who.
    pub who: HostRef,
    /// What it may do there.
    pub flags: MemberFlags,
}

/// Why something has not been said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ClientSendError {
    /// The text is longer than we let one be.
    #[error("the text has {len} bytes where at most {max} are allowed")]
    TooLong {
        /// How many bytes it has.
        len: usize,
        /// How many it may have.
        max: usize,
    },
    /// The server is an original one, which such a long message would kill.
    #[error("the text has {len} bytes, and the server can take {max} at most")]
    TooLongForServer {
        /// How many bytes it has.
        len: usize,
        /// How many it may have.
        max: usize,
    },
    /// The server knows no channels: it is an original one, or one that does not
    /// take them.
    #[error("this server knows no channels")]
    ChannelsUnsupported,
    /// No channel can have this name.
    #[error("no channel can have this name: # and up to 63 bytes, no blanks, no commas")]
    InvalidChannelName,
    /// We are in too many channels.
    #[error("you are in too many channels")]
    TooManyChannels,
    /// Too much waits to be said already.
    #[error("too much waits to be sent already")]
    QueueFull,
    /// We left before it could be said.
    #[error("the client left before it could be sent")]
    Quit,
}

/// What is wrong with a frame whose end is known all the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadFrame {
    /// Its inside is not as the protocol has it.
    #[error("{0}")]
    Message(#[from] crc_wire::MessageError),
    /// Such frames are not for clients.
    #[error("{0:?} frames are not for clients")]
    NotForClients(crc_wire::Kind),
    /// It tells of one more channel than we can be in.
    #[error("it is about one channel too many")]
    TooManyChannels,
}

/// Why a connection has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DisconnectReason {
    /// It was closed by the server, or broke.
    #[error("{0}")]
    Lost(LinkDown),
    /// The server did not take us: our id is in use.
    #[error("the id {0} is taken")]
    IdTaken(HostId),
    /// The server took the connection and said nothing.
    #[error("the server did not answer")]
    WelcomeTimeout,
    /// The server sent what is no frame.
    #[error("the server sent nonsense: {0}")]
    InvalidFrame(FrameError),
    /// The server told of more clients than we can remember.
    #[error("the server told of more clients than fit")]
    RosterFull,
    /// The server told more of channels than we can remember.
    #[error("the server told more of channels than fits")]
    ChannelsFull,
    /// We left.
    #[error("left")]
    Quit,
}

/// Why a client can't go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ClientFailure {
    /// The one id that it may use belongs to somebody else.
    #[error("the id {0} is taken")]
    IdTaken(HostId),
}
