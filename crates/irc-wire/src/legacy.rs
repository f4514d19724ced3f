//! The legacy dialect: a subset of IRC with eight commands that some small networks
//! speak.
//!
//! Users and servers connect to the same port; the first message tells which of them the
//! peer is. A user registers with USER alone, without NICK. Numerics do not begin with
//! the recipient's nick. Servers use the same commands among each other, and 331, 332
//! and 353.
//!
//! | line | |
//! |---|---|
//! | `USER nick host server [:real name]` | registers a user |
//! | `SERVER name hops [:info]` | registers a server |
//! | `QUIT [:text]` | leaves the network |
//! | `JOIN #channel [key]` | joins or creates a channel |
//! | `PART #channel` | leaves a channel |
//! | `TOPIC #channel [:topic]` | asks for the topic, or sets it |
//! | `NAMES [#channel]` | lists members |
//! | `PRIVMSG target :text` | sends a text |
//! | `SQUIT name [:reason]`, `ERROR :text` | between servers: a server left; the reason for closing a link |
//! | `:server 001 :...` and other numerics | see [`Content`] |
//!
//! All text is UTF-8. The limits of lines are
//! [`LineLimits::LEGACY`](crate::LineLimits::LEGACY). The encoder writes a colon in
//! front of every text and of no word. The parser accepts more: it ignores additional
//! parameters, and the text of a numeric whose text holds no value.
//!
//! This module knows the grammar. Who may send a message, and what it changes, is up
//! to the network.
//!
//! ```
//! use irc_wire::legacy::{Content, Message, Middle};
//! use irc_wire::Message as Line;
//!
//! let line = Line::parse(b":ann JOIN #reef")?;
//! let message = Message::from_message(&line)?;
//! assert_eq!(message.source, Some(Middle::new("ann")?));
//! let Content::Join { channel, key } = message.content else { panic!() };
//! assert_eq!((channel.as_str(), key), ("#reef", None));
//! assert_eq!(message.to_vec(), b":ann JOIN #reef\r\n");
//!
//! let answer = Message {
//!     source: Some(Middle::new("harbour.example")?),
//!     content: Content::NoTopic { channel },
//! };
//! assert_eq!(answer.to_vec(), b":harbour.example 331 #reef :No topic is set\r\n");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod emit;
mod parse;

use core::fmt;
use core::ops::Deref;
use core::str::Utf8Error;

use crate::message::{ParamError, forbidden, is_middle};

/// A word: not empty, without space, NUL, CR and LF, and without a colon at the
/// beginning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Middle<'a>(&'a str);

impl<'a> Middle<'a> {
    /// Takes `text` as a word.
    ///
    /// # Errors
    ///
    /// Returns [`ParamError`] if it is none.
    pub fn new(text: &'a str) -> Result<Self, ParamError> {
        match forbidden(text.as_bytes()) {
            Some(byte) => Err(ParamError::ForbiddenByte(byte)),
            None if !is_middle(text.as_bytes()) => Err(ParamError::NotMiddle),
            None => Ok(Middle(text)),
        }
    }

    /// Returns the word as a string slice.
    #[must_use]
    pub const fn as_str(self) -> &'a str {
        self.0
    }
}

/// A text without NUL, CR and LF. May be empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Trailing<'a>(&'a str);

impl<'a> Trailing<'a> {
    /// Takes `text`.
    ///
    /// # Errors
    ///
    /// Returns [`ParamError::ForbiddenByte`] if it holds NUL, CR or LF.
    pub fn new(text: &'a str) -> Result<Self, ParamError> {
        match forbidden(text.as_bytes()) {
            Some(byte) => Err(ParamError::ForbiddenByte(byte)),
            None => Ok(Trailing(text)),
        }
    }

