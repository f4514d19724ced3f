//! What a client is told, and what it tells.

use core::time::Duration;

use crc_wire::{FrameError, HostId, StatusCode};

use crate::link::{DialError, LinkDown, PeerAddress};

/// What a user may ask of a client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClientCommand {
    /// Dial the server. What else is asked before waits for its welcome.
    Start,
    /// Say something to another client. Its id need not be known: the server
    /// answers what it can't deliver.
    Say {
        /// To whom.
        to: HostId,
        /// What.
        text: String,
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
        was: Option<String>,
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
        why: SayError,
    },
    /// A frame came that makes no sense; the rest of the stream does.
    Dropped {
        /// What was wrong with it.
        why: BadFrame,
    },
    /// The connection has ended. All other clients are forgotten.
    Disconnected {
        /// Why.
        reason: Disconnect,
        /// When the server will be dialled again; `None` when we are leaving.
        retry_in: Option<Duration>,
    },
    /// Nothing can be done any more. The client stops after this.
    Failed {
        /// Why.
        why: ClientFailure,
    },
}

/// Why something has not been said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SayError {
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
    /// Too much waits to be said already.
    #[error("too much waits to be sent already")]
    TooMuchWaits,
    /// We left before it could be said.
    #[error("the client left before it could be sent")]
    Left,
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
}

/// Why a connection has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Disconnect {
    /// It was closed by the server, or broke.
    #[error("{0}")]
    Lost(LinkDown),
    /// The server did not take us: our id is in use.
    #[error("the id {0} is taken")]
    IdTaken(HostId),
    /// The server took the connection and said nothing.
    #[error("the server did not answer")]
    Silent,
    /// The server sent what is no frame.
    #[error("the server sent nonsense: {0}")]
    Nonsense(FrameError),
    /// The server told of more clients than we can remember.
    #[error("the server told of more clients than fit")]
    TooManyClients,
    /// We left.
    #[error("left")]
    Left,
}

/// Why a client can't go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ClientFailure {
    /// The one id that it may use belongs to somebody else.
    #[error("the id {0} is taken")]
    IdTaken(HostId),
}