    /// Splits any text at NUL, CR and LF. Skips empty parts.
    ///
    /// ```
    /// use irc_wire::legacy::Trailing;
    ///
    /// let lines = Trailing::lines("one\r\n\ntwo\0");
    /// assert_eq!(lines.map(Trailing::as_str).collect::<Vec<_>>(), ["one", "two"]);
    /// ```
    pub fn lines(text: &'a str) -> impl Iterator<Item = Trailing<'a>> {
        let parts = text.split(['\0', '\r', '\n']);
        parts.filter(|part| !part.is_empty()).map(Trailing)
    }

    /// Returns the text as a string slice.
    #[must_use]
    pub const fn as_str(self) -> &'a str {
        self.0
    }
}

impl<'a> From<Middle<'a>> for Trailing<'a> {
    fn from(word: Middle<'a>) -> Self {
        Trailing(word.0)
    }
}

macro_rules! text_traits {
    ($($name:ident)*) => {$(
        impl Deref for $name<'_> {
            type Target = str;

            fn deref(&self) -> &str {
                self.0
            }
        }

        impl AsRef<str> for $name<'_> {
            fn as_ref(&self) -> &str {
                self.0
            }
        }

        impl fmt::Display for $name<'_> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.0)
            }
        }

        impl PartialEq<str> for $name<'_> {
            fn eq(&self, other: &str) -> bool {
                *self.0 == *other
            }
        }

        impl PartialEq<&str> for $name<'_> {
            fn eq(&self, other: &&str) -> bool {
                *self.0 == **other
            }
        }

        impl<'a> TryFrom<&'a str> for $name<'a> {
            type Error = ParamError;

            fn try_from(text: &'a str) -> Result<Self, ParamError> {
                $name::new(text)
            }
        }

        impl<'a> From<$name<'a>> for &'a str {
            fn from(text: $name<'a>) -> &'a str {
                text.0
            }
        }
    )*};
}

text_traits! { Middle Trailing }

/// A message of the dialect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Message<'a> {
    /// The server or the user that is the source. The parser ignores everything
    /// behind a `!` or `@`. Users send no source.
    pub source: Option<Middle<'a>>,
    /// The command and its parameters.
    pub content: Content<'a>,
}

/// The command of a message and its parameters, in the order of the line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Content<'a> {
    /// `USER nick host server [:real name]`
    User {
        /// The user's nick.
        nick: Middle<'a>,
        /// The user's host, as the user gives it.
        host: Middle<'a>,
        /// The user's server.
        server: Middle<'a>,
        /// The user's real name.
        real_name: Option<Trailing<'a>>,
    },
    /// `SERVER name hops [:info]`
    Server {
        /// The server's name.
        name: Middle<'a>,
        /// The number of links between it and the recipient: 1 or more.
        hops: u32,
        /// The server's description.
        info: Option<Trailing<'a>>,
    },
    /// `QUIT [:text]`
    Quit {
        /// The quit message.
        text: Option<Trailing<'a>>,
    },
    /// `JOIN #channel [key]`
    Join {
        /// The channel.
        channel: Middle<'a>,
        /// Its key.
        key: Option<Middle<'a>>,
    },
    /// `PART #channel`
    Part {
        /// The channel.
        channel: Middle<'a>,
    },
    /// `TOPIC #channel [:topic]`
    Topic {
        /// The channel.
        channel: Middle<'a>,
        /// The new topic; without it the sender asks for the topic.
        topic: Option<Trailing<'a>>,
    },
    /// `NAMES [#channel]`
    Names {
        /// The channel; all channels if it is missing.
        channel: Option<Middle<'a>>,
    },
    /// `PRIVMSG target :text`
    Privmsg {
        /// A channel or a nick.
        target: Middle<'a>,
        /// The text.
        text: Trailing<'a>,
    },
    /// `SQUIT name [:reason]`, between servers. Some servers do not know it.
    Squit {
        /// The server that left.
        name: Middle<'a>,
        /// The reason.
        reason: Option<Trailing<'a>>,
    },
    /// `ERROR :text`, before the link is closed.
    Error {
        /// The reason.
        text: Trailing<'a>,
    },
    /// `001 :Welcome to the Internet Relay Network nick!user@host`
    Welcome {
        /// The user's nick.
        nick: Middle<'a>,
        /// The user's name.
        user: Middle<'a>,
        /// The user's host.
        host: Middle<'a>,
    },
    /// `331 #channel :No topic is set`
    NoTopic {
        /// The channel.
        channel: Middle<'a>,
    },
    /// `332 #channel :topic`
    TopicReply {
        /// The channel.
        channel: Middle<'a>,
        /// Its topic.
        topic: Trailing<'a>,
    },
    /// `353 #channel :nick nick ...`
    NamesReply {
        /// The channel; `None`, written as `*`, for users that are in no channel.
        channel: Option<Middle<'a>>,
        /// Nicks, with single spaces between them.
        nicks: Trailing<'a>,
    },
    /// `366 :End of /NAMES list`
    EndOfNames,
    /// `401 nick :No such nick`
    NoSuchNick {
        /// The nick, which no user has.
        nick: Middle<'a>,
    },
    /// `403 #channel :No such channel`
    NoSuchChannel {
        /// The channel, which does not exist.
        channel: Middle<'a>,
    },
    /// `404 #channel :Cannot send to channel`
    CannotSend {
        /// The channel, which the user is not in.
        channel: Middle<'a>,
    },
    /// `421 command :Unknown command`
    UnknownCommand {
        /// The command.
        command: Middle<'a>,
    },
    /// `432 nick :Erroneous nickname`
    BadNick {
        /// The malformed nick.
        nick: Middle<'a>,
    },
    /// `436 nick :Nickname collision KILL from user@host`
    NickCollision {
        /// The nick, which is in use.
        nick: Middle<'a>,
        /// The user name of its owner.
        user: Middle<'a>,
        /// The host of its owner.
        host: Middle<'a>,
    },
    /// `442 #channel :You're not on that channel`
    NotOnChannel {
        /// The channel.
        channel: Middle<'a>,
    },
    /// `451 :You have not registered`
    NotRegistered,
    /// `461 command :Not enough parameters`
    NeedMoreParams {
        /// The command without enough parameters.
        command: Middle<'a>,
    },
    /// `462 :You may not reregister`
    AlreadyRegistered,
    /// `475 #channel :Cannot join channel (+k)`
    BadChannelKey {
        /// The channel.
        channel: Middle<'a>,
    },
    /// `405 #channel :You have joined too many channels`
    TooManyChannels {
        /// The channel beyond the limit.
        channel: Middle<'a>,
    },
    /// `471 #channel :Cannot join channel (+l)`
    ChannelIsFull {
        /// The channel.
        channel: Middle<'a>,
    },
    /// `473 #channel :Cannot join channel (+i)`
    InviteOnly {
        /// The channel.
        channel: Middle<'a>,
    },
    /// `474 #channel :Cannot join channel (+b)`
    Banned {
        /// The channel.
        channel: Middle<'a>,
    },
    /// `482 #channel :You're not channel operator`
    NotOperator {
        /// The channel.
        channel: Middle<'a>,
    },
}

/// A message of IRC is no message of the legacy dialect.
///
/// The peer caused the error. Only this line is lost: the lines behind it can still
/// be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LegacyError {
    /// The dialect has no such command or numeric.
    #[error("unknown command")]
    UnknownCommand,
    /// A parameter is missing. Servers answer with 461.
    #[error("not enough parameters")]
    NeedMoreParams,
    /// A name is empty, holds a space, or begins with a colon.
    #[error("malformed name")]
    NotMiddle,
    /// The hop count of a SERVER is no number.
    #[error("malformed hop count")]
    Hops,
    /// The text of a 001 or 436 does not hold nick, user name and host.
    #[error("malformed text")]
    Text,
    /// A parameter or the source is not UTF-8.
    #[error("not UTF-8")]
    NotUtf8,
}

impl From<Utf8Error> for LegacyError {
    fn from(_: Utf8Error) -> Self {
        LegacyError::NotUtf8
    }
}

const WELCOME: &str = "Welcome to the Internet Relay Network ";
const COLLISION: &str = "Nickname collision KILL from ";
